//! The two ways to append a group, and what becomes of it when the connection breaks.

use chrono::{DateTime, Utc};
use sqlx::Error;

use super::{
    error::Failure,
    outcome::{Done, InDoubt, Trouble},
    plan::{End, Plan},
    queries::ReadError,
    queue::{CommitResult, QueuedCommit},
    session::{Said, Session},
    writer::Writer,
};

/// The end of the log for a group that was not sent.
const NOWHERE: End = End { position: 0, generation: 0, latest_at: DateTime::<Utc>::MIN_UTC };

impl Writer {
    /// Appends a group at once, in one round trip; in order, under the ordering lock, when that fails or is likely to.
    pub(super) async fn append(
        &mut self,
        session: &mut Session,
        group: &[QueuedCommit],
    ) -> Result<Done, Trouble> {
        if !self.is_contended
            && let Some(done) = self.append_at_once(session, group).await?
        {
            return Ok(done);
        }
        let appended = self.append_in_order(session, group).await;
        match appended {
            Err(Trouble::Data(_) | Trouble::Refused(_)) => match session.roll_back().await {
                Ok(()) => appended,
                Err(broken) => Err(Trouble::Broken(broken, None)),
            },
            appended => appended,
        }
    }

    async fn append_at_once(
        &self,
        session: &mut Session,
        group: &[QueuedCommit],
    ) -> Result<Option<Done>, Trouble> {
        let base = session.end;
        let Some(plan) = Plan::on_cache(group, base, &self.heads) else { return Ok(None) };
        if plan.is_void() {
            return Ok(Some(plan.into()));
        }
        match session.append(base, &plan).await {
            Ok(Said::Appended) => {
                session.end = plan.end;
                Ok(Some(plan.into()))
            }
            Ok(Said::Otherwise) => Ok(None),
            Err(error) => Err(self.trouble(error, base, Some(plan))),
        }
    }

    async fn append_in_order(
        &mut self,
        session: &mut Session,
        group: &[QueuedCommit],
    ) -> Result<Done, Trouble> {
        let known = session.end.position;
        let (base, lease) = session.begin_in_order().await.map_err(|error| self.not_sent(error))?;
        self.is_contended = base.position > known;
        self.read_foreign(session, base.position).await.map_err(|error| match error {
            ReadError::Database(error) => self.not_sent(error),
            ReadError::Store(error) => Trouble::Refused(error),
        })?;
        session.end = base;
        let certain = session.make_certain(group, &self.heads, lease).await;
        let certain = certain.map_err(|error| self.not_sent(error))?;
        let plan = Plan::on_certain(group, base, &self.heads, &certain);
        let appended = match plan.is_void() {
            true => session.roll_back().await,
            false => session.append_and_commit(base, &plan).await,
        };
        match appended {
            Ok(()) => {
                session.end = plan.end;
                Ok(plan.into())
            }
            Err(error) => Err(self.trouble(error, base, Some(plan))),
        }
    }

    /// Looks whether a group in doubt is in the log, and answers its results if so. The session is new, so it is there by now or
    /// never.
    pub(super) async fn settle(
        &self,
        session: &mut Session,
        sent: InDoubt,
    ) -> Result<Option<Vec<CommitResult>>, Trouble> {
        match session.event_id_at(sent.position).await {
            Ok(found) => Ok((found == Some(sent.first_event)).then_some(sent.results)),
            Err(error) => Err(Trouble::Broken(error, Some(sent))),
        }
    }

    fn not_sent(&self, error: Error) -> Trouble {
        self.trouble(error, NOWHERE, None)
    }

    /// What an error of the database means for a group that was `sent` when the log ended at `base`.
    fn trouble(&self, error: Error, base: End, sent: Option<Plan<'_>>) -> Trouble {
        match Failure::of(&error) {
            Failure::Broken => Trouble::Broken(error, sent.and_then(|plan| InDoubt::of(plan, base))),
            Failure::Data => Trouble::Data(error),
            Failure::Refused => Trouble::Refused(self.address.error(error)),
        }
    }
}
