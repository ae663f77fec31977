//! Answers who is called what and who follows what, from the views.

use std::collections::BTreeSet;

use mc_domain::{
    actor::Actor,
    ids::{AgentId, ApprovalId, TaskId},
    process::Directory,
    values::{Name, Reason, Title},
};

use crate::views::Views;

/// The names and followers that [`mc_domain::process::notifications`] asks for. They are those at the position of the
/// views, which may come after the event that a notification is about.
#[derive(Debug, Clone, Copy)]
pub struct AddressBook<'a> {
    /// The views to look names, titles and followers up in.
    pub views: &'a Views,
    /// The names of all operators, from the configuration: the log does not have them.
    pub operators: &'a BTreeSet<Name>,
}

impl Directory for AddressBook<'_> {
    fn operators(&self) -> BTreeSet<Name> {
        self.operators.clone()
    }

    fn agent_name(&self, agent: AgentId) -> Option<Name> {
        self.views.agents.name(agent).cloned()
    }

    fn task_title(&self, task: TaskId) -> Option<Title> {
        self.views.tasks.title(task).cloned()
    }

    fn subscribers(&self, task: TaskId) -> BTreeSet<Actor> {
        self.views.tasks.followers(task)
    }

    fn reviewers(&self, task: TaskId) -> BTreeSet<AgentId> {
        self.views.tasks.reviewers(task)
    }

    fn approval(&self, approval: ApprovalId) -> Option<(Actor, Reason)> {
        let (requestor, summary) = self.views.approvals.asked(approval)?;
        Some((requestor.clone(), summary.clone()))
    }
}
