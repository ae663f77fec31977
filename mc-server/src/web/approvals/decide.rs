//! Deciding: one approval, or several that ask for the same.

use std::collections::BTreeSet;

use axum::{extract::Request, http::Method, response::Response};
use serde_json::json;

use super::{Approval, payload, read};
use crate::{
    problem::Problem,
    web::{
        Visit,
        form::{self, Field, Form, Kind},
        form_body,
        html::Refused,
        rest::Write,
        times,
        visit::Names,
    },
};

/// The most approvals that are decided at once.
pub(super) const MAX_TOGETHER: usize = 50;

/// An answer to a request: the end of its route, and how it reads.
struct Answer {
    route: &'static str,
    name: &'static str,
    note: &'static str,
    is_note_needed: bool,
    means: &'static str,
}

const APPROVE: Answer = Answer {
    route: "approve",
    name: "Approve",
    note: "Note",
    is_note_needed: false,
    means: "Your yes holds for exactly what is asked for below, for one use.",
};
const DENY: Answer = Answer {
    route: "deny",
    name: "Deny",
    note: "Why",
    is_note_needed: true,
    means: "The requestor reads your reason, and a task that waits for this is blocked with it.",
};
const REQUEST_REVISION: Answer = Answer {
    route: "request-revision",
    name: "Request a revision",
    note: "What to change",
    is_note_needed: true,
    means: "The request stays open, and its requestor has to change it and ask again.",
};

/// Yes.
pub(in crate::web) async fn approve(visit: &Visit, names: &Names) -> Result<Form, Refused> {
    one(visit, names, &APPROVE).await
}

/// No, with the reason.
pub(in crate::web) async fn deny(visit: &Visit, names: &Names) -> Result<Form, Refused> {
    Ok(one(visit, names, &DENY).await?.grave())
}

/// Not like this.
pub(in crate::web) async fn request_revision(visit: &Visit, names: &Names) -> Result<Form, Refused> {
    one(visit, names, &REQUEST_REVISION).await
}

async fn one(visit: &Visit, names: &Names, answer: &Answer) -> Result<Form, Refused> {
    let approval = read(visit, &names.part("approval")).await?;
    let path = format!("/api/approvals/{}/{}", approval.id, answer.route);
    let title = format!("{}: {}", answer.name, approval.summary);
    Ok(Form::new(title, Method::POST, path, &back(visit))
        .intro(format!("{} {}{}{}", asked(&approval), answer.means, so_far(&approval), stands(&approval)))
        .quote(quote(&approval))
        .field(note(answer.note, answer.is_note_needed))
        .version(approval.version)
        .submit(answer.name)
        .done("Your answer is recorded"))
}

fn back(visit: &Visit) -> String {
    visit.api("/approvals", &["project"], &[])
}

fn note(label: &'static str, is_needed: bool) -> Field {
    let field = Field::new("decision", label, Kind::Text);
    if is_needed { field.required() } else { field }
}

/// Who asks for what, at which risk and cost, in a sentence.
fn asked(approval: &Approval) -> String {
    format!("{} asks for {}.", approval.requested_by.name, what(approval))
}

/// What is asked for, at which risk and cost.
fn what(approval: &Approval) -> String {
    let cost = approval.cost().map(|cost| format!(", for about {cost}")).unwrap_or_default();
    let (kind, summary) = (times::words(&approval.action_type), approval.summary.trim_end_matches('.'));
    format!("this {kind}, at {} risk{cost}: {summary}", approval.risk)
}

/// How far the quorum is.
fn so_far(approval: &Approval) -> String {
    match approval.required_decisions {
        0 | 1 => String::new(),
        required => format!(" It takes {required} deciders; {} agreed so far.", approval.agreed().count()),
    }
}

/// What somebody has answered already, in a sentence: it may be more than the visitor has seen.
fn stands(approval: &Approval) -> String {
    let note = approval.decisions.last().and_then(|decision| decision.note.as_ref());
    let note = note.map(|note| format!(": {note}")).unwrap_or_default();
    let by = approval.decided_by.as_ref().map(|by| format!(" by {}{note}", by.name)).unwrap_or_default();
    match (approval.is_open(), &approval.revision_note) {
        (true, None) => String::new(),
        (true, Some(wanted)) => format!(" A revision is asked for already: {wanted}"),
        (false, _) => format!(" It is {} already{by}", approval.state()),
    }
}

/// What exactly is decided on.
fn quote(approval: &Approval) -> String {
    let payload = approval.payload.as_ref().map(|payload| payload::pretty(payload.get()));
    let payload = payload.unwrap_or_else(|| "No parameters".to_owned());
    format!("{payload}\n\nContent hash {}", approval.content_hash)
}

/// Approvals that ask for exactly the same.
struct Same {
    approvals: Vec<Approval>,
    hash: String,
}

