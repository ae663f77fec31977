use mc_domain::{
    alert::{Alert, Subject},
    values::Name,
};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::{page::Order, script::Script, views::Views};

fn id<I: From<Uuid>>(number: u128) -> I {
    Uuid::from_u128(number).into()
}

fn key(kind: Kind, agent: u128) -> Key {
    Key::new(kind, Subject::Agent(id(agent)))
}

fn raise(script: &mut Script, number: u128, kind: Kind, agent: u128) -> AlertId {
    let alert = id(number);
    script.record::<Alert>(&key(kind, agent), |at| Event::Raised {
        id: alert,
        kind,
        severity: kind.severity(),
        title: Title::new("Scout is silent").unwrap(),
        description: None,
        agent: Some(id(agent)),
        task: Some(id(3)),
        run: None,
        project: id(1),
        at,
    });
    alert
}

fn note(text: &str) -> Option<Reason> {
    Some(Reason::new(text).unwrap())
}

fn list(views: &Views, query: AlertQuery) -> Vec<AlertId> {
    views.alerts.list(&query, &views.agents).unwrap().items.iter().map(|alert| alert.id).collect()
}

#[test]
fn an_alert_is_answered_as_the_contract_says() {
    let mut script = Script::new();
    let alert = raise(&mut script, 9, Kind::AgentStale, 2);
    let stream = key(Kind::AgentStale, 2);
    script.record::<Alert>(&stream, |at| Event::Repeated { id: alert, count: 2, description: None, at });
    script.record::<Alert>(&stream, |at| Event::Acknowledged { id: alert, note: note("looking"), at });
    script.by(Actor::System(Name::new("heartbeats").unwrap()));
    script.record::<Alert>(&stream, |at| Event::Resolved { id: alert, note: None, at });
    let views = script.views();
    assert_eq!(
        serde_json::to_value(views.alerts.view(alert, &views.agents).unwrap()).unwrap(),
        json!({
            "id": "00000000-0000-0000-0000-000000000009",
            "type": "agent_stale",
            "severity": "warning",
            "title": "Scout is silent",
            "description": null,
            "agentId": "00000000-0000-0000-0000-000000000002",
            "taskId": "00000000-0000-0000-0000-000000000003",
            "runId": null,
            "projectId": "00000000-0000-0000-0000-000000000001",
            "status": "resolved",
            "count": 2,
            "createdAt": "2026-02-01T09:00:00.000Z",
            "lastAt": "2026-02-01T09:00:01.000Z",
            "acknowledgedAt": "2026-02-01T09:00:02.000Z",
            "acknowledgedBy": { "type": "human", "id": "Sofie", "name": "Sofie" },
            "resolvedAt": "2026-02-01T09:00:03.000Z",
            "resolvedBy": { "type": "system", "id": "heartbeats", "name": "heartbeats" },
            "note": "looking",
            "version": 4,
        })
    );
}

#[test]
fn a_new_episode_does_not_touch_the_one_before() {
    let mut script = Script::new();
    let first = raise(&mut script, 1, Kind::AgentStale, 2);
    script.record::<Alert>(&key(Kind::AgentStale, 2), |at| Event::Resolved { id: first, note: None, at });
    let second = raise(&mut script, 2, Kind::AgentStale, 2);
    let views = script.views();
    let status = |alert| views.alerts.view(alert, &views.agents).unwrap().status;
    assert_eq!((status(first), status(second)), (Status::Resolved, Status::Open));
    assert_eq!(views.alerts.key(first), views.alerts.key(second));
    assert_eq!(views.alerts.key(id(7)), None);
}

#[test]
fn alerts_are_filtered_and_sorted() {
    let mut script = Script::new();
    let quarantined = raise(&mut script, 1, Kind::AgentQuarantined, 2);
    let stale = raise(&mut script, 2, Kind::AgentStale, 2);
    let spent = raise(&mut script, 3, Kind::BudgetExceeded, 5);
    script.record::<Alert>(&key(Kind::AgentStale, 2), |at| Event::Ignored { id: stale, note: None, at });
    let views = script.views();
    let all = AlertQuery::default;
    assert_eq!(list(&views, all()), [spent, stale, quarantined]);
    assert_eq!(list(&views, AlertQuery { resolved: Some(false), ..all() }), [spent, quarantined]);
    assert_eq!(list(&views, AlertQuery { resolved: Some(true), ..all() }), [stale]);
    assert_eq!(list(&views, AlertQuery { status: vec![Status::Open], ..all() }), [spent, quarantined]);
    assert_eq!(list(&views, AlertQuery { severity: vec![Severity::Critical], ..all() }), [quarantined]);
    assert_eq!(list(&views, AlertQuery { kind: vec![Kind::BudgetExceeded], ..all() }), [spent]);
    assert_eq!(list(&views, AlertQuery { agent: vec![id(2)], ..all() }), [stale, quarantined]);
    assert_eq!(list(&views, AlertQuery { task: vec![id(4)], ..all() }), []);
    assert_eq!(list(&views, AlertQuery { reach: Reach::of(id(4)), ..all() }), []);
    let worst = AlertQuery { sort: Some(AlertSort::Severity), ..all() };
    assert_eq!(list(&views, worst.clone()), [quarantined, spent, stale]);
    assert_eq!(list(&views, AlertQuery { order: Some(Order::Asc), ..worst }), [stale, spent, quarantined]);
    let unresolved: Vec<_> =
        views.alerts.unresolved(&Reach::All, &views.agents).map(|alert| alert.id).collect();
    assert_eq!(unresolved, [quarantined, spent]);
    assert_eq!(views.alerts.open_by_severity(&Reach::All)[&Severity::Critical], 1);
    assert_eq!(views.alerts.open_by_severity(&Reach::All)[&Severity::Info], 0);
}
