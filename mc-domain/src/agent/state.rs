//! The state of an agent: what its events fold to, and what others read of it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{
    command::Rejection,
    event::{Correction, Event},
    spawning::Commission,
    standing::{Standing, is_stale},
    values::{PauseReason, Profile, Status, Work},
};
use crate::{
    aggregate::CommandContext,
    budget,
    ids::{AgentId, ApprovalId, ProjectId, RunId, TaskId},
    policy_limits::PolicyLimits,
    run::OpenRun,
    task_type::TaskType,
    values::Label,
};

/// An agent, folded from its events.
///
/// ```
/// use mc_domain::{
///     actor::Actor,
///     agent::{Agent, Command, PauseReason, Profile, Role, Status},
///     aggregate::{Aggregate, CommandContext},
///     values::Name,
/// };
///
/// let sofie = CommandContext::new(chrono::DateTime::UNIX_EPOCH, Actor::Human(Name::new("Sofie")?));
/// let project = uuid::Uuid::from_u128(1).into();
/// let profile = Profile::new(Name::new("Scout")?, Role::Intern);
/// let mut history =
///     Agent::default().decide(Command::Register { project, profile, parent: None, purpose: None }, &sofie)?;
///
/// let pause = Command::Pause { reason: PauseReason::Operator, note: None };
/// history.extend(Agent::fold(&history).decide(pause, &sofie)?);
/// assert_eq!(Agent::fold(&history).status(), Some(Status::Paused));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Agent {
    /// The agent never registered; every command but registration is refused.
    #[default]
    Unregistered,
    /// The agent is known, in service or not.
    Registered(Box<Registered>),
}

/// What the rules read of an agent that exists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Registered {
    /// The project that it works in for good.
    pub(crate) project: ProjectId,
    /// What it is and may do.
    pub(crate) profile: Profile,
    /// The agent that spawned it; none for one that registered by itself.
    pub(crate) parent: Option<AgentId>,
    /// Whether it works, with what only that standing knows.
    pub(crate) standing: Standing,
    /// The task that it holds and the lease it holds it under.
    pub(crate) work: Option<Work>,
    /// Errors in a row, of runs and heartbeats; a run that completes and a heartbeat without error end the streak.
    pub(crate) error_streak: u32,
    /// When its last recorded heartbeat was.
    pub(crate) last_heartbeat: Option<DateTime<Utc>>,
    /// Since when it is to show that it lives: since it joined, came back, or was let work again.
    #[serde(default)]
    pub(crate) in_service_since: DateTime<Utc>,
    /// The session it last spoke from.
    pub(crate) session_key: Option<Label>,
    /// Whether it is still to be told to restart.
    pub(crate) restart_pending: bool,
    /// The last time that it spent too much, or was about to, until it is let work again.
    #[serde(default)]
    pub(crate) overspent: Option<Overspent>,
    /// The runs it has under way.
    #[serde(default)]
    pub(crate) open_runs: BTreeMap<RunId, OpenRun>,
    /// Whether it serves another agent, and for what.
    #[serde(default)]
    pub(crate) service: Service,
    /// Its sub-agents that are in service.
    #[serde(default)]
    pub(crate) children: BTreeSet<AgentId>,
    /// The number of the halt of its squad that an operator excepted it from last; 0 when from none.
    #[serde(default)]
    pub(crate) excepted_from: u64,
}

/// A day on which an agent spent too much, or was about to. It outlives the pause that follows from it: who was paused with
/// the squad in the meantime, or went offline and came back, waits for its budget again when the squad works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Overspent {
    /// The UTC day whose budget was not enough.
    pub day: NaiveDate,
    /// The budget that was not enough; absent in records of before budgets were named.
    pub overrun: Option<Overrun>,
}

/// Whether an agent serves another one, and for what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Service {
    /// It was never commissioned by another agent.
    #[default]
    Independent,
    /// It serves as a sub-agent, for this long and this task.
    Commissioned(Commission),
    /// Its time as a sub-agent is over. What it was last created for is still known, where it was ever told.
    Retired(Option<Commission>),
}

