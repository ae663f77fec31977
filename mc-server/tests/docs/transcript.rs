//! A part of a document as a transcript: what is typed, and what is answered.
//!
//! A block of `sh` is run as one script; variables it sets are there for the blocks after it. A block of `json` after it
//! says what it answers, line by line: what stands between two `…` is in the output, in this order. `<!-- stop -->` and
//! `<!-- start -->` stand where the server is ended and started.

use std::fs;

use crate::server::Server;

/// How long a command that follows something live is let run, in seconds.
const LIVE_SECS: &str = "2";
/// The exit status of `curl` when its time is over.
const CURL_TIMED_OUT: i32 = 28;

pub struct Transcript {
    steps: Vec<Step>,
}

enum Step {
    Stop,
    Start,
    Exchange(Exchange),
}

#[derive(Debug)]
struct Exchange {
    typed: String,
    answered: String,
}

impl Transcript {
    /// The section of that heading, up to the next one of its level.
    pub fn of_section(document: &str, heading: &str) -> Self {
        let level = heading.split(' ').next().unwrap();
        let (_, section) =
            document.split_once(&format!("\n{heading}\n")).expect("the document has the section");
        let end = section.find(&format!("\n{level} ")).unwrap_or(section.len());
        Self::of(&section[..end])
    }

    /// All of a document.
    pub fn of(text: &str) -> Self {
        let mut steps: Vec<Step> = Vec::new();
        // Text and block take turns; what follows a closing fence begins with an empty line.
        for part in text.split("\n```") {
            match part.split_once('\n') {
                Some(("sh", typed)) => {
                    let exchange = Exchange { typed: typed.to_owned(), answered: String::new() };
                    steps.push(Step::Exchange(exchange));
                }
                Some(("json", answered)) => match steps.last_mut() {
                    Some(Step::Exchange(exchange)) => exchange.answered = answered.to_owned(),
                    _ => panic!("an answer follows no command: {answered}"),
                },
                Some((_, text)) if text.contains("<!-- stop -->") => steps.push(Step::Stop),
                Some((_, text)) if text.contains("<!-- start -->") => steps.push(Step::Start),
                _ => {}
            }
        }
        Self { steps }
    }

    /// How many blocks are typed.
    pub fn commands(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step, Step::Exchange(_))).count()
    }

    /// Types all of it, and compares the answers.
    pub fn play(&self, server: &mut Server) {
        for step in &self.steps {
            match step {
                Step::Stop => server.stop(),
                Step::Start => server.start_again(),
                Step::Exchange(exchange) => exchange.play(server),
            }
        }
    }
}

impl Exchange {
    fn play(&self, server: &Server) {
        let variables = server.directory().join("variables");
        let known = fs::read_to_string(&variables).unwrap_or_default();
        let typed =
            server.addressed(&self.typed).replace("curl -N", &format!("curl -N --max-time {LIVE_SECS}"));
        let set = typed.lines().map(|line| line.strip_prefix("export ").unwrap_or(line));
        let names = set.filter_map(|line| line.split_once('=')).map(|(name, _)| name);
        let names = names.filter(|name| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
        let keep: String = names
            .map(|name| {
                format!("printf 'export {name}=%q\\n' \"${{{name}-}}\" >> '{}'\n", variables.display())
            })
            .collect();
        let output = server.shell(&format!("set -eu\n{known}\n{typed}\n{keep}")).output().unwrap();
        let (said, complained) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let status = output.status.code();
        let lives = typed.contains("curl -N") && status == Some(CURL_TIMED_OUT);
        assert!(output.status.success() || lives, "{typed}\n{said}\n{complained}");
        self.compare(&said);
    }

    fn compare(&self, said: &str) {
        let mut rest = said;
        for expected in self.answered.lines().flat_map(|line| line.split('…')).filter(|part| !part.is_empty())
        {
            let Some(at) = rest.find(expected) else {
                panic!("{}\nshould go on with\n{expected}\nbut went on with\n{rest}", self.typed);
            };
            rest = &rest[at + expected.len()..];
        }
    }
}
