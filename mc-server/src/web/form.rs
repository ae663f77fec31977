//! Forms: what a page asks for, as fields, and the REST request that it makes of them.
//!
//! A form has an address. `GET` shows it, as a page or in a dialog of the page that asked; `POST` to the same address does
//! what it is for, by the route of the interface that does it. What that refuses is shown at the form, with everything that was
//! typed. The form carries an idempotency key, so that it acts once however often it is sent, and the version that it was made
//! from, so that it never acts over what somebody else did meanwhile. Who goes back to a form gets a new one, with a new key: so
//! the browser must not fill in what was sent with the old one, which would do it again.

mod encode;
mod lines;
mod page;

use axum::http::Method;
use serde_json::Value;
use uuid::Uuid;

pub(super) use page::{done, fill, refuse, show, submit};

/// A form, filled with what is, or with what was typed.
#[derive(Debug, Clone)]
pub(super) struct Form {
    /// What it is for, as a heading.
    pub(super) title: String,
    /// What happens, as sentences above the fields.
    pub(super) intro: Option<String>,
    /// What exactly it is about, word by word, in a fixed pitch.
    pub(super) quote: Option<String>,
    pub(super) fields: Vec<Field>,
    /// The word on its button.
    pub(super) submit: &'static str,
    /// Whether its button warns.
    pub(super) is_grave: bool,
    /// The route that does it.
    pub(super) method: Method,
    pub(super) path: String,
    /// The version that it was made from, where the route takes one.
    pub(super) version: Option<u64>,
    /// What to say when it is done.
    pub(super) done: String,
    /// Where to go when it is done, or instead.
    pub(super) back: String,
    /// What to show of the answer instead of going back, where the answer is what the form is for.
    pub(super) outcome: Option<fn(&Value) -> Outcome>,
    /// The field whose JSON is the whole body, where there is one.
    pub(super) whole: Option<&'static str>,
}

/// What a form shows of the answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) title: String,
    /// What shows it by shape and colour: `good`, `warn` or `bad`.
    pub(super) state: &'static str,
    pub(super) facts: Vec<(&'static str, String)>,
    /// Why it is so, as sentences.
    pub(super) reasons: Vec<String>,
    /// What is shown this once, to be copied.
    pub(super) secret: Option<String>,
    /// Whether the form is over: it is not shown again.
    pub(super) is_over: bool,
}

/// What is wrong with a line of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// Its number, from 1.
    pub(super) line: usize,
    /// What stands there.
    pub(super) text: String,
    pub(super) message: String,
}

/// One field of a form.
#[derive(Debug, Clone)]
pub(super) struct Field {
    /// The field of the request's body, with dots between its parts: `budgets.dailyCap`.
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) kind: Kind,
    /// What is in it: one value, or one for each line or choice.
    pub(super) value: Vec<String>,
    pub(super) help: Option<&'static str>,
    pub(super) is_required: bool,
    /// Whether the chosen value is sent as a number.
    pub(super) is_numeric: bool,
    /// What is there now, where somebody else has changed it since the form was made.
    pub(super) now: Option<String>,
    /// What an empty field means.
    pub(super) empty: Empty,
    pub(super) error: Option<String>,
    /// What is wrong with single lines of it.
    pub(super) marks: Vec<Mark>,
}

/// What kind of value a field takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A line of text.
    Line,
    /// A text of several lines.
    Text,
    /// A text in which each line is a value of its own.
    Lines,
    /// A number, whole or with decimals.
    Number,
    /// A day and a time, in UTC.
    Time,
    /// One of these, each with what is shown for it.
    Choice(Vec<(String, String)>),
    /// Any of these.
    Choices(Vec<(String, String)>),
    /// A text that is shown in a fixed pitch, and sent as JSON.
    Json,
    /// A value that is not shown.
    Hidden,
}

/// What an empty field means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Empty {
    /// The field is left out.
    LeftOut,
    /// The field is `null`: what is there is taken away.
    Null,
    /// The field is an empty list.
    List,
}

