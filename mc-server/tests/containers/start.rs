//! The services as `docker-compose up` starts them, with the container's paths in a directory of their own.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    compose::{Compose, interpolated, variables},
    read,
};

/// How long a service may take to end: `docker-compose down --timeout 10`.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A machine that has nothing but what the image has: the program, and the volume.
struct Machine {
    root: TempDir,
    compose: Compose,
    env: BTreeMap<String, String>,
    port: u16,
}

impl Machine {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let bin = root.path().join("usr/local/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_mission-control"), bin.join("mission-control")).unwrap();
        fs::create_dir(root.path().join("data")).unwrap();
        // Free a moment ago, as a port that is published has to be.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        Self {
            root,
            compose: Compose::parse(&read("docker-compose.yml")),
            env: variables(&read(".env.example")),
            port,
        }
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.root.path().join(inside.trim_start_matches('/'))
    }

    /// A value of the compose file, with the paths and addresses that it has here.
    fn mapped(&self, value: &str) -> String {
        let data = self.path("/data").display().to_string();
        interpolated(value, &self.env)
            .replace("/data", &data)
            .replace("0.0.0.0:3000", &format!("0.0.0.0:{}", self.port))
            .replace("http://api:3000", &format!("http://127.0.0.1:{}", self.port))
    }

    /// A command in the container of a service, as that is configured.
    fn command(&self, service: &str, arguments: &[String]) -> Command {
        let mut command = Command::new(self.path("/usr/local/bin/mission-control"));
        command.args(arguments).env_clear().current_dir(self.path("/data"));
        for (name, value) in self.compose.environment(service) {
            command.env(name, self.mapped(value));
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn start(&self, service: &str) -> Child {
        let arguments = self.compose.all(&format!("services.{service}.command"));
        self.command(service, arguments).spawn().unwrap()
    }

    /// Starts the server, and waits for the line that says that it is ready.
    fn start_api(&self) -> Child {
        let mut api = self.start("api");
        let mut line = String::new();
        BufReader::new(api.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("Mission Control listens"), "{line:?} {}", self.rest_of(api).1);
        api
    }

    fn rest_of(&self, mut child: Child) -> (Option<i32>, String) {
        let _ = child.kill();
        let Output { status, stderr, .. } = child.wait_with_output().unwrap();
        (status.code(), String::from_utf8(stderr).unwrap())
    }

    /// What the health check of a service says by its exit status.
    fn health(&self, service: &str) -> Option<i32> {
        let test = self.compose.all(&format!("services.{service}.healthcheck.test"));
        let mut command = self.command(service, &test[2..]);
        // In the container it listens where this asks.
        if service == "api" {
            command.env("MC_SERVER", format!("http://127.0.0.1:{}", self.port));
        }
        command.output().unwrap().status.code()
    }

    fn status(&self, path: &str, secret: Option<&str>) -> u16 {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        let bearer = secret.map(|secret| format!("authorization: Bearer {secret}\r\n")).unwrap_or_default();
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost:3000\r\nconnection: close\r\n{bearer}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

/// Asks a service to end, as `docker-compose down` does, and waits for it: its exit status and its log.
#[track_caller]
fn ended(mut child: Child) -> (Option<i32>, String) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let begun = Instant::now();
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    let status = child.wait().unwrap();
    assert!(begun.elapsed() < TIMEOUT, "it took {:?}", begun.elapsed());
    (status.code(), log)
}

#[test]
fn what_an_operator_types_works_without_a_container() {
    let machine = Machine::new();
    assert_eq!(machine.health("api"), Some(1), "nothing listens yet");

    // docker-compose up -d
    let api = machine.start_api();
    assert_eq!((machine.health("api"), machine.health("workers")), (Some(0), Some(0)));
    assert_eq!(machine.status("/health", None), 200);

    // docker-compose exec api cat /data/operator-credential
    let file = machine.path(machine.compose.environment("api")["MC_FIRST_CREDENTIAL_FILE"]);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let secret = fs::read_to_string(&file).unwrap().trim().to_owned();
    assert_eq!(machine.status("/api/tasks", None), 401);
    assert_eq!(machine.status("/api/tasks", Some(&secret)), 200);

    // docker-compose logs workers -f
    let mut workers = machine.start("workers");
    let mut log = BufReader::new(workers.stderr.take().unwrap());
    let mut told = String::new();
    while !(told.contains("[HeartbeatMonitor] Checking agent liveness...")
        && told.contains("[NotificationDispatcher] Processing notifications..."))
    {
        assert_ne!(log.read_line(&mut told).unwrap(), 0, "{told}");
    }
    workers.stderr = Some(log.into_inner());

    // docker-compose exec api mission-control archive, and backup
    for upkeep in ["archive", "backup", "security-check"] {
        let output = machine.command("api", &[upkeep.to_owned()]).output().unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        let is_well = output.status.success() || upkeep == "security-check";
        assert!(is_well && !complaint.contains(&secret), "{upkeep}: {complaint}");
    }
    assert!(machine.path("/data/backups/latest.json").exists());

    // docker-compose down --timeout 10
    let (workers_ended, workers_log) = ended(workers);
    let (api_ended, api_log) = ended(api);
    assert_eq!((workers_ended, api_ended), (Some(0), Some(0)), "{workers_log}{api_log}");
    for log in [&told, &workers_log, &api_log] {
        assert!(!log.contains(&secret) && !log.contains("nothing reads"), "{log}");
    }
    assert!(!told.contains("ERROR") && !api_log.contains("ERROR"), "{told}{api_log}");
    assert_eq!((machine.health("api"), machine.health("workers")), (Some(1), Some(1)));

    // docker-compose run --rm api verify-db, and restore
    let data = machine.path("/data");
    let backup = data.join("backups/latest.json").display().to_string();
    for upkeep in [&["verify-db"][..], &["restore", "--replace", "--backup", &backup]] {
        let arguments: Vec<_> = upkeep.iter().map(ToString::to_string).collect();
        let output = machine.command("api", &arguments).output().unwrap();
        assert!(output.status.success(), "{upkeep:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    // docker-compose up -d, once more
    let api = machine.start_api();
    assert_eq!(fs::read_to_string(&file).unwrap().trim(), secret);
    assert_eq!(machine.status("/api/tasks", Some(&secret)), 200);
    let (_, log) = ended(api);
    assert!(!log.contains("issued the first credential"), "{log}");
}
