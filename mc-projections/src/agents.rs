//! Which agents are there, how are they, and what do they work on?

mod query;
mod squad;
#[cfg(test)]
mod tests;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use mc_domain::{
    agent::{Event, PauseReason, Profile, Role, Status, Work},
    budget,
    ids::{AgentId, ProjectId, RunId, TaskId},
    money::Usd,
    policy::{self, Scope, document::PolicyLimits},
    project::{self, Halt},
    reach::Reach,
    recorded::{AnyEvent, Recorded},
    text,
    values::{Label, Name, Reason},
};
use serde::{Deserialize, Serialize};

pub use query::{AgentQuery, AgentSort};
pub use squad::Concerned;
pub use view::{ActorId, ActorView, AgentBudgets, AgentView};

use crate::{projection::Projection, table::Table};
use squad::{Index, OwnStanding};

/// All agents, by identity, by name and by their standing in their project.
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
    /// The projects whose squads are halted, each with its halt.
    halts: BTreeMap<ProjectId, Halted>,
}

/// The halt that is in force for a squad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Halted {
    halt: Halt,
    number: u64,
}

impl Halted {
    /// Whether the halt pauses an agent of its squad that was excepted from the halt of number `excepted_from`.
    fn stops(self, excepted_from: u64) -> bool {
        match self.halt {
            Halt::Pause => excepted_from < self.number,
            // Halts of number 0 were recorded before halts had numbers: they paused each agent by an event of its
            // own.
            Halt::Emergency => self.number > 0,
        }
    }
}

/// The agents of a project by their names, in the three ways in which names are looked up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Directory {
    /// By lower case, as names used to compare: of two agents whose names are the same by today's rules, each is
    /// still found by its own spelling.
    written: BTreeMap<String, AgentId>,
    /// By NFKC and case folding, as names compare today.
    folded: BTreeMap<String, BTreeSet<AgentId>>,
    /// By the forms that a reader could take the name for, such as `Scout` written with a Cyrillic letter.
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

/// How long agents may be silent beyond the heartbeat interval that they declared, in seconds, as the policies say.
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
    /// The runs that it has under way, in the order in which they began.
    open_runs: Vec<RunId>,
    /// The sub-agents that it spawned and that still serve.
    children: BTreeSet<AgentId>,
    commission: Option<Commission>,
    retired: bool,
    /// The number of the latest halt of its squad that an operator excepted it from, 0 for none.
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

/// The budget of the latest day that any event told of.
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

/// The task that a sub-agent was created for, and the time until which it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Commission {
    task: Option<TaskId>,
    until: DateTime<Utc>,
}

impl Agents {
    /// The agent with this name in a project; names compare by NFKC and case folding.
    pub fn named(&self, project: ProjectId, name: &str) -> Option<AgentId> {
        self.by_name.get(&project)?.find(name)
    }

    /// The agents of a project whose names are the same as `name` or could be taken for it.
    pub fn passing_for(&self, project: ProjectId, name: &Name) -> Vec<AgentId> {
        let Some(names) = self.by_name.get(&project) else { return vec![] };
        let looks = text::looks(name.as_str());
        let found: BTreeSet<_> = looks.iter().filter_map(|look| names.looks.get(look)).flatten().collect();
        found.into_iter().copied().collect()
    }

    /// An agent of these projects whose name is the same as `name` or could be taken for it, where there is one. The chief
    /// agent officer is none: that seat may bear the name of its operator.
    pub fn passing_for_within(&self, reach: &Reach, name: &Name) -> Option<AgentId> {
        let within = self.by_name.keys().copied().filter(|project| reach.includes(*project));
        let is_seat = |id: AgentId| self.rows.get(id).is_some_and(|row| row.profile.role == Role::Cao);
        within.flat_map(|project| self.passing_for(project, name)).find(|id| !is_seat(*id))
    }

    /// The agents with this name in any project, at most one for each.
    pub fn named_anywhere<'a>(&'a self, name: &'a str) -> impl Iterator<Item = AgentId> + 'a {
        self.by_name.values().filter_map(move |names| names.find(name))
    }

