//! A squad to begin with: agents and tasks, brought where they stand by the ordinary commands, in order.
//!
//! Every step has an idempotency key of its own, so seeding twice, or a store that has lived on since, changes nothing.

mod demo;

pub use demo::{STEPS, demo};

use chrono::{DateTime, SubsecRound, Utc};
use mc_domain::{
    actor::Actor,
    agent::{Agent, Profile, Role},
    aggregate::{Aggregate, CommandContext},
    approval::{Action, ActionType, Approval, Ask, Lifetime, Quorum, Request, Risk, Subject, Terms},
    ids::{AgentId, ApprovalId, LeaseId, ProjectId, TaskId},
    operation::{
        CreateTask, MoveTask, Names, RegisterAgent, create_task, move_task, register_agent, request_approval,
    },
    policy::{self, Policy, Scope},
    reservation::{Key, Reservation},
    task::{
        Artifact, ArtifactBody, ArtifactKind, Checklist, ChecklistItem, Details, Move, Priority, Status,
        Task, TaskType, WorkPlan,
    },
    transaction::Transaction,
    values::{InvalidText, Label, Name, Reason, Slug, Text, Title},
};
use mc_store::{error::StoreError, log::MAX_PAGE_EVENTS, repository::CommandEnvelope};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{app::App, lookup::DEFAULT_PROJECT, own_identity::own_key, refusal::Refused};

use Role::{Cao, Intern, Lead, Specialist};
use TaskType::{Content, CustomerResearch, Docs, EmailMarketing, Engineering, Ops, SeoResearch, Social};

/// Name, emoji, role, accepted task types (none named means all).
const AGENTS: [(&str, &str, Role, &[TaskType]); 11] = [
    ("Sofie", "👑", Cao, &[]),
    ("Scout", "🔍", Intern, &[CustomerResearch, SeoResearch]),
    ("Scribe", "✍️", Intern, &[Docs, Content]),
    ("Fetch", "📦", Intern, &[Ops]),
    ("Echo", "📢", Intern, &[Social]),
    ("Pixel", "🎨", Specialist, &[Content, Social]),
    ("Atlas", "🗺️", Specialist, &[SeoResearch, CustomerResearch]),
    ("Cipher", "🔐", Specialist, &[Engineering]),
    ("Hermes", "💬", Specialist, &[EmailMarketing, Social]),
    ("Nova", "⭐", Lead, &[]),
    ("Sage", "🧙", Lead, &[]),
];

/// How often a seeded agent shows that it lives: as often as the smallest runner does.
const HEARTBEAT_INTERVAL_SECS: u32 = 15 * 60;

/// A task of the seed: what it is, who has it, and how it came to where it stands.
struct SeedTask {
    key: &'static str,
    title: &'static str,
    description: &'static str,
    kind: TaskType,
    priority: u32,
    assignee: Option<&'static str>,
    reviewer: Option<&'static str>,
    steps: &'static [Step],
}

