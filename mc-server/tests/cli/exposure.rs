//! Where a server may be reached by others, and by whom.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use crate::program::{Server, ask, ask_as, mission_control, store_in, text};

/// A server on every address of the machine.
fn everywhere(store: &str, more: &[&str]) -> std::process::Command {
    let all = [&["serve", "--listen", "0.0.0.0:0", "--store", store], more].concat();
    mission_control(&all)
}

/// The server, which is asked by an address of this machine.
fn ready(store: &str, more: &[&str]) -> Server {
    Server::ready(everywhere(store, more))
}

fn secret_in(file: &Path) -> String {
    fs::read_to_string(file).unwrap().trim().to_owned()
}

#[test]
fn without_a_credential_others_are_not_listened_to() {
    let directory = tempfile::tempdir().unwrap();
    let store = store_in(directory.path());
    let output = everywhere(&store, &["--operator", "Ada Lovelace"]).output().unwrap();
    let complaint = complaint_of(&output);
    assert!(complaint.contains("no credential was ever issued"), "{complaint}");
    let first =
        format!("mission-control credential issue --name 'Ada Lovelace' --role operator --store={store}");
    assert!(complaint.contains(&first), "{complaint}");
    assert!(complaint.contains("--first-credential-file"), "{complaint}");
    let memory = everywhere("memory:", &[]).output().unwrap();
    let complaint = complaint_of(&memory);
    assert!(
        complaint.contains("--first-credential-file") && !complaint.contains("credential issue"),
        "{complaint}"
    );

    // What it advises helps.
    let issue =
        mission_control(&["credential", "issue", "--name", "Ada", "--role", "operator", "--store", &store]);
    assert!({ issue }.output().unwrap().status.success());
    let server = ready(&store, &[]);
    assert_eq!(ask(&server.address, "GET", "/api/tasks", "", "").unwrap().status, 401);
}

/// The last line, which says why.
fn complaint_of(output: &std::process::Output) -> String {
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""));
    text(&output.stderr).lines().last().unwrap().to_owned()
}

#[test]
fn who_insists_is_listened_to_and_warned() {
    for variable in [false, true] {
        let mut command = everywhere("memory:", if variable { &[] } else { &["--insecure-no-credentials"] });
        if variable {
            command.env("MC_INSECURE_NO_CREDENTIALS", "true");
        }
        let server = Server::ready(command);
        assert_eq!(ask(&server.address, "GET", "/api/tasks", "", "").unwrap().status, 200);
        let notices = server.get("/health")["notices"].to_string();
        assert!(notices.contains("no_credentials"), "{notices}");
        let output = server.terminated();
        assert!(text(&output.stderr).contains("WITHOUT CREDENTIALS"), "{}", text(&output.stderr));
    }
    let mut off = everywhere("memory:", &[]);
    let output = off.env("MC_INSECURE_NO_CREDENTIALS", "false").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_first_start_writes_a_credential_and_later_ones_none() {
    let directory = tempfile::tempdir().unwrap();
    let (store, file) = (store_in(directory.path()), directory.path().join("first"));
    let named = file.display().to_string();
    let server = ready(&store, &["--first-credential-file", &named, "--operator", "Ada", "--log", "trace"]);
    let secret = secret_in(&file);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(ask(&server.address, "GET", "/api/tasks", "", "").unwrap().status, 401);
    let output = server.terminated();
    let all = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(all.contains("issued the first credential") && !all.contains(&secret), "{all}");

    let list = mission_control(&["credential", "list", "--json", "--store", &store]).output().unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!((&listed[0]["name"], &listed[0]["issuedBy"]["type"]), (&"Ada".into(), &"system".into()));

    let server = ready(&store, &["--first-credential-file", &named]);
    assert_eq!(secret_in(&file), secret);
    drop(server);
    fs::remove_file(&file).unwrap();
    drop(ready(&store, &["--first-credential-file", &named]));
    assert!(!file.exists(), "there is a credential, so there is no first one");
}

#[test]
fn a_start_that_was_killed_before_the_credential_was_recorded_goes_on_with_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let (store, file) = (store_in(directory.path()), directory.path().join("first"));
    let secret = format!("mc_{}", "s3cret-".repeat(7).get(..43).unwrap());
    fs::write(&file, format!("{secret}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let named = file.display().to_string();
    let server = ready(&store, &["--first-credential-file", &named]);
    let health =
        mission_control(&["workers", "--once", "--log", "debug", "--credential-file", &named, "--server"])
            .arg(format!("http://{}", server.address))
            .output()
            .unwrap();
    assert!(!text(&health.stderr).contains("takes the credential"), "{}", text(&health.stderr));
    assert_eq!(secret_in(&file), secret);
    let told = server.terminated();
    assert!(
        text(&told.stderr).contains("was there before: its secret is issued as it is"),
        "{}",
        text(&told.stderr)
    );
}

#[test]
fn a_first_credential_that_cannot_be_kept_is_not_issued() {
    let directory = tempfile::tempdir().unwrap();
    let store = store_in(directory.path());
    let refused = |file: &Path| {
        let output =
            everywhere(&store, &["--first-credential-file", &file.display().to_string()]).output().unwrap();
        complaint_of(&output)
    };
    let nowhere = refused(&directory.path().join("no/such/directory"));
    assert!(nowhere.contains("cannot write the credential file"), "{nowhere}");
    let file = directory.path().join("notes");
    fs::write(&file, "hunter2").unwrap();
    let open = refused(&file);
    assert!(open.contains("chmod 600"), "{open}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let foreign = refused(&file);
    assert!(foreign.contains("does not hold one") && !foreign.contains("hunter2"), "{foreign}");
    assert!(foreign.contains("Remove") && fs::read_to_string(&file).unwrap() == "hunter2", "{foreign}");
    let list = mission_control(&["credential", "list", "--store", &store]).output().unwrap();
    assert_eq!(text(&list.stdout), "0 credentials\n");
}

#[test]
fn a_server_counts_calls_and_failures() {
    let directory = tempfile::tempdir().unwrap();
    let (store, file) = (store_in(directory.path()), directory.path().join("first"));
    let named = file.display().to_string();
    let few =
        ["--first-credential-file", &named, "--max-failures-per-minute", "1", "--max-calls-per-second", "0"];
    let server = ready(&store, &few);
    let status = |secret: &str| ask_as(&server.address, secret, "GET", "/api/tasks", "").status;
    assert_eq!([status("wrong"), status("wrong"), status(&secret_in(&file))], [401, 429, 200]);
    let wrong = mission_control(&["serve", "--max-calls-per-second", "many"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
}
