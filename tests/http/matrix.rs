//! Who may do what, where: every route, asked by every kind of caller, about its own project, another one and none, naming
//! its own agent, another and none.
//!
//! The expected answer follows from the rules below alone, and not from the server's own table. A route without a sample here
//! fails the test, so the matrix is complete by construction. Each cell that is refused must record nothing, and no answer to
//! a caller with walls around it may show anything from behind them.

use std::{collections::BTreeMap, fmt};

use axum::{body::Body, http::Method};
use mc_server::service;
use serde_json::{Value, json};

use crate::app::{Answer, App, NOBODY, plan};

/// How many requests one server is asked in a row that show no good credential: fewer than an address may send in a minute.
const AT_ONCE: usize = 50;
/// What is in every text of the project behind the walls, and in no other.
pub const MARK: &str = "Zanzibar";

/// The kinds of callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Shows no credential.
    Nobody,
    /// Shows one that was revoked.
    Revoked,
    /// An operator of all projects, and one of the own project.
    Operator,
    LimitedOperator,
    /// The agent Scout of the own project.
    Agent,
    Auditor,
    LimitedAuditor,
    Monitor,
    LimitedMonitor,
}

/// All kinds of callers.
pub const CALLERS: [Who; 9] = [
    Who::Nobody,
    Who::Revoked,
    Who::Operator,
    Who::LimitedOperator,
    Who::Agent,
    Who::Auditor,
    Who::LimitedAuditor,
    Who::Monitor,
    Who::LimitedMonitor,
];

/// Whose a project or an agent is that a request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Own,
    Other,
    Nobodys,
}

const WHOSE: [Whose; 3] = [Whose::Own, Whose::Other, Whose::Nobodys];

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    /// The server, or the caller itself: no project.
    Server,
    /// What is in a project, which the parameter `project` names, or in all of them.
    Projects,
    /// One thing of a project, which the path names.
    Entity,
    /// One credential, which belongs to no project.
    Credential,
}

/// What a route is for, as the rules speak of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    /// Everybody's.
    Open,
    /// Everybody's who has a credential.
    Bearer,
    /// To read in a project.
    Read,
    /// To export.
    Export,
    /// To see the key figures.
    Watch,
    /// To see the server's own figures, which are those of all projects.
    WatchServer,
    /// To see credentials, which concern all projects.
    SeeCredentials,
    /// An agent's work, on its own behalf, which an operator may do as well.
    Work,
    /// An operator's.
    Operate,
    /// An operator's of all projects.
    Govern,
}

impl Right {
    /// Whether a caller has it: nobody's credential reaches further than its role.
    fn is_of(self, who: Who) -> bool {
        match who {
            Who::Nobody | Who::Revoked => self == Self::Open,
            Who::Operator => true,
            Who::LimitedOperator => !matches!(self, Self::Govern | Self::WatchServer | Self::SeeCredentials),
            Who::Agent => matches!(self, Self::Open | Self::Bearer | Self::Read | Self::Work),
            Who::Auditor => !matches!(self, Self::Work | Self::Operate | Self::Govern),
            Who::LimitedAuditor => {
                matches!(self, Self::Open | Self::Bearer | Self::Read | Self::Export | Self::Watch)
            }
            Who::Monitor => matches!(self, Self::Open | Self::Bearer | Self::Watch | Self::WatchServer),
            Who::LimitedMonitor => matches!(self, Self::Open | Self::Bearer | Self::Watch),
        }
    }
}

/// Where a request names an agent as the one who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    /// Nowhere.
    Nothing,
    /// In the path.
    InPath,
    /// In the field `agentId` of its body.
    InBody,
}

/// A route with a request that an operator is let through with.
struct Sample {
    method: Method,
    route: &'static str,
    right: Right,
    about: About,
    names: Names,
    body: Value,
}

fn sample(
    method: &str,
    route: &'static str,
    right: Right,
    about: About,
    names: Names,
    body: Value,
) -> Sample {
    Sample { method: method.parse().unwrap(), route, right, about, names, body }
}

