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

#[test]
fn credentials_are_begun_and_rotated_as_written_with_and_without_a_server() {
    let security = include_str!("../../../docs/security.md");
    let [begin, rotate] = ["## Begin", "## Rotate"].map(|heading| section(security, heading));
    let mut server = Server::start(&[]);
    server.stop();
    for part in [begin, rotate] {
        Transcript::of(part).play(&mut server);
    }
    let mut server = Server::start(&["--seed"]);
    for part in [&begin.replace("mission-control seed\n", ""), rotate] {
        Transcript::of(part).play(&mut server);
    }
}

/// The section of that heading, up to the next one of its level.
fn section<'a>(document: &'a str, heading: &str) -> &'a str {
    let (_, section) = document.split_once(&format!("\n{heading}\n")).unwrap();
    section.split("\n## ").next().unwrap()
}
