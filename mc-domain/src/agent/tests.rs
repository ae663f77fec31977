#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::{
    aggregate::Aggregate,
    ids::{ApprovalId, LeaseId, TaskId},
    money::Usd,
    spec::{
        ECHO, ELSEWHERE, LEASE, NEXT_LEASE, OPENCLAW, OTHER_TASK, SCOUT, TASK, by, given, label, later, name,
        now, reason, registered, registered_as, scout, sofie, system,
    },
    task_type::TaskType,
};

/// Section 3 of the domain. From offline the way back is a registration or a heartbeat, no command of an operator.
const MOVES: [(Status, &[Status]); 5] = [
    (Status::Active, &[Status::Paused, Status::Draining, Status::Quarantined, Status::Offline]),
    (Status::Paused, &[Status::Active, Status::Quarantined, Status::Offline]),
    (Status::Draining, &[Status::Active, Status::Paused, Status::Quarantined, Status::Offline]),
    (Status::Quarantined, &[Status::Active, Status::Offline]),
    (Status::Offline, &[]),
];

fn scout_who(status: Status) -> Vec<Event> {
    let moved = match status {
        Status::Active => None,
        Status::Paused => Some(paused(PauseReason::Operator)),
        Status::Draining => Some(Event::DrainStarted { note: None }),
        Status::Quarantined => Some(Event::Quarantined { note: None }),
        Status::Offline => Some(Event::SignedOff { note: None }),
    };
    registered("Scout", Role::Intern).into_iter().chain(moved).collect()
}

fn paused(reason: PauseReason) -> Event {
    Event::Paused { reason, note: None }
}

fn heard(at: DateTime<Utc>, error_streak: u32) -> Event {
    Event::HeartbeatRecorded { at, session_key: None, error: None, error_streak }
}

/// Scout, with that many errors in a row.
fn failing(error_streak: u32) -> Vec<Event> {
    registered("Scout", Role::Intern).into_iter().chain([heard(now(), error_streak)]).collect()
}

fn becoming(to: Status) -> (Command, fn(Status) -> Event) {
    match to {
        Status::Active => {
            (Command::Resume { note: None }, |from| Event::Resumed { from, note: None, at: Some(now()) })
        }
        Status::Paused => {
            (Command::Pause { reason: PauseReason::Operator, note: None }, |_| paused(PauseReason::Operator))
        }
        Status::Draining => (Command::Drain { note: None }, |_| Event::DrainStarted { note: None }),
        Status::Quarantined => (Command::Quarantine { note: None }, |_| Event::Quarantined { note: None }),
        Status::Offline => (Command::SignOff { note: None }, |_| Event::SignedOff { note: None }),
    }
}

fn illegal(from: Status, to: Status) -> Rejection {
    let (_, allowed) = MOVES.iter().find(|(row, _)| *row == from).unwrap();
    Rejection::IllegalStatus { name: name("Scout"), from, to, allowed: allowed.to_vec() }
}

fn operator_only() -> Rejection {
    Rejection::OperatorOnly { name: name("Scout") }
}

/// Invariant 1.
#[test]
fn every_status_move_of_an_operator_is_judged_as_the_table_of_the_domain_says() {
    for (from, allowed) in MOVES {
        for to in Status::ALL.iter().copied() {
            let agent = given::<Agent>(scout_who(from));
            let (command, event) = becoming(to);
            let answer = agent.when(&sofie(), command);
            match () {
                () if from == to => answer.then_nothing(),
                () if allowed.contains(&to) => {
                    let history: Vec<_> = scout_who(from).into_iter().chain([event(from)]).collect();
                    assert_eq!(Agent::fold(&history).status(), Some(to));
                    answer.then([event(from)]);
                }
                () => answer.then_rejected(illegal(from, to)),
            }
        }
    }
}

