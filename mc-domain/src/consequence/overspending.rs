//! Spending too much: what follows from it, and the way out.
//!
//! Whether a run would be too dear or has turned out to be, the same follows: an approval is open for it, its task waits,
//! its agent is paused, and an alert says so.

use chrono::{DateTime, Utc};

use super::{
    alerts::{Warning, raise},
    approval_request::open_approval,
    budget_cap::alert_subject,
};
use crate::{
    actor::{Actor, ActorKind},
    agent,
    alert::Kind,
    approval::{self, Action, ActionType, Approval, Ask, ContentHash, Payload, Quorum, Request, Risk, Terms},
    budget::Cause,
    ids::{AgentId, ApprovalId, ProjectId, RunId, TaskId},
    money::Usd,
    rejection::Rejection,
    reservation::Reservation,
    task::{Status, Task, allowed_transitions},
    transaction::{Entity, Transaction},
    values::{Reason, Text},
};

/// Who spends too much, on what, and for what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Overspending {
    pub(crate) cause: Cause,
    pub(crate) agent: AgentId,
    pub(crate) task: Option<TaskId>,
    pub(crate) run: RunId,
    /// What the run is expected to cost; none when it is over.
    pub(crate) wanted: Option<Usd>,
}

/// The approval that is open for this cause already, if one is and can still be decided.
pub(crate) fn approval_open_for(
    tx: &mut Transaction<'_>,
    over: &Overspending,
    project: ProjectId,
) -> Result<Option<ApprovalId>, Rejection> {
    let key = over.subject(over.task, project).key(&over.action_hash());
    if let Some(open) = tx.get::<Reservation>(&key)?.approval()
        && is_open(&*tx.get::<Approval>(&open)?, tx.now())
    {
        return Ok(Some(open));
    }
    open_elsewhere(tx, over)
}

/// The approval that the agent waits for already because of the same cause, over another task or none: what it grants would
/// be granted twice by a second one.
fn open_elsewhere(tx: &mut Transaction<'_>, over: &Overspending) -> Result<Option<ApprovalId>, Rejection> {
    let agent = tx.agent(over.agent)?;
    let agent = agent.registered()?;
    let waits = agent.waits_for(over.cause.key());
    let Some(overrun) = agent.overrun().filter(|_| waits) else { return Ok(None) };
    let approval = tx.get::<Approval>(&overrun.approval)?;
    let asked = approval.requested().ok().and_then(|requested| requested.ask.parameters());
    let same = asked.and_then(Cause::of) == Some(over.cause);
    Ok((same && is_open(&approval, tx.now())).then_some(overrun.approval))
}

/// Whether it is open, and has not run out without anybody having noticed.
fn is_open(approval: &Approval, now: DateTime<Utc>) -> bool {
    approval.requested().is_ok_and(|approval| approval.status().is_open() && !approval.is_overdue(now))
}

/// Decides all that follows from spending too much, and answers which approval is open for it. Where the agent waits for
/// the same already, the one that is open counts, and its other task is not stopped: it waits with the agent.
pub(crate) fn contain_overspending(
    tx: &mut Transaction<'_>,
    over: &Overspending,
) -> Result<ApprovalId, Rejection> {
    let tx = &mut *tx.as_system();
    let project = tx.agent(over.agent)?.registered()?.project;
    let approval = match open_elsewhere(tx, over)? {
        Some(open) => open,
        None => pause_for_approval(tx, over, project)?,
    };
    let agent = tx.agent(over.agent)?;
    raise(tx, over.warning(project, agent.registered()?))?;
    Ok(approval)
}

fn pause_for_approval(
    tx: &mut Transaction<'_>,
    over: &Overspending,
    project: ProjectId,
) -> Result<ApprovalId, Rejection> {
    let task = stoppable(tx, over.task)?;
    let agent = tx.agent(over.agent)?;
    let request = over.request(tx, agent.registered()?, task.as_ref(), project)?;
    // A run that is refused or over causes one approval at most, so its identity is free to be the approval's.
    let approval = open_approval(tx, ApprovalId::new(over.run.uuid()), request)?;
    let agent = tx.agent(over.agent)?;
    tx.execute(&agent, agent::Command::Overspend { approval, budget: over.cause.key() })?;
    Ok(approval)
}

/// The task, where it can be stopped for an approval.
fn stoppable(tx: &mut Transaction<'_>, task: Option<TaskId>) -> Result<Option<Entity<Task>>, Rejection> {
    let Some(task) = task else { return Ok(None) };
    let task = tx.get::<Task>(&task)?;
    let status = task.present()?.status();
    let allowed = allowed_transitions(status, ActorKind::System);
    let stoppable = status == Status::NeedsApproval || allowed.contains(&Status::NeedsApproval);
    Ok(stoppable.then_some(task))
}

impl Overspending {
    fn subject(&self, task: Option<TaskId>, project: ProjectId) -> approval::Subject {
        let action_type = ActionType::BudgetOverride;
        approval::Subject { project, task, agent: Some(self.agent), action_type }
    }

    fn action_hash(&self) -> ContentHash {
        Action::with(ActionType::BudgetOverride, &self.cause.payload()).hash()
    }

    fn request(
        &self,
        tx: &Transaction<'_>,
        agent: &agent::Registered,
        task: Option<&Entity<Task>>,
        project: ProjectId,
    ) -> Result<Request, Rejection> {
        let assigned = match task {
            Some(task) => task.present()?.assignees.contains(&self.agent),
            None => true,
        };
        // An agent that may not ask by itself any more does not stand in the way of asking.
        let requestor = match assigned && agent.may_speak().is_ok() {
            true => Actor::Agent(self.agent),
            false => tx.actor().clone(),
        };
        let summary = match self.wanted {
            Some(wanted) => format!("{}: spend {wanted} dollars beyond {}", agent.profile.name, self.cause),
            None => format!("{}: go on beyond {}", agent.profile.name, self.cause),
        };
        let summary = Reason::truncated(&summary).expect("it says something on one line");
        let justification = format!("{} is used up", self.cause);
        let payload = self.cause.payload();
        let terms = Terms {
            summary,
            risk: Risk::Yellow,
            justification: Text::truncated(&justification).expect("it says something on one line"),
            rollback_plan: None,
            estimated_cost: self.wanted,
            payload: Some(Payload::try_from(payload.clone()).expect("it is small and flat")),
        };
        Ok(Request {
            requestor,
            subject: self.subject(task.map(|task| task.id), project),
            ask: Ask::new(&Action::with(ActionType::BudgetOverride, &payload), terms),
            lifetime: tx.policy().approvals_last(),
            required: Quorum::One,
        })
    }

    fn warning(&self, project: ProjectId, agent: &agent::Registered) -> Warning {
        let title = format!("Budget exceeded by {}", agent.profile.name);
        let description = match self.wanted {
            Some(wanted) => format!("A run of {wanted} dollars is more than is left of {}.", self.cause),
            None => format!("What was spent has used up {}.", self.cause),
        };
        Warning::new(Kind::BudgetExceeded, alert_subject(self.cause.key()), project, title)
            .saying(description)
            .concerning(self.agent, self.task, Some(self.run))
    }
}
