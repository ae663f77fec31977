//! Judges what an agent asks for.

use crate::values::words;

words! {
    /// How much harm an action can do.
    Risk {
        /// Internal, reversible, read-only.
        Green = "green",
        /// Guarded.
        Yellow = "yellow",
        /// External, irreversible, secret or in production.
        Red = "red",
    }
}
