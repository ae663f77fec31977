//! Backup, restore and verification by command line, beside a real server.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A directory to work in: a store, and backups beside it.
struct World {
    directory: TempDir,
}

/// A server that ends with the test.
struct Server {
    process: Child,
    address: String,
}

impl World {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mission-control"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MC_")) {
            command.env_remove(name);
        }
        command.args(arguments).current_dir(self.directory.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout).to_owned()
    }

    /// The one line of a failure.
    fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stdout));
        let complaint = text(&output.stderr).to_owned();
        assert!(complaint.starts_with("mission-control: ") && complaint.lines().count() == 1, "{complaint}");
        complaint
    }

    fn serve(&self) -> Server {
        let mut process =
            self.command(&["serve", "--listen", "127.0.0.1:0", "--log", "error"]).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.split(['/', ' ']).find(|word| word.starts_with("127.0.0.1:")).unwrap().to_owned();
        Server { process, address }
    }

    fn backup(&self) -> Value {
        serde_json::from_str(&self.succeeds(&["backup", "--json"])).unwrap()
    }
}

impl Server {
    fn ask(&self, method: &str, path: &str, key: &str, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\nidempotency-key: {key}\r\n\
             content-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    fn create_task(&self, number: usize) -> (String, String) {
        let body = format!(r#"{{"title": "Write guide {number}", "type": "docs"}}"#);
        let (head, body) = self.ask("POST", "/api/tasks", &format!("task-{number}"), &body);
        assert!(head.starts_with("HTTP/1.1 201"), "{head}");
        (head, body)
    }

    fn end(mut self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already where all went well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const LATEST: &str = "--backup=./backups/latest.json";

#[test]
fn what_a_running_server_has_is_backed_up_restored_and_served_again() {
    let world = World::new();
    let server = world.serve();
    let first = server.create_task(1);
    server.create_task(2);
    let backup = world.backup();
    let late = server.create_task(3);
    assert!(late.0.contains("mc-position:"));

    let file = backup["file"].as_str().unwrap();
    assert_eq!(
        fs::read_link(world.path("backups/latest.json")).unwrap(),
        Path::new(file).file_name().unwrap()
    );
    assert_eq!(fs::metadata(world.path(file)).unwrap().len(), backup["bytes"].as_u64().unwrap());
    assert_eq!(backup["idempotencyKeys"], 2);
    let tasks = server.ask("GET", "/api/tasks?order=asc&sortBy=createdAt", "", "").1;
    assert!(world.fails(&["restore", LATEST, "--replace"]).contains("Stop the server"));
    server.end();

    assert!(world.succeeds(&["restore", LATEST, "--replace"]).contains("What was there before is now"));
    assert!(world.succeeds(&["verify-db"]).contains("all is well"));
    let server = world.serve();
    let restored: Vec<Value> =
        serde_json::from_str(&server.ask("GET", "/api/tasks?order=asc&sortBy=createdAt", "", "").1).unwrap();
    let tasks: Vec<Value> = serde_json::from_str(&tasks).unwrap();
    assert_eq!((restored.len(), &restored[..]), (2, &tasks[..2]));
    let repeat = server.create_task(1);
    assert!(repeat.0.contains("idempotency-replayed: true"), "{}", repeat.0);
    assert_eq!(repeat.1, first.1);
    server.end();
}

#[test]
fn backups_of_one_minute_get_names_of_their_own_and_say_the_same() {
    let world = World::new();
    let server = world.serve();
    let files: Vec<_> = (0..3).map(|_| world.backup()["file"].as_str().unwrap().to_owned()).collect();
    server.end();
    let mut names = names(&world.path("backups"));
    assert_eq!(names.len(), 4, "{names:?}");
    assert_eq!(names.pop().unwrap(), "latest.json");
    let lines: Vec<Vec<String>> = files
        .iter()
        .map(|file| fs::read_to_string(world.path(file)).unwrap().lines().map(str::to_owned).collect())
        .collect();
    // The first line has the time, the last one the hash.
    for other in &lines[1..] {
        assert_eq!(other[1..other.len() - 1], lines[0][1..lines[0].len() - 1]);
    }
}

#[test]
fn a_store_that_is_there_already_is_neither_restored_over_nor_deleted() {
    let world = World::new();
    world.serve().end();
    world.backup();
    let before = fs::read(world.path("data/mission-control.db")).unwrap();
    let complaint = world.fails(&["restore", LATEST]);
    assert!(complaint.contains("--replace") && complaint.contains("by hand: mv "), "{complaint}");
    assert_eq!(fs::read(world.path("data/mission-control.db")).unwrap(), before);

    let outcome = world.succeeds(&["restore", LATEST, "--replace", "--json"]);
    let outcome: Value = serde_json::from_str(&outcome).unwrap();
    let aside = outcome["movedAside"][0].as_str().unwrap();
    assert!(aside.contains("mission-control.db.before-restore-"), "{aside}");
    assert_eq!(fs::read(aside).unwrap(), before);
    world.succeeds(&["restore", LATEST, "--store", "sqlite:elsewhere/log.db"]);
}

#[test]
fn a_database_that_was_damaged_is_found_so_and_replaced() {
    let world = World::new();
    world.serve().end();
    world.backup();
    let database = world.path("data/mission-control.db");
    let length = fs::metadata(&database).unwrap().len();
    let mut bytes = fs::read(&database).unwrap();
    bytes[4096..length as usize].fill(0xa5);
    fs::write(&database, bytes).unwrap();

    let found = world.run(&["verify-db"]);
    assert_eq!(found.status.code(), Some(1));
    let remedy = "restore --backup=./backups/latest.json --replace --store=sqlite:data/mission-control.db";
    assert!(text(&found.stderr).contains(remedy), "{}", text(&found.stderr));
    // A copy of the damage is no backup.
    let latest = fs::read_link(world.path("backups/latest.json")).unwrap();
    assert!(world.fails(&["backup"]).contains(remedy));
    assert_eq!(fs::read_link(world.path("backups/latest.json")).unwrap(), latest);
    assert_eq!(names(&world.path("backups")).len(), 2);
    assert!(world.fails(&["serve", "--listen", "127.0.0.1:0"]).contains(remedy));
    world.succeeds(&["restore", LATEST, "--replace"]);
    let report: Value = serde_json::from_str(&world.succeeds(&["verify-db", "--json"])).unwrap();
    assert_eq!((&report["sound"], &report["findingsTotal"]), (&true.into(), &0.into()));
}

/// Changes the database as nobody should.
fn vandalise(world: &World, sql: &str) {
    let vandal = rusqlite::Connection::open(world.path("data/mission-control.db")).unwrap();
    let triggers = "DROP TRIGGER events_are_not_updated; DROP TRIGGER events_are_not_deleted";
    vandal.execute_batch(&format!("{triggers}; {sql}")).unwrap();
}

#[test]
fn a_damaged_log_is_neither_backed_up_nor_served() {
    for (sql, said) in [
        ("UPDATE events SET payload = '{' WHERE position = 1", "position 1"),
        // The last event: only the key of the request that caused it is left.
        ("DELETE FROM events WHERE position = (SELECT max(position) FROM events)", "2 problems"),
    ] {
        let world = World::new();
        let server = world.serve();
        server.create_task(1);
        server.end();
        world.backup();
        vandalise(&world, sql);
        let complaint = world.fails(&["backup"]);
        assert!(complaint.contains(said) && complaint.contains("restore a backup: "), "{complaint}");
        assert_eq!(names(&world.path("backups")).len(), 2);
        world.succeeds(&["restore", LATEST, "--replace"]);
        world.succeeds(&["verify-db"]);
    }
}

#[test]
fn what_a_newer_version_has_written_is_left_to_it() {
    let world = World::new();
    world.serve().end();
    vandalise(&world, "UPDATE events SET event_version = 2 WHERE position = 1");
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["backup"], &["verify-db"], &["seed"]] {
        let output = world.run(command);
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        let complaint = text(&output.stderr);
        assert!(complaint.contains("was written by a newer version of mission-control"), "{complaint}");
        assert!(complaint.contains("Use the newer version"), "{complaint}");
    }
}

#[test]
fn two_restores_in_one_second_both_keep_what_was_there() {
    let world = World::new();
    world.serve().end();
    world.backup();
    let asides: Vec<_> = (0..3)
        .map(|_| {
            let outcome: Value =
                serde_json::from_str(&world.succeeds(&["restore", LATEST, "--replace", "--json"])).unwrap();
            outcome["movedAside"][0].as_str().unwrap().to_owned()
        })
        .collect();
    assert!(asides.iter().all(|aside| Path::new(aside).exists()), "{asides:?}");
}

#[test]
fn the_newest_backup_that_is_whole_is_never_cleaned_up() {
    let world = World::new();
    world.serve().end();
    let whole = world.backup()["file"].as_str().unwrap().to_owned();
    for number in 1..=4 {
        fs::write(world.path(&format!("backups/2999-01-0{number}-00-00.json")), "{}").unwrap();
    }
    fs::remove_file(world.path("backups/latest.json")).unwrap();
    world.succeeds(&["cleanup", "--older-than=0s", "--keep=1"]);
    assert!(world.path(&whole).exists());
    assert_eq!(names(&world.path("backups")).len(), 2);
}

#[test]
fn a_backup_that_is_not_whole_restores_nothing() {
    let world = World::new();
    world.serve().end();
    world.backup();
    let whole = fs::read_to_string(world.path("backups/latest.json")).unwrap();
    let newer = whole.replacen("\"version\":1", "\"version\":2", 1);
    for (content, complaint) in [
        (&whole[..whole.len() / 2], "damaged in line"),
        (&whole.replacen("openclaw", "openclow", 1)[..], "damaged in line"),
        ("{\"tasks\": []}", "not a backup of Mission Control"),
        ("", "it is empty"),
        (&newer, "newer version of mission-control"),
    ] {
        fs::write(world.path("other.json"), content).unwrap();
        let said = world.fails(&["restore", "--backup", "other.json", "--store", "sqlite:new/log.db"]);
        assert!(said.contains(complaint), "{said}");
        assert!(!world.path("new").exists());
    }
    assert!(
        world.fails(&["restore", "--backup", "nothing.json"]).contains("Check that nothing.json is there")
    );
}

#[test]
fn stores_that_are_not_there_are_neither_created_nor_backed_up() {
    let world = World::new();
    for arguments in [&["backup"][..], &["verify-db"], &["backup", "--store", "memory:"], &["archive"]] {
        world.fails(arguments);
    }
    assert_eq!(names(world.directory.path()), [""; 0]);
}

#[test]
fn the_environment_stands_in_for_options() {
    let world = World::new();
    world.serve().end();
    let mut command = world.command(&["backup"]);
    let output = command.env("MC_BACKUP_DIR", "kept").env("NO_COLOR", "1").output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let mut command = world.command(&["restore"]);
    command.env("MC_BACKUP", "kept/latest.json").env("MC_STORE", "sqlite:copy.db");
    let output = command.output().unwrap();
    assert!(output.status.success() && text(&output.stdout).starts_with("copy.db: "), "{output:?}");
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn help_teaches_with_examples() {
    let world = World::new();
    for command in ["backup", "restore", "verify-db"] {
        let help = world.succeeds(&[command, "--help"]);
        for part in ["Examples:", "Exit status:", "MC_STORE", "--json"] {
            assert!(help.contains(part), "{command}: {part}");
        }
    }
    assert_eq!(world.run(&["restore"]).status.code(), Some(2));
}

/// Makes the file seem an hour old.
fn age(path: &Path) {
    let hour = std::time::Duration::from_secs(3_600);
    fs::File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_modified(std::time::SystemTime::now() - hour)
        .unwrap();
}

#[test]
fn what_a_killed_backup_has_left_goes_and_what_is_being_written_stays() {
    let world = World::new();
    world.serve().end();
    world.backup();
    let orphan = |name: &str| {
        let path = world.path("backups").join(name);
        fs::write(&path, "{\"header\":").unwrap();
        path
    };
    for arguments in [&["backup"][..], &["cleanup"]] {
        let left = [orphan(".backup-1.partial"), orphan(".latest.json-1")];
        let (held, new) = (orphan(".backup-2.partial"), orphan(".backup-3.partial"));
        [&left[0], &left[1], &held].into_iter().for_each(|path| age(path));
        let writer = fs::File::open(&held).unwrap();
        writer.lock().unwrap();
        world.succeeds(arguments);
        assert!(!left[0].exists() && !left[1].exists(), "{arguments:?}");
        assert!(held.exists() && new.exists(), "{arguments:?}");
    }
}

/// The command as a user that may write nothing here.
fn as_nobody(world: &World, arguments: &[&str]) -> Output {
    use std::os::unix::process::CommandExt;

    let nobody = 65_534;
    let is_root =
        fs::metadata("/proc/self").is_ok_and(|this| std::os::unix::fs::MetadataExt::uid(&this) == 0);
    let mut command = world.command(arguments);
    if is_root {
        // It may be in a directory that only its owner may enter.
        let program = world.path("mission-control");
        if !program.exists() {
            fs::copy(env!("CARGO_BIN_EXE_mission-control"), &program).unwrap();
        }
        command = Command::new(program);
        command
            .args(arguments)
            .current_dir(world.directory.path())
            .stdin(Stdio::null())
            .uid(nobody)
            .gid(nobody);
    }
    command.output().unwrap()
}

#[test]
fn a_store_on_media_that_can_only_be_read_is_verified_and_backed_up() {
    use std::os::unix::fs::PermissionsExt;

    let world = World::new();
    let server = world.serve();
    server.create_task(1);
    server.end();
    let allow = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    fs::create_dir(world.path("out")).unwrap();
    let (data, store) = (world.path("data"), world.path("data/mission-control.db"));
    allow(world.directory.path(), 0o755);
    allow(&world.path("out"), 0o777);
    allow(&store, 0o444);
    allow(&data, 0o555);
    for arguments in [&["verify-db", "--json"][..], &["backup", "--json", "--dir", "out"]] {
        let output = as_nobody(&world, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(outcome["events"], 3, "{outcome}");
    }
    assert_eq!(fs::read_dir(&data).unwrap().count(), 2, "the database and its lock");

    // What was written ahead cannot be read there, and is not passed over.
    fs::write(world.path("data/mission-control.db-wal"), "not empty").unwrap();
    for arguments in [&["verify-db"][..], &["backup", "--dir", "out"]] {
        let output = as_nobody(&world, arguments);
        let complaint = text(&output.stderr);
        assert!(
            complaint.contains("cannot be written. Copy it, with the file that ends in -wal"),
            "{complaint}"
        );
        assert_eq!(output.status.code(), Some(1));
    }
    allow(&data, 0o755);
}
