//! What nobody may do in silence: a task that is blocked is told of, and what is red rests on an approval.

use std::collections::BTreeMap;

use mc_domain::{
    actor::ActorKind,
    agent, alert,
    approval::{self, ActionType, Approval},
    ids::{AgentId, TaskId},
    operation::Answer,
    recorded::{AnyEvent, Recorded, StreamId},
    run::{self, Terms, ToolRisk, ToolStatus},
    task::{self, Status},
    values::Reason,
};

use crate::{
    actions::Action,
    world::{Issued, States, World},
};

/// How many letters a reason has at least that says anything.
const LETTERS: usize = 4;

/// Why each task is blocked.
#[derive(Debug, Default)]
pub struct Told {
    reasons: BTreeMap<TaskId, Reason>,
}

impl Told {
    pub fn apply(&mut self, recorded: &Recorded<AnyEvent>) {
        let AnyEvent::Task(task::Event::Blocked { reason, .. }) = &recorded.event else { return };
        self.reasons.insert(recorded.stream.aggregate_id.parse().unwrap(), reason.clone());
    }

    pub fn reason_of(&self, task: TaskId) -> Option<&Reason> {
        self.reasons.get(&task)
    }
}

/// Every task that is blocked has a reason that says something.
pub fn blocks_have_reasons(world: &World) {
    for (id, _) in world.states.present().filter(|(_, task)| task.status() == Status::Blocked) {
        let reason = world.told.reason_of(id).expect("what is blocked was blocked").as_str();
        let letters = reason.chars().filter(|letter| letter.is_alphabetic()).count();
        assert!(letters >= LETTERS, "task {id} is blocked: {reason:?}");
    }
}

/// What is blocked by anything but an operator's own decision has, in the same commit, an alert about the task, about who
/// had it, or about the approval it waited for.
pub fn block_is_told_of(world: &World, issued: &Issued<'_>, task: TaskId, commit: &[Recorded<AnyEvent>]) {
    if is_operators_own(issued) || goes_back(task, commit) {
        return;
    }
    let told = commit.iter().any(|recorded| concerns(world, recorded, task));
    assert!(told, "nobody was told that task {task} was blocked by {}", issued.action.kind());
}

fn is_operators_own(issued: &Issued<'_>) -> bool {
    let decided = match issued.action {
        Action::Move { request, .. } => request.to.to == Status::Blocked,
        Action::DecideApproval { answer: Answer::Deny { .. }, .. } => true,
        // Nobody else but a worker may, who acts for one.
        Action::BlockHalted { .. } => return true,
        _ => false,
    };
    decided && issued.who.kind() == ActorKind::Human
}

/// Whether a task that was blocked before it waited for an approval is so again, as the approval went well.
fn goes_back(task: TaskId, commit: &[Recorded<AnyEvent>]) -> bool {
    let settled = |recorded: &Recorded<AnyEvent>| {
        let AnyEvent::Approval(event) = &recorded.event else { return false };
        matches!(event, approval::Event::Approved { .. } | approval::Event::Withdrawn { .. })
    };
    let stream = StreamId::of::<task::Task>(&task);
    let back = |recorded: &Recorded<AnyEvent>| {
        let waited = matches!(
            recorded.event,
            AnyEvent::Task(task::Event::Blocked { from: Status::NeedsApproval, .. })
        );
        recorded.stream == stream && waited
    };
    commit.iter().any(settled) && commit.iter().any(back)
}

