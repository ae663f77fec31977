//! Starting a run: everything that has to agree to it is asked in one commit, so that two runs cannot both have the last
//! dollar.

use crate::{
    agent::{self, Agent},
    budget::{self, Budget, Cause, Key},
    consequence::{
        authority::acts_for_itself,
        budget_pause::lift_pause_of_yesterday,
        overspending::{Overspending, approval_open_for, contain_overspending},
        squad_halt::ensure_squad_running,
    },
    ids::{AgentId, ProjectId, RunId, TaskId},
    money::Usd,
    project::{self, Project},
    rejection::{Outcome, Rejection},
    run::{self, Run, Start},
    task::{self, Task},
    transaction::{Entity, Transaction},
    values::Label,
};

/// What a run is to be.
#[derive(Debug, Clone)]
pub struct StartRun {
    /// The task that the run works on; none for a run without one.
    pub task: Option<TaskId>,
    /// The model it will speak to.
    pub model: Label,
    /// The session it belongs to, in the agent's own words.
    pub session_key: Option<Label>,
    /// What it is expected to cost; the agent's cap per run when nobody says, and at least what the policy sets aside for
    /// every run.
    pub estimate: Option<Usd>,
}

/// Lets the agent begin `run`: what it is expected to cost is set aside on the budgets of the agent's day, of the
/// task, and of the project's day where that has a cap.
///
/// A run that is too dear is refused with [`Rejection::TooDear`], and what follows is committed all the same: the agent
/// is paused, the task waits for the approval that is opened, and an alert is raised. Asking again while that approval is
/// open names it again.
///
/// # Errors
/// - [`agent::Rejection::OperatorOnly`] for another agent, [`agent::Rejection::NotActive`] when it may not run now.
/// - [`Rejection::SquadStopped`]
/// - [`task::Rejection::NotRunnable`], [`task::Rejection::NotHolder`] or [`task::Rejection::NotAssignee`] when the task
///   is not the agent's to work on.
pub fn start_run(
    tx: &mut Transaction<'_>,
    run: RunId,
    agent: AgentId,
    request: StartRun,
) -> Result<Outcome, Rejection> {
    let agent = tx.agent(agent)?;
    acts_for_itself(tx, &agent)?;
    ensure_squad_running(tx, agent.registered()?.project, agent.registered()?)?;
    lift_pause_of_yesterday(tx, agent.id)?;
    let run = tx.get::<Run>(&run)?;
    let scope = Scope::new(tx, agent.id, &request)?;
    let stopped = scope.may_run(tx, request.task).err();
    let Some((cause, remaining)) = scope.not_enough(tx, &run)? else {
        return match stopped {
            Some(refusal) => Err(refusal),
            None => begin(tx, &run, &scope, request).map(|()| Outcome::Done),
        };
    };
    let wanted = scope.estimate;
    let over = Overspending { cause, agent: agent.id, task: request.task, run: run.id, wanted: Some(wanted) };
    let approval = match stopped {
        None => contain_overspending(tx, &over)?,
        Some(refusal) if scope.is_paused_for_budget() => {
            approval_open_for(tx, &over, scope.project)?.ok_or(refusal)?
        }
        Some(refusal) => return Err(refusal),
    };
    Ok(Outcome::Refused(Rejection::TooDear { cause, wanted, remaining, approval }))
}

/// Who wants to run, for what, and what it is expected to cost.
struct Scope {
    agent: Entity<Agent>,
    task: Option<Entity<Task>>,
    parent_task: Option<TaskId>,
    project: ProjectId,
    estimate: Usd,
    run_cap: Usd,
    caps: Vec<(Key, Usd)>,
    on_project: bool,
}

