//! The write path: an operation is decided and committed, its answer kept with the commit and rendered. A repeat under
//! the same idempotency key is answered from what was kept.

use std::time::Instant;

use axum::response::Response;
use mc_domain::operation::Outcome;
use mc_store::{
    error::StoreError,
    log::Answered,
    repository::{CommandEnvelope, UnitOfWork},
};

use crate::{
    answer::{Reply, StoredReply},
    app::{App, Call},
    extract::{Keyed, Remembers},
    headers::{at_position, replayed},
    problem::Problem,
    refusal::Refused,
};

impl App {
    /// Carries out a write and renders its answer. Where a refusal has consequences, those are committed, and the
    /// refusal is the answer, also to a repeat.
    ///
    /// # Errors
    /// What `decide` refuses, and what the log says.
    pub async fn write<D: Into<Outcome>>(
        &self,
        call: &Call,
        mut decide: impl FnMut(&mut UnitOfWork<'_>) -> Result<(D, Reply), Refused> + Send,
    ) -> Result<Response, Problem> {
        let at = call.context.now;
        let key = call.keyed.as_ref().map(|keyed| (keyed.key.as_str().to_owned(), keyed.fingerprint));
        let order = CommandEnvelope { context: call.context.clone(), key };
        let begun = Instant::now();
        let executed = self
            .repository()
            .execute(&order, |unit| {
                let (outcome, reply) = decide(unit)?;
                let Outcome { decision, refusal } = outcome.into();
                let reply = refusal.map_or(reply, |refusal| Reply::Refused(self.problem(refusal.into())));
                let last_heartbeat = reply.agent().and_then(|agent| self.last_heartbeat(agent));
                Ok::<_, Refused>((decision, StoredReply { reply, at, last_heartbeat }))
            })
            .await
            .map_err(|refused| self.problem(refused))?;
        self.commits().record(begun.elapsed());
        let response = executed.value.render(self, executed.position, order.key.is_some()).await?;
        let response = if executed.replayed { replayed(response) } else { response };
        Ok(at_position(response, executed.position))
    }
}

impl Remembers for App {
    /// Looks for the first answer before the request is resolved: what it names may be renamed by now.
    async fn first_answer(&self, keyed: &Keyed) -> Result<Option<Response>, Problem> {
        let key = keyed.key.as_str();
        let Some(first) = self.log().answered(key).await? else { return Ok(None) };
        if first.fingerprint != keyed.fingerprint {
            return Err(StoreError::KeyReused { key: key.to_owned() }.into());
        }
        let Answered { position, answer, .. } = first;
        let kept: StoredReply = serde_json::from_str(&answer).map_err(|error| StoreError::Corrupt {
            position,
            reason: format!("answer of a command: {error}"),
        })?;
        Ok(Some(at_position(replayed(kept.render(self, position, true).await?), position)))
    }
}
