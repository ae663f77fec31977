//! Appending and reading by `EventStore`.

use std::sync::Arc;

use eventually::{
    aggregate::AggregateRootBuilder,
    repository::{self, Repository},
    store::{AppendError, EventStore, Expected, Select},
    versioning::Versioned,
};
use futures_util::{StreamExt, TryStreamExt, future};
use mc_domain::{
    project::{Command, Project, Rejection},
    recorded::{AnyEvent, StreamId},
    values::Slug,
};

use super::{
    circumstances, created, edited, fixed::FixedLog, on_every_log, profile, project, sofie, store_of,
    three_events,
};
use crate::{
    error::StoreError,
    eventually::{Decider, Error, Everything},
    log::{Append, Commit, EventLog, NewEvent},
};

const BEYOND: u64 = u32::MAX as u64 + 1;

#[tokio::test]
async fn a_repository_of_eventually_decides_by_our_rules() {
    on_every_log(async |log| {
        let builder = AggregateRootBuilder::from(Decider::<Project>::default());
        let mut projects = Repository::new(builder, store_of::<Project>(&log));
        let create = || Command::Create { slug: Slug::new("one").unwrap(), profile: profile("one") };
        let mut root = projects.get(project(1)).await.unwrap();
        root.handle((create(), sofie())).await.unwrap();
        root.handle((Command::Edit { profile: profile("Uno") }, sofie())).await.unwrap();
        assert_eq!(projects.add(root).await.unwrap().version(), 2);

        let mut root = projects.get(project(1)).await.unwrap();
        assert_eq!(root.handle((create(), sofie())).await.unwrap_err(), Rejection::AlreadyExists);
        root.handle((Command::Edit { profile: profile("Uno") }, sofie())).await.unwrap();
        assert_eq!(projects.add(root).await.unwrap().version(), 2, "nothing was decided");
        assert_eq!(log.head(), 2);
    })
    .await;
}

