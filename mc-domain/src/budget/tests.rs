use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{actor::Actor, spec::limits, values::Name};

const CAP: Usd = Usd::cents(100);

fn by(actor: Actor) -> CommandContext {
    CommandContext::new(DateTime::UNIX_EPOCH, actor)
}

fn human() -> CommandContext {
    by(Actor::Human(Name::new("Sofie").unwrap()))
}

fn system() -> CommandContext {
    by(Actor::System(Name::new("runs").unwrap()))
}

fn agent() -> CommandContext {
    by(Actor::Agent(Uuid::from_u128(9).into()))
}

fn run(n: u128) -> RunId {
    Uuid::from_u128(n).into()
}

fn approval(n: u128) -> ApprovalId {
    Uuid::from_u128(n).into()
}

fn reserve(n: u128, cents: u32) -> Command {
    Command::Reserve { run: run(n), amount: Usd::cents(cents), cap: CAP }
}

fn settle(n: u128, cents: u32) -> Command {
    Command::Settle { run: run(n), cost: Some(Usd::cents(cents)) }
}

fn grant(n: u128, cents: u32) -> Command {
    Command::Grant { approval: approval(n), amount: Usd::cents(cents) }
}

fn after(commands: impl IntoIterator<Item = Command>) -> Budget {
    commands.into_iter().fold(Budget::default(), |budget, command| {
        let events = budget.decide(command, &human()).unwrap();
        events.iter().fold(budget, Budget::evolve)
    })
}

#[test]
fn two_runs_cannot_both_have_the_last_dollar() {
    let first = after([reserve(1, 75)]);
    let refused =
        Rejection::Exceeded { wanted: Usd::cents(75), remaining: Usd::cents(25), limit: Usd::cents(100) };
    assert_eq!(first.decide(reserve(2, 75), &agent()), Err(refused));
    assert_eq!(first.decide(reserve(2, 25), &agent()).unwrap().len(), 1);
}

#[test]
fn what_is_used_up_allows_not_even_what_costs_nothing() {
    let used_up = after([reserve(1, 100), settle(1, 100)]);
    assert!(matches!(used_up.decide(reserve(2, 0), &agent()), Err(Rejection::Exceeded { .. })));
}

#[test]
fn reserving_the_same_again_changes_nothing() {
    let budget = after([reserve(1, 75)]);
    assert_eq!(budget.decide(reserve(1, 75), &agent()), Ok(vec![]));
    assert_eq!(
        budget.decide(reserve(1, 50), &agent()),
        Err(Rejection::AlreadyReserved { amount: Usd::cents(75) })
    );
}

#[test]
fn at_most_so_many_runs_are_open_on_one_budget() {
    let reserved = (0..MAX_RESERVATIONS as u128).map(|n| (run(n), Usd::ZERO)).collect();
    let full = Budget { reserved, ..Budget::default() };
    assert_eq!(full.decide(reserve(5_000, 1), &agent()), Err(Rejection::TooManyReservations));
}

#[test]
fn settling_charges_the_cost_and_gives_back_the_rest() {
    let events = after([reserve(1, 75)]).decide(settle(1, 20), &agent()).unwrap();
    assert_eq!(
        events,
        [Event::Settled {
            run: run(1),
            cost: Usd::cents(20),
            priced: true,
            released: Usd::cents(75),
            reserved_after: Usd::ZERO,
            spent_after: Usd::cents(20),
            overrun: None,
            at: agent().now,
        }]
    );
}

#[test]
fn an_unknown_cost_charges_what_was_set_aside() {
    let events =
        after([reserve(1, 75)]).decide(Command::Settle { run: run(1), cost: None }, &agent()).unwrap();
    assert!(matches!(events[..], [Event::Settled { cost, priced: false, .. }] if cost == Usd::cents(75)));
}

#[test]
fn a_run_is_charged_once() {
    let settled = after([reserve(1, 75), settle(1, 20)]);
    assert_eq!(settled.decide(settle(1, 20), &agent()), Err(Rejection::NotReserved));
    assert_eq!(settled.decide(Command::Release { run: run(1) }, &agent()), Ok(vec![]));
}

