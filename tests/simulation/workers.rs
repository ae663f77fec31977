//! The workers: what is due is found in what is recorded, and done by the same commands as everything else.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use mc_domain::{
    actor::Actor,
    agent::{self, Agent, Registered},
    alert,
    approval::Approval,
    ids::{AgentId, ApprovalId, NotificationId, ProjectId, TaskId},
    notification::{Recipient, Status},
    operation::lease_ends_at,
    process::{ApprovalDue, Directory, approvals_due, notifications, retirements},
    standup::{self, Report},
    task,
    values::{Name, Reason, Title},
};

use crate::{
    actions::Action,
    bearers,
    draw::operators,
    world::{States, World},
};

/// After which what is closed is archived.
const ARCHIVED_AFTER: TimeDelta = TimeDelta::hours(4);
/// The most tasks that one tick archives.
const ARCHIVED_AT_ONCE: usize = 5;
/// The most events that one tick looks at for notifications, and the most notifications it tries to deliver.
const NOTIFIED_AT_ONCE: usize = 6;

type Command = (Actor, Action);

/// What a worker has looked after, so that nothing of it is left undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swept {
    Silence,
    Runs,
    Leases,
    Drains,
    Approvals,
    Retirements,
}

/// What one of the workers does when it ticks.
pub fn ticks(world: &mut World) -> Vec<Command> {
    let (swept, commands) = match world.random.below(11) {
        0 => (Some(Swept::Silence), silence(world)),
        1 => (Some(Swept::Runs), run_timeouts(world)),
        2 => (Some(Swept::Approvals), due_approvals(world)),
        3 => (Some(Swept::Retirements), due_retirements(world)),
        4 => (Some(Swept::Leases), leases(world)),
        5 => (Some(Swept::Drains), drains(world)),
        6 => (None, archive(world)),
        7 => (None, standups(world)),
        8 => (None, queue(world)),
        10 => (None, bearers::uses(world)),
        _ => (None, deliver(world)),
    };
    world.swept = swept;
    commands
}

/// Once a worker has ticked, nothing is left that was due.
pub fn nothing_is_left(world: &World, swept: Swept) {
    match swept {
        Swept::Silence => silence_is_told_of(world),
        Swept::Runs => assert_eq!(run_timeouts(world).len(), 0, "runs are late"),
        Swept::Leases => no_lease_is_over(world),
        Swept::Drains => assert_eq!(drains(world).len(), 0, "agents still drain"),
        Swept::Approvals => assert_eq!(due_approvals(world).len(), 0, "approvals are late"),
        Swept::Retirements => assert_eq!(due_retirements(world).len(), 0, "sub-agents are still in service"),
    }
}

/// Tells of who is silent, and takes back what was told of who is not any more.
fn silence(world: &World) -> Vec<Command> {
    let act = |agent, stale, told: bool| match (stale, told) {
        (true, false) => Some(Action::MarkStale { agent }),
        (false, true) => Some(Action::MarkHeard { agent }),
        (true, true) | (false, false) => None,
    };
    let agents = world.states.registered();
    let due = agents.filter_map(|(id, agent)| act(id, is_stale(world, agent), told_silent(world, id)));
    due.map(|action| (world.system("monitor"), action)).collect()
}

fn is_stale(world: &World, agent: &Registered) -> bool {
    agent.is_stale(world.now, &world.watched.policy_limits(Some(agent.project())))
}

fn told_silent(world: &World, agent: AgentId) -> bool {
    let key = alert::Key::new(alert::Kind::AgentStale, alert::Subject::Agent(agent));
    world.states.alerts.get(&key).is_some_and(|alert| alert.open().is_some())
}

fn silence_is_told_of(world: &World) {
    for (id, agent) in world.states.registered() {
        assert_eq!(is_stale(world, agent), told_silent(world, id), "{} is silent", agent.profile().name);
    }
}

fn run_timeouts(world: &World) -> Vec<Command> {
    let due = world
        .states
        .runs
        .iter()
        .filter(|(_, run)| run.running().is_ok_and(|running| running.terms().deadline <= world.now));
    due.map(|(run, _)| (world.system("monitor"), Action::TimeOutRun { run: *run })).collect()
}

fn leases(world: &World) -> Vec<Command> {
    let mut due = Vec::new();
    for (agent, known) in &world.states.agents {
        let Ok(registered) = known.registered() else { continue };
        let limits = world.watched.policy_limits(Some(registered.project()));
        let signed = world.watched.watch.signs.get(agent).copied();
        let heard = signed.into_iter().chain(world.heard.get(agent).copied()).max().unwrap_or_default();
        if let Some((lease, _)) = lease_ends_at(known, heard, &limits).filter(|(_, end)| world.now >= *end) {
            let action = Action::EndLease { agent: *agent, lease, heard };
            due.push((world.system("monitor"), action));
        }
    }
    due
}