impl Same {
    /// Those that the address names.
    ///
    /// # Errors
    /// `invalid-fields` when they ask for different things, or are none or too many; `not-found`.
    async fn named(visit: &Visit) -> Result<Self, Problem> {
        let ids = visit.parameter("ids").unwrap_or_default();
        let ids: Vec<_> = ids.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
        if ids.len() > MAX_TOGETHER {
            let message = format!("are more than {MAX_TOGETHER}; decide some of them first");
            return Err(Problem::invalid_field("ids", message));
        }
        let mut approvals: Vec<Approval> = Vec::new();
        for id in ids {
            let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
            let approval = read(visit, &id).await?;
            if approvals.iter().all(|known| known.id != approval.id) {
                approvals.push(approval);
            }
        }
        let none = || Problem::invalid_field("ids", "names no approval");
        let hash = approvals.first().ok_or_else(none)?.content_hash.clone();
        if approvals.iter().any(|approval| approval.content_hash != hash) {
            let message = "names approvals that ask for different things; decide each of them on its own";
            return Err(Problem::invalid_field("ids", message));
        }
        Ok(Self { approvals, hash })
    }

    fn form(&self, visit: &Visit) -> Form {
        let count = self.approvals.len();
        let choices = [APPROVE, DENY, REQUEST_REVISION];
        let choices = choices.map(|answer| (answer.route.to_owned(), answer.name.to_owned()));
        let choices = [(String::new(), "Choose one".to_owned())].into_iter().chain(choices).collect();
        let requestors: BTreeSet<_> =
            self.approvals.iter().map(|approval| approval.requested_by.name.as_str()).collect();
        let requestors = requestors.into_iter().collect::<Vec<_>>().join(", ");
        let first = self.approvals.first();
        let what = first.map(what).unwrap_or_default();
        let form = Form::new(format!("Decide {count} approvals"), Method::POST, "", &back(visit))
            .intro(format!(
                "{requestors} asked for exactly {what}. Each of them gets your answer, for one use."
            ))
            .field(Field::new("answer", "Your answer", Kind::Choice(choices)).required())
            .field(note("Note or reason", false).help("Needed to deny, and to request a revision."))
            .field(Field::new("contentHash", "", Kind::Hidden).value(&self.hash))
            .submit("Give this answer")
            .done("Your answer is recorded for all of them");
        match first {
            Some(first) => form.quote(quote(first)),
            None => form,
        }
    }
}

/// `GET /approvals/decide`: the form that answers several approvals which ask for the same.
pub(in crate::web) async fn show_several(visit: Visit) -> Result<Response, Refused> {
    let same = Same::named(&visit).await?;
    form::show(&visit, &same.form(&visit)).await
}

/// `POST /approvals/decide`: gives each of them the answer, each by a request of its own. Those that refuse it are shown
/// again.
pub(in crate::web) async fn decide_several(mut visit: Visit, request: Request) -> Result<Response, Refused> {
    let sent = form_body(request).await?;
    let same = Same::named(&visit).await?;
    let mut form = same.form(&visit);
    let key = form::fill(&mut form, &sent);
    if let Err(problem) = form::check(&form, &sent, None) {
        return form::refuse(&visit, form, &problem).await;
    }
    let [answer, note, hash] = ["answer", "decision", "contentHash"].map(|name| form.value_of(name));
    let routes = [APPROVE, DENY, REQUEST_REVISION].map(|answer| answer.route);
    let Some(route) = routes.into_iter().find(|route| *route == answer) else {
        return form::refuse(&visit, form, &Problem::invalid_field("answer", "must be one of these")).await;
    };
    let mut body = json!({ "contentHash": hash });
    if !note.trim().is_empty() {
        body["decision"] = json!(note);
    }
    let mut refused: Vec<(&Approval, Problem)> = Vec::new();
    for approval in &same.approvals {
        let write = Write {
            method: Method::POST,
            path: format!("/api/approvals/{}/{route}", approval.id),
            body: body.clone(),
            key: Some(format!("{key}/{}", approval.id)),
            version: None,
        };
        if let Err(problem) = visit.rest.write(&write).await {
            refused.push((approval, problem));
        }
    }
    let Some((_, problem)) = refused.first() else { return Ok(form::done(&visit, &form)) };
    let left: Vec<_> = refused.iter().map(|(approval, _)| approval.id.as_str()).collect();
    let (count, left_count) = (same.approvals.len(), left.len());
    visit.set_parameter("ids", &left.join(","));
    if left_count < count {
        form.title = format!("{left_count} approvals are still to decide");
        form.intro = Some(format!(
            "{} of {count} have your answer. These have not: {}.",
            count - left_count,
            left.join(", ")
        ));
    }
    form::refuse(&visit, form, problem).await
}
