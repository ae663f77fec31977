//! Driving a `Projection`.

use std::{sync::Arc, time::Duration};

use eventually::{
    projection::Projection,
    store::{EventStore, Expected, Persisted, Select},
};
use futures_util::{StreamExt, future::BoxFuture};
use mc_domain::{
    aggregate::Aggregate,
    ids::ProjectId,
    project::{Event, Project},
};
use tokio::{sync::watch, time::timeout};

use super::{created, edited, on_every_log, project, store_of, three_events};
use crate::eventually::{DriveError, LogSubscription, States, drive};

const PATIENCE: Duration = Duration::from_secs(30);

/// Tells the sequence number of the last event it saw; cannot project one of them.
struct Seen {
    last: watch::Sender<u32>,
    unbearable: Option<u32>,
}

impl Projection for Seen {
    type SourceId = ProjectId;
    type Event = Event;
    type Error = String;

    fn project<'a>(&'a mut self, event: Persisted<ProjectId, Event>) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            if self.unbearable == Some(event.sequence_number()) {
                return Err("not this one".to_owned());
            }
            self.last.send_replace(event.sequence_number());
            Ok(())
        })
    }
}

#[tokio::test]
async fn a_driven_projection_follows_the_log_until_it_is_closed() {
    on_every_log(async |log| {
        three_events(&log).await;
        let mut seen = Seen { last: watch::Sender::new(0), unbearable: None };
        let mut last = seen.last.subscribe();
        let subscription = Arc::new(LogSubscription::after(store_of::<Project>(&log), 0));
        let driven = Arc::clone(&subscription);
        let driver = tokio::spawn(async move { drive(&*driven, &mut seen).await });
        timeout(PATIENCE, last.wait_for(|last| *last == 3)).await.unwrap().unwrap();
        store_of::<Project>(&log).append(project(2), Expected::Any, vec![edited("Due")]).await.unwrap();
        timeout(PATIENCE, last.wait_for(|last| *last == 4)).await.unwrap().unwrap();
        log.close().await;
        timeout(PATIENCE, driver).await.unwrap().unwrap().unwrap();
        assert_eq!(subscription.position(), 4);
    })
    .await;
}

#[tokio::test]
async fn an_event_that_fails_to_be_projected_comes_again() {
    on_every_log(async |log| {
        three_events(&log).await;
        let mut seen = Seen { last: watch::Sender::new(0), unbearable: Some(3) };
        let subscription = LogSubscription::after(store_of::<Project>(&log), 0);
        let failed = timeout(PATIENCE, drive(&subscription, &mut seen)).await.unwrap().unwrap_err();
        assert!(matches!(failed, DriveError::Projection(why) if why == "not this one"));
        assert_eq!((subscription.position(), *seen.last.borrow()), (2, 2));
    })
    .await;
}

#[tokio::test]
async fn states_are_folds_of_their_streams() {
    on_every_log(async |log| {
        three_events(&log).await;
        let mut states = States::<Project>::default();
        let shown = states.clone();
        let projects = store_of::<Project>(&log);
        // Twice: an event that comes again changes nothing.
        for _ in 0..2 {
            let mut events = projects.stream_all(Select::All).await.unwrap();
            while let Some(event) = events.next().await {
                states.project(event.unwrap()).await.unwrap();
            }
        }
        assert_eq!(shown.get(&project(1)), Project::fold(&[created("one"), edited("Uno")]));
        assert_eq!(shown.get(&project(2)), Project::fold(&[created("two")]));
        assert_eq!(shown.get(&project(3)), Project::default());
    })
    .await;
}
