//! Which credentials were issued, who bears them, and are they good?

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use mc_domain::{
    actor::Actor,
    credential::{Event, Grant, Role, SESSION_LASTS, SecretHash},
    ids::{AgentId, CredentialId, ProjectId},
    recorded::{AnyEvent, Recorded},
    values::{Name, Reason},
};
use serde::{Deserialize, Serialize};

use crate::{
    agents::{ActorView, Agents},
    instant::Millis,
    projection::Projection,
};

/// All credentials, found by what their bearers show.
///
/// ```
/// use mc_domain::credential::{Bearer, Credential, Event, Grant, SecretHash};
/// use mc_domain::{reach::Reach, values::Name};
/// use mc_projections::{credentials::{Credentials, Shown}, script::Script};
///
/// let mut script = Script::new();
/// let id = uuid::Uuid::from_u128(1).into();
/// let secret_hash = SecretHash::of("secret");
/// let grant = Grant { name: Name::new("Ada")?, bearer: Bearer::Operator, reach: Reach::All, expires_at: None };
/// script.record::<Credential>(&id, |at| Event::Issued { grant, secret_hash, at });
///
/// let credentials: Credentials = script.fold();
/// assert!(credentials.is_required());
/// assert_eq!(credentials.find(&Shown::Secret(secret_hash)).map(|found| found.id), Some(id));
/// assert!(credentials.find(&Shown::Secret(SecretHash::of("another"))).is_none());
/// # Ok::<(), mc_domain::values::InvalidText>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Credentials {
    rows: BTreeMap<CredentialId, Row>,
    by_secret: HashMap<SecretHash, CredentialId>,
    /// The credential of each open session.
    by_session: HashMap<SecretHash, CredentialId>,
    /// The credentials that operators of all projects have, or had.
    governors: BTreeSet<CredentialId>,
    /// The names that operators act under, each with the credentials that bear it.
    operators: BTreeMap<Name, BTreeSet<CredentialId>>,
    /// The newest time in the log: a clock that was set back does not bring back what has expired.
    newest: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    grant: Grant,
    secret: SecretHash,
    issued_at: DateTime<Utc>,
    issued_by: Actor,
    used_at: Option<DateTime<Utc>>,
    /// The open sessions, with when it was last recorded that each was used.
    sessions: BTreeMap<SecretHash, DateTime<Utc>>,
    revoked: Option<Revoked>,
    version: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Revoked {
    at: DateTime<Utc>,
    by: Actor,
    reason: Option<Reason>,
}

/// What a caller shows, as its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shown {
    /// The secret of a credential.
    Secret(SecretHash),
    /// The secret of a session.
    Session(SecretHash),
}

/// A credential that was found by what its bearer showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found<'a> {
    /// Its identity.
    pub id: CredentialId,
    /// What it is good for.
    pub grant: &'a Grant,
    /// Whether it was revoked.
    pub is_revoked: bool,
    /// When it was last recorded that it was used, UTC.
    pub used_at: Option<DateTime<Utc>>,
    /// When it was last recorded that the session was used, UTC, where a session was shown.
    pub session_used_at: Option<DateTime<Utc>>,
}

/// Whether a credential is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is good.
    Active,
    /// Its time is up.
    Expired,
    /// It was revoked.
    Revoked,
}

/// A credential as REST answers it, without its secret and its hash.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialView<'a> {
    /// Its identity, which is no secret.
    pub id: CredentialId,
    /// What it is called; an operator acts under this name.
    pub name: &'a Name,
    /// What its bearer may do.
    pub role: Role,
    /// The agent that it belongs to; absent for every other role.
    pub agent_id: Option<AgentId>,
    /// The projects that it is good for; all of them when absent.
    pub project_ids: Option<&'a BTreeSet<ProjectId>>,
    /// From when on it is no longer good; never when absent.
    pub expires_at: Option<Millis>,
    /// Whether it is good.
    pub status: Standing,
    /// When it was issued.
    pub issued_at: Millis,
    /// Who issued it.
    pub issued_by: ActorView<'a>,
    /// When it was used last, as exactly as it is known; absent before its first use.
    pub last_used_at: Option<Millis>,
    /// When it was revoked.
    pub revoked_at: Option<Millis>,
    /// Who revoked it.
    pub revoked_by: Option<ActorView<'a>>,
    /// Why it was revoked, where that was told.
    pub revoked_because: Option<&'a Reason>,
    /// How many events it is folded from.
    pub version: u64,
}

