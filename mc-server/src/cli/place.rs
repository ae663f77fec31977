//! Where a store is that a command works on, and how the command reads it.

use std::{fmt, path::Path};

use chrono::Utc;
use mc_store::{
    Location,
    error::StoreError,
    holder::Holder,
    log::EventLog,
    postgres::{PostgresInspection, PostgresReader},
    sqlite::{self, SqliteInspection, SqliteLog},
    verify::{Report, verify},
};
use serde::{Serialize, Serializer};

use super::{Failure, progress::Meter};
use crate::{serve::ServeError, store_url::StoreUrl};

/// Where a store is that outlives its process.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// In this database file.
    File(&'a Path),
    /// In the database on a server at this address.
    Database(&'a StoreUrl),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Database(url) => url.fmt(f),
        }
    }
}

impl Serialize for Place<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'a> Place<'a> {
    /// The place of a store, whether it is there or not.
    pub(super) fn of(url: &'a StoreUrl) -> Result<Self, Failure> {
        match url.location() {
            Location::Sqlite(path) => Ok(Self::File(path)),
            Location::Postgres(_) => Ok(Self::Database(url)),
            Location::Memory => {
                let advice = "Give --store as the server has it".to_owned();
                Err(Failure::new("a store in memory ends with its server", Some(advice)))
            }
        }
    }

    /// The place of a store that is there.
    pub(super) fn existing(url: &'a StoreUrl) -> Result<Self, Failure> {
        let place = Self::of(url)?;
        match place {
            Self::File(path) if !path.exists() => {
                let advice = "Name the one that the server has with --store, or start the server to make one";
                let what = format!("there is no store at {}", path.display());
                Err(Failure::new(what, Some(advice.to_owned())))
            }
            Self::File(_) => Ok(place),
            Self::Database(url) => place.reader().map(|_| place).map_err(|error| failed(url, error)),
        }
    }

    /// The file, for what a database on a server has in another way.
    pub(super) fn file(&self) -> Option<&'a Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Database(_) => None,
        }
    }

    /// Opens the log for reading, as it is now. A server may go on writing to it.
    pub(super) fn reader(&self) -> Result<Box<dyn EventLog>, StoreError> {
        Ok(match self {
            Self::File(path) => Box::new(SqliteLog::open_read_only(path)?),
            Self::Database(url) => Box::new(PostgresReader::open(url.reveal())?),
        })
    }

    /// Verifies the store, and collects every defect.
    pub(super) fn verify(&self, what: &'static str) -> Result<Report, StoreError> {
        let mut meter = Meter::new(what);
        let mut progress = |done, of| meter.tell(done, of);
        Ok(match self {
            Self::File(path) => verify(&SqliteInspection::open(path)?, Utc::now(), &mut progress),
            Self::Database(url) => {
                verify(&PostgresInspection::open(url.reveal())?, Utc::now(), &mut progress)
            }
        })
    }

    /// The server that has the store, as far as the store tells; of a database nobody needs to ask one.
    pub(super) fn holder(&self) -> Option<Holder> {
        self.file().and_then(sqlite::holder)
    }
}

/// The store cannot be opened or read.
pub(super) fn failed(url: &StoreUrl, source: StoreError) -> Failure {
    ServeError::store(url, source).into()
}
