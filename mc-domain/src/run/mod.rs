//! A run: one execution turn of an agent.
//!
//! State: `Unstarted → running → completed | failed | timeout | aborted`, and of the last two that others than its agent
//! ended: `→ billed`
//!
//! Invariants:
//! 1. Its end is final, and it is charged once: there, or where others ended it and nobody knew its cost, when its agent
//!    tells of that afterwards.
//! 2. An agent acts on its own runs only, and breaks none of them off.
//! 3. Where nobody knows what a run has cost, it is charged what was set aside; but when it is broken off or timed out
//!    by others than its agent, that is given back, until its agent tells of the cost.
//! 4. A run that does not end has a deadline, set at its start by the policy in force.

mod command;
mod event;
#[cfg(test)]
mod tests;
mod values;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

pub use command::{Command, Rejection};
pub use event::{Billed, Ended, Event};
pub use values::{
    Bill, InvalidTokens, MAX_TOOL_CALLS, OpenRun, Outcome, Start, Status, Terms, Tokens, ToolCall, ToolRisk,
    ToolStatus, Usage,
};

use crate::{
    actor::{Actor, ActorKind},
    aggregate::{Aggregate, CommandContext},
    ids::{AgentId, RunId},
    money::Usd,
};

/// The most different errors of tools that one run counts; the oldest is forgotten first.
pub const MAX_ERRORS_COUNTED: usize = 32;

/// A run, folded from its events.
///
/// ```
/// use mc_domain::{
///     actor::Actor,
///     aggregate::{Aggregate, CommandContext},
///     money::Usd,
///     run::{Bill, Command, Outcome, Rejection, Run, Start},
///     values::Label,
/// };
///
/// let (agent, now) = (uuid::Uuid::from_u128(1).into(), chrono::DateTime::UNIX_EPOCH);
/// let start = Start {
///     project: uuid::Uuid::from_u128(2).into(),
///     agent,
///     task: None,
///     parent_task: None,
///     lease: None,
///     model: Label::new("a-model")?,
///     session_key: None,
///     reserved: Usd::cents(25),
///     on_project: false,
/// };
/// let scout = CommandContext::new(now, Actor::Agent(agent));
/// let end = || Command::End { outcome: Outcome::Completed, bill: Bill::default() };
///
/// let started = Run::fold(&Run::default().decide(Command::Start(start), &scout)?);
/// let ended = started.clone().evolve(&started.decide(end(), &scout)?[0]);
/// assert!(matches!(ended.decide(end(), &scout), Err(Rejection::AlreadyEnded { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Run {
    /// The run was not started yet; every command but the start is refused.
    #[default]
    Unstarted,
    /// The run is under way, until its end or its deadline.
    Running(Box<Running>),
    /// Ended by others than its agent, which has not told yet what it cost.
    Unbilled(Box<Unbilled>),
    /// The run is over, and charged for good.
    Over {
        /// How the run ended.
        outcome: Outcome,
        /// What the run was charged.
        charged: Usd,
    },
}

/// What the rules read of a run that is under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// The terms that the run began on, which hold until its end.
    pub(crate) terms: Terms,
    /// How often it has used a tool.
    pub(crate) tool_calls: u32,
    /// What went wrong with tools, and how often.
    pub(crate) errors: VecDeque<(String, u32)>,
}

/// What the rules read of a run that was ended by others than its agent, until that tells what it cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unbilled {
    /// The terms that the run began on, which hold until its end.
    pub(crate) terms: Terms,
    /// How the run ended.
    pub(crate) outcome: Outcome,
    /// The tokens that were told of at its end.
    pub(crate) usage: Usage,
}

