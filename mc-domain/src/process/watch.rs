//! What a worker has to look at: a fold over the log that names, and does not judge.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::{
    actor::Actor,
    agent, alert, approval,
    ids::{AgentId, ApprovalId, ProjectId, RunId, TaskId},
    project,
    recorded::{AnyEvent, Recorded},
    run, standup,
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
    /// The agents that are not offline, and the sub-agents that nobody has retired yet: there is nothing to see to for
    /// the others.
    pub in_service: BTreeSet<AgentId>,
    /// The parents of the sub-agents among them.
    parents: BTreeMap<AgentId, AgentId>,
    commissioned: BTreeSet<AgentId>,
    of_projects: BTreeSet<(ProjectId, AgentId)>,
    /// When each agent last got a task or did something itself.
    pub signs: BTreeMap<AgentId, DateTime<Utc>>,
    /// The runs under way, and when each is to be over.
    pub runs: BTreeMap<RunId, DateTime<Utc>>,
    deadlines: BTreeSet<(DateTime<Utc>, RunId)>,
    /// The approvals that wait for a decision, and in what project.
    pub approvals: BTreeMap<ApprovalId, ProjectId>,
    /// The alerts that are not settled yet, and in what project.
    pub alerts: BTreeMap<alert::Key, ProjectId>,
    /// The last day of which each project has a standup.
    pub standups: BTreeMap<ProjectId, NaiveDate>,
    /// The status of every task, with its project and since when it has it.
    tasks: BTreeMap<TaskId, Whereabouts>,
    /// The tasks that are not archived, by where they stand, in the order in which they came there.
    places: BTreeMap<(ProjectId, Status), BTreeSet<Arrival>>,
}

/// When a task came to where it stands, and which it is.
type Arrival = (DateTime<Utc>, TaskId);

