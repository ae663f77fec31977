//! The views that follow a simulation: kept in snapshots, folded anew from the log, and compared with what else is known.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

use mc_domain::{
    agent::{PauseReason, Standing},
    alert,
    approval::{self, Approval},
    budget,
    ids::{AgentId, ApprovalId, ProjectId, RunId, TaskId},
    money::Usd,
    operation::is_halted,
    policy::document::{Document, PolicyLimits},
    process::Watch,
    project::Squad,
    reach::Reach,
    recorded::{AnyEvent, Recorded, StreamId},
    run::Run,
    task::Status,
};
use mc_projections::{
    alerts::AlertQuery,
    approvals::ApprovalQuery,
    board::{BoardQuery, board},
    projects::SquadStatus,
    views::Views,
};

use crate::{random::Random, world::World};

type Write = fn(&Views) -> String;
type Read = fn(&mut Views, &str);

macro_rules! kept {
    ($($view:ident,)+) => {
        &[$((
            |views| serde_json::to_string(&views.$view).unwrap(),
            |views, text| views.$view = serde_json::from_str(text).unwrap(),
        ),)+]
    };
}

/// How each view is written to a snapshot and read back.
const KEPT: &[(Write, Read)] = kept! {
    projects, agents, tasks, runs, approvals, alerts, costs, tallies, notifications, policy, threads, timelines, activity,
    hours, credentials,
};

/// The views as far as the simulation has come, and what workers look at.
#[derive(Default)]
pub struct Watched {
    pub views: Views,
    pub watch: Watch,
}

/// All views as they are stored.
pub struct Snapshot {
    pub position: u64,
    views: Vec<String>,
}

impl Watched {
    pub fn apply(&mut self, recorded: &Recorded<AnyEvent>) {
        self.views.apply(recorded);
        self.watch.apply(recorded);
    }

    /// The figures that a decision about something of a project is taken under.
    pub fn policy_limits(&self, project: Option<ProjectId>) -> PolicyLimits {
        self.views.policy.active(project).map(Document::policy_limits).unwrap_or_default()
    }

    /// Writes one of the views down and goes on with what is read back.
    pub fn store_one(&mut self, random: &mut Random) {
        let (write, read) = random.one_of(KEPT);
        let written = write(&self.views);
        read(&mut self.views, &written);
    }

    pub fn snapshot(&self) -> Snapshot {
        let views = KEPT.iter().map(|(write, _)| write(&self.views)).collect();
        Snapshot { position: self.views.position(), views }
    }

    /// The views that go on from a snapshot, or from nothing. `history` is all that the log has; what workers look at is
    /// not kept in snapshots.
    pub fn from(snapshot: Option<&Snapshot>, history: &[Recorded<AnyEvent>]) -> Self {
        let mut restored = Self::default();
        history.iter().for_each(|recorded| restored.watch.apply(recorded));
        for ((_, read), written) in KEPT.iter().zip(snapshot.into_iter().flat_map(|known| &known.views)) {
            read(&mut restored.views, written);
        }
        let known = snapshot.map_or(0, |snapshot| snapshot.position as usize);
        history[known..].iter().for_each(|recorded| restored.views.apply(recorded));
        restored
    }

    /// Views that followed the log, snapshots and restarts included, are the views that read it from the beginning.
    pub fn equals_a_fresh_fold(&self, history: &[Recorded<AnyEvent>]) {
        let fresh = Self::from(None, history);
        assert!(self.views == fresh.views, "the views differ from a fresh fold of the log");
        assert!(self.watch == fresh.watch, "what workers look at differs from a fresh fold of the log");
    }
}

/// What a commit touched is shown as it is.
pub fn show_what_changed(world: &World, commit: &[Recorded<AnyEvent>]) {
    let views = &world.watched.views;
    assert_eq!(views.position(), world.history.len() as u64);
    assert_eq!(views.costs.total(&Reach::All).micros(), world.ledger.total(), "what all runs cost");
    assert_eq!(views.costs.open_runs(&Reach::All), world.ledger.open_runs(), "the runs under way");
    let streams: BTreeSet<_> = commit.iter().map(|recorded| &recorded.stream).collect();
    for stream in streams {
        shown(world, stream);
    }
}

fn shown(world: &World, stream: &StreamId) {
    let id = stream.aggregate_id.as_str();
    match &*stream.aggregate_type {
        "task" => task_is_shown(world, id.parse().unwrap()),
        "agent" => agent_is_shown(world, id.parse().unwrap()),
        "run" => run_is_shown(world, id.parse().unwrap()),
        "approval" => approval_is_shown(world, id.parse().unwrap()),
        "alert" => alert_is_shown(world, id.parse().unwrap()),
        "budget" => match id.parse().unwrap() {
            budget::Key::AgentDay(agent, _) => agent_is_shown(world, agent),
            budget::Key::Task(task) => task_is_shown(world, task),
            budget::Key::ProjectDay(..) => {}
        },
        // Names are nobody's view, and the others are looked at all together.
        _ => {}
    }
}

