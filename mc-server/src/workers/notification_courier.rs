//! Delivers queued notifications, and tries again those that do not arrive.
//!
//! Several are on their way at a time, but of each recipient one: what is for one arrives in the order in which it was
//! queued, and a recipient that does not answer takes one of the places and no more. What failed waits for its time and
//! lets the next go ahead.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt};
use mc_domain::{
    ids::NotificationId,
    notification::{Command, Notification},
    operation::fail_notification,
    reach::Reach,
    values::Reason,
};
use mc_projections::{
    instant::Millis,
    notifications::{Due, Lane, NotificationView},
};
use mc_store::error::StoreError;
use serde::Serialize;
use tokio::{
    sync::watch,
    time::{Instant, error::Elapsed},
};

use super::{Worker, context::batch, term::Term};
use crate::{app::App, health::Backlog, webhook::Webhook};

/// The number of deliveries at a time.
const ON_THEIR_WAY: usize = 8;
/// The most that one turn sends to one recipient.
const SENT_TO_ONE: usize = 256;
/// How long a turn goes on sending; what is under way then is waited for.
const SENDS_FOR: Duration = Duration::from_secs(1);
/// The longest time of one delivery; after it the notification counts as lost.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);
/// The most outcomes that are recorded in one commit.
const OUTCOMES_PER_COMMIT: usize = 256;

/// The way a notification takes to its recipient; tests bring their own.
pub(super) trait Channel: Send + Sync + 'static {
    /// Delivers one notification; the error says why it did not arrive.
    fn send(&self, id: NotificationId, now: DateTime<Utc>)
    -> impl Future<Output = Result<(), Reason>> + Send;
}

/// Where notifications go: to wherever they are pulled from, and to a webhook besides where there is one.
pub(super) struct Ways {
    app: App,
    webhook: Option<Arc<Webhook>>,
}

impl Ways {
    pub(super) fn new(app: App, webhook: Option<Arc<Webhook>>) -> Self {
        Self { app, webhook }
    }
}

/// The body that is posted to the webhook, as its receiver reads it.
#[derive(Debug, Serialize)]
struct WebhookBody<'a> {
    #[serde(rename = "type")]
    what: String,
    timestamp: Millis,
    data: NotificationView<'a>,
}

impl Channel for Ways {
    /// Without a webhook a notification has arrived when it is there to be pulled, with a heartbeat or from the list.
    async fn send(&self, id: NotificationId, now: DateTime<Utc>) -> Result<(), Reason> {
        let Some(webhook) = &self.webhook else { return Ok(()) };
        let body = self.app.read(|views| {
            let data = views.notifications.view(id, &views.agents)?;
            let body =
                WebhookBody { what: format!("notification.{}", data.kind), timestamp: data.created_at, data };
            serde_json::to_string(&body).ok()
        });
        let body = body.await.map_err(|problem| failure(problem.detail()))?;
        let body = body.ok_or_else(|| failure("it is not in the views"))?;
        webhook.post(id.to_string(), body, now).await.map_err(|error| failure(&error))
    }
}

fn failure(what: &str) -> Reason {
    Reason::truncated(what).unwrap_or_else(|| Reason::new("it did not say why").expect("it is a constant"))
}

/// How the delivery of a notification ended.
#[derive(Debug)]
enum Outcome {
    Arrived,
    TooLate,
    Lost(Reason),
}

impl Outcome {
    fn of(sent: Result<Result<(), Reason>, Elapsed>) -> Self {
        match sent {
            Ok(Ok(())) => Self::Arrived,
            Ok(Err(error)) => Self::Lost(error),
            Err(_) => Self::Lost(failure(&format!("it did not arrive within {ARRIVES_WITHIN:?}"))),
        }
    }
}

/// The worker that delivers notifications and records how each delivery ended.
pub(super) struct NotificationCourier<C> {
    term: Term,
    channel: C,
    turn: u64,
    /// The turn in which each recipient was last sent something; of those that something is due for.
    served: BTreeMap<String, u64>,
    left: Backlog,
    head: watch::Receiver<u64>,
}

impl<C: Channel> NotificationCourier<C> {
    pub(super) fn new(term: Term, channel: C) -> Self {
        let head = term.app().log().watch_head();
        Self { term, channel, turn: 0, served: BTreeMap::new(), left: Backlog::default(), head }
    }
}

