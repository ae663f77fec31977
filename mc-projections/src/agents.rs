//! Which agents are there, how are they, and what do they work on?

mod query;
mod squad;
#[cfg(test)]
mod tests;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use mc_domain::{
    agent::{Event, PauseReason, Profile, Status, Work},
    budget,
    ids::{AgentId, ProjectId, RunId, TaskId},
    money::Usd,
    policy::{self, Scope, document::PolicyLimits},
    project::{self, Halt},
    recorded::{AnyEvent, Recorded},
    text,
    values::{Label, Name, Reason},
};
use serde::{Deserialize, Serialize};

pub use query::{AgentQuery, AgentSort};
pub use view::{ActorId, ActorView, AgentBudgets, AgentView};

use crate::{projection::Projection, table::Table};
use squad::{Index, OwnStanding};

/// All agents, by identity, by name and by how they are in their project.
///
/// ```
/// use mc_domain::{agent::{Event, Profile, Role}, values::Name};
/// use mc_projections::{agents::Agents, script::Script};
/// use chrono::TimeDelta;
///
/// let mut script = Script::new();
/// let project = uuid::Uuid::from_u128(1).into();
/// let profile = Profile::new(Name::new("Scout")?, Role::Intern);
/// let scout = script.agent(1, |at| Event::Registered { project, profile, parent: None, purpose: None, at });
///
/// let agents: Agents = script.fold();
/// assert_eq!(agents.named(project, "scout"), Some(scout));
/// assert!(!agents.view(scout, script.now(), None).unwrap().stale);
/// assert!(agents.view(scout, script.now() + TimeDelta::minutes(6), None).unwrap().stale);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Agents {
    rows: Table<Index>,
    by_name: BTreeMap<ProjectId, Directory>,
    silence: Silence,
    /// The projects whose squads are stopped, and by which halt.
    halts: BTreeMap<ProjectId, Halted>,
}

/// What stops a squad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Halted {
    halt: Halt,
    number: u64,
}

impl Halted {
    /// Whether it stops an agent of its squad that is excepted from the halt of that number.
    fn stops(self, excepted_from: u64) -> bool {
        match self.halt {
            Halt::Pause => excepted_from < self.number,
            // One of before halts were numbered has paused whom it stops in its own commit.
            Halt::Emergency => self.number > 0,
        }
    }
}

/// The agents of a project by their names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Directory {
    /// In lower case, as names compared once: of two that are one name by now, each is still found as it is written.
    written: BTreeMap<String, AgentId>,
    /// As names compare.
    folded: BTreeMap<String, BTreeSet<AgentId>>,
    /// By what they look like.
    looks: BTreeMap<String, BTreeSet<AgentId>>,
}

impl Directory {
    fn find(&self, name: &str) -> Option<AgentId> {
        let written = self.written.get(&name.to_lowercase()).copied();
        written.or_else(|| self.folded.get(&text::folded(name))?.first().copied())
    }

    fn add(&mut self, name: &Name, id: AgentId) {
        let name = name.as_str();
        self.written.insert(name.to_lowercase(), id);
        self.folded.entry(text::folded(name)).or_default().insert(id);
        for look in text::looks(name) {
            self.looks.entry(look).or_default().insert(id);
        }
    }

    fn remove(&mut self, name: &Name, id: AgentId) {
        let name = name.as_str();
        if self.written.get(&name.to_lowercase()) == Some(&id) {
            self.written.remove(&name.to_lowercase());
        }
        take_out(&mut self.folded, &text::folded(name), id);
        for look in text::looks(name) {
            take_out(&mut self.looks, &look, id);
        }
    }
}

fn take_out(index: &mut BTreeMap<String, BTreeSet<AgentId>>, key: &str, id: AgentId) {
    if let Some(ids) = index.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}

/// How long agents may be silent beyond the interval they declared, in seconds, as the policies have it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Silence {
    anywhere: Option<u32>,
    projects: BTreeMap<ProjectId, u32>,
}

impl Silence {
    fn publish(&mut self, scope: Scope, stale_after_secs: u32) {
        match scope {
            Scope::Global => self.anywhere = Some(stale_after_secs),
            Scope::Project(project) => {
                self.projects.insert(project, stale_after_secs);
            }
        }
    }