/// A move on the way, in the form of what it says.
#[derive(Clone, Copy)]
enum Step {
    Start([&'static str; 3]),
    Submit(&'static str),
    Ask(&'static str),
    Block(&'static str),
    SendBack(&'static str),
    Accept(&'static str),
    Cancel(&'static str),
}

const TASKS: [SeedTask; 8] = [
    SeedTask {
        key: "competitor-pricing",
        title: "Research competitor pricing",
        description: "Compare the prices of our five closest competitors, plan by plan.",
        kind: CustomerResearch,
        priority: 3,
        assignee: None,
        reviewer: None,
        steps: &[],
    },
    SeedTask {
        key: "blog-post",
        title: "Write a blog post about AI automation",
        description: "1,200 words for people who run a small team, with one example they can try today.",
        kind: Content,
        priority: 3,
        assignee: Some("Scribe"),
        reviewer: None,
        steps: &[],
    },
    SeedTask {
        key: "api-documentation",
        title: "Update the API documentation",
        description: "Describe the new endpoints and correct the examples that no longer work.",
        kind: Docs,
        priority: 2,
        assignee: Some("Scribe"),
        reviewer: None,
        steps: &[Step::Start([
            "List the endpoints that changed",
            "Write their descriptions and examples",
            "Run every example",
        ])],
    },
    SeedTask {
        key: "social-campaign",
        title: "Design a social media campaign",
        description: "Five posts for the launch week, each with a picture.",
        kind: Social,
        priority: 2,
        assignee: Some("Pixel"),
        reviewer: Some("Nova"),
        steps: &[
            Step::Start(["Collect what worked last time", "Draft five posts", "Draw a picture for each"]),
            Step::Submit("Five posts with pictures, one a day from Monday to Friday."),
        ],
    },
    SeedTask {
        key: "email-sequence",
        title: "Set up an automated e-mail sequence",
        description: "Welcome, first steps, and an offer after a week.",
        kind: EmailMarketing,
        priority: 1,
        assignee: Some("Hermes"),
        reviewer: None,
        steps: &[
            Step::Start(["Write three e-mails", "Set up the sequence", "Send it to a test list"]),
            Step::Ask("Send the welcome e-mail to 1,200 customers"),
        ],
    },
    SeedTask {
        key: "payment-integration",
        title: "Integrate the payment provider",
        description: "Checkout, refunds and webhooks, against the provider's sandbox first.",
        kind: Engineering,
        priority: 1,
        assignee: Some("Cipher"),
        reviewer: None,
        steps: &[
            Step::Start([
                "Read the provider's interface",
                "Implement the checkout",
                "Test refunds and webhooks",
            ]),
            Step::Block("Waiting for the provider's sandbox credentials"),
        ],
    },
    SeedTask {
        key: "onboarding-checklist",
        title: "Write an onboarding checklist",
        description: "Everything a new customer needs in the first week.",
        kind: Ops,
        priority: 3,
        assignee: Some("Fetch"),
        reviewer: None,
        steps: &[
            Step::Start(["Ask support what goes wrong", "Write the list", "Try it with a new account"]),
            Step::Submit("A checklist of twelve steps, tried with a new account."),
            Step::Accept("Clear and complete"),
        ],
    },
    SeedTask {
        key: "analytics-dashboard",
        title: "Build a custom analytics dashboard",
        description: "One page with sign-ups, revenue and churn.",
        kind: Engineering,
        priority: 4,
        assignee: None,
        reviewer: None,
        steps: &[Step::Cancel("The provider's own dashboard is good enough")],
    },
];

/// What was recorded, and what could not be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seeded {
    /// The number of agents that this run registered; 0 when it ran before.
    pub agents: usize,
    /// The number of tasks that this run created; 0 when it ran before.
    pub tasks: usize,
    /// How many events were recorded; none when everything was there already.
    pub events: u64,
    /// What a rule stood against, because the store has lived on: each with the reason.
    pub skipped: Vec<String>,
}

impl Seeded {
    /// What was recorded after position `before`.
    ///
    /// # Errors
    /// What the log says.
    pub async fn since(app: &App, before: u64) -> Result<Self, StoreError> {
        let (mut seeded, mut after) = (Self { events: app.log().head() - before, ..Self::default() }, before);
        loop {
            let page = app.log().read_all(after, MAX_PAGE_EVENTS).await?;
            let Some(last) = page.last() else { return Ok(seeded) };
            after = last.position;
            let count = |name| page.iter().filter(|event| event.event_type == name).count();
            seeded.agents += count("agent.registered");
            seeded.tasks += count("task.created");
        }
    }
}

/// Records the seed in the default project. What is there already stays as it is, and where the store has lived on so
/// that a rule stands against a task or its next step, that task is passed over: its title and the reason are given
/// back.
///
/// # Errors
/// What the log says.
pub async fn seed(app: &App) -> Result<Vec<String>, Refused> {
    let project = default_project(app).await?;
    publish(app).await?;
    let mut agents = Vec::new();
    let mut skipped = Vec::new();
    for (name, emoji, role, types) in AGENTS {
        let registered =
            register(app, project, name, emoji, role, types).await.map(|id| agents.push((name, id)));
        skipped.extend(passed_over(name, registered)?);
    }
    let known = |name: &str| agents.iter().find(|(known, _)| *known == name).map(|(_, id)| *id);
    for task in &TASKS {
        let (assignee, reviewer) = (task.assignee.and_then(known), task.reviewer.and_then(known));
        let prepared = prepare(app, project, task, assignee, reviewer).await;
        skipped.extend(passed_over(task.title, prepared)?);
    }
    Ok(skipped)
}

/// The reason why something could not be done, where that is a rule; what the log says is passed on.
fn passed_over(title: &str, done: Result<(), Refused>) -> Result<Option<String>, Refused> {
    match done {
        Ok(()) => Ok(None),
        Err(Refused::Store(error)) => Err(error.into()),
        Err(refused @ (Refused::Rule(_) | Refused::Request(_))) => Ok(Some(format!("{title}: {refused}"))),
    }
}

/// A task, brought where it stands.
async fn prepare(
    app: &App,
    project: ProjectId,
    task: &SeedTask,
    assignee: Option<AgentId>,
    reviewer: Option<AgentId>,
) -> Result<(), Refused> {
    let id = create(app, project, task, assignee, reviewer).await?;
    for (number, step) in task.steps.iter().enumerate() {
        take(app, id, &format!("{}/{}", task.key, number + 1), *step, assignee).await?;
    }
    Ok(())
}

/// Policy version 1: the defaults, where nothing else was published.
async fn publish(app: &App) -> Result<(), Refused> {
    execute(app, Actor::Human(app.operator().clone()), "policy", |tx| {
        let policy = tx.get::<Policy>(&Scope::Global)?;
        if policy.document().is_some() {
            return Ok(());
        }
        let events = policy.decide(policy::Command::Publish { document: Box::default() }, tx.context());
        let events = events.map_err(|error| StoreError::Invalid { reason: error.to_string() })?;
        tx.record_in(None, &policy, events)?;
        Ok(())
    })
    .await
}

async fn default_project(app: &App) -> Result<ProjectId, Refused> {
    let slug = Slug::new(DEFAULT_PROJECT)?;
    let name = app.repository().load::<Reservation>(&Key::project(&slug)).await?;
    name.project().ok_or_else(|| mc_domain::project::Rejection::NotFound.into())
}

async fn register(
    app: &App,
    project: ProjectId,
    name: &str,
    emoji: &str,
    role: Role,
    types: &[TaskType],
) -> Result<AgentId, Refused> {
    let profile = Profile {
        emoji: Some(Label::new(emoji)?),
        allowed_task_types: types.iter().copied().collect(),
        heartbeat_interval_secs: HEARTBEAT_INTERVAL_SECS,
        ..Profile::new(Name::new(name)?, role)
    };
    let (fresh, claims) = (AgentId::new(Uuid::now_v7()), app.claims(project, &profile.name).await?);
    execute(app, Actor::Human(app.operator().clone()), &format!("agent/{name}"), |tx| {
        let names = Names::load(tx, project, &profile.name, &claims)?;
        if let Some(known) = names.bearer() {
            return Ok(known.id);
        }
        tx.create::<Agent>(fresh);
        let request = RegisterAgent { profile: profile.clone(), parent: None, purpose: None, squad: 0 };
        register_agent(tx, project, &names, fresh, request)?;
        Ok(fresh)
    })
    .await
}

async fn create(
    app: &App,
    project: ProjectId,
    seed: &SeedTask,
    assignee: Option<AgentId>,
    reviewer: Option<AgentId>,
) -> Result<TaskId, Refused> {
    let details = Details {
        description: Some(Text::new(seed.description)?),
        priority: Priority::try_from(seed.priority).unwrap_or_default(),
        reviewers: reviewer.into_iter().collect(),
        ..Details::new(Title::new(seed.title)?, seed.kind)
    };
    let request = CreateTask { details, assignees: assignee.into_iter().collect(), open: 0 };
    let id = TaskId::new(Uuid::now_v7());
    execute(app, Actor::Human(app.operator().clone()), &format!("task/{}", seed.key), |tx| {
        tx.create::<Task>(id);
        create_task(tx, project, id, None, request.clone())?;
        Ok(id)
    })
    .await
}

async fn take(
    app: &App,
    id: TaskId,
    key: &str,
    step: Step,
    assignee: Option<AgentId>,
) -> Result<(), Refused> {
    if let (Step::Ask(what), Some(agent)) = (step, assignee) {
        let asked = Asked {
            what,
            why: "The sequence is tested with the internal list, and nothing can be unsent.",
            undo: "Stop the sequence, and send an apology to who got it.",
        };
        return ask_for_approval(app, app.now(), id, &format!("move/{key}"), asked, agent).await.map(drop);
    }
    let Some((actor, to)) = step.to_move(app, assignee)? else { return Ok(()) };
    let lease = LeaseId::new(Uuid::now_v7());
    execute(app, actor, &format!("move/{key}"), |tx| {
        Ok(move_task(tx, id, MoveTask { to: to.clone(), assignees: None, lease })?)
    })
    .await
}

/// An approval that an agent of the seed requests.
#[derive(Clone, Copy)]
struct Asked {
    what: &'static str,
    why: &'static str,
    undo: &'static str,
}

/// The agent asks for what it may not do by itself, and the task waits for the answer.
async fn ask_for_approval(
    app: &App,
    at: DateTime<Utc>,
    id: TaskId,
    key: &str,
    asked: Asked,
    agent: AgentId,
) -> Result<ApprovalId, Refused> {
    let fresh = ApprovalId::new(Uuid::now_v7());
    let summary = Reason::new(asked.what)?;
    let terms = Terms {
        summary: summary.clone(),
        risk: Risk::Red,
        justification: Text::new(asked.why)?,
        rollback_plan: Some(Text::new(asked.undo)?),
        estimated_cost: None,
        payload: None,
    };
    let ask = Ask::new(&Action::new(ActionType::ToolCall, None, &summary), terms);
    execute_at(app, at, Actor::Agent(agent), key, |tx| {
        let project = tx.get::<Task>(&id)?.present()?.project();
        let subject =
            Subject { project, task: Some(id), agent: Some(agent), action_type: ActionType::ToolCall };
        let request = Request {
            requestor: Actor::Agent(agent),
            subject,
            ask: ask.clone(),
            lifetime: Lifetime::DEFAULT,
            required: Quorum::One,
        };
        tx.create::<Approval>(fresh);
        request_approval(tx, fresh, request)?;
        Ok(fresh)
    })
    .await
}

impl Step {
    fn to_move(self, app: &App, assignee: Option<AgentId>) -> Result<Option<(Actor, Move)>, InvalidText> {
        let operator = Actor::Human(app.operator().clone());
        let agent = assignee.map_or(operator.clone(), Actor::Agent);
        let because = |text| Reason::new(text).map(Some);
        Ok(Some(match self {
            Self::Ask(_) => return Ok(None),
            Self::Start(bullets) => {
                let bullets = bullets.into_iter().map(Reason::new).collect::<Result<Vec<_>, _>>()?;
                let plan = WorkPlan::try_from(bullets).ok();
                (agent, Move { plan, ..Move::to(Status::InProgress) })
            }
            Self::Submit(result) => {
                let body = ArtifactBody::Content(Text::new(result)?);
                let deliverable =
                    Artifact { name: Label::new("Deliverable")?, kind: ArtifactKind::Deliverable, body };
                let item = ChecklistItem {
                    label: Reason::new("It does what the task asks")?,
                    checked: true,
                    note: None,
                };
                let checklist = Checklist::try_from(vec![item]).ok();
                (agent, Move { deliverable: Some(deliverable), checklist, ..Move::to(Status::Review) })
            }
            Self::Block(why) => (operator, Move { reason: because(why)?, ..Move::to(Status::Blocked) }),
            Self::SendBack(why) => (operator, Move { reason: because(why)?, ..Move::to(Status::InProgress) }),
            Self::Accept(note) => (operator, Move { reason: because(note)?, ..Move::to(Status::Done) }),
            Self::Cancel(why) => (operator, Move { reason: because(why)?, ..Move::to(Status::Canceled) }),
        }))
    }
}

async fn execute<T: Serialize + DeserializeOwned + Send>(
    app: &App,
    actor: Actor,
    key: &str,
    decide: impl FnMut(&mut Transaction<'_>) -> Result<T, Refused> + Send,
) -> Result<T, Refused> {
    execute_at(app, app.now(), actor, key, decide).await
}

async fn execute_at<T: Serialize + DeserializeOwned + Send>(
    app: &App,
    at: DateTime<Utc>,
    actor: Actor,
    key: &str,
    decide: impl FnMut(&mut Transaction<'_>) -> Result<T, Refused> + Send,
) -> Result<T, Refused> {
    let context = CommandContext::new(at.trunc_subsecs(6), actor);
    let (key, fingerprint) = own_key("seed", key);
    let envelope = CommandEnvelope::new(context).under_key(key, fingerprint);
    Ok(app.repository().execute(&envelope, decide).await?.value)
}
