//! Does a question to the views cost the same after a thousand tasks and after a million?
//!
//! `cargo bench --bench views` folds up to 100,000 tasks, and with `-- --full` up to a million. Fifty agents start and finish
//! a thousand tasks a day, each with a run, a notification and, sometimes, an approval and an alert. A tenth of all tasks
//! stays open, most of them in the inbox. The bench asks every question as the routes do, and prints its time and the
//! ratio to the same question after a thousand tasks. On Linux it then prints the memory per open and per closed task.
#![allow(clippy::unwrap_used)]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use mc_domain::{
    actor::Actor,
    agent::{self, Agent, Role},
    aggregate::Aggregate,
    alert::{self, Alert, Kind, Subject},
    approval::{self, Action, ActionType, Approval, Ask, Quorum, Risk, Terms},
    ids::{AgentId, ProjectId},
    money::Usd,
    notification::{self, Notification, Recipient},
    project::{self, Project},
    reach::Reach,
    recorded::{AnyEvent, Metadata, Recorded, StreamId},
    run::{self, Run},
    task::{self, Details, Priority, Status, Task, TaskType},
    values::{Label, Name, Reason, Slug, Text, Title},
};
use mc_projections::{
    alerts::{AlertQuery, AlertSort},
    approvals::ApprovalQuery,
    board::{BoardQuery, board},
    costs::{agent_costs, daily_costs},
    metrics::{counts, metrics},
    notifications::NotificationQuery,
    page::Page,
    runs::{RunQuery, RunSort},
    standup::{StandupQuery, standup},
    tasks::{TaskQuery, TaskSort},
    views::Views,
};
use serde::Serialize;
use uuid::Uuid;

const AGENTS: u64 = 50;
const TASKS_PER_DAY: u64 = 1_000;
/// One of this many tasks stays open.
const ONE_OPEN_OF: u64 = 10;
/// How long each question is repeated.
const LENGTH: Duration = Duration::from_millis(40);

fn main() {
    let full = std::env::args().any(|argument| argument == "--full");
    let sizes = if full { &[1_000, 10_000, 100_000, 1_000_000][..] } else { &[1_000, 10_000, 100_000] };
    let mut world = World::new();
    let (mut first, mut tasks) = (Vec::new(), 0);
    for size in sizes {
        let start = (Instant::now(), world.position);
        while tasks < *size {
            let stays_open = tasks % ONE_OPEN_OF == 0;
            world.live_through(tasks, stays_open);
            tasks += 1;
        }
        let events = (world.position - start.1) as f64;
        let rate = events / start.0.elapsed().as_secs_f64();
        println!("\n{size} tasks, {} events, folded at {rate:.0} events/s", world.position);
        for (which, (question, ask)) in QUESTIONS.iter().enumerate() {
            let took = time(|| ask(&world));
            if first.len() == which {
                first.push(took);
            }
            let ratio = took.as_secs_f64() / first[which].as_secs_f64();
            println!("{question:<34} {:>10.1} us {ratio:>8.2} x", took.as_secs_f64() * 1e6);
        }
    }
    drop(world);
    let count = if full { 200_000 } else { 50_000 };
    for (what, open) in [("an open task", true), ("a closed task with its run", false)] {
        if let Some(bytes) = bytes_per_task(count, open) {
            println!("{what} takes {bytes} bytes of memory");
        }
    }
}

