use chrono::TimeDelta;
use mc_domain::{
    agent::{Correction, Role},
    ids::{LeaseId, TaskId},
    policy::{Policy, document::Document},
};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::{page::Order, script::Script};

fn project() -> ProjectId {
    ProjectId::new(Uuid::from_u128(1))
}

fn register(script: &mut Script, number: u128, name: &str) -> AgentId {
    let profile = Profile::new(Name::new(name).unwrap(), Role::Intern);
    script.agent(number, |at| Event::Registered {
        project: project(),
        profile,
        parent: None,
        purpose: None,
        at,
    })
}

/// What a run costs that nobody expected anything of.
fn spend(script: &mut Script, number: u128, cents: u32) {
    let id = AgentId::new(Uuid::from_u128(number));
    let key = budget::Key::AgentDay(id, script.now().date_naive());
    let spent = script.fold::<Agents>().rows.get(id).unwrap().budget_of(script.now().date_naive()).spent;
    let cost = Usd::cents(cents);
    script.record::<budget::Budget>(&key, |at| budget::Event::Settled {
        run: RunId::new(Uuid::from_u128(1)),
        cost,
        priced: true,
        released: Usd::ZERO,
        reserved_after: Usd::ZERO,
        spent_after: spent.plus(cost),
        overrun: None,
        at,
    });
}

#[test]
fn an_agent_is_answered_as_the_contract_says() {
    let mut script = Script::new();
    let id = register(&mut script, 2, "Scout");
    let agents: Agents = script.fold();
    let shown = serde_json::to_value(agents.view(id, script.now(), None).unwrap()).unwrap();
    assert_eq!(
        shown,
        json!({
            "id": "00000000-0000-0000-0000-000000000002",
            "name": "Scout",
            "emoji": null,
            "projectId": "00000000-0000-0000-0000-000000000001",
            "role": "intern",
            "status": "active",
            "pauseReason": null,
            "allowedTaskTypes": [],
            "allowedTools": [],
            "budgets": { "dailyCap": 2, "perRunCap": 0.25 },
            "todaySpend": 0,
            "reserved": 0,
            "retired": false,
            "remaining": 2,
            "totalSpend": 0,
            "errorStreak": 0,
            "lastError": null,
            "currentTaskId": null,
            "leaseId": null,
            "currentRunId": null,
            "openRunIds": [],
            "lastHeartbeat": null,
            "heartbeatIntervalSecs": 0,
            "stale": false,
            "parentAgentId": null,
            "purpose": null,
            "parentTaskId": null,
            "servesUntil": null,
            "childAgentIds": [],
            "sessionKey": null,
            "registeredAt": "2026-02-01T09:00:00.000Z",
            "updatedAt": "2026-02-01T09:00:00.000Z",
            "version": 1,
        })
    );
}

#[test]
fn an_agent_may_be_silent_as_long_as_it_declared_and_the_policy_adds() {
    let mut script = Script::new();
    let id = register(&mut script, 1, "Scout");
    let mut profile = Profile::new(Name::new("Scout").unwrap(), Role::Intern);
    profile.heartbeat_interval_secs = 15 * 60;
    script.agent(1, |_| Event::ProfileChanged { profile });
    let heard = script.fold::<Agents>().rows.get(id).unwrap().in_service_since;
    let stale = |script: &Script, minutes| {
        let agents: Agents = script.fold();
        agents.view(id, heard + TimeDelta::minutes(minutes), None).unwrap().stale
    };
    assert_eq!([20, 21].map(|minutes| stale(&script, minutes)), [false, true]);
    publish(&mut script, Scope::Global, 60);
    assert_eq!([16, 17].map(|minutes| stale(&script, minutes)), [false, true]);
    publish(&mut script, Scope::Project(project()), 3600);
    assert_eq!([75, 76].map(|minutes| stale(&script, minutes)), [false, true]);
}

fn publish(script: &mut Script, scope: Scope, stale_after_secs: u32) {
    let mut document = Document::default();
    document.timeouts.stale_after_secs = stale_after_secs;
    let document = Box::new(document);
    script.record::<Policy>(&scope, |at| policy::Event::Published { version: 1, document, at });
}

#[test]
fn a_heartbeat_that_is_not_in_the_log_counts_as_a_sign_of_life() {
    let mut script = Script::new();
    let id = register(&mut script, 1, "Scout");
    let agents: Agents = script.fold();
    let later = script.now() + TimeDelta::minutes(30);
    assert!(agents.view(id, later, None).unwrap().stale);
    let seen = agents.view(id, later, Some(later)).unwrap();
    assert!(!seen.stale);
    assert_eq!(seen.last_heartbeat, Some(later.into()));
}

#[test]
fn coming_back_from_offline_is_a_sign_of_life() {
    let mut script = Script::new();
    let id = register(&mut script, 1, "Scout");
    script.agent(1, |_| Event::SignedOff { note: None });
    script.wait(TimeDelta::hours(8)).agent(1, |at| Event::SignedOn { at });
    let agents: Agents = script.fold();
    assert!(!agents.view(id, script.now(), None).unwrap().stale);
}

