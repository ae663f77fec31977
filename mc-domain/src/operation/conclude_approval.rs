//! Deciding an approval, taking it back, letting it run out: its end, and everything that follows from the end.

use super::{
    Cast, Decision, Entity, Outcome, Rejection,
    autonomy::grant_autonomy,
    by_system,
    hold::{decide_with_holder, tell_of_block},
    overspend::{asks_for_own_budget, grant_override},
    raise_alert::{Warning, raise},
    squad::accept,
    start_task::crew_left,
};
use crate::{
    actor::ActorKind,
    agent::{self, Assignee, Ending, TypeRule},
    aggregate::{Aggregate, CommandContext},
    alert::{self, Kind},
    approval::{self, ActionType, Approval, Ask, Command, ContentHash, Quorum, Ruling, Status, Verdict},
    ids::{ApprovalId, LeaseId},
    reservation::{self, Holder, Reservation},
    task::{self, Settlement, Task},
    values::Reason,
};

/// An approval with all that its end may touch. Operations on it refuse with [`Rejection::UnknownTask`] or
/// [`reservation::Rejection::NotHolder`] when this is not the task it names, or not its key.
#[derive(Debug, Clone, Copy)]
pub struct ApprovalScope<'a> {
    /// The approval.
    pub approval: &'a Entity<Approval>,
    /// The reservation it holds while it is open.
    pub key: &'a Entity<Reservation>,
    /// The task it names.
    pub task: Option<&'a Entity<Task>>,
    /// The agent it names, who held the task before ([`task::Present::waiting_holder`]), and who acts.
    pub cast: &'a Cast,
}

impl ApprovalScope<'_> {
    /// An approval does not end behind the back of what waits for it: its key and its task must be at hand.
    fn is_complete(&self) -> Result<(), Rejection> {
        let approval = self.approval.requested()?;
        if self.key.id != approval.key() {
            return Err(reservation::Rejection::NotHolder.into());
        }
        if self.task.map(|task| task.id) != approval.subject.task {
            return Err(Rejection::UnknownTask);
        }
        Ok(())
    }
}

/// What is asked for with a decision.
#[derive(Debug, Clone, PartialEq)]
pub struct DecideApproval {
    /// The answer.
    pub answer: Answer,
    /// What was read before deciding, to be sure that it is still what is asked for.
    pub content: Option<ContentHash>,
    /// The lease under which work goes on where it was interrupted, drawn by the caller.
    pub lease: LeaseId,
}

/// An answer to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Yes.
    Approve {
        /// What to note with it.
        note: Option<Reason>,
    },
    /// No.
    Deny {
        /// Why.
        reason: Reason,
    },
    /// Not like this.
    RequestRevision {
        /// What to change.
        note: Reason,
    },
}

/// What became of an approval.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Concluded {
    /// What to commit; and a refusal, where it had expired when the answer came.
    pub outcome: Outcome,
    /// How it ended, if it ended by this: what else hangs on it (a budget's grant, an alert) is decided from here and
    /// joins the same commit.
    pub verdict: Option<Verdict>,
}

/// Decides an approval: by a yes the task goes back to where it came from, by a no it is blocked. An answer that comes
/// too late lets it expire, and is refused.
///
/// # Errors
/// - [`approval::Rejection::OperatorOnly`] for an agent, [`approval::Rejection::OwnRequest`] for the requestor.
/// - [`approval::Rejection::AlreadyDecided`] when another answer was first.
/// - [`approval::Rejection::ContentChanged`] when something else is asked for now.
pub fn decide_approval(
    scope: ApprovalScope<'_>,
    wish: DecideApproval,
    context: &CommandContext,
) -> Result<Concluded, Rejection> {
    let DecideApproval { answer, content: request_hash, lease } = wish;
    let command = match answer {
        Answer::Approve { note } => Command::Approve { note, request_hash },
        Answer::Deny { reason } => Command::Deny { reason, request_hash },
        Answer::RequestRevision { note } => Command::RequestRevision { note, request_hash },
    };
    conclude(scope, command, Some(lease), context)
}

/// Takes an approval back, by its requestor or, when what it was for is over, by the system. The task goes back to where
/// it came from.
///
/// # Errors
/// - [`approval::Rejection::NotRequestor`] for anybody else.
/// - [`approval::Rejection::AlreadyDecided`] when it is decided.
pub fn withdraw_approval(
    scope: ApprovalScope<'_>,
    reason: Option<Reason>,
    lease: LeaseId,
    context: &CommandContext,
) -> Result<Concluded, Rejection> {
    requestor_may_speak(scope, context)?;
    conclude(scope, Command::Withdraw { reason }, Some(lease), context)
}

