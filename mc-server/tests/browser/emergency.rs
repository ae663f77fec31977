//! Pausing and resuming the squad, by clicks.

use serde_json::json;

use crate::{browser::with, server::Server};

#[test]
fn the_squad_is_paused_and_works_again_after_a_confirmation_that_says_how_many() {
    with(Server::open(), async |server, browser| {
        let agents = |status: &str| {
            let agents = server.get("/api/agents?limit=1000");
            agents.as_array().unwrap().iter().filter(|agent| agent["status"] == status).count()
        };
        let active = agents("active");
        assert!(active > 1);
        browser.goto("/").await;
        browser.eval("window.isTheSame = true").await;

        browser.click(".emergency a[href^='/emergency/pause']").await;
        browser.until_text("#dialog form", &format!("{active} agents will be paused")).await;
        browser.type_into("#dialog #reason", "Too many retries").await;
        browser.click("#dialog button[type=submit]").await;
        browser.until("!document.querySelector('dialog[open]')").await;
        browser.until_text("#said", "The squad is paused.").await;
        browser.until_text("main .halted", "Too many retries").await;
        assert_eq!((agents("active"), agents("paused")), (0, active));
        let focused = "document.activeElement.getAttribute('href')";
        assert_eq!(browser.eval(focused).await, json!("/emergency/pause"), "the focus is back where it was");

        browser.click(".emergency a[href^='/emergency/resume']").await;
        browser.until_text("#dialog form", &format!("{active} agents will work again")).await;
        browser.click("#dialog button[type=submit]").await;
        browser.until_text("#said", "The squad works again.").await;
        browser.until("!document.querySelector('.halted')").await;
        browser.until("!document.querySelector('.emergency a[href^=\"/emergency/resume\"]')").await;
        assert_eq!((agents("active"), agents("paused")), (active, 0));
        assert_eq!(browser.eval("window.isTheSame").await, json!(true), "the page was loaded again");
    });
}

#[test]
fn a_pause_is_in_every_window_with_the_way_out_of_it() {
    with(Server::open(), async |server, browser| {
        browser.goto("/").await;
        server.post("/api/emergency/pause-squad", &json!({ "reason": "By curl" }));
        browser.until_text("main .halted", "By curl").await;
        browser.until("document.querySelector('.emergency a[href^=\"/emergency/resume\"]')").await;
    });
}

#[test]
fn nobody_is_paused_by_whoever_does_not_confirm_it() {
    with(Server::open(), async |server, browser| {
        browser.goto("/").await;
        for leave in ["a[data-close]", ""] {
            browser.click(".emergency a.grave").await;
            browser.until("document.querySelector('#dialog form')").await;
            match leave {
                "" => browser.press(&[crate::browser::ESCAPE]).await,
                close => browser.click(&format!("#dialog {close}")).await,
            }
            browser.until("!document.querySelector('dialog[open]')").await;
        }
        let agents = server.get("/api/agents?limit=1000");
        assert!(agents.as_array().unwrap().iter().all(|agent| agent["status"] == "active"), "{agents}");
    });
}
