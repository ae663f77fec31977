//! The laws of every projection, over histories that no rule has checked.

mod history;

use std::{collections::BTreeSet, fmt::Debug};

use chrono::{DateTime, TimeDelta, Utc};
use mc_domain::{
    aggregate::Aggregate,
    approval,
    credential::{Credential, Role, SESSION_LASTS},
    ids::CredentialId,
    money::Usd,
    reach::Reach,
    recorded::{AnyEvent, Recorded, StreamId},
    task::{Priority, Status, TaskType},
    values::Label,
};
use proptest::prelude::*;
use uuid::Uuid;

use crate::{
    activity::{Activity, ActivityQuery, TYPES},
    agents::{AgentQuery, Agents},
    alerts::{AlertQuery, AlertSort, Alerts},
    approvals::{ApprovalQuery, ApprovalSort, Approvals},
    board::{BoardQuery, board},
    costs::{Costs, Spend, agent_costs, daily_costs},
    credentials::{Credentials, Shown},
    entries::timeline_entry,
    hours::Hours,
    messages::Threads,
    metrics::{Tallies, counts, metrics},
    notifications::{NotificationQuery, Notifications},
    page::{MAX_LIMIT, Order, Page},
    policy::Policies,
    projection::Projection,
    projects::Projects,
    runs::{RunQuery, RunSort, Runs},
    script::Script,
    standup::{StandupQuery, standup},
    summary::{Naming, sentence},
    tasks::{TaskQuery, TaskSort, Tasks},
    timeline::Timelines,
    views::Views,
};
use history::{
    CREDENTIALS, KINDS, SESSIONS, credential_id, histories, histories_of_credentials, projects, reaches,
    secret, session, written,
};

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

/// What all pages of an answer show, one after the other.
fn all_pages<T>(page: impl Fn(Option<String>) -> Page<T>) -> Vec<T> {
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let shown = page(cursor);
        seen.extend(shown.items);
        match shown.next {
            Some(next) => cursor = Some(next),
            None => return seen,
        }
    }
}

fn ids<T, I>(page: Page<T>, id: impl Fn(&T) -> I) -> Page<I> {
    Page { items: page.items.iter().map(id).collect(), next: page.next }
}

/// Questions with nothing but one filter, and with several; some of them within `reach`.
fn task_queries(reach: &Reach) -> Vec<TaskQuery> {
    let any = TaskQuery::default;
    let within = || TaskQuery { reach: reach.clone(), ..any() };
    let (agent, label) = (Uuid::from_u128(1).into(), Label::new("q1").unwrap());
    let open = vec![Status::Inbox, Status::Assigned, Status::InProgress, Status::Blocked];
    vec![
        any(),
        within(),
        TaskQuery { status: open.clone(), ..within() },
        TaskQuery { status: vec![Status::Inbox], kind: vec![TaskType::Docs, TaskType::Ops], ..within() },
        TaskQuery { assignee: vec![agent, Uuid::from_u128(2).into()], ..any() },
        TaskQuery { assignee: vec![agent], status: open, ..within() },
        TaskQuery { label: vec![label], ..within() },
        TaskQuery { priority: vec![Priority::try_from(1).unwrap(), Priority::NORMAL], ..within() },
        TaskQuery { overdue: Some(true), ..within() },
        TaskQuery { overdue: Some(false), ..any() },
        TaskQuery { search: Some("GUIDE".to_owned()), ..within() },
        TaskQuery { archived: true, ..within() },
    ]
}

