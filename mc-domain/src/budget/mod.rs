//! A budget: what may be spent, what is set aside for runs that are under way, and what is spent.
//!
//! State: for each run `absent → reserved → settled | released`, and after `released` where its cost becomes known
//! then: `→ charged`
//!
//! Invariants:
//! 1. When money is set aside, all that is set aside and spent stays within the cap and what was granted. Only what a
//!    run turns out to cost can go beyond, and says so.
//! 2. A run is charged at most once. Only what is set aside for it can be settled or given back; what is charged after
//!    that is told of once by the run itself.
//! 3. A threshold is told once a day.
//! 4. What is granted rests on an approval, each of which counts once; only an operator adjusts what is spent.

mod cause;
mod command;
mod event;
#[cfg(test)]
mod tests;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

pub use cause::Cause;
pub use command::{Command, Rejection};
pub use event::Event;
pub use values::{InvalidKey, Key, Level, MAX_RESERVATIONS};

use crate::{
    actor::ActorKind,
    aggregate::{Aggregate, CommandContext},
    ids::{ApprovalId, RunId},
    money::Usd,
    policy_limits::Thresholds,
};

/// A budget, folded from its events.
///
/// ```
/// use mc_domain::{
///     actor::Actor,
///     aggregate::{Aggregate, CommandContext},
///     budget::{Budget, Command, Rejection},
///     money::Usd,
///     values::Name,
/// };
///
/// let worker = CommandContext::new(chrono::DateTime::UNIX_EPOCH, Actor::System(Name::new("runs")?));
/// let (first, second) = (uuid::Uuid::from_u128(1).into(), uuid::Uuid::from_u128(2).into());
/// let reserve = |run| Command::Reserve { run, amount: Usd::cents(75), cap: Usd::cents(100) };
/// let budget = Budget::fold(&Budget::default().decide(reserve(first), &worker)?);
/// assert!(matches!(budget.decide(reserve(second), &worker), Err(Rejection::Exceeded { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// What is set aside, by run.
    pub(crate) reserved: BTreeMap<RunId, Usd>,
    /// What all runs that are over were charged, corrections included.
    pub(crate) spent: Usd,
    /// What is allowed beyond the cap.
    pub(crate) granted: Usd,
    /// The approvals that what is granted rests on.
    pub(crate) approvals: BTreeSet<ApprovalId>,
    /// The most that one run may be expected to cost, where that was allowed beyond the agent's cap per run.
    pub(crate) run_allowance: Usd,
    /// What the budget allowed when that was last said.
    pub(crate) cap: Option<Usd>,
    /// The highest threshold told so far, and on which day.
    pub(crate) told: Option<(NaiveDate, Level)>,
}

impl Aggregate for Budget {
    const TYPE: &'static str = "budget";
    type Id = Key;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Reserve { run, amount, cap } => self.reserve(run, amount, cap, context),
            Command::Settle { run, cost } => self.settle(run, cost, context),
            Command::Charge { run, amount, priced } => self.charge(run, amount, priced, context),
            Command::Release { run } => Ok(self.release(run, context)),
            Command::Grant { approval, amount } => self.grant(approval, amount, context),
            Command::AllowRun { approval, up_to } => self.allow_run(approval, up_to, context),
            Command::Adjust { spent } => self.adjust(spent, context),
            Command::SetCap(cap) => self.set_cap(cap, context),
        }
    }

    fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::Reserved { run, amount, cap, .. } => {
                self.reserved.insert(*run, *amount);
                self.cap = Some(*cap);
            }
            Event::Settled { run, spent_after, .. } => {
                self.reserved.remove(run);
                self.spent = *spent_after;
            }
            Event::Charged { spent_after, .. } => self.spent = *spent_after,
            Event::Released { run, .. } => {
                self.reserved.remove(run);
            }
            Event::Granted { approval, granted_after, .. } => {
                self.approvals.insert(*approval);
                self.granted = *granted_after;
            }
            Event::RunAllowed { approval, up_to, .. } => {
                self.approvals.insert(*approval);
                self.run_allowance = self.run_allowance.max(*up_to);
            }
            Event::Adjusted { spent_after, .. } => self.spent = *spent_after,
            Event::CapChanged { cap, .. } => self.cap = Some(*cap),
            Event::ThresholdCrossed { level, day, .. } => self.told = Some((*day, *level)),
            Event::Exceeded { day, .. } => self.told = Some((*day, Level::Exceeded)),
        }
        self
    }
}

