//! The incidents of the runbook, resolved by clicks alone.

use std::fs;

use serde_json::json;

use crate::{
    browser::{Browser, with},
    operator::until_in,
    server::Server,
};

/// An agent that asks for a run which is dearer than it may be, with the task it is for.
fn spender(server: &Server, name: &str) -> (String, String) {
    let budgets = json!({ "dailyCap": 1, "perRunCap": 1 });
    let agent = json!({ "name": name, "role": "specialist", "budgets": budgets });
    let agent = server.post("/api/agents", &agent)["id"].as_str().unwrap().to_owned();
    let task = server.assign(&format!("Summarise the archive for {name}"), &agent);
    let run = json!({ "agentId": agent, "taskId": task, "model": "large", "estimatedCost": 2 });
    let (status, refused) = server.try_post("/api/runs", &run);
    assert!(status >= 400 && refused["approvalId"].is_string(), "{status} {refused}");
    (agent, task)
}

fn task_status(server: &Server, task: &str) -> String {
    server.text(&format!("/api/tasks/{task}"), "status")
}

fn agent_status(server: &Server, agent: &str) -> String {
    server.text(&format!("/api/agents/{agent}"), "status")
}

#[test]
fn a_budget_that_is_exceeded_is_raised_overridden_or_its_agent_is_quarantined() {
    with(Server::open(), async |server, browser| {
        let names = ["Raised", "Granted", "Wild"];
        let [raised, granted, wild] = names.map(|name| spender(server, name));
        browser.goto("/").await;
        for (_, task) in [&raised, &granted, &wild] {
            until_in(browser, "needs_approval", task).await;
        }
        browser.go("/alerts").await;
        browser.until_text("li[id^=alert-] .marks", "budget exceeded").await;

        browser.go("/agents").await;
        browser.until_text(&format!("#agent-{}", raised.0), "its budget is spent").await;
        browser.follow(&format!("#agent-{} th a", raised.0)).await;
        browser.open("a[aria-label='Edit Raised']", "Edit Raised").await;
        browser.retype("#dialog [name='budgets.dailyCap']", "20").await;
        browser.retype("#dialog [name='budgets.perRunCap']", "20").await;
        browser.send().await;
        browser.until_text("h1 ~ .state", "active").await;
        assert_eq!(task_status(server, &raised.1), "assigned");

        browser.go("/").await;
        browser.follow(&format!("#card-{} a[href*='/approvals/']", granted.1)).await;
        browser.open("a[aria-label^='Approve']", "Approve").await;
        browser.type_into("#dialog #decision", "Approved with increased budget").await;
        browser.send().await;
        browser.until_text("article .state", "approved").await;
        assert_eq!(task_status(server, &granted.1), "assigned");
        assert_eq!(agent_status(server, &granted.0), "active");

        browser.go("/agents").await;
        browser.open("a[aria-label='Quarantine Wild']", "Quarantine Wild").await;
        browser.send().await;
        browser.until_text(&format!("#agent-{} .state", wild.0), "quarantined").await;
        assert_eq!(agent_status(server, &wild.0), "quarantined");
    });
}

#[test]
fn a_loop_is_read_about_and_its_task_goes_on_goes_to_another_or_is_canceled() {
    with(Server::open(), async |server, browser| {
        let tasks = ["Agree on a colour", "Agree on a shape", "Agree on a name"].map(|title| {
            let task = server.assign(title, "scribe");
            for i in 0..=20 {
                let message = json!({ "agentId": "scribe", "content": format!("What about number {i}?") });
                server.post(&format!("/api/tasks/{task}/messages"), &message);
            }
            task
        });
        browser.goto("/").await;
        browser.go("/alerts").await;
        browser.until_text("li[id^=alert-] .marks", "loop detected").await;
        browser.follow(&format!("li[id^=alert-] a[href*='{}']", tasks[0])).await;
        browser.until_text("#task-loop", "A loop was found").await;
        browser.follow("nav.parts a[href*='part=artifacts']").await;
        browser.until_text("#task-part", "Loop Summary").await;
        browser.follow("nav.parts a[href*='part=timeline']").await;
        browser.until("document.querySelectorAll('#task-part [data-row]').length > 20").await;

        browser.open("#task-acts a.move", "Move").await;
        browser.open("#dialog a[href*='/move/assigned']", "Move to assigned").await;
        browser.type_into("#dialog #reason", "Clarified requirements: use approach X").await;
        browser.send().await;
        browser.until_text("#task-state", "assigned").await;
        assert_eq!(task_status(server, &tasks[0]), "assigned");

        browser.go("/").await;
        until_in(browser, "blocked", &tasks[1]).await;
        browser.follow(&format!("#card-{} a.title", tasks[1])).await;
        browser.open("#task-acts a[href*='/assign']", "Assign").await;
        let [scribe, sage] = ["scribe", "sage"].map(|name| server.text(&format!("/api/agents/{name}"), "id"));
        for agent in [scribe, sage.clone()] {
            browser.click(&format!("#dialog input[name=assigneeIds][value='{agent}']")).await;
        }
        browser.send().await;
        browser.until_text("#task-state", "assigned").await;
        let task = server.get(&format!("/api/tasks/{}", tasks[1]));
        assert_eq!((&task["status"], &task["assigneeIds"]), (&json!("assigned"), &json!([sage])));

        browser.go("/").await;
        browser.open(&format!("#card-{} a.move", tasks[2]), "Move").await;
        browser.open("#dialog a[href*='/move/canceled']", "Move to canceled").await;
        browser.type_into("#dialog #reason", "Loop unrecoverable, requirements unclear").await;
        browser.send().await;
        browser.until(&format!("!document.getElementById('card-{}')", tasks[2])).await;
        assert_eq!(task_status(server, &tasks[2]), "canceled");
    });
}

