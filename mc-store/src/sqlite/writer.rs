//! The one thread that writes.
//!
//! It takes everything that queued while the last transaction was synced, decides each commit against what it
//! remembers of the streams, writes them all in one transaction, and answers when that is on disk. There is no timer:
//! a lone caller waits for its own sync and nothing else.

use std::{
    iter::{self, repeat_n, zip},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use chrono::{DateTime, Utc};
use mc_domain::recorded::StreamId;
use rusqlite::{CachedStatement, Connection, OptionalExtension, TransactionBehavior};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    BESIDE, beside,
    checkpoint::{Checkpointer, checkpoint},
    disk::{Disk, Room},
    heads::{Head, Heads},
    identity::Place,
    lock::Notes,
    reader::{self, read_all},
    recent::Recent,
    schema, unavailable,
};
use crate::{
    error::StoreError,
    log::{Append, Appended, Commit, Idempotency, MAX_PAGE_EVENTS, NewEvent, Priority, StoredEvent},
};

/// The most events that go into one transaction, unless a single commit has more.
const MAX_GROUP_EVENTS: usize = 4_096;
/// The most commits taken from the queue at once.
const MAX_GROUP_COMMITS: usize = 1_024;
/// An instant is noted at every position that this divides.
pub(super) const INSTANT_EVERY_POSITIONS: u64 = 1_024;

const FIND_STREAM: &str = "SELECT stream_key FROM streams WHERE aggregate_type = ?1 AND aggregate_id = ?2";
const FIND_VERSION: &str = "SELECT coalesce(max(sequence), 0) FROM events WHERE stream_key = ?1";
/// Of a stream that is not there: a trigger refuses any other, and the whole transaction with it.
pub(super) const INSERT_STREAM: &str =
    "INSERT INTO streams (stream_key, aggregate_type, aggregate_id) VALUES (?1, ?2, ?3)";
pub(super) const INSERT_EVENT: &str = "\
    INSERT INTO events (position, stream_key, sequence, event_type, event_version, payload, metadata) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
pub(super) const INSERT_KEY: &str =
    "INSERT INTO idempotency_keys (key, fingerprint, position, answer) VALUES (?1, ?2, ?3, ?4)";
const INSERT_INSTANT: &str = "INSERT INTO instants (latest_recorded_at_micros, position) VALUES (?1, ?2)";
const LAST_STREAM_KEY: &str = "SELECT coalesce(max(stream_key), 0) FROM streams";
const LAST_INSTANT: &str = "\
    SELECT latest_recorded_at_micros, position FROM instants \
    ORDER BY latest_recorded_at_micros DESC, position DESC LIMIT 1";

/// What becomes of one commit of a group, once the group is on disk.
type Verdict = Result<Appended, StoreError>;

/// A commit in the queue.
#[derive(Debug)]
pub(super) struct Request {
    commit: Commit,
    /// The metadata of all its events as JSON, in their order: written by the caller, so that callers share the work.
    metadata: Vec<String>,
    answer: oneshot::Sender<Verdict>,
}

/// What the writer is asked for.
#[derive(Debug)]
pub(super) enum Asked {
    /// To write.
    Commit(Request),
    /// Whether it could.
    Probe(oneshot::Sender<Result<(), StoreError>>),
}

impl Request {
    pub(super) fn new(commit: Commit) -> (Self, oneshot::Receiver<Verdict>) {
        let metadata = commit.appends.iter().flat_map(|append| &append.events).map(metadata_json).collect();
        let (answer, answered) = oneshot::channel();
        (Self { commit, metadata, answer }, answered)
    }
}

fn metadata_json(event: &NewEvent) -> String {
    serde_json::to_string(&event.metadata).expect("metadata has string keys only, so it is always JSON")
}

/// Where the tables end.
#[derive(Debug, Clone, Copy)]
struct Ends {
    position: u64,
    stream_key: u64,
    latest_recorded_at_micros: i64,
}

