//! Everything without a pointer.

use serde_json::json;

use crate::{
    browser::{Browser, ENTER, ESCAPE, SHIFT, SPACE, TAB, with},
    operator::until_in,
    server::Server,
};

/// The most stops of Tab on the way to something.
const MAX_STOPS: usize = 80;

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

/// Goes on with Tab until what `css` names has the focus.
async fn tab_to(browser: &Browser, css: &str) {
    let is_there = format!("document.activeElement.matches({})", json!(css));
    for _ in 0..MAX_STOPS {
        if browser.eval(&is_there).await == json!(true) {
            return;
        }
        browser.press(&[TAB]).await;
    }
    panic!("no way to {css} by Tab");
}

/// Types where the focus is.
async fn write(browser: &Browser, text: &str) {
    let keys: Vec<_> = text.chars().map(|c| if c == '\n' { ENTER } else { c }).collect();
    browser.press(&keys).await;
}

/// Opens the form of a move of a card, and waits until a field of it has the focus.
async fn open_move(browser: &Browser, task: &str, to: &str, field: &str) {
    let is_there = format!("document.activeElement.closest('#card-{task}') !== null");
    for _ in 0..MAX_STOPS {
        if browser.eval(&is_there).await == json!(true) {
            break;
        }
        browser.press(&['j']).await;
    }
    browser.press(&['m']).await;
    browser.until("document.activeElement.closest('#dialog .ways, #dialog .acts')").await;
    tab_to(browser, &format!("#dialog a[href*='/move/{to}']")).await;
    browser.press(&[ENTER]).await;
    browser.until(&format!("document.activeElement.name === '{field}'")).await;
}

/// Sends the form that is open, from its button.
async fn send(browser: &Browser) {
    tab_to(browser, "#dialog button[type=submit]").await;
    browser.press(&[ENTER]).await;
    browser.until("!document.querySelector('dialog[open]')").await;
}

#[test]
fn a_task_goes_from_its_creation_until_it_is_done_without_a_pointer() {
    with(Server::open(), async |server, browser| {
        browser.goto("/").await;
        browser.press(&['n']).await;
        browser.until("document.activeElement.id === 'title'").await;
        write(browser, "By keys alone").await;
        browser.press(&[ENTER]).await;
        browser.until("!document.querySelector('dialog[open]')").await;
        browser.until_text("#column-inbox .title", "By keys alone").await;
        let card = "[...document.querySelectorAll('#column-inbox .card')].find((card) => \
                    card.textContent.includes('By keys alone')).dataset.id";
        let task = browser.eval(card).await.as_str().unwrap().to_owned();

        open_move(browser, &task, "assigned", "assigneeIds").await;
        let sage = server.text("/api/agents/sage", "id");
        tab_to(browser, &format!("#dialog input[value='{sage}']")).await;
        browser.press(&[SPACE]).await;
        send(browser).await;
        until_in(browser, "assigned", &task).await;

        open_move(browser, &task, "in_progress", "workPlan").await;
        write(browser, "Ask around\nWrite it down\nLet it be read").await;
        send(browser).await;
        until_in(browser, "in_progress", &task).await;

        open_move(browser, &task, "review", "deliverable").await;
        write(browser, "It is in the handbook").await;
        browser.press(&[TAB]).await;
        write(browser, "It is complete").await;
        send(browser).await;
        until_in(browser, "review", &task).await;

        open_move(browser, &task, "done", "reason").await;
        write(browser, "Well written").await;
        send(browser).await;
        browser.until_text("#said", "is in done").await;
        let done = server.get(&format!("/api/tasks/{task}"));
        assert_eq!((&done["status"], &done["assigneeIds"]), (&json!("done"), &json!([sage])), "{done}");
        assert_eq!(done["workPlan"], json!(["Ask around", "Write it down", "Let it be read"]));
    });
}
