//! Loop containment: what of a task's recent traffic is watched, when it counts as a loop, and what is said about it.
//!
//! Everything watched is bounded by a named limit, and forgotten when the task is blocked, and when it is taken up again after
//! it was blocked, failed or done: whoever does that starts the counts anew. What the control plane says itself is not watched, nor are the moves that an approval makes, which an
//! operator has judged each time.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Write,
};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::values::{Artifact, ArtifactBody, ArtifactKind, Status};
use crate::{
    actor::{Actor, ActorKind},
    ids::AgentId,
    markdown::inline,
    policy_limits::LoopThresholds,
    run::Outcome,
    values::{Label, Name, Reason, Text, string_enum},
};

/// The most messages watched in one task; no limit on messages can be higher.
pub const MAX_MESSAGES_WATCHED: usize = 64;
/// The most transitions watched in one task.
pub const MAX_MOVES_WATCHED: usize = 32;
/// The most runs watched in one task.
pub const MAX_RUNS_WATCHED: usize = 64;
/// How many of the last exchanges a Loop Summary shows.
pub const LAST_EXCHANGES: usize = 5;
/// The most characters of one exchange that a Loop Summary shows.
pub const MAX_EXCERPT_CHARS: usize = 200;

string_enum! {
    /// What a loop repeats; each kind has its own limit and window in the policy.
    LoopKind {
        /// Too many messages within the window.
        Messages = "messages",
        /// Reviews that send the work back.
        ReviewCycles = "review_cycles",
        /// Two agents that take turns too often within the window.
        Alternation = "alternation",
        /// Moves back and forth between two statuses.
        StatusFlips = "status_flips",
        /// Tool calls of one run that fail with one error.
        ToolFailures = "tool_failures",
        /// Too many failed runs among the last ones.
        FailedRuns = "failed_runs",
    }
}

impl LoopKind {
    /// What is counted, in the words of the Loop Summary.
    fn counted(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::ReviewCycles => "review cycles",
            Self::Alternation => "turns of two agents",
            Self::StatusFlips => "moves back and forth between two statuses",
            Self::ToolFailures => "tool calls of one run failing with one error",
            Self::FailedRuns => "failed runs",
        }
    }

    /// What the operator has to decide, in words.
    fn to_decide(self) -> &'static str {
        match self {
            Self::Messages => "What is the discussion about, and what should the assignee do next?",
            Self::ReviewCycles => {
                "Is the work good enough, or are the requirements unclear to one of the two?"
            }
            Self::Alternation => "Which of the two is right?",
            Self::StatusFlips => "Where should this task stand, and who disagrees?",
            Self::ToolFailures => "Is the tool or its configuration broken, or the way it is called?",
            Self::FailedRuns => "Why do the runs fail, and can this agent do this task at all?",
        }
    }
}

/// A loop that was found in a task's traffic, with what is told about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Loop {
    /// What the loop repeats.
    pub kind: LoopKind,
    /// How often it was counted, the last time included.
    pub count: u32,
    /// The limit that this crossed: the most that is allowed.
    pub limit: u32,
    /// The span in which it was counted, in seconds; all the time since the task was last unblocked when absent.
    pub within_secs: Option<u32>,
    /// The actors whose messages, moves or runs were counted.
    pub participants: BTreeSet<Actor>,
}

impl Loop {
    /// What repeated, in words: `21 messages in 30 min (at most 20)`.
    pub fn what(&self) -> String {
        let (count, counted, limit) = (self.count, self.kind.counted(), self.limit);
        match self.within_secs {
            Some(secs) => format!("{count} {counted} in {} min (at most {limit})", secs / 60),
            None => format!("{count} {counted} (at most {limit})"),
        }
    }

    /// The reason that the blocked task shows.
    pub(super) fn reason(&self) -> Reason {
        Reason::truncated(&format!("Loop detected: {}", self.what())).expect("it says something on one line")
    }
}

/// What of a task's recent traffic is watched.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    messages: VecDeque<Said>,
    last: VecDeque<Exchange>,
    moves: VecDeque<Moved>,
    #[serde(default)]
    runs: VecDeque<Outcome>,
    review_cycles: u32,
}

/// A message of the thread, as far as containment looks at it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Said {
    by: Actor,
    at: DateTime<Utc>,
}

/// A change of status, as far as containment looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Moved {
    from: Status,
    to: Status,
    at: DateTime<Utc>,
}