/// One request for every route.
fn samples() -> Vec<Sample> {
    use About::{Credential, Entity, Projects, Server};
    use Names::{InBody, InPath, Nothing};
    use Right::*;
    let none = || json!({});
    let get = |route, right, about| sample("GET", route, right, about, Nothing, Value::Null);
    let act = |route, right, about, names, body| sample("POST", route, right, about, names, body);
    let tool = json!({ "tool": "read_file" });
    let ask =
        json!({ "actionType": "tool_call", "summary": "Send it", "risk": "red", "justification": "Because" });
    let run = json!({ "model": "m", "estimatedCost": 0.01 });
    let moved = json!({ "toStatus": "blocked", "blockedReason": "It waits", "reason": "It waits" });
    let decided = json!({ "decision": "It is fine" });
    let policy = json!({ "document": {} });
    vec![
        get("/health", Open, Server),
        get("/livez", Open, Server),
        get("/readyz", Open, Server),
        get("/problems", Open, Server),
        get("/problems/{code}", Open, Server),
        act("/api/session", Open, Server, Nothing, none()),
        sample("DELETE", "/api/session", Bearer, Server, Nothing, Value::Null),
        get("/api/whoami", Bearer, Server),
        get("/api/credentials", SeeCredentials, Server),
        act("/api/credentials", Govern, Server, Nothing, json!({ "name": "Eve", "role": "auditor" })),
        get("/api/credentials/{credential}", SeeCredentials, Credential),
        sample("PATCH", "/api/credentials/{credential}", Govern, Credential, Nothing, none()),
        act("/api/credentials/{credential}/revoke", Govern, Credential, Nothing, none()),
        get("/api/events", Read, Projects),
        get("/api/projects", Read, Server),
        act("/api/projects", Govern, Server, Nothing, json!({ "name": "Third", "slug": "third" })),
        get("/api/projects/{project}", Read, Entity),
        sample(
            "PATCH",
            "/api/projects/{project}",
            Operate,
            Entity,
            Nothing,
            json!({ "description": "What it is" }),
        ),
        get("/api/agents", Read, Projects),
        // An agent registers itself again; whom else, is for a rule to say.
        act("/api/agents", Work, Projects, Nothing, json!({ "name": "Newcomer" })),
        get("/api/agents/{agent}", Read, Entity),
        sample("PATCH", "/api/agents/{agent}", Work, Entity, InPath, json!({ "emoji": "x" })),
        act("/api/agents/{agent}/heartbeat", Work, Entity, InPath, none()),
        act("/api/agents/{agent}/pause", Operate, Entity, Nothing, none()),
        act("/api/agents/{agent}/resume", Operate, Entity, Nothing, none()),
        act("/api/agents/{agent}/drain", Operate, Entity, Nothing, none()),
        act("/api/agents/{agent}/quarantine", Operate, Entity, Nothing, none()),
        act("/api/agents/{agent}/restart", Operate, Entity, Nothing, none()),
        act(
            "/api/agents/{agent}/spawn",
            Work,
            Entity,
            InPath,
            json!({ "name": "Helper", "purpose": "To help" }),
        ),
        get("/api/tasks", Read, Projects),
        act("/api/tasks", Work, Projects, Nothing, json!({ "title": "New", "type": "docs" })),
        get("/api/tasks/{task}", Read, Entity),
        sample("PATCH", "/api/tasks/{task}", Work, Entity, Nothing, json!({ "description": "More of it" })),
        act("/api/tasks/{task}/claim", Work, Entity, InBody, none()),
        act("/api/tasks/{task}/transition", Work, Entity, InBody, moved),
        act("/api/tasks/{task}/subscribe", Work, Entity, InBody, none()),
        act("/api/tasks/{task}/unsubscribe", Work, Entity, InBody, none()),
        act("/api/tasks/{task}/archive", Operate, Entity, Nothing, none()),
        act("/api/tasks/{task}/restore", Operate, Entity, Nothing, none()),
        get("/api/tasks/{task}/timeline", Read, Entity),
        get("/api/tasks/{task}/messages", Read, Entity),
        act("/api/tasks/{task}/messages", Work, Entity, InBody, json!({ "content": "Well" })),
        get("/api/tasks/{task}/report", Read, Entity),
        act("/api/maintenance/archive", Operate, Projects, Nothing, json!({ "olderThan": "90d" })),
        get("/api/runs", Read, Projects),
        act("/api/runs", Work, Projects, InBody, run),
        get("/api/runs/{run}", Read, Entity),
        act(
            "/api/runs/{run}/complete",
            Work,
            Entity,
            Nothing,
            json!({ "status": "completed", "cost": 0.01 }),
        ),
        get("/api/runs/{run}/tool-calls", Read, Entity),
        act(
            "/api/runs/{run}/tool-calls",
            Work,
            Entity,
            Nothing,
            json!({ "tool": "read_file", "status": "success" }),
        ),
        get("/api/costs/daily", Read, Projects),
        get("/api/costs/agent/{agent}", Read, Entity),
        get("/api/approvals", Read, Projects),
        act("/api/approvals", Work, Projects, InBody, ask),
        get("/api/approvals/{approval}", Read, Entity),
        act("/api/approvals/{approval}/approve", Operate, Entity, Nothing, decided.clone()),
        act("/api/approvals/{approval}/deny", Operate, Entity, Nothing, decided.clone()),
        act("/api/approvals/{approval}/request-revision", Operate, Entity, Nothing, decided),
        act("/api/approvals/{approval}/resubmit", Work, Entity, InBody, json!({ "summary": "Send it now" })),
        act("/api/approvals/{approval}/withdraw", Work, Entity, InBody, none()),
        get("/api/alerts", Read, Projects),
        get("/api/alerts/{alert}", Read, Entity),
        act("/api/alerts/{alert}/acknowledge", Operate, Entity, Nothing, none()),
        act("/api/alerts/{alert}/resolve", Operate, Entity, Nothing, none()),
        act("/api/alerts/{alert}/ignore", Operate, Entity, Nothing, none()),
        get("/api/policy", Read, Projects),
        sample("PUT", "/api/policy", Govern, Projects, Nothing, policy),
        get("/api/policy/versions", Read, Projects),
        act("/api/policy/evaluate", Work, Projects, InBody, tool),
        get("/api/notifications", Read, Projects),
        get("/api/notifications/{notification}", Read, Entity),
        act("/api/notifications/{notification}/read", Work, Entity, Nothing, none()),
        get("/api/standup", Read, Projects),
        get("/api/metrics", Watch, Projects),
        get("/metrics", WatchServer, Server),
        act("/api/emergency/pause-squad", Operate, Projects, Nothing, none()),
        act("/api/emergency/resume-squad", Operate, Projects, Nothing, none()),
        act("/api/emergency/stop", Operate, Projects, Nothing, none()),
        get("/api/board", Read, Projects),
        get("/api/activity", Read, Projects),
        get("/api/audit/export", Export, Projects),
    ]
}

