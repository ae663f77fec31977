//! A database that can only be read, or has no room.

use mc_store::{
    error::StoreError,
    log::{Commit, EventLog},
    postgres::PostgresLog,
    testing::Postgres,
};

use super::open;
use crate::fixture::{committed, everything, many, one, positions};

#[tokio::test]
async fn a_database_that_becomes_read_only_refuses_commits_and_serves_reads() {
    let Some(server) = Postgres::shared() else { return };
    let database = server.database();
    let log = open(&database);
    committed(log.append(many("a", 0, 3)).await);
    let set = |value| {
        let name = database.name();
        server.execute(
            "postgres",
            &format!("ALTER DATABASE {name} SET default_transaction_read_only = {value}"),
        );
        server.disconnect(name);
    };
    set("on");
    let refused = PostgresLog::open(database.url()).unwrap_err();
    assert!(matches!(refused, StoreError::Protected { .. }), "{refused:?}");
    // The first statement finds the connection broken; what comes after it was never sent.
    log.probe().await.unwrap_err();
    let refused = log.append(one("a", 3, 4)).await;
    assert!(matches!(refused, Err(StoreError::Protected { .. })), "{refused:?}");
    assert_eq!(positions(&everything(&log).await), [1, 2, 3]);
    assert_eq!(log.read_stream(&crate::fixture::stream("a"), 0, 10).await.unwrap().len(), 3);
    set("off");
    log.probe().await.unwrap();
    assert_eq!(committed(log.append(one("a", 3, 4)).await), 4);
}

#[tokio::test]
async fn a_standby_is_refused_until_it_is_promoted() {
    if !Postgres::is_installed() {
        return;
    }
    let server = Postgres::start(&[]);
    let database = server.database();
    committed(open(&database).append(many("a", 0, 3)).await);
    let standby = server.standby();
    let url = standby.url(database.name());
    let refused = PostgresLog::open(&url).unwrap_err();
    assert!(matches!(refused, StoreError::Protected { .. }), "{refused:?}");
    server.kill();
    standby.promote();
    let log = PostgresLog::open(&url).unwrap();
    assert_eq!(log.head(), 3);
    assert_eq!(committed(log.append(one("a", 3, 4)).await), 4);
}

/// A commit of one event that takes much room: its payload cannot be compressed.
fn large(version: u64) -> Commit {
    let mut state = version + 1;
    let drawn = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'0' + (state >> 58) as u8)
    });
    let text: String = drawn.filter(char::is_ascii_alphanumeric).take(200_000).collect();
    let mut commit = one("a", version, version);
    commit.appends[0].events[0].payload = format!("{text:?}");
    commit
}

#[tokio::test]
async fn a_full_disk_refuses_commits_until_there_is_room_and_loses_nothing() {
    let Some(server) = Postgres::on_small_disk() else { return };
    let database = server.database_in("small");
    let log = open(&database);
    database.execute("CREATE TABLE filler AS SELECT repeat('x', 1000) FROM generate_series(1, 3000)");
    let mut version = 0;
    let refused = loop {
        match log.append(large(version)).await {
            Ok(_) => version += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, StoreError::Full), "{refused:?}");
    assert_eq!(log.head(), version);
    assert_eq!(everything(&log).await.len() as u64, version);
    database.execute("DROP TABLE filler");
    log.probe().await.unwrap();
    assert_eq!(committed(log.append(large(version)).await), version + 1);
}
