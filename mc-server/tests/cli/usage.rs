//! What the program says to whoever runs it by hand.

use std::io::Read;

use crate::program::{complaint, mission_control, text};

#[test]
fn help_goes_to_standard_output_and_names_every_option() {
    for arguments in [&["--help"][..], &["serve", "--help"]] {
        let output = mission_control(arguments).output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{arguments:?}");
        let help = text(&output.stdout);
        for option in [
            "--listen",
            "--store",
            "--operator",
            "--allowed-host",
            "--log",
            "--log-format",
            "MC_STORE",
            "Exit status",
        ] {
            assert!(help.contains(option), "{arguments:?} does not name {option}");
        }
    }
}

#[test]
fn the_version_is_told() {
    let output = mission_control(&["--version"]).output().unwrap();
    let version = format!("mission-control {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), version.as_str()));
}

#[test]
fn wrong_usage_has_an_exit_status_of_its_own() {
    for (arguments, hint) in [
        (&["--listen", "nowhere"][..], "such as 127.0.0.1:3000"),
        (&["--listen", "127.0.0.1:99999"], "such as 127.0.0.1:3000"),
        (&["--listen"], "--listen"),
        (&["--lisen", "127.0.0.1:0"], "--listen"),
        (&["fly"], "fly"),
        (&["serve", "fly"], "fly"),
        (&["--store", ""], "--store"),
        (&["--store", "foo:bar"], "give sqlite:<path>"),
        (&["--store", "sqlite:"], "give sqlite:<path>"),
        (&["--store", "postgre://nowhere"], "give sqlite:<path>"),
        (&["seed", "--store", "memory:"], "ends with the command"),
        (&["archive", "--server", "foo"], "http://HOST:PORT"),
        (&["agent", "run", "--server", "foo"], "http://HOST:PORT"),
        (&["agent", "run", "--server", "http://127.0.0.1:99999"], "http://HOST:PORT"),
        (&["agent", "run", "--interval", "0s"], "at least a second"),
        (
            &["--webhook", "http://127.0.0.1:99999/hook", "--webhook-secret-file", "x"],
            "give an address such as",
        ),
        (&["--webhook", "http://300.1.1.1/hook", "--webhook-secret-file", "x"], "give an address such as"),
        (&["--log", "inf"], "try info"),
        (&["--log", "warning"], "try info"),
        (&["--operator", ""], "must not be empty"),
        (&["--operator", "two\nlines"], "control characters"),
        (&["--log", "loud=very"], "try info"),
        (&["--log-format", "xml"], "json"),
        (&["--allowed-host", "a b"], "a host is a name or an address"),
    ] {
        let output = mission_control(arguments).output().unwrap();
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""), "{arguments:?}");
        assert!(text(&output.stderr).contains(hint), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn a_variable_that_makes_no_sense_is_wrong_usage_too() {
    let mut command = mission_control(&["serve"]);
    let output = command.env("MC_LISTEN", "nowhere").output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""));
}

#[test]
fn a_variable_that_holds_nothing_is_not_set() {
    let mut command = mission_control(&["backup", "--store", "sqlite:/nowhere/mc.db"]);
    command.env("MC_LOG", "").env("MC_LOG_FORMAT", "").env("MC_BACKUP_DIR", "");
    let output = command.output().unwrap();
    assert!(complaint(&output).contains("there is no store at /nowhere/mc.db"));
    let mut command = mission_control(&["agent", "run", "--once", "--server", "http://127.0.0.1:9"]);
    for name in ["AGENT_NAME", "AGENT_ROLE", "AGENT_TYPES", "AGENT_PROJECT", "AGENT_EMOJI"] {
        command.env(name, "");
    }
    assert!(complaint(&command.output().unwrap()).contains("no answer from a server"));
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let mut command = mission_control(&["--help"]);
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let mut complaint = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert_eq!((child.wait().unwrap().code(), complaint.as_str()), (Some(0), ""));
}
