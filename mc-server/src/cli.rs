//! The command line: parses it, runs the subcommand, and turns its outcome into the exit status.

mod agent;
mod archive;
mod backup;
mod cleanup;
mod client;
mod copy;
mod credential;
mod health;
mod hidden;
mod place;
mod progress;
mod restore;
mod security_check;
mod seed;
mod store;
#[cfg(test)]
mod tests;
mod verify_db;
mod workers;

use std::{ffi::OsString, fmt, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind};

use self::{
    agent::AgentOptions, archive::ArchiveOptions, backup::BackupOptions, cleanup::CleanupOptions,
    copy::CopyOptions, credential::CredentialCommand, health::HealthOptions, restore::RestoreOptions,
    security_check::SecurityOptions, verify_db::VerifyOptions, workers::WorkersOptions,
};
use crate::{
    access::file::FileError,
    config::{self, LogOptions, SeedOptions, ServeOptions},
    logging,
    problem::Chain,
    serve::{ServeError, serve},
};

/// Exit status of an operation that failed, or of a check that found something.
const FAILED: u8 = 1;
/// The command line is not understood.
const WRONG_USAGE: u8 = 2;

/// A control plane for AI agents: tasks, budgets and approvals, recorded in one log.
///
/// Without a command it serves.
#[derive(Debug, Parser)]
#[command(
    name = "mission-control",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Run with --help for examples, the environment and exit statuses.",
    after_long_help = AFTER_HELP
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    serve: ServeOptions,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the REST interface.
    #[command(after_long_help = AFTER_HELP)]
    Serve(ServeOptions),
    /// Record an example squad of eleven agents and eight tasks, one in each column of the board.
    ///
    /// What is there already stays as it is, so seeding twice changes nothing. The server must not be running on the
    /// same store; start it with --seed instead. In a database on a server it works beside the servers.
    Seed(SeedOptions),
    /// Write the whole log to a file, also while a server runs.
    #[command(after_long_help = backup::HELP)]
    Backup(BackupOptions),
    /// Restore a store from a backup.
    #[command(after_long_help = restore::HELP)]
    Restore(RestoreOptions),
    /// Copy the whole log to another store: between a file and a database on a server, or between two of a kind.
    #[command(after_long_help = copy::HELP)]
    Copy(CopyOptions),
    /// Run a minimal agent that uses the REST interface.
    #[command(after_long_help = agent::HELP)]
    Agent(AgentOptions),
    /// Issue, list and revoke credentials: from the first one on every call to the server needs one.
    #[command(after_long_help = credential::HELP)]
    Credential(CredentialCommand),
    /// Ask a server whether it is well.
    #[command(after_long_help = health::HELP)]
    Health(HealthOptions),
    /// Follow the workers of a running server: a line for each of their turns.
    #[command(after_long_help = workers::HELP)]
    Workers(WorkersOptions),
    /// Remove old backups and unused space; never an event.
    #[command(after_long_help = cleanup::HELP)]
    Cleanup(CleanupOptions),
    /// Archive tasks that have been done or canceled for long: they leave the board and the lists.
    #[command(after_long_help = archive::HELP)]
    Archive(ArchiveOptions),
    /// Check the address, the files, the recorded texts and the policies for security risks.
    #[command(after_long_help = security_check::HELP)]
    SecurityCheck(SecurityOptions),
    /// Verify that the store is complete and undamaged.
    #[command(name = "verify-db", after_long_help = verify_db::HELP)]
    VerifyDb(VerifyOptions),
}

const AFTER_HELP: &str = "\
Examples:
  mission-control                                   Serve on http://127.0.0.1:3000, log in data/mission-control.db
  mission-control serve --listen 127.0.0.1:8080     Serve on another port
  mission-control serve --store memory:             Try things out; nothing is kept
  mission-control serve --store postgres://db/missions?sslmode=verify-full
                                                    One of any number of servers on a database
  mission-control serve --seed                      Begin with an example squad and its tasks
  mission-control serve --operator Ada --log debug  Record as Ada, and say more
  mission-control credential issue --name Sofie --role operator --secret-file sofie.credential
                                                    From now on every call needs a credential, such as this one
  mission-control backup                            Write ./backups/latest.json, also while it serves
  curl http://127.0.0.1:3000/health                 Ask whether it is well

Environment:
  Every option can come from the variable shown beside it; an option on the command line wins.
  NO_COLOR turns colours off.

Credentials:
  As long as none was issued, whoever reaches the server may do everything, and it listens for
  this machine alone. A command that asks a server shows the credential in --credential-file or
  MC_CREDENTIAL_FILE. There is no option for the credential itself, since other users of the
  machine can read the arguments of a process.

Output:
  The log goes to standard error, everything else to standard output.

