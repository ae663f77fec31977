#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::role::Role;

fn pointers(errors: Vec<DocumentError>) -> Vec<String> {
    errors.into_iter().map(|error| error.pointer).collect()
}

fn refused(value: Value) -> Vec<String> {
    pointers(Document::from_rest(&value).unwrap_err())
}

#[test]
fn the_default_document_is_valid_and_survives_both_round_trips() {
    let document = Document::default();
    assert_eq!(document.validate(), Ok(()));
    assert_eq!(Document::from_rest(&document.to_rest()), Ok(document.clone()));
    assert_eq!(Document::parse(&serde_json::to_value(&document).unwrap()), Ok(document));
    assert_eq!(Document::from_rest(&json!({})), Ok(Document::default()));
}

#[test]
fn money_is_dollars_outside_and_micro_dollars_inside() {
    let document = Document::default();
    let (rest, stored) = (document.to_rest(), serde_json::to_value(&document).unwrap());
    assert_eq!(rest["roles"]["intern"], json!({ "dailyCap": 2, "perRunCap": 0.25, "maySpawn": false }));
    assert_eq!(rest["taskBudgets"]["engineering"], json!(8));
    assert_eq!(stored["roles"]["intern"]["dailyCapMicroUsd"], json!(2_000_000));
    assert_eq!(stored["taskBudgetsMicroUsd"]["engineering"], json!(8_000_000));
    assert!(!rest.to_string().contains("MicroUsd"));
}

#[test]
fn the_figures_are_those_of_the_domain() {
    let document = Document::default();
    let caps = |role| (document.roles.of(role).daily_cap, document.roles.of(role).per_run_cap);
    assert_eq!(caps(Role::Intern), (Usd::cents(200), Usd::cents(25)));
    assert_eq!(caps(Role::Specialist), (Usd::cents(500), Usd::cents(75)));
    assert_eq!(caps(Role::Lead), (Usd::cents(1200), Usd::cents(150)));
    assert_eq!(caps(Role::Cao), (Usd::cents(2500), Usd::cents(300)));
    assert_eq!((document.thresholds.warning_percent, document.thresholds.error_percent), (80, 95));
    assert_eq!(
        (document.spawn.max_children, document.spawn.max_depth, document.spawn.max_active_agents),
        (3, 2, 30)
    );
    assert_eq!(document.spawn.retire_after_secs, 21_600);
    assert_eq!(
        (document.approvals.expires_after_secs, document.approvals.escalates_after_secs),
        (86_400, 1800)
    );
    assert_eq!(document.task_budgets.len(), 8);
    assert_eq!(document.limits.max_thread_messages, 2_000);
}

#[test]
fn limits_are_shown_always_and_stored_where_they_are_not_the_defaults() {
    let as_by_default = Document::default();
    assert_eq!(
        as_by_default.to_rest()["limits"],
        json!({ "maxThreadMessages": 2_000, "maxAgents": 200, "maxOpenTasks": 1_000 })
    );
    assert_eq!(serde_json::to_value(&as_by_default).unwrap().get("limits"), None);
    let published = Document::from_rest(&json!({ "limits": { "maxThreadMessages": 50 } })).unwrap();
    assert_eq!(serde_json::to_value(&published).unwrap()["limits"]["maxThreadMessages"], 50);
    assert_eq!(published.policy_limits().limits.max_thread_messages, 50);
    for limit in ["maxThreadMessages", "maxAgents", "maxOpenTasks"] {
        for wrong in [json!(0), json!(10_001), json!("many"), json!(-1)] {
            let errors = refused(json!({ "limits": { (limit): wrong } }));
            assert_eq!(errors.len(), 1, "{errors:?}");
        }
    }
}

