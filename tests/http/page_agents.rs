//! The pages of agents: how they are, and the forms that instruct, change and register them.

use mc_domain::credential::Bearer;
use serde_json::{Value, json};

use crate::{
    app::{App, Key, plan},
    page_approvals::{SCRIPT, harmless, send, submit},
};

struct World {
    app: App,
    scout: String,
    nova: String,
    ada: Key,
}

async fn world() -> World {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let nova = app.foreign_agent("Nova").await;
    let ada = app.operator("Ada", &[]).await;
    World { app, scout, nova, ada }
}

impl World {
    async fn page(&self, by: &Key, address: &str) -> String {
        self.app.get(address).by(by).await.expect(200).text
    }

    async fn shown(&self) -> Value {
        self.app.get(format!("/api/agents/{}", self.scout)).by(&self.ada).await.expect(200).body
    }

    /// The forms that the page of Scout offers.
    async fn acts(&self) -> Vec<&'static str> {
        let page = self.page(&self.ada, &format!("/agents/{}", self.scout)).await;
        let acts = ["pause", "resume", "drain", "restart", "quarantine", "edit"];
        acts.into_iter().filter(|act| page.contains(&format!("/agents/{}/{act}", self.scout))).collect()
    }

    async fn instruct(&self, act: &str) {
        let address = format!("/agents/{}/{act}", self.scout);
        submit(&self.app, &self.ada, &address, &[("reason", "Look at costs")]).await.expect(303);
    }
}

#[tokio::test]
async fn an_agent_shows_how_it_is_and_what_it_spends() {
    let world = world().await;
    let (app, scout, ada) = (&world.app, &world.scout, &world.ada);
    let task = json!({ "title": "Write the guide", "type": "docs", "assigneeIds": [scout] });
    let task = app.post("/api/tasks", task).by(ada).await.expect(201).id();
    let begin = json!({ "toStatus": "in_progress", "workPlan": plan() });
    app.post(format!("/api/tasks/{task}/transition"), begin).by(ada).await.expect(200);
    let run = json!({ "agentId": scout, "taskId": task, "model": "small", "estimatedCost": 0.1 });
    let run = app.post("/api/runs", run).by(ada).await.expect(201).id();
    let ended = json!({ "status": "completed", "cost": 0.05, "inputTokens": 1200, "outputTokens": 34 });
    app.post(format!("/api/runs/{run}/complete"), ended).by(ada).await.expect(200);
    app.post(format!("/api/agents/{scout}/heartbeat"), json!({})).by(ada).await.expect(200);

    let list = world.page(ada, "/agents").await;
    for part in
        ["Scout", "Nova", "Write the guide", "$0.05 of $2.00", "<meter", "0 s ago", "active", "intern"]
    {
        assert!(list.contains(part), "no {part}: {list}");
    }
    let page = world.page(ada, &format!("/agents/{scout}")).await;
    for part in ["Costs by day", "$0.05", "1200", &format!("/runs/{run}"), "Write the guide", "2026-09-22"] {
        assert!(page.contains(part), "no {part}: {page}");
    }
    let sorted = world.page(ada, "/agents?sortBy=name&status=active").await;
    assert!(sorted.find("Nova").unwrap() < sorted.find("Scout").unwrap());
    assert!(!world.page(ada, "/agents?project=elsewhere").await.contains("Scout"));
    assert!(world.page(ada, "/agents?status=offline").await.contains("There is no agent like this"));
}

#[tokio::test]
async fn only_what_is_legal_now_is_offered_and_done() {
    let world = world().await;
    assert_eq!(world.acts().await, ["pause", "drain", "restart", "quarantine", "edit"]);
    let steps = [
        ("pause", "paused", vec!["resume", "restart", "quarantine", "edit"]),
        ("resume", "active", vec!["pause", "drain", "restart", "quarantine", "edit"]),
        ("drain", "draining", vec!["pause", "resume", "restart", "quarantine", "edit"]),
        ("restart", "active", vec!["pause", "drain", "restart", "quarantine", "edit"]),
        ("quarantine", "quarantined", vec!["resume", "restart", "edit"]),
    ];
    for (act, status, acts) in steps {
        world.instruct(act).await;
        assert_eq!(world.shown().await["status"], status, "after {act}");
        assert_eq!(world.acts().await, acts, "after {act}");
    }
    let page = world.page(&world.ada, "/agents").await;
    assert!(page.contains("quarantined"), "{page}");
    let drain = format!("/agents/{}/drain", world.scout);
    let refused = submit(&world.app, &world.ada, &drain, &[("reason", "Still")]).await.expect(422);
    assert!(refused.text.contains("Still") && refused.text.contains("role=\"alert\""), "{}", refused.text);
}

