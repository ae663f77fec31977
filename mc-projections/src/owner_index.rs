//! The rows of a view by the project, the agent and the task that they belong to, as runs, approvals and alerts have them.

use std::collections::BTreeSet;

use mc_domain::{
    alert::Severity,
    approval,
    ids::{AgentId, ProjectId, TaskId},
    reach::Reach,
    run,
};
use uuid::Uuid;

use crate::{
    list::Candidates,
    ordered_index::{CreationIndex, CreationKey, OrderedIndex},
    page::Order,
};

/// What the rows of a project or an agent are grouped by, such as their status.
pub(crate) trait Standing: Ord + Copy {
    /// The standing that orders before all others.
    const FIRST: Self;
}

impl Standing for run::Status {
    const FIRST: Self = Self::ALL[0];
}

impl Standing for approval::Status {
    const FIRST: Self = Self::ALL[0];
}

/// Whether an alert is open, and its severity.
impl Standing for (bool, Severity) {
    const FIRST: Self = (false, Severity::ALL[0]);
}

/// Everything that a row belongs to, with its standing and the time of its creation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owners<I, S> {
    pub(crate) created: CreationKey<I>,
    pub(crate) project: ProjectId,
    pub(crate) agent: Option<AgentId>,
    pub(crate) task: Option<TaskId>,
    pub(crate) standing: S,
}

/// The rows of a view by what they belong to; each group in order of creation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OwnerIndex<I, S> {
    by_project: OrderedIndex<(ProjectId, S), CreationKey<I>>,
    by_agent: OrderedIndex<(AgentId, S), CreationKey<I>>,
    by_task: CreationIndex<TaskId, I>,
}

/// The rows of one standing, and that standing.
pub(crate) type Group<'a, I, S> = (S, &'a BTreeSet<CreationKey<I>>);

impl<I: Ord + Copy + From<Uuid>, S: Standing> OwnerIndex<I, S> {
    /// Moves a row from what it belonged to, if it was there, to what it belongs to.
    pub(crate) fn shift(&mut self, before: Option<&Owners<I, S>>, after: &Owners<I, S>) {
        self.by_project.shift(before.map(Owners::in_project), Some(after.in_project()));
        self.by_agent.shift(before.and_then(Owners::of_agent), after.of_agent());
        self.by_task.shift(before.and_then(Owners::of_task), after.of_task());
    }

    /// The groups of `wanted` standings that belong to some agents or, when none is named, to the
    /// projects within a reach.
    pub(crate) fn groups(
        &self,
        reach: &Reach,
        agents: &[AgentId],
        wanted: impl Fn(S) -> bool,
    ) -> Vec<Group<'_, I, S>> {
        if agents.is_empty() {
            let of_projects = self.by_project.within(reach, |(of, _)| *of, |of| (of, S::FIRST));
            let groups = of_projects.map(|((_, standing), set)| (*standing, set));
            return groups.filter(|(standing, _)| wanted(*standing)).collect();
        }
        let agents: BTreeSet<_> = agents.iter().copied().collect();
        let of_agents = agents.into_iter().flat_map(|agent| {
            self.by_agent.groups((agent, S::FIRST)..).take_while(move |((of, _), _)| *of == agent)
        });
        let groups = of_agents.map(|((_, standing), set)| (*standing, set));
        groups.filter(|(standing, _)| wanted(*standing)).collect()
    }

    /// The fewest rows that can be told apart: those of some tasks or, when none is named, those of [`Self::groups`].
    pub(crate) fn candidates<'q>(
        &'q self,
        tasks: &'q [TaskId],
        reach: &Reach,
        agents: &[AgentId],
        wanted: impl Fn(S) -> bool,
    ) -> Candidates<'q, I> {
        match tasks {
            [] => {
                let groups = self.groups(reach, agents, wanted).into_iter();
                Candidates::Groups(groups.map(|(_, set)| set).collect())
            }
            tasks => Candidates::OfTasks(&self.by_task, tasks),
        }
    }

    /// The rows of a task, in order of creation.
    pub(crate) fn of_task(&self, task: TaskId, order: Order) -> impl Iterator<Item = I> {
        self.by_task.of(task, order, None).map(|(_, id)| id)
    }
}

impl<I: Copy, S: Copy> Owners<I, S> {
    fn in_project(&self) -> ((ProjectId, S), CreationKey<I>) {
        ((self.project, self.standing), self.created)
    }

    fn of_agent(&self) -> Option<((AgentId, S), CreationKey<I>)> {
        Some(((self.agent?, self.standing), self.created))
    }

    fn of_task(&self) -> Option<(TaskId, CreationKey<I>)> {
        Some((self.task?, self.created))
    }
}

impl<I, S> Default for OwnerIndex<I, S> {
    fn default() -> Self {
        Self {
            by_project: OrderedIndex::default(),
            by_agent: OrderedIndex::default(),
            by_task: CreationIndex::default(),
        }
    }
}
