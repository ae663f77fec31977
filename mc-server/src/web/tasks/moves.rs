//! Moving a task: where it may go, and for each way a form of exactly what it needs.

use askama::Template;
use axum::{extract::Request, http::Method, response::Response};
use mc_domain::task::Status;

use super::{Task, agents_field, offered, status_in};
use crate::{
    problem::{Kind as ProblemKind, Problem},
    web::{
        Shell, Visit,
        form::{self, Field, Form, Kind},
        form_body,
        html::{Html, Refused},
        times::words,
        visit::Names,
    },
};

/// What the field of those who have a task is called, where they are chosen and where they are typed.
pub(super) const ASSIGNEES: [&str; 2] = ["Assignees", "Assignees, a name or identity a line"];

#[derive(Template)]
#[template(path = "move.html")]
pub(in crate::web) struct MovePage {
    shell: Shell,
    task: Task,
    ways: Vec<Way>,
    back: String,
}

/// A way that a task may go.
struct Way {
    address: String,
    label: String,
}

/// `GET /tasks/{task}/move`: where the task may go from here.
pub(in crate::web) async fn choose(visit: Visit, names: Names) -> Result<Html<MovePage>, Refused> {
    let task = Task::named(&visit, &names).await?;
    let way = |to: &Status| Way {
        address: task.address(&visit, &format!("/move/{to}")),
        label: label(&task.status, *to),
    };
    let (ways, back) = (task.moves().iter().map(way).collect(), task.address(&visit, ""));
    let shell = visit.shell(&format!("Move {}", task.title), "/tasks").await?;
    Ok(Html(MovePage { shell, ways, back, task }))
}

/// `GET /tasks/{task}/move/{to}`: what the move needs; the refusal where the task cannot go there.
pub(in crate::web) async fn show(visit: Visit, names: Names) -> Result<Response, Refused> {
    let (to, task) = (status_in(&names)?, Task::named(&visit, &names).await?);
    if !task.moves().contains(&to) {
        return Err(illegal(&task, to).into());
    }
    form::show(&visit, &made(&visit, &task, to).await?).await
}

/// `POST /tasks/{task}/move/{to}`: moves it.
pub(in crate::web) async fn submit(
    visit: Visit,
    names: Names,
    request: Request,
) -> Result<Response, Refused> {
    let sent = form_body(request).await?;
    let (to, task) = (status_in(&names)?, Task::named(&visit, &names).await?);
    form::submit(&visit, made(&visit, &task, to).await?, &sent).await
}

fn illegal(task: &Task, to: Status) -> Problem {
    let moves: Vec<_> = task.moves().iter().map(|to| words(to.as_str())).collect();
    let ways = match moves.is_empty() {
        true => "It cannot be moved from there.".to_owned(),
        false => format!("Possible from there: {}.", moves.join(", ")),
    };
    let (from, to) = (words(&task.status), words(to.as_str()));
    Problem::new(
        ProblemKind::IllegalTransition,
        format!("The task {:?} is in {from} and cannot go to {to}. {ways}", task.title),
    )
}

/// What a move is called, from where the task is.
fn label(from: &str, to: Status) -> String {
    match (from, to) {
        ("review", Status::InProgress) => "Send back with changes".to_owned(),
        (_, Status::InProgress) if from != "assigned" => "Go on".to_owned(),
        (_, Status::InProgress) => "Start work".to_owned(),
        ("in_progress", Status::Review) => "Hand in for review".to_owned(),
        (_, Status::Review) => "Back to review".to_owned(),
        (_, Status::Inbox) => "Back to the inbox".to_owned(),
        (_, Status::Assigned) => "Assign".to_owned(),
        (_, Status::NeedsApproval) => "Hold for approval".to_owned(),
        (_, Status::Blocked) => "Block".to_owned(),
        (_, Status::Failed) => "Give up as failed".to_owned(),
        (_, Status::Done) => "Accept as done".to_owned(),
        (_, Status::Canceled) => "Cancel".to_owned(),
    }
}

async fn made(visit: &Visit, task: &Task, to: Status) -> Result<Form, Refused> {
    let path = format!("/api/tasks/{}/transition", task.id);
    let (status, word) = (words(&task.status), words(to.as_str()));
    let mut form = Form::new(format!("Move to {word}"), Method::POST, path, &task.address(visit, ""))
        .intro(format!("{} is in {status} now.", task.title))
        .field(Field::new("toStatus", "To", Kind::Hidden).value(to.as_str()))
        .submit("Move it")
        .version(task.version)
        .done(format!("{} is in {word}", task.title));
    if matches!(to, Status::Canceled | Status::Failed) {
        form = form.grave();
    }
    let fields = match to {
        Status::Assigned => assigned(visit, task).await?,
        Status::InProgress => in_progress(task),
        Status::Review => review(task),
        Status::Done => {
            vec![text("reason", "Note").required().help("Why the result is accepted.")]
        }
        Status::Blocked => vec![
            text("blockedReason", "Reason")
                .required()
                .help("Why work on it cannot go on, and what it needs."),
        ],
        Status::Inbox | Status::NeedsApproval | Status::Failed | Status::Canceled => vec![why()],
    };
    Ok(fields.into_iter().fold(form, Form::field))
}

async fn assigned(visit: &Visit, task: &Task) -> Result<Vec<Field>, Refused> {
    let reason = Field::new("reason", "Why", Kind::Line)
        .help("With a reason, agents may get it that do not accept tasks of its type. It may stay empty.");
    Ok(vec![assignees(visit, task).await?.required(), reason])
}

/// The agents of the task's project, those who have it being chosen.
pub(super) async fn assignees(visit: &Visit, task: &Task) -> Result<Field, Refused> {
    let field = agents_field("assigneeIds", ASSIGNEES, offered(visit, task).await?);
    Ok(field.values(task.assignee_ids.iter().cloned()))
}

/// A start needs a plan, going back from review needs what to change. Where the task is in progress already, as when the form
/// is sent a second time, it has the fields of all ways there.
fn in_progress(task: &Task) -> Vec<Field> {
    let plan = || {
        Field::new("workPlan", "Work plan", Kind::Lines)
            .values(task.work_plan.iter().map(|plan| plan.join("\n")))
            .help("What will be done, in 3 to 6 lines.")
            .required()
    };
    let feedback =
        || text("reason", "Feedback").required().help("What has to change before it can be accepted.");
    match task.status.as_str() {
        "assigned" => vec![plan()],
        "review" => vec![feedback()],
        "in_progress" => vec![plan(), why()],
        _ => vec![why()],
    }
}

fn review(task: &Task) -> Vec<Field> {
    let handed_in = || {
        let deliverable =
            text("deliverable", "Deliverable").help("The result, or a link to it. It may be Markdown.");
        let checklist = Field::new("reviewChecklist", "Review checklist", Kind::Lines)
            .help("What was checked and holds, a line each.");
        [deliverable, checklist]
    };
    match task.status.as_str() {
        "in_progress" => handed_in().to_vec(),
        "review" => handed_in().into_iter().chain([why()]).collect(),
        _ => vec![why()],
    }
}

fn text(name: &'static str, label: &'static str) -> Field {
    Field::new(name, label, Kind::Text)
}

fn why() -> Field {
    Field::new("reason", "Why", Kind::Line).help("For the record. It may stay empty.")
}
