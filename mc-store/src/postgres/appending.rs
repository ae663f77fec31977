//! The two ways to append a group, and what becomes of it when the connection breaks.

use mc_domain::{ids::EventId, recorded::StreamId};
use sqlx::Error;

use super::{
    error::Failure,
    plan::{CommitResult, End, Plan},
    queries::ReadError,
    queue::QueuedCommit,
    session::{Said, Session},
    writer::Writer,
};
use crate::error::StoreError;

/// What became of a group that was appended.
pub(super) struct Done {
    /// Where the log ends now.
    pub(super) end: End,
    /// The answers, in the order of the group.
    pub(super) results: Vec<CommitResult>,
    /// The version that each stream of the group has now.
    pub(super) versions: Vec<(StreamId, u64)>,
}

/// A group that was sent when the connection broke.
pub(super) struct InDoubt {
    first_event: EventId,
    /// Where that event is, if the group was appended.
    position: u64,
    /// The answers then, in the order of the group.
    results: Vec<CommitResult>,
}

/// Why a group was not appended.
pub(super) enum Trouble {
    /// The connection broke; the group may have been appended, if it had been sent.
    Broken(Error, Option<InDoubt>),
    /// The database refuses the data of some commit.
    Data(Error),
    /// The database, or the log, refuses it.
    Refused(StoreError),
}

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

/// The end of the log for a group that was not sent.
const NOWHERE: End = End { position: 0, generation: 0, latest_at: chrono::DateTime::<chrono::Utc>::MIN_UTC };

impl InDoubt {
    /// Nothing for a group without events: sent again, it finds its keys.
    fn of(plan: Plan<'_>, base: End) -> Option<Self> {
        Some(Self { first_event: plan.first_event?, position: base.position + 1, results: plan.results })
    }
}

impl From<Plan<'_>> for Done {
    fn from(plan: Plan<'_>) -> Self {
        let versions = plan.versions.into_iter().map(|(stream, version)| (stream.clone(), version)).collect();
        Self { end: plan.end, results: plan.results, versions }
    }
}
