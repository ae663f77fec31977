//! Users with few rights: what each needs, and what it cannot do with them.

use mc_store::{
    error::StoreError,
    log::EventLog,
    postgres::PostgresLog,
    testing::{Database, Postgres},
};
use uuid::Uuid;

use super::{database, execute, open, refusal};
use crate::fixture::{committed, keyed, many, one, positions};

/// What a node needs that does not make the tables.
const NODE: &str = "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}; \
    GRANT EXECUTE ON FUNCTION mc_append, mc_fence, mc_lead TO {user}";
/// What another service needs that appends by postgres-es.
const SERVICE: &str = "GRANT SELECT ON events TO {user}; \
    GRANT INSERT (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata) \
    ON events TO {user}";

/// A new user of the server, with rights in one database.
fn user(database: &Database, rights: &str) -> String {
    let user = format!("user_{}", Uuid::now_v7().simple());
    database.execute(&format!("CREATE ROLE {user} LOGIN; {}", rights.replace("{user}", &user)));
    database.url_of(&user)
}

fn assert_unprivileged(url: &str) {
    let refused = PostgresLog::open(url).unwrap_err();
    assert!(matches!(refused, StoreError::Unprivileged { .. }), "{refused:?}");
}

#[tokio::test]
async fn without_rights_a_log_is_not_opened() {
    let Some(server) = Postgres::shared() else { return };
    let empty = server.empty_database();
    assert_unprivileged(&user(&empty, "REVOKE CREATE ON SCHEMA public FROM PUBLIC"));
    let database = server.database();
    assert_unprivileged(&user(&database, ""));
    assert_unprivileged(&user(&database, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}"));
    database.execute(&format!("REVOKE CONNECT ON DATABASE {} FROM PUBLIC", database.name()));
    assert_unprivileged(&user(&database, NODE));
}

#[tokio::test]
async fn a_node_appends_and_leads_with_the_rights_of_a_node_and_can_change_nothing() {
    let Some(database) = database() else { return };
    let node = user(&database, NODE);
    let log = PostgresLog::open(&node).unwrap();
    committed(log.append(keyed(many("a", 0, 3), "k", 1, "first")).await);
    assert_eq!(positions(&log.read_all(0, 10).await.unwrap()), [1, 2, 3]);
    log.probe().await.unwrap();
    let nodes = log.nodes().unwrap();
    nodes.campaign().wait_for(Option::is_some).await.unwrap();
    nodes.turn(1).await.unwrap();
    for statement in [
        "INSERT INTO events SELECT * FROM events",
        "DELETE FROM events",
        "TRUNCATE events",
        "UPDATE mc_head SET position = 9",
        "DELETE FROM mc_idempotency_keys",
        "ALTER TABLE events DISABLE TRIGGER ALL",
        "DROP TABLE events",
        "CREATE OR REPLACE FUNCTION mc_order() RETURNS void LANGUAGE sql AS 'SELECT'",
    ] {
        assert_eq!(refusal(&node, statement).await.0, "42501", "{statement}");
    }
}

#[tokio::test]
async fn another_service_appends_with_the_rights_of_a_service_and_can_change_nothing() {
    let Some(database) = database() else { return };
    let log = open(&database);
    committed(log.append(one("a", 0, 1)).await);
    let service = user(&database, SERVICE);
    let columns = "aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata";
    let row = "'customer', '1', 1, 'named', '1', '{}', '{}'";
    execute(&service, &format!("INSERT INTO events ({columns}) VALUES ({row})")).await.unwrap();
    log.watch_head().wait_for(|head| *head == 2).await.unwrap();
    for statement in [
        &format!("INSERT INTO events ({columns}, position, latest_at) VALUES ({row}, 9, now())"),
        "DELETE FROM events",
        "UPDATE events SET payload = '{}'",
        "TRUNCATE events",
        "UPDATE mc_head SET position = 9",
        "SELECT * FROM mc_idempotency_keys",
        "SELECT mc_fence()",
        "SELECT mc_lead()",
        "ALTER TABLE events DISABLE TRIGGER ALL",
        "DROP TABLE events",
    ] {
        assert_eq!(refusal(&service, statement).await.0, "42501", "{statement}");
    }
    assert_eq!(committed(log.append(one("a", 1, 2)).await), 3);
}
