//! Competing for the lead: the node that holds a lock of the database runs the workers.
//!
//! The lock belongs to a session. A node that dies loses it at once; one that stands still, or is cut off, loses it when the
//! database ends its session for being idle. The lease that comes with the lead is a fencing token (Kleppmann, "How to do
//! distributed locking", 2016): a node that wakes up late believes that it leads, and its commits are refused all the same.

use std::time::Duration;

use sqlx::{Error, PgConnection};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::connection::Address;
use crate::nodes::Lease;

/// How often a node tries to lead, and how often the leading one shows that it lives.
const BEAT: Duration = Duration::from_secs(1);
/// How long the database may take to answer the leading node, until it takes itself for deposed.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long the leading node may be silent until the database ends its session.
const SILENCE: (&str, &str) = ("idle_session_timeout", "5s");

const TRY_LOCK: &str = "SELECT pg_try_advisory_lock(2, mc_lock_number())";
const LEAD: &str = "SELECT mc_lead()";
const LAST_LEASE: &str = "SELECT lease FROM mc_head";

/// Competes for the lead until `lease` has no receivers any more.
pub(super) async fn campaign(address: Address, lease: watch::Sender<Option<Lease>>) {
    let address = address.with_setting(SILENCE.0, SILENCE.1);
    while !lease.is_closed() {
        if let Err(error) = compete(&address, &lease).await {
            tracing::debug!(%error, "the database cannot be asked who leads");
        }
        if lease.send_replace(None).is_some() {
            tracing::warn!("this node does not lead any more");
        }
        sleep(BEAT).await;
    }
}

/// Tries to lead over one session, and leads, until that session breaks or another node leads.
async fn compete(address: &Address, lease: &watch::Sender<Option<Lease>>) -> Result<(), Error> {
    let mut session = address.connect().await?;
    while !answer(sqlx::query_scalar(TRY_LOCK).fetch_one(&mut session)).await? {
        sleep(BEAT).await;
        if lease.is_closed() {
            return Ok(());
        }
    }
    let given: i64 = answer(sqlx::query_scalar(LEAD).fetch_one(&mut session)).await?;
    tracing::info!(lease = given, "this node leads");
    lease.send_replace(Some(Lease(given.cast_unsigned())));
    hold(&mut session, given, lease).await
}

/// Shows the database that this node lives, as long as its lease is the last one.
async fn hold(
    session: &mut PgConnection,
    given: i64,
    lease: &watch::Sender<Option<Lease>>,
) -> Result<(), Error> {
    while !lease.is_closed() {
        let last: i64 = answer(sqlx::query_scalar(LAST_LEASE).fetch_one(&mut *session)).await?;
        if last != given {
            break;
        }
        sleep(BEAT).await;
    }
    Ok(())
}

async fn answer<T>(asked: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(super::error::timed_out()))
}