/// Invariant 2.
#[test]
fn a_cost_that_became_known_later_is_charged_on_top() {
    let released = after([reserve(1, 75), Command::Release { run: run(1) }, reserve(2, 50)]);
    let charge = |cents, priced| Command::Charge { run: run(1), amount: Usd::cents(cents), priced };
    let events = released.decide(charge(130, true), &agent()).unwrap();
    let over = Some(Usd::cents(30));
    assert!(
        matches!(events[..], [Event::Charged { cost, priced: true, spent_after, overrun, .. }, Event::Exceeded { .. }]
            if cost == spent_after && cost == Usd::cents(130) && overrun == over)
    );
    assert_eq!(events.iter().fold(released.clone(), Budget::evolve).reserved(), Usd::cents(50));
    let unpriced = released.decide(charge(75, false), &agent()).unwrap();
    assert!(matches!(unpriced[..], [Event::Charged { priced: false, overrun: None, .. }]));
    let open = after([reserve(1, 75)]);
    assert_eq!(
        open.decide(charge(1, true), &agent()),
        Err(Rejection::AlreadyReserved { amount: Usd::cents(75) })
    );
}

#[test]
fn an_overrun_is_recorded() {
    let events = after([reserve(1, 75)]).decide(settle(1, 130), &agent()).unwrap();
    let over = Some(Usd::cents(30));
    assert!(
        matches!(events[..], [Event::Settled { overrun, .. }, Event::Exceeded { .. }] if overrun == over)
    );
}

#[test]
fn a_released_amount_can_be_reserved_again() {
    let budget = after([reserve(1, 75), Command::Release { run: run(1) }]);
    assert_eq!(budget.remaining(CAP), CAP);
}

#[test]
fn each_threshold_is_told_once_a_day() {
    let at_80 = after([reserve(1, 80)]).decide(settle(1, 80), &agent()).unwrap();
    assert!(matches!(at_80[..], [_, Event::ThresholdCrossed { level: Level::Warning, percent: 80, .. }]));
    let warned = after([reserve(1, 80), settle(1, 80), reserve(2, 10), reserve(3, 6)]);
    assert_eq!(warned.decide(settle(2, 10), &agent()).unwrap().len(), 1);
    let at_96 = warned.decide(settle(2, 16), &agent()).unwrap();
    assert!(matches!(at_96[..], [_, Event::ThresholdCrossed { level: Level::Critical, percent: 95, .. }]));

    let tomorrow = CommandContext { now: agent().now + TimeDelta::days(1), ..agent() };
    assert_eq!(warned.decide(settle(2, 10), &tomorrow).unwrap().len(), 2);
}

#[test]
fn the_thresholds_are_the_policys() {
    let strict = limits(|limits| limits.thresholds.warning_percent = 10);
    let spent = after([reserve(1, 20)]);
    assert_eq!(spent.decide(settle(1, 10), &agent()).unwrap().len(), 1);
    let told = spent.decide(settle(1, 10), &agent().under(strict)).unwrap();
    assert!(matches!(told[..], [_, Event::ThresholdCrossed { level: Level::Warning, percent: 10, .. }]));
}

#[test]
fn one_settlement_tells_the_highest_threshold_it_crosses() {
    let events = after([reserve(1, 80)]).decide(settle(1, 97), &agent()).unwrap();
    assert!(matches!(events[..], [_, Event::ThresholdCrossed { level: Level::Critical, .. }]));
}

#[test]
fn a_grant_counts_once_and_is_not_an_agents() {
    let granted = after([grant(1, 50)]);
    assert_eq!(granted.decide(grant(1, 50), &system()), Ok(vec![]));
    assert_eq!(granted.remaining(CAP), Usd::cents(150));
    assert_eq!(
        granted.decide(grant(2, 50), &agent()),
        Err(Rejection::OperatorOnly { what: "raise a budget" })
    );
}

#[test]
fn a_single_run_is_allowed_by_an_approval() {
    let allow = Command::AllowRun { approval: approval(1), up_to: Usd::cents(90) };
    let allowed = after([allow]);
    assert_eq!(allowed.run_allowance, Usd::cents(90));
    assert_eq!(allowed.decide(allow, &human()), Ok(vec![]));
    assert!(allowed.decide(Command::AllowRun { approval: approval(2), up_to: CAP }, &agent()).is_err());
    let less = Command::AllowRun { approval: approval(2), up_to: Usd::cents(20) };
    assert_eq!(after([allow, less]).run_allowance, Usd::cents(90), "what was allowed stays so");
}

