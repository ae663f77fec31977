//! Credentials on the command line: how they are issued and ended, where their secrets go, and where they never do.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Output,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Server, ask_as, complaint, mission_control, store_in, text};

/// A directory with a store, and what is done there.
struct Place {
    directory: TempDir,
    store: String,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = store_in(directory.path());
        Self { directory, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = mission_control(arguments);
        command.args(["--store", &self.store]).current_dir(self.directory.path()).output().unwrap()
    }

    /// It must succeed; what it printed to standard output.
    #[track_caller]
    fn said(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout).to_owned()
    }

    /// A credential, as `--json` prints it.
    #[track_caller]
    fn issue(&self, arguments: &[&str]) -> Value {
        let all = [&["credential", "issue", "--json"], arguments].concat();
        serde_json::from_str(&self.said(&all)).unwrap()
    }

    /// Sofie's credential, in a file.
    #[track_caller]
    fn sofie(&self) -> String {
        let file = self.path("sofie.credential").display().to_string();
        self.issue(&["--name", "Sofie", "--role", "operator", "--secret-file", &file]);
        file
    }

    fn serve(&self) -> Server {
        Server::on(&self.store)
    }
}

/// A secret in a file, without the white space around it.
fn secret_in(file: impl AsRef<Path>) -> String {
    fs::read_to_string(file).unwrap().trim().to_owned()
}

#[test]
fn a_secret_is_the_last_line_and_only_its_hash_is_recorded() {
    let place = Place::new();
    let output = place.run(&["credential", "issue", "--name", "Sofie", "--role", "operator"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let (said, told) = (text(&output.stdout), text(&output.stderr));
    let secret = said.strip_suffix('\n').unwrap();
    assert!(secret.starts_with("mc_") && secret.len() == 46, "{said}");
    assert!(told.contains("shown this once") && told.contains("chmod 600"), "{told}");
    assert!(told.contains("(Sofie, operator), good for all projects until it is revoked"), "{told}");
    assert!(!told.contains(secret), "{told}");
    for file in ["mc.db", "mc.db-wal"] {
        let bytes = fs::read(place.path(file)).unwrap_or_default();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{file}");
    }
    let server = place.serve();
    assert_eq!(ask_as(&server.address, secret, "GET", "/api/tasks", "").status, 200);
    assert_eq!(ask_as(&server.address, "", "GET", "/api/tasks", "").status, 401);
    assert!(server.line.contains("needs a credential"), "{}", server.line);
}

#[test]
fn a_secret_in_a_new_file_is_printed_nowhere_and_no_file_is_overwritten() {
    let place = Place::new();
    let file = place.path("sofie").display().to_string();
    let issue = ["credential", "issue", "--name", "Sofie", "--role", "operator", "--secret-file", &file];
    let output = place.run(&issue);
    let secret = secret_in(&file);
    let all = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(all.contains(&format!("Its secret is in {file}")) && !all.contains(&secret), "{all}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    let refused = place.run(&issue);
    assert!(complaint(&refused).contains("Choose another name"), "{}", complaint(&refused));
    assert_eq!(secret_in(&file), secret);
    assert_eq!(place.said(&["credential", "list"]).lines().last(), Some("1 credential"));
}

#[test]
fn a_credential_that_is_refused_leaves_no_file() {
    let place = Place::new();
    let file = place.path("audit").display().to_string();
    let output =
        place.run(&["credential", "issue", "--name", "Ada", "--role", "auditor", "--secret-file", &file]);
    let complaint = complaint(&output);
    assert!(
        complaint.contains("the first credential must be an operator's, for all projects"),
        "{complaint}"
    );
    assert!(complaint.contains("credential issue --name NAME --role operator"), "{complaint}");
    assert!(!Path::new(&file).exists());
    let some = ["credential", "issue", "--name", "Ada", "--role", "operator", "--project", "openclaw"];
    assert!(text(&place.run(&some).stderr).contains("for all projects"));
    let nowhere = ["credential", "issue", "--name", "Ada", "--role", "operator", "--project", "atlantis"];
    assert!(text(&place.run(&nowhere).stderr).contains("there is no project"));
    place.sofie();
    let nobody = ["credential", "issue", "--name", "Ada", "--role", "agent", "--agent", "nobody"];
    assert!(text(&place.run(&nobody).stderr).contains("there is no agent"));
    let late = ["credential", "issue", "--name", "Ada", "--role", "monitor", "--expires", "0s"];
    assert!(text(&place.run(&late).stderr).contains("expired from the beginning"));
}

#[test]
fn wrong_usage_of_credentials_has_its_exit_status() {
    let place = Place::new();
    for (arguments, hint) in [
        (&["issue", "--role", "operator"][..], "--name"),
        (&["issue", "--name", "Ada", "--role", "king"], "--role"),
        (&["issue", "--name", "Ada", "--role", "agent"], "name it with --agent"),
        (&["issue", "--name", "Ada", "--role", "monitor", "--agent", "Scout"], "belongs to --role agent"),
        (&["issue", "--name", "Ada", "--role", "monitor", "--expires", "1w"], "such as 30d"),
        (&["issue", "--name", "Ada", "--role", "monitor", "--expires-at", "tomorrow"], "--expires-at"),
        (
            &[
                "issue",
                "--name",
                "Ada",
                "--role",
                "monitor",
                "--expires",
                "1d",
                "--expires-at",
                "2030-01-01T00:00:00Z",
            ],
            "cannot be used with",
        ),
        (&["issue", "--name", "Ada", "--role", "monitor", "--credential", "mc_x"], "--credential"),
        (&["revoke", "Ada"], "ID"),
        (&["revoke"], "ID"),
        (&["forge"], "forge"),
    ] {
        let output = place.run(&[&["credential"], arguments].concat());
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""), "{arguments:?}");
        assert!(text(&output.stderr).contains(hint), "{arguments:?}: {}", text(&output.stderr));
    }
    let mut memory = mission_control(&[
        "credential",
        "issue",
        "--name",
        "Ada",
        "--role",
        "operator",
        "--store",
        "memory:",
    ]);
    let output = memory.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("ends with its process"), "{}", text(&output.stderr));
}