/// The state of the writing thread.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    pub(super) heads: Heads,
    /// Nothing after a failed transaction: what is then in the database is read again.
    ends: Option<Ends>,
    recent: Arc<Recent>,
    head: watch::Sender<u64>,
    wal_pages: Arc<AtomicU32>,
    checkpointer: Checkpointer,
    path: PathBuf,
    place: Place,
    notes: Arc<Notes>,
    disk: Disk,
    /// Whether the last transaction failed.
    failing: bool,
    /// What the program's log was told keeps commits out, until it is over.
    told: Option<Trouble>,
}

/// What keeps commits out for as long as nobody does something about it: told once, and once when it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// There is too little room.
    Full,
    /// A file is not where it was.
    Displaced,
}

impl Writer {
    /// A writer of the log at `path` on `disk`, and its head. It notes how far the log is.
    pub(super) fn open(
        path: &Path,
        disk: Disk,
        notes: Arc<Notes>,
        recent: Arc<Recent>,
    ) -> Result<(Self, watch::Receiver<u64>), StoreError> {
        let mut connection = schema::open_writer(path)?;
        let wal_pages = Arc::new(AtomicU32::new(0));
        let pages = Arc::clone(&wal_pages);
        connection
            .wal_hook(Some(move |_: &mut _, length| {
                pages.store(u32::try_from(length).unwrap_or(u32::MAX), Ordering::Relaxed);
                Ok(())
            }))
            .map_err(unavailable)?;
        let ends = load_ends(&connection)?;
        if let Some(noted) = notes.head().filter(|noted| *noted > ends.position) {
            tracing::error!("{}", schema::lost(ends.position, noted));
        }
        notes.reach(ends.position);
        let (head, watched) = watch::channel(ends.position);
        let checkpointer = Checkpointer::start(path)?;
        let writer = Self {
            connection,
            heads: Heads::default(),
            ends: Some(ends),
            recent,
            head,
            wal_pages,
            checkpointer,
            path: path.to_owned(),
            place: Place::of(iter::once(path.to_owned()).chain(BESIDE.map(|ending| beside(path, ending)))),
            notes,
            disk,
            failing: false,
            told: None,
        };
        Ok((writer, watched))
    }

