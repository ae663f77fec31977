//! What happens to an agent, and with it to the task that it holds.

use super::*;
use crate::{
    agent::{Correction, Corrections, Heartbeat},
    money::Usd,
    spec::{Answer, heard, limits},
};

fn operator_only() -> agent::Rejection {
    agent::Rejection::OperatorOnly { name: name("Scout") }
}

mod restarting {
    use super::*;

    #[test]
    fn gives_the_task_back_to_its_assignees() {
        let (agent, task) = (working(), task_at(Status::InProgress));
        let note = Some(reason("stuck"));
        world([&agent, &task]).when(&sofie(), |tx| restart_agent(tx, agent.id, note.clone())).then([
            stream(&agent, [agent::Event::Restarted { note, at: Some(now()) }, released(Ending::Restarted)]),
            stream(&task, [assigned(Status::InProgress, [SCOUT], Some("stuck"))]),
        ]);
    }

    #[test]
    fn a_draining_agent_ends_its_drain() {
        let (agent, task) = (draining(&working()), task_at(Status::InProgress));
        world([&agent, &task]).when(&sofie(), |tx| restart_agent(tx, agent.id, None)).then([
            stream(
                &agent,
                [agent::Event::Restarted { note: None, at: Some(now()) }, released(Ending::Restarted)],
            ),
            stream(&task, [assigned(Status::InProgress, [SCOUT], None)]),
        ]);
    }

    #[test]
    fn an_idle_agent_touches_no_task() {
        let agent = idle(SCOUT);
        world([&agent, &task_at(Status::Blocked)])
            .when(&sofie(), |tx| restart_agent(tx, agent.id, None))
            .then([stream(&agent, [agent::Event::Restarted { note: None, at: Some(now()) }])]);
    }

    #[test]
    fn is_for_operators() {
        for context in [scout(), system()] {
            world([&idle(SCOUT)])
                .when(&context, |tx| restart_agent(tx, SCOUT, None))
                .then_rejected(operator_only());
        }
    }
}

mod quarantining {
    use super::*;

    #[test]
    fn blocks_the_task_and_says_why() {
        let (agent, task) = (working(), task_at(Status::InProgress));
        let note = Some(reason("loops"));
        for context in [sofie(), system()] {
            world([&agent, &task]).when(&context, |tx| quarantine_agent(tx, agent.id, note.clone())).then([
                stream(
                    &agent,
                    [agent::Event::Quarantined { note: note.clone() }, released(Ending::Quarantined)],
                ),
                stream(&task, [blocked(Status::InProgress, "Scout was quarantined: loops")]),
            ]);
        }
    }

    #[test]
    fn twice_changes_nothing() {
        let blocked = task_at(Status::Blocked);
        world([&quarantined(&idle(SCOUT)), &blocked])
            .when(&sofie(), |tx| quarantine_agent(tx, SCOUT, None))
            .then_nothing();
    }

    #[test]
    fn does_not_touch_the_task_of_another() {
        let agent = idle(ECHO);
        world([&agent, &task_at(Status::InProgress)])
            .when(&sofie(), |tx| quarantine_agent(tx, agent.id, None))
            .then([stream(&agent, [agent::Event::Quarantined { note: None }])]);
    }
}

mod signing_off {
    use super::*;

    #[test]
    fn blocks_the_task() {
        let (agent, task) = (working(), task_at(Status::InProgress));
        for context in [sofie(), system(), scout()] {
            world([&agent, &task]).when(&context, |tx| sign_off_agent(tx, agent.id, None)).then([
                stream(&agent, [agent::Event::SignedOff { note: None }, released(Ending::WentOffline)]),
                stream(&task, [blocked(Status::InProgress, "Scout went offline")]),
            ]);
        }
    }

    #[test]
    fn another_agent_is_refused() {
        world([&idle(SCOUT)])
            .when(&by(ECHO), |tx| sign_off_agent(tx, SCOUT, None))
            .then_rejected(operator_only());
    }
}

mod correcting {
    use super::*;

    fn corrections(status: Option<agent::Status>) -> Corrections {
        Corrections { status, ..Corrections::default() }
    }

    fn corrected(before: agent::Status, after: agent::Status) -> agent::Event {
        agent::Event::Corrected {
            status: Some(Correction { before, after }),
            error_streak: None,
            today_spend: None,
            at: now(),
        }
    }

    /// The runbook's *Reset Agent State*.
    #[test]
    fn resets_status_streak_spend_and_task_at_once() {
        let agent = paused(&working(), PauseReason::ErrorStreak).after(&[heard(3)]);
        let task = task_at(Status::InProgress);
        let request = CorrectAgent {
            corrections: Corrections {
                status: Some(agent::Status::Active),
                error_streak: Some(0),
                today_spend: Some(Usd::ZERO),
            },
            clear_task: true,
        };
        let corrected = agent::Event::Corrected {
            status: Some(Correction { before: agent::Status::Paused, after: agent::Status::Active }),
            error_streak: Some(Correction { before: 3, after: 0 }),
            today_spend: Some(Usd::ZERO),
            at: now(),
        };
        world([&agent, &task]).when(&sofie(), |tx| correct_agent(tx, agent.id, request)).then([
            stream(&agent, [corrected, released(Ending::Corrected)]),
            stream(&task, [assigned(Status::InProgress, [SCOUT], None)]),
        ]);
    }

