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

/// The pages of the navigation, and what they lead to.
pub const PAGES: &[View] = &[
    view("/", "Board"),
    view("/tasks", "Tasks"),
    view("/tasks?q=the", "Tasks"),
    view("/tasks/{task}", ""),
    view("/approvals", "Approvals"),
    view("/approvals/{approval}", ""),
    view("/alerts", "Alerts"),
    view("/notifications", "Notifications"),
    view("/agents", "Agents"),
    view("/agents/{agent}", ""),
    view("/runs", "Runs"),
    view("/runs/{run}", "Run of"),
    view("/costs", "Costs"),
    view("/standup", "Standup"),
    view("/feed", "Feed"),
    view("/policy", "Policy"),
    view("/credentials", "Credentials"),
    view("/health-and-workers", "Health and workers"),
];

/// The forms, each as a page of its own.
pub const FORMS: &[View] = &[
    view("/emergency/pause", "Pause the squad"),
    view("/emergency/resume", "Resume the squad"),
    view("/emergency/stop", "Stop everything"),
    view("/tasks/new", "New task"),
    view("/tasks/{task}/edit", ""),
    view("/tasks/{task}/message", ""),
    view("/tasks/{task}/move", "Move"),
    view("/tasks/{task}/move/canceled", "Move to canceled"),
    view("/approvals/{approval}/approve", ""),
    view("/approvals/{approval}/deny", ""),
    view("/approvals/{approval}/revision", ""),
    view("/alerts/{alert}/resolve", ""),
    view("/notifications/{notification}/read", ""),
    view("/agents/new", "Register an agent"),
    view("/agents/{agent}/edit", "Edit"),
    view("/agents/{agent}/pause", "Pause"),
    view("/agents/{agent}/quarantine", "Quarantine"),
    view("/policy/edit", "Edit the policy"),
    view("/policy/try", "Try an action"),
    view("/credentials/new", "Issue a credential"),
    view("/credentials/{credential}/edit", "Rename a credential"),
    view("/credentials/{credential}/revoke", "Revoke"),
];

/// Where the interface lists what an address may be about.
const THINGS: [(&str, &str); 7] = [
    ("{task}", "/api/tasks"),
    ("{agent}", "/api/agents"),
    ("{run}", "/api/runs"),
    ("{approval}", "/api/approvals?status=pending"),
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

fn has(address: &str) -> bool {
    PAGES.iter().any(|view| view.address == address)
}

#[test]
fn every_page_that_the_navigation_leads_to_is_looked_at() {
    with(Server::open(), async |_, browser| {
        browser.goto("/").await;
        let places = browser.eval("[...document.querySelectorAll('[data-go]')].map((a) => a.pathname)").await;
        let places: Vec<_> = places.as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let missed: Vec<_> = places.iter().filter(|address| !has(address)).collect();
        assert!(places.contains(&"/") && missed.is_empty(), "not in PAGES: {missed:?}");
    });
}
