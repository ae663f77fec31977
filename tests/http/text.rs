//! Texts that people read: those that show nothing, hide something, or look like another.

use mc_domain::{
    actor::Actor,
    agent::{Agent, Command, Profile, Role},
    aggregate::CommandContext,
    ids::{AgentId, ProjectId},
    reservation::{Event, Holder, Key, Reservation},
    values::Name,
};
use mc_server::refusal::Refused;
use mc_store::repository::CommandEnvelope;
use serde_json::json;

use crate::app::{App, plan};

/// Invisible characters: a direction mark, a zero-width space, a soft hyphen, an override, a selector, a filler.
const UNSEEN: [&str; 6] = ["\u{200f}", "\u{200b}", "\u{ad}", "\u{202e}", "\u{fe0f}", "\u{3164}"];

#[tokio::test]
async fn names_that_hide_something_or_mix_look_alikes_are_refused() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    let look_alikes = ["S\u{441}out", "\u{405}ofie", "S\u{43e}fie"].map(str::to_owned);
    for name in UNSEEN.iter().map(|unseen| format!("So{unseen}fie")).chain(look_alikes) {
        app.post("/api/agents", json!({ "name": name })).await.refused_fields(&["name"]);
        let project = json!({ "name": name, "slug": "elsewhere" });
        app.post("/api/projects", project).await.refused_fields(&["name"]);
        app.patch(format!("/api/agents/{scout}"), json!({ "name": name })).await.refused_fields(&["name"]);
        app.patch("/api/projects/openclaw", json!({ "name": name })).await.refused_fields(&["name"]);
        let task = json!({ "title": "X", "type": "docs", "actor": { "type": "human", "id": name } });
        app.post("/api/tasks", task).await.refused_fields(&["actor.id"]);
        let spawn = json!({ "name": name, "purpose": "help" });
        app.post(format!("/api/agents/{scout}/spawn"), spawn).await.refused_fields(&["name"]);
    }
    let refused = app.post("/api/agents", json!({ "name": "Sc\u{ad}out" })).await.refused_fields(&["name"]);
    assert!(
        refused["errors"][0]["message"].as_str().unwrap().ends_with("such as U+00AD"),
        "{}",
        refused.text
    );
}

#[tokio::test]
async fn a_text_of_which_nothing_can_be_seen_is_none() {
    let app = App::new().await;
    let (scout, task) = (app.agent("Scout").await, app.task("Pricing").await);
    for unseen in UNSEEN {
        let unseen = format!("{unseen} \u{200b}\n");
        app.post("/api/tasks", json!({ "title": unseen, "type": "docs" })).await.refused_fields(&["title"]);
        app.post("/api/agents", json!({ "name": unseen })).await.refused_fields(&["name"]);
        app.patch(format!("/api/tasks/{task}"), json!({ "title": unseen })).await.refused_fields(&["title"]);
        let message = json!({ "content": unseen });
        app.post(format!("/api/tasks/{task}/messages"), message).await.refused_fields(&["content"]);
        let reason = json!({ "reason": unseen });
        app.post(format!("/api/agents/{scout}/pause"), reason.clone()).await.refused_fields(&["reason"]);
        app.post("/api/emergency/pause-squad", reason).await.refused_fields(&["reason"]);
        let blocked = json!({ "toStatus": "blocked", "blockedReason": unseen });
        app.post(format!("/api/tasks/{task}/transition"), blocked).await.refused_fields(&["blockedReason"]);
        let label = json!({ "title": "X", "type": "docs", "labels": ["a", unseen] });
        app.post("/api/tasks", label).await.refused_fields(&["labels[1]"]);
    }
}

#[tokio::test]
async fn what_is_decided_on_is_what_it_looks_like() {
    let app = App::new().await;
    app.agent("Scout").await;
    let ask = json!({
        "agentId": "scout", "actionType": "tool_call", "risk": "red",
        "summary": "Send the newsletter", "justification": "It is tested",
    });
    let with = |field: &str, text: &str| {
        let mut ask = ask.clone();
        ask[field] = json!(text);
        ask
    };
    for field in ["summary", "justification", "rollbackPlan"] {
        for text in ["Send \u{202e}gnp.exe", "Se\u{200b}nd", "S\u{435}nd the newsletter", "Send \u{2066}it"] {
            app.post("/api/approvals", with(field, text)).await.refused_fields(&[field]);
        }
        app.post("/api/approvals", with(field, "\u{200b}")).await.refused_fields(&[field]);
    }
    let summary = "Предложить 10μs 👩\u{200d}💻 می\u{200c}خواهم 山田アシスタント";
    let asked = app.post("/api/approvals", with("summary", summary)).await.expect(201);
    assert_eq!(asked["summary"], summary);
    let again = json!({ "agentId": "scout", "summary": "Send \u{202e}it" });
    let resubmit = app.post(format!("/api/approvals/{}/resubmit", asked.id()), again);
    resubmit.await.refused_fields(&["summary"]);
}