    /// Writes what is queued until everyone who could queue more is gone, then checkpoints.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Asked>) {
        let (mut asked, mut waiting) = (Vec::new(), Vec::new());
        while queue.blocking_recv_many(&mut asked, MAX_GROUP_COMMITS) > 0 {
            let mut probes = Vec::new();
            for asked in asked.drain(..) {
                match asked {
                    Asked::Commit(request) => waiting.push(request),
                    Asked::Probe(answer) => probes.push(answer),
                }
            }
            while !waiting.is_empty() {
                let group = waiting.drain(..group_size(&waiting)).collect();
                self.commit(group);
                self.checkpointer.tend(&self.connection, self.wal_pages.load(Ordering::Relaxed));
            }
            for answer in probes {
                // Whoever no longer waits does not want to know.
                let _ = answer.send(self.probe());
            }
        }
        self.checkpointer.finish(&self.connection);
    }

    /// How many pages were written ahead.
    pub(super) fn wal_pages(&self) -> &Arc<AtomicU32> {
        &self.wal_pages
    }

    /// Writes what there is room for, and tells everyone what became of it.
    pub(super) fn commit(&mut self, group: Vec<Request>) {
        let room = self.disk.room(&self.path);
        let (group, refused): (Vec<_>, Vec<_>) =
            group.into_iter().partition(|request| room.admits(request.commit.priority));
        if !refused.is_empty() {
            self.tell(Trouble::Full, &StoreError::Full);
        }
        for request in refused {
            // Whoever no longer waits does not want to know.
            let _ = request.answer.send(Err(StoreError::Full));
        }
        if group.is_empty() {
            return;
        }
        match self.transact_in_place(&group) {
            Ok(verdicts) => self.publish(group, verdicts),
            Err(error) => self.fail(group, error),
        }
        match room {
            Room::Enough => self.tell_the_end(),
            // What was written goes into the database, so that the write-ahead log starts over instead of growing.
            Room::Reserve | Room::Exhausted => checkpoint(&self.connection),
        }
    }

    /// Whether any commit could be written. Where the last one could not, something is written to see.
    fn probe(&mut self) -> Result<(), StoreError> {
        if let Err(displaced) = self.check_place() {
            self.tell(Trouble::Displaced, &displaced);
            return Err(displaced);
        }
        if !self.disk.room(&self.path).admits(Priority::Ordinary) {
            self.tell(Trouble::Full, &StoreError::Full);
            return Err(StoreError::Full);
        }
        if self.failing {
            schema::touch(&self.connection)?;
            self.failing = false;
        }
        self.tell_the_end();
        Ok(())
    }

    /// Logs what keeps commits out, once.
    fn tell(&mut self, trouble: Trouble, error: &StoreError) {
        if self.told.replace(trouble) != Some(trouble) {
            tracing::error!("the store does not take every commit any more: {error}");
        }
    }

    fn tell_the_end(&mut self) {
        if !self.failing && self.told.take().is_some() {
            tracing::info!("the store takes every commit again");
        }
    }

    /// A transaction in files that are where they were, before and after it: what was written to others is lost.
    fn transact_in_place(&mut self, group: &[Request]) -> Result<Vec<Verdict>, StoreError> {
        self.check_place()?;
        let verdicts = self.transact(group)?;
        self.check_place()?;
        Ok(verdicts)
    }

    fn check_place(&self) -> Result<(), StoreError> {
        match self.place.displaced() {
            Some(file) => Err(StoreError::Displaced { file: file.to_owned() }),
            None => Ok(()),
        }
    }

    fn transact(&mut self, group: &[Request]) -> Result<Vec<Verdict>, StoreError> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unavailable)?;
        let ends = match self.ends {
            Some(ends) => ends,
            None => load_ends(&transaction)?,
        };
        let mut open = OpenGroup::new(&transaction, &mut self.heads, ends).map_err(unavailable)?;
        let verdicts: rusqlite::Result<_> = group.iter().map(|request| open.decide(request)).collect();
        let (verdicts, ends) = (verdicts.map_err(unavailable)?, open.ends);
        drop(open);
        transaction.commit().map_err(unavailable)?;
        self.ends = Some(ends);
        Ok(verdicts)
    }

    /// Followers first, callers second: who has an answer finds its events.
    fn publish(&mut self, group: Vec<Request>, verdicts: Vec<Verdict>) {
        self.failing = false;
        let before = *self.head.borrow();
        let head = self.ends.map_or(before, |ends| ends.position);
        let mut events = Vec::with_capacity((head - before) as usize);
        let mut answers = Vec::with_capacity(group.len());
        for (request, verdict) in zip(group, verdicts) {
            if let Ok(Appended::Committed { position }) = verdict {
                let first = position + 1 - request.metadata.len() as u64;
                events.extend(stored(request.commit, first));
            }
            answers.push((request.answer, verdict));
        }
        if head > before {
            self.notes.reach(head);
            self.recent.push(events);
            self.head.send_replace(head);
        }
        for (answer, verdict) in answers {
            // A caller that no longer waits does not want to know.
            let _ = answer.send(verdict);
        }
    }

    /// The transaction was rolled back, by SQLite or by dropping it; nobody of the group is told anything else.
    fn fail(&mut self, group: Vec<Request>, error: StoreError) {
        match error {
            StoreError::Full => self.tell(Trouble::Full, &error),
            StoreError::Displaced { .. } => self.tell(Trouble::Displaced, &error),
            _ => tracing::error!(%error, source = ?std::error::Error::source(&error), "a transaction failed"),
        }
        self.heads.forget();
        self.ends = None;
        self.failing = true;
        let error = Arc::new(error);
        for request in group {
            let told = match &*error {
                StoreError::Full => StoreError::Full,
                StoreError::Displaced { file } => StoreError::Displaced { file: file.clone() },
                StoreError::Damaged(_) => StoreError::Damaged(Box::new(Arc::clone(&error))),
                _ => StoreError::Unavailable(Box::new(Arc::clone(&error))),
            };
            let _ = request.answer.send(Err(told));
        }
    }
}

