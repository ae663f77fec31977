//! Every page by the guidelines: in light, in dark, and as narrow as a telephone or a page at four times its size.

use serde_json::json;

use crate::{
    axe::assert_accessible,
    browser::{Browser, with},
    server::Server,
    views::VIEWS,
};

/// The width that text must fit into (WCAG 2.2, 1.4.10).
const NARROW: u32 = 320;

/// Looks at the page that is shown in light, in dark, and narrow.
async fn look_at(browser: &Browser, what: &str) {
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        browser.until(&format!("matchMedia('(prefers-color-scheme: {scheme})').matches")).await;
        assert_accessible(browser, &format!("{what}, {scheme}")).await;
    }
    browser.resize(NARROW, 640);
    browser.until(&format!("innerWidth === {NARROW}")).await;
    assert_accessible(browser, &format!("{what}, narrow")).await;
    let wide = browser
        .eval(
            "[...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 \
             && !e.closest('.scroll, .skip, pre') && e.checkVisibility()).map((e) => e.outerHTML.slice(0, 120))",
        )
        .await;
    let scrolls = browser.eval("document.documentElement.scrollWidth > innerWidth").await;
    assert_eq!(scrolls, json!(false), "{what} scrolls sideways at {NARROW} px: {wide}");
    browser.resize(1280, 800);
    browser.until("innerWidth === 1280").await;
}

#[test]
fn every_page_keeps_to_the_guidelines() {
    with(Server::lived_in(), async |server, browser| {
        browser.log_in(server).await;
        for view in VIEWS {
            browser.goto(&view.at(server)).await;
            browser.until_text("h1", view.heading).await;
            look_at(browser, view.address).await;
        }
    });
}

#[test]
fn every_page_keeps_to_the_guidelines_while_a_squad_is_halted() {
    with(Server::open(), async |server, browser| {
        server.post("/api/emergency/pause-squad", &json!({ "reason": "Too many retries" }));
        browser.goto("/").await;
        browser.until_text(".halted", "Too many retries").await;
        look_at(browser, "the board of a halted squad").await;
    });
}

#[test]
fn the_login_keeps_to_the_guidelines_also_when_it_refuses() {
    with(Server::closed(), async |_, browser| {
        browser.tolerate("401");
        browser.goto("/login").await;
        look_at(browser, "/login").await;
        browser.type_into("#credential", "mc_wrong").await;
        browser.click("button[type=submit]").await;
        browser.until_text("[role=alert]", "").await;
        look_at(browser, "the login that refuses").await;
    });
}

#[test]
fn a_dialog_keeps_to_the_guidelines_and_so_does_the_theme_that_a_reader_chose() {
    with(Server::open(), async |_, browser| {
        browser.goto("/").await;
        browser.click(".emergency a.grave").await;
        browser.until("document.querySelector('#dialog').open").await;
        look_at(browser, "the dialog that stops everything").await;
        browser.press(&[crate::browser::ESCAPE]).await;
        browser.until("!document.querySelector('dialog[open]')").await;
        browser.prefer("light");
        browser.click("[data-theme-switch]").await;
        browser.until("document.documentElement.dataset.theme === 'dark'").await;
        assert_accessible(browser, "dark by choice").await;
        browser.goto("/").await;
        browser.until("document.documentElement.dataset.theme === 'dark'").await;
        browser.prefer("dark");
        browser.click("[data-theme-switch]").await;
        browser.until("document.documentElement.dataset.theme === 'light'").await;
        assert_accessible(browser, "light by choice").await;
    });
}