#[test]
fn everything_wrong_is_listed_at_once() {
    let errors = refused(json!({
        "nonsense": 1,
        "a/b~c": 1,
        "tools": { "search": "purple", "Bad Name": "red" },
        "shell": { "allow": ["ls; rm", 5, ""], "deny": "none", "extra": [] },
        "network": { "allow": ["https://github.com", "github.com"] },
        "files": { "read": ["src/[", "/etc/**", "../x"], "root": "relative" },
        "roles": { "intern": { "dailyCap": -1, "perRunCap": "much", "maySpawn": 1 }, "boss": {} },
        "taskBudgets": { "content": 1e15, "gardening": 1, "docs": 0.0000001 },
        "thresholds": { "warningPercent": 101, "errorPercent": 95.5 },
        "spawn": { "maxChildren": -3 },
        "loops": [],
        "approvals": { "redDecisions": 3, "tools": { "payment": 9 } },
        "timeouts": { "leaseSecs": 0, "runTimeoutSecs": 4_000_000_000u32 },
    }));
    let expected = [
        "/tools/search",
        "/tools/Bad Name",
        "/nonsense",
        "/a~1b~0c",
        "/shell/allow/0",
        "/shell/allow/1",
        "/shell/allow/1",
        "/shell/deny",
        "/shell/extra",
        "/network/allow/0",
        "/files/read/0",
        "/files/read/1",
        "/files/read/2",
        "/files/root",
        "/roles/intern/dailyCap",
        "/roles/intern/perRunCap",
        "/roles/intern/maySpawn",
        "/roles/boss",
        "/taskBudgets/content",
        "/taskBudgets/gardening",
        "/taskBudgets/docs",
        "/thresholds/warningPercent",
        "/thresholds/warningPercent",
        "/thresholds/errorPercent",
        "/spawn/maxChildren",
        "/loops",
        "/approvals/redDecisions",
        "/approvals/tools/payment",
        "/timeouts/leaseSecs",
        "/timeouts/runTimeoutSecs",
    ];
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    assert_eq!(sorted(errors), sorted(expected.map(str::to_owned).to_vec()));
}

#[test]
fn an_entry_with_a_wrong_name_and_a_wrong_value_is_listed_for_both() {
    assert_eq!(refused(json!({ "tools": { "A B": "purple" } })), ["/tools/A B", "/tools/A B"]);
    assert_eq!(refused(json!({ "tools": { "A B": "red" } })), ["/tools/A B"]);
    assert_eq!(refused(json!({ "approvals": { "tools": { "A B": "x" } } })).len(), 2);
    assert_eq!(refused(json!({ "taskBudgets": { "gardening": "x" } })).len(), 2);
}

#[test]
fn what_must_fit_together_is_checked() {
    assert_eq!(refused(json!({ "roles": { "lead": { "perRunCap": 13 } } })), ["/roles/lead/perRunCap"]);
    assert_eq!(refused(json!({ "roles": { "lead": { "dailyCap": 1_000_001 } } })), ["/roles/lead/dailyCap"]);
    assert_eq!(refused(json!({ "thresholds": { "warningPercent": 95 } })), ["/thresholds/warningPercent"]);
    assert_eq!(refused(json!({ "loops": { "failedRuns": 11 } })), ["/loops/failedRuns"]);
    assert_eq!(refused(json!({ "loops": { "maxMessages": 64 } })), ["/loops/maxMessages"]);
    assert_eq!(
        refused(json!({ "approvals": { "expiresAfterSecs": 60 } })),
        ["/approvals/escalatesAfterSecs"]
    );
    for not_an_object in [json!(null), json!([]), json!("x"), json!(5)] {
        assert_eq!(refused(not_an_object), [""]);
    }
}

#[test]
fn lists_have_limits() {
    let many = vec!["ls"; MAX_LIST_ENTRIES + 1];
    assert_eq!(refused(json!({ "shell": { "allow": many } })), ["/shell/allow"]);
    assert_eq!(
        refused(json!({ "shell": { "allow": ["x".repeat(MAX_ENTRY_CHARS + 1)] } })),
        ["/shell/allow/0"]
    );
    let wrong = vec![json!(5); 5000];
    assert!(refused(json!({ "shell": { "allow": wrong } })).len() <= MAX_ERRORS);
}

#[test]
fn empty_lists_and_stars_are_kept_as_they_are() {
    let document =
        Document::from_rest(&json!({ "shell": { "allow": [] }, "network": { "allow": ["*"] } })).unwrap();
    assert!(document.shell.allow.is_empty());
    assert_eq!(document.network.allow, ["*"]);
}

#[test]
fn a_stored_document_names_its_unit() {
    assert_eq!(pointers(Document::parse(&json!({ "taskBudgets": {} })).unwrap_err()), ["/taskBudgets"]);
    assert_eq!(refused(json!({ "taskBudgetsMicroUsd": {} })), ["/taskBudgetsMicroUsd"]);
}

proptest! {
    #[test]
    fn every_amount_survives_the_way_out_and_back(micros in 0..=MAX_BUDGET.micros()) {
        let mut document = Document::default();
        document.roles.cao.daily_cap = Usd::from_micros(micros).unwrap();
        document.roles.cao.per_run_cap = Usd::ZERO;
        prop_assert_eq!(Document::from_rest(&document.to_rest()), Ok(document));
    }
}
