//! A stock service and a running server on one database.

use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode},
};
use chrono::Utc;
use cqrs_es::{AggregateError, EventStore};
use http_body_util::BodyExt;
use mc_domain::{
    actor::Actor,
    aggregate::CommandContext,
    ids::TaskId,
    task::{Command, Details, Event, Move, Rejection, Status, Task, TaskType},
    values::{Name, Reason},
};
use mc_server::{
    app::{App, system_clock},
    health::{Health, Phase},
    service,
};
use mc_store::{
    Store,
    sourced::{SourcedEvent, command_metadata},
    testing::{Database, Postgres},
};
use serde_json::{Value, json};
use sqlx::PgPool;
use tower::ServiceExt;
use uuid::Uuid;

use crate::stock_postgres_es::{Tasks, create_task, stored};

/// A server on a database that others write to as well.
struct Server {
    app: App,
    router: Router,
    pool: PgPool,
}

impl Server {
    async fn on(database: &Database) -> Self {
        let log = Store::open(database.url()).unwrap();
        let operator = Name::new("Sofie").unwrap();
        let app = App::recover(log, operator, system_clock(), Health::starting(), Default::default());
        let app = app.await.unwrap();
        app.health().reach(Phase::Ready);
        let pool = PgPool::connect(database.url()).await.unwrap();
        Self { router: service::recovered_service(app.clone()), app, pool }
    }

    /// The ids of the cards that the board shows in a column, once it shows all that is in the database.
    async fn cards(&self, status: Status) -> Vec<String> {
        let position = sqlx::query_scalar::<_, i64>("SELECT max(position) FROM events");
        let position = position.fetch_one(&self.pool).await.unwrap();
        let request = Request::get("/api/board?all=true").header("mc-position", position);
        let board = self.answer(request.body(Body::empty()).unwrap()).await;
        let columns = board["columns"].as_array().unwrap();
        let column = columns.iter().find(|column| column["status"] == status.as_str()).unwrap();
        let cards = column["cards"].as_array().unwrap();
        cards.iter().map(|card| card["id"].as_str().unwrap().to_owned()).collect()
    }

    async fn moves(&self, task: TaskId, to: Value) {
        let request = Request::builder().method(Method::POST).uri(format!("/api/tasks/{task}/transition"));
        self.answer(request.body(to.to_string().into()).unwrap()).await;
    }

    async fn answer(&self, request: Request<Body>) -> Value {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }
}

fn ada() -> Actor {
    Actor::Human(Name::new("Ada").unwrap())
}

fn to_failed() -> Command {
    Command::Move(Move { reason: Some(Reason::new("nobody can do it").unwrap()), ..Move::to(Status::Failed) })
}

#[tokio::test]
async fn a_stock_service_and_a_server_share_the_tasks_of_one_database() {
    let Some(postgres) = Postgres::shared() else { return };
    let database = postgres.database();
    let server = Server::on(&database).await;
    let task = create_task(database.url()).await.unwrap();
    assert_eq!(server.cards(Status::Inbox).await, [task.to_string()]);
    let tasks = Tasks::of("openclaw", &server.pool, ada()).await.unwrap();
    let refused = tasks.execute(task, to_failed()).await.unwrap_err();
    assert!(matches!(refused, AggregateError::UserError(Rejection::IllegalTransition { .. })), "{refused:?}");

    server.moves(task, json!({ "toStatus": "blocked", "reason": "no brief" })).await;
    tasks.execute(task, to_failed()).await.unwrap();
    assert_eq!(server.cards(Status::Failed).await, [task.to_string()]);
    server.app.log().close().await;
}

#[tokio::test]
async fn a_stock_service_that_lost_a_race_gets_its_aggregate_conflict() {
    let Some(postgres) = Postgres::shared() else { return };
    let database = postgres.database();
    let server = Server::on(&database).await;
    let tasks = Tasks::of("openclaw", &server.pool, ada()).await.unwrap();
    let task = tasks.create("Translate the manual").await.unwrap();

    let store = stored::<Task>(&server.pool);
    let loaded = store.load_aggregate(&task.to_string()).await.unwrap();
    assert_eq!(server.cards(Status::Inbox).await, [task.to_string()]);
    server.moves(task, json!({ "toStatus": "blocked", "reason": "no brief" })).await;
    let details = Details::titled("Too late", TaskType::Docs).unwrap();
    let metadata = command_metadata(&CommandContext::new(Utc::now(), ada()), Uuid::now_v7().into(), None);
    let late = vec![SourcedEvent(Event::Edited { details })];
    let refused = store.commit(late, loaded, metadata).await.unwrap_err();
    assert!(matches!(refused, AggregateError::AggregateConflict), "{refused:?}");
    assert_eq!(server.cards(Status::Blocked).await, [task.to_string()]);
    server.app.log().close().await;
}