/// What the views count within a reach; no number tells of anything that belongs to no project.
fn numbers(views: &Views, reach: &Reach, now: DateTime<Utc>) -> Vec<i64> {
    let today = now.date_naive();
    let query = BoardQuery { reach: reach.clone(), ..BoardQuery::default() };
    let board = board(views, &query, now).counts.into_values().map(|count| count as i64);
    let costs = daily_costs(views, today, reach);
    let spent = [costs.total.0, costs.trend.last_7_days.0, views.costs.spent_on(today, reach)];
    let shares = costs.by_agent.iter().map(|share| share.spend.cost.0).sum::<Usd>();
    let projects = costs.by_project.iter().map(|share| share.spend.cost.0).sum::<Usd>();
    let key = metrics(views, reach, now, |_| None);
    let (tasks, trouble, agents) = (key.task_throughput, key.incidents, key.agent_health);
    let incidents = [trouble.budget_breaches_today, trouble.loops_today, trouble.approval_requests_today];
    let health = agents.by_status.into_values().chain([agents.total, agents.active, agents.stale]);
    let scraped = counts(views, reach, now, |_| None);
    let open = scraped.tasks.into_values().chain(scraped.alerts_open.into_values());
    let open = open.chain([scraped.approvals_pending, scraped.runs_open]);
    let ever = [scraped.budget_breaches_total, scraped.loops_detected_total, scraped.tasks_completed_total];
    let report = standup(views, StandupQuery { reach: reach.clone(), date: today }, now, |_| None);
    let told = [report.tasks.total, report.counts.blocked, report.counts.completed_last_24h];
    let listed = [report.blocked.len(), report.waiting_approvals.len(), report.open_alerts.len()];
    let money = spent.into_iter().chain([shares, projects, report.agents.cap.0, report.spend.0]);
    board
        .chain(money.map(Usd::micros))
        .chain([costs.runs as i64, scraped.cost_micro_usd_total, tasks.completed_today as i64])
        .chain(incidents.into_iter().chain(ever).map(|count| count as i64))
        .chain(health.chain(open).chain(told).chain(listed).map(|count| count as i64))
        .collect()
}

/// What the views name within a reach: tasks, agents, approvals, alerts, notifications, runs and projects.
fn named(views: &Views, reach: &Reach, now: DateTime<Utc>) -> BTreeSet<Uuid> {
    let limit = Some(MAX_LIMIT);
    let query = BoardQuery { reach: reach.clone(), all_columns: true, ..BoardQuery::default() };
    let board = board(views, &query, now);
    let cards = board.columns.iter().flat_map(|column| &column.cards).map(|card| card.id.uuid());
    let agents = AgentQuery { reach: reach.clone(), limit, ..AgentQuery::default() };
    let agents = views.agents.list(&agents, now, |_| None).unwrap();
    let notes = NotificationQuery { reach: reach.clone(), limit, ..NotificationQuery::default() };
    let notes = views.notifications.list(&notes, &views.agents).unwrap();
    let projects = views.projects.list(reach, None, limit, None).unwrap();
    let costs = daily_costs(views, now.date_naive(), reach);
    let report = standup(views, StandupQuery { reach: reach.clone(), date: now.date_naive() }, now, |_| None);
    let news = ActivityQuery { reach: reach.clone(), ..ActivityQuery::default() };
    // Positions have numbers of their own, which no identity has.
    let news =
        views.activity.positions(&news, u64::MAX).map(|at| Uuid::from_u128((1 << 64) + u128::from(at)));
    let named = cards.chain(agents.items.iter().map(|agent| agent.id.uuid()));
    let named = named.chain(notes.items.iter().map(|note| note.id.uuid()));
    let named = named.chain(projects.items.iter().map(|project| project.id.uuid()));
    let named = named.chain(costs.by_project.iter().map(|share| share.project_id.uuid()));
    let named = named.chain(costs.by_agent.iter().map(|share| share.agent_id.uuid()));
    let named = named.chain(report.blocked.iter().map(|task| task.id.uuid()));
    let named = named.chain(report.waiting_approvals.iter().map(|approval| approval.id.uuid()));
    named.chain(report.open_alerts.iter().map(|alert| alert.id.uuid())).chain(news).collect()
}

