//! Several nodes on one log in PostgreSQL: one order, one leader, and what a node does without its database.

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::join_all;
use mc_store::{
    error::StoreError,
    log::{Appended, Commit, EventLog},
    nodes::{Lease, Nodes},
    postgres::PostgresLog,
    testing::{Database, Postgres, Proxy, Trap},
};
use sqlx::{Connection, Executor, PgConnection, postgres::PgListener};

use crate::fixture::{committed, everything, keyed, many, one, positions, stream};

/// The longest that a test waits for something that takes a moment.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs `test` with a new database, where PostgreSQL is installed.
async fn on_database<F: Future<Output = ()>>(test: impl FnOnce(Database) -> F) {
    if let Some(server) = Postgres::shared() {
        test(server.database()).await;
    }
}

fn node(database: &Database) -> Arc<PostgresLog> {
    Arc::new(PostgresLog::open(database.url()).unwrap())
}

fn nodes(log: &Arc<PostgresLog>) -> &dyn Nodes {
    log.nodes().unwrap()
}

async fn reaches(log: &Arc<PostgresLog>, position: u64) {
    let mut head = log.watch_head();
    let reached = tokio::time::timeout(PATIENCE, head.wait_for(|head| *head >= position)).await;
    reached.expect("the node follows").unwrap();
}

