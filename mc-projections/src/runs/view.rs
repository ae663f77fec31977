//! A run as it is answered, and its uses of tools.

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

/// A run, as it is answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunView<'a> {
    /// Its identity.
    pub id: RunId,
    /// Who runs.
    pub agent_id: AgentId,
    /// The task it is for.
    pub task_id: Option<TaskId>,
    /// The project it belongs to.
    pub project_id: ProjectId,
    /// The model it runs on.
    pub model: &'a Label,
    /// The session it belongs to.
    pub session_key: Option<&'a Label>,
    /// Where it stands.
    pub status: Status,
    /// What is or was set aside for it.
    pub estimated_cost: Dollars,
    /// What it cost; nothing while it is under way, and where nobody knows. Of a run that others than its agent ended, its
    /// agent may tell afterwards.
    pub cost: Option<Dollars>,
    /// What it was charged; nothing while it is under way.
    pub charged: Option<Dollars>,
    /// Whether it was charged without anybody knowing its cost.
    pub unpriced: bool,
    /// The tokens that went in.
    pub input_tokens: u64,
    /// The tokens that came out.
    pub output_tokens: u64,
    /// The tokens read from the cache.
    pub cache_read_tokens: u64,
    /// The tokens written to the cache.
    pub cache_write_tokens: u64,
    /// How often it used a tool.
    pub tool_calls: usize,
    /// The tool it used last.
    pub last_tool: Option<&'a Label>,
    /// What went wrong, or what ended it.
    pub error: Option<&'a Reason>,
    /// When it began.
    pub started_at: Millis,
    /// When it ended.
    pub ended_at: Option<Millis>,
    /// When its agent told what it cost, after others had ended it.
    pub billed_at: Option<Millis>,
    /// When it is ended by the control plane.
    pub deadline: Millis,
    /// How long it took.
    pub duration_ms: Option<i64>,
    /// The version of its stream.
    pub version: u64,
}

/// One use of a tool, as it is answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolCallView {
    /// The run.
    pub run_id: RunId,
    /// Which use of a tool in the run it is, from 1.
    pub number: u32,
    /// The tool.
    pub tool: Label,
    /// How dangerous it was, where somebody judged that.
    pub risk: Option<ToolRisk>,
    /// The approval it was used under.
    pub approval_id: Option<ApprovalId>,
    /// What came of it.
    pub status: ToolStatus,
    /// The beginning of what went in.
    pub input_preview: Option<Preview>,
    /// The beginning of what came out.
    pub output_preview: Option<Preview>,
    /// What went wrong.
    pub error: Option<Reason>,
    /// How often that has gone wrong in the run, this time included.
    pub failures: u32,
    /// When.
    pub at: Millis,
    /// Where in the log.
    pub position: u64,
}

/// The use of a tool that an event is, or nothing when it is something else.
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
    /// One run.
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
    /// What it cost, as far as somebody told.
    fn cost(&self) -> Option<Usd> {
        let told = self.end.as_ref().and_then(|end| end.ended.cost);
        told.or(self.bill.as_ref().and_then(|bill| bill.cost))
    }

    /// What it was charged at its end and afterwards; nothing while it is under way.
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

/// Whether a run was charged, or should have been, without anybody knowing its cost.
pub(crate) fn is_unpriced(outcome: Outcome, ended: &Ended) -> bool {
    ended.cost.is_none() && (outcome.is_charged() || ended.charged > Usd::ZERO)
}
