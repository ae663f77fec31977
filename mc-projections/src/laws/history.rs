//! Made-up histories: every kind of event, on few agents and tasks, so that they meet.

use std::collections::BTreeSet;

use mc_domain::{
    actor::Actor,
    agent::{self, Correction, Ending, PauseReason},
    alert::{self, Alert},
    approval::{self, Action, ActionType, Approval, Ask, Quorum, Risk},
    budget::{self, Budget, Level},
    credential::{self, Bearer, Credential, Grant, SecretHash},
    ids::{
        AgentId, AlertId, ApprovalId, CredentialId, LeaseId, MessageId, NotificationId, ProjectId, RunId,
        TaskId,
    },
    money::Usd,
    notification::{self, Notification, Recipient},
    policy::{self, Policy, Scope, document::Document},
    project::{self, Halt},
    reach::Reach,
    reservation::{self, Holder, Key, Reservation},
    run::{self, Billed, Ended, Outcome, Run, Terms, Tokens, ToolRisk, ToolStatus, Usage},
    standup::{self, Standup},
    task::{
        self, Artifact, ArtifactBody, ArtifactKind, Checklist, ChecklistItem, Details, LoopKind, MessageKind,
        Priority, Status, TaskType, WorkPlan,
    },
    values::{Label, Location, Name, Reason, Slug, Text, Title},
};
use proptest::prelude::*;
use uuid::Uuid;

use crate::script::Script;

/// What happens, to which of the agents or tasks, and a number for the rest.
pub(super) type Choice = (u8, u8, u8);

/// How many kinds of [`Choice`] there are.
pub(super) const KINDS: u8 = 108;
/// How many of them are other forms of an event that another choice makes.
pub(super) const VARIATIONS: usize = 7;

pub(super) fn histories() -> impl Strategy<Value = Vec<Choice>> {
    prop::collection::vec((0..KINDS, 0..4u8, any::<u8>()), 0..120)
}

/// Histories of credentials and of nothing else.
pub(super) fn histories_of_credentials() -> impl Strategy<Value = Vec<Choice>> {
    prop::collection::vec((BEGIN_CREDENTIAL..KINDS, 0..CREDENTIALS, any::<u8>()), 0..60)
}

/// The projects that histories tell of: all but the last of them have tasks, agents and runs.
pub(super) fn projects() -> BTreeSet<ProjectId> {
    (0..4).map(|number| ProjectId::new(Uuid::from_u128(number))).collect()
}

/// All projects, or any of them, none and several too.
pub(super) fn reaches() -> impl Strategy<Value = Reach> {
    let some = prop::sample::subsequence(Vec::from_iter(projects()), 0..=projects().len());
    prop_oneof![1 => Just(Reach::All), 4 => some.prop_map(|named| Reach::Only(named.into_iter().collect()))]
}

