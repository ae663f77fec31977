//! The pages that there are to look at. A new one is added here, and is then looked at by everything that looks at all of them.

/// A page as the tests of all pages see it.
pub struct View {
    /// Its address. What is in braces is put in by [`View::at`].
    pub address: &'static str,
    /// Its heading; of a page about one thing, a part of it.
    pub heading: &'static str,
}

const fn view(address: &'static str, heading: &'static str) -> View {
    View { address, heading }
}

/// The pages of the navigation and what they lead to, and the forms.
pub const VIEWS: &[View] = &[
    view("/", "Board"),
    view("/emergency/pause", "Pause the squad"),
    view("/emergency/resume", "Resume the squad"),
    view("/emergency/stop", "Stop everything"),
];

/// Whether there is a page of that address.
pub fn has(address: &str) -> bool {
    VIEWS.iter().any(|view| view.address == address)
}
