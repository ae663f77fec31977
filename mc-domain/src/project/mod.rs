//! A project: the workspace that agents, tasks and everything else belong to.
//!
//! State: `Absent → Present`
//!
//! Invariants:
//! 1. The slug is given at creation and never changes; a reservation keeps it unique over all projects.
//! 2. Only an operator creates or edits a project.

mod command;
mod event;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use command::{Command, Rejection};
pub use event::Event;

use crate::{
    actor::ActorKind,
    aggregate::{Aggregate, Moment},
    ids::ProjectId,
    money::Usd,
    values::{Name, Slug, Text},
};

/// What a project is about: everything that an edit may change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Its name.
    pub name: Name,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
    /// What all its runs together may cost in one UTC day; unlimited when absent.
    #[serde(default, rename = "dailyCapMicroUsd", skip_serializing_if = "Option::is_none")]
    pub daily_cap: Option<Usd>,
}

impl Profile {
    /// A project of that name and nothing else.
    pub fn new(name: Name) -> Self {
        Self { name, description: None, daily_cap: None }
    }
}

/// A project, folded from its events.
///
/// ```
/// use mc_domain::{
///     actor::Actor,
///     aggregate::{Aggregate, Moment},
///     project::{Command, Event, Profile, Project},
///     values::{Name, Slug},
/// };
///
/// let sofie = Moment::new(chrono::DateTime::UNIX_EPOCH, Actor::Human(Name::new("Sofie")?));
/// let create = Command::Create { slug: Slug::new("openclaw")?, profile: Profile::new(Name::new("OpenClaw")?) };
/// let events = Project::default().decide(create, &sofie)?;
/// assert!(matches!(events[..], [Event::Created { .. }]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Project {
    /// Before its creation.
    #[default]
    Absent,
    /// As it was created and edited.
    Present {
        /// What it is called in addresses.
        slug: Slug,
        /// What it is about.
        profile: Profile,
    },
}

impl Aggregate for Project {
    const TYPE: &'static str = "project";
    type Id = ProjectId;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command, moment: &Moment) -> Result<Vec<Event>, Rejection> {
        if moment.actor.kind() == ActorKind::Agent {
            return Err(Rejection::OperatorOnly);
        }
        match (self, command) {
            (Self::Absent, Command::Create { slug, profile }) => {
                Ok(vec![Event::Created { slug, profile, at: moment.now }])
            }
            (Self::Present { .. }, Command::Create { .. }) => Err(Rejection::AlreadyExists),
            (Self::Absent, Command::Edit { .. }) => Err(Rejection::NotFound),
            (Self::Present { profile: current, .. }, Command::Edit { profile }) if *current == profile => {
                Ok(vec![])
            }
            (Self::Present { .. }, Command::Edit { profile }) => Ok(vec![Event::Edited { profile }]),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (_, Event::Created { slug, profile, .. }) => {
                Self::Present { slug: slug.clone(), profile: profile.clone() }
            }
            (Self::Present { slug, .. }, Event::Edited { profile }) => {
                Self::Present { slug, profile: profile.clone() }
            }
            (Self::Absent, Event::Edited { .. }) => Self::Absent,
        }
    }
}