/// The choices as events. The first of an agent or a task is its beginning, and it has no other.
pub(super) fn written(choices: &[Choice]) -> Script {
    let mut script = Script::new();
    let (mut agents, mut tasks, mut projects) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (mut runs, mut approvals) = (BTreeSet::new(), BTreeSet::new());
    let (mut credentials, mut revoked) = (BTreeSet::new(), BTreeSet::<&u8>::new());
    for (kind, which, more) in choices {
        let actor = if more % 2 == 0 { Actor::Agent(agent_id(*which)) } else { Actor::Human(name("Sofie")) };
        script.by(actor);
        let number = u128::from(*which);
        match kind {
            0..16 | 40..46 | 93 | 97 => {
                let Some(kind) = once(*kind, BEGIN_AGENT, agents.insert(which)) else { continue };
                script.agent(number, |at| agent_event(kind, *more, at));
            }
            16..36 | 46..51 | 83 | 84 | 95 | 96 | 100 => {
                let Some(kind) = once(*kind, BEGIN_TASK, tasks.insert(which)) else { continue };
                script.task(number, |at| task_event(kind, *more, at));
            }
            36 | 37 | 51 | 52 => {
                let Some(kind) = once(*kind, BEGIN_PROJECT, projects.insert(which)) else { continue };
                script.project(number, |at| project_event(kind, *which, at));
            }
            38 | 39 => reservation_event(&mut script, *kind, *which),
            53..60 | 98 => {
                let Some(kind) = once(*kind, BEGIN_RUN, runs.insert(*more % RUNS)) else { continue };
                script.record::<Run>(&run_id(*more), |at| run_event(kind, *more, at));
            }
            60..69 | 99 => {
                let key = budget_key(*which, *more, script.now());
                script.record::<Budget>(&key, |at| budget_event(*kind, *more, at));
            }
            85..91 => {
                let id = NotificationId::new(Uuid::from_u128(u128::from(*which)));
                script.record::<Notification>(&id, |at| notification_event(*kind, *which, *more, at));
            }
            91 => {
                let scope = match more % 2 {
                    0 => Scope::Global,
                    _ => Scope::Project(project_id(*which)),
                };
                let document = Box::new(Document::default());
                script.record::<Policy>(&scope, |at| policy::Event::Published {
                    version: u32::from(*more),
                    document,
                    at,
                });
            }
            92 => {
                let key = standup::Key { project: project_id(*which), day: script.now().date_naive() };
                let report = standup::Report::default();
                script.record::<Standup>(&key, |at| standup::Event::Recorded { report, at });
            }
            69..78 | 94 => {
                let Some(kind) = once(*kind, BEGIN_APPROVAL, approvals.insert(which)) else { continue };
                script.record::<Approval>(&approval_id(*which), |at| approval_event(kind, *more, at));
            }
            // What is revoked stays as it is.
            BEGIN_CREDENTIAL..KINDS if revoked.contains(which) => {}
            BEGIN_CREDENTIAL..KINDS => {
                let Some(kind) = once(*kind, BEGIN_CREDENTIAL, credentials.insert(which)) else { continue };
                revoked.extend((kind == REVOKE_CREDENTIAL).then_some(which));
                script.record::<Credential>(&credential_id(*which), |at| {
                    credential_event(kind, *which, *more, at)
                });
            }
            _ => {
                let about = alert::Kind::ALL[usize::from(*which)];
                let key = alert::Key::new(about, alert::Subject::Agent(agent_id(*which)));
                script.record::<Alert>(&key, |at| alert_event(*kind, about, *which, *more, at));
            }
        }
    }
    script
}

const BEGIN_AGENT: u8 = 0;
const BEGIN_TASK: u8 = 16;
const BEGIN_PROJECT: u8 = 36;
const BEGIN_RUN: u8 = 53;
const BEGIN_APPROVAL: u8 = 69;
const BEGIN_CREDENTIAL: u8 = 101;
const REVOKE_CREDENTIAL: u8 = 107;
/// How many different credentials a generated history tells of.
pub(super) const CREDENTIALS: u8 = 4;
/// How many sessions each of them may have.
pub(super) const SESSIONS: u8 = 3;
/// How many different runs a generated history tells of.
const RUNS: u8 = 16;

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
        5 => Event::Resumed { from: agent::Status::Paused, note, at: Some(at) },
        6 => Event::DrainStarted { note },
        7 => Event::Quarantined { note },
        8 => Event::SignedOff { note },
        9 => Event::SignedOn { at },
        10 => Event::Restarted { note, at: Some(at) },
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
        15 => Event::Released { task, lease, ending: Ending::ALL[usize::from(more % 10)] },
        40 => Event::Overspent {
            approval: approval_id(more),
            budget: note.map(|_| budget::Key::Task(task)),
            day: at.date_naive(),
            at,
        },
        41 => Event::RunBegan { run: run_id(more), open_run: terms(more, at).open_run(), at },
        42 => Event::RunEnded {
            run: run_id(more),
            outcome: Outcome::ALL[usize::from(more % 4)],
            error: note,
            error_streak: u32::from(more % 3),
            at,
        },
        43 => Event::Spawned { child: agent_id(more % 4), purpose: reason("collect prices"), at },
        93 => Event::Retired { note, at },
        97 => Event::Excepted { halt: u64::from(more % 4), at },
        44 => Event::Commissioned { depth: 1, task: Some(task), until: at, at },
        _ => Event::ChildRetired { child: agent_id(more % 4), at },
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
        35 => posted(None, more, at),
        46 => Event::ApprovalAwaited { approval: approval_id(more % 4), at },
        47 => Event::ApprovalSettled { approval: approval_id(more % 4), at },
        48 => Event::LoopDetected {
            kind: LoopKind::ALL[usize::from(more % 6)],
            count: 21,
            limit: 20,
            within_secs: more.is_multiple_of(2).then_some(1_800),
            participants: BTreeSet::from([Actor::Agent(holder)]),
            at,
        },
        49 => Event::RunBegan { run: run_id(more), open_run: terms(more, at).open_run(), at },
        83 => Event::Archived { at },
        84 => Event::Restored { at },
        95 => Event::Subscribed { by: Actor::Agent(agent_id(more % 4)), at },
        96 => Event::Unsubscribed { by: Actor::Agent(agent_id(more % 4)), at },
        100 => Event::RunBilled {
            run: run_id(more),
            charged: Usd::cents(u32::from(more)),
            cost_after: Usd::cents(u32::from(more)),
            at,
        },
        _ => Event::RunEnded {
            run: run_id(more),
            outcome: Outcome::ALL[usize::from(more % 4)],
            charged: Usd::cents(u32::from(more)),
            cost_after: Usd::cents(u32::from(more)),
            at,
        },
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
        37 => project::Event::Edited { profile },
        51 => project::Event::SquadPaused {
            halt: Halt::ALL[usize::from(which % 2)],
            number: u64::from(which % 4),
            reason: Some(reason("runaway costs")),
            at,
        },
        _ => project::Event::SquadResumed { reason: None, at },
    }
}

