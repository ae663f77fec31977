//! What may be asked of a budget, and why it may refuse.

use super::values::MAX_RESERVATIONS;
use crate::{
    ids::{ApprovalId, RunId},
    money::Usd,
};

/// What may be asked of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Set aside what a run is expected to cost.
    Reserve {
        /// The run, by the identity drawn when it was started.
        run: RunId,
        /// What it is expected to cost.
        amount: Usd,
        /// What the budget allows at this time.
        cap: Usd,
    },
    /// Charge what a run has cost.
    Settle {
        /// The run, by the identity drawn when it was started.
        run: RunId,
        /// What it has cost; nobody knows when absent, and what was set aside is charged.
        cost: Option<Usd>,
    },
    /// Charge a run that nothing is set aside for any more: its cost became known after its end, which the run takes once.
    Charge {
        /// The run, by the identity drawn when it was started.
        run: RunId,
        /// What the run is charged.
        amount: Usd,
        /// Whether that is what it has cost.
        priced: bool,
    },
    /// Give back what was set aside for a run.
    Release {
        /// The run, by the identity drawn when it was started.
        run: RunId,
    },
    /// Allows more than the cap, under an approval that was granted.
    Grant {
        /// The approval it rests on; each counts once.
        approval: ApprovalId,
        /// How much more may be spent, added to what was granted before.
        amount: Usd,
    },
    /// Allow single runs beyond the agent's cap per run.
    AllowRun {
        /// The approval that allows it; a second grant under it changes nothing.
        approval: ApprovalId,
        /// The most that one run may be expected to cost.
        up_to: Usd,
    },
    /// Set the record of what was spent straight.
    Adjust {
        /// What is to count as spent.
        spent: Usd,
    },
    /// Take note of what the budget allows now.
    SetCap(Usd),
}

/// Why a budget refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Invariant 1: what was asked for is more than what is left.
    #[error("{wanted} dollars are more than the {remaining} left of {limit}")]
    Exceeded {
        /// What was to be set aside.
        wanted: Usd,
        /// What is left of the budget.
        remaining: Usd,
        /// What there was in all: the cap and what was granted.
        limit: Usd,
    },
    /// Something else is set aside for the run.
    #[error("{amount} dollars are set aside for the run already")]
    AlreadyReserved {
        /// The amount that is set aside already.
        amount: Usd,
    },
    /// Invariant 2: nothing is set aside for the run.
    #[error("nothing is set aside for the run")]
    NotReserved,
    /// [`MAX_RESERVATIONS`] runs are open on the budget.
    #[error("at most {MAX_RESERVATIONS} runs may be open on one budget")]
    TooManyReservations,
    /// Invariant 4: an agent tried to change what it may spend.
    #[error("only an operator may {what}")]
    OperatorOnly {
        /// What was asked for, in the words of the refusal's message.
        what: &'static str,
    },
}
