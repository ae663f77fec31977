//! The risk of an action, which the policy maps tools to and every judgement names.

use crate::values::string_enum;

string_enum! {
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
