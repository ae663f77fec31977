//! A credential: what somebody shows to act as an operator, an agent, an auditor or a monitor.
//!
//! State: `Unissued → Issued → revoked`
//!
//! Invariants:
//! 1. Only operators issue, rename and revoke credentials, and none renames one of the own name; the system issues the one of
//!    a first start.
//! 2. A credential that is revoked stays so, and has no sessions. One that is revoked or expired is good for nothing.
//! 3. Sessions are opened and ended by the bearer of the credential. One that is not used for [`SESSION_LASTS`] is over.
//! 4. At most [`MAX_SESSIONS`] sessions are open; a further one ends the one that was not used for longest.
//! 5. Uses are recorded once in [`USE_EVERY`] at most.

mod command;
mod event;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use command::{Command, Rejection};
pub use event::Event;
pub use values::{Bearer, Grant, InvalidSecretHash, Role, SecretHash};

use crate::{
    actor::ActorKind,
    aggregate::{Aggregate, CommandContext},
    ids::CredentialId,
    values::{Name, Reason},
};

/// How long a session lasts after its last use.
pub const SESSION_LASTS: TimeDelta = TimeDelta::hours(12);
/// How often at most the use of a credential or a session is recorded.
pub const USE_EVERY: TimeDelta = TimeDelta::hours(1);
/// The most sessions that are open by one credential.
pub const MAX_SESSIONS: usize = 100;

/// A credential, folded from its events.
///
/// ```
/// use mc_domain::{
///     actor::Actor,
///     aggregate::{Aggregate, CommandContext},
///     credential::{Bearer, Command, Credential, Grant, SecretHash},
///     reach::Reach,
///     values::{Name, Reason},
/// };
///
/// let now = chrono::DateTime::UNIX_EPOCH;
/// let sofie = CommandContext::new(now, Actor::Human(Name::new("Sofie")?));
/// let grant = Grant { name: Name::new("Ada")?, bearer: Bearer::Operator, reach: Reach::All, expires_at: None };
/// let secret = SecretHash::of("mc_ and what nobody can guess");
/// let mut events = Credential::default().decide(Command::Issue { grant, secret }, &sofie)?;
/// assert!(Credential::fold(&events).check(now).is_ok());
///
/// events.extend(Credential::fold(&events).decide(Command::Revoke { reason: None }, &sofie)?);
/// assert!(Credential::fold(&events).check(now).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Credential {
    /// It was never issued; every command but that is refused.
    #[default]
    Unissued,
    /// It was issued, and stays on record when it is revoked.
    Issued(Box<Issued>),
}

/// What the rules read of a credential.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Issued {
    pub(crate) grant: Grant,
    pub(crate) revoked: bool,
    /// When it was last recorded that it was used.
    pub(crate) used_at: Option<DateTime<Utc>>,
    /// The sessions that are open, with when it was last recorded that each was used.
    pub(crate) sessions: BTreeMap<SecretHash, DateTime<Utc>>,
}

impl Credential {
    /// What the rules read of it.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] before it was issued.
    pub fn issued(&self) -> Result<&Issued, Rejection> {
        match self {
            Self::Unissued => Err(Rejection::NotFound),
            Self::Issued(issued) => Ok(issued),
        }
    }

    /// What it is good for at `now`.
    ///
    /// # Errors
    /// [`Rejection::NotFound`], [`Rejection::Revoked`] or [`Rejection::Expired`] when it is good for nothing.
    pub fn check(&self, now: DateTime<Utc>) -> Result<&Grant, Rejection> {
        self.issued()?.check(now)
    }

    /// Whether one of its sessions is open at `now`.
    pub fn has_session(&self, session: &SecretHash, now: DateTime<Utc>) -> bool {
        self.issued().is_ok_and(|issued| issued.has_session(session, now))
    }

    /// Whether its bearer may issue credentials at `now`.
    pub fn governs(&self, now: DateTime<Utc>) -> bool {
        self.check(now).is_ok_and(Grant::governs)
    }
}

impl Aggregate for Credential {
    const TYPE: &'static str = "credential";
    type Id = CredentialId;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        let Self::Issued(issued) = self else {
            return match command {
                Command::Issue { grant, secret } => issue(grant, secret, context),
                Command::Rename { .. }
                | Command::Revoke { .. }
                | Command::NoteUse { .. }
                | Command::OpenSession { .. }
                | Command::NoteSession { .. }
                | Command::EndSession { .. } => Err(Rejection::NotFound),
            };
        };
        match command {
            Command::Issue { .. } => Err(Rejection::AlreadyExists),
            Command::Rename { name } => issued.rename(name, context),
            Command::Revoke { reason } => issued.revoke(reason, context),
            Command::NoteUse { at } => issued.note_use(at, context),
            Command::OpenSession { session } => issued.open_session(session, context),
            Command::NoteSession { session, at } => issued.note_session(session, at, context),
            Command::EndSession { session } => issued.end_session(session, context),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (_, Event::Issued { grant, .. }) => Self::Issued(Box::new(Issued {
                grant: grant.clone(),
                revoked: false,
                used_at: None,
                sessions: BTreeMap::new(),
            })),
            (
                Self::Unissued,
                Event::Renamed { .. }
                | Event::Revoked { .. }
                | Event::Used { .. }
                | Event::SessionOpened { .. }
                | Event::SessionUsed { .. }
                | Event::SessionEnded { .. },
            ) => Self::Unissued,
            (Self::Issued(mut issued), event) => {
                issued.evolve(event);
                Self::Issued(issued)
            }
        }
    }
}

