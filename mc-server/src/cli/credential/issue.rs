//! `mission-control credential issue`.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
};

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use mc_domain::{actor::Actor, credential::Role, values::Name};
use serde_json::{Value, json};

use super::unless_held;
use crate::{
    access::{
        self, Secret,
        file::{FileError, NewFile},
    },
    app::App,
    cli::{
        Failure,
        client::Client,
        place::Place,
        store::{self, HolderOptions, Output, at_rest, one_thread},
    },
    config::{LogOptions, OperatorOptions, StoreOptions},
    logging,
    problem::{Kind, Problem},
    refusal::Refused,
    routes::NewCredential,
    span::Span,
};

/// What the credential is good for, and where its secret goes.
#[derive(Debug, Clone, Args)]
pub(super) struct IssueOptions {
    /// What the credential is called; an operator acts under this name.
    #[arg(long, value_name = "NAME")]
    name: Name,

    /// What its bearer may do: operator, agent, auditor or monitor.
    #[arg(long, value_name = "ROLE", value_parser = role)]
    role: Role,

    /// The agent that it belongs to, by name or id; for --role agent alone, and needed there.
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,

    /// A project that it is good for, by slug or id; may be repeated. Without it, all projects; an agent's is good for its own.
    #[arg(long = "project", value_name = "PROJECT")]
    projects: Vec<String>,

    /// How long it is good, from now on: a number with d, h, m or s. Without it, until it is revoked.
    #[arg(long, value_name = "SPAN", conflicts_with = "expires_at")]
    expires: Option<Span>,

    /// From when on it is no longer good, as RFC 3339 has it: 2026-12-31T23:59:59Z.
    #[arg(long, value_name = "TIME")]
    expires_at: Option<DateTime<Utc>>,

    /// Write the secret to this new file, which its user alone can read, and print it nowhere.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,

    #[command(flatten)]
    store: StoreOptions,

    #[command(flatten)]
    operator: OperatorOptions,

    #[command(flatten)]
    holder: HolderOptions,

    #[command(flatten)]
    output: Output,

    #[command(flatten)]
    pub(super) log: LogOptions,
}

fn role(text: &str) -> Result<Role, String> {
    text.trim().to_lowercase().parse().map_err(|error| format!("{error}"))
}

impl IssueOptions {
    /// The reason why options that are valid one by one cannot be combined.
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        match (self.role, &self.agent) {
            _ if self.store.is_memory() => Some(
                "a store in memory ends with its process: give --store sqlite:<path>, as the server has it",
            ),
            (Role::Agent, None) => Some("the credential of an agent belongs to one: name it with --agent"),
            (Role::Operator | Role::Auditor | Role::Monitor, Some(_)) => {
                Some("--agent belongs to --role agent: no other credential is an agent's")
            }
            (Role::Agent, Some(_)) | (Role::Operator | Role::Auditor | Role::Monitor, None) => None,
        }
    }

    fn expiry(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.expires.map(|span| now + span.delta()).or(self.expires_at)
    }

    /// The body of the call that issues it.
    fn body(&self, now: DateTime<Utc>) -> Value {
        let expires_at = self.expiry(now).map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true));
        let mut body = json!({ "name": self.name, "role": self.role });
        let optional = [
            ("agentId", self.agent.as_ref().map(|agent| json!(agent))),
            ("projects", (!self.projects.is_empty()).then(|| json!(self.projects))),
            ("expiresAt", expires_at.map(|at| json!(at))),
        ];
        for (field, value) in optional.into_iter().filter_map(|(field, value)| Some((field, value?))) {
            body[field] = value;
        }
        body
    }
}

/// A credential as REST answers it, and its secret.
struct Issued {
    credential: Value,
    secret: Secret,
}

/// Issues the credential, and gives its secret to whoever asked.
pub(super) fn run(options: &IssueOptions) -> Result<(), Failure> {
    let place = Place::of(&options.store.store)?;
    let mut file = options.secret_file.as_deref().map(NewFile::reserve).transpose()?;
    let issue = async |app: &App| in_store(app, options, file.take()).await;
    let done = one_thread()?.block_on(at_rest(&options.store, &options.operator, issue));
    let issued = match unless_held(&options.store, done)? {
        Some(issued) => issued?,
        None => by_server(options, &options.holder.client(place)?, file)?,
    };
    hand_over(options, &issued)
}

