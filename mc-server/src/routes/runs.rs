//! `/api/runs`: starting, completing and listing runs, and their tool calls.

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
