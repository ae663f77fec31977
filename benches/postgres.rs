//! How many events per second does the log in PostgreSQL append, next to stock postgres-es and to a bare UNNEST loop; and how
//! many tasks per second do one and two nodes on it create over HTTP?
//!
//! `cargo bench --bench postgres`; `-- --quick` takes only a few seconds a case. It starts a server of its own from the binaries
//! that are installed, as durable as PostgreSQL is by default. Every caller waits for its answer before it appends the next event
//! to its own stream. Stock postgres-es has a connection a caller, and gives no order over all streams. The bare loop is one task
//! that takes the ordering lock and inserts all queued rows by one statement: it has the same columns and indexes, and checks
//! nothing. All cases share the machine's cores with the database. The numbers depend on the machine; the ratios hardly do.
#![allow(clippy::unwrap_used)]

mod callers;
mod wire;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use callers::{Measured, event, measure};
use cqrs_es::persist::{PersistedEventRepository, SerializedEvent};
use mc_domain::{project::Project, recorded::StreamId};
use mc_store::{
    log::{Append, Commit, EventLog, NewEvent},
    postgres::PostgresLog,
    sourced::Sourced,
    testing::{Database, Postgres},
};
use postgres_es::PostgresEventRepository;
use serde_json::Value;
use sqlx::{Connection, Executor, PgConnection, PgPool, postgres::PgPoolOptions};
use tokio::{
    runtime::{self, Runtime},
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use wire::{Client, Server, creation};

const CALLERS: [usize; 3] = [1, 16, 64];
/// The connections of the clients that create tasks over HTTP.
const CONNECTIONS: usize = 64;
/// How long clients run before it counts.
const WARM_UP: Duration = Duration::from_millis(500);

const STOCK_TABLE: &str = "\
    CREATE TABLE events ( \
        aggregate_type text NOT NULL, aggregate_id text NOT NULL, sequence bigint CHECK (sequence >= 0) NOT NULL, \
        event_type text NOT NULL, event_version text NOT NULL, payload json NOT NULL, metadata json NOT NULL, \
        PRIMARY KEY (aggregate_type, aggregate_id, sequence))";
const BARE_TABLES: &str = "\
    ALTER TABLE events ADD COLUMN position bigint NOT NULL UNIQUE; \
    CREATE TABLE head (position bigint NOT NULL) WITH (fillfactor = 10); INSERT INTO head VALUES (0)";
const BARE_INSERT: &str = "\
    WITH locked AS MATERIALIZED (SELECT pg_advisory_xact_lock(1)), \
        moved AS (UPDATE head SET position = position + $1 FROM locked RETURNING position - $1 AS base) \
    INSERT INTO events SELECT type, id, sequence, event_type, event_version, payload::json, metadata::json, base + number \
    FROM moved, unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[]) \
        WITH ORDINALITY AS row (type, id, sequence, event_type, event_version, payload, metadata, number)";

fn main() {
    if !Postgres::is_installed() {
        return;
    }
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (length, rounds) = if quick { (Duration::from_millis(500), 3) } else { (Duration::from_secs(3), 5) };
    let server = Postgres::start(&[("max_connections", "200")]);
    let runtime = Runtime::new().unwrap();
    println!(
        "{:>7}  {:<22} {:>10} {:>9} {:>9} {:>9}  of bare  of stock",
        "callers", "", "events/s", "p50 ms", "p99 ms", "max ms"
    );
    for callers in CALLERS {
        let cases = [bare, stock, one_node, two_nodes];
        // The cases take turns, so that other load on the machine affects all of them.
        let round = || cases.map(|case| case(&server, &runtime, callers, length));
        let rounds: Vec<_> = (0..rounds).map(|_| round()).collect();
        for (case, name) in
            ["bare UNNEST loop", "stock postgres-es", "one node", "two nodes"].iter().enumerate()
        {
            print(callers, name, &rounds, case);
        }
    }
    println!("\n{CONNECTIONS} connections, tasks created over HTTP");
    for nodes in [1, 2] {
        let mut counts: Vec<_> =
            (0..rounds).map(|_| create_tasks(&server, &runtime, nodes, length)).collect();
        counts.sort_by(f64::total_cmp);
        println!("{nodes:>7}  node(s): {:>10.0} per s", counts[counts.len() / 2]);
    }
}

/// The median of each value over the rounds. The ratios compare cases of one round.
fn print(callers: usize, name: &str, rounds: &[[Measured; 4]], case: usize) {
    let median = |value: &dyn Fn(&[Measured; 4]) -> f64| {
        let mut values: Vec<_> = rounds.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let per_second = median(&|round| round[case].per_second);
    let [p50, p99, max] = [0, 1, 2].map(|at| median(&|round| round[case].latencies_ms[at]));
    let [of_bare, of_stock] =
        [0, 1].map(|other| median(&|round| round[case].per_second / round[other].per_second));
    println!(
        "{callers:>7}  {name:<22} {per_second:>10.0} {p50:>9.3} {p99:>9.3} {max:>9.3}  {:>5.0} % {of_stock:>7.1} x",
        100.0 * of_bare
    );
}

fn one_node(server: &Postgres, runtime: &Runtime, callers: usize, length: Duration) -> Measured {
    let database = server.database();
    nodes(&database, 1, runtime, callers, length)
}

fn two_nodes(server: &Postgres, runtime: &Runtime, callers: usize, length: Duration) -> Measured {
    let database = server.database();
    nodes(&database, 2, runtime, callers, length)
}

/// Divides the callers among as many nodes.
fn nodes(database: &Database, nodes: usize, runtime: &Runtime, callers: usize, length: Duration) -> Measured {
    let logs: Vec<_> = (0..nodes).map(|_| Arc::new(PostgresLog::open(database.url()).unwrap())).collect();
    measure(runtime, callers, length, move |caller, number| {
        let log = Arc::clone(&logs[caller % logs.len()]);
        async move {
            let stream = StreamId { aggregate_type: "task".into(), aggregate_id: aggregate_id(caller) };
            let appends = vec![Append { stream, expected: number, events: vec![event()] }];
            log.append(Commit { appends, ..Commit::default() }).await.unwrap();
        }
    })
}

fn aggregate_id(caller: usize) -> String {
    format!("00000000-0000-7000-8000-{caller:012}")
}

fn stock(server: &Postgres, runtime: &Runtime, callers: usize, length: Duration) -> Measured {
    let database = server.empty_database();
    let pool = runtime.block_on(async {
        let options = PgPoolOptions::new().max_connections(callers as u32).min_connections(callers as u32);
        let pool: PgPool = options.connect(database.url()).await.unwrap();
        pool.execute(STOCK_TABLE).await.unwrap();
        pool
    });
    let repository = Arc::new(PostgresEventRepository::new(pool.clone()));
    let measured = measure(runtime, callers, length, move |caller, number| {
        let repository = Arc::clone(&repository);
        async move { repository.persist::<Sourced<Project>>(&[serialized(caller, number)], None).await.unwrap() }
    });
    runtime.block_on(pool.close());
    measured
}

/// The same event, as cqrs-es hands it to its repository.
fn serialized(caller: usize, number: u64) -> SerializedEvent {
    let NewEvent { event_type, payload, metadata, .. } = event();
    let payload: Value = serde_json::from_str(&payload).unwrap();
    SerializedEvent::new(
        aggregate_id(caller),
        number as usize + 1,
        "task".to_owned(),
        event_type.into_owned(),
        "1".to_owned(),
        payload,
        serde_json::to_value(metadata).unwrap(),
    )
}

fn bare(server: &Postgres, runtime: &Runtime, callers: usize, length: Duration) -> Measured {
    let database = server.empty_database();
    let mut connection = runtime.block_on(async {
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        connection.execute(STOCK_TABLE).await.unwrap();
        connection.execute(BARE_TABLES).await.unwrap();
        connection
    });
    let (rows, queue) = mpsc::channel(1_024);
    let loop_over = runtime.spawn(async move { insert_in_groups(&mut connection, queue).await });
    let measured = measure(runtime, callers, length, move |caller, number| {
        let rows = rows.clone();
        async move {
            let (done, waiting) = oneshot::channel();
            let metadata = serde_json::to_string(&event().metadata).unwrap();
            rows.send(BareRow {
                id: aggregate_id(caller),
                sequence: number as i64 + 1,
                event: event(),
                metadata,
                done,
            })
            .await
            .unwrap();
            waiting.await.unwrap();
        }
    });
    runtime.block_on(loop_over).unwrap();
    measured
}

struct BareRow {
    id: String,
    sequence: i64,
    event: NewEvent,
    metadata: String,
    done: oneshot::Sender<()>,
}

async fn insert_in_groups(connection: &mut PgConnection, mut queue: mpsc::Receiver<BareRow>) {
    let mut group = Vec::new();
    while queue.recv_many(&mut group, 1_024).await > 0 {
        fn column<'r, T>(group: &'r [BareRow], of: impl Fn(&'r BareRow) -> T) -> Vec<T> {
            group.iter().map(of).collect()
        }
        sqlx::query(BARE_INSERT)
            .bind(group.len() as i64)
            .bind(vec!["task"; group.len()])
            .bind(column(&group, |row| row.id.as_str()))
            .bind(column(&group, |row| row.sequence))
            .bind(column(&group, |row| &*row.event.event_type))
            .bind(vec!["1"; group.len()])
            .bind(column(&group, |row| row.event.payload.as_str()))
            .bind(column(&group, |row| row.metadata.as_str()))
            .execute(&mut *connection)
            .await
            .unwrap();
        for row in group.drain(..) {
            row.done.send(()).unwrap();
        }
    }
}

/// Creates tasks over HTTP on as many nodes, and returns how many per second.
fn create_tasks(server: &Postgres, runtime: &Runtime, nodes: usize, length: Duration) -> f64 {
    let database = server.database();
    let nodes: Vec<_> = (0..nodes).map(|_| runtime.block_on(Server::start(database.url()))).collect();
    let clients = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let created = clients.block_on(async {
        let mut tasks = JoinSet::new();
        let from = Instant::now() + WARM_UP;
        for connection in 0..CONNECTIONS {
            let client = Client::connect(&nodes[connection % nodes.len()].address).await;
            tasks.spawn(client.cycle(vec![creation()], from, from + length));
        }
        tasks.join_all().await.concat().len()
    });
    for node in nodes {
        runtime.block_on(node.stop());
    }
    created as f64 / length.as_secs_f64()
}
