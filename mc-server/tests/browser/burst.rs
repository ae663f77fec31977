//! A page while more happens than anybody can read.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    browser::{Browser, ESCAPE, with},
    server::Server,
};

/// How soon the page answers to a click, and shows what happened last.
const SOON: Duration = Duration::from_secs(2);
/// How many events a second there are at least, for how long.
const RATE: u64 = 1000;
const BURST: Duration = Duration::from_secs(4);
/// How many agents are paused and resumed together, which is as many events, and how often.
const AGENTS: u64 = 150;
const PACE: Duration = Duration::from_millis(100);
/// How many connections create tasks meanwhile.
const CREATORS: usize = 3;

/// A connection that stays open.
struct Connection {
    reader: BufReader<TcpStream>,
    address: String,
}

impl Connection {
    fn to(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        Self { reader: BufReader::new(stream), address: address.to_owned() }
    }

    /// Sends a request, and waits for its answer.
    fn post(&mut self, path: &str, body: &Value) {
        let (address, body) = (&self.address, body.to_string());
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.reader.get_mut().write_all(request.as_bytes()).unwrap();
        let mut lines = Vec::new();
        while lines.last().is_none_or(|line: &String| !line.trim().is_empty()) {
            let mut line = String::new();
            assert!(self.reader.read_line(&mut line).unwrap() > 0, "{lines:?}");
            lines.push(line.to_ascii_lowercase());
        }
        assert!(lines[0].starts_with("http/1.1 2"), "{path}: {lines:?}");
        let length = lines.iter().find_map(|line| line.strip_prefix("content-length:")).unwrap();
        self.reader.read_exact(&mut vec![0; length.trim().parse().unwrap()]).unwrap();
    }
}

/// Pauses and resumes all agents, again and again.
fn pause_and_resume(is_over: &AtomicBool, address: &str) {
    let mut connection = Connection::to(address);
    let mut due = Instant::now();
    for act in ["pause-squad", "resume-squad"].iter().cycle() {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        due = Instant::now().max(due + PACE);
        connection.post(&format!("/api/emergency/{act}"), &json!({}));
        if *act == "resume-squad" && is_over.load(Ordering::Relaxed) {
            return;
        }
    }
}

fn create_tasks(is_over: &AtomicBool, address: &str) {
    let mut connection = Connection::to(address);
    while !is_over.load(Ordering::Relaxed) {
        connection.post("/api/tasks", &json!({ "title": "One of many", "type": "docs", "priority": 4 }));
    }
}

fn start(is_over: &Arc<AtomicBool>, address: &str, writer: fn(&AtomicBool, &str)) -> JoinHandle<()> {
    let (is_over, address) = (Arc::clone(is_over), address.to_owned());
    thread::spawn(move || writer(&is_over, &address))
}

/// The position of the last event.
fn head(server: &Server) -> u64 {
    server.get("/api/activity?limit=1")[0]["position"].as_u64().unwrap()
}

/// Opens a form and closes it again, until enough has happened for long enough.
async fn click_meanwhile(server: &Server, browser: &Browser) {
    let (begun, before) = (Instant::now(), head(server));
    let mut clicks = 0;
    while begun.elapsed() < BURST || head(server) - before < RATE * BURST.as_secs() {
        let clicked = Instant::now();
        browser.click("a[data-new]").await;
        let left = SOON.saturating_sub(clicked.elapsed());
        browser.until_within(left, "document.querySelector('#dialog[open] #title')").await;
        browser.press(&[ESCAPE]).await;
        browser.until("!document.querySelector('dialog[open]')").await;
        clicks += 1;
    }
    let (events, took) = (head(server) - before, begun.elapsed());
    println!("{events} events in {took:?}, {clicks} clicks");
}

#[test]
fn a_thousand_events_a_second_do_not_freeze_the_page() {
    with(Server::open(), async |server, browser| {
        let mut connection = Connection::to(&server.address);
        for number in 0..AGENTS {
            connection.post("/api/agents", &json!({ "name": format!("Agent {number}"), "role": "intern" }));
        }
        browser.goto("/").await;
        browser.eval("window.isTheSame = true").await;
        let is_over = Arc::new(AtomicBool::new(false));
        let mut writers = vec![start(&is_over, &server.address, pause_and_resume)];
        writers.extend((0..CREATORS).map(|_| start(&is_over, &server.address, create_tasks)));
        click_meanwhile(server, browser).await;
        is_over.store(true, Ordering::Relaxed);
        writers.into_iter().for_each(|writer| writer.join().unwrap());

        let last = json!({ "title": "The last of all", "type": "docs", "priority": 1 });
        let last = server.post("/api/tasks", &last)["id"].as_str().unwrap().to_owned();
        browser.until_within(SOON, &format!("document.getElementById('card-{last}')")).await;
        let (count, shown) = (server.get("/api/board")["columns"][0]["count"].clone(), "#title-inbox .count");
        browser
            .until_within(SOON, &format!("document.querySelector('{shown}').textContent === '{count}'"))
            .await;
        browser.until_within(SOON, "!document.querySelector('main .halted')").await;
        assert_eq!(browser.eval("window.isTheSame").await, json!(true), "the page was loaded again");
    });
}
