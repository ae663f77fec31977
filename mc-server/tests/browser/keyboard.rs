//! Everything without a pointer.

use serde_json::json;

use crate::{
    browser::{ENTER, ESCAPE, SHIFT, TAB, with},
    server::Server,
};

/// What has the focus, in words.
const FOCUSED: &str = "(document.activeElement.innerText || document.activeElement.id || '').trim()";

#[test]
fn the_focus_goes_through_the_page_in_the_order_of_reading() {
    with(Server::open(), async |_, browser| {
        browser.goto("/").await;
        browser.press(&[TAB]).await;
        assert_eq!(browser.eval(FOCUSED).await, json!("Skip to content"));
        let seen = browser.eval("document.activeElement.getBoundingClientRect().left >= 0").await;
        assert_eq!(seen, json!(true), "the link to the content is not seen when it has the focus");
        // Everything that a pointer reaches, and in the order of the document.
        let stops = browser
            .eval(
                "[...document.querySelectorAll('a[href], button, select, input')].filter((e) => e.checkVisibility()).length",
            )
            .await;
        let mut at = Vec::new();
        for _ in 0..stops.as_u64().unwrap() {
            let place = "[...document.querySelectorAll('*')].indexOf(document.activeElement)";
            at.push(browser.eval(place).await.as_u64().unwrap());
            let outline = "getComputedStyle(document.activeElement).outlineStyle !== 'none'";
            assert_eq!(browser.eval(outline).await, json!(true), "{}", browser.eval(FOCUSED).await);
            browser.press(&[TAB]).await;
        }
        assert!(at.is_sorted_by(|before, after| before < after), "{at:?}");
        browser.goto("/").await;
        browser.press(&[TAB]).await;
        browser.until("document.activeElement.classList.contains('skip')").await;
        browser.press(&[ENTER]).await;
        browser.until("document.activeElement.id === 'content'").await;
    });
}

#[test]
fn a_dialog_takes_the_focus_keeps_it_and_gives_it_back() {
    with(Server::open(), async |_, browser| {
        browser.goto("/").await;
        browser.eval("(document.querySelector('.emergency a').focus(), 1)").await;
        browser.press(&[ENTER]).await;
        browser
            .until("document.querySelector('#dialog').open && document.activeElement.id === 'reason'")
            .await;
        for _ in 0..5 {
            browser.press(&[TAB]).await;
            let inside = "document.activeElement === document.body || document.activeElement.closest('dialog') !== null";
            assert_eq!(browser.eval(inside).await, json!(true), "{}", browser.eval(FOCUSED).await);
        }
        browser.press(&[ESCAPE]).await;
        browser.until("!document.querySelector('dialog[open]')").await;
        assert_eq!(
            browser.eval("document.activeElement.getAttribute('href')").await,
            json!("/emergency/pause")
        );
        // And again: it is a new form every time.
        browser.press(&[ENTER]).await;
        browser.until("document.activeElement.id === 'reason'").await;
        browser.press_with(SHIFT, TAB).await;
        browser.press(&[ESCAPE]).await;
        browser.until("!document.querySelector('dialog[open]')").await;
    });
}

#[test]
fn keys_show_the_shortcuts_go_to_pages_and_step_through_cards() {
    with(Server::open(), async |_, browser| {
        browser.goto("/").await;
        browser.until("document.querySelector('[data-shortcuts]').checkVisibility()").await;
        browser.press(&['?']).await;
        browser.until("document.querySelector('#shortcuts').open").await;
        // A key in a dialog is no shortcut.
        browser.press(&['j']).await;
        assert_eq!(browser.eval("document.querySelector('#shortcuts').open").await, json!(true));
        browser.press(&[ESCAPE]).await;
        browser.until("!document.querySelector('#shortcuts').open").await;

        let card = "[...document.querySelectorAll('[data-row]')].findIndex((row) => row.contains(document.activeElement))";
        for (key, at) in [('j', 0), ('j', 1), ('j', 2), ('k', 1)] {
            browser.press(&[key]).await;
            assert_eq!(browser.eval(card).await, json!(at), "{key}");
        }

        // What is typed into a field is no shortcut.
        browser.eval("(document.querySelector('#project').focus(), 1)").await;
        browser.press(&['?']).await;
        assert_eq!(browser.eval("document.querySelector('#shortcuts').open").await, json!(false));

        let places = browser
            .eval("[...document.querySelectorAll('[data-go]')].map((a) => [a.dataset.go, a.pathname])")
            .await;
        for place in places.as_array().unwrap() {
            let (key, address) = (place[0].as_str().unwrap(), place[1].as_str().unwrap());
            browser.goto("/").await;
            browser.eval("window.isOld = true").await;
            browser.press(&['g', key.chars().next().unwrap()]).await;
            browser.until(&format!("!window.isOld && location.pathname === '{address}'")).await;
        }
    });
}
