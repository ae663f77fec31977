//! Temporary PostgreSQL servers for tests, from the binaries that are installed.
//!
//! A server has a port of its own on 127.0.0.1 and its data in the directory for temporary files. It ends, and its directory goes,
//! when the test process ends, however it ends. As root, PostgreSQL runs as the user `postgres` or `nobody`.
//!
//! ```
//! use mc_store::testing::Postgres;
//!
//! if let Some(server) = Postgres::shared() {
//!     let (one, other) = (server.database(), server.database());
//!     assert_ne!(one.url(), other.url());
//! }
//! ```

use std::{
    io::Write,
    sync::{Mutex, OnceLock},
};

use uuid::Uuid;

pub use self::{
    database::Database,
    place::{CHOICE, Place},
    proxy::{Proxy, Trap},
};
use self::{
    installation::{Installation, SMALL_DISK},
    server::Server,
    sql::execute,
};
use crate::postgres::PostgresLog;

mod database;
mod directory;
mod installation;
mod place;
mod proxy;
mod server;
mod signal;
mod sql;
#[cfg(test)]
mod tests;

/// The environment variable that, set to `required`, makes tests fail where PostgreSQL is missing.
pub const REQUIRED: &str = "MC_POSTGRES_TESTS";

/// The database that a server has from the beginning.
const FIRST: &str = "postgres";
/// The database that others are copies of.
const TEMPLATE: &str = "mc_template";

/// What makes a server fast that has nothing to lose.
const FORGETFUL: &[(&str, &str)] =
    &[("fsync", "off"), ("full_page_writes", "off"), ("max_connections", "400")];

/// A temporary PostgreSQL server. It ends when dropped, or with the process.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    /// Whether the template is there.
    template: Mutex<bool>,
}

