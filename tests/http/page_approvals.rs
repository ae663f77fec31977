//! The page of approvals: what is asked for, word by word, and the forms that decide it.

use axum::http::Method;
use mc_domain::credential::Bearer;
use serde_json::{Value, json};

use crate::app::{Answer, App, Key};

/// What a stored text must never become on a page.
pub const SCRIPT: &str = "<script>alert(1)</script>";

/// The value of a field that a page does not show.
pub fn hidden(page: &str, name: &str) -> Option<String> {
    let (_, after) = page.split_once(&format!("name=\"{name}\" value=\""))?;
    after.split('"').next().map(str::to_owned)
}

/// Sends the form of an address as a browser without scripts does.
pub async fn submit(app: &App, by: &Key, address: &str, fields: &[(&str, &str)]) -> Answer {
    let form = app.get(address).by(by).await.expect(200).text;
    send(app, by, address, &form, fields).await
}

/// Sends a form that was opened before.
pub async fn send(app: &App, by: &Key, address: &str, form: &str, fields: &[(&str, &str)]) -> Answer {
    let kept = ["_key", "_version", "contentHash"];
    let kept = kept.iter().filter_map(|name| hidden(form, name).map(|value| ((*name).to_owned(), value)));
    let typed = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let encoded = kept.chain(typed).map(|(name, value)| {
        let value: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
        format!("{name}={value}")
    });
    let body = encoded.collect::<Vec<_>>().join("&");
    let request = app.send(Method::POST, address, body).by(by);
    request.header("content-type", "application/x-www-form-urlencoded").await
}

/// A page without a stored script in it.
#[track_caller]
pub fn harmless(page: &Answer) {
    assert!(!page.text.contains("<script>alert"), "{}", page.text);
    assert!(
        page.text.contains("&#60;script&#62;alert(1)") || page.text.contains("&lt;script&gt;"),
        "{}",
        page.text
    );
}

struct World {
    app: App,
    scout: String,
    ada: Key,
    eve: Key,
    olga: Key,
    by_scout: Key,
}

async fn world() -> World {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    app.foreign_agent("Nova").await;
    let ada = app.operator("Ada", &[]).await;
    let eve = app.operator("Eve", &["elsewhere"]).await;
    let olga = app.issue("Olga", Bearer::Auditor, &[], None).await;
    let by_scout = app.credential_of(&scout).await;
    World { app, scout, ada, eve, olga, by_scout }
}

impl World {
    /// Scout asks for something.
    async fn ask(&self, changes: Value) -> String {
        let mut ask = json!({
            "agentId": self.scout, "actionType": "tool_call", "summary": "Send the newsletter", "risk": "red",
            "justification": "The campaign is due", "rollbackPlan": "Send a correction", "estimatedCost": 1.5,
            "payload": { "tool": "send_email", "amount": 1 },
        });
        for (name, value) in changes.as_object().into_iter().flatten() {
            ask[name] = value.clone();
        }
        self.app.post("/api/approvals", ask).by(&self.by_scout).await.expect(201).id()
    }

    /// Scout asks for the same thing for as many tasks.
    async fn ask_for_tasks(&self, count: usize) -> Vec<String> {
        let mut asked = Vec::new();
        for number in 0..count {
            let task =
                json!({ "title": format!("Task {number}"), "type": "docs", "assigneeIds": [self.scout] });
            let task = self.app.post("/api/tasks", task).by(&self.ada).await.expect(201).id();
            asked.push(self.ask(json!({ "taskId": task })).await);
        }
        asked
    }

    async fn page(&self, by: &Key, address: &str) -> Answer {
        self.app.get(address).by(by).await.expect(200)
    }

    async fn shown(&self, approval: &str) -> Answer {
        self.app.get(format!("/api/approvals/{approval}")).by(&self.ada).await.expect(200)
    }
}

#[tokio::test]
async fn an_approval_shows_what_exactly_was_asked() {
    let world = world().await;
    let asked = world.ask(json!({})).await;
    let hash = world.shown(&asked).await["contentHash"].as_str().unwrap().to_owned();
    for address in ["/approvals".to_owned(), format!("/approvals/{asked}")] {
        let page = world.page(&world.ada, &address).await;
        let parts = [
            "Send the newsletter",
            "tool call",
            "red risk",
            "The campaign is due",
            "Send a correction",
            "$1.50",
            "&#34;tool&#34;: &#34;send_email&#34;",
            &hash,
            "Scout",
            "0 of 1 agreed",
            "data-until=",
            "expires in",
        ];
        for part in parts {
            assert!(page.text.contains(part), "{address} lacks {part}: {}", page.text);
        }
        for form in ["approve", "deny", "revision"] {
            assert!(page.text.contains(&format!("/approvals/{asked}/{form}")), "{address} lacks {form}");
        }
    }
    let form = world.page(&world.ada, &format!("/approvals/{asked}/approve")).await;
    assert!(form.text.contains("send_email") && form.text.contains(&hash), "{}", form.text);
}

