//! The board: what is on it, how it follows what happens, and how a card is moved on it.

use std::time::Duration;

use serde_json::json;

use crate::{browser::with, server::Server};

/// How soon something that happened is on every page that shows it.
const SOON: Duration = Duration::from_secs(2);

#[test]
fn the_board_shows_every_open_task_in_its_column() {
    with(Server::open(), async |server, browser| {
        browser.goto("/").await;
        let board = server.get("/api/board");
        let columns = board["columns"].as_array().unwrap();
        assert!(columns.iter().any(|column| column["count"].as_u64() > Some(0)));
        for column in columns {
            let status = column["status"].as_str().unwrap();
            let titles: Vec<_> =
                column["cards"].as_array().unwrap().iter().map(|card| card["title"].clone()).collect();
            let shown = format!(
                "[...document.querySelectorAll('#column-{status} .title')].map((a) => a.textContent)"
            );
            assert_eq!(browser.eval(&shown).await, json!(titles), "{status}");
        }
    });
}

#[test]
fn what_happens_elsewhere_is_soon_in_every_window_without_a_reload() {
    with(Server::open(), async |server, browser| {
        let here = browser.client.window().await.unwrap();
        let there = browser.client.new_window(false).await.unwrap().handle;
        for window in [&here, &there] {
            browser.client.switch_to_window(window.clone()).await.unwrap();
            browser.goto("/").await;
            browser.eval("window.isTheSame = true").await;
        }
        for title in ["From elsewhere", "Once more from elsewhere"] {
            let card = server.create(title);
            for window in [&there, &here] {
                browser.client.switch_to_window(window.clone()).await.unwrap();
                let shown =
                    format!("document.getElementById('card-{card}')?.textContent.includes('{title}')");
                browser.until_within(SOON, &shown).await;
                assert_eq!(browser.eval("window.isTheSame").await, json!(true), "the page was loaded again");
            }
        }
    });
}

#[test]
fn what_comes_in_moves_neither_the_focus_nor_what_is_looked_at() {
    with(Server::open(), async |server, browser| {
        // One column below the other, the first one growing.
        browser.resize(390, 500);
        browser.goto("/").await;
        let last = "[...document.querySelectorAll('.card a.move')].at(-1)";
        browser.eval(&format!("({last}.scrollIntoView({{ block: 'center' }}), {last}.focus(), 1)")).await;
        let seen = "[document.activeElement.closest('.card')?.id, document.activeElement.getBoundingClientRect().top]";
        let before = browser.eval(seen).await;
        assert!(browser.eval("scrollY").await.as_f64() > Some(0.0));
        for title in ["First", "Second", "Third"] {
            let card = server.create(title);
            browser.until_within(SOON, &format!("document.getElementById('card-{card}')")).await;
            let now = browser.eval(seen).await;
            assert_eq!(now[0], before[0], "{title}");
            // A page scrolls by whole pixels.
            let moved = (now[1].as_f64().unwrap() - before[1].as_f64().unwrap()).abs();
            assert!(moved < 3.0, "{title}: moved by {moved}");
        }
    });
}

#[test]
fn a_script_in_a_title_is_text() {
    with(Server::open(), async |server, browser| {
        let title = "<script>window.isDone = 1</script><img src=x onerror='window.isDone = 1'>";
        let before = server.create(title);
        browser.goto("/").await;
        let after = server.create(title);
        for card in [before, after] {
            browser.until(&format!("document.getElementById('card-{card}')")).await;
            let shown = format!("document.querySelector('#card-{card} .title').textContent");
            assert_eq!(browser.eval(&shown).await, json!(title));
        }
        assert_eq!(browser.eval("window.isDone ?? null").await, json!(null));
        assert_eq!(
            browser.eval("document.querySelectorAll('#content img, #content script').length").await,
            json!(0)
        );
    });
}

