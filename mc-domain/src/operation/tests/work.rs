use super::*;
use crate::{
    actor::ActorKind,
    spec::{Answer, OTHER_TASK, checklist, comment, deliverable},
};

fn request(to: Move) -> MoveTask {
    MoveTask { to, assignees: None, lease: NEXT_LEASE }
}

fn not_active(who: &str, status: agent::Status, reason: Option<PauseReason>) -> agent::Rejection {
    agent::Rejection::NotActive { name: name(who), status, reason }
}

mod claiming {
    use super::*;

    #[test]
    fn gives_the_task_to_the_claimer() {
        let (task, agent) = (task_at(Status::Inbox), idle(SCOUT));
        world([&task, &agent])
            .when(&scout(), |tx| claim_task(tx, task.id, agent.id))
            .then([stream(&task, [task::Event::Claimed { agent: SCOUT, at: now() }])]);
    }

    #[test]
    fn second_is_refused_with_the_first() {
        world([&task_at(Status::Assigned), &idle(ECHO)])
            .when(&by(ECHO), |tx| claim_task(tx, TASK, ECHO))
            .then_rejected(task::Rejection::AlreadyClaimed { by: BTreeSet::from([SCOUT]) });
    }

    #[test]
    fn takes_an_active_agent_of_the_project_that_accepts_the_type() {
        let task = task_at(Status::Inbox);
        world([&task, &draining(&idle(SCOUT))])
            .when(&scout(), |tx| claim_task(tx, task.id, SCOUT))
            .then_rejected(not_active("Scout", agent::Status::Draining, None));
        world([&task, &elsewhere(SCOUT, "Scout")])
            .when(&scout(), |tx| claim_task(tx, task.id, SCOUT))
            .then_rejected(agent::Rejection::OtherProject { name: name("Scout") });
        world([&task, &writer(SCOUT, "Scout")])
            .when(&scout(), |tx| claim_task(tx, task.id, SCOUT))
            .then_rejected(agent::Rejection::TypeNotAccepted {
                name: name("Scout"),
                kind: TaskType::CustomerResearch,
            });
    }
}

mod starting {
    use super::*;

    fn start(task: &Entity<Task>, agents: &[&Entity<Agent>], context: &CommandContext) -> Answer<()> {
        let world = agents.iter().fold(world([task]), |world, agent| world.with(*agent));
        world.when(context, |tx| move_task(tx, TASK, request(equipped(Status::InProgress))))
    }

    #[test]
    fn engages_the_agent_in_the_same_decision() {
        let (task, agent) = (task_at(Status::Assigned), idle(SCOUT));
        for context in [sofie(), scout()] {
            start(&task, &[&agent], &context).then([
                stream(&task, [started(Status::Assigned, SCOUT)]),
                stream(&agent, [engaged(NEXT_LEASE)]),
            ]);
        }
    }

    #[test]
    fn by_an_operator_picks_an_assignee_that_is_free() {
        let task = task_at(Status::Assigned).after(&[task::Event::AssigneesChanged {
            assignees: BTreeSet::from([SCOUT, ECHO]),
            reason: None,
        }]);
        let busy = idle(SCOUT).after(&[agent::Event::Engaged { task: OTHER_TASK, lease: LEASE }]);
        let free = idle(ECHO);
        start(&task, &[&busy, &free], &sofie())
            .then([stream(&task, [started(Status::Assigned, ECHO)]), stream(&free, [engaged(NEXT_LEASE)])]);
    }

    #[test]
    fn second_task_of_an_agent_is_refused() {
        let busy = idle(SCOUT).after(&[agent::Event::Engaged { task: OTHER_TASK, lease: LEASE }]);
        for context in [sofie(), scout()] {
            start(&task_at(Status::Assigned), &[&busy], &context)
                .then_rejected(agent::Rejection::Busy { name: name("Scout"), task: OTHER_TASK });
        }
    }

    #[test]
    fn takes_an_assignee_that_is_active() {
        let task = task_at(Status::Assigned);
        let stopped = paused(&idle(SCOUT), PauseReason::Budget);
        start(&task, &[&stopped], &sofie()).then_rejected(not_active(
            "Scout",
            agent::Status::Paused,
            Some(PauseReason::Budget),
        ));
        start(&task, &[&draining(&idle(SCOUT))], &scout()).then_rejected(not_active(
            "Scout",
            agent::Status::Draining,
            None,
        ));
        start(&task, &[&idle(SCOUT), &idle(ECHO)], &by(ECHO)).then_rejected(task::Rejection::NotAssignee);
    }