#[test]
fn only_an_operator_adjusts_what_is_spent() {
    let spent = after([reserve(1, 50), settle(1, 50)]);
    let reset = Command::Adjust { spent: Usd::ZERO };
    for context in [agent(), system()] {
        let refused = Err(Rejection::OperatorOnly { what: "adjust what is spent" });
        assert_eq!(spent.decide(reset, &context), refused);
    }
    let events = spent.decide(reset, &human()).unwrap();
    assert!(matches!(events[..], [Event::Adjusted { spent_after: Usd::ZERO, .. }]));
    assert_eq!(spent.decide(Command::Adjust { spent: Usd::cents(50) }, &human()), Ok(vec![]));
}

#[test]
fn a_changed_cap_tells_the_threshold_it_crosses() {
    let spent = after([reserve(1, 50), settle(1, 50)]);
    let events = spent.decide(Command::SetCap(Usd::cents(50)), &system()).unwrap();
    assert!(matches!(events[..], [Event::CapChanged { .. }, Event::Exceeded { .. }]));
    assert_eq!(spent.decide(Command::SetCap(CAP), &system()), Ok(vec![]));
    assert!(spent.decide(Command::SetCap(Usd::MAX), &agent()).is_err());
}

#[test]
fn every_key_reads_back_from_its_text() {
    let (id, day) = (Uuid::from_u128(1), DateTime::UNIX_EPOCH.date_naive());
    for key in [Key::AgentDay(id.into(), day), Key::Task(id.into()), Key::ProjectDay(id.into(), day)] {
        assert_eq!(key.to_string().parse(), Ok(key));
    }
    for text in ["agent", "agent/x/1970-01-01", "task/1/2", "other/1", ""] {
        assert_eq!(text.parse::<Key>(), Err(InvalidKey), "{text}");
    }
}

fn any_command() -> impl Strategy<Value = Command> {
    let (run_number, cents) = (0..6_u128, 0..200_u32);
    prop_oneof![
        4 => (run_number.clone(), cents.clone()).prop_map(|(n, cents)| reserve(n, cents)),
        3 => (run_number.clone(), proptest::option::of(cents.clone()))
            .prop_map(|(n, cents)| Command::Settle { run: run(n), cost: cents.map(Usd::cents) }),
        2 => run_number.clone().prop_map(|n| Command::Release { run: run(n) }),
        1 => (run_number.clone(), cents.clone()).prop_map(|(n, cents)| {
            Command::Charge { run: run(n), amount: Usd::cents(cents), priced: true }
        }),
        1 => (run_number, cents.clone()).prop_map(|(n, cents)| grant(n, cents)),
        1 => cents.prop_map(|cents| Command::SetCap(Usd::cents(cents))),
    ]
}

proptest! {
    #[test]
    fn no_reservation_goes_beyond_what_there_is(commands in proptest::collection::vec(any_command(), 0..60)) {
        let mut budget = Budget::default();
        for command in commands {
            let events = budget.decide(command, &system()).unwrap_or_default();
            budget = events.iter().fold(budget, Budget::evolve);
            if let [Event::Reserved { cap, .. }] = events[..] {
                prop_assert!(budget.reserved().plus(budget.spent) <= budget.limit(cap));
            }
        }
    }

    #[test]
    fn what_was_settled_is_what_is_spent(commands in proptest::collection::vec(any_command(), 0..60)) {
        let (mut budget, mut settled, mut set_aside) = (Budget::default(), Usd::ZERO, Usd::ZERO);
        for command in commands {
            let events = budget.decide(command, &system()).unwrap_or_default();
            for event in &events {
                match event {
                    Event::Reserved { amount, .. } => set_aside = set_aside.plus(*amount),
                    Event::Charged { cost, .. } => settled = settled.plus(*cost),
                    Event::Released { amount, .. } => set_aside = set_aside.minus(*amount),
                    Event::Settled { cost, released, .. } => {
                        settled = settled.plus(*cost);
                        set_aside = set_aside.minus(*released);
                    }
                    _ => {}
                }
                budget = budget.evolve(event);
            }
            prop_assert_eq!(budget.spent, settled);
            prop_assert_eq!(budget.reserved(), set_aside);
        }
    }

    #[test]
    fn no_run_is_charged_twice(commands in proptest::collection::vec(any_command(), 0..60)) {
        let (mut budget, mut reservations, mut charges) = (Budget::default(), 0, 0);
        for command in commands {
            let events = budget.decide(command, &system()).unwrap_or_default();
            for event in &events {
                reservations += usize::from(matches!(event, Event::Reserved { .. }));
                charges += usize::from(matches!(event, Event::Settled { .. } | Event::Released { .. }));
                budget = budget.evolve(event);
            }
            prop_assert_eq!(reservations - charges, budget.reserved.len());
        }
    }
}