#[test]
fn credentials_are_listed_and_revoked_at_rest_down_to_the_last() {
    let place = Place::new();
    assert_eq!(place.said(&["seed"]).lines().count(), 1);
    let sofie = place.issue(&["--name", "Sofie", "--role", "OPERATOR"]);
    assert_eq!(
        (&sofie["role"], &sofie["projectIds"], &sofie["expiresAt"]),
        (&json!("operator"), &Value::Null, &Value::Null)
    );
    let scout = place.issue(&["--name", "Scout", "--role", "agent", "--agent", "scout", "--expires", "90d"]);
    assert!(scout["agentId"].is_string() && scout["expiresAt"].is_string(), "{scout}");
    assert_eq!(scout["projectIds"].as_array().unwrap().len(), 1);
    let ada = [
        "--name",
        "Ada",
        "--role",
        "auditor",
        "--project",
        "openclaw",
        "--expires-at",
        "2100-01-01T00:00:00Z",
    ];
    assert_eq!(place.issue(&ada)["expiresAt"], "2100-01-01T00:00:00.000Z");

    let table = place.said(&["credential", "list"]);
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[0].starts_with("ID ") && lines[0].ends_with("PROJECTS"), "{table}");
    assert!(lines[1].contains("Ada") && lines[1].contains("2100-01-01 00:00Z"), "{table}");
    assert!(lines[3].contains("Sofie") && lines[3].contains("never") && lines[3].ends_with("all"), "{table}");
    assert_eq!(lines[4..], ["3 credentials"]);
    let column = lines[0].find("ROLE").unwrap();
    assert!(lines[1..4].iter().all(|line| line.as_bytes()[column - 1] == b' '), "{table}");
    for secret in [&sofie, &scout] {
        assert!(!table.contains(secret["secret"].as_str().unwrap()));
    }

    let id = scout["id"].as_str().unwrap();
    let said = place.said(&["credential", "revoke", id, "--reason", "It moved"]);
    assert_eq!(said, format!("Revoked the credential {id} (Scout, agent)\n"));
    let all: Value = serde_json::from_str(&place.said(&["credential", "list", "--all", "--json"])).unwrap();
    let revoked: Vec<_> = all.as_array().unwrap().iter().filter(|one| one["status"] == "revoked").collect();
    assert_eq!((revoked.len(), &revoked[0]["revokedBecause"]), (1, &json!("It moved")));
    assert_eq!(place.said(&["credential", "list"]).lines().last(), Some("2 credentials"));

    let last = place.run(&["credential", "revoke", sofie["id"].as_str().unwrap()]);
    assert_eq!(last.status.code(), Some(0));
    assert!(text(&last.stderr).contains("can issue another"), "{}", text(&last.stderr));
    let unknown = place.run(&["credential", "revoke", "0198c2f0-7d0e-7cc1-9bb1-0f2a4c7d9e55"]);
    assert!(complaint(&unknown).contains("credential list --all"), "{}", complaint(&unknown));
    let server = place.serve();
    assert_eq!(
        ask_as(&server.address, sofie["secret"].as_str().unwrap(), "GET", "/api/tasks", "").status,
        401
    );
    drop(server);
    place.issue(&["--name", "Sofie", "--role", "operator"]);
}

