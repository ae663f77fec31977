//! Two operators at one thing, and one operator who does a thing twice.

use serde_json::json;

use crate::{
    browser::{Browser, with},
    operator::until_in,
    server::Server,
};

/// How many tasks have that title.
fn count(server: &Server, title: &str) -> usize {
    let tasks = server.get("/api/tasks?limit=1000");
    tasks.as_array().unwrap().iter().filter(|task| task["title"] == json!(title)).count()
}

#[test]
fn a_form_that_somebody_was_faster_with_says_what_has_changed_and_acts_when_it_is_sent_again() {
    with(Server::open(), async |server, browser| {
        browser.tolerate("412");
        let task = server.create("Before");
        let other = Browser::another(server).await;
        for page in [browser, &other] {
            page.goto("/").await;
            page.follow(&format!("#card-{task} a.title")).await;
            page.open("#task-acts a[href*='/edit']", "Edit").await;
        }
        other.retype("#dialog #title", "By the other operator").await;
        other.send().await;
        browser.type_into("#dialog #description", "By this operator").await;
        browser.click("#dialog button[type=submit]").await;
        browser.until_text("#dialog .stale", "Somebody has changed this").await;
        browser.until_text("#dialog .now", "By the other operator").await;
        let kept = browser.eval("document.querySelector('#dialog #description').value").await;
        assert_eq!(kept, json!("By this operator"));
        let unchanged = server.get(&format!("/api/tasks/{task}"));
        assert_eq!(
            (&unchanged["title"], &unchanged["description"]),
            (&json!("By the other operator"), &json!(null))
        );

        browser.retype("#dialog #title", "By both of them").await;
        browser.send().await;
        other.until_text("h1", "By both of them").await;
        let now = server.get(&format!("/api/tasks/{task}"));
        assert_eq!(
            (&now["title"], &now["description"]),
            (&json!("By both of them"), &json!("By this operator"))
        );
        other.assert_clean();
    });
}

#[test]
fn a_move_that_somebody_was_faster_with_is_refused_with_where_the_task_is_now() {
    with(Server::open(), async |server, browser| {
        browser.tolerate("412");
        browser.tolerate("409");
        let task = server.create("Wanted by two");
        let other = Browser::another(server).await;
        for page in [browser, &other] {
            page.goto("/").await;
            page.open(&format!("#card-{task} a.move"), "Move").await;
        }
        browser.open("#dialog a[href*='/move/canceled']", "Move to canceled").await;
        browser.type_into("#dialog #reason", "Nobody needs it").await;
        other.open("#dialog a[href*='/move/assigned']", "Move to assigned").await;
        let sage = server.text("/api/agents/sage", "id");
        other.click(&format!("#dialog input[value='{sage}']")).await;
        other.send().await;
        until_in(&other, "assigned", &task).await;

        browser.click("#dialog button[type=submit]").await;
        browser.until_text("#dialog [role=alert]", "Somebody has changed this").await;
        browser.until_text("#dialog form", "Wanted by two is in assigned now.").await;
        assert_eq!(server.text(&format!("/api/tasks/{task}"), "status"), "assigned");
        browser.send().await;
        other.until(&format!("!document.getElementById('card-{task}')")).await;
        assert_eq!(server.text(&format!("/api/tasks/{task}"), "status"), "canceled");

        // Where it can no longer go there at all, it says so.
        let task = server.create("Over already");
        browser.open(&format!("#card-{task} a.move"), "Move").await;
        browser.open("#dialog a[href*='/move/assigned']", "Move to assigned").await;
        browser.click(&format!("#dialog input[value='{sage}']")).await;
        let cancel = json!({ "toStatus": "canceled", "reason": "Nobody needs it" });
        server.post(&format!("/api/tasks/{task}/transition"), &cancel);
        browser.click("#dialog button[type=submit]").await;
        browser.until("document.querySelector('#dialog [role=alert]')?.innerText").await;
        browser.until_text("#dialog", "is in canceled now").await;
        other.assert_clean();
    });
}

#[test]
fn a_double_click_acts_once() {
    with(Server::open(), async |server, browser| {
        browser.goto("/").await;
        browser.open("a[data-new]", "New task").await;
        browser.type_into("#dialog #title", "Clicked twice").await;
        browser.click_twice("#dialog button[type=submit]").await;
        browser.until("!document.querySelector('dialog[open]')").await;
        browser.until_text("#column-inbox .title", "Clicked twice").await;
        // Also on a page of its own.
        browser.goto("/tasks/new").await;
        browser.type_into("#title", "Clicked twice on a page").await;
        browser.eval("(window.isLeft = true, 1)").await;
        browser.click_twice("main button[type=submit]").await;
        browser.until_new().await;
        browser.until_text("#column-inbox .title", "Clicked twice on a page").await;
        // And in the thread of a task.
        let task = server.create("Talked about");
        browser.goto(&format!("/tasks/{task}")).await;
        browser.type_into("#say-content", "Said once").await;
        browser.click_twice("#say button[type=submit]").await;
        browser.until_text("#content", "Said once").await;
        assert_eq!(server.get(&format!("/api/tasks/{task}/messages")).as_array().unwrap().len(), 1);
        assert_eq!((count(server, "Clicked twice"), count(server, "Clicked twice on a page")), (1, 1));
    });
}

#[test]
fn a_form_that_is_gone_back_to_and_sent_again_acts_once() {
    with(Server::open(), async |server, browser| {
        browser.tolerate("422");
        browser.tolerate("Response Status Error Code 4");
        browser.goto("/tasks/new").await;
        browser.type_into("#title", "Sent and gone back to").await;
        browser.follow("main button[type=submit]").await;
        browser.until_text("#column-inbox .title", "Sent and gone back to").await;
        browser.eval("(window.isLeft = true, 1)").await;
        browser.client.back().await.unwrap();
        browser.until("location.pathname === '/tasks/new' && document.querySelector('#title')").await;
        browser.click("main button[type=submit]").await;
        // What was typed is there and is done already, or the form is a new one that lacks a title.
        browser.until("location.pathname === '/' || document.querySelector('#title[aria-invalid]')").await;
        assert_eq!(count(server, "Sent and gone back to"), 1);
    });
}

#[test]
fn an_approval_that_somebody_else_has_decided_stays_decided() {
    with(Server::open(), async |server, browser| {
        browser.tolerate("412");
        browser.tolerate("409");
        let asked = json!({
            "agentId": "scout", "actionType": "tool_call", "summary": "Send the newsletter", "risk": "yellow",
            "justification": "It is due",
        });
        let asked = server.post("/api/approvals", &asked)["id"].as_str().unwrap().to_owned();
        let other = Browser::another(server).await;
        for (page, word) in [(browser, "Approve"), (&other, "Deny")] {
            page.goto("/approvals").await;
            page.open(&format!("#approval-{asked} a[aria-label^='{word}']"), word).await;
        }
        other.type_into("#dialog #decision", "Not this week").await;
        other.send().await;
        browser.click("#dialog button[type=submit]").await;
        browser.until_text("#dialog .stale", "Somebody has changed this").await;
        browser.until_text("#dialog form", "It is denied already by Sofie: Not this week").await;
        browser.click("#dialog button[type=submit]").await;
        browser.until_text("#dialog [role=alert]", "The first decision stands.").await;
        assert_eq!(server.text(&format!("/api/approvals/{asked}"), "status"), "denied");
        browser.click("#dialog a[data-close]").await;
        browser.until(&format!("!document.querySelector('#approval-{asked}')")).await;
        other.assert_clean();
    });
}