#[test]
fn a_correction_moves_along_the_same_table() {
    for (from, allowed) in MOVES {
        for to in Status::ALL.iter().copied() {
            let correct = Command::Correct(Corrections { status: Some(to), ..Corrections::default() });
            let answer = given::<Agent>(scout_who(from)).when(&sofie(), correct);
            match () {
                () if from == to => answer.then_nothing(),
                () if allowed.contains(&to) => answer.then([Event::Corrected {
                    status: Some(Correction { before: from, after: to }),
                    error_streak: None,
                    today_spend: None,
                    at: now(),
                }]),
                () => answer.then_rejected(illegal(from, to)),
            }
        }
    }
}

#[test]
fn nothing_is_asked_of_an_agent_before_its_registration() {
    for to in Status::ALL.iter().copied() {
        given::<Agent>([]).when(&sofie(), becoming(to).0).then_rejected(Rejection::NotFound);
    }
    given::<Agent>([])
        .when(&scout(), Command::Heartbeat(Heartbeat::default()))
        .then_rejected(Rejection::NotFound);
}

/// Invariant 1.
mod imposed {
    use super::*;

    #[test]
    fn statuses_are_not_set_by_agents() {
        let stop = [Status::Paused, Status::Draining, Status::Quarantined];
        for to in stop {
            given::<Agent>(scout_who(Status::Active))
                .when(&scout(), becoming(to).0)
                .then_rejected(operator_only());
        }
        for from in stop {
            for command in [Command::Resume { note: None }, Command::Restart { note: None }] {
                given::<Agent>(scout_who(from)).when(&scout(), command).then_rejected(operator_only());
            }
        }
    }

    #[test]
    fn statuses_are_lifted_by_an_operator_and_only_a_budget_pause_by_the_system() {
        let resume = || Command::Resume { note: None };
        for reason in PauseReason::ALL.iter().copied() {
            let history = || registered("Scout", Role::Intern).into_iter().chain([paused(reason)]);
            let answer = given::<Agent>(history()).when(&system(), resume());
            match reason {
                PauseReason::Budget => {
                    answer.then([Event::Resumed { from: Status::Paused, note: None, at: Some(now()) }])
                }
                PauseReason::Operator | PauseReason::Squad | PauseReason::ErrorStreak => {
                    answer.then_rejected(operator_only());
                }
            }
            given::<Agent>(history()).when(&sofie(), resume()).then([Event::Resumed {
                from: Status::Paused,
                note: None,
                at: Some(now()),
            }]);
        }
        for from in [Status::Draining, Status::Quarantined] {
            given::<Agent>(scout_who(from)).when(&system(), resume()).then_rejected(operator_only());
        }
    }

    /// An instruction stands; what would end by itself makes way for it, and not the other way round.
    #[test]
    fn pauses_keep_their_reason_unless_an_operator_or_the_squad_pauses_what_would_end_by_itself() {
        use PauseReason::{Budget, ErrorStreak, Operator, Squad};
        for before in PauseReason::ALL.iter().copied() {
            for reason in PauseReason::ALL.iter().copied() {
                let history = registered("Scout", Role::Intern).into_iter().chain([paused(before)]);
                let answer = given::<Agent>(history).when(&sofie(), Command::Pause { reason, note: None });
                match (before, reason) {
                    (Budget | ErrorStreak, Operator | Squad) => answer.then([paused(reason)]),
                    _ => answer.then_nothing(),
                }
            }
        }
    }

    #[test]
    fn pauses_of_the_squad_leave_an_overspent_agent_to_its_budget() {
        let overspent = Event::Overspent {
            approval: ApprovalId::new(uuid::Uuid::from_u128(1)),
            budget: None,
            day: now().date_naive(),
            at: now(),
        };
        let spent = [overspent, paused(PauseReason::Budget), paused(PauseReason::Squad)];
        let agent = given::<Agent>(registered("Scout", Role::Intern).into_iter().chain(spent));
        let rejoin = || Command::Rejoin { note: None };
        let tomorrow = later(&sofie(), TimeDelta::days(1));
        let resumed = |at| [Event::Resumed { from: Status::Paused, note: None, at: Some(at) }];
        agent.when(&sofie(), rejoin()).then([paused(PauseReason::Budget)]);
        agent.when(&sofie(), Command::Resume { note: None }).then(resumed(now()));
        agent.when(&tomorrow, rejoin()).then(resumed(tomorrow.now));
        given::<Agent>(scout_who(Status::Quarantined)).when(&sofie(), rejoin()).then_nothing();
    }

