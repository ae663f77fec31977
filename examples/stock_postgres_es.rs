//! A stock service on cqrs-es and postgres-es drives our tasks in the database of a running Mission Control: the board
//! shows what the service records, and the service decides on what the server has recorded.
//!
//! `MC_STORE=postgres://… cargo run --example stock_postgres_es`
use chrono::{SubsecRound, Utc};
use cqrs_es::{
    Aggregate as Stock, AggregateContext, AggregateError, CqrsFramework, EventStore,
    persist::PersistedEventStore,
};
use mc_domain::{
    prelude::*,
    reservation::Key,
    task::{Command, Details, TaskType},
};
use mc_store::sourced::{Sourced, SourcedCommand, command_metadata};
use postgres_es::PostgresEventRepository;
use sqlx::{PgPool, postgres::PgPoolOptions};
use uuid::Uuid;

/// Whatever keeps the service from its work.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
type Stored<A> = PersistedEventStore<PostgresEventRepository, Sourced<A>>;

/// Our aggregates of one type, in the tables of postgres-es.
pub fn stored<A>(pool: &PgPool) -> Stored<A>
where
    Sourced<A>: Stock,
{
    PersistedEventStore::new_event_store(PostgresEventRepository::new(pool.clone()))
}

/// The tasks of one project, as this service commands them.
pub struct Tasks {
    framework: CqrsFramework<Sourced<Task>, Stored<Task>>,
    project: ProjectId,
    actor: Actor,
}

impl Tasks {
    /// The tasks of the project that has reserved this slug.
    pub async fn of(slug: &str, pool: &PgPool, actor: Actor) -> Result<Self, Failure> {
        let name = Key::project(&Slug::new(slug)?).to_string();
        let found = stored::<Reservation>(pool).load_aggregate(&name).await?.aggregate().0.project();
        let project = found.ok_or("there is no such project")?;
        Ok(Self { framework: CqrsFramework::new(stored(pool), vec![], ()), project, actor })
    }

    /// Decides a command by our rules, and records what follows with who gave it, and when.
    pub async fn execute(&self, id: TaskId, command: Command) -> Result<(), AggregateError<task::Rejection>> {
        let context = CommandContext::new(Utc::now().trunc_subsecs(6), self.actor.clone());
        let metadata = command_metadata(&context, Uuid::now_v7().into(), Some(self.project));
        let command = SourcedCommand { command, context };
        self.framework.execute_with_metadata(&id.to_string(), command, metadata).await
    }

    /// Creates a task in the inbox.
    pub async fn create(&self, title: &str) -> Result<TaskId, Failure> {
        let (id, details) = (TaskId::new(Uuid::now_v7()), Details::titled(title, TaskType::Docs)?);
        self.execute(id, Command::Create { project: self.project, details, parent: None }).await?;
        Ok(id)
    }
}

/// Creates a task in the default project of the Mission Control on this database.
pub async fn create_task(database: &str) -> Result<TaskId, Failure> {
    let pool = PgPoolOptions::new().max_connections(4).connect(database).await?;
    let tasks = Tasks::of("openclaw", &pool, Actor::Human(Name::new("Ada")?)).await?;
    tasks.create("Translate the manual").await
}

/// Runs the example.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Result<(), Failure> {
    println!("created task {}", create_task(&std::env::var("MC_STORE")?).await?);
    Ok(())
}