#[test]
fn spend_of_another_day_is_not_todays() {
    let mut script = Script::new();
    let id = register(&mut script, 1, "Scout");
    spend(&mut script, 1, 150);
    let today = script.now();
    let first: Agents = script.fold();
    assert_eq!(first.view(id, today, None).unwrap().today_spend.0, Usd::cents(150));
    assert_eq!(first.view(id, today + TimeDelta::days(1), None).unwrap().today_spend.0, Usd::ZERO);

    let key = budget::Key::AgentDay(id, script.now().date_naive());
    let (spent_before, spent_after) = (Usd::cents(150), Usd::cents(100));
    script.record::<budget::Budget>(&key, |at| budget::Event::Adjusted { spent_before, spent_after, at });
    let corrected = script.fold::<Agents>();
    assert_eq!(corrected.view(id, script.now(), None).unwrap().today_spend.0, Usd::cents(100));

    script.wait(TimeDelta::days(1));
    spend(&mut script, 1, 30);
    let agents: Agents = script.fold();
    let view = agents.view(id, script.now(), None).unwrap();
    assert_eq!((view.today_spend.0, view.total_spend.0), (Usd::cents(30), Usd::cents(180)));
}

#[test]
fn a_reset_leaves_a_clean_slate() {
    let mut script = Script::new();
    let id = register(&mut script, 1, "Scout");
    let error = Some(Reason::new("connection reset").unwrap());
    script.agent(1, |at| Event::HeartbeatRecorded { at, session_key: None, error, error_streak: 5 });
    script.agent(1, |_| Event::Quarantined { note: None });
    let agents: Agents = script.fold();
    let view = agents.view(id, script.now(), None).unwrap();
    assert_eq!((view.status, view.error_streak), (Status::Quarantined, 5));
    assert!(view.last_error.is_some());

    script.agent(1, |at| Event::Corrected {
        status: Some(Correction { before: Status::Quarantined, after: Status::Active }),
        error_streak: Some(Correction { before: 5, after: 0 }),
        today_spend: None,
        at,
    });
    let agents: Agents = script.fold();
    let view = agents.view(id, script.now(), None).unwrap();
    assert_eq!((view.status, view.error_streak, view.last_error), (Status::Active, 0, None));
}

#[test]
fn only_a_paused_agent_has_a_reason_for_it() {
    let mut script = Script::new();
    let id = register(&mut script, 1, "Scout");
    script.agent(1, |_| Event::Paused { reason: PauseReason::Squad, note: None });
    let reason = |script: &Script| script.views().agents.view(id, script.now(), None).unwrap().pause_reason;
    assert_eq!(reason(&script), Some(PauseReason::Squad));
    script.agent(1, |at| Event::Resumed { from: Status::Paused, note: None, at: Some(at) });
    assert_eq!(reason(&script), None);
}

#[test]
fn a_hold_is_shown_until_its_lease_is_over() {
    let mut script = Script::new();
    let id = register(&mut script, 1, "Scout");
    let (task, lease) = (TaskId::new(Uuid::from_u128(7)), LeaseId::new(Uuid::from_u128(8)));
    script.agent(1, |_| Event::Engaged { task, lease });
    let held = |script: &Script| script.views().agents.view(id, script.now(), None).unwrap().current_task_id;
    assert_eq!(held(&script), Some(task));
    script.agent(1, |_| Event::Released { task, lease, ending: mc_domain::agent::Ending::Submitted });
    assert_eq!(held(&script), None);
}

#[test]
fn a_renamed_agent_is_found_by_its_new_name_only() {
    let mut script = Script::new();
    let id = register(&mut script, 1, "Scout");
    let profile = Profile::new(Name::new("Ranger").unwrap(), Role::Intern);
    script.agent(1, |_| Event::ProfileChanged { profile });
    let agents: Agents = script.fold();
    assert_eq!(agents.named(project(), "RANGER"), Some(id));
    assert_eq!(agents.named(project(), "scout"), None);
    assert_eq!(agents.find("ranger", None), [id]);
    assert_eq!(agents.find("ranger", Some(ProjectId::new(Uuid::from_u128(2)))), []);
    assert_eq!(agents.find(&id.to_string(), None), [id]);
}

#[test]
fn agents_are_filtered_and_sorted() {
    let mut script = Script::new();
    let (echo, nova, atlas) = (
        register(&mut script, 1, "echo"),
        register(&mut script, 2, "Nova"),
        register(&mut script, 3, "Atlas"),
    );
    spend(&mut script, 2, 90);
    spend(&mut script, 3, 40);
    script.agent(1, |_| Event::Quarantined { note: None });
    let agents: Agents = script.fold();
    let list = |query: AgentQuery| {
        let page = agents.list(&query, script.now(), |_| None).unwrap();
        page.items.iter().map(|agent| agent.id).collect::<Vec<_>>()
    };
    let by = |sort, order| AgentQuery { sort: Some(sort), order, ..AgentQuery::default() };
    assert_eq!(list(AgentQuery::default()), [atlas, nova, echo]);
    assert_eq!(list(by(AgentSort::Name, None)), [atlas, echo, nova]);
    assert_eq!(list(by(AgentSort::TodaySpend, None)), [nova, atlas, echo]);
    assert_eq!(list(by(AgentSort::TodaySpend, Some(Order::Asc))), [echo, atlas, nova]);
    assert_eq!(list(AgentQuery { status: vec![Status::Quarantined], ..AgentQuery::default() }), [echo]);
    assert_eq!(list(AgentQuery { role: vec![Role::Lead], ..AgentQuery::default() }), []);
    assert_eq!(list(AgentQuery { stale: Some(true), ..AgentQuery::default() }), []);
}
