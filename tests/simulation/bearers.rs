//! Everybody acts by a credential: who that is, and where they may act, follows from what they show.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use mc_domain::{
    actor::{Actor, ActorKind},
    aggregate::Aggregate,
    credential::{Bearer, Credential, Event, Grant, SESSION_LASTS, SecretHash, USE_EVERY},
    ids::{AgentId, CredentialId, ProjectId},
    operation::Rejection,
    reach::Reach,
    recorded::{AnyEvent, Recorded, StreamId},
    values::Name,
};
use mc_projections::credentials::Shown;

use crate::{
    actions::Action,
    draw::{Command, OPERATORS, anybody, operator, project, some_agent},
    random::Random,
    world::{Refusal, States, World},
};

/// What each operator is called after its credential was renamed once.
const RENAMED: [&str; 2] = ["Sofie Berg", "Max Li"];

/// Somebody who acts, whatever the credential is called that they show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Person {
    Operator(usize),
    Agent(AgentId),
}

impl Person {
    /// Nobody for a worker.
    fn of(actor: &Actor) -> Option<Self> {
        match actor {
            Actor::Human(name) => Self::named(name),
            Actor::Agent(agent) => Some(Self::Agent(*agent)),
            Actor::System(_) => None,
        }
    }

    fn named(name: &Name) -> Option<Self> {
        let is_called = |number: &usize| [OPERATORS[*number], RENAMED[*number]].contains(&name.as_str());
        (0..OPERATORS.len()).find(is_called).map(Self::Operator)
    }

    fn bears(grant: &Grant) -> Option<Self> {
        match grant.bearer {
            Bearer::Operator => Self::named(&grant.name),
            Bearer::Agent(agent) => Some(Self::Agent(agent)),
            Bearer::Auditor | Bearer::Monitor => None,
        }
    }

    fn actor(self) -> Actor {
        match self {
            Self::Operator(number) => operator(number),
            Self::Agent(agent) => Actor::Agent(agent),
        }
    }
}

/// What somebody has to show, what is best last.
#[derive(Debug, Default)]
struct Held {
    secrets: Vec<String>,
    sessions: Vec<String>,
}

/// What was handed out to whom, and when it was used.
#[derive(Debug, Default)]
pub struct Bearers {
    /// Every secret that was drawn, by the hash that is all that the log may know of it.
    drawn: BTreeMap<SecretHash, String>,
    held: BTreeMap<Person, Held>,
    /// Who has nothing to show yet, or was refused for what they showed.
    needy: BTreeSet<Person>,
    used: BTreeMap<(CredentialId, Option<SecretHash>), DateTime<Utc>>,
}

impl Bearers {
    /// What its bearer learns of an event, and nobody else: the secret that it was recorded with the hash of.
    pub fn apply(&mut self, recorded: &Recorded<AnyEvent>, states: &States) {
        let id = recorded.stream.aggregate_id.as_str();
        match &recorded.event {
            AnyEvent::Agent(mc_domain::agent::Event::Registered { .. }) => {
                self.needy.insert(Person::Agent(id.parse().unwrap()));
            }
            AnyEvent::Credential(Event::Issued { grant, secret_hash, .. }) => {
                let Some(person) = Person::bears(grant) else { return };
                let held = &mut self.held.entry(person).or_default().secrets;
                // One that is good for less is not what somebody shows at once.
                let is_best = grant.bearer.agent().is_some() || grant.governs();
                let place = if is_best { held.len() } else { 0 };
                held.insert(place, self.drawn[secret_hash].clone());
            }
            AnyEvent::Credential(Event::SessionOpened { session_hash, .. }) => {
                let grant = states.credentials[&id.parse().unwrap()].issued().unwrap().grant();
                let Some(person) = Person::bears(grant) else { return };
                self.held.entry(person).or_default().sessions.push(self.drawn[session_hash].clone());
            }
            _ => {}
        }
    }

