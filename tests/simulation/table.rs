//! Where tasks and agents may go, written down once more, and who may move a task: who asked for just that, or a rule.

use std::collections::{BTreeMap, BTreeSet};

use mc_domain::{
    actor::{Actor, ActorKind},
    agent::{self, PauseReason, Standing},
    approval,
    ids::TaskId,
    recorded::{AnyEvent, Recorded},
    task::{self, ArtifactKind, Present, Status},
};

use crate::{actions::Action, world::Issued};

/// Where a task may go: `h` by an operator, `a` by an agent, `s` by a rule.
const MOVES: &[(&str, &str, &str)] = &[
    ("inbox", "assigned", "ahs"),
    ("inbox", "needs_approval", "s"),
    ("inbox", "blocked", "hs"),
    ("inbox", "canceled", "h"),
    ("assigned", "in_progress", "ah"),
    ("assigned", "inbox", "h"),
    ("assigned", "needs_approval", "s"),
    ("assigned", "blocked", "hs"),
    ("assigned", "canceled", "h"),
    ("in_progress", "review", "ah"),
    ("in_progress", "needs_approval", "s"),
    ("in_progress", "blocked", "ahs"),
    ("in_progress", "failed", "as"),
    ("in_progress", "assigned", "h"),
    ("in_progress", "canceled", "h"),
    ("review", "in_progress", "ah"),
    ("review", "done", "h"),
    ("review", "needs_approval", "hs"),
    ("review", "blocked", "hs"),
    ("review", "failed", "s"),
    ("review", "assigned", "h"),
    ("review", "canceled", "h"),
    ("needs_approval", "inbox", "h"),
    ("needs_approval", "assigned", "h"),
    ("needs_approval", "in_progress", "h"),
    ("needs_approval", "review", "h"),
    ("needs_approval", "done", "h"),
    ("needs_approval", "blocked", "hs"),
    ("needs_approval", "failed", "hs"),
    ("needs_approval", "canceled", "h"),
    ("blocked", "assigned", "h"),
    ("blocked", "in_progress", "h"),
    ("blocked", "needs_approval", "hs"),
    ("blocked", "failed", "hs"),
    ("blocked", "canceled", "h"),
    ("failed", "inbox", "h"),
    ("failed", "assigned", "h"),
    ("failed", "canceled", "h"),
    ("done", "review", "h"),
    ("done", "canceled", "h"),
];

/// Where an agent's status may go.
const STANDINGS: &[(&str, &str)] = &[
    ("active", "paused"),
    ("active", "draining"),
    ("active", "quarantined"),
    ("active", "offline"),
    ("paused", "active"),
    ("paused", "quarantined"),
    ("paused", "offline"),
    ("draining", "active"),
    ("draining", "paused"),
    ("draining", "quarantined"),
    ("draining", "offline"),
    ("quarantined", "active"),
    ("quarantined", "offline"),
    ("offline", "active"),
];

/// What was handed in for each task, and which have a plan: what the moves need.
#[derive(Debug, Default)]
pub struct HandedIn {
    planned: BTreeSet<TaskId>,
    kinds: BTreeMap<TaskId, BTreeSet<ArtifactKind>>,
}

impl HandedIn {
    /// `before` is the task before the event.
    pub fn apply(&mut self, id: TaskId, event: &task::Event, before: Option<&Present>) {
        match event {
            task::Event::Started { plan: Some(_), .. } => drop(self.planned.insert(id)),
            task::Event::ReturnedToInbox { .. } => {
                self.planned.remove(&id);
                self.kinds.remove(&id);
            }
            task::Event::SentBack { .. } => drop(self.kinds.remove(&id)),
            task::Event::Assigned { from, assignees, .. } => {
                if matches!(from, Status::InProgress | Status::Review) {
                    self.kinds.remove(&id);
                }
                if before.is_some_and(|task| task.assignees() != assignees) {
                    self.planned.remove(&id);
                }
            }
            task::Event::MessagePosted { author, artifacts, .. } => {
                let counts = |agent| before.is_some_and(|task| task.assignees().contains(&agent));
                if author.agent().is_none_or(counts) {
                    self.kinds.entry(id).or_default().extend(artifacts.iter().map(|artifact| artifact.kind));
                }
            }
            _ => {}
        }
    }

