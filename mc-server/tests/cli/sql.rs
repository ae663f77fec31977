//! Statements in a database, past the program.

use sqlx::{Connection, Error, PgConnection};
use tokio::runtime::Builder;

/// Executes a statement, and gives back the first column of its first row, if it has any.
///
/// # Errors
/// What the database says.
pub fn first(url: &str, statement: &str) -> Result<Option<bool>, Error> {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = PgConnection::connect(url).await?;
        let found = sqlx::query_scalar(statement).fetch_optional(&mut connection).await;
        connection.close().await?;
        found
    })
}
