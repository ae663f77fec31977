//! A form as a page, and what becomes of it when it is sent.

use std::collections::BTreeSet;

use askama::Template;
use axum::{
    http::{HeaderName, HeaderValue, Method, StatusCode},
    response::{IntoResponse, Response},
};
use form_urlencoded::byte_serialize;
use serde_json::Value;

use super::{Field, Form, Kind, Outcome, encode, new_key};
use crate::{
    problem::{Excerpt, Kind as ProblemKind, Problem},
    web::{
        Shell, Visit,
        html::{Html, Refused, go_to},
        rest::Write,
    },
};

/// What tells the scripts of the page that something was done, with what to say.
const HX_TRIGGER: HeaderName = HeaderName::from_static("hx-trigger");
/// Fields of ours in what a browser sends.
const KEY: &str = "_key";
const VERSION: &str = "_version";

#[derive(Template)]
#[template(path = "form.html")]
struct FormPage<'a> {
    shell: Shell,
    form: &'a Form,
    action: String,
    key: String,
    error: Option<String>,
    /// What has changed since the form was made, where it is too old.
    is_stale: bool,
    /// What came of it, where that is what the form is for.
    outcome: Option<Outcome>,
}

impl FormPage<'_> {
    /// Whether the form is over, and not shown again.
    fn is_over(&self) -> bool {
        self.outcome.as_ref().is_some_and(|outcome| outcome.is_over)
    }
}

/// The form as a page.
///
/// # Errors
/// When the views cannot be read.
pub(in crate::web) async fn show(visit: &Visit, form: &Form) -> Result<Response, Refused> {
    page(visit, form, new_key(), None, false).await.map(IntoResponse::into_response)
}

async fn page<'a>(
    visit: &Visit,
    form: &'a Form,
    key: String,
    error: Option<String>,
    is_stale: bool,
) -> Result<Html<FormPage<'a>>, Refused> {
    let shell = visit.shell(&form.title, "").await?;
    Ok(Html(FormPage { shell, form, action: visit.address(&[]), key, error, is_stale, outcome: None }))
}

/// Does what the form is for, with what was sent of it.
///
/// # Errors
/// When the views cannot be read. What the interface refuses is shown at the form.
pub(in crate::web) async fn submit(
    visit: &Visit,
    mut form: Form,
    sent: &[(String, String)],
) -> Result<Response, Refused> {
    let fresh = form.fields.clone();
    let key = fill(&mut form, sent);
    let current = form.version;
    form.version = values(sent, VERSION).next().and_then(|version| version.parse().ok()).or(current);
    if let Err(problem) = check(&form, sent, current) {
        return refused(visit, form, (&fresh, current), &problem).await;
    }
    let Ok(mut body) = encode::body(&mut form.fields) else {
        form.fields.iter_mut().for_each(mark_unreadable);
        let page = page(visit, &form, new_key(), None, false).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    };
    if let Some(whole) = form.whole {
        body = body[whole].take();
    }
    let write = Write {
        method: form.method.clone(),
        path: form.path.clone(),
        body,
        key: Some(key),
        version: form.version,
    };
    match visit.rest.write(&write).await {
        Ok(answer) => match form.outcome {
            Some(outcome) => show_outcome(visit, &form, outcome(&answer)).await,
            None => Ok(done(visit, &form)),
        },
        Err(problem) => refused(visit, form, (&fresh, current), &problem).await,
    }
}

/// The form with what came of it, or that alone.
async fn show_outcome(visit: &Visit, form: &Form, outcome: Outcome) -> Result<Response, Refused> {
    let Html(mut page) = page(visit, form, new_key(), None, false).await?;
    page.outcome = Some(outcome);
    Ok(Html(page).into_response())
}

/// Notes at which line a field can no longer be read as JSON.
fn mark_unreadable(field: &mut Field) {
    if field.kind != Kind::Json || field.error.is_none() {
        return;
    }
    if let Err(error) = serde_json::from_str::<Value>(&field.text()) {
        let (line, column) = (error.line(), error.column());
        let said = error.to_string();
        let said = said.split(" at line ").next().unwrap_or_default();
        field.mark_line(line, format!("This cannot be read as JSON from character {column} on: {said}"));
    }
}

/// Whether what was typed is another value than what is there now.
fn differs(typed: &Field, fresh: &Field) -> bool {
    let lines = |field: &Field| {
        let lines = field.value.iter().flat_map(|value| value.lines()).map(|line| line.trim().to_owned());
        lines.filter(|line| !line.is_empty()).collect::<Vec<_>>()
    };
    typed.kind != Kind::Hidden && lines(typed) != lines(fresh)
}