    #[test]
    fn quarantines_do_not_become_pauses() {
        given::<Agent>(scout_who(Status::Quarantined))
            .when(&system(), Command::Pause { reason: PauseReason::Budget, note: None })
            .then_rejected(illegal(Status::Quarantined, Status::Paused));
    }

    #[test]
    fn statuses_are_not_undone_by_a_heartbeat_or_by_registering_again() {
        for from in [Status::Paused, Status::Quarantined] {
            let agent = given::<Agent>(scout_who(from));
            agent.when(&scout(), Command::Heartbeat(Heartbeat::default())).then([heard(now(), 0)]);
            agent.when(&scout(), register(profile())).then_nothing();
        }
    }

    /// The way out through offline.
    #[test]
    fn statuses_are_not_left_by_saying_goodbye() {
        for from in [Status::Paused, Status::Quarantined] {
            let agent = given::<Agent>(scout_who(from));
            agent.when(&scout(), Command::SignOff { note: None }).then_rejected(operator_only());
            for context in [sofie(), system()] {
                agent.when(&context, Command::SignOff { note: None }).then([Event::SignedOff { note: None }]);
            }
        }
    }
}

/// It comes back as it would have ended.
#[test]
fn a_draining_agent_says_goodbye_by_itself_and_comes_back_drained() {
    let gone = Event::SignedOff { note: None };
    given::<Agent>(scout_who(Status::Draining))
        .when(&scout(), Command::SignOff { note: None })
        .then([gone.clone()]);
    let history = || scout_who(Status::Draining).into_iter().chain([gone.clone()]);
    let back = [Event::SignedOn { at: now() }, paused(PauseReason::Operator)];
    given::<Agent>(history()).when(&scout(), register(profile())).then(back.clone());
    given::<Agent>(history())
        .when(&scout(), Command::Heartbeat(Heartbeat::default()))
        .then(back.into_iter().chain([heard(now(), 0)]));
}

#[test]
fn an_active_agent_says_goodbye_by_itself() {
    given::<Agent>(scout_who(Status::Active))
        .when(&scout(), Command::SignOff { note: None })
        .then([Event::SignedOff { note: None }]);
    given::<Agent>(scout_who(Status::Offline)).when(&scout(), Command::SignOff { note: None }).then_nothing();
}

fn profile() -> Profile {
    Profile::new(name("Scout"), Role::Intern)
}

fn register(profile: Profile) -> Command {
    Command::Register { project: OPENCLAW, profile, parent: None, purpose: None }
}

mod registration {
    use super::*;

    fn limited() -> Profile {
        Profile {
            allowed_task_types: BTreeSet::from([TaskType::SeoResearch]),
            allowed_tools: BTreeSet::from([label("search"), label("read_file")]),
            emoji: Some(label("🔍")),
            ..profile()
        }
    }

    #[test]
    fn makes_an_agent() {
        given::<Agent>([]).when(&sofie(), register(profile())).then(registered("Scout", Role::Intern));
    }

    #[test]
    fn again_changes_nothing() {
        given::<Agent>(registered_as(limited())).when(&scout(), register(limited())).then_nothing();
    }

