//! What a service that embeds the domain uses throughout: `use mc_domain::prelude::*;`.
//!
//! The aggregates come by name (`Task`), with their commands, events and values below the module of that name
//! (`task::Command`). Operations are functions of [`operation`], and run in a [`Transaction`].
//!
//! ```
//! use mc_domain::prelude::*;
//!
//! let ada = CommandContext::new(chrono::DateTime::UNIX_EPOCH, Actor::Human(Name::new("Ada")?));
//! let project = ProjectId::new(uuid::Uuid::from_u128(1));
//! let mut states = InMemory::default();
//! let mut tx = Transaction::new(&mut states, ada);
//! let profile = project::Profile::new(Name::new("Manuals")?);
//! operation::create_project(&mut tx, project, Slug::new("manuals")?, profile)?;
//! assert_eq!(tx.changes().len(), 2, "the project, and the reservation of its slug");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use crate::{
    actor::Actor,
    agent::{self, Agent},
    aggregate::{Aggregate, CommandContext, Event},
    alert::{self, Alert},
    approval::{self, Approval},
    budget::{self, Budget},
    credential::{self, Credential},
    ids::{
        AgentId, AlertId, ApprovalId, CommandId, CredentialId, EventId, LeaseId, MessageId, NotificationId,
        ProjectId, RunId, TaskId,
    },
    money::Usd,
    notification::{self, Notification},
    operation::{self, Outcome, Rejection},
    policy::{self, Policy},
    policy_limits::PolicyLimits,
    project::{self, Project},
    reach::Reach,
    recorded::{AnyEvent, Metadata, Recorded, StreamId},
    reservation::{self, Reservation},
    run::{self, Run},
    standup::{self, Standup},
    task::{self, Task},
    transaction::{Change, Entity, InMemory, Transaction},
    values::{Label, Name, Reason, Slug, Text, Title},
};
