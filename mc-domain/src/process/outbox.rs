//! What is still to be told: a fold over the log, so that nothing is lost and nothing is told twice.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::notifications::{Directory, notifications};
use crate::{
    actor::Actor,
    agent, approval,
    ids::{AgentId, ApprovalId, NotificationId, ProjectId, TaskId},
    notification::{self, LASTS, Notice},
    recorded::{AnyEvent, Recorded},
    task,
    values::{Name, Reason, Title},
};

/// Who is called what, and who follows which task.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Following {
    operators: BTreeSet<Name>,
    agents: BTreeMap<AgentId, Name>,
    tasks: BTreeMap<TaskId, Followed>,
    approvals: BTreeMap<ApprovalId, (Actor, Reason)>,
}

#[derive(Debug, Clone, PartialEq)]
struct Followed {
    title: Title,
    creator: Actor,
    commenters: BTreeSet<Actor>,
    subscribers: BTreeSet<Actor>,
    assignees: BTreeSet<AgentId>,
    reviewers: BTreeSet<AgentId>,
}

/// What is to be queued, and what is queued and has not arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Outbox {
    following: Following,
    since: DateTime<Utc>,
    unqueued: BTreeMap<NotificationId, Notice>,
    waiting: BTreeMap<NotificationId, Waiting>,
}

/// A notification that is queued and has not arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The project it belongs to.
    pub project: Option<ProjectId>,
    /// When it is tried next.
    pub due_at: DateTime<Utc>,
    /// From when on it is too late for it.
    pub expires_at: DateTime<Utc>,
}

impl Outbox {
    /// Nothing yet, for these operators. What happened before `since` is told nobody any more.
    pub fn new(operators: BTreeSet<Name>, since: DateTime<Utc>) -> Self {
        let following = Following { operators, ..Following::default() };
        Self { following, since, unqueued: BTreeMap::new(), waiting: BTreeMap::new() }
    }

    /// Takes in one more event.
    pub fn apply(&mut self, recorded: &Recorded<AnyEvent>) {
        self.following.apply(recorded);
        if let AnyEvent::Notification(event) = &recorded.event {
            if let Ok(id) = recorded.stream.aggregate_id.parse() {
                self.note(id, event, recorded.metadata.project);
            }
        } else if recorded.metadata.recorded_at >= self.since {
            let wanted = notifications(recorded, &self.following);
            self.unqueued.extend(wanted.into_iter().map(|notice| (notice.id(), notice)));
        }
    }

    /// What is to be queued at `now`. What comes too late is forgotten.
    pub fn to_queue(&mut self, now: DateTime<Utc>) -> Vec<Notice> {
        self.unqueued.retain(|_, notice| now < notice.at + LASTS);
        self.unqueued.values().cloned().collect()
    }

    /// What is to be delivered, tried again or given up at `now`.
    pub fn due(&self, now: DateTime<Utc>) -> Vec<(NotificationId, Waiting)> {
        let due = |waiting: &Waiting| now >= waiting.due_at || now >= waiting.expires_at;
        self.waiting.iter().filter(|(_, waiting)| due(waiting)).map(|(id, waiting)| (*id, *waiting)).collect()
    }

    fn note(&mut self, id: NotificationId, event: &notification::Event, project: Option<ProjectId>) {
        match event {
            notification::Event::Queued { expires_at, at, .. } => {
                self.unqueued.remove(&id);
                self.waiting.insert(id, Waiting { project, due_at: *at, expires_at: *expires_at });
            }
            notification::Event::AttemptFailed { retry_at, .. } => {
                if let Some(waiting) = self.waiting.get_mut(&id) {
                    waiting.due_at = *retry_at;
                }
            }
            notification::Event::Read { .. }
            | notification::Event::Delivered { .. }
            | notification::Event::Failed { .. }
            | notification::Event::Expired { .. } => drop(self.waiting.remove(&id)),
        }
    }
}

impl Following {
    fn apply(&mut self, recorded: &Recorded<AnyEvent>) {
        let id = recorded.stream.aggregate_id.as_str();
        match &recorded.event {
            AnyEvent::Agent(
                agent::Event::Registered { profile, .. } | agent::Event::ProfileChanged { profile },
            ) => self.agents.extend(id.parse().map(|id| (id, profile.name.clone()))),
            AnyEvent::Task(event) => {
                if let Ok(id) = id.parse() {
                    self.note_task(id, event);
                }
            }
            AnyEvent::Approval(approval::Event::Requested { requestor, ask, .. }) => {
                self.approvals.extend(id.parse().map(|id| (id, (requestor.clone(), ask.summary.clone()))))
            }
            AnyEvent::Approval(approval::Event::Resubmitted { ask, .. }) => {
                if let Some(known) = id.parse().ok().and_then(|id| self.approvals.get_mut(&id)) {
                    known.1 = ask.summary.clone();
                }
            }
            _ => {}
        }
    }

    fn note_task(&mut self, id: TaskId, event: &task::Event) {
        if let task::Event::Created { details, creator, .. } = event {
            let followed = Followed {
                title: details.title.clone(),
                creator: creator.clone(),
                commenters: BTreeSet::new(),
                subscribers: BTreeSet::new(),
                assignees: BTreeSet::new(),
                reviewers: details.reviewers.iter().copied().collect(),
            };
            self.tasks.insert(id, followed);
        }
        let Some(task) = self.tasks.get_mut(&id) else { return };
        match event {
            task::Event::Edited { details } => {
                task.title = details.title.clone();
                task.reviewers = details.reviewers.iter().copied().collect();
            }
            task::Event::Claimed { agent, .. } => task.assignees = BTreeSet::from([*agent]),
            task::Event::Assigned { assignees, .. } | task::Event::AssigneesChanged { assignees, .. } => {
                task.assignees = assignees.clone();
            }
            task::Event::ReturnedToInbox { .. } => task.assignees.clear(),
            task::Event::MessagePosted { author, .. } => drop(task.commenters.insert(author.clone())),
            task::Event::Subscribed { by, .. } => drop(task.subscribers.insert(by.clone())),
            task::Event::Unsubscribed { by, .. } => drop(task.subscribers.remove(by)),
            _ => {}
        }
    }
}

impl Directory for Following {
    fn operators(&self) -> BTreeSet<Name> {
        self.operators.clone()
    }

    fn agent_name(&self, agent: AgentId) -> Option<Name> {
        self.agents.get(&agent).cloned()
    }

    fn task_title(&self, task: TaskId) -> Option<Title> {
        Some(self.tasks.get(&task)?.title.clone())
    }

    fn subscribers(&self, task: TaskId) -> BTreeSet<Actor> {
        let Some(task) = self.tasks.get(&task) else { return BTreeSet::new() };
        let assignees = task.assignees.iter().copied().map(Actor::Agent);
        let asked = task.commenters.iter().chain(&task.subscribers).cloned();
        assignees.chain([task.creator.clone()]).chain(asked).collect()
    }

    fn reviewers(&self, task: TaskId) -> BTreeSet<AgentId> {
        self.tasks.get(&task).map(|task| task.reviewers.clone()).unwrap_or_default()
    }

    fn approval(&self, approval: ApprovalId) -> Option<(Actor, Reason)> {
        self.approvals.get(&approval).cloned()
    }
}