/// Ends an approval that nobody decided in time: the task is blocked.
///
/// # Errors
/// - [`approval::Rejection::NotDue`] before its time.
/// - [`approval::Rejection::SystemOnly`] for anybody but the system.
pub fn expire_approval(scope: ApprovalScope<'_>, context: &CommandContext) -> Result<Concluded, Rejection> {
    conclude(scope, Command::Expire, None, context)
}

/// Draws attention to an approval that waits long.
///
/// # Errors
/// - [`approval::Rejection::NotDue`] before its time.
/// - [`approval::Rejection::SystemOnly`] for anybody but the system.
pub fn escalate_approval(
    approval: &Entity<Approval>,
    context: &CommandContext,
) -> Result<Decision, Rejection> {
    let events = approval.decide(Command::Escalate, context)?;
    Ok(Decision::of(approval, Some(approval.requested()?.subject.project), events))
}

/// Asks for something else under the same approval, by its requestor, which takes `required` decisions. `key` is the
/// reservation of what is asked for now.
///
/// # Errors
/// - [`Rejection::ForeignBudget`] when an override is asked for that would raise somebody else's budget.
/// - [`approval::Rejection::NotRequestor`] for anybody else.
/// - [`reservation::Rejection::Taken`] when another approval is open for the same.
/// - [`reservation::Rejection::NotHolder`] when `key` is not the reservation of what is asked for now.
pub fn resubmit_approval(
    scope: ApprovalScope<'_>,
    key: &Entity<Reservation>,
    (ask, required): (Ask, Quorum),
    context: &CommandContext,
) -> Result<Concluded, Rejection> {
    requestor_may_speak(scope, context)?;
    let subject = &scope.approval.requested()?.subject;
    asks_for_own_budget(subject, &ask, scope.cast)?;
    if key.id != subject.key(ask.action_hash()) {
        return Err(reservation::Rejection::NotHolder.into());
    }
    let mut concluded = conclude(scope, Command::Resubmit { ask, required }, None, context)?;
    if concluded.outcome.refusal.is_none() && key.id != scope.key.id {
        let (holder, project) =
            (Holder::Approval(scope.approval.id), scope.approval.requested()?.subject.project);
        let reserved = key.decide(reservation::Command::Reserve(holder), context)?;
        let released = scope.key.decide(reservation::Command::Release(holder), context)?;
        concluded.outcome.decision.add(key, Some(project), reserved);
        concluded.outcome.decision.add(scope.key, Some(project), released);
    }
    Ok(concluded)
}

/// Asks the approval, and where that ends it, lets the end take its effect.
fn conclude(
    scope: ApprovalScope<'_>,
    command: Command,
    lease: Option<LeaseId>,
    context: &CommandContext,
) -> Result<Concluded, Rejection> {
    scope.is_complete()?;
    let was_open = scope.approval.status().is_some_and(Status::is_open);
    let by_sweeper = command == Command::Expire;
    let events = scope.approval.decide(command, context)?;
    let after = scope.approval.after(&events);
    let after = after.requested()?;
    let project = after.subject.project;
    let mut decision = Decision::of(scope.approval, Some(project), events);
    let Some(verdict) = after.verdict(scope.approval.id).filter(|_| was_open) else {
        return Ok(Concluded { outcome: decision.into(), verdict: None });
    };
    let released =
        scope.key.decide(reservation::Command::Release(Holder::Approval(scope.approval.id)), context)?;
    decision.add(scope.key, Some(project), released);
    take_effect(&mut decision, scope, &verdict, context)?;
    let cast = scope.cast.after(&decision);
    resume_spender(&mut decision, &verdict, &cast, context)?;
    if let Some(task) = scope.task {
        let (task, cast) = (task.after_decision(&decision), scope.cast.after(&decision));
        settle_task(&mut decision, scope.approval, &task, verdict.clone(), lease, &cast, context)?;
    }
    let outcome = match verdict.ruling() {
        Ruling::Expired if !by_sweeper => {
            Outcome::refused(decision, approval::Rejection::Expired { at: after.expires_at })
        }
        Ruling::Granted { .. } | Ruling::Denied { .. } | Ruling::Expired | Ruling::Withdrawn => {
            decision.into()
        }
    };
    Ok(Concluded { outcome, verdict: Some(verdict) })
}