impl Credentials {
    /// Whether every call needs a credential: from the first one on, for good.
    pub fn is_required(&self) -> bool {
        !self.rows.is_empty()
    }

    /// The newest time in the log, UTC.
    pub fn newest(&self) -> DateTime<Utc> {
        self.newest
    }

    /// The credential behind what a caller shows, good or not.
    pub fn find(&self, shown: &Shown) -> Option<Found<'_>> {
        match shown {
            Shown::Secret(hash) => self.get(*self.by_secret.get(hash)?),
            Shown::Session(hash) => {
                let id = *self.by_session.get(hash)?;
                let row = self.rows.get(&id)?;
                Some(row.found(id, row.sessions.get(hash).copied()))
            }
        }
    }

    /// A credential by its identity, good or not.
    pub fn get(&self, id: CredentialId) -> Option<Found<'_>> {
        Some(self.rows.get(&id)?.found(id, None))
    }

    /// The hash of a credential's secret.
    pub fn secret(&self, id: CredentialId) -> Option<SecretHash> {
        Some(self.rows.get(&id)?.secret)
    }

    /// Whether a credential is good at `now`: issued, not revoked and not expired.
    pub fn is_good(&self, id: CredentialId, now: DateTime<Utc>) -> bool {
        self.rows.get(&id).is_some_and(|row| row.standing(now.max(self.newest)) == Standing::Active)
    }

    /// The credentials that operators of all projects may have. Whether they are good is for a decision to see.
    pub fn governors(&self) -> Vec<CredentialId> {
        self.governors.iter().copied().collect()
    }

    /// The names that operators act under, where a credential that bears it was not revoked.
    pub fn operators(&self) -> impl Iterator<Item = &Name> {
        self.operators.keys()
    }

    /// Those of them who may act in a project.
    pub fn operators_of(&self, project: ProjectId) -> impl Iterator<Item = &Name> {
        let reaches =
            move |id: &CredentialId| self.rows.get(id).is_some_and(|row| row.grant.reach.includes(project));
        let of_project = self.operators.iter().filter(move |(_, bearers)| bearers.iter().any(reaches));
        of_project.map(|(name, _)| name)
    }

    /// What a credential is called.
    pub fn name(&self, id: CredentialId) -> Option<&Name> {
        Some(&self.rows.get(&id)?.grant.name)
    }

    /// A credential as REST answers it at `now`. `used_at` knows the latest uses, of which not all are recorded.
    pub fn view<'a>(
        &'a self,
        id: CredentialId,
        agents: &'a Agents,
        now: DateTime<Utc>,
        used_at: Option<DateTime<Utc>>,
    ) -> Option<CredentialView<'a>> {
        Some(self.rows.get(&id)?.view(id, agents, now.max(self.newest), used_at))
    }

    /// All credentials, newest first; with `revoked` those as well that are revoked.
    pub fn ids(&self, revoked: bool) -> Vec<CredentialId> {
        let listed = self.rows.iter().filter(|(_, row)| revoked || row.revoked.is_none());
        let mut ids: Vec<_> = listed.map(|(id, row)| (row.issued_at, *id)).collect();
        ids.sort_unstable_by(|one, other| other.cmp(one));
        ids.into_iter().map(|(_, id)| id).collect()
    }

    fn note_name(&mut self, id: CredentialId, grant: &Grant) {
        if grant.bearer.role() == Role::Operator {
            self.operators.entry(grant.name.clone()).or_default().insert(id);
        }
    }

    fn forget_name(&mut self, id: CredentialId, name: &Name) {
        if let Some(bearers) = self.operators.get_mut(name) {
            bearers.remove(&id);
            if bearers.is_empty() {
                self.operators.remove(name);
            }
        }
    }

    fn follow(&mut self, id: CredentialId, fact: &Event, by: &Actor) {
        let Some(row) = self.rows.get_mut(&id) else { return };
        match fact {
            Event::Issued { .. } => {}
            Event::Renamed { name } => {
                let before = std::mem::replace(&mut row.grant.name, name.clone());
                let grant = row.grant.clone();
                self.forget_name(id, &before);
                self.note_name(id, &grant);
            }
            Event::Revoked { reason, at } => {
                row.revoked = Some(Revoked { at: *at, by: by.clone(), reason: reason.clone() });
                let (name, sessions) = (row.grant.name.clone(), std::mem::take(&mut row.sessions));
                for session in sessions.keys() {
                    self.by_session.remove(session);
                }
                self.forget_name(id, &name);
                self.governors.remove(&id);
            }
            Event::Used { at } => row.used_at = Some(*at),
            Event::SessionOpened { session_hash, at } => {
                // Those that are over by now need no record of their end.
                for (session, _) in row.sessions.extract_if(.., |_, used_at| *at >= *used_at + SESSION_LASTS)
                {
                    self.by_session.remove(&session);
                }
                row.sessions.insert(*session_hash, *at);
                self.by_session.insert(*session_hash, id);
            }
            Event::SessionUsed { session_hash, at } => {
                if let Some(used_at) = row.sessions.get_mut(session_hash) {
                    *used_at = *at;
                }
            }
            Event::SessionEnded { session_hash, .. } => {
                row.sessions.remove(session_hash);
                self.by_session.remove(session_hash);
            }
        }
    }
}

