use chrono::{DateTime, TimeDelta, Utc};
use mc_domain::{
    actor::Actor,
    agent::{self, Role},
    budget::Budget,
    run::{Run, Tokens},
    task::{self, Details, TaskType},
    values::Name,
};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::script::Script;

fn id<I: From<Uuid>>(number: u128) -> I {
    Uuid::from_u128(number).into()
}

fn scout(script: &mut Script) -> AgentId {
    let profile = agent::Profile::new(Name::new("Scout").unwrap(), Role::Intern);
    script.agent(2, |at| agent::Event::Registered {
        project: id(1),
        profile,
        parent: None,
        purpose: None,
        at,
    })
}

fn task(script: &mut Script) -> TaskId {
    let details = Details::titled("Competitor pricing", TaskType::CustomerResearch).unwrap();
    let creator = Actor::Human(Name::new("Sofie").unwrap());
    script.task(3, |at| task::Event::Created { project: id(1), details, parent: None, creator, at })
}

fn terms(task: Option<TaskId>, at: DateTime<Utc>) -> Terms {
    Terms {
        project: id(1),
        agent: id(2),
        task,
        parent_task: None,
        lease: None,
        model: Label::new("claude-sonnet").unwrap(),
        session_key: None,
        reserved: Usd::cents(25),
        on_project: false,
        day: at.date_naive(),
        deadline: at + TimeDelta::hours(2),
        at,
    }
}

/// A run from its start to its end, with what happens to the agent's budget.
fn run(script: &mut Script, number: u128, task: Option<TaskId>, cost: Option<u32>, lasts: TimeDelta) {
    let (run, day) = (id(number), script.now().date_naive());
    script.record::<Run>(&run, |at| Event::Started(terms(task, at)));
    script.wait(lasts);
    let cost = cost.map(Usd::cents);
    let charged = cost.unwrap_or(Usd::cents(25));
    let usage = Usage { input_tokens: Tokens::try_from(100).unwrap(), ..Usage::default() };
    script.record::<Run>(&run, |at| {
        let (agent, project) = (id(2), id(1));
        Event::Completed(Ended {
            agent,
            task,
            project,
            usage,
            cost,
            charged,
            error: None,
            started_at: at,
            at,
        })
    });
    let account = script.views().costs.accounts[&id(2)].days[&day].spent;
    script.record::<Budget>(&budget::Key::AgentDay(id(2), day), |at| budget::Event::Settled {
        run,
        cost: charged,
        priced: cost.is_some(),
        released: Usd::cents(25),
        reserved_after: Usd::ZERO,
        spent_after: account.plus(charged),
        overrun: None,
        at,
    });
}

#[test]
fn the_costs_of_a_day_are_answered_as_the_contract_says() {
    let mut script = Script::new();
    let agent = scout(&mut script);
    let task = task(&mut script);
    let today = script.now().date_naive();
    run(&mut script, 1, Some(task), Some(12), TimeDelta::zero());
    run(&mut script, 2, None, None, TimeDelta::zero());
    let views = script.views();
    let mut shown = serde_json::to_value(daily_costs(&views, today, &Reach::All)).unwrap();
    assert_eq!(shown["trend"]["days"].as_array_mut().unwrap().drain(..29).count(), 29);
    let spend = |cost: f64, runs: u64, unpriced: u64, more: serde_json::Value| {
        let mut spend = json!({
            "cost": cost,
            "runs": runs,
            "unpricedRuns": unpriced,
            "inputTokens": 100 * runs,
            "outputTokens": 0,
            "cacheReadTokens": 0,
            "cacheWriteTokens": 0,
        });
        let fields = more.as_object().unwrap().clone();
        spend.as_object_mut().unwrap().extend(fields);
        spend
    };
    assert_eq!(
        shown,
        json!({
            "date": "2026-02-01",
            "projectId": null,
            "total": 0.37,
            "runs": 2,
            "unpricedRuns": 1,
            "inputTokens": 200,
            "outputTokens": 0,
            "cacheReadTokens": 0,
            "cacheWriteTokens": 0,
            "byAgent": [spend(0.37, 2, 1, json!({ "agentId": agent, "name": "Scout" }))],
            "byTaskType": [
                spend(0.25, 1, 1, json!({ "type": null })),
                spend(0.12, 1, 0, json!({ "type": "customer_research" })),
            ],
            "byProject": [spend(0.37, 2, 1, json!({
                "projectId": "00000000-0000-0000-0000-000000000001",
                "name": "00000000-0000-0000-0000-000000000001",
            }))],
            "byModel": [spend(0.37, 2, 1, json!({ "model": "claude-sonnet" }))],
            "byTask": [
                spend(0.25, 1, 1, json!({ "taskId": null, "title": null, "type": null })),
                spend(0.12, 1, 0, json!({
                    "taskId": task,
                    "title": "Competitor pricing",
                    "type": "customer_research",
                })),
            ],
            "trend": {
                "last7Days": 0.37,
                "last30Days": 0.37,
                "days": [{ "date": "2026-02-01", "total": 0.37 }],
            },
        })
    );
}

