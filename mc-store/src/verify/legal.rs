//! Whether an event may come next in its stream.
//!
//! Folding refuses nothing, so a stream in disorder folds too, to a state that nobody decided. The checks here are those
//! that every decision guarantees, whatever the limits of the policy were at its time.

use mc_domain::{
    actor::ActorKind,
    agent::{self, Agent},
    alert::{self, Alert},
    approval::{self, Approval},
    credential::{self, Credential},
    notification::{self, Notification},
    project::{self, Project},
    recorded::{AnyEvent, AnyState},
    reservation::{self, Reservation},
    run::{self, Run},
    task::{self, Status, Task, allowed_transitions},
};

/// Why `event` cannot come in state `state`, as a clause; nothing when it can.
pub(super) fn illegal(state: &AnyState, event: &AnyEvent) -> Option<String> {
    match (state, event) {
        (AnyState::Project(state), AnyEvent::Project(event)) => of_project(state, event),
        (AnyState::Agent(state), AnyEvent::Agent(event)) => of_agent(state, event),
        (AnyState::Task(state), AnyEvent::Task(event)) => of_task(state, event),
        (AnyState::Approval(state), AnyEvent::Approval(event)) => of_approval(state, event),
        (AnyState::Reservation(state), AnyEvent::Reservation(event)) => of_reservation(*state, event),
        (AnyState::Alert(state), AnyEvent::Alert(event)) => of_alert(state, event),
        (AnyState::Run(state), AnyEvent::Run(event)) => of_run(state, event),
        (AnyState::Notification(state), AnyEvent::Notification(event)) => of_notification(state, event),
        (AnyState::Credential(state), AnyEvent::Credential(event)) => of_credential(state, event),
        // Each of these events sets a new state, whatever the old one was.
        (AnyState::Policy(_), AnyEvent::Policy(_))
        | (AnyState::Budget(_), AnyEvent::Budget(_))
        | (AnyState::Standup(_), AnyEvent::Standup(_)) => None,
        (
            AnyState::Project(_)
            | AnyState::Agent(_)
            | AnyState::Task(_)
            | AnyState::Approval(_)
            | AnyState::Reservation(_)
            | AnyState::Alert(_)
            | AnyState::Run(_)
            | AnyState::Notification(_)
            | AnyState::Credential(_)
            | AnyState::Policy(_)
            | AnyState::Budget(_)
            | AnyState::Standup(_),
            _,
        ) => Some("it is the event of another aggregate".to_owned()),
    }
}

/// Requires that the first event of a stream begins it, and that no later event does.
fn beginning(has_begun: bool, begins: bool) -> Option<String> {
    match (has_begun, begins) {
        (false, false) => Some("it comes before the beginning of its stream".to_owned()),
        (true, true) => Some("its stream has begun before".to_owned()),
        (true, false) | (false, true) => None,
    }
}

/// A rule that `holds` or is broken; `why` says how.
fn unless(holds: bool, why: &str) -> Option<String> {
    (!holds).then(|| why.to_owned())
}

fn of_project(state: &Project, event: &project::Event) -> Option<String> {
    beginning(*state != Project::Absent, matches!(event, project::Event::Created { .. }))
}

fn of_agent(state: &Agent, event: &agent::Event) -> Option<String> {
    use agent::Event as E;
    let disorder = beginning(state.registered().is_ok(), matches!(event, E::Registered { .. }));
    let Ok(agent) = state.registered() else { return disorder };
    let becomes = |to: agent::Status| {
        let from = agent.status();
        let allowed = agent::allowed_statuses(from).contains(&to);
        (!allowed).then(|| format!("an agent does not go from {from} to {to}"))
    };
    disorder.or_else(|| match event {
        // A pause by instruction replaces a pause by a rule.
        E::Paused { .. } if agent.status() == agent::Status::Paused => None,
        E::Paused { .. } => becomes(agent::Status::Paused),
        E::DrainStarted { .. } => becomes(agent::Status::Draining),
        E::Quarantined { .. } => becomes(agent::Status::Quarantined),
        E::SignedOff { .. } => becomes(agent::Status::Offline),
        E::Resumed { from, .. } => unless(*from == agent.status(), "it resumes from another status"),
        E::SignedOn { .. } => unless(agent.status() == agent::Status::Offline, "it was not offline"),
        E::Engaged { .. } => unless(agent.work().is_none(), "the agent holds another task"),
        E::Released { .. } => unless(agent.work().is_some(), "the agent holds no task"),
        E::Registered { .. }
        | E::ProfileChanged { .. }
        | E::HeartbeatRecorded { .. }
        | E::Retired { .. }
        | E::Restarted { .. }
        | E::RestartDelivered { .. }
        | E::Corrected { .. }
        | E::Overspent { .. }
        | E::RunBegan { .. }
        | E::RunEnded { .. }
        | E::Spawned { .. }
        | E::Commissioned { .. }
        | E::ChildRetired { .. }
        | E::Excepted { .. } => None,
    })
}

