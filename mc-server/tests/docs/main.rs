//! What the documents tell people to type is typed here: against a real server, with a real `curl` and a real shell.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod server;
mod transcript;

use server::Server;
use transcript::Transcript;

#[test]
fn the_tour_of_the_readme_works_as_written() {
    let readme = include_str!("../../../README.md");
    let tour = Transcript::of_section(readme, "## A two-minute tour");
    assert!(tour.commands() >= 6);
    tour.play(&mut Server::start(&[]));
}

#[test]
fn the_runbook_works_as_written() {
    let runbook = Transcript::of(include_str!("../../../docs/runbook.md"));
    assert!(runbook.commands() >= 30);
    runbook.play(&mut Server::start(&["--seed"]));
}