#[test]
fn a_run_counts_on_the_day_it_began() {
    let mut script = Script::new();
    let agent = scout(&mut script);
    let yesterday = script.wait(TimeDelta::hours(14)).now().date_naive();
    run(&mut script, 1, None, Some(40), TimeDelta::minutes(90));
    let views = script.views();
    assert_ne!(script.now().date_naive(), yesterday);
    let today = daily_costs(&views, script.now().date_naive(), &Reach::All);
    assert_eq!((today.total.0, today.trend.last_7_days.0), (Usd::ZERO, Usd::cents(40)));
    assert_eq!(daily_costs(&views, yesterday, &Reach::of(id(1))).total.0, Usd::cents(40));
    assert_eq!(daily_costs(&views, yesterday, &Reach::of(id(7))).total.0, Usd::ZERO);
    let costs = agent_costs(&views, agent, script.now()).unwrap();
    assert_eq!((costs.today.0, costs.total.0), (Usd::ZERO, Usd::cents(40)));
    assert_eq!((costs.by_day[0].date, costs.by_day[0].spent.0), (yesterday, Usd::cents(40)));
}

#[test]
fn what_an_operator_corrects_counts_in_the_day_and_rewrites_no_cost() {
    let mut script = Script::new();
    let agent = scout(&mut script);
    run(&mut script, 1, None, Some(40), TimeDelta::zero());
    let today = script.now().date_naive();
    script.record::<Budget>(&budget::Key::AgentDay(agent, today), |at| budget::Event::Adjusted {
        spent_before: Usd::cents(40),
        spent_after: Usd::ZERO,
        at,
    });
    let views = script.views();
    let costs = agent_costs(&views, agent, script.now()).unwrap();
    assert_eq!(
        (costs.today.0, costs.total.0, costs.remaining.0),
        (Usd::ZERO, Usd::cents(40), Usd::cents(200))
    );
    assert_eq!((costs.by_day[0].spent.0, costs.by_day[0].spend.cost.0), (Usd::ZERO, Usd::cents(40)));
    assert_eq!(daily_costs(&views, today, &Reach::All).total.0, Usd::cents(40));
    assert_eq!(views.costs.budget_days(agent).collect::<Vec<_>>(), [today]);
}

#[test]
fn a_run_under_way_counts_as_a_run_and_costs_nothing_yet() {
    let mut script = Script::new();
    script.record::<Run>(&id(1), |at| Event::Started(terms(None, at)));
    let views = script.views();
    let costs = daily_costs(&views, script.now().date_naive(), &Reach::All);
    assert_eq!((costs.runs, costs.total.0, views.costs.open_runs(&Reach::All)), (1, Usd::ZERO, 1));
}

#[test]
fn the_dearest_tasks_are_those_that_cost_the_most_and_a_task_takes_its_costs_to_another_type() {
    let mut script = Script::new();
    scout(&mut script);
    let today = script.now().date_naive();
    let costs: Vec<u32> = (0..50).map(|number| number * 7 % 50).collect();
    for (number, cost) in (100..).zip(&costs) {
        let details = Details::titled("Guide", TaskType::Docs).unwrap();
        let creator = Actor::Human(Name::new("Sofie").unwrap());
        let task = script.task(number, |at| task::Event::Created {
            project: id(1),
            details,
            parent: None,
            creator,
            at,
        });
        run(&mut script, 1_000 + number, Some(task), Some(*cost), TimeDelta::zero());
    }
    script
        .task(100 + 7, |_| task::Event::Edited { details: Details::titled("Guide", TaskType::Ops).unwrap() });
    let views = script.views();
    let shown = daily_costs(&views, today, &Reach::All);
    let dearest: Vec<_> = shown.by_task.iter().map(|share| share.spend.cost.0).collect();
    assert_eq!(dearest, (30..50).rev().map(Usd::cents).collect::<Vec<_>>());
    let types: Vec<_> = shown.by_task_type.iter().map(|share| (share.kind, share.spend.cost.0)).collect();
    let all: u32 = costs.iter().sum();
    let moved = costs[7];
    assert_eq!(
        types,
        [(Some(TaskType::Docs), Usd::cents(all - moved)), (Some(TaskType::Ops), Usd::cents(moved))]
    );
    let of_agent = agent_costs(&views, id(2), script.now()).unwrap();
    assert_eq!(of_agent.by_task, shown.by_task);
}

proptest::proptest! {
    /// A run counts on the day it began, whatever the clock did.
    #[test]
    fn the_days_add_up_to_the_whole_whatever_the_clock_did(
        runs in proptest::collection::vec((0..100u32, -50..50i64, -30..30i64), 1..40),
    ) {
        let mut script = Script::new();
        scout(&mut script);
        let task = task(&mut script);
        let mut days = std::collections::BTreeSet::new();
        for (number, (cost, step, lasts)) in (10..).zip(runs) {
            script.wait(TimeDelta::hours(step));
            days.insert(script.now().date_naive());
            run(&mut script, number, (cost % 3 > 0).then_some(task), Some(cost), TimeDelta::hours(lasts));
        }
        let views = script.views();
        let by_day = days.iter().map(|day| daily_costs(&views, *day, &Reach::All).total.0);
        proptest::prop_assert_eq!(by_day.sum::<Usd>(), views.costs.total(&Reach::All));
        let all = crate::runs::RunQuery { limit: Some(100), ..crate::runs::RunQuery::default() };
        for run in views.runs.list(&all).unwrap().items {
            proptest::prop_assert!(run.duration_ms.unwrap() >= 0);
        }
    }
}
