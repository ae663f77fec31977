//! Workers: loops that find what is due and execute the ordinary commands for it.
//!
//! A worker decides nothing: it names what may be due, and the aggregates judge. Every command has an idempotency key
//! derived from what it acts on, or comes to nothing by its own rules when it is given again, so a worker that runs twice,
//! late or on two machines changes nothing more. A worker that panics is restarted with growing pauses, and `/health` tells
//! when one has been silent for too long, or is behind with its work. When the server ends, a turn ends with the command at
//! hand.

mod approval_sweeper;
mod context;
mod credential_clerk;
mod heartbeat_monitor;
mod notification_courier;
mod notification_dispatcher;
mod standup;
mod supervisor;
#[cfg(test)]
mod tests;

use std::{future::Future, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use mc_store::error::StoreError;
use tokio_util::task::TaskTracker;

use crate::{app::App, health::Backlog, webhook::Webhook};
use approval_sweeper::ApprovalSweeper;
use context::WorkerContext;
use credential_clerk::CredentialClerk;
use heartbeat_monitor::HeartbeatMonitor;
use notification_courier::{NotificationCourier, Ways};
use notification_dispatcher::NotificationDispatcher;
use standup::StandupRecorder;
use supervisor::supervise;

/// A worker: its name, its interval, and what it does at each tick.
trait Worker: Send + 'static {
    /// The name under which it acts and `/health` reports it.
    const NAME: &'static str;
    /// The line it logs at a tick.
    const SAYS: &'static str;
    /// Whether each tick is logged at level info; otherwise at level debug.
    const TELLS_EVERY_TICK: bool;
    /// The interval between two ticks.
    const EVERY: Duration;

    /// Looks once, at `now`, and does what is due: how many commands that were.
    ///
    /// A rule that stands against one of them is logged and passed over; what the store says ends the tick.
    fn tick(&mut self, now: DateTime<Utc>) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// What it left for the next turn; nothing, unless a worker may get behind.
    fn backlog(&self) -> Backlog {
        Backlog::default()
    }

    /// Completes when there is reason to look before the time; never, unless a worker knows better.
    fn woken(&mut self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}

/// The workers of a running server. They end when the server shuts down; [`Workers::ended`] waits for that.
#[derive(Debug, Default)]
pub struct Workers(TaskTracker);

impl Workers {
    /// Starts all of them. Notifications go to `webhook` too, where there is one.
    pub fn start(app: &App, webhook: Option<Webhook>) -> Self {
        let workers = TaskTracker::new();
        let context = Arc::new(WorkerContext::new(app.clone()));
        let desk = || Arc::clone(&context);
        let (monitor, sweeper, recorder) = (desk(), desk(), desk());
        workers.spawn(supervise(app.clone(), move || HeartbeatMonitor::new(Arc::clone(&monitor))));
        workers.spawn(supervise(app.clone(), move || ApprovalSweeper::new(Arc::clone(&sweeper))));
        workers.spawn(supervise(app.clone(), move || StandupRecorder::new(Arc::clone(&recorder))));
        let clerk = app.clone();
        workers.spawn(supervise(app.clone(), move || CredentialClerk::new(clerk.clone())));
        let (dispatcher, arrives_at_once) = (app.clone(), webhook.is_none());
        let (courier, webhook) = (app.clone(), webhook.map(Arc::new));
        workers.spawn(supervise(app.clone(), move || {
            NotificationDispatcher::new(dispatcher.clone(), arrives_at_once)
        }));
        workers.spawn(supervise(app.clone(), move || {
            NotificationCourier::new(courier.clone(), Ways::new(courier.clone(), webhook.clone()))
        }));
        workers.close();
        Self(workers)
    }

    /// Waits until every one of them has finished what it was doing.
    pub async fn ended(&self) {
        self.0.wait().await;
    }
}