impl<C: Channel> Worker for NotificationCourier<C> {
    const NAME: &'static str = "notification-courier";
    const SAYS: &'static str = "[NotificationCourier] Delivering notifications...";
    const TELLS_EVERY_TICK: bool = false;
    const EVERY: Duration = Duration::from_secs(10);

    async fn tick(&mut self, now: DateTime<Utc>) -> Result<usize, StoreError> {
        self.head.mark_unchanged();
        self.left = Backlog::default();
        self.turn += 1;
        let lanes = self.lanes(now).await?;
        let outcomes = self.carry(lanes, now).await;
        let mut done = 0;
        for outcomes in outcomes.chunks(OUTCOMES_PER_COMMIT) {
            done += self.note(outcomes, now).await?;
        }
        self.left = self.rest(now).await?;
        Ok(done)
    }

    fn backlog(&self) -> Backlog {
        self.left
    }

    /// Something is queued, or was left over.
    async fn woken(&mut self) {
        if self.left.since.is_some() {
            return tokio::task::yield_now().await;
        }
        if self.head.changed().await.is_err() {
            // The log is closed: nothing happens any more.
            std::future::pending::<()>().await;
        }
    }
}

impl<C: Channel> NotificationCourier<C> {
    /// What is due, those recipients first that were served longest ago: slow ones take turns with the others.
    async fn lanes(&self, now: DateTime<Utc>) -> Result<Vec<Lane>, StoreError> {
        self.term.views_reach(0).await?;
        let mut lanes = self.term.app().projected().read(|views| views.notifications.due(now, SENT_TO_ONE));
        lanes.sort_by_key(|lane| (self.served.get(&lane.recipient).copied(), lane.since));
        Ok(lanes)
    }

    async fn carry(&mut self, lanes: Vec<Lane>, now: DateTime<Utc>) -> Vec<(Due, Outcome)> {
        let until = Instant::now() + SENDS_FOR;
        let courier = &*self;
        let sent = stream::iter(lanes).map(|lane| async move {
            let outcomes = courier.send(&lane.due, now, until).await;
            (lane.recipient, outcomes)
        });
        let sent: Vec<_> = sent.buffer_unordered(ON_THEIR_WAY).collect().await;
        let served = sent.iter().filter_map(|(recipient, outcomes)| {
            let last = self.served.get(recipient).copied();
            let turn = if outcomes.is_empty() { last } else { Some(self.turn) };
            turn.map(|turn| (recipient.clone(), turn))
        });
        self.served = served.collect();
        sent.into_iter().flat_map(|(_, outcomes)| outcomes).collect()
    }

    /// Sends one recipient what is due, one after the other. What is broken off with the term is tried again in the
    /// next one, under the same identity.
    async fn send(&self, due: &[Due], now: DateTime<Utc>, until: Instant) -> Vec<(Due, Outcome)> {
        let mut outcomes = Vec::new();
        for due in due {
            if Instant::now() >= until || self.term.is_over() {
                break;
            }
            if now >= due.expires_at {
                outcomes.push((*due, Outcome::TooLate));
                continue;
            }
            let sent = tokio::select! {
                sent = tokio::time::timeout(ARRIVES_WITHIN, self.channel.send(due.id, now)) => sent,
                () = self.term.ended() => break,
            };
            outcomes.push((*due, Outcome::of(sent)));
        }
        outcomes
    }

    /// Records what became of them. A rule says of each whether it is still to be recorded, so doing it twice changes
    /// nothing.
    async fn note(&self, outcomes: &[(Due, Outcome)], now: DateTime<Utc>) -> Result<usize, StoreError> {
        for (due, _) in outcomes {
            self.term.app().repository().load::<Notification>(&due.id).await?;
        }
        batch(&self.term, Self::NAME, now, outcomes, |tx, (due, outcome)| {
            let command = match outcome {
                Outcome::Arrived => Command::Deliver,
                Outcome::TooLate => Command::Expire,
                Outcome::Lost(error) => {
                    return Ok(fail_notification(tx, due.id, due.project, error.clone())?);
                }
            };
            let notification = tx.get::<Notification>(&due.id)?;
            tx.execute_in(due.project, &notification, command)?;
            Ok(())
        })
        .await
    }

    /// What waits after a turn, and since when what is due.
    async fn rest(&self, now: DateTime<Utc>) -> Result<Backlog, StoreError> {
        self.term.views_reach(0).await?;
        Ok(self.term.app().projected().read(|views| Backlog {
            items: views.notifications.waiting(&Reach::All) as u64,
            since: views.notifications.due_since(&Reach::All).filter(|since| *since <= now),
        }))
    }
}
