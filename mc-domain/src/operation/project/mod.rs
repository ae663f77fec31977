//! What is done with a project.

mod create_project;
mod edit_project;

pub use create_project::create_project;
pub use edit_project::edit_project;