/// What an agent spent too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Overrun {
    /// The budget that was not enough.
    pub budget: budget::Key,
    /// The approval that was opened for it.
    pub approval: ApprovalId,
}

/// An agent that may take a certain task: vouched for by [`Registered::accept`], not made by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assignee(AgentId);

impl Assignee {
    /// The agent that may take the task.
    pub fn id(self) -> AgentId {
        self.0
    }

    #[cfg(test)]
    pub(crate) fn vouched(id: AgentId) -> Self {
        Self(id)
    }
}

/// Whether an agent's accepted task types count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeRule {
    /// Only tasks of accepted types may be taken.
    Enforced,
    /// An operator has set them aside, with a reason.
    Overridden,
}

impl Agent {
    /// What the rules read of it.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] before its registration.
    pub fn registered(&self) -> Result<&Registered, Rejection> {
        match self {
            Self::Unregistered => Err(Rejection::NotFound),
            Self::Registered(agent) => Ok(agent),
        }
    }

    /// Whether it works, if it exists.
    pub fn status(&self) -> Option<Status> {
        self.registered().ok().map(Registered::status)
    }
}

impl Registered {
    /// Errors in a row, of runs and heartbeats; a run that completes and a heartbeat without error end the streak.
    pub fn error_streak(&self) -> u32 {
        self.error_streak
    }

    /// Whether it is still to be told to restart.
    pub fn restart_pending(&self) -> bool {
        self.restart_pending
    }

    /// The agent that spawned it; none for one that registered by itself.
    pub fn parent(&self) -> Option<AgentId> {
        self.parent
    }

    /// Its sub-agents that are in service.
    pub fn children(&self) -> &BTreeSet<AgentId> {
        &self.children
    }

    /// Whether it works, with what only that standing knows.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// The runs it has under way.
    pub fn open_runs(&self) -> &BTreeMap<RunId, OpenRun> {
        &self.open_runs
    }

    /// What it is and may do.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The project that it works in for good.
    pub fn project(&self) -> ProjectId {
        self.project
    }

    /// The task that it holds and the lease it holds it under.
    pub fn work(&self) -> Option<Work> {
        self.work
    }

    pub(super) fn new(
        project: ProjectId,
        profile: Profile,
        parent: Option<AgentId>,
        at: DateTime<Utc>,
    ) -> Self {
        Self {
            project,
            profile,
            parent,
            standing: Standing::Active,
            work: None,
            error_streak: 0,
            last_heartbeat: None,
            in_service_since: at,
            session_key: None,
            restart_pending: false,
            overspent: None,
            open_runs: BTreeMap::new(),
            service: Service::Independent,
            children: BTreeSet::new(),
            excepted_from: 0,
        }
    }

    /// The status by name.
    pub fn status(&self) -> Status {
        self.standing.status()
    }

    /// Its standing on `today`: a pause for the budget of a day that is over keeps it from nothing, whether or not that has
    /// been recorded yet.
    pub fn standing_on(&self, today: NaiveDate) -> Standing {
        if self.is_paused_since_yesterday(today) { Standing::Active } else { self.standing }
    }

    /// Vouches that this agent, known as `id`, may take a task of `kind` in `project` on `today`.
    ///
    /// # Errors
    /// - [`Rejection::OtherProject`]
    /// - [`Rejection::NotActive`]
    /// - [`Rejection::TypeNotAccepted`], unless an operator has set that rule aside.
    pub fn accept(
        &self,
        id: AgentId,
        project: ProjectId,
        kind: TaskType,
        rule: TypeRule,
        today: NaiveDate,
    ) -> Result<Assignee, Rejection> {
        self.belongs_to(project)?;
        let types = &self.profile.allowed_task_types;
        match self.standing_on(today) {
            Standing::Active if rule == TypeRule::Overridden || types.is_empty() || types.contains(&kind) => {
                Ok(Assignee(id))
            }
            Standing::Active => Err(Rejection::TypeNotAccepted { name: self.profile.name.clone(), kind }),
            Standing::Paused(_) | Standing::Draining | Standing::Quarantined | Standing::Offline { .. } => {
                Err(self.not_active())
            }
        }
    }

