//! The end of a run: it is charged once, and what follows from its cost and from its failure is decided with it.

use super::{
    Cast, Cause, Decision, Entity, Rejection,
    bill_run::bill_run,
    by_system,
    end_run::{End, Open, end_run},
    hold::decide_with_holder,
    overspend::{Overspending, contain_overspending, current_cap, subject},
    quarantine_agent::{Stop, block_work, stop_at_once},
    raise_alert::{Warning, raise},
};
use crate::{
    agent::{Agent, Ending, Status},
    aggregate::CommandContext,
    alert::{Kind, Subject},
    budget::{self, Budget, Key, Level},
    ids::{AgentId, ProjectId, RunId, TaskId},
    recorded::{AnyEvent, Streamed},
    run::{self, Bill, Outcome, Run, Terms},
    task::Task,
    values::Reason,
};

/// What is told of a run at its end.
#[derive(Debug, Clone)]
pub struct CompleteRun {
    /// How it ended.
    pub outcome: Outcome,
    /// What it used and cost.
    pub bill: Bill,
}

/// Ends `run`: it is charged, the rest of what was set aside is given back, and errors in a row are counted. A run that
/// uses a budget up is recorded all the same, and what follows for a run that is too dear follows here too; a run that is
/// dearer than its agent's cap per run, and uses up nothing, is told of.
///
/// A run that others have ended stays ended as it is. Its agent tells once what it has cost, and that is charged on the
/// budgets of the day it began.
///
/// # Errors
/// - [`crate::run::Rejection::AlreadyEnded`] when it is over, even for the same end.
/// - [`crate::run::Rejection::OtherAgent`] for another agent, [`crate::run::Rejection::OperatorOnly`] when an agent
///   breaks it off.
pub fn complete_run(
    run: &Entity<Run>,
    wish: CompleteRun,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    if let Run::Unbilled(unbilled) = &*run.state {
        return bill_run(run, unbilled, wish, cast, context);
    }
    let CompleteRun { outcome, bill } = wish;
    let (cast, terms) = (&cast.with(run.clone()), run.running()?.terms.clone());
    let mut decision = Decision::default();
    let error = bill.error.clone();
    end(&mut decision, run, &terms, End { outcome, bill }, cast, context)?;
    count_errors(&mut decision, &terms, outcome, error, cast, context)?;
    judge_cost(&mut decision, run, &terms, cast, context)?;
    Ok(decision)
}

/// What follows from what `run` was charged by `decision`: thresholds are told of, and what is used up is dealt with.
pub(super) fn judge_cost(
    decision: &mut Decision,
    run: &Entity<Run>,
    terms: &Terms,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let spender =
        Spender { project: terms.project, agent: Some(terms.agent), task: terms.task, run: Some(run.id) };
    tell_of_budgets(decision, terms.open_run().budgets(terms.project), spender, cast, context)?;
    match used_up(decision, terms, terms.project, cast, context)? {
        Some(key) => contain_overrun(decision, (run.id, terms), key, cast, context),
        None => tell_of_dear_run(decision, run, terms, cast, context),
    }
}

/// Ends a run that did not end in time. Its lease is over with it: the task that its agent held for it is blocked.
///
/// # Errors
/// - [`crate::run::Rejection::OperatorOnly`] for an agent, which tells of the end of its run itself.
/// - [`crate::run::Rejection::NotDue`] before its deadline.
/// - [`crate::run::Rejection::AlreadyEnded`] when it is over.
pub fn time_out_run(run: &Entity<Run>, cast: &Cast, context: &CommandContext) -> Result<Decision, Rejection> {
    let (cast, terms) = (&cast.with(run.clone()), run.running()?.terms.clone());
    if context.actor.agent().is_some() {
        return Err(run::Rejection::OperatorOnly.into());
    }
    let mut decision = Decision::default();
    let bill = Bill { error: Reason::truncated("it did not end in time"), ..Bill::default() };
    end(&mut decision, run, &terms, End { outcome: Outcome::TimedOut, bill }, cast, context)?;
    let agent = cast.agent(terms.agent)?.after_decision(&decision);
    let registered = agent.registered()?;
    let title = format!("A run of {} did not end in time", registered.profile.name);
    let warning = Warning::new(Kind::RunTimeout, Subject::Run(run.id), terms.project, title);
    let warning = warning.concerning(terms.agent, terms.task, Some(run.id));
    raise(&mut decision, warning, cast, context)?;
    let goes_on = registered.open_runs.values().any(|other| other.task == terms.task);
    if let Some(task) = held_task(terms.agent, &decision, cast)?
        && Some(task.id) == terms.task
        && !goes_on
    {
        let stop =
            Stop { what: "did not end a run in time", note: None, ending: Ending::Blocked, told: true };
        block_work(&mut decision, &task, &agent, stop, cast, &by_system(context))?;
    }
    Ok(decision)
}

fn end(
    decision: &mut Decision,
    run: &Entity<Run>,
    terms: &Terms,
    end: End,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let open: Open = (run.id, terms.open_run());
    let events = end_run(decision, open, end, cast, context)?;
    let Some(task) = terms.task else { return Ok(()) };
    let task = cast.find::<Task>(&task)?;
    decide_with_holder(decision, &task, events, Ending::Blocked, cast, context)
}

/// The task that an agent holds, as it is after what was decided so far.
pub(super) fn held_task(
    agent: AgentId,
    decision: &Decision,
    cast: &Cast,
) -> Result<Option<Entity<Task>>, Rejection> {
    let Some(work) = cast.agent(agent)?.after_decision(decision).registered()?.work else { return Ok(None) };
    Ok(Some(cast.find::<Task>(&work.task)?.after_decision(decision)))
}

