//! What follows from a command by a rule: shared by the operations, which lie above.
//!
//! Each consequence runs in the transaction of the operation that causes it. Whatever is not the doing of the command's
//! actor is decided [as the system](crate::transaction::Transaction::as_system).

pub(crate) mod agent_silence;
pub(crate) mod alerts;
pub(crate) mod approval_end;
pub(crate) mod approval_request;
pub(crate) mod authority;
pub(crate) mod blocked_work;
pub(crate) mod budget_cap;
pub(crate) mod budget_override;
pub(crate) mod budget_pause;
pub(crate) mod crew;
pub(crate) mod overspending;
pub(crate) mod profile_change;
pub(crate) mod quarantine;
pub(crate) mod run_cost;
pub(crate) mod run_end;
pub(crate) mod squad_halt;
pub(crate) mod task_holder;
pub(crate) mod unawaited_approvals;
