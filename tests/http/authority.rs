//! No sequence of calls by agents, whatever they are and in whatever order, gives an agent what only an operator gives.

use mc_domain::{ids::ProjectId, reach::Reach};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};

use crate::app::{Answer, App, plan};

/// The agents who call, by name, in the default project; the third lives elsewhere and does not call.
const CALLERS: [&str; 2] = ["Scout", "Echo"];

/// One call: by which agent, to which route, about which of the known ids, with what in its body.
type Call = (usize, usize, usize, usize, usize);

fn calls() -> impl Strategy<Value = Vec<Call>> {
    prop::collection::vec((0..CALLERS.len(), 0..ROUTES.len(), 0_usize..64, 0_usize..64, 0..BODIES), 1..60)
}

/// The writes of the interface, for everybody who would try. `{…}` stands for an id of that kind.
const ROUTES: [(&str, &str); 45] = [
    ("POST", "/api/agents"),
    ("PATCH", "/api/agents/{agent}"),
    ("PATCH", "/api/agents/{agent}"),
    ("PATCH", "/api/agents/{agent}"),
    ("POST", "/api/agents/{agent}/heartbeat"),
    ("POST", "/api/agents/{agent}/pause"),
    ("POST", "/api/agents/{agent}/resume"),
    ("POST", "/api/agents/{agent}/drain"),
    ("POST", "/api/agents/{agent}/quarantine"),
    ("POST", "/api/agents/{agent}/restart"),
    ("POST", "/api/agents/{agent}/spawn"),
    ("POST", "/api/tasks"),
    ("PATCH", "/api/tasks/{task}"),
    ("PATCH", "/api/tasks/{task}"),
    ("POST", "/api/tasks/{task}/claim"),
    ("POST", "/api/tasks/{task}/transition"),
    ("POST", "/api/tasks/{task}/transition"),
    ("POST", "/api/tasks/{task}/messages"),
    ("POST", "/api/tasks/{task}/subscribe"),
    ("POST", "/api/tasks/{task}/archive"),
    ("POST", "/api/maintenance/archive"),
    ("POST", "/api/runs"),
    ("POST", "/api/runs/{run}/complete"),
    ("POST", "/api/runs/{run}/tool-calls"),
    ("POST", "/api/approvals"),
    ("POST", "/api/approvals"),
    ("POST", "/api/approvals/{approval}/approve"),
    ("POST", "/api/approvals/{approval}/approve"),
    ("POST", "/api/approvals/{approval}/deny"),
    ("POST", "/api/approvals/{approval}/request-revision"),
    ("POST", "/api/approvals/{approval}/resubmit"),
    ("POST", "/api/approvals/{approval}/withdraw"),
    ("POST", "/api/alerts/{alert}/acknowledge"),
    ("POST", "/api/alerts/{alert}/resolve"),
    ("PUT", "/api/policy"),
    ("PUT", "/api/policy?project=openclaw"),
    ("POST", "/api/projects"),
    ("PATCH", "/api/projects/openclaw"),
    ("PATCH", "/api/projects/elsewhere"),
    ("POST", "/api/emergency/resume-squad"),
    ("POST", "/api/emergency/pause-squad?project=elsewhere"),
    ("POST", "/api/credentials"),
    ("POST", "/api/credentials/{credential}/revoke"),
    ("PATCH", "/api/credentials/{credential}"),
    ("POST", "/api/session"),
];

/// How many bodies are tried on each route.
const BODIES: usize = 30;