Exit status:
  0  success
  1  the operation failed; standard error says why and what to do
  2  the command line is not understood";

/// The failure of a command: what happened, with its causes, and what to do about it.
#[derive(Debug)]
pub struct Failure {
    error: Box<dyn std::error::Error + Send + Sync>,
    advice: Option<String>,
}

impl Failure {
    /// The failure of a command, with advice as a whole sentence.
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>, advice: Option<String>) -> Self {
        Self { error: error.into(), advice }
    }
}

impl fmt::Display for Failure {
    /// One line, whatever the causes say.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentence = Chain(&*self.error).to_string().replace('\n', " ");
        f.write_str(&sentence)?;
        self.advice.as_ref().map_or(Ok(()), |advice| write!(f, ". {advice}"))
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        let advice = error.advice();
        Self::new(error, advice)
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        let advice = error.advice();
        Self::new(error, advice)
    }
}

/// Runs the program with its arguments, the first of which is its name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    keep_files_private();
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let command = match understood(arguments.iter().cloned()) {
        Ok(command) => command,
        Err(usage) => return explain(&usage, &arguments),
    };
    logging::start(command.log_options());
    warn_of_unknown_variables();
    let done = command.run();
    if let Err(failure) = &done {
        logging::say(&format!("mission-control: {failure}"));
    }
    logging::flush();
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}

/// Stores, locks, backups and their directories are for the user who made them: whatever this process creates.
#[cfg(unix)]
fn keep_files_private() {
    use rustix::fs::Mode;

    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// Files have no such modes here.
#[cfg(not(unix))]
fn keep_files_private() {}

/// What the arguments and the environment ask for.
fn understood(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
    let mut definition = config::without_empty_variables(Cli::command());
    let cli = Cli::from_arg_matches(&definition.try_get_matches_from_mut(arguments)?)?;
    let command = cli.command.unwrap_or(Command::Serve(cli.serve));
    match command.contradiction() {
        Some(what) => Err(definition.error(ErrorKind::ArgumentConflict, what)),
        None => Ok(command),
    }
}

impl Command {
    fn run(self) -> Result<(), Failure> {
        match self {
            Self::Serve(options) => Ok(serve(&options)?),
            Self::Seed(options) => seed::run(&options),
            Self::Agent(options) => agent::run(&options),
            Self::Credential(command) => credential::run(&command),
            Self::Health(options) => health::run(&options),
            Self::Workers(options) => workers::run(&options),
            Self::Cleanup(options) => cleanup::run(&options),
            Self::Archive(options) => archive::run(&options),
            Self::SecurityCheck(options) => security_check::run(&options),
            Self::Backup(options) => backup::run(&options),
            Self::Restore(options) => restore::run(&options),
            Self::Copy(options) => copy::run(&options),
            Self::VerifyDb(options) => verify_db::run(&options),
        }
    }

    /// The reason why options that are valid one by one cannot be combined.
    fn contradiction(&self) -> Option<&'static str> {
        match self {
            Self::Seed(options) if options.store.is_memory() => Some(
                "a store in memory ends with the command: give --store sqlite:<path>, or serve --seed --store memory:",
            ),
            Self::Credential(command) => command.contradiction(),
            _ => None,
        }
    }

    fn log_options(&self) -> &LogOptions {
        match self {
            Self::Serve(options) => &options.log,
            Self::Seed(options) => &options.log,
            Self::Agent(options) => options.log(),
            Self::Credential(command) => command.log(),
            Self::Health(options) => &options.log,
            Self::Workers(options) => &options.log,
            Self::Cleanup(options) => &options.log,
            Self::Archive(options) => &options.log,
            Self::SecurityCheck(options) => &options.log,
            Self::Backup(options) => &options.log,
            Self::Restore(options) => &options.log,
            Self::Copy(options) => &options.log,
            Self::VerifyDb(options) => &options.log,
        }
    }
}

/// Help and version go to standard output, where a closed pipe is no failure; the rest is wrong usage, which shows what was
/// given, without passwords.
fn explain(usage: &clap::Error, arguments: &[OsString]) -> ExitCode {
    if !usage.use_stderr() {
        let _ = usage.print();
        return ExitCode::SUCCESS;
    }
    let given = arguments.iter().cloned().chain(std::env::vars_os().map(|(_, value)| value));
    match hidden::passwords(&usage.to_string(), given) {
        Some(text) => eprint!("{text}"),
        None => drop(usage.print()),
    }
    ExitCode::from(WRONG_USAGE)
}

fn warn_of_unknown_variables() {
    let environment = std::env::vars_os().map(|(name, _)| name);
    let unknown = config::unknown_variables(&Cli::command(), environment);
    if !unknown.is_empty() {
        tracing::warn!(
            "nothing reads {}; see mission-control --help for the variables there are",
            unknown.join(", ")
        );
    }
}
