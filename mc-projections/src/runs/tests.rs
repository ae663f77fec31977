use chrono::{DateTime, TimeDelta, Utc};
use mc_domain::{
    money::Usd,
    reach::Reach,
    run::{Run, Tokens, ToolStatus, Usage},
    values::Reason,
};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::{page::Order, script::Script};

fn id<I: From<Uuid>>(number: u128) -> I {
    Uuid::from_u128(number).into()
}

fn start(script: &mut Script, number: u128, agent: u128, task: Option<u128>) -> RunId {
    let run = id(number);
    script.record::<Run>(&run, |at| {
        Event::Started(Terms {
            project: id(1),
            agent: id(agent),
            task: task.map(id),
            parent_task: None,
            lease: None,
            model: Label::new("claude-sonnet").unwrap(),
            session_key: None,
            reserved: Usd::cents(25),
            on_project: false,
            day: at.date_naive(),
            deadline: at + TimeDelta::hours(2),
            at,
        })
    });
    run
}

fn ended(agent: u128, task: Option<u128>, cost: Option<Usd>, at: DateTime<Utc>) -> Ended {
    let usage = Usage { input_tokens: Tokens::try_from(1_200).unwrap(), ..Usage::default() };
    Ended {
        agent: id(agent),
        task: task.map(id),
        project: id(1),
        usage,
        cost,
        charged: cost.unwrap_or(Usd::cents(25)),
        error: None,
        started_at: at,
        at,
    }
}

fn complete(script: &mut Script, number: u128, cost: Option<Usd>) {
    script.record::<Run>(&id(number), |at| Event::Completed(ended(2, Some(3), cost, at)));
}

fn list(runs: &Runs, query: RunQuery) -> Vec<RunId> {
    runs.list(&query).unwrap().items.iter().map(|run| run.id).collect()
}

#[test]
fn a_run_is_answered_as_the_contract_says() {
    let mut script = Script::new();
    let run = start(&mut script, 9, 2, Some(3));
    script.record::<Run>(&run, |at| Event::ToolCalled {
        number: 1,
        tool: Label::new("web_search").unwrap(),
        risk: None,
        approval: None,
        status: ToolStatus::Failed,
        input_preview: None,
        output_preview: None,
        error: Some(Reason::new("no such host").unwrap()),
        failures: 1,
        at,
    });
    complete(&mut script, 9, Some(Usd::cents(12)));
    let runs: Runs = script.fold();
    assert_eq!(
        serde_json::to_value(runs.view(run).unwrap()).unwrap(),
        json!({
            "id": "00000000-0000-0000-0000-000000000009",
            "agentId": "00000000-0000-0000-0000-000000000002",
            "taskId": "00000000-0000-0000-0000-000000000003",
            "projectId": "00000000-0000-0000-0000-000000000001",
            "model": "claude-sonnet",
            "sessionKey": null,
            "status": "completed",
            "estimatedCost": 0.25,
            "cost": 0.12,
            "charged": 0.12,
            "unpriced": false,
            "inputTokens": 1200,
            "outputTokens": 0,
            "cacheReadTokens": 0,
            "cacheWriteTokens": 0,
            "toolCalls": 1,
            "lastTool": "web_search",
            "error": null,
            "startedAt": "2026-02-01T09:00:00.000Z",
            "endedAt": "2026-02-01T09:00:02.000Z",
            "billedAt": null,
            "deadline": "2026-02-01T11:00:00.000Z",
            "durationMs": 2000,
            "version": 3,
        })
    );
    assert_eq!(runs.tool_calls(run), [2]);
    let call = tool_call(&script.events()[1]).unwrap();
    assert_eq!((call.run_id, call.number, call.status), (run, 1, ToolStatus::Failed));
}

#[test]
fn a_run_of_unknown_cost_is_charged_and_says_so() {
    let mut script = Script::new();
    let run = start(&mut script, 9, 2, Some(3));
    let runs: Runs = script.fold();
    let view = runs.view(run).unwrap();
    assert_eq!((view.cost, view.charged, view.unpriced), (None, None, false));
    complete(&mut script, 9, None);
    let runs: Runs = script.fold();
    let view = runs.view(run).unwrap();
    assert_eq!((view.cost, view.charged, view.unpriced), (None, Some(Usd::cents(25).into()), true));
}

