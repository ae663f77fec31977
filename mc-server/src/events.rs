//! The log as server-sent events (WHATWG HTML, section 9.2): the past after a position first, then what is recorded.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use chrono::SecondsFormat;
use futures_util::{Stream, StreamExt, stream};
use mc_domain::ids::ProjectId;
use mc_store::{
    error::StoreError,
    log::{EventLog, StoredEvent},
    subscription::Subscription,
    upcast,
};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

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

const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The event streams of one log; clones share the limit.
#[derive(Clone)]
pub struct EventStreams {
    log: Arc<dyn EventLog>,
    shutdown: CancellationToken,
    free: Arc<Semaphore>,
}

impl EventStreams {
    /// Streams of `log` that end with `shutdown`.
    pub fn new(log: Arc<dyn EventLog>, shutdown: CancellationToken) -> Self {
        Self { log, shutdown, free: Arc::new(Semaphore::new(MAX_STREAMS)) }
    }

    /// Keeps at most so many streams open at a time from now on, and never more than [`MAX_STREAMS`].
    pub fn keep_within(&self, streams: usize) {
        self.free.forget_permits(MAX_STREAMS.saturating_sub(streams));
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

    /// Every event above position `after`, in order and each once, of one project or of all. Nothing is queued for a
    /// slow reader: the log is read as fast as the client takes it.
    ///
    /// # Errors
    /// `too-many-streams`.
    pub fn open(&self, after: u64, project: Option<ProjectId>) -> Result<Response, Problem> {
        let permit = Arc::clone(&self.free).try_acquire_owned().map_err(|_| {
            let detail = format!(
                "The server keeps {MAX_STREAMS} event streams open already. Close one, or come back later."
            );
            Problem::new(Kind::TooManyStreams, detail).retry_after(KEEP_ALIVE)
        })?;
        let greeting = stream::iter([Event::default().retry(RETRY).comment("the log follows")]);
        let events = greeting.chain(events(self.log.subscribe(after), project, permit));
        let events = events.take_until(self.shutdown.clone().cancelled_owned()).map(Ok::<_, Infallible>);
        let headers = [
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (X_ACCEL_BUFFERING, HeaderValue::from_static("no")),
        ];
        let sse = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
        Ok((headers, sse).into_response())
    }
}

/// A reader with the events it has read and not yet handed out: at most one page of the log.
struct Reader {
    subscription: Subscription,
    page: VecDeque<StoredEvent>,
    _permit: OwnedSemaphorePermit,
}

fn events(
    subscription: Subscription,
    project: Option<ProjectId>,
    permit: OwnedSemaphorePermit,
) -> impl Stream<Item = Event> {
    let reader = Reader { subscription, page: VecDeque::new(), _permit: permit };
    stream::unfold(reader, move |mut reader| async move {
        match reader.next(project).await.and_then(|stored| rendered(&stored)) {
            Ok(event) => Some((event, reader)),
            Err(error) => {
                ended(&error);
                None
            }
        }
    })
}

impl Reader {
    async fn next(&mut self, project: Option<ProjectId>) -> Result<StoredEvent, StoreError> {
        loop {
            while let Some(event) = self.page.pop_front() {
                if project.is_none() || event.metadata.project == project {
                    return Ok(event);
                }
            }
            self.page = self.subscription.next().await?.into();
        }
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

fn rendered(stored: &StoredEvent) -> Result<Event, StoreError> {
    let event = Event::default().id(stored.position.to_string()).data(document(stored)?.to_string());
    // Another service may have put its events into the log; a line break would end the field.
    let is_one_line = !stored.event_type.contains(['\r', '\n']);
    Ok(if is_one_line { event.event(&stored.event_type) } else { event })
}

fn document(stored: &StoredEvent) -> Result<Value, StoreError> {
    let payload = upcast::current(&stored.event_type, stored.event_version, &stored.payload);
    let data: Value = serde_json::from_str(&payload)
        .map_err(|error| StoreError::Corrupt { position: stored.position, reason: error.to_string() })?;
    let metadata = &stored.metadata;
    Ok(json!({
        "position": stored.position,
        "eventId": metadata.event_id,
        "at": metadata.recorded_at.to_rfc3339_opts(SecondsFormat::Millis, true),
        "actor": metadata.actor,
        "type": stored.event_type,
        "eventVersion": stored.event_version,
        "entity": { "kind": stored.stream.aggregate_type, "id": stored.stream.aggregate_id },
        "version": stored.version,
        "projectId": metadata.project,
        "data": data,
    }))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use http_body_util::BodyExt;
    use mc_domain::{
        actor::Actor,
        ids::{CommandId, EventId},
        recorded::{Metadata, StreamId},
        values::Name,
    };
    use mc_store::{
        log::{Append, Commit, NewEvent},
        memory::MemoryLog,
    };
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

        fn open(&self, after: u64, project: Option<ProjectId>) -> Client {
            Client(self.streams.open(after, project).unwrap().into_body())
        }
    }

    struct Client(axum::body::Body);

    impl Client {
        /// The next part of the stream; nothing at its end.
        async fn part(&mut self) -> Option<String> {
            let frame = self.0.frame().await?.unwrap();
            Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
        }

        async fn ids(&mut self, count: usize) -> Vec<u64> {
            let mut ids = Vec::new();
            while ids.len() < count {
                let part = self.part().await.unwrap();
                let id = part.lines().find_map(|line| line.strip_prefix("id: "));
                ids.extend(id.map(|id| id.parse::<u64>().unwrap()));
            }
            ids
        }
    }

    #[tokio::test]
    async fn an_event_is_sent_with_its_place_and_circumstances() {
        let world = world();
        world.record(project(1)).await;
        let mut client = world.open(0, None);
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
        let mut first = world.open(0, None);
        assert_eq!(first.ids(2).await, [1, 2]);
        drop(first);
        world.record(project(1)).await;

        let start = world.streams.start(LastEventId(Some(2)), Some(0)).unwrap();
        let mut second = world.open(start, None);
        assert_eq!(second.ids(2).await, [3, 4]);
        world.record(project(1)).await;
        assert_eq!(second.ids(1).await, [5]);
    }

    #[tokio::test]
    async fn only_the_events_of_the_project_are_sent() {
        let world = world();
        for n in [1, 2, 1, 2] {
            world.record(project(n)).await;
        }
        assert_eq!(world.open(0, Some(project(2))).ids(2).await, [2, 4]);
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
        let mut client = world.open(0, None);
        client.part().await;
        world.shutdown.cancel();
        assert_eq!(client.part().await, None);
    }

    #[tokio::test]
    async fn streams_end_with_the_log() {
        let world = world();
        let mut client = world.open(0, None);
        client.part().await;
        world.log.close().await;
        assert_eq!(client.part().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_shows_that_it_is_alive() {
        let world = world();
        let mut client = world.open(0, None);
        client.part().await;
        let before = tokio::time::Instant::now();
        assert_eq!(client.part().await.unwrap().trim_end(), ":");
        assert_eq!(before.elapsed(), KEEP_ALIVE);
    }

    #[tokio::test]
    async fn the_number_of_streams_is_bounded() {
        let world = world();
        let open: Vec<_> = (0..MAX_STREAMS).map(|_| world.open(0, None)).collect();
        assert_eq!(world.streams.open(0, None).unwrap_err().kind(), Kind::TooManyStreams);
        drop(open);
        assert!(world.streams.open(0, None).is_ok());
    }

    #[tokio::test]
    async fn proxies_neither_buffer_nor_store_the_stream() {
        let response = world().streams.open(0, None).unwrap();
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
    }
}