#[tokio::test]
async fn a_profile_is_edited_and_an_old_form_does_nothing() {
    let world = world().await;
    let address = format!("/agents/{}/edit", world.scout);
    let (old, late) = (world.page(&world.ada, &address).await, world.page(&world.ada, &address).await);
    for part in ["value=\"Scout\"", "value=\"2\"", "value=\"0.25\"", "<option value=\"intern\" selected>"] {
        assert!(old.contains(part), "no {part}: {old}");
    }
    let mut fields = vec![
        ("name", "Ranger"),
        ("emoji", "🦊"),
        ("role", "lead"),
        ("allowedTaskTypes", "docs"),
        ("allowedTaskTypes", "ops"),
        ("allowedTools", "search\r\nshell"),
        ("budgets.dailyCap", "5"),
        ("budgets.perRunCap", "9"),
        ("heartbeatIntervalSecs", "60"),
    ];
    let refused = send(&world.app, &world.ada, &address, &old, &fields).await.expect(422);
    assert!(refused.text.contains("id=\"budgets.perRunCap-error\""), "{}", refused.text);
    assert!(refused.text.contains("value=\"Ranger\"") && refused.text.contains("shell"), "{}", refused.text);
    fields.retain(|(name, _)| *name != "budgets.perRunCap");
    fields.push(("budgets.perRunCap", "1,5"));
    send(&world.app, &world.ada, &address, &old, &fields).await.expect(303);
    let shown = world.shown().await;
    assert_eq!(shown["name"], "Ranger");
    assert_eq!((&shown["emoji"], &shown["role"]), (&json!("🦊"), &json!("lead")));
    assert_eq!(shown["allowedTaskTypes"], json!(["docs", "ops"]));
    assert_eq!(shown["allowedTools"], json!(["search", "shell"]));
    assert_eq!(shown["budgets"], json!({ "dailyCap": 5, "perRunCap": 1.5 }));
    assert_eq!(shown["heartbeatIntervalSecs"], 60);
    fields[0].1 = "Rover";
    let refused = send(&world.app, &world.ada, &address, &late, &fields).await.expect(412);
    assert!(refused.text.contains("Rover"), "{}", refused.text);
    assert_eq!(world.shown().await["name"], "Ranger");
}

#[tokio::test]
async fn an_agent_is_registered_in_the_project_that_is_chosen() {
    let world = world().await;
    let form = world.page(&world.ada, "/agents/new").await;
    assert!(form.contains("name=\"projectId\""), "{form}");
    let refused = submit(&world.app, &world.ada, "/agents/new", &[("name", "")]).await.expect(422);
    assert!(refused.text.contains("id=\"name-error\""), "{}", refused.text);
    let vega = [("name", "Vega"), ("role", "specialist"), ("projectId", "elsewhere")];
    submit(&world.app, &world.ada, "/agents/new", &vega).await.expect(303);
    assert!(world.page(&world.ada, "/agents?project=elsewhere").await.contains("Vega"));
    let here = "/agents/new?project=elsewhere";
    assert!(!world.page(&world.ada, here).await.contains("name=\"projectId\""));
    let done =
        submit(&world.app, &world.ada, here, &[("name", "Lyra"), ("role", "intern")]).await.expect(303);
    assert!(done.header("location").starts_with("/agents?project=elsewhere&done="));
    assert!(world.page(&world.ada, "/agents?project=elsewhere").await.contains("Lyra"));
}

#[tokio::test]
async fn what_was_written_is_text_and_who_may_not_act_sees_no_act() {
    let world = world().await;
    let (app, scout, ada) = (&world.app, &world.scout, &world.ada);
    let hostile = json!({ "emoji": "<b>", "allowedTools": [SCRIPT] });
    app.patch(format!("/api/agents/{scout}"), hostile).by(ada).await.expect(200);
    let beat = json!({ "errorMessage": SCRIPT });
    app.post(format!("/api/agents/{scout}/heartbeat"), beat).by(ada).await.expect(200);
    let page = app.get(format!("/agents/{scout}")).by(ada).await.expect(200);
    harmless(&page);
    assert!(!page.text.contains("<b>"), "{}", page.text);
    harmless(&app.get(format!("/agents/{scout}/edit")).by(ada).await.expect(200));

    let olga = app.issue("Olga", Bearer::Auditor, &[], None).await;
    for address in ["/agents".to_owned(), format!("/agents/{scout}")] {
        let audited = world.page(&olga, &address).await;
        assert!(
            audited.contains("Scout") && !audited.contains("/pause") && !audited.contains("/edit"),
            "{audited}"
        );
    }
    send(app, &olga, &format!("/agents/{scout}/pause"), "", &[]).await.expect(403).recorded(&[]);
    app.get(format!("/agents/{scout}/pause")).by(&olga).await.expect(403);
    let eve = app.operator("Eve", &["elsewhere"]).await;
    let elsewhere = world.page(&eve, "/agents").await;
    assert!(elsewhere.contains("Nova") && !elsewhere.contains("Scout"), "{elsewhere}");
    app.get(format!("/agents/{scout}")).by(&eve).await.expect(404);
    app.get(format!("/agents/{scout}/edit")).by(&eve).await.expect(404);
    app.get(format!("/agents/{}", world.nova)).by(&eve).await.expect(200);
}

#[tokio::test]
async fn a_long_list_goes_on_where_it_ended() {
    let world = world().await;
    let first = world.page(&world.ada, "/agents?limit=1&sortBy=name").await;
    assert!(first.contains("Nova</a>") && !first.contains("Scout</a>"), "{first}");
    let (_, next) = first.split_once("id=\"more\"").unwrap();
    let next = next.split_once("href=\"").unwrap().1.split('"').next().unwrap();
    let next = next.replace("&#38;", "&").replace("&amp;", "&");
    let second = world.page(&world.ada, &next).await;
    assert!(second.contains("Scout</a>") && !second.contains("Nova</a>"), "{second}");
    assert!(!second.contains("id=\"more\""), "{second}");
}