    /// Whether it is an agent of `project`.
    ///
    /// # Errors
    /// [`Rejection::OtherProject`]
    pub fn belongs_to(&self, project: ProjectId) -> Result<(), Rejection> {
        let name = || self.profile.name.clone();
        if self.project == project { Ok(()) } else { Err(Rejection::OtherProject { name: name() }) }
    }

    /// Whether it may move `task`: an active agent may move tasks, a draining one only the one it works on.
    ///
    /// # Errors
    /// [`Rejection::NotActive`]
    pub fn may_move(&self, task: TaskId, today: NaiveDate) -> Result<(), Rejection> {
        match self.standing_on(today) {
            Standing::Active => Ok(()),
            Standing::Draining if self.works_on(task) => Ok(()),
            Standing::Draining | Standing::Paused(_) | Standing::Quarantined | Standing::Offline { .. } => {
                Err(self.not_active())
            }
        }
    }

    /// Whether it may begin a run, for `task` or for none: an active agent may, a draining one only for the task that it
    /// works on.
    ///
    /// # Errors
    /// [`Rejection::NotActive`]
    pub fn may_run(&self, task: Option<TaskId>, today: NaiveDate) -> Result<(), Rejection> {
        match (self.standing_on(today), task) {
            (Standing::Active, _) => Ok(()),
            (Standing::Draining, Some(task)) if self.works_on(task) => Ok(()),
            (
                Standing::Draining | Standing::Paused(_) | Standing::Quarantined | Standing::Offline { .. },
                _,
            ) => Err(self.not_active()),
        }
    }

    /// What it was created for, when it is a sub-agent or was one.
    pub fn commission(&self) -> Option<Commission> {
        match self.service {
            Service::Independent => None,
            Service::Commissioned(commission) => Some(commission),
            Service::Retired(commission) => commission,
        }
    }

    /// Whether its time as a sub-agent is over.
    pub fn is_retired(&self) -> bool {
        match self.service {
            Service::Retired(_) => true,
            Service::Independent | Service::Commissioned(_) => false,
        }
    }

    /// The last time that it spent too much, or was about to, until it is let work again.
    pub fn overspent(&self) -> Option<Overspent> {
        self.overspent
    }

    /// The budget that was not enough when it last spent too much, and the approval that was opened for it.
    pub fn overrun(&self) -> Option<Overrun> {
        self.overspent?.overrun
    }

    /// Whether nothing but a budget keeps it from working.
    pub fn is_paused_for_budget(&self) -> bool {
        self.standing == Standing::Paused(PauseReason::Budget) && !self.is_retired()
    }

    /// Whether nothing but the budget `key` keeps it from working. Where the record does not say which budget that is, it
    /// is that of its day.
    pub fn waits_for(&self, key: budget::Key) -> bool {
        let this_one = match self.overrun() {
            Some(overrun) => overrun.budget == key,
            None => matches!(key, budget::Key::AgentDay(..)),
        };
        self.is_paused_for_budget() && this_one
    }

    /// Whether it is paused for a budget of a day that is over: a new day has a budget of its own.
    pub fn is_paused_since_yesterday(&self, today: NaiveDate) -> bool {
        self.is_paused_for_budget() && self.overspent.is_some_and(|overspent| overspent.day < today)
    }

    /// The last time that it showed that it lives, as far as that is recorded: by a heartbeat, or by coming into service.
    pub fn last_sign(&self) -> DateTime<Utc> {
        self.last_heartbeat.map_or(self.in_service_since, |heartbeat| heartbeat.max(self.in_service_since))
    }

    /// Whether it should have shown that it lives before `now`.
    pub fn is_stale(&self, now: DateTime<Utc>, limits: &PolicyLimits) -> bool {
        is_stale(self.status(), self.last_sign(), self.patience(limits), now)
    }

    /// How long it may be silent: the interval it declared itself, and what the policy adds.
    pub fn patience(&self, limits: &PolicyLimits) -> TimeDelta {
        TimeDelta::seconds(self.profile.heartbeat_interval_secs.into()) + limits.stale_after()
    }

