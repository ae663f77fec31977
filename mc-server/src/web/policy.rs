//! Policy: what agents may do and the limits they are held to, what its versions changed, and what it says of an action.

mod document;

use askama::Template;
use axum::http::Method;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Shell, Visit,
    form::{Field, Form, Kind, Outcome},
    html::{Html, Refused},
    lists::{Actor, next_page},
    times::{self, Time},
    visit::Names,
};
use crate::access::Needs;
use document::{Section, entry, pretty, sections};

/// How many versions a page shows.
const VERSIONS: &str = "10";

#[derive(Template)]
#[template(path = "policy.html")]
pub(super) struct PolicyPage {
    shell: Shell,
    version: u64,
    /// Whether a project is chosen that has no policy of its own.
    is_inherited: bool,
    may_publish: bool,
    may_try: bool,
    sections: Vec<Section>,
    json: String,
    versions: Vec<Version>,
    is_later: bool,
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    version: u64,
    published_at: Time,
    published_by: Actor,
    changes: Vec<Change>,
}

/// One field that a version changed.
#[derive(Deserialize)]
struct Change {
    pointer: String,
    before: Value,
    after: Value,
}

impl Change {
    /// What became of the field, as clauses: of a list, what came and what went.
    fn told(&self) -> Vec<String> {
        let none = Vec::new();
        if let (Value::Array(_) | Value::Null, Value::Array(_) | Value::Null) = (&self.before, &self.after) {
            let (before, after) =
                (self.before.as_array().unwrap_or(&none), self.after.as_array().unwrap_or(&none));
            let came = after.iter().filter(|entry| !before.contains(entry));
            let went = before.iter().filter(|entry| !after.contains(entry));
            let came = came.map(|value| format!("added {}", entry("", value)));
            return came.chain(went.map(|value| format!("removed {}", entry("", value)))).collect();
        }
        let name = self.pointer.rsplit('/').next().unwrap_or_default();
        match (&self.before, &self.after) {
            (Value::Null, after) => vec![format!("set to {}", entry(name, after))],
            (before, Value::Null) => vec![format!("removed, was {}", entry(name, before))],
            (before, after) => vec![format!("from {} to {}", entry(name, before), entry(name, after))],
        }
    }
}

/// The policy in force, without what is not of the document.
struct Active {
    document: Value,
    version: u64,
    /// Whether it is of the project that was asked for, or of all where none was.
    is_own: bool,
}

impl Active {
    async fn of(visit: &Visit) -> Result<Self, Refused> {
        let mut document: Value = visit.rest.get(&visit.api("/api/policy", &["project"], &[])).await?;
        let fields = document.as_object_mut();
        let taken = fields.map(|fields| (fields.remove("version"), fields.remove("projectId")));
        let (version, project) = taken.unwrap_or_default();
        let version = version.and_then(|version| version.as_u64()).unwrap_or(0);
        let is_own = visit.project().is_none() || project.is_some_and(|project| !project.is_null());
        Ok(Self { document, version, is_own })
    }

    /// The version that the next publication must be made from.
    fn tag(&self) -> u64 {
        if self.is_own { self.version } else { 0 }
    }
}

/// `GET /policy`: the policy in force in a project, or of all, and its versions.
pub(super) async fn show(visit: Visit) -> Result<Html<PolicyPage>, Refused> {
    let active = Active::of(&visit).await?;
    let versions = visit.api("/api/policy/versions", &["project", "cursor"], &[("limit", VERSIONS)]);
    let (versions, next) = visit.rest.get_page(&versions).await?;
    Ok(Html(PolicyPage {
        shell: visit.shell("Policy", "/policy").await?,
        version: active.version,
        is_inherited: !active.is_own,
        may_publish: Needs::Governing.check(&visit.caller).is_ok(),
        may_try: Needs::Working.check(&visit.caller).is_ok(),
        sections: sections(&active.document),
        json: pretty(&active.document),
        versions,
        is_later: visit.parameter("cursor").is_some(),
        next: next_page(&visit, next.as_deref()),
    }))
}

