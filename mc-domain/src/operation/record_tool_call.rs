//! The use of a tool in a run, and what follows when tools fail with one error again and again, or when a red one is used
//! without an approval.

use std::collections::BTreeSet;

use super::{
    Cast, Decision, Entity, Outcome, Rejection, by_system,
    complete_run::held_task,
    hold::{decide_with_holder, summary_id},
    quarantine_agent::{Stop, block_work, stop_at_once},
    raise_alert::{Warning, raise},
};
use crate::{
    actor::{Actor, ActorKind},
    agent::{self, Ending},
    aggregate::{Aggregate, CommandContext},
    alert::{Kind, Subject},
    approval::{self, Approval, ToolUse},
    ids::ApprovalId,
    json::Json,
    run::{self, Run, Terms, ToolCall, ToolRisk, ToolStatus},
    task::{self, Containment, Loop, LoopKind, Status, Task, allowed_transitions},
    values::{Label, Reason},
};

/// What is told of the use of a tool, and what the policy says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct UseTool {
    /// What is told.
    pub call: ToolCall,
    /// The risk of the tool, by the policy in force.
    pub policy: ToolRisk,
    /// What the tool was given, as it was sent, where that is told.
    pub params: Option<Json>,
}

/// Records the use of a tool in `run`, as red as the policy or whoever tells of it has it. An approval that is named is
/// made use of, unless the tool was denied and did nothing. Where that is one failure too many with the same error, the
/// task is blocked, the agent quarantined and the run broken off in the same commit.
///
/// A red tool that was used without an approval that permits it was used all the same. It is recorded, an alert is
/// raised, the task blocked, the agent quarantined and the run broken off; all of that is committed, and the use is
/// refused with [`Rejection::Unapproved`].
///
/// # Errors
/// - [`run::Rejection::AlreadyEnded`] when the run is over.
/// - [`run::Rejection::OtherAgent`] for another agent.
/// - [`run::Rejection::TooManyToolCalls`]
/// - [`approval::Rejection::NotApproved`], [`approval::Rejection::PermitsElse`] or [`approval::Rejection::Used`] when a
///   tool that is not red is used under an approval that does not permit it.
pub fn record_tool_call(
    run: &Entity<Run>,
    wish: UseTool,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Outcome, Rejection> {
    let terms = run.running()?.terms.clone();
    let (risk, permit) = (wish.risk(), wish.permit(run, &terms, cast, context)?);
    let UseTool { call, .. } = wish;
    let (tool, error) = (call.tool.clone(), call.error.clone());
    let unapproved = match &permit {
        Permit::Missing(why) if risk == ToolRisk::Red => Some(why.clone()),
        Permit::Missing(Some(why)) => return Err(why.clone().into()),
        Permit::Missing(None) | Permit::Given(..) | Permit::Needless => None,
    };
    let mut decision = Decision::default();
    let approval = permit.make_use(&mut decision);
    let call = ToolCall { risk: Some(risk), approval, ..call };
    let events = run.decide(run::Command::CallTool(call), context)?;
    let failures = events.iter().map(run::Event::failures).max().unwrap_or(0);
    decision.add(run, Some(terms.project), events);
    let (cast, system) = (&cast.with(run.clone()), &by_system(context));
    if let Some(why) = unapproved {
        contain_violation(&mut decision, run, &terms, &tool, cast, system)?;
        return Ok(Outcome::refused(decision, Rejection::Unapproved { tool, why }));
    }
    let limit = context.policy.loops.identical_tool_errors;
    if failures >= limit.max(1) {
        let found = found(&terms, failures, limit);
        stop_loop(&mut decision, run, &terms, found, error, cast, system)?;
    }
    Ok(decision.into())
}

/// What permits the use of a tool.
enum Permit {
    /// This approval, which has been made use of by that.
    Given(Box<Entity<Approval>>, Vec<approval::Event>),
    /// Nothing; and why not the approval that was named.
    Missing(Option<approval::Rejection>),
    /// Nothing was done that could need one.
    Needless,
}

impl Permit {
    /// The approval that was made use of.
    fn make_use(self, decision: &mut Decision) -> Option<ApprovalId> {
        let Self::Given(approval, events) = self else { return None };
        let project = approval.requested().ok().map(|approval| approval.subject.project);
        decision.add(&approval, project, events);
        Some(approval.id)
    }
}

impl UseTool {
    fn risk(&self) -> ToolRisk {
        self.call.risk.map_or(self.policy, |named| named.max(self.policy))
    }

    fn permit(
        &self,
        run: &Entity<Run>,
        terms: &Terms,
        cast: &Cast,
        context: &CommandContext,
    ) -> Result<Permit, Rejection> {
        if self.call.status == ToolStatus::Denied {
            return Ok(Permit::Needless);
        }
        let Some(named) = self.call.approval else { return Ok(Permit::Missing(None)) };
        let of = ToolUse {
            agent: terms.agent,
            task: terms.task,
            tool: self.call.tool.as_str().to_owned(),
            params: self.params.clone(),
        };
        let approval = cast.find::<Approval>(&named)?;
        Ok(match approval.decide(approval::Command::Use { of, run: run.id }, context) {
            Ok(events) => Permit::Given(Box::new(approval), events),
            Err(why) => Permit::Missing(Some(why)),
        })
    }
}

/// What follows when a red tool was used without an approval.
fn contain_violation(
    decision: &mut Decision,
    run: &Entity<Run>,
    terms: &Terms,
    tool: &Label,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let agent = cast.agent(terms.agent)?;
    let says = format!("used {tool}, which is red, without an approval");
    let warning = Warning::of_agent(Kind::PolicyViolation, agent.id, agent.registered()?, &says);
    raise(decision, warning.concerning(agent.id, terms.task, Some(run.id)), cast, context)?;
    quarantine(decision, terms, Reason::truncated(&format!("it {says}")), cast, context)?;
    let Some(task) = terms.task else { return Ok(()) };
    let task = cast.find::<Task>(&task)?.after_decision(decision);
    let open_to = allowed_transitions(task.present()?.status(), ActorKind::System);
    if !open_to.contains(&Status::Blocked) {
        return Ok(());
    }
    let stop = Stop { what: &says, note: None, ending: Ending::Blocked, told: true };
    block_work(decision, &task, agent, stop, cast, context)
}

/// The agent stops, its runs are broken off, and what it works on is blocked.
fn quarantine(
    decision: &mut Decision,
    terms: &Terms,
    note: Option<Reason>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let agent = cast.agent(terms.agent)?;
    let now = agent.after_decision(decision);
    let events = now.decide(agent::Command::Quarantine { note: note.clone() }, context)?;
    decision.add_agent(&now, events);
    let task = held_task(agent.id, decision, cast)?;
    stop_at_once(decision, agent, task.as_ref(), note, cast, context)
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
    context: &CommandContext,
) -> Result<(), Rejection> {
    let agent = cast.agent(terms.agent)?;
    let what = found.what();
    let subject = match terms.task {
        Some(task) => {
            let task = cast.find::<Task>(&task)?;
            let containment = Containment { found, message: summary_id(&task), names: cast.names() };
            let events = task.decide(task::Command::Contain(containment), context)?;
            decide_with_holder(decision, &task, events, Ending::Blocked, cast, context)?;
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
    raise(decision, warning.concerning(agent.id, terms.task, Some(run.id)), cast, context)?;
    quarantine(decision, terms, Reason::truncated(&says), cast, context)
}
