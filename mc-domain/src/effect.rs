//! Whether an event stops work or adds to it, so that what stops work is recorded even where little room is left.
//!
//! Every event is classed here, by matches without a wildcard: a new event does not compile until it has its class.
//! Where that is in doubt, it is [`Effect::Accompanies`], which decides nothing.

use crate::{
    agent, alert, approval, budget, credential, notification, policy, project, recorded::AnyEvent,
    reservation, run, standup, task,
};

/// What an event does to the work that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It stops, pauses, denies, blocks, ends or releases something, or is the heartbeat whose answer carries the order
    /// to stop.
    Contains,
    /// It goes along with other events, or is not urgent.
    Accompanies,
    /// It begins, allows or adds something.
    Extends,
}

/// Whether a commit of these events does nothing but contain: at least one of them does, and none extends anything.
/// So does a commit of no events: what was asked for was done before, such as a stop that is repeated.
pub fn contains<'a>(events: impl IntoIterator<Item = &'a AnyEvent>) -> bool {
    let (mut is_empty, mut contains) = (true, false);
    for event in events {
        is_empty = false;
        match event.effect() {
            Effect::Contains => contains = true,
            Effect::Accompanies => {}
            Effect::Extends => return false,
        }
    }
    is_empty || contains
}

impl AnyEvent {
    /// What it does to the work that goes on.
    pub fn effect(&self) -> Effect {
        match self {
            Self::Project(event) => of_project(event),
            Self::Agent(event) => of_agent(event),
            Self::Task(event) => of_task(event),
            Self::Approval(event) => of_approval(event),
            Self::Reservation(event) => of_reservation(event),
            Self::Run(event) => of_run(event),
            Self::Budget(event) => of_budget(event),
            Self::Alert(event) => of_alert(event),
            Self::Notification(event) => of_notification(event),
            Self::Policy(event) => of_policy(event),
            Self::Standup(event) => of_standup(event),
            Self::Credential(event) => of_credential(event),
        }
    }
}

fn of_project(event: &project::Event) -> Effect {
    use project::Event;

    match event {
        Event::SquadPaused { .. } => Effect::Contains,
        Event::Created { .. } | Event::Edited { .. } | Event::SquadResumed { .. } => Effect::Extends,
    }
}

fn of_agent(event: &agent::Event) -> Effect {
    use agent::Event;

    match event {
        Event::HeartbeatRecorded { .. }
        | Event::Paused { .. }
        | Event::DrainStarted { .. }
        | Event::Quarantined { .. }
        | Event::SignedOff { .. }
        | Event::Retired { .. }
        | Event::ChildRetired { .. }
        | Event::Released { .. }
        | Event::Overspent { .. }
        | Event::RunEnded { .. } => Effect::Contains,
        // A record is set straight to whatever it is to say: to stop is one of the things.
        Event::Corrected { status, .. } => match status {
            Some(status) if status.after != agent::Status::Active => Effect::Contains,
            Some(_) | None => Effect::Accompanies,
        },
        // With a heartbeat, and with what an agent ends after the day it had overspent.
        Event::Resumed { .. } | Event::SignedOn { .. } | Event::RestartDelivered {} => Effect::Accompanies,
        Event::Registered { .. }
        | Event::ProfileChanged { .. }
        | Event::Restarted { .. }
        | Event::Excepted { .. }
        | Event::Engaged { .. }
        | Event::RunBegan { .. }
        | Event::Spawned { .. }
        | Event::Commissioned { .. } => Effect::Extends,
    }
}