/// How many of the waiting commits go into the next transaction.
fn group_size(waiting: &[Request]) -> usize {
    let mut events = 0;
    let fits = waiting.iter().take_while(|request| {
        events += request.metadata.len();
        events <= MAX_GROUP_EVENTS
    });
    fits.count().max(1)
}

/// The events of a commit whose first one got position `first`.
fn stored(commit: Commit, first: u64) -> impl Iterator<Item = StoredEvent> {
    let places = commit.appends.into_iter().flat_map(|Append { stream, expected, events }| {
        zip(repeat_n(stream, events.len()), zip(expected + 1.., events))
    });
    zip(first.., places).map(|(position, (stream, (version, event)))| StoredEvent {
        position,
        stream,
        version,
        event_type: event.event_type,
        event_version: event.event_version,
        payload: event.payload,
        metadata: event.metadata,
    })
}

fn load_ends(connection: &Connection) -> Result<Ends, StoreError> {
    let position = reader::last_position(connection).map_err(unavailable)?;
    let stream_key = connection.query_one(LAST_STREAM_KEY, [], |row| row.get(0)).map_err(unavailable)?;
    let latest_recorded_at_micros = load_latest(connection, position)?;
    Ok(Ends { position, stream_key, latest_recorded_at_micros })
}

fn load_latest(connection: &Connection, position: u64) -> Result<i64, StoreError> {
    let noted = connection.query_one(LAST_INSTANT, [], |row| Ok((row.get(0)?, row.get(1)?)));
    let (mut latest, mut after) = noted.optional().map_err(unavailable)?.unwrap_or((i64::MIN, 0));
    loop {
        let page = read_all(connection, after, MAX_PAGE_EVENTS, position)?;
        let Some(last) = page.last() else { return Ok(latest) };
        after = last.position;
        for event in &page {
            latest = latest.max(event.metadata.recorded_at.timestamp_micros());
        }
    }
}

/// A group while its transaction is open.
struct OpenGroup<'c> {
    heads: &'c mut Heads,
    ends: Ends,
    /// What the streams that the commit at hand adds to are at, in the order of its appends.
    found: Vec<Option<Head>>,
    insert_stream: CachedStatement<'c>,
    insert_event: CachedStatement<'c>,
    connection: &'c Connection,
}

impl<'c> OpenGroup<'c> {
    fn new(connection: &'c Connection, heads: &'c mut Heads, ends: Ends) -> rusqlite::Result<Self> {
        Ok(Self {
            heads,
            ends,
            found: Vec::new(),
            insert_stream: connection.prepare_cached(INSERT_STREAM)?,
            insert_event: connection.prepare_cached(INSERT_EVENT)?,
            connection,
        })
    }

    /// Writes a commit, or says why not; an error is the whole group's.
    fn decide(&mut self, request: &Request) -> rusqlite::Result<Verdict> {
        let commit = &request.commit;
        if let Some(idempotency) = &commit.idempotency
            && let Some(answered) = reader::answered(self.connection, &idempotency.key)?
        {
            return Ok(idempotency.repeat(answered));
        }
        if let Some(conflict) = self.conflict(commit)? {
            return Ok(Err(conflict));
        }
        self.record(commit, &request.metadata)?;
        let position = self.ends.position;
        if let Some(idempotency) = &commit.idempotency {
            self.remember(idempotency, position)?;
        }
        Ok(Ok(Appended::Committed { position }))
    }

