//! The commands beside the server: an agent, the archive, cleaning up, and the security check.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

fn mission_control(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mission-control"));
    for (name, _) in
        std::env::vars().filter(|(name, _)| name.starts_with("MC_") || name.starts_with("AGENT_"))
    {
        command.env_remove(name);
    }
    command.args(arguments).current_dir(directory);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn done(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = mission_control(directory, arguments).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A server with the seed that runs until it is dropped.
struct Server {
    child: Child,
    directory: TempDir,
    url: String,
}

impl Server {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let arguments = ["serve", "--seed", "--listen", "127.0.0.1:0", "--log", "warn"];
        let mut child = mission_control(directory.path(), &arguments).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.split(['/', ' ']).find(|word| word.starts_with("127.0.0.1:")).unwrap();
        let url = format!("http://{address}");
        Self { child, directory, url }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_agent_claims_a_task_and_hands_it_in_a_round_later() {
    let server = Server::start();
    let round = |arguments: &[&str]| {
        let all = [&["agent", "run", "--once", "--server", &server.url], arguments].concat();
        done(server.path(), &all)
    };
    let scout = ["--name", "Scout", "--role", "INTERN", "--types", "customer_research,SEO_RESEARCH"];
    let (code, said, complaint) = round(&scout);
    assert_eq!(
        (code, said.as_str()),
        (Some(0), "Scout: claimed “Research competitor pricing”\n"),
        "{complaint}"
    );
    let (code, said, complaint) = round(&scout);
    let handed_in = "Scout: worked on “Research competitor pricing” and handed it in for review\n";
    assert_eq!((code, said.as_str()), (Some(0), handed_in), "{complaint}");
    let (code, said, _) = round(&scout);
    assert_eq!((code, said.as_str()), (Some(0), "Scout: nothing to do\n"));
}

#[test]
fn an_agent_without_a_server_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let (code, said, complaint) =
        done(directory.path(), &["agent", "run", "--once", "--server", "http://127.0.0.1:9"]);
    assert_eq!((code, said.as_str()), (Some(1), ""));
    assert!(complaint.contains("there is no answer from a server at http://127.0.0.1:9"), "{complaint}");
    assert!(complaint.contains("mission-control serve") && complaint.lines().count() == 1, "{complaint}");
}

#[test]
fn an_agent_outlives_its_server() {
    let mut server = Server::start();
    let arguments = ["agent", "run", "--interval=1s", "--goodbye", "--server", &server.url];
    let mut agent = mission_control(server.path(), &arguments).spawn().unwrap();
    let mut said = BufReader::new(agent.stdout.take().unwrap());
    let mut told = BufReader::new(agent.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "Scout: claimed “Research competitor pricing”\n");

    server.child.kill().unwrap();
    server.child.wait().unwrap();
    line.clear();
    told.read_line(&mut line).unwrap();
    assert!(line.contains("the round failed, and is tried again in 1s"), "{line}");
    let address = server.url.trim_start_matches("http://").to_owned();
    let again = ["serve", "--listen", &address, "--log", "warn"];
    server.child = mission_control(server.path(), &again).spawn().unwrap();
    let handed_in = said.lines().find_map(|line| line.ok().filter(|line| line.contains("handed it in")));
    assert!(handed_in.is_some());

    let pid = agent.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(agent.wait().unwrap().success());
    let (_, store, _) = done(server.path(), &["backup", "--json"]);
    assert!(store.contains("file"), "{store}");
    let backup = fs::read_to_string(server.path().join("backups/latest.json")).unwrap();
    assert!(backup.contains("agent.signed_off"), "SIGTERM says goodbye too");
}

#[test]
fn an_agent_ends_the_run_that_it_left_open() {
    let server = Server::start();
    let round = || done(server.path(), &["agent", "run", "--once", "--server", &server.url]);
    assert_eq!(round().0, Some(0));
    let post = |path: &str, body: &str| {
        let url = format!("{}{path}", server.url);
        let output = Command::new("curl").args(["-s", "-X", "POST", &url, "-d", body]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let run = r#"{"agentId": "scout", "model": "mission-control-runner", "estimatedCost": 0.05}"#;
    assert!(post("/api/runs", run).contains("\"status\":\"running\""));
    let (_, said, complaint) = round();
    assert!(said.contains("handed it in for review"), "{said}{complaint}");
    let url = format!("{}/api/runs?agentId=scout&status=running", server.url);
    let open = Command::new("curl").args(["-s", &url]).output().unwrap();
    assert_eq!(String::from_utf8(open.stdout).unwrap(), "[]");
}

#[test]
fn only_the_server_that_has_the_store_archives_in_it() {
    let (server, other) = (Server::start(), Server::start());
    let (code, _, complaint) = done(server.path(), &["archive", "--older-than=0s", "--server", &other.url]);
    assert_eq!(code, Some(1));
    assert!(complaint.contains("has another store than data/mission-control.db"), "{complaint}");
    let (code, said, complaint) = done(server.path(), &["archive", "--older-than=0s", "--json"]);
    assert_eq!((code, said.trim()), (Some(0), r#"{"archived":2,"olderThan":"0s"}"#), "{complaint}");
    let (_, said, _) = done(other.path(), &["archive", "--older-than=0s", "--json"]);
    assert_eq!(said.trim(), r#"{"archived":2,"olderThan":"0s"}"#, "nothing of it was archived before");
}

#[test]
fn a_seed_records_what_is_missing_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let seed = |arguments: &[&str]| {
        let (code, said, complaint) = done(directory.path(), &[&["seed"], arguments].concat());
        assert_eq!((code, complaint.as_str()), (Some(0), ""), "{said}");
        said
    };
    assert!(seed(&[]).starts_with("Recorded 11 agents and 8 tasks ("));
    assert_eq!(seed(&[]), "Everything of the seed was there already.\n");
    assert!(seed(&["--demo"]).starts_with("Recorded 0 agents and 5 tasks ("));
    assert_eq!(seed(&["--demo"]), "Everything of the seed was there already.\n");
    assert_eq!(done(directory.path(), &["verify-db"]).0, Some(0));
    assert_eq!(done(directory.path(), &["backup"]).0, Some(0));
    let log = fs::read_to_string(directory.path().join("backups/latest.json")).unwrap();
    for happened in
        ["approval.approved", "approval.denied", "task.sent_back", "task.completed", "alert.raised"]
    {
        assert!(log.contains(happened), "{happened}");
    }
}

#[test]
fn a_seed_passes_over_what_a_rule_is_against() {
    let directory = tempfile::tempdir().unwrap();
    let serve = |arguments: &[&str]| {
        let arguments = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut child = mission_control(directory.path(), &arguments).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.split(['/', ' ']).find(|word| word.starts_with("127.0.0.1:")).unwrap().to_owned();
        (child, address)
    };
    let post = |address: &str, path: &str, body: &str| {
        let url = format!("http://{address}{path}");
        assert!(
            Command::new("curl")
                .args(["-s", "-X", "POST", &url, "-d", body])
                .output()
                .unwrap()
                .status
                .success()
        );
    };
    let (mut child, address) = serve(&[]);
    post(&address, "/api/agents", r#"{"name": "Scribe", "role": "intern"}"#);
    post(&address, "/api/agents/scribe/quarantine", "");
    child.kill().unwrap();
    child.wait().unwrap();

    let (code, said, complaint) = done(directory.path(), &["seed"]);
    assert_eq!(code, Some(0), "{complaint}");
    assert!(said.starts_with("Recorded 10 agents and 6 tasks ("), "{said}");
    assert_eq!(complaint.matches("passed over, because the store has lived on").count(), 2, "{complaint}");
    let (mut child, _) = serve(&["--seed"]);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn wrong_roles_types_and_spans_are_wrong_usage() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [
        &["agent", "run", "--role", "boss"][..],
        &["agent", "run", "--types", "cooking"],
        &["agent", "run", "--interval", "soon"],
        &["archive", "--older-than", "1w"],
        &["cleanup", "--older-than", "30"],
    ] {
        assert_eq!(done(directory.path(), arguments).0, Some(2), "{arguments:?}");
    }
}

#[test]
fn old_tasks_are_archived_by_the_server_and_at_rest() {
    let server = Server::start();
    let archive = ["archive", "--older-than=0s", "--json", "--server", &server.url];
    let (code, said, complaint) = done(server.path(), &archive);
    assert_eq!((code, said.trim()), (Some(0), r#"{"archived":2,"olderThan":"0s"}"#), "{complaint}");

    let directory = tempfile::tempdir().unwrap();
    assert_eq!(done(directory.path(), &["seed"]).0, Some(0));
    let (code, said, complaint) = done(directory.path(), &["archive", "--older-than=0s"]);
    assert_eq!(
        (code, said.as_str()),
        (Some(0), "2 tasks archived that had been closed for 0s or longer\n"),
        "{complaint}"
    );
    let (_, said, _) = done(directory.path(), &["archive", "--older-than=0s"]);
    assert!(said.starts_with("0 tasks"), "{said}");
}

#[test]
fn old_backups_go_and_the_newest_stay() {
    let directory = tempfile::tempdir().unwrap();
    let backups = directory.path().join("backups");
    fs::create_dir(&backups).unwrap();
    for day in 1..=4 {
        fs::write(backups.join(format!("2026-02-0{day}-09-00.json")), "{}").unwrap();
    }
    fs::write(backups.join("notes.json"), "mine").unwrap();
    let cleanup = ["cleanup", "--older-than=0s", "--keep", "2"];
    let (code, said, complaint) = done(directory.path(), &[&cleanup[..], &["--dry-run"]].concat());
    assert_eq!(code, Some(0), "{complaint}");
    assert!(said.contains("2 backups would be removed"), "{said}");
    let (_, said, _) = done(directory.path(), &cleanup);
    assert!(said.contains("2 backups removed: 4 bytes freed"), "{said}");
    let mut left: Vec<_> = fs::read_dir(&backups).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["2026-02-03-09-00.json", "2026-02-04-09-00.json", "notes.json"]);
}

#[test]
fn a_database_is_rebuilt_at_rest_and_left_alone_in_use() {
    let server = Server::start();
    let (code, said, complaint) = done(server.path(), &["cleanup"]);
    assert_eq!(code, Some(0), "{complaint}");
    assert!(said.contains("a server has it"), "{said}");

    let directory = tempfile::tempdir().unwrap();
    assert_eq!(done(directory.path(), &["seed"]).0, Some(0));
    let (code, said, complaint) = done(directory.path(), &["cleanup"]);
    assert_eq!(code, Some(0), "{complaint}");
    assert!(said.contains("The database was rebuilt"), "{said}");
    assert_eq!(done(directory.path(), &["verify-db"]).0, Some(0));
}

#[test]
fn the_security_check_finds_an_open_address_and_open_files() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    assert_eq!(done(directory.path(), &["seed"]).0, Some(0));
    assert_eq!(done(directory.path(), &["backup"]).0, Some(0));
    let (code, said, complaint) = done(directory.path(), &["security-check"]);
    assert_eq!(code, Some(0), "{said}{complaint}");
    assert!(said.contains("Nothing found."), "{said}");

    let database = directory.path().join("data/mission-control.db");
    fs::set_permissions(&database, fs::Permissions::from_mode(0o666)).unwrap();
    let (code, said, _) = done(directory.path(), &["security-check", "--listen", "0.0.0.0:3000", "--json"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("0.0.0.0:3000") && said.contains("mission-control.db"), "{said}");

    let data = directory.path().join("data");
    for entry in fs::read_dir(&data).unwrap() {
        fs::set_permissions(entry.unwrap().path(), fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::set_permissions(&data, fs::Permissions::from_mode(0o777)).unwrap();
    for number in 0..30 {
        let copy = data.join(format!("mission-control.db.before-restore-{number:02}"));
        fs::write(&copy, "").unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o644)).unwrap();
    }
    let (code, said, complaint) = done(directory.path(), &["security-check"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("other users may put files into data (mode 777)"), "{said}");
    assert!(said.contains("before-restore-00 is open") && said.contains("And 11 more, not listed"), "{said}");
    assert!(complaint.contains("31 findings"), "{complaint}");
}

#[test]
fn the_security_check_sees_where_the_server_listens() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["serve", "--listen", "0.0.0.0:0", "--insecure-no-credentials", "--log", "error"];
    let mut child = mission_control(directory.path(), &arguments).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let (code, said, _) = done(directory.path(), &["security-check"]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(code, Some(1));
    assert!(said.contains("Critical: the server listens on 0.0.0.0:"), "{said}");
    assert_eq!(done(directory.path(), &["security-check"]).0, Some(0), "it listens no more");
}

#[test]
fn the_new_commands_teach_in_their_help() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [&["agent", "run"][..], &["cleanup"], &["archive"], &["security-check"]] {
        let (code, said, _) = done(directory.path(), &[arguments, &["--help"]].concat());
        assert_eq!(code, Some(0));
        assert!(said.contains("Examples:") && said.contains("Exit status:"), "{said}");
    }
}