#[tokio::test]
async fn an_append_at_another_version_is_a_conflict() {
    on_every_log(async |log| {
        let mut projects = store_of::<Project>(&log);
        assert_eq!(projects.append(project(1), Expected::Exact(0), vec![created("one")]).await.unwrap(), 1);
        let refused = projects.append(project(1), Expected::Exact(0), vec![edited("Uno")]).await.unwrap_err();
        assert!(refused.is_conflict_error());
        assert!(matches!(refused, Error::Store(StoreError::Conflict { expected: 0, actual: 1, .. })));
        assert_eq!(log.head(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_race_between_two_repositories_has_one_winner() {
    on_every_log(async |log| {
        three_events(&log).await;
        let builder = AggregateRootBuilder::from(Decider::<Project>::default());
        let mut projects = Repository::new(builder, store_of::<Project>(&log));
        let (mut one, mut other) =
            (projects.get(project(1)).await.unwrap(), projects.get(project(1)).await.unwrap());
        one.handle((Command::Edit { profile: profile("Ein") }, sofie())).await.unwrap();
        other.handle((Command::Edit { profile: profile("Une") }, sofie())).await.unwrap();
        projects.add(one).await.unwrap();
        let refused = projects.add(other).await.unwrap_err();
        assert!(matches!(&refused, repository::Error::Store(error) if error.is_conflict_error()));
    })
    .await;
}

#[tokio::test]
async fn appends_at_any_version_all_succeed() {
    on_every_log(async |log| {
        three_events(&log).await;
        let appends = (0..20).map(|number| {
            let mut projects = store_of::<Project>(&log);
            async move {
                projects.append(project(1), Expected::Any, vec![edited(&format!("Name {number}"))]).await
            }
        });
        let mut versions = future::try_join_all(appends).await.unwrap();
        versions.sort_unstable();
        assert_eq!(versions, (3..=22).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn an_append_of_no_events_is_refused() {
    on_every_log(async |log| {
        for expected in [Expected::Any, Expected::Exact(0)] {
            let refused = store_of::<Project>(&log).append(project(1), expected, vec![]).await.unwrap_err();
            assert!(matches!(refused, Error::Store(StoreError::Invalid { .. })), "{refused}");
            assert!(!refused.is_conflict_error());
        }
    })
    .await;
}

#[tokio::test]
async fn the_log_records_who_appended_and_when() {
    on_every_log(async |log| {
        let events = vec![created("one"), edited("Uno")];
        store_of::<Project>(&log).append(project(1), Expected::Any, events).await.unwrap();
        let stored = log.read_all(0, 10).await.unwrap();
        for event in &stored {
            assert_eq!(event.metadata.actor, sofie().actor);
            assert_eq!(event.metadata.recorded_at, sofie().now);
            assert_eq!(event.metadata.command_id, circumstances().command);
            assert_eq!(event.metadata.project, Some(project(1)));
        }
        assert_ne!(stored[0].metadata.event_id, stored[1].metadata.event_id);
    })
    .await;
}

#[tokio::test]
async fn a_selection_begins_with_the_place_it_names() {
    on_every_log(async |log| {
        three_events(&log).await;
        let projects = store_of::<Project>(&log);
        for (select, expected) in [
            (Select::All, vec![1, 2]),
            (Select::From(0), vec![1, 2]),
            (Select::From(1), vec![1, 2]),
            (Select::From(2), vec![2]),
            (Select::From(3), vec![]),
        ] {
            let events = projects.stream(project(1), select).await.unwrap();
            let versions: Vec<_> = events.map_ok(|event| event.version()).try_collect().await.unwrap();
            assert_eq!(versions, expected, "{select:?}");
        }
        for (select, expected) in [
            (Select::All, vec![1, 2, 3]),
            (Select::From(0), vec![1, 2, 3]),
            (Select::From(2), vec![2, 3]),
            (Select::From(u32::MAX), vec![]),
        ] {
            let events = projects.stream_all(select).await.unwrap();
            let positions: Vec<_> =
                events.map_ok(|event| event.sequence_number()).try_collect().await.unwrap();
            assert_eq!(positions, expected, "{select:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_long_stream_is_read_page_by_page() {
    on_every_log(async |log| {
        let mut projects = store_of::<Project>(&log);
        projects.append(project(1), Expected::Any, vec![created("one")]).await.unwrap();
        let edits = (0..2_500).map(|number| edited(&format!("Name {number}"))).collect();
        projects.append(project(1), Expected::Any, edits).await.unwrap();
        let one: Vec<_> =
            projects.stream(project(1), Select::All).await.unwrap().try_collect().await.unwrap();
        let all: Vec<_> = projects.stream_all(Select::From(2)).await.unwrap().try_collect().await.unwrap();
        assert_eq!(one.last().map(Versioned::version), Some(2_501));
        assert_eq!(one[1..], all);
    })
    .await;
}

#[tokio::test]
async fn everything_shows_all_aggregates_but_no_other_service() {
    on_every_log(async |log| {
        let alien = NewEvent {
            event_type: "invoice.sent".into(),
            event_version: 1,
            payload: "{}".to_owned(),
            metadata: circumstances().metadata(),
        };
        let stream = StreamId { aggregate_type: "invoice".into(), aggregate_id: "1".to_owned() };
        let appends = vec![Append { stream, expected: 0, events: vec![alien] }];
        log.append(Commit { appends, ..Commit::default() }).await.unwrap();
        three_events(&log).await;
        let store = store_of::<Everything>(&log);
        let all: Vec<_> = store.stream_all(Select::All).await.unwrap().try_collect().await.unwrap();
        assert_eq!(all.iter().map(|event| event.sequence_number()).collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!(all[2].source_id(), &StreamId::of::<Project>(&project(1)));
        assert_eq!(**all.last().unwrap(), AnyEvent::from(edited("Uno")));
    })
    .await;
}

#[tokio::test]
async fn an_event_of_another_aggregate_type_is_refused() {
    on_every_log(async |log| {
        let stream = StreamId { aggregate_type: "task".into(), aggregate_id: project(1).to_string() };
        let events = vec![AnyEvent::from(created("one"))];
        let refused = store_of::<Everything>(&log).append(stream, Expected::Any, events).await.unwrap_err();
        assert!(matches!(refused, Error::Store(StoreError::Invalid { .. })), "{refused}");
        assert_eq!(log.head(), 0);
    })
    .await;
}

#[tokio::test]
async fn an_event_that_cannot_be_read_ends_the_stream() {
    on_every_log(async |log| {
        let broken = NewEvent {
            event_type: "project.created".into(),
            event_version: 1,
            payload: "{}".to_owned(),
            metadata: circumstances().metadata(),
        };
        let stream = StreamId::of::<Project>(&project(1));
        let appends = vec![Append { stream, expected: 0, events: vec![broken] }];
        log.append(Commit { appends, ..Commit::default() }).await.unwrap();
        let projects = store_of::<Project>(&log);
        let events: Vec<_> = projects.stream_all(Select::All).await.unwrap().collect().await;
        assert!(matches!(events[..], [Err(Error::Store(StoreError::Corrupt { position: 1, .. }))]));
    })
    .await;
}

#[tokio::test]
async fn a_stream_is_not_removed() {
    on_every_log(async |log| {
        three_events(&log).await;
        let refused = store_of::<Project>(&log).remove(project(1)).await.unwrap_err();
        assert!(
            matches!(&refused, Error::Permanent { stream } if *stream == StreamId::of::<Project>(&project(1)))
        );
        assert!(!refused.is_conflict_error());
        assert_eq!(log.head(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_place_beyond_32_bits_is_an_error() {
    for (log, of) in
        [(FixedLog::with_event_at(BEYOND, 1), "position"), (FixedLog::with_event_at(1, BEYOND), "version")]
    {
        let projects = store_of::<Project>(&log);
        let of_one: Vec<_> = projects.stream(project(1), Select::All).await.unwrap().collect().await;
        let of_all: Vec<_> = projects.stream_all(Select::All).await.unwrap().collect().await;
        for events in [of_one, of_all] {
            assert!(
                matches!(events[..], [Err(Error::OutOfRange { number: BEYOND, of: what })] if what == of)
            );
        }
    }
}

#[tokio::test]
async fn the_last_place_within_32_bits_is_shown() {
    let log = FixedLog::with_event_at(u32::MAX.into(), u32::MAX.into());
    let projects = store_of::<Project>(&log);
    let events = projects.stream_all(Select::From(u32::MAX)).await.unwrap();
    let events: Vec<_> = events.try_collect().await.unwrap();
    assert_eq!((events[0].sequence_number(), events[0].version()), (u32::MAX, u32::MAX));
}

#[tokio::test]
async fn an_append_that_would_get_a_place_beyond_32_bits_appends_nothing() {
    let refused = async |log: &Arc<dyn EventLog>, expected| {
        store_of::<Project>(log).append(project(1), expected, vec![edited("Uno")]).await.unwrap_err()
    };
    let full = FixedLog::with_event_at(u32::MAX.into(), 1);
    for expected in [Expected::Any, Expected::Exact(1)] {
        let refused = refused(&full, expected).await;
        assert!(matches!(refused, Error::OutOfRange { number: BEYOND, of: "position" }), "{refused}");
    }
    on_every_log(async |log| {
        let refused = refused(&log, Expected::Exact(u32::MAX)).await;
        assert!(matches!(refused, Error::OutOfRange { number: BEYOND, of: "version" }), "{refused}");
        assert_eq!(log.head(), 0);
    })
    .await;
}
