//! `mission-control security-check`: looks for security risks in address, files, records and policies.

mod credentials;
mod database;
mod policy;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use chrono::Utc;
use clap::Args;
use mc_domain::{
    agent::{Agent, Registered, Role},
    aggregate::Aggregate,
    ids::AgentId,
    policy::{Policy, secrets::find_secrets},
};
use mc_store::{
    codec,
    error::StoreError,
    log::{EventLog, MAX_PAGE_EVENTS, StoredEvent},
};
use serde::Serialize;

use self::credentials::Issued;
use super::{
    Failure,
    place::{Place, failed},
    store::{Output, count, one_thread},
};
use crate::config::{CredentialOptions, Listen, LogOptions, StoreOptions};

pub(super) const HELP: &str = "\
Examples:
  mission-control security-check                       Look at the defaults, data/ and backups/
  mission-control security-check --listen 0.0.0.0:3000 --json

It looks at: the address the server listens on, as told and as the server that has the store says itself, and whether that
asks for credentials; who may read the store, what is beside it, the backups and the --credential-file; credentials of
operators that never expire, and those that have expired, that nobody has used for 90 days, or whose agent is gone; credentials
in recorded texts; agents that may do more than their role has by
default; policies that let more through than the default one; of a database on a server whether a password is in the command
line, whether the connection is encrypted, what its role may do, and whether all guards are there; and known advisories of dependencies, where there is a
Cargo.lock and cargo audit or cargo deny. It reads only, also beside a running server; of that it asks whether the credential
in --credential-file is good. A note is no finding.

Exit status: 0 nothing found, 1 something was found or could not be read, 2 wrong usage.";

/// The most findings of one kind that are listed.
const MAX_LISTED: usize = 20;

/// The settings and files that the check looks at.
#[derive(Debug, Clone, Args)]
pub(super) struct SecurityOptions {
    /// The address that the server is to listen on.
    #[arg(long, env = "MC_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:3000")]
    listen: Listen,

    /// The directory that `backup` writes to.
    #[arg(long, env = "MC_BACKUP_DIR", value_name = "DIRECTORY", default_value = "./backups")]
    dir: PathBuf,

    #[command(flatten)]
    store: StoreOptions,

    #[command(flatten)]
    credential: CredentialOptions,

    #[command(flatten)]
    output: Output,

    #[command(flatten)]
    pub(super) log: LogOptions,
}

/// The severity of a finding, mildest first; `--json` prints it in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Severity {
    Medium,
    High,
    Critical,
}

/// A security risk, or up to [`MAX_LISTED`] of one kind together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    severity: Severity,
    what: String,
    remedy: &'static str,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    findings: Vec<Finding>,
    /// How many there are, those included that are not listed.
    findings_total: u64,
    notes: Vec<String>,
    skipped: Vec<&'static str>,
}

impl Outcome {
    /// Adds what was found of one kind, the first [`MAX_LISTED`] of it.
    fn add(&mut self, found: impl IntoIterator<Item = Finding>) {
        let mut found = found.into_iter();
        self.findings.extend(found.by_ref().take(MAX_LISTED).inspect(|_| self.findings_total += 1));
        self.findings_total += found.count() as u64;
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { severity, what, remedy } in &self.findings {
            writeln!(f, "{severity:?}: {what}. {remedy}.")?;
        }
        let listed = self.findings.len() as u64;
        if self.findings_total > listed {
            writeln!(f, "And {} more, not listed: look at those first.", self.findings_total - listed)?;
        }
        for note in &self.notes {
            writeln!(f, "Note: {note}.")?;
        }
        for skipped in &self.skipped {
            writeln!(f, "Not looked at: {skipped}.")?;
        }
        match self.findings_total {
            0 => write!(f, "Nothing found."),
            findings => write!(f, "{}.", count(findings, "finding")),
        }
    }
}

