//! What clients were answered: the truth that the log is held against.

use std::{
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crate::wire::{Answer, Request};

/// What a command is for, as far as the checks ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// One of many agents claims a task.
    Claim { task: String },
    /// One of many callers starts a run of an agent.
    Run { agent: String },
    /// Anything else.
    Other,
}

/// A command with the answer that its client got in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub request: Request,
    pub purpose: Purpose,
    pub answer: Answer,
    pub answered_at: Instant,
    /// How often it was sent.
    pub attempts: u64,
}

/// What all clients were answered together.
#[derive(Debug, Default)]
pub struct Ledger {
    commands: Mutex<Vec<Command>>,
    /// The highest position that any answer reflected.
    position: AtomicU64,
}

impl Command {
    pub fn key(&self) -> &str {
        self.request.key.as_deref().expect("every command has a key")
    }
}

impl Ledger {
    pub fn add(&self, command: Command) {
        self.position.fetch_max(command.answer.position.unwrap_or_default(), Relaxed);
        self.lock().push(command);
    }

    /// The highest position that the answer to any command reflected.
    pub fn position(&self) -> u64 {
        self.position.load(Relaxed)
    }

    pub fn commands(&self) -> Vec<Command> {
        self.lock().clone()
    }

    /// The longest time between two acknowledged commands.
    pub fn longest_gap(&self) -> Duration {
        let mut times: Vec<_> = self.acknowledged().map(|command| command.answered_at).collect();
        times.sort_unstable();
        times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }

    pub fn acknowledged(&self) -> impl Iterator<Item = Command> {
        self.commands().into_iter().filter(|command| command.answer.is_success())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Command>> {
        self.commands.lock().unwrap()
    }
}
