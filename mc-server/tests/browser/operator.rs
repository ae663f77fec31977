//! What an operator does of a day, by clicks alone.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    browser::{Browser, with},
    server::Server,
};

/// How soon something that happened is on every page that shows it.
const SOON: Duration = Duration::from_secs(2);

/// Waits until a task is in a column of the board.
pub async fn until_in(browser: &Browser, status: &str, task: &str) {
    browser.until(&format!("document.querySelector('#column-{status} #card-{task}')")).await;
}

/// Opens the form of a move by the menu of a card.
async fn open_move(browser: &Browser, task: &str, to: &str, title: &str) {
    browser.open(&format!("#card-{task} a.move"), "Move").await;
    browser.open(&format!("#dialog a[href*='/move/{to}']"), title).await;
}

/// Drags a card to a column, and waits until the form of that move is there.
async fn drag_to(browser: &Browser, task: &str, to: &str) {
    browser.drag(&format!("#card-{task} .marks"), &format!("ol.cards[data-status='{to}']")).await;
    let form =
        format!("document.querySelector('#dialog form')?.getAttribute('action')?.includes('/move/{to}')");
    browser.until(&format!("document.querySelector('#dialog').open && {form}")).await;
}

#[test]
fn a_task_goes_from_its_creation_until_it_is_done_by_the_menu_and_by_dragging() {
    with(Server::open(), async |server, browser| {
        browser.resize(2400, 900);
        browser.goto("/").await;
        browser.open("a[data-new]", "New task").await;
        browser.type_into("#dialog #title", "Write down how we ship").await;
        browser.type_into("#dialog #description", "So that others can").await;
        browser.choose("#dialog #type", "docs").await;
        browser.choose("#dialog #priority", "2").await;
        browser.send().await;
        browser.until_text("#column-inbox .title", "Write down how we ship").await;
        let card = "[...document.querySelectorAll('#column-inbox .card')].find((card) => \
                    card.textContent.includes('Write down how we ship')).dataset.id";
        let task = browser.eval(card).await.as_str().unwrap().to_owned();

        open_move(browser, &task, "assigned", "Move to assigned").await;
        let sage = server.text("/api/agents/sage", "id");
        browser.click(&format!("#dialog input[name=assigneeIds][value='{sage}']")).await;
        browser.send().await;
        until_in(browser, "assigned", &task).await;
        browser.until_text(&format!("#card-{task}"), "Sage").await;

        drag_to(browser, &task, "in_progress").await;
        browser.type_into("#dialog #workPlan", "Ask around\nWrite it down\nLet it be read").await;
        browser.send().await;
        until_in(browser, "in_progress", &task).await;

        drag_to(browser, &task, "review").await;
        browser.type_into("#dialog #deliverable", "It is in the handbook").await;
        browser.type_into("#dialog #reviewChecklist", "It is complete").await;
        browser.send().await;
        until_in(browser, "review", &task).await;

        open_move(browser, &task, "done", "Move to done").await;
        browser.type_into("#dialog #reason", "Well written").await;
        browser.send().await;
        browser.until_text("#said", "is in done").await;
        let done = server.get(&format!("/api/tasks/{task}"));
        assert_eq!((&done["status"], &done["priority"]), (&json!("done"), &json!(2)), "{done}");
        assert_eq!(done["assigneeIds"], json!([sage]));
    });
}

