//! The password in the address of a store is shown nowhere, whatever goes wrong.

use std::process::{Command, Output};

use mc_store::testing::Postgres;

use crate::program::{Server, ask, mission_control, text};

/// No server listens on port 1.
const UNREACHABLE: &str = "postgres://u:s3cret@127.0.0.1:1/d";
const FULL_LOG: [&str; 2] = ["--log", "trace"];

/// Every command that takes a store.
const COMMANDS: [&[&str]; 13] = [
    &["serve", "--listen", "127.0.0.1:0"],
    &["--listen", "127.0.0.1:0"],
    &["seed"],
    &["backup"],
    &["restore", "--backup", "Cargo.toml"],
    &["credential", "issue", "--name", "Ada", "--role", "operator"],
    &["credential", "list"],
    &["credential", "revoke", "0198c2f0-7d0e-7cc1-9bb1-0f2a4c7d9e55"],
    &["cleanup", "--dir", "no-such-directory", "--dry-run"],
    &["archive"],
    &["security-check"],
    &["verify-db"],
    &["copy", "--to", "sqlite:no-such-directory/x.db"],
];

#[track_caller]
fn keeps_it(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    for said in [&output.stdout, &output.stderr] {
        assert!(!text(said).contains("s3cret"), "{command:?}: {}", text(said));
    }
    output
}

#[test]
fn no_command_shows_the_password_of_a_database_that_it_cannot_reach() {
    for arguments in COMMANDS {
        let (option, variable) = match arguments[0] {
            "copy" => ("--from", "MC_COPY_FROM"),
            _ => ("--store", "MC_STORE"),
        };
        let given = [arguments, &[option, UNREACHABLE]].concat();
        let by_argument = keeps_it(mission_control(&given).args(FULL_LOG));
        let by_variable = keeps_it(mission_control(arguments).args(FULL_LOG).env(variable, UNREACHABLE));
        if arguments[0] != "cleanup" {
            for output in [by_argument, by_variable] {
                assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stderr));
                assert!(text(&output.stderr).contains("postgres://u:***@127.0.0.1:1/d"), "{arguments:?}");
            }
        }
        keeps_it(mission_control(&given).arg("--no-such-option"));
        keeps_it(mission_control(arguments).arg("--help").env(variable, UNREACHABLE));
    }
    let to = ["copy", "--from", "sqlite:no-such.db", "--to", UNREACHABLE];
    keeps_it(&mut mission_control(&to));
}

#[test]
fn a_mistyped_address_is_repeated_without_its_password() {
    for mistyped in [
        "postgre://u:s3cret@h/d",
        "postgres:/u:s3cret@h/d",
        "postgres:u:s3cret@h/d",
        "mysql://u:s3cret@h/d?password=s3cret",
        "host=h user=u password=s3cret",
    ] {
        for arguments in [
            vec!["serve", "--store", mistyped],
            vec!["backup", &format!("--store={mistyped}")],
            vec![mistyped],
            vec!["backup", mistyped],
            vec!["copy", "--from", mistyped, "--to", mistyped],
            vec!["--stor", mistyped],
        ] {
            let output = keeps_it(&mut mission_control(&arguments));
            assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        }
        let output = keeps_it(mission_control(&["backup"]).env("MC_STORE", mistyped));
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn a_server_on_a_database_shows_its_password_to_nobody() {
    let Some(postgres) = Postgres::shared() else { return };
    let database = postgres.empty_database();
    // The server trusts whoever comes from this machine, so that any password is right.
    let store = database.url().replacen("postgres@", "postgres:s3cret@", 1);
    let mut command = mission_control(&["serve", "--listen", "127.0.0.1:0"]);
    let server = Server::ready(command_with(&mut command, &store));
    assert!(server.line.contains("postgres://postgres:***@127.0.0.1"), "{}", server.line);
    for path in ["/health", "/readyz", "/metrics", "/api/tasks"] {
        let told = match ask(&server.address, "GET", path, "", "") {
            Ok(answer) => format!("{}{}", answer.head, answer.body),
            // The metrics are no JSON, and are said as such.
            Err(error) => error.to_string(),
        };
        assert!(!told.contains("s3cret"), "{path}: {told}");
    }
    let output = server.terminated();
    for said in [&output.stdout, &output.stderr] {
        assert!(!text(said).contains("s3cret"), "{}", text(said));
    }
}

fn command_with(command: &mut Command, store: &str) -> Command {
    let mut ready = Command::new(command.get_program());
    ready.args(command.get_args()).args(FULL_LOG);
    let mut ready = crate::program::configured(ready);
    ready.env("MC_STORE", store);
    ready
}