/// One request of the matrix.
#[derive(Clone, Copy)]
struct Cell<'a> {
    sample: &'a Sample,
    who: Who,
    project: Whose,
    agent: Whose,
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sample, who, project, agent } = self;
        write!(f, "{who:?}: {} {} about {project:?}, as {agent:?}", sample.method, sample.route)
    }
}

/// What is to come of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// This status with this code, and nothing recorded.
    Refused(u16, &'static str),
    /// No refusal for who asks or where: an answer, or a rule of the domain.
    LetThrough,
}

/// The rules.
fn expected(cell: Cell<'_>) -> Expected {
    use Expected::{LetThrough, Refused};
    let Cell { sample, who, project, agent } = cell;
    let has_walls = !matches!(who, Who::Operator | Who::Auditor | Who::Monitor);
    match () {
        () if sample.right == Right::Open => LetThrough,
        () if who == Who::Nobody => Refused(401, "credential_missing"),
        () if who == Who::Revoked => Refused(401, "credential_revoked"),
        () if !sample.right.is_of(who) => Refused(403, "forbidden"),
        // What is behind the walls does not exist.
        () if project == Whose::Other && has_walls => match sample.about {
            About::Entity => Refused(404, "not_found"),
            About::Projects => Refused(400, "malformed_query"),
            About::Server | About::Credential => LetThrough,
        },
        () if project == Whose::Nobodys && matches!(sample.about, About::Entity | About::Credential) => {
            Refused(404, "not_found")
        }
        () if who == Who::Agent && agent == Whose::Other && sample.names != Names::Nothing => {
            Refused(403, "actor_mismatch")
        }
        () => LetThrough,
    }
}

/// What there is in one project.
pub struct Things {
    pub project: String,
    pub slug: &'static str,
    pub agents: [String; 2],
    pub task: String,
    pub run: String,
    pub approval: String,
    pub alert: String,
    pub notification: String,
}

