//! `mission-control agent run`: an agent that works by the REST interface alone.

mod round;

use std::{
    io::{self, Write},
    time::Duration,
};

use clap::{Args, Subcommand};
use mc_domain::{agent::Role, task::TaskType, values::Name};

use self::round::Runner;
use super::{Failure, client::Client};
use crate::{config::LogOptions, span::Span};

pub(super) const HELP: &str = "\
Examples:
  mission-control agent run --name Scout --role intern --types customer_research,seo_research
  mission-control agent run --name Scribe --types DOCS,CONTENT --once     One round, for a cron job or to try it
  AGENT_NAME=MyAgent AGENT_ROLE=SPECIALIST AGENT_TYPES=CONTENT,SOCIAL mission-control agent run --interval 5m

Each round: register or come back, send a heartbeat, obey what its answer says (stopped agents do nothing), then go on with
a task that is assigned: plan it, run, report, hand it in; or else claim one. The work itself is made up: it stands for an
agent that is still to be connected, and shows which calls that makes.

Ctrl-C between two rounds ends it; during one, at once. It stays registered, and counts as silent after a while; with --goodbye it goes
offline in order.

Exit status: 0 it ended as asked, 1 there is no server or it refused, 2 wrong usage.";

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

/// Who runs, and where.
#[derive(Debug, Clone, Args)]
pub(super) struct RunOptions {
    /// Its name, unique in its project.
    #[arg(long, env = "AGENT_NAME", value_name = "NAME", default_value = "Scout")]
    pub(super) name: Name,

    /// Its role, upper or lower case: intern, specialist, lead or cao. A known agent keeps the role it has.
    #[arg(long, env = "AGENT_ROLE", value_name = "ROLE", default_value = "intern", value_parser = role)]
    pub(super) role: Role,

    /// The task types it accepts, separated by commas; all when none is named.
    #[arg(long, env = "AGENT_TYPES", value_name = "TYPES", value_delimiter = ',', value_parser = task_type)]
    pub(super) types: Vec<TaskType>,

    /// A picture for it.
    #[arg(long, env = "AGENT_EMOJI", value_name = "EMOJI")]
    pub(super) emoji: Option<String>,

    /// The project it works in, by slug or id.
    #[arg(long, env = "AGENT_PROJECT", value_name = "PROJECT")]
    pub(super) project: Option<String>,

    /// The server.
    #[arg(long, env = "MC_SERVER", value_name = "URL", default_value = "http://127.0.0.1:3000")]
    pub(super) server: String,

    /// How long to wait between two rounds.
    #[arg(long, value_name = "SPAN", default_value = "15m")]
    pub(super) interval: Span,

    /// Do one round and end.
    #[arg(long)]
    pub(super) once: bool,

    /// Go offline at the end.
    #[arg(long)]
    pub(super) goodbye: bool,

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

/// Runs the agent until it is told to end.
pub(super) fn run(options: &AgentOptions) -> Result<(), Failure> {
    let AgentCommand::Run(options) = &options.command;
    let runner = Runner::new(options, Client::new(&options.server)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(error, None))?;
    loop {
        let done = runner.round()?;
        // Nobody may read what it does; it does it all the same.
        let _ = writeln!(io::stdout(), "{done}");
        if options.once || runtime.block_on(interrupted(options.interval.duration())) {
            break;
        }
    }
    if options.goodbye { runner.say_goodbye() } else { Ok(()) }
}

/// Waits, and tells whether somebody pressed Ctrl-C meanwhile.
async fn interrupted(wait: Duration) -> bool {
    tokio::select! {
        _ = tokio::signal::ctrl_c() => true,
        () = tokio::time::sleep(wait) => false,
    }
}
