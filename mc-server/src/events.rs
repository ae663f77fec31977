//! The log as server-sent events (WHATWG HTML, section 9.2): the past after a position first, then what is recorded.

mod listener;
mod page;
mod tail;

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures_util::{Stream, StreamExt, stream};
use mc_domain::{ids::CredentialId, reach::Reach};
use mc_store::{error::StoreError, log::EventLog};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

pub(crate) use self::listener::Listener;
use self::tail::Tail;

use crate::{
    extract::LastEventId,
    problem::{Chain, Kind, Problem},
};

/// How long a client waits before it connects again.
pub const RETRY: Duration = Duration::from_secs(2);

/// How often a silent stream shows that it is alive.
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The most streams open at a time.
pub const MAX_STREAMS: usize = 512;

/// The most streams that one credential has open at a time, its sessions included.
pub const MAX_STREAMS_PER_CREDENTIAL: usize = 16;

/// How often at most a stream sends what was recorded. All streams do so at the same moments, so that what is recorded
/// between two of them is read and rendered once, and sent to each reader at once. What comes after a quiet time goes out
/// without delay.
pub const ROUND: Duration = Duration::from_millis(50);

/// The first bytes of every stream: the delay in ms before a client reconnects, and a comment.
const GREETING: Bytes = Bytes::from_static(b"retry: 2000\n: the log follows\n\n");
/// The comment that keeps a silent stream open through proxies.
const SIGN_OF_LIFE: Bytes = Bytes::from_static(b":\n\n");

const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The event streams of one log; clones share the limit.
#[derive(Clone)]
pub struct EventStreams {
    log: Arc<dyn EventLog>,
    tail: Arc<Tail>,
    shutdown: CancellationToken,
    free: Arc<Semaphore>,
    limit: Arc<AtomicUsize>,
    bearers: Bearers,
    /// From when the rounds are counted.
    begun: Instant,
}

impl EventStreams {
    /// Streams of `log` that end with `shutdown`.
    pub fn new(log: Arc<dyn EventLog>, shutdown: CancellationToken) -> Self {
        let tail = Arc::new(Tail::new(Arc::clone(&log)));
        let free = Arc::new(Semaphore::new(MAX_STREAMS));
        let limit = Arc::new(AtomicUsize::new(MAX_STREAMS));
        let bearers = Bearers::default();
        Self { log, tail, shutdown, free, limit, bearers, begun: Instant::now() }
    }

    /// The most streams open at a time.
    pub fn limit(&self) -> usize {
        self.limit.load(Relaxed)
    }

    /// The number of streams that are open now, which `/metrics` reports.
    pub fn open_now(&self) -> usize {
        self.limit().saturating_sub(self.free.available_permits())
    }

    /// Keeps at most so many streams open at a time from now on, and never more than [`MAX_STREAMS`].
    pub fn keep_within(&self, streams: usize) {
        let fewer = self.limit().saturating_sub(streams);
        let forgotten = self.free.forget_permits(fewer);
        self.limit.fetch_sub(forgotten, Relaxed);
    }

    /// The position that a client names as the last one it has: that of `Last-Event-ID`, else `after`.
    pub fn named(LastEventId(last): LastEventId, after: Option<u64>) -> Option<u64> {
        last.or(after)
    }

    /// The position after which a client wants the events: that of `Last-Event-ID`, else `after`, else the head, so
    /// that a client that says nothing gets what is recorded from now on. `after=0` is everything.
    ///
    /// A position beyond the head is refused rather than waited for: such a client has followed another log (one that
    /// was since restored from a backup), and would miss what this one records up to there.
    ///
    /// # Errors
    /// `malformed-header` or `malformed-query`.
    pub fn start(&self, LastEventId(last): LastEventId, after: Option<u64>) -> Result<u64, Problem> {
        let head = self.log.head();
        let (start, kind) = match last {
            Some(position) => (position, Kind::MalformedHeader),
            None => (after.unwrap_or(head), Kind::MalformedQuery),
        };
        if start <= head {
            return Ok(start);
        }
        let detail =
            format!("Position {start} is beyond the log, which ends at {head}. Start again with after=0.");
        Err(Problem::new(kind, detail))
    }

