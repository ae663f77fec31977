//! Operations over several aggregates, one function each.
//!
//! An operation runs in a [`Transaction`](crate::transaction::Transaction): it asks each aggregate, and what they decide is
//! appended in one commit or not at all, so that a task and the agent that holds it never disagree. What follows from a
//! command by a rule is shared by the operations, and lies below them in `consequence`.

mod agent;
mod approval;
mod credential;
mod notification;
mod project;
mod run;
mod squad;
mod task;
#[cfg(test)]
mod tests;

pub use crate::rejection::{Outcome, Rejection};
pub use agent::{
    Claims, CorrectAgent, Names, RegisterAgent, SpawnAgent, change_profile, correct_agent, directives,
    drain_agent, end_lease, heartbeat, lease_ends_at, mark_heard, mark_stale, pause_agent, quarantine_agent,
    register_agent, restart_agent, resume_agent, retire_agent, sign_off_agent, spawn_agent,
};
pub use approval::{
    Allowed, Answer, Autonomy, DecideApproval, budget_asked_for, decide_approval, escalate_approval,
    expire_approval, request_approval, resubmit_approval, withdraw_approval, withdraw_overrides,
};
pub use credential::{issue_credential, revoke_credential};
pub use notification::fail_notification;
pub use project::{create_project, edit_project};
pub use run::{CompleteRun, StartRun, UseTool, complete_run, record_tool_call, start_run, time_out_run};
pub use squad::{block_halted, follow_halt, halt_squad, is_halted, resume_squad};
pub use task::{
    CreateTask, MoveTask, ReassignTask, StartTask, claim_task, create_task, edit_task, follow_task,
    move_task, post_message, reassign_task, start_task, unfollow_task,
};
