//! The adapters on a log in memory, in a file and in a database.

mod fixed;
mod following;
mod projecting;
mod store;

use std::sync::Arc;

use chrono::DateTime;
use eventually::store::{EventStore, Expected};
use mc_domain::{
    actor::Actor,
    aggregate::CommandContext,
    ids::ProjectId,
    project::{Event, Profile, Project},
    values::{Name, Slug},
};
use uuid::Uuid;

use super::{Circumstances, LogStore, Subject};
use crate::{log::EventLog, memory::MemoryLog};

/// Checks something on an empty log of each adapter; on PostgreSQL where it is installed.
async fn on_every_log(check: impl AsyncFn(Arc<dyn EventLog>)) {
    check(Arc::new(MemoryLog::new())).await;
    #[cfg(feature = "sqlite")]
    {
        let directory = tempfile::tempdir().unwrap();
        let log = crate::sqlite::SqliteLog::open(directory.path().join("log.db")).unwrap();
        check(Arc::new(log)).await;
    }
    #[cfg(all(unix, feature = "testing"))]
    if let Some(postgres) = crate::testing::Postgres::shared() {
        let database = postgres.database();
        let log = crate::postgres::PostgresLog::open(database.url()).unwrap();
        check(Arc::new(log)).await;
    }
}

fn store_of<S: Subject>(log: &Arc<dyn EventLog>) -> LogStore<S> {
    LogStore::new(Arc::clone(log), circumstances)
}

fn sofie() -> CommandContext {
    CommandContext::new(DateTime::UNIX_EPOCH, Actor::Human(Name::new("Sofie").unwrap()))
}

fn circumstances() -> Circumstances {
    Circumstances::of(&sofie(), Uuid::from_u128(9).into(), Some(project(1)))
}

fn project(number: u128) -> ProjectId {
    Uuid::from_u128(number).into()
}

fn profile(name: &str) -> Profile {
    Profile::new(Name::new(name).unwrap())
}

fn created(slug: &str) -> Event {
    Event::Created { slug: Slug::new(slug).unwrap(), profile: profile(slug), at: sofie().now }
}

fn edited(name: &str) -> Event {
    Event::Edited { profile: profile(name) }
}

/// Appends two events to project 1, and between them one to project 2.
async fn three_events(log: &Arc<dyn EventLog>) {
    let mut projects = store_of::<Project>(log);
    projects.append(project(1), Expected::Exact(0), vec![created("one")]).await.unwrap();
    projects.append(project(2), Expected::Exact(0), vec![created("two")]).await.unwrap();
    projects.append(project(1), Expected::Exact(1), vec![edited("Uno")]).await.unwrap();
}