    /// Every event above position `after`, in order and each once, of the projects within a reach. It ends when the listener
    /// is no longer admitted, and has sent nothing then that was recorded after that.
    ///
    /// Nothing is queued for a slow reader: it holds one page at most, and gets the next one when it has taken that. Writers
    /// wait for no reader.
    ///
    /// # Errors
    /// `too-many-streams`.
    pub(crate) fn open(
        &self,
        after: u64,
        reach: Reach,
        listener: Option<Listener>,
    ) -> Result<Response, Problem> {
        let place = listener.as_ref().and_then(Listener::credential);
        let place = place.map(|credential| self.bearers.place(credential)).transpose()?;
        let permit = Arc::clone(&self.free).try_acquire_owned().map_err(|_| {
            let detail =
                "The server keeps as many event streams open as it can. Close one, or come back later.";
            Problem::new(Kind::TooManyStreams, detail).retry_after(KEEP_ALIVE)
        })?;
        let reader = Reader {
            tail: Arc::clone(&self.tail),
            head: self.log.watch_head(),
            position: after,
            reach,
            listener,
            ready: VecDeque::from([GREETING]),
            last_sent: Instant::now(),
            caught_up: None,
            begun: self.begun,
            _permit: permit,
            _place: place,
        };
        let sent = reader.stream().take_until(self.shutdown.clone().cancelled_owned());
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (X_ACCEL_BUFFERING, HeaderValue::from_static("no")),
        ];
        Ok((headers, Body::from_stream(sent.map(Ok::<_, Infallible>))).into_response())
    }
}

/// A reader and how far it is.
struct Reader {
    tail: Arc<Tail>,
    head: watch::Receiver<u64>,
    /// That of the last event it was given.
    position: u64,
    /// Of which projects it is given events.
    reach: Reach,
    /// Who follows, where that is asked.
    listener: Option<Listener>,
    /// What it was given and did not take yet: of one page at most.
    ready: VecDeque<Bytes>,
    last_sent: Instant,
    /// When it was given the last event there was.
    caught_up: Option<Instant>,
    begun: Instant,
    _permit: OwnedSemaphorePermit,
    _place: Option<Place>,
}

/// How many streams each credential has open; those that have none are not in it.
#[derive(Debug, Clone, Default)]
struct Bearers(Arc<Mutex<HashMap<CredentialId, usize>>>);

/// A stream of a credential, for as long as that is open.
struct Place {
    bearers: Bearers,
    credential: CredentialId,
}

impl Bearers {
    /// A place for one more stream of that credential.
    ///
    /// # Errors
    /// `too-many-streams`
    fn place(&self, credential: CredentialId) -> Result<Place, Problem> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(credential).or_default();
        if *count >= MAX_STREAMS_PER_CREDENTIAL {
            let detail = format!(
                "The credential has {MAX_STREAMS_PER_CREDENTIAL} event streams open, which is as many as one may have. Close \
                 one, or use another credential."
            );
            return Err(Problem::new(Kind::TooManyStreams, detail).retry_after(KEEP_ALIVE));
        }
        *count += 1;
        Ok(Place { bearers: self.clone(), credential })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.bearers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.credential) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.credential);
            }
        }
    }
}

impl Reader {
    fn stream(self) -> impl Stream<Item = Bytes> {
        stream::unfold(self, async |mut reader| match reader.next().await {
            Ok(bytes) => Some((bytes?, reader)),
            Err(error) => {
                ended(&error);
                None
            }
        })
    }

    /// What to send next: waits for something to be recorded, or for the time to show that the stream is alive. Nothing when
    /// whoever follows may do so no longer: that is asked once a page is there, so all of it was recorded before.
    async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                self.last_sent = Instant::now();
                return Ok(Some(bytes));
            }
            let page = match self.has_more().await? {
                true => Some(self.tail.after(self.position).await?),
                false => None,
            };
            if !self.is_admitted(page.as_ref().map(|page| page.last())).await {
                return Ok(None);
            }
            let Some(page) = page else {
                self.last_sent = Instant::now();
                return Ok(Some(SIGN_OF_LIFE));
            };
            self.ready = page.after(self.position, &self.reach);
            self.position = page.last();
            self.caught_up = (self.position >= *self.head.borrow()).then(Instant::now);
        }
    }

    async fn is_admitted(&self, read: Option<u64>) -> bool {
        match &self.listener {
            Some(listener) => listener.is_admitted(read).await,
            None => true,
        }
    }

    /// How long it waits for an event: until it is time to show that the stream is alive, or to see whether it is over.
    fn patience(&self) -> Instant {
        let until = self.listener.as_ref().and_then(Listener::until);
        until.into_iter().fold(self.last_sent + KEEP_ALIVE, Instant::min)
    }

    /// Waits for an event above its position; gives up when its patience ends.
    async fn has_more(&mut self) -> Result<bool, StoreError> {
        if let Some(at) = self.caught_up.take() {
            tokio::time::sleep_until(self.round_after(at)).await;
        }
        let (after, patience) = (self.position, self.patience());
        if *self.head.borrow() > after {
            // Whoever follows some projects may pass over the events of others for long.
            return Ok(Instant::now() < patience || self.reach == Reach::All);
        }
        match tokio::time::timeout_at(patience, self.head.wait_for(|head| *head > after)).await {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(closed)) => Err(StoreError::Unavailable(closed.into())),
            Err(_) => Ok(false),
        }
    }

    /// The start of the next round after `at`; all streams share the rounds.
    fn round_after(&self, at: Instant) -> Instant {
        let rounds = at.duration_since(self.begun).as_millis() / ROUND.as_millis() + 1;
        self.begun + ROUND * u32::try_from(rounds).unwrap_or(u32::MAX)
    }
}