/// The beginning of what was said, by whom as far as that is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Exchange {
    by: Option<Actor>,
    text: String,
    at: DateTime<Utc>,
}

impl Traffic {
    pub(super) fn said(&mut self, by: &Actor, text: Option<&Text>, at: DateTime<Utc>) {
        if by.kind() == ActorKind::System {
            return;
        }
        push(&mut self.messages, MAX_MESSAGES_WATCHED, Said { by: by.clone(), at });
        self.exchanged(Some(by), text.map_or("(an artifact)", Text::as_str), at);
    }

    pub(super) fn sent_back(&mut self, feedback: &Reason, at: DateTime<Utc>) {
        self.review_cycles = self.review_cycles.saturating_add(1);
        self.exchanged(None, feedback.as_str(), at);
    }

    pub(super) fn moved(&mut self, from: Status, to: Status, at: DateTime<Utc>) {
        if from != to {
            push(&mut self.moves, MAX_MOVES_WATCHED, Moved { from, to, at });
        }
    }

    pub(super) fn ran(&mut self, outcome: Outcome) {
        push(&mut self.runs, MAX_RUNS_WATCHED, outcome);
    }

    fn exchanged(&mut self, by: Option<&Actor>, text: &str, at: DateTime<Utc>) {
        // One line each, whatever was written: a summary quotes, it does not render.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = text.chars().take(MAX_EXCERPT_CHARS).collect();
        push(&mut self.last, LAST_EXCHANGES, Exchange { by: by.cloned(), text, at });
    }

    /// The first limit that is crossed at `now`.
    pub(super) fn crossed(
        &self,
        limits: &LoopThresholds,
        assignees: &BTreeSet<AgentId>,
        now: DateTime<Utc>,
    ) -> Option<Loop> {
        self.too_many_messages(limits, now)
            .or_else(|| self.too_many_reviews(limits, assignees))
            .or_else(|| self.too_many_turns(limits, now))
            .or_else(|| self.too_many_flips(limits, assignees, now))
            .or_else(|| self.too_many_failed_runs(limits, assignees))
    }

    fn too_many_messages(&self, limits: &LoopThresholds, now: DateTime<Utc>) -> Option<Loop> {
        let limit = limits.max_messages.min(count(MAX_MESSAGES_WATCHED) - 1);
        let since = now - secs(limits.messages_window_secs);
        let recent = || self.messages.iter().filter(|said| said.at > since);
        // What people say to each other is no loop of agents, however much it is.
        let by_agents = recent().filter(|said| said.by.kind() == ActorKind::Agent);
        let count = count(by_agents.count());
        (count > limit).then(|| Loop {
            kind: LoopKind::Messages,
            count,
            limit,
            within_secs: Some(limits.messages_window_secs),
            participants: recent().map(|said| said.by.clone()).collect(),
        })
    }

    fn too_many_reviews(&self, limits: &LoopThresholds, assignees: &BTreeSet<AgentId>) -> Option<Loop> {
        (self.review_cycles > limits.max_review_cycles).then(|| Loop {
            kind: LoopKind::ReviewCycles,
            count: self.review_cycles,
            limit: limits.max_review_cycles,
            within_secs: None,
            participants: self.everyone(assignees),
        })
    }

    /// Counts the changes of speaker, from the newest message back, for as long as only two agents speak.
    fn too_many_turns(&self, limits: &LoopThresholds, now: DateTime<Utc>) -> Option<Loop> {
        let since = now - secs(limits.alternations_window_secs);
        let (mut participants, mut turns, mut later) = (BTreeSet::new(), 0, None);
        for said in self.messages.iter().rev().take_while(|said| said.at > since) {
            participants.insert(said.by.clone());
            if said.by.kind() != ActorKind::Agent || participants.len() > 2 {
                participants.remove(&said.by);
                break;
            }
            turns += u32::from(later.is_some_and(|later| later != &said.by));
            later = Some(&said.by);
        }
        (turns > limits.max_alternations).then_some(Loop {
            kind: LoopKind::Alternation,
            count: turns,
            limit: limits.max_alternations,
            within_secs: Some(limits.alternations_window_secs),
            participants,
        })
    }

