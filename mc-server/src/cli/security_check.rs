//! `mission-control security-check`: what an attacker would look for first.

mod policy;

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use clap::Args;
use mc_domain::{
    agent::{Agent, Registered, Role},
    aggregate::Aggregate,
    policy::{Policy, secrets::find_secrets},
};
use mc_store::{codec, log::MAX_PAGE_EVENTS, sqlite::SqliteLog};
use serde::Serialize;

use super::{
    Failure,
    store::{self, Output, count, failed},
};
use crate::config::{Listen, LogOptions, StoreOptions};

pub(super) const HELP: &str = "\
Examples:
  mission-control security-check                       Look at the defaults, data/ and backups/
  mission-control security-check --listen 0.0.0.0:3000 --json

It looks at: the address the server listens on, who may read the store, its lock and the backups, credentials in recorded
texts, agents that may do more than their role has by default, policies that let more through than the default one,
and known advisories of dependencies (where cargo audit is there). It reads only, also beside a running server.

Exit status: 0 nothing found, 1 something was found or could not be read, 2 wrong usage.";

/// The most findings of one kind that are listed.
const MAX_LISTED: usize = 20;

/// What to look at.
#[derive(Debug, Clone, Args)]
pub(super) struct SecurityOptions {
    /// Where the server listens.
    #[arg(long, env = "MC_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:3000")]
    listen: Listen,

    /// The directory of the backups.
    #[arg(long, env = "MC_BACKUP_DIR", value_name = "DIRECTORY", default_value = "./backups")]
    dir: PathBuf,

    #[command(flatten)]
    store: StoreOptions,

    #[command(flatten)]
    output: Output,

    #[command(flatten)]
    pub(super) log: LogOptions,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Severity {
    Medium,
    High,
    Critical,
}

/// Something that should not be as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    severity: Severity,
    what: String,
    remedy: &'static str,
}

#[derive(Serialize)]
struct Outcome {
    findings: Vec<Finding>,
    skipped: Vec<&'static str>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { severity, what, remedy } in &self.findings {
            writeln!(f, "{severity:?}: {what}. {remedy}.")?;
        }
        for skipped in &self.skipped {
            writeln!(f, "Not looked at: {skipped}.")?;
        }
        match self.findings.len() as u64 {
            0 => write!(f, "Nothing found."),
            findings => write!(f, "{}.", count(findings, "finding")),
        }
    }
}

/// Looks, and prints what was found.
pub(super) fn run(options: &SecurityOptions) -> Result<(), Failure> {
    let mut outcome = Outcome { findings: Vec::new(), skipped: Vec::new() };
    outcome.findings.extend(exposure(&options.listen));
    let path = store::file(&options.store)?;
    outcome.findings.extend(open_files(path, &options.dir));
    if path.exists() {
        outcome.findings.extend(recorded(options, path)?);
    } else {
        outcome.skipped.push("recorded texts and agents: there is no store yet");
    }
    match advisories() {
        Some(found) => outcome.findings.extend(found),
        None => outcome
            .skipped
            .push("advisories of dependencies: cargo audit is not here, or not where it can look"),
    }
    options.output.print(&outcome)?;
    match outcome.findings.len() as u64 {
        0 => Ok(()),
        findings => Err(Failure::new(format!("the security check has {}", count(findings, "finding")), None)),
    }
}

fn exposure(listen: &Listen) -> Option<Finding> {
    let host = listen.as_str().rsplit_once(':').map_or(listen.as_str(), |(host, _)| host);
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    let loopback = address.map_or(host == "localhost", |address| address.is_loopback());
    (!loopback).then(|| Finding {
        severity: Severity::Critical,
        what: format!("the server listens on {listen}, where everyone who reaches it may do everything"),
        remedy: "Listen on 127.0.0.1, or put a proxy that authenticates in front of it",
    })
}

