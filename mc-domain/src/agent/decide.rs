//! The decisions of an agent: one rule, or a few that hang together, in each function.

use chrono::NaiveDate;

use super::{
    command::{Command, Corrections, Heartbeat, Rejection},
    event::{Correction, Event},
    spawning::{Commission, SPAWN_TOOL, Spawn, SpawnBound},
    standing::{Standing, allowed_statuses},
    state::{Agent, Registered},
    values::{Ending, HEARTBEAT_RECORDED_EVERY, MAX_OPEN_RUNS, PauseReason, Profile, Status, Work},
};
use crate::{
    actor::{Actor, ActorKind},
    aggregate::{Aggregate, CommandContext},
    budget,
    ids::{AgentId, ApprovalId, RunId, TaskId},
    policy_limits::PolicyLimits,
    run::{OpenRun, Outcome},
    values::Reason,
};

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
            (
                Self::Unregistered,
                Command::ChangeProfile(_)
                | Command::Heartbeat(_)
                | Command::Pause { .. }
                | Command::Resume { .. }
                | Command::Rejoin { .. }
                | Command::Drain { .. }
                | Command::Quarantine { .. }
                | Command::SignOff { .. }
                | Command::Retire { .. }
                | Command::Restart { .. }
                | Command::Correct(_)
                | Command::Engage(_)
                | Command::Release { .. }
                | Command::Overspend { .. }
                | Command::BeginRun { .. }
                | Command::EndRun { .. }
                | Command::Spawn(_)
                | Command::Commission(_)
                | Command::RetireChild(_)
                | Command::Except { .. },
            ) => Err(Rejection::NotFound),
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
        if let Event::Registered { project, profile, parent, at, .. } = event {
            return Self::Registered(Box::new(Registered::new(*project, profile.clone(), *parent, *at)));
        }
        match self {
            Self::Unregistered => Self::Unregistered,
            Self::Registered(mut agent) => {
                agent.evolve(event);
                Self::Registered(agent)
            }
        }
    }
}

