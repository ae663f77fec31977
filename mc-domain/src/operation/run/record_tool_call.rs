//! The use of a tool in a run, and what follows when tools fail with one error again and again, or when a red one is used
//! without an approval.

use std::collections::BTreeSet;

use crate::{
    actor::{Actor, ActorKind},
    agent::Ending,
    alert::{Kind, Subject},
    approval::{self, Approval, ToolUse},
    consequence::{
        alerts::{Warning, raise},
        blocked_work::{Stop, block_work},
        quarantine::quarantine_by_rule,
        task_holder::{containment, execute_with_holder},
    },
    ids::{ApprovalId, RunId},
    json::Json,
    rejection::{Outcome, Rejection},
    run::{self, Run, Terms, ToolCall, ToolRisk, ToolStatus},
    task::{Loop, LoopKind, Status, Task, allowed_transitions},
    transaction::{Entity, Transaction},
    values::{Label, Reason},
};

/// The use of a tool as its agent tells it, and what the policy says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct UseTool {
    /// The tool, its status and previews, and the approval that the agent names for it.
    pub call: ToolCall,
    /// The risk of the tool, by the policy in force.
    pub policy: ToolRisk,
    /// What the tool was given, as it was sent, where the agent tells that.
    pub params: Option<Json>,
}

/// Records the use of a tool in `run`, as red as the policy or the agent has it. An approval that is named is made use of,
/// unless the tool was denied and did nothing. One failure too many with the same error blocks the task, quarantines the
/// agent and aborts the run in the same commit.
///
/// A red tool that was used without an approval that permits it was used all the same. The use is recorded, an alert
/// raised, the task blocked, the agent quarantined and the run aborted; all of that is committed, and the use is
/// refused with [`Rejection::Unapproved`].
///
/// # Errors
/// - [`run::Rejection::AlreadyEnded`] when the run is over.
/// - [`run::Rejection::OtherAgent`] for another agent.
/// - [`run::Rejection::TooManyToolCalls`]
/// - [`approval::Rejection::NotApproved`], [`approval::Rejection::PermitsElse`] or [`approval::Rejection::Used`] when a
///   tool that is not red is used under an approval that does not permit it.
pub fn record_tool_call(
    tx: &mut Transaction<'_>,
    run: RunId,
    request: UseTool,
) -> Result<Outcome, Rejection> {
    let run = tx.get::<Run>(&run)?;
    let terms = run.running()?.terms.clone();
    let risk = request.risk();
    let (approval, unapproved) = match use_approval(tx, &run, &terms, &request)? {
        Permit::Given(approval) => (Some(approval), None),
        Permit::Needless => (None, None),
        Permit::Missing(why) if risk == ToolRisk::Red => (None, Some(why)),
        Permit::Missing(Some(why)) => return Err(why.into()),
        Permit::Missing(None) => (None, None),
    };
    let call = ToolCall { risk: Some(risk), approval, ..request.call };
    let (tool, error) = (call.tool.clone(), call.error.clone());
    let events = tx.decide(&run, run::Command::CallTool(call))?;
    let failures = events.iter().map(run::Event::failures).max().unwrap_or(0);
    tx.record(&run, events)?;
    if let Some(why) = unapproved {
        contain_violation(&mut tx.as_system(), run.id, &terms, &tool)?;
        return Ok(Outcome::Refused(Rejection::Unapproved { tool, why }));
    }
    let limit = tx.policy().loops.identical_tool_errors;
    if failures >= limit.max(1) {
        stop_loop(&mut tx.as_system(), run.id, &terms, found(&terms, failures, limit), error)?;
    }
    Ok(Outcome::Done)
}

/// What permits the use of a tool.
enum Permit {
    /// This approval, which the use has used up.
    Given(ApprovalId),
    /// Nothing; and why not the approval that was named.
    Missing(Option<approval::Rejection>),
    /// Nothing was done that could need one.
    Needless,
}

impl UseTool {
    fn risk(&self) -> ToolRisk {
        self.call.risk.map_or(self.policy, |named| named.max(self.policy))
    }
}

/// Makes use of the approval that the call names. One of another project is not there for the run: nobody learns from a call
/// what others were given.
fn use_approval(
    tx: &mut Transaction<'_>,
    run: &Entity<Run>,
    terms: &Terms,
    request: &UseTool,
) -> Result<Permit, Rejection> {
    if request.call.status == ToolStatus::Denied {
        return Ok(Permit::Needless);
    }
    let Some(named) = request.call.approval else { return Ok(Permit::Missing(None)) };
    let of = ToolUse {
        agent: terms.agent,
        task: terms.task,
        tool: request.call.tool.as_str().to_owned(),
        params: request.params.clone(),
    };
    let approval = tx.get::<Approval>(&named)?;
    if approval.requested().is_ok_and(|requested| requested.subject.project != terms.project) {
        return Ok(Permit::Missing(Some(approval::Rejection::NotFound)));
    }
    match tx.execute(&approval, approval::Command::Use { of, run: run.id }) {
        Ok(approval) => Ok(Permit::Given(approval.id)),
        Err(Rejection::Approval(why)) => Ok(Permit::Missing(Some(why))),
        Err(other) => Err(other),
    }
}

/// What follows when a red tool was used without an approval.
fn contain_violation(
    tx: &mut Transaction<'_>,
    run: RunId,
    terms: &Terms,
    tool: &Label,
) -> Result<(), Rejection> {
    let agent = tx.agent(terms.agent)?;
    let did = format!("used {tool}, which is red, without an approval");
    let warning = Warning::of_agent(Kind::PolicyViolation, agent.id, agent.registered()?, &did);
    raise(tx, warning.concerning(agent.id, terms.task, Some(run)))?;
    quarantine_by_rule(tx, agent.id, Reason::truncated(&format!("it {did}")))?;
    let Some(task) = terms.task else { return Ok(()) };
    let task = tx.get::<Task>(&task)?;
    let open_to = allowed_transitions(task.present()?.status(), ActorKind::System);
    if !open_to.contains(&Status::Blocked) {
        return Ok(());
    }
    block_work(tx, &task, agent.id, Stop { what: &did, note: None, ending: Ending::Blocked, told: true })
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

/// What follows when a tool keeps failing with the same error.
fn stop_loop(
    tx: &mut Transaction<'_>,
    run: RunId,
    terms: &Terms,
    found: Loop,
    error: Option<Reason>,
) -> Result<(), Rejection> {
    let agent = tx.agent(terms.agent)?;
    let what = found.what();
    let subject = match terms.task {
        Some(task) => {
            let task = tx.get::<Task>(&task)?;
            let contain = containment(tx, &task, found)?;
            execute_with_holder(tx, &task, contain, Ending::Blocked)?;
            Subject::Task(task.id)
        }
        None => Subject::Agent(agent.id),
    };
    let title = format!("Loop detected: tools of {} keep failing", agent.registered()?.profile.name);
    let says = match &error {
        Some(error) => format!("{what}: {error}"),
        None => what,
    };
    let warning = Warning::new(Kind::LoopDetected, subject, terms.project, title).saying(&says);
    raise(tx, warning.concerning(agent.id, terms.task, Some(run)))?;
    quarantine_by_rule(tx, agent.id, Reason::truncated(&says))
}
