//! Which databases are taken for a log, and what becomes of those that are not.

use mc_store::{Store, error::StoreError, log::EventLog, postgres::PostgresLog, testing::Postgres};

use super::{connected, execute, open};
use crate::fixture::{committed, one};

/// The table as the documentation of postgres-es makes it.
const STOCK: &str = "CREATE TABLE events (
    aggregate_type text NOT NULL, aggregate_id text NOT NULL, sequence bigint CHECK (sequence >= 0) NOT NULL,
    event_type text NOT NULL, event_version text NOT NULL, payload json NOT NULL, metadata json NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence))";
const STOCK_ROW: &str = "INSERT INTO events VALUES ('customer', '1', 1, 'named', '1', '{}', '{}')";

fn refused(url: &str) -> StoreError {
    PostgresLog::open(url).unwrap_err()
}

/// Everything in the database that a program may have made.
async fn contents(url: &str) -> Vec<String> {
    let query = "SELECT table_name || '.' || column_name || ' ' || data_type FROM information_schema.columns \
                 WHERE table_schema = 'public' ORDER BY 1";
    sqlx::query_scalar(query).fetch_all(&mut connected(url).await).await.unwrap()
}

#[tokio::test]
async fn an_empty_database_gets_the_tables_once() {
    let Some(server) = Postgres::shared() else { return };
    let database = server.empty_database();
    let nodes = [0; 4].map(|_| {
        let url = database.url().to_owned();
        tokio::task::spawn_blocking(move || PostgresLog::open(&url))
    });
    for node in nodes {
        assert_eq!(node.await.unwrap().unwrap().head(), 0);
    }
    assert_eq!(committed(open(&database).append(one("a", 0, 1)).await), 1);
}

#[tokio::test]
async fn the_empty_table_of_postgres_es_becomes_a_log() {
    let Some(server) = Postgres::shared() else { return };
    let database = server.empty_database();
    database.execute(STOCK);
    let log = open(&database);
    execute(database.url(), STOCK_ROW).await.unwrap();
    assert_eq!(committed(log.append(one("a", 0, 1)).await), 2);
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_left_as_it_is() {
    let Some(server) = Postgres::shared() else { return };
    let filled = format!("{STOCK}; {STOCK_ROW}");
    for tables in ["CREATE TABLE events (id integer PRIMARY KEY, payload json)", &filled] {
        let database = server.empty_database();
        database.execute(tables);
        let before = contents(database.url()).await;
        let refused = refused(database.url());
        assert!(matches!(refused, StoreError::NotALog { .. }), "{tables}: {refused:?}");
        assert_eq!(contents(database.url()).await, before);
    }
}

#[tokio::test]
async fn tables_of_another_service_beside_the_log_stay() {
    let Some(server) = Postgres::shared() else { return };
    let database = server.empty_database();
    database.execute("CREATE TABLE customers (name text); INSERT INTO customers VALUES ('Ada')");
    committed(open(&database).append(one("a", 0, 1)).await);
    database.execute("INSERT INTO customers SELECT name FROM customers");
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let Some(server) = Postgres::shared() else { return };
    let database = server.database();
    database.execute("INSERT INTO mc_schema VALUES (99)");
    let refused = refused(database.url());
    assert!(matches!(refused, StoreError::NewerVersion { found: 99, .. }), "{refused:?}");
}

#[tokio::test]
async fn an_older_schema_is_brought_up_to_date_and_keeps_its_events() {
    let Some(server) = Postgres::shared() else { return };
    let (old, new) = (server.empty_database(), server.database());
    old.execute(include_str!("../../../mc-store/src/postgres/migrations/0001_log.sql"));
    old.execute(
        "CREATE TABLE mc_schema (version integer PRIMARY KEY, migrated_at timestamptz NOT NULL DEFAULT now()); \
         INSERT INTO mc_schema VALUES (1); UPDATE mc_head SET position = 1, latest_at = now(); \
         INSERT INTO events VALUES ('test', 'a', 1, 'test.happened', '1', '{}', '{}', 1, now())",
    );
    let log = open(&old);
    assert_eq!(log.head(), 1);
    assert_eq!(committed(log.append(one("a", 1, 1)).await), 2);
    assert_eq!(contents(old.url()).await, contents(new.url()).await);
}

#[tokio::test]
async fn a_database_that_is_not_there_or_does_not_fit_is_named_without_the_password() {
    let Some(server) = Postgres::shared() else { return };
    let _ = server.empty_database();
    server.execute("postgres", "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
    let address = |user: &str, port: u16, database: &str| {
        format!("postgres://{user}:s3cr3t@127.0.0.1:{port}/{database}")
    };
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (url, kind) in [
        (address("postgres", server.port(), "latin"), "Unsuitable"),
        (address("postgres", server.port(), "absent"), "Unsuitable"),
        (address("nobody_known", server.port(), "postgres"), "Unprivileged"),
        (address("postgres", nowhere, "postgres"), "Unavailable"),
        (format!("{}?sslmode=perhaps", address("postgres", server.port(), "postgres")), "UnknownStore"),
    ] {
        let refused = Store::open(&url).err().unwrap();
        let told = format!("{refused:?} {refused}");
        assert!(told.starts_with(kind), "{url}: {told}");
        assert!(!told.contains("s3cr3t"), "{told}");
    }
}

#[tokio::test]
async fn a_password_is_checked_and_never_shown() {
    if !Postgres::is_installed() {
        return;
    }
    let server = Postgres::start(&[]);
    let database = server.database();
    database.execute(
        "CREATE ROLE guarded SUPERUSER LOGIN PASSWORD 's3cr3t'; \
         COPY (SELECT 'host all guarded 127.0.0.1/32 scram-sha-256') \
         TO PROGRAM 'cat - pg_hba.conf > pg_hba.new && mv pg_hba.new pg_hba.conf'; SELECT pg_reload_conf()",
    );
    let guarded = |password: &str| database.url_of(&format!("guarded:{password}"));
    let log = PostgresLog::open(&guarded("s3cr3t")).unwrap();
    committed(log.append(one("a", 0, 1)).await);
    assert!(!format!("{log:?}").contains("s3cr3t"));
    let refused = refused(&guarded("s3cr3t-not"));
    assert!(matches!(refused, StoreError::Unprivileged { .. }), "{refused:?}");
    assert!(!format!("{refused:?} {refused}").contains("s3cr3t"));
}

#[tokio::test]
async fn a_server_without_tls_is_not_used_by_a_client_that_requires_it() {
    let Some(server) = Postgres::shared() else { return };
    let database = server.database();
    let refused = refused(&format!("{}?sslmode=require", database.url()));
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
}
