//! `/api/runs`: what agents execute, and what it costs.

mod actor;
mod complete;
mod ended;
mod list;
mod start;
mod tool_calls;

pub use self::{
    complete::complete,
    list::{list, show},
    start::start,
    tool_calls::{call_tool, list_tool_calls},
};
