//! What a worker has to look at: a fold over the log that names, and does not judge.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    actor::Actor,
    agent, alert, approval,
    ids::{AgentId, ApprovalId, ProjectId, RunId, TaskId},
    project,
    recorded::{AnyEvent, Recorded},
    run,
    task::{self, Status},
};

/// How long a task counts as just completed.
const JUST_COMPLETED: TimeDelta = TimeDelta::days(1);

/// Everything that something may be due for. Whether it is, the aggregates decide, once they are asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Watch {
    /// The projects, and since when there are they.
    pub projects: BTreeMap<ProjectId, DateTime<Utc>>,
    /// The agents, and what project they work in.
    pub agents: BTreeMap<AgentId, ProjectId>,
    /// When each agent last got a task or did something itself.
    pub signs: BTreeMap<AgentId, DateTime<Utc>>,
    /// The runs under way, and when each is to be over.
    pub runs: BTreeMap<RunId, DateTime<Utc>>,
    /// The approvals that wait for a decision, and in what project.
    pub approvals: BTreeMap<ApprovalId, ProjectId>,
    /// The alerts that somebody is still to deal with, and in what project.
    pub alerts: BTreeMap<alert::Key, ProjectId>,
    /// Where every task stands that is not archived, since when, and in what project.
    pub tasks: BTreeMap<TaskId, Whereabouts>,
    archived: BTreeMap<TaskId, Whereabouts>,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whereabouts {
    /// Its project.
    pub project: ProjectId,
    /// Its status.
    pub status: Status,
    /// Since when.
    pub since: DateTime<Utc>,
}

impl Watch {
    /// Takes in one more event. Of what it cannot make sense it takes no notice.
    pub fn apply(&mut self, recorded: &Recorded<AnyEvent>) {
        let (at, id) = (recorded.metadata.recorded_at, recorded.stream.aggregate_id.as_str());
        if let Actor::Agent(agent) = recorded.metadata.actor {
            self.signs.insert(agent, at);
        }
        match &recorded.event {
            AnyEvent::Project(project::Event::Created { at, .. }) => {
                self.projects.extend(id.parse().map(|id| (id, *at)));
            }
            AnyEvent::Agent(event) => self.note_agent(id.parse().ok(), event, at),
            AnyEvent::Task(event) => self.note_task(id.parse().ok(), event, at),
            AnyEvent::Run(event) => self.note_run(id.parse().ok(), event),
            AnyEvent::Approval(event) => self.note_approval(id.parse().ok(), event),
            AnyEvent::Alert(event) => self.note_alert(id.parse().ok(), event),
            AnyEvent::Project(_)
            | AnyEvent::Budget(_)
            | AnyEvent::Reservation(_)
            | AnyEvent::Standup(_)
            | AnyEvent::Notification(_)
            | AnyEvent::Policy(_) => {}
        }
    }

    /// The tasks of a project that are in a status.
    pub fn in_status(&self, project: ProjectId, status: Status) -> impl Iterator<Item = TaskId> {
        self.tasks_of(project).filter(move |(_, task)| task.status == status).map(|(id, _)| id)
    }

    /// The tasks of a project that were completed within a day before `now`.
    pub fn just_completed(&self, project: ProjectId, now: DateTime<Utc>) -> impl Iterator<Item = TaskId> {
        let lately =
            move |task: &Whereabouts| task.status == Status::Done && now - task.since < JUST_COMPLETED;
        self.tasks_of(project).filter(move |(_, task)| lately(task)).map(|(id, _)| id)
    }

    /// The tasks that are done or canceled, archived or not.
    pub fn closed(&self) -> BTreeSet<TaskId> {
        self.tasks
            .iter()
            .chain(&self.archived)
            .filter(|(_, task)| task.status.is_closed())
            .map(|(id, _)| *id)
            .collect()
    }

    /// Every task of a project.
    pub fn tasks_of(&self, project: ProjectId) -> impl Iterator<Item = (TaskId, Whereabouts)> {
        self.tasks.iter().filter(move |(_, task)| task.project == project).map(|(id, task)| (*id, *task))
    }

    fn note_agent(&mut self, id: Option<AgentId>, event: &agent::Event, at: DateTime<Utc>) {
        let Some(id) = id else { return };
        match event {
            agent::Event::Registered { project, .. } => drop(self.agents.insert(id, *project)),
            agent::Event::Engaged { .. } => drop(self.signs.insert(id, at)),
            _ => {}
        }
    }

    fn note_task(&mut self, id: Option<TaskId>, event: &task::Event, at: DateTime<Utc>) {
        let Some(id) = id else { return };
        if let task::Event::Created { project, .. } = event {
            self.tasks.insert(id, Whereabouts { project: *project, status: Status::Inbox, since: at });
        }
        match event {
            task::Event::Archived { .. } => pass(&mut self.tasks, &mut self.archived, id),
            task::Event::Restored { .. } => pass(&mut self.archived, &mut self.tasks, id),
            event if event.moves_to().is_some() => pass(&mut self.archived, &mut self.tasks, id),
            _ => {}
        }
        if let (Some(task), Some(status)) = (self.tasks.get_mut(&id), event.moves_to()) {
            (task.status, task.since) = (status, at);
        }
    }

    fn note_run(&mut self, id: Option<RunId>, event: &run::Event) {
        let Some(id) = id else { return };
        if let run::Event::Started(terms) = event {
            self.runs.insert(id, terms.deadline);
        }
        if event.end().is_some() {
            self.runs.remove(&id);
        }
    }

    fn note_approval(&mut self, id: Option<ApprovalId>, event: &approval::Event) {
        let Some(id) = id else { return };
        match event {
            approval::Event::Requested { subject, .. } => {
                self.approvals.insert(id, subject.project);
            }
            approval::Event::Approved { .. }
            | approval::Event::Denied { .. }
            | approval::Event::Expired { .. }
            | approval::Event::Withdrawn { .. } => {
                self.approvals.remove(&id);
            }
            approval::Event::Endorsed { .. }
            | approval::Event::Escalated { .. }
            | approval::Event::RevisionRequested { .. }
            | approval::Event::Resubmitted { .. }
            | approval::Event::Used { .. } => {}
        }
    }

    fn note_alert(&mut self, key: Option<alert::Key>, event: &alert::Event) {
        let Some(key) = key else { return };
        match event {
            alert::Event::Raised { project, .. } => {
                self.alerts.insert(key, *project);
            }
            alert::Event::Resolved { .. } | alert::Event::Ignored { .. } => {
                self.alerts.remove(&key);
            }
            alert::Event::Repeated { .. } | alert::Event::Acknowledged { .. } => {}
        }
    }
}

fn pass(from: &mut BTreeMap<TaskId, Whereabouts>, to: &mut BTreeMap<TaskId, Whereabouts>, id: TaskId) {
    to.extend(from.remove(&id).map(|task| (id, task)));
}
