//! Who is to be told of what happens, as the views know it.

use std::collections::BTreeSet;

use mc_domain::{
    actor::Actor,
    ids::{AgentId, ApprovalId, TaskId},
    process::Directory,
    values::{Name, Reason, Title},
};

use crate::views::Views;

/// Who is called what and who follows what, for [`mc_domain::process::notifications`]: as it is at the position of the
/// views, which may be after the event that somebody is told of.
#[derive(Debug, Clone, Copy)]
pub struct AddressBook<'a> {
    /// Everything that is known.
    pub views: &'a Views,
    /// Every operator; the log does not name them.
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
