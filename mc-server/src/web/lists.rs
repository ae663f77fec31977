//! What pages that list something share: the next page, filters, agents to choose from, and names for the ids that the
//! interface answers.

use std::collections::{BTreeMap, BTreeSet};

use form_urlencoded::byte_serialize;
use serde::Deserialize;

use super::{Visit, html::Refused, times::words};

/// The most agents that a page offers to choose from.
const OFFERED: &str = "100";

/// Who did something, as the interface answers it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Actor {
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// The id of an agent, the name of anybody else.
    pub(super) id: String,
    pub(super) name: String,
}

/// An agent or a task, by its name or its title.
#[derive(Debug, Clone, Deserialize)]
struct Named {
    id: String,
    #[serde(alias = "title")]
    name: String,
}

/// The titles of tasks and the names of agents that a page refers to.
#[derive(Debug, Default)]
pub(super) struct Titles(BTreeMap<String, String>);

impl Titles {
    /// Asks for each task and each agent once.
    pub(super) async fn of(
        visit: &Visit,
        tasks: impl IntoIterator<Item = &String>,
        agents: impl IntoIterator<Item = &String>,
    ) -> Self {
        let tasks = tasks.into_iter().map(|id| format!("/api/tasks/{id}"));
        let agents = agents.into_iter().map(|id| format!("/api/agents/{id}"));
        let mut titles = BTreeMap::new();
        for path in tasks.chain(agents).collect::<BTreeSet<_>>() {
            // What cannot be read any more is shown by its id.
            if let Ok(Named { id, name }) = visit.rest.get(&path).await {
                titles.insert(id, name);
            }
        }
        Self(titles)
    }

    /// The title or the name; the id where there is none.
    pub(super) fn get<'a>(&'a self, id: &'a str) -> &'a str {
        self.0.get(id).map_or(id, String::as_str)
    }
}

/// An agent that a page offers to choose.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Agent {
    pub(super) id: String,
    pub(super) project_id: String,
    pub(super) name: String,
    emoji: Option<String>,
    status: String,
}

impl Agent {
    /// The agents of a project, or of all of the visitor's, by name; nothing where there are too many to choose from, so that
    /// a name is typed instead.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) async fn offered(visit: &Visit, project: Option<&str>) -> Result<Option<Vec<Self>>, Refused> {
        let mut more = vec![("limit", OFFERED)];
        more.extend(project.map(|project| ("project", project)));
        let (mut agents, next): (Vec<Self>, _) =
            visit.rest.get_page(&visit.api("/api/agents", &[], &more)).await?;
        agents.sort_by_key(|agent| agent.name.to_lowercase());
        Ok(next.is_none().then_some(agents))
    }

    /// What a form calls it: its name, and why it may not take the task.
    pub(super) fn label(&self) -> String {
        let emoji = self.emoji.as_ref().map(|emoji| format!("{emoji} ")).unwrap_or_default();
        match self.status.as_str() {
            "active" => format!("{emoji}{}", self.name),
            status => format!("{emoji}{} ({})", self.name, words(status)),
        }
    }
}

/// The address of the page that goes on where this one ends, for the address that the interface names for it.
pub(super) fn next_page(visit: &Visit, next: Option<&str>) -> Option<String> {
    let (_, query) = next?.split_once('?')?;
    let (_, cursor) =
        form_urlencoded::parse(query.as_bytes()).into_owned().find(|(name, _)| name == "cursor")?;
    let here = visit.address(&["cursor", "done"]);
    let joint = if here.contains('?') { '&' } else { '?' };
    let cursor: String = byte_serialize(cursor.as_bytes()).collect();
    Some(format!("{here}{joint}cursor={cursor}"))
}

/// A choice of a filter: its value, what is shown for it, and whether it is chosen.
pub(super) struct Choice {
    pub(super) value: &'static str,
    pub(super) label: &'static str,
    pub(super) is_chosen: bool,
}

/// The choices of the filter `name`, as the address of the page has it.
pub(super) fn choices(visit: &Visit, name: &str, of: &[(&'static str, &'static str)]) -> Vec<Choice> {
    let chosen = visit.parameter(name).unwrap_or_default();
    of.iter().map(|(value, label)| Choice { value, label, is_chosen: *value == chosen }).collect()
}