/// Publishes a new version, written as JSON.
pub(super) async fn edit(visit: &Visit, _: &Names) -> Result<Form, Refused> {
    let active = Active::of(visit).await?;
    let (path, back) = (visit.api("/api/policy", &["project"], &[]), visit.api("/policy", &["project"], &[]));
    let whose = match (visit.project(), active.is_own) {
        (None, _) => "This is the policy of every project that has none of its own.".to_owned(),
        (Some(project), true) => format!("This is the own policy of the project {project}."),
        (Some(project), false) => {
            format!(
                "The project {project} has no policy of its own: this is the one for all. Published here, it becomes the project's."
            )
        }
    };
    let document = Field::new("document", "The document", Kind::Json)
        .value(pretty(&active.document))
        .required()
        .help("What is left out is as by default. Money is in dollars, times in seconds.");
    Ok(Form::new("Edit the policy", Method::PUT, path, &back)
        .intro(format!("{whose} It holds from the moment it is published."))
        .field(document)
        .whole("document")
        .version(active.tag())
        .submit("Publish")
        .done("The policy is published"))
}

/// Asks the policy about an action. Nothing is recorded.
pub(super) async fn try_action(visit: &Visit, _: &Names) -> Result<Form, Refused> {
    let path = visit.api("/api/policy/evaluate", &["project"], &[]);
    let back = visit.api("/policy", &["project"], &[]);
    let mut agent = Field::new("agentId", "Agent", Kind::Line).help("Its name or its identity.");
    if visit.caller.agent().is_none() {
        agent = agent.required();
    }
    let params = Field::new("params", "Parameters", Kind::Json)
        .help("As JSON, such as {\"command\": \"git push\"} for the tool shell.");
    let cost = Field::new("estimatedCost", "Expected cost in dollars", Kind::Number);
    Ok(Form::new("Try an action", Method::POST, path, &back)
        .intro("What would the policy say, if the agent wanted to do this now? Nothing is done and nothing is recorded.")
        .field(agent)
        .field(Field::new("tool", "Tool or action", Kind::Line).required().help("Such as shell, write_file or send_email."))
        .field(params)
        .field(cost)
        .field(Field::new("taskId", "Task", Kind::Line).help("The identity of the task that it is for, if it is for one."))
        .field(Field::new("approvalId", "Approval", Kind::Line).help("The identity of an approval that was given for it."))
        .submit("Ask the policy")
        .outcome(judged))
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Judgement {
    decision: String,
    risk: String,
    reasons: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    text: String,
}

/// What the policy says, in words.
fn judged(answer: &Value) -> Outcome {
    let judgement = Judgement::deserialize(answer).unwrap_or_default();
    let (title, state) = match judgement.decision.as_str() {
        "allow" => ("Allowed", "good"),
        "deny" => ("Denied", "bad"),
        _ => ("Needs an approval", "warn"),
    };
    Outcome {
        title: title.to_owned(),
        state,
        facts: vec![("Risk", times::words(&judgement.risk))],
        reasons: judgement.reasons.into_iter().map(|reason| reason.text).collect(),
        ..Outcome::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_is_told_by_what_came_and_went() {
        let told =
            |pointer: &str, before, after| Change { pointer: pointer.to_owned(), before, after }.told();
        assert_eq!(
            told("/shell/allow", json!(["ls", "cat"]), json!(["ls", "rg"])),
            ["added rg", "removed cat"]
        );
        assert_eq!(told("/roles/lead/dailyCap", json!(5), json!(7.5)), ["from $5.00 to $7.50"]);
        assert_eq!(told("/tools/deploy", json!(null), json!("red")), ["set to red"]);
        assert_eq!(told("/spawn/retireAfterSecs", json!(3600), json!(60)), ["from 1 h to 1 min"]);
    }
}
