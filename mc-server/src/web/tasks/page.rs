//! The page of a task: what it is, where it stands, and everything that was said and done about it.

use askama::Template;
use serde::{Deserialize, de::DeserializeOwned};

use super::Task;
use crate::web::{
    Shell, Visit, form,
    html::{Html, Refused},
    lists::{Actor, Titles, next_page},
    markdown,
    times::{self, Time},
    tones,
    visit::Names,
};

/// How many messages, entries of the timeline, runs or approvals a page has.
const ROWS: &str = "50";
/// How many messages a page looks through for artifacts.
const MESSAGES: &str = "200";

#[derive(Template)]
#[template(path = "task.html")]
pub(in crate::web) struct TaskPage {
    shell: Shell,
    task: Task,
    part: Part,
    /// The names of its agents, and of those of its runs.
    titles: Titles,
    awaited: Vec<Approval>,
    messages: Vec<Message>,
    timeline: Vec<Entry>,
    runs: Vec<Run>,
    approvals: Vec<Approval>,
    /// Whether there are more runs or approvals than the page has.
    has_more: bool,
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

    /// The list of what belongs to the task, such as runs.
    fn all_of(&self, list: &str) -> String {
        format!("{list}taskId={}", self.task.id)
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

    /// Whether the thread can be written to from here.
    fn is_open_to_messages(&self) -> bool {
        self.shell.operates() && self.part == Part::Thread
    }
}

/// `GET /tasks/{task}`: a task, with its thread or another part of it.
pub(in crate::web) async fn show(visit: Visit, names: Names) -> Result<Html<TaskPage>, Refused> {
    let task = Task::named(&visit, &names).await?;
    let part = Part::of(&visit);
    // Without a status, the list has those that wait for a decision.
    let (awaited, _) = related(&visit, &task, "/api/approvals", &[]).await?;
    let shell = visit.shell(&task.title, "/tasks").await?;
    let mut page = TaskPage {
        is_subscribed: task.subscribers.iter().any(|by| by.kind == "human" && by.name == shell.name),
        titles: Titles::default(),
        messages: vec![],
        timeline: vec![],
        runs: vec![],
        report: None,
        next: None,
        key: form::new_key(),
        shell,
        part,
        awaited,
        approvals: vec![],
        has_more: false,
        task,
    };
    page.fill(&visit).await?;
    let agents = page.task.assignee_ids.iter().chain(&page.task.reviewer_ids);
    page.titles = Titles::of(&visit, [], agents.chain(page.runs.iter().map(|run| &run.agent_id))).await;
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
                self.messages = self.history(visit, "messages", MESSAGES).await?;
                self.messages.retain(|message| !message.artifacts.is_empty());
            }
            Part::Runs => {
                let (runs, has_more_runs) = related(visit, &self.task, "/api/runs", &[]).await?;
                let all = [("status", "all")];
                let (approvals, has_more) = related(visit, &self.task, "/api/approvals", &all).await?;
                (self.runs, self.approvals, self.has_more) = (runs, approvals, has_more || has_more_runs);
            }
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
        self.next = next_page(visit, next.as_deref());
        Ok(items)
    }
}

/// The latest runs or approvals of a task, and whether there are more.
async fn related<T: DeserializeOwned>(
    visit: &Visit,
    task: &Task,
    path: &str,
    more: &[(&str, &str)],
) -> Result<(T, bool), Refused> {
    let of_task = [("taskId", task.id.as_str()), ("limit", ROWS)];
    let (found, next) = visit.rest.get_page(&visit.api(path, &[], &[&of_task, more].concat())).await?;
    Ok((found, next.is_some()))
}