/// Whose spending an alert about a budget is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spender {
    pub(super) project: ProjectId,
    pub(super) agent: Option<AgentId>,
    pub(super) task: Option<TaskId>,
    pub(super) run: Option<RunId>,
}

/// The thresholds that budgets have told of by this decision, as alerts. What a run has used up is told of with what
/// follows from that; what a lower cap or a correction makes used up is told of here, and stops nobody who does not run.
pub(super) fn tell_of_budgets(
    decision: &mut Decision,
    keys: Vec<Key>,
    spender: Spender,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let Spender { project, agent, task, run } = spender;
    for key in keys {
        let Some((level, percent)) = crossed(&cast.find::<Budget>(&key)?, decision) else { continue };
        let kind = match level {
            Level::Warning => Kind::BudgetWarning,
            Level::Critical => Kind::BudgetCritical,
            Level::Exceeded if run.is_some() => continue,
            Level::Exceeded => Kind::BudgetExceeded,
        };
        let title = format!("{percent} % of {} are spent", Cause::Budget(key));
        let warning = Warning::new(kind, subject(key), project, title);
        let warning = match agent {
            Some(agent) => warning.concerning(agent, task, run),
            None => warning,
        };
        raise(decision, warning, cast, context)?;
    }
    Ok(())
}

fn crossed(budget: &Entity<Budget>, decision: &Decision) -> Option<(Level, u32)> {
    let events = decision.events_of(budget);
    events.filter_map(threshold).last()
}

fn threshold(event: &AnyEvent) -> Option<(Level, u32)> {
    match Budget::event(event)? {
        budget::Event::ThresholdCrossed { level, percent, .. } => Some((*level, *percent)),
        budget::Event::Exceeded { .. } => Some((Level::Exceeded, 100)),
        _ => None,
    }
}

/// Tells of errors in a row, and where they quarantined the agent, of what follows from that.
fn count_errors(
    decision: &mut Decision,
    terms: &Terms,
    outcome: Outcome,
    error: Option<Reason>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let agent = cast.agent(terms.agent)?;
    let after = agent.after_decision(decision);
    if outcome == Outcome::Failed {
        tell_of_errors(decision, &after, error, cast, context)?;
    }
    let quarantined =
        agent.status() != Some(Status::Quarantined) && after.status() == Some(Status::Quarantined);
    if quarantined {
        let task = held_task(terms.agent, decision, cast)?;
        let note = Reason::truncated(&format!("{} errors in a row", after.registered()?.error_streak));
        stop_at_once(decision, agent, task.as_ref(), note, cast, &by_system(context))?;
    }
    Ok(())
}

/// Raises an alert where an agent makes one error after the other.
pub(super) fn tell_of_errors(
    decision: &mut Decision,
    agent: &Entity<Agent>,
    error: Option<Reason>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let registered = agent.registered()?;
    if registered.error_streak < context.policy.timeouts.error_streak_warning {
        return Ok(());
    }
    let says = format!("has made {} errors in a row", registered.error_streak);
    let warning = Warning::of_agent(Kind::ErrorStreak, agent.id, registered, &says);
    let warning = match error {
        Some(error) => warning.saying(error.to_string()),
        None => warning,
    };
    raise(decision, warning, cast, context)
}

/// Its task waits with the agent, unless others have it by now and it has room itself.
fn contain_overrun(
    decision: &mut Decision,
    (run, terms): (RunId, &Terms),
    key: Key,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let task = match terms.task {
        Some(id) if key != Key::Task(id) => {
            let task = cast.find::<Task>(&id)?.after_decision(decision);
            task.present()?.assignees.contains(&terms.agent).then_some(id)
        }
        task => task,
    };
    let over = Overspending { cause: Cause::Budget(key), agent: terms.agent, task, run, wanted: None };
    contain_overspending(decision, &over, cast, context)?;
    Ok(())
}

/// Raises an alert where a run has cost more than its agent may spend in one.
fn tell_of_dear_run(
    decision: &mut Decision,
    run: &Entity<Run>,
    terms: &Terms,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let cost = decision.events_of(run).filter_map(Run::event).find_map(run::Event::cost);
    let Some(cost) = cost else { return Ok(()) };
    let agent = cast.agent(terms.agent)?.registered()?;
    let allowance = cast.find::<Budget>(&Key::AgentDay(terms.agent, terms.day))?.run_allowance;
    let cap = agent.profile.caps.per_run_in_force().max(allowance);
    if cost <= cap {
        return Ok(());
    }
    let title = format!("A run of {} cost {cost} dollars", agent.profile.name);
    let description = format!("That is more than the {cap} dollars that one run of it may cost.");
    let warning = Warning::new(Kind::BudgetExceeded, Subject::Run(run.id), terms.project, title);
    let warning = warning.saying(description).concerning(terms.agent, terms.task, Some(run.id));
    raise(decision, warning, cast, context)
}

/// The budget that is used up. What was spent on a day that is over stops nobody any more.
fn used_up(
    decision: &Decision,
    terms: &Terms,
    project: ProjectId,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Option<Key>, Rejection> {
    let today = context.now.date_naive();
    for key in terms.open_run().budgets(project) {
        let over = key.day().is_some_and(|day| day < today);
        let budget = cast.find::<Budget>(&key)?.after_decision(decision);
        let cap = current_cap(key, cast)?;
        let level = cap.and_then(|cap| budget.level(cap, context.policy.thresholds));
        if !over && level == Some(Level::Exceeded) {
            return Ok(Some(key));
        }
    }
    Ok(None)
}
