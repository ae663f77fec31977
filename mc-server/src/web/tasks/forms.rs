//! The forms of tasks, but for moves.

use axum::http::Method;
use mc_domain::task::TaskType;

use super::{
    Agent, Offered, Task, agents_field,
    filters::PRIORITIES,
    moves::{ASSIGNEES, assignees},
    offered,
};
use crate::web::{
    Visit,
    form::{Empty, Field, Form, Kind},
    html::Refused,
    shell::Project,
    times::{Time, words},
    visit::Names,
};

/// A new task.
pub(in crate::web) async fn create(visit: &Visit, _: &Names) -> Result<Form, Refused> {
    let back = visit.api("/", &["project"], &[]);
    let projects: Vec<Project> = visit.rest.get("/api/projects?order=asc&limit=1000").await?;
    let agents = Agent::offered(visit, visit.project()).await?;
    let is_mixed = visit.project().is_none() && projects.len() > 1;
    let label = |agent: &Agent| match projects.iter().find(|project| project.id == agent.project_id) {
        Some(project) if is_mixed => format!("{}, of {}", agent.label(), project.name),
        _ => agent.label(),
    };
    let choice = |agent: &Agent| (agent.id.clone(), label(agent));
    let offered: Offered = agents.map(|agents| agents.iter().map(choice).collect());
    let parent = visit.parameter("parent").unwrap_or_default();
    let mut form = Form::new("New task", Method::POST, "/api/tasks", &back)
        .submit("Create the task")
        .done("The task is created");
    if projects.len() > 1 {
        let known = projects.iter().map(|project| (project.slug.clone(), project.name.clone()));
        let chosen = visit.project().unwrap_or(&projects[0].slug);
        form = form.field(Field::new("projectId", "Project", Kind::Choice(known.collect())).value(chosen));
    }
    form = form
        .field(Field::new("title", "Title", Kind::Line).required())
        .field(description())
        .field(kind("docs"))
        .field(priority(3))
        .field(labels(&[]))
        .field(money("budget", "Budget", "In dollars. When it is empty, what the policy gives to its type."))
        .field(money("estimatedCost", "Estimated cost", "In dollars."))
        .field(due(None));
    if offered.as_ref().is_none_or(|choices| !choices.is_empty()) {
        form = form
            .field(
                agents_field("assigneeIds", ASSIGNEES, offered.clone())
                    .help("Without any, it waits in the inbox."),
            )
            .field(reviewers(offered, &[]));
    }
    if !parent.is_empty() {
        form = form.field(Field::new("parentTaskId", "Part of", Kind::Hidden).value(parent));
    }
    Ok(form)
}

/// All its details, but for who has it.
pub(in crate::web) async fn edit(visit: &Visit, names: &Names) -> Result<Form, Refused> {
    let task = Task::named(visit, names).await?;
    let offered = offered(visit, &task).await?;
    let form = form_of(visit, &task, "Edit", Method::PATCH, "");
    Ok(form
        .version(task.version)
        .submit("Save")
        .done("The task is changed")
        .field(Field::new("title", "Title", Kind::Line).required().value(&task.title))
        .field(description().value(task.description.clone().unwrap_or_default()).or(Empty::Null))
        .field(kind(&task.kind))
        .field(priority(task.priority))
        .field(labels(&task.labels).or(Empty::List))
        .field(
            money("budget", "Budget", "In dollars. When it is empty, what the policy gives to its type.")
                .value(task.budget.to_string())
                .or(Empty::Null),
        )
        .field(
            money("estimatedCost", "Estimated cost", "In dollars.")
                .value(task.estimated_cost.map(|cost| cost.to_string()).unwrap_or_default())
                .or(Empty::Null),
        )
        .field(due(task.due_at).or(Empty::Null))
        .field(reviewers(offered, &task.reviewer_ids).or(Empty::List)))
}

/// Who has it.
pub(in crate::web) async fn assign(visit: &Visit, names: &Names) -> Result<Form, Refused> {
    let task = Task::named(visit, names).await?;
    let form = form_of(visit, &task, "Assign", Method::PATCH, "");
    Ok(form
        .version(task.version)
        .submit("Assign")
        .done("The assignees are changed")
        .field(assignees(visit, &task).await?.or(Empty::List).help("Without any, it goes back to the inbox."))
        .field(Field::new("reason", "Why", Kind::Line).help(
            "With a reason, agents may get it that do not accept tasks of its type. It may stay empty.",
        )))
}