/// Runs all checks and prints the findings.
pub(super) fn run(options: &SecurityOptions) -> Result<(), Failure> {
    let mut outcome = Outcome::default();
    let url = &options.store.store;
    let store = Place::of(url)?;
    let known = known(store).map_err(|error| failed(url, error))?;
    let is_guarded = known.as_ref().is_some_and(|known| known.issued.is_required());
    exposed(&options.listen, store, is_guarded, &mut outcome);
    outcome.add(open_files(store.file(), &options.dir));
    if let Place::Database(url) = store {
        outcome.add(database::findings(url).map_err(|error| failed(url, error))?);
    }
    shown(options, store, &mut outcome);
    match known {
        Some(known) => recorded(known, &mut outcome),
        None => outcome.skipped.push("recorded texts, credentials and agents: there is no store yet"),
    }
    match advisories() {
        Some(found) => outcome.add(found),
        None => outcome.skipped.push(
            "advisories of dependencies: there is no Cargo.lock here, or neither cargo audit nor cargo deny",
        ),
    }
    options.output.print(&outcome)?;
    match outcome.findings_total {
        0 => Ok(()),
        findings => Err(Failure::new(format!("the security check has {}", count(findings, "finding")), None)),
    }
}

/// Where others reach the server: where it is told to listen, and where the one that has the store says it does. A finding as
/// long as it asks for no credentials.
fn exposed(given: &Listen, store: Place<'_>, is_guarded: bool, outcome: &mut Outcome) {
    let running = store.holder().map(|holder| holder.listen);
    let places = [Some(given.as_str().to_owned()), running];
    let places: BTreeSet<String> = places.into_iter().flatten().filter(|listen| is_exposed(listen)).collect();
    for listen in places {
        if is_guarded {
            outcome.notes.push(format!(
                "the server listens on {listen}, where credentials and answers are not encrypted; a proxy before it does that"
            ));
        } else {
            outcome.add([Finding {
                severity: Severity::Critical,
                what: format!(
                    "the server listens on {listen} and asks for no credential: everyone who reaches it may do everything"
                ),
                remedy: "Issue an operator's with mission-control credential issue, or listen on 127.0.0.1",
            }]);
        }
    }
}

fn is_exposed(listen: &str) -> bool {
    let host = listen.rsplit_once(':').map_or(listen, |(host, _)| host);
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    !address.map_or(host == "localhost", |address| address.is_loopback())
}

/// The credential that is given: whether others can have it, and whether it is good.
fn shown(options: &SecurityOptions, store: Place<'_>, outcome: &mut Outcome) {
    let Some(file) = &options.credential.credential_file else { return };
    match credentials::of_file(file) {
        Err(finding) => outcome.add([finding]),
        Ok(secret) => match credentials::asked(store, &secret) {
            Some(Ok(note)) => outcome.notes.push(note),
            Some(Err(finding)) => outcome.add([finding]),
            None => outcome
                .skipped
                .push("whether the credential is good: no server has the store, or it does not answer"),
        },
    }
}

/// Files that other users of the machine may read or write, and directories in which they may put others in their place.
#[cfg(unix)]
fn open_files(store: Option<&Path>, backups: &Path) -> Vec<Finding> {
    let home = store
        .map(|store| store.parent().filter(|home| !home.as_os_str().is_empty()).unwrap_or(Path::new(".")));
    let name = store.and_then(Path::file_name).unwrap_or_default().as_encoded_bytes();
    // Its write-ahead log, its lock, and what a restore has moved aside.
    let beside = home
        .into_iter()
        .flat_map(entries)
        .filter(|path| path.file_name().is_some_and(|file| file.as_encoded_bytes().starts_with(name)));
    let files = beside.chain(entries(backups)).filter_map(|path| open_file(&path));
    home.into_iter().chain([backups]).filter_map(open_directory).chain(files).collect()
}

#[cfg(unix)]
fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let mut entries: Vec<_> =
        fs::read_dir(directory).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    entries.into_iter()
}

#[cfg(unix)]
fn open_file(path: &Path) -> Option<Finding> {
    let mode = mode(path)?;
    let severity = match mode & 0o077 {
        0 => return None,
        others if others & 0o022 != 0 => Severity::High,
        _ => Severity::Medium,
    };
    let what =
        format!("{} is open to other users of the machine (mode {:03o})", path.display(), mode & 0o777);
    Some(Finding { severity, what, remedy: "chmod 600 it, and chmod 700 its directory" })
}