    #[test]
    fn goes_on_after_a_block_an_approval_and_a_review() {
        let agent = idle(SCOUT);
        for from in [Status::Blocked, Status::NeedsApproval] {
            let task = task_at(from);
            start(&task, &[&agent], &sofie())
                .then([stream(&task, [started(from, SCOUT)]), stream(&agent, [engaged(NEXT_LEASE)])]);
        }
        let (task, feedback) = (task_at(Status::Review), reason("because"));
        let sent_back =
            task::Event::SentBack { feedback, review_cycle: 1, holder: SCOUT, lease: NEXT_LEASE, at: now() };
        start(&task, &[&agent, &idle(NOVA)], &by(NOVA))
            .then([stream(&task, [sent_back]), stream(&agent, [engaged(NEXT_LEASE)])]);
    }

    #[test]
    fn by_an_agent_of_a_type_set_aside_at_assignment_is_accepted() {
        let agent = writer(SCOUT, "Scout");
        let bare = Move { reason: None, ..equipped(Status::InProgress) };
        let inbox = task_at(Status::Inbox);
        let given = inbox.after(&[assigned(Status::Inbox, [SCOUT], Some("everyone else is out"))]);
        let start = task::Event::Started {
            from: Status::Assigned,
            holder: SCOUT,
            lease: NEXT_LEASE,
            plan: Some(plan()),
            reason: None,
            at: now(),
        };
        world([&given, &agent])
            .when(&scout(), |tx| move_task(tx, given.id, request(bare.clone())))
            .then([stream(&given, [start]), stream(&agent, [engaged(NEXT_LEASE)])]);
        let without_a_word = inbox.after(&[assigned(Status::Inbox, [SCOUT], None)]);
        world([&without_a_word, &agent])
            .when(&scout(), |tx| move_task(tx, without_a_word.id, request(bare)))
            .then_rejected(agent::Rejection::TypeNotAccepted {
                name: name("Scout"),
                kind: TaskType::CustomerResearch,
            });
    }

    #[test]
    fn by_an_operator_with_a_reason_sets_the_type_aside() {
        let (task, agent) = (task_at(Status::Assigned), writer(SCOUT, "Scout"));
        start(&task, &[&agent], &sofie())
            .then([stream(&task, [started(Status::Assigned, SCOUT)]), stream(&agent, [engaged(NEXT_LEASE)])]);
    }
}

/// Whatever ends the work ends the hold, in one decision.
mod moving {
    use super::*;

    #[test]
    fn out_of_progress_releases_the_holder() {
        let (task, agent) = (task_at(Status::InProgress), working());
        let (at, because) = (now(), Some(reason("because")));
        let from = Status::InProgress;
        let submitted =
            task::Event::Submitted { deliverable: Some(deliverable()), checklist: Some(checklist()), at };
        for (to, context, event, ending) in [
            (Status::Review, scout(), submitted, Ending::Submitted),
            (
                Status::NeedsApproval,
                system(),
                task::Event::HeldForApproval { from, reason: because.clone(), at },
                Ending::HeldForApproval,
            ),
            (Status::Blocked, system(), blocked(from, "because"), Ending::Blocked),
            (
                Status::Failed,
                scout(),
                task::Event::Failed { from, reason: because.clone(), at },
                Ending::Failed,
            ),
            (Status::Assigned, sofie(), assigned(from, [SCOUT], Some("because")), Ending::Reassigned),
            (
                Status::Canceled,
                sofie(),
                task::Event::Canceled { from, reason: because.clone(), at },
                Ending::Canceled,
            ),
        ] {
            world([&task, &agent])
                .when(&context, |tx| move_task(tx, task.id, request(equipped(to))))
                .then([stream(&task, [event]), stream(&agent, [released(ending)])]);
        }
    }

    #[test]
    fn needs_the_holder_at_hand() {
        world([&task_at(Status::InProgress)])
            .when(&system(), |tx| move_task(tx, TASK, request(equipped(Status::Blocked))))
            .then_rejected(Rejection::UnknownAgent(SCOUT));
    }

