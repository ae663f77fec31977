//! Made-up histories: every kind of event, on few agents and tasks, so that they meet.

use std::collections::BTreeSet;

use mc_domain::{
    actor::Actor,
    agent::{self, Correction, Ending, PauseReason},
    ids::{AgentId, LeaseId, MessageId, ProjectId, TaskId},
    money::Usd,
    project,
    reservation::{self, Holder, Key, Reservation},
    task::{
        self, Artifact, ArtifactBody, ArtifactKind, Checklist, ChecklistItem, Details, MessageKind, Priority,
        Status, TaskType, WorkPlan,
    },
    values::{Label, Location, Name, Reason, Slug, Text},
};
use proptest::prelude::*;
use uuid::Uuid;

use crate::script::Script;

/// What happens, to which of the agents or tasks, and a number for the rest.
pub(super) type Choice = (u8, u8, u8);

/// How many kinds of [`Choice`] there are.
pub(super) const KINDS: u8 = 40;
/// How many of them are other forms of an event that another choice makes.
pub(super) const VARIATIONS: usize = 6;

pub(super) fn histories() -> impl Strategy<Value = Vec<Choice>> {
    prop::collection::vec((0..KINDS, 0..4u8, any::<u8>()), 0..120)
}

/// The choices as events. The first of an agent or a task is its beginning, and it has no other.
pub(super) fn written(choices: &[Choice]) -> Script {
    let mut script = Script::new();
    let (mut agents, mut tasks, mut projects) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (kind, which, more) in choices {
        let actor = if more % 2 == 0 { Actor::Agent(agent_id(*which)) } else { Actor::Human(name("Sofie")) };
        script.by(actor);
        let number = u128::from(*which);
        match kind {
            0..16 => {
                let Some(kind) = once(*kind, BEGIN_AGENT, agents.insert(which)) else { continue };
                script.agent(number, |at| agent_event(kind, *more, at));
            }
            16..36 => {
                let Some(kind) = once(*kind, BEGIN_TASK, tasks.insert(which)) else { continue };
                script.task(number, |at| task_event(kind, *more, at));
            }
            36 | 37 => {
                let Some(kind) = once(*kind, BEGIN_PROJECT, projects.insert(which)) else { continue };
                script.project(number, |at| project_event(kind, *which, at));
            }
            _ => reservation_event(&mut script, *kind, *which),
        }
    }
    script
}

const BEGIN_AGENT: u8 = 0;
const BEGIN_TASK: u8 = 16;
const BEGIN_PROJECT: u8 = 36;

fn once(kind: u8, beginning: u8, is_new: bool) -> Option<u8> {
    match (is_new, kind == beginning) {
        (true, _) => Some(beginning),
        (false, true) => None,
        (false, false) => Some(kind),
    }
}

fn agent_event(kind: u8, more: u8, at: chrono::DateTime<chrono::Utc>) -> agent::Event {
    use agent::Event;
    let note = more.is_multiple_of(3).then(|| reason("as agreed"));
    let (task, lease) = (task_id(more % 4), lease(more));
    match kind {
        0 => Event::Registered {
            project: project_id(more),
            profile: agent_profile(more),
            parent: more.is_multiple_of(5).then(|| agent_id(more % 4)),
            purpose: note,
            at,
        },
        1 => Event::ProfileChanged { profile: agent_profile(more) },
        2 => Event::HeartbeatRecorded {
            at,
            session_key: note.map(|_| label("s1")),
            error: None,
            error_streak: 0,
        },
        3 => Event::HeartbeatRecorded {
            at,
            session_key: None,
            error: Some(reason("connection reset")),
            error_streak: u32::from(more),
        },
        4 => Event::Paused { reason: PauseReason::ALL[usize::from(more % 4)], note },
        5 => Event::Resumed { from: agent::Status::Paused, note },
        6 => Event::DrainStarted { note },
        7 => Event::Quarantined { note },
        8 => Event::SignedOff { note },
        9 => Event::SignedOn { at },
        10 => Event::Restarted { note },
        11 => Event::RestartDelivered {},
        12 => Event::Corrected {
            status: Some(Correction {
                before: agent::Status::Active,
                after: agent::Status::ALL[usize::from(more % 5)],
            }),
            error_streak: note.map(|_| Correction { before: 3, after: 0 }),
            today_spend: Some(Usd::cents(u32::from(more))),
            at,
        },
        13 => Event::Corrected { status: None, error_streak: None, today_spend: None, at },
        14 => Event::Engaged { task, lease },
        _ => Event::Released { task, lease, ending: Ending::ALL[usize::from(more % 10)] },
    }
}

