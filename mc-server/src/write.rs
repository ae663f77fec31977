//! The write path: an operation is decided and committed, its answer kept with the commit and rendered. A repeat under
//! the same idempotency key is answered from what was kept.

use std::time::Instant;

use axum::response::Response;
use mc_domain::{
    operation::Outcome,
    transaction::{Entity, Transaction},
};
use mc_store::{error::StoreError, log::Answered, repository::CommandEnvelope};

use crate::{
    answer::{Reply, Shown, StoredReply},
    app::{App, Call},
    extract::{Keyed, Remembers},
    headers::{at_position, replayed},
    problem::Problem,
    refusal::Refused,
};

impl App {
    /// Runs a write in a transaction, commits it, and renders its answer.
    ///
    /// # Errors
    /// What `decide` refuses, and what the log says.
    pub async fn write(
        &self,
        call: &Call,
        mut decide: impl FnMut(&mut Transaction<'_>) -> Result<Reply, Refused> + Send,
    ) -> Result<Response, Problem> {
        let at = call.context.now;
        let key = call.keyed.as_ref().map(|keyed| (keyed.recorded(), keyed.fingerprint));
        let envelope = CommandEnvelope {
            context: call.context.clone(),
            key,
            credential: call.caller.credential(),
            lease: None,
        };
        let begun = Instant::now();
        let executed = self
            .repository()
            .execute(&envelope, |tx| {
                self.check_admission(call, tx)?;
                let reply = decide(tx)?;
                call.stays_within_reach(tx)?;
                let last_heartbeat = reply.agent().and_then(|agent| self.last_heartbeat(agent));
                Ok::<_, Refused>(StoredReply { reply, at, last_heartbeat })
            })
            .await
            .map_err(|refused| self.problem(refused))?;
        self.commits().record(begun.elapsed());
        let response = executed.value.render(self, executed.position, envelope.key.is_some()).await?;
        let response = if executed.replayed { replayed(response) } else { response };
        Ok(at_position(response, executed.position))
    }

    /// A write that changes one entity: checks that it is within the caller's reach and at the version that the caller expects,
    /// runs `operation`, and answers the entity as it is then.
    ///
    /// # Errors
    /// `not-found`, `precondition-failed`, what `operation` refuses, and what the log says.
    pub async fn change<A: Shown, O: Into<Outcome>>(
        &self,
        call: &Call,
        id: A::Id,
        mut operation: impl FnMut(&mut Transaction<'_>, &Entity<A>) -> Result<O, Refused> + Send,
    ) -> Result<Response, Problem> {
        let shown = A::shown(&id);
        self.project_of(call.caller.reach(), shown).await?;
        self.write(call, |tx| {
            let entity = call.expected::<A>(tx, &id)?;
            let outcome = operation(tx, &entity)?.into();
            Ok(self.reply(outcome, Reply::Changed(shown)))
        })
        .await
    }

    /// The reply, or the refusal whose consequences are committed.
    pub(crate) fn reply(&self, outcome: Outcome, reply: Reply) -> Reply {
        match outcome {
            Outcome::Done => reply,
            Outcome::Refused(refusal) => Reply::Refused(self.problem(refusal.into())),
        }
    }
}

impl Remembers for App {
    /// Looks for the first answer before the request is resolved: what it names may be renamed by now.
    async fn first_answer(&self, keyed: &Keyed) -> Result<Option<Response>, Problem> {
        let Some(first) = self.log().answered(&keyed.recorded()).await? else { return Ok(None) };
        if first.fingerprint != keyed.fingerprint {
            return Err(StoreError::KeyReused { key: keyed.key.to_string() }.into());
        }
        let Answered { position, answer, .. } = first;
        let kept: StoredReply = serde_json::from_str(&answer).map_err(|error| StoreError::Corrupt {
            position,
            reason: format!("answer of a command: {error}"),
        })?;
        Ok(Some(at_position(replayed(kept.render(self, position, true).await?), position)))
    }
}