#[test]
fn approvals_are_granted_denied_and_sent_back_by_clicks() {
    with(Server::open(), async |server, browser| {
        let ask = |summary: &str| {
            let asked = json!({
                "agentId": "scout", "actionType": "tool_call", "summary": summary, "risk": "yellow",
                "justification": "It is due", "payload": { "summary": summary },
            });
            server.post("/api/approvals", &asked)["id"].as_str().unwrap().to_owned()
        };
        let answers = [
            ("approve", "Approve", "", "approved"),
            ("deny", "Deny", "Not this week", "denied"),
            ("revision", "Request a revision", "Name the price", "pending"),
        ];
        browser.goto("/").await;
        browser.go("/approvals").await;
        for (route, word, note, status) in answers {
            let asked = ask(&format!("Something to {route}"));
            let panel = format!("#approval-{asked}");
            browser.until_within(SOON, &format!("document.querySelector('{panel}')")).await;
            browser.open(&format!("{panel} a[href*='/{route}']"), word).await;
            if !note.is_empty() {
                browser.type_into("#dialog #decision", note).await;
            }
            browser.send().await;
            browser.until_text("#said", "Your answer is recorded.").await;
            let now = server.get(&format!("/api/approvals/{asked}"));
            match route {
                "revision" => {
                    browser.until_text(&panel, note).await;
                    assert_eq!(now["revisionNote"], json!(note), "{now}");
                }
                _ => {
                    browser.until(&format!("!document.querySelector('{panel}')")).await;
                    assert_eq!(now["status"], json!(status), "{now}");
                }
            }
        }
    });
}

#[test]
fn an_agent_is_paused_drained_and_resumed_and_its_caps_are_raised_by_clicks() {
    with(Server::open(), async |server, browser| {
        browser.goto("/").await;
        browser.go("/agents").await;
        let id = server.text("/api/agents/sage", "id");
        for (word, status) in
            [("Pause", "paused"), ("Resume", "active"), ("Drain", "draining"), ("Restart", "active")]
        {
            browser.open(&format!("a[aria-label='{word} Sage']"), word).await;
            browser.type_into("#dialog #reason", "To try it").await;
            browser.send().await;
            browser.until_text(&format!("#agent-{id} .state"), status).await;
            assert_eq!(server.text("/api/agents/sage", "status"), status, "{word}");
        }
        browser.follow(&format!("#agent-{id} th a")).await;
        browser.open("a[aria-label='Edit Sage']", "Edit Sage").await;
        browser.retype("#dialog [name='budgets.dailyCap']", "25").await;
        browser.retype("#dialog [name='budgets.perRunCap']", "12.5").await;
        browser.send().await;
        browser.until_text("#money", "of $25.00").await;
        browser.until_text("#money", "$12.50").await;
        let budgets = &server.get("/api/agents/sage")["budgets"];
        assert_eq!((&budgets["dailyCap"], &budgets["perRunCap"]), (&json!(25), &json!(12.5)), "{budgets}");
    });
}

#[test]
fn everything_is_stopped_and_works_again_by_clicks() {
    with(Server::open(), async |server, browser| {
        let task = server.assign("Under way", "sage");
        let start =
            json!({ "toStatus": "in_progress", "agentId": "sage", "workPlan": ["Read", "Draft", "Check"] });
        server.post(&format!("/api/tasks/{task}/transition"), &start);
        browser.goto("/").await;
        until_in(browser, "in_progress", &task).await;
        browser.open(".emergency a.grave", "Stop everything").await;
        browser.until_text("#dialog form", "2 tasks in progress will be blocked").await;
        browser.type_into("#dialog #reason", "They write to customers").await;
        browser.send().await;
        browser.until_text("main .halted", "They write to customers").await;
        until_in(browser, "blocked", &task).await;
        assert_eq!(server.text("/api/agents/sage", "status"), "paused");

        browser.open(".emergency a[href^='/emergency/resume']", "Resume the squad").await;
        browser.send().await;
        browser.until("!document.querySelector('main .halted')").await;
        assert_eq!(server.text("/api/agents/sage", "status"), "active");
        open_move(browser, &task, "in_progress", "Move to in progress").await;
        browser.send().await;
        until_in(browser, "in_progress", &task).await;
    });
}

