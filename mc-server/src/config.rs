//! The options of the command line, with the variables of the environment that replace them.

use std::{
    collections::BTreeSet, ffi::OsString, fmt, num::NonZeroU32, ops::RangeInclusive, path::PathBuf,
    str::FromStr, time::Duration,
};

use clap::{Args, Command, ValueEnum, builder::FalseyValueParser};
use mc_domain::values::Name;
use mc_store::Location;
use tracing_subscriber::EnvFilter;

use crate::{
    access::{self, file::FileError},
    connections::{Descriptors, Limits},
    layers::{Host, InvalidHost},
    span::Span,
    store_url::StoreUrl,
    webhook::{Address, InvalidSecret, Secret, Webhook, can_be_reached},
};

/// The store when none is named.
pub const DEFAULT_STORE: &str = "sqlite:data/mission-control.db";

/// The prefix of every variable that the program reads.
const PREFIX: &str = "MC_";

/// How long a connection may be made to wait for its client: a second at least, an hour at most.
const TIME_LIMITS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3_600);

/// The options of the server.
#[derive(Debug, Clone, Args)]
pub struct ServeOptions {
    /// Where to listen. Port 0 takes any free port.
    ///
    /// On another address than loopback it starts once there is a credential: from the first one on every call needs one. See
    /// mission-control credential issue, and --first-credential-file.
    #[arg(long, env = "MC_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:3000")]
    pub listen: Listen,

    /// Where the log is kept.
    #[command(flatten)]
    pub store: StoreOptions,

    /// Who operates it.
    #[command(flatten)]
    pub operator: OperatorOptions,

    /// Record the example squad and its tasks first, where they are not there yet.
    #[arg(long)]
    pub seed: bool,

    /// A further host name the server answers for, beside localhost; may be repeated, or separated by commas.
    #[arg(long = "allowed-host", env = "MC_ALLOWED_HOSTS", value_name = "HOST", value_delimiter = ',')]
    allowed_hosts: Vec<HostOrNone>,

    /// Post every notification to this address too, as Standard Webhooks; needs --webhook-secret-file.
    #[arg(long, env = "MC_WEBHOOK", value_name = "URL", requires = "webhook_secret_file")]
    pub webhook: Option<Address>,

    /// A file with the secret that what is posted is signed with: whsec_ and the base64 of 24 to 64 random bytes.
    #[arg(long, env = "MC_WEBHOOK_SECRET_FILE", value_name = "FILE", requires = "webhook")]
    pub webhook_secret_file: Option<PathBuf>,

    /// Who may call, and how often.
    #[command(flatten)]
    pub access: AccessOptions,

    /// How many connections there may be, and how long each may wait.
    #[command(flatten)]
    pub connections: ConnectionOptions,

    /// What is logged, and how.
    #[command(flatten)]
    pub log: LogOptions,
}

impl ServeOptions {
    /// The webhook, if there is to be one.
    ///
    /// # Errors
    /// [`InvalidSecret`]
    pub fn webhook(&self) -> Result<Option<Webhook>, InvalidSecret> {
        let (Some(address), Some(file)) = (&self.webhook, &self.webhook_secret_file) else { return Ok(None) };
        Ok(Some(Webhook::new(address.clone(), Secret::read(file)?)))
    }

    /// The hosts the server answers for beside loopback.
    pub fn allowed_hosts(&self) -> Vec<Host> {
        self.allowed_hosts.iter().filter_map(|HostOrNone(host)| host.clone()).collect()
    }
}

/// Who may call, and how often.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Credentials")]
pub struct AccessOptions {
    /// Where no credential was ever issued, issue an operator's in the operator's name, and write its secret to this new file.
    ///
    /// Its user alone can read it. Where there is a credential, also one that was revoked, nothing happens.
    #[arg(long, env = "MC_FIRST_CREDENTIAL_FILE", value_name = "FILE")]
    pub first_credential_file: Option<PathBuf>,

