//! An agent: a program that works on tasks.
//!
//! State: `Unregistered → active ⇄ paused | draining | quarantined | offline`
//!
//! Invariants:
//! 1. The status moves only along the table in `standing.rs`; what was imposed is undone by nobody but an operator
//!    (a pause for a budget also by the system): not by a heartbeat, not by registering again, not by a goodbye.
//! 2. It holds at most one task at a time, under one lease.
//! 3. As many errors in a row as the policy allows quarantine it, in the commit that counts the last one.
//! 4. No agent raises its own role, tools or budgets.
//! 5. A heartbeat is recorded when it has news, or [`HEARTBEAT_RECORDED_EVERY`] after the last recorded one.
//! 6. It creates sub-agents only as far as its role and the policy allow, and none that may do more than itself.
//! 7. It has at most [`MAX_OPEN_RUNS`] runs under way, and knows each of them until that one ends.
//! 8. A sub-agent that is retired stays so until its parent spawns it again, and what was imposed on it stays even then.
//! 9. Only an operator excepts it from a halt of its squad, and only while it is active.

mod command;
mod event;
mod spawning;
mod standing;
#[cfg(test)]
mod tests;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use command::{Command, Corrections, Heartbeat, Rejection};
pub use event::{Correction, Event};
pub use spawning::{Commission, SPAWN_TOOL, Spawn, SpawnBound};
pub use standing::{Standing, allowed_statuses, is_stale};
pub use values::{Caps, Directive, Ending, PauseReason, Profile, Role, Status, Work};

use crate::{
    actor::{Actor, ActorKind},
    aggregate::{Aggregate, CommandContext},
    budget,
    ids::{AgentId, ApprovalId, ProjectId, RunId, TaskId},
    policy::document::PolicyLimits,
    run::{OpenRun, Outcome},
    task::TaskType,
    values::{Label, Reason},
};

/// The most often that a heartbeat without news is recorded.
pub const HEARTBEAT_RECORDED_EVERY: TimeDelta = TimeDelta::minutes(1);
/// The most runs that one agent may have under way.
pub const MAX_OPEN_RUNS: usize = 16;

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
    /// Before its registration.
    #[default]
    Unregistered,
    /// From its registration on.
    Registered(Box<Registered>),
}

/// What the rules read of an agent that exists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Registered {
    /// The project it works in.
    pub project: ProjectId,
    /// What it is and may do.
    pub profile: Profile,
    /// The agent that spawned it.
    pub parent: Option<AgentId>,
    /// Whether it works.
    pub standing: Standing,
    /// Whether it was to drain when it said goodbye.
    #[serde(default)]
    pub left_draining: bool,
    /// What it works on.
    pub work: Option<Work>,
    /// Errors in a row.
    pub error_streak: u32,
    /// When its last recorded heartbeat was.
    pub last_heartbeat: Option<DateTime<Utc>>,
    /// Since when it is to show that it lives: since it joined, came back, or was let work again.
    #[serde(default)]
    pub in_service_since: DateTime<Utc>,
    /// The session it last spoke from.
    pub session_key: Option<Label>,
    /// Whether it is still to be told to restart.
    pub restart_pending: bool,
    /// The UTC day on which it spent too much, or was about to; until it is let work again.
    #[serde(default)]
    pub overspent_on: Option<NaiveDate>,
    /// What was not enough then, and what was opened for it.
    #[serde(default)]
    pub overrun: Option<Overrun>,
    /// The runs it has under way.
    #[serde(default)]
    pub open_runs: BTreeMap<RunId, OpenRun>,
    /// What it was created for, when it is a sub-agent.
    #[serde(default)]
    pub commission: Option<Commission>,
    /// Its sub-agents in service.
    #[serde(default)]
    pub children: BTreeSet<AgentId>,
    /// Whether its time as a sub-agent is over.
    #[serde(default)]
    pub retired: bool,
    /// The number of the halt of its squad that an operator excepted it from last; 0 when from none.
    #[serde(default)]
    pub excepted_from: u64,
}

