//! Credentials: who may come in, as what, and until when.

use askama::Template;
use axum::http::Method;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Shell, Visit,
    form::{Field, Form, Kind, Outcome},
    html::{Html, Refused},
    lists::{Actor, Titles, next_page},
    times::{self, Time},
    tones,
    visit::Names,
};
use crate::access::Needs;

#[derive(Template)]
#[template(path = "credentials.html")]
pub(super) struct CredentialsPage {
    shell: Shell,
    credentials: Vec<Credential>,
    next: Option<String>,
    titles: Titles,
    shows_all: bool,
    may_govern: bool,
    /// The one that the visitor is here by.
    own: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credential {
    id: String,
    name: String,
    role: String,
    agent_id: Option<String>,
    project_ids: Option<Vec<String>>,
    expires_at: Option<Time>,
    status: String,
    issued_at: Time,
    issued_by: Actor,
    last_used_at: Option<Time>,
    revoked_at: Option<Time>,
    revoked_by: Option<Actor>,
    revoked_because: Option<String>,
}

impl Credential {
    /// The address of a form that is about it.
    fn form(&self, shell: &Shell, what: &str) -> String {
        shell.here(&format!("/credentials/{}/{what}", self.id))
    }

    /// The names of the projects that it is good for.
    fn projects(&self, shell: &Shell) -> String {
        let Some(ids) = &self.project_ids else { return "all".to_owned() };
        let name = |id: &String| {
            let known = shell.projects.iter().find(|project| project.id == *id);
            known.map_or_else(|| id.clone(), |project| project.name.clone())
        };
        ids.iter().map(name).collect::<Vec<_>>().join(", ")
    }
}

/// `GET /credentials`: the credentials; with `all=true` those as well that are revoked.
pub(super) async fn list(visit: Visit) -> Result<Html<CredentialsPage>, Refused> {
    let path = visit.api("/api/credentials", &["all", "cursor"], &[]);
    let (credentials, next): (Vec<Credential>, _) = visit.rest.get_page(&path).await?;
    let next = next_page(&visit, next.as_deref());
    let titles =
        Titles::of(&visit, [], credentials.iter().filter_map(|credential| credential.agent_id.as_ref()))
            .await;
    let shell = visit.shell("Credentials", "/credentials").await?;
    let own = visit.caller.credential().map(|id| id.to_string()).unwrap_or_default();
    Ok(Html(CredentialsPage {
        shell,
        credentials,
        next,
        titles,
        shows_all: visit.parameter("all") == Some("true"),
        may_govern: Needs::Governing.check(&visit.caller).is_ok(),
        own,
    }))
}

/// Issues a credential, and shows its secret once.
pub(super) async fn issue(visit: &Visit, _: &Names) -> Result<Form, Refused> {
    let shell = visit.shell("", "").await?;
    let roles = [
        ("operator", "Operator: decides and changes everything in its projects"),
        ("agent", "Agent: works, as itself alone"),
        ("auditor", "Auditor: reads and exports, changes nothing"),
        ("monitor", "Monitor: sees key figures and health, nothing else"),
    ];
    let roles = roles.map(|(value, label)| (value.to_owned(), label.to_owned())).to_vec();
    let projects =
        shell.projects.iter().map(|project| (project.slug.clone(), project.name.clone())).collect();
    Ok(Form::new("Issue a credential", Method::POST, "/api/credentials", &back(visit))
        .intro(first_warning(visit))
        .field(Field::new("name", "Name", Kind::Line).required().help("An operator acts under this name."))
        .field(Field::new("role", "Role", Kind::Choice(roles)).required())
        .field(
            Field::new("agentId", "Agent", Kind::Line)
                .help("Its name or identity: for the role agent alone."),
        )
        .field(
            Field::new("projects", "Projects", Kind::Choices(projects))
                .help("None chosen means all of them."),
        )
        .field(Field::new("expiresAt", "Expires, in UTC", Kind::Time).help("Empty means never."))
        .submit("Issue")
        .outcome(issued))
}

/// What issuing one means.
fn first_warning(visit: &Visit) -> &'static str {
    match visit.caller.credential() {
        Some(_) => "Its secret is shown once, on the next page.",
        None => {
            "This is the first: from now on every caller needs a credential, you included. Issue that of an operator of all \
             projects first. Its secret is shown once, on the next page."
        }
    }
}

/// The new credential with its secret; a repeat has none.
fn issued(answer: &Value) -> Outcome {
    let of = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    let secret = answer["secret"].as_str().map(str::to_owned);
    let reasons = match secret {
        Some(_) => vec![],
        None => vec!["This form was sent before: the secret was shown then. Revoke this credential if nobody has it, and \
                      issue another."
            .to_owned()],
    };
    Outcome {
        title: "The credential is issued".to_owned(),
        state: "good",
        facts: vec![("Name", of("name")), ("Role", of("role")), ("Identity", of("id"))],
        reasons,
        secret,
        is_over: true,
    }
}

/// Changes the name of a credential.
pub(super) async fn rename(visit: &Visit, names: &Names) -> Result<Form, Refused> {
    let path = format!("/api/credentials/{}", names.part("credential"));
    let credential: Credential = visit.rest.get(&path).await?;
    let name = Field::new("name", "Name", Kind::Line).value(credential.name).required();
    Ok(Form::new("Rename a credential", Method::PATCH, path, &back(visit))
        .field(name.help("An operator acts under the new name from now on."))
        .submit("Rename")
        .done("The credential has its new name"))
}

/// Revokes a credential.
pub(super) async fn revoke(visit: &Visit, names: &Names) -> Result<Form, Refused> {
    let path = format!("/api/credentials/{}", names.part("credential"));
    let Credential { id, name, .. } = visit.rest.get(&path).await?;
    let is_own = visit.caller.credential().is_some_and(|own| own.to_string() == id);
    let warning = if is_own { " It is the one that you are here by: you will be logged out." } else { "" };
    let intro = format!(
        "{name} will be good for nothing from that moment on, and neither will its sessions. It cannot be given back.{warning}"
    );
    Ok(Form::new(format!("Revoke {name}"), Method::POST, format!("{path}/revoke"), &back(visit))
        .intro(intro)
        .field(Field::new("reason", "Why", Kind::Line).help("For the record. It may stay empty."))
        .submit("Revoke")
        .grave()
        .done(format!("{name} is revoked")))
}

fn back(visit: &Visit) -> String {
    visit.api("/credentials", &["project"], &[])
}