    fn has(&self, id: TaskId, kind: ArtifactKind) -> bool {
        self.kinds.get(&id).is_some_and(|kinds| kinds.contains(&kind))
    }
}

/// A move of a task, as it was recorded.
pub struct Moved<'a> {
    pub id: TaskId,
    /// The task before it.
    pub before: Option<&'a Present>,
    pub event: &'a task::Event,
    /// All that was recorded with it.
    pub commit: &'a [Recorded<AnyEvent>],
}

/// A task moves along the table, by who may, with what the move needs.
pub fn task_moves_along_the_table(moved: &Moved<'_>, issued: &Issued<'_>, handed_in: &HandedIn) {
    let Some(to) = moved.event.moves_to() else { return };
    let Some(before) = moved.before else {
        assert!(matches!(moved.event, task::Event::Created { .. }), "{:?} comes first", moved.event);
        return;
    };
    let (from, who) = (before.status(), issued.who);
    needs_are_met(moved, before, who, handed_in);
    if (from, to) == (Status::Assigned, Status::Assigned) {
        return;
    }
    let by = mover(moved, before, issued);
    let row = MOVES.iter().find(|row| (row.0, row.1) == (from.as_str(), to.as_str()));
    let may = row.is_some_and(|row| row.2.contains(by));
    assert!(may, "a task went from {from} to {to} by {who} ({by}): {:?}", moved.event);
    if by == 'a' {
        agent_may_move(before, to, who);
    }
}

/// An agent takes for itself, moves what is assigned to it, and sends back what is not.
fn agent_may_move(before: &Present, to: Status, who: &Actor) {
    let agent = who.agent().expect("it is an agent's move");
    let (assigned, reviewers) = (before.assignees().contains(&agent), &before.details().reviewers);
    match (before.status(), to) {
        (Status::Inbox, Status::Assigned) => {}
        (Status::Review, Status::InProgress) => {
            assert!(!assigned, "{who} reviews its own work");
            assert!(reviewers.is_empty() || reviewers.contains(&agent), "{who} is no reviewer");
        }
        (from, to) => assert!(assigned, "{who} moved another's task from {from} to {to}"),
    }
}

/// Who moves the task: whoever asked for just this move of just this task, and otherwise a rule, which an approval's end is
/// to what waits for it as well as an operator.
fn mover(moved: &Moved<'_>, before: &Present, issued: &Issued<'_>) -> char {
    let who = letter(issued.who);
    let found_loop = before_it(moved).any(|event| matches!(event, task::Event::LoopDetected { .. }));
    match issued.action {
        _ if found_loop => 's',
        Action::Move { task, request }
            if *task == moved.id && moved.event.moves_to() == Some(request.to.to) =>
        {
            who
        }
        Action::Claim { task, .. } | Action::Reassign { task, .. } if *task == moved.id => who,
        Action::CreateTask { fresh, .. } if *fresh == moved.id => created_for(moved, issued.who),
        // What becomes of an agent takes its task from it, by whoever did that to the agent; the agent itself among them.
        Action::SignOff { .. } => who,
        Action::Restart { .. } | Action::Correct { .. } | Action::Quarantine { .. } => who,
        Action::BlockHalted { .. } => who,
        _ if before.status() == Status::NeedsApproval && moved.commit.iter().any(concludes) => 'h',
        _ => 's',
    }
}

/// Who creates a task may name others for it right away, which is a rule's doing where it is an agent's request.
fn created_for(moved: &Moved<'_>, who: &Actor) -> char {
    let task::Event::Assigned { .. } = moved.event else { return 's' };
    letter(who)
}

