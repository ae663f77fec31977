//! From an operation to its answer: what it asks for is loaded, and where several follow each other in one commit, each
//! sees what was decided before it.

use mc_domain::{
    aggregate::CommandContext,
    approval::Approval,
    budget::Key,
    ids::{ApprovalId, ProjectId},
    operation::{
        Allowed, ApprovalScope, Cast, Decision, Entity, Load, Rejection, budget_asked_for, with_cast,
        withdraw_overrides,
    },
    recorded::Streamed,
    reservation::Reservation,
    task::Task,
};
use mc_store::{error::StoreError, repository::UnitOfWork};

use crate::{
    problem::Problem,
    state::{App, Call, Refused},
};

/// Asks an operation, with everything at hand that it turns out to need. What follows from numbers follows from those of
/// the policy in force, which come with the context ([`crate::state::App::call`]).
///
/// # Errors
/// What the operation refuses, and what the log says.
pub fn ask<T>(
    unit: &mut UnitOfWork<'_>,
    operation: impl FnMut(&Cast) -> Result<T, Rejection>,
) -> Result<T, Refused> {
    with_cast(unit, Cast::default(), operation)
}

/// As [`ask`], on the state that `decided` leads to.
///
/// # Errors
/// As [`ask`].
pub fn ask_after<T>(
    unit: &mut UnitOfWork<'_>,
    decided: &Decision,
    operation: impl FnMut(&Cast) -> Result<T, Rejection>,
) -> Result<T, Refused> {
    with_cast(&mut After { unit, decided }, Cast::default(), operation)
}

/// Everything as it is after a decision that is still to be committed.
struct After<'a, 'u> {
    unit: &'a mut UnitOfWork<'u>,
    decided: &'a Decision,
}

impl Load for After<'_, '_> {
    type Error = StoreError;

    fn load<A: Streamed>(&mut self, id: &A::Id) -> Result<Entity<A>, StoreError> {
        Ok(self.unit.load::<A>(id)?.after_decision(self.decided))
    }
}

/// An approval with all that its end may touch.
pub struct Case {
    /// The approval.
    pub approval: Entity<Approval>,
    key: Entity<Reservation>,
    task: Option<Entity<Task>>,
}

impl Case {
    /// Loads it.
    ///
    /// # Errors
    /// When there is no such approval, and what the log says.
    pub fn load(unit: &mut UnitOfWork<'_>, id: ApprovalId) -> Result<Self, Refused> {
        let approval = unit.load::<Approval>(&id)?;
        let requested = approval.requested()?;
        let key = unit.load::<Reservation>(&requested.key())?;
        let task = requested.subject().task.map(|task| unit.load::<Task>(&task)).transpose()?;
        Ok(Self { approval, key, task })
    }

    /// It, for a decision that may ask for more.
    pub fn scope<'a>(&'a self, cast: &'a Cast) -> ApprovalScope<'a> {
        let Self { approval, key, task } = self;
        ApprovalScope { approval, key, task: task.as_ref(), cast }
    }
}

/// The overrides of a project that wait for more to be allowed on the budget `key`, or on that of another day.
///
/// # Errors
/// When the views no longer follow the log.
pub async fn waiting_overrides(
    app: &App,
    call: &Call,
    project: ProjectId,
    key: Key,
) -> Result<Vec<ApprovalId>, Problem> {
    app.read(|views| {
        views.approvals.waiting_overrides(project, |subject, ask| {
            budget_asked_for(subject, ask, &call.context).is_some_and(|asked| asked.has_owner_of(key))
        })
    })
    .await
}

/// What `decision` raised frees what was held for it, in the same commit: `waiting` are the overrides that may be.
///
/// # Errors
/// As [`ask`].
pub fn and_free_held(
    unit: &mut UnitOfWork<'_>,
    decision: Decision,
    before: Allowed,
    waiting: &[ApprovalId],
    context: &CommandContext,
) -> Result<Decision, Refused> {
    let waiting = waiting.iter().map(|id| unit.load::<Approval>(id)).collect::<Result<Vec<_>, _>>()?;
    let free = |cast: &Cast| withdraw_overrides(before, &waiting, cast, context);
    let freed = ask_after(unit, &decision, free)?;
    Ok(decision.and(freed))
}
