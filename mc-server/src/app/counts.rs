//! Facts that operations ask for and no aggregate of theirs has: who uses a name, and how many agents or tasks there
//! are.

use mc_domain::{
    ids::{AgentId, ApprovalId, ProjectId},
    operation::Claims,
    values::Name,
};

use super::handle::App;
use crate::problem::Problem;

impl App {
    /// Who claims `name` in a project beside its reservations: the operator, and agents whose names pass for it.
    ///
    /// # Errors
    /// As [`App::read`].
    pub(crate) async fn claims(&self, project: ProjectId, name: &Name) -> Result<Claims, Problem> {
        let operators = vec![self.operator().clone()];
        self.read(|views| Claims { operators, bearers: views.agents.passing_for(project, name) }).await
    }

    /// The number of agents of a project that are not offline.
    ///
    /// # Errors
    /// As [`App::read`].
    pub(crate) async fn squad(&self, project: ProjectId) -> Result<u32, Problem> {
        let squad = self.read(|views| views.agents.in_service(project)).await?;
        Ok(u32::try_from(squad).unwrap_or(u32::MAX))
    }

    /// The project that an approval is requested in.
    ///
    /// # Errors
    /// `not-found` for an unknown approval, or as [`App::read`].
    pub(crate) async fn project_of_approval(&self, approval: ApprovalId) -> Result<ProjectId, Problem> {
        let unknown = || Problem::not_found("approval", approval);
        self.find(|views| views.approvals.project_of(approval).ok_or_else(unknown)).await
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