#[cfg(unix)]
fn open_directory(path: &Path) -> Option<Finding> {
    let mode = mode(path)?;
    // In a sticky directory nobody removes or replaces what is another's.
    if mode & 0o022 == 0 || mode & 0o1000 != 0 {
        return None;
    }
    let what = format!("other users may put files into {} (mode {:03o})", path.display(), mode & 0o777);
    Some(Finding { severity: Severity::High, what, remedy: "chmod 700 it" })
}

#[cfg(unix)]
fn mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;

    Some(fs::metadata(path).ok()?.permissions().mode())
}

#[cfg(not(unix))]
fn open_files(_: Option<&Path>, _: &Path) -> Vec<Finding> {
    Vec::new()
}

/// Credentials in what was recorded, those that were issued, and agents and policies that allow too much.
fn recorded(known: Known, outcome: &mut Outcome) {
    let now = Utc::now();
    outcome.notes.push(known.issued.note(now));
    let is_gone = |agent: AgentId| {
        let agent = known.agents.get(&agent.to_string()).and_then(|agent| agent.registered().ok());
        agent.is_none_or(Registered::is_retired)
    };
    outcome.add(known.issued.findings(is_gone, now));
    outcome.add(known.credentials);
    let agents: Vec<&Registered> =
        known.agents.values().filter_map(|agent| agent.registered().ok()).collect();
    outcome.add(agents.iter().filter_map(|agent| over_privileged(agent)));
    outcome.add(seats(&agents));
    outcome.notes.extend(every_tool(&agents));
    outcome.add(known.policies.values().filter_map(Policy::document).flat_map(policy::weaknesses));
}

/// What the log says, as far as it is looked at.
#[derive(Default)]
struct Known {
    credentials: Vec<Finding>,
    issued: Issued,
    agents: BTreeMap<String, Agent>,
    policies: BTreeMap<String, Policy>,
}

/// Reads the log; nothing where there is no store yet.
fn known(store: Place<'_>) -> Result<Option<Known>, StoreError> {
    if store.file().is_some_and(|path| !path.exists()) {
        return Ok(None);
    }
    let log = store.reader()?;
    let runtime = one_thread().map_err(|error| StoreError::Unavailable(error.to_string().into()))?;
    runtime.block_on(read(&*log)).map(Some)
}

async fn read(log: &dyn EventLog) -> Result<Known, StoreError> {
    let (mut known, mut after) = (Known::default(), 0);
    loop {
        let page = log.read_all(after, MAX_PAGE_EVENTS).await?;
        let Some(last) = page.last() else { return Ok(known) };
        after = last.position;
        page.iter().try_for_each(|stored| known.take_in(stored))?;
    }
}

impl Known {
    fn take_in(&mut self, stored: &StoredEvent) -> Result<(), StoreError> {
        if !find_secrets(&stored.payload).is_empty() {
            let StoredEvent { position, event_type, .. } = stored;
            self.credentials.push(Finding {
                severity: Severity::Critical,
                what: format!("event {position} ({event_type}) holds what looks like a credential"),
                remedy: "Revoke the credential where it was issued; the log keeps what was recorded",
            });
        }
        self.issued.take_in(stored)?;
        let stream = &stored.stream;
        if stream.aggregate_type == Agent::TYPE {
            let agent = self.agents.entry(stream.aggregate_id.clone()).or_default();
            *agent = std::mem::take(agent).evolve(&codec::decode(stored)?);
        }
        if stream.aggregate_type == Policy::TYPE {
            let policy = self.policies.entry(stream.aggregate_id.clone()).or_default();
            *policy = std::mem::take(policy).evolve(&codec::decode(stored)?);
        }
        Ok(())
    }
}