/// The name of a question, and the function that asks it.
type Question = (&'static str, fn(&World) -> usize);

const QUESTIONS: &[Question] = &[
    ("heartbeat offer", |world| world.assigned() + world.claimable() + world.waiting() + world.unread()),
    ("claimable work of some types", World::claimable),
    ("board", |world| size(&board(&world.views, &BoardQuery::default(), world.now))),
    ("standup", |world| {
        let query = StandupQuery { reach: Reach::All, date: world.now.date_naive() };
        size(&standup(&world.views, query, world.now, |_| None))
    }),
    ("costs of a day", |world| size(&daily_costs(&world.views, world.now.date_naive(), &Reach::All))),
    ("costs of an agent", |world| size(&agent_costs(&world.views, agent(1), world.now))),
    ("key metrics", |world| size(&metrics(&world.views, &Reach::All, world.now, |_| None))),
    ("metrics to scrape", |world| size(&counts(&world.views, &Reach::All, world.now, |_| None))),
    ("open alerts", |world| {
        let query = AlertQuery { resolved: Some(false), ..AlertQuery::default() };
        shown(world.views.alerts.list(&query, &world.views.agents).unwrap())
    }),
    ("alerts that happened last", |world| {
        let query = AlertQuery { sort: Some(AlertSort::LastAt), ..AlertQuery::default() };
        shown(world.views.alerts.list(&query, &world.views.agents).unwrap())
    }),
    ("approvals that wait", World::waiting),
    ("notifications of all", |world| {
        let query = NotificationQuery { unread: Some(true), ..NotificationQuery::default() };
        shown(world.views.notifications.list(&query, &world.views.agents).unwrap())
    }),
    ("tasks, newest", |world| world.tasks(TaskQuery::default())),
    ("tasks, last changed", |world| world.sorted(TaskSort::UpdatedAt)),
    ("tasks, dearest", |world| world.sorted(TaskSort::Cost)),
    ("tasks, by title", |world| world.sorted(TaskSort::Title)),
    ("tasks, next due", |world| world.sorted(TaskSort::DueAt)),
    ("tasks, most urgent", |world| world.sorted(TaskSort::Priority)),
    ("tasks, by status", |world| world.sorted(TaskSort::Status)),
    ("tasks, overdue", |world| world.tasks(TaskQuery { overdue: Some(true), ..TaskQuery::default() })),
    ("tasks with a label", |world| {
        world.tasks(TaskQuery { label: vec![Label::new("rare").unwrap()], ..TaskQuery::default() })
    }),
    ("a page of a search for nothing", |world| {
        world.tasks(TaskQuery { search: Some("unheard of".to_owned()), ..TaskQuery::default() })
    }),
    ("runs, dearest", |world| {
        let query = RunQuery { sort: Some(RunSort::Cost), ..RunQuery::default() };
        shown(world.views.runs.list(&query).unwrap())
    }),
    ("runs of an agent, longest", |world| {
        let query =
            RunQuery { agent: vec![agent(1)], status: vec![run::Status::Running], ..RunQuery::default() };
        shown(world.views.runs.list(&query).unwrap())
    }),
];

/// The median time of the repetitions.
fn time(ask: impl Fn() -> usize) -> Duration {
    let end = Instant::now() + LENGTH;
    let mut times = Vec::new();
    while times.len() < 3 || Instant::now() < end {
        let start = Instant::now();
        black_box(ask());
        times.push(start.elapsed());
    }
    times.sort_unstable();
    times[times.len() / 2]
}

/// Serialises an answer as the routes do, and returns its length in bytes.
fn size(answer: &impl Serialize) -> usize {
    serde_json::to_vec(answer).unwrap().len()
}

fn shown<T: Serialize>(page: Page<T>) -> usize {
    size(&page.items)
}

/// The memory of this process that each of `count` tasks adds.
fn bytes_per_task(count: u64, open: bool) -> Option<u64> {
    let before = resident_bytes()?;
    let mut world = World::new();
    (0..count).for_each(|number| world.live_through(number, open));
    let bytes = resident_bytes()?.saturating_sub(before) / count;
    black_box(&world);
    Some(bytes)
}

fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4_096)
}

fn project() -> ProjectId {
    Uuid::from_u128(1).into()
}

fn agent(number: u64) -> AgentId {
    Uuid::from_u128(0x1000 + u128::from(number)).into()
}

/// An id that ascends with time, like those that the server draws.
fn id<I: From<Uuid>>(kind: u128, number: u64) -> I {
    Uuid::from_u128((u128::from(number) << 64) | kind).into()
}

/// The views, with the time and the position of the last event that was folded into them.
struct World {
    views: Views,
    now: DateTime<Utc>,
    position: u64,
    by: Actor,
}

impl World {
    fn new() -> Self {
        let sofie = Actor::Human(Name::new("Sofie").unwrap());
        let now = DateTime::from_timestamp_secs(1_700_000_000).unwrap();
        let mut world = Self { views: Views::default(), now, position: 0, by: sofie };
        let profile = project::Profile::new(Name::new("OpenClaw").unwrap());
        let slug = Slug::new("openclaw").unwrap();
        world.record::<Project>(&project(), 1, |at| project::Event::Created { slug, profile, at });
        for number in 0..AGENTS {
            let profile =
                agent::Profile::new(Name::new(&format!("Agent {number}")).unwrap(), Role::Specialist);
            world.record::<Agent>(&agent(number), 1, |at| agent::Event::Registered {
                project: project(),
                profile,
                parent: None,
                purpose: None,
                at,
            });
        }
        world
    }

