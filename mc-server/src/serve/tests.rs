use clap::Parser;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    serve: ServeOptions,
}

fn options(store: &str) -> ServeOptions {
    Line::parse_from(["mission-control", "--listen", "127.0.0.1:0", "--store", store]).serve
}

fn memory() -> StoreUrl {
    "memory:".parse().unwrap()
}

struct Running {
    address: String,
    end: oneshot::Sender<()>,
    served: JoinHandle<Result<(), ServeError>>,
}

async fn start(options: ServeOptions) -> Running {
    let ((end, ended), (ready, line)) = (oneshot::channel(), oneshot::channel());
    let served = tokio::spawn(async move {
        let end = async { drop(ended.await) };
        serve_until(&options, end, |line| ready.send(line.to_owned()).unwrap()).await
    });
    let line = line.await.unwrap();
    let address = line.split(['/', ' ']).find(|word| word.starts_with("127.0.0.1:")).unwrap().to_owned();
    Running { address, end, served }
}

async fn connect(address: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Reads until `text` has come, or until the end.
async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut read = String::new();
    let mut buffer = [0; 4096];
    while !read.contains(text) {
        match stream.read(&mut buffer).await.unwrap() {
            0 => break,
            count => read.push_str(std::str::from_utf8(&buffer[..count]).unwrap()),
        }
    }
    read
}

#[tokio::test]
async fn the_server_says_where_it_listens_and_answers_there() {
    let directory = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}/new/mc.db", directory.path().display());
    let server = start(options(&store)).await;
    let mut client = connect(&server.address, "/readyz").await;
    assert!(read_until(&mut client, "ready").await.starts_with("HTTP/1.1 200 OK"));
    server.end.send(()).unwrap();
    server.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_open_stream_does_not_hold_up_the_end_and_the_store_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}/mc.db", directory.path().display());
    let server = start(options(&store)).await;
    let mut client = connect(&server.address, "/api/events").await;
    read_until(&mut client, "retry: 2000").await;
    server.end.send(()).unwrap();
    server.served.await.unwrap().unwrap();
    read_until(&mut client, "nothing more comes").await;
    drop(Store::open(&store).unwrap());
}

#[tokio::test]
async fn an_address_in_use_is_told_apart() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut options = options("memory:");
    options.listen = taken.local_addr().unwrap().to_string().parse().unwrap();
    let error = serve_until(&options, std::future::pending(), |_| {}).await.unwrap_err();
    assert!(matches!(error, ServeError::InUse { .. }));
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_ends_the_server() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("notes.txt");
    std::fs::write(&file, "not a database, only some notes that are long enough to be read as one").unwrap();
    let foreign = format!("sqlite:{}", file.display());
    let below_a_file = format!("sqlite:{}/mc.db", file.display());
    for store in [foreign.as_str(), below_a_file.as_str()] {
        let error = serve_until(&options(store), std::future::pending(), |_| {}).await.unwrap_err();
        assert!(matches!(error, ServeError::Store { .. }) && error.advice().is_some(), "{store}: {error}");
    }
    let held = format!("sqlite:{}/held.db", directory.path().display());
    let _holder = Store::open(&held).unwrap();
    let error = serve_until(&options(&held), std::future::pending(), |_| {}).await.unwrap_err();
    assert!(matches!(error, ServeError::Store { source: StoreError::Locked { .. }, .. }));
}

#[test]
fn the_greeting_shows_an_address_that_can_be_asked() {
    for (address, url) in [
        ("127.0.0.1:3000", "curl http://127.0.0.1:3000/api/tasks"),
        ("0.0.0.0:80", "curl http://127.0.0.1:80/api/tasks"),
        ("[::1]:3000", "curl http://[::1]:3000/api/tasks"),
    ] {
        let line = greeting(address.parse().unwrap(), &memory(), None, true);
        assert!(line.ends_with(url) && line.contains(&format!("http://{address} ")), "{line}");
    }
}

#[test]
fn the_greeting_names_a_call_that_works_without_a_credential() {
    let line = greeting("127.0.0.1:3000".parse().unwrap(), &memory(), None, false);
    assert!(line.ends_with("needs a credential. Try: curl http://127.0.0.1:3000/health"), "{line}");
}

#[test]
fn the_greeting_says_that_a_store_is_new_and_which_one_lies_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let (own, other) =
        (directory.path().join("mission-contrl.db"), directory.path().join("mission-control.db"));
    let store: StoreUrl = format!("sqlite:{}", own.display()).parse().unwrap();
    let line = || {
        let address = "127.0.0.1:3000".parse().unwrap();
        greeting(address, &store, new_store(&store).as_deref(), true)
    };
    assert!(line().contains(&format!("(new store {store})")), "{}", line());
    drop(Store::open(&format!("sqlite:{}", other.display())).unwrap());
    let named =
        format!("(new store {store}; there is sqlite:{} already, which --store opens)", other.display());
    assert!(line().contains(&named), "{}", line());
    drop(Store::open(store.reveal()).unwrap());
    assert!(line().contains(&format!("(store {store})")), "{}", line());
    assert_eq!(new_store(&memory()), None);
}