    /// Mostly the best that a person has; else something older, or a session.
    fn shows(&self, person: Person, random: &mut Random) -> Option<Shown> {
        let held = self.held.get(&person)?;
        let secret = |text: &String| Shown::Secret(SecretHash::of(text));
        let session = |text: &String| Shown::Session(SecretHash::of(text));
        let other = match random.below(20) {
            0 => random.pick(&held.secrets).as_ref().map(secret),
            1 => random.pick(&held.sessions).as_ref().map(session),
            _ => None,
        };
        other.or_else(|| held.secrets.last().map(secret))
    }

    /// Throws away what is good for nothing, unless it is all that there is.
    fn throw_away(&mut self, person: Person, shown: &Shown) {
        let Some(held) = self.held.get_mut(&person) else { return };
        match shown {
            Shown::Secret(hash) if held.secrets.len() > 1 => {
                held.secrets.retain(|text| SecretHash::of(text) != *hash);
            }
            Shown::Secret(_) => {}
            Shown::Session(hash) => held.sessions.retain(|text| SecretHash::of(text) != *hash),
        }
    }

    fn draw(&mut self, prefix: &str, random: &mut Random) -> SecretHash {
        let secret = format!("{prefix}{:022x}{:021x}", random.next(), random.next());
        let hash = SecretHash::of(&secret);
        self.drawn.insert(hash, secret);
        hash
    }
}

/// Who acts by what was shown, and where they may.
pub struct Pass {
    pub actor: Actor,
    /// None for a worker, and for whoever comes before the first credential.
    pub credential: Option<CredentialId>,
    reach: Reach,
}

impl Pass {
    /// Whether what is asked for is out of reach: the server answers as if it were not there.
    pub fn is_barred_from(&self, action: &Action, world: &World) -> bool {
        let place = action.project(&world.states).or_else(|| match action {
            Action::EndRun { run, .. } => Some(world.watched.views.runs.view(*run)?.project_id),
            _ => None,
        });
        match place {
            Some(project) => !self.reach.includes(project),
            None => self.reach != Reach::All && is_of_all(action),
        }
    }
}

/// Whether only who governs may ask for it.
fn is_of_all(action: &Action) -> bool {
    matches!(
        action,
        Action::PublishPolicy { .. }
            | Action::IssueCredential { .. }
            | Action::RenameCredential { .. }
            | Action::RevokeCredential { .. }
    )
}

/// Lets whoever is drawn to act show something: the actor is who that belongs to.
///
/// # Errors
/// [`Refusal::NothingShown`], [`Refusal::SessionOver`], or what the credential says that is not good.
pub fn admit(world: &mut World, who: &Actor) -> Result<Pass, Refusal> {
    let (person, required) = (Person::of(who), world.watched.views.credentials.is_required());
    let Some(person) = person.filter(|_| required) else {
        return Ok(Pass { actor: who.clone(), credential: None, reach: Reach::All });
    };
    let Some(shown) = world.bearers.shows(person, &mut world.random) else {
        world.bearers.needy.insert(person);
        return Err(Refusal::NothingShown);
    };
    let admitted = check(world, &shown);
    match &admitted {
        Ok(pass) => {
            let session = if let Shown::Session(hash) = shown { Some(hash) } else { None };
            let uses = [None, session].map(|what| (pass.credential.unwrap(), what));
            world.bearers.used.extend(uses.map(|what| (what, world.now)));
        }
        Err(_) => {
            world.bearers.throw_away(person, &shown);
            world.bearers.needy.insert(person);
        }
    }
    admitted
}

/// What the view finds by a hash is judged by the credential itself; both judge alike.
fn check(world: &World, shown: &Shown) -> Result<Pass, Refusal> {
    let (credentials, now) = (&world.watched.views.credentials, world.now);
    let found = match (credentials.find(shown), shown) {
        (Some(found), _) => found,
        (None, Shown::Session(_)) => return Err(Refusal::SessionOver),
        (None, Shown::Secret(hash)) => panic!("nobody knows {hash}, which was handed out"),
    };
    let credential = &world.states.credentials[&found.id];
    let checked = credential.check(now);
    assert_eq!(checked.is_ok(), credentials.is_good(found.id, now), "whether {} is good", found.id);
    let grant = checked.map_err(|rejection| Refusal::Operation(Rejection::from(rejection)))?;
    assert_eq!((grant, found.is_revoked), (found.grant, false));
    if let (Shown::Session(hash), Some(used_at)) = (shown, found.session_used_at) {
        let is_open = credential.issued().unwrap().has_session(hash, now);
        assert_eq!(is_open, now < used_at + SESSION_LASTS, "whether a session by {} is open", found.id);
        if !is_open {
            return Err(Refusal::SessionOver);
        }
    }
    Ok(Pass { actor: grant.actor(), credential: Some(found.id), reach: grant.reach.clone() })
}

