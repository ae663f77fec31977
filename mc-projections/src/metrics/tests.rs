use mc_domain::{
    actor::Actor,
    agent::{self, Role},
    alert::{Alert, Key, Subject},
    task::{Details, TaskType},
    values::{Name, Reason, Title},
};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::script::Script;

fn id<I: From<Uuid>>(number: u128) -> I {
    Uuid::from_u128(number).into()
}

fn sofie() -> Actor {
    Actor::Human(Name::new("Sofie").unwrap())
}

fn create(script: &mut Script, number: u128) {
    let details = Details::titled("Guide", TaskType::Docs).unwrap();
    script.task(number, |at| task::Event::Created {
        project: id(1),
        details,
        parent: None,
        creator: sofie(),
        at,
    });
}

fn submit(script: &mut Script, number: u128) {
    script.task(number, |at| task::Event::Submitted { deliverable: None, checklist: None, at });
}

fn block(script: &mut Script, number: u128) {
    let reason = Reason::new("no brief").unwrap();
    script.task(number, |at| task::Event::Blocked { from: task::Status::InProgress, reason, at });
}

fn complete(script: &mut Script, number: u128) {
    script.task(number, |at| task::Event::Completed {
        from: task::Status::Review,
        approved_by: sofie(),
        note: None,
        at,
    });
}

fn register(script: &mut Script, number: u128) {
    let profile = agent::Profile::new(Name::new("Scout").unwrap(), Role::Intern);
    script.agent(number, |at| agent::Event::Registered {
        project: id(1),
        profile,
        parent: None,
        purpose: None,
        at,
    });
}

#[test]
fn the_metrics_are_answered_as_the_runbook_names_them() {
    let mut script = Script::new();
    register(&mut script, 2);
    create(&mut script, 1);
    submit(&mut script, 1);
    script.wait(TimeDelta::minutes(90) - TimeDelta::seconds(2));
    complete(&mut script, 1);
    let metrics = metrics(&script.views(), &Reach::All, script.now(), |_| None);
    let mut shown = serde_json::to_value(metrics).unwrap();
    assert_eq!(shown["taskThroughput"]["completedPerDay"].as_array_mut().unwrap().drain(..6).count(), 6);
    assert_eq!(shown["incidents"]["perDay"].as_array_mut().unwrap().drain(..6).count(), 6);
    assert_eq!(
        shown,
        json!({
            "generatedAt": "2026-02-01T10:30:02.000Z",
            "projectId": null,
            "agentHealth": {
                "total": 1,
                "active": 1,
                "stale": 1,
                "averageErrorStreak": 0.0,
                "maxErrorStreak": 0,
                "byStatus": { "active": 1, "paused": 0, "draining": 0, "quarantined": 0, "offline": 0 },
            },
            "taskThroughput": {
                "completedToday": 1,
                "completedPerDay": [{ "date": "2026-02-01", "completed": 1 }],
                "averageHoursToCompletion": 1.5,
                "percentReachingReviewWithoutIntervention": 100.0,
            },
            "cost": { "today": 0, "byAgent": [], "byTaskType": [] },
            "incidents": {
                "budgetBreachesToday": 0,
                "loopsToday": 0,
                "approvalRequestsToday": 0,
                "perDay": [{
                    "date": "2026-02-01",
                    "budgetBreaches": 0,
                    "loops": 0,
                    "approvalRequests": 0,
                }],
            },
            "notifications": { "waiting": 0, "overdueSecs": 0 },
        })
    );
}

#[test]
fn a_task_is_judged_once_by_what_came_first() {
    let mut script = Script::new();
    for number in 1..=3 {
        create(&mut script, number);
    }
    submit(&mut script, 1);
    block(&mut script, 1);
    block(&mut script, 2);
    submit(&mut script, 2);
    let throughput = metrics(&script.views(), &Reach::of(id(1)), script.now(), |_| None).task_throughput;
    assert_eq!(throughput.percent_reaching_review_without_intervention, Some(50.0));
    assert_eq!(throughput.average_hours_to_completion, None);
}

#[test]
fn breaches_and_loops_count_each_time_they_happen() {
    let mut script = Script::new();
    let (kind, key) = (Kind::BudgetExceeded, Key::new(Kind::BudgetExceeded, Subject::Agent(id(2))));
    script.project(1, |_| mc_domain::project::Event::Edited {
        profile: mc_domain::project::Profile::new(Name::new("P").unwrap()),
    });
    script.record::<Alert>(&key, |at| alert::Event::Raised {
        id: id(7),
        kind,
        severity: kind.severity(),
        title: Title::new("Budget exceeded").unwrap(),
        description: None,
        agent: None,
        task: None,
        run: None,
        project: id(1),
        at,
    });
    script.wait(TimeDelta::days(1));
    script.record::<Alert>(&key, |at| alert::Event::Repeated { id: id(7), count: 2, description: None, at });
    let views = script.views();
    let incidents = metrics(&views, &Reach::All, script.now(), |_| None).incidents;
    assert_eq!((incidents.budget_breaches_today, incidents.loops_today), (1, 0));
    assert_eq!(incidents.per_day.iter().map(|day| day.budget_breaches).sum::<u64>(), 2);
    let counts = counts(&views, &Reach::All, script.now(), |_| None);
    assert_eq!(counts.budget_breaches_total, 2);
    assert_eq!(counts.alerts_open[&alert::Severity::Error], 1);
    assert_eq!(metrics(&views, &Reach::of(id(5)), script.now(), |_| None).incidents.budget_breaches_today, 0);
}
