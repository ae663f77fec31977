//! The append-only log of Mission Control: its port, its adapters, and the repository on top.
//!
//! The store knows no rule, only streams of recorded events. [`log::EventLog`] is the port.

pub mod codec;
pub mod error;
pub mod log;
pub mod subscription;
pub mod upcast;