    #[test]
    fn again_updates_emoji_types_and_tools_but_never_role_or_budgets() {
        let wanted = Profile {
            emoji: Some(label("🔭")),
            allowed_task_types: BTreeSet::from([TaskType::CustomerResearch]),
            allowed_tools: BTreeSet::from([label("web_search")]),
            heartbeat_interval_secs: 900,
            ..Profile::new(name("scout"), Role::Cao)
        };
        let updated = Profile {
            emoji: Some(label("🔭")),
            allowed_task_types: BTreeSet::from([TaskType::CustomerResearch]),
            allowed_tools: BTreeSet::from([label("web_search")]),
            heartbeat_interval_secs: 900,
            ..profile()
        };
        given::<Agent>(registered_as(limited()))
            .when(&sofie(), register(wanted))
            .then([Event::ProfileChanged { profile: updated }]);
    }

    #[test]
    fn again_takes_at_its_word_what_it_declares() {
        let declared = Profile { heartbeat_interval_secs: 900, ..limited() };
        given::<Agent>(registered_as(declared))
            .when(&sofie(), register(profile()))
            .then([Event::ProfileChanged { profile: profile() }]);
    }

    /// Invariant 4.
    #[test]
    fn again_does_not_raise_the_agents_own_tools() {
        let more = Profile { allowed_tools: BTreeSet::from([label("shell_exec")]), ..limited() };
        given::<Agent>(registered_as(limited()))
            .when(&scout(), register(more))
            .then_rejected(Rejection::SelfPromotion { what: "tools".to_owned() });
        let fewer = Profile { allowed_tools: BTreeSet::from([label("search")]), ..limited() };
        given::<Agent>(registered_as(limited()))
            .when(&scout(), register(fewer.clone()))
            .then([Event::ProfileChanged { profile: fewer }]);
    }

    #[test]
    fn brings_an_agent_back_from_offline_only() {
        given::<Agent>(scout_who(Status::Offline))
            .when(&scout(), register(profile()))
            .then([Event::SignedOn { at: now() }]);
        for from in [Status::Active, Status::Paused, Status::Draining, Status::Quarantined] {
            given::<Agent>(scout_who(from)).when(&scout(), register(profile())).then_nothing();
        }
    }
}

/// Invariants 3 and 5.
mod heartbeats {
    use super::*;

    fn beat() -> Command {
        Command::Heartbeat(Heartbeat::default())
    }

    fn error() -> Command {
        Command::Heartbeat(Heartbeat { session_key: None, error: Some(reason("timeout")) })
    }

    fn failed(error_streak: u32) -> Event {
        Event::HeartbeatRecorded {
            at: now(),
            session_key: None,
            error: Some(reason("timeout")),
            error_streak,
        }
    }

    #[test]
    fn are_recorded_at_most_once_a_minute() {
        let agent = given::<Agent>(failing(0));
        agent.when(&later(&scout(), TimeDelta::seconds(59)), beat()).then_nothing();
        let minute = later(&scout(), TimeDelta::seconds(60));
        agent.when(&minute, beat()).then([heard(minute.now, 0)]);
    }

    #[test]
    fn are_recorded_at_once_the_first_time() {
        given::<Agent>(registered("Scout", Role::Intern)).when(&scout(), beat()).then([heard(now(), 0)]);
    }

    #[test]
    fn are_recorded_at_once_with_news() {
        let agent = given::<Agent>(failing(0));
        agent.when(&scout(), error()).then([failed(1)]);
        let session_key = Some(label("agent:scout:main"));
        let spoken = Heartbeat { session_key: session_key.clone(), error: None };
        let recorded = Event::HeartbeatRecorded { at: now(), session_key, error: None, error_streak: 0 };
        agent.when(&scout(), Command::Heartbeat(spoken.clone())).then([recorded.clone()]);
        given::<Agent>(failing(0).into_iter().chain([recorded]))
            .when(&scout(), Command::Heartbeat(spoken))
            .then_nothing();
    }

    #[test]
    fn without_an_error_reset_the_streak() {
        given::<Agent>(failing(4)).when(&scout(), beat()).then([heard(now(), 0)]);
    }

    #[test]
    fn with_one_error_too_many_quarantine() {
        given::<Agent>(failing(3)).when(&scout(), error()).then([failed(4)]);
        given::<Agent>(failing(4))
            .when(&scout(), error())
            .then([failed(5), Event::Quarantined { note: None }]);
    }