/// Whether what was sent is of this form: each field of it, once where it has one value. A form that was made from another
/// version may have had other fields; that it is too old is for the interface to say.
///
/// # Errors
/// `invalid-fields`
pub(in crate::web) fn check(
    form: &Form,
    sent: &[(String, String)],
    current: Option<u64>,
) -> Result<(), Problem> {
    let is_of_now = form.version == current;
    let mut known = BTreeSet::new();
    for (name, _) in sent {
        let field = form.fields.iter().find(|field| field.name == name);
        let takes_several = field.is_some_and(|field| matches!(field.kind, Kind::Choices(_) | Kind::Lines));
        if field.is_none() && is_of_now && ![KEY, VERSION].contains(&name.as_str()) {
            return Err(Problem::invalid_field(Excerpt(name).to_string(), "is no field of this form"));
        }
        if !known.insert(name) && !takes_several {
            return Err(Problem::invalid_field(Excerpt(name).to_string(), "must be there once"));
        }
    }
    Ok(())
}

/// Fills the form with what was sent of it. The answer is its idempotency key.
pub(in crate::web) fn fill(form: &mut Form, sent: &[(String, String)]) -> String {
    for field in &mut form.fields {
        field.value = values(sent, field.name).map(str::to_owned).collect();
    }
    values(sent, KEY).next().map_or_else(new_key, str::to_owned)
}

/// The form again, with what stands against it.
///
/// # Errors
/// When the views cannot be read.
pub(in crate::web) async fn refuse(
    visit: &Visit,
    form: Form,
    problem: &Problem,
) -> Result<Response, Refused> {
    let fresh = form.fields.clone();
    refused(visit, form, (&fresh, None), problem).await
}

/// What was sent under a name.
fn values<'a>(sent: &'a [(String, String)], name: &'a str) -> impl Iterator<Item = &'a str> {
    sent.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// Back to where the form came from, with what was done.
pub(in crate::web) fn done(visit: &Visit, form: &Form) -> Response {
    if visit.is_scripted {
        let said = serde_json::json!({ "done": { "said": form.done, "back": form.back } });
        let said = HeaderValue::from_str(&ascii(&said.to_string()));
        if let Ok(said) = said {
            return (StatusCode::NO_CONTENT, [(HX_TRIGGER, said)]).into_response();
        }
    }
    let said: String = byte_serialize(form.done.as_bytes()).collect();
    let joint = if form.back.contains('?') { '&' } else { '?' };
    go_to(&format!("{}{joint}done={said}", form.back), false)
}

/// JSON with every character beyond ASCII escaped, as a header takes it.
fn ascii(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            ' '..='~' => escaped.push(c),
            c => c
                .encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| escaped.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    escaped
}

/// The form again, with what stands against it. Where it was too old, it is made from what is now: sent again, it acts on that.
async fn refused(
    visit: &Visit,
    mut form: Form,
    (fresh, current): (&[Field], Option<u64>),
    problem: &Problem,
) -> Result<Response, Refused> {
    let mut said = Some(problem.detail().to_owned());
    let whole = form.whole;
    for error in problem.field_errors() {
        if let Some(field) = form.fields.iter_mut().find(|field| Some(field.name) == whole) {
            let pointer =
                error.pointer.clone().unwrap_or_else(|| format!("/{}", error.field.replace('.', "/")));
            field.mark(&pointer, format!("{} {}", error.field, error.message));
            said = None;
            continue;
        }
        let of = |field: &&mut Field| {
            error.field == field.name || error.field.starts_with(&format!("{}[", field.name))
        };
        if let Some(field) = form.fields.iter_mut().filter(|field| field.kind != Kind::Hidden).find(of) {
            field.error = Some(error.message.clone());
            said = None;
        }
    }
    let is_stale = problem.kind() == ProblemKind::PreconditionFailed;
    if is_stale {
        form.version = problem.moved_to().or(current);
        // What a form posts is not there yet; what it changes is.
        if form.method != Method::POST {
            for (field, fresh) in form.fields.iter_mut().zip(fresh) {
                field.now = differs(field, fresh).then(|| fresh.shown());
            }
        }
        said = Some("Somebody has changed this since you opened the form, so nothing was done. Look at what it is now, and send \
                     it again if it still fits.".to_owned());
    }
    if form.fields.iter().all(|field| field.error.is_none()) && said.is_none() {
        said = Some(problem.detail().to_owned());
    }
    // A refusal is no answer to keep: the next attempt is another request.
    let page = page(visit, &form, new_key(), said, is_stale).await?;
    Ok((problem.status(), page).into_response())
}