    fn record<A: Aggregate>(
        &mut self,
        id: &A::Id,
        version: u64,
        event: impl FnOnce(DateTime<Utc>) -> A::Event,
    ) where
        AnyEvent: From<A::Event>,
    {
        self.position += 1;
        let number = Uuid::from_u128(self.position.into());
        let metadata = Metadata {
            event_id: number.into(),
            recorded_at: self.now,
            actor: self.by.clone(),
            project: Some(project()),
            command_id: number.into(),
            idempotency_key: None,
            credential: None,
        };
        let (position, stream, event) = (self.position, StreamId::of::<A>(id), event(self.now).into());
        self.views.apply(&Recorded { position, stream, version, event, metadata });
    }

    /// Folds the events of one task up to its last status, with those of its run, approval and alert.
    fn live_through(&mut self, number: u64, stays_open: bool) {
        self.now += TimeDelta::days(1) / TASKS_PER_DAY as i32;
        let (task, who) = (id(2, number), agent(number % AGENTS));
        self.create(number);
        self.tell(number, who, stays_open);
        if stays_open {
            // Of ten open tasks, one is assigned and one is blocked.
            match number / ONE_OPEN_OF % 10 {
                0 => self.record::<Task>(&task, 2, |at| task::Event::Claimed { agent: who, at }),
                1 => {
                    let reason = Reason::new("the brief is missing").unwrap();
                    self.record::<Task>(&task, 2, |at| task::Event::Blocked {
                        from: Status::Inbox,
                        reason,
                        at,
                    });
                    self.raise(number, who, true);
                }
                2 => self.ask(number, who, true),
                _ => {}
            }
            return;
        }
        if number.is_multiple_of(20) {
            self.raise(number, who, false);
            self.ask(number, who, false);
        }
        self.work(number, who);
    }

    fn create(&mut self, number: u64) {
        let kind = TaskType::ALL[(number % TaskType::ALL.len() as u64) as usize];
        let title =
            format!("Guide {} on what customers asked for", number.wrapping_mul(0x9e37_79b9) % 1_000_000);
        let rare = number.is_multiple_of(997).then(|| Label::new("rare").unwrap());
        let details = Details {
            description: Some(
                Text::new("What was asked, what to answer, and where the answer is to be put.").unwrap(),
            ),
            priority: Priority::try_from((number % 4) as u32 + 1).unwrap(),
            labels: rare.into_iter().chain([Label::new("q1").unwrap()]).collect(),
            due_at: number.is_multiple_of(3).then(|| self.now + TimeDelta::days(2)),
            ..Details::titled(&title, kind).unwrap()
        };
        let creator = self.by.clone();
        self.record::<Task>(&id(2, number), 1, |at| task::Event::Created {
            project: project(),
            details,
            parent: None,
            creator,
            at,
        });
    }

    fn work(&mut self, number: u64, who: AgentId) {
        let (task, run, lease) = (id(2, number), id(3, number), id(4, number));
        self.record::<Task>(&task, 2, |at| task::Event::Claimed { agent: who, at });
        let from = Status::Assigned;
        self.record::<Task>(&task, 3, |at| task::Event::Started {
            from,
            holder: who,
            lease,
            plan: None,
            reason: None,
            at,
        });
        self.record::<Run>(&run, 1, |at| {
            run::Event::Started(run::Terms {
                project: project(),
                agent: who,
                task: Some(task),
                parent_task: None,
                lease: Some(lease),
                model: Label::new("claude-sonnet").unwrap(),
                session_key: None,
                reserved: Usd::cents(25),
                on_project: false,
                day: at.date_naive(),
                deadline: at + TimeDelta::hours(2),
                at,
            })
        });
        self.now += TimeDelta::seconds((number % 60) as i64);
        let charged = Usd::cents((number % 97) as u32);
        self.record::<Run>(&run, 2, |at| {
            run::Event::Completed(run::Ended {
                agent: who,
                task: Some(task),
                project: project(),
                usage: run::Usage::default(),
                cost: Some(charged),
                charged,
                error: None,
                started_at: at,
                at,
            })
        });
        self.record::<Task>(&task, 4, |at| task::Event::Submitted { deliverable: None, checklist: None, at });
        let (from, approved_by) = (Status::Review, self.by.clone());
        self.record::<Task>(&task, 5, |at| task::Event::Completed { from, approved_by, note: None, at });
    }

