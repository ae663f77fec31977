//! Whether an agent works: its standing, and the table of moves between standings.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::values::{Directive, PauseReason, Status};

/// Whether an agent works, with what only that status knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It works, and may take tasks.
    Active,
    /// It is stopped, and may be resumed by who the ground allows.
    Paused(PauseReason),
    /// It finishes its current task and takes no new one.
    Draining,
    /// It is stopped at once, and only an operator lets it work again.
    Quarantined,
    /// It said goodbye, or was taken out of service.
    Offline {
        /// Whether it drained when it left. The drain is over when it comes back.
        draining: bool,
    },
}

impl Standing {
    /// The status by name, as answers show it.
    pub fn status(self) -> Status {
        match self {
            Self::Active => Status::Active,
            Self::Paused(_) => Status::Paused,
            Self::Draining => Status::Draining,
            Self::Quarantined => Status::Quarantined,
            Self::Offline { .. } => Status::Offline,
        }
    }

    /// What it tells the agent with the answer to a heartbeat.
    pub fn directive(self) -> Option<Directive> {
        match self {
            Self::Paused(_) => Some(Directive::Pause),
            Self::Draining => Some(Directive::Drain),
            Self::Quarantined => Some(Directive::Quarantine),
            Self::Active | Self::Offline { .. } => None,
        }
    }

    /// The ground of the pause, where it is paused.
    pub fn pause_reason(self) -> Option<PauseReason> {
        match self {
            Self::Paused(reason) => Some(reason),
            Self::Active | Self::Draining | Self::Quarantined | Self::Offline { .. } => None,
        }
    }
}

/// Whether an agent that should be alive has been silent for longer than `patience`: the interval it declared, and what
/// the policy adds. `last_sign` is the last time that it showed that it lives, or came into service.
pub fn is_stale(status: Status, last_sign: DateTime<Utc>, patience: TimeDelta, now: DateTime<Utc>) -> bool {
    match status {
        Status::Active | Status::Draining => now.signed_duration_since(last_sign) > patience,
        Status::Paused | Status::Quarantined | Status::Offline => false,
    }
}

impl Status {
    /// The standing that an operator's correction to this status gives.
    pub(super) fn standing(self) -> Standing {
        match self {
            Self::Active => Standing::Active,
            Self::Paused => Standing::Paused(PauseReason::Operator),
            Self::Draining => Standing::Draining,
            Self::Quarantined => Standing::Quarantined,
            Self::Offline => Standing::Offline { draining: false },
        }
    }
}

/// What an agent of this status may become by a command. Coming back from offline takes the agent itself: it
/// registers or sends a heartbeat.
///
/// ```
/// use mc_domain::agent::{Status, allowed_statuses};
///
/// assert_eq!(allowed_statuses(Status::Quarantined), [Status::Active, Status::Offline]);
/// ```
pub fn allowed_statuses(from: Status) -> &'static [Status] {
    use Status::{Active, Draining, Offline, Paused, Quarantined};
    match from {
        Active => &[Paused, Draining, Quarantined, Offline],
        Paused => &[Active, Quarantined, Offline],
        Draining => &[Active, Paused, Quarantined, Offline],
        Quarantined => &[Active, Offline],
        Offline => &[],
    }
}