#[test]
fn the_server_that_has_the_store_issues_lists_and_revokes() {
    let place = Place::new();
    let server = place.serve();
    let sofie = place.sofie();
    let without = place.run(&["credential", "list"]);
    assert!(complaint(&without).contains("the server refused (401)"), "{}", complaint(&without));
    assert!(complaint(&without).contains("--credential-file"), "{}", complaint(&without));

    let shown = ["--credential-file", &sofie];
    let ada = place.issue(&[&["--name", "Ada", "--role", "auditor", "--expires", "1d"], &shown[..]].concat());
    let secret = ada["secret"].as_str().unwrap();
    assert_eq!(ask_as(&server.address, secret, "GET", "/api/whoami", "").body["name"], "Ada");
    let file = place.path("ada").display().to_string();
    fs::write(&file, secret).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let other = place.run(&[
        "credential",
        "issue",
        "--name",
        "Eve",
        "--role",
        "operator",
        "--credential-file",
        &file,
    ]);
    assert!(complaint(&other).contains("the server refused (403)"), "{}", complaint(&other));
    assert!(complaint(&other).contains("another credential"), "{}", complaint(&other));

    let list = |all: &[&str]| place.said(&[&["credential", "list"], all, &shown[..]].concat());
    assert_eq!(list(&[]).lines().last(), Some("2 credentials"));
    let id = ada["id"].as_str().unwrap();
    place.said(&[&["credential", "revoke", id, "--reason", "Over"], &shown[..]].concat());
    assert_eq!(ask_as(&server.address, secret, "GET", "/api/whoami", "").status, 401);
    assert_eq!(
        (list(&[]).lines().last(), list(&["--all"]).lines().last()),
        (Some("1 credential"), Some("2 credentials"))
    );

    let own: Value = serde_json::from_str(&list(&["--json"])).unwrap();
    let last = place.run(&[&["credential", "revoke", own[0]["id"].as_str().unwrap()], &shown[..]].concat());
    assert!(complaint(&last).contains("lasts as long as this one"), "{}", complaint(&last));
}

#[test]
fn a_credential_file_is_checked_before_it_is_used() {
    let place = Place::new();
    let server = place.serve();
    let file = place.sofie();
    let secret = secret_in(&file);
    let archive = |file: &str| place.run(&["archive", "--credential-file", file]);
    assert_eq!(archive(&file).status.code(), Some(0));
    fs::write(&file, format!("\n  {secret}\t\n\n")).unwrap();
    assert_eq!(archive(&file).status.code(), Some(0), "white space around it is no part of it");
    let mut by_variable = mission_control(&["archive", "--store", &place.store]);
    assert!(by_variable.env("MC_CREDENTIAL_FILE", &file).output().unwrap().status.success());

    for mode in [0o640, 0o604, 0o660] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let output = archive(&file);
        let complaint = complaint(&output);
        assert!(complaint.contains(&format!("(mode {mode:o})")), "{complaint}");
        assert!(complaint.contains(&format!("chmod 600 {file}")), "{complaint}");
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&file, format!("{secret}x")).unwrap();
    let output = archive(&file);
    assert!(
        complaint(&output).contains("does not hold one: a credential is mc_ and 43"),
        "{}",
        complaint(&output)
    );
    assert!(!complaint(&output).contains(&secret));
    let output = archive(&place.path("nowhere").display().to_string());
    assert!(complaint(&output).contains("cannot read the credential file"), "{}", complaint(&output));
    drop(server);
}

#[test]
fn what_is_no_file_of_a_credential_keeps_nobody_waiting() {
    let place = Place::new();
    let server = place.serve();
    place.sofie();
    let pipe = place.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (path, what) in
        [(pipe, "is a pipe or a device"), (place.directory.path().to_owned(), "is a directory")]
    {
        let output = place.run(&["credential", "list", "--credential-file", &path.display().to_string()]);
        assert!(complaint(&output).contains(what), "{}", complaint(&output));
    }
    drop(server);
}

