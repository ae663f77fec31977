//! Every page by the guidelines: in light, in dark, and as narrow as a telephone or a page at four times its size.

use serde_json::json;

use crate::{
    axe::violations,
    browser::{Browser, with},
    server::Server,
    views::{FORMS, PAGES, View},
};

/// The width that text must fit into (WCAG 2.2, 1.4.10).
const NARROW: u32 = 320;

/// What stands against the page that is shown: in light, in dark, and narrow.
async fn look_at(browser: &Browser, what: &str) -> Vec<String> {
    let mut against = Vec::new();
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        browser.until(&format!("matchMedia('(prefers-color-scheme: {scheme})').matches")).await;
        against.extend(violations(browser, &format!("{what}, {scheme}")).await);
    }
    browser.resize(NARROW, 640);
    browser.until(&format!("innerWidth === {NARROW}")).await;
    against.extend(violations(browser, &format!("{what}, narrow")).await);
    let wide = browser
        .eval(
            "document.documentElement.scrollWidth > innerWidth ? [...document.querySelectorAll('body *')].filter((e) => \
             e.getBoundingClientRect().right > innerWidth + 1 && !e.parentElement.closest('.scroll, pre') \
             && e.checkVisibility()).map((e) => e.outerHTML.slice(0, 120)) : null",
        )
        .await;
    if wide != json!(null) {
        against.push(format!("{what} scrolls sideways at {NARROW} px: {wide}"));
    }
    browser.resize(1280, 800);
    browser.until("innerWidth === 1280").await;
    against
}

#[track_caller]
fn nothing(against: &[String]) {
    assert!(against.is_empty(), "{}", against.join("\n\n"));
}

fn look_at_all(views: &[View]) {
    with(Server::lived_in(), async |server, browser| {
        browser.log_in(server).await;
        let mut against = Vec::new();
        for view in views {
            let address = view.at(server);
            browser.goto(&address).await;
            browser.until_text("h1", view.heading).await;
            let problem = browser.eval("document.querySelector('main.alone')?.innerText ?? null").await;
            assert_eq!(problem, json!(null), "{address}");
            against.extend(look_at(browser, view.address).await);
        }
        nothing(&against);
    });
}

#[test]
fn every_page_keeps_to_the_guidelines() {
    look_at_all(PAGES);
}

#[test]
fn every_form_keeps_to_the_guidelines() {
    look_at_all(FORMS);
}

#[test]
fn every_page_keeps_to_the_guidelines_while_a_squad_is_halted() {
    with(Server::open(), async |server, browser| {
        server.post("/api/emergency/pause-squad", &json!({ "reason": "Too many retries" }));
        browser.goto("/").await;
        browser.until_text(".halted", "Too many retries").await;
        nothing(&look_at(browser, "the board of a halted squad").await);
    });
}

#[test]
fn the_login_keeps_to_the_guidelines_also_when_it_refuses() {
    with(Server::closed(), async |_, browser| {
        browser.tolerate("401");
        browser.goto("/login").await;
        nothing(&look_at(browser, "/login").await);
        browser.type_into("#credential", "mc_wrong").await;
        browser.click("button[type=submit]").await;
        browser.until_text("[role=alert]", "").await;
        nothing(&look_at(browser, "the login that refuses").await);
    });
}

#[test]
fn a_dialog_keeps_to_the_guidelines_and_so_does_the_theme_that_a_reader_chose() {
    with(Server::open(), async |_, browser| {
        browser.goto("/").await;
        browser.click(".emergency a.grave").await;
        browser.until("document.querySelector('#dialog').open").await;
        nothing(&look_at(browser, "the dialog that stops everything").await);
        browser.press(&[crate::browser::ESCAPE]).await;
        browser.until("!document.querySelector('dialog[open]')").await;
        browser.prefer("light");
        browser.click("[data-theme-switch]").await;
        browser.until("document.documentElement.dataset.theme === 'dark'").await;
        nothing(&violations(browser, "dark by choice").await);
        browser.goto("/").await;
        browser.until("document.documentElement.dataset.theme === 'dark'").await;
        browser.prefer("dark");
        browser.click("[data-theme-switch]").await;
        browser.until("document.documentElement.dataset.theme === 'light'").await;
        nothing(&violations(browser, "light by choice").await);
    });
}
