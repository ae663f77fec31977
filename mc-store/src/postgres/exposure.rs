//! How exposed a database is: for whoever checks its security.

use super::{connection::Address, inspect::PostgresInspection, own_thread::OwnThread};
use crate::error::StoreError;

/// Whether the session is encrypted, whether it stays on this machine, and what its role may do. A session over a Unix socket has
/// no address.
const EXPOSURE: &str = "\
    SELECT coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false), \
        coalesce(inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1', true), \
        current_user::text, \
        (SELECT rolsuper FROM pg_roles WHERE rolname = current_user), \
        EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('events') AND pg_has_role(relowner, 'USAGE'))";

/// What a security check wants to know of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    /// Whether the connection is encrypted.
    pub is_encrypted: bool,
    /// Whether the connection stays on this machine.
    pub is_local: bool,
    /// The role that the address connects as.
    pub role: String,
    /// Whether that role may do everything in every database of the server.
    pub is_superuser: bool,
    /// Whether that role owns the tables, so that it may drop what guards them.
    pub owns_tables: bool,
    /// The guards that are missing, a sentence each.
    pub missing_guards: Vec<String>,
}

impl Exposure {
    /// Asks the database at `url`, which must have a log. It blocks.
    ///
    /// # Errors
    /// Those of [`PostgresInspection::open`].
    pub fn of(url: &str) -> Result<Self, StoreError> {
        let mut missing_guards = Vec::new();
        PostgresInspection::open(url)?.guards(&mut |missing| missing_guards.push(missing))?;
        let address = Address::parse(url, "mission-control security-check")?;
        let thread = OwnThread::new()?;
        let asked = thread.wait(async {
            let mut connection = address.connect().await?;
            sqlx::query_as(EXPOSURE).fetch_one(&mut connection).await
        });
        let (is_encrypted, is_local, role, is_superuser, owns_tables) =
            asked.map_err(|error| address.error(error))?;
        Ok(Self { is_encrypted, is_local, role, is_superuser, owns_tables, missing_guards })
    }
}