    #[test]
    fn leaves_the_task_where_nobody_asks_for_it() {
        let agent = working();
        let request =
            CorrectAgent { corrections: corrections(Some(agent::Status::Paused)), clear_task: false };
        world([&agent, &task_at(Status::InProgress)])
            .when(&sofie(), |tx| correct_agent(tx, agent.id, request))
            .then([stream(&agent, [corrected(agent::Status::Active, agent::Status::Paused)])]);
    }

    #[test]
    fn blocks_the_task_of_an_agent_that_cannot_take_it_up_again() {
        let (agent, task) = (paused(&working(), PauseReason::Operator), task_at(Status::InProgress));
        let request = CorrectAgent { corrections: corrections(None), clear_task: true };
        world([&agent, &task]).when(&sofie(), |tx| correct_agent(tx, agent.id, request)).then([
            stream(&task, [blocked(Status::InProgress, "Scout was taken off it")]),
            stream(&agent, [released(Ending::Corrected)]),
        ]);
    }

    #[test]
    fn to_quarantined_or_offline_always_takes_the_task() {
        let (agent, task) = (working(), task_at(Status::InProgress));
        for (status, why, ending) in [
            (agent::Status::Quarantined, "Scout was quarantined", Ending::Quarantined),
            (agent::Status::Offline, "Scout went offline", Ending::WentOffline),
        ] {
            let request = CorrectAgent { corrections: corrections(Some(status)), clear_task: false };
            world([&agent, &task]).when(&sofie(), |tx| correct_agent(tx, agent.id, request.clone())).then([
                stream(&agent, [corrected(agent::Status::Active, status), released(ending)]),
                stream(&task, [blocked(Status::InProgress, why)]),
            ]);
        }
    }

    #[test]
    fn is_for_operators() {
        let request =
            CorrectAgent { corrections: corrections(Some(agent::Status::Active)), clear_task: false };
        for context in [scout(), system()] {
            world([&quarantined(&idle(SCOUT))])
                .when(&context, |tx| correct_agent(tx, SCOUT, request.clone()))
                .then_rejected(operator_only());
        }
    }
}

mod heartbeats {
    use super::*;

    fn error() -> Heartbeat {
        Heartbeat { session_key: None, error: Some(reason("timeout")) }
    }

    fn failed(error_streak: u32) -> agent::Event {
        agent::Event::HeartbeatRecorded {
            at: now(),
            session_key: None,
            error: Some(reason("timeout")),
            error_streak,
        }
    }

    #[test]
    fn quarantine_after_as_many_errors_as_the_policy_says() {
        let agent = idle(SCOUT).after(&[heard(1)]);
        let strict = limits(|limits| limits.timeouts.error_streak_quarantine = 2);
        let quarantined = agent::Event::Quarantined { note: None };
        let quarantines = |context: CommandContext| {
            let answer = beat(&agent, None, error(), &context);
            answer.events().any(|event| *event == AnyEvent::Agent(quarantined.clone()))
        };
        assert!(!quarantines(scout()));
        assert!(quarantines(scout().under(strict)));
    }

    #[test]
    fn with_one_error_too_many_block_the_task() {
        let (agent, task) = (working().after(&[heard(4)]), task_at(Status::InProgress));
        beat(&agent, Some(&task), error(), &scout()).then([
            stream(
                &agent,
                [failed(5), agent::Event::Quarantined { note: None }, released(Ending::Quarantined)],
            ),
            stream(&task, [blocked(Status::InProgress, "Scout was quarantined: 5 errors in a row")]),
        ]);
    }

    #[test]
    fn with_an_error_leave_the_task() {
        let (agent, task) = (working().after(&[heard(3)]), task_at(Status::InProgress));
        beat(&agent, Some(&task), error(), &scout()).then([stream(&agent, [failed(4)])]);
    }

    #[test]
    fn for_another_agent_are_refused() {
        beat(&idle(SCOUT), None, Heartbeat::default(), &by(ECHO)).then_rejected(operator_only());
    }

    #[test]
    fn do_not_free_a_quarantined_agent() {
        let agent = quarantined(&idle(SCOUT)).after(&[heard(0)]);
        beat(&agent, None, Heartbeat::default(), &scout()).then_nothing();
        world([&agent])
            .when(&scout(), |tx| sign_off_agent(tx, agent.id, None))
            .then_rejected(operator_only());
    }
}

fn beat(
    agent: &Entity<Agent>,
    task: Option<&Entity<Task>>,
    news: Heartbeat,
    context: &CommandContext,
) -> Answer<()> {
    let world = world([agent]);
    let world = task.map_or(world.clone(), |task| world.with(task));
    world.when(context, |tx| heartbeat(tx, agent.id, news))
}