/// What somebody asks for in their own name is asked for by who they turn out to be.
pub fn in_the_name_of(actor: &Actor, drawn: &Actor, action: Action) -> Action {
    match action {
        Action::RequestApproval { fresh, mut asked } if asked.by == *drawn => {
            asked.by = actor.clone();
            Action::RequestApproval { fresh, asked }
        }
        other => other,
    }
}

/// Gives something to show to the operators of a world that is new.
pub fn found(world: &mut World) -> Vec<Command> {
    world.bearers.needy.extend((0..OPERATORS.len()).map(Person::Operator));
    renewals(world)
}

/// Issues credentials for those who have none that is good; once only for who is no longer in service.
pub fn renewals(world: &mut World) -> Vec<Command> {
    let needy = std::mem::take(&mut world.bearers.needy);
    let needy: Vec<_> = needy.into_iter().filter(|person| !has_a_good_one(world, *person)).collect();
    let wait = needy.iter().copied().filter(|person| match person {
        Person::Operator(_) => true,
        Person::Agent(agent) => world.states.agent(*agent).is_some_and(|agent| !agent.is_retired()),
    });
    world.bearers.needy = wait.collect();
    let issuer = a_governor(world);
    needy.into_iter().map(|person| (issuer.clone(), issue(world, person))).collect()
}

fn has_a_good_one(world: &World, person: Person) -> bool {
    best(world, person).is_some_and(|id| world.watched.views.credentials.is_good(id, world.now))
}

/// What somebody shows if nothing speaks against it.
fn best(world: &World, person: Person) -> Option<CredentialId> {
    let secret = world.bearers.held.get(&person)?.secrets.last()?;
    Some(world.watched.views.credentials.find(&Shown::Secret(SecretHash::of(secret)))?.id)
}

fn a_governor(world: &World) -> Actor {
    let governs = |number: &usize| {
        best(world, Person::Operator(*number))
            .is_some_and(|id| world.states.credentials[&id].governs(world.now))
    };
    operator((0..OPERATORS.len()).find(governs).unwrap_or_default())
}

/// An operator's is good for all projects and for ever, an agent's for its project and sometimes for a while.
fn issue(world: &mut World, person: Person) -> Action {
    let hours = [1, 4, 12][world.random.below(3)];
    let expires_at = world.random.chance(15).then(|| world.now + TimeDelta::hours(hours));
    let grant = match person {
        Person::Operator(number) => an_operators(OPERATORS[number], Reach::All),
        Person::Agent(agent) => {
            let name = Name::new("An agent's").unwrap();
            Grant { name, bearer: Bearer::Agent(agent), reach: Reach::All, expires_at }
        }
    };
    issuing(world, grant)
}

fn an_operators(name: &str, reach: Reach) -> Grant {
    Grant { name: Name::new(name).unwrap(), bearer: Bearer::Operator, reach, expires_at: None }
}

fn issuing(world: &mut World, grant: Grant) -> Action {
    let World { bearers, random, .. } = world;
    let (fresh, secret) = (random.id(), bearers.draw("mc_", random));
    Action::IssueCredential { fresh, grant, secret, governors: governors(world) }
}

fn governors(world: &World) -> Vec<CredentialId> {
    world.watched.views.credentials.governors()
}