/// A task stands in the column of its status, has cost what was charged for it, and is blocked for the reason given.
fn task_is_shown(world: &World, id: TaskId) {
    let (views, task) = (&world.watched.views, world.states.task(id).unwrap());
    let view = views.tasks.view(id, &views.agents).unwrap();
    assert_eq!(view.status, task.status(), "task {id}");
    assert_eq!(view.assignee_ids, task.assignees(), "task {id}");
    let hold = task.hold();
    assert_eq!((view.holder_id, view.lease_id), (hold.map(|hold| hold.holder), hold.map(|hold| hold.lease)));
    let open: BTreeSet<RunId> = task.open_runs().keys().copied().collect();
    assert_eq!(view.open_run_ids, &open, "the runs of task {id}");
    assert_eq!(view.cost.0.micros(), world.ledger.charged(budget::Key::Task(id)), "the cost of task {id}");
    assert_eq!(view.budget.0, task.details().budget, "the budget of task {id}");
    assert_eq!(view.blocked_reason, world.told.reason_of(id).filter(|_| task.status() == Status::Blocked));
    assert_eq!(view.archived_at.is_some(), task.archived(), "task {id}");
    assert_eq!(view.review_cycles, task.review_cycles(), "task {id}");
    let awaited = view.awaited_approval_ids == task.awaits();
    assert!(awaited, "what task {id} waits for: {:?}", task.awaits());
    assert_eq!(view.version, world.states.versions[&StreamId::of::<mc_domain::task::Task>(&id)]);
    for status in [task.status(), Status::Inbox, Status::Blocked] {
        let there = world.columns.get(&(task.project(), status)).copied().unwrap_or_default();
        assert_eq!(views.tasks.count(&Reach::of(task.project()), status), there, "the column {status}");
    }
}

/// An agent is shown as it stands, with what it has spent and set aside today.
fn agent_is_shown(world: &World, id: AgentId) {
    let (views, agent) = (&world.watched.views, world.states.agent(id).unwrap());
    let view = views.agents.view(id, world.now, None).unwrap();
    let who = &agent.profile().name;
    let project = &world.states.projects[&agent.project()];
    let standing = match agent.standing() {
        // What a halt will make of it soon is shown at once.
        Standing::Active | Standing::Paused(PauseReason::Budget | PauseReason::ErrorStreak)
            if is_halted(project, agent) =>
        {
            Standing::Paused(PauseReason::Squad)
        }
        own => own,
    };
    assert_eq!((view.status, view.pause_reason), (standing.status(), standing.pause_reason()), "{who}");
    assert_eq!(view.current_task_id, agent.work().map(|work| work.task), "the task of {who}");
    assert_eq!(view.lease_id, agent.work().map(|work| work.lease), "the lease of {who}");
    assert_eq!(view.error_streak, agent.error_streak(), "the errors of {who}");
    let open: BTreeSet<_> = view.open_run_ids.iter().copied().collect();
    assert_eq!(open, agent.open_runs().keys().copied().collect(), "the runs of {who}");
    assert_eq!((view.name, view.role), (who, agent.profile().role));
    assert_eq!(view.child_agent_ids, agent.children(), "the sub-agents of {who}");
    let today = world.ledger.account(budget::Key::AgentDay(id, world.now.date_naive()));
    assert_eq!(view.today_spend.0.micros(), today.spent, "what {who} spent today");
    assert_eq!(view.reserved.0.micros(), today.reserved(), "what is set aside for {who}");
    let left = agent.profile().caps.daily.micros() + today.granted - today.spent - today.reserved();
    assert_eq!(view.remaining.0.micros(), left.max(0), "what is left for {who}");
}

fn run_is_shown(world: &World, id: RunId) {
    let run = &world.states.runs[&id];
    let view = world.watched.views.runs.view(id).unwrap();
    assert_eq!(Some(view.status), run.status(), "run {id}");
    let charged = match run {
        Run::Unstarted | Run::Running(_) => None,
        Run::Unbilled(_) => Some(Usd::ZERO),
        Run::Over { charged, .. } => Some(*charged),
    };
    assert_eq!(view.charged.map(|charged| charged.0), charged, "run {id}");
    let terms = world.ledger.terms(id);
    let spent = world.watched.views.costs.spent_on(terms.day, &Reach::of(terms.project));
    assert_eq!(spent.micros(), world.ledger.spent_on(terms.day, terms.project), "the costs of {}", terms.day);
}

fn approval_is_shown(world: &World, id: ApprovalId) {
    let (views, approval) = (&world.watched.views, &world.states.approvals[&id]);
    let view = views.approvals.view(id, &views.agents).unwrap();
    assert_eq!(Some(view.status), approval.status(), "approval {id}");
    assert_eq!(view.content_hash, approval.requested().unwrap().ask().request_hash(), "approval {id}");
    let project = view.project_id;
    let open = open_approvals(world).filter(|(_, of)| *of == project).count();
    assert_eq!(views.approvals.open_count(&Reach::of(project)), open, "the approvals that wait in {project}");
}