async fn until<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let look = async {
        loop {
            if let Some(found) = found() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.expect("it comes about in time")
}

async fn execute(database: &Database, statements: &str) {
    let mut operator = PgConnection::connect(database.url()).await.unwrap();
    operator.execute(statements).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_node_with_others_notifies() {
    on_database(async |database| {
        let a = node(&database);
        let mut operator = PgConnection::connect(database.url()).await.unwrap();
        let number: i32 =
            sqlx::query_scalar("SELECT mc_lock_number()").fetch_one(&mut operator).await.unwrap();
        let mut listener = PgListener::connect(database.url()).await.unwrap();
        listener.listen(&format!("mc_log_{number}")).await.unwrap();
        committed(a.append(one("x", 0, 1)).await);
        let _b = node(&database);
        committed(a.append(one("x", 1, 2)).await);
        assert_eq!(listener.recv().await.unwrap().payload(), "2", "nobody was there to hear of position 1");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_sees_what_another_appends_and_decides_on_it() {
    on_database(async |database| {
        let (a, b) = (node(&database), node(&database));
        assert_eq!(committed(a.append(many("x", 0, 3)).await), 3);
        reaches(&b, 3).await;
        let log: Arc<dyn EventLog> = b.clone();
        assert_eq!(positions(&everything(&log).await), [1, 2, 3]);
        assert_eq!(committed(b.append(one("x", 3, 4)).await), 4);
        // Node a may not have seen it yet, and still gives the next position.
        assert_eq!(committed(a.append(one("y", 0, 5)).await), 5);
        let late = a.append(one("x", 3, 6)).await;
        assert!(matches!(late, Err(StoreError::Conflict { actual: 4, .. })), "{late:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_append_at_once_make_one_dense_order_with_one_winner_for_each_version() {
    on_database(async |database| {
        let logs = [node(&database), node(&database), node(&database)];
        let writers = (0..24).map(|writer| {
            let log = Arc::clone(&logs[writer % logs.len()]);
            tokio::spawn(async move {
                let mut won = 0;
                for number in 0..60_u64 {
                    let number = writer as u64 * 1_000 + number;
                    committed(log.append(one(format!("own {number}"), 0, number)).await);
                    let version = log.read_stream(&stream("shared"), 0, 1_000).await.unwrap().len() as u64;
                    match log.append(one("shared", version, number)).await {
                        Ok(_) => won += 1,
                        Err(StoreError::Conflict { .. }) => {}
                        Err(other) => panic!("{other:?}"),
                    }
                }
                won
            })
        });
        let won: u64 = join_all(writers).await.into_iter().map(Result::unwrap).sum();
        let head = 24 * 60 + won;
        for log in &logs {
            reaches(log, head).await;
            assert_eq!(log.head(), head);
            let log: Arc<dyn EventLog> = log.clone();
            let shared = log.read_stream(&stream("shared"), 0, 1_000).await.unwrap();
            assert_eq!(shared.len() as u64, won);
        }
        let logs = logs.map(|log| log as Arc<dyn EventLog>);
        let first = everything(&logs[0]).await;
        assert_eq!(positions(&first), (1..=head).collect::<Vec<_>>());
        assert!(everything(&logs[1]).await == first && everything(&logs[2]).await == first);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_on_another_node_gets_the_first_answer() {
    on_database(async |database| {
        let (a, b) = (node(&database), node(&database));
        committed(a.append(keyed(many("x", 0, 2), "k", 1, "first")).await);
        let repeats = [
            b.append(keyed(many("x", 0, 2), "k", 1, "second")).await.unwrap(),
            b.append(keyed(one("new", 0, 9), "k", 1, "third")).await.unwrap(),
            b.append(keyed(Commit::default(), "k", 1, "fourth")).await.unwrap(),
        ];
        for repeat in repeats {
            let Appended::Replayed(first) = repeat else { panic!("{repeat:?}") };
            assert_eq!((first.answer.as_str(), first.position), ("first", 2));
        }
        let other = b.append(keyed(one("new", 0, 9), "k", 2, "")).await;
        assert!(matches!(other, Err(StoreError::KeyReused { .. })), "{other:?}");
        assert_eq!(a.head(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observer_is_shown_what_others_append_before_the_head_moves() {
    on_database(async |database| {
        let (a, b) = (node(&database), node(&database));
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (log, seen) = (Arc::downgrade(&b), Arc::clone(&shown));
        nodes(&b).observe(Arc::new(move |events| {
            let Some(log) = log.upgrade() else { return };
            let last = events.last().map_or(0, |event| event.position);
            assert!(log.head() < last, "the head has moved already");
            seen.lock().unwrap().extend(events.iter().map(|event| event.position));
        }));
        committed(a.append(many("x", 0, 3)).await);
        reaches(&b, 3).await;
        committed(b.append(one("own", 0, 4)).await);
        committed(a.append(one("x", 3, 5)).await);
        reaches(&b, 5).await;
        assert_eq!(*shown.lock().unwrap(), [1, 2, 3, 5], "what the node appends itself is not shown");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_at_once_make_the_tables_once() {
    let Some(server) = Postgres::shared() else { return };
    let database = server.empty_database();
    let start = |_| {
        let url = database.url().to_owned();
        tokio::task::spawn_blocking(move || PostgresLog::open(&url).map(drop))
    };
    for started in join_all((0..6).map(start)).await {
        started.unwrap().unwrap();
    }
}

/// Another node has appended to the same stream before the first one finds out.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_was_lost_is_recorded_once_and_its_node_knows_what_came_after() {
    on_database(async |database| {
        let server = Postgres::shared().unwrap();
        let proxy = Arc::new(Proxy::to(server.port()));
        let through = database.url().replace(&server.port().to_string(), &proxy.port().to_string());
        let (a, b) = (Arc::new(PostgresLog::open(&through).unwrap()), node(&database));
        committed(a.append(one("x", 0, 1)).await);
        proxy.set(Trap::AnswerKeptBack);
        let in_doubt = Arc::clone(&a);
        let in_doubt = tokio::spawn(async move { in_doubt.append(one("x", 1, 2)).await });
        let line = Arc::clone(&proxy);
        let sprung = tokio::task::spawn_blocking(move || line.has_sprung(PATIENCE));
        assert!(sprung.await.unwrap(), "the append passes the proxy");
        reaches(&b, 2).await;
        proxy.cut();
        committed(b.append(one("x", 2, 3)).await);
        proxy.open();
        assert_eq!(committed(in_doubt.await.unwrap()), 2);
        reaches(&a, 3).await;
        assert_eq!(committed(a.append(one("x", 3, 4)).await), 4);
        let log: Arc<dyn EventLog> = a.clone();
        assert_eq!(positions(&everything(&log).await), [1, 2, 3, 4]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_leads_until_it_goes() {
    on_database(async |database| {
        let (a, b) = (node(&database), node(&database));
        let mut leads_a = nodes(&a).campaign();
        let first = leads_a.wait_for(Option::is_some).await.unwrap().unwrap();
        let mut leads_b = nodes(&b).campaign();
        assert_eq!(*leads_b.borrow_and_update(), None);
        let begun = std::time::Instant::now();
        a.close().await;
        drop(a);
        let next = tokio::time::timeout(PATIENCE, leads_b.wait_for(Option::is_some))
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        assert!(next > first && begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_under_an_old_lease_is_refused_and_no_other_suffers() {
    on_database(async |database| {
        let log = node(&database);
        let lease = nodes(&log).campaign().wait_for(Option::is_some).await.unwrap().unwrap();
        let led = |name: &'static str, lease| Commit { lease: Some(lease), ..one(name, 0, 1) };
        committed(log.append(led("while it leads", lease)).await);
        execute(&database, "SELECT mc_lead()").await;
        let (deposed, ordinary, next) = tokio::join!(
            log.append(led("afterwards", lease)),
            log.append(one("ordinary", 0, 2)),
            log.append(led("by the next", Lease(lease.0 + 1))),
        );
        assert!(matches!(deposed, Err(StoreError::Deposed)), "{deposed:?}");
        committed(ordinary);
        committed(next);
        assert_eq!(log.head(), 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_take_turns() {
    on_database(async |database| {
        let (a, b) = (node(&database), node(&database));
        let turn = nodes(&a).turn(7).await.unwrap();
        assert_eq!(turn.position, 0);
        let other = Arc::clone(&b);
        let waiting = tokio::spawn(async move { nodes(&other).turn(7).await.unwrap().position });
        drop(nodes(&b).turn(8).await.unwrap());
        committed(a.append(one("x", 0, 1)).await);
        assert!(!waiting.is_finished());
        drop(turn);
        assert_eq!(waiting.await.unwrap(), 1, "the next turn begins after what happened in the one before");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_hear_one_another_and_not_themselves() {
    on_database(async |database| {
        let (a, b) = (node(&database), node(&database));
        let (mut heard_a, mut heard_b) = (nodes(&a).heard(), nodes(&b).heard());
        // Listening begins a moment after the opening, and what was told before is lost.
        let told = async {
            loop {
                nodes(&a).tell("a beats".to_owned());
                nodes(&b).tell("b beats".to_owned());
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let heard = async { (heard_a.recv().await.unwrap(), heard_b.recv().await.unwrap()) };
        tokio::select! {
            (by_a, by_b) = heard => assert_eq!((&*by_a, &*by_b), ("b beats", "a beats")),
            () = told => {}
            () = tokio::time::sleep(PATIENCE) => panic!("nothing was heard"),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_goes_on_after_its_connections_were_ended() {
    on_database(async |database| {
        let server = Postgres::shared().unwrap();
        let log = node(&database);
        for number in 0..5 {
            committed(log.append(keyed(one(number, 0, number), &format!("k{number}"), 1, "")).await);
            server.disconnect(database.url().rsplit('/').next().unwrap());
        }
        assert_eq!(committed(log.append(one("last", 0, 9)).await), 6);
        let read: Arc<dyn EventLog> = log.clone();
        assert_eq!(read.read_stream(&stream("3"), 0, 10).await.unwrap().len(), 1);
        assert_eq!(until(|| nodes(&log).out_of_touch().is_none().then_some(())).await, ());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_its_database_refuses_and_recovers_by_itself() {
    if !Postgres::is_installed() {
        return;
    }
    let server = Postgres::start(&[]);
    let database = server.database();
    let log = node(&database);
    committed(log.append(one("x", 0, 1)).await);
    server.stop();
    let refused = log.append(one("x", 1, 2)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_) | StoreError::Undecided)), "{refused:?}");
    assert!(nodes(&log).out_of_touch().is_some());
    assert!(matches!(log.probe().await, Err(StoreError::Unavailable(_))));
    let begun = std::time::Instant::now();
    let at_once = log.append(one("x", 1, 2)).await;
    assert!(matches!(at_once, Err(StoreError::Unavailable(_))), "{at_once:?}");
    assert!(begun.elapsed() < Duration::from_secs(2), "nobody waits for a database that was given up");
    assert_eq!(log.read_all(0, 10).await.unwrap().len(), 1, "what was seen last can still be read");
    server.start_again();
    until(|| nodes(&log).out_of_touch().is_none().then_some(())).await;
    let version = log.read_stream(&stream("x"), 0, 10).await.unwrap().len() as u64;
    committed(log.append(one("x", version, 3)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_database_stands_still_notices_and_recovers() {
    if !Postgres::is_installed() {
        return;
    }
    let server = Postgres::start(&[]);
    let database = server.database();
    let log = node(&database);
    committed(log.append(one("x", 0, 1)).await);
    server.pause();
    until(|| nodes(&log).out_of_touch()).await;
    server.resume();
    until(|| nodes(&log).out_of_touch().is_none().then_some(())).await;
    committed(log.append(one("x", 1, 2)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_the_database_refuses_fails_alone() {
    on_database(async |database| {
        let log = node(&database);
        // An index entry has a limit that only the database knows.
        let (good, bad, other) = tokio::join!(
            log.append(one("good", 0, 1)),
            log.append(one(long_name(), 0, 2)),
            log.append(one("other", 0, 3)),
        );
        committed(good);
        assert!(matches!(bad, Err(StoreError::Invalid { .. })), "{bad:?}");
        committed(other);
        assert_eq!(log.head(), 2);
    })
    .await;
}

/// A name that cannot be compressed below the limit of an index entry.
fn long_name() -> String {
    (0..2_000_u32).map(|number| format!("{:08x}", number.wrapping_mul(2_654_435_761))).collect()
}