    #[test]
    fn quarantine_once() {
        let history = failing(5).into_iter().chain([Event::Quarantined { note: None }]);
        given::<Agent>(history).when(&scout(), error()).then([failed(6)]);
    }

    #[test]
    fn bring_an_agent_back_from_offline() {
        given::<Agent>(scout_who(Status::Offline))
            .when(&scout(), beat())
            .then([Event::SignedOn { at: now() }, heard(now(), 0)]);
    }

    #[test]
    fn deliver_the_order_to_restart_once() {
        let restarted = [heard(now(), 0), Event::Restarted { note: None, at: Some(now()) }];
        let history: Vec<_> = registered("Scout", Role::Intern).into_iter().chain(restarted).collect();
        assert!(Agent::fold(&history).registered().unwrap().restart_pending);
        let delivered = [Event::RestartDelivered {}, heard(now(), 0)];
        given::<Agent>(history.clone()).when(&scout(), beat()).then(delivered.clone());
        let told = given::<Agent>(history.into_iter().chain(delivered));
        told.when(&scout(), beat()).then_nothing();
    }

    #[test]
    fn of_an_idle_agent_end_its_drain() {
        given::<Agent>(scout_who(Status::Draining))
            .when(&scout(), beat())
            .then([paused(PauseReason::Operator), heard(now(), 0)]);
    }

    #[test]
    fn of_an_agent_at_work_do_not_end_its_drain() {
        let working = [engaged(), Event::DrainStarted { note: None }];
        given::<Agent>(registered("Scout", Role::Intern).into_iter().chain(working))
            .when(&scout(), beat())
            .then([heard(now(), 0)]);
    }

    #[test]
    fn are_answered_with_what_the_agent_is_to_do() {
        let told = |status| Agent::fold(&scout_who(status)).registered().unwrap().standing.directive();
        assert_eq!(told(Status::Active), None);
        assert_eq!(told(Status::Paused), Some(Directive::Pause));
        assert_eq!(told(Status::Draining), Some(Directive::Drain));
        assert_eq!(told(Status::Quarantined), Some(Directive::Quarantine));
    }
}

fn engaged() -> Event {
    Event::Engaged { task: TASK, lease: LEASE }
}

/// Invariant 2.
mod work {
    use super::*;

    fn engage(task: TaskId, lease: LeaseId) -> Command {
        Command::Engage(Work { task, lease })
    }

    fn working() -> Vec<Event> {
        registered("Scout", Role::Intern).into_iter().chain([engaged()]).collect()
    }

    #[test]
    fn is_one_task_at_a_time() {
        given::<Agent>(registered("Scout", Role::Intern))
            .when(&scout(), engage(TASK, LEASE))
            .then([engaged()]);
        given::<Agent>(working())
            .when(&scout(), engage(OTHER_TASK, NEXT_LEASE))
            .then_rejected(Rejection::Busy { name: name("Scout"), task: TASK });
    }

    #[test]
    fn is_under_one_lease() {
        let agent = given::<Agent>(working());
        agent.when(&scout(), engage(TASK, LEASE)).then_nothing();
        agent
            .when(&scout(), engage(TASK, NEXT_LEASE))
            .then_rejected(Rejection::Busy { name: name("Scout"), task: TASK });
    }

    #[test]
    fn ends_with_the_lease_it_was_under() {
        let release = |task| Command::Release { task, ending: Ending::Submitted };
        let agent = given::<Agent>(working());
        agent.when(&scout(), release(TASK)).then([Event::Released {
            task: TASK,
            lease: LEASE,
            ending: Ending::Submitted,
        }]);
        agent.when(&scout(), release(OTHER_TASK)).then_nothing();
        given::<Agent>(registered("Scout", Role::Intern)).when(&scout(), release(TASK)).then_nothing();
    }