    #[test]
    fn a_draining_agent_hands_in_its_task_and_has_drained() {
        let (task, agent) = (task_at(Status::InProgress), draining(&working()));
        let submitted = task::Event::Submitted {
            deliverable: Some(deliverable()),
            checklist: Some(checklist()),
            at: now(),
        };
        let drained = agent::Event::Paused { reason: PauseReason::Operator, note: None };
        world([&task, &agent])
            .when(&scout(), |tx| move_task(tx, task.id, request(equipped(Status::Review))))
            .then([stream(&task, [submitted]), stream(&agent, [released(Ending::Submitted), drained])]);
    }

    #[test]
    fn takes_an_agent_that_is_at_work_in_the_project() {
        let task = task_at(Status::InProgress);
        let hand_in = || request(equipped(Status::Review));
        let stopped = paused(&working(), PauseReason::Operator);
        world([&task, &stopped])
            .when(&scout(), |tx| move_task(tx, task.id, hand_in()))
            .then_rejected(not_active("Scout", agent::Status::Paused, Some(PauseReason::Operator)));
        world([&task, &working(), &elsewhere(ECHO, "Echo")])
            .when(&by(ECHO), |tx| move_task(tx, task.id, hand_in()))
            .then_rejected(agent::Rejection::OtherProject { name: name("Echo") });
        world([&task, &working(), &idle(ECHO)])
            .when(&by(ECHO), |tx| move_task(tx, task.id, hand_in()))
            .then_rejected(task::Rejection::NotAssignee);
        world([&task, &working()])
            .when(&by(ECHO), |tx| move_task(tx, task.id, hand_in()))
            .then_rejected(Rejection::UnknownAgent(ECHO));
    }

    #[test]
    fn that_is_refused_leaves_nothing_behind() {
        let task = task_at(Status::Inbox);
        let named =
            MoveTask { assignees: Some(BTreeSet::from([ECHO])), ..request(equipped(Status::Assigned)) };
        world([&task, &quarantined(&idle(ECHO))])
            .when(&sofie(), |tx| move_task(tx, task.id, named.clone()))
            .then_rejected(not_active("Echo", agent::Status::Quarantined, None));
        world([&task])
            .when(&sofie(), |tx| move_task(tx, task.id, named.clone()))
            .then_rejected(Rejection::UnknownAgent(ECHO));
        world([&task, &elsewhere(ECHO, "Echo")])
            .when(&sofie(), |tx| move_task(tx, task.id, named))
            .then_rejected(agent::Rejection::OtherProject { name: name("Echo") });
    }

    #[test]
    fn to_assigned_needs_one_of_those_who_have_it_to_be_ready() {
        let task = task_at(Status::Blocked);
        let bare = || request(equipped(Status::Assigned));
        world([&task, &quarantined(&idle(SCOUT))])
            .when(&sofie(), |tx| move_task(tx, task.id, bare()))
            .then_rejected(not_active("Scout", agent::Status::Quarantined, None));
        world([&task, &idle(SCOUT)])
            .when(&sofie(), |tx| move_task(tx, task.id, bare()))
            .then([stream(&task, [assigned(Status::Blocked, [SCOUT], Some("because"))])]);
        world([&task_at(Status::Inbox)])
            .when(&sofie(), |tx| move_task(tx, TASK, bare()))
            .then_rejected(task::Rejection::NoAssignee);
    }

    #[test]
    fn to_assigned_gives_it_to_those_who_are_named() {
        let (task, echo) = (task_at(Status::InProgress), idle(ECHO));
        let holder = working();
        let named =
            MoveTask { assignees: Some(BTreeSet::from([ECHO])), ..request(equipped(Status::Assigned)) };
        world([&task, &holder, &echo]).when(&sofie(), |tx| move_task(tx, task.id, named)).then([
            stream(&task, [assigned(Status::InProgress, [ECHO], Some("because"))]),
            stream(&holder, [released(Ending::Reassigned)]),
        ]);
    }

    /// The same move again is an illegal move, not a success that did nothing.
    #[test]
    fn twice_is_refused() {
        let task = task_at(Status::Blocked);
        world([&task])
            .when(&sofie(), |tx| move_task(tx, task.id, request(equipped(Status::Blocked))))
            .then_rejected(task::Rejection::IllegalTransition {
                from: Status::Blocked,
                to: Status::Blocked,
                by: ActorKind::Human,
                allowed: task::allowed_transitions(Status::Blocked, ActorKind::Human),
            });
    }
}

