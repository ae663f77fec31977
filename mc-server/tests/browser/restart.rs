//! A server that is gone for a while.

use crate::{browser::with, server::Server};

#[test]
fn a_page_says_that_it_is_cut_off_and_catches_up_once_the_server_is_back() {
    with(Server::open(), async |server, browser| {
        for part in ["ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET"] {
            browser.tolerate(part);
        }
        browser.goto("/").await;
        browser.until("document.readyState === 'complete'").await;
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
