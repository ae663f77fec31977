//! Starting a run: everything that has to agree to it is asked in one commit, so that two runs cannot both have the last
//! dollar.

use super::{
    Cast, Cause, Decision, Entity, Outcome, Rejection, acts_for_itself, by_system,
    overspend::{Overspending, approval_open_for, contain_overspending},
    squad::works,
};
use crate::{
    agent::{self, Agent},
    aggregate::{Aggregate, CommandContext},
    budget::{self, Budget, Key},
    ids::{AgentId, ProjectId, TaskId},
    money::Usd,
    project::{self, Project},
    run::{self, Run, Start},
    task::{self, Task},
    values::Label,
};

/// What is asked for with a run.
#[derive(Debug, Clone)]
pub struct StartRun {
    /// The task it is for.
    pub task: Option<TaskId>,
    /// The model it will speak to.
    pub model: Label,
    /// The session it belongs to, in the agent's own words.
    pub session_key: Option<Label>,
    /// What it is expected to cost; the agent's cap per run when nobody says, and at least what the policy sets aside for
    /// every run.
    pub estimate: Option<Usd>,
}

/// Lets the agent `id` begin `run`: what it is expected to cost is set aside on the budgets of the agent's day, of the
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
    run: &Entity<Run>,
    id: AgentId,
    wish: StartRun,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Outcome, Rejection> {
    let agent = cast.agent(id)?;
    acts_for_itself(agent, context)?;
    let project = cast.find::<Project>(&agent.registered()?.project)?;
    works(&project, agent.registered()?, context)?;
    let mut decision = Decision::default();
    lift_pause_of_yesterday(&mut decision, agent, context)?;
    let scope = Scope::new(&agent.after_decision(&decision), &wish, cast, context)?;
    let stopped = scope.may_run(&wish, context).err();
    let Some((cause, remaining)) = scope.not_enough(run, cast, context)? else {
        return match stopped {
            Some(refusal) => Err(refusal),
            None => begin(decision, run, scope, wish, cast, context).map(Outcome::from),
        };
    };
    let wanted = scope.estimate;
    let over = Overspending { cause, agent: id, task: wish.task, run: run.id, wanted: Some(wanted) };
    let too_dear = |approval| Rejection::TooDear { cause, wanted, remaining, approval };
    match stopped {
        None => {
            let approval = contain_overspending(&mut decision, &over, cast, context)?;
            Ok(Outcome::refused(decision, too_dear(approval)))
        }
        Some(refusal) if scope.is_paused_for_budget() => {
            match approval_open_for(&over, scope.project, cast, context)? {
                Some(approval) => Ok(Outcome::refused(decision, too_dear(approval))),
                None => Err(refusal),
            }
        }
        Some(refusal) => Err(refusal),
    }
}

