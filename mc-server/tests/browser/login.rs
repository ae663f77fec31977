//! In by a credential, and out again.

use serde_json::json;

use crate::{browser::with, server::Server};

#[test]
fn whoever_shows_a_credential_gets_to_the_page_that_was_wanted_and_is_out_after_the_logout() {
    with(Server::closed(), async |server, browser| {
        browser.tolerate("401");
        let projects = server.get("/api/projects");
        let wanted = format!("/?project={}&limit=5", projects[0]["slug"].as_str().unwrap());
        browser.goto(&wanted).await;
        browser.until_text("h1", "Mission Control").await;
        assert_eq!(browser.eval("document.activeElement.id").await, json!("credential"));
        browser.type_into("#credential", "mc_not_a_credential").await;
        browser.click("button[type=submit]").await;
        browser.until_text("#login-error", "").await;

        let secret = server.secret.clone();
        browser.type_into("#credential", &secret).await;
        browser.click("button[type=submit]").await;
        browser.until_text("h1", "Board").await;
        assert_eq!(browser.path().await, wanted);
        assert_eq!(browser.eval("document.cookie").await, json!(""), "a script can read the session");
        assert!(!browser.client.source().await.unwrap().contains(&secret));

        browser.click("form[action='/logout'] button").await;
        browser.until("location.pathname === '/login'").await;
        browser.goto("/").await;
        browser.until_text("h1", "Mission Control").await;
        assert_eq!(browser.path().await, "/login?to=%2F");
    });
}

#[test]
fn a_link_that_somebody_made_leads_nowhere_else_after_the_login() {
    with(Server::closed(), async |server, browser| {
        browser.goto("/login?to=//mission-control.example/").await;
        let secret = server.secret.clone();
        browser.type_into("#credential", &secret).await;
        browser.click("button[type=submit]").await;
        browser.until_text("h1", "Board").await;
        assert_eq!(browser.path().await, "/");
    });
}

#[test]
fn a_page_whose_session_has_ended_asks_for_the_credential_again() {
    with(Server::closed(), async |server, browser| {
        browser.tolerate("401");
        browser.log_in(server).await;
        browser.eval("fetch('/api/session', { method: 'DELETE' }).then((answer) => answer.status)").await;
        browser.click(".emergency a").await;
        browser.until("location.pathname === '/login'").await;
    });
}
