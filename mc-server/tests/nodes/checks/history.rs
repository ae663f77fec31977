//! The log holds exactly what was acknowledged, in an order without holes.

use std::collections::{BTreeMap, HashMap, HashSet};

use mc_store::{
    log::{EventLog, MAX_PAGE_EVENTS, RecordedKey, StoredEvent},
    postgres::PostgresLog,
};

use crate::{ledger::Command, witness::is_of_worker};

/// All that is in the log.
pub struct History {
    pub events: Vec<StoredEvent>,
    keys: HashMap<String, RecordedKey>,
}

impl History {
    pub async fn read(url: &str) -> Self {
        let log = PostgresLog::open(url).unwrap();
        let (mut events, mut keys) = (Vec::<StoredEvent>::new(), Vec::<RecordedKey>::new());
        loop {
            let page = log.read_all(events.len() as u64, MAX_PAGE_EVENTS).await.unwrap();
            let is_last = page.is_empty();
            events.extend(page);
            if is_last {
                break;
            }
        }
        loop {
            let after = keys.last().map_or(0, |key| key.number);
            let page = log.keys(after, MAX_PAGE_EVENTS).await.unwrap();
            let is_last = page.is_empty();
            keys.extend(page);
            if is_last {
                break;
            }
        }
        log.close().await;
        Self { events, keys: keys.into_iter().map(|key| (key.key.clone(), key)).collect() }
    }

    /// Positions and versions have no holes, and no event is there twice.
    pub fn check_order(&self) {
        let (mut versions, mut ids) = (HashMap::new(), HashSet::new());
        for (event, position) in self.events.iter().zip(1..) {
            assert_eq!(event.position, position);
            let version = versions.entry(&event.stream).or_insert(0);
            *version += 1;
            assert_eq!(event.version, *version, "{event:?}");
            assert!(ids.insert(event.metadata.event_id), "the event is there twice: {event:?}");
        }
    }

    /// Every acknowledged command is there once, at the position that its answer named; nothing of a refused one is there
    /// unless the refusal has consequences; and there is nothing that nobody sent.
    pub fn check_commands(&self, commands: &[Command]) {
        let mut commits: BTreeMap<&str, Vec<&StoredEvent>> = BTreeMap::new();
        for event in self.events.iter().filter(|event| !is_of_worker(event)) {
            if let Some(key) = &event.metadata.idempotency_key {
                commits.entry(key).or_default().push(event);
            }
        }
        for command in commands {
            let events = commits.remove(command.key()).unwrap_or_default();
            self.check_command(command, &events);
        }
        assert_eq!(commits, BTreeMap::new(), "nobody has sent that");
    }

    fn check_command(&self, command: &Command, events: &[&StoredEvent]) {
        let recorded = self.keys.get(command.key()).map(|key| key.answered.position);
        if !command.answer.is_success() && recorded.is_none() {
            assert!(events.is_empty(), "refused, and recorded all the same: {command:?}: {events:?}");
            return;
        }
        assert_eq!(recorded, command.answer.position, "lost: {command:?}");
        let commits: HashSet<_> = events.iter().map(|event| event.metadata.command_id).collect();
        assert!(commits.len() <= 1, "recorded twice: {command:?}: {events:?}");
        if let (Some(first), Some(last)) = (events.first(), events.last()) {
            assert_eq!(Some(last.position), command.answer.position, "{command:?}");
            assert_eq!(last.position - first.position + 1, events.len() as u64, "torn: {command:?}");
        }
    }
}