#[test]
fn a_secret_in_an_address_is_in_no_log() {
    let place = Place::new();
    let secret = secret_in(place.sofie());
    let server = Server::ready(mission_control(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--store",
        &place.store,
        "--log",
        "trace",
    ]));
    for path in [
        format!("/api/tasks/{secret}"),
        format!("/api/tasks/{}", secret.replace('_', "%5f")),
        format!("/api/tasks?search={secret}"),
        format!("/login?credential={secret}"),
        format!("/problems/{secret}"),
    ] {
        assert_eq!(ask_as(&server.address, &secret, "GET", &path, "").status, 400, "{path}");
    }
    let told = server.terminated();
    let told = text(&told.stderr);
    assert!(told.contains("/api/tasks/[redacted:") && !told.contains(&secret[4..]), "{told}");
}

#[test]
fn a_credential_goes_through_no_proxy() {
    let place = Place::new();
    let server = place.serve();
    let file = place.sofie();
    // Nobody listens there, so whoever asks it gets no answer.
    let proxy = "http://127.0.0.1:9";
    let mut command = mission_control(&["archive", "--store", &place.store, "--credential-file", &file]);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(name, proxy);
    }
    command.env_remove("NO_PROXY").env_remove("no_proxy");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    drop(server);
}

#[test]
fn commands_on_files_take_the_option_and_do_not_need_it() {
    let place = Place::new();
    let file = place.path("nowhere").display().to_string();
    place.said(&["seed", "--credential-file", &file]);
    let backups = place.path("backups").display().to_string();
    place.said(&["backup", "--dir", &backups, "--credential-file", &file]);
    place.said(&["verify-db", "--credential-file", &file]);
    place.said(&["cleanup", "--dir", &backups, "--credential-file", &file]);
    let latest = format!("{backups}/latest.json");
    place.said(&["restore", "--backup", &latest, "--replace", "--credential-file", &file]);
    for command in ["backup", "restore", "verify-db", "cleanup", "seed", "health"] {
        let help = mission_control(&[command, "--help"]).output().unwrap();
        assert!(text(&help.stdout).contains("Not needed: this command"), "{command}");
    }
    for command in ["archive", "security-check", "workers"] {
        let help = mission_control(&[command, "--help"]).output().unwrap();
        assert!(text(&help.stdout).contains("chmod 600"), "{command}");
    }
}

#[test]
fn no_secret_is_in_the_arguments_or_the_log_of_a_process() {
    let place = Place::new();
    let file = place.sofie();
    let secret = secret_in(&file);
    // A server that never answers, so that the command is there to be looked at.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let arguments = ["workers", "--server", &url, "--credential-file", &file, "--log", "trace"];
    let mut command = mission_control(&arguments);
    let mut follower = command.spawn().unwrap();
    let (mut asked, _) = silent.accept().unwrap();
    let mut head = [0; 2_048];
    let read = asked.read(&mut head).unwrap();
    assert!(text(&head[..read]).contains(&format!("Bearer {secret}")), "it is sent, and only that");
    for listed in ["cmdline", "environ"] {
        let shown = fs::read(format!("/proc/{}/{listed}", follower.id())).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&shown).contains(&secret), "{listed}");
    }
    // What it is answered leads to an error, which tells nothing of what was sent.
    let moved = format!(
        "HTTP/1.1 302 Found\r\nlocation: {url}/elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    asked.write_all(moved.as_bytes()).unwrap();
    let mut log = BufReader::new(follower.stderr.take().unwrap());
    let mut told = String::new();
    while !told.contains("something else than JSON") {
        assert_ne!(log.read_line(&mut told).unwrap(), 0, "{told}");
    }
    follower.kill().unwrap();
    follower.wait().unwrap();
    log.read_to_string(&mut told).unwrap();
    assert!(!told.contains(&secret), "{told}");
}

