use std::{
    borrow::Cow,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use mc_domain::{
    actor::Actor,
    agent::{self, Role},
    budget::{self, Budget, Key},
    ids::{AgentId, ProjectId},
    money::Usd,
    project::{self, Profile},
    reach::Reach,
    recorded::StreamId,
    task::{self, Details, MessageKind, Status, TaskType},
    values::{Name, Reason, Slug, Text},
};
use mc_store::{
    log::{Answered, Append, Appended, Commit, NewEvent, RecordedKey},
    memory::MemoryLog,
};
use uuid::Uuid;

use super::*;
use crate::{
    activity::{ActivityQuery, MAX_RECENT},
    as_of::{Subject, streams_as_of},
    history::HistoryQuery,
    page::Order,
    script::Script,
};

fn log() -> Arc<dyn EventLog> {
    Arc::new(MemoryLog::new())
}

async fn append(log: &Arc<dyn EventLog>, stream: StreamId, expected: u64, event: NewEvent) -> u64 {
    let appends = vec![Append { stream, expected, events: vec![event] }];
    log.append(Commit { appends, ..Commit::default() }).await.unwrap().position()
}

async fn record(log: &Arc<dyn EventLog>, script: &Script) -> u64 {
    for event in script.events().iter().skip(log.head() as usize) {
        let new = codec::encode_any(&event.event, event.metadata.clone());
        append(log, event.stream.clone(), event.version - 1, new).await;
    }
    log.head()
}

fn project() -> ProjectId {
    ProjectId::new(Uuid::from_u128(1))
}

fn with_scout() -> Script {
    let mut script = Script::new();
    let profile = agent::Profile::new(Name::new("Scout").unwrap(), Role::Intern);
    script.agent(1, |at| agent::Event::Registered {
        project: project(),
        profile,
        parent: None,
        purpose: None,
        at,
    });
    script
}

fn create(script: &mut Script, number: u128, title: &str) -> mc_domain::ids::TaskId {
    let details = Details::titled(title, TaskType::Docs).unwrap();
    let creator = Actor::Human(Name::new("Sofie").unwrap());
    script.task(number, |at| task::Event::Created { project: project(), details, parent: None, creator, at })
}

fn comment(script: &mut Script, number: u128, text: &str) {
    let content = Some(Text::new(text).unwrap());
    let id = Uuid::from_u128(script.events().len() as u128).into();
    script.task(number, |at| task::Event::MessagePosted {
        id,
        kind: MessageKind::Comment,
        author: Actor::Human(Name::new("Sofie").unwrap()),
        content,
        artifacts: vec![],
        mentions: Default::default(),
        reply_to: None,
        at,
    });
}

/// An event as another program could have written it.
fn raw(script: &Script, payload: &str) -> NewEvent {
    NewEvent {
        event_type: Cow::Borrowed("task.created"),
        event_version: 1,
        payload: payload.to_owned(),
        metadata: script.events()[0].metadata.clone(),
    }
}

fn stream(aggregate_type: &'static str) -> StreamId {
    StreamId { aggregate_type: Cow::Borrowed(aggregate_type), aggregate_id: Uuid::from_u128(9).to_string() }
}

#[tokio::test]
async fn a_write_is_read_once_its_position_is_reached() {
    let (log, mut script) = (log(), with_scout());
    let views = Runner::start(Arc::clone(&log));
    for number in 1..=3 {
        let task = create(&mut script, number, "Write the guide");
        let position = record(&log, &script).await;
        views.wait_for(position).await.unwrap();
        assert!(views.read(|views| views.tasks.view(task, &views.agents).is_some()));
    }
    assert_eq!(views.position(), 4);
    assert!(views.trouble().is_none());
}

#[tokio::test]
async fn a_long_past_is_caught_up_with_while_progress_is_told() {
    let (log, mut script) = (log(), with_scout());
    create(&mut script, 1, "Write the guide");
    (0..2_000).for_each(|_| comment(&mut script, 1, "on it"));
    record(&log, &script).await;
    let views = Runner::start(Arc::clone(&log));
    let mut told = Vec::new();
    views.catch_up(|position, head| told.push((position, head))).await.unwrap();
    assert_eq!(told.last(), Some(&(2_002, 2_002)));
    assert!(told.is_sorted() && told.len() > 2, "{told:?}");
    assert_eq!(views.read(|views| views.clone()), script.views());
    assert_eq!(views.lag(), 0);
}

#[tokio::test]
async fn events_of_others_are_passed_over_and_counted() {
    let (log, script) = (log(), with_scout());
    record(&log, &script).await;
    append(&log, stream("invoice"), 0, raw(&script, r#"{"paid":{}}"#)).await;
    let views = Runner::start(Arc::clone(&log));
    views.caught_up().await.unwrap();
    assert_eq!(views.read(|views| views.position()), 2);
}

#[tokio::test]
async fn a_damaged_event_stops_the_views_where_it_is_and_for_all_to_see() {
    let (log, script) = (log(), with_scout());
    record(&log, &script).await;
    append(&log, stream("task"), 0, raw(&script, r#"{"no_such_event":{}}"#)).await;
    let views = Runner::start(Arc::clone(&log));
    let stopped = views.caught_up().await.unwrap_err();
    assert_eq!(stopped.position, 1);
    assert!(matches!(stopped.cause.as_deref(), Some(StoreError::Corrupt { position: 2, .. })));
    assert!(matches!(views.trouble(), Some(Stopped { position: 1, cause: Some(_) })));
    assert_eq!(views.read(|views| views.position()), 1);
    views.wait_for(1).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_log_that_does_not_answer_is_asked_again() {
    let flaky = Arc::new(Flaky { log: MemoryLog::new(), failures: AtomicU32::new(MAX_RETRIES) });
    let log: Arc<dyn EventLog> = Arc::clone(&flaky) as _;
    let script = with_scout();
    record(&log, &script).await;
    let views = Runner::start(log);
    views.caught_up().await.unwrap();
    assert!(views.trouble().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_log_that_never_answers_stops_the_views() {
    let flaky = Arc::new(Flaky { log: MemoryLog::new(), failures: AtomicU32::new(MAX_RETRIES + 1) });
    let log: Arc<dyn EventLog> = Arc::clone(&flaky) as _;
    record(&log, &with_scout()).await;
    let views = Runner::start(log);
    let stopped = views.caught_up().await.unwrap_err();
    assert!(matches!(stopped.cause.as_deref(), Some(StoreError::Unavailable(_))));
    assert!(views.trouble().is_some());
}

/// A log whose first reads fail.
struct Flaky {
    log: MemoryLog,
    failures: AtomicU32,
}

impl EventLog for Flaky {
    fn append(&self, commit: Commit) -> BoxFuture<'_, Result<Appended, StoreError>> {
        self.log.append(commit)
    }

    fn answered<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Answered>, StoreError>> {
        self.log.answered(key)
    }

    fn keys(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<RecordedKey>, StoreError>> {
        self.log.keys(after, limit)
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StoredEvent>, StoreError>> {
        self.log.read_stream(stream, after, limit)
    }

    fn read_all(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        let fails = self.failures.load(Relaxed);
        if fails == 0 {
            return self.log.read_all(after, limit);
        }
        self.failures.store(fails - 1, Relaxed);
        Box::pin(async { Err(StoreError::Unavailable("no answer".into())) })
    }

    fn first_since(&self, time: DateTime<Utc>) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        self.log.first_since(time)
    }

    fn head(&self) -> u64 {
        self.log.head()
    }

    fn watch_head(&self) -> watch::Receiver<u64> {
        self.log.watch_head()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.log.close()
    }
}

#[tokio::test]
async fn nobody_waits_for_a_log_that_was_closed() {
    let log = log();
    let views = Runner::start(Arc::clone(&log));
    let waiting = tokio::spawn({
        let views = views.clone();
        async move { views.wait_for(1).await }
    });
    log.close().await;
    assert_eq!(waiting.await.unwrap().unwrap_err().position, 0);
}

#[tokio::test]
async fn the_runner_ends_with_the_last_handle() {
    let log = log();
    let views = Runner::start(Arc::clone(&log));
    let mut progress = views.progress();
    drop(views.clone());
    assert!(progress.has_changed().is_ok());
    drop(views);
    assert!(progress.changed().await.is_err());
}

#[tokio::test]
async fn an_agent_is_told_as_it_was_with_what_its_budgets_said_then() {
    let (log, mut script) = (log(), with_scout());
    let scout = AgentId::new(Uuid::from_u128(1));
    let key = Key::AgentDay(scout, script.now().date_naive());
    let adjust = |script: &mut Script, before, after| {
        let (spent_before, spent_after) = (Usd::cents(before), Usd::cents(after));
        script.record::<Budget>(&key, |at| budget::Event::Adjusted { spent_before, spent_after, at });
    };
    adjust(&mut script, 0, 150);
    create(&mut script, 1, "Elsewhere");
    adjust(&mut script, 150, 0);
    record(&log, &script).await;
    let streams = Subject::Agent(scout).streams(&script.views());
    let spent = |views: &Views| views.agents.view(scout, script.now(), None).unwrap().today_spend.0;
    let before = streams_as_of(log.as_ref(), &streams, 3).await.unwrap();
    assert_eq!((spent(&before), before.position()), (Usd::cents(150), 2));
    let after = streams_as_of(log.as_ref(), &streams, 4).await.unwrap();
    assert_eq!(spent(&after), Usd::ZERO);
}

#[tokio::test]
async fn a_thread_and_a_timeline_are_read_page_by_page() {
    let (log, mut script) = (log(), with_scout());
    let task = create(&mut script, 1, "Write the guide");
    create(&mut script, 2, "Another");
    comment(&mut script, 1, "first");
    comment(&mut script, 2, "elsewhere");
    comment(&mut script, 1, "second");
    let views = Runner::start(Arc::clone(&log));
    views.wait_for(record(&log, &script).await).await.unwrap();

    let mut query = HistoryQuery { limit: Some(1), ..HistoryQuery::default() };
    let page = views.thread(task, &query).await.unwrap();
    assert_eq!(page.items[0].content.as_deref(), Some("first"));
    query.cursor = page.next;
    let page = views.thread(task, &query).await.unwrap();
    assert_eq!(page.items[0].content.as_deref(), Some("second"));
    assert_eq!(page.next, None);

    let newest = HistoryQuery { order: Some(Order::Desc), ..HistoryQuery::default() };
    let page = views.timeline(task, &newest).await.unwrap();
    let told: Vec<_> = page.items.iter().map(|entry| entry.summary.as_str()).collect();
    assert_eq!(
        told,
        [
            "Sofie commented on the task: second",
            "Sofie commented on the task: first",
            "Sofie created the task"
        ]
    );
}

#[tokio::test]
async fn the_activity_goes_back_beyond_what_is_kept_in_memory() {
    let (log, mut script) = (log(), with_scout());
    create(&mut script, 1, "Write the guide");
    (0..MAX_RECENT).for_each(|_| comment(&mut script, 1, "on it"));
    let views = Runner::start(Arc::clone(&log));
    views.wait_for(record(&log, &script).await).await.unwrap();

    let mut query = ActivityQuery { limit: Some(900), ..ActivityQuery::default() };
    let mut seen = Vec::new();
    loop {
        let page = views.activity(&query).await.unwrap();
        seen.extend(page.items.iter().map(|entry| entry.position));
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => break,
        }
    }
    let all: Vec<u64> = (1..=MAX_RECENT as u64 + 2).rev().collect();
    assert_eq!(seen, all);

    let joined = ActivityQuery { kind: vec!["agent".to_owned()], ..ActivityQuery::default() };
    let page = views.activity(&joined).await.unwrap();
    assert_eq!(page.items[0].summary, "Sofie registered Scout as an intern");
    assert_eq!(page.items[0].entity.kind, "agent");
    assert_eq!((page.items.len(), page.next), (1, None));
}

#[tokio::test]
async fn news_within_a_reach_are_those_of_its_projects_beyond_what_is_kept_too() {
    let (log, mut script) = (log(), with_scout());
    let mut found = |number: u128, slug: &str| {
        let (slug, profile) = (Slug::new(slug).unwrap(), Profile::new(Name::new("OpenClaw").unwrap()));
        let id = script.project(number, |at| project::Event::Created { slug, profile, at });
        (id, script.events().len() as u64)
    };
    let [first, second, third] = [found(1, "one"), found(2, "two"), found(3, "three")];
    create(&mut script, 1, "Write the guide");
    (0..MAX_RECENT).for_each(|_| comment(&mut script, 1, "on it"));
    let views = Runner::start(Arc::clone(&log));
    views.wait_for(record(&log, &script).await).await.unwrap();

    let of = async |reach| {
        let page = views.activity(&ActivityQuery { reach, ..ActivityQuery::default() }).await.unwrap();
        (page.items.iter().map(|entry| entry.position).collect::<Vec<_>>(), page.next.is_some())
    };
    assert_eq!(of(Reach::Only([first.0, second.0].into())).await, (vec![second.1, first.1], false));
    assert_eq!(of(Reach::of(second.0)).await, (vec![second.1], false));
    assert!(!of(Reach::of(third.0)).await.0.contains(&second.1));
    assert_eq!(of(Reach::Only([].into())).await, (vec![], false));
}

#[tokio::test]
async fn a_reason_is_part_of_what_is_told() {
    let (log, mut script) = (log(), with_scout());
    let task = create(&mut script, 1, "Write the guide");
    let reason = Reason::new("the brief is missing").unwrap();
    script.task(1, |at| task::Event::Blocked { from: Status::Inbox, reason, at });
    let views = Runner::start(Arc::clone(&log));
    views.wait_for(record(&log, &script).await).await.unwrap();
    let page = views.timeline(task, &HistoryQuery::default()).await.unwrap();
    assert_eq!(page.items[1].summary, "Sofie blocked the task: the brief is missing");
    let page = views.activity(&ActivityQuery::default()).await.unwrap();
    assert_eq!(page.items[0].summary, "Sofie blocked “Write the guide”: the brief is missing");
}
