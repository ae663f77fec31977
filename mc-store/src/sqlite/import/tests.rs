#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::{collections::BTreeMap, sync::Arc};

use chrono::TimeDelta;
use mc_domain::{
    actor::Actor,
    recorded::{Metadata, StreamId},
    values::Name,
};
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

use super::*;
use crate::{
    backup,
    heads::Heads,
    log::{Append, Commit, EventLog, Guard, Idempotency, MAX_PAGE_EVENTS, NewEvent, RecordedKey},
    sqlite::{
        Disk, SqliteLog,
        lock::StoreLock,
        writer::{QueuedCommit, Writer},
    },
};

/// The streams that each generation of heads holds: so few that most are forgotten before they come again.
const STREAMS: usize = 2;

/// The index of a stream in [`NAMES`], the payloads of its new events, and their time in seconds since 1970.
type Addition = (usize, Vec<String>, i32);

#[derive(Debug, Clone)]
struct Step {
    additions: Vec<Addition>,
    guarded: usize,
    key: Option<String>,
}

fn step() -> impl Strategy<Value = Step> {
    let payload =
        prop_oneof![Just("null".to_owned()), "\\{\"[a-z]{0,4}\": ?\"\\PC{0,8}\"\\}", "(?s).{0,16}",];
    let addition = (0..NAMES.len(), prop::collection::vec(payload, 1..4), any::<i32>());
    let key = prop::option::of("(?s).{1,20}");
    (prop::collection::vec(addition, 0..5), 0..NAMES.len(), key).prop_map(|(additions, guarded, key)| Step {
        additions,
        guarded,
        key,
    })
}

/// Names of streams; some need escaping.
const NAMES: [&str; 9] = ["a", "b", "c", "d", "e", "", "\"quoted\"\n", "ü\u{2028}/", "\0"];

fn stream(name: usize) -> StreamId {
    StreamId { aggregate_type: "test".into(), aggregate_id: NAMES[name].to_owned() }
}

/// Appends one commit per step, except those that are not valid.
fn write(writer: &mut Writer, steps: Vec<Step>) {
    let (mut versions, mut number) = (BTreeMap::new(), 0);
    let group = steps.into_iter().filter_map(|step| {
        let version = |versions: &BTreeMap<usize, u64>, name| versions.get(&name).copied().unwrap_or(0);
        let guarded = Guard { stream: stream(step.guarded), expected: version(&versions, step.guarded) };
        let mut appends = Vec::new();
        for (name, payloads, seconds) in step.additions {
            if appends.iter().any(|append: &Append| append.stream == stream(name)) {
                continue;
            }
            let expected = version(&versions, name);
            versions.insert(name, expected + payloads.len() as u64);
            let events = payloads.into_iter().map(|payload| {
                number += 1;
                event(number, payload, seconds)
            });
            appends.push(Append { stream: stream(name), expected, events: events.collect() });
        }
        let is_only_read = appends.iter().all(|append| append.stream != guarded.stream);
        let guards = is_only_read.then_some(guarded).into_iter().collect();
        let idempotency = step.key.map(|key| Idempotency {
            fingerprint: [key.len() as u8; 32],
            answer: serde_json::to_string(&key).unwrap(),
            key: format!("{number} {key}"),
        });
        let commit = Commit { appends, guards, idempotency, ..Commit::default() };
        commit.validate().is_ok().then(|| QueuedCommit::new(commit))
    });
    let (group, answers): (Vec<_>, Vec<_>) = group.unzip();
    writer.commit(group);
    for answer in answers {
        answer.blocking_recv().unwrap().unwrap();
    }
}

fn event(number: u128, payload: String, seconds: i32) -> NewEvent {
    let metadata = Metadata {
        event_id: Uuid::from_u128(number).into(),
        recorded_at: DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds.into()),
        actor: Actor::Human(Name::new("Sofie").unwrap()),
        project: number.is_multiple_of(2).then(|| Uuid::from_u128(7).into()),
        command_id: Uuid::from_u128(number).into(),
        idempotency_key: number.is_multiple_of(3).then(|| "k\"".to_owned()),
        credential: number.is_multiple_of(2).then(|| Uuid::from_u128(9).into()),
    };
    NewEvent { event_type: "test.happened".into(), event_version: 1, payload, metadata }
}

/// All events and keys of the log, and a backup of it.
async fn everything(log: &SqliteLog) -> (Vec<StoredEvent>, Vec<RecordedKey>, Vec<u8>) {
    let (mut events, mut document) = (Vec::<StoredEvent>::new(), Vec::new());
    loop {
        let page = log.read_all(events.len() as u64, MAX_PAGE_EVENTS).await.unwrap();
        if page.is_empty() {
            break;
        }
        events.extend(page);
    }
    backup::write(log, DateTime::UNIX_EPOCH, &mut document, &mut |_, _| {}).await.unwrap();
    (events, log.keys(0, MAX_PAGE_EVENTS).await.unwrap(), document)
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_the_writer_can_write_is_the_same_after_a_backup_and_a_restore(
        steps in prop::collection::vec(step(), 0..24)
    ) {
        let directory = tempfile::tempdir().unwrap();
        let (written, restored) = (directory.path().join("written.db"), directory.path().join("restored.db"));
        let lock = StoreLock::acquire(&written).unwrap();
        let lock_file = Arc::clone(lock.lock_file());
        let (mut writer, _head) = Writer::open(&written, Disk::default(), lock_file, Arc::default()).unwrap();
        writer.heads = Heads::of_generations(STREAMS);
        write(&mut writer, steps);
        drop((writer, lock));
        let before = runtime().block_on(everything(&SqliteLog::open(&written).unwrap()));

        let mut import = SqliteImport::create(&restored, Existing::Refuse).unwrap();
        import.filling.heads = Heads::of_generations(STREAMS);
        backup::read(before.2.as_slice(), import, &mut |_, _| {}).unwrap();
        let after = runtime().block_on(everything(&SqliteLog::open(&restored).unwrap()));
        prop_assert!(after == before);
    }
}