    fn allowed(&self, project: ProjectId) -> TimeDelta {
        let published = self.projects.get(&project).copied().or(self.anywhere);
        published.map_or(PolicyLimits::default().stale_after(), |secs| TimeDelta::seconds(secs.into()))
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    id: AgentId,
    project: ProjectId,
    profile: Profile,
    parent: Option<AgentId>,
    purpose: Option<Reason>,
    status: Status,
    pause_reason: Option<PauseReason>,
    error_streak: u32,
    last_error: Option<Reason>,
    work: Option<Work>,
    /// The runs it has under way, in the order they began.
    open_runs: Vec<RunId>,
    /// Its sub-agents in service.
    children: BTreeSet<AgentId>,
    commission: Option<Commission>,
    retired: bool,
    /// The halt of its squad that an operator excepted it from last.
    excepted_from: u64,
    session_key: Option<Label>,
    registered_at: DateTime<Utc>,
    in_service_since: DateTime<Utc>,
    last_heartbeat: Option<DateTime<Utc>>,
    day: Option<DayBudget>,
    total_spend: Usd,
    updated_at: DateTime<Utc>,
    version: u64,
}

/// The budget of the latest day that anything is known of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct DayBudget {
    day: NaiveDate,
    spent: Usd,
    reserved: Usd,
    granted: Usd,
}

impl DayBudget {
    fn new(day: NaiveDate) -> Self {
        Self { day, spent: Usd::ZERO, reserved: Usd::ZERO, granted: Usd::ZERO }
    }
}

/// What a sub-agent was created for, and until when it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Commission {
    task: Option<TaskId>,
    until: DateTime<Utc>,
}

impl Agents {
    /// The agent with this name in a project, as names compare: by NFKC and case folding.
    pub fn named(&self, project: ProjectId, name: &str) -> Option<AgentId> {
        self.by_name.get(&project)?.find(name)
    }

    /// The agents of a project that have this name or one that passes for it.
    pub fn passing_for(&self, project: ProjectId, name: &Name) -> Vec<AgentId> {
        let Some(names) = self.by_name.get(&project) else { return vec![] };
        let looks = text::looks(name.as_str());
        let found: BTreeSet<_> = looks.iter().filter_map(|look| names.looks.get(look)).flatten().collect();
        found.into_iter().copied().collect()
    }

    /// The agents with this name, at most one in each project.
    pub fn named_anywhere<'a>(&'a self, name: &'a str) -> impl Iterator<Item = AgentId> + 'a {
        self.by_name.values().filter_map(move |names| names.find(name))
    }

    /// The agents meant by a path or a parameter: an identity, or a name in `project` or else in any. Several only
    /// when a name is used in more than one project and none is given.
    pub fn find(&self, id_or_name: &str, project: Option<ProjectId>) -> Vec<AgentId> {
        let by_id = id_or_name.parse().ok().filter(|id| self.rows.get(*id).is_some());
        match (by_id, project) {
            (Some(id), _) => vec![id],
            (None, Some(project)) => self.named(project, id_or_name).into_iter().collect(),
            (None, None) => self.named_anywhere(id_or_name).collect(),
        }
    }

    /// The name of an agent.
    pub fn name(&self, id: AgentId) -> Option<&Name> {
        self.rows.get(id).map(|row| &row.profile.name)
    }

    /// The project an agent belongs to.
    pub fn project_of(&self, id: AgentId) -> Option<ProjectId> {
        self.rows.get(id).map(|row| row.project)
    }

    /// The agents of a project that are paused on this ground.
    pub fn paused(&self, project: ProjectId, reason: PauseReason) -> Vec<AgentId> {
        self.standing_as(Some(project), |_, paused| paused == Some(reason))
    }

    /// How many agents of a project are not offline.
    pub fn in_service(&self, project: ProjectId) -> usize {
        let groups = self.groups(Some(project), |status, _| status != Status::Offline);
        groups.into_iter().map(BTreeSet::len).sum()
    }

    /// The agents that are active, in all projects.
    pub fn active(&self) -> Vec<AgentId> {
        self.standing_as(None, |status, _| status == Status::Active)
    }

    /// The picture of an agent.
    pub(crate) fn emoji(&self, id: AgentId) -> Option<&Label> {
        self.rows.get(id)?.profile.emoji.as_ref()
    }

    fn follow(&mut self, scope: &str, fact: &policy::Event) {
        let policy::Event::Published { document, .. } = fact;
        if let Ok(scope) = scope.parse() {
            self.silence.publish(scope, document.timeouts.stale_after_secs);
        }
    }

    /// What an agent spends is what its budgets of days say.
    fn account(&mut self, budget: &str, fact: &budget::Event) {
        let Ok(budget::Key::AgentDay(id, day)) = budget.parse() else { return };
        self.rows.change(id, |row| row.account(day, fact));
    }

    fn halt(&mut self, project: &str, fact: &project::Event) {
        let Ok(project) = project.parse() else { return };
        match fact {
            project::Event::SquadPaused { halt, number, .. } => {
                self.halts.insert(project, Halted { halt: *halt, number: *number });
            }
            project::Event::SquadResumed { .. } => {
                self.halts.remove(&project);
            }
            project::Event::Created { .. } | project::Event::Edited { .. } => {}
        }
    }