/// Anybody does anything with some credential.
pub fn anything(world: &mut World) -> Vec<Command> {
    let (who, credential) = (anybody(world), some_credential(world));
    let bearer = Person::bears(world.states.credentials[&credential].issued().unwrap().grant());
    let bearer = bearer.map(Person::actor).filter(|_| world.random.chance(80)).unwrap_or_else(|| who.clone());
    let World { bearers, random, .. } = world;
    match random.below(13) {
        0 | 1 => {
            let grant = an_odd_grant(world);
            vec![(who, issuing(world, grant))]
        }
        2 | 3 => vec![(who, rename(world, credential))],
        4..=6 => vec![(who, revoke(world, credential))],
        7 => at_each_other(world),
        8 | 9 => {
            let session = bearers.draw("mcs_", random);
            vec![(bearer, Action::OpenSession { credential, session })]
        }
        10 => {
            let session = a_session(world, credential);
            vec![(bearer, Action::EndSession { credential, session })]
        }
        11 => vec![(who, Action::NoteUse { credential, at: world.now })],
        _ => {
            let session = a_session(world, credential);
            vec![(who, Action::NoteSession { credential, session, at: world.now })]
        }
    }
}

/// Half of the time one by which somebody has had a session.
fn some_credential(world: &mut World) -> CredentialId {
    let credentials = &world.watched.views.credentials;
    let sessions = world.bearers.held.values().flat_map(|held| &held.sessions);
    let opened = sessions.filter_map(|text| credentials.find(&Shown::Session(SecretHash::of(text))));
    let opened: Vec<_> = opened.map(|found| found.id).collect();
    let known: Vec<_> = world.states.credentials.keys().copied().collect();
    let opened = world.random.pick(&opened).filter(|_| world.random.chance(50));
    opened.unwrap_or_else(|| world.random.one_of(&known))
}

/// For somebody who reads only, for a part of the projects, for an agent of another project, or expired already.
fn an_odd_grant(world: &mut World) -> Grant {
    let some = |world: &mut World| Reach::of(project(world.random.below(3)));
    let (reach, name) = (some(world), world.random.one_of(&OPERATORS));
    let eve = Grant { bearer: Bearer::Auditor, ..an_operators("Eve", reach.clone()) };
    match world.random.below(5) {
        0 => eve,
        1 => Grant { bearer: Bearer::Monitor, reach: Reach::All, ..eve },
        2 => Grant { bearer: Bearer::Agent(some_agent(world)), ..eve },
        3 => Grant { expires_at: Some(world.now), ..eve },
        _ => {
            let expires_at = Some(world.now + TimeDelta::hours(2));
            Grant { expires_at, ..an_operators(name, reach) }
        }
    }
}

/// An operator gets another name, or the old one back.
fn rename(world: &World, credential: CredentialId) -> Action {
    let grant = world.states.credentials[&credential].issued().unwrap().grant();
    let name = match Person::bears(grant) {
        Some(Person::Operator(number)) if grant.name.as_str() == OPERATORS[number] => RENAMED[number],
        Some(Person::Operator(number)) => OPERATORS[number],
        Some(Person::Agent(_)) | None => "Somebody's",
    };
    Action::RenameCredential { credential, name: Name::new(name).unwrap() }
}

fn revoke(world: &World, credential: CredentialId) -> Action {
    Action::RevokeCredential { credential, governors: governors(world) }
}

/// Each operator revokes what the other shows, and then what they show themselves.
fn at_each_other(world: &World) -> Vec<Command> {
    let best = [0, 1].map(|number| best(world, Person::Operator(number)));
    let [Some(one), Some(other)] = best else { return vec![] };
    let own = [(0, one), (1, other)].map(|(number, own)| (operator(number), revoke(world, own)));
    [(operator(0), revoke(world, other)), (operator(1), revoke(world, one))].into_iter().chain(own).collect()
}

/// Mostly one of the credential's own that was opened at some time.
fn a_session(world: &mut World, credential: CredentialId) -> SecretHash {
    let stream = StreamId::of::<Credential>(&credential);
    let opened = world.history.iter().filter(|recorded| recorded.stream == stream);
    let opened = opened.filter_map(|recorded| match &recorded.event {
        AnyEvent::Credential(Event::SessionOpened { session_hash, .. }) => Some(*session_hash),
        _ => None,
    });
    let opened: Vec<_> = opened.collect();
    world.random.pick(&opened).unwrap_or_else(|| SecretHash::of("nobody's"))
}