/// A credential as decisions see it.
fn folded(script: &Script, id: CredentialId) -> Credential {
    let own = StreamId::of::<Credential>(&id);
    let events = script.events().iter().filter(|event| event.stream == own);
    Credential::fold(events.filter_map(|event| match &event.event {
        AnyEvent::Credential(fact) => Some(fact),
        _ => None,
    }))
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
        laws_hold::<Notifications>(script.events());
        laws_hold::<Policies>(script.events());
        laws_hold::<Threads>(script.events());
        laws_hold::<Timelines>(script.events());
        laws_hold::<Activity>(script.events());
        laws_hold::<Hours>(script.events());
        laws_hold::<Credentials>(script.events());
    }

    #[test]
    fn credentials_resume_from_any_stored_state(choices in histories_of_credentials()) {
        laws_hold::<Credentials>(written(&choices).events());
    }

    #[test]
    fn credentials_are_what_is_decided_on_them(choices in histories_of_credentials(), later in 0..60_i64) {
        let script = written(&choices);
        let (credentials, now) = (script.fold::<Credentials>(), script.now() + TimeDelta::seconds(later));
        let decided = (0..CREDENTIALS).map(|number| (number, folded(&script, credential_id(number))));
        let (mut operators, mut issued) = (BTreeSet::new(), 0);
        for (number, credential) in decided {
            let id = credential_id(number);
            let found = credentials.find(&Shown::Secret(secret(number)));
            prop_assert_eq!(found.map(|found| found.id), credential.issued().is_ok().then_some(id));
            prop_assert_eq!(credentials.is_good(id, now), credential.check(now).is_ok());
            prop_assert!(!credential.governs(now) || credentials.governors().contains(&id));
            let Ok(known) = credential.issued() else { continue };
            let found = found.unwrap();
            prop_assert_eq!((found.grant, found.is_revoked), (known.grant(), known.is_revoked()));
            for session in (0..SESSIONS).map(|of| session(number, of)) {
                let found = credentials.find(&Shown::Session(session)).and_then(|found| found.session_used_at);
                let is_open = found.is_some_and(|used_at| now < used_at + SESSION_LASTS);
                prop_assert_eq!(is_open, known.has_session(&session, now));
            }
            issued += 1;
            if known.grant().bearer.role() == Role::Operator && !known.is_revoked() {
                operators.insert(known.grant().name.clone());
            }
        }
        prop_assert_eq!(credentials.operators().cloned().collect::<BTreeSet<_>>(), operators);
        prop_assert_eq!((credentials.ids(true).len(), credentials.is_required()), (issued, issued > 0));
    }

    #[test]
    fn pages_of_tasks_show_what_looking_at_everything_finds_in_every_order(choices in histories(), reach in reaches()) {
        let script = written(&choices);
        let (views, now) = (script.views(), script.now());
        for query in task_queries(&reach) {
            for (sort, order) in TaskSort::ALL.iter().flat_map(|sort| Order::ALL.iter().map(move |o| (*sort, *o))) {
                let query = TaskQuery { sort: Some(sort), order: Some(order), limit: Some(MAX_LIMIT), ..query.clone() };
                let pages = all_pages(|cursor| {
                    let query = TaskQuery { limit: Some(2), cursor, ..query.clone() };
                    ids(views.tasks.list(&query, now, &views.agents).unwrap(), |task| task.id)
                });
                prop_assert_eq!(pages, views.tasks.list_by_looking(&query, now), "{:?}", query);
            }
        }
    }

    #[test]
    fn pages_of_runs_approvals_and_alerts_show_what_looking_at_everything_finds(choices in histories(), reach in reaches()) {
        let views = written(&choices).views();
        let (limit, agent, task) = (Some(MAX_LIMIT), Uuid::from_u128(1).into(), Uuid::from_u128(2).into());
        for (agent, task) in [(vec![], vec![]), (vec![agent], vec![]), (vec![], vec![task]), (vec![agent], vec![task])] {
            for order in Order::ALL {
                for sort in RunSort::ALL {
                    let of = (agent.clone(), task.clone());
                    let (sort, order) = (Some(*sort), Some(*order));
                    let query = RunQuery { agent: of.0, task: of.1, sort, order, limit, reach: reach.clone(), ..RunQuery::default() };
                    let pages = all_pages(|cursor| {
                        let query = RunQuery { limit: Some(2), cursor, ..query.clone() };
                        ids(views.runs.list(&query).unwrap(), |run| run.id)
                    });
                    prop_assert_eq!(pages, views.runs.list_by_looking(&query), "{:?}", query);
                }
                for (sort, status) in ApprovalSort::ALL.iter().flat_map(|sort| [(sort, vec![]), (sort, approval::Status::ALL.to_vec())]) {
                    let of = (agent.clone(), task.clone());
                    let (sort, order) = (Some(*sort), Some(*order));
                    let query = ApprovalQuery { agent: of.0, task: of.1, status, sort, order, limit, reach: reach.clone(), ..ApprovalQuery::default() };
                    let pages = all_pages(|cursor| {
                        let query = ApprovalQuery { limit: Some(2), cursor, ..query.clone() };
                        ids(views.approvals.list(&query, &views.agents).unwrap(), |approval| approval.id)
                    });
                    prop_assert_eq!(pages, views.approvals.list_by_looking(&query), "{:?}", query);
                }
                for (sort, resolved) in AlertSort::ALL.iter().flat_map(|sort| [(sort, None), (sort, Some(false))]) {
                    let of = (agent.clone(), task.clone());
                    let (sort, order) = (Some(*sort), Some(*order));
                    let query = AlertQuery { agent: of.0, task: of.1, resolved, sort, order, limit, reach: reach.clone(), ..AlertQuery::default() };
                    let pages = all_pages(|cursor| {
                        let query = AlertQuery { limit: Some(2), cursor, ..query.clone() };
                        ids(views.alerts.list(&query, &views.agents).unwrap(), |alert| alert.id)
                    });
                    prop_assert_eq!(pages, views.alerts.list_by_looking(&query), "{:?}", query);
                }
            }
        }
    }

    #[test]
    fn several_projects_are_what_each_of_them_is_and_nothing_else(choices in histories(), reach in reaches()) {
        let script = written(&choices);
        let (views, now) = (script.views(), script.now());
        let parts: Vec<_> = reach.projects().cloned().unwrap_or_else(projects).into_iter().map(Reach::of).collect();
        let nothing = vec![0; numbers(&views, &Reach::All, now).len()];
        let sum = parts.iter().map(|part| numbers(&views, part, now)).fold(nothing, |sum, part| {
            sum.into_iter().zip(part).map(|(sum, part)| sum + part).collect()
        });
        prop_assert_eq!(numbers(&views, &reach, now), sum);
        let union: BTreeSet<_> = parts.iter().flat_map(|part| named(&views, part, now)).collect();
        let whole = named(&views, &reach, now);
        prop_assert!(union.is_subset(&whole));
        prop_assert!(reach == Reach::All || whole == union, "{:?}", whole.difference(&union));
    }

    #[test]
    fn what_is_listed_within_a_reach_belongs_to_it(choices in histories(), reach in reaches()) {
        let script = written(&choices);
        let (views, now) = (script.views(), script.now());
        let (limit, status) = (Some(MAX_LIMIT), approval::Status::ALL.to_vec());
        let runs = views.runs.list(&RunQuery { reach: reach.clone(), limit, ..RunQuery::default() }).unwrap();
        let approvals = ApprovalQuery { reach: reach.clone(), status, limit, ..ApprovalQuery::default() };
        let approvals = views.approvals.list(&approvals, &views.agents).unwrap();
        let alerts = AlertQuery { reach: reach.clone(), limit, ..AlertQuery::default() };
        let alerts = views.alerts.list(&alerts, &views.agents).unwrap();
        let tasks = TaskQuery { reach: reach.clone(), limit, ..TaskQuery::default() };
        let tasks = views.tasks.list(&tasks, now, &views.agents).unwrap();
        let notes = NotificationQuery { reach: reach.clone(), limit, ..NotificationQuery::default() };
        let notes = views.notifications.list(&notes, &views.agents).unwrap();
        let owners = runs.items.iter().map(|run| Some(run.project_id));
        let owners = owners.chain(approvals.items.iter().map(|approval| Some(approval.project_id)));
        let owners = owners.chain(alerts.items.iter().map(|alert| Some(alert.project_id)));
        let owners = owners.chain(tasks.items.iter().map(|task| Some(task.project_id)));
        let mut owners = owners.chain(notes.items.iter().map(|note| note.project_id));
        prop_assert!(owners.all(|owner| reach.covers(owner)));
    }

    #[test]
    fn notifications_of_no_project_are_within_all_alone(choices in histories()) {
        let views = written(&choices).views();
        let waiting = |reach: &Reach| views.notifications.waiting(reach);
        let named = Reach::Only(projects());
        let list = |reach: &Reach| {
            let query = NotificationQuery { reach: reach.clone(), limit: Some(MAX_LIMIT), ..NotificationQuery::default() };
            views.notifications.list(&query, &views.agents).unwrap().items
        };
        let homeless = list(&Reach::All).into_iter().filter(|note| note.project_id.is_none()).count();
        prop_assert_eq!(list(&Reach::All).len() - list(&named).len(), homeless);
        prop_assert!((waiting(&named)..=waiting(&named) + homeless).contains(&waiting(&Reach::All)));
        let (first, of_named) = (views.notifications.due_since(&Reach::All), views.notifications.due_since(&named));
        prop_assert!(of_named.is_none() || first <= of_named);
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
        prop_assert_eq!(views.costs.total(&Reach::All), charged);
        let costs = daily_costs(&views, script.now().date_naive(), &Reach::All);
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
        assert!(timeline_entry(event, &views).data.get("at").is_none());
    }
    let told: BTreeSet<_> = script.events().iter().map(|event| event.event.name()).collect();
    assert_eq!(told.len(), usize::from(KINDS) - history::VARIATIONS);
}