fn of_task(state: &Task, event: &task::Event) -> Option<String> {
    let begun = matches!(state, Task::Present(_));
    let disorder = beginning(begun, matches!(event, task::Event::Created { .. }));
    let Task::Present(task) = state else { return disorder };
    let from = task.stage().status();
    disorder.or_else(|| match (status_before(event), event.moves_to()) {
        (Some(said), _) if said != from => Some(format!("it leaves {said}, and the task is at {from}")),
        (_, Some(to)) => unless(is_move(from, to), &format!("a task does not go from {from} to {to}")),
        (_, None) => None,
    })
}

/// Whether the table of transitions has this one, for any kind of actor.
fn is_move(from: Status, to: Status) -> bool {
    let by = |kind| allowed_transitions(from, kind).contains(&to);
    // An assigned task may be assigned to another agent, and a waiting task may wait for something else, without a
    // transition.
    from == to || by(ActorKind::Human) || by(ActorKind::Agent) || by(ActorKind::System)
}

/// The status that the event says the task had before; nothing when it does not say.
fn status_before(event: &task::Event) -> Option<Status> {
    use task::Event as E;
    match event {
        E::Assigned { from, .. }
        | E::ReturnedToInbox { from, .. }
        | E::Started { from, .. }
        | E::ReturnedToReview { from, .. }
        | E::HeldForApproval { from, .. }
        | E::Blocked { from, .. }
        | E::Failed { from, .. }
        | E::Completed { from, .. }
        | E::Canceled { from, .. } => Some(*from),
        E::Claimed { .. } => Some(Status::Inbox),
        E::Submitted { .. } => Some(Status::InProgress),
        E::SentBack { .. } => Some(Status::Review),
        E::Created { .. }
        | E::Edited { .. }
        | E::AssigneesChanged { .. }
        | E::ApprovalAwaited { .. }
        | E::ApprovalSettled { .. }
        | E::Archived { .. }
        | E::Restored { .. }
        | E::Subscribed { .. }
        | E::Unsubscribed { .. }
        | E::LoopDetected { .. }
        | E::RunBegan { .. }
        | E::RunEnded { .. }
        | E::RunBilled { .. }
        | E::MessagePosted { .. } => None,
    }
}

fn of_approval(state: &Approval, event: &approval::Event) -> Option<String> {
    let disorder = beginning(state.requested().is_ok(), matches!(event, approval::Event::Requested { .. }));
    let Ok(approval) = state.requested() else { return disorder };
    disorder.or_else(|| match (approval.stage(), event) {
        (approval::Stage::Approved { used_in: None, .. }, approval::Event::Used { .. }) => None,
        (_, approval::Event::Used { .. }) => Some("the approval permits nothing, or not any more".to_owned()),
        (stage, _) => unless(matches!(stage, approval::Stage::Open { .. }), "the approval is settled"),
    })
}

fn of_reservation(state: Reservation, event: &reservation::Event) -> Option<String> {
    match (state, event) {
        (Reservation::Free, reservation::Event::Reserved { .. }) => None,
        (Reservation::Held(by), reservation::Event::Released { holder }) => {
            unless(by == *holder, "another holds the name")
        }
        (Reservation::Held(_), reservation::Event::Reserved { .. }) => Some("the name is held".to_owned()),
        (Reservation::Free, reservation::Event::Released { .. }) => Some("nobody holds the name".to_owned()),
    }
}

fn of_alert(state: &Alert, event: &alert::Event) -> Option<String> {
    let open = state.open().is_some();
    match event {
        alert::Event::Raised { .. } => unless(!open, "the alert is open already"),
        alert::Event::Repeated { .. }
        | alert::Event::Acknowledged { .. }
        | alert::Event::Resolved { .. }
        | alert::Event::Ignored { .. } => unless(open, "no alert is open"),
    }
}

fn of_run(state: &Run, event: &run::Event) -> Option<String> {
    let begun = *state != Run::Unstarted;
    beginning(begun, matches!(event, run::Event::Started(_))).or_else(|| match (state, event) {
        (Run::Unbilled(_), run::Event::Billed(_)) => None,
        (_, run::Event::Billed(_)) => Some("nothing of the run is left to charge".to_owned()),
        (Run::Unbilled(_) | Run::Over { .. }, _) => Some("the run is over".to_owned()),
        (Run::Unstarted | Run::Running(_), _) => None,
    })
}

fn of_credential(state: &Credential, event: &credential::Event) -> Option<String> {
    use credential::Event as E;
    let disorder = beginning(state.issued().is_ok(), matches!(event, E::Issued { .. }));
    let is_over = state.issued().is_ok_and(credential::Issued::is_revoked);
    disorder.or_else(|| unless(!is_over, "a credential that is revoked stays as it is"))
}

fn of_notification(state: &Notification, event: &notification::Event) -> Option<String> {
    beginning(state.status().is_some(), matches!(event, notification::Event::Queued { .. }))
}
