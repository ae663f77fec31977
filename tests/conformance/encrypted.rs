//! A connection to PostgreSQL over TLS: encrypted, and to the right server.

use std::process::Command;

use mc_store::{error::StoreError, log::EventLog, postgres::PostgresLog, testing::Postgres};
use sqlx::{Connection, PgConnection};

use crate::fixture::{committed, one};

/// Makes a key and a certificate of its own in the data directory of the server, as whom the server runs.
const CERTIFY: &str = "\
    COPY (SELECT 1) TO PROGRAM 'openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE \
    -out server.crt -keyout server.key 2>openssl.log && chmod 600 server.key'";
const ENCRYPT: &str = "ALTER SYSTEM SET ssl = on";
const RELOAD: &str = "SELECT pg_reload_conf()";

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_opened_over_tls_on_the_server_that_its_certificate_names() {
    if !Postgres::is_installed() {
        return;
    }
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("there is no openssl to make a certificate with: TLS WAS NOT TESTED");
        return;
    }
    let server = Postgres::start(&[]);
    for statement in [CERTIFY, ENCRYPT, RELOAD] {
        server.execute("postgres", statement);
    }
    let database = server.database();
    let (directory, plain) = (tempfile::tempdir().unwrap(), database.url());
    let certificate = certificate(plain).await;
    let file = directory.path().join("root.crt");
    std::fs::write(&file, certificate).unwrap();

    let named = plain.replace("@127.0.0.1:", "@localhost:");
    let trusting = format!("sslmode=verify-full&sslrootcert={}", file.display());
    let log = PostgresLog::open(&format!("{named}?{trusting}")).unwrap();
    committed(log.append(one("a", 0, 1)).await);
    let mut operator = PgConnection::connect(plain).await.unwrap();
    let open: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
         WHERE ssl AND application_name = 'mission-control'",
    )
    .fetch_one(&mut operator)
    .await
    .unwrap();
    assert!(open > 0, "the connections of the log are encrypted");
    let head = PostgresLog::open(&format!("{plain}?sslmode=require")).unwrap().head();
    assert_eq!(head, 1);

    for address in [format!("{named}?sslmode=verify-full"), format!("{plain}?{trusting}")] {
        let refused = PostgresLog::open(&address).unwrap_err();
        assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
        assert!(format!("{refused:?}").contains("InvalidCertificate"), "{refused:?}");
    }
}

/// The certificate of the server, once it is in use.
async fn certificate(url: &str) -> String {
    loop {
        let mut operator = PgConnection::connect(url).await.unwrap();
        let is_on: bool = sqlx::query_scalar("SELECT current_setting('ssl') = 'on'")
            .fetch_one(&mut operator)
            .await
            .unwrap();
        if is_on {
            return sqlx::query_scalar("SELECT pg_read_file('server.crt')")
                .fetch_one(&mut operator)
                .await
                .unwrap();
        }
    }
}
