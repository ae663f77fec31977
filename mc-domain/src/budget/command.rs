//! What may be asked of a budget, and why it may refuse.

use super::values::MAX_RESERVATIONS;
use crate::{
    ids::{ApprovalId, RunId},
    money::Usd,
};

/// What may be asked of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Sets aside what a run is expected to cost.
    Reserve {
        /// The run, by the identity drawn when it was started.
        run: RunId,
        /// What the run is expected to cost.
        amount: Usd,
        /// What the budget allows at this time.
        cap: Usd,
    },
    /// Charges a run, and gives back what was set aside for it.
    Settle {
        /// The run, by the identity drawn when it was started.
        run: RunId,
        /// What it has cost; where that is unknown, what was set aside is charged.
        cost: Option<Usd>,
    },
    /// Charges a run whose cost became known after its end, when nothing is set aside for it any more. The run takes
    /// that once.
    Charge {
        /// The run, by the identity drawn when it was started.
        run: RunId,
        /// The amount to charge, in place of what was given back.
        amount: Usd,
        /// Whether that is what it has cost, and not merely what had been set aside.
        priced: bool,
    },
    /// Gives back what was set aside for a run, without a charge.
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
    /// Allows single runs beyond the agent's cap per run.
    AllowRun {
        /// The approval that allows it; a second grant under it changes nothing.
        approval: ApprovalId,
        /// The most that one run may be expected to cost.
        up_to: Usd,
    },
    /// Corrects what counts as spent, by an operator.
    Adjust {
        /// What is to count as spent.
        spent: Usd,
    },
    /// Takes note of what the budget allows now.
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