/// Takes back an approval that nobody waits for any more, in the commit that ends the waiting. What has run out by then
/// expires; what is over stays as it is.
pub(super) fn withdraw_orphan(
    decision: &mut Decision,
    id: ApprovalId,
    why: Reason,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let approval = cast.find::<Approval>(&id)?.after_decision(decision);
    if !approval.status().is_some_and(Status::is_open) {
        return Ok(());
    }
    let events = approval.decide(Command::Withdraw { reason: Some(why) }, &by_system(context))?;
    let after = approval.after(&events);
    let subject = &after.requested()?.subject;
    let key = cast.find::<Reservation>(&after.requested()?.key())?.after_decision(decision);
    let released = key.decide(reservation::Command::Release(Holder::Approval(id)), context)?;
    decision.add(&approval, Some(subject.project), events);
    decision.add(&key, Some(subject.project), released);
    let Some(verdict) = after.requested()?.verdict(id) else { return Ok(()) };
    let scope = ApprovalScope { approval: &approval, key: &key, task: None, cast };
    take_effect(decision, scope, &verdict, context)
}

/// What an approval's end does beyond its task: money or autonomy is granted, and what ran out is told of.
fn take_effect(
    decision: &mut Decision,
    scope: ApprovalScope<'_>,
    verdict: &Verdict,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let approval::Subject { project, task, agent, action_type } = verdict.subject();
    match (verdict.ruling(), action_type) {
        (Ruling::Granted { .. }, ActionType::BudgetOverride) => {
            grant_override(decision, scope.approval, scope.cast, context)
        }
        (Ruling::Granted { .. }, ActionType::Autonomy) => {
            grant_autonomy(decision, scope.approval, scope.cast, context)
        }
        (Ruling::Expired, _) => {
            let asked = &scope.approval.requested()?.ask.summary;
            let title = format!("Nobody decided in time: {asked}");
            let subject = alert::Subject::Approval(scope.approval.id);
            let mut warning = Warning::new(Kind::ApprovalExpired, subject, *project, title);
            if let Some(agent) = agent {
                warning = warning.concerning(*agent, *task, None);
            }
            raise(decision, warning, scope.cast, context)
        }
        (Ruling::Granted { .. } | Ruling::Denied { .. } | Ruling::Withdrawn, _) => Ok(()),
    }
}

/// An agent that was paused for its budget goes on when it may spend more.
fn resume_spender(
    decision: &mut Decision,
    verdict: &Verdict,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let (Ruling::Granted { note, .. }, ActionType::BudgetOverride, Some(agent)) =
        (verdict.ruling(), verdict.subject().action_type, verdict.subject().agent)
    else {
        return Ok(());
    };
    let agent = cast.agent(agent)?;
    if agent.registered()?.is_paused_for_budget() {
        let events = agent.decide(agent::Command::Resume { note: note.clone() }, context)?;
        decision.add_agent(agent, events);
    }
    Ok(())
}

fn settle_task(
    decision: &mut Decision,
    approval: &Entity<Approval>,
    task: &Entity<Task>,
    verdict: Verdict,
    lease: Option<LeaseId>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<(), Rejection> {
    let ready = former_holder(task, cast, context)?;
    let assignees = &task.present()?.assignees;
    let (crew, _) = crew_left(assignees, task, TypeRule::Overridden, cast, context)?;
    let cast = &cast.with(approval.clone());
    let denied = match verdict.ruling() {
        Ruling::Denied { reason } if context.actor.kind() == ActorKind::System => Some(reason.clone()),
        Ruling::Denied { .. } | Ruling::Granted { .. } | Ruling::Expired | Ruling::Withdrawn => None,
    };
    let events = task.decide(task::Command::Settle(Settlement { verdict, ready, lease, crew }), context)?;
    decide_with_holder(decision, task, events, Ending::HeldForApproval, cast, context)?;
    // A person who denies knows of it; where a rule does, nobody would.
    let Some(reason) = denied else { return Ok(()) };
    tell_of_block(decision, task, None, Some(&reason), cast, context)
}

/// Who held the task before, when it is active and works on nothing else.
fn former_holder(
    task: &Entity<Task>,
    cast: &Cast,
    context: &CommandContext,
) -> Result<Option<Assignee>, Rejection> {
    let present = task.present()?;
    let Some(holder) = present.waiting_holder() else { return Ok(None) };
    let (project, kind) = (present.project, present.details.kind);
    if cast.agent(holder)?.registered()?.work.is_some() {
        return Ok(None);
    }
    match accept(holder, (project, kind), TypeRule::Overridden, cast, context) {
        Err(missing @ Rejection::NotLoaded(_)) => Err(missing),
        accepted => Ok(accepted.ok()),
    }
}

/// An agent that is quarantined or gone neither changes nor withdraws what it asked for.
fn requestor_may_speak(scope: ApprovalScope<'_>, context: &CommandContext) -> Result<(), Rejection> {
    match context.actor.agent() {
        Some(agent) => Ok(scope.cast.agent(agent)?.registered()?.may_speak()?),
        None => Ok(()),
    }
}