/// Files that other users of the machine may read or write.
#[cfg(unix)]
fn open_files(store: &Path, backups: &Path) -> Vec<Finding> {
    use std::os::unix::fs::PermissionsExt;

    let beside = |suffix: &str| {
        let mut name = store.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let backups = fs::read_dir(backups).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let files =
        [store.to_owned(), beside("-wal"), beside("-shm"), beside(".lock")].into_iter().chain(backups);
    let exposed = files.filter_map(|path| {
        let mode = fs::metadata(&path).ok()?.permissions().mode();
        let severity = match mode & 0o077 {
            0 => return None,
            others if others & 0o022 != 0 => Severity::High,
            _ => Severity::Medium,
        };
        Some(Finding {
            severity,
            what: format!(
                "{} is open to other users of the machine (mode {:03o})",
                path.display(),
                mode & 0o777
            ),
            remedy: "chmod 600 it, and chmod 700 its directory",
        })
    });
    exposed.take(MAX_LISTED).collect()
}

#[cfg(not(unix))]
fn open_files(_: &Path, _: &Path) -> Vec<Finding> {
    Vec::new()
}

/// Credentials in what was recorded, and agents that may do too much.
fn recorded(options: &SecurityOptions, path: &Path) -> Result<Vec<Finding>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(error, None))?;
    runtime.block_on(read(path)).map_err(|error| failed(&options.store, error))
}

async fn read(path: &Path) -> Result<Vec<Finding>, mc_store::error::StoreError> {
    use mc_store::log::EventLog;

    let log = SqliteLog::open_read_only(path)?;
    let (mut findings, mut after) = (Vec::new(), 0);
    let mut agents = BTreeMap::<String, Agent>::new();
    let mut policies = BTreeMap::<String, Policy>::new();
    loop {
        let page = log.read_all(after, MAX_PAGE_EVENTS).await?;
        for stored in &page {
            let secrets = find_secrets(&stored.payload);
            if !secrets.is_empty() && findings.len() < MAX_LISTED {
                findings.push(Finding {
                    severity: Severity::Critical,
                    what: format!(
                        "event {} ({}) holds what looks like a credential",
                        stored.position, stored.event_type
                    ),
                    remedy: "Revoke the credential where it was issued; the log keeps what was recorded",
                });
            }
            if stored.stream.aggregate_type == Agent::TYPE {
                let agent = agents.entry(stored.stream.aggregate_id.clone()).or_default();
                *agent = std::mem::take(agent).evolve(&codec::decode(stored)?);
            }
            if stored.stream.aggregate_type == Policy::TYPE {
                let policy = policies.entry(stored.stream.aggregate_id.clone()).or_default();
                *policy = std::mem::take(policy).evolve(&codec::decode(stored)?);
            }
            after = stored.position;
        }
        if page.len() < MAX_PAGE_EVENTS {
            break;
        }
    }
    findings.extend(
        agents.values().filter_map(|agent| over_privileged(agent.registered().ok()?)).take(MAX_LISTED),
    );
    findings
        .extend(policies.values().filter_map(Policy::document).flat_map(policy::weaknesses).take(MAX_LISTED));
    Ok(findings)
}

fn over_privileged(agent: &Registered) -> Option<Finding> {
    let profile = &agent.profile;
    let (caps, usual) = (profile.caps, profile.role.default_caps());
    let finding = |what: String, remedy| Some(Finding { severity: Severity::Medium, what, remedy });
    if caps.daily > usual.daily || caps.per_run > usual.per_run {
        let what = format!(
            "{} may spend {} a day and {} in a run, more than its role {} has by default",
            profile.name, caps.daily, caps.per_run, profile.role
        );
        return finding(what, "Lower its caps when they are no longer needed");
    }
    if matches!(profile.role, Role::Lead | Role::Cao)
        && profile.allowed_tools.is_empty()
        && agent.parent.is_some()
    {
        let what = format!("the sub-agent {} is a {} with every tool", profile.name, profile.role);
        return finding(what, "Name the tools it needs in allowedTools");
    }
    None
}

/// What cargo audit says, where it is installed and finds a lock file.
fn advisories() -> Option<Vec<Finding>> {
    if !Path::new("Cargo.lock").exists() {
        return None;
    }
    let audit =
        Command::new("cargo").args(["audit", "--no-fetch", "--json"]).stdin(Stdio::null()).output().ok()?;
    let report: serde_json::Value = serde_json::from_slice(&audit.stdout).ok()?;
    let list = report["vulnerabilities"]["list"].as_array()?;
    let finding = |found: &serde_json::Value| Finding {
        severity: Severity::High,
        what: format!(
            "{} of {} {}",
            found["advisory"]["id"].as_str().unwrap_or("an advisory"),
            found["package"]["name"].as_str().unwrap_or("a dependency"),
            found["package"]["version"].as_str().unwrap_or_default()
        ),
        remedy: "Update the dependency",
    };
    Some(list.iter().map(finding).collect())
}
