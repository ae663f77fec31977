#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::{
    policy::document::PolicyLimits,
    spec::{ECHO, OPENCLAW, SCOUT, TASK, by, given, label, later, limits, now, reason, scout, sofie, system},
};

fn start() -> Start {
    Start {
        project: OPENCLAW,
        agent: SCOUT,
        task: Some(TASK),
        parent_task: None,
        lease: None,
        model: label("a-model"),
        session_key: None,
        reserved: Usd::cents(25),
        on_project: false,
    }
}

fn terms() -> Terms {
    Terms::new(start(), &scout())
}

fn running() -> Vec<Event> {
    vec![Event::Started(terms())]
}

fn end(outcome: Outcome, cents: Option<u32>) -> Command {
    Command::End { outcome, bill: Bill { cost: cents.map(Usd::cents), ..Bill::default() } }
}

fn ended(cents: Option<u32>, charged: u32) -> Ended {
    Ended {
        agent: SCOUT,
        task: Some(TASK),
        project: OPENCLAW,
        usage: Usage::default(),
        cost: cents.map(Usd::cents),
        charged: Usd::cents(charged),
        error: None,
        started_at: now(),
        at: now(),
    }
}

fn call(status: ToolStatus, error: Option<&str>) -> ToolCall {
    ToolCall {
        tool: label("web_search"),
        risk: Some(ToolRisk::Green),
        approval: None,
        status,
        input_preview: None,
        output_preview: None,
        error: error.map(reason),
    }
}

fn called(number: u32, status: ToolStatus, error: Option<&str>, failures: u32) -> Event {
    Event::ToolCalled {
        number,
        tool: label("web_search"),
        risk: Some(ToolRisk::Green),
        approval: None,
        status,
        input_preview: None,
        output_preview: None,
        error: error.map(reason),
        failures,
        at: now(),
    }
}

#[test]
fn a_run_begins_with_the_day_and_a_deadline() {
    let terms = terms();
    assert_eq!(
        (terms.day, terms.deadline),
        (now().date_naive(), now() + PolicyLimits::default().run_lasts())
    );
    given::<Run>([]).when(&scout(), Command::Start(start())).then([Event::Started(terms)]);
}

#[test]
fn a_run_begins_once() {
    given::<Run>(running()).when(&scout(), Command::Start(start())).then_rejected(Rejection::AlreadyExists);
}

#[test]
fn an_agent_acts_on_its_own_runs_only() {
    let rejected = || Rejection::OtherAgent;
    given::<Run>([]).when(&by(ECHO), Command::Start(start())).then_rejected(rejected());
    let run = given::<Run>(running());
    run.when(&by(ECHO), end(Outcome::Completed, Some(1))).then_rejected(rejected());
    let call = Command::CallTool(call(ToolStatus::Success, None));
    run.when(&by(ECHO), call).then_rejected(rejected());
}

#[test]
fn what_never_began_is_not_found() {
    let unstarted = given::<Run>([]);
    unstarted.when(&scout(), end(Outcome::Completed, None)).then_rejected(Rejection::NotFound);
    let call = Command::CallTool(call(ToolStatus::Success, None));
    unstarted.when(&scout(), call).then_rejected(Rejection::NotFound);
}

#[test]
fn a_completed_run_is_charged_what_it_cost() {
    let run = given::<Run>(running());
    run.when(&scout(), end(Outcome::Completed, Some(20))).then([Event::Completed(ended(Some(20), 20))]);
    run.when(&scout(), end(Outcome::Failed, Some(0))).then([Event::Failed(ended(Some(0), 0))]);
}

#[test]
fn an_unknown_cost_charges_what_was_set_aside() {
    let run = given::<Run>(running());
    run.when(&scout(), end(Outcome::Completed, None)).then([Event::Completed(ended(None, 25))]);
    run.when(&scout(), end(Outcome::Failed, None)).then([Event::Failed(ended(None, 25))]);
    run.when(&scout(), end(Outcome::TimedOut, None)).then([Event::TimedOut(ended(None, 25))]);
}

#[test]
fn a_run_that_others_broke_off_costs_nothing_that_nobody_knows() {
    let run = given::<Run>(running());
    run.when(&sofie(), end(Outcome::Aborted, None)).then([Event::Aborted(ended(None, 0))]);
    run.when(&sofie(), end(Outcome::TimedOut, None)).then([Event::TimedOut(ended(None, 0))]);
}

#[test]
fn an_agent_breaks_no_run_off() {
    let run = given::<Run>(running());
    run.when(&scout(), end(Outcome::Aborted, None)).then_rejected(Rejection::OperatorOnly);
}

#[test]
fn a_worker_times_a_run_out_when_it_is_due() {
    let (run, deadline) = (given::<Run>(running()), now() + PolicyLimits::default().run_lasts());
    run.when(&system(), end(Outcome::TimedOut, None)).then_rejected(Rejection::NotDue { deadline });
    let due = later(&system(), PolicyLimits::default().run_lasts());
    let at = due.now;
    run.when(&due, end(Outcome::TimedOut, None)).then([Event::TimedOut(Ended { at, ..ended(None, 0) })]);
}

