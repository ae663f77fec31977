//! What happened to a task, from its creation to now?
//!
//! A timeline has the task's own events, its runs with their tool calls, its approvals, its alerts, and what was
//! granted to its budget. The projection keeps only the positions of the events in the log; [`crate::entries`]
//! renders one of them. Where two events of one commit tell the same, the timeline has one of them: the task tells
//! that an agent took it up, the run that it began, the approval that it is awaited.

use std::collections::{BTreeMap, BTreeSet};

use mc_domain::{
    alert, approval, budget,
    ids::{AlertId, ApprovalId, RunId, TaskId},
    recorded::{AnyEvent, Recorded},
    run,
};
use serde::{Deserialize, Serialize};

use crate::{catalogue::listing, projection::Projection};

/// The positions of the events that concern each task, oldest first.
///
/// ```
/// use mc_domain::{task::{Event, Status}, values::Reason};
/// use mc_projections::{script::Script, timeline::Timelines};
///
/// let mut script = Script::new();
/// let reason = Reason::new("the brief is missing")?;
/// let task = script.task(1, |at| Event::Blocked { from: Status::Inbox, reason, at });
///
/// let timelines: Timelines = script.fold();
/// assert_eq!(timelines.positions(task), [1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Timelines {
    positions: BTreeMap<TaskId, Vec<u64>>,
    /// The tasks of the runs under way, and of those whose cost the agent may still tell.
    runs: BTreeMap<RunId, BTreeSet<TaskId>>,
    /// The tasks of the approvals that wait for a decision.
    approvals: BTreeMap<ApprovalId, TaskId>,
    /// The tasks of the alerts that are open or acknowledged.
    alerts: BTreeMap<AlertId, TaskId>,
}

impl Timelines {
    /// The positions of the events that concern a task, oldest first.
    pub fn positions(&self, task: TaskId) -> &[u64] {
        self.positions.get(&task).map_or(&[], Vec::as_slice)
    }
}

impl Projection for Timelines {
    const NAME: &'static str = "timelines";
    const VERSION: u32 = 2;

    fn apply(&mut self, event: &Recorded<AnyEvent>) {
        for task in self.concerned(event) {
            self.positions.entry(task).or_default().push(event.position);
        }
    }
}

impl Timelines {
    /// The tasks whose timelines have an event.
    fn concerned(&mut self, event: &Recorded<AnyEvent>) -> BTreeSet<TaskId> {
        if !listing(&event.event).is_on_timeline {
            return BTreeSet::new();
        }
        let id = &event.stream.aggregate_id;
        match &event.event {
            AnyEvent::Task(_) => id.parse().ok().into_iter().collect(),
            AnyEvent::Run(fact) => id.parse().ok().map(|run| self.of_run(run, fact)).unwrap_or_default(),
            AnyEvent::Approval(fact) => {
                id.parse().ok().and_then(|approval| self.of_approval(approval, fact)).into_iter().collect()
            }
            AnyEvent::Alert(fact) => self.of_alert(fact).into_iter().collect(),
            AnyEvent::Budget(_) => match id.parse() {
                Ok(budget::Key::Task(task)) => BTreeSet::from([task]),
                Ok(budget::Key::AgentDay(..) | budget::Key::ProjectDay(..)) | Err(_) => BTreeSet::new(),
            },
            AnyEvent::Agent(_)
            | AnyEvent::Project(_)
            | AnyEvent::Reservation(_)
            | AnyEvent::Policy(_)
            | AnyEvent::Notification(_)
            | AnyEvent::Standup(_)
            | AnyEvent::Credential(_) => BTreeSet::new(),
        }
    }

    /// The tasks that a run concerns: the one it works on and, for a sub-agent's run, the one the sub-agent was
    /// created for.
    fn of_run(&mut self, run: RunId, fact: &run::Event) -> BTreeSet<TaskId> {
        match fact {
            run::Event::Started(terms) => {
                let tasks: BTreeSet<_> = terms.task.into_iter().chain(terms.parent_task).collect();
                self.runs.insert(run, tasks.clone());
                tasks
            }
            run::Event::ToolCalled { .. } => self.runs.get(&run).cloned().unwrap_or_default(),
            run::Event::Completed(_)
            | run::Event::Failed(_)
            | run::Event::TimedOut(_)
            | run::Event::Aborted(_) => match fact.end().is_some_and(|(how, ended)| ended.is_unbilled(how)) {
                true => self.runs.get(&run).cloned().unwrap_or_default(),
                false => self.runs.remove(&run).unwrap_or_default(),
            },
            run::Event::Billed(_) => self.runs.remove(&run).unwrap_or_default(),
        }
    }

