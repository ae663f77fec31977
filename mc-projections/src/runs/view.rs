//! A run and its tool calls, as REST answers them.

use mc_domain::{
    ids::{AgentId, ApprovalId, ProjectId, RunId, TaskId},
    money::Usd,
    recorded::{AnyEvent, Recorded},
    run::{Ended, Event, Outcome, Status, ToolRisk, ToolStatus, Usage},
    values::{Label, Preview, Reason},
};
use serde::Serialize;

use super::{Row, Runs};
use crate::{dollars::Dollars, instant::Millis};

/// A run, as REST answers it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunView<'a> {
    /// The identity of the run, given when it began.
    pub id: RunId,
    /// The agent that the run belongs to.
    pub agent_id: AgentId,
    /// The task that the run works on.
    pub task_id: Option<TaskId>,
    /// The project that the run belongs to.
    pub project_id: ProjectId,
    /// The model that the run uses, as its agent named it.
    pub model: &'a Label,
    /// The key of the session that the run belongs to, as its agent named it.
    pub session_key: Option<&'a Label>,
    /// Whether the run is under way, and how it ended.
    pub status: Status,
    /// What was set aside for the run when it began.
    pub estimated_cost: Dollars,
    /// What the run cost, as its agent told; absent while it is under way and where nobody told. When others ended
    /// the run, its agent may tell afterwards.
    pub cost: Option<Dollars>,
    /// What budgets were charged for the run; absent while it is under way.
    pub charged: Option<Dollars>,
    /// Whether budgets were charged although nobody told the cost.
    pub unpriced: bool,
    /// How many tokens the model read.
    pub input_tokens: u64,
    /// How many tokens the model wrote.
    pub output_tokens: u64,
    /// How many tokens were read from the cache.
    pub cache_read_tokens: u64,
    /// How many tokens were written to the cache.
    pub cache_write_tokens: u64,
    /// How many tool calls the run has made.
    pub tool_calls: usize,
    /// The name of the tool that it called last.
    pub last_tool: Option<&'a Label>,
    /// What went wrong, or why others ended the run.
    pub error: Option<&'a Reason>,
    /// When the control plane let the run begin.
    pub started_at: Millis,
    /// When the run ended; absent while it is under way.
    pub ended_at: Option<Millis>,
    /// When its agent told the cost of the run that others had ended.
    pub billed_at: Option<Millis>,
    /// When the control plane ends the run unless it has ended before.
    pub deadline: Millis,
    /// How many milliseconds the run took; absent while it is under way.
    pub duration_ms: Option<i64>,
    /// The version of its stream, which rises with every tool call.
    pub version: u64,
}

/// One tool call of a run, as REST answers it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolCallView {
    /// The run that made the call.
    pub run_id: RunId,
    /// The number of the call in its run, from 1.
    pub number: u32,
    /// The name of the tool, as its agent gave it.
    pub tool: Label,
    /// How dangerous the call was, where somebody judged that.
    pub risk: Option<ToolRisk>,
    /// The approval under which the tool was called.
    pub approval_id: Option<ApprovalId>,
    /// Whether the call succeeded, failed, or was not allowed.
    pub status: ToolStatus,
    /// The beginning of the call's input.
    pub input_preview: Option<Preview>,
    /// The beginning of the call's output.
    pub output_preview: Option<Preview>,
    /// Why the call failed or was not allowed.
    pub error: Option<Reason>,
    /// How often the same error has occurred in the run, this call included.
    pub failures: u32,
    /// When the agent reported the call.
    pub at: Millis,
    /// The position of the event in the log, from 1.
    pub position: u64,
}

/// Renders an event as a tool call; nothing when it is another event.
pub fn tool_call(event: &Recorded<AnyEvent>) -> Option<ToolCallView> {
    let AnyEvent::Run(fact) = &event.event else { return None };
    let run_id = event.stream.aggregate_id.parse().ok()?;
    match fact {
        Event::ToolCalled {
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
        } => Some(ToolCallView {
            run_id,
            number: *number,
            tool: tool.clone(),
            risk: *risk,
            approval_id: *approval,
            status: *status,
            input_preview: input_preview.clone(),
            output_preview: output_preview.clone(),
            error: error.clone(),
            failures: *failures,
            at: Millis(*at),
            position: event.position,
        }),
        Event::Started(_)
        | Event::Completed(_)
        | Event::Failed(_)
        | Event::TimedOut(_)
        | Event::Aborted(_)
        | Event::Billed(_) => None,
    }
}

impl Runs {
    /// One run; nothing for an unknown one.
    pub fn view(&self, id: RunId) -> Option<RunView<'_>> {
        self.rows.get(id).map(|row| row.view())
    }
}

impl Row {
    pub(super) fn view(&self) -> RunView<'_> {
        let terms = &self.terms;
        let ended = self.end.as_ref().map(|end| &end.ended);
        let usage = self.usage();
        RunView {
            id: self.id,
            agent_id: terms.agent,
            task_id: terms.task,
            project_id: terms.project,
            model: &terms.model,
            session_key: terms.session_key.as_ref(),
            status: self.status(),
            estimated_cost: Dollars(terms.reserved),
            cost: self.cost().map(Dollars),
            charged: self.charged().map(Dollars),
            unpriced: self.is_unpriced(),
            input_tokens: usage.input_tokens.count(),
            output_tokens: usage.output_tokens.count(),
            cache_read_tokens: usage.cache_read_tokens.count(),
            cache_write_tokens: usage.cache_write_tokens.count(),
            tool_calls: self.tool_calls.len(),
            last_tool: self.last_tool.as_ref(),
            error: ended.and_then(|ended| ended.error.as_ref()),
            started_at: Millis(terms.at),
            ended_at: ended.map(|ended| Millis(ended.at)),
            billed_at: self.bill.as_ref().map(|bill| Millis(bill.at)),
            deadline: Millis(terms.deadline),
            duration_ms: self.duration().map(|took| took.num_milliseconds()),
            version: self.version,
        }
    }
}

impl Row {
    /// What the run cost, as far as its agent told.
    fn cost(&self) -> Option<Usd> {
        let told = self.end.as_ref().and_then(|end| end.ended.cost);
        told.or(self.bill.as_ref().and_then(|bill| bill.cost))
    }

    /// What was charged at its end and afterwards; nothing while it is under way.
    pub(super) fn charged(&self) -> Option<Usd> {
        let afterwards = self.bill.as_ref().map_or(Usd::ZERO, |bill| bill.charged);
        self.end.as_ref().map(|end| end.ended.charged.plus(afterwards))
    }

    fn is_unpriced(&self) -> bool {
        let at_end = self.end.as_ref().is_some_and(|end| is_unpriced(end.outcome, &end.ended));
        at_end || self.bill.as_ref().is_some_and(|bill| bill.cost.is_none())
    }

    fn usage(&self) -> Usage {
        let at_end = self.end.as_ref().map(|end| end.ended.usage).unwrap_or_default();
        self.bill.as_ref().map_or(at_end, |bill| at_end.plus(&bill.usage))
    }
}

/// Whether a run was charged, or should have been, although nobody told its cost.
pub(crate) fn is_unpriced(outcome: Outcome, ended: &Ended) -> bool {
    ended.cost.is_none() && (outcome.is_charged() || ended.charged > Usd::ZERO)
}