#[test]
fn an_agent_that_is_stuck_is_restarted_relieved_or_quarantined() {
    with(Server::open(), async |server, browser| {
        let task = server.assign("Stuck", "nova");
        let start =
            json!({ "toStatus": "in_progress", "agentId": "nova", "workPlan": ["Read", "Draft", "Check"] });
        server.post(&format!("/api/tasks/{task}/transition"), &start);
        browser.goto("/").await;
        browser.go("/agents").await;
        let [nova, sage] = ["nova", "sage"].map(|name| server.text(&format!("/api/agents/{name}"), "id"));
        browser.until_text(&format!("#agent-{nova}"), "Stuck").await;
        browser.open("a[aria-label='Restart Nova']", "Restart Nova").await;
        browser.send().await;
        browser.until(&format!("!document.querySelector('#agent-{nova} a[href*=\"/tasks/\"]')")).await;
        assert_eq!(task_status(server, &task), "assigned");

        browser.go("/").await;
        until_in(browser, "assigned", &task).await;
        browser.follow(&format!("#card-{task} a.title")).await;
        browser.open("#task-acts a[href*='/assign']", "Assign").await;
        for agent in [&nova, &sage] {
            browser.click(&format!("#dialog input[name=assigneeIds][value='{agent}']")).await;
        }
        browser.send().await;
        browser.until_text("#task-details", "Sage").await;
        assert_eq!(server.get(&format!("/api/tasks/{task}"))["assigneeIds"], json!([sage]));

        browser.go("/agents").await;
        for (word, status) in [("Quarantine", "quarantined"), ("Resume", "active")] {
            browser.open(&format!("a[aria-label='{word} Nova']"), word).await;
            browser.send().await;
            browser.until_text(&format!("#agent-{nova} .state"), status).await;
            assert_eq!(agent_status(server, "nova"), status);
        }
    });
}

#[test]
fn a_store_that_was_moved_away_is_told_of_and_what_was_typed_waits_until_it_is_back() {
    with(Server::open(), async |server, browser| {
        browser.tolerate("503");
        browser.tolerate("Response Status Error Code 503");
        browser.goto("/").await;
        browser.go("/health-and-workers").await;
        browser.until_text("#health .state", "ok").await;
        let (file, aside) = (server.store(), server.store().with_extension("aside"));
        fs::rename(&file, &aside).unwrap();
        browser.go("/").await;
        browser.open("a[data-new]", "New task").await;
        browser.type_into("#dialog #title", "Kept while the store was away").await;
        browser.click("#dialog button[type=submit]").await;
        browser.until("document.querySelector('#dialog [role=alert]')?.textContent.trim()").await;
        let kept = browser.eval("document.querySelector('#dialog #title').value").await;
        assert_eq!(kept, json!("Kept while the store was away"));
        browser.click("#dialog a[data-close]").await;
        browser.go("/health-and-workers").await;
        browser.until_text("#health", "degraded").await;
        browser.until("document.querySelector('#health [id^=notice-]')").await;

        fs::rename(&aside, &file).unwrap();
        browser.until_text("#health .state", "ok").await;
        browser.until("!document.querySelector('#health [id^=notice-]')").await;
        create(browser, "After it came back").await;
    });
}

async fn create(browser: &Browser, title: &str) {
    browser.go("/").await;
    browser.open("a[data-new]", "New task").await;
    browser.type_into("#dialog #title", title).await;
    browser.send().await;
    browser.until_text("#column-inbox .title", title).await;
}

#[test]
fn costs_that_run_away_are_stopped_looked_at_and_their_agents_quarantined() {
    with(Server::open(), async |server, browser| {
        for (name, cost) in [("Dear", 4), ("Dearer", 5), ("Cheap", 1)] {
            let budgets = json!({ "dailyCap": 10, "perRunCap": 10 });
            server.post("/api/agents", &json!({ "name": name, "role": "specialist", "budgets": budgets }));
            let run = json!({ "agentId": name, "model": format!("model-of-{name}"), "estimatedCost": cost });
            let run = server.post("/api/runs", &run)["id"].as_str().unwrap().to_owned();
            let end = json!({ "status": "completed", "inputTokens": 10, "outputTokens": 10, "cost": cost });
            server.post(&format!("/api/runs/{run}/complete"), &end);
        }
        browser.goto("/").await;
        browser.open(".emergency a[href^='/emergency/pause']", "Pause the squad").await;
        browser.send().await;
        browser.until("document.querySelector('main .halted')").await;

        browser.go("/costs").await;
        browser.until_text("#costs-sum", "$10.00").await;
        browser.go("/runs").await;
        browser.choose("#sort", "cost").await;
        browser.follow("form.filters[action='/runs'] button").await;
        browser.until_text("#runs tbody tr:first-child", "Dearer").await;
        browser.go("/agents").await;
        browser.eval("(window.isLeft = true, 1)").await;
        browser.choose("#sortBy", "todaySpend").await;
        browser.until_new().await;
        browser.until_text("tbody tr:first-child th", "Dearer").await;
        for name in ["Dearer", "Dear"] {
            browser.open(&format!("a[aria-label='Quarantine {name}']"), "Quarantine").await;
            browser.send().await;
            browser.until(&format!("!document.querySelector(\"a[aria-label='Quarantine {name}']\")")).await;
        }
        browser.open(".emergency a[href^='/emergency/resume']", "Resume the squad").await;
        browser.send().await;
        browser.until("!document.querySelector('main .halted')").await;
        let statuses = ["Dearer", "Dear", "Cheap", "scribe"].map(|agent| agent_status(server, agent));
        assert_eq!(statuses, ["quarantined", "quarantined", "active", "active"]);
    });
}