impl Aggregate for Run {
    const TYPE: &'static str = "run";
    type Id = RunId;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(&self, command: Command, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        match (self, command) {
            (Self::Unstarted, Command::Start(start)) => {
                is_agents_own(start.agent, context)?;
                Ok(vec![Event::Started(Terms::new(start, context))])
            }
            (Self::Running(_) | Self::Unbilled(_) | Self::Over { .. }, Command::Start(_)) => {
                Err(Rejection::AlreadyExists)
            }
            (Self::Unstarted, Command::CallTool(_) | Command::End { .. } | Command::Bill { .. }) => {
                Err(Rejection::NotFound)
            }
            (
                Self::Over { outcome, charged },
                Command::CallTool(_) | Command::End { .. } | Command::Bill { .. },
            ) => Err(Rejection::AlreadyEnded { status: outcome.status(), charged: *charged }),
            (Self::Unbilled(run), Command::CallTool(_) | Command::End { .. }) => Err(run.already_ended()),
            (Self::Unbilled(run), Command::Bill { told, bill }) => run.bill(told, bill, context),
            (Self::Running(run), Command::CallTool(call)) => run.call_tool(call, context),
            (Self::Running(run), Command::End { outcome, bill }) => run.end(outcome, bill, context),
            (Self::Running(_), Command::Bill { .. }) => Err(Rejection::NotEnded),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (_, Event::Started(terms)) => {
                let (tool_calls, errors) = (0, VecDeque::new());
                Self::Running(Box::new(Running { terms: terms.clone(), tool_calls, errors }))
            }
            (Self::Running(mut run), Event::ToolCalled { number, tool, error, failures, .. }) => {
                run.tool_calls = *number;
                run.count(cause(error.as_ref(), tool), *failures);
                Self::Running(run)
            }
            (state @ (Self::Unstarted | Self::Unbilled(_) | Self::Over { .. }), Event::ToolCalled { .. }) => {
                state
            }
            (state, Event::Completed(ended)) => state.over(Outcome::Completed, ended),
            (state, Event::Failed(ended)) => state.over(Outcome::Failed, ended),
            (state, Event::TimedOut(ended)) => state.over(Outcome::TimedOut, ended),
            (state, Event::Aborted(ended)) => state.over(Outcome::Aborted, ended),
            (Self::Unbilled(run), Event::Billed(billed)) => {
                Self::Over { outcome: run.outcome, charged: billed.charged }
            }
            (state @ (Self::Unstarted | Self::Running(_) | Self::Over { .. }), Event::Billed(_)) => state,
        }
    }
}

impl Run {
    /// Where it stands, if it was started.
    pub fn status(&self) -> Option<Status> {
        match self {
            Self::Unstarted => None,
            Self::Running(_) => Some(Status::Running),
            Self::Unbilled(run) => Some(run.outcome.status()),
            Self::Over { outcome, .. } => Some(outcome.status()),
        }
    }

    /// What the rules read of it while it is under way.
    ///
    /// # Errors
    /// - [`Rejection::NotFound`] before its start.
    /// - [`Rejection::AlreadyEnded`] or [`Rejection::Unbilled`] after its end.
    pub fn running(&self) -> Result<&Running, Rejection> {
        match self {
            Self::Unstarted => Err(Rejection::NotFound),
            Self::Running(run) => Ok(run),
            Self::Unbilled(run) => Err(run.already_ended()),
            Self::Over { outcome, charged } => {
                Err(Rejection::AlreadyEnded { status: outcome.status(), charged: *charged })
            }
        }
    }

    /// What it began with, as long as its agent has something to tell of it.
    pub fn terms(&self) -> Option<&Terms> {
        match self {
            Self::Running(run) => Some(&run.terms),
            Self::Unbilled(run) => Some(&run.terms),
            Self::Unstarted | Self::Over { .. } => None,
        }
    }

    /// Invariant 1. Nothing was charged for what nobody knew the cost of: its agent may still tell.
    fn over(self, outcome: Outcome, ended: &Ended) -> Self {
        match self {
            Self::Running(run) if ended.is_unbilled(outcome) => {
                Self::Unbilled(Box::new(Unbilled { terms: run.terms, outcome, usage: ended.usage }))
            }
            Self::Unstarted | Self::Running(_) | Self::Unbilled(_) | Self::Over { .. } => {
                Self::Over { outcome, charged: ended.charged }
            }
        }
    }
}

impl Unbilled {
    fn already_ended(&self) -> Rejection {
        Rejection::Unbilled { status: self.outcome.status() }
    }