    /// The first stream that is not where the commit expects it; otherwise `found` is filled.
    fn conflict(&mut self, commit: &Commit) -> rusqlite::Result<Option<StoreError>> {
        self.found.clear();
        for (stream, expected) in commit.expectations() {
            let head = self.find(stream)?;
            let actual = head.map_or(0, |head| head.version);
            if actual != expected {
                return Ok(Some(StoreError::Conflict { stream: stream.clone(), expected, actual }));
            }
            self.found.push(head);
        }
        Ok(None)
    }

    /// Where a stream is; nothing when there is none.
    fn find(&mut self, stream: &StreamId) -> rusqlite::Result<Option<Head>> {
        if let Some(head) = self.heads.get(stream) {
            return Ok(Some(head));
        }
        let found = find_head(self.connection, stream)?;
        if let Some(head) = found {
            self.heads.set(stream, head);
        }
        Ok(found)
    }

    fn record(&mut self, commit: &Commit, metadata: &[String]) -> rusqlite::Result<()> {
        let mut metadata = metadata.iter();
        for (index, Append { stream, events, .. }) in commit.appends.iter().enumerate() {
            let mut head = match self.found[index] {
                Some(head) => head,
                None => self.create(stream)?,
            };
            for (event, metadata) in zip(events, &mut metadata) {
                head.version += 1;
                self.insert(head, event, metadata)?;
            }
            self.heads.set(stream, head);
        }
        Ok(())
    }

    /// A new stream: nobody else writes, and it was not there a moment ago.
    fn create(&mut self, stream: &StreamId) -> rusqlite::Result<Head> {
        let stream_key = self.ends.stream_key + 1;
        self.insert_stream.execute((stream_key, &stream.aggregate_type, &stream.aggregate_id))?;
        self.ends.stream_key = stream_key;
        Ok(Head { stream_key, version: 0 })
    }

    fn insert(&mut self, at: Head, event: &NewEvent, metadata: &str) -> rusqlite::Result<()> {
        self.ends.position += 1;
        let position = self.ends.position;
        self.insert_event.execute((
            position,
            at.stream_key,
            at.version,
            &event.event_type,
            event.event_version,
            &event.payload,
            metadata,
        ))?;
        let latest_micros = &mut self.ends.latest_recorded_at_micros;
        note_instant(self.connection, latest_micros, position, event.metadata.recorded_at)
    }

    fn remember(&self, idempotency: &Idempotency, position: u64) -> rusqlite::Result<()> {
        let Idempotency { key, fingerprint, answer } = idempotency;
        self.connection.prepare_cached(INSERT_KEY)?.execute((key, fingerprint, position, answer))?;
        Ok(())
    }
}

/// Where a stream is, by the tables.
pub(super) fn find_head(connection: &Connection, stream: &StreamId) -> rusqlite::Result<Option<Head>> {
    let names = (&stream.aggregate_type, &stream.aggregate_id);
    let found = connection.prepare_cached(FIND_STREAM)?.query_one(names, |row| row.get(0)).optional()?;
    let Some(stream_key) = found else { return Ok(None) };
    let version = connection.prepare_cached(FIND_VERSION)?.query_one([stream_key], |row| row.get(0))?;
    Ok(Some(Head { stream_key, version }))
}

