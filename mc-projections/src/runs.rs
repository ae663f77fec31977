//! Which runs were there, what did they use, and what did they cost?

mod index;
mod query;
#[cfg(test)]
mod tests;
mod view;

use chrono::TimeDelta;
use mc_domain::{
    ids::{AgentId, ProjectId, RunId, TaskId},
    recorded::{AnyEvent, Recorded},
    run::{Billed, Ended, Event, Outcome, Status, Terms},
    values::Label,
};
use serde::{Deserialize, Serialize};

pub use query::{RunQuery, RunSort};
pub(crate) use view::is_unpriced;
pub use view::{RunView, ToolCallView, tool_call};

use crate::{page::Order, projection::Projection, table::Table};
use index::Index;

/// All runs, by identity and in every order that is asked for.
///
/// ```
/// use mc_domain::{money::Usd, run::{Event, Run, Status, Terms}, values::Label};
/// use mc_projections::{runs::{RunQuery, Runs}, script::Script};
///
/// let mut script = Script::new();
/// let run = uuid::Uuid::from_u128(9).into();
/// let (project, agent) = (uuid::Uuid::from_u128(1).into(), uuid::Uuid::from_u128(2).into());
/// let model = Label::new("claude-sonnet")?;
/// script.record::<Run>(&run, |at| Event::Started(Terms {
///     project, agent, task: None, parent_task: None, lease: None, model, session_key: None,
///     reserved: Usd::cents(25), on_project: false, day: at.date_naive(), deadline: at, at,
/// }));
///
/// let runs: Runs = script.fold();
/// assert_eq!(runs.view(run).unwrap().status, Status::Running);
/// let of_another = RunQuery { agent: vec![uuid::Uuid::nil().into()], ..RunQuery::default() };
/// assert!(runs.list(&of_another)?.items.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Runs {
    rows: Table<Index>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    id: RunId,
    terms: Terms,
    /// The positions of its tool calls in the log, oldest first.
    tool_calls: Vec<u64>,
    last_tool: Option<Label>,
    end: Option<End>,
    /// What its agent told about its cost after others had ended it.
    bill: Option<Billed>,
    version: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct End {
    outcome: Outcome,
    ended: Ended,
}

impl Runs {
    /// The positions of a run's tool calls in the log, oldest first.
    pub fn tool_calls(&self, run: RunId) -> &[u64] {
        self.rows.get(run).map_or(&[], |row| &row.tool_calls)
    }

    /// The runs that work on a task, the latest first.
    pub fn of_task(&self, task: TaskId) -> impl Iterator<Item = RunView<'_>> {
        let keys = self.rows.index().by_task.of(task, Order::Desc, None);
        keys.filter_map(|(_, run)| self.view(run))
    }

    /// The project that a run belongs to; nothing for an unknown run.
    pub fn project_of(&self, run: RunId) -> Option<ProjectId> {
        self.rows.get(run).map(|row| row.terms.project)
    }

    /// The agent that a run belongs to; nothing for an unknown run.
    pub fn agent_of(&self, run: RunId) -> Option<AgentId> {
        self.rows.get(run).map(|row| row.terms.agent)
    }

    fn start(&mut self, id: RunId, terms: &Terms) {
        let terms = terms.clone();
        let row =
            Row { id, terms, tool_calls: Vec::new(), last_tool: None, end: None, bill: None, version: 0 };
        self.rows.insert(id, row);
    }
}

impl Projection for Runs {
    const NAME: &'static str = "runs";
    const VERSION: u32 = 3;

    fn apply(&mut self, event: &Recorded<AnyEvent>) {
        let AnyEvent::Run(fact) = &event.event else { return };
        let Ok(id) = event.stream.aggregate_id.parse::<RunId>() else { return };
        if let Event::Started(terms) = fact {
            self.start(id, terms);
        }
        if let Event::ToolCalled { tool, .. } = fact {
            // No key of a run depends on its tool calls, which are most of its events.
            let Some(row) = self.rows.get_mut_unindexed(id) else { return };
            row.version = event.version;
            row.tool_calls.push(event.position);
            row.last_tool = Some(tool.clone());
            return;
        }
        self.rows.change(id, |row| {
            row.version = event.version;
            row.end(fact);
        });
    }
}

impl Row {
    /// Takes in how the run ended, or what its agent told about it later; the first word on each counts.
    fn end(&mut self, fact: &Event) {
        match fact {
            Event::Started(_) | Event::ToolCalled { .. } => {}
            Event::Completed(_) | Event::Failed(_) | Event::TimedOut(_) | Event::Aborted(_) => {
                let end = fact.end().map(|(outcome, ended)| End { outcome, ended: ended.clone() });
                self.end = self.end.take().or(end);
            }
            Event::Billed(billed) => {
                let is_unbilled = |end: &End| end.ended.is_unbilled(end.outcome);
                if self.bill.is_none() && self.end.as_ref().is_some_and(is_unbilled) {
                    self.bill = Some(billed.clone());
                }
            }
        }
    }

    fn status(&self) -> Status {
        self.end.as_ref().map_or(Status::Running, |end| end.outcome.status())
    }

    /// How long the run took, once it is over: 0 where the clock was set back meanwhile.
    fn duration(&self) -> Option<TimeDelta> {
        self.end.as_ref().map(|end| (end.ended.at - self.terms.at).max(TimeDelta::zero()))
    }

    fn duration_micros(&self) -> Option<i64> {
        self.duration().map(|took| took.num_microseconds().unwrap_or(i64::MAX))
    }
}
