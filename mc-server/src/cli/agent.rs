//! `mission-control agent run`: a minimal agent that uses nothing but the REST interface.

mod round;

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use clap::{Args, Subcommand};
use mc_domain::{agent::Role, task::TaskType, values::Name};

use self::round::Runner;
use super::{Failure, client::Client};
use crate::{
    config::{self, CredentialOptions, DEFAULT_SERVER, LogOptions},
    serve::Signals,
    span::Span,
};

/// The shortest time between two rounds.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

pub(super) const HELP: &str = "\
Examples:
  mission-control agent run --name Scout --role intern --types customer_research,seo_research
  mission-control agent run --name Scribe --types DOCS,CONTENT --once     One round, for a cron job or to try it
  AGENT_NAME=MyAgent AGENT_ROLE=SPECIALIST AGENT_TYPES=CONTENT,SOCIAL mission-control agent run --interval 5m

  mission-control agent run --credential-file scout.credential         The agent that the credential belongs to

Where the server asks for credentials, an operator registers the agent and issues it one: mission-control credential issue
--name Scout --role agent --agent Scout. The runner then takes the agent from its credential, and its role, types, emoji and
project are what the operator has registered.

Each round: register or come back, send a heartbeat, obey what its answer says (stopped agents do nothing), then go on with
a task that is assigned: plan it, run, report, hand it in; or else claim one. The work itself is made up: it stands for an
agent that is still to be connected, and shows which calls that makes.

A round that fails, because the server is away or refuses, is told and tried again with the next one; with --once it is the
end. A run that an earlier runner of this agent left open is ended as failed before another begins.

Ctrl-C and SIGTERM end it at once. It stays registered, and counts as silent after a while; with --goodbye it goes offline
in order.

Exit status: 0 it ended as asked, 1 the only round failed, 2 wrong usage.";

/// What to do with an agent.
#[derive(Debug, Clone, Args)]
pub(super) struct AgentOptions {
    #[command(subcommand)]
    command: AgentCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum AgentCommand {
    /// Run a minimal agent: register, heartbeat, work on assigned tasks, claim others.
    #[command(after_long_help = HELP)]
    Run(RunOptions),
}

/// The agent that the command runs, and the server that it works for.
#[derive(Debug, Clone, Args)]
pub(super) struct RunOptions {
    /// Its name, unique in its project; with a credential, that of the agent it belongs to [default: Scout].
    #[arg(long, env = "AGENT_NAME", value_name = "NAME")]
    pub(super) name: Option<Name>,

    /// Its role, upper or lower case: intern, specialist, lead or cao. A known agent keeps the role it has.
    #[arg(long, env = "AGENT_ROLE", value_name = "ROLE", default_value = "intern", value_parser = role)]
    pub(super) role: Role,

    /// The task types it accepts, separated by commas; all when none is named.
    #[arg(long, env = "AGENT_TYPES", value_name = "TYPES", value_delimiter = ',', value_parser = task_type)]
    pub(super) types: Vec<TaskType>,

    /// The emoji that views show beside the agent's name.
    #[arg(long, env = "AGENT_EMOJI", value_name = "EMOJI")]
    pub(super) emoji: Option<String>,

    /// The project it works in, by slug or id.
    #[arg(long, env = "AGENT_PROJECT", value_name = "PROJECT")]
    pub(super) project: Option<String>,

    /// The address of the server that the agent works for.
    #[arg(long, env = "MC_SERVER", value_name = "URL", default_value = DEFAULT_SERVER, value_parser = config::server)]
    pub(super) server: String,

    /// How long to wait between two rounds, at least a second.
    #[arg(long, value_name = "SPAN", default_value = "15m", value_parser = interval)]
    pub(super) interval: Span,

    /// Send one heartbeat, do what there is to do, and end.
    #[arg(long)]
    pub(super) once: bool,

    /// Sign the agent off when the command ends.
    #[arg(long)]
    pub(super) goodbye: bool,

    #[command(flatten)]
    credential: CredentialOptions,

    #[command(flatten)]
    log: LogOptions,
}

impl AgentOptions {
    pub(super) fn log(&self) -> &LogOptions {
        let AgentCommand::Run(options) = &self.command;
        &options.log
    }
}

fn role(text: &str) -> Result<Role, String> {
    text.trim().to_lowercase().parse().map_err(|error| format!("{error}"))
}

fn task_type(text: &str) -> Result<TaskType, String> {
    text.trim().to_lowercase().parse().map_err(|error| format!("{error}"))
}

fn interval(text: &str) -> Result<Span, String> {
    let span: Span = text.parse().map_err(|error| format!("{error}"))?;
    if span.duration() < SHORTEST_INTERVAL {
        return Err("give at least a second, such as 1s".to_owned());
    }
    Ok(span)
}

/// Runs the agent until a signal ends it, or for one round with `--once`.
pub(super) fn run(options: &AgentOptions) -> Result<(), Failure> {
    let AgentCommand::Run(options) = &options.command;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(error, None))?;
    let ended = runtime.block_on(live(options));
    // A call may be under way that nobody waits for any more.
    runtime.shutdown_background();
    ended
}

async fn live(options: &RunOptions) -> Result<(), Failure> {
    let mut signals = Signals::listen().map_err(|error| Failure::new(error, None))?;
    let secret = options.credential.secret()?;
    let client = Client::new(&options.server).bearing(secret.as_ref());
    let runner = Arc::new(Runner::new(options.clone(), client, secret.is_some()));
    loop {
        let done = tokio::select! {
            done = call(&runner, Runner::round) => done,
            () = signals.next() => break,
        };
        match done {
            // Nobody may read what it does; it does it all the same.
            Ok(done) => drop(writeln!(io::stdout(), "{done}")),
            Err(failure) if options.once => return Err(failure),
            Err(failure) => {
                tracing::error!("the round failed, and is tried again in {}: {failure}", options.interval)
            }
        }
        if options.once || interrupted(&mut signals, options.interval.duration()).await {
            break;
        }
    }
    if !options.goodbye {
        return Ok(());
    }
    tokio::select! {
        said = call(&runner, Runner::say_goodbye) => said,
        () = signals.next() => Ok(()),
    }
}

/// Runs blocking work on a thread of its own.
async fn call<T: Send + 'static>(
    runner: &Arc<Runner>,
    does: fn(&Runner) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let runner = Arc::clone(runner);
    let done = tokio::task::spawn_blocking(move || does(&runner)).await;
    done.unwrap_or_else(|panicked| Err(Failure::new(panicked, None)))
}

/// Waits, and returns whether a signal arrived meanwhile.
async fn interrupted(signals: &mut Signals, wait: Duration) -> bool {
    tokio::select! {
        () = signals.next() => true,
        () = tokio::time::sleep(wait) => false,
    }
}