    /// Whether it may say something in a thread: not while it is quarantined or offline.
    ///
    /// # Errors
    /// [`Rejection::NotActive`]
    pub fn may_speak(&self) -> Result<(), Rejection> {
        match self.standing {
            Standing::Active | Standing::Paused(_) | Standing::Draining => Ok(()),
            Standing::Quarantined | Standing::Offline { .. } => Err(self.not_active()),
        }
    }

    /// Whether it holds `task` under a lease.
    pub fn works_on(&self, task: TaskId) -> bool {
        self.work.is_some_and(|work| work.task == task)
    }

    /// How many agents are above it.
    pub fn depth(&self) -> u32 {
        self.commission().map_or(u32::from(self.parent.is_some()), |commission| commission.depth)
    }

    /// What a sub-agent that it creates now is commissioned for: what it works on itself, or else was created for.
    pub fn commission_of_child(&self, context: &CommandContext) -> Commission {
        let lasts = TimeDelta::seconds(context.policy.spawn.retire_after_secs.into());
        Commission {
            depth: self.depth().saturating_add(1),
            task: self
                .work
                .map(|work| work.task)
                .or(self.commission().and_then(|commission| commission.task)),
            until: context.now + lasts,
        }
    }

    pub(super) fn not_active(&self) -> Rejection {
        Rejection::NotActive {
            name: self.profile.name.clone(),
            status: self.status(),
            reason: self.standing.pause_reason(),
        }
    }

    pub(super) fn evolve(&mut self, event: &Event) {
        match event {
            Event::Registered { .. } => {}
            Event::ProfileChanged { profile } => self.profile = profile.clone(),
            Event::HeartbeatRecorded { at, session_key, error_streak, .. } => {
                self.last_heartbeat = Some(*at);
                self.error_streak = *error_streak;
                self.session_key = session_key.clone().or(self.session_key.take());
            }
            Event::Paused { reason, .. } => self.standing = Standing::Paused(*reason),
            Event::Resumed { at, .. } => {
                self.standing = Standing::Active;
                self.in_service_since = at.unwrap_or(self.in_service_since);
                self.overspent = None;
            }
            Event::SignedOn { at } => {
                self.standing = Standing::Active;
                self.in_service_since = *at;
            }
            Event::DrainStarted { .. } => self.standing = Standing::Draining,
            Event::Quarantined { .. } => self.standing = Standing::Quarantined,
            Event::SignedOff { .. } => {
                self.standing = Standing::Offline { draining: self.standing == Standing::Draining };
            }
            Event::Retired { .. } => self.service = Service::Retired(self.commission()),
            Event::Restarted { at, .. } => {
                self.standing = Standing::Active;
                self.in_service_since = at.unwrap_or(self.in_service_since);
                self.overspent = None;
                self.error_streak = 0;
                self.restart_pending = true;
            }
            Event::RestartDelivered {} => self.restart_pending = false,
            Event::Corrected { status, error_streak, at, .. } => {
                if let Some(Correction { after, .. }) = status {
                    self.standing = after.standing();
                    self.in_service_since = *at;
                }
                self.error_streak = error_streak.map_or(self.error_streak, |corrected| corrected.after);
            }
            Event::Engaged { task, lease } => self.work = Some(Work { task: *task, lease: *lease }),
            Event::Released { .. } => self.work = None,
            Event::Overspent { approval, budget, day, .. } => {
                let overrun = budget.map(|budget| Overrun { budget, approval: *approval });
                self.overspent = Some(Overspent { day: *day, overrun });
            }
            Event::RunBegan { run, open_run, .. } => {
                self.open_runs.insert(*run, *open_run);
            }
            Event::RunEnded { run, error_streak, .. } => {
                self.open_runs.remove(run);
                self.error_streak = *error_streak;
            }
            Event::Spawned { child, .. } => {
                self.children.insert(*child);
            }
            Event::Commissioned { depth, task, until, .. } => {
                let commission = Commission { depth: *depth, task: *task, until: *until };
                self.service = Service::Commissioned(commission);
            }
            Event::ChildRetired { child, .. } => {
                self.children.remove(child);
            }
            Event::Excepted { halt, .. } => self.excepted_from = *halt,
        }
    }
}
