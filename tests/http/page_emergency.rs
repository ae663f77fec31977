//! The emergency forms: they say whom they concern, and concern exactly those.

use serde_json::{Value, json};

use crate::{
    app::{Answer, App, Key, plan},
    page_approvals::{hidden, send, submit},
};

struct World {
    app: App,
    scout: String,
    ada: Key,
    eve: Key,
}

/// Two projects: of the first Scout works, Echo is paused by hand, Max has spent its budget, and Rex is quarantined; of the
/// other there is Nova.
async fn world() -> World {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    for (name, act) in [("Echo", "pause"), ("Rex", "quarantine")] {
        let agent = app.agent(name).await;
        app.post(format!("/api/agents/{agent}/{act}"), json!({})).await.expect(200);
    }
    let max = app.agent("Max").await;
    let dear = json!({ "agentId": max, "model": "large", "estimatedCost": 9 });
    app.post("/api/runs", dear).await.expect(409);
    assert_eq!(app.get("/api/agents/max").await.expect(200)["pauseReason"], "budget");
    app.foreign_agent("Nova").await;
    let task = app.assigned(&scout).await;
    app.moved(&task, json!({ "toStatus": "in_progress", "workPlan": plan() })).await;
    let (ada, eve) = (app.operator("Ada", &[]).await, app.operator("Eve", &["elsewhere"]).await);
    World { app, scout, ada, eve }
}

impl World {
    async fn form(&self, by: &Key, address: &str) -> String {
        let form = self.app.get(address).by(by).await.expect(200).text;
        assert!(hidden(&form, "_key").is_some());
        form
    }

    async fn status(&self, agent: &str) -> Value {
        self.app.get(format!("/api/agents/{agent}")).by(&self.ada).await.expect(200)["status"].clone()
    }
}

/// How many events of a name an answer recorded.
fn recorded(answer: &Answer, name: &str) -> usize {
    answer.facts.iter().filter(|fact| &*fact.event_type == name).count()
}

#[tokio::test]
async fn a_pause_and_its_end_concern_exactly_as_many_as_they_say() {
    let world = world().await;
    let (app, ada) = (&world.app, &world.ada);
    let form = world.form(ada, "/emergency/pause").await;
    assert!(form.contains("all your projects") && form.contains("3 agents will be paused"), "{form}");
    let of_one = world.form(ada, "/emergency/pause?project=openclaw").await;
    assert!(
        of_one.contains("the project openclaw") && of_one.contains("2 agents will be paused"),
        "{of_one}"
    );

    let reason = [("reason", "Costs")];
    let done = submit(app, ada, "/emergency/pause?project=openclaw", &reason).await.expect(303);
    assert_eq!(recorded(&done, "agent.paused"), 2);
    assert_eq!(done.header("location"), "/?project=openclaw&done=The+squad+is+paused");
    assert_eq!(
        (world.status(&world.scout).await, world.status("nova").await),
        (json!("paused"), json!("active"))
    );
    let again = world.form(ada, "/emergency/pause?project=openclaw").await;
    assert!(again.contains("No agent will be paused"), "{again}");

    let form = world.form(ada, "/emergency/resume?project=openclaw").await;
    assert!(form.contains("3 agents will work again"), "{form}");
    let done = submit(app, ada, "/emergency/resume?project=openclaw", &reason).await.expect(303);
    let (resumed, kept) = (recorded(&done, "agent.resumed"), recorded(&done, "agent.paused"));
    assert_eq!((resumed, kept), (2, 1), "the budget of one is spent");
    assert_eq!(world.status("rex").await, "quarantined");
}

#[tokio::test]
async fn a_stop_says_how_many_agents_and_tasks_it_concerns() {
    let world = world().await;
    let form = world.form(&world.ada, "/emergency/stop").await;
    assert!(form.contains("3 agents will be paused") && form.contains("1 task in progress"), "{form}");
    let done = submit(&world.app, &world.ada, "/emergency/stop", &[("reason", "")]).await.expect(303);
    assert_eq!((recorded(&done, "agent.paused"), recorded(&done, "task.blocked")), (3, 1));
    let page = world.app.get("/agents").by(&world.ada).await.expect(200).text;
    assert!(page.contains("/emergency/resume") && page.contains("with its squad"), "{page}");
}

#[tokio::test]
async fn an_operator_of_one_project_concerns_nobody_elses() {
    let world = world().await;
    let form = world.form(&world.eve, "/emergency/stop").await;
    assert!(form.contains("1 agent will be paused") && form.contains("No task in progress"), "{form}");
    submit(&world.app, &world.eve, "/emergency/stop", &[("reason", "")]).await.expect(303);
    assert_eq!(
        (world.status(&world.scout).await, world.status("nova").await),
        (json!("active"), json!("paused"))
    );
    for act in ["pause", "resume", "stop"] {
        world.app.get(format!("/emergency/{act}?project=openclaw")).by(&world.eve).await.expect(400);
    }
    let olga = world.app.issue("Olga", mc_domain::credential::Bearer::Auditor, &[], None).await;
    let refused = send(&world.app, &olga, "/emergency/stop", "", &[("reason", "Now")]).await.expect(403);
    assert!(refused.recorded(&[]).text.contains("credential of an auditor"));
}