fn open_approvals(world: &World) -> impl Iterator<Item = (ApprovalId, ProjectId)> {
    let open = |approval: &Approval| approval.status().is_some_and(approval::Status::is_open);
    let open = world.states.approvals.iter().filter(move |(_, approval)| open(approval));
    open.map(|(id, approval)| (*id, approval.requested().unwrap().subject().project))
}

fn alert_is_shown(world: &World, key: alert::Key) {
    let (views, episode) = (&world.watched.views, world.states.alerts[&key].episode().unwrap());
    let view = views.alerts.view(episode.id(), &views.agents).unwrap();
    assert_eq!((view.status, view.count), (episode.status(), episode.count()), "{key}");
    assert_eq!((view.kind, views.alerts.key(episode.id())), (key.kind, Some(key)));
    let shown: usize = views.alerts.open_by_severity(&Reach::All).values().sum();
    let open = world.states.alerts.values().filter(|alert| alert.open().is_some()).count();
    assert_eq!(shown, open, "the open alerts");
}

/// Everything there is, and nothing else, is shown as it is.
pub fn show_everything(world: &World) {
    let states = &world.states;
    states.present().for_each(|(id, _)| task_is_shown(world, id));
    states.registered().for_each(|(id, _)| agent_is_shown(world, id));
    states.runs.keys().for_each(|id| run_is_shown(world, *id));
    states.approvals.keys().for_each(|id| approval_is_shown(world, *id));
    states.alerts.keys().for_each(|key| alert_is_shown(world, *key));
    board_shows_all_tasks(world);
    lists_show_what_is_open(world);
    projects_and_notifications_are_shown(world);
    costs_add_up(world);
}

fn board_shows_all_tasks(world: &World) {
    for project in world.states.projects.keys() {
        let query = BoardQuery {
            reach: Reach::of(*project),
            all_columns: true,
            cards_per_column: usize::MAX,
            ..BoardQuery::default()
        };
        let board = board(&world.watched.views, &query, world.now);
        let cards =
            board.columns.iter().flat_map(|column| column.cards.iter().map(|card| (card.id, column.status)));
        let there = world.states.present().filter(|(_, task)| task.project() == *project && !task.archived());
        let there = there.map(|(id, task)| (id, task.status()));
        same(cards, there, "the board");
    }
}

fn lists_show_what_is_open(world: &World) {
    let views = &world.watched.views;
    let alerts = views.alerts.unresolved(&Reach::All, &views.agents).map(|alert| (alert.id, alert.status));
    let open = world.states.alerts.values().filter_map(|alert| alert.open());
    same(alerts, open.map(|episode| (episode.id(), episode.status())), "the open alerts");
    let inbox = all_pages(|cursor| {
        let status = vec![approval::Status::Pending, approval::Status::Escalated];
        let query = ApprovalQuery { status, cursor, ..ApprovalQuery::default() };
        let page = views.approvals.list(&query, &views.agents).unwrap();
        (page.items.iter().map(|approval| (approval.id, approval.project_id)).collect(), page.next)
    });
    same(inbox.into_iter(), open_approvals(world), "the approvals inbox");
    let listed = all_pages(|cursor| {
        let query = AlertQuery { resolved: Some(false), cursor, ..AlertQuery::default() };
        let page = views.alerts.list(&query, &views.agents).unwrap();
        (page.items.iter().map(|alert| (alert.id, alert.status)).collect(), page.next)
    });
    let open = world.states.alerts.values().filter_map(|alert| alert.open());
    same(listed.into_iter(), open.map(|episode| (episode.id(), episode.status())), "the list of open alerts");
}

fn all_pages<T>(page: impl Fn(Option<String>) -> (Vec<T>, Option<String>)) -> Vec<T> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let (items, next) = page(cursor);
        all.extend(items);
        match next {
            Some(next) => cursor = Some(next),
            None => return all,
        }
    }
}

fn same<K: Ord + Debug, V: PartialEq + Debug>(
    shown: impl Iterator<Item = (K, V)>,
    there: impl Iterator<Item = (K, V)>,
    what: &str,
) {
    let shown: BTreeMap<_, _> = shown.collect();
    assert_eq!(shown, there.collect(), "{what}");
}

fn projects_and_notifications_are_shown(world: &World) {
    let views = &world.watched.views;
    for (id, project) in &world.states.projects {
        let view = views.projects.view(*id).unwrap();
        assert_eq!(
            view.squad.status == SquadStatus::Working,
            project.squad() == Squad::Working,
            "the squad of {id}"
        );
    }
    for (id, told) in &world.states.notifications {
        let view = views.notifications.view(*id, &views.agents).unwrap();
        assert_eq!(Some(view.status), told.status(), "notification {id}");
    }
}

/// All days of all projects come to what all runs were charged.
fn costs_add_up(world: &World) {
    let days = world.ledger.days();
    let shown: Usd = days.into_iter().map(|day| world.watched.views.costs.spent_on(day, &Reach::All)).sum();
    assert_eq!(shown.micros(), world.ledger.total(), "the costs of all days");
}