impl Budget {
    /// What is allowed beyond the cap.
    pub fn granted(&self) -> Usd {
        self.granted
    }

    /// What the budget allowed when that was last said.
    pub fn cap(&self) -> Option<Usd> {
        self.cap
    }

    /// What is set aside for each run that is under way.
    pub fn reservations(&self) -> &BTreeMap<RunId, Usd> {
        &self.reserved
    }

    /// The most that one run may be expected to cost, where that was allowed beyond the agent's cap per run.
    pub fn run_allowance(&self) -> Usd {
        self.run_allowance
    }

    /// What all runs that are over were charged, corrections included.
    pub fn spent(&self) -> Usd {
        self.spent
    }

    /// The sum of all that is set aside for open runs.
    pub fn reserved(&self) -> Usd {
        self.reserved.values().copied().sum()
    }

    /// What may be spent in all, where the cap is `cap`.
    pub fn limit(&self, cap: Usd) -> Usd {
        cap.plus(self.granted)
    }

    /// What is neither spent nor set aside, where the cap is `cap`.
    pub fn remaining(&self, cap: Usd) -> Usd {
        self.limit(cap).minus(self.spent).minus(self.reserved())
    }

    /// What is not spent yet, whatever is set aside of it, where the cap is `cap`.
    pub fn unspent(&self, cap: Usd) -> Usd {
        self.limit(cap).minus(self.spent)
    }

    /// How far it is used up by what is spent, where the cap is `cap`.
    pub fn level(&self, cap: Usd, thresholds: Thresholds) -> Option<Level> {
        let (spent, limit) = (i128::from(self.spent.micros()), i128::from(self.limit(cap).micros()));
        let at_least = |percent: u32| spent * 100 >= limit * i128::from(percent);
        match () {
            () if spent == 0 => None,
            () if spent >= limit => Some(Level::Exceeded),
            () if at_least(thresholds.error_percent) => Some(Level::Critical),
            () if at_least(thresholds.warning_percent) => Some(Level::Warning),
            () => None,
        }
    }

    /// Invariant 1. What is used up allows nothing more, not even what is expected to cost nothing.
    fn reserve(
        &self,
        run: RunId,
        amount: Usd,
        cap: Usd,
        context: &CommandContext,
    ) -> Result<Vec<Event>, Rejection> {
        match self.reserved.get(&run) {
            Some(known) if *known == amount => return Ok(vec![]),
            Some(known) => return Err(Rejection::AlreadyReserved { amount: *known }),
            None if self.reserved.len() >= MAX_RESERVATIONS => return Err(Rejection::TooManyReservations),
            None => {}
        }
        let remaining = self.remaining(cap);
        if amount > remaining || remaining == Usd::ZERO {
            return Err(Rejection::Exceeded { wanted: amount, remaining, limit: self.limit(cap) });
        }
        let reserved_after = self.reserved().plus(amount);
        Ok(vec![Event::Reserved { run, amount, cap, reserved_after, at: context.now }])
    }

    /// Invariant 2: a run is charged once, and the rest of what was set aside is given back.
    fn settle(
        &self,
        run: RunId,
        cost: Option<Usd>,
        context: &CommandContext,
    ) -> Result<Vec<Event>, Rejection> {
        let released = *self.reserved.get(&run).ok_or(Rejection::NotReserved)?;
        let charged = cost.unwrap_or(released);
        let spent_after = self.spent.plus(charged);
        let settled = Event::Settled {
            run,
            cost: charged,
            priced: cost.is_some(),
            released,
            reserved_after: self.reserved().minus(released),
            spent_after,
            overrun: self.overrun(spent_after),
            at: context.now,
        };
        Ok(self.with_thresholds(settled, context))
    }