fn task_event(kind: u8, more: u8, at: chrono::DateTime<chrono::Utc>) -> task::Event {
    use task::Event;
    let from = Status::ALL[usize::from(more % 9)];
    let reason = more.is_multiple_of(3).then(|| plain("as agreed"));
    let assignees = BTreeSet::from([agent_id(more % 4), agent_id(more % 3)]);
    let (holder, lease) = (agent_id(more % 4), lease(more));
    match kind {
        16 => Event::Created {
            project: project_id(more),
            details: details(more),
            parent: more.is_multiple_of(5).then(|| task_id(more % 4)),
            creator: Actor::Agent(holder),
            at,
        },
        17 => Event::Edited { details: details(more) },
        18 => Event::Claimed { agent: holder, at },
        19 => Event::Assigned { from, assignees, reason, at },
        20 => Event::AssigneesChanged { assignees, reason },
        21 => Event::ReturnedToInbox { from, reason, at },
        22 => Event::Started { from, holder, lease, plan: None, reason, at },
        23 => Event::Started { from, holder, lease, plan: Some(plan()), reason, at },
        24 => Event::Submitted { deliverable: None, checklist: None, at },
        25 => Event::Submitted { deliverable: Some(artifact()), checklist: Some(checklist()), at },
        26 => Event::SentBack {
            feedback: plain("tighten the intro"),
            review_cycle: more.into(),
            holder,
            lease,
            at,
        },
        27 => Event::ReturnedToReview { from: Status::Done, reason, at },
        28 => Event::ReturnedToReview { from: Status::NeedsApproval, reason, at },
        29 => Event::HeldForApproval { from, reason, at },
        30 => Event::Blocked { from, reason: plain("the brief is missing"), at },
        31 => Event::Failed { from, reason, at },
        32 => Event::Completed { from, approved_by: Actor::Human(name("Sofie")), note: reason, at },
        33 => Event::Canceled { from, reason, at },
        34 => posted(Some("see\nattached"), more, at),
        _ => posted(None, more, at),
    }
}

fn posted(content: Option<&str>, more: u8, at: chrono::DateTime<chrono::Utc>) -> task::Event {
    task::Event::MessagePosted {
        id: MessageId::new(Uuid::from_u128(more.into())),
        kind: MessageKind::ALL[usize::from(more % 6)],
        author: Actor::Agent(agent_id(more % 4)),
        content: content.map(|text| Text::new(text).unwrap()),
        artifacts: vec![artifact()],
        mentions: BTreeSet::from([Actor::Human(name("Sofie"))]),
        reply_to: None,
        at,
    }
}

fn project_event(kind: u8, which: u8, at: chrono::DateTime<chrono::Utc>) -> project::Event {
    let profile =
        project::Profile { daily_cap: Some(Usd::cents(which.into())), ..project::Profile::new(name("P")) };
    match kind {
        36 => project::Event::Created { slug: Slug::new("openclaw").unwrap(), profile, at },
        _ => project::Event::Edited { profile },
    }
}

fn reservation_event(script: &mut Script, kind: u8, which: u8) {
    let holder = Holder::Agent(agent_id(which));
    let key = Key::agent(project_id(0), &name("Scout"));
    script.record::<Reservation>(&key, |_| match kind {
        38 => reservation::Event::Reserved { holder },
        _ => reservation::Event::Released { holder },
    });
}

fn agent_profile(more: u8) -> agent::Profile {
    let names = ["Scout", "Scribe", "Fetch", "ECHO", "echo"];
    let role = agent::Role::ALL[usize::from(more % 4)];
    agent::Profile::new(name(names[usize::from(more % 5)]), role)
}

fn details(more: u8) -> Details {
    let kind = TaskType::ALL[usize::from(more % 8)];
    Details {
        priority: Priority::try_from(u32::from(more % 4 + 1)).unwrap(),
        due_at: more
            .is_multiple_of(2)
            .then(|| chrono::DateTime::from_timestamp_secs(i64::from(more)).unwrap()),
        ..Details::titled(["Alpha", "beta", "Gamma"][usize::from(more % 3)], kind).unwrap()
    }
}

fn plan() -> WorkPlan {
    WorkPlan::try_from(vec![plain("collect"), plain("compare"), plain("conclude")]).unwrap()
}

fn artifact() -> Artifact {
    let body = ArtifactBody::Url(Location::new("https://example.com/report").unwrap());
    Artifact { name: label("Report"), kind: ArtifactKind::Deliverable, body }
}

fn checklist() -> Checklist {
    Checklist::try_from(vec![ChecklistItem { label: plain("links work"), checked: true, note: None }])
        .unwrap()
}

fn agent_id(number: u8) -> AgentId {
    AgentId::new(Uuid::from_u128(number.into()))
}

fn task_id(number: u8) -> TaskId {
    TaskId::new(Uuid::from_u128(number.into()))
}

fn project_id(number: u8) -> ProjectId {
    ProjectId::new(Uuid::from_u128(u128::from(number % 2)))
}

fn lease(number: u8) -> LeaseId {
    LeaseId::new(Uuid::from_u128(u128::from(number % 8)))
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

fn reason(text: &str) -> Reason {
    Reason::new(text).unwrap()
}

fn plain(text: &str) -> Reason {
    reason(text)
}
