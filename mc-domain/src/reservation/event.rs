//! What may have happened to a reservation. Names and shapes here are a stored contract: see the golden files.

use serde::{Deserialize, Serialize};

use super::values::Holder;

/// A fact about one reserved name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// The name was taken.
    #[serde(rename = "reserved")]
    Reserved {
        /// The holder from here on.
        holder: Holder,
    },
    /// The name was given back, and is free for others.
    #[serde(rename = "released")]
    Released {
        /// The holder until here.
        holder: Holder,
    },
}

impl crate::aggregate::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Reserved { .. } => "reservation.reserved",
            Self::Released { .. } => "reservation.released",
        }
    }
}
