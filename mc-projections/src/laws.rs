//! The laws of every projection, over histories that no rule has checked.

mod history;

use std::{collections::BTreeSet, fmt::Debug};

use chrono::DateTime;
use mc_domain::{
    ids::TaskId,
    money::Usd,
    recorded::{AnyEvent, Recorded},
    task::Status,
};
use proptest::prelude::*;

use crate::{
    activity::{Activity, ActivityQuery, TYPES},
    agents::Agents,
    alerts::Alerts,
    approvals::Approvals,
    board::{BoardQuery, board},
    costs::{Costs, Spend, agent_costs, daily_costs},
    messages::Threads,
    metrics::Tallies,
    page::{MAX_LIMIT, Order},
    projection::Projection,
    projects::Projects,
    runs::{RunQuery, Runs},
    script::Script,
    summary::{Naming, sentence},
    tasks::{TaskQuery, TaskSort, Tasks},
    timeline::{Timelines, entry},
    views::Views,
};
use history::{KINDS, histories, written};

/// `fold(a ++ b) == resume(fold(a), b)`, and a serde round trip between any two facts changes nothing.
fn laws_hold<P: Projection + PartialEq + Debug>(events: &[Recorded<AnyEvent>]) {
    let mut resumed = P::default();
    for event in events {
        resumed = stored_and_read_back(&resumed);
        resumed.apply(event);
    }
    assert_eq!(stored_and_read_back(&resumed), P::fold(events), "{}", P::NAME);
}

fn stored_and_read_back<P: Projection>(state: &P) -> P {
    let json = serde_json::to_string(state).expect("a projection is JSON");
    serde_json::from_str(&json).expect("a projection reads itself back")
}

fn all_pages(views: &Views, query: &TaskQuery) -> Vec<TaskId> {
    let (mut query, mut seen) = (query.clone(), Vec::new());
    loop {
        let page = views.tasks.list(&query, DateTime::UNIX_EPOCH, &views.agents).unwrap();
        seen.extend(page.items.iter().map(|task| task.id));
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return seen,
        }
    }
}

