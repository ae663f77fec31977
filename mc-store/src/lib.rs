//! The append-only log of Mission Control: its port, its adapters, and the repository on top.
//!
//! The store knows streams of recorded events, and none of the rules that decide them. [`log::EventLog`] is the port;
//! [`Store::open`] opens an adapter by its address.
//!
//! ```
//! use mc_domain::{
//!     actor::Actor,
//!     aggregate::{Aggregate, CommandContext},
//!     project::{Command, Profile, Project},
//!     recorded::{Metadata, StreamId},
//!     values::{Name, Slug},
//! };
//! use mc_store::{
//!     Store, codec,
//!     log::{Append, Commit},
//! };
//! use uuid::Uuid;
//!
//! # let directory = tempfile::tempdir()?;
//! # let url = format!("sqlite:{}", directory.path().join("example.db").display());
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let log = Store::open(&url)?; // such as sqlite:data/mission-control.db
//!
//! let sofie = CommandContext::new(chrono::DateTime::UNIX_EPOCH, Actor::Human(Name::new("Sofie")?));
//! let create = Command::Create { slug: Slug::new("openclaw")?, profile: Profile::new(Name::new("OpenClaw")?) };
//! let decided = Project::default().decide(create, &sofie)?;
//!
//! let project = Uuid::now_v7().into();
//! let stream = StreamId::of::<Project>(&project);
//! let metadata = Metadata {
//!     event_id: Uuid::now_v7().into(),
//!     recorded_at: sofie.now,
//!     actor: sofie.actor,
//!     project: Some(project),
//!     command_id: Uuid::now_v7().into(),
//!     idempotency_key: None,
//!     credential: None,
//! };
//! let events = decided.iter().map(|event| codec::encode(event, metadata.clone())).collect();
//! let commit = Commit {
//!     appends: vec![Append { stream: stream.clone(), expected: 0, events }],
//!     ..Commit::default()
//! };
//! assert_eq!(log.append(commit).await?.position(), 1);
//!
//! let stored = log.read_stream(&stream, 0, 10).await?;
//! assert_eq!(codec::decode::<mc_domain::project::Event>(&stored[0])?, decided[0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::{path::Path, sync::Arc};

#[cfg(feature = "postgres")]
use crate::postgres::PostgresLog;
#[cfg(feature = "sqlite")]
use crate::sqlite::SqliteLog;
use crate::{error::StoreError, holder::Holder, log::EventLog, memory::MemoryLog};

pub mod address;
pub mod backup;
pub mod codec;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub mod copy;
pub mod error;
mod event;
#[cfg(feature = "eventually")]
pub mod eventually;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod heads;
pub mod holder;
pub mod log;
pub mod memory;
mod metadata;
pub mod nodes;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod recent;
pub mod repository;
pub mod sourced;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod subscription;
#[cfg(all(unix, feature = "testing"))]
pub mod testing;
pub mod upcast;
pub mod verify;

/// The place where a log is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Location<'a> {
    /// In the memory of this process; the log ends with it.
    Memory,
    /// In the SQLite database file at this path.
    Sqlite(&'a Path),
    /// In the PostgreSQL database with this address, which may hold a password.
    Postgres(&'a str),
}

/// Opens logs by their addresses, such as `sqlite:data/mission-control.db`.
#[derive(Debug)]
pub struct Store;

impl Store {
    /// Parses an address: `sqlite:<path>` for a database file, `postgres://<user>@<host>/<database>` for a database server,
    /// `memory:` for a log that ends with the process.
    ///
    /// # Errors
    /// [`StoreError::UnknownStore`] for any other address.
    pub fn locate(url: &str) -> Result<Location<'_>, StoreError> {
        match url.split_once(':') {
            Some(("memory", "")) => Ok(Location::Memory),
            // Names that begin with a colon, such as :memory:, have a meaning of their own to SQLite.
            Some(("sqlite", path)) if !path.is_empty() && !path.starts_with(':') => {
                Ok(Location::Sqlite(Path::new(path)))
            }
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => Ok(Location::Postgres(url)),
            _ => Err(unknown(url)),
        }
    }

    /// Opens the log at `url`. Creates a database file if there is none, and the tables in a database that has none. It
    /// blocks.
    ///
    /// # Errors
    /// - [`StoreError::UnknownStore`] as [`Store::locate`], and for an adapter that this program is built without.
    /// - For a database file, those of `SqliteLog::open`.
    /// - For a database server, those of `PostgresLog::open`.
    pub fn open(url: &str) -> Result<Arc<dyn EventLog>, StoreError> {
        Self::open_for(url, None)
    }

    /// Like [`Store::open`]; `holder` tells other processes who has a log open.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_for(url: &str, holder: Option<&Holder>) -> Result<Arc<dyn EventLog>, StoreError> {
        match Self::locate(url)? {
            Location::Memory => Ok(Arc::new(MemoryLog::new())),
            #[cfg(feature = "sqlite")]
            Location::Sqlite(path) => Ok(Arc::new(SqliteLog::open_for(path, holder)?)),
            #[cfg(feature = "postgres")]
            Location::Postgres(url) => Ok(Arc::new(PostgresLog::open_for(url, holder)?)),
            #[cfg(not(all(feature = "sqlite", feature = "postgres")))]
            _ => {
                let _ = holder;
                Err(unknown(url))
            }
        }
    }
}

pub(crate) fn unknown(url: &str) -> StoreError {
    StoreError::UnknownStore { url: address::without_password(url).into_owned() }
}
