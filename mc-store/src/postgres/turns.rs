//! Turns among all nodes: a lock of the database each.

use sqlx::{Error, PgPool};
use tokio::sync::oneshot;

use super::connection::in_time;
use crate::nodes::Turn;

const LOCK: &str = "SELECT pg_advisory_xact_lock($1)";
const POSITION: &str = "SELECT position FROM mc_head";

/// Waits for the lock of `number`, and holds it until the turn is dropped.
pub(super) async fn take(pool: &PgPool, number: i64) -> Result<Turn, Error> {
    let mut transaction = in_time(pool.begin()).await?;
    in_time(sqlx::query(LOCK).bind(number).execute(&mut *transaction)).await?;
    let position: i64 = in_time(sqlx::query_scalar(POSITION).fetch_one(&mut *transaction)).await?;
    let (held, dropped) = oneshot::channel::<()>();
    tokio::spawn(async move {
        let _ = dropped.await;
        if let Err(error) = transaction.rollback().await {
            tracing::debug!(%error, "a turn ended with its connection");
        }
    });
    Ok(Turn::new(position.cast_unsigned(), held))
}