fn every_kind() -> Script {
    let choices: Vec<_> = (0..KINDS).map(|kind| (kind, 0, 0)).collect();
    written(&choices)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_projection_resumes_from_any_stored_state(choices in histories()) {
        let script = written(&choices);
        laws_hold::<Projects>(script.events());
        laws_hold::<Agents>(script.events());
        laws_hold::<Tasks>(script.events());
        laws_hold::<Runs>(script.events());
        laws_hold::<Approvals>(script.events());
        laws_hold::<Alerts>(script.events());
        laws_hold::<Costs>(script.events());
        laws_hold::<Tallies>(script.events());
        laws_hold::<Threads>(script.events());
        laws_hold::<Timelines>(script.events());
        laws_hold::<Activity>(script.events());
    }

    #[test]
    fn pages_show_every_task_once_in_every_order(choices in histories()) {
        let views = written(&choices).views();
        let whole = TaskQuery { limit: Some(MAX_LIMIT), ..TaskQuery::default() };
        for sort in TaskSort::ALL {
            for order in Order::ALL {
                let whole = TaskQuery { sort: Some(*sort), order: Some(*order), ..whole.clone() };
                let paged = TaskQuery { limit: Some(2), ..whole.clone() };
                prop_assert_eq!(all_pages(&views, &paged), all_pages(&views, &whole));
            }
        }
    }

    #[test]
    fn what_belongs_to_a_status_goes_with_it(choices in histories()) {
        let script = written(&choices);
        let views = script.views();
        let page = views.tasks.list(&TaskQuery::default(), script.now(), &views.agents).unwrap();
        for task in &page.items {
            prop_assert_eq!(task.blocked_reason.is_some(), task.status == Status::Blocked);
            prop_assert_eq!(task.holder_id.is_some(), task.status == Status::InProgress);
            prop_assert_eq!(task.lease_id.is_some(), task.status == Status::InProgress);
            prop_assert_eq!(task.approval.is_some(), task.status == Status::Done);
            prop_assert_eq!(task.held_from.is_some(), task.status == Status::NeedsApproval);
        }
    }

    #[test]
    fn the_board_shows_each_task_in_the_column_of_its_status(choices in histories()) {
        let script = written(&choices);
        let views = script.views();
        let query = BoardQuery { all_columns: true, ..BoardQuery::default() };
        let board = board(&views, &query, script.now());
        for column in &board.columns {
            prop_assert_eq!(column.count, column.cards.len());
            prop_assert_eq!(board.counts[&column.status], column.count);
            for card in &column.cards {
                prop_assert_eq!(views.tasks.view(card.id, &views.agents).unwrap().status, column.status);
            }
        }
        let shown: usize = board.columns.iter().map(|column| column.count).sum();
        let every = views.tasks.list(&TaskQuery::default(), script.now(), &views.agents).unwrap();
        prop_assert_eq!(shown, every.items.len());
    }

    #[test]
    fn money_is_conserved_however_it_is_looked_at(choices in histories()) {
        let script = written(&choices);
        let views = script.views();
        let page = views.runs.list(&RunQuery { limit: Some(MAX_LIMIT), ..RunQuery::default() }).unwrap();
        let charged: Usd = page.items.iter().filter_map(|run| run.charged).map(|charged| charged.0).sum();
        prop_assert_eq!(views.costs.total(), charged);
        let costs = daily_costs(&views, script.now().date_naive(), None);
        let sum = |spends: Vec<Spend>| spends.iter().map(|spend| spend.cost.0).sum::<Usd>();
        prop_assert_eq!(costs.total.0, charged);
        prop_assert_eq!(sum(costs.by_agent.iter().map(|share| share.spend).collect()), charged);
        prop_assert_eq!(sum(costs.by_task.iter().map(|share| share.spend).collect()), charged);
        prop_assert_eq!(sum(costs.by_task_type.iter().map(|share| share.spend).collect()), charged);
        prop_assert_eq!(sum(costs.by_project.iter().map(|share| share.spend).collect()), charged);
        prop_assert_eq!(sum(costs.by_model.iter().map(|share| share.spend).collect()), charged);
        prop_assert_eq!(costs.runs as usize, page.items.len());
        for share in &costs.by_agent {
            let Some(own) = agent_costs(&views, share.agent_id, script.now()) else { continue };
            prop_assert_eq!(own.by_day[0].spend, share.spend);
            prop_assert_eq!(sum(own.by_task.iter().map(|share| share.spend).collect()), share.spend.cost.0);
        }
    }

    #[test]
    fn threads_are_as_long_as_tasks_say(choices in histories()) {
        let script = written(&choices);
        let views = script.views();
        let page = views.tasks.list(&TaskQuery::default(), script.now(), &views.agents).unwrap();
        for task in &page.items {
            prop_assert_eq!(task.message_count as usize, views.threads.positions(task.id).len());
        }
    }
}

#[test]
fn every_type_of_news_can_be_filtered_by() {
    let script = every_kind();
    let news = script.events().iter().filter(|event| ActivityQuery::default().wants_event(event));
    let names = news.map(|event| event.event.name());
    let found: BTreeSet<_> = names.flat_map(|name| [name, &name[..name.find('.').unwrap()]]).collect();
    assert_eq!(found, TYPES.iter().copied().collect());
}

#[test]
fn every_kind_of_event_is_told_in_one_sentence_and_entry() {
    let script = every_kind();
    let views = script.views();
    for event in script.events() {
        for naming in [Naming::Plain, Naming::Titled] {
            let told = sentence(event, &views, naming);
            assert!(!told.contains('\n') && !told.ends_with('.'), "{told}");
            assert!(!told.contains("  ") && told.split(' ').count() > 2, "{told}");
        }
        assert!(entry(event, &views).data.get("at").is_none());
    }
    let told: BTreeSet<_> = script.events().iter().map(|event| event.event.name()).collect();
    assert_eq!(told.len(), usize::from(KINDS) - history::VARIATIONS);
}