    /// Invariant 2: charges a run whose cost came late, after what was set aside for it was given back.
    fn charge(
        &self,
        run: RunId,
        cost: Usd,
        priced: bool,
        context: &CommandContext,
    ) -> Result<Vec<Event>, Rejection> {
        if let Some(amount) = self.reserved.get(&run) {
            return Err(Rejection::AlreadyReserved { amount: *amount });
        }
        let spent_after = self.spent.plus(cost);
        let overrun = self.overrun(spent_after);
        let charged = Event::Charged { run, cost, priced, spent_after, overrun, at: context.now };
        Ok(self.with_thresholds(charged, context))
    }

    /// How far `spent` is beyond the limit, where it is.
    fn overrun(&self, spent: Usd) -> Option<Usd> {
        let limit = self.limit(self.cap.unwrap_or_default());
        Some(spent.minus(limit)).filter(|overrun| *overrun > Usd::ZERO)
    }

    fn release(&self, run: RunId, context: &CommandContext) -> Vec<Event> {
        let Some(amount) = self.reserved.get(&run).copied() else { return vec![] };
        let reserved_after = self.reserved().minus(amount);
        vec![Event::Released { run, amount, reserved_after, at: context.now }]
    }

    /// Invariant 4: grants only what an operator or the system allows, once for each approval.
    fn grant(
        &self,
        approval: ApprovalId,
        amount: Usd,
        context: &CommandContext,
    ) -> Result<Vec<Event>, Rejection> {
        not_by_an_agent(context)?;
        if self.approvals.contains(&approval) {
            return Ok(vec![]);
        }
        let granted_after = self.granted.plus(amount);
        Ok(vec![Event::Granted { approval, amount, granted_after, at: context.now }])
    }

    /// Invariant 4: lets one run cost more than the cap per run, once for each approval.
    fn allow_run(
        &self,
        approval: ApprovalId,
        up_to: Usd,
        context: &CommandContext,
    ) -> Result<Vec<Event>, Rejection> {
        not_by_an_agent(context)?;
        if self.approvals.contains(&approval) {
            return Ok(vec![]);
        }
        Ok(vec![Event::RunAllowed { approval, up_to, at: context.now }])
    }

    /// Invariant 4: only an operator corrects what counts as spent.
    fn adjust(&self, spent: Usd, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        if context.actor.kind() != ActorKind::Human {
            return Err(Rejection::OperatorOnly { what: "adjust what is spent" });
        }
        if spent == self.spent {
            return Ok(vec![]);
        }
        let adjusted = Event::Adjusted { spent_before: self.spent, spent_after: spent, at: context.now };
        Ok(self.with_thresholds(adjusted, context))
    }

    fn set_cap(&self, cap: Usd, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        not_by_an_agent(context)?;
        if self.cap == Some(cap) {
            return Ok(vec![]);
        }
        Ok(self.with_thresholds(Event::CapChanged { cap, at: context.now }, context))
    }

    /// Invariant 3: the event, and the threshold that it crosses.
    fn with_thresholds(&self, event: Event, context: &CommandContext) -> Vec<Event> {
        let after = self.clone().evolve(&event);
        let crossed = after.crossed(context);
        [event].into_iter().chain(crossed).collect()
    }

    fn crossed(&self, context: &CommandContext) -> Option<Event> {
        let (at, day, cap) = (context.now, context.now.date_naive(), self.cap?);
        let thresholds = context.policy.thresholds;
        let level = self.level(cap, thresholds)?;
        if self.told.is_some_and(|(on, told)| on == day && told >= level) {
            return None;
        }
        let (spent, limit) = (self.spent, self.limit(cap));
        let percent = match level {
            Level::Warning => thresholds.warning_percent,
            Level::Critical => thresholds.error_percent,
            Level::Exceeded => return Some(Event::Exceeded { spent, limit, day, at }),
        };
        Some(Event::ThresholdCrossed { level, percent, spent, limit, day, at })
    }
}

fn not_by_an_agent(context: &CommandContext) -> Result<(), Rejection> {
    match context.actor.kind() {
        ActorKind::Agent => Err(Rejection::OperatorOnly { what: "raise a budget" }),
        ActorKind::Human | ActorKind::System => Ok(()),
    }
}