impl Postgres {
    /// The server of this process, which all tests share; the first call starts it. It keeps nothing over a crash of the
    /// machine, and takes 400 connections.
    ///
    /// `None` where PostgreSQL is not installed; see [`Postgres::is_installed`].
    ///
    /// # Panics
    /// When the server does not start, and as [`Postgres::is_installed`].
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
        SHARED.get_or_init(|| Self::is_installed().then(|| Self::start(FORGETFUL))).as_ref()
    }

    /// Whether PostgreSQL is installed. If not, the first call tells so on the standard error stream, past the capture of
    /// test output.
    ///
    /// # Panics
    /// When PostgreSQL is not installed and the environment variable [`REQUIRED`] is `required`.
    pub fn is_installed() -> bool {
        static INSTALLED: OnceLock<bool> = OnceLock::new();
        *INSTALLED.get_or_init(|| {
            let found = Installation::find().is_some();
            if !found {
                assert!(
                    std::env::var(REQUIRED).as_deref() != Ok("required"),
                    "PostgreSQL is not installed, and {REQUIRED} requires it"
                );
                tell(
                    "PostgreSQL is not installed: its tests DID NOT RUN (Debian: apt-get install postgresql)",
                );
            }
            found
        })
    }

    /// Starts a server of one's own with these settings, as `postgresql.conf` has them. Without any it is as durable as
    /// PostgreSQL is by default.
    ///
    /// # Panics
    /// When PostgreSQL is not installed, or the server does not start.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let installation = Installation::find().expect("PostgreSQL is installed");
        Self::of(Server::create(installation, settings))
    }

    /// Starts a server of one's own with a tablespace `small` of 24 MiB, for [`Postgres::database_in`]. `None` where PostgreSQL is
    /// not installed or this process may not mount a file system, which it tells as [`Postgres::is_installed`] does.
    ///
    /// # Panics
    /// When the server does not start, and as [`Postgres::is_installed`].
    pub fn on_small_disk() -> Option<Self> {
        if !Self::is_installed() {
            return None;
        }
        let installation = Installation::find().and_then(|found| found.with_small_disk("24m"));
        if installation.is_none() {
            tell(
                "a file system cannot be mounted here: the tests of a full disk DID NOT RUN (they need root)",
            );
        }
        let server = Self::of(Server::create(installation?, &[]));
        let place = server.server.directory().join(SMALL_DISK);
        server.execute(FIRST, &format!("CREATE TABLESPACE small LOCATION '{}'", place.display()));
        Some(server)
    }

    /// Starts a standby of this server: it follows what is written here, and can only be read.
    ///
    /// # Panics
    /// When the standby does not start.
    pub fn standby(&self) -> Self {
        let installation = Installation::find().expect("PostgreSQL is installed");
        Self::of(Server::follow(installation, self.port()))
    }

    /// Makes this standby a server of its own that can be written to.
    ///
    /// # Panics
    /// When it is no standby.
    pub fn promote(&self) {
        self.execute(FIRST, "SELECT pg_promote()");
    }

    fn of(server: Server) -> Self {
        Self { server, template: Mutex::new(false) }
    }

    /// The address of a database of this server.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.server.port())
    }

    /// The TCP port on 127.0.0.1, the same after [`Postgres::start_again`].
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// A new database that has the tables of an empty log.
    ///
    /// # Panics
    /// When the server does not answer.
    pub fn database(&self) -> Database {
        self.database_in("pg_default")
    }

    /// A new database that has the tables of an empty log, in a tablespace.
    ///
    /// # Panics
    /// When the server does not answer, or has no such tablespace.
    pub fn database_in(&self, tablespace: &str) -> Database {
        {
            let mut made = self.template.lock().expect("making the template has not failed");
            if !*made {
                self.make_template();
                *made = true;
            }
        }
        self.create(&format!("TEMPLATE {TEMPLATE} TABLESPACE {tablespace}"))
    }

    /// A new database without any tables.
    ///
    /// # Panics
    /// When the server does not answer.
    pub fn empty_database(&self) -> Database {
        self.create("TEMPLATE template0")
    }

    /// Executes statements in a database, as a superuser.
    ///
    /// # Panics
    /// When the server does not answer, or refuses a statement.
    pub fn execute(&self, database: &str, statements: &str) {
        execute(&self.url(database), statements).expect("the server executes the statements");
    }

    /// Ends every connection to a database, from the side of the server.
    ///
    /// # Panics
    /// When the server does not answer.
    pub fn disconnect(&self, database: &str) {
        self.execute(
            FIRST,
            &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"),
        );
    }

    /// Kills all processes of the server at once, like a power cut; what it has synced is there after
    /// [`Postgres::start_again`].
    pub fn kill(&self) {
        self.server.kill();
    }

    /// Stops the server by an immediate shutdown: it ends its connections without a word, and recovers at the next start.
    pub fn stop(&self) {
        self.server.stop();
    }

    /// Starts the server after [`Postgres::kill`] or [`Postgres::stop`], and waits until it has recovered and answers.
    ///
    /// # Panics
    /// When the server does not start.
    pub fn start_again(&self) {
        self.server.start_again();
    }

    /// Freezes all processes of the server: connections stay open, and nothing answers.
    pub fn pause(&self) {
        self.server.pause();
    }

    /// Lets the processes go on after [`Postgres::pause`].
    pub fn resume(&self) {
        self.server.resume();
    }

    fn create(&self, options: &str) -> Database {
        let name = format!("mc_{}", Uuid::now_v7().simple());
        self.execute(FIRST, &format!("CREATE DATABASE {name} {options}"));
        Database { url: self.url(&name), first: self.url(FIRST), name }
    }

    fn make_template(&self) {
        self.execute(FIRST, &format!("CREATE DATABASE {TEMPLATE} TEMPLATE template0"));
        drop(PostgresLog::open(&self.url(TEMPLATE)).expect("an empty database can hold a log"));
        // What somebody is connected to cannot be copied.
        self.disconnect(TEMPLATE);
    }
}

/// Writes a line to the standard error stream, past the capture of test output.
fn tell(what: &str) {
    // A failure to write leaves nobody to tell.
    let _ = writeln!(std::io::stderr(), "\n!!! {what}\n");
}