    /// Listen on another address than loopback although there is no credential: everyone who reaches it may do everything.
    #[arg(long, env = "MC_INSECURE_NO_CREDENTIALS", value_parser = FalseyValueParser::new())]
    pub insecure_no_credentials: bool,

    /// The most calls a second by one credential, over a longer time; twice as many at once. 0: no limit.
    #[arg(long, env = "MC_MAX_CALLS_PER_SECOND", value_name = "NUMBER", default_value = "1000")]
    pub max_calls_per_second: u32,

    /// The most calls a minute with a wrong credential, from one address, that are answered with what was wrong. 0: no limit.
    #[arg(long, env = "MC_MAX_FAILURES_PER_MINUTE", value_name = "NUMBER", default_value = "60")]
    pub max_failures_per_minute: u32,
}

impl AccessOptions {
    /// How often a credential may call, and an address fail.
    pub fn limits(&self) -> access::Limits {
        access::Limits {
            calls_per_second: NonZeroU32::new(self.max_calls_per_second),
            failures_per_minute: NonZeroU32::new(self.max_failures_per_minute),
        }
    }
}

/// The credential that a command shows to a server; for every command that may ask one.
#[derive(Debug, Clone, Args)]
pub struct CredentialOptions {
    /// A file with the credential to show to the server; its user alone may be able to read and write it (chmod 600).
    ///
    /// Not needed as long as the server asks for none, nor where the command works on the store itself.
    #[arg(long, env = "MC_CREDENTIAL_FILE", value_name = "FILE")]
    pub credential_file: Option<PathBuf>,
}

impl CredentialOptions {
    /// The credential, where one is given. The file is read now, and not when the command begins: a command that asks no
    /// server needs none.
    ///
    /// # Errors
    /// [`FileError`]
    pub fn secret(&self) -> Result<Option<access::Secret>, FileError> {
        self.credential_file.as_deref().map(access::file::read).transpose()
    }
}

/// The same option for commands that show no credential, so that it can be given to each of them.
#[derive(Debug, Clone, Args)]
pub struct NoCredentialOptions {
    /// Not needed: this command shows no credential to any server, and does not read the file.
    #[arg(long = "credential-file", env = "MC_CREDENTIAL_FILE", value_name = "FILE")]
    _credential_file: Option<PathBuf>,
}

/// How many connections there may be, and how long each may wait for its client.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connections")]
pub struct ConnectionOptions {
    /// The most connections at a time [default: 4096, or what the limit of open files leaves room for].
    ///
    /// Where all are taken, the one that waits longest for its client is ended for a new one; where none waits, the new one
    /// is refused with 503. Half of them at most are event streams.
    #[arg(long, env = "MC_MAX_CONNECTIONS", value_name = "NUMBER", value_parser = at_least_one)]
    pub max_connections: Option<usize>,

    /// The most connections at a time from one address that is not loopback [default: half of all].
    #[arg(long, env = "MC_MAX_CONNECTIONS_PER_PEER", value_name = "NUMBER", value_parser = at_least_one)]
    pub max_connections_per_peer: Option<usize>,

    /// How long the head of a request may take, and a new connection may send nothing.
    #[arg(long, env = "MC_HEAD_TIMEOUT", value_name = "SPAN", default_value = "15s", value_parser = time_limit)]
    pub head_timeout: Span,

    /// How long the body of a request may take.
    #[arg(long, env = "MC_BODY_TIMEOUT", value_name = "SPAN", default_value = "30s", value_parser = time_limit)]
    pub body_timeout: Span,

    /// How long a connection may be idle after an answer.
    #[arg(long, env = "MC_IDLE_TIMEOUT", value_name = "SPAN", default_value = "120s", value_parser = time_limit)]
    pub idle_timeout: Span,