    fn of_approval(&mut self, approval: ApprovalId, fact: &approval::Event) -> Option<TaskId> {
        match fact {
            approval::Event::Requested { subject, .. } => {
                let task = subject.task?;
                self.approvals.insert(approval, task);
                Some(task)
            }
            approval::Event::Endorsed { .. }
            | approval::Event::RevisionRequested { .. }
            | approval::Event::Resubmitted { .. }
            | approval::Event::Escalated { .. } => self.approvals.get(&approval).copied(),
            approval::Event::Approved { .. }
            | approval::Event::Denied { .. }
            | approval::Event::Withdrawn { .. }
            | approval::Event::Expired { .. }
            | approval::Event::Used { .. } => self.approvals.remove(&approval),
        }
    }

    fn of_alert(&mut self, fact: &alert::Event) -> Option<TaskId> {
        match fact {
            alert::Event::Raised { id, task, .. } => {
                let task = (*task)?;
                self.alerts.insert(*id, task);
                Some(task)
            }
            alert::Event::Repeated { id, .. } | alert::Event::Acknowledged { id, .. } => {
                self.alerts.get(id).copied()
            }
            alert::Event::Resolved { id, .. } | alert::Event::Ignored { id, .. } => self.alerts.remove(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use mc_domain::{
        alert::{Alert, Kind},
        money::Usd,
        run::Run,
        task::Event,
        values::{Label, Title},
    };
    use uuid::Uuid;

    use super::*;
    use crate::script::Script;

    fn raise(script: &mut Script, number: u128, task: Option<u128>) {
        let (kind, id) = (Kind::LoopDetected, Uuid::from_u128(number).into());
        let key = alert::Key::new(kind, alert::Subject::Task(Uuid::from_u128(number).into()));
        script.record::<Alert>(&key, |at| alert::Event::Raised {
            id,
            kind,
            severity: kind.severity(),
            title: Title::new("A loop was found").unwrap(),
            description: None,
            agent: None,
            task: task.map(|task| Uuid::from_u128(task).into()),
            run: None,
            project: Uuid::nil().into(),
            at,
        });
    }

    #[test]
    fn alerts_that_name_the_task_are_on_its_timeline_until_they_are_closed() {
        let mut script = Script::new();
        raise(&mut script, 1, Some(3));
        raise(&mut script, 2, None);
        let key = alert::Key::new(Kind::LoopDetected, alert::Subject::Task(Uuid::from_u128(1).into()));
        let id = Uuid::from_u128(1).into();
        script.record::<Alert>(&key, |at| alert::Event::Resolved { id, note: None, at });
        let timelines: Timelines = script.fold();
        assert_eq!(timelines.positions(Uuid::from_u128(3).into()), [1, 3]);
        assert!(timelines.alerts.is_empty());
    }

    #[test]
    fn a_run_is_on_the_timeline_of_its_task_and_of_the_one_it_was_spawned_for() {
        let mut script = Script::new();
        let (run, agent) = (Uuid::from_u128(9).into(), Uuid::from_u128(2).into());
        let (task, parent) = (Uuid::from_u128(3).into(), Uuid::from_u128(4).into());
        let project = Uuid::nil().into();
        script.record::<Run>(&run, |at| {
            run::Event::Started(run::Terms {
                project,
                agent,
                task: Some(task),
                parent_task: Some(parent),
                lease: None,
                model: Label::new("claude-sonnet").unwrap(),
                session_key: None,
                reserved: Usd::ZERO,
                on_project: false,
                day: at.date_naive(),
                deadline: at,
                at,
            })
        });
        script.task(3, |at| Event::RunBegan {
            run,
            open_run: run::OpenRun {
                agent,
                task: Some(task),
                parent_task: Some(parent),
                day: at.date_naive(),
                on_project: false,
            },
            at,
        });
        let (cost, charged, error) = (None, Usd::ZERO, None);
        script.record::<Run>(&run, |at| {
            let (task, usage) = (Some(task), run::Usage::default());
            run::Event::Aborted(run::Ended {
                agent,
                task,
                project,
                usage,
                cost,
                charged,
                error,
                started_at: at,
                at,
            })
        });
        let timelines: Timelines = script.fold();
        assert_eq!(timelines.positions(task), [1, 3]);
        assert_eq!(timelines.positions(parent), [1, 3]);
    }
}
