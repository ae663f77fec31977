//! Facts that operations ask for and no aggregate of theirs has: who uses a name, and how many agents or tasks there
//! are.

use mc_domain::{
    ids::{AgentId, ProjectId, TaskId},
    operation::Claims,
    reach::Reach,
    values::Name,
};
use mc_projections::views::Views;

use super::handle::App;
use crate::{answer::EntityRef, lookup, own_identity, problem::Problem};

/// Names that would read as if somebody else acted: no agent takes them.
const RESERVED: [&str; 4] = ["operator", "system", "human", own_identity::SERVER];

impl App {
    /// Who claims `name` in a project beside its reservations: the operators, and agents whose names pass for it.
    ///
    /// # Errors
    /// As [`App::read`].
    pub(crate) async fn claims(&self, project: ProjectId, name: &Name) -> Result<Claims, Problem> {
        self.read(|views| {
            let reserved = RESERVED.iter().filter_map(|name| Name::new(name).ok());
            let operators = self.operators_of(views, project).cloned().chain(reserved).collect();
            Claims { operators, bearers: views.agents.passing_for(project, name) }
        })
        .await
    }

    /// The operators who may be mentioned in a project: the configured one, and those whose credentials are good for it.
    pub(crate) fn operators_of<'a>(
        &'a self,
        views: &'a Views,
        project: ProjectId,
    ) -> impl Iterator<Item = &'a Name> {
        std::iter::once(self.operator()).chain(views.credentials.operators_of(project))
    }

    /// The number of agents of a project that are not offline.
    ///
    /// # Errors
    /// As [`App::read`].
    pub(crate) async fn squad(&self, project: ProjectId) -> Result<u32, Problem> {
        let squad = self.read(|views| views.agents.in_service(project)).await?;
        Ok(u32::try_from(squad).unwrap_or(u32::MAX))
    }

    /// The project that an entity within reach belongs to; none for what concerns all projects.
    ///
    /// # Errors
    /// `not-found` for one that is unknown or outside, or as [`App::read`].
    pub(crate) async fn project_of(
        &self,
        reach: &Reach,
        entity: EntityRef,
    ) -> Result<Option<ProjectId>, Problem> {
        self.find(|views| entity.within(views, reach)).await
    }

    /// Checks that the task which the field `taskId` names is there, within reach.
    ///
    /// # Errors
    /// `invalid-fields` when it is not, or as [`App::read`].
    pub(crate) async fn check_task(&self, reach: &Reach, task: TaskId) -> Result<(), Problem> {
        let unknown = |_| Problem::invalid_field("taskId", "there is no such task");
        self.find(|views| lookup::project_of_task(views, reach, task).map(drop).map_err(unknown)).await
    }

    /// How many agents are active now, in all projects, as far as the views know.
    ///
    /// # Errors
    /// As [`App::read`].
    pub(crate) async fn active_agents(&self) -> Result<u32, Problem> {
        let active = self.read(|views| views.agents.active().len()).await?;
        Ok(u32::try_from(active).unwrap_or(u32::MAX))
    }

    /// How many tasks are open that an agent created.
    ///
    /// # Errors
    /// As [`App::read`].
    pub(crate) async fn open_tasks_of(&self, creator: AgentId) -> Result<u32, Problem> {
        let open = self.read(|views| views.tasks.open_of(creator)).await?;
        Ok(u32::try_from(open).unwrap_or(u32::MAX))
    }
}