    /// How long a client may read nothing of an answer or an event stream that is ready for it.
    #[arg(long, env = "MC_WRITE_TIMEOUT", value_name = "SPAN", default_value = "30s", value_parser = time_limit)]
    pub write_timeout: Span,
}

impl ConnectionOptions {
    /// The limits of a process that may have so many descriptors.
    pub fn limits(&self, descriptors: Descriptors) -> Limits {
        let connections = descriptors.connections(self.max_connections);
        Limits {
            connections,
            per_peer: Descriptors::per_peer(connections, self.max_connections_per_peer),
            head: self.head_timeout.duration(),
            body: self.body_timeout.duration(),
            idle: self.idle_timeout.duration(),
            write: self.write_timeout.duration(),
        }
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("give a whole number of at least 1".to_owned()),
    }
}

fn time_limit(text: &str) -> Result<Span, String> {
    let span: Span = text.parse().map_err(|error| format!("{error}"))?;
    if TIME_LIMITS.contains(&span.duration()) {
        Ok(span)
    } else {
        Err("give at least a second and at most an hour, such as 30s".to_owned())
    }
}

/// Where the log is kept; for every command that works on it.
#[derive(Debug, Clone, Args)]
pub struct StoreOptions {
    /// Where the log is kept: sqlite:PATH, postgres://USER@HOST/DATABASE, or memory: for one that ends with the process.
    ///
    /// A password belongs in MC_STORE or in ~/.pgpass (PGPASSFILE), as other users of the machine can read the arguments of a
    /// process. Over a network add ?sslmode=verify-full.
    #[arg(long, env = "MC_STORE", hide_env_values = true, value_name = "URL", default_value = DEFAULT_STORE)]
    pub store: StoreUrl,
}

impl StoreOptions {
    /// Whether the log is in memory alone and is lost with the process.
    pub fn is_memory(&self) -> bool {
        self.store.location() == Location::Memory
    }
}

/// The server when none is named.
pub const DEFAULT_SERVER: &str = "http://127.0.0.1:3000";

/// The address of a server, as an option.
pub fn server(text: &str) -> Result<String, String> {
    let base = text.trim_end_matches('/');
    let host = base.strip_prefix("http://").unwrap_or_default();
    if !can_be_reached(host) {
        return Err("give http://HOST:PORT; encrypted connections end at a proxy".to_owned());
    }
    Ok(base.to_owned())
}

/// Who operates it; for every command that writes.
#[derive(Debug, Clone, Args)]
pub struct OperatorOptions {
    /// The operator, in whose name a write is recorded that does not say who acts.
    #[arg(long, env = "MC_OPERATOR", value_name = "NAME", default_value = "Sofie")]
    pub operator: Name,
}

/// The options of `seed`.
#[derive(Debug, Clone, Args)]
pub struct SeedOptions {
    /// Go on with a simulated day of the squad's work, which ends now: runs, costs, reviews, an alert.
    #[arg(long)]
    pub demo: bool,

    /// A credential, which the command does not need.
    #[command(flatten)]
    pub credential: NoCredentialOptions,

    /// Where the log is kept.
    #[command(flatten)]
    pub store: StoreOptions,

    /// Who operates it.
    #[command(flatten)]
    pub operator: OperatorOptions,

    /// What is logged, and how.
    #[command(flatten)]
    pub log: LogOptions,
}

/// What is logged to standard error, and how.
#[derive(Debug, Clone, Args)]
pub struct LogOptions {
    /// How much is logged: error, warn, info, debug or trace; also by module, such as info,mc_store=debug.
    #[arg(long = "log", env = "MC_LOG", value_name = "FILTER", default_value = "info", value_parser = filter)]
    pub filter: String,

    /// How a line of the log looks.
    #[arg(long = "log-format", env = "MC_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub format: LogFormat,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines of text, for people to read.
    Text,
    /// One JSON object per line.
    Json,
}

/// Where to listen: an address or a name, with a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen(Box<str>);

