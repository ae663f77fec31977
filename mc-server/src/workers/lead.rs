//! Which node runs the workers: the one that leads, for as long as it has its lease.
//!
//! A node that does not lead keeps the watch over the log current all the same, so that it takes over without reading the
//! log. What else the workers know comes from the views, or is made anew with each term.

use std::time::Duration;

use mc_store::{error::StoreError, nodes::Lease};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::{Staff, term::Term};
use crate::app::App;

/// How often a node that does not lead brings its watch up to date.
const KEEPS_UP_EVERY: Duration = Duration::from_secs(10);
/// How long it waits after a failure before it tries again to begin its term.
const TRIES_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// The number of the turn in which the leading node asks for the head of the log.
const TURN: i64 = 0;

/// Runs the workers whenever this node leads, until the server ends.
pub(super) async fn lead_at_times(app: App, mut leases: watch::Receiver<Option<Lease>>, staff: Staff) {
    let mut last = None;
    while let Some(lease) = next(&app, &mut leases, last, &staff).await {
        let (term, crew) = (Term::new(app.clone(), Some(lease)), TaskTracker::new());
        tokio::select! {
            () = term.ended() => {}
            () = lost(&mut leases, lease) => {}
            () = serve(&term, &staff, &crew) => {}
        }
        term.end();
        app.health().lead(false);
        crew.close();
        crew.wait().await;
        tracing::info!(lease = lease.0, "the workers have ended on this node");
        last = Some(lease);
    }
}

/// Waits until the lease is over, or the log is closed.
async fn lost(leases: &mut watch::Receiver<Option<Lease>>, lease: Lease) {
    let _ = leases.wait_for(|now| *now != Some(lease)).await;
}

/// Sets the workers to work once this node knows all that the one before it did; does not return.
async fn serve(term: &Term, staff: &Staff, crew: &TaskTracker) {
    while let Err(error) = know_what_was_done(term).await {
        tracing::warn!(%error, "the term of this node cannot begin yet");
        tokio::time::sleep(TRIES_AGAIN_AFTER).await;
    }
    staff.set_to_work(term, crew);
    term.app().health().lead(true);
    tracing::info!(lease = term.lease().map(|lease| lease.0), "the workers run on this node");
    std::future::pending().await
}

/// Whoever led before commits nothing more under its lease, so what is in the log by now is all there will be of it.
async fn know_what_was_done(term: &Term) -> Result<(), StoreError> {
    let Some(nodes) = term.app().log().nodes() else { return Ok(()) };
    let position = nodes.turn(TURN).await?.position;
    term.views_reach(position).await
}

/// Waits for a lease after `last`; nothing once the server ends or the log is closed.
async fn next(
    app: &App,
    leases: &mut watch::Receiver<Option<Lease>>,
    last: Option<Lease>,
    staff: &Staff,
) -> Option<Lease> {
    tokio::select! {
        () = app.shutdown().cancelled() => None,
        lease = leases.wait_for(|lease| *lease > last) => lease.ok().and_then(|lease| *lease),
        () = keep_up(app, staff) => None,
    }
}

/// Keeps the watch current without an end, so that there is little left to read when this node leads.
async fn keep_up(app: &App, staff: &Staff) {
    loop {
        if let Err(error) = staff.keep_up(app).await {
            tracing::debug!(%error, "the log cannot be read just now");
        }
        tokio::time::sleep(KEEPS_UP_EVERY).await;
    }
}