/// A server with two projects, and a credential of each kind.
pub struct World {
    pub app: App,
    pub own: Things,
    pub other: Things,
    pub credential: String,
    pub secrets: BTreeMap<Who, String>,
}

impl World {
    pub async fn new() -> Self {
        let app = App::new().await;
        let own = Things::new(&app, "openclaw", "").await;
        let body = json!({ "name": MARK, "slug": "zanzibar" });
        app.post("/api/projects", body).await.expect(201);
        let other = Things::new(&app, "zanzibar", MARK).await;
        let ada =
            app.post("/api/credentials", json!({ "name": "Ada", "role": "operator" })).await.expect(201);
        let ada = ada["secret"].as_str().unwrap().to_owned();
        let mut secrets = BTreeMap::new();
        for (who, body) in [
            (Who::Revoked, json!({ "name": "Rex", "role": "operator" })),
            (Who::LimitedOperator, json!({ "name": "Bob", "role": "operator", "projects": ["openclaw"] })),
            (Who::Agent, json!({ "name": "Scout", "role": "agent", "agentId": "Scout" })),
            (Who::Auditor, json!({ "name": "Eve", "role": "auditor" })),
            (Who::LimitedAuditor, json!({ "name": "Eva", "role": "auditor", "projects": ["openclaw"] })),
            (Who::Monitor, json!({ "name": "Mon", "role": "monitor" })),
            (Who::LimitedMonitor, json!({ "name": "Moe", "role": "monitor", "projects": ["openclaw"] })),
        ] {
            let issued = app.post("/api/credentials", body).by(&ada).await.expect(201);
            secrets.insert(who, issued["secret"].as_str().unwrap().to_owned());
            if who == Who::Revoked {
                app.post(format!("/api/credentials/{}/revoke", issued.id()), json!({}))
                    .by(&ada)
                    .await
                    .expect(200);
            }
        }
        let spare = json!({ "name": "Spare", "role": "auditor" });
        let credential = app.post("/api/credentials", spare).by(&ada).await.expect(201).id();
        secrets.insert(Who::Operator, ada);
        Self { app, own, other, credential, secrets }
    }

    fn things(&self, whose: Whose) -> Option<&Things> {
        match whose {
            Whose::Own => Some(&self.own),
            Whose::Other => Some(&self.other),
            Whose::Nobodys => None,
        }
    }

    async fn ask(&self, cell: Cell<'_>) -> Answer {
        let Cell { sample, who, .. } = cell;
        let body = match self.body(cell) {
            Value::Null => Body::empty(),
            body => Body::from(body.to_string()),
        };
        let request = self.app.send(sample.method.clone(), self.path(cell), body);
        match self.secrets.get(&who) {
            Some(secret) => request.by(secret).await,
            None => request.await,
        }
    }

    fn path(&self, cell: Cell<'_>) -> String {
        let Cell { sample, project, agent, .. } = cell;
        let things = self.things(project);
        let of = |id: fn(&Things) -> &String| things.map_or(NOBODY, |things| id(things));
        // An agent's own is the first of its project, another the second.
        let agent = things.map_or(NOBODY, |things| &things.agents[usize::from(agent == Whose::Other)]);
        let path = sample.route.replace("{project}", of(|things| &things.project)).replace("{agent}", agent);
        let path =
            path.replace("{task}", of(|things| &things.task)).replace("{run}", of(|things| &things.run));
        let path = path.replace("{approval}", of(|things| &things.approval));
        let path = path.replace("{alert}", of(|things| &things.alert));
        let path = path.replace("{notification}", of(|things| &things.notification));
        let credential = if project == Whose::Nobodys { NOBODY } else { &self.credential };
        let path = path.replace("{credential}", credential).replace("{code}", "not-found");
        match (sample.about, things) {
            (About::Projects, Some(things)) => format!("{path}?project={}", things.slug),
            (About::Projects, None) | (About::Server | About::Entity | About::Credential, _) => path,
        }
    }