#[test]
fn an_alert_is_acknowledged_and_resolved_by_clicks() {
    with(Server::open(), async |server, browser| {
        server.post("/api/agents/scout/quarantine", &json!({}));
        browser.goto("/").await;
        browser.go("/alerts").await;
        browser.until("document.querySelector('a[aria-label^=\"Acknowledge\"]')").await;
        let alert = browser.eval("document.querySelector('li[id^=alert-]').id.slice(6)").await;
        let alert = alert.as_str().unwrap();
        browser.open(&format!("#alert-{alert} a[aria-label^='Acknowledge']"), "Acknowledge").await;
        browser.type_into("#dialog #note", "I am looking into it").await;
        browser.send().await;
        browser.until_text(&format!("#alert-{alert}"), "I am looking into it").await;
        assert_eq!(server.text(&format!("/api/alerts/{alert}"), "status"), "acknowledged");
        browser.open(&format!("#alert-{alert} a[aria-label^='Resolve']"), "Resolve").await;
        browser.type_into("#dialog #note", "It is repaired").await;
        browser.send().await;
        browser.until(&format!("!document.querySelector('#alert-{alert}')")).await;
        assert_eq!(server.text(&format!("/api/alerts/{alert}"), "status"), "resolved");
        browser.eval("(window.isLeft = true, 1)").await;
        browser.choose("#resolved", "true").await;
        browser.until_new().await;
        browser.until_text(&format!("#alert-{alert}"), "It is repaired").await;
    });
}

#[test]
fn the_standup_the_policy_and_the_feed_tell_what_is_and_what_happens() {
    with(Server::lived_in(), async |server, browser| {
        browser.log_in(server).await;
        browser.go("/standup").await;
        let summary = server.text("/api/standup", "summary");
        // The spending an hour, at its end, falls with every second.
        let (lasting, _) = summary.split_once(" ($").unwrap();
        browser.until_text("#standup-summary", lasting).await;
        browser.go("/policy").await;
        browser.until("document.querySelectorAll('section[id^=policy-]').length > 3").await;
        browser.click("#policy-json summary").await;
        browser.until("document.querySelector('#policy-json pre').checkVisibility()").await;
        let shown = browser.eval("document.querySelector('#policy-json pre').textContent").await;
        let shown: Value = serde_json::from_str(shown.as_str().unwrap()).unwrap();
        assert!(shown.as_object().is_some_and(|policy| !policy.is_empty()), "{shown}");

        browser.go("/feed").await;
        let task = server.create("Seen in the feed");
        let news = format!("document.querySelector('#news a[href*=\"{task}\"]')");
        browser.until_within(SOON, &news).await;
        browser.follow(&format!("#news a[href*='{task}']")).await;
        browser.until_text("h1", "Seen in the feed").await;
    });
}

#[test]
fn the_page_keeps_to_the_project_that_was_chosen() {
    with(Server::open(), async |server, browser| {
        server.post("/api/projects", &json!({ "name": "SiteGPT", "slug": "sitegpt" }));
        let other = server.create("Of the first project");
        browser.goto("/").await;
        until_in(browser, "inbox", &other).await;
        browser.eval("(window.isLeft = true, 1)").await;
        browser.choose("#project", "sitegpt").await;
        browser.until_new().await;
        assert_eq!(browser.eval("document.querySelectorAll('.card').length").await, json!(0));
        browser.open("a[data-new]", "New task").await;
        browser.type_into("#dialog #title", "Of the second project").await;
        browser.send().await;
        browser.until_text("#column-inbox .title", "Of the second project").await;
        // It stays chosen on every page.
        browser.go("/tasks").await;
        assert_eq!(browser.eval("document.querySelector('#project').value").await, json!("sitegpt"));
        assert_eq!(browser.eval("document.querySelectorAll('tr[data-row]').length").await, json!(1));
        // What happens elsewhere is not told here.
        let hidden = server.create("Also of the first project");
        browser.eval("(window.isLeft = true, 1)").await;
        browser.choose("#project", "").await;
        browser.until_new().await;
        browser.until(&format!("document.getElementById('task-{hidden}')")).await;
    });
}