mod reassigning {
    use super::*;

    fn to<const N: usize>(agents: [AgentId; N], why: Option<&str>) -> ReassignTask {
        ReassignTask { assignees: BTreeSet::from(agents), reason: why.map(reason) }
    }

    #[test]
    fn takes_the_task_from_its_holder() {
        let (task, holder, echo) = (task_at(Status::InProgress), working(), idle(ECHO));
        world([&task, &holder, &echo])
            .when(&sofie(), |tx| reassign_task(tx, task.id, to([ECHO], None)))
            .then([
                stream(&task, [assigned(Status::InProgress, [ECHO], None)]),
                stream(&holder, [released(Ending::Reassigned)]),
            ]);
    }

    #[test]
    fn to_more_agents_leaves_the_holder_at_work() {
        let (task, holder, echo) = (task_at(Status::InProgress), working(), idle(ECHO));
        let changed =
            task::Event::AssigneesChanged { assignees: BTreeSet::from([SCOUT, ECHO]), reason: None };
        world([&task, &holder, &echo])
            .when(&sofie(), |tx| reassign_task(tx, task.id, to([SCOUT, ECHO], None)))
            .then([stream(&task, [changed])]);
    }

    #[test]
    fn needs_every_newcomer_to_accept_the_task() {
        let task = task_at(Status::Inbox);
        let world = world([&task, &writer(ECHO, "Echo"), &idle(SCOUT)]);
        world.when(&sofie(), |tx| reassign_task(tx, TASK, to([SCOUT, ECHO], None))).then_rejected(
            agent::Rejection::TypeNotAccepted { name: name("Echo"), kind: TaskType::CustomerResearch },
        );
        world
            .when(&sofie(), |tx| reassign_task(tx, TASK, to([SCOUT, ECHO], Some("because"))))
            .then([stream(&task, [assigned(Status::Inbox, [SCOUT, ECHO], Some("because"))])]);
        world.when(&system(), |tx| reassign_task(tx, TASK, to([ECHO], Some("because")))).then_rejected(
            agent::Rejection::TypeNotAccepted { name: name("Echo"), kind: TaskType::CustomerResearch },
        );
    }

    #[test]
    fn a_blocked_task_to_those_who_have_it_needs_one_of_them_to_be_active() {
        let task = task_at(Status::Blocked);
        world([&task, &quarantined(&idle(SCOUT))])
            .when(&sofie(), |tx| reassign_task(tx, task.id, to([SCOUT], None)))
            .then_rejected(not_active("Scout", agent::Status::Quarantined, None));
        world([&task, &idle(SCOUT)])
            .when(&sofie(), |tx| reassign_task(tx, task.id, to([SCOUT], None)))
            .then([stream(&task, [assigned(Status::Blocked, [SCOUT], None)])]);
    }

    #[test]
    fn is_not_for_agents() {
        world([&task_at(Status::Inbox), &idle(SCOUT)])
            .when(&scout(), |tx| reassign_task(tx, TASK, to([SCOUT], None)))
            .then_rejected(task::Rejection::OperatorOnly { what: "assign a task" });
    }
}

mod posting {
    use super::*;

    #[test]
    fn is_for_agents_of_the_project_that_are_not_stopped_for_good() {
        let task = task_at(Status::InProgress);
        let posted = task::Event::MessagePosted {
            id: comment().id,
            kind: comment().kind,
            author: scout().actor,
            content: comment().content,
            artifacts: vec![],
            mentions: BTreeSet::new(),
            reply_to: None,
            at: now(),
        };
        let stopped = paused(&working(), PauseReason::Operator);
        world([&task, &stopped])
            .when(&scout(), |tx| post_message(tx, task.id, comment()))
            .then([stream(&task, [posted])]);
        world([&task, &quarantined(&idle(SCOUT))])
            .when(&scout(), |tx| post_message(tx, task.id, comment()))
            .then_rejected(not_active("Scout", agent::Status::Quarantined, None));
        world([&task, &elsewhere(ECHO, "Echo")])
            .when(&by(ECHO), |tx| post_message(tx, task.id, comment()))
            .then_rejected(agent::Rejection::OtherProject { name: name("Echo") });
        world([&task])
            .when(&by(ECHO), |tx| post_message(tx, task.id, comment()))
            .then_rejected(Rejection::UnknownAgent(ECHO));
    }
}