#[tokio::test]
async fn an_answer_is_given_by_a_form_and_moves_the_approval_to_the_decided_ones() {
    let world = world().await;
    let (yes, no, change) = (
        world.ask(json!({})).await,
        world.ask(json!({ "payload": { "tool": "delete" } })).await,
        world.ask(json!({ "payload": { "tool": "rename" } })).await,
    );
    let answers = [(&yes, "approve", "approved"), (&no, "deny", "denied"), (&change, "revision", "pending")];
    for (approval, form, status) in answers {
        let address = format!("/approvals/{approval}/{form}");
        let done = submit(&world.app, &world.ada, &address, &[("decision", "So be it")]).await.expect(303);
        assert_eq!(done.header("location"), "/approvals?done=Your+answer+is+recorded");
        assert_eq!(world.shown(approval).await["status"], status);
    }
    assert_eq!(world.shown(&change).await["revisionNote"], "So be it");
    let inbox = world.page(&world.ada, "/approvals?done=Your+answer+is+recorded").await.text;
    assert!(inbox.contains("Your answer is recorded.") && inbox.contains("waits for a revision"), "{inbox}");
    assert!(!inbox.contains(&yes) && !inbox.contains(&no), "{inbox}");
    let all = world.page(&world.ada, "/approvals?status=all").await.text;
    assert!(all.contains(&yes) && all.contains("So be it") && all.contains(&change), "{all}");
    assert!(!all.contains(&format!("/approvals/{yes}/approve")), "{all}");
}

#[tokio::test]
async fn a_denial_without_a_reason_stays_at_its_field_and_an_old_form_does_nothing() {
    let world = world().await;
    let asked = world.ask(json!({})).await;
    let address = format!("/approvals/{asked}/deny");
    let old = world.page(&world.ada, &address).await.text;
    let refused = send(&world.app, &world.ada, &address, &old, &[("decision", "")]).await.expect(422);
    assert!(refused.text.contains("id=\"decision-error\""), "{}", refused.text);
    let again = json!({ "summary": "Send it to everybody" });
    world.app.post(format!("/api/approvals/{asked}/resubmit"), again).by(&world.by_scout).await.expect(200);
    let refused =
        send(&world.app, &world.ada, &address, &old, &[("decision", "Not today")]).await.expect(412);
    assert!(
        refused.text.contains("Not today") && refused.text.contains("Send it to everybody"),
        "{}",
        refused.text
    );
    assert_eq!(world.shown(&asked).await["status"], "pending");
    let fresh = refused.text;
    send(&world.app, &world.ada, &address, &fresh, &[("decision", "Not today")]).await.expect(303);
    assert_eq!(world.shown(&asked).await["status"], "denied");
}

#[tokio::test]
async fn several_that_ask_for_the_same_are_decided_at_once() {
    let world = world().await;
    let asked = world.ask_for_tasks(3).await;
    let inbox = world.page(&world.ada, "/approvals").await.text;
    assert!(inbox.contains("3 ask for exactly the same"), "{inbox}");
    let address = format!("/approvals/decide?ids={}", asked.join(","));
    let form = world.page(&world.ada, &address).await.text;
    assert!(form.contains("Decide 3 approvals") && form.contains("send_email"), "{form}");

    let missing = [("answer", "deny"), ("decision", "")];
    let refused = send(&world.app, &world.ada, &address, &form, &missing).await.expect(422);
    assert!(refused.text.contains("id=\"decision-error\""), "{}", refused.text);
    let nonsense = [("answer", "shrug"), ("decision", "")];
    let refused = send(&world.app, &world.ada, &address, &form, &nonsense).await.expect(422);
    assert!(refused.text.contains("id=\"answer-error\""), "{}", refused.text);

    let yes = [("answer", "approve"), ("decision", "Fine")];
    let done = send(&world.app, &world.ada, &address, &form, &yes).await.expect(303);
    assert_eq!(done.facts.iter().filter(|fact| &*fact.event_type == "approval.approved").count(), 3);
    for approval in &asked {
        assert_eq!(world.shown(approval).await["status"], "approved");
    }
    send(&world.app, &world.ada, &address, &form, &yes).await.expect(303).recorded(&[]);
}

