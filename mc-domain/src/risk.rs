//! The risk of an action, which the policy maps tools to and every judgement names.

use crate::values::string_enum;

string_enum! {
    /// How much harm an action can do.
    Risk {
        /// The action is internal, reversible or read-only, and needs no approval for its risk.
        Green = "green",
        /// The action is guarded: interns need an approval for it.
        Yellow = "yellow",
        /// External, irreversible, secret or in production.
        Red = "red",
    }
}