#[test]
fn an_end_is_final_even_for_the_same_end() {
    let over = given::<Run>(running().into_iter().chain([Event::Completed(ended(Some(20), 20))]));
    let rejected = || Rejection::AlreadyEnded { status: Status::Completed, charged: Usd::cents(20) };
    for outcome in Outcome::ALL {
        over.when(&sofie(), end(*outcome, Some(20))).then_rejected(rejected());
    }
    let call = Command::CallTool(call(ToolStatus::Success, None));
    over.when(&scout(), call).then_rejected(rejected());
    over.when(&scout(), Command::Start(start())).then_rejected(Rejection::AlreadyExists);
}

fn bill(told: Outcome, cents: Option<u32>) -> Command {
    Command::Bill { told, bill: Bill { cost: cents.map(Usd::cents), ..Bill::default() } }
}

fn billed(cents: Option<u32>, charged: u32) -> Billed {
    Billed {
        agent: SCOUT,
        task: Some(TASK),
        project: OPENCLAW,
        outcome: Outcome::Completed,
        usage: Usage::default(),
        cost: cents.map(Usd::cents),
        charged: Usd::cents(charged),
        error: None,
        day: now().date_naive(),
        at: now(),
    }
}

/// Invariant 1.
#[test]
fn a_run_that_others_ended_takes_its_agents_bill_once() {
    for ended in [Event::Aborted(ended(None, 0)), Event::TimedOut(ended(None, 0))] {
        let over = given::<Run>(running().into_iter().chain([ended.clone()]));
        let (known, unknown) = (billed(Some(20), 20), billed(None, 25));
        over.when(&scout(), bill(Outcome::Completed, Some(20))).then([Event::Billed(known.clone())]);
        over.when(&scout(), bill(Outcome::Completed, None)).then([Event::Billed(unknown)]);
        let twice = given::<Run>(running().into_iter().chain([ended.clone(), Event::Billed(known)]));
        let (outcome, _) = ended.end().unwrap();
        let refused = Rejection::AlreadyEnded { status: outcome.status(), charged: Usd::cents(20) };
        twice.when(&scout(), bill(Outcome::Completed, Some(20))).then_rejected(refused);
    }
}

/// Invariant 2: who ended it, and who is another, has nothing to tell of it.
#[test]
fn only_its_agent_tells_what_a_run_cost_that_others_ended() {
    let over = given::<Run>(running().into_iter().chain([Event::Aborted(ended(None, 0))]));
    let unbilled = || Rejection::Unbilled { status: Status::Aborted };
    over.when(&by(ECHO), bill(Outcome::Completed, Some(1))).then_rejected(Rejection::OtherAgent);
    over.when(&sofie(), bill(Outcome::Aborted, Some(1))).then_rejected(unbilled());
    over.when(&system(), bill(Outcome::Aborted, Some(1))).then_rejected(unbilled());
    over.when(&sofie(), end(Outcome::Aborted, None)).then_rejected(unbilled());
    let call = Command::CallTool(call(ToolStatus::Success, None));
    over.when(&scout(), call).then_rejected(unbilled());
}

#[test]
fn what_was_charged_at_the_end_is_not_charged_again() {
    for ended in [Event::Aborted(ended(Some(3), 3)), Event::TimedOut(ended(None, 25))] {
        let over = given::<Run>(running().into_iter().chain([ended.clone()]));
        let (outcome, Ended { charged, .. }) = ended.end().unwrap();
        let refused = Rejection::AlreadyEnded { status: outcome.status(), charged: *charged };
        over.when(&scout(), bill(Outcome::Completed, Some(20))).then_rejected(refused);
    }
    given::<Run>(running())
        .when(&scout(), bill(Outcome::Completed, Some(1)))
        .then_rejected(Rejection::NotEnded);
    given::<Run>([]).when(&scout(), bill(Outcome::Completed, Some(1))).then_rejected(Rejection::NotFound);
}

#[test]
fn tokens_that_were_told_of_at_the_end_count_once() {
    let tokens = |count| Tokens::try_from(count).unwrap();
    let usage = |input, output| Usage {
        input_tokens: tokens(input),
        output_tokens: tokens(output),
        ..Usage::default()
    };
    let aborted = Ended { usage: usage(10, 0), ..ended(None, 0) };
    let over = given::<Run>(running().into_iter().chain([Event::Aborted(aborted)]));
    let told = Bill { usage: usage(8, 5), cost: Some(Usd::cents(20)), error: None };
    let expected = Billed { usage: usage(0, 5), ..billed(Some(20), 20) };
    let command = Command::Bill { told: Outcome::Completed, bill: told };
    over.when(&scout(), command).then([Event::Billed(expected)]);
}

#[test]
fn equal_failures_of_tools_are_counted() {
    let failed = || call(ToolStatus::Failed, Some("connection refused"));
    let history = running().into_iter().chain([
        called(1, ToolStatus::Failed, Some("connection refused"), 1),
        called(2, ToolStatus::Success, None, 0),
        called(3, ToolStatus::Failed, Some("no such page"), 1),
    ]);
    given::<Run>(history).when(&scout(), Command::CallTool(failed())).then([called(
        4,
        ToolStatus::Failed,
        Some("connection refused"),
        2,
    )]);
}

