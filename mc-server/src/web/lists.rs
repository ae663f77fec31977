//! What pages that list something share: the next page, and names for the ids that the interface answers.

use std::collections::{BTreeMap, BTreeSet};

use form_urlencoded::byte_serialize;
use serde::Deserialize;

use super::{Visit, html::Refused};

/// The most agents of a page that is asked for when all of them are wanted.
const ALL: &str = "1000";

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
pub(super) struct Named {
    pub(super) id: String,
    #[serde(alias = "title")]
    pub(super) name: String,
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

/// The agents of the project, or of all of the visitor's, by name.
///
/// # Errors
/// When they cannot be read.
pub(super) async fn all_agents(visit: &Visit) -> Result<Vec<Named>, Refused> {
    let path = visit.api("/api/agents", &["project"], &[("sortBy", "name"), ("limit", ALL)]);
    Ok(visit.rest.get(&path).await?)
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

/// The address of the page of one thing.
pub(super) fn below(place: &str, id: &str) -> String {
    format!("{place}{id}")
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