#[test]
fn a_run_that_was_broken_off_for_nothing_is_not_unpriced() {
    let mut script = Script::new();
    let run = start(&mut script, 9, 2, Some(3));
    script.record::<Run>(&run, |at| {
        Event::Aborted(Ended { charged: Usd::ZERO, ..ended(2, Some(3), None, at) })
    });
    let runs: Runs = script.fold();
    assert!(!runs.view(run).unwrap().unpriced);
}

#[test]
fn what_its_agent_tells_afterwards_is_added_and_the_end_stays() {
    let mut script = Script::new();
    let run = start(&mut script, 9, 2, Some(3));
    script.record::<Run>(&run, |at| {
        Event::Aborted(Ended { charged: Usd::ZERO, ..ended(2, Some(3), None, at) })
    });
    let before: Runs = script.fold();
    let known = before.view(run).unwrap();
    script.record::<Run>(&run, |at| {
        let Ended { agent, task, project, usage, .. } = ended(2, Some(3), None, at);
        let (cost, charged) = (Some(Usd::cents(12)), Usd::cents(12));
        let (outcome, error, day) = (Outcome::Completed, None, at.date_naive());
        Event::Billed(Billed { agent, task, project, outcome, usage, cost, charged, error, day, at })
    });
    let after: Runs = script.fold();
    let view = after.view(run).unwrap();
    assert_eq!((view.status, view.ended_at), (Status::Aborted, known.ended_at));
    assert_eq!((view.cost, view.charged), (Some(Usd::cents(12).into()), Some(Usd::cents(12).into())));
    assert_eq!((view.input_tokens, view.unpriced), (2 * known.input_tokens, false));
    assert_eq!((known.charged, known.billed_at), (Some(Usd::ZERO.into()), None));
    let dearest = RunQuery { sort: Some(RunSort::Cost), ..RunQuery::default() };
    assert_eq!(list(&after, dearest), [run]);
}

#[test]
fn runs_are_filtered_and_sorted() {
    let mut script = Script::new();
    let first = start(&mut script, 1, 2, Some(3));
    let second = start(&mut script, 2, 2, None);
    let third = start(&mut script, 3, 5, Some(3));
    complete(&mut script, 2, Some(Usd::cents(5)));
    complete(&mut script, 1, Some(Usd::cents(90)));
    let runs: Runs = script.fold();
    let all = RunQuery::default;
    assert_eq!(list(&runs, all()), [third, second, first]);
    assert_eq!(list(&runs, RunQuery { order: Some(Order::Asc), ..all() }), [first, second, third]);
    assert_eq!(list(&runs, RunQuery { agent: vec![id(2), id(2)], ..all() }), [second, first]);
    assert_eq!(list(&runs, RunQuery { task: vec![id(3)], ..all() }), [third, first]);
    assert_eq!(list(&runs, RunQuery { task: vec![id(3)], agent: vec![id(5)], ..all() }), [third]);
    assert_eq!(list(&runs, RunQuery { status: vec![Status::Running], ..all() }), [third]);
    assert_eq!(list(&runs, RunQuery { reach: Reach::of(id(7)), ..all() }), []);
    assert_eq!(list(&runs, RunQuery { reach: Reach::of(id(7)), agent: vec![id(2)], ..all() }), []);
    let by = |sort| RunQuery { sort: Some(sort), ..all() };
    assert_eq!(list(&runs, by(RunSort::Cost)), [first, second, third]);
    assert_eq!(list(&runs, by(RunSort::Duration)), [first, second, third]);
    assert_eq!(runs.of_task(id(3)).map(|run| run.id).collect::<Vec<_>>(), [third, first]);
}

#[test]
fn pages_of_runs_show_each_once() {
    let mut script = Script::new();
    for number in 1..=7 {
        start(&mut script, number, number % 3, Some(3));
    }
    let runs: Runs = script.fold();
    for sort in RunSort::ALL {
        let whole = RunQuery { sort: Some(*sort), ..RunQuery::default() };
        let mut query = RunQuery { limit: Some(2), ..whole.clone() };
        let mut seen = Vec::new();
        loop {
            let page = runs.list(&query).unwrap();
            seen.extend(page.items.iter().map(|run| run.id));
            match page.next {
                Some(next) => query.cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, list(&runs, whole));
    }
}