/// Issues it in the store itself. The secret is on disk before the credential is recorded: nobody gets one without it.
async fn in_store(
    app: &App,
    options: &IssueOptions,
    file: Option<NewFile>,
) -> Result<Result<Issued, FileError>, Refused> {
    let now = app.now();
    let new: NewCredential = serde_json::from_value(options.body(now))
        .map_err(|error| Problem::new(Kind::InvalidFields, error.to_string()))?;
    let grant = app.find(|views| new.grant(views)).await?;
    let secret = match drawn(file) {
        Ok(secret) => secret,
        Err(error) => return Ok(Err(error)),
    };
    let actor = Actor::Human(options.operator.operator.clone());
    let issued = access::issue(app, &grant, &secret, actor).await;
    if let (Err(_), Some(file)) = (&issued, &options.secret_file)
        && let Err(error) = fs::remove_file(file)
    {
        tracing::warn!(%error, file = %file.display(), "a file with a secret that is good for nothing could not be removed");
    }
    let id = issued?;
    let credential = app.read(|views| {
        let view = views.credentials.view(id, &views.agents, now, None);
        serde_json::to_value(view).map_err(|_| Problem::of(Kind::Internal))
    });
    Ok(Ok(Issued { credential: credential.await??, secret }))
}

fn drawn(file: Option<NewFile>) -> Result<Secret, FileError> {
    let secret = Secret::draw().map_err(FileError::NotRandom)?;
    file.map_or(Ok(()), |file| file.keep(&secret))?;
    Ok(secret)
}

/// Has it issued by the server that has the store, which draws the secret.
fn by_server(options: &IssueOptions, client: &Client, file: Option<NewFile>) -> Result<Issued, Failure> {
    let mut credential = client.post("/api/credentials", &options.body(Utc::now()))?;
    let secret = credential.as_object_mut().and_then(|fields| fields.remove("secret"));
    let secret = secret.as_ref().and_then(Value::as_str).map(Secret::parse);
    let Some(Ok(secret)) = secret else {
        return Err(Failure::new("the server answered no secret", revocation(&credential)));
    };
    match file.map_or(Ok(()), |file| file.keep(&secret)) {
        Ok(()) => Ok(Issued { credential, secret }),
        Err(error) => Err(Failure::new(error, revocation(&credential))),
    }
}

/// What to do with a credential whose secret nobody got.
fn revocation(credential: &Value) -> Option<String> {
    let id = credential["id"].as_str()?;
    Some(format!(
        "The credential was issued all the same, and nobody has its secret: mission-control credential revoke {id}"
    ))
}

/// Prints the credential, with its secret unless that is in a file.
fn hand_over(options: &IssueOptions, Issued { credential, secret }: &Issued) -> Result<(), Failure> {
    let line = match (&options.secret_file, options.output.json) {
        (Some(file), true) => with(credential, "secretFile", json!(file)),
        (Some(file), false) => format!("{}. Its secret is in {}", described(credential), file.display()),
        (None, true) => with(credential, "secret", json!(secret.reveal())),
        (None, false) => {
            logging::say(&format!("{}.\n{KEEP_IT}", described(credential)));
            secret.reveal().to_owned()
        }
    };
    let printed = writeln!(io::stdout(), "{line}").and_then(|()| io::stdout().flush());
    printed.map_err(|error| match options.secret_file {
        Some(_) => Failure::new(error, None),
        None => Failure::new(format!("the secret could not be printed: {error}"), revocation(credential)),
    })
}

const KEEP_IT: &str = "\
Its secret is shown this once. Keep it in a file that you alone can read (chmod 600), and name that file with
--credential-file or MC_CREDENTIAL_FILE. A program sends it as: Authorization: Bearer <secret>.";

fn with(credential: &Value, field: &str, value: Value) -> String {
    let mut credential = credential.clone();
    credential[field] = value;
    credential.to_string()
}

/// The beginning of a sentence that says what was issued.
fn described(credential: &Value) -> String {
    let text = |field: &str| credential[field].as_str().unwrap_or_default();
    let until = match credential["expiresAt"].as_str() {
        Some(at) => format!("until {at}"),
        None => "until it is revoked".to_owned(),
    };
    let projects = match credential["projectIds"].as_array().map(Vec::len) {
        None => "all projects".to_owned(),
        Some(some) => store::count(some as u64, "project"),
    };
    format!(
        "Issued the credential {} ({}, {}), good for {projects} {until}",
        text("id"),
        text("name"),
        text("role")
    )
}