    /// How an agent stands. A halt of its squad pauses it at once, whether or not its own stream says so yet.
    fn standing(&self, row: &Row) -> (Status, Option<PauseReason>) {
        self.stands((row.project, row.status, row.pause_reason, row.excepted_from))
    }

    fn stands(
        &self,
        (project, status, pause_reason, excepted_from): OwnStanding,
    ) -> (Status, Option<PauseReason>) {
        let halted = self.halts.get(&project).is_some_and(|halted| halted.stops(excepted_from));
        match (status, pause_reason) {
            (Status::Active, _) | (Status::Paused, Some(PauseReason::Budget | PauseReason::ErrorStreak))
                if halted =>
            {
                (Status::Paused, Some(PauseReason::Squad))
            }
            own => own,
        }
    }

    /// The agents of a project, or of all, that stand so, by identity.
    fn standing_as(
        &self,
        project: Option<ProjectId>,
        wanted: impl Fn(Status, Option<PauseReason>) -> bool,
    ) -> Vec<AgentId> {
        let groups = self.groups(project, wanted);
        let mut agents: Vec<_> = groups.into_iter().flatten().map(|(_, id)| *id).collect();
        agents.sort_unstable();
        agents
    }

    fn register(&mut self, row: Row) {
        self.by_name.entry(row.project).or_default().add(&row.profile.name, row.id);
        self.rows.insert(row.id, row);
    }

    fn rename(&mut self, id: AgentId, project: ProjectId, before: &Name, after: &Name) {
        let names = self.by_name.entry(project).or_default();
        names.remove(before, id);
        names.add(after, id);
    }
}

impl Projection for Agents {
    const NAME: &'static str = "agents";
    const VERSION: u32 = 5;

    fn apply(&mut self, event: &Recorded<AnyEvent>) {
        let fact = match &event.event {
            AnyEvent::Agent(fact) => fact,
            AnyEvent::Budget(fact) => return self.account(&event.stream.aggregate_id, fact),
            AnyEvent::Policy(fact) => return self.follow(&event.stream.aggregate_id, fact),
            AnyEvent::Project(fact) => return self.halt(&event.stream.aggregate_id, fact),
            AnyEvent::Task(_)
            | AnyEvent::Approval(_)
            | AnyEvent::Reservation(_)
            | AnyEvent::Alert(_)
            | AnyEvent::Run(_)
            | AnyEvent::Notification(_)
            | AnyEvent::Standup(_) => return,
        };
        let Ok(id) = event.stream.aggregate_id.parse::<AgentId>() else { return };
        if let Some(row) = Row::registered(id, fact) {
            self.register(row);
        }
        if let (Event::ProfileChanged { profile }, Some(row)) = (fact, self.rows.get(id)) {
            let (project, before) = (row.project, row.profile.name.clone());
            self.rename(id, project, &before, &profile.name);
        }
        self.rows.change(id, |row| {
            row.apply(fact);
            row.updated_at = event.metadata.recorded_at;
            row.version = event.version;
        });
    }
}

impl Row {
    /// The row of one stream alone, after one more of its events.
    pub(crate) fn of_stream(row: Option<Box<Self>>, event: &Recorded<AnyEvent>) -> Option<Box<Self>> {
        let AnyEvent::Agent(fact) = &event.event else { return row };
        let registered = || Self::registered(event.stream.aggregate_id.parse().ok()?, fact).map(Box::new);
        let mut row = registered().or(row)?;
        row.apply(fact);
        row.updated_at = event.metadata.recorded_at;
        row.version = event.version;
        Some(row)
    }

    fn registered(id: AgentId, fact: &Event) -> Option<Self> {
        let Event::Registered { project, profile, parent, purpose, at } = fact else { return None };
        Some(Self {
            id,
            project: *project,
            profile: profile.clone(),
            parent: *parent,
            purpose: purpose.clone(),
            status: Status::Active,
            pause_reason: None,
            error_streak: 0,
            last_error: None,
            work: None,
            open_runs: Vec::new(),
            children: BTreeSet::new(),
            commission: None,
            retired: false,
            excepted_from: 0,
            session_key: None,
            registered_at: *at,
            in_service_since: *at,
            last_heartbeat: None,
            day: None,
            total_spend: Usd::ZERO,
            updated_at: *at,
            version: 0,
        })
    }