    #[test]
    fn that_ends_while_draining_ends_the_drain() {
        let draining = working().into_iter().chain([Event::DrainStarted { note: None }]);
        given::<Agent>(draining)
            .when(&scout(), Command::Release { task: TASK, ending: Ending::Submitted })
            .then([
                Event::Released { task: TASK, lease: LEASE, ending: Ending::Submitted },
                paused(PauseReason::Operator),
            ]);
    }

    #[test]
    fn is_moved_by_active_agents_and_the_current_task_by_draining_ones() {
        let may_move = |status, task| {
            let history = working().into_iter().chain(scout_who(status).into_iter().skip(1));
            let agent = Agent::fold(&history.collect::<Vec<_>>());
            agent.registered().unwrap().may_move(task, now().date_naive()).is_ok()
        };
        let of = |task| {
            [Status::Active, Status::Draining, Status::Paused, Status::Quarantined, Status::Offline]
                .map(|status| may_move(status, task))
        };
        assert_eq!(of(TASK), [true, true, false, false, false]);
        assert_eq!(of(OTHER_TASK), [true, false, false, false, false]);
    }

    #[test]
    fn is_accepted_by_active_agents_of_the_project_that_take_its_type() {
        let accept = |history: &[Event], project, kind, rule| {
            Agent::fold(history).registered().unwrap().accept(SCOUT, project, kind, rule, now().date_naive())
        };
        let research = Profile { allowed_task_types: BTreeSet::from([TaskType::SeoResearch]), ..profile() };
        let research = registered_as(research);
        let vouched = Ok(Assignee::vouched(SCOUT));
        let (seo, docs) = (TaskType::SeoResearch, TaskType::Docs);
        assert_eq!(accept(&research, OPENCLAW, seo, TypeRule::Enforced), vouched);
        assert_eq!(accept(&research, OPENCLAW, docs, TypeRule::Overridden), vouched);
        assert_eq!(
            accept(&research, OPENCLAW, docs, TypeRule::Enforced),
            Err(Rejection::TypeNotAccepted { name: name("Scout"), kind: docs })
        );
        assert_eq!(
            accept(&research, ELSEWHERE, seo, TypeRule::Enforced),
            Err(Rejection::OtherProject { name: name("Scout") })
        );
        let any = scout_who(Status::Active);
        assert_eq!(accept(&any, OPENCLAW, docs, TypeRule::Enforced), vouched);
        for status in [Status::Paused, Status::Draining, Status::Quarantined, Status::Offline] {
            let reason = (status == Status::Paused).then_some(PauseReason::Operator);
            assert_eq!(
                accept(&scout_who(status), OPENCLAW, docs, TypeRule::Overridden),
                Err(Rejection::NotActive { name: name("Scout"), status, reason })
            );
        }
    }

    /// Nothing has to run at midnight.
    #[test]
    fn is_taken_on_the_day_after_the_budget_was_used_up() {
        let (approval, today) = (ApprovalId::new(uuid::Uuid::from_u128(1)), now().date_naive());
        let overspent = Event::Overspent { approval, budget: None, day: today, at: now() };
        let spent = working().into_iter().chain([overspent, paused(PauseReason::Budget)]);
        let history = spent.collect::<Vec<_>>();
        let tomorrow = today.succ_opt().unwrap();
        let takes = |history: &[Event], day| {
            let agent = Agent::fold(history);
            let agent = agent.registered().unwrap();
            let kind = TaskType::Docs;
            [
                agent.accept(SCOUT, OPENCLAW, kind, TypeRule::Enforced, day).is_ok(),
                agent.may_move(TASK, day).is_ok(),
                agent.may_run(None, day).is_ok(),
            ]
        };
        assert_eq!(takes(&history, today), [false; 3]);
        assert_eq!(takes(&history, tomorrow), [true; 3]);
        let by_hand: Vec<_> = history.into_iter().chain([paused(PauseReason::Operator)]).collect();
        assert_eq!(takes(&by_hand, tomorrow), [false; 3]);
    }

