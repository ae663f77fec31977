#![allow(clippy::unwrap_used)]

use std::{
    env,
    io::{BufRead, BufReader},
    net::TcpStream,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use sqlx::{Connection, PgConnection};

use super::{Database, Postgres, sql::blocking};

/// The environment variable that makes a copy of this test program start a server and wait until it is killed.
const HOLDER: &str = "MC_TESTING_HOLDS_A_SERVER";
/// What the copy writes before the port of its server.
const PORT: &str = "its port is ";

fn number(database: &Database, query: &str) -> i64 {
    blocking(async {
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap()
    })
}

fn wait_until(mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(30));
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn two_databases_know_nothing_of_each_other() {
    let Some(server) = Postgres::shared() else { return };
    let (one, other) = (server.database(), server.empty_database());
    one.execute("CREATE TABLE a (b integer)");
    other.execute("CREATE TABLE a (b integer); INSERT INTO a VALUES (1)");
    assert_eq!(number(&one, "SELECT count(*) FROM a"), 0);
    assert_eq!(number(&other, "SELECT count(*) FROM a"), 1);
}

#[test]
fn a_dropped_database_is_removed_although_somebody_is_connected() {
    let Some(server) = Postgres::shared() else { return };
    let (database, other) = (server.empty_database(), server.empty_database());
    let connection = blocking(PgConnection::connect(database.url())).unwrap();
    let remaining = format!("SELECT count(*) FROM pg_database WHERE datname = '{}'", database.name());
    assert_eq!(number(&other, &remaining), 1);
    drop(database);
    wait_until(|| number(&other, &remaining) == 0);
    drop(connection);
}

#[tokio::test]
async fn a_database_is_made_and_dropped_within_a_runtime() {
    let Some(server) = Postgres::shared() else { return };
    let database = server.database();
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    sqlx::raw_sql("SELECT 1").execute(&mut connection).await.unwrap();
}

#[test]
fn a_killed_or_stopped_server_starts_again_with_what_was_committed() {
    if !Postgres::is_installed() {
        return;
    }
    let server = Postgres::start(&[]);
    let database = server.empty_database();
    database.execute("CREATE TABLE a (b integer)");
    for (faults, end) in [Postgres::kill, Postgres::stop].into_iter().enumerate() {
        database.execute("INSERT INTO a VALUES (1)");
        end(&server);
        assert!(TcpStream::connect(("127.0.0.1", server.port())).is_err());
        server.start_again();
        assert_eq!(number(&database, "SELECT count(*) FROM a"), faults as i64 + 1);
    }
}

#[test]
fn a_paused_server_answers_once_it_goes_on() {
    if !Postgres::is_installed() {
        return;
    }
    let server = Postgres::start(&[]);
    let database = server.empty_database();
    server.pause();
    thread::scope(|scope| {
        let answer = scope.spawn(|| number(&database, "SELECT 1::bigint"));
        thread::sleep(Duration::from_millis(100));
        assert!(!answer.is_finished());
        server.resume();
        assert_eq!(answer.join().unwrap(), 1);
    });
}

#[test]
fn a_dropped_server_leaves_nothing() {
    if !Postgres::is_installed() {
        return;
    }
    let server = Postgres::start(&[]);
    let (port, directory) = (server.port(), server.server.directory().to_owned());
    assert!(directory.exists());
    drop(server);
    assert!(!directory.exists());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_server_ends_with_its_process_although_that_is_killed() {
    if !Postgres::is_installed() {
        return;
    }
    let mut holder = Command::new(env::current_exe().unwrap());
    holder.args(["--exact", "testing::tests::a_server_waits_until_its_process_is_killed", "--nocapture"]);
    let mut holder = holder.env(HOLDER, "1").stdout(Stdio::piped()).spawn().unwrap();
    let told = BufReader::new(holder.stdout.take().unwrap()).lines().map(Result::unwrap);
    let lines: Vec<_> = told.take_while(|line| line != "that is all").collect();
    let told = |what| lines.iter().find_map(|line| line.strip_prefix(what)).unwrap();
    let address = format!("127.0.0.1:{}", told(PORT));
    assert!(TcpStream::connect(&address).is_ok());

    holder.kill().unwrap();
    holder.wait().unwrap();
    wait_until(|| {
        TcpStream::connect(&address).is_err() && !std::path::Path::new(told("its directory is ")).exists()
    });
}

/// What the copy of this test program does; in the test program itself, nothing.
#[test]
fn a_server_waits_until_its_process_is_killed() {
    if env::var_os(HOLDER).is_none() {
        return;
    }
    let server = Postgres::start(&[]);
    println!(
        "\n{PORT}{}\nits directory is {}\nthat is all",
        server.port(),
        server.server.directory().display()
    );
    loop {
        thread::park();
    }
}
