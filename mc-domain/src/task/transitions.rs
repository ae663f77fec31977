//! The table of moves: from where, to where, by whom. Nothing else in the program knows it.

use super::values::Status::{
    self, Assigned, Blocked, Canceled, Done, Failed, InProgress, Inbox, NeedsApproval, Review,
};
use crate::actor::ActorKind;

/// Which actors may make a move of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mover {
    /// Any operator.
    Human,
    /// A worker of the control plane.
    System,
    /// Any agent that claims the task for itself.
    Claimer,
    /// An agent it is assigned to.
    Assignee,
    /// An agent that reviews the task: not an assignee, and a named reviewer where some are named.
    Reviewer,
}

use Mover::{Assignee, Claimer, Human, Reviewer, System};

impl Mover {
    /// The kind of actor it takes.
    fn kind(self) -> ActorKind {
        match self {
            Human => ActorKind::Human,
            System => ActorKind::System,
            Claimer | Assignee | Reviewer => ActorKind::Agent,
        }
    }
}

const TABLE: &[(Status, Status, &[Mover])] = &[
    (Inbox, Assigned, &[Claimer, Human, System]),
    (Inbox, NeedsApproval, &[System]),
    (Inbox, Blocked, &[Human, System]),
    (Inbox, Canceled, &[Human]),
    (Assigned, InProgress, &[Assignee, Human]),
    (Assigned, Inbox, &[Human]),
    (Assigned, NeedsApproval, &[System]),
    (Assigned, Blocked, &[Human, System]),
    (Assigned, Canceled, &[Human]),
    (InProgress, Review, &[Assignee, Human]),
    (InProgress, NeedsApproval, &[System]),
    (InProgress, Blocked, &[Assignee, Human, System]),
    (InProgress, Failed, &[Assignee, System]),
    (InProgress, Assigned, &[Human]),
    (InProgress, Canceled, &[Human]),
    (Review, InProgress, &[Reviewer, Human]),
    (Review, Done, &[Human]),
    (Review, NeedsApproval, &[Human, System]),
    (Review, Blocked, &[Human, System]),
    (Review, Failed, &[System]),
    (Review, Assigned, &[Human]),
    (Review, Canceled, &[Human]),
    (NeedsApproval, Inbox, &[Human]),
    (NeedsApproval, Assigned, &[Human]),
    (NeedsApproval, InProgress, &[Human]),
    (NeedsApproval, Review, &[Human]),
    (NeedsApproval, Done, &[Human]),
    (NeedsApproval, Blocked, &[Human, System]),
    (NeedsApproval, Failed, &[Human, System]),
    (NeedsApproval, Canceled, &[Human]),
    (Blocked, Assigned, &[Human]),
    (Blocked, InProgress, &[Human]),
    (Blocked, NeedsApproval, &[Human, System]),
    (Blocked, Failed, &[Human, System]),
    (Blocked, Canceled, &[Human]),
    (Failed, Inbox, &[Human]),
    (Failed, Assigned, &[Human]),
    (Failed, Canceled, &[Human]),
    (Done, Review, &[Human]),
    (Done, Canceled, &[Human]),
];

/// Who of this kind may move a task from one status to the other; nobody when the table has no such move.
pub(super) fn mover(from: Status, to: Status, kind: ActorKind) -> Option<Mover> {
    let (_, _, movers) = TABLE.iter().find(|row| (row.0, row.1) == (from, to))?;
    movers.iter().copied().find(|mover| mover.kind() == kind)
}

/// Where an actor of this kind may move a task that stands at `from`, in the order of the board.
///
/// ```
/// use mc_domain::{actor::ActorKind, task::{Status, allowed_transitions}};
///
/// let allowed = allowed_transitions(Status::Review, ActorKind::Agent);
/// assert_eq!(allowed, [Status::InProgress]);
/// ```
pub fn allowed_transitions(from: Status, kind: ActorKind) -> Vec<Status> {
    Status::ALL.iter().copied().filter(|to| mover(from, *to, kind).is_some()).collect()
}