/// Whether an event raises or repeats an alert that concerns a task, its agent or its approval.
fn concerns(world: &World, recorded: &Recorded<AnyEvent>, task: TaskId) -> bool {
    let states = &world.states;
    let AnyEvent::Alert(event) = &recorded.event else { return false };
    let (alert::Event::Raised { .. } | alert::Event::Repeated { .. }) = event else { return false };
    let key: alert::Key = recorded.stream.aggregate_id.parse().unwrap();
    let named = matches!(event, alert::Event::Raised { task: Some(named), .. } if *named == task);
    let about = match key.subject {
        alert::Subject::Task(subject) => subject == task,
        alert::Subject::Agent(agent) => {
            states.task(task).is_some_and(|task| task.assignees().contains(&agent))
        }
        alert::Subject::Run(run) => world.ledger.terms(run).task == Some(task),
        alert::Subject::Approval(approval) => {
            states.approvals[&approval].requested().is_ok_and(|known| known.subject().task == Some(task))
        }
        alert::Subject::Project(_) | alert::Subject::Notification(_) | alert::Subject::Log => false,
    };
    named || about
}

/// What uses a red tool has an approval for it from before, which is the one that it names, if any; otherwise an alert says
/// so in the same commit, its agent is quarantined, and its task blocked.
pub fn red_rests_on_an_approval(world: &World, commit: &[Recorded<AnyEvent>], recorded: &Recorded<AnyEvent>) {
    let AnyEvent::Run(run::Event::ToolCalled { tool, risk, status, approval, .. }) = &recorded.event else {
        return;
    };
    let red = *risk == Some(ToolRisk::Red) && *status != ToolStatus::Denied;
    if !red {
        return;
    }
    let terms = world.ledger.terms(recorded.stream.aggregate_id.parse().unwrap());
    let permitted =
        approval.is_some_and(|named| permits(&world.states.approvals[&named], terms, tool.as_str()));
    if permitted {
        return;
    }
    let stopped = commit.iter().any(|other| is_quarantine(other, terms.agent));
    let before = world.states.agent(terms.agent).unwrap().status();
    let stands_still = matches!(before, agent::Status::Quarantined | agent::Status::Offline);
    assert!(stopped || stands_still, "{tool} is red, and its agent goes on");
    assert!(commit.iter().any(|other| is_violation(&world.states, other, terms.agent)), "{tool} is red");
    if let Some(work) = world.states.agent(terms.agent).and_then(|agent| agent.work()) {
        let stream = StreamId::of::<task::Task>(&work.task);
        let blocked = |other: &Recorded<AnyEvent>| {
            other.stream == stream && matches!(other.event, AnyEvent::Task(task::Event::Blocked { .. }))
        };
        assert!(commit.iter().any(blocked), "{tool} is red, and its task goes on");
    }
}

fn is_quarantine(recorded: &Recorded<AnyEvent>, agent: AgentId) -> bool {
    let stream = StreamId::of::<agent::Agent>(&agent);
    recorded.stream == stream && matches!(recorded.event, AnyEvent::Agent(agent::Event::Quarantined { .. }))
}

fn is_violation(states: &States, recorded: &Recorded<AnyEvent>, agent: AgentId) -> bool {
    let AnyEvent::Alert(alert::Event::Raised { .. } | alert::Event::Repeated { .. }) = &recorded.event else {
        return false;
    };
    let key: alert::Key = recorded.stream.aggregate_id.parse().unwrap();
    let about = match key.subject {
        alert::Subject::Agent(subject) => subject == agent,
        alert::Subject::Task(task) => states.task(task).is_some_and(|task| task.assignees().contains(&agent)),
        alert::Subject::Run(run) => {
            states.agent(agent).is_some_and(|agent| agent.open_runs().contains_key(&run))
        }
        _ => false,
    };
    key.kind == alert::Kind::PolicyViolation && about
}

/// Whether an approval was given by which who runs may use `tool` for what the run is for.
fn permits(approval: &Approval, terms: &Terms, tool: &str) -> bool {
    let Ok(known) = approval.requested() else { return false };
    let names = known.ask().parameters().and_then(|payload| payload.get("tool")?.as_str()) == Some(tool);
    let (subject, approved) = (known.subject(), known.status() == approval::Status::Approved);
    let acts = subject.agent == Some(terms.agent) && subject.task.is_none_or(|task| Some(task) == terms.task);
    approved && acts && names && subject.action_type == ActionType::ToolCall
}