    /// The agents that a path or a parameter means: by identity, or by name in `project`, or by name in any project.
    /// The answer has several agents only when no project is given and several use the name.
    pub fn find(&self, id_or_name: &str, project: Option<ProjectId>) -> Vec<AgentId> {
        let by_id = id_or_name.parse().ok().filter(|id| self.rows.get(*id).is_some());
        match (by_id, project) {
            (Some(id), _) => vec![id],
            (None, Some(project)) => self.named(project, id_or_name).into_iter().collect(),
            (None, None) => self.named_anywhere(id_or_name).collect(),
        }
    }

    /// The agent's current name; nothing for an unknown agent.
    pub fn name(&self, id: AgentId) -> Option<&Name> {
        self.rows.get(id).map(|row| &row.profile.name)
    }

    /// The project that an agent belongs to; nothing for an unknown agent.
    pub fn project_of(&self, id: AgentId) -> Option<ProjectId> {
        self.rows.get(id).map(|row| row.project)
    }

    /// Whether an agent's time as a sub-agent is over; an unknown one is none any more.
    pub fn is_gone(&self, id: AgentId) -> bool {
        self.rows.get(id).is_none_or(|row| row.retired)
    }

    /// The agents of a project that are paused for `reason`, by identity.
    pub fn paused(&self, project: ProjectId, reason: PauseReason) -> Vec<AgentId> {
        self.standing_as(&Reach::of(project), |_, paused| paused == Some(reason))
    }

    /// How many agents of a project have another status than offline.
    pub fn in_service(&self, project: ProjectId) -> usize {
        let groups = self.groups(&Reach::of(project), |status, _| status != Status::Offline);
        groups.into_iter().map(BTreeSet::len).sum()
    }

    /// The active agents of all projects, by identity.
    pub fn active(&self) -> Vec<AgentId> {
        self.standing_as(&Reach::All, |status, _| status == Status::Active)
    }

    /// The emoji that stands for the agent on the board.
    pub(crate) fn emoji(&self, id: AgentId) -> Option<&Label> {
        self.rows.get(id)?.profile.emoji.as_ref()
    }

    fn follow(&mut self, scope: &str, fact: &policy::Event) {
        let policy::Event::Published { document, .. } = fact;
        if let Ok(scope) = scope.parse() {
            self.silence.publish(scope, document.timeouts.stale_after_secs);
        }
    }

    /// Takes over what a day's budget of an agent says: an agent's spending is what its budgets count.
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

    /// The status of an agent and why it is paused. A halt of its squad pauses it at once, even before its own stream
    /// says so.
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

    /// The agents of the projects within a reach whose status and pause reason are `wanted`, by identity.
    fn standing_as(
        &self,
        reach: &Reach,
        wanted: impl Fn(Status, Option<PauseReason>) -> bool,
    ) -> Vec<AgentId> {
        let groups = self.groups(reach, wanted);
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
            | AnyEvent::Standup(_)
            | AnyEvent::Credential(_) => return,
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
    /// The row of one agent after one more event of its stream; for folds of a single stream.
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
            // The corrected spending is left out here: the day's budget records it too.
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
                // A run that others broke off leaves the streak as it is, and its error is not the agent's.
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

    /// Sets the error streak. With the streak the last error goes: an agent without errors in a row shows none.
    fn count_errors(&mut self, streak: u32) {
        self.error_streak = streak;
        if streak == 0 {
            self.last_error = None;
        }
    }

    /// Takes over what the budget of `day` says. A run is charged to the day it began, so an event may still concern
    /// an earlier day than the latest: then only the total changes.
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
            // A correction changes what the day counts, and not what the runs have cost.
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

    /// The time of its last heartbeat in the log, or since when it serves where that is later.
    fn last_sign(&self) -> DateTime<Utc> {
        self.last_heartbeat.map_or(self.in_service_since, |time| time.max(self.in_service_since))
    }

    /// The budget of a day. Nothing resets at midnight: a day without events has an empty budget.
    fn budget_of(&self, day: NaiveDate) -> DayBudget {
        self.day.filter(|budget| budget.day == day).unwrap_or(DayBudget::new(day))
    }
}