fn run_event(kind: u8, more: u8, at: chrono::DateTime<chrono::Utc>) -> run::Event {
    use run::Event;
    match kind {
        53 => Event::Started(terms(more, at)),
        54 => tool_called(ToolStatus::Success, None, at),
        55 => Event::Completed(ended(more, at)),
        56 => Event::Failed(ended(more, at)),
        57 => Event::TimedOut(ended(more, at)),
        58 => Event::Aborted(ended(more, at)),
        98 => Event::Billed(billed(more, at)),
        _ => tool_called(ToolStatus::Failed, Some(reason("no such host")), at),
    }
}

fn tool_called(status: ToolStatus, error: Option<Reason>, at: chrono::DateTime<chrono::Utc>) -> run::Event {
    let (tool, failures) = (label("web_search"), u32::from(error.is_some()));
    let (risk, number) = (Some(ToolRisk::Green), 1);
    run::Event::ToolCalled {
        number,
        tool,
        risk,
        approval: None,
        status,
        input_preview: None,
        output_preview: None,
        error,
        failures,
        at,
    }
}

/// Who runs, and what for, goes with the run.
fn terms(more: u8, at: chrono::DateTime<chrono::Utc>) -> Terms {
    let run = more % RUNS;
    Terms {
        project: project_id(run),
        agent: agent_id(run % 4),
        task: (!run.is_multiple_of(5)).then(|| task_id(run % 3)),
        parent_task: run.is_multiple_of(5).then(|| task_id(run % 3)),
        lease: None,
        model: label(["claude-sonnet", "claude-opus"][usize::from(run % 2)]),
        session_key: None,
        reserved: Usd::cents(25),
        on_project: run.is_multiple_of(2),
        day: at.date_naive(),
        deadline: at + chrono::TimeDelta::hours(2),
        at,
    }
}

fn ended(more: u8, at: chrono::DateTime<chrono::Utc>) -> Ended {
    let Terms { agent, task, project, .. } = terms(more, at);
    let cost = more.is_multiple_of(3).then(|| Usd::cents(u32::from(more)));
    let tokens = |count: u8| Tokens::try_from(u64::from(count)).unwrap();
    let usage = Usage { input_tokens: tokens(more), output_tokens: tokens(more / 2), ..Usage::default() };
    let unknown = if more.is_multiple_of(2) { Usd::ZERO } else { Usd::cents(25) };
    let charged = cost.unwrap_or(unknown);
    let error = more.is_multiple_of(7).then(|| reason("out of context"));
    Ended { agent, task, project, usage, cost, charged, error, started_at: at, at }
}