/// Invariant 1.
fn issue(grant: Grant, secret_hash: SecretHash, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
    match context.actor.kind() {
        ActorKind::Agent => Err(Rejection::OperatorOnly),
        ActorKind::Human | ActorKind::System if grant.is_expired(context.now) => {
            Err(Rejection::ExpiresTooSoon)
        }
        ActorKind::Human | ActorKind::System => {
            Ok(vec![Event::Issued { grant, secret_hash, at: context.now }])
        }
    }
}

impl Issued {
    /// What it is, or was, good for.
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// Whether it was ended for good.
    pub fn is_revoked(&self) -> bool {
        self.revoked
    }

    /// Whether a session is open at `now`.
    pub fn has_session(&self, session: &SecretHash, now: DateTime<Utc>) -> bool {
        self.sessions.get(session).is_some_and(|used_at| now < *used_at + SESSION_LASTS)
    }

    /// Invariant 2.
    fn check(&self, now: DateTime<Utc>) -> Result<&Grant, Rejection> {
        match self.grant.expires_at {
            _ if self.revoked => Err(Rejection::Revoked),
            Some(at) if now >= at => Err(Rejection::Expired { at }),
            Some(_) | None => Ok(&self.grant),
        }
    }

    fn rename(&self, name: Name, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        operator_only(context)?;
        self.check(context.now)?;
        // Whoever decides is told by the name: under another one, somebody could decide twice.
        if context.actor.is(&self.grant.actor()) && self.grant.name != name {
            return Err(Rejection::OwnName);
        }
        Ok(if self.grant.name == name { vec![] } else { vec![Event::Renamed { name }] })
    }

    fn revoke(&self, reason: Option<Reason>, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        operator_only(context)?;
        Ok(if self.revoked { vec![] } else { vec![Event::Revoked { reason, at: context.now }] })
    }

    /// Invariant 5. A use that comes late, after a newer one, says nothing new.
    fn note_use(&self, at: DateTime<Utc>, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        system_only(context)?;
        let is_news = !self.revoked && self.used_at.is_none_or(|used_at| at >= used_at + USE_EVERY);
        Ok(if is_news { vec![Event::Used { at }] } else { vec![] })
    }

    /// Invariants 3 and 4.
    fn open_session(&self, session: SecretHash, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        self.bearer_only(context)?;
        self.check(context.now)?;
        if self.sessions.contains_key(&session) {
            return Ok(vec![]);
        }
        let at = context.now;
        let oldest = self.sessions.iter().min_by_key(|(hash, used_at)| (**used_at, **hash));
        let ended = oldest.filter(|_| self.sessions.len() >= MAX_SESSIONS);
        let ended = ended.map(|(hash, _)| Event::SessionEnded { session_hash: *hash, at });
        Ok(ended.into_iter().chain([Event::SessionOpened { session_hash: session, at }]).collect())
    }

    /// Invariant 5.
    fn note_session(
        &self,
        session: SecretHash,
        at: DateTime<Utc>,
        context: &CommandContext,
    ) -> Result<Vec<Event>, Rejection> {
        system_only(context)?;
        let used_at = self.sessions.get(&session);
        let is_news =
            used_at.is_some_and(|used_at| (*used_at + USE_EVERY..*used_at + SESSION_LASTS).contains(&at));
        Ok(if is_news { vec![Event::SessionUsed { session_hash: session, at }] } else { vec![] })
    }

    fn end_session(&self, session: SecretHash, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        self.bearer_only(context)?;
        let is_open = self.sessions.contains_key(&session);
        let at = context.now;
        Ok(if is_open { vec![Event::SessionEnded { session_hash: session, at }] } else { vec![] })
    }

    /// Invariant 3.
    fn bearer_only(&self, context: &CommandContext) -> Result<(), Rejection> {
        if context.actor.is(&self.grant.actor()) { Ok(()) } else { Err(Rejection::BearerOnly) }
    }

    fn evolve(&mut self, event: &Event) {
        match event {
            Event::Issued { .. } => {}
            Event::Renamed { name } => self.grant.name = name.clone(),
            Event::Revoked { .. } => {
                self.revoked = true;
                self.sessions.clear();
            }
            Event::Used { at } => self.used_at = Some(*at),
            Event::SessionOpened { session_hash, at } => {
                // Those that are over by now need no record of their end.
                self.sessions.retain(|_, used_at| *at < *used_at + SESSION_LASTS);
                self.sessions.insert(*session_hash, *at);
            }
            Event::SessionUsed { session_hash, at } => {
                if let Some(used_at) = self.sessions.get_mut(session_hash) {
                    *used_at = *at;
                }
            }
            Event::SessionEnded { session_hash, .. } => {
                self.sessions.remove(session_hash);
            }
        }
    }
}

/// Invariant 1.
fn operator_only(context: &CommandContext) -> Result<(), Rejection> {
    match context.actor.kind() {
        ActorKind::Human => Ok(()),
        ActorKind::Agent | ActorKind::System => Err(Rejection::OperatorOnly),
    }
}

fn system_only(context: &CommandContext) -> Result<(), Rejection> {
    match context.actor.kind() {
        ActorKind::System => Ok(()),
        ActorKind::Human | ActorKind::Agent => Err(Rejection::SystemOnly),
    }
}