/// A lease without a run is over a while after the last that was heard of its holder.
fn no_lease_is_over(world: &World) {
    for (id, agent) in world.states.registered() {
        let Some(work) = agent.work() else { continue };
        let runs = world.ledger.running(|terms| terms.agent == id && terms.task == Some(work.task));
        let signs = [world.states.signs.get(&id), world.heard.get(&id)];
        let heard = signs.into_iter().flatten().copied().chain([agent.last_sign()]).max().unwrap();
        let lasts =
            TimeDelta::seconds(world.states.policy_limits(Some(agent.project())).timeouts.lease_secs.into());
        assert!(
            !runs.is_empty() || world.now < heard + lasts,
            "the lease of {} is over",
            agent.profile().name
        );
    }
}

fn drains(world: &World) -> Vec<Command> {
    let drained = world
        .states
        .registered()
        .filter(|(_, agent)| agent.status() == agent::Status::Draining && agent.work().is_none());
    drained.map(|(agent, _)| (world.system("monitor"), Action::EndDrain { agent })).collect()
}

/// Takes some of what was closed a while ago out of the views.
fn archive(world: &World) -> Vec<Command> {
    let closed = world.watched.views.tasks.closed_before(world.now - ARCHIVED_AFTER);
    closed
        .into_iter()
        .take(ARCHIVED_AT_ONCE)
        .map(|task| (world.system("archive"), Action::Archive { task }))
        .collect()
}

/// Records the day's report of every project; again, when it is recorded already.
fn standups(world: &World) -> Vec<Command> {
    let (watch, day) = (&world.watched.watch, world.now.date_naive());
    let projects = watch.projects.keys().map(|project| standup::Key { project: *project, day });
    projects
        .map(|key| {
            let report = report(world, key.project);
            (world.system("standup"), Action::RecordStandup { key, report })
        })
        .collect()
}

fn report(world: &World, project: ProjectId) -> Report {
    let watch = &world.watched.watch;
    let mut report = Report {
        completed: watch.just_completed(project, world.now).take(standup::MAX_NAMED).collect(),
        blocked: watch.in_status(project, task::Status::Blocked).take(standup::MAX_NAMED).collect(),
        ..Report::default()
    };
    for status in task::Status::ALL {
        let count = watch.count(project, *status) as u32;
        if count > 0 {
            report.tasks.insert(*status, count);
        }
    }
    for (status, shown) in &report.tasks {
        let there = world.columns.get(&(project, *status)).copied().unwrap_or_default();
        assert_eq!(*shown as usize, there, "the standup of {project}: {status}");
    }
    report
}

fn due_approvals(world: &World) -> Vec<Command> {
    let open = |approval: &Approval| approval.status().is_some_and(mc_domain::approval::Status::is_open);
    let open = world.states.entities(&world.states.approvals, open);
    let due = approvals_due(&open, world.now, |project| world.watched.policy_limits(Some(project)));
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
    let watch = &world.watched.watch;
    for (id, task) in world.states.present() {
        assert_eq!(watch.is_closed(id), task.status().is_closed(), "whether {id} is closed");
    }
    let agents = world.states.entities(&world.states.agents, |_: &Agent| true);
    let due = retirements(&agents, |task| watch.is_closed(task), world.now);
    let looked_after = watch.agents_to_look_after();
    for due in &due {
        assert!(looked_after.contains(&due.child), "nobody looks after {}", due.child);
        assert!(due.parent.is_none_or(|parent| looked_after.contains(&parent)), "nor after its parent");
    }
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
            true => queued.expires_at() <= world.now,
            false => queued.retry_at().is_none_or(|at| at <= world.now),
        }
    })
}

fn attempt(world: &World, notification: NotificationId) -> Action {
    let queued = world.states.notifications[&notification].queued().unwrap();
    let project = world.states.told_in.get(&notification).copied();
    let unreachable = notification.uuid().as_u128().is_multiple_of(4);
    match queued.recipient() {
        _ if queued.expires_at() <= world.now => Action::ExpireNotification { notification, project },
        _ if unreachable => Action::FailNotification { notification, project },
        Recipient::Operator(_) | Recipient::Agent(_) => Action::DeliverNotification { notification, project },
    }
}

impl Directory for States {
    fn operators(&self) -> BTreeSet<Name> {
        operators()
    }

    fn agent_name(&self, agent: AgentId) -> Option<Name> {
        Some(self.agent(agent)?.profile().name.clone())
    }

    fn task_title(&self, task: TaskId) -> Option<Title> {
        Some(self.task(task)?.details().title.clone())
    }

    fn subscribers(&self, task: TaskId) -> BTreeSet<Actor> {
        let assignees = self.task(task).into_iter().flat_map(|task| task.assignees());
        let asked = self.task(task).into_iter().flat_map(|task| task.subscribers());
        let spoke = self.followers.get(&task).into_iter().flatten();
        assignees.map(|agent| Actor::Agent(*agent)).chain(asked.chain(spoke).cloned()).collect()
    }

    fn reviewers(&self, task: TaskId) -> BTreeSet<AgentId> {
        self.task(task).map(|task| task.details().reviewers.clone()).unwrap_or_default()
    }

    fn approval(&self, approval: ApprovalId) -> Option<(Actor, Reason)> {
        let requested = self.approvals.get(&approval)?.requested().ok()?;
        Some((requested.requestor().clone(), requested.ask().summary().clone()))
    }
}