/// A pause for the budget of a day that is over ends by itself.
pub(super) fn lift_pause_of_yesterday(
    decision: &mut Decision,
    agent: &Entity<Agent>,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let agent = agent.after_decision(decision);
    if agent.registered()?.is_paused_since_yesterday(context.now.date_naive()) {
        let events = agent.decide(agent::Command::Resume { note: None }, &by_system(context))?;
        decision.add_agent(&agent, events);
    }
    Ok(())
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
    fn new(
        agent: &Entity<Agent>,
        wish: &StartRun,
        cast: &Cast,
        context: &CommandContext,
    ) -> Result<Self, Rejection> {
        let registered = agent.registered()?;
        let (project, caps, today) = (registered.project, registered.profile.caps, context.now.date_naive());
        let task = wish.task.map(|task| cast.find::<Task>(&task)).transpose()?;
        let task_budget = match &task {
            Some(task) => {
                registered.belongs_to(task.present()?.project)?;
                Some((Key::Task(task.id), task.present()?.details.budget))
            }
            None => None,
        };
        let parent_task = registered.commission().and_then(|commission| commission.task);
        let parent_budget = match parent_task.filter(|parent| wish.task != Some(*parent)) {
            Some(parent) => Some((Key::Task(parent), cast.find::<Task>(&parent)?.present()?.details.budget)),
            None => None,
        };
        let day_cap = match &*cast.find::<Project>(&project)?.state {
            Project::Absent => return Err(project::Rejection::NotFound.into()),
            Project::Present { profile, .. } => profile.daily_cap,
        };
        let agent_day = Some((Key::AgentDay(agent.id, today), caps.daily));
        let project_day = day_cap.map(|cap| (Key::ProjectDay(project, today), cap));
        let caps = agent_day.into_iter().chain(task_budget).chain(parent_budget).chain(project_day).collect();
        let run_cap = registered.profile.caps.per_run_in_force();
        Ok(Self {
            agent: agent.clone(),
            task,
            parent_task,
            project,
            estimate: wish.estimate.unwrap_or(run_cap).max(context.policy.least_reserved),
            run_cap,
            caps,
            on_project: day_cap.is_some(),
        })
    }

    fn may_run(&self, wish: &StartRun, context: &CommandContext) -> Result<(), Rejection> {
        self.agent.registered()?.may_run(wish.task, context.now.date_naive())?;
        match &self.task {
            Some(task) => Ok(task.present()?.may_run(self.agent.id)?),
            None => Ok(()),
        }
    }

    fn is_paused_for_budget(&self) -> bool {
        self.agent.registered().is_ok_and(agent::Registered::is_paused_for_budget)
    }

    /// What is not enough for it first, and how much there is.
    fn not_enough(
        &self,
        run: &Entity<Run>,
        cast: &Cast,
        context: &CommandContext,
    ) -> Result<Option<(Cause, Usd)>, Rejection> {
        for (key, cap) in &self.caps {
            let budget = cast.find::<Budget>(key)?;
            let run_limit = self.run_cap.max(budget.run_allowance);
            if matches!(key, Key::AgentDay(..)) && self.estimate > run_limit {
                return Ok(Some((Cause::RunCap(*key), run_limit)));
            }
            match budget.decide(self.reserve(run, *cap), context) {
                Err(budget::Rejection::Exceeded { remaining, .. }) => {
                    return Ok(Some((Cause::Budget(*key), remaining)));
                }
                Ok(_) => {}
                Err(rejection) => return Err(rejection.into()),
            }
        }
        Ok(None)
    }

    fn reserve(&self, run: &Entity<Run>, cap: Usd) -> budget::Command {
        budget::Command::Reserve { run: run.id, amount: self.estimate, cap }
    }
}

fn begin(
    mut decision: Decision,
    run: &Entity<Run>,
    scope: Scope,
    wish: StartRun,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let StartRun { model, session_key, .. } = wish;
    let (agent, project) = (&scope.agent, scope.project);
    let hold = match &scope.task {
        Some(task) => task.present()?.hold(),
        None => None,
    };
    let start = Start {
        project,
        agent: agent.id,
        task: scope.task.as_ref().map(|task| task.id),
        parent_task: scope.parent_task,
        lease: hold.map(|hold| hold.lease),
        model,
        session_key,
        reserved: scope.estimate,
        on_project: scope.on_project,
    };
    let started = run.decide(run::Command::Start(start), context)?;
    let open_run = run.after(&started).running()?.terms.open_run();
    decision.add(run, Some(project), started);
    for (key, cap) in &scope.caps {
        let budget = cast.find::<Budget>(key)?;
        let reserved = budget.decide(scope.reserve(run, *cap), context)?;
        decision.add(&budget, Some(project), reserved);
    }
    let began = agent.decide(agent::Command::BeginRun { run: run.id, open_run }, context)?;
    decision.add_agent(agent, began);
    if let Some(task) = &scope.task {
        let began = task.decide(task::Command::BeginRun { run: run.id, open_run }, context)?;
        decision.add_task(task, began);
    }
    Ok(decision)
}
