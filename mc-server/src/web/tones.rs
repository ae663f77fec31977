//! The shape and the colour of a status: one class for what is good, for what waits, for what went wrong, and for what is over.

/// The class of a status, or of the severity of an alert; none for what is under way.
pub(super) fn of(status: &str) -> &'static str {
    match status {
        "done" | "completed" | "success" | "approved" | "active" | "resolved" | "delivered" | "read" => {
            "state-good"
        }
        "review" | "needs_approval" | "pending" | "escalated" | "paused" | "draining" | "aborted"
        | "open" | "warning" => "state-warn",
        "blocked" | "failed" | "denied" | "timeout" | "quarantined" | "critical" | "error" => "state-bad",
        "canceled" | "expired" | "revoked" | "ignored" | "offline" => "state-off",
        _ => "",
    }
}
