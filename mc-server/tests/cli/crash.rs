//! A server that is killed while it works has lost nothing that it answered.

use std::{
    sync::mpsc::{Sender, channel},
    thread,
};

use serde_json::{Value, json};

use crate::program::{Answer, Server, ask, mission_control, store_in};

const CLIENTS: usize = 4;
/// After how many answers the server is killed.
const ANSWERS: usize = 400;

/// A write, and what came back, if anything did.
struct Write {
    path: String,
    key: String,
    body: String,
    answer: Option<Answer>,
}

/// One client's story: every write that was answered, and at its end the one that was not.
fn work(address: &str, client: usize, answered: &Sender<()>) -> Vec<Write> {
    let mut writes = Vec::new();
    let mut send = |path: String, body: Value| -> Option<String> {
        let (key, body) = (format!("client-{client}-{}", writes.len()), body.to_string());
        let answer = ask(address, "POST", &path, &key, &body).ok();
        let id = answer.as_ref().map(|answer| {
            assert!(matches!(answer.status, 200 | 201), "{path}: {}", answer.body);
            answer.body["id"].as_str().unwrap().to_owned()
        });
        writes.push(Write { path, key, body, answer });
        if id.is_some() {
            // Whoever counts has counted enough.
            let _ = answered.send(());
        }
        id
    };
    let agent = format!("agent-{client}");
    let mut one_task = || {
        let task = json!({ "title": "Write", "type": "docs", "assigneeIds": [agent] });
        let task = send("/api/tasks".to_owned(), task)?;
        for step in [
            json!({ "toStatus": "in_progress", "workPlan": ["a", "b", "c"] }),
            json!({ "toStatus": "review", "deliverable": "x", "reviewChecklist": ["y"] }),
            json!({ "toStatus": "done", "reason": "fine" }),
        ] {
            send(format!("/api/tasks/{task}/transition"), step)?;
        }
        Some(())
    };
    while one_task().is_some() {}
    writes
}

/// What is known of each task at last: the body of its last answer.
fn last_known(writes: &[Write]) -> impl Iterator<Item = &Value> {
    let answers = || writes.iter().filter_map(|write| write.answer.as_ref());
    let is_last = move |index: usize, answer: &Answer| {
        answers().skip(index + 1).all(|later| later.body["id"] != answer.body["id"])
    };
    let last = writes.iter().filter_map(|write| write.answer.as_ref()).enumerate();
    last.filter(move |(index, answer)| is_last(*index, answer)).map(|(_, answer)| &answer.body)
}

/// A server that does not log every request: nobody reads it here, and a pipe that is full stops who writes to it.
fn quiet(store: &str) -> Server {
    Server::ready(mission_control(&["--listen", "127.0.0.1:0", "--store", store, "--log", "warn"]))
}

fn everything(server: &Server) -> [Value; 4] {
    ["/api/tasks?limit=1000", "/api/agents", "/api/activity?limit=1000", "/api/board?all=true"]
        .map(|list| server.get(list))
}

#[test]
fn a_server_killed_under_load_has_lost_nothing_that_it_answered() {
    let directory = tempfile::tempdir().unwrap();
    let store = store_in(directory.path());
    let server = quiet(&store);
    for client in 0..CLIENTS {
        let body = json!({ "name": format!("agent-{client}") }).to_string();
        ask(&server.address, "POST", "/api/agents", "", &body).unwrap();
    }
    let (answered, answers) = channel();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (address, answered) = (server.address.clone(), answered.clone());
            thread::spawn(move || work(&address, client, &answered))
        })
        .collect();
    assert_eq!(answers.iter().take(ANSWERS).count(), ANSWERS);
    server.killed();
    let stories: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();

    let server = quiet(&store);
    for writes in &stories {
        let unanswered = writes.last().unwrap();
        assert!(unanswered.answer.is_none() && writes.len() > 1);
        for known in last_known(writes) {
            let id = known["id"].as_str().unwrap();
            let now = server.get(&format!("/api/tasks/{id}"));
            // What was not answered may have been recorded: then the task is one step further, and nothing else.
            let went_on =
                unanswered.path.contains(id) && now["version"] == known["version"].as_u64().unwrap() + 1;
            assert!(now == *known || went_on, "answered {known}, found {now}");
        }
        for write in writes {
            let repeat = ask(&server.address, "POST", &write.path, &write.key, &write.body).unwrap();
            match &write.answer {
                Some(first) => {
                    assert_eq!((repeat.status, &repeat.body), (first.status, &first.body));
                    assert!(repeat.head.contains("idempotency-replayed: true"));
                }
                None => assert!(matches!(repeat.status, 200 | 201), "{}", repeat.body),
            }
        }
    }
    let created = stories.iter().flatten().filter(|write| write.path == "/api/tasks").count();
    assert_eq!(server.get("/api/tasks?limit=1000").as_array().unwrap().len(), created);

    let before = everything(&server);
    assert_eq!(server.terminated().status.code(), Some(0));
    let server = quiet(&store);
    let without_age = |mut lists: [Value; 4]| {
        for column in lists[3]["columns"].as_array_mut().unwrap() {
            for card in column["cards"].as_array_mut().unwrap() {
                card["ageSecs"].take();
            }
        }
        lists
    };
    assert_eq!(without_age(everything(&server)), without_age(before));
}
