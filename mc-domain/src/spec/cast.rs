//! The cast of the domain's own tests: who acts, on what, and the shortest histories that lead somewhere.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{
    actor::Actor,
    agent::{self, Assignee, Profile, Role},
    aggregate::CommandContext,
    ids::{AgentId, LeaseId, MessageId, ProjectId, TaskId},
    policy::document::PolicyLimits,
    task::{
        self, Artifact, ArtifactBody, ArtifactKind, Checklist, ChecklistItem, Crew, Details, Message,
        MessageKind, Move, Status, TaskType, WorkPlan,
    },
    values::{Label, Name, Reason, Slug, Text, Title},
};

/// The default project.
pub(crate) const OPENCLAW: ProjectId = ProjectId::new(Uuid::from_u128(0x100));
/// Another project.
pub(crate) const ELSEWHERE: ProjectId = ProjectId::new(Uuid::from_u128(0x101));
/// An intern, the lowest of the agents' ids.
pub(crate) const SCOUT: AgentId = AgentId::new(Uuid::from_u128(0x200));
/// Another intern.
pub(crate) const ECHO: AgentId = AgentId::new(Uuid::from_u128(0x201));
/// A lead.
pub(crate) const NOVA: AgentId = AgentId::new(Uuid::from_u128(0x202));
/// A task.
pub(crate) const TASK: TaskId = TaskId::new(Uuid::from_u128(0x300));
/// Another task.
pub(crate) const OTHER_TASK: TaskId = TaskId::new(Uuid::from_u128(0x301));
/// The first lease of a history.
pub(crate) const LEASE: LeaseId = LeaseId::new(Uuid::from_u128(0x400));
/// The one after it.
pub(crate) const NEXT_LEASE: LeaseId = LeaseId::new(Uuid::from_u128(0x401));
/// A message.
pub(crate) const MESSAGE: MessageId = MessageId::new(Uuid::from_u128(0x500));

/// When everything happens: 2026-02-01, 09:00 UTC.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_769_936_400, 0).unwrap()
}

/// An operator acts.
pub(crate) fn sofie() -> CommandContext {
    CommandContext::new(now(), Actor::Human(name("Sofie")))
}

/// A worker acts.
pub(crate) fn system() -> CommandContext {
    CommandContext::new(now(), Actor::System(name("monitor")))
}

/// An agent acts.
pub(crate) fn by(agent: AgentId) -> CommandContext {
    CommandContext::new(now(), Actor::Agent(agent))
}

/// Scout acts.
pub(crate) fn scout() -> CommandContext {
    by(SCOUT)
}

/// The same actor, that much later.
pub(crate) fn later(context: &CommandContext, by: TimeDelta) -> CommandContext {
    CommandContext { now: context.now + by, ..context.clone() }
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn slug(text: &str) -> Slug {
    Slug::new(text).unwrap()
}

pub(crate) fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

pub(crate) fn reason(text: &str) -> Reason {
    Reason::new(text).unwrap()
}

pub(crate) fn text(content: &str) -> Text {
    Text::new(content).unwrap()
}

/// A plan of as few bullets as a plan may have.
pub(crate) fn plan() -> WorkPlan {
    WorkPlan::try_from(vec![reason("read"), reason("compare"), reason("write")]).unwrap()
}

pub(crate) fn artifact(kind: ArtifactKind) -> Artifact {
    Artifact { name: label("pricing.md"), kind, body: ArtifactBody::Content(text("Three tiers.")) }
}

pub(crate) fn deliverable() -> Artifact {
    artifact(ArtifactKind::Deliverable)
}

pub(crate) fn checklist() -> Checklist {
    Checklist::try_from(vec![ChecklistItem { label: reason("figures agree"), checked: true, note: None }])
        .unwrap()
}

/// What the task of the tests is about: customer research.
pub(crate) fn details() -> Details {
    Details::new(Title::new("Competitor pricing").unwrap(), TaskType::CustomerResearch)
}

/// These agents have a task, and all of them stand ready.
pub(crate) fn crew<const N: usize>(agents: [AgentId; N]) -> Crew {
    let ready = agents.into_iter().map(Assignee::vouched).collect();
    Crew { assignees: BTreeSet::from(agents), ready, lease: Some(NEXT_LEASE) }
}

/// A move that brings everything that any move needs.
pub(crate) fn equipped(to: Status) -> Move {
    Move {
        to,
        reason: Some(reason("because")),
        plan: Some(plan()),
        deliverable: Some(deliverable()),
        checklist: Some(checklist()),
        lease: None,
        crew: crew([SCOUT]),
    }
}

/// A comment that brings nothing but words.
pub(crate) fn comment() -> Message {
    Message {
        id: MESSAGE,
        kind: MessageKind::Comment,
        content: Some(text("Half way.")),
        artifacts: vec![],
        mentions: BTreeSet::new(),
        reply_to: None,
        lease: None,
    }
}

/// An agent of the default project that takes every type.
pub(crate) fn registered(who: &str, role: Role) -> Vec<agent::Event> {
    registered_as(Profile::new(name(who), role))
}

pub(crate) fn registered_as(profile: Profile) -> Vec<agent::Event> {
    vec![agent::Event::Registered { project: OPENCLAW, profile, parent: None, purpose: None, at: now() }]
}

/// A heartbeat without an error that left so many errors in a row.
pub(crate) fn heard(error_streak: u32) -> agent::Event {
    agent::Event::HeartbeatRecorded { at: now(), session_key: None, error: None, error_streak }
}

/// The shortest history of a task that stands at `status`; from assigned on, Scout has it, and at in_progress works on
/// it under [`LEASE`].
pub(crate) fn task_in(status: Status) -> Vec<task::Event> {
    use task::Event;
    let at = now();
    let created = Event::Created {
        project: OPENCLAW,
        details: details(),
        parent: None,
        creator: Actor::Human(name("Sofie")),
        at,
    };
    let assigned =
        Event::Assigned { from: Status::Inbox, assignees: BTreeSet::from([SCOUT]), reason: None, at };
    let started = Event::Started {
        from: Status::Assigned,
        holder: SCOUT,
        lease: LEASE,
        plan: Some(plan()),
        reason: None,
        at,
    };
    let submitted = Event::Submitted { deliverable: Some(deliverable()), checklist: Some(checklist()), at };
    let (way, last) = match status {
        Status::Inbox => (0, None),
        Status::Assigned => (1, None),
        Status::InProgress => (2, None),
        Status::Review => (3, None),
        Status::NeedsApproval => {
            (2, Some(Event::HeldForApproval { from: Status::InProgress, reason: None, at }))
        }
        Status::Blocked => {
            (2, Some(Event::Blocked { from: Status::InProgress, reason: reason("no access"), at }))
        }
        Status::Failed => (2, Some(Event::Failed { from: Status::InProgress, reason: None, at })),
        Status::Done => (
            3,
            Some(Event::Completed {
                from: Status::Review,
                approved_by: Actor::Human(name("Sofie")),
                note: None,
                at,
            }),
        ),
        Status::Canceled => (1, Some(Event::Canceled { from: Status::Assigned, reason: None, at })),
    };
    [created].into_iter().chain([assigned, started, submitted].into_iter().take(way)).chain(last).collect()
}

/// The default figures, but for what `change` makes of them.
pub(crate) fn limits(change: impl FnOnce(&mut PolicyLimits)) -> PolicyLimits {
    let mut limits = PolicyLimits::default();
    change(&mut limits);
    limits
}