#[tokio::test]
async fn of_several_those_that_refuse_are_shown_again() {
    let world = world().await;
    let asked = world.ask_for_tasks(2).await;
    let address = format!("/approvals/decide?ids={}", asked.join(","));
    let form = world.page(&world.ada, &address).await.text;
    submit(&world.app, &world.ada, &format!("/approvals/{}/deny", asked[0]), &[("decision", "No")])
        .await
        .expect(303);
    let yes = [("answer", "approve"), ("decision", "Fine")];
    let refused = send(&world.app, &world.ada, &address, &form, &yes).await.expect(409);
    assert!(refused.text.contains("1 of 2 have your answer"), "{}", refused.text);
    assert!(refused.text.contains("Fine") && !refused.text.contains(&asked[1]), "{}", refused.text);
    assert_eq!(world.shown(&asked[1]).await["status"], "approved");
}

#[tokio::test]
async fn different_things_are_not_decided_together() {
    let world = world().await;
    let (one, other) = (
        world.ask(json!({})).await,
        world.ask(json!({ "payload": { "tool": "send_email", "amount": 2 } })).await,
    );
    let address = format!("/approvals/decide?ids={one},{other}");
    let refused = world.app.get(&address).by(&world.ada).await.expect(422);
    assert!(refused.text.contains("different things"), "{}", refused.text);
    world.app.get("/approvals/decide").by(&world.ada).await.expect(422);
    world.app.get(format!("/approvals/decide?ids={one}")).by(&world.eve).await.expect(404);

    let single = format!("/approvals/decide?ids={one}");
    let form = world.page(&world.ada, &single).await.text;
    let changed = json!({ "payload": { "tool": "send_email", "amount": 3 } });
    world.app.post(format!("/api/approvals/{one}/resubmit"), changed).by(&world.by_scout).await.expect(200);
    let yes = [("answer", "approve"), ("decision", "")];
    send(&world.app, &world.ada, &single, &form, &yes).await.expect(409).recorded(&[]);
}

#[tokio::test]
async fn what_was_written_is_shown_as_text() {
    let world = world().await;
    let hostile = json!({
        "summary": SCRIPT, "justification": SCRIPT, "rollbackPlan": SCRIPT,
        "payload": { "tool": SCRIPT, SCRIPT: "\u{202e}turned" },
    });
    let asked = world.ask(hostile).await;
    let deny = format!("/approvals/{asked}/deny");
    for address in
        ["/approvals", &format!("/approvals/{asked}"), &deny, &format!("/approvals/decide?ids={asked}")]
    {
        let page = world.page(&world.ada, address).await;
        harmless(&page);
        assert!(page.text.contains("\\u202eturned"), "{}", page.text);
    }
    submit(&world.app, &world.ada, &deny, &[("decision", SCRIPT)]).await.expect(303);
    harmless(&world.page(&world.ada, "/approvals?status=all").await);
}

#[tokio::test]
async fn who_may_not_decide_sees_no_act_and_nothing_of_others() {
    let world = world().await;
    let asked = world.ask(json!({})).await;
    for reader in [&world.olga, &world.by_scout] {
        let page = world.page(reader, "/approvals").await.text;
        assert!(
            page.contains("Send the newsletter") && !page.contains(&format!("{asked}/approve")),
            "{page}"
        );
    }
    let refused =
        send(&world.app, &world.olga, &format!("/approvals/{asked}/approve"), "", &[]).await.expect(403);
    refused.recorded(&[]);
    world.app.get(format!("/approvals/{asked}/approve")).by(&world.olga).await.expect(403);
    let elsewhere = world.page(&world.eve, "/approvals").await.text;
    assert!(elsewhere.contains("Nothing waits") && !elsewhere.contains("newsletter"), "{elsewhere}");
    world.app.get(format!("/approvals/{asked}")).by(&world.eve).await.expect(404);
    world.app.get(format!("/approvals/{asked}/approve")).by(&world.eve).await.expect(404);
}

#[tokio::test]
async fn a_quorum_shows_who_agreed_and_offers_no_second_yes() {
    let world = world().await;
    let policy = json!({ "approvals": { "redDecisions": 2 } });
    world.app.put("/api/policy", policy).by(&world.ada).await.expect(200);
    let bob = world.app.operator("Bob", &[]).await;
    let asked = world.ask(json!({})).await;
    let address = format!("/approvals/{asked}/approve");
    let form = world.page(&world.ada, &address).await.text;
    assert!(form.contains("It takes 2 deciders; 0 agreed so far"), "{form}");
    submit(&world.app, &world.ada, &address, &[("decision", "Fine by me")]).await.expect(303);
    let of_ada = world.page(&world.ada, "/approvals").await.text;
    assert!(of_ada.contains("1 of 2 agreed") && of_ada.contains("Fine by me"), "{of_ada}");
    assert!(of_ada.contains("You agreed already") && !of_ada.contains(&address), "{of_ada}");
    assert!(world.page(&bob, "/approvals").await.text.contains(&address));
    submit(&world.app, &bob, &address, &[]).await.expect(303);
    assert_eq!(world.shown(&asked).await["status"], "approved");
}