    #[test]
    fn is_talked_about_unless_quarantined_or_offline() {
        let may_speak = |status| Agent::fold(&scout_who(status)).registered().unwrap().may_speak().is_ok();
        let all = [Status::Active, Status::Paused, Status::Draining, Status::Quarantined, Status::Offline];
        assert_eq!(all.map(may_speak), [true, true, true, false, false]);
    }
}

#[test]
fn only_an_agent_that_should_be_alive_becomes_stale() {
    let (now, minutes) = (DateTime::<Utc>::UNIX_EPOCH, TimeDelta::minutes);
    for status in [Status::Active, Status::Draining] {
        assert!(!is_stale(status, now - minutes(5), minutes(5), now));
        assert!(is_stale(status, now - minutes(6), minutes(5), now));
    }
    for status in [Status::Paused, Status::Quarantined, Status::Offline] {
        assert!(!is_stale(status, now - minutes(60), minutes(5), now));
    }
}

/// Invariant 4.
mod profile_changes {
    use super::*;

    fn change(profile: Profile) -> Command {
        Command::ChangeProfile(profile)
    }

    fn with_tools<const N: usize>(tools: [&str; N]) -> Profile {
        Profile { allowed_tools: tools.map(label).into(), ..profile() }
    }

    #[test]
    fn by_an_operator_are_free() {
        let raised = Profile { caps: Role::Cao.default_caps(), role: Role::Cao, ..profile() };
        given::<Agent>(scout_who(Status::Active))
            .when(&sofie(), change(raised.clone()))
            .then([Event::ProfileChanged { profile: raised }]);
    }

    #[test]
    fn by_the_agent_never_raise_role_caps_or_tools() {
        let caps = profile().caps;
        let (cent_more, few_tools) = (Usd::cents(1), with_tools(["search"]));
        for (current, wanted, what) in [
            (profile(), Profile { role: Role::Specialist, ..profile() }, "role"),
            (
                profile(),
                Profile { caps: Caps { daily: caps.daily.plus(cent_more), ..caps }, ..profile() },
                "daily cap",
            ),
            (
                profile(),
                Profile { caps: Caps { per_run: caps.per_run.plus(cent_more), ..caps }, ..profile() },
                "per-run cap",
            ),
            (few_tools.clone(), with_tools(["search", "shell_exec"]), "tools"),
            (few_tools, with_tools([]), "tools"),
            (profile(), Profile::new(name("Scout"), Role::Lead), "role, daily cap, per-run cap"),
        ] {
            given::<Agent>(registered_as(current))
                .when(&scout(), change(wanted))
                .then_rejected(Rejection::SelfPromotion { what: what.to_owned() });
        }
    }

    #[test]
    fn by_the_agent_may_give_up_what_it_has() {
        let fewer = with_tools(["search"]);
        given::<Agent>(scout_who(Status::Active))
            .when(&scout(), change(fewer.clone()))
            .then([Event::ProfileChanged { profile: fewer }]);
    }

    #[test]
    fn to_what_it_is_change_nothing() {
        given::<Agent>(scout_who(Status::Active)).when(&sofie(), change(profile())).then_nothing();
    }

    #[test]
    fn default_caps_and_spawn_rights_are_those_of_the_domain() {
        let of = |role: Role| {
            let Caps { daily, per_run } = role.default_caps();
            (daily.to_string(), per_run.to_string(), role.may_spawn())
        };
        let expected = [
            (Role::Intern, ("2", "0.25", false)),
            (Role::Specialist, ("5", "0.75", true)),
            (Role::Lead, ("12", "1.50", true)),
            (Role::Cao, ("25", "3", true)),
        ];
        for (role, (daily, per_run, spawn)) in expected {
            assert_eq!(of(role), (daily.to_owned(), per_run.to_owned(), spawn));
        }
    }
}

mod restarts {
    use super::*;

