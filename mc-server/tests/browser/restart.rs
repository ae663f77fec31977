//! A server that is gone for a while.

use serde_json::json;

use crate::{
    browser::{Browser, with},
    server::Server,
};

/// What a browser says of a server that is gone.
fn expect_complaints(browser: &Browser) {
    let network = ["ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET"];
    let stream = ["htmx:sendError", "htmx:afterRequest"];
    network.into_iter().chain(stream).for_each(|part| browser.tolerate(part));
}

#[test]
fn a_page_says_that_it_is_cut_off_and_catches_up_once_the_server_is_back() {
    with(Server::open(), async |server, browser| {
        expect_complaints(browser);
        browser.goto("/").await;
        browser.eval("window.isTheSame = true").await;
        for round in ["first", "second"] {
            server.kill();
            browser.until("document.querySelector('#lost').checkVisibility()").await;
            server.start_again();
            let card = server.create(&format!("After the {round} restart"));
            browser.until("!document.querySelector('#lost').checkVisibility()").await;
            browser.until(&format!("document.getElementById('card-{card}')")).await;
            let later = server.create(&format!("Later, in the {round} round"));
            browser.until(&format!("document.getElementById('card-{later}')")).await;
        }
        browser.until("window.isTheSame").await;
    });
}

#[test]
fn a_form_that_finds_no_server_says_so_and_acts_once_when_it_is_sent_again() {
    with(Server::open(), async |server, browser| {
        expect_complaints(browser);
        browser.goto("/").await;
        browser.click(".emergency a[href^='/emergency/pause']").await;
        browser.type_into("#dialog #reason", "Kept while the server was gone").await;
        server.kill();
        browser.click("#dialog button[type=submit]").await;
        browser.until_text("#dialog [role=alert]", "Send it again: it is done once.").await;
        server.start_again();
        browser.click("#dialog button[type=submit]").await;
        browser.until_text("main .halted", "Kept while the server was gone").await;
        let agents = server.get("/api/agents?limit=1000");
        assert!(
            agents.as_array().unwrap().iter().all(|agent| agent["status"] == json!("paused")),
            "{agents}"
        );
    });
}

#[test]
fn a_page_whose_question_is_refused_for_a_while_says_so_and_asks_again() {
    with(Server::open(), async |server, browser| {
        browser.tolerate("Response Status Error Code 503");
        browser.goto("/").await;
        // As a server answers that is ending, while the stream of events is still there.
        browser
            .eval(
                "(window.isEnding = true, window.own = Object.getOwnPropertyDescriptor(XMLHttpRequest.prototype, 'status'), \
                 Object.defineProperty(XMLHttpRequest.prototype, 'status', \
                 { get() { return isEnding ? 503 : own.get.call(this); } }), 1)",
            )
            .await;
        let card = server.create("Not seen yet");
        browser.until("document.querySelector('#lost').checkVisibility()").await;
        assert_eq!(browser.eval(&format!("document.getElementById('card-{card}')")).await, json!(null));
        browser.eval("window.isEnding = false").await;
        browser.until(&format!("document.getElementById('card-{card}')")).await;
        browser.until("!document.querySelector('#lost').checkVisibility()").await;
    });
}