impl Row {
    fn found(&self, id: CredentialId, session_used_at: Option<DateTime<Utc>>) -> Found<'_> {
        let (is_revoked, used_at) = (self.revoked.is_some(), self.used_at);
        Found { id, grant: &self.grant, is_revoked, used_at, session_used_at }
    }

    fn standing(&self, now: DateTime<Utc>) -> Standing {
        match &self.revoked {
            Some(_) => Standing::Revoked,
            None if self.grant.is_expired(now) => Standing::Expired,
            None => Standing::Active,
        }
    }

    fn view<'a>(
        &'a self,
        id: CredentialId,
        agents: &'a Agents,
        now: DateTime<Utc>,
        used_at: Option<DateTime<Utc>>,
    ) -> CredentialView<'a> {
        let revoked = self.revoked.as_ref();
        CredentialView {
            id,
            name: &self.grant.name,
            role: self.grant.bearer.role(),
            agent_id: self.grant.bearer.agent(),
            project_ids: self.grant.reach.projects(),
            expires_at: self.grant.expires_at.map(Millis),
            status: self.standing(now),
            issued_at: Millis(self.issued_at),
            issued_by: agents.actor(&self.issued_by),
            last_used_at: used_at.max(self.used_at).map(Millis),
            revoked_at: revoked.map(|revoked| Millis(revoked.at)),
            revoked_by: revoked.map(|revoked| agents.actor(&revoked.by)),
            revoked_because: revoked.and_then(|revoked| revoked.reason.as_ref()),
            version: self.version,
        }
    }
}

impl Projection for Credentials {
    const NAME: &'static str = "credentials";
    const VERSION: u32 = 1;

    fn apply(&mut self, event: &Recorded<AnyEvent>) {
        self.newest = self.newest.max(event.metadata.recorded_at);
        let AnyEvent::Credential(fact) = &event.event else { return };
        let Ok(id) = event.stream.aggregate_id.parse::<CredentialId>() else { return };
        if let Event::Issued { grant, secret_hash, at } = fact {
            self.by_secret.insert(*secret_hash, id);
            self.note_name(id, grant);
            if grant.governs() {
                self.governors.insert(id);
            }
            let row = Row {
                grant: grant.clone(),
                secret: *secret_hash,
                issued_at: *at,
                issued_by: event.metadata.actor.clone(),
                used_at: None,
                sessions: BTreeMap::new(),
                revoked: None,
                version: 0,
            };
            self.rows.insert(id, row);
        }
        self.follow(id, fact, &event.metadata.actor);
        if let Some(row) = self.rows.get_mut(&id) {
            row.version = event.version;
        }
    }
}
