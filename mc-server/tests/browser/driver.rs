//! ChromeDriver in a process of its own, and what there is only beyond WebDriver's standard: logs and DevTools.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::wire::ask;

/// How long a browser may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// A driver with the profile of the browser that it will start. Both end when it goes out of scope.
pub struct Driver {
    child: Child,
    profile: TempDir,
    chromium: PathBuf,
    /// Where it listens.
    pub address: String,
}

impl Driver {
    /// A driver, or nothing where the machine has no browser to test with.
    pub fn start() -> Option<Self> {
        let (Some(chromium), Some(driver)) =
            (find(&["chromium", "chromium-browser", "google-chrome"]), find(&["chromedriver"]))
        else {
            missing();
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new(driver)
            .arg("--port=0")
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut lines = output.lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            line.split_once("started successfully on port ")
                .map(|(_, port)| port.trim_end_matches('.').to_owned())
        });
        // What it says later must not fill the pipe.
        thread::spawn(move || lines.for_each(drop));
        let address = format!("127.0.0.1:{}", port.unwrap());
        Some(Self { child, profile, chromium, address })
    }

    /// What to ask of the browser.
    pub fn capabilities(&self) -> serde_json::Map<String, Value> {
        let profile = format!("--user-data-dir={}", self.profile.path().join("profile").display());
        let capabilities = json!({
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "goog:chromeOptions": {
                "binary": self.chromium,
                "args": [
                    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage",
                    "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
                    "--window-size=1280,800", profile,
                ],
            },
        });
        capabilities.as_object().cloned().unwrap()
    }

    /// What was logged since the last look at it: `browser` is the console, `performance` has the requests.
    pub fn log(&self, session: &str, kind: &str) -> Vec<Value> {
        let answer = self.ask(session, "se/log", &json!({ "type": kind }));
        answer.as_array().cloned().unwrap_or_default()
    }

    /// A command of the DevTools protocol.
    pub fn devtools(&self, session: &str, command: &str, parameters: &Value) {
        self.ask(session, "goog/cdp/execute", &json!({ "cmd": command, "params": parameters }));
    }

    fn ask(&self, session: &str, what: &str, body: &Value) -> Value {
        let path = format!("/session/{session}/{what}");
        let (status, mut answer) = ask(&self.address, "POST", &path, "", &body.to_string()).unwrap();
        assert_eq!(status, 200, "{what}: {answer}");
        answer["value"].take()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It ends its browsers, then itself.
        let _ = ask(&self.address, "GET", "/shutdown", "", "");
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let begun = Instant::now();
        // A browser that it lost has the profile in its arguments.
        while begun.elapsed() < PATIENCE {
            let left = with_argument(self.profile.path());
            if left.is_empty() {
                break;
            }
            let _ = Command::new("kill").arg("-9").args(left).stderr(Stdio::null()).status();
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The processes that have `path` in an argument.
fn with_argument(path: &Path) -> Vec<String> {
    let path = path.display().to_string();
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = processes.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let ids = ids.filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()));
    let has = |id: &String| {
        fs::read(format!("/proc/{id}/cmdline"))
            .is_ok_and(|arguments| String::from_utf8_lossy(&arguments).contains(&path))
    };
    ids.filter(has).collect()
}

/// The first of these programs that the machine has.
fn find(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let places: Vec<_> = env::split_paths(&path).collect();
    names
        .iter()
        .flat_map(|name| places.iter().map(move |place| place.join(name)))
        .find(|program| program.is_file())
}

/// Says that there is nothing to test with, past what captures the output of tests that pass.
fn missing() {
    let why =
        "No Chromium or no ChromeDriver on this machine (Debian: apt-get install chromium chromium-driver)";
    assert!(
        env::var("MC_BROWSER_TESTS").as_deref() != Ok("required"),
        "{why}, and MC_BROWSER_TESTS=required."
    );
    let name = thread::current().name().unwrap_or_default().to_owned();
    let _ = writeln!(std::io::stderr(), "\n*** NOT TESTED: {name}. {why}. ***\n");
}