/// What an agent may send, some of it made for the route and some not.
fn body(number: usize, world: &World, id: &str) -> Value {
    let agent = |n: usize| json!(world.agents[n % world.agents.len()]);
    match number {
        0 => json!({}),
        1 => json!({ "role": "lead", "budgets": { "dailyCap": 500, "perRunCap": 100 } }),
        2 => json!({ "budgets": { "dailyCap": 500 }, "actor": "human" }),
        3 => json!({ "status": "active", "errorStreak": 0, "todaySpend": 0, "currentTaskId": null }),
        4 => json!({ "status": "active", "actor": { "type": "human", "id": "Ada" } }),
        5 => json!({ "status": "active", "actor": "system" }),
        6 => json!({ "allowedTools": [], "allowedTaskTypes": [], "heartbeatIntervalSecs": 86400 }),
        7 => {
            json!({ "approver": "Ada", "decision": "It is fine", "actor": { "type": "human", "id": "Ada" } })
        }
        8 => json!({ "decision": "It is fine" }),
        9 => json!({ "agentId": agent(0), "taskId": id, "model": "m", "estimatedCost": 0.2 }),
        10 => json!({ "agentId": agent(2), "model": "m", "estimatedCost": 0.2 }),
        11 => json!({ "toStatus": "in_progress", "workPlan": plan(), "agentId": agent(0) }),
        12 => json!({ "toStatus": "done", "reason": "It is done", "actor": "human" }),
        13 => json!({ "toStatus": "review", "deliverable": "The guide", "reviewChecklist": ["works"] }),
        14 => json!({ "title": "Another", "type": "docs", "projectId": "elsewhere", "budget": 500 }),
        15 => {
            json!({ "title": "Another", "type": "docs", "assigneeIds": [agent(1)], "reviewerIds": [agent(0)] })
        }
        16 => json!({
            "agentId": agent(0), "actionType": "autonomy", "summary": "More", "risk": "red",
            "justification": "Because", "payload": { "role": "lead" },
        }),
        17 => json!({
            "actionType": "budget_override", "summary": "More", "risk": "yellow", "justification": "Because",
            "estimatedCost": 100,
        }),
        18 => {
            json!({ "name": "Helper", "purpose": "To help", "role": "cao", "budgets": { "dailyCap": 500 } })
        }
        19 => {
            json!({ "name": "Scout", "role": "cao", "budgets": { "dailyCap": 500 }, "projectId": "elsewhere" })
        }
        20 => json!({ "budget": 500, "assigneeIds": [agent(0)], "reviewerIds": [agent(0)] }),
        21 => json!({ "status": "completed", "cost": 0.01, "tool": "send_email", "content": "@Ada do it" }),
        22 => {
            json!({ "name": "Mallory", "role": "operator", "document": { "budgets": {} }, "slug": "mallory" })
        }
        23 => json!({ "content": "I am at it" }),
        24 => json!({ "title": "Look it up", "type": "docs" }),
        25 => json!({ "agentId": agent(0) }),
        26 => json!({ "model": "m", "agentId": agent(0), "estimatedCost": 0.05 }),
        27 => json!({ "tool": "read_file", "status": "success" }),
        28 => json!({ "status": "completed", "cost": 0.02 }),
        _ => json!({ "reason": "Because", "note": "Because", "credential": "mc_", "olderThan": "1s" }),
    }
}

struct World {
    app: App,
    ada: String,
    secrets: Vec<String>,
    agents: Vec<String>,
    elsewhere: ProjectId,
    tasks: Vec<String>,
    runs: Vec<String>,
    approvals: Vec<String>,
    alerts: Vec<String>,
    credentials: Vec<String>,
}

/// What no call of an agent may change.
#[derive(Debug, PartialEq)]
struct Given {
    agents: Vec<(Value, Value, Value)>,
    imposed: Value,
    projects: Value,
    policy: Value,
    credentials: Vec<(Value, Value)>,
    elsewhere: Vec<Value>,
    events_elsewhere: usize,
}

impl World {
    async fn new() -> Self {
        let app = App::new().await;
        app.post("/api/projects", json!({ "name": "Elsewhere", "slug": "elsewhere" })).await.expect(201);
        let mut agents = vec![];
        for (name, project) in [("Scout", "openclaw"), ("Echo", "openclaw"), ("Nova", "elsewhere")] {
            let body = json!({ "name": name, "role": "specialist", "projectId": project });
            agents.push(app.post("/api/agents", body).await.expect(201).id());
        }
        let (mut tasks, mut approvals) = (vec![], vec![]);
        for (project, agent) in [("openclaw", 0), ("openclaw", 1), ("elsewhere", 2)] {
            let task = json!({ "title": "Write it", "type": "docs", "projectId": project, "assigneeIds": [agents[agent]] });
            tasks.push(app.post("/api/tasks", task).await.expect(201).id());
            let asked = json!({
                "agentId": agents[agent], "actionType": "tool_call", "summary": "Publish it", "risk": "red",
                "justification": "It is ready",
            });
            approvals.push(app.post("/api/approvals", asked).await.expect(201).id());
        }
        let run = json!({ "agentId": agents[2], "model": "m", "estimatedCost": 0.01 });
        let runs = vec![app.post("/api/runs", run).await.expect(201).id()];
        for agent in &agents {
            for _ in 0..3 {
                let broken = json!({ "errorMessage": "It broke" });
                app.post(format!("/api/agents/{agent}/heartbeat"), broken).await.expect(200);
            }
        }
        let alerts =
            app.get("/api/alerts").await.expect(200).column("id").iter().map(|id| (*id).to_owned()).collect();
        // Echo is held by the operator, and stays so.
        app.post("/api/agents/Echo/quarantine", json!({ "reason": "It is watched" })).await.expect(200);
        let ada =
            app.post("/api/credentials", json!({ "name": "Ada", "role": "operator" })).await.expect(201);
        let (mut credentials, ada) = (vec![ada.id()], ada["secret"].as_str().unwrap().to_owned());
        let mut secrets = vec![];
        for name in CALLERS {
            let body = json!({ "name": name, "role": "agent", "agentId": name });
            let issued = app.post("/api/credentials", body).by(&ada).await.expect(201);
            credentials.push(issued.id());
            secrets.push(issued["secret"].as_str().unwrap().to_owned());
        }
        let elsewhere = app.get("/api/projects/elsewhere").by(&ada).await.expect(200).id().parse().unwrap();
        Self { app, ada, secrets, agents, elsewhere, tasks, runs, approvals, alerts, credentials }
    }

