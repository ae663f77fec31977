//! The rules that are not kept yet: each is looked at as soon as its line says `true`.

/// Whether every block that no operator decided has its alert. Until it has, those are let through that an agent's own
/// move, its goodbye, the end of its lease, its retirement, an operator's correction and a worker's denial bring.
pub const EVERY_BLOCK_IS_TOLD_OF: bool = false;
/// Whether the use of a red tool that no approval permits stops its agent and its task, and raises an alert.
pub const RED_TOOLS_NEED_AN_APPROVAL: bool = false;
/// Whether a task that begins to wait for an approval is shown with it: being held empties what is shown to be awaited,
/// which comes just before in the same commit.
pub const AWAITED_APPROVALS_ARE_SHOWN: bool = false;
/// Whether a budget that is used up because its cap was lowered or its record corrected has the consequences of one that a
/// run used up: an alert, the pause, and an approval.
pub const USED_UP_BY_OPERATORS_STOPS: bool = false;
/// Whether a run that its own agent times out, which charges it, tells of the thresholds that it crosses.
pub const TIMEOUTS_BY_AGENTS_TELL: bool = false;
