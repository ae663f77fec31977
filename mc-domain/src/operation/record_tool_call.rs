//! The use of a tool in a run, and what follows when tools fail with one error again and again.

use std::collections::BTreeSet;

use super::{
    Cast, Decision, Entity, Rejection, by_system,
    complete_run::held_task,
    hold::{decide_with_holder, summary_id},
    quarantine_agent::stop_at_once,
    raise_alert::{Warning, raise},
};
use crate::{
    actor::Actor,
    agent::{self, Ending},
    aggregate::{Aggregate, Moment},
    alert::{Kind, Subject},
    run::{self, Run, Terms, ToolCall},
    task::{self, Containment, Loop, LoopKind, Task},
    values::Reason,
};

/// Records the use of a tool in `run`. Where that is one failure too many with the same error, the task is blocked, the
/// agent quarantined and the run broken off in the same commit.
///
/// # Errors
/// - [`run::Rejection::AlreadyEnded`] when the run is over.
/// - [`run::Rejection::OtherAgent`] for another agent.
/// - [`run::Rejection::TooManyToolCalls`]
pub fn record_tool_call(
    run: &Entity<Run>,
    call: ToolCall,
    cast: &Cast,
    moment: &Moment,
) -> Result<Decision, Rejection> {
    let terms = run.running()?.terms.clone();
    let error = call.error.clone();
    let events = run.decide(run::Command::CallTool(call), moment)?;
    let failures = events.iter().map(run::Event::failures).max().unwrap_or(0);
    let mut decision = Decision::of(run, Some(terms.project), events);
    let limit = moment.figures.loops.identical_tool_errors;
    if failures >= limit.max(1) {
        let found = found(&terms, failures, limit);
        stop_loop(&mut decision, run, &terms, found, error, &cast.with(run.clone()), &by_system(moment))?;
    }
    Ok(decision)
}

fn found(terms: &Terms, count: u32, limit: u32) -> Loop {
    Loop {
        kind: LoopKind::ToolFailures,
        count,
        limit: limit.saturating_sub(1),
        within_secs: None,
        participants: BTreeSet::from([Actor::Agent(terms.agent)]),
    }
}

fn stop_loop(
    decision: &mut Decision,
    run: &Entity<Run>,
    terms: &Terms,
    found: Loop,
    error: Option<Reason>,
    cast: &Cast,
    moment: &Moment,
) -> Result<(), Rejection> {
    let agent = cast.agent(terms.agent)?;
    let what = found.what();
    let subject = match terms.task {
        Some(task) => {
            let task = cast.find::<Task>(&task)?;
            let containment = Containment { found, message: summary_id(&task), names: cast.names() };
            let events = task.decide(task::Command::Contain(containment), moment)?;
            decide_with_holder(decision, &task, events, Ending::Blocked, cast, moment)?;
            Subject::Task(task.id)
        }
        None => Subject::Agent(agent.id),
    };
    let title = format!("Loop detected: tools of {} keep failing", agent.registered()?.profile.name);
    let says = match &error {
        Some(error) => format!("{what}: {error}"),
        None => what,
    };
    let warning = Warning::new(Kind::LoopDetected, subject, terms.project, title).saying(says.clone());
    raise(decision, warning.concerning(agent.id, terms.task, Some(run.id)), cast, moment)?;
    let note = Reason::truncated(&says);
    let now = agent.after_decision(decision);
    let events = now.decide(agent::Command::Quarantine { note: note.clone() }, moment)?;
    decision.add_agent(&now, events);
    let task = held_task(agent.id, decision, cast)?;
    stop_at_once(decision, agent, task.as_ref(), note, cast, moment)
}