/// Something said in its thread.
pub(in crate::web) async fn message(visit: &Visit, names: &Names) -> Result<Form, Refused> {
    let task = Task::named(visit, names).await?;
    let form = form_of(visit, &task, "Message to", Method::POST, "/messages")
        .submit("Send")
        .done("The message is sent")
        .field(
            Field::new("content", "Message", Kind::Text)
                .required()
                .help("Markdown. Whoever is mentioned, as in @Scout, is notified."),
        );
    Ok(match visit.parameter("replyTo") {
        Some(answered) => form.field(Field::new("replyTo", "Answer to", Kind::Hidden).value(answered)),
        None => form,
    })
}

/// To hear of it.
pub(in crate::web) async fn subscribe(visit: &Visit, names: &Names) -> Result<Form, Refused> {
    let task = Task::named(visit, names).await?;
    Ok(form_of(visit, &task, "Subscribe to", Method::POST, "/subscribe")
        .intro("You will be notified of whatever happens to it.")
        .submit("Subscribe")
        .done("You are subscribed"))
}

/// To hear of it no longer.
pub(in crate::web) async fn unsubscribe(visit: &Visit, names: &Names) -> Result<Form, Refused> {
    let task = Task::named(visit, names).await?;
    Ok(form_of(visit, &task, "Unsubscribe from", Method::POST, "/unsubscribe")
        .intro("You will be notified of it no longer, unless you created it or write in its thread.")
        .submit("Unsubscribe")
        .done("You are no longer subscribed"))
}

/// Off the board and the lists.
pub(in crate::web) async fn archive(visit: &Visit, names: &Names) -> Result<Form, Refused> {
    let task = Task::named(visit, names).await?;
    Ok(form_of(visit, &task, "Archive", Method::POST, "/archive")
        .intro("It leaves the board and the lists. It stays among the archived tasks, and can be restored.")
        .submit("Archive it")
        .done("The task is archived"))
}

/// Back on the board and in the lists.
pub(in crate::web) async fn restore(visit: &Visit, names: &Names) -> Result<Form, Refused> {
    let task = Task::named(visit, names).await?;
    Ok(form_of(visit, &task, "Restore", Method::POST, "/restore")
        .intro("It comes back to the board and the lists.")
        .submit("Restore it")
        .done("The task is restored"))
}

fn form_of(visit: &Visit, task: &Task, verb: &str, method: Method, route: &str) -> Form {
    let path = format!("/api/tasks/{}{route}", task.id);
    Form::new(format!("{verb} “{}”", task.title), method, path, &task.address(visit, ""))
}

fn description() -> Field {
    Field::new("description", "Description", Kind::Text)
        .help("What is to be done, and when it is good. Markdown.")
}

fn kind(chosen: &str) -> Field {
    let types = TaskType::ALL.iter().map(|kind| (kind.as_str().to_owned(), words(kind.as_str())));
    Field::new("type", "Type", Kind::Choice(types.collect())).value(chosen)
}

fn priority(chosen: u8) -> Field {
    let choices = PRIORITIES.map(|(value, label)| (value.to_owned(), label.to_owned()));
    Field::new("priority", "Priority", Kind::Choice(choices.into())).numeric().value(chosen.to_string())
}

fn labels(known: &[String]) -> Field {
    Field::new("labels", "Labels", Kind::Lines).value(known.join("\n")).help("One a line.")
}

fn money(name: &'static str, label: &'static str, help: &'static str) -> Field {
    Field::new(name, label, Kind::Number).help(help)
}

fn due(at: Option<Time>) -> Field {
    let value = at.map(|at| at.0.format("%Y-%m-%dT%H:%M:%S").to_string()).unwrap_or_default();
    Field::new("dueAt", "Due", Kind::Time).value(value).help("In UTC.")
}

fn reviewers(offered: Offered, chosen: &[String]) -> Field {
    agents_field("reviewerIds", ["Reviewers", "Reviewers, a name or identity a line"], offered)
        .values(chosen.iter().cloned())
        .help("Without any, every agent of the project that does not have the task may review it.")
}
