//! `mission-control credential`: issues, lists and revokes credentials, in the store itself or through its server.

mod issue;
mod list;
mod revoke;

use clap::{Args, Subcommand};
use mc_domain::{credential, operation::Rejection};
use mc_store::error::StoreError;

use self::{issue::IssueOptions, list::ListOptions, revoke::RevokeOptions};
use super::{Failure, place::failed};
use crate::{
    config::{LogOptions, StoreOptions},
    refusal::Refused,
};

pub(super) const HELP: &str = "\
Examples:
  mission-control credential issue --name Sofie --role operator --secret-file sofie.credential
  mission-control credential issue --name Scout --role agent --agent Scout --expires 90d
  mission-control credential issue --name Auditors --role auditor --project openclaw --project sitegpt
  mission-control credential issue --name Prometheus --role monitor --json
  mission-control credential list
  mission-control credential revoke 0198c2f0-7d0e-7cc1-9bb1-0f2a4c7d9e55 --reason 'The laptop was lost'

As long as no credential was ever issued, whoever reaches the server is its operator. From the first one on every call needs
one, and who acts follows from it: an operator acts under the name of the credential, an agent as itself. The first one must
be an operator's, for all projects.

The secret is shown once, when the credential is issued; of what is kept nobody can compute it. Without --secret-file it is
the last line of standard output. A program sends it as: Authorization: Bearer <secret>.

Where no server has the store, the command works on the store itself and needs no credential: whoever can write the store can
do everything anyway. Where a server has it, the command asks that server, and shows it an operator's --credential-file. A store
in a database on a server it works on beside the servers: all of them know at once.

Exit status: 0 success, 1 nothing was changed, 2 wrong usage.";

/// What to do with credentials.
#[derive(Debug, Clone, Args)]
pub(super) struct CredentialCommand {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    /// Issue a credential, and show its secret this once.
    #[command(after_long_help = HELP)]
    Issue(IssueOptions),
    /// List the credentials, newest first, without their secrets.
    #[command(after_long_help = HELP)]
    List(ListOptions),
    /// Revoke a credential for good, at once, with all sessions it has opened.
    #[command(after_long_help = HELP)]
    Revoke(RevokeOptions),
}

impl CredentialCommand {
    pub(super) fn log(&self) -> &LogOptions {
        match &self.command {
            What::Issue(options) => &options.log,
            What::List(options) => &options.log,
            What::Revoke(options) => &options.log,
        }
    }

    /// The reason why options that are valid one by one cannot be combined.
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        match &self.command {
            What::Issue(options) => options.contradiction(),
            What::List(_) | What::Revoke(_) => None,
        }
    }
}

/// Issues, lists or revokes, and prints the outcome.
pub(super) fn run(command: &CredentialCommand) -> Result<(), Failure> {
    match &command.command {
        What::Issue(options) => issue::run(options),
        What::List(options) => list::run(options),
        What::Revoke(options) => revoke::run(options),
    }
}

/// What was done in the store itself; nothing where a server has it and is to be asked.
fn unless_held<T>(store: &StoreOptions, done: Result<T, Refused>) -> Result<Option<T>, Failure> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(Refused::Store(StoreError::Locked { .. })) => Ok(None),
        Err(Refused::Store(error)) => Err(failed(&store.store, error)),
        Err(Refused::Request(problem)) => {
            Err(Failure::new(problem.detail().trim_end_matches('.').to_owned(), None))
        }
        Err(refused @ Refused::Rule(_)) => {
            let advice = advice(&refused).map(str::to_owned);
            Err(Failure::new(refused, advice))
        }
    }
}

fn advice(refused: &Refused) -> Option<&'static str> {
    match refused {
        Refused::Rule(Rejection::Credential(credential::Rejection::OperatorFirst)) => Some(
            "Issue that one first: mission-control credential issue --name NAME --role operator, without --project",
        ),
        Refused::Rule(Rejection::Credential(credential::Rejection::NotFound)) => {
            Some("See which there are with: mission-control credential list --all")
        }
        _ => None,
    }
}
