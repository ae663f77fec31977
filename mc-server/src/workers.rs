//! Workers: loops that find what is due and execute the ordinary commands for it.
//!
//! A worker decides nothing: it names what may be due, and the aggregates judge. Every command has an idempotency key
//! derived from what it acts on, or comes to nothing by its own rules when it is given again, so a worker that runs twice,
//! late or on two machines changes nothing more. A worker that panics is restarted with growing pauses, and `/health` tells
//! when one has been silent for too long, or is behind with its work. When the server ends, a turn ends with the command at
//! hand.
//!
//! Of several nodes on one log they run on the one that leads, for the term of its lease, and each of their commits carries
//! that lease. A turn that goes on when another node leads already commits nothing more.

mod approval_sweeper;
mod context;
mod credential_clerk;
mod heartbeat_monitor;
mod lead;
mod notification_courier;
mod notification_dispatcher;
mod standup;
mod supervisor;
mod term;
#[cfg(test)]
mod tests;

use std::{future::Future, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use mc_store::error::StoreError;
use tokio_util::task::TaskTracker;

use crate::{app::App, health::Backlog, webhook::Webhook};
use approval_sweeper::ApprovalSweeper;
use context::{SharedWatch, WorkerContext};
use credential_clerk::CredentialClerk;
use heartbeat_monitor::HeartbeatMonitor;
use notification_courier::{NotificationCourier, Ways};
use notification_dispatcher::NotificationDispatcher;
use standup::StandupRecorder;
use supervisor::supervise;
use term::Term;

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

/// What a worker logs at each of its turns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    /// The name under which `/health` reports it.
    pub(crate) worker: &'static str,
    /// The line.
    pub(crate) says: &'static str,
    /// Whether it is logged at level info; otherwise at level debug.
    pub(crate) is_told: bool,
}

impl Line {
    const fn of<W: Worker>() -> Self {
        Self { worker: W::NAME, says: W::SAYS, is_told: W::TELLS_EVERY_TICK }
    }
}

/// The lines of all workers, for whoever follows them from another process.
pub(crate) const LINES: [Line; 6] = [
    Line::of::<HeartbeatMonitor>(),
    Line::of::<ApprovalSweeper>(),
    Line::of::<StandupRecorder>(),
    Line::of::<CredentialClerk>(),
    Line::of::<NotificationDispatcher>(),
    Line::of::<NotificationCourier<Ways>>(),
];

/// The workers of a running server. They end when the server shuts down; [`Workers::ended`] waits for that.
#[derive(Debug, Default)]
pub struct Workers(TaskTracker);

impl Workers {
    /// Starts all of them; where there may be other nodes, whenever this one leads. Notifications go to `webhook` too, where
    /// there is one.
    pub fn start(app: &App, webhook: Option<Webhook>) -> Self {
        let (workers, staff) = (TaskTracker::new(), Staff::new(webhook));
        match app.log().nodes() {
            Some(nodes) => drop(workers.spawn(lead::lead_at_times(app.clone(), nodes.campaign(), staff))),
            None => {
                staff.set_to_work(&Term::new(app.clone(), None), &workers);
                app.health().lead(true);
            }
        }
        workers.close();
        Self(workers)
    }

    /// Waits until every one of them has finished what it was doing.
    pub async fn ended(&self) {
        self.0.wait().await;
    }
}

/// What the workers keep from one term to the next.
struct Staff {
    watch: SharedWatch,
    webhook: Option<Arc<Webhook>>,
}

impl Staff {
    fn new(webhook: Option<Webhook>) -> Self {
        Self { watch: SharedWatch::default(), webhook: webhook.map(Arc::new) }
    }

    /// Brings the watch up to date.
    async fn keep_up(&self, app: &App) -> Result<(), StoreError> {
        self.watch.lock().await.catch_up(app.log().as_ref()).await
    }

    /// Starts every worker for this term, each as a task of `crew`.
    fn set_to_work(&self, term: &Term, crew: &TaskTracker) {
        let context = Arc::new(WorkerContext::new(term.clone(), Arc::clone(&self.watch)));
        let desk = || Arc::clone(&context);
        let (monitor, sweeper, recorder) = (desk(), desk(), desk());
        crew.spawn(supervise(term.clone(), move || HeartbeatMonitor::new(Arc::clone(&monitor))));
        crew.spawn(supervise(term.clone(), move || ApprovalSweeper::new(Arc::clone(&sweeper))));
        crew.spawn(supervise(term.clone(), move || StandupRecorder::new(Arc::clone(&recorder))));
        let clerk = term.clone();
        crew.spawn(supervise(term.clone(), move || CredentialClerk::new(clerk.clone())));
        let (dispatcher, arrives_at_once) = (term.clone(), self.webhook.is_none());
        crew.spawn(supervise(term.clone(), move || {
            NotificationDispatcher::new(dispatcher.clone(), arrives_at_once)
        }));
        let (courier, webhook) = (term.clone(), self.webhook.clone());
        crew.spawn(supervise(term.clone(), move || {
            let ways = Ways::new(courier.app().clone(), webhook.clone());
            NotificationCourier::new(courier.clone(), ways)
        }));
    }
}
