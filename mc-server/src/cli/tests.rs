use std::io;

use mc_store::error::StoreError;

use super::*;

fn parse(arguments: &[&str]) -> Result<ServeOptions, clap::Error> {
    let arguments = std::iter::once("mission-control").chain(arguments.iter().copied());
    match understood(arguments.map(OsString::from))? {
        Command::Serve(options) => Ok(options),
        other => panic!("it does not serve: {other:?}"),
    }
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn without_a_command_it_serves_with_the_same_options() {
    for arguments in [
        &["--listen", "[::1]:0", "--operator", "Ada"][..],
        &["serve", "--listen", "[::1]:0", "--operator", "Ada"],
    ] {
        let options = parse(arguments).unwrap();
        assert_eq!((options.listen.as_str(), options.operator.operator.as_str()), ("[::1]:0", "Ada"));
        assert_eq!(options.store.store.reveal(), "sqlite:data/mission-control.db");
    }
}

#[test]
fn hosts_are_repeated_or_separated_by_commas() {
    let options = parse(&["--allowed-host", "a.example,,B.example:80", "--allowed-host", "c"]).unwrap();
    let hosts: Vec<_> = options.allowed_hosts().iter().map(ToString::to_string).collect();
    assert_eq!(hosts, ["a.example", "b.example", "c"]);
}

#[test]
fn what_cannot_be_understood_is_wrong_usage() {
    for arguments in [
        &["--listen", "3000"][..],
        &["--operator", " "],
        &["--log", "loud=louder=loudest"],
        &["--log-format", "xml"],
        &["--allowed-host", "http://a"],
        &["--colour"],
        &["dance"],
        &["--store", ""],
    ] {
        let error = parse(arguments).unwrap_err();
        assert_eq!(error.exit_code(), i32::from(WRONG_USAGE), "{arguments:?}");
    }
}

#[test]
fn help_teaches_examples_environment_and_exit_statuses() {
    for arguments in [&["--help"][..], &["serve", "--help"]] {
        let help = parse(arguments).unwrap_err();
        let text = help.to_string();
        for part in [
            "Examples:",
            "Environment:",
            "Exit status:",
            "MC_LISTEN",
            "MC_STORE",
            "MC_OPERATOR",
            "MC_LOG_FORMAT",
        ] {
            assert!(text.contains(part), "{part}");
        }
        assert_eq!(help.exit_code(), 0);
    }
}

#[test]
fn mistyped_variables_are_found() {
    let environment = ["MC_LISTEN", "MC_LISTN", "MC_ALLOWED_HOSTS", "PATH", "MC_A"].map(OsString::from);
    assert_eq!(config::unknown_variables(&Cli::command(), environment), ["MC_A", "MC_LISTN"]);
}

fn store(source: StoreError) -> ServeError {
    ServeError::Store { url: "sqlite:data/mc.db".parse().unwrap(), source }
}

#[test]
fn a_failure_is_one_line_with_its_cause_and_what_to_do() {
    let denied = io::Error::from(io::ErrorKind::PermissionDenied);
    let listen = || "127.0.0.1:3000".parse().unwrap();
    for (error, sentence) in [
        (
            ServeError::InUse { listen: listen() },
            "mission-control: 127.0.0.1:3000 is in use by another program. Choose another address with --listen, such as --listen 127.0.0.1:3001",
        ),
        (
            ServeError::Listen { listen: listen(), source: denied },
            "mission-control: cannot listen on 127.0.0.1:3000: permission denied. Choose another address with --listen; ports below 1024 need privileges",
        ),
        (
            store(StoreError::Locked { store: "data/mc.db".to_owned() }),
            "mission-control: cannot open the store: the store data/mc.db is in use by another process. Stop the other server, or choose another store with --store",
        ),
        (
            store(StoreError::NewerVersion { found: 9, known: 1 }),
            "mission-control: cannot open the store: the store has schema version 9, this program knows up to 1. Use the newer version of mission-control that wrote it",
        ),
        (
            store(StoreError::NotALog {
                store: "data/mc.db".to_owned(),
                reason: "it is not an SQLite database",
            }),
            "mission-control: cannot open the store: data/mc.db is not a Mission Control store: it is not an SQLite database. Choose another file with --store; if it was one, restore a backup: mission-control restore --backup=./backups/latest.json --replace --store=sqlite:data/mc.db",
        ),
        (
            store(StoreError::Unavailable("disk\nfull".into())),
            "mission-control: cannot open the store: the store is not available: disk full. Check that sqlite:data/mc.db and its directory exist and can be written",
        ),
    ] {
        assert_eq!(format!("mission-control: {}", Failure::from(error)), sentence);
    }
}