#[test]
fn an_agent_works_by_its_own_credential_and_no_other() {
    let place = Place::new();
    place.said(&["seed"]);
    let sofie = place.sofie();
    let scout = place.path("scout").display().to_string();
    place.issue(&["--name", "For Scout", "--role", "agent", "--agent", "Scout", "--secret-file", &scout]);
    let server = place.serve();
    let url = format!("http://{}", server.address);
    let round = |arguments: &[&str]| {
        let all = [&["agent", "run", "--once", "--server", &url], arguments].concat();
        mission_control(&all).output().unwrap()
    };
    for expected in ["Scout: claimed “", "Scout: worked on “"] {
        let output = round(&["--credential-file", &scout]);
        assert!(
            text(&output.stdout).starts_with(expected),
            "{}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
    }
    assert!(text(&round(&["--credential-file", &scout, "--name", "scout"]).stdout).starts_with("Scout: "));
    for (arguments, why) in [
        (
            &["--credential-file", &scout, "--name", "Nova"][..],
            "the credential belongs to Scout, and not to Nova",
        ),
        (&["--credential-file", &sofie], "this one is of the role operator"),
        (&[], "the server refused (401)"),
    ] {
        let output = round(arguments);
        assert!(complaint(&output).contains(why), "{}", complaint(&output));
        assert!(complaint(&output).contains("credential"), "{}", complaint(&output));
    }
}

#[test]
fn the_workers_are_followed_by_whoever_may_know() {
    let place = Place::new();
    let sofie = place.sofie();
    let server = place.serve();
    let url = format!("http://{}", server.address);
    // Their first turns come at once, but not at the same one.
    let once = |more: &[&str]| {
        let all = [&["workers", "--once", "--server", &url], more].concat();
        let output = mission_control(&all).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stderr).to_owned()
    };
    let mut told = String::new();
    while !(told.contains("[HeartbeatMonitor] Checking agent liveness...")
        && told.contains("[NotificationDispatcher] Processing notifications..."))
    {
        told = once(&["--credential-file", &sofie]);
    }
    assert!(!told.contains("[ApprovalSweeper]"), "{told}");
    assert!(once(&["--credential-file", &sofie, "--log", "debug"]).contains("[Credentials]"));
    assert!(once(&[]).contains("the credential of an operator, an auditor or a monitor"));
    let gone = mission_control(&["workers", "--once", "--server", "http://127.0.0.1:9"]).output().unwrap();
    assert!(complaint(&gone).contains("there is no answer"), "{}", complaint(&gone));
}

#[test]
fn health_is_an_exit_status() {
    let place = Place::new();
    place.sofie();
    let server = place.serve();
    let health = |url: &str| mission_control(&["health", "--server", url]).output().unwrap();
    let url = format!("http://{}", server.address);
    let output = health(&url);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "ok: api ok, store ok, workers ok\n"));
    drop(server);
    assert!(complaint(&health(&url)).contains("there is no answer"));
}

#[test]
fn the_security_check_looks_at_credentials() {
    let place = Place::new();
    place.said(&["seed"]);
    let check = |more: &[&str]| {
        let output = place.run(&[&["security-check"], more].concat());
        (output.status.code(), text(&output.stdout).to_owned())
    };
    assert!(check(&[]).1.contains("Note: no credential was ever issued"), "{}", check(&[]).1);
    let everywhere = ["--listen", "0.0.0.0:3000"];
    let (code, said) = check(&everywhere);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("Critical: the server listens on 0.0.0.0:3000 and asks for no credential"),
        "{said}"
    );

    let first = place.issue(&["--name", "Root", "--role", "operator"]);
    // One of an operator of all projects must have no end.
    assert_eq!(check(&everywhere).0, Some(0));
    let good = ["--name", "Sofie", "--role", "operator", "--expires", "90d"];
    let sofie = place.issue(&good);
    // With the store at rest the first one is revoked, although no other lasts as long.
    place.said(&["credential", "revoke", first["id"].as_str().unwrap()]);
    let (code, said) = check(&everywhere);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("every call needs a credential; 1 credential is good"), "{said}");
    assert!(said.contains("Note: the server listens on 0.0.0.0:3000, where credentials"), "{said}");

    let file = place.path("sofie").display().to_string();
    fs::write(&file, sofie["secret"].as_str().unwrap()).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let (code, said) = check(&["--credential-file", &file]);
    assert_eq!(code, Some(1));
    assert!(said.contains("High: the credential file") && said.contains("(mode 644)"), "{said}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(check(&["--credential-file", &file]).0, Some(0));

    place.issue(&["--name", "Ada", "--role", "operator"]);
    place.issue(&["--name", "Eve", "--role", "operator"]);
    place.issue(&["--name", "Short", "--role", "monitor", "--expires", "1s"]);
    let server = place.serve();
    let mut said = String::new();
    while !said.contains("has expired") {
        said = check(&["--credential-file", &file]).1;
    }
    assert!(said.contains("(Eve, operator) is a further one of an operator that never expires"), "{said}");
    assert!(said.contains("(Short, monitor) has expired, and was not revoked"), "{said}");
    assert!(said.contains("takes the credential of --credential-file, for the role operator"), "{said}");
    assert!(said.ends_with("2 findings.\n"), "{said}");
    place.said(&["credential", "revoke", sofie["id"].as_str().unwrap(), "--credential-file", &file]);
    let (_, said) = check(&["--credential-file", &file]);
    assert!(said.contains("is good for nothing: the server refused (401)"), "{said}");
    drop(server);
}