    fn apply(&mut self, fact: &Event) {
        match fact {
            Event::Registered { .. } | Event::RestartDelivered {} | Event::Overspent { .. } => {}
            Event::ProfileChanged { profile } => self.profile = profile.clone(),
            Event::HeartbeatRecorded { at, session_key, error, error_streak } => {
                self.last_heartbeat = self.last_heartbeat.max(Some(*at));
                self.session_key = session_key.clone().or(self.session_key.take());
                self.last_error = error.clone().or(self.last_error.take());
                self.count_errors(*error_streak);
            }
            Event::Paused { reason, .. } => self.become_paused(*reason),
            Event::Resumed { at, .. } => {
                self.in_service_since = at.unwrap_or(self.in_service_since);
                self.become_unpaused(Status::Active);
            }
            Event::DrainStarted { .. } => self.become_unpaused(Status::Draining),
            Event::Quarantined { .. } => self.become_unpaused(Status::Quarantined),
            Event::SignedOff { .. } => self.become_unpaused(Status::Offline),
            Event::Retired { .. } => self.retired = true,
            Event::SignedOn { at } => {
                self.in_service_since = *at;
                self.become_unpaused(Status::Active);
            }
            Event::Restarted { at, .. } => {
                self.in_service_since = at.unwrap_or(self.in_service_since);
                self.become_unpaused(Status::Active);
                self.count_errors(0);
            }
            // What it is to have spent, its budget says too.
            Event::Corrected { status, error_streak, today_spend: _, at } => {
                if status.is_some() {
                    self.in_service_since = *at;
                }
                match status.map(|status| status.after) {
                    Some(Status::Paused) => self.become_paused(PauseReason::Operator),
                    Some(status) => self.become_unpaused(status),
                    None => {}
                }
                if let Some(streak) = error_streak {
                    self.count_errors(streak.after);
                }
            }
            Event::Engaged { task, lease } => self.work = Some(Work { task: *task, lease: *lease }),
            Event::Released { lease, .. } => self.work = self.work.filter(|work| work.lease != *lease),
            Event::RunBegan { run, .. } => self.open_runs.push(*run),
            Event::RunEnded { run, error, error_streak, .. } => {
                self.open_runs.retain(|open| open != run);
                // What was broken off from outside leaves the streak as it is, and is no error of the agent.
                if *error_streak > self.error_streak {
                    self.last_error = error.clone().or(self.last_error.take());
                }
                self.count_errors(*error_streak);
            }
            Event::Spawned { child, .. } => {
                self.children.insert(*child);
            }
            Event::ChildRetired { child, .. } => {
                self.children.remove(child);
            }
            Event::Excepted { halt, .. } => self.excepted_from = *halt,
            Event::Commissioned { task, until, .. } => {
                self.commission = Some(Commission { task: *task, until: *until });
                self.retired = false;
            }
        }
    }

    fn become_paused(&mut self, reason: PauseReason) {
        self.status = Status::Paused;
        self.pause_reason = Some(reason);
    }

    fn become_unpaused(&mut self, status: Status) {
        self.status = status;
        self.pause_reason = None;
    }

    /// The last error is that of the streak: none counted, none shown.
    fn count_errors(&mut self, streak: u32) {
        self.error_streak = streak;
        if streak == 0 {
            self.last_error = None;
        }
    }

    /// A run is charged on the day it began, so an earlier day may still change: then only the total does.
    fn account(&mut self, day: NaiveDate, fact: &budget::Event) {
        let known = self.day.unwrap_or(DayBudget::new(day));
        let mut budget = if known.day < day { DayBudget::new(day) } else { known };
        let mut of_day = if budget.day == day { budget } else { DayBudget::new(day) };
        match fact {
            budget::Event::Reserved { reserved_after, .. }
            | budget::Event::Released { reserved_after, .. } => {
                of_day.reserved = *reserved_after;
            }
            budget::Event::Settled { cost, reserved_after, spent_after, .. } => {
                self.total_spend = self.total_spend.plus(*cost);
                (of_day.reserved, of_day.spent) = (*reserved_after, *spent_after);
            }
            budget::Event::Charged { cost, spent_after, .. } => {
                self.total_spend = self.total_spend.plus(*cost);
                of_day.spent = *spent_after;
            }
            // What the day counts is set right; what runs have cost stays what it was.
            budget::Event::Adjusted { spent_after, .. } => of_day.spent = *spent_after,
            budget::Event::Granted { granted_after, .. } => of_day.granted = *granted_after,
            budget::Event::RunAllowed { .. }
            | budget::Event::CapChanged { .. }
            | budget::Event::ThresholdCrossed { .. }
            | budget::Event::Exceeded { .. } => {}
        }
        if budget.day == day {
            budget = of_day;
        }
        self.day = Some(budget);
    }

    /// When it last gave a sign of life that is in the log.
    fn last_sign(&self) -> DateTime<Utc> {
        self.last_heartbeat.map_or(self.in_service_since, |time| time.max(self.in_service_since))
    }

    /// The budget of a day, by the time of the facts: nothing resets at midnight.
    fn budget_of(&self, day: NaiveDate) -> DayBudget {
        self.day.filter(|budget| budget.day == day).unwrap_or(DayBudget::new(day))
    }
}