/// The text names no place to listen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("give a host and a port, such as 127.0.0.1:3000, localhost:3000 or [::1]:3000")]
pub struct InvalidListen;

impl Listen {
    /// Host and port in the form that binding a socket takes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Listen {
    type Err = InvalidListen;

    fn from_str(text: &str) -> Result<Self, InvalidListen> {
        let (host, port) = text.rsplit_once(':').ok_or(InvalidListen)?;
        let port_is_valid = port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
        // A host without brackets has no colon: the last part of a bare IPv6 address is not a port.
        let host_is_valid = host.parse::<Host>().is_ok_and(|parsed| parsed.to_string().len() == host.len());
        if port_is_valid && host_is_valid { Ok(Self(text.into())) } else { Err(InvalidListen) }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A host, or the nothing that an empty variable holds.
#[derive(Debug, Clone)]
struct HostOrNone(Option<Host>);

impl FromStr for HostOrNone {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        match text.trim() {
            "" => Ok(Self(None)),
            host => host.parse().map(Some).map(Self),
        }
    }
}

/// The levels of the log; as a word alone, anything else would be taken for a module and turn all others off.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

fn filter(text: &str) -> Result<String, String> {
    let bare = |word: &&str| !word.contains(['=', '[']) && !word.starts_with("mc_") && !word.contains("::");
    let unknown =
        |word: &&str| !word.is_empty() && !LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
    if let Some(word) = text.split(',').map(str::trim).filter(bare).find(unknown) {
        return Err(format!("{word:?} is no level; try info, or info,mc_store=debug"));
    }
    match text.parse::<EnvFilter>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("{error}; try info, or info,mc_store=debug")),
    }
}

/// The same command for which variables that hold nothing are not set.
pub fn without_empty_variables(command: Command) -> Command {
    let is_empty = |name: &std::ffi::OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    command
        .mut_args(|argument| match argument.get_env() {
            Some(name) if is_empty(name) => argument.env(None),
            _ => argument,
        })
        .mut_subcommands(without_empty_variables)
}

/// The variables of the environment that look like ours and are not read by any command: mistyped, most likely.
pub fn unknown_variables(command: &Command, environment: impl IntoIterator<Item = OsString>) -> Vec<String> {
    let known = known_variables(command);
    let ours = environment.into_iter().filter_map(|name| name.into_string().ok());
    let unknown: BTreeSet<_> =
        ours.filter(|name| name.starts_with(PREFIX) && !known.contains(name)).collect();
    unknown.into_iter().collect()
}

fn known_variables(command: &Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(|argument| argument.get_env()?.to_str().map(str::to_owned));
    own.chain(command.get_subcommands().flat_map(known_variables)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_told_from_what_is_none() {
        assert_eq!(server("http://127.0.0.1:3000/"), Ok("http://127.0.0.1:3000".to_owned()));
        for text in
            ["", "foo", "http://", "https://a", "http://a/b", "http://a:99999", "http://a:", "http://u@a"]
        {
            assert!(server(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_word_that_is_no_level_is_no_filter() {
        for text in ["info", "WARN", "off", "mc_store", "info,mc_store=debug", "info,hyper::proto=trace", ""]
        {
            assert!(filter(text).is_ok(), "{text}");
        }
        for text in ["inf", "eror", "warning", "info,debgu", "loud=very"] {
            assert!(filter(text).is_err(), "{text}");
        }
    }

    #[test]
    fn places_to_listen_have_a_host_and_a_port() {
        for text in ["127.0.0.1:3000", "localhost:0", "[::1]:3000", "0.0.0.0:80", "mc.example:65535"] {
            assert_eq!(text.parse::<Listen>().unwrap().to_string(), text);
        }
        for text in
            ["", "3000", ":3000", "localhost", "localhost:", "localhost:x", "::1:3000", "a:65536", "a:+1"]
        {
            assert_eq!(text.parse::<Listen>(), Err(InvalidListen), "{text}");
        }
    }
}
