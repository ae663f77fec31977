//! What a reservation is made of.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    content_hash::ContentHash,
    ids::{AgentId, ApprovalId, ProjectId},
    text,
    values::{Name, Slug},
};

/// What is reserved: a project's slug, what an agent's name looks like in its project, or what an open approval is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// The slug of a project, unique over all projects.
    pub fn project(slug: &Slug) -> Self {
        Self(format!("project/{slug}"))
    }

    /// The name of an agent in `project`: the first of [`Key::of_agent`], which is the same for names that are the same.
    pub fn agent(project: ProjectId, name: &Name) -> Self {
        Self::of_agent(project, name).swap_remove(0)
    }

    /// All that the name of an agent in `project` is taken for, in one key or two ([`text::looks`]).
    pub fn of_agent(project: ProjectId, name: &Name) -> Vec<Self> {
        text::looks(name.as_str()).iter().map(|look| Self(format!("agent/{project}/{look}"))).collect()
    }

    /// The key of the same name as it was when only upper and lower case were the same, unless it still is that.
    pub fn of_agent_before(project: ProjectId, name: &Name) -> Option<Self> {
        let before = Self(format!("agent/{project}/{}", name.as_str().to_lowercase()));
        (!Self::of_agent(project, name).contains(&before)).then_some(before)
    }

    /// What is asked for in `project` about one subject: a task, or where none is named an agent.
    pub(crate) fn approval(project: ProjectId, about: impl fmt::Display, content: &ContentHash) -> Self {
        Self(format!("approval/{project}/{about}/{content}"))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The entity that holds a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Holder {
    /// A project, which holds its slug for good.
    #[serde(rename = "project")]
    Project(ProjectId),
    /// An agent, which holds what its name looks like.
    #[serde(rename = "agent")]
    Agent(AgentId),
    /// An open approval, which holds what it is asked for until it ends.
    #[serde(rename = "approval")]
    Approval(ApprovalId),
}