    fn too_many_flips(
        &self,
        limits: &LoopThresholds,
        assignees: &BTreeSet<AgentId>,
        now: DateTime<Utc>,
    ) -> Option<Loop> {
        let since = now - secs(limits.pair_window_secs);
        let recent: Vec<_> = self.moves.iter().filter(|moved| moved.at > since).collect();
        if count(recent.len()) < limits.pair_transitions {
            return None;
        }
        let moves = |from, to| recent.iter().filter(|moved| (moved.from, moved.to) == (from, to)).count();
        let flips = recent.iter().map(|there| moves(there.from, there.to).min(moves(there.to, there.from)));
        let count = count(flips.max().unwrap_or(0));
        (count >= limits.pair_repeats).then(|| Loop {
            kind: LoopKind::StatusFlips,
            count,
            limit: limits.pair_repeats.saturating_sub(1),
            within_secs: Some(limits.pair_window_secs),
            participants: self.everyone(assignees),
        })
    }

    /// A run that timed out has failed too.
    fn too_many_failed_runs(&self, limits: &LoopThresholds, assignees: &BTreeSet<AgentId>) -> Option<Loop> {
        let last = self.runs.iter().rev().take(limits.failed_runs_among as usize);
        let failed = count(last.filter(|run| matches!(run, Outcome::Failed | Outcome::TimedOut)).count());
        (failed >= limits.failed_runs.max(1)).then(|| Loop {
            kind: LoopKind::FailedRuns,
            count: failed,
            limit: limits.failed_runs.saturating_sub(1),
            within_secs: None,
            participants: self.everyone(assignees),
        })
    }

    /// Who it is assigned to, and who spoke of late. Moves do not say whose they were.
    fn everyone(&self, assignees: &BTreeSet<AgentId>) -> BTreeSet<Actor> {
        let spoke = self.last.iter().filter_map(|exchange| exchange.by.clone());
        assignees.iter().copied().map(Actor::Agent).chain(spoke).collect()
    }

    /// The artifact that tells an operator what repeated and what to decide, in Markdown.
    pub(super) fn summary(&self, found: &Loop, names: &BTreeMap<AgentId, Name>) -> Artifact {
        let name_of = |actor: &Actor| match actor.agent().and_then(|agent| names.get(&agent)) {
            Some(name) => inline(name.as_str()),
            None => inline(&actor.to_string()),
        };
        let mut text = format!("# Loop Summary\n\n**What repeated:** {}\n", found.what());
        let participants: Vec<_> = found.participants.iter().map(name_of).collect();
        let _ = writeln!(text, "\n**Participants:** {}", or_nobody(&participants.join(", ")));
        text.push_str("\n## Counts\n\n");
        let _ = writeln!(text, "- Messages watched: {}", self.messages.len());
        for (who, messages) in self.messages_by() {
            let _ = writeln!(text, "  - {}: {messages}", name_of(who));
        }
        let _ = writeln!(text, "- Review cycles: {}", self.review_cycles);
        let _ = writeln!(text, "- Transitions watched: {}", self.moves.len());
        let _ = writeln!(text, "- Runs watched: {}", self.runs.len());
        text.push_str("\n## Last exchanges\n\n");
        for Exchange { by, text: said, at } in &self.last {
            let who = by.as_ref().map_or_else(|| "Review".to_owned(), name_of);
            let _ = writeln!(text, "- {} {who}: {}", at.format("%H:%M:%S"), inline(said));
        }
        for Moved { from, to, at } in self.moves.iter().rev().take(LAST_EXCHANGES).rev() {
            let _ = writeln!(text, "- {} {from} → {to}", at.format("%H:%M:%S"));
        }
        let _ = writeln!(text, "\n## To decide\n\n{}\n", found.kind.to_decide());
        text.push_str("Clarify and unblock (move to assigned), reassign, or cancel. Unblocking starts the counts anew.\n");
        Artifact {
            name: Label::new("Loop Summary").expect("it is a constant that is a label"),
            kind: ArtifactKind::Report,
            body: ArtifactBody::Content(Text::truncated(&text).expect("it says something on allowed lines")),
        }
    }

    fn messages_by(&self) -> BTreeMap<&Actor, usize> {
        let mut by = BTreeMap::new();
        for said in &self.messages {
            *by.entry(&said.by).or_default() += 1;
        }
        by
    }
}

fn or_nobody(names: &str) -> &str {
    if names.is_empty() { "nobody" } else { names }
}

fn push<T>(window: &mut VecDeque<T>, most: usize, item: T) {
    if window.len() >= most {
        window.pop_front();
    }
    window.push_back(item);
}

fn secs(secs: u32) -> TimeDelta {
    TimeDelta::seconds(secs.into())
}

fn count(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}
