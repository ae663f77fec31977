//! What the nodes tell one another, and what the database tells them.

use std::sync::{Arc, atomic::Ordering};

use sqlx::{
    Error, PgPool,
    postgres::{PgListener, PgNotification},
};
use tokio::{
    sync::{broadcast, mpsc},
    time::sleep,
};
use uuid::Uuid;

use super::{connection::in_time, writer::Shared};
use crate::nodes::MAX_MESSAGE_BYTES;

/// The most messages that wait to be sent, and the most that wait for each receiver; beyond that the oldest are lost.
pub(super) const MAX_MESSAGES: usize = 256;
/// The pause before a listener that lost its connection connects again.
const RETRY: std::time::Duration = std::time::Duration::from_millis(500);

const LOCK_NUMBER: &str = "SELECT mc_lock_number()";
const TELL: &str = "SELECT pg_notify('mc_nodes_' || mc_lock_number(), $1)";

/// Listens, and listens again after its connection broke, until it is dropped.
pub(super) async fn listen(
    pool: PgPool,
    itself: Uuid,
    shared: Arc<Shared>,
    heard: broadcast::Sender<Arc<str>>,
) {
    loop {
        if let Err(error) = listen_once(&pool, itself, &shared, &heard).await {
            tracing::debug!(%error, "the notifications of the database cannot be heard just now");
        }
        sleep(RETRY).await;
    }
}

async fn listen_once(
    pool: &PgPool,
    itself: Uuid,
    shared: &Shared,
    heard: &broadcast::Sender<Arc<str>>,
) -> Result<(), Error> {
    let number: i32 = in_time(sqlx::query_scalar(LOCK_NUMBER).fetch_one(pool)).await?;
    let (log, nodes) = (format!("mc_log_{number}"), format!("mc_nodes_{number}"));
    let mut listener = in_time(PgListener::connect_with(pool)).await?;
    in_time(listener.listen_all([log.as_str(), nodes.as_str()])).await?;
    loop {
        let notification = listener.recv().await?;
        if notification.channel() == log {
            wake(shared, &notification);
        } else if let Some((sender, message)) = notification.payload().split_once(' ')
            && sender != itself.to_string()
        {
            // Nobody may be there to hear it.
            let _ = heard.send(message.into());
        }
    }
}

/// Tells the writer that the log has moved.
fn wake(shared: &Shared, notification: &PgNotification) {
    if let Ok(head) = notification.payload().parse::<u64>() {
        shared.told.fetch_max(head, Ordering::Relaxed);
        shared.wake.notify_one();
    }
}

/// Sends what is to be told to the other nodes, until every sender is gone. What cannot be sent is lost.
pub(super) async fn tell(pool: PgPool, itself: Uuid, mut messages: mpsc::Receiver<String>) {
    while let Some(message) = messages.recv().await {
        if message.len() > MAX_MESSAGE_BYTES {
            tracing::error!(
                bytes = message.len(),
                "a message to the other nodes is too long, and is not sent"
            );
            continue;
        }
        let told = sqlx::query(TELL).bind(format!("{itself} {message}")).execute(&pool);
        if let Err(error) = in_time(told).await {
            tracing::debug!(%error, "a message to the other nodes is lost");
        }
    }
}
