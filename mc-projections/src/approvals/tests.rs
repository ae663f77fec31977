use chrono::TimeDelta;
use mc_domain::{
    approval::{Action, ActionType, Approval, Risk, Terms},
    money::Usd,
    values::{Name, Text},
};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::{page::Order, script::Script, views::Views};

fn id<I: From<Uuid>>(number: u128) -> I {
    Uuid::from_u128(number).into()
}

fn sofie() -> Actor {
    Actor::Human(Name::new("Sofie").unwrap())
}

fn reason(text: &str) -> Reason {
    Reason::new(text).unwrap()
}

fn ask(risk: Risk) -> Ask {
    let summary = reason("Send the newsletter");
    let terms = Terms {
        summary: summary.clone(),
        risk,
        justification: Text::new("The campaign starts today").unwrap(),
        rollback_plan: None,
        estimated_cost: Some(Usd::cents(50)),
        payload: None,
    };
    Ask::new(&Action::new(ActionType::ToolCall, None, &summary), terms)
}

fn request(script: &mut Script, number: u128, risk: Risk, task: Option<u128>) -> ApprovalId {
    let approval = id(number);
    script.record::<Approval>(&approval, |at| Event::Requested {
        requestor: Actor::Agent(id(2)),
        subject: Subject {
            project: id(1),
            task: task.map(id),
            agent: Some(id(2)),
            action_type: ActionType::ToolCall,
        },
        ask: ask(risk),
        required_decisions: Quorum::Two,
        expires_at: at + TimeDelta::hours(24),
        at,
    });
    approval
}

fn record(script: &mut Script, number: u128, event: impl FnOnce(DateTime<Utc>) -> Event) {
    script.record::<Approval>(&id(number), event);
}

fn approve(script: &mut Script, number: u128) {
    let request_hash = ask(Risk::Red).request_hash().clone();
    record(script, number, |at| Event::Approved {
        by: sofie(),
        note: Some(reason("go on")),
        request_hash,
        at,
    });
}

fn list(views: &Views, query: ApprovalQuery) -> Vec<ApprovalId> {
    views.approvals.list(&query, &views.agents).unwrap().items.iter().map(|approval| approval.id).collect()
}

#[test]
fn an_approval_is_answered_as_the_contract_says() {
    let mut script = Script::new();
    let approval = request(&mut script, 9, Risk::Red, Some(3));
    approve(&mut script, 9);
    let views = script.views();
    let by = json!({ "type": "human", "id": "Sofie", "name": "Sofie" });
    let agent = "00000000-0000-0000-0000-000000000002";
    assert_eq!(
        serde_json::to_value(views.approvals.view(approval, &views.agents).unwrap()).unwrap(),
        json!({
            "id": "00000000-0000-0000-0000-000000000009",
            "projectId": "00000000-0000-0000-0000-000000000001",
            "taskId": "00000000-0000-0000-0000-000000000003",
            "agentId": agent,
            "requestedBy": { "type": "agent", "id": agent, "name": agent },
            "actionType": "tool_call",
            "summary": "Send the newsletter",
            "risk": "red",
            "justification": "The campaign starts today",
            "rollbackPlan": null,
            "estimatedCost": 0.5,
            "payload": null,
            "contentHash": "85b783d686efaae0c5b591458d8ffd26dd65033bd4e9872ae765a990292de452",
            "status": "approved",
            "revisionNote": null,
            "requiredDecisions": 2,
            "decisions": [{
                "by": by,
                "decision": "approved",
                "note": "go on",
                "superseded": false,
                "at": "2026-02-01T09:00:01.000Z",
            }],
            "createdAt": "2026-02-01T09:00:00.000Z",
            "expiresAt": "2026-02-02T09:00:00.000Z",
            "escalatedAt": null,
            "decidedAt": "2026-02-01T09:00:01.000Z",
            "decidedBy": by,
            "decision": "go on",
            "usedInRun": null,
            "version": 2,
        })
    );
}

#[test]
fn only_what_waits_is_listed_unless_asked_otherwise() {
    let mut script = Script::new();
    let first = request(&mut script, 1, Risk::Red, Some(3));
    let second = request(&mut script, 2, Risk::Yellow, None);
    let third = request(&mut script, 3, Risk::Yellow, Some(3));
    record(&mut script, 3, |at| Event::Escalated { at });
    approve(&mut script, 1);
    let views = script.views();
    let all = || ApprovalQuery { status: Status::ALL.to_vec(), ..ApprovalQuery::default() };
    assert_eq!(list(&views, ApprovalQuery::default()), [third, second]);
    assert_eq!(list(&views, all()), [third, second, first]);
    assert_eq!(list(&views, ApprovalQuery { order: Some(Order::Asc), ..all() }), [first, second, third]);
    assert_eq!(list(&views, ApprovalQuery { task: vec![id(3)], ..all() }), [third, first]);
    assert_eq!(list(&views, ApprovalQuery { risk: vec![Risk::Red], ..all() }), [first]);
    assert_eq!(list(&views, ApprovalQuery { agent: vec![id(5)], ..all() }), []);
    assert_eq!(list(&views, ApprovalQuery { reach: Reach::of(id(5)), ..all() }), []);
    assert_eq!(list(&views, ApprovalQuery { status: vec![Status::Escalated], ..all() }), [third]);
    let next_to_expire = ApprovalQuery { sort: Some(ApprovalSort::ExpiresAt), ..all() };
    assert_eq!(list(&views, next_to_expire), [first, second, third]);
    assert_eq!(views.approvals.open_count(&Reach::of(id(1))), 2);
}

#[test]
fn what_was_endorsed_no_longer_counts_when_something_else_is_asked_for() {
    let mut script = Script::new();
    let approval = request(&mut script, 1, Risk::Red, None);
    let request_hash = ask(Risk::Red).request_hash().clone();
    record(&mut script, 1, |at| Event::Endorsed { by: sofie(), note: None, request_hash, at });
    record(&mut script, 1, |at| Event::RevisionRequested { by: sofie(), note: reason("fewer"), at });
    let views = script.views();
    let view = views.approvals.view(approval, &views.agents).unwrap();
    assert_eq!((view.status, view.revision_note), (Status::Pending, Some(&reason("fewer"))));
    record(&mut script, 1, |at| Event::Resubmitted {
        ask: ask(Risk::Yellow),
        required_decisions: Some(Quorum::One),
        at,
    });
    let views = script.views();
    let view = views.approvals.view(approval, &views.agents).unwrap();
    assert_eq!((view.risk, view.revision_note), (Risk::Yellow, None));
    assert!(view.decisions.len() == 2 && view.decisions.iter().all(|decision| decision.superseded));
}