impl Form {
    /// A form for a route.
    pub(super) fn new(title: impl Into<String>, method: Method, path: impl Into<String>, back: &str) -> Self {
        Self {
            title: title.into(),
            intro: None,
            quote: None,
            fields: Vec::new(),
            submit: "Save",
            is_grave: false,
            method,
            path: path.into(),
            version: None,
            done: "Done".to_owned(),
            back: back.to_owned(),
            outcome: None,
            whole: None,
        }
    }

    pub(super) fn intro(mut self, intro: impl Into<String>) -> Self {
        self.intro = Some(intro.into());
        self
    }

    pub(super) fn quote(mut self, quote: impl Into<String>) -> Self {
        self.quote = Some(quote.into());
        self
    }

    pub(super) fn field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// The text in the field of that name.
    pub(super) fn value_of(&self, name: &str) -> String {
        self.fields.iter().find(|field| field.name == name).map(Field::text).unwrap_or_default()
    }

    pub(super) fn submit(mut self, word: &'static str) -> Self {
        self.submit = word;
        self
    }

    pub(super) fn grave(mut self) -> Self {
        self.is_grave = true;
        self
    }

    pub(super) fn version(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }

    /// Shows this of the answer instead of going back.
    pub(super) fn outcome(mut self, outcome: fn(&Value) -> Outcome) -> Self {
        self.outcome = Some(outcome);
        self
    }

    /// Sends the JSON of this field as the whole body.
    pub(super) fn whole(mut self, field: &'static str) -> Self {
        self.whole = Some(field);
        self
    }

    /// What to say when it is done, as a sentence without a full stop.
    pub(super) fn done(mut self, done: impl Into<String>) -> Self {
        self.done = done.into();
        self
    }
}

impl Field {
    /// A field that is left out when it is empty.
    pub(super) fn new(name: &'static str, label: &'static str, kind: Kind) -> Self {
        let (value, empty) = (Vec::new(), Empty::LeftOut);
        Self {
            name,
            label,
            kind,
            value,
            help: None,
            is_required: false,
            is_numeric: false,
            now: None,
            empty,
            error: None,
            marks: Vec::new(),
        }
    }

    /// What is in it.
    pub(super) fn value(mut self, value: impl Into<String>) -> Self {
        self.value = vec![value.into()];
        self
    }

    pub(super) fn values(mut self, values: impl IntoIterator<Item = String>) -> Self {
        self.value = values.into_iter().collect();
        self
    }

    pub(super) fn help(mut self, help: &'static str) -> Self {
        self.help = Some(help);
        self
    }

    pub(super) fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// Sends the chosen value as a number.
    pub(super) fn numeric(mut self) -> Self {
        self.is_numeric = true;
        self
    }

    pub(super) fn or(mut self, empty: Empty) -> Self {
        self.empty = empty;
        self
    }

    /// The one value, as a text.
    pub(super) fn text(&self) -> String {
        self.value.join("\n")
    }

    /// What is in it as people read it.
    fn shown(&self) -> String {
        let (Kind::Choice(choices) | Kind::Choices(choices)) = &self.kind else { return self.text() };
        let chosen = choices.iter().filter(|(value, _)| self.has(value));
        chosen.map(|(_, label)| label.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Notes what is wrong at a place of the JSON in it.
    fn mark(&mut self, pointer: &str, message: String) {
        let line = lines::line_of(&self.text(), pointer);
        self.mark_line(line, message);
    }

    fn mark_line(&mut self, line: usize, message: String) {
        let text = self.text().lines().nth(line.saturating_sub(1)).unwrap_or_default().trim().to_owned();
        self.marks.push(Mark { line, text, message });
        self.marks.sort_by_key(|mark| mark.line);
        self.error = Some(match self.marks.len() {
            1 => "has something wrong on 1 line".to_owned(),
            count => format!("has something wrong in {count} places"),
        });
    }

    pub(super) fn has(&self, value: &str) -> bool {
        self.value.iter().any(|known| known == value)
    }
}

/// A new idempotency key.
pub(super) fn new_key() -> String {
    Uuid::now_v7().to_string()
}