/// Records what was used, where an hour has gone by since that was recorded last.
pub fn uses(world: &World) -> Vec<Command> {
    let due = world.bearers.used.iter().filter_map(|((credential, session), at)| {
        let (credential, at) = (*credential, *at);
        let shown = session.map(Shown::Session);
        let found = match &shown {
            Some(shown) => world.watched.views.credentials.find(shown)?,
            None => world.watched.views.credentials.get(credential)?,
        };
        let known = if session.is_some() { found.session_used_at } else { found.used_at };
        let is_news = !found.is_revoked && known.is_none_or(|known| at >= known + USE_EVERY);
        is_news.then_some(match *session {
            Some(session) => Action::NoteSession { credential, session, at },
            None => Action::NoteUse { credential, at },
        })
    });
    due.map(|action| (world.system("bookkeeper"), action)).collect()
}

/// In the whole log: from the first credential on, every event that a human or an agent brought about names a credential
/// that was issued to just them, that was good then, and that is good for the project of the event. Workers have none. And
/// somebody is always there who may issue others.
pub fn everybody_acted_by_their_own(history: &[Recorded<AnyEvent>]) {
    let (mut credentials, mut governors) = (BTreeMap::<CredentialId, Credential>::new(), BTreeSet::new());
    let mut acted = BTreeMap::<ActorKind, usize>::new();
    for commit in history.chunk_by(|one, next| one.metadata.command_id == next.metadata.command_id) {
        for recorded in commit {
            acted_by_their_own(&credentials, recorded);
            if recorded.metadata.credential.is_some() {
                *acted.entry(recorded.metadata.actor.kind()).or_default() += 1;
            }
        }
        for recorded in commit {
            let AnyEvent::Credential(event) = &recorded.event else { continue };
            let id = recorded.stream.aggregate_id.parse().unwrap();
            let credential = credentials.remove(&id).unwrap_or_default().evolve(event);
            if credential.issued().unwrap().grant().governs() {
                governors.insert(id);
            }
            credentials.insert(id, credential);
        }
        let now = commit[0].metadata.recorded_at;
        let somebody_governs = governors.iter().any(|id| credentials[id].governs(now));
        assert!(somebody_governs || credentials.is_empty(), "nobody can issue a credential any more");
    }
    let both = [ActorKind::Human, ActorKind::Agent].iter().all(|kind| acted.contains_key(kind));
    assert!(both && acted.len() == 2, "who acted by a credential: {acted:?}");
}

/// `credentials` are those before the command that the event comes from.
fn acted_by_their_own(credentials: &BTreeMap<CredentialId, Credential>, recorded: &Recorded<AnyEvent>) {
    let (metadata, event) = (&recorded.metadata, recorded.event.name());
    let Some(id) = metadata.credential else {
        let needs_none = metadata.actor.kind() == ActorKind::System || credentials.is_empty();
        return assert!(needs_none, "{} acts by no credential: {event}", metadata.actor);
    };
    let credential = credentials.get(&id).expect("a credential is issued before it is used");
    let grant = credential.check(metadata.recorded_at);
    let grant = grant.unwrap_or_else(|why| panic!("{} acts, and {why}: {event}", metadata.actor));
    assert_eq!(grant.actor(), metadata.actor, "somebody acts for another: {event}");
    // Sessions are everybody's own, whatever the credential is good for.
    let is_own = recorded.stream == StreamId::of::<Credential>(&id);
    let project: Option<ProjectId> = metadata.project;
    let is_within = grant.reach.covers(project);
    assert!(is_within || is_own && is_of_session(&recorded.event), "{event} in {project:?} by {grant:?}");
}

fn is_of_session(event: &AnyEvent) -> bool {
    matches!(event, AnyEvent::Credential(Event::SessionOpened { .. } | Event::SessionEnded { .. }))
}

/// No text of the log has a secret in it.
pub fn holds_no_secret(text: &str) -> bool {
    !text.contains("mc_") && !text.contains("mcs_")
}
