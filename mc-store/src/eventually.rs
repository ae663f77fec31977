//! For services built on eventually: any log behind its traits.
//!
//! [`LogStore`] is an `EventStore` and an `EventSubscriber`, [`LogSubscription`] a `Subscription` without gaps and repeats,
//! and [`States`] a `Projection` that folds aggregates; [`drive`] feeds a projection from a subscription. [`Decider`] makes
//! every aggregate of this domain one of eventually, so that its `Repository` decides by our rules.
//!
//! The versions and sequence numbers of eventually have 32 bits, those of a log 64: what is beyond is an
//! [`Error::OutOfRange`]. Only this module uses eventually, the crate `eventually-core` under a shorter name.
//!
//! ```
//! use eventually::{aggregate::AggregateRootBuilder, repository::Repository};
//! use mc_domain::{actor::Actor, aggregate::CommandContext, project::{Command, Profile, Project}, values::{Name, Slug}};
//! use mc_store::{Store, eventually::{Circumstances, Decider, LogStore}};
//! use uuid::Uuid;
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let sofie = CommandContext::new(chrono::DateTime::UNIX_EPOCH, Actor::Human(Name::new("Sofie")?));
//! let id = Uuid::now_v7().into();
//! let circumstances = Circumstances::of(&sofie, Uuid::now_v7().into(), Some(id));
//!
//! let log = Store::open("memory:")?;
//! let store = LogStore::<Project>::new(log.clone(), move || circumstances.clone());
//! let mut projects = Repository::new(AggregateRootBuilder::from(Decider::<Project>::default()), store);
//!
//! let mut project = projects.get(id).await?;
//! let create = Command::Create { slug: Slug::new("openclaw")?, profile: Profile::new(Name::new("OpenClaw")?) };
//! project.handle((create, sofie)).await?;
//! projects.add(project).await?;
//! assert_eq!(log.head(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::{marker::PhantomData, sync::Arc};

use chrono::{DateTime, Utc};
use eventually::store::AppendError;
use mc_domain::{
    actor::Actor,
    aggregate::CommandContext,
    ids::{CommandId, CredentialId, ProjectId},
    recorded::{Metadata, StreamId},
};
use uuid::Uuid;

use crate::{error::StoreError, log::EventLog};

mod aggregate;
mod events;
mod projection;
mod store;
mod subject;
mod subscription;
#[cfg(test)]
mod tests;

pub use aggregate::Decider;
pub use projection::{DriveError, States, drive};
pub use subject::{Everything, Named, Subject};
pub use subscription::LogSubscription;

/// A log as an event store of eventually: the streams of one aggregate type, or with [`Everything`] all of them.
///
/// Events of other types, such as those of other services, are left out; then the sequence numbers have holes. Clones share
/// the log.
///
/// It appends what it is given. What the rules allow is decided before, by [`Decider`] or by the aggregate itself.
pub struct LogStore<S> {
    log: Arc<dyn EventLog>,
    circumstances: Arc<dyn Fn() -> Circumstances + Send + Sync>,
    subject: PhantomData<fn() -> S>,
}

/// What the log records with the events of one append, beside the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circumstances {
    /// When they were decided, UTC, cut to microseconds.
    pub at: DateTime<Utc>,
    /// The actor that gave the command.
    pub actor: Actor,
    /// The project they belong to; nothing for what concerns all of them.
    pub project: Option<ProjectId>,
    /// The command that caused them, drawn by the service.
    pub command: CommandId,
    /// The credential that the command came by; nothing where none was asked for.
    pub credential: Option<CredentialId>,
}

/// Why a store or a subscription refuses or fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log refuses or fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A version or a position is too large for eventually. An append that would get one appends nothing.
    #[error("{number} is beyond the 32 bits that eventually has for a {of}")]
    OutOfRange {
        /// The place in the log or in the stream.
        number: u64,
        /// What it is: `position` or `version`.
        of: &'static str,
    },
    /// Nothing that was recorded disappears.
    #[error("stream {stream} is not removed: nothing that was recorded disappears")]
    Permanent {
        /// The stream that was to be removed. It stays as it is.
        stream: StreamId,
    },
}

impl<S> LogStore<S> {
    /// A store over `log`. It asks `circumstances` once for each append; nothing else here reads a clock.
    pub fn new(
        log: Arc<dyn EventLog>,
        circumstances: impl Fn() -> Circumstances + Send + Sync + 'static,
    ) -> Self {
        Self { log, circumstances: Arc::new(circumstances), subject: PhantomData }
    }
}

impl<S> Clone for LogStore<S> {
    fn clone(&self) -> Self {
        let (log, circumstances) = (Arc::clone(&self.log), Arc::clone(&self.circumstances));
        Self { log, circumstances, subject: PhantomData }
    }
}

impl Circumstances {
    /// The circumstances of `command`, given in `context`, which came by no credential.
    pub fn of(context: &CommandContext, command: CommandId, project: Option<ProjectId>) -> Self {
        Self { at: context.now, actor: context.actor.clone(), project, command, credential: None }
    }

    /// The metadata of one event, under an id of its own.
    fn metadata(&self) -> Metadata {
        Metadata {
            event_id: Uuid::now_v7().into(),
            recorded_at: self.at,
            actor: self.actor.clone(),
            project: self.project,
            command_id: self.command,
            idempotency_key: None,
            credential: self.credential,
        }
    }
}

impl AppendError for Error {
    fn is_conflict_error(&self) -> bool {
        matches!(self, Self::Store(StoreError::Conflict { .. }))
    }
}