    /// Invariants 1 to 3: only its agent tells, in whatever way it has ended for that.
    fn bill(&self, told: Outcome, bill: Bill, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        is_agents_own(self.terms.agent, context)?;
        if context.actor.kind() != ActorKind::Agent {
            return Err(self.already_ended());
        }
        let Bill { usage, cost, error } = bill;
        Ok(vec![Event::Billed(Billed {
            agent: self.terms.agent,
            task: self.terms.task,
            project: self.terms.project,
            outcome: told,
            usage: usage.beyond(&self.usage),
            cost,
            charged: cost.unwrap_or(self.terms.reserved),
            error,
            day: self.terms.day,
            at: context.now,
        })])
    }
}

impl Running {
    /// How often it has used a tool.
    pub fn tool_calls(&self) -> u32 {
        self.tool_calls
    }

    /// The terms that the run began on, which hold until its end.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    fn call_tool(&self, call: ToolCall, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        is_agents_own(self.terms.agent, context)?;
        if self.tool_calls >= MAX_TOOL_CALLS {
            return Err(Rejection::TooManyToolCalls);
        }
        let ToolCall { tool, risk, approval, status, input_preview, output_preview, error } = call;
        let failures = match status {
            ToolStatus::Failed => self.failures(cause(error.as_ref(), &tool)).saturating_add(1),
            ToolStatus::Success | ToolStatus::Denied => 0,
        };
        let number = self.tool_calls.saturating_add(1);
        let at = context.now;
        Ok(vec![Event::ToolCalled {
            number,
            tool,
            risk,
            approval,
            status,
            input_preview,
            output_preview,
            error,
            failures,
            at,
        }])
    }

    /// Invariants 2 to 4: who may end a run in which way, and when.
    fn end(&self, outcome: Outcome, bill: Bill, context: &CommandContext) -> Result<Vec<Event>, Rejection> {
        is_agents_own(self.terms.agent, context)?;
        if context.actor.kind() == ActorKind::Agent && outcome == Outcome::Aborted {
            return Err(Rejection::OperatorOnly);
        }
        let deadline = self.terms.deadline;
        if outcome == Outcome::TimedOut && context.actor.kind() == ActorKind::System && context.now < deadline
        {
            return Err(Rejection::NotDue { deadline });
        }
        let ended = self.ended(outcome, bill, context);
        Ok(vec![match outcome {
            Outcome::Completed => Event::Completed(ended),
            Outcome::Failed => Event::Failed(ended),
            Outcome::TimedOut => Event::TimedOut(ended),
            Outcome::Aborted => Event::Aborted(ended),
        }])
    }

    /// Invariant 3: what the run is charged, by how it ended and what is known of its cost.
    fn ended(&self, outcome: Outcome, bill: Bill, context: &CommandContext) -> Ended {
        let Bill { usage, cost, error } = bill;
        let by_agent = context.actor.kind() == ActorKind::Agent;
        let unknown = if outcome.is_charged() || by_agent { self.terms.reserved } else { Usd::ZERO };
        Ended {
            agent: self.terms.agent,
            task: self.terms.task,
            project: self.terms.project,
            usage,
            cost,
            charged: cost.unwrap_or(unknown),
            error,
            started_at: self.terms.at,
            at: context.now,
        }
    }

    fn failures(&self, cause: &str) -> u32 {
        self.errors.iter().find(|(known, _)| known == cause).map_or(0, |(_, times)| *times)
    }

    fn count(&mut self, cause: &str, failures: u32) {
        if failures == 0 {
            return;
        }
        self.errors.retain(|(known, _)| known != cause);
        self.errors.push_back((cause.to_owned(), failures));
        if self.errors.len() > MAX_ERRORS_COUNTED {
            self.errors.pop_front();
        }
    }
}

/// What went wrong: the error, or where none was told the tool.
fn cause<'a>(error: Option<&'a crate::values::Reason>, tool: &'a crate::values::Label) -> &'a str {
    error.map_or(tool.as_str(), crate::values::Reason::as_str)
}

/// Invariant 2: refuses an agent that acts on another's run.
fn is_agents_own(runner: AgentId, context: &CommandContext) -> Result<(), Rejection> {
    match context.actor {
        Actor::Agent(agent) if agent != runner => Err(Rejection::OtherAgent),
        Actor::Agent(_) | Actor::Human(_) | Actor::System(_) => Ok(()),
    }
}