/// Notes when the event at `position` was recorded, where an instant belongs: the latest time up to there.
pub(super) fn note_instant(
    connection: &Connection,
    latest_micros: &mut i64,
    position: u64,
    recorded_at: DateTime<Utc>,
) -> rusqlite::Result<()> {
    *latest_micros = (*latest_micros).max(recorded_at.timestamp_micros());
    if position.is_multiple_of(INSTANT_EVERY_POSITIONS) {
        connection.prepare_cached(INSERT_INSTANT)?.execute((*latest_micros, position))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::atomic::AtomicU64;

    use chrono::DateTime;
    use mc_domain::{
        actor::Actor,
        recorded::{Metadata, StreamId},
        values::Name,
    };
    use uuid::Uuid;

    use super::*;
    use crate::sqlite::{
        disk::{FLOOR_BYTES, RESERVE_BYTES},
        lock::FileLock,
    };

    fn commit(name: &str, expected: u64, payload: String) -> Commit {
        let metadata = Metadata {
            event_id: Uuid::now_v7().into(),
            recorded_at: DateTime::UNIX_EPOCH,
            actor: Actor::Human(Name::new("Sofie").unwrap()),
            project: None,
            command_id: Uuid::now_v7().into(),
            idempotency_key: None,
        };
        let stream = StreamId { aggregate_type: "task".into(), aggregate_id: name.to_owned() };
        let event = NewEvent { event_type: "test.happened".into(), event_version: 1, payload, metadata };
        Commit { appends: vec![Append { stream, expected, events: vec![event] }], ..Commit::default() }
    }

    /// Has the writer commit a group, and returns what every caller is told.
    fn answers<const N: usize>(writer: &mut Writer, commits: [Commit; N]) -> [Verdict; N] {
        let (group, answers): (Vec<_>, Vec<_>) = commits.into_iter().map(Request::new).unzip();
        writer.commit(group);
        let verdicts: Vec<_> = answers.into_iter().map(|answer| answer.blocking_recv().unwrap()).collect();
        verdicts.try_into().unwrap()
    }

    fn small(name: &str, expected: u64) -> Commit {
        commit(name, expected, "{}".to_owned())
    }

    fn open() -> (tempfile::TempDir, Writer, watch::Receiver<u64>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log.db");
        let notes = Arc::clone(FileLock::acquire(&path).unwrap().notes());
        let (writer, head) = Writer::open(&path, Disk::default(), notes, Arc::default()).unwrap();
        (directory, writer, head)
    }

    #[test]
    fn a_conflict_fails_its_own_commit_and_not_the_others_of_its_group() {
        let (_directory, mut writer, head) = open();
        let verdicts = answers(&mut writer, [small("a", 0), small("a", 0), small("b", 0), small("a", 1)]);
        let [Ok(first), Err(StoreError::Conflict { actual: 1, .. }), Ok(other), Ok(second)] = verdicts else {
            panic!("{verdicts:?}")
        };
        assert_eq!([first, other, second].map(|appended| appended.position()), [1, 2, 3]);
        assert_eq!(*head.borrow(), 3);
    }

    #[test]
    fn a_stream_that_was_forgotten_is_found_in_the_table_and_fails_nobody_else() {
        let (_directory, mut writer, _head) = open();
        writer.heads = Heads::of_generations(1);
        let verdicts = answers(
            &mut writer,
            [small("a", 0), small("b", 0), small("c", 0), small("a", 0), small("d", 0), small("a", 1)],
        );
        let [Ok(_), Ok(_), Ok(_), Err(StoreError::Conflict { actual: 1, .. }), Ok(new), Ok(old)] = verdicts
        else {
            panic!("{verdicts:?}")
        };
        assert_eq!([new, old].map(|appended| appended.position()), [4, 5]);
    }

    #[test]
    fn a_failed_transaction_succeeds_for_nobody_and_leaves_the_log_as_it_was() {
        let (_directory, mut writer, head) = open();
        let [before] = answers(&mut writer, [small("a", 0)]);
        assert_eq!(before.unwrap().position(), 1);

        limit_pages(&writer, 40);
        let too_big = commit("b", 0, "x".repeat(1024 * 1024));
        for verdict in answers(&mut writer, [small("a", 1), too_big, small("a", 0), small("c", 0)]) {
            assert!(matches!(verdict, Err(StoreError::Full)), "{verdict:?}");
        }
        assert!(matches!(writer.probe(), Ok(())), "a page that is there already can be written again");
        assert_eq!((*head.borrow(), reader::last_position(&writer.connection).unwrap()), (1, 1));
        assert!(writer.recent.read(1, 10).is_none());

        limit_pages(&writer, 1_000_000);
        let verdicts = answers(&mut writer, [small("a", 1), small("b", 0), small("a", 1)]);
        let [Ok(a), Ok(b), Err(StoreError::Conflict { actual: 2, .. })] = verdicts else {
            panic!("{verdicts:?}")
        };
        assert_eq!([a, b].map(|appended| appended.position()), [2, 3]);
        assert_eq!(*head.borrow(), 3);
    }

    fn containing(commit: Commit) -> Commit {
        Commit { priority: Priority::Containment, ..commit }
    }

    /// A disk with that much room, to be changed.
    fn on_disk_with(writer: &mut Writer, free_bytes: u64) -> Arc<AtomicU64> {
        let free = Arc::new(AtomicU64::new(free_bytes));
        let asked = Arc::clone(&free);
        writer.disk = Disk::new(move |_| Some(asked.load(Ordering::Relaxed)));
        free
    }

    #[test]
    fn below_the_reserve_only_what_contains_is_written_and_below_the_floor_nothing() {
        let (_directory, mut writer, head) = open();
        let free = on_disk_with(&mut writer, RESERVE_BYTES);
        let [ordinary, contained] = answers(&mut writer, [small("a", 0), containing(small("b", 0))]);
        assert_eq!([ordinary, contained].map(|appended| appended.unwrap().position()), [1, 2]);
        writer.probe().unwrap();

        for scarce in [RESERVE_BYTES - 1, FLOOR_BYTES] {
            free.store(scarce, Ordering::Relaxed);
            let before = *head.borrow();
            let [refused, contained, other] =
                answers(&mut writer, [small("a", 1), containing(small("b", before - 1)), small("c", 0)]);
            assert!(matches!((refused, other), (Err(StoreError::Full), Err(StoreError::Full))));
            assert_eq!((contained.unwrap().position(), *head.borrow()), (before + 1, before + 1));
            assert!(matches!(writer.probe(), Err(StoreError::Full)), "health says that there is too little");
        }
        free.store(FLOOR_BYTES - 1, Ordering::Relaxed);
        for refused in answers(&mut writer, [small("a", 1), containing(small("b", 3))]) {
            assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
        }
        assert!(writer.told.is_some());

        free.store(RESERVE_BYTES, Ordering::Relaxed);
        writer.probe().unwrap();
        assert!(writer.told.is_none());
        let [appended] = answers(&mut writer, [small("a", 1)]);
        assert_eq!(appended.unwrap().position(), 5);
    }

    #[test]
    fn the_write_ahead_log_does_not_use_up_the_reserve() {
        let (directory, mut writer, _head) = open();
        on_disk_with(&mut writer, FLOOR_BYTES);
        let wal = || std::fs::metadata(directory.path().join("log.db-wal")).unwrap().len();
        for version in 0..50 {
            let [appended] = answers(&mut writer, [containing(commit("a", version, "x".repeat(50_000)))]);
            appended.unwrap();
        }
        assert!(wal() < 300_000, "{} bytes", wal());
    }

    #[test]
    fn nothing_is_written_into_a_file_that_is_gone_and_everything_once_it_is_back() {
        for ending in ["", "-wal", "-shm"] {
            let (directory, mut writer, head) = open();
            let (file, aside) =
                (directory.path().join(format!("log.db{ending}")), directory.path().join("aside"));
            let [before] = answers(&mut writer, [small("a", 0)]);
            assert_eq!(before.unwrap().position(), 1);
            std::fs::rename(&file, &aside).unwrap();
            for replace in [false, true] {
                if replace {
                    std::fs::copy(&aside, &file).unwrap();
                }
                let [refused, contained] = answers(&mut writer, [small("b", 0), containing(small("c", 0))]);
                for refused in [refused.map(drop), contained.map(drop), writer.probe()] {
                    assert!(matches!(&refused, Err(StoreError::Displaced { file: gone }) if *gone == file));
                }
                assert_eq!((*head.borrow(), writer.told), (1, Some(Trouble::Displaced)));
            }
            std::fs::rename(&aside, &file).unwrap();
            writer.probe().unwrap();
            assert_eq!(writer.told, None);
            let [after] = answers(&mut writer, [small("a", 1)]);
            assert_eq!((after.unwrap().position(), *head.borrow()), (2, 2));
        }
    }

    #[test]
    fn a_reader_that_keeps_the_write_ahead_log_from_starting_over_is_told_of_until_it_ends() {
        let (directory, mut writer, _head) = open();
        (writer.checkpointer.every_pages, writer.checkpointer.long_bytes) = (64, 1024 * 1024);
        let reader = Connection::open(directory.path().join("log.db")).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM events").unwrap();
        let mut version = 0;
        let mut append_until = |writer: &mut Writer, is_long: bool| {
            for _ in 0..1_000 {
                let [appended] = answers(writer, [commit("a", version, "x".repeat(50_000))]);
                appended.unwrap();
                version += 1;
                writer.checkpointer.tend(&writer.connection, writer.wal_pages.load(Ordering::Relaxed));
                if writer.checkpointer.is_long == is_long {
                    return;
                }
            }
            panic!("the write-ahead log is not {}", if is_long { "long" } else { "short" });
        };
        append_until(&mut writer, true);
        reader.execute_batch("COMMIT").unwrap();
        append_until(&mut writer, false);
    }

    #[test]
    fn a_writer_that_fails_says_so_until_it_can_write_again() {
        let (_directory, mut writer, _head) = open();
        writer.connection.pragma_update(None, "query_only", true).unwrap();
        let [refused] = answers(&mut writer, [small("a", 0)]);
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        assert!(matches!(writer.probe(), Err(StoreError::Unavailable(_))));
        writer.connection.pragma_update(None, "query_only", false).unwrap();
        writer.probe().unwrap();
        let [appended] = answers(&mut writer, [small("a", 0)]);
        assert_eq!(appended.unwrap().position(), 1);
    }

    /// What a full disk does.
    fn limit_pages(writer: &Writer, pages: u32) {
        writer.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    }

    #[test]
    fn what_a_foreign_writer_appended_fails_one_group_and_is_known_to_the_next() {
        let (directory, mut writer, head) = open();
        let [first] = answers(&mut writer, [small("a", 0)]);
        first.unwrap();
        let foreign = Connection::open(directory.path().join("log.db")).unwrap();
        foreign
            .execute(
                "INSERT INTO events SELECT 2, stream_key, 2, event_type, 1, payload, metadata FROM events",
                [],
            )
            .unwrap();
        let [refused] = answers(&mut writer, [small("a", 1)]);
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        let [refused, appended] = answers(&mut writer, [small("a", 1), small("a", 2)]);
        assert!(matches!(refused, Err(StoreError::Conflict { actual: 2, .. })), "{refused:?}");
        assert_eq!((appended.unwrap().position(), *head.borrow()), (3, 3));
    }

    #[test]
    fn the_write_ahead_log_starts_over_under_a_load_that_never_pauses() {
        let (directory, mut writer, _head) = open();
        writer.checkpointer.every_pages = 1_024;
        let wal = directory.path().join("log.db-wal");
        let mut longest = 0;
        for version in 0..800 {
            let [appended] = answers(&mut writer, [commit("a", version, "x".repeat(100_000))]);
            appended.unwrap();
            writer.checkpointer.tend(&writer.connection, writer.wal_pages.load(Ordering::Relaxed));
            longest = longest.max(std::fs::metadata(&wal).unwrap().len());
        }
        let appended = 800 * 100_000;
        assert!(longest < appended / 2, "{longest} bytes");
    }
}