#[test]
fn a_card_that_is_dragged_to_another_column_asks_for_what_that_move_needs() {
    with(Server::open(), async |server, browser| {
        let card = server.create("Drag me");
        browser.goto("/").await;
        let moves = format!("document.querySelector('#card-{card}').dataset.moves.split(' ')[0]");
        let to = browser.eval(&moves).await.as_str().unwrap().to_owned();
        browser.drag(&format!("#card-{card} .marks"), &format!("ol.cards[data-status='{to}']")).await;
        browser.until("document.querySelector('#dialog').open").await;
        let action = browser.eval("document.querySelector('#dialog form').getAttribute('action')").await;
        assert_eq!(action, json!(format!("/tasks/{card}/move/{to}")));
        // It is where it was until the server has moved it.
        browser.until(&format!("document.querySelector('ol.cards[data-status=inbox] #card-{card}')")).await;
        browser.press(&[crate::browser::ESCAPE]).await;
        browser.until("!document.querySelector('dialog[open]')").await;
        // The page follows what happens again.
        let other = server.create("After the drag");
        browser.until_within(SOON, &format!("document.getElementById('card-{other}')")).await;
    });
}

#[test]
fn more_pages_are_open_at_once_than_a_browser_has_connections() {
    with(Server::open(), async |server, browser| {
        let mut tabs = vec![browser.client.window().await.unwrap()];
        for _ in 0..8 {
            tabs.push(browser.client.new_window(true).await.unwrap().handle);
        }
        for tab in &tabs {
            browser.client.switch_to_window(tab.clone()).await.unwrap();
            browser.goto("/").await;
        }
        let card = server.create("For all of them");
        for tab in tabs {
            browser.client.switch_to_window(tab).await.unwrap();
            browser.until_within(SOON, &format!("document.getElementById('card-{card}')")).await;
        }
    });
}

#[test]
fn a_task_is_created_by_a_form_over_the_board_that_says_what_is_missing() {
    with(Server::open(), async |_, browser| {
        browser.tolerate("422");
        browser.tolerate("Response Status Error Code 4");
        browser.goto("/").await;
        browser.press(&['n']).await;
        browser
            .until("document.querySelector('#dialog').open && document.activeElement.id === 'title'")
            .await;
        browser.type_into("#dialog [name=description]", "Kept while the title was missing").await;
        browser.click("#dialog button[type=submit]").await;
        browser
            .until("document.querySelector('#dialog #title[aria-invalid]') === document.activeElement")
            .await;
        let kept = browser.eval("document.querySelector('#dialog [name=description]').value").await;
        assert_eq!(kept, json!("Kept while the title was missing"));
        browser.type_into("#dialog #title", "By a form over the board").await;
        browser.click("#dialog button[type=submit]").await;
        browser.until("!document.querySelector('dialog[open]')").await;
        browser.until_text("#column-inbox .title", "By a form over the board").await;
        browser.until("document.querySelector('#said').textContent !== ''").await;
    });
}

#[test]
fn a_card_is_moved_without_a_pointer() {
    with(Server::open(), async |server, browser| {
        let card = server.create("Move me by keys");
        browser.goto("/").await;
        browser.eval(&format!("(document.querySelector('#card-{card} .title').focus(), 1)")).await;
        browser.press(&['m']).await;
        let choice = "document.querySelector(\"#dialog a[href*='/move/canceled']\")";
        browser.until(&format!("document.querySelector('#dialog').open && {choice}")).await;
        browser.eval(&format!("({choice}.focus(), 1)")).await;
        browser.press(&[crate::browser::ENTER]).await;
        browser
            .until(
                "document.querySelector('#dialog form')?.getAttribute('action')?.endsWith('/move/canceled')",
            )
            .await;
        browser.until("document.activeElement.closest('#dialog')").await;
        browser.type_into("#dialog [name=reason]", "Not needed any more").await;
        browser.click("#dialog button[type=submit]").await;
        browser.until("!document.querySelector('dialog[open]')").await;
        browser.until(&format!("!document.querySelector('#card-{card}')")).await;
        assert_eq!(server.get(&format!("/api/tasks/{card}"))["status"], json!("canceled"));
    });
}
