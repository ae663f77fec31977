//! The line that a trial prints.

use std::{fmt, time::Duration};

/// What a trial has counted and measured.
#[derive(Debug, Default)]
pub struct Figures<'f> {
    pub fault: &'f str,
    pub seed: u64,
    /// The commands that were acknowledged.
    pub acknowledged: usize,
    /// The events in the log.
    pub events: usize,
    /// How often clients sent a command again, as it was neither taken nor refused.
    pub sent_again: u64,
    /// The repeats of acknowledged commands that were answered the same.
    pub repeats: usize,
    /// The tasks that all agents raced for.
    pub claims: usize,
    /// The budgets that all callers raced for.
    pub purses: usize,
    /// The events of workers, each appended by the node that led.
    pub by_workers: usize,
    /// The nodes that appended events.
    pub writers: usize,
    /// The leases that were given.
    pub leases: usize,
    /// The longest time without an acknowledged command.
    pub longest_gap: Duration,
    /// How long no node led.
    pub takeover: Option<Duration>,
}

impl fmt::Display for Figures<'_> {
    /// Duplicates and losses are 0, else the trial fails before this is printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let takeover =
            self.takeover.map_or_else(|| "-".to_owned(), |time| format!("{} ms", time.as_millis()));
        write!(
            f,
            "{}: {} acknowledged, {} sent again, {} repeats answered the same, longest gap {} ms, takeover {takeover}, \
             {} events ({} by workers), {} writers, {} leases, {} claims and {} budgets raced, duplicates 0, lost 0, seed {}",
            self.fault,
            self.acknowledged,
            self.sent_again,
            self.repeats,
            self.longest_gap.as_millis(),
            self.events,
            self.by_workers,
            self.writers,
            self.leases,
            self.claims,
            self.purses,
            self.seed,
        )
    }
}