    fn body(&self, cell: Cell<'_>) -> Value {
        let Cell { sample, project, agent, .. } = cell;
        let mut body = sample.body.clone();
        let things = self.things(project).unwrap_or(&self.own);
        match (sample.names, agent) {
            (Names::InBody, Whose::Own) => body["agentId"] = json!(things.agents[0]),
            (Names::InBody, Whose::Other) => body["agentId"] = json!(things.agents[1]),
            (Names::InBody, Whose::Nobodys) | (Names::Nothing | Names::InPath, _) => {}
        }
        body
    }

    /// Nothing of the other project is in the answer, but for what the request itself names.
    fn assert_walls(&self, cell: Cell<'_>, answer: &Answer) {
        let asked = format!("{} {}", self.path(cell), self.body(cell));
        assert!(!answer.text.contains(MARK), "{cell}: {}", answer.text);
        let other = &self.other;
        let ids =
            [&other.project, &other.task, &other.run, &other.approval, &other.alert, &other.notification];
        for id in ids.into_iter().chain(&other.agents) {
            assert!(asked.contains(id) || !answer.text.contains(id), "{cell} shows {id}: {}", answer.text);
        }
    }
}

impl Things {
    async fn new(app: &App, slug: &'static str, mark: &str) -> Self {
        let project = app.get(format!("/api/projects/{slug}")).await.expect(200).id();
        let mut agents = vec![];
        for name in ["Scout", "Echo"] {
            let body = json!({ "name": format!("{name}{mark}"), "role": "lead", "projectId": slug });
            agents.push(app.post("/api/agents", body).await.expect(201).id());
        }
        let task = json!({
            "title": format!("Write it {mark}"), "type": "docs", "projectId": slug, "assigneeIds": [agents[0]],
        });
        let task = app.post("/api/tasks", task).await.expect(201).id();
        app.moved(&task, json!({ "toStatus": "in_progress", "workPlan": plan(), "actor": { "type": "agent", "id": agents[0] } }))
            .await;
        let run = json!({ "agentId": agents[0], "taskId": task, "model": "m", "estimatedCost": 0.01 });
        let run = app.post("/api/runs", run).await.expect(201).id();
        let approval = json!({
            "agentId": agents[0], "actionType": "tool_call", "summary": format!("Publish {mark}"), "risk": "red",
            "justification": format!("It is ready {mark}"),
        });
        let approval = app.post("/api/approvals", approval).await.expect(201).id();
        let errors = json!({ "errorMessage": format!("It broke {mark}") });
        for _ in 0..3 {
            app.post(format!("/api/agents/{}/heartbeat", agents[1]), errors.clone()).await.expect(200);
        }
        let alert =
            app.get(format!("/api/alerts?project={slug}")).await.body[0]["id"].as_str().unwrap().to_owned();
        let notification = notify(app, &project, &agents[0], mark).await;
        let agents = agents.try_into().unwrap();
        Self { project, slug, agents, task, run, approval, alert, notification }
    }
}

/// Tells an agent something, as the worker for it does.
pub async fn notify(app: &App, project: &str, agent: &str, mark: &str) -> String {
    use mc_domain::{
        actor::Actor,
        aggregate::CommandContext,
        notification::{Command, Kind, Notice, Notification, Recipient},
        values::{Name, Title},
    };
    use mc_server::refusal::Refused;

    let notice = Notice {
        cause: project.parse::<uuid::Uuid>().unwrap().into(),
        project: Some(project.parse().unwrap()),
        recipient: Recipient::Agent(agent.parse().unwrap()),
        kind: Kind::Mention,
        subject: Title::new(&format!("You were named {mark}")).unwrap(),
        text: None,
        task: None,
        through: None,
        at: app.now(),
    };
    let id = notice.id();
    let context = CommandContext::new(app.now(), Actor::System(Name::new("test").unwrap()));
    let envelope = mc_store::repository::CommandEnvelope::new(context);
    let queued = app.state().repository().execute(&envelope, |tx| {
        let notification = tx.get::<Notification>(&id)?;
        tx.execute_in(Some(project.parse().unwrap()), &notification, Command::Queue(notice.clone()))?;
        Ok::<_, Refused>(())
    });
    queued.await.unwrap();
    id.to_string()
}