/// What an agent spent too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Overrun {
    /// The budget.
    pub budget: budget::Key,
    /// The approval that was opened for it.
    pub approval: ApprovalId,
}

/// An agent that may take a certain task: vouched for by [`Registered::accept`], not made by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assignee(AgentId);

impl Assignee {
    /// Which agent.
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
    /// They do.
    Enforced,
    /// An operator has set them aside, with a reason.
    Overridden,
}

impl Aggregate for Agent {
    const TYPE: &'static str = "agent";
    type Id = AgentId;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        match (self, command) {
            (Self::Unregistered, Command::Register { project, profile, parent, purpose }) => {
                Ok(vec![Event::Registered { project, profile, parent, purpose, at: context.now }])
            }
            (Self::Registered(agent), Command::Register { profile, parent, .. }) => {
                agent.register(profile, parent.is_some(), context)
            }
            (Self::Unregistered, _) => Err(Rejection::NotFound),
            (Self::Registered(agent), Command::ChangeProfile(profile)) => {
                agent.change_profile(profile, context)
            }
            (Self::Registered(agent), Command::Heartbeat(heartbeat)) => {
                Ok(agent.heartbeat(heartbeat, context))
            }
            (Self::Registered(agent), Command::Pause { reason, note }) => agent.pause(reason, note, context),
            (Self::Registered(agent), Command::Resume { note }) => agent.resume(note, context),
            (Self::Registered(agent), Command::Rejoin { note }) => agent.rejoin(note, context),
            (Self::Registered(agent), Command::Drain { note }) => agent.drain(note, context),
            (Self::Registered(agent), Command::Quarantine { note }) => agent.quarantine(note, context),
            (Self::Registered(agent), Command::SignOff { note }) => agent.sign_off(note, context),
            (Self::Registered(agent), Command::Retire { note }) => agent.retire(note, context),
            (Self::Registered(agent), Command::Restart { note }) => agent.restart(note, context),
            (Self::Registered(agent), Command::Correct(corrections)) => agent.correct(corrections, context),
            (Self::Registered(agent), Command::Engage(work)) => agent.engage(work),
            (Self::Registered(agent), Command::Release { task, ending }) => Ok(agent.release(task, ending)),
            (Self::Registered(agent), Command::Overspend { approval, budget }) => {
                agent.overspend(approval, budget, context)
            }
            (Self::Registered(agent), Command::BeginRun { run, open_run }) => {
                agent.begin_run(run, open_run, context)
            }
            (Self::Registered(agent), Command::EndRun { run, outcome, error }) => {
                Ok(agent.end_run(run, outcome, error, context))
            }
            (Self::Registered(agent), Command::Spawn(spawn)) => agent.spawn(spawn, context),
            (Self::Registered(agent), Command::Commission(commission)) => {
                Ok(agent.take_commission(commission, context))
            }
            (Self::Registered(agent), Command::RetireChild(child)) => Ok(agent.retire_child(child, context)),
            (Self::Registered(agent), Command::Except { halt }) => agent.except(halt, context),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (_, Event::Registered { project, profile, parent, at, .. }) => {
                Self::Registered(Box::new(Registered::new(*project, profile.clone(), *parent, *at)))
            }
            (Self::Unregistered, _) => Self::Unregistered,
            (Self::Registered(mut agent), event) => {
                agent.evolve(event);
                Self::Registered(agent)
            }
        }
    }
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
    fn new(project: ProjectId, profile: Profile, parent: Option<AgentId>, at: DateTime<Utc>) -> Self {
        Self {
            project,
            profile,
            parent,
            standing: Standing::Active,
            left_draining: false,
            work: None,
            error_streak: 0,
            last_heartbeat: None,
            in_service_since: at,
            session_key: None,
            restart_pending: false,
            overspent_on: None,
            overrun: None,
            open_runs: BTreeMap::new(),
            commission: None,
            children: BTreeSet::new(),
            retired: false,
            excepted_from: 0,
        }
    }

    /// Whether it works.
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
            Standing::Paused(_) | Standing::Draining | Standing::Quarantined | Standing::Offline => {
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
            Standing::Draining | Standing::Paused(_) | Standing::Quarantined | Standing::Offline => {
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
            (Standing::Draining | Standing::Paused(_) | Standing::Quarantined | Standing::Offline, _) => {
                Err(self.not_active())
            }
        }
    }

    /// Whether nothing but a budget keeps it from working.
    pub fn is_paused_for_budget(&self) -> bool {
        self.standing == Standing::Paused(PauseReason::Budget) && !self.retired
    }

    /// Whether nothing but the budget `key` keeps it from working. Where the record does not say which budget that is, it
    /// is that of its day.
    pub fn waits_for(&self, key: budget::Key) -> bool {
        let this_one = match self.overrun {
            Some(overrun) => overrun.budget == key,
            None => matches!(key, budget::Key::AgentDay(..)),
        };
        self.is_paused_for_budget() && this_one
    }

    /// Whether it is paused for a budget of a day that is over: a new day has a budget of its own.
    pub fn is_paused_since_yesterday(&self, today: NaiveDate) -> bool {
        self.is_paused_for_budget() && self.overspent_on.is_some_and(|day| day < today)
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
            Standing::Quarantined | Standing::Offline => Err(self.not_active()),
        }
    }

    /// Whether it holds `task`.
    pub fn works_on(&self, task: TaskId) -> bool {
        self.work.is_some_and(|work| work.task == task)
    }

    /// Invariant 8: only as a sub-agent that is spawned anew does one that is retired come back. Its name, role and caps
    /// stay; the rest is as it declares.
    fn register(
        &self,
        declared: Profile,
        spawned: bool,
        context: &CommandContext,
    ) -> Result<Vec<Event>, Rejection> {
        let Profile { name, role, caps, .. } = self.profile.clone();
        let profile = Profile { name, role, caps, ..declared };
        let changed = self.change_profile(profile, context)?;
        let comes_back = self.standing == Standing::Offline && (spawned || !self.retired);
        let back = if comes_back { self.sign_on(context) } else { vec![] };
        Ok(back.into_iter().chain(changed).collect())
    }

    fn change_profile(&self, profile: Profile, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        if context.actor.kind() == ActorKind::Agent {
            self.refuse_self_promotion(&profile)?;
        }
        Ok(if profile == self.profile { vec![] } else { vec![Event::ProfileChanged { profile }] })
    }

    /// Invariant 4.
    fn refuse_self_promotion(&self, wanted: &Profile) -> Result<(), Rejection> {
        let what = self.profile.exceeded_by(wanted);
        if what.is_empty() { Ok(()) } else { Err(Rejection::SelfPromotion { what: what.join(", ") }) }
    }

    /// Invariants 3, 5 and 8. An idle agent that drains has drained.
    fn heartbeat(&self, heartbeat: Heartbeat, context: &CommandContext) -> Vec<Event> {
        let Heartbeat { session_key, error } = heartbeat;
        let error_streak = if error.is_some() { self.error_streak.saturating_add(1) } else { 0 };
        let mut events = Vec::new();
        let gone = self.standing == Standing::Offline;
        let comes_back = gone && !self.retired;
        if comes_back {
            events.extend(self.sign_on(context));
        }
        if self.standing == Standing::Draining && self.work.is_none() {
            events.push(DRAINED);
        }
        if self.restart_pending {
            events.push(Event::RestartDelivered {});
        }
        let new_session = session_key.is_some() && session_key != self.session_key;
        let due = self.last_heartbeat.is_none_or(|last| context.now - last >= HEARTBEAT_RECORDED_EVERY);
        let news = error.is_some() || error_streak != self.error_streak || new_session || !events.is_empty();
        if news || due {
            events.push(Event::HeartbeatRecorded { at: context.now, session_key, error, error_streak });
        }
        if error_streak >= context.policy.timeouts.error_streak_quarantine
            && self.standing != Standing::Quarantined
            && (comes_back || !gone)
        {
            events.push(Event::Quarantined { note: None });
        }
        events
    }

    /// An instruction stands: a pause by an operator or of the squad takes the place of one that ends by itself.
    fn pause(
        &self,
        reason: PauseReason,
        note: Option<Reason>,
        context: &CommandContext,
    ) -> Result<Vec<Event>, Rejection> {
        self.operator_only(context)?;
        match self.standing {
            Standing::Paused(current) if !current.yields_to(reason) => Ok(vec![]),
            Standing::Paused(_) => Ok(vec![Event::Paused { reason, note }]),
            Standing::Active | Standing::Draining | Standing::Quarantined | Standing::Offline => {
                self.may_become(Status::Paused)?;
                Ok(vec![Event::Paused { reason, note }])
            }
        }
    }

    /// Invariant 1: of all that was imposed, a worker lifts only a pause for a budget.
    fn resume(&self, note: Option<Reason>, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        self.operator_only(context)?;
        let from = self.status();
        if from == Status::Active {
            return Ok(vec![]);
        }
        self.may_become(Status::Active)?;
        if self.standing != Standing::Paused(PauseReason::Budget) {
            self.human_only(context)?;
        }
        Ok(vec![Event::Resumed { from, note, at: Some(context.now) }])
    }

    /// What an operator or the squad had paused works again, unless its budget of today still keeps it from that.
    fn rejoin(&self, note: Option<Reason>, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        let by_hand = matches!(self.standing, Standing::Paused(PauseReason::Operator | PauseReason::Squad));
        match () {
            () if !by_hand || self.retired => Ok(vec![]),
            () if self.overspent_on == Some(context.now.date_naive()) => {
                self.human_only(context)?;
                Ok(vec![Event::Paused { reason: PauseReason::Budget, note }])
            }
            () => self.resume(note, context),
        }
    }

    fn drain(&self, note: Option<Reason>, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        self.operator_only(context)?;
        if self.status() == Status::Draining {
            return Ok(vec![]);
        }
        self.may_become(Status::Draining)?;
        Ok(vec![Event::DrainStarted { note }])
    }

    fn quarantine(&self, note: Option<Reason>, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        self.operator_only(context)?;
        if self.status() == Status::Quarantined {
            return Ok(vec![]);
        }
        self.may_become(Status::Quarantined)?;
        Ok(vec![Event::Quarantined { note }])
    }

    /// Invariant 1: coming back from offline makes an agent active, so one that was stopped does not go by itself. One that
    /// drains comes back as drained.
    fn sign_off(&self, note: Option<Reason>, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        match self.standing {
            Standing::Offline => return Ok(vec![]),
            Standing::Active | Standing::Draining => {}
            Standing::Paused(_) | Standing::Quarantined => self.operator_only(context)?,
        }
        self.may_become(Status::Offline)?;
        Ok(vec![Event::SignedOff { note }])
    }

    /// Invariant 8. Only an agent that works goes offline by it: who was stopped is not let go by coming back later.
    fn retire(&self, note: Option<Reason>, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        self.operator_only(context)?;
        if self.retired {
            return Ok(vec![]);
        }
        let gone = (self.standing == Standing::Active).then(|| Event::SignedOff { note: note.clone() });
        Ok(gone.into_iter().chain([Event::Retired { note, at: context.now }]).collect())
    }

    /// Invariant 1: a drain that a goodbye interrupted is over when the agent comes back.
    fn sign_on(&self, context: &CommandContext) -> Vec<Event> {
        let drained = self.left_draining.then_some(DRAINED);
        [Event::SignedOn { at: context.now }].into_iter().chain(drained).collect()
    }

    fn restart(&self, note: Option<Reason>, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        self.human_only(context)?;
        if self.status() != Status::Active {
            self.may_become(Status::Active)?;
        }
        Ok(vec![Event::Restarted { note, at: Some(context.now) }])
    }

    fn correct(&self, wanted: Corrections, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        self.human_only(context)?;
        let status = wanted.status.and_then(|after| correction(self.status(), after));
        if let Some(Correction { after, .. }) = status {
            self.may_become(after)?;
        }
        let error_streak = wanted.error_streak.and_then(|after| correction(self.error_streak, after));
        let today_spend = wanted.today_spend;
        if status.is_none() && error_streak.is_none() && today_spend.is_none() {
            return Ok(vec![]);
        }
        Ok(vec![Event::Corrected { status, error_streak, today_spend, at: context.now }])
    }

    /// Invariant 2.
    fn engage(&self, work: Work) -> Result<Vec<Event>, Rejection> {
        match self.work {
            Some(current) if current == work => Ok(vec![]),
            Some(current) => Err(Rejection::Busy { name: self.profile.name.clone(), task: current.task }),
            None => Ok(vec![Event::Engaged { task: work.task, lease: work.lease }]),
        }
    }

    fn release(&self, task: TaskId, ending: Ending) -> Vec<Event> {
        let Some(work) = self.work.filter(|work| work.task == task) else { return vec![] };
        let released = Event::Released { task, lease: work.lease, ending };
        let drained = (self.standing == Standing::Draining).then_some(DRAINED);
        [released].into_iter().chain(drained).collect()
    }

    /// Who is stopped for another reason stays stopped for that one; who drains was on the way to a stop that no new day
    /// and no higher cap undoes.
    fn overspend(
        &self,
        approval: ApprovalId,
        budget: budget::Key,
        context: &CommandContext,
    ) -> Result<Vec<Event>, Rejection> {
        self.operator_only(context)?;
        let (day, at) = (context.now.date_naive(), context.now);
        let overspent = Event::Overspent { approval, budget: Some(budget), day, at };
        Ok(match self.standing {
            Standing::Active => vec![overspent, Event::Paused { reason: PauseReason::Budget, note: None }],
            Standing::Draining => vec![overspent, DRAINED],
            Standing::Paused(PauseReason::Budget) if self.overspent_on == Some(day) => vec![],
            Standing::Paused(_) => vec![overspent],
            Standing::Quarantined | Standing::Offline => vec![],
        })
    }

    /// Invariant 7.
    fn begin_run(
        &self,
        run: RunId,
        open_run: OpenRun,
        context: &CommandContext,
    ) -> Result<Vec<Event>, Rejection> {
        if self.open_runs.contains_key(&run) {
            return Ok(vec![]);
        }
        self.may_run(open_run.task, context.now.date_naive())?;
        if self.open_runs.len() >= MAX_OPEN_RUNS {
            return Err(Rejection::TooManyRuns { name: self.profile.name.clone() });
        }
        Ok(vec![Event::RunBegan { run, open_run, at: context.now }])
    }

    /// Invariants 3 and 7. What was broken off or ran out of time says nothing about errors.
    fn end_run(
        &self,
        run: RunId,
        outcome: Outcome,
        error: Option<Reason>,
        context: &CommandContext,
    ) -> Vec<Event> {
        if !self.open_runs.contains_key(&run) {
            return vec![];
        }
        let error_streak = match outcome {
            Outcome::Completed => 0,
            Outcome::Failed => self.error_streak.saturating_add(1),
            Outcome::TimedOut | Outcome::Aborted => self.error_streak,
        };
        let too_many =
            outcome == Outcome::Failed && error_streak >= context.policy.timeouts.error_streak_quarantine;
        let at_large = !matches!(self.standing, Standing::Quarantined | Standing::Offline);
        let ended = Event::RunEnded { run, outcome, error, error_streak, at: context.now };
        let quarantined = (too_many && at_large).then_some(Event::Quarantined { note: None });
        [ended].into_iter().chain(quarantined).collect()
    }

    fn take_commission(&self, commission: Commission, context: &CommandContext) -> Vec<Event> {
        let Commission { depth, task, until } = commission;
        let events = vec![Event::Commissioned { depth, task, until, at: context.now }];
        if self.commission == Some(commission) { vec![] } else { events }
    }

    fn retire_child(&self, child: AgentId, context: &CommandContext) -> Vec<Event> {
        let retired =
            self.children.contains(&child).then_some(Event::ChildRetired { child, at: context.now });
        retired.into_iter().collect()
    }

    /// Invariant 9.
    fn except(&self, halt: u64, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        self.human_only(context)?;
        if self.standing != Standing::Active {
            return Err(self.not_active());
        }
        let excepted = Event::Excepted { halt, at: context.now };
        Ok(if self.excepted_from < halt { vec![excepted] } else { vec![] })
    }

    /// Invariants 1 and 8.
    fn may_become(&self, to: Status) -> Result<(), Rejection> {
        let from = self.status();
        let allowed = allowed_statuses(from);
        if self.retired && to == Status::Active && allowed.contains(&to) {
            return Err(Rejection::Retired { name: self.profile.name.clone() });
        }
        if allowed.contains(&to) {
            return Ok(());
        }
        Err(Rejection::IllegalStatus { name: self.profile.name.clone(), from, to, allowed: allowed.to_vec() })
    }

    fn not_active(&self) -> Rejection {
        Rejection::NotActive {
            name: self.profile.name.clone(),
            status: self.status(),
            reason: self.standing.pause_reason(),
        }
    }

    fn operator_only(&self, context: &CommandContext) -> Result<(), Rejection> {
        match context.actor {
            Actor::Agent(_) => Err(Rejection::OperatorOnly { name: self.profile.name.clone() }),
            Actor::Human(_) | Actor::System(_) => Ok(()),
        }
    }

    fn human_only(&self, context: &CommandContext) -> Result<(), Rejection> {
        match context.actor {
            Actor::Human(_) => Ok(()),
            Actor::Agent(_) | Actor::System(_) => {
                Err(Rejection::OperatorOnly { name: self.profile.name.clone() })
            }
        }
    }

    fn evolve(&mut self, event: &Event) {
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
                (self.overspent_on, self.overrun) = (None, None);
            }
            Event::SignedOn { at } => {
                self.standing = Standing::Active;
                self.left_draining = false;
                self.in_service_since = *at;
            }
            Event::DrainStarted { .. } => self.standing = Standing::Draining,
            Event::Quarantined { .. } => self.standing = Standing::Quarantined,
            Event::SignedOff { .. } => {
                self.left_draining = self.standing == Standing::Draining;
                self.standing = Standing::Offline;
            }
            Event::Retired { .. } => self.retired = true,
            Event::Restarted { at, .. } => {
                self.standing = Standing::Active;
                self.in_service_since = at.unwrap_or(self.in_service_since);
                (self.overspent_on, self.overrun) = (None, None);
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
                self.overspent_on = Some(*day);
                self.overrun = budget.map(|budget| Overrun { budget, approval: *approval });
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
                self.commission = Some(Commission { depth: *depth, task: *task, until: *until });
                self.retired = false;
            }
            Event::ChildRetired { child, .. } => {
                self.children.remove(child);
            }
            Event::Excepted { halt, .. } => self.excepted_from = *halt,
        }
    }
}

/// What ends a drain.
const DRAINED: Event = Event::Paused { reason: PauseReason::Operator, note: None };

fn correction<T: PartialEq>(before: T, after: T) -> Option<Correction<T>> {
    (before != after).then_some(Correction { before, after })
}