/// The client connects again after [`RETRY`], and is told then what is wrong.
fn ended(error: &StoreError) {
    match error {
        StoreError::Unavailable(_) => {
            tracing::debug!(error = %Chain(error), "an event stream ends with the store")
        }
        _ => tracing::error!(error = %Chain(error), "an event stream cannot go on"),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use futures_util::FutureExt;
    use http_body_util::BodyExt;
    use mc_domain::{
        actor::Actor,
        ids::{CommandId, EventId, ProjectId},
        recorded::{Metadata, StreamId},
        values::Name,
    };
    use mc_store::{
        log::{Append, Commit, NewEvent},
        memory::MemoryLog,
    };
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    fn project(n: u128) -> ProjectId {
        ProjectId::new(Uuid::from_u128(n))
    }

    struct World {
        log: Arc<dyn EventLog>,
        shutdown: CancellationToken,
        streams: EventStreams,
    }

    fn world() -> World {
        let (log, shutdown): (Arc<dyn EventLog>, _) = (Arc::new(MemoryLog::new()), CancellationToken::new());
        let streams = EventStreams::new(Arc::clone(&log), shutdown.clone());
        World { log, shutdown, streams }
    }

    impl World {
        /// Records one event, of which only its position and project matter.
        async fn record(&self, project: ProjectId) {
            let expected = self.log.head();
            let metadata = Metadata {
                event_id: EventId::new(Uuid::from_u128(expected.into())),
                recorded_at: DateTime::UNIX_EPOCH,
                actor: Actor::Human(Name::new("Sofie").unwrap()),
                project: Some(project),
                command_id: CommandId::new(Uuid::nil()),
                idempotency_key: None,
                credential: None,
            };
            let event = NewEvent {
                event_type: "task.claimed".into(),
                event_version: 1,
                payload: r#"{"claimed":{"by":"x"}}"#.to_owned(),
                metadata,
            };
            let stream = StreamId { aggregate_type: "task".into(), aggregate_id: "t-1".to_owned() };
            let appends = vec![Append { stream, expected, events: vec![event] }];
            self.log.append(Commit { appends, ..Commit::default() }).await.unwrap();
        }

        fn open(&self, after: u64, reach: Reach) -> Client {
            Client { body: self.streams.open(after, reach, None).unwrap().into_body(), ids: VecDeque::new() }
        }
    }

    struct Client {
        body: axum::body::Body,
        /// Of events that came with others, and nobody asked for yet.
        ids: VecDeque<u64>,
    }

    impl Client {
        /// The next part of the stream; nothing at its end.
        async fn part(&mut self) -> Option<String> {
            let frame = self.body.frame().await?.unwrap();
            Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
        }

        async fn ids(&mut self, count: usize) -> Vec<u64> {
            while self.ids.len() < count {
                let part = self.part().await.unwrap();
                let ids = part.lines().filter_map(|line| line.strip_prefix("id: "));
                self.ids.extend(ids.map(|id| id.parse::<u64>().unwrap()));
            }
            self.ids.drain(..count).collect()
        }
    }

    #[tokio::test]
    async fn an_event_is_sent_with_its_place_and_circumstances() {
        let world = world();
        world.record(project(1)).await;
        let mut client = world.open(0, Reach::All);
        assert!(client.part().await.unwrap().contains("retry: 2000"));
        let part = client.part().await.unwrap();
        let field = |name: &str| part.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        assert_eq!((field("id: "), field("event: ")), ("1", "task.claimed"));
        assert_eq!(
            serde_json::from_str::<Value>(field("data: ")).unwrap(),
            json!({
                "position": 1, "eventId": Uuid::nil(), "at": "1970-01-01T00:00:00.000Z",
                "actor": {"type": "human", "id": "Sofie"}, "type": "task.claimed", "eventVersion": 1,
                "entity": {"kind": "task", "id": "t-1"}, "version": 1, "projectId": project(1),
                "credentialId": null,
                "data": {"claimed": {"by": "x"}}
            })
        );
    }

    #[tokio::test]
    async fn a_client_that_comes_back_misses_and_repeats_nothing() {
        let world = world();
        for _ in 0..3 {
            world.record(project(1)).await;
        }
        let mut first = world.open(0, Reach::All);
        assert_eq!(first.ids(2).await, [1, 2]);
        drop(first);
        world.record(project(1)).await;

        let start = world.streams.start(LastEventId(Some(2)), Some(0)).unwrap();
        let mut second = world.open(start, Reach::All);
        assert_eq!(second.ids(2).await, [3, 4]);
        world.record(project(1)).await;
        assert_eq!(second.ids(1).await, [5]);
    }

    #[tokio::test]
    async fn only_the_events_within_reach_are_sent() {
        let world = world();
        for n in [1, 2, 3, 1, 2] {
            world.record(project(n)).await;
        }
        assert_eq!(world.open(0, Reach::of(project(2))).ids(2).await, [2, 5]);
        let two = Reach::Only([project(1), project(2)].into());
        assert_eq!(world.open(0, two).ids(4).await, [1, 2, 4, 5]);
    }

    #[tokio::test]
    async fn a_client_that_says_nothing_starts_at_the_head() {
        let world = world();
        world.record(project(1)).await;
        assert_eq!(world.streams.start(LastEventId(None), None).unwrap(), 1);
        assert_eq!(world.streams.start(LastEventId(None), Some(0)).unwrap(), 0);
    }

    #[tokio::test]
    async fn a_position_that_the_log_does_not_have_is_refused() {
        let world = world();
        let told = world.streams.start(LastEventId(Some(1)), None).unwrap_err();
        assert_eq!(told.kind(), Kind::MalformedHeader);
        let beyond = world.streams.start(LastEventId(None), Some(1)).unwrap_err();
        assert_eq!(beyond.kind(), Kind::MalformedQuery);
    }

    #[tokio::test]
    async fn streams_end_with_the_server() {
        let world = world();
        let mut client = world.open(0, Reach::All);
        client.part().await;
        world.shutdown.cancel();
        assert_eq!(client.part().await, None);
    }

    #[tokio::test]
    async fn streams_end_with_the_log() {
        let world = world();
        let mut client = world.open(0, Reach::All);
        client.part().await;
        world.log.close().await;
        assert_eq!(client.part().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_shows_that_it_is_alive() {
        let world = world();
        let mut client = world.open(0, Reach::All);
        client.part().await;
        let before = tokio::time::Instant::now();
        assert_eq!(client.part().await.unwrap().trim_end(), ":");
        assert_eq!(before.elapsed(), KEEP_ALIVE);
    }

    #[tokio::test]
    async fn the_number_of_streams_is_bounded() {
        let world = world();
        let open: Vec<_> = (0..MAX_STREAMS).map(|_| world.open(0, Reach::All)).collect();
        assert_eq!(world.streams.open(0, Reach::All, None).unwrap_err().kind(), Kind::TooManyStreams);
        drop(open);
        assert!(world.streams.open(0, Reach::All, None).is_ok());
    }

    #[tokio::test]
    async fn there_are_as_many_streams_as_there_are_connections_for() {
        let world = world();
        world.streams.keep_within(2);
        let open = [world.open(0, Reach::All), world.open(0, Reach::All)];
        assert_eq!(world.streams.open(0, Reach::All, None).unwrap_err().kind(), Kind::TooManyStreams);
        assert_eq!((world.streams.open_now(), world.streams.limit()), (2, 2));
        drop(open);
        assert_eq!(world.streams.open_now(), 0);
    }

    #[tokio::test]
    async fn readers_at_the_end_share_one_copy() {
        let world = world();
        world.record(project(1)).await;
        let (one, other) =
            (world.streams.tail.after(0).await.unwrap(), world.streams.tail.after(0).await.unwrap());
        assert!(Arc::ptr_eq(&one, &other));
    }

    #[tokio::test]
    async fn a_reader_that_fell_behind_what_is_kept_misses_and_repeats_nothing() {
        let world = world();
        for _ in 0..3 {
            world.record(project(1)).await;
        }
        // Somebody follows from the end, so that what is kept begins there.
        let mut ahead = world.open(2, Reach::All);
        assert_eq!(ahead.ids(1).await, [3]);
        let mut behind = world.open(0, Reach::All);
        world.record(project(1)).await;
        assert_eq!(ahead.ids(1).await, [4]);
        assert_eq!(behind.ids(4).await, [1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn a_reader_that_stands_still_holds_up_nobody() {
        let world = world();
        let mut still = world.open(0, Reach::All);
        still.part().await;
        world.record(project(1)).await;
        // It asks for the page, and is not asked again before that is there.
        let waiting = still.part().now_or_never();
        assert_eq!(world.open(0, Reach::All).ids(1).await, [1]);
        drop(waiting);
    }

    #[tokio::test]
    async fn proxies_neither_buffer_nor_store_the_stream() {
        let response = world().streams.open(0, Reach::All, None).unwrap();
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
    }
}
