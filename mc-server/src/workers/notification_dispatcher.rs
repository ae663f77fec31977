//! Tells agents and operators what concerns them: queues it as it happens, delivers it, and tries again.

use std::{collections::BTreeSet, future::Future, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use mc_domain::{
    aggregate::{Aggregate, Moment},
    ids::NotificationId,
    notification::{self, Command, LASTS, Notice, Notification},
    operation::{Decision, Entity, fail_notification},
    process::{Outbox, Waiting},
    values::Reason,
};
use mc_projections::{instant::Millis, notifications::NotificationView};
use mc_store::error::StoreError;
use serde::Serialize;
use tokio::sync::{Mutex, watch};

use super::{
    Worker,
    office::{Follower, command},
};
use crate::{
    decide::ask,
    state::{App, Refused},
    webhook::Webhook,
};

/// The most notifications that one turn tries to deliver; the rest follows in the next.
const DELIVERED_AT_ONCE: usize = 64;
/// How many of them are on their way at a time.
const ON_THEIR_WAY: usize = 8;

/// The way to the recipients.
pub(super) trait Channel: Send + Sync + 'static {
    /// Brings one notification on its way; the error says why it did not arrive.
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

/// What a webhook is told.
#[derive(Debug, Serialize)]
struct Told<'a> {
    #[serde(rename = "type")]
    what: String,
    timestamp: Millis,
    data: NotificationView<'a>,
}

impl Channel for Ways {
    /// Without a webhook a notification has arrived when it is there to be pulled, with a heartbeat or from the list.
    async fn send(&self, id: NotificationId, now: DateTime<Utc>) -> Result<(), Reason> {
        let Some(webhook) = &self.webhook else { return Ok(()) };
        let told = self.app.read(|views| {
            let data = views.notifications.view(id, &views.agents)?;
            let told = Told { what: format!("notification.{}", data.kind), timestamp: data.created_at, data };
            serde_json::to_string(&told).ok()
        });
        let told = told.await.map_err(|problem| failure(problem.detail()))?;
        let told = told.ok_or_else(|| failure("it is not in the views"))?;
        webhook.post(id.to_string(), told, now).await.map_err(|error| failure(&error))
    }
}

fn failure(what: &str) -> Reason {
    Reason::truncated(what).unwrap_or_else(|| Reason::new("it did not say why").expect("it is a constant"))
}

/// The notification dispatcher.
pub(super) struct NotificationDispatcher<C> {
    app: App,
    channel: C,
    outbox: Mutex<Option<Follower<Outbox>>>,
    head: watch::Receiver<u64>,
}

impl<C: Channel> NotificationDispatcher<C> {
    pub(super) fn new(app: App, channel: C) -> Self {
        let head = app.log().watch_head();
        Self { app, channel, outbox: Mutex::default(), head }
    }
}

impl<C: Channel> Worker for NotificationDispatcher<C> {
    const NAME: &'static str = "notification-dispatcher";
    const SAYS: &'static str = "[NotificationDispatcher] Processing notifications...";
    const TELLS_EVERY_TICK: bool = true;
    const EVERY: Duration = Duration::from_secs(30);

    /// What happened a day ago or longer is told nobody any more, so a server that was down for long, or that reads an
    /// old log for the first time, does not begin with a flood.
    async fn tick(&mut self, now: DateTime<Utc>) -> Result<usize, StoreError> {
        self.head.mark_unchanged();
        let operators = || BTreeSet::from([self.app.operator().clone()]);
        let log = Arc::clone(self.app.log());
        let mut outbox = self.outbox.lock().await;
        let outbox = outbox.get_or_insert_with(|| Follower::new(Outbox::new(operators(), now - LASTS)));
        outbox.catch_up(log.as_ref()).await?;
        let mut done = 0;
        for notice in outbox.fold.to_queue(now) {
            done += self.queue(notice, now).await?;
        }
        outbox.catch_up(log.as_ref()).await?;
        let due = outbox.fold.due(now).into_iter().take(DELIVERED_AT_ONCE);
        let delivered = stream::iter(due.map(|(id, waiting)| self.deliver(id, waiting, now)));
        let delivered: Vec<_> = delivered.buffer_unordered(ON_THEIR_WAY).try_collect().await?;
        Ok(done + delivered.into_iter().sum::<usize>())
    }

    async fn woken(&mut self) {
        if self.head.changed().await.is_err() {
            // The log is closed: nothing happens any more.
            std::future::pending::<()>().await;
        }
    }
}

impl<C: Channel> NotificationDispatcher<C> {
    async fn queue(&self, notice: Notice, now: DateTime<Utc>) -> Result<usize, StoreError> {
        let (id, project) = (notice.id(), notice.project);
        let queued = command(&self.app, Self::NAME, project, now, format!("queue/{id}"), |unit, moment| {
            let notification = unit.load::<Notification>(&id)?;
            let events = decide(&notification, Command::Queue(notice.clone()), moment)?;
            Ok(Decision::of(&notification, project, events))
        });
        queued.await
    }

    async fn deliver(
        &self,
        id: NotificationId,
        waiting: Waiting,
        now: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let notification = self.app.repository().load::<Notification>(&id).await?;
        let attempt = notification.queued().map_or(0, |queued| queued.attempts);
        if now >= waiting.expires_at {
            return self.note(id, waiting, now, "expire", Command::Expire).await;
        }
        // What is broken off with the server is tried again when it comes back, under the same identity.
        let sent = tokio::select! {
            sent = self.channel.send(id, now) => sent,
            () = self.app.shutdown().cancelled() => return Ok(0),
        };
        match sent {
            Ok(()) => self.note(id, waiting, now, "deliver", Command::Deliver).await,
            Err(error) => {
                let key = format!("attempt/{id}/{attempt}");
                let failed = command(&self.app, Self::NAME, waiting.project, now, key, |unit, moment| {
                    let notification = unit.load::<Notification>(&id)?;
                    ask(unit, |cast| {
                        fail_notification(&notification, waiting.project, error.clone(), cast, moment)
                    })
                });
                failed.await
            }
        }
    }

    async fn note(
        &self,
        id: NotificationId,
        waiting: Waiting,
        now: DateTime<Utc>,
        what: &str,
        then: Command,
    ) -> Result<usize, StoreError> {
        let noted =
            command(&self.app, Self::NAME, waiting.project, now, format!("{what}/{id}"), |unit, moment| {
                let notification = unit.load::<Notification>(&id)?;
                let events = decide(&notification, then.clone(), moment)?;
                Ok(Decision::of(&notification, waiting.project, events))
            });
        noted.await
    }
}

fn decide(
    notification: &Entity<Notification>,
    command: Command,
    moment: &Moment,
) -> Result<Vec<notification::Event>, Refused> {
    notification.decide(command, moment).map_err(|rejection| Refused::Rule(rejection.into()))
}
