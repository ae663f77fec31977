//! The workers: what is due is found in what is recorded, and done by the same commands as everything else.

use std::collections::BTreeSet;

use mc_domain::{
    actor::Actor,
    agent::Agent,
    approval::Approval,
    ids::{AgentId, ApprovalId, NotificationId, TaskId},
    notification::{Recipient, Status},
    policy::document::Figures,
    process::{ApprovalDue, Directory, approvals_due, notifications, retirements},
    values::{Name, Reason, Title},
};

use crate::{
    actions::Action,
    draw::operators,
    world::{States, World},
};

/// The most events that one tick looks at for notifications, and the most notifications it tries to deliver.
const NOTIFIED_AT_ONCE: usize = 6;

type Command = (Actor, Action);

/// What one of the workers does when it ticks.
pub fn ticks(world: &mut World) -> Vec<Command> {
    match world.random.below(6) {
        0 => stale(world),
        1 => run_timeouts(world),
        2 => due_approvals(world),
        3 => due_retirements(world),
        4 => queue(world),
        _ => deliver(world),
    }
}

fn stale(world: &World) -> Vec<Command> {
    let stale = world.states.registered().filter(|(_, agent)| agent.is_stale(world.now, &Figures::default()));
    stale.map(|(agent, _)| (world.system("monitor"), Action::MarkStale { agent })).collect()
}

fn run_timeouts(world: &World) -> Vec<Command> {
    let due = world
        .states
        .runs
        .iter()
        .filter(|(_, run)| run.running().is_ok_and(|running| running.terms.deadline <= world.now));
    due.map(|(run, _)| (world.system("monitor"), Action::TimeOutRun { run: *run })).collect()
}

fn due_approvals(world: &World) -> Vec<Command> {
    let open = |approval: &Approval| approval.status().is_some_and(mc_domain::approval::Status::is_open);
    let open = world.states.entities(&world.states.approvals, open);
    let due = approvals_due(&open, world.now, |_| Figures::default());
    due.into_iter()
        .map(|(approval, due)| {
            let action = match due {
                ApprovalDue::Escalation => Action::EscalateApproval { approval },
                ApprovalDue::Expiry => Action::ExpireApproval { approval },
            };
            (world.system("sweeper"), action)
        })
        .collect()
}

fn due_retirements(world: &World) -> Vec<Command> {
    let closed: BTreeSet<TaskId> =
        world.states.present().filter(|(_, task)| task.status().is_closed()).map(|(id, _)| id).collect();
    let agents = world.states.entities(&world.states.agents, |_: &Agent| true);
    let due = retirements(&agents, &closed, world.now);
    due.into_iter()
        .map(|due| {
            let action = Action::Retire { child: due.child, parent: due.parent, cause: due.cause };
            (world.system("monitor"), action)
        })
        .collect()
}

/// Notifies of some of what happened since the last time: of everything would be half of all commands.
fn queue(world: &mut World) -> Vec<Command> {
    let since = world.history[world.notified..].iter().rev().take(NOTIFIED_AT_ONCE);
    let notices: Vec<_> = since.flat_map(|recorded| notifications(recorded, &world.states)).collect();
    world.notified = world.history.len();
    let dispatcher = world.system("dispatcher");
    notices.into_iter().map(|notice| (dispatcher.clone(), Action::Notify { notice })).collect()
}

/// Tries what is on its way; every fourth recipient cannot be reached, and one in 64 is overlooked until it has run out.
fn deliver(world: &mut World) -> Vec<Command> {
    let World { states, underway, .. } = world;
    underway.retain(|id| states.notifications[id].status() == Some(Status::Queued));
    let due: Vec<_> =
        world.underway.iter().copied().filter(|id| is_due(world, *id)).take(NOTIFIED_AT_ONCE).collect();
    due.into_iter().map(|notification| (world.system("dispatcher"), attempt(world, notification))).collect()
}

fn is_due(world: &World, id: NotificationId) -> bool {
    world.states.notifications[&id].queued().is_ok_and(|queued| {
        match id.uuid().as_u128().is_multiple_of(64) {
            true => queued.expires_at <= world.now,
            false => queued.retry_at.is_none_or(|at| at <= world.now),
        }
    })
}

fn attempt(world: &World, notification: NotificationId) -> Action {
    let queued = world.states.notifications[&notification].queued().unwrap();
    let project = world.states.told_in.get(&notification).copied();
    let unreachable = notification.uuid().as_u128().is_multiple_of(4);
    match queued.recipient {
        _ if queued.expires_at <= world.now => Action::ExpireNotification { notification, project },
        _ if unreachable => Action::FailNotification { notification, project },
        Recipient::Operator(_) | Recipient::Agent(_) => Action::DeliverNotification { notification, project },
    }
}

impl Directory for States {
    fn operators(&self) -> BTreeSet<Name> {
        operators()
    }

    fn agent_name(&self, agent: AgentId) -> Option<Name> {
        Some(self.agent(agent)?.profile.name.clone())
    }

    fn task_title(&self, task: TaskId) -> Option<Title> {
        Some(self.task(task)?.details.title.clone())
    }

    fn subscribers(&self, task: TaskId) -> BTreeSet<Actor> {
        let assignees = self.task(task).into_iter().flat_map(|task| &task.assignees);
        let spoke = self.followers.get(&task).into_iter().flatten().cloned();
        assignees.map(|agent| Actor::Agent(*agent)).chain(spoke).collect()
    }

    fn reviewers(&self, task: TaskId) -> BTreeSet<AgentId> {
        self.task(task).map(|task| task.details.reviewers.clone()).unwrap_or_default()
    }

    fn approval(&self, approval: ApprovalId) -> Option<(Actor, Reason)> {
        let requested = self.approvals.get(&approval)?.requested().ok()?;
        Some((requested.requestor.clone(), requested.ask.summary.clone()))
    }
}
