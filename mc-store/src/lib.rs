//! The append-only log of Mission Control: its port, its adapters, and the repository on top.
//!
//! The store knows no rule, only streams of recorded events. [`log::EventLog`] is the port, [`Store::open`] opens an
//! adapter by its address.

use std::sync::Arc;

use crate::{error::StoreError, log::EventLog, memory::MemoryLog};

pub mod codec;
pub mod error;
pub mod log;
pub mod memory;
pub mod repository;
pub mod subscription;
pub mod upcast;

/// Opens a log by its address.
#[derive(Debug)]
pub struct Store;

impl Store {
    /// The log at `url`: `memory:` for one that ends with the process.
    ///
    /// # Errors
    /// [`StoreError::UnknownStore`] when the address is of no known kind.
    pub fn open(url: &str) -> Result<Arc<dyn EventLog>, StoreError> {
        match url.split_once(':') {
            Some(("memory", "")) => Ok(Arc::new(MemoryLog::new())),
            _ => Err(StoreError::UnknownStore { url: url.to_owned() }),
        }
    }
}
