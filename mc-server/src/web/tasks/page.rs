//! The page of a task: what it is, where it stands, and everything that was said and done about it.

use std::collections::BTreeMap;

use askama::Template;
use mc_domain::approval::Status;
use serde::{Deserialize, de::DeserializeOwned};

use super::{Actor, Agent, Task, following};
use crate::web::{
    Shell, Visit, form,
    html::{Html, Refused},
    markdown,
    times::{self, Time},
    visit::Names,
};

/// How many messages or entries of the timeline a page has.
const ROWS: &str = "50";
/// How much is looked through for what has no pages here.
const MANY: &str = "1000";

#[derive(Template)]
#[template(path = "task.html")]
pub(in crate::web) struct TaskPage {
    shell: Shell,
    task: Task,
    part: Part,
    agents: BTreeMap<String, Agent>,
    awaited: Vec<Approval>,
    messages: Vec<Message>,
    timeline: Vec<Entry>,
    runs: Vec<Run>,
    approvals: Vec<Approval>,
    /// The incident report as HTML.
    report: Option<String>,
    /// Where the rest of a list is.
    next: Option<String>,
    /// Whether the visitor asked to hear of the task.
    is_subscribed: bool,
    /// The idempotency key of the form for a message.
    key: String,
}

/// What a page shows of a task beside its details.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Thread,
    Timeline,
    Artifacts,
    Runs,
    Report,
}

impl Part {
    const ALL: [Self; 5] = [Self::Thread, Self::Timeline, Self::Artifacts, Self::Runs, Self::Report];

    fn of(visit: &Visit) -> Self {
        let named = visit.parameter("part");
        Self::ALL.into_iter().find(|part| Some(part.word()) == named).unwrap_or(Self::Thread)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Thread => "thread",
            Self::Timeline => "timeline",
            Self::Artifacts => "artifacts",
            Self::Runs => "runs",
            Self::Report => "report",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Thread => "Thread",
            Self::Timeline => "Timeline",
            Self::Artifacts => "Artifacts",
            Self::Runs => "Runs, costs and approvals",
            Self::Report => "Report",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    author: Actor,
    content: Option<String>,
    artifacts: Vec<Artifact>,
    reply_to: Option<String>,
    at: Time,
}

#[derive(Deserialize)]
struct Artifact {
    name: String,
    kind: String,
    content: Option<String>,
    url: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    position: u64,
    at: Time,
    #[serde(rename = "type")]
    kind: String,
    summary: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    id: String,
    agent_id: String,
    model: String,
    status: String,
    cost: Option<f64>,
    input_tokens: u64,
    output_tokens: u64,
    started_at: Time,
    duration_ms: Option<i64>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Approval {
    id: String,
    summary: String,
    risk: String,
    status: String,
    requested_by: Actor,
    expires_at: Time,
}

impl Approval {
    fn is_open(&self) -> bool {
        self.status.parse().is_ok_and(Status::is_open)
    }
}

impl Artifact {
    /// The address that a link to it may have: nothing that a browser would run.
    fn link(&self) -> Option<&str> {
        let url = self.url.as_deref()?;
        ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)).then_some(url)
    }
}

impl TaskPage {
    /// An address of the task's own, in the project of the page.
    fn own(&self, form: &str) -> String {
        self.shell.here(&format!("/tasks/{}{form}", self.task.id))
    }

    /// The address of an agent, a run, an approval or another task.
    fn to(&self, place: &str, id: &str) -> String {
        self.shell.here(&format!("/{place}/{id}"))
    }

    /// The address of the form that answers a message.
    fn answer(&self, message: &Message) -> String {
        self.own(&format!("/message?replyTo={}", message.id))
    }

    fn part_address(&self, part: &Part) -> String {
        match part {
            Part::Thread => self.own(""),
            part => self.own(&format!("?part={}", part.word())),
        }
    }

    fn agent(&self, id: &str) -> String {
        self.agents.get(id).map_or_else(|| id.to_owned(), |agent| agent.name.clone())
    }

    /// Whether the thread can be written to from here.
    fn is_open_to_messages(&self) -> bool {
        self.shell.operates() && self.part == Part::Thread
    }
}

/// `GET /tasks/{task}`: a task, with its thread or another part of it.
pub(in crate::web) async fn show(visit: Visit, names: Names) -> Result<Html<TaskPage>, Refused> {
    let task = Task::named(&visit, &names).await?;
    let part = Part::of(&visit);
    let agents = Agent::all(&visit, Some(&task.project_id)).await?;
    let approvals: Vec<Approval> = related(&visit, &task, "/api/approvals", &[("status", "all")]).await?;
    let (awaited, approvals) = match part {
        Part::Runs => (vec![], approvals),
        _ => (approvals.into_iter().filter(Approval::is_open).collect(), vec![]),
    };
    let shell = visit.shell(&task.title, "/tasks").await?;
    let mut page = TaskPage {
        is_subscribed: task.subscribers.iter().any(|by| by.kind == "human" && by.name == shell.name),
        agents: agents.into_iter().map(|agent| (agent.id.clone(), agent)).collect(),
        messages: vec![],
        timeline: vec![],
        runs: vec![],
        report: None,
        next: None,
        key: form::new_key(),
        shell,
        part,
        awaited,
        approvals,
        task,
    };
    page.fill(&visit).await?;
    Ok(Html(page))
}

impl TaskPage {
    /// Reads what the part shows.
    async fn fill(&mut self, visit: &Visit) -> Result<(), Refused> {
        match self.part {
            Part::Thread => {
                self.messages = self.history(visit, "messages", ROWS).await?;
                self.messages.reverse();
            }
            Part::Timeline => self.timeline = self.history(visit, "timeline", ROWS).await?,
            Part::Artifacts => {
                self.messages = self.history(visit, "messages", MANY).await?;
                self.messages.retain(|message| !message.artifacts.is_empty());
            }
            Part::Runs => self.runs = related(visit, &self.task, "/api/runs", &[]).await?,
            Part::Report => {
                let report = visit.rest.get_text(&format!("/api/tasks/{}/report", self.task.id)).await?;
                self.report = Some(markdown::html(&report));
            }
        }
        Ok(())
    }

    /// A page of a history of the task, the latest first.
    async fn history<T: DeserializeOwned>(
        &mut self,
        visit: &Visit,
        of: &str,
        rows: &str,
    ) -> Result<Vec<T>, Refused> {
        let path = format!("/api/tasks/{}/{of}", self.task.id);
        let path = visit.api(&path, &["cursor"], &[("order", "desc"), ("limit", rows)]);
        let (items, next) = visit.rest.get_page(&path).await?;
        self.next = following(visit, next, "cursor");
        Ok(items)
    }
}

/// The runs or approvals of a task.
async fn related<T: DeserializeOwned>(
    visit: &Visit,
    task: &Task,
    path: &str,
    more: &[(&str, &str)],
) -> Result<T, Refused> {
    let of_task = [("taskId", task.id.as_str()), ("limit", MANY)];
    Ok(visit.rest.get(&visit.api(path, &[], &[&of_task, more].concat())).await?)
}