    async fn call(&mut self, (who, route, first, second, sent): Call) -> Answer {
        let (method, path) = ROUTES[route];
        let pick = |ids: &[String], at: usize| ids[at % ids.len()].clone();
        let path =
            path.replace("{agent}", &pick(&self.agents, first)).replace("{task}", &pick(&self.tasks, first));
        let path = path.replace("{run}", &pick(&self.runs, first));
        let path = path.replace("{approval}", &pick(&self.approvals, first));
        let path = path.replace("{alert}", &pick(&self.alerts, first));
        let path = path.replace("{credential}", &pick(&self.credentials, first));
        let body = body(sent, self, &pick(&self.tasks, second));
        let request = self.app.send(method.parse().unwrap(), path.as_str(), body.to_string());
        let answer = request.by(&self.secrets[who]).await;
        assert!(answer.status.as_u16() < 500, "{method} {path} {body}: {}", answer.text);
        // What came of it takes part from now on.
        if answer.status == 201
            && let Some(id) = answer["id"].as_str()
        {
            match path.as_str() {
                "/api/tasks" => self.tasks.push(id.to_owned()),
                "/api/runs" => self.runs.push(id.to_owned()),
                "/api/approvals" => self.approvals.push(id.to_owned()),
                _ => {}
            }
        }
        if let Some(id) = answer["approvalId"].as_str() {
            self.approvals.push(id.to_owned());
        }
        answer
    }

    /// What operators have given, as the operator of all projects sees it.
    async fn given(&self) -> Given {
        let get = async |path: String| self.app.get(path).by(&self.ada).await.expect(200).body;
        let mut agents = vec![];
        for agent in &self.agents {
            let agent = get(format!("/api/agents/{agent}")).await;
            agents.push((agent["role"].clone(), agent["budgets"].clone(), agent["allowedTools"].clone()));
        }
        let mut elsewhere = vec![];
        for list in ["tasks", "agents", "runs", "approvals?status=all", "alerts", "notifications", "activity"]
        {
            let joint = if list.contains('?') { '&' } else { '?' };
            elsewhere.push(get(format!("/api/{list}{joint}project=elsewhere&limit=1000")).await);
        }
        let credentials = get("/api/credentials?all=true".to_owned()).await;
        let credentials = credentials.as_array().unwrap().iter();
        let facts = crate::app::facts_since(&self.app, 0).await;
        let reach = Reach::of(self.elsewhere);
        Given {
            agents,
            imposed: get("/api/agents/Echo".to_owned()).await["status"].clone(),
            projects: get("/api/projects".to_owned()).await,
            policy: get("/api/policy?project=openclaw".to_owned()).await,
            credentials: credentials.map(|one| (one["id"].clone(), one["status"].clone())).collect(),
            elsewhere,
            events_elsewhere: facts
                .iter()
                .filter(|fact| reach.covers(fact.metadata.project))
                .filter(|fact| fact.metadata.project.is_some())
                .count(),
        }
    }

    /// The approvals that agents asked for are decided by nobody.
    async fn assert_undecided(&self) {
        let all = self.app.get("/api/approvals?status=all&limit=1000").by(&self.ada).await.expect(200);
        for approval in all.body.as_array().unwrap() {
            let status = approval["status"].as_str().unwrap();
            assert!(!matches!(status, "approved" | "denied"), "{approval}");
        }
    }
}

#[test]
fn agents_gain_nothing_by_any_sequence_of_calls() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 128,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let mut accepted = 0;
    let outcome = runner.run(&calls(), |calls| {
        runtime.block_on(async {
            let mut world = World::new().await;
            let before = world.given().await;
            for call in &calls {
                world.call(*call).await;
            }
            let after = world.given().await;
            prop_assert_eq!(&before, &after);
            world.assert_undecided().await;
            Ok(())
        })
    });
    outcome.unwrap();
    // The calls are worth trying: agents do come through with what is theirs.
    runtime.block_on(async {
        let mut world = World::new().await;
        for route in 0..ROUTES.len() {
            for sent in 0..BODIES {
                accepted += u32::from(world.call((0, route, 0, 0, sent)).await.status.is_success());
            }
        }
        assert!(accepted > 20, "{accepted}");
        world.assert_undecided().await;
    });
}
