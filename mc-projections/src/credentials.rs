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
    page::{InvalidCursor, Order, Page, PageRequest, Place},
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

    /// A page of the credentials, newest first; with `revoked` those as well that are revoked.
    ///
    /// # Errors
    /// [`InvalidCursor`] when the cursor belongs to another question.
    pub fn list(
        &self,
        revoked: bool,
        limit: Option<usize>,
        cursor: Option<&str>,
    ) -> Result<Page<CredentialId>, InvalidCursor> {
        let request = PageRequest::new(("credentials", revoked), Order::Desc, limit, cursor)?;
        let rows = self.rows.iter().filter(|(_, row)| revoked || row.revoked.is_none());
        let page = request.of_unsorted(rows, |(id, row)| Place::at_time(row.issued_at, id.uuid()));
        Ok(page.map(|(id, _)| *id))
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

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use mc_domain::{
        agent::{self, Profile},
        credential::{Bearer, Credential},
        reach::Reach,
    };
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::script::Script;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn secret(number: u128) -> SecretHash {
        SecretHash::of(&format!("secret {number}"))
    }

    fn session(text: &str) -> SecretHash {
        SecretHash::of(text)
    }

    fn operator(text: &str) -> Grant {
        Grant { name: name(text), bearer: Bearer::Operator, reach: Reach::All, expires_at: None }
    }

    /// The credential number `number`, whose secret is that of the same number.
    fn issue(script: &mut Script, number: u128, grant: Grant) -> CredentialId {
        let id = CredentialId::new(Uuid::from_u128(number));
        script.record::<Credential>(&id, |at| Event::Issued { grant, secret_hash: secret(number), at });
        id
    }

    fn open(script: &mut Script, id: CredentialId, session_hash: SecretHash) {
        script.record::<Credential>(&id, |at| Event::SessionOpened { session_hash, at });
    }

    fn rename(script: &mut Script, id: CredentialId, to: &str) {
        script.record::<Credential>(&id, |_| Event::Renamed { name: name(to) });
    }

    fn revoke(script: &mut Script, id: CredentialId) {
        let reason = Reason::new("leaked").ok();
        script.record::<Credential>(&id, |at| Event::Revoked { reason, at });
    }

    fn shown(script: &Script, id: CredentialId) -> Value {
        let views = script.views();
        serde_json::to_value(views.credentials.view(id, &views.agents, script.now(), None)).unwrap()
    }

    #[test]
    fn none_is_required_before_the_first_and_one_ever_after() {
        let mut script = Script::new();
        assert!(!script.fold::<Credentials>().is_required());
        let ada = issue(&mut script, 1, operator("Ada"));
        revoke(&mut script, ada);
        assert!(script.fold::<Credentials>().is_required());
    }

    #[test]
    fn each_is_found_by_its_secret_and_by_its_sessions() {
        let mut script = Script::new();
        let (ada, max) = (issue(&mut script, 1, operator("Ada")), issue(&mut script, 2, operator("Max")));
        let opened_at = script.now();
        open(&mut script, max, session("browser"));
        let credentials: Credentials = script.fold();
        let found = |shown| credentials.find(&shown).map(|found| (found.id, found.session_used_at));
        assert_eq!(found(Shown::Secret(secret(1))), Some((ada, None)));
        assert_eq!(found(Shown::Secret(secret(2))), Some((max, None)));
        assert_eq!(found(Shown::Session(session("browser"))), Some((max, Some(opened_at))));
        // Neither stands for the other.
        assert_eq!(found(Shown::Session(secret(2))), None);
        assert_eq!(found(Shown::Secret(session("browser"))), None);
        assert_eq!(credentials.secret(ada), Some(secret(1)));
    }

    #[test]
    fn a_revoked_one_is_found_as_such_and_takes_its_sessions_with_it() {
        let mut script = Script::new();
        let (ada, max) = (issue(&mut script, 1, operator("Ada")), issue(&mut script, 2, operator("Max")));
        open(&mut script, ada, session("of Ada"));
        open(&mut script, max, session("of Max"));
        revoke(&mut script, ada);
        let credentials: Credentials = script.fold();
        assert!(credentials.find(&Shown::Secret(secret(1))).is_some_and(|found| found.is_revoked));
        assert!(!credentials.is_good(ada, script.now()) && credentials.is_good(max, script.now()));
        assert_eq!(credentials.find(&Shown::Session(session("of Ada"))), None);
        assert!(credentials.find(&Shown::Session(session("of Max"))).is_some());
        assert_eq!(credentials.governors(), [max]);
    }

    #[test]
    fn a_session_is_known_until_it_is_ended_or_another_is_opened_after_its_time() {
        let mut script = Script::new();
        let ada = issue(&mut script, 1, operator("Ada"));
        for browser in ["left alone", "used", "ended"] {
            open(&mut script, ada, session(browser));
        }
        script.wait(TimeDelta::hours(11));
        let (session_hash, used_at) = (session("used"), script.now());
        script.record::<Credential>(&ada, |at| Event::SessionUsed { session_hash, at });
        let session_hash = session("ended");
        script.record::<Credential>(&ada, |at| Event::SessionEnded { session_hash, at });
        script.wait(TimeDelta::hours(2));
        open(&mut script, ada, session("new"));
        let credentials: Credentials = script.fold();
        let found = |browser| credentials.find(&Shown::Session(session(browser)));
        assert_eq!(found("used").and_then(|found| found.session_used_at), Some(used_at));
        assert!(found("new").is_some() && found("left alone").is_none() && found("ended").is_none());
    }

    #[test]
    fn an_expired_one_stays_so_when_the_clock_is_set_back() {
        let mut script = Script::new();
        let expires_at = Some(script.now() + TimeDelta::hours(1));
        let ada = issue(&mut script, 1, Grant { expires_at, ..operator("Ada") });
        let soon = script.now();
        let good = |script: &Script, now| script.fold::<Credentials>().is_good(ada, now);
        assert!(good(&script, soon) && !good(&script, soon + TimeDelta::hours(1)));
        script.wait(TimeDelta::hours(2));
        issue(&mut script, 2, operator("Max"));
        assert!(!good(&script, soon), "the log has come further than this clock");
        assert_eq!(script.fold::<Credentials>().newest(), script.now() - TimeDelta::seconds(1));
        let views = script.views();
        let view = views.credentials.view(ada, &views.agents, soon, None).unwrap();
        assert_eq!(view.status, Standing::Expired);
    }

    #[test]
    fn operators_go_by_the_names_of_what_was_not_revoked() {
        let mut script = Script::new();
        let names = |script: &Script| -> Vec<String> {
            script.fold::<Credentials>().operators().map(Name::to_string).collect()
        };
        let first = issue(&mut script, 1, operator("Ada"));
        let second = issue(&mut script, 2, operator("Ada"));
        issue(&mut script, 3, Grant { bearer: Bearer::Auditor, ..operator("Eve") });
        assert_eq!(names(&script), ["Ada"]);
        rename(&mut script, first, "Grace");
        assert_eq!(names(&script), ["Ada", "Grace"]);
        revoke(&mut script, second);
        assert_eq!(names(&script), ["Grace"]);
        revoke(&mut script, first);
        assert_eq!(names(&script), [""; 0]);
    }

    #[test]
    fn operators_of_all_projects_govern() {
        let mut script = Script::new();
        let ada = issue(&mut script, 1, operator("Ada"));
        let some = Reach::of(ProjectId::new(Uuid::from_u128(1)));
        issue(&mut script, 2, Grant { reach: some, ..operator("Max") });
        issue(&mut script, 3, Grant { bearer: Bearer::Auditor, ..operator("Eve") });
        assert_eq!(script.fold::<Credentials>().governors(), [ada]);
    }

    #[test]
    fn the_newest_are_listed_first_and_revoked_ones_on_demand() {
        let mut script = Script::new();
        let ids: Vec<_> =
            [3, 1, 2].map(|number| issue(&mut script, number, operator("Ada"))).into_iter().rev().collect();
        revoke(&mut script, ids[1]);
        let credentials: Credentials = script.fold();
        assert_eq!(credentials.ids(true), ids);
        assert_eq!(credentials.ids(false), [ids[0], ids[2]]);
    }

    #[test]
    fn one_is_answered_without_its_secret_and_its_hash() {
        let mut script = Script::new();
        let (project, scout) = (ProjectId::new(Uuid::from_u128(7)), AgentId::new(Uuid::from_u128(8)));
        let profile = Profile::new(name("Scout"), agent::Role::Intern);
        script.agent(8, |at| agent::Event::Registered { project, profile, parent: None, purpose: None, at });
        let expires_at = Some(script.now() + TimeDelta::days(1));
        let grant = Grant {
            name: name("Scout's laptop"),
            bearer: Bearer::Agent(scout),
            reach: Reach::of(project),
            expires_at,
        };
        let id = issue(&mut script, 1, grant);
        let mut expected = json!({
            "id": "00000000-0000-0000-0000-000000000001",
            "name": "Scout's laptop",
            "role": "agent",
            "agentId": "00000000-0000-0000-0000-000000000008",
            "projectIds": ["00000000-0000-0000-0000-000000000007"],
            "expiresAt": "2026-02-02T09:00:01.000Z",
            "status": "active",
            "issuedAt": "2026-02-01T09:00:01.000Z",
            "issuedBy": { "type": "human", "id": "Sofie", "name": "Sofie" },
            "lastUsedAt": null,
            "revokedAt": null,
            "revokedBy": null,
            "revokedBecause": null,
            "version": 1,
        });
        assert_eq!(shown(&script, id), expected);
        script.record::<Credential>(&id, |at| Event::Used { at });
        script.by(Actor::Human(name("Max")));
        revoke(&mut script, id);
        expected["status"] = json!("revoked");
        expected["lastUsedAt"] = json!("2026-02-01T09:00:02.000Z");
        expected["revokedAt"] = json!("2026-02-01T09:00:03.000Z");
        expected["revokedBy"] = json!({ "type": "human", "id": "Max", "name": "Max" });
        expected["revokedBecause"] = json!("leaked");
        expected["version"] = json!(3);
        assert_eq!(shown(&script, id), expected);
    }

    #[test]
    fn the_latest_use_is_shown_whether_it_is_recorded_or_not() {
        let mut script = Script::new();
        let ada = issue(&mut script, 1, operator("Ada"));
        let recorded = script.now();
        script.record::<Credential>(&ada, |at| Event::Used { at });
        let views = script.views();
        let last =
            |used_at| views.credentials.view(ada, &views.agents, script.now(), used_at).unwrap().last_used_at;
        let later = recorded + TimeDelta::minutes(5);
        assert_eq!(last(Some(later)), Some(Millis(later)));
        assert_eq!(last(Some(recorded - TimeDelta::minutes(5))), Some(Millis(recorded)));
        assert_eq!(last(None), Some(Millis(recorded)));
    }
}
