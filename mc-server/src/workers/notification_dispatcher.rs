//! Tells agents and operators what concerns them: queues it as it happens, delivers it, and tries again.

use std::{collections::BTreeSet, future::Future, time::Duration};

use chrono::{DateTime, Utc};
use mc_domain::{
    aggregate::{Aggregate, Moment},
    ids::NotificationId,
    notification::{self, Command, LASTS, Notice, Notification},
    operation::{Decision, Entity, fail_notification},
    process::{Outbox, Waiting},
    values::Reason,
};
use mc_store::error::StoreError;
use tokio::sync::watch;

use super::{
    Worker,
    office::{Follower, command},
};
use crate::{
    decide::ask,
    state::{App, Refused},
};

/// The way to the recipients.
pub(super) trait Channel: Send + Sync + 'static {
    /// Brings one notification on its way; the error says why it did not arrive.
    fn send(&self, id: NotificationId) -> impl Future<Output = Result<(), Reason>> + Send;
}

/// Without webhooks a notification has arrived when it is there to be pulled, with a heartbeat or from the list.
pub(super) struct Pulled;

impl Channel for Pulled {
    async fn send(&self, _: NotificationId) -> Result<(), Reason> {
        Ok(())
    }
}

/// The notification dispatcher.
pub(super) struct NotificationDispatcher<C> {
    app: App,
    channel: C,
    outbox: Option<Follower<Outbox>>,
    head: watch::Receiver<u64>,
}

impl<C: Channel> NotificationDispatcher<C> {
    pub(super) fn new(app: App, channel: C) -> Self {
        let head = app.log().watch_head();
        Self { app, channel, outbox: None, head }
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
        let mut outbox =
            self.outbox.take().unwrap_or_else(|| Follower::new(Outbox::new(operators(), now - LASTS)));
        outbox.catch_up(self.app.log().as_ref()).await?;
        let mut done = 0;
        for notice in outbox.fold.to_queue(now) {
            done += self.queue(notice, now).await?;
        }
        outbox.catch_up(self.app.log().as_ref()).await?;
        for (id, waiting) in outbox.fold.due(now) {
            done += self.deliver(id, waiting, now).await?;
        }
        self.outbox = Some(outbox);
        Ok(done)
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
        match self.channel.send(id).await {
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