/// The events of the same task in the same commit that come before the move.
fn before_it<'a>(moved: &'a Moved<'_>) -> impl Iterator<Item = &'a task::Event> {
    let own = moved.commit.iter().filter(|recorded| recorded.stream.aggregate_id == moved.id.to_string());
    let events = own.filter_map(|recorded| match &recorded.event {
        AnyEvent::Task(event) => Some(event),
        _ => None,
    });
    events.take_while(|event| *event != moved.event)
}

/// Work starts with a plan, is handed in with a deliverable and a self-review, and is accepted by an operator.
fn needs_are_met(moved: &Moved<'_>, before: &Present, who: &Actor, handed_in: &HandedIn) {
    let id = moved.id;
    match moved.event {
        task::Event::Started { plan, .. } if before.status() == Status::Assigned => {
            assert!(plan.is_some() || handed_in.planned.contains(&id), "{id} starts without a plan");
        }
        task::Event::Submitted { deliverable, checklist, .. } => {
            let delivered = deliverable.is_some() || handed_in.has(id, ArtifactKind::Deliverable);
            let reviewed = checklist.is_some() || handed_in.has(id, ArtifactKind::Checklist);
            assert!(delivered && reviewed, "{id} is handed in without what was made");
        }
        task::Event::SentBack { review_cycle, .. } => {
            assert_eq!(*review_cycle, before.review_cycles() + 1, "{id} is sent back");
        }
        task::Event::Completed { approved_by, .. } => {
            assert_eq!(approved_by, who);
            assert_eq!(approved_by.kind(), ActorKind::Human, "{id} is done without an operator's yes");
        }
        _ => {}
    }
}

fn letter(actor: &Actor) -> char {
    match actor.kind() {
        ActorKind::Human => 'h',
        ActorKind::Agent => 'a',
        ActorKind::System => 's',
    }
}

fn concludes(recorded: &Recorded<AnyEvent>) -> bool {
    matches!(
        &recorded.event,
        AnyEvent::Approval(
            approval::Event::Approved { .. }
                | approval::Event::Denied { .. }
                | approval::Event::Expired { .. }
                | approval::Event::Withdrawn { .. }
        )
    )
}

pub fn agent_moves_along_the_table(agent: Option<&agent::Registered>, event: &agent::Event, actor: &Actor) {
    let Some(agent) = agent else { return };
    let to = match event {
        agent::Event::Paused { .. } => agent::Status::Paused,
        agent::Event::Resumed { .. } | agent::Event::SignedOn { .. } | agent::Event::Restarted { .. } => {
            agent::Status::Active
        }
        agent::Event::DrainStarted { .. } => agent::Status::Draining,
        agent::Event::Quarantined { .. } => agent::Status::Quarantined,
        agent::Event::SignedOff { .. } => agent::Status::Offline,
        agent::Event::Corrected { status: Some(status), .. } => status.after,
        _ => return,
    };
    let from = agent.status();
    // A restart begins anew, and an instruction takes the place of a pause that a rule imposed.
    if matches!(event, agent::Event::Restarted { .. } | agent::Event::Paused { .. }) && from == to {
        return;
    }
    let legal = STANDINGS.contains(&(from.as_str(), to.as_str()));
    assert!(legal, "{} went from {from} to {to} by {actor}: {event:?}", agent.profile().name);
    let imposed =
        !matches!(agent.standing(), Standing::Offline { .. } | Standing::Paused(PauseReason::Budget));
    let freed = to == agent::Status::Active && imposed;
    assert!(
        !freed || actor.kind() == ActorKind::Human,
        "{actor} freed {}, who was {from}",
        agent.profile().name
    );
    let signs_on = matches!(event, agent::Event::SignedOn { .. });
    assert_eq!(from == agent::Status::Offline, signs_on, "only who signs on comes back");
}
