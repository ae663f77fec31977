//! Races have one winner, and budgets their last dollar once.

use std::collections::{BTreeMap, BTreeSet};

use mc_store::log::StoredEvent;
use serde_json::Value;

use super::History;
use crate::{
    ledger::{Command, Purpose},
    load::{CLIENTS, RUNS_OF_A_PURSE},
};

/// Every task that agents raced for has one claimer, who was told so; all others were told 409. Answers how many races there
/// were.
pub fn claims(history: &History, commands: &[Command]) -> usize {
    let mut races: BTreeMap<&str, Vec<&Command>> = BTreeMap::new();
    for command in commands {
        if let Purpose::Claim { task } = &command.purpose {
            races.entry(task).or_default().push(command);
        }
    }
    for (task, race) in &races {
        let won: BTreeSet<_> = race.iter().filter(|command| command.answer.is_success()).collect_keys();
        let in_log: BTreeSet<_> = of_stream(history, "task", task)
            .filter(|event| event.event_type == "task.claimed")
            .filter_map(|event| event.metadata.idempotency_key.clone())
            .collect();
        assert_eq!((won.len(), race.len()), (1, CLIENTS), "{race:#?}");
        assert_eq!(won, in_log, "{task}");
        let told = |command: &&Command| command.answer.is_success() || command.answer.status == 409;
        assert_eq!(race.iter().find(|command| !told(command)), None);
    }
    races.len()
}

/// No budget holds more than its cap, unless an overrun is recorded; every agent that callers raced to start runs of got as
/// many as its budget lasts for. Answers how many agents there were.
pub fn purses(history: &History, commands: &[Command]) -> usize {
    let mut started: BTreeMap<&str, usize> = BTreeMap::new();
    for command in commands {
        if let Purpose::Run { agent } = &command.purpose {
            let refused = [403, 409].contains(&command.answer.status);
            assert!(refused || command.answer.status == 201, "{command:?}");
            *started.entry(agent).or_default() += usize::from(command.answer.status == 201);
        }
    }
    for (agent, runs) in &started {
        assert_eq!(*runs, RUNS_OF_A_PURSE, "agent {agent} got another number of runs than its budget allows");
    }
    budgets(history);
    started.len()
}

fn budgets(history: &History) {
    let mut spent: BTreeMap<&str, i64> = BTreeMap::new();
    for event in history.events.iter().filter(|event| &*event.stream.aggregate_type == "budget") {
        let payload: Value = serde_json::from_str(&event.payload).unwrap();
        let Some((name, fact)) = payload.as_object().and_then(|payload| payload.iter().next()) else {
            continue;
        };
        let amount = |field: &str| fact[field].as_i64();
        let spent = spent.entry(&event.stream.aggregate_id).or_default();
        *spent = amount("spentAfterMicroUsd").unwrap_or(*spent);
        if name == "reserved" {
            let (reserved, cap) = (amount("reservedAfterMicroUsd"), amount("capMicroUsd"));
            assert!(*spent + reserved.unwrap() <= cap.unwrap(), "over the cap: {event:?}");
        }
    }
}

fn of_stream<'h>(history: &'h History, kind: &str, id: &str) -> impl Iterator<Item = &'h StoredEvent> {
    let is_it =
        move |event: &&StoredEvent| &*event.stream.aggregate_type == kind && event.stream.aggregate_id == *id;
    history.events.iter().filter(is_it)
}

trait CollectKeys {
    fn collect_keys(self) -> BTreeSet<String>;
}

impl<'c, I: Iterator<Item = &'c &'c Command>> CollectKeys for I {
    fn collect_keys(self) -> BTreeSet<String> {
        self.map(|command| command.key().to_owned()).collect()
    }
}
