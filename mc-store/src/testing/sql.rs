//! SQL for callers with and without an async runtime.

use std::thread;

use sqlx::{Connection, PgConnection};
use tokio::runtime;

/// Executes statements over a connection of its own. It blocks, also within an async runtime.
pub(super) fn execute(url: &str, statements: &str) -> Result<(), sqlx::Error> {
    // A runtime cannot block on another one in its own thread.
    thread::scope(|scope| scope.spawn(|| blocking(executed(url, statements))).join())
        .expect("executing does not panic")
}

async fn executed(url: &str, statements: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(statements).execute(&mut connection).await?;
    connection.close().await
}

/// Runs a future to its end, on a thread that runs no other.
pub(super) fn blocking<T>(work: impl Future<Output = T>) -> T {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("the system has a thread to spare").block_on(work)
}