/// The status of a task, with what is asked about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Whereabouts {
    project: ProjectId,
    status: Status,
    since: DateTime<Utc>,
    archived: bool,
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
            AnyEvent::Standup(standup::Event::Recorded { .. }) => {
                if let Ok(standup::Key { project, day }) = id.parse() {
                    let last = self.standups.entry(project).or_insert(day);
                    *last = day.max(*last);
                }
            }
            AnyEvent::Project(_)
            | AnyEvent::Budget(_)
            | AnyEvent::Reservation(_)
            | AnyEvent::Notification(_)
            | AnyEvent::Policy(_)
            | AnyEvent::Credential(_) => {}
        }
    }

    /// The runs that are to be over by `now`.
    pub fn overdue_runs(&self, now: DateTime<Utc>) -> impl Iterator<Item = RunId> {
        self.deadlines.iter().take_while(move |(deadline, _)| *deadline <= now).map(|(_, run)| *run)
    }

    /// The agents that there may be something to see to for: those in service, their parents, and those that an alert
    /// says are silent.
    pub fn agents_to_look_after(&self) -> BTreeSet<AgentId> {
        let silent = self.alerts.keys().filter(|key| key.kind == alert::Kind::AgentStale);
        let silent = silent.filter_map(|key| match key.subject {
            alert::Subject::Agent(agent) => Some(agent),
            alert::Subject::Project(_)
            | alert::Subject::Task(_)
            | alert::Subject::Run(_)
            | alert::Subject::Approval(_)
            | alert::Subject::Notification(_)
            | alert::Subject::Log => None,
        });
        self.in_service.iter().copied().chain(self.parents.values().copied()).chain(silent).collect()
    }

    /// The agents of a project, in service or not.
    pub fn agents_of(&self, project: ProjectId) -> impl Iterator<Item = AgentId> {
        let first = (project, AgentId::new(uuid::Uuid::nil()));
        let of_project = self.of_projects.range(first..).take_while(move |(of, _)| *of == project);
        of_project.map(|(_, agent)| *agent)
    }

    /// The tasks of a project that are in a status, the longest there first.
    pub fn in_status(&self, project: ProjectId, status: Status) -> impl Iterator<Item = TaskId> {
        self.places.get(&(project, status)).into_iter().flatten().map(|(_, task)| *task)
    }

    /// How many tasks of a project are in a status.
    pub fn count(&self, project: ProjectId, status: Status) -> usize {
        self.places.get(&(project, status)).map_or(0, BTreeSet::len)
    }

    /// The tasks of a project that were completed within a day before `now`, the latest first.
    pub fn just_completed(&self, project: ProjectId, now: DateTime<Utc>) -> impl Iterator<Item = TaskId> {
        let done = self.places.get(&(project, Status::Done)).into_iter().flat_map(|done| done.iter().rev());
        done.take_while(move |(since, _)| now - since < JUST_COMPLETED).map(|(_, task)| *task)
    }

    /// Whether a task is done or canceled, archived or not.
    pub fn is_closed(&self, task: TaskId) -> bool {
        self.tasks.get(&task).is_some_and(|task| task.status.is_closed())
    }

    fn note_agent(&mut self, id: Option<AgentId>, event: &agent::Event, at: DateTime<Utc>) {
        let Some(id) = id else { return };
        match event {
            agent::Event::Registered { project, parent, .. } => {
                self.agents.insert(id, *project);
                self.of_projects.insert((*project, id));
                self.in_service.insert(id);
                self.parents.extend(parent.map(|parent| (id, parent)));
            }
            agent::Event::Engaged { .. } => drop(self.signs.insert(id, at)),
            agent::Event::SignedOn { .. } | agent::Event::Restarted { .. } | agent::Event::Resumed { .. } => {
                self.in_service.insert(id);
            }
            agent::Event::Commissioned { .. } => {
                self.commissioned.insert(id);
                self.in_service.insert(id);
            }
            agent::Event::SignedOff { .. } => self.rests(id),
            agent::Event::Corrected { status: Some(status), .. }
                if status.after == agent::Status::Offline =>
            {
                self.rests(id);
            }
            agent::Event::Corrected { status: Some(_), .. } => drop(self.in_service.insert(id)),
            agent::Event::Retired { .. } => {
                self.commissioned.remove(&id);
                self.rests(id);
            }
            agent::Event::ProfileChanged { .. }
            | agent::Event::HeartbeatRecorded { .. }
            | agent::Event::Paused { .. }
            | agent::Event::DrainStarted { .. }
            | agent::Event::Quarantined { .. }
            | agent::Event::Excepted { .. }
            | agent::Event::RestartDelivered {}
            | agent::Event::Corrected { status: None, .. }
            | agent::Event::Released { .. }
            | agent::Event::RunBegan { .. }
            | agent::Event::RunEnded { .. }
            | agent::Event::Overspent { .. }
            | agent::Event::Spawned { .. }
            | agent::Event::ChildRetired { .. } => {}
        }
    }

    /// A sub-agent that is offline is still to be retired.
    fn rests(&mut self, id: AgentId) {
        if !self.commissioned.contains(&id) {
            self.in_service.remove(&id);
            self.parents.remove(&id);
        }
    }

    fn note_task(&mut self, id: Option<TaskId>, event: &task::Event, at: DateTime<Utc>) {
        let Some(id) = id else { return };
        let known = self.tasks.get(&id).copied();
        let (status, since) = match (known, event.moves_to()) {
            (_, Some(status)) => (status, at),
            (Some(known), None) => (known.status, known.since),
            (None, None) => (Status::Inbox, at),
        };
        let archived = match event {
            task::Event::Archived { .. } => true,
            task::Event::Restored { .. } => false,
            event => known.is_some_and(|known| known.archived) && event.moves_to().is_none(),
        };
        let project = if let task::Event::Created { project, .. } = event {
            *project
        } else if let Some(known) = known {
            known.project
        } else {
            return;
        };
        let after = Whereabouts { project, status, since, archived };
        if known != Some(after) {
            self.stands(id, known, after);
        }
    }

    fn stands(&mut self, id: TaskId, before: Option<Whereabouts>, after: Whereabouts) {
        if let Some(was) = before.filter(|was| !was.archived) {
            self.places.entry((was.project, was.status)).or_default().remove(&(was.since, id));
        }
        if !after.archived {
            self.places.entry((after.project, after.status)).or_default().insert((after.since, id));
        }
        self.tasks.insert(id, after);
    }

    fn note_run(&mut self, id: Option<RunId>, event: &run::Event) {
        let Some(id) = id else { return };
        if let run::Event::Started(terms) = event {
            self.runs.insert(id, terms.deadline);
            self.deadlines.insert((terms.deadline, id));
        }
        if event.end().is_some()
            && let Some(deadline) = self.runs.remove(&id)
        {
            self.deadlines.remove(&(deadline, id));
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
