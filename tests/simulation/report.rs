//! What a simulation has tried and what came of it.

use std::{collections::BTreeMap, fmt};

use mc_domain::operation::Rejection;

use crate::world::Refusal;

/// What was said to a command.
#[derive(Debug)]
pub enum Answer {
    Accepted {
        /// Whether anything was recorded.
        committed: bool,
    },
    Refused {
        rejection: Refusal,
        /// Whether anything was recorded all the same, or kept under an idempotency key.
        committed: bool,
    },
}

#[derive(Debug, Default)]
struct Tally {
    changed: usize,
    idle: usize,
    refused: usize,
    refused_with_consequences: usize,
}

/// Counts of commands, refusals and events.
#[derive(Debug, Default)]
pub struct Report {
    commands: BTreeMap<&'static str, Tally>,
    refusals: BTreeMap<String, usize>,
    events: BTreeMap<&'static str, usize>,
    /// How often everything in memory was lost.
    pub restarts: usize,
    /// How often a command came again under its key.
    pub repeats: usize,
}

impl Report {
    pub fn answered(&mut self, kind: &'static str, answer: &Answer) {
        let tally = self.commands.entry(kind).or_default();
        match answer {
            Answer::Accepted { committed: true } => tally.changed += 1,
            Answer::Accepted { committed: false } => tally.idle += 1,
            Answer::Refused { rejection, committed } => {
                tally.refused += 1;
                tally.refused_with_consequences += usize::from(*committed);
                *self.refusals.entry(rule(rejection)).or_default() += 1;
            }
        }
    }

    pub fn recorded(&mut self, event: &'static str) {
        *self.events.entry(event).or_default() += 1;
    }

    pub fn add(&mut self, other: Self) {
        self.restarts += other.restarts;
        self.repeats += other.repeats;
        for (kind, tally) in other.commands {
            let sum = self.commands.entry(kind).or_default();
            sum.changed += tally.changed;
            sum.idle += tally.idle;
            sum.refused += tally.refused;
            sum.refused_with_consequences += tally.refused_with_consequences;
        }
        for (rule, times) in other.refusals {
            *self.refusals.entry(rule).or_default() += times;
        }
        for (event, times) in other.events {
            *self.events.entry(event).or_default() += times;
        }
    }

    pub fn commands(&self) -> usize {
        self.commands.values().map(|tally| tally.changed + tally.idle + tally.refused).sum()
    }

    /// Whether a kind of command was ever accepted, with something recorded, and whether it was ever refused.
    pub fn tried(&self, kind: &str) -> (bool, bool) {
        self.commands.get(kind).map_or((false, false), |tally| (tally.changed > 0, tally.refused > 0))
    }

    /// Those of `wanted` that were never recorded.
    pub fn missing<'a>(&self, wanted: &'a [String]) -> Vec<&'a str> {
        wanted.iter().map(String::as_str).filter(|event| !self.events.contains_key(event)).collect()
    }
}

/// The rule that a rejection stands for: `task IllegalTransition`.
fn rule(refusal: &Refusal) -> String {
    let rejection = match refusal {
        Refusal::Operation(rejection) => rejection,
        Refusal::Policy(rejection) => return format!("policy.{}", first_word(rejection)),
        Refusal::Standup(rejection) => return format!("standup.{}", first_word(rejection)),
        Refusal::NothingShown | Refusal::SessionOver | Refusal::OutOfReach => return first_word(refusal),
    };
    let text = format!("{rejection:?}");
    let mut words = text.split([' ', '(', '{', ')']).filter(|word| !word.is_empty());
    let first = words.next().unwrap();
    match rejection {
        Rejection::SquadStopped
        | Rejection::TooDear { .. }
        | Rejection::NotLoaded(_)
        | Rejection::UnknownAgent(_)
        | Rejection::UnknownTask
        | Rejection::UnknownParent => first.to_owned(),
        _ => format!("{}.{}", first.to_lowercase(), words.next().unwrap_or_default()),
    }
}

fn first_word(rejection: &impl fmt::Debug) -> String {
    let text = format!("{rejection:?}");
    text.split(['(', ' ']).next().unwrap_or_default().to_owned()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events: usize = self.events.values().sum();
        let Self { restarts, repeats, .. } = self;
        writeln!(f, "{} commands, {events} events, {repeats} repeats, {restarts} restarts", self.commands())?;
        writeln!(
            f,
            "\n{:<24} {:>8} {:>8} {:>8} {:>13}",
            "command", "changed", "idle", "refused", "consequences"
        )?;
        for (kind, tally) in &self.commands {
            let Tally { changed, idle, refused, refused_with_consequences } = tally;
            writeln!(f, "{kind:<24} {changed:>8} {idle:>8} {refused:>8} {refused_with_consequences:>13}")?;
        }
        writeln!(f, "\nrefused by")?;
        self.refusals.iter().try_for_each(|(rule, times)| writeln!(f, "{rule:<40} {times:>8}"))?;
        writeln!(f, "\nevent")?;
        self.events.iter().try_for_each(|(event, times)| writeln!(f, "{event:<40} {times:>8}"))
    }
}