fn of_task(event: &task::Event) -> Effect {
    use task::Event;

    match event {
        Event::ReturnedToInbox { .. }
        | Event::HeldForApproval { .. }
        | Event::Blocked { .. }
        | Event::Failed { .. }
        | Event::Completed { .. }
        | Event::Canceled { .. }
        | Event::LoopDetected { .. }
        | Event::RunEnded { .. } => Effect::Contains,
        // What the end of a hold leads to, and what is said with it.
        Event::Assigned { .. }
        | Event::AssigneesChanged { .. }
        | Event::Submitted { .. }
        | Event::ReturnedToReview { .. }
        | Event::ApprovalAwaited { .. }
        | Event::ApprovalSettled { .. }
        | Event::Archived { .. }
        | Event::Subscribed { .. }
        | Event::Unsubscribed { .. }
        | Event::RunBilled { .. }
        | Event::MessagePosted { .. } => Effect::Accompanies,
        Event::Created { .. }
        | Event::Edited { .. }
        | Event::Claimed { .. }
        | Event::Started { .. }
        | Event::SentBack { .. }
        | Event::Restored { .. }
        | Event::RunBegan { .. } => Effect::Extends,
    }
}

fn of_approval(event: &approval::Event) -> Effect {
    use approval::Event;

    match event {
        Event::Denied { .. }
        | Event::RevisionRequested { .. }
        | Event::Withdrawn { .. }
        | Event::Expired { .. } => Effect::Contains,
        // Asking for more is what a run that was too dear does by itself, with the pause.
        Event::Requested { .. } | Event::Endorsed { .. } | Event::Escalated { .. } | Event::Used { .. } => {
            Effect::Accompanies
        }
        Event::Approved { .. } | Event::Resubmitted { .. } => Effect::Extends,
    }
}

fn of_reservation(event: &reservation::Event) -> Effect {
    use reservation::Event;

    match event {
        // A name is taken with whatever it is for, also with an approval that a pause asks for.
        Event::Released { .. } | Event::Reserved { .. } => Effect::Accompanies,
    }
}

fn of_run(event: &run::Event) -> Effect {
    use run::Event;

    match event {
        // What a run cost that was stopped belongs to its stop, and may stop its agent.
        Event::Completed(_)
        | Event::Failed(_)
        | Event::TimedOut(_)
        | Event::Aborted(_)
        | Event::Billed(_) => Effect::Contains,
        // The use of a red tool without an approval is recorded with what stops the agent.
        Event::ToolCalled { .. } => Effect::Accompanies,
        Event::Started(_) => Effect::Extends,
    }
}

fn of_budget(event: &budget::Event) -> Effect {
    use budget::Event;

    match event {
        Event::Settled { .. }
        | Event::Charged { .. }
        | Event::Released { .. }
        | Event::Adjusted { .. }
        | Event::CapChanged { .. }
        | Event::ThresholdCrossed { .. }
        | Event::Exceeded { .. } => Effect::Accompanies,
        Event::Reserved { .. } | Event::Granted { .. } | Event::RunAllowed { .. } => Effect::Extends,
    }
}

fn of_alert(event: &alert::Event) -> Effect {
    use alert::Event;

    match event {
        Event::Raised { .. }
        | Event::Repeated { .. }
        | Event::Acknowledged { .. }
        | Event::Resolved { .. }
        | Event::Ignored { .. } => Effect::Accompanies,
    }
}

fn of_notification(event: &notification::Event) -> Effect {
    use notification::Event;

    match event {
        Event::Queued { .. }
        | Event::Delivered { .. }
        | Event::Read { .. }
        | Event::AttemptFailed { .. }
        | Event::Failed { .. }
        | Event::Expired { .. } => Effect::Accompanies,
    }
}

fn of_policy(event: &policy::Event) -> Effect {
    match event {
        policy::Event::Published { .. } => Effect::Extends,
    }
}

fn of_credential(event: &credential::Event) -> Effect {
    use credential::Event;

    match event {
        // To contain anything, an operator must get in.
        Event::Revoked { .. } | Event::SessionEnded { .. } | Event::SessionOpened { .. } => Effect::Contains,
        Event::Renamed { .. } | Event::Used { .. } | Event::SessionUsed { .. } => Effect::Accompanies,
        Event::Issued { .. } => Effect::Extends,
    }
}

fn of_standup(event: &standup::Event) -> Effect {
    match event {
        standup::Event::Recorded { .. } => Effect::Extends,
    }
}