/// One seat is the Chief Agent Officer's.
fn seats(agents: &[&Registered]) -> Option<Finding> {
    let seated: Vec<_> = agents.iter().filter(|agent| agent.profile().role == Role::Cao).collect();
    let names: Vec<_> = seated.iter().map(|agent| agent.profile().name.as_str()).collect();
    (names.len() > 1).then(|| Finding {
        severity: Severity::Medium,
        what: format!("{} agents are cao: {}", names.len(), names.join(", ")),
        remedy: "Give all but one the role that they need",
    })
}

/// Who names no tools has all of them; the policy still judges each use.
fn every_tool(agents: &[&Registered]) -> Option<String> {
    let free: Vec<_> = agents.iter().filter(|agent| agent.profile().allowed_tools.is_empty()).collect();
    let some: Vec<_> = free.iter().take(3).map(|agent| agent.profile().name.as_str()).collect();
    let more = if free.len() > some.len() { ", …" } else { "" };
    let what = count(free.len() as u64, "agent");
    (!free.is_empty()).then(|| {
        format!("{what} may ask for every tool ({}{more}); allowedTools narrows that", some.join(", "))
    })
}

fn over_privileged(agent: &Registered) -> Option<Finding> {
    let profile = agent.profile();
    let (caps, usual) = (profile.caps, profile.role.default_caps());
    let finding = |what: String, remedy| Some(Finding { severity: Severity::Medium, what, remedy });
    if caps.daily > usual.daily || caps.per_run_in_force() > usual.per_run {
        let what = format!(
            "{} may spend {} a day and {} in a run, more than its role {} has by default",
            profile.name,
            caps.daily,
            caps.per_run_in_force(),
            profile.role
        );
        return finding(what, "Lower its caps when they are no longer needed");
    }
    if matches!(profile.role, Role::Lead | Role::Cao)
        && profile.allowed_tools.is_empty()
        && agent.parent().is_some()
    {
        let what = format!("the sub-agent {} is a {} with every tool", profile.name, profile.role);
        return finding(what, "Name the tools it needs in allowedTools");
    }
    None
}

/// What is known of the dependencies, where there is a lock file and a tool that knows it.
fn advisories() -> Option<Vec<Finding>> {
    if !Path::new("Cargo.lock").exists() {
        return None;
    }
    audited().or_else(denied)
}

/// The advisories that `cargo audit` reports; `None` where it is not installed or cannot run.
fn audited() -> Option<Vec<Finding>> {
    let audit =
        Command::new("cargo").args(["audit", "--no-fetch", "--json"]).stdin(Stdio::null()).output().ok()?;
    let report: serde_json::Value = serde_json::from_slice(&audit.stdout).ok()?;
    let list = report["vulnerabilities"]["list"].as_array()?;
    let finding = |found: &serde_json::Value| {
        let text = |part: &str, field: &str| found[part][field].as_str().unwrap_or_default().to_owned();
        advisory(&text("advisory", "id"), &text("package", "name"), &text("package", "version"))
    };
    Some(list.iter().map(finding).collect())
}

/// What cargo deny says: a line of JSON each, on standard error.
fn denied() -> Option<Vec<Finding>> {
    let arguments = ["deny", "--offline", "--format", "json", "check", "advisories"];
    let denied = Command::new("cargo").args(arguments).stdin(Stdio::null()).output().ok()?;
    let lines = String::from_utf8(denied.stderr).ok()?;
    let lines: Vec<serde_json::Value> =
        lines.lines().map(serde_json::from_str).collect::<Result<_, _>>().ok()?;
    // Without a last word it has not looked.
    lines.iter().find(|line| line["type"] == "summary")?;
    let advisories =
        lines.iter().map(|line| &line["fields"]["advisory"]).filter(|advisory| advisory.is_object());
    let finding = |found: &serde_json::Value| {
        let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
        advisory(&text("id"), &text("package"), "")
    };
    Some(advisories.map(finding).collect())
}

fn advisory(id: &str, package: &str, version: &str) -> Finding {
    let what = format!("{id} of {package} {version}").trim_end().to_owned();
    Finding { severity: Severity::High, what, remedy: "Update the dependency" }
}