impl Registered {
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
        let back = match self.standing {
            Standing::Offline { draining } if spawned || !self.is_retired() => sign_on(draining, context),
            Standing::Offline { .. }
            | Standing::Active
            | Standing::Paused(_)
            | Standing::Draining
            | Standing::Quarantined => vec![],
        };
        Ok(back.into_iter().chain(changed).collect())
    }

    fn change_profile(&self, profile: Profile, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        if context.actor.kind() == ActorKind::Agent {
            self.refuse_self_promotion(&profile)?;
        }
        Ok(if profile == self.profile { vec![] } else { vec![Event::ProfileChanged { profile }] })
    }

    /// Invariant 4: refuses an agent that asks for more role, caps or tools than it has.
    fn refuse_self_promotion(&self, wanted: &Profile) -> Result<(), Rejection> {
        let what = self.profile.exceeded_by(wanted);
        if what.is_empty() { Ok(()) } else { Err(Rejection::SelfPromotion { what: what.join(", ") }) }
    }

    /// Invariants 3, 5 and 8. An idle agent that drains has drained.
    fn heartbeat(&self, heartbeat: Heartbeat, context: &CommandContext) -> Vec<Event> {
        let Heartbeat { session_key, error } = heartbeat;
        let error_streak = if error.is_some() { self.error_streak.saturating_add(1) } else { 0 };
        let mut events = Vec::new();
        let gone = self.status() == Status::Offline;
        let comes_back = gone && !self.is_retired();
        if let Standing::Offline { draining } = self.standing
            && comes_back
        {
            events.extend(sign_on(draining, context));
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
            Standing::Active | Standing::Draining | Standing::Quarantined | Standing::Offline { .. } => {
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
            () if !by_hand || self.is_retired() => Ok(vec![]),
            () if self.overspent_on(context.now.date_naive()) => {
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
            Standing::Offline { .. } => return Ok(vec![]),
            Standing::Active | Standing::Draining => {}
            Standing::Paused(_) | Standing::Quarantined => self.operator_only(context)?,
        }
        self.may_become(Status::Offline)?;
        Ok(vec![Event::SignedOff { note }])
    }

    /// Invariant 8. Only an agent that works goes offline by it: who was stopped is not let go by coming back later.
    fn retire(&self, note: Option<Reason>, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        self.operator_only(context)?;
        if self.is_retired() {
            return Ok(vec![]);
        }
        let gone = (self.standing == Standing::Active).then(|| Event::SignedOff { note: note.clone() });
        Ok(gone.into_iter().chain([Event::Retired { note, at: context.now }]).collect())
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

    /// Invariant 2: refuses a second task.
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
            Standing::Paused(PauseReason::Budget) if self.overspent_on(day) => vec![],
            Standing::Paused(_) => vec![overspent],
            Standing::Quarantined | Standing::Offline { .. } => vec![],
        })
    }

    /// Invariant 7: refuses more open runs than one agent may have.
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
        let at_large = !matches!(self.standing, Standing::Quarantined | Standing::Offline { .. });
        let ended = Event::RunEnded { run, outcome, error, error_streak, at: context.now };
        let quarantined = (too_many && at_large).then_some(Event::Quarantined { note: None });
        [ended].into_iter().chain(quarantined).collect()
    }

    fn take_commission(&self, commission: Commission, context: &CommandContext) -> Vec<Event> {
        let Commission { depth, task, until } = commission;
        let events = vec![Event::Commissioned { depth, task, until, at: context.now }];
        if self.commission() == Some(commission) { vec![] } else { events }
    }

    fn retire_child(&self, child: AgentId, context: &CommandContext) -> Vec<Event> {
        let retired =
            self.children.contains(&child).then_some(Event::ChildRetired { child, at: context.now });
        retired.into_iter().collect()
    }

    fn overspent_on(&self, day: NaiveDate) -> bool {
        self.overspent.is_some_and(|overspent| overspent.day == day)
    }

    /// Invariant 9: an exception from an older halt changes nothing.
    fn except(&self, halt: u64, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        self.human_only(context)?;
        if self.standing != Standing::Active {
            return Err(self.not_active());
        }
        let excepted = Event::Excepted { halt, at: context.now };
        Ok(if self.excepted_from < halt { vec![excepted] } else { vec![] })
    }

    /// Invariants 1 and 8: refuses what the table has not, and who is retired.
    fn may_become(&self, to: Status) -> Result<(), Rejection> {
        let from = self.status();
        let allowed = allowed_statuses(from);
        if self.is_retired() && to == Status::Active && allowed.contains(&to) {
            return Err(Rejection::Retired { name: self.profile.name.clone() });
        }
        if allowed.contains(&to) {
            return Ok(());
        }
        Err(Rejection::IllegalStatus { name: self.profile.name.clone(), from, to, allowed: allowed.to_vec() })
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

    /// Invariant 6: the checks in the order that their refusals are told in.
    fn spawn(&self, spawn: Spawn, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        let Spawn { child, profile, purpose, active_agents } = spawn;
        let PolicyLimits { roles, spawn: limits, .. } = context.policy;
        let name = || self.profile.name.clone();
        if self.standing_on(context.now.date_naive()) != Standing::Active {
            return Err(self.not_active());
        }
        if !roles.of(self.profile.role).may_spawn {
            return Err(Rejection::MayNotSpawn { name: name(), role: self.profile.role });
        }
        if context.actor.agent().is_some() && !self.may_use(SPAWN_TOOL) {
            return Err(Rejection::SpawnToolMissing { name: name() });
        }
        let above = self.profile.exceeded_by(&profile);
        if !above.is_empty() {
            return Err(Rejection::ChildAbove { name: name(), what: above.join(", ") });
        }
        if self.children.contains(&child) {
            return Ok(vec![]);
        }
        let children = u32::try_from(self.children.len()).unwrap_or(u32::MAX);
        let reached = [
            (SpawnBound::Children, children, limits.max_children),
            (SpawnBound::Depth, self.depth(), limits.max_depth),
            (SpawnBound::ActiveAgents, active_agents, limits.max_active_agents),
        ];
        match reached.into_iter().find(|(_, actual, limit)| actual >= limit) {
            Some((bound, _, limit)) => Err(Rejection::SpawnLimit { name: name(), bound, limit }),
            None => Ok(vec![Event::Spawned { child, purpose, at: context.now }]),
        }
    }

    /// Whether a tool is among those it may use, as far as its own list says.
    fn may_use(&self, tool: &str) -> bool {
        let tools = &self.profile.allowed_tools;
        tools.is_empty() || tools.iter().any(|allowed| allowed.as_str() == tool)
    }
}

/// Invariant 1: a drain that a goodbye interrupted is over when the agent comes back.
fn sign_on(draining: bool, context: &CommandContext) -> Vec<Event> {
    let drained = draining.then_some(DRAINED);
    [Event::SignedOn { at: context.now }].into_iter().chain(drained).collect()
}

/// The pause that ends a drain; only an operator lifts it.
const DRAINED: Event = Event::Paused { reason: PauseReason::Operator, note: None };

fn correction<T: PartialEq>(before: T, after: T) -> Option<Correction<T>> {
    (before != after).then_some(Correction { before, after })
}