impl Scope {
    fn new(tx: &mut Transaction<'_>, agent: AgentId, request: &StartRun) -> Result<Self, Rejection> {
        let agent = tx.agent(agent)?;
        let registered = agent.registered()?;
        let (project, today) = (registered.project, tx.today());
        let mut caps = vec![(Key::AgentDay(agent.id, today), registered.profile.caps.daily)];
        let task = match request.task {
            Some(task) => Some(tx.get::<Task>(&task)?),
            None => None,
        };
        if let Some(task) = &task {
            registered.belongs_to(task.present()?.project)?;
            caps.push((Key::Task(task.id), task.present()?.details.budget));
        }
        let parent_task = registered.commission().and_then(|commission| commission.task);
        if let Some(parent) = parent_task.filter(|parent| request.task != Some(*parent)) {
            caps.push((Key::Task(parent), tx.get::<Task>(&parent)?.present()?.details.budget));
        }
        let day_cap = match &*tx.get::<Project>(&project)?.state {
            Project::Absent => return Err(project::Rejection::NotFound.into()),
            Project::Present { profile, .. } => profile.daily_cap,
        };
        caps.extend(day_cap.map(|cap| (Key::ProjectDay(project, today), cap)));
        let run_cap = registered.profile.caps.per_run_in_force();
        let estimate = request.estimate.unwrap_or(run_cap).max(tx.policy().least_reserved);
        let on_project = day_cap.is_some();
        Ok(Self { agent, task, parent_task, project, estimate, run_cap, caps, on_project })
    }

    fn may_run(&self, tx: &Transaction<'_>, task: Option<TaskId>) -> Result<(), Rejection> {
        self.agent.registered()?.may_run(task, tx.today())?;
        match &self.task {
            Some(task) => Ok(task.present()?.may_run(self.agent.id)?),
            None => Ok(()),
        }
    }

    fn is_paused_for_budget(&self) -> bool {
        self.agent.registered().is_ok_and(agent::Registered::is_paused_for_budget)
    }

    /// The first cap that does not suffice for it, and how much is left of that.
    fn not_enough(
        &self,
        tx: &mut Transaction<'_>,
        run: &Entity<Run>,
    ) -> Result<Option<(Cause, Usd)>, Rejection> {
        for (key, cap) in &self.caps {
            let budget = tx.get::<Budget>(key)?;
            let run_limit = self.run_cap.max(budget.run_allowance);
            if matches!(key, Key::AgentDay(..)) && self.estimate > run_limit {
                return Ok(Some((Cause::RunCap(*key), run_limit)));
            }
            match tx.decide(&budget, self.reserve(run, *cap)) {
                Err(Rejection::Budget(budget::Rejection::Exceeded { remaining, .. })) => {
                    return Ok(Some((Cause::Budget(*key), remaining)));
                }
                other => drop(other?),
            }
        }
        Ok(None)
    }

    fn reserve(&self, run: &Entity<Run>, cap: Usd) -> budget::Command {
        budget::Command::Reserve { run: run.id, amount: self.estimate, cap }
    }
}

fn begin(
    tx: &mut Transaction<'_>,
    run: &Entity<Run>,
    scope: &Scope,
    request: StartRun,
) -> Result<(), Rejection> {
    let StartRun { model, session_key, .. } = request;
    let hold = match &scope.task {
        Some(task) => task.present()?.hold(),
        None => None,
    };
    let start = Start {
        project: scope.project,
        agent: scope.agent.id,
        task: scope.task.as_ref().map(|task| task.id),
        parent_task: scope.parent_task,
        lease: hold.map(|hold| hold.lease),
        model,
        session_key,
        reserved: scope.estimate,
        on_project: scope.on_project,
    };
    let started = tx.execute(run, run::Command::Start(start))?;
    let open_run = started.running()?.terms.open_run();
    for (key, cap) in &scope.caps {
        let budget = tx.get::<Budget>(key)?;
        tx.execute_in(Some(scope.project), &budget, scope.reserve(run, *cap))?;
    }
    tx.execute(&scope.agent, agent::Command::BeginRun { run: run.id, open_run })?;
    if let Some(task) = &scope.task {
        tx.execute(task, task::Command::BeginRun { run: run.id, open_run })?;
    }
    Ok(())
}
