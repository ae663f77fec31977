//! What agents may do by themselves: the policy and how a request is judged by it.

pub mod secrets;
