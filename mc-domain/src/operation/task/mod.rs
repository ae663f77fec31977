//! What is done with a task.

mod claim_task;
mod create_task;
mod edit_task;
mod follow_task;
mod move_task;
mod post_message;
mod reassign_task;
mod start_task;

pub use claim_task::claim_task;
pub use create_task::{CreateTask, create_task};
pub use edit_task::edit_task;
pub use follow_task::{follow_task, unfollow_task};
pub use move_task::{MoveTask, move_task};
pub use post_message::post_message;
pub use reassign_task::{ReassignTask, reassign_task};
pub use start_task::{StartTask, start_task};