    #[test]
    fn make_an_agent_active_with_no_errors_and_an_order_to_deliver() {
        for from in [Status::Active, Status::Paused, Status::Draining, Status::Quarantined] {
            let mut history = scout_who(from);
            history.push(heard(now(), 5));
            let restarted = Event::Restarted { note: Some(reason("stuck")), at: Some(now()) };
            given::<Agent>(history.clone())
                .when(&sofie(), Command::Restart { note: Some(reason("stuck")) })
                .then([restarted.clone()]);
            history.push(restarted);
            let agent = Agent::fold(&history);
            let agent = agent.registered().unwrap();
            assert_eq!(
                (agent.standing, agent.error_streak, agent.restart_pending),
                (Standing::Active, 0, true)
            );
        }
    }

    #[test]
    fn do_not_reach_an_agent_that_is_gone() {
        given::<Agent>(scout_who(Status::Offline))
            .when(&sofie(), Command::Restart { note: None })
            .then_rejected(illegal(Status::Offline, Status::Active));
    }

    #[test]
    fn are_for_operators() {
        for context in [scout(), by(ECHO), system()] {
            given::<Agent>(scout_who(Status::Quarantined))
                .when(&context, Command::Restart { note: None })
                .then_rejected(operator_only());
        }
    }
}

mod corrections {
    use super::*;

    #[test]
    fn name_only_what_changed() {
        let wanted = Corrections {
            status: Some(Status::Active),
            error_streak: Some(0),
            today_spend: Some(Usd::cents(40)),
        };
        given::<Agent>(failing(4)).when(&sofie(), Command::Correct(wanted)).then([Event::Corrected {
            status: None,
            error_streak: Some(Correction { before: 4, after: 0 }),
            today_spend: Some(Usd::cents(40)),
            at: now(),
        }]);
    }

    #[test]
    fn to_what_the_record_says_change_nothing() {
        let wanted = Corrections { status: Some(Status::Active), error_streak: Some(4), today_spend: None };
        given::<Agent>(failing(4)).when(&sofie(), Command::Correct(wanted)).then_nothing();
        given::<Agent>(failing(4)).when(&sofie(), Command::Correct(Corrections::default())).then_nothing();
    }

    #[test]
    fn are_for_operators() {
        let wanted = Corrections { status: Some(Status::Active), ..Corrections::default() };
        for context in [scout(), system()] {
            given::<Agent>(scout_who(Status::Quarantined))
                .when(&context, Command::Correct(wanted))
                .then_rejected(operator_only());
        }
    }

    #[test]
    fn to_paused_are_pauses_by_the_operator() {
        let corrected = Event::Corrected {
            status: Some(Correction { before: Status::Active, after: Status::Paused }),
            error_streak: None,
            today_spend: None,
            at: now(),
        };
        let history: Vec<_> = scout_who(Status::Active).into_iter().chain([corrected]).collect();
        let standing = Agent::fold(&history).registered().unwrap().standing;
        assert_eq!(standing, Standing::Paused(PauseReason::Operator));
    }
}

/// Invariant 9.
#[test]
fn an_operator_excepts_an_active_agent_from_a_halt_once() {
    let except = |halt| Command::Except { halt };
    let scout_active = given::<Agent>(scout_who(Status::Active));
    let excepted = Event::Excepted { halt: 2, at: now() };
    scout_active.when(&sofie(), except(2)).then([excepted.clone()]);
    for context in [system(), scout()] {
        scout_active.when(&context, except(2)).then_rejected(operator_only());
    }
    let history = scout_who(Status::Active).into_iter().chain([excepted]);
    let let_go = given::<Agent>(history);
    let_go.when(&sofie(), except(2)).then_nothing();
    let_go.when(&sofie(), except(3)).then([Event::Excepted { halt: 3, at: now() }]);
    let (name, reason) = (name("Scout"), None);
    let refused = Rejection::NotActive { name, status: Status::Quarantined, reason };
    given::<Agent>(scout_who(Status::Quarantined)).when(&sofie(), except(1)).then_rejected(refused);
}