fn budget_key(which: u8, more: u8, now: chrono::DateTime<chrono::Utc>) -> budget::Key {
    match more % 3 {
        0 => budget::Key::AgentDay(agent_id(which), now.date_naive()),
        1 => budget::Key::Task(task_id(which)),
        _ => budget::Key::ProjectDay(project_id(which), now.date_naive()),
    }
}

fn billed(more: u8, at: chrono::DateTime<chrono::Utc>) -> Billed {
    let Terms { agent, task, project, day, .. } = terms(more, at);
    let Ended { usage, cost, error, .. } = ended(more, at);
    let charged = cost.unwrap_or(Usd::cents(25));
    let outcome = Outcome::ALL[usize::from(more % 4)];
    Billed { agent, task, project, outcome, usage, cost, charged, error, day, at }
}

fn budget_event(kind: u8, more: u8, at: chrono::DateTime<chrono::Utc>) -> budget::Event {
    use budget::Event;
    let (run, approval, amount) = (run_id(more), approval_id(more), Usd::cents(u32::from(more)));
    let (spent, limit, day) = (amount, amount, at.date_naive());
    match kind {
        60 => Event::Reserved { run, amount, cap: amount, reserved_after: amount, at },
        61 => Event::Settled {
            run,
            cost: amount,
            priced: more.is_multiple_of(2),
            released: amount,
            reserved_after: Usd::ZERO,
            spent_after: amount,
            overrun: None,
            at,
        },
        99 => Event::Charged {
            run,
            cost: amount,
            priced: more.is_multiple_of(2),
            spent_after: amount,
            overrun: None,
            at,
        },
        62 => Event::Released { run, amount, reserved_after: Usd::ZERO, at },
        63 => Event::Granted { approval, amount, granted_after: amount, at },
        64 => Event::RunAllowed { approval, up_to: amount, at },
        65 => Event::Adjusted { spent_before: amount, spent_after: Usd::ZERO, at },
        66 => Event::CapChanged { cap: amount, at },
        67 => Event::ThresholdCrossed { level: Level::Warning, percent: 80, spent, limit, day, at },
        _ => Event::Exceeded { spent, limit, day, at },
    }
}

fn approval_event(kind: u8, more: u8, at: chrono::DateTime<chrono::Utc>) -> approval::Event {
    use approval::Event;
    let (by, note) = (Actor::Human(name("Sofie")), Some(reason("go on")));
    let request_hash = ask(more).request_hash().clone();
    match kind {
        69 => Event::Requested {
            requestor: Actor::Agent(agent_id(more % 4)),
            subject: approval::Subject {
                project: project_id(more),
                task: more.is_multiple_of(2).then(|| task_id(more % 4)),
                agent: Some(agent_id(more % 4)),
                action_type: ActionType::ALL[usize::from(more % 5)],
            },
            ask: ask(more),
            required_decisions: Quorum::Two,
            expires_at: at + chrono::TimeDelta::hours(24),
            at,
        },
        70 => Event::Endorsed { by, note, request_hash, at },
        71 => Event::Approved { by, note, request_hash, at },
        72 => Event::Denied { by, reason: reason("too risky"), at },
        73 => Event::RevisionRequested { by, note: reason("fewer recipients"), at },
        74 => Event::Resubmitted { ask: ask(more), required_decisions: None, at },
        75 => Event::Withdrawn { by, reason: note, at },
        76 => Event::Escalated { at },
        77 => Event::Expired { at },
        _ => Event::Used { by: agent_id(more % 4), run: run_id(more % RUNS), at },
    }
}

fn ask(more: u8) -> Ask {
    let summary = reason("Send the newsletter");
    let terms = approval::Terms {
        summary: summary.clone(),
        risk: Risk::ALL[usize::from(more % 2)],
        justification: Text::new("The campaign starts today").unwrap(),
        rollback_plan: None,
        estimated_cost: Some(Usd::cents(u32::from(more))),
        payload: None,
    };
    Ask::new(&Action::new(ActionType::ToolCall, None, &summary), terms)
}