/// The cells of a route: it is not asked about projects or agents that it does not know.
fn cells(sample: &Sample) -> Vec<Cell<'_>> {
    let projects: &[Whose] = if sample.about == About::Server { &[Whose::Nobodys] } else { &WHOSE };
    let agents: &[Whose] = match sample.names {
        Names::Nothing => &[Whose::Nobodys],
        Names::InPath => &[Whose::Own, Whose::Other],
        Names::InBody => &WHOSE,
    };
    let of = |who: Who| {
        projects.iter().flat_map(move |project| {
            agents.iter().map(move |agent| Cell { sample, who, project: *project, agent: *agent })
        })
    };
    CALLERS.iter().flat_map(|who| of(*who)).collect()
}

#[test]
fn every_route_has_a_sample_and_every_sample_a_route() {
    let name = |(method, route): (Method, &'static str)| format!("{method} {route}");
    let mut routes: Vec<_> = service::endpoints().into_iter().map(name).collect();
    let mut sampled: Vec<_> =
        samples().into_iter().map(|sample| name((sample.method, sample.route))).collect();
    routes.sort();
    sampled.sort();
    assert_eq!(sampled, routes);
}

#[tokio::test]
async fn every_caller_is_answered_by_the_rules_on_every_route() {
    let samples = samples();
    let cells: Vec<_> = samples.iter().flat_map(cells).collect();
    // What is refused changes nothing, so that one world does for as many as an address may fail.
    let mut world = World::new().await;
    let mut let_through = 0;
    for (n, cell) in cells.iter().enumerate() {
        if n % AT_ONCE == AT_ONCE - 1 {
            world = World::new().await;
        }
        match expected(*cell) {
            Expected::Refused(status, code) => {
                let refused = world.ask(*cell).await;
                assert_eq!(
                    (refused.status.as_u16(), refused["code"].as_str()),
                    (status, Some(code)),
                    "{cell}: {}",
                    refused.text
                );
                world.assert_walls(*cell, &refused);
                refused.refused(status, code);
            }
            Expected::LetThrough => let_through += 1,
        }
    }
    let mut fresh = None;
    for cell in cells.iter().filter(|cell| expected(**cell) == Expected::LetThrough) {
        // A stream of events does not end; it has tests of its own.
        if cell.sample.route == "/api/events" {
            continue;
        }
        let world = match fresh.take() {
            Some(world) => world,
            None => World::new().await,
        };
        let before = world.app.head();
        let answer = world.ask(*cell).await;
        assert_let_through(*cell, &answer);
        if !matches!(cell.who, Who::Operator | Who::Auditor | Who::Monitor) {
            world.assert_walls(*cell, &answer);
        }
        if world.app.head() == before {
            fresh = Some(world);
        }
    }
    assert!(let_through > 400 && cells.len() > 1_000, "{let_through} of {} cells", cells.len());
    println!("{} cells, {let_through} of them let through", cells.len());
}

/// The request came to its handler: what stands against it then is a rule.
fn assert_let_through(cell: Cell<'_>, answer: &Answer) {
    let code = answer["code"].as_str().unwrap_or_default();
    assert!(answer.status.as_u16() < 500, "{cell}: {}", answer.text);
    assert!(answer.status != 401 || cell.sample.route == "/api/session", "{cell}: {}", answer.text);
    assert!(!matches!(code, "actor_mismatch" | "not_found" | "malformed_query"), "{cell}: {}", answer.text);
    if cell.sample.method == Method::GET {
        assert_eq!(answer.status, 200, "{cell}: {}", answer.text);
    }
}

#[tokio::test]
async fn what_is_behind_the_walls_is_answered_like_what_is_not_there() {
    let world = World::new().await;
    let samples = samples();
    for sample in samples.iter().filter(|sample| sample.about == About::Entity) {
        for who in [Who::LimitedOperator, Who::Agent, Who::LimitedAuditor] {
            if !sample.right.is_of(who) {
                continue;
            }
            let cell = |project| Cell { sample, who, project, agent: Whose::Own };
            let (other, none) = (cell(Whose::Other), cell(Whose::Nobodys));
            let detail = |answer: &Answer, cell| {
                let id = world.path(cell);
                let id = id.split('/').find(|part| part.len() == NOBODY.len()).unwrap().to_owned();
                answer["detail"].as_str().unwrap().replace(&id, "ID")
            };
            let (hidden, absent) = (world.ask(other).await, world.ask(none).await);
            assert_eq!(detail(&hidden, other), detail(&absent, none), "{other}");
            assert_eq!(hidden.status, absent.status, "{other}");
        }
    }
}
