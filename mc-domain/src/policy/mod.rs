//! What agents may do by themselves: the policy and how a request is judged by it.

pub mod document;
pub mod evaluate;
pub mod files;
pub mod network;
pub mod reason;
pub mod secrets;
pub mod shell;
