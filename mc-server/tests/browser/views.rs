//! The pages that there are to look at. A new one is added here, and is then looked at by everything that looks at all of them.

use serde_json::Value;

use crate::{browser::with, server::Server};

/// A page as the tests of all pages see it.
pub struct View {
    /// Its address below the server. `{task}` and the like stand for the first of the things that [`THINGS`] lists.
    pub address: &'static str,
    /// Its heading, or a part of it.
    pub heading: &'static str,
}

const fn view(address: &'static str, heading: &'static str) -> View {
    View { address, heading }
}

/// The pages of the navigation, what they lead to, and the forms.
pub const VIEWS: &[View] = &[
    view("/", "Board"),
    view("/emergency/pause", "Pause the squad"),
    view("/emergency/resume", "Resume the squad"),
    view("/emergency/stop", "Stop everything"),
];

/// Where the interface lists what an address may be about.
const THINGS: [(&str, &str); 7] = [
    ("{task}", "/api/tasks"),
    ("{agent}", "/api/agents"),
    ("{run}", "/api/runs"),
    ("{approval}", "/api/approvals"),
    ("{alert}", "/api/alerts"),
    ("{notification}", "/api/notifications"),
    ("{credential}", "/api/credentials"),
];

impl View {
    /// Its address at that server, about something that is there.
    pub fn at(&self, server: &Server) -> String {
        let about = THINGS.iter().filter(|(part, _)| self.address.contains(part));
        about.fold(self.address.to_owned(), |address, (part, list)| {
            let first = &server.get(list)[0]["id"];
            address.replace(part, first.as_str().unwrap_or_else(|| panic!("{list} is empty")))
        })
    }
}

/// Whether there is a page of that address.
pub fn has(address: &str) -> bool {
    VIEWS.iter().any(|view| view.address == address)
}

#[test]
fn every_page_that_the_navigation_leads_to_is_looked_at() {
    with(Server::open(), async |_, browser| {
        // Those that are not there yet.
        browser.tolerate("404");
        browser.goto("/").await;
        let there = browser
            .client
            .execute_async(
                "const done = arguments[0]; \
                 const places = [...document.querySelectorAll('[data-go]')].map((a) => a.pathname); \
                 Promise.all(places.map(async (place) => (await fetch(place)).ok ? place : null)).then(done);",
                vec![],
            )
            .await
            .unwrap();
        let there: Vec<_> = there.as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let missed: Vec<_> = there.iter().filter(|address| !has(address)).collect();
        assert!(there.contains(&"/") && missed.is_empty(), "not in VIEWS: {missed:?}");
    });
}