#[test]
fn failures_without_an_error_count_by_tool() {
    let history = running().into_iter().chain([called(1, ToolStatus::Failed, None, 1)]);
    let again = Command::CallTool(call(ToolStatus::Failed, None));
    given::<Run>(history).when(&scout(), again).then([called(2, ToolStatus::Failed, None, 2)]);
}

#[test]
fn a_run_records_so_many_tool_calls_and_no_more() {
    let full = running().into_iter().chain([called(MAX_TOOL_CALLS, ToolStatus::Success, None, 0)]);
    let one_more = Command::CallTool(call(ToolStatus::Success, None));
    given::<Run>(full).when(&scout(), one_more).then_rejected(Rejection::TooManyToolCalls);
}

#[test]
fn the_oldest_error_is_forgotten_first() {
    let failures = (0..=MAX_ERRORS_COUNTED)
        .map(|n| called(u32::try_from(n).unwrap(), ToolStatus::Failed, Some(&format!("error {n}")), 1));
    let run = Run::fold(&running().into_iter().chain(failures).collect::<Vec<_>>());
    let running = run.running().unwrap();
    assert_eq!(running.errors.len(), MAX_ERRORS_COUNTED);
    assert_eq!(running.failures("error 0"), 0);
    assert_eq!(running.failures("error 1"), 1);
}

#[test]
fn absurd_numbers_of_tokens_are_none() {
    assert_eq!(Tokens::try_from(Tokens::MAX + 1), Err(InvalidTokens));
    assert_eq!(Tokens::try_from(Tokens::MAX).map(Tokens::count), Ok(Tokens::MAX));
    assert!(serde_json::from_str::<Usage>(r#"{"inputTokens": -1}"#).is_err());
}

fn any_command() -> impl Strategy<Value = Command> {
    let outcome = proptest::sample::select(Outcome::ALL);
    let status = proptest::sample::select(ToolStatus::ALL);
    let error = proptest::option::of(proptest::sample::select(&["a", "b"][..]));
    prop_oneof![
        Just(Command::Start(start())),
        (status, error).prop_map(|(status, error)| Command::CallTool(call(status, error))),
        (outcome.clone(), proptest::option::of(0..100_u32)).prop_map(|(outcome, cents)| end(outcome, cents)),
        (outcome, proptest::option::of(0..100_u32)).prop_map(|(outcome, cents)| bill(outcome, cents)),
    ]
}

proptest! {
    #[test]
    fn no_run_has_two_ends_or_is_charged_twice(
        commands in proptest::collection::vec((any_command(), any::<bool>()), 0..30)
    ) {
        let (mut run, mut ends, mut charges) = (Run::default(), 0, 0);
        for (command, by_agent) in commands {
            let events = run.decide(command, &if by_agent { scout() } else { sofie() }).unwrap_or_default();
            ends += events.iter().filter(|event| event.end().is_some()).count();
            charges += events.iter().filter(|event| event.charged().is_some_and(|usd| usd > Usd::ZERO)).count();
            run = events.iter().fold(run, Run::evolve);
        }
        prop_assert!(ends <= 1 && charges <= 1);
        prop_assert_eq!(ends == 1, matches!(run, Run::Over { .. } | Run::Unbilled(_)));
        let over = matches!(run, Run::Over { .. });
        prop_assert!(charges == 0 || over);
    }

    #[test]
    fn failures_are_counted_as_they_are(errors in proptest::collection::vec(0..3_u8, 0..30)) {
        let mut run = Run::fold(&running());
        for (n, error) in errors.iter().enumerate() {
            let failed = call(ToolStatus::Failed, Some(&error.to_string()));
            let events = run.decide(Command::CallTool(failed), &scout()).unwrap();
            let times = errors[..=n].iter().filter(|other| *other == error).count();
            let same = matches!(events[..], [Event::ToolCalled { failures, .. }] if failures as usize == times);
            prop_assert!(same);
            run = run.evolve(&events[0]);
        }
    }
}

#[test]
fn a_run_knows_where_money_is_set_aside_for_it() {
    use crate::budget::Key;
    let day = now().date_naive();
    let agent_and_task = vec![Key::AgentDay(SCOUT, day), Key::Task(TASK)];
    assert_eq!(terms().open_run().budgets(OPENCLAW), agent_and_task);
    let on_project = OpenRun { on_project: true, ..terms().open_run() };
    assert_eq!(on_project.budgets(OPENCLAW).last(), Some(&Key::ProjectDay(OPENCLAW, day)));
}

#[test]
fn the_deadline_is_the_policys() {
    let limits = limits(|limits| limits.timeouts.run_timeout_secs = 60);
    let terms = Terms::new(start(), &scout().under(limits));
    assert_eq!(terms.deadline, now() + chrono::TimeDelta::minutes(1));
}