    fn tell(&mut self, number: u64, who: AgentId, stays_unread: bool) {
        let told = id(5, number);
        self.record::<Notification>(&told, 1, |at| notification::Event::Queued {
            cause: id(6, number),
            project: Some(project()),
            recipient: Recipient::Agent(who),
            kind: notification::Kind::ALL[0],
            subject: Title::new("A task was assigned to you").unwrap(),
            text: None,
            task: Some(id(2, number)),
            expires_at: at + TimeDelta::days(1),
            through: None,
            at,
        });
        if !stays_unread {
            self.record::<Notification>(&told, 2, |at| notification::Event::Read { at });
        }
    }

    fn raise(&mut self, number: u64, who: AgentId, stays_open: bool) {
        let (kind, task, alert) = (Kind::TaskBlocked, id(2, number), id(7, number));
        let key = alert::Key::new(kind, Subject::Task(task));
        self.record::<Alert>(&key, 1, |at| alert::Event::Raised {
            id: alert,
            kind,
            severity: kind.severity(),
            title: Title::new("A task is blocked").unwrap(),
            description: None,
            agent: Some(who),
            task: Some(task),
            run: None,
            project: project(),
            at,
        });
        if !stays_open {
            self.record::<Alert>(&key, 2, |at| alert::Event::Resolved { id: alert, note: None, at });
        }
    }

    fn ask(&mut self, number: u64, who: AgentId, waits: bool) {
        let approval = id(8, number);
        let action_type = ActionType::ToolCall;
        let subject = approval::Subject {
            project: project(),
            task: Some(id(2, number)),
            agent: Some(who),
            action_type,
        };
        let summary = Reason::new("Send the newsletter").unwrap();
        let terms = Terms {
            summary: summary.clone(),
            risk: Risk::Yellow,
            justification: Text::new("It was asked for").unwrap(),
            rollback_plan: None,
            estimated_cost: None,
            payload: None,
        };
        let ask = Ask::new(&Action::new(action_type, None, &summary), terms);
        let (requestor, by) = (Actor::Agent(who), self.by.clone());
        self.record::<Approval>(&approval, 1, |at| approval::Event::Requested {
            requestor,
            subject,
            ask,
            required_decisions: Quorum::One,
            expires_at: at + TimeDelta::days(1),
            at,
        });
        if !waits {
            let reason = Reason::new("not today").unwrap();
            self.record::<Approval>(&approval, 2, |at| approval::Event::Denied { by, reason, at });
        }
    }

    fn tasks(&self, query: TaskQuery) -> usize {
        shown(self.views.tasks.list(&query, self.now, &self.views.agents).unwrap())
    }

    fn sorted(&self, sort: TaskSort) -> usize {
        self.tasks(TaskQuery { sort: Some(sort), ..TaskQuery::default() })
    }

    fn assigned(&self) -> usize {
        let status = vec![Status::InProgress, Status::Assigned];
        self.offered(TaskQuery { assignee: vec![agent(0)], status, ..TaskQuery::default() })
    }

    fn claimable(&self) -> usize {
        let kind = vec![TaskType::Docs, TaskType::Ops];
        self.offered(TaskQuery { kind, status: vec![Status::Inbox], ..TaskQuery::default() })
    }

    fn offered(&self, query: TaskQuery) -> usize {
        let (reach, sort, limit) = (Reach::of(project()), Some(TaskSort::Priority), Some(20));
        self.tasks(TaskQuery { reach, sort, limit, ..query })
    }

    fn waiting(&self) -> usize {
        let query = ApprovalQuery { agent: vec![agent(0)], limit: Some(20), ..ApprovalQuery::default() };
        shown(self.views.approvals.list(&query, &self.views.agents).unwrap())
    }

    fn unread(&self) -> usize {
        let query = NotificationQuery {
            recipient: vec![Recipient::Agent(agent(0))],
            unread: Some(true),
            limit: Some(20),
            ..NotificationQuery::default()
        };
        shown(self.views.notifications.list(&query, &self.views.agents).unwrap())
    }
}
