//! A form as a page, and what becomes of it when it is sent.

use askama::Template;
use axum::{
    http::{HeaderName, HeaderValue, Method, StatusCode},
    response::{IntoResponse, Response},
};
use form_urlencoded::byte_serialize;

use super::{Field, Form, Kind, encode, new_key};
use crate::{
    problem::{Kind as ProblemKind, Problem},
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
    Ok(Html(FormPage { shell, form, action: visit.address(&[]), key, error, is_stale }))
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
    for field in &mut form.fields {
        field.value = values(sent, field.name).map(str::to_owned).collect();
    }
    let key = values(sent, KEY).next().map_or_else(new_key, str::to_owned);
    let current = form.version;
    form.version = values(sent, VERSION).next().and_then(|version| version.parse().ok()).or(current);
    let Ok(body) = encode::body(&mut form.fields) else {
        let page = page(visit, &form, new_key(), None, false).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    };
    let write = Write {
        method: form.method.clone(),
        path: form.path.clone(),
        body,
        key: form.is_keyed.then_some(key),
        version: form.version,
    };
    match visit.rest.write(&write).await {
        Ok(_) => Ok(done(visit, &form)),
        Err(problem) => refused(visit, form, (&fresh, current), &problem).await,
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

/// What was sent under a name.
fn values<'a>(sent: &'a [(String, String)], name: &'a str) -> impl Iterator<Item = &'a str> {
    sent.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// Back to where the form came from, with what was done.
fn done(visit: &Visit, form: &Form) -> Response {
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
    for error in problem.field_errors() {
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
