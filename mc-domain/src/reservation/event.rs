//! What may have happened to a reservation. Names and shapes here are a stored contract: see the golden files.

use serde::{Deserialize, Serialize};

use super::values::Holder;

/// A fact about one reserved name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// It was taken.
    #[serde(rename = "reserved")]
    Reserved {
        /// By whom.
        holder: Holder,
    },
    /// It was given back.
    #[serde(rename = "released")]
    Released {
        /// Who held it.
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
