//! What the program says to whoever runs it by hand.

use std::io::Read;

use crate::program::{mission_control, text};

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
fn a_closed_pipe_is_no_failure() {
    let mut command = mission_control(&["--help"]);
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let mut complaint = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert_eq!((child.wait().unwrap().code(), complaint.as_str()), (Some(0), ""));
}