#[tokio::test]
async fn a_slug_says_what_is_wrong_with_it_once() {
    let app = App::new().await;
    for slug in ["a--b", "A", "a\u{200b}", "a\u{0}", "\u{200b}", "x".repeat(64).as_str()] {
        let body = json!({ "name": "X", "slug": slug });
        let refused = app.post("/api/projects", body).await.refused_fields(&["slug"]);
        let message = refused["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("single hyphens between them"), "{slug:?}: {message}");
    }
}

/// Records an agent of an older version, which took only upper and lower case for equal and so reserved one key.
async fn registered_before(app: &App, name: &str) -> AgentId {
    let project = app.get("/api/projects/openclaw").await.expect(200).id();
    let project: ProjectId = project.parse().unwrap();
    let name: Name = serde_json::from_value(json!(name)).unwrap();
    let context = CommandContext::new(app.now(), Actor::Human(Name::new("Sofie").unwrap()));
    let id = AgentId::new(uuid::Uuid::now_v7());
    let envelope = CommandEnvelope::new(context);
    let registered = app.state().repository().execute(&envelope, |tx| {
        let key = Key::of_agent_before(project, &name).unwrap_or(Key::agent(project, &name));
        let (key, agent) = (tx.get::<Reservation>(&key)?, tx.create::<Agent>(id));
        tx.record_in(Some(project), &key, vec![Event::Reserved { holder: Holder::Agent(id) }])?;
        let profile = Profile::new(name.clone(), Role::Intern);
        tx.execute(&agent, Command::Register { project, profile, parent: None, purpose: None })?;
        Ok::<_, Refused>(())
    });
    registered.await.unwrap();
    id
}

#[tokio::test]
async fn a_name_is_one_however_it_is_composed() {
    let app = App::new().await;
    let zoe = app.agent("Zo\u{eb}").await;
    let again = app.post("/api/agents", json!({ "name": "ZOE\u{308}" })).await.expect(200).recorded(&[]);
    assert_eq!((again.id(), &again["name"]), (zoe.clone(), &json!("Zo\u{eb}")));
    for path in ["Zo%C3%AB", "zoe%CC%88", "ZO%C3%8B", zoe.as_str()] {
        assert_eq!(app.get(format!("/api/agents/{path}")).await.expect(200).id(), zoe);
    }
    app.agent("Zoe").await;
    let renamed = app.patch(format!("/api/agents/{zoe}"), json!({ "name": "Zoe\u{308}" })).await.expect(200);
    renamed.recorded(&["agent.profile_changed"]);
    let taken =
        app.patch("/api/agents/zoe", json!({ "name": "zO\u{eb}" })).await.refused(409, "already_exists");
    assert_eq!(taken["holder"]["agentId"], zoe);
}

#[tokio::test]
async fn names_that_are_taken_for_each_other_are_not_both_given() {
    let app = App::new().await;
    let (coco, agent) = (app.agent("Coco").await, app.agent("Agent 1").await);
    app.agent("Other").await;
    for (name, holder) in [("\u{421}\u{43e}\u{441}\u{43e}", &coco), ("Agent l", &agent), ("AGENT I", &agent)]
    {
        let refused = app.post("/api/agents", json!({ "name": name })).await.refused(409, "already_exists");
        assert_eq!(&refused["holder"]["agentId"], holder, "{name}");
        let rename = app.patch("/api/agents/other", json!({ "name": name }));
        rename.await.refused(409, "already_exists");
    }
    app.post("/api/projects", json!({ "name": "Elsewhere", "slug": "elsewhere" })).await.expect(201);
    app.post("/api/agents", json!({ "name": "Agent l", "project": "elsewhere" })).await.expect(201);
    app.patch(format!("/api/agents/{agent}"), json!({ "name": "Agent" })).await.expect(200);
    app.post("/api/agents", json!({ "name": "Agent l" })).await.expect(201);
}

#[tokio::test]
async fn no_agent_takes_an_operators_name_but_the_seat_that_the_operator_gives() {
    let app = App::new().await;
    let scout = app.agent("Scout").await;
    for name in ["Sofie", "SOFIE", "\u{ff33}ofie", "SOFlE"] {
        app.post("/api/agents", json!({ "name": name })).await.refused_fields(&["name"]);
        app.patch(format!("/api/agents/{scout}"), json!({ "name": name })).await.refused_fields(&["name"]);
    }
    let by_agent = json!({ "name": "Sofie", "actor": { "type": "agent", "id": "scout" } });
    app.patch(format!("/api/agents/{scout}"), by_agent).await.refused_fields(&["name"]);
    app.post("/api/agents", json!({ "name": "Sofie", "role": "cao" })).await.expect(201);
    app.post("/api/agents", json!({ "name": "sofie" })).await.expect(200).recorded(&[]);
}

#[tokio::test]
async fn names_that_were_given_before_are_found_kept_and_not_given_again() {
    let app = App::on_disk().await;
    let hermes = registered_before(&app, "Hermes").await.to_string();
    let composed = registered_before(&app, "Zo\u{eb}").await.to_string();
    let decomposed = registered_before(&app, "Zoe\u{308}").await.to_string();
    let hidden = registered_before(&app, "Sc\u{200b}out").await.to_string();
    let app = app.restarted().await;
    for (name, id) in
        [("hermes", &hermes), ("Zo%C3%AB", &composed), ("Zoe%CC%88", &decomposed), ("scout", &hidden)]
    {
        assert_eq!(&app.get(format!("/api/agents/{name}")).await.expect(200).id(), id, "{name}");
    }
    for (name, id) in
        [("HERMES", &hermes), ("Zo\u{eb}", &composed), ("Zoe\u{308}", &decomposed), ("Scout", &hidden)]
    {
        let known = app.post("/api/agents", json!({ "name": name })).await.expect(200);
        assert_eq!(&known.id(), id, "{name}");
    }
    let refused = app.post("/api/agents", json!({ "name": "Herrnes" })).await.refused(409, "already_exists");
    assert_eq!(refused["holder"]["agentId"], hermes);
    app.patch("/api/agents/hermes", json!({ "name": "Mercury" })).await.expect(200);
    let second = app.post("/api/agents", json!({ "name": "Hermes" })).await.expect(201).id();
    assert_ne!(second, hermes);
    let app = app.restarted().await;
    assert_eq!(app.get("/api/agents/hermes").await.expect(200).id(), second);
    assert_eq!(app.get("/api/agents/mercury").await.expect(200).id(), hermes);
}

#[tokio::test]
async fn a_search_finds_a_word_however_it_is_typed() {
    let app = App::new().await;
    let task = app.task("Open the Caf\u{e9}").await;
    app.task("Something else").await;
    for search in ["caf%C3%A9", "cafe%CC%81", "CAF%C3%89", "cafe", "%EF%BC%A3afe", "the%20%20cafe"] {
        let found = app.get(format!("/api/tasks?search={search}")).await.expect(200);
        assert_eq!(found.column("id"), [&task], "{search}");
    }
}

#[tokio::test]
async fn mentions_are_the_longest_known_names_and_unknown_ones_come_back() {
    let app = App::new().await;
    for name in ["QA", "QA Engineer", "小明", "O'Brien", "Nova"] {
        app.agent(name).await;
    }
    let task = app.task("Pricing").await;
    let messages = format!("/api/tasks/{task}/messages");
    let body = json!({ "content": "@QA Engineer, 请@小明看 @O'Brien. me@nova.example @nam and @nam", "agentId": "Nova" });
    let said = app.post(&messages, body.clone()).key("once").await.expect(201);
    let names: Vec<_> =
        said["mentions"].as_array().unwrap().iter().map(|who| who["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["QA Engineer", "小明", "O'Brien"]);
    assert_eq!(said["unknownMentions"], json!(["nam"]));
    app.agent("nam").await;
    let again = app.post(&messages, body).key("once").await.expect(201);
    assert!(again.is_replayed());
    assert_eq!(again.body, said.body);
    let plain = app.post(&messages, json!({ "content": "Nobody" })).await.expect(201);
    assert!(plain.body.get("unknownMentions").is_none());
    let listed = app.get(&messages).await.expect(200);
    assert!(listed.body[0].get("unknownMentions").is_none());
}

#[tokio::test]
async fn documents_of_ours_show_texts_of_others_as_text() {
    let app = App::new().await;
    let scout = app.agent("# <b>Scout</b>").await;
    let evil = "## Forged\n\n```\n<script>x</script> ![p](http://e) [l](http://e) \u{202e}";
    let title = "# <img src=x> \u{202e}[l](http://e)";
    let body = json!({ "title": title, "description": evil, "type": "docs", "assigneeIds": [scout] });
    let task = app.post("/api/tasks", body).await.expect(201).id();
    app.moved(&task, json!({ "toStatus": "in_progress", "workPlan": plan() })).await;
    for _ in 0..2 {
        let message =
            json!({ "content": evil, "artifacts": [{ "name": evil.replace('\n', " "), "url": "x> <b>" }] });
        app.post(format!("/api/tasks/{task}/messages"), message).await.expect(201);
    }
    app.moved(&task, json!({ "toStatus": "blocked", "blockedReason": evil })).await;
    for path in ["/api/standup?format=markdown".to_owned(), format!("/api/tasks/{task}/report")] {
        let document = app.get(&path).await.expect(200).text;
        for line in document.lines() {
            let ours = line.trim_start_matches(['>', ' ', '-']);
            for live in ["<", "![", "```", "# Forged", "# <"] {
                assert!(!ours.starts_with(live), "{path}: {line}");
            }
            assert!(
                !line.contains(" <") && !line.replace(r"\]", "").contains("](") && !line.contains('\u{202e}'),
                "{path}: {line}"
            );
        }
        assert!(document.contains(r"\u\{202e\}"), "{document}");
    }
    let activity = app.get("/api/activity").await.expect(200);
    assert!(!activity.column("summary").iter().any(|summary| summary.contains('\u{202e}')));
    assert_eq!(
        app.get(format!("/api/tasks/{task}")).await["title"],
        title,
        "answers in JSON are as they were sent"
    );
}