fn alert_event(
    event: u8,
    kind: alert::Kind,
    which: u8,
    more: u8,
    at: chrono::DateTime<chrono::Utc>,
) -> alert::Event {
    use alert::Event;
    let id = AlertId::new(Uuid::from_u128(u128::from(more % 3) * 4 + u128::from(which)));
    let note = more.is_multiple_of(2).then(|| reason("seen"));
    match event {
        78 => Event::Raised {
            id,
            kind,
            severity: kind.severity(),
            title: Title::new("Scout is silent").unwrap(),
            description: None,
            agent: Some(agent_id(which)),
            task: more.is_multiple_of(2).then(|| task_id(more % 4)),
            run: None,
            project: project_id(more),
            at,
        },
        79 => Event::Repeated { id, count: u32::from(more), description: None, at },
        80 => Event::Acknowledged { id, note, at },
        81 => Event::Resolved { id, note, at },
        _ => Event::Ignored { id, note, at },
    }
}

fn notification_event(
    kind: u8,
    which: u8,
    more: u8,
    at: chrono::DateTime<chrono::Utc>,
) -> notification::Event {
    use notification::Event;
    let (attempt, error) = (u32::from(more), reason("connection refused"));
    match kind {
        85 => Event::Queued {
            cause: Uuid::nil().into(),
            project: (which != 3).then(|| project_id(which)),
            recipient: match which % 2 {
                0 => Recipient::Operator(name("Sofie")),
                _ => Recipient::Agent(agent_id(which)),
            },
            kind: notification::Kind::ALL[usize::from(more % 7)],
            subject: Title::new("Scout mentioned you").unwrap(),
            text: None,
            task: None,
            through: more.is_multiple_of(2).then_some(more.into()),
            expires_at: at,
            at,
        },
        86 => Event::Delivered { at },
        87 => Event::Read { at },
        88 => Event::AttemptFailed { attempt, error, retry_at: at, at },
        89 => Event::Failed { attempt, error, at },
        _ => Event::Expired { at },
    }
}

/// A credential by each role, for all projects, some or none, for good or for a while.
fn credential_event(kind: u8, which: u8, more: u8, at: chrono::DateTime<chrono::Utc>) -> credential::Event {
    use credential::Event;
    let (session_hash, reason) = (session(which, more), more.is_multiple_of(2).then(|| reason("leaked")));
    match kind {
        BEGIN_CREDENTIAL => Event::Issued { grant: grant(more, at), secret_hash: secret(which), at },
        102 => Event::Renamed { name: operator_name(more) },
        103 => Event::Used { at },
        104 => Event::SessionOpened { session_hash, at },
        105 => Event::SessionUsed { session_hash, at },
        106 => Event::SessionEnded { session_hash, at },
        _ => Event::Revoked { reason, at },
    }
}

fn grant(more: u8, at: chrono::DateTime<chrono::Utc>) -> Grant {
    let bearers = [Bearer::Operator, Bearer::Agent(agent_id(more % 3)), Bearer::Auditor, Bearer::Monitor];
    let some = (0..more % 3).map(|number| project_id(number + more)).collect();
    Grant {
        name: operator_name(more),
        bearer: bearers[usize::from(more / 3 % 4)],
        reach: if more.is_multiple_of(2) { Reach::All } else { Reach::Only(some) },
        expires_at: more.is_multiple_of(5).then(|| at + chrono::TimeDelta::seconds(i64::from(more % 30) + 1)),
    }
}

fn operator_name(number: u8) -> Name {
    name(["Sofie", "Ada", "Max"][usize::from(number % 3)])
}

pub(super) fn credential_id(number: u8) -> CredentialId {
    CredentialId::new(Uuid::from_u128(number.into()))
}

pub(super) fn secret(credential: u8) -> SecretHash {
    SecretHash::of(&format!("secret {credential}"))
}

pub(super) fn session(credential: u8, number: u8) -> SecretHash {
    SecretHash::of(&format!("session {credential}.{}", number % SESSIONS))
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

fn run_id(number: u8) -> RunId {
    RunId::new(Uuid::from_u128(u128::from(number % RUNS)))
}

fn approval_id(number: u8) -> ApprovalId {
    ApprovalId::new(Uuid::from_u128(u128::from(number % 4)))
}

fn project_id(number: u8) -> ProjectId {
    ProjectId::new(Uuid::from_u128(u128::from(number % 3)))
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
