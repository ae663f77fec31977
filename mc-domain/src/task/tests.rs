#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use super::*;
use crate::{
    actor::{Actor, ActorKind},
    agent::Assignee,
    aggregate::{Aggregate, CommandContext},
    ids::AgentId,
    money::Usd,
    spec::{
        ECHO, LEASE, MESSAGE, NEXT_LEASE, NOVA, OPENCLAW, SCOUT, artifact, by, checklist, comment, crew,
        deliverable, details, equipped, given, later, name, now, plan, reason, scout, sofie, system, task_in,
        text,
    },
};

/// Section 4 of the domain, as a matrix: rows are from, columns are to; h operator, s system, c any agent by claiming,
/// a assigned agent, r agent that reviews.
const TABLE: [(Status, [&str; 9]); 9] = {
    use Status::{Assigned, Blocked, Canceled, Done, Failed, InProgress, Inbox, NeedsApproval, Review};
    [
        //               inbox asgnd progr  rev   appr  block  fail  done cancel
        (Inbox, /*    */ ["", "chs", "", "", "s", "hs", "", "", "h"]),
        (Assigned, /* */ ["h", "", "ah", "", "s", "hs", "", "", "h"]),
        (InProgress, /**/ ["", "h", "", "ah", "s", "ahs", "as", "", "h"]),
        (Review, /*   */ ["", "h", "rh", "", "hs", "hs", "s", "h", "h"]),
        (NeedsApproval, ["h", "h", "h", "h", "", "hs", "hs", "h", "h"]),
        (Blocked, /*  */ ["", "h", "h", "", "hs", "", "hs", "", "h"]),
        (Failed, /*   */ ["h", "h", "", "", "", "", "", "", "h"]),
        (Done, /*     */ ["", "", "", "h", "", "", "", "", "h"]),
        (Canceled, /* */ ["", "", "", "", "", "", "", "", ""]),
    ]
};

fn in_table(from: Status, to: Status) -> &'static str {
    let (_, row) = TABLE.iter().find(|(row, _)| *row == from).unwrap();
    row[Status::ALL.iter().position(|column| *column == to).unwrap()]
}

/// The answer to every move from `from` to `to`, when nothing that it needs is missing.
fn expected(from: Status, to: Status, context: &CommandContext) -> Result<Option<Status>, Rejection> {
    let letters = in_table(from, to);
    let kind = context.actor.kind();
    let of_kind = |letters: &str| match kind {
        ActorKind::Human => letters.contains('h'),
        ActorKind::System => letters.contains('s'),
        ActorKind::Agent => letters.contains(['a', 'r', 'c']),
    };
    if !of_kind(letters) {
        let allowed = Status::ALL.iter().copied().filter(|to| of_kind(in_table(from, *to))).collect();
        return Err(Rejection::IllegalTransition { from, to, by: kind, allowed });
    }
    let assigned = from != Status::Inbox && context.actor.agent() == Some(SCOUT);
    match kind {
        ActorKind::Agent if letters.contains('c') => {
            Err(Rejection::OperatorOnly { what: "assign a task; claim it instead" })
        }
        ActorKind::Agent if letters.contains('a') && !assigned => Err(Rejection::NotAssignee),
        ActorKind::Agent if letters.contains('r') && assigned => Err(Rejection::NotReviewer),
        ActorKind::Agent | ActorKind::Human | ActorKind::System => Ok(Some(to)),
    }
}

/// Invariants 1 and 2.
#[test]
fn every_move_is_judged_as_the_table_of_the_domain_says() {
    for from in Status::ALL {
        let task = Task::fold(&task_in(*from));
        assert_eq!(task.status(), Some(*from));
        for to in Status::ALL {
            for context in [sofie(), system(), scout(), by(ECHO)] {
                let answer = task.decide(Command::Move(equipped(*to)), &context).map(|events| {
                    assert_eq!(events.len(), 1);
                    assert_eq!(Task::fold(task_in(*from).iter().chain(&events)).status(), Some(*to));
                    events[0].moves_to()
                });
                assert_eq!(answer, expected(*from, *to, &context), "{from} to {to} by {}", context.actor);
            }
        }
    }
}

#[test]
fn the_moves_offered_are_those_of_the_table() {
    for from in Status::ALL {
        for (kind, letters) in [(ActorKind::Human, "h"), (ActorKind::System, "s"), (ActorKind::Agent, "car")]
        {
            let offered = |to: &Status| letters.chars().any(|letter| in_table(*from, *to).contains(letter));
            let expected: Vec<_> = Status::ALL.iter().copied().filter(offered).collect();
            assert_eq!(allowed_transitions(*from, kind), expected, "{from} by {kind}");
        }
    }
}

#[test]
fn canceled_is_final() {
    let canceled = given::<Task>(task_in(Status::Canceled));
    for context in [sofie(), system(), scout()] {
        for to in Status::ALL {
            let (from, by) = (Status::Canceled, context.actor.kind());
            canceled
                .when(&context, Command::Move(equipped(*to)))
                .then_rejected(Rejection::IllegalTransition { from, to: *to, by, allowed: vec![] });
        }
    }
    let edit = Command::Edit(Details { priority: Priority::try_from(1).unwrap(), ..details() });
    canceled.when(&sofie(), edit).then_rejected(Rejection::Closed { status: Status::Canceled });
    canceled.when(&sofie(), Command::Assign { crew: crew([ECHO]), reason: None }).then_rejected(illegal(
        Status::Canceled,
        Status::Assigned,
        ActorKind::Human,
    ));
    canceled.when(&scout(), Command::Claim(Assignee::vouched(SCOUT))).then_rejected(illegal(
        Status::Canceled,
        Status::Assigned,
        ActorKind::Agent,
    ));
}

fn illegal(from: Status, to: Status, by: ActorKind) -> Rejection {
    Rejection::IllegalTransition { from, to, by, allowed: allowed_transitions(from, by) }
}

mod creation {
    use super::*;

    fn create(details: Details) -> Command {
        Command::Create { project: OPENCLAW, details, parent: None }
    }

    #[test]
    fn starts_in_the_inbox() {
        let creator = sofie().actor;
        given::<Task>([]).when(&sofie(), create(details())).then([Event::Created {
            project: OPENCLAW,
            details: details(),
            parent: None,
            creator,
            at: now(),
        }]);
    }

    #[test]
    fn happens_once() {
        given::<Task>(task_in(Status::Inbox))
            .when(&sofie(), create(details()))
            .then_rejected(Rejection::AlreadyExists);
    }

    #[test]
    fn comes_before_everything_else() {
        let absent = given::<Task>([]);
        let assign = Command::Assign { crew: crew([SCOUT]), reason: None };
        let moved = Command::Move(equipped(Status::Blocked));
        for command in [Command::Edit(details()), assign, moved, Command::Post(comment())] {
            absent.when(&sofie(), command).then_rejected(Rejection::NotFound);
        }
        absent.when(&scout(), Command::Claim(Assignee::vouched(SCOUT))).then_rejected(Rejection::NotFound);
    }

    #[test]
    fn by_an_agent_stays_within_the_default_budget_of_the_type() {
        let above = Details { budget: Usd::cents(501), ..details() };
        given::<Task>([]).when(&scout(), create(above)).then_rejected(Rejection::OperatorOnly {
            what: "give a task more than its type's default budget",
        });
        let at_most = Details { budget: Usd::cents(500), ..details() };
        given::<Task>([]).when(&scout(), create(at_most.clone())).then([Event::Created {
            project: OPENCLAW,
            details: at_most,
            parent: None,
            creator: scout().actor,
            at: now(),
        }]);
    }

    #[test]
    fn by_an_agent_has_the_default_budget_of_the_policy_in_force() {
        let mut document = crate::policy::document::Document::default();
        document.task_budgets.insert(TaskType::CustomerResearch, Usd::cents(900));
        let generous = scout().under(document.policy_limits());
        let create = |cents| Command::Create {
            project: OPENCLAW,
            details: Details { budget: Usd::cents(cents), ..details() },
            parent: None,
        };
        assert!(Task::default().decide(create(900), &generous).is_ok());
        assert!(Task::default().decide(create(901), &generous).is_err());
    }

    #[test]
    fn default_budgets_are_those_of_the_domain() {
        let dollars: Vec<_> =
            TaskType::ALL.iter().map(|kind| (kind.as_str(), kind.default_budget().to_string())).collect();
        let expected = [
            ("content", "6"),
            ("social", "2"),
            ("email_marketing", "4"),
            ("customer_research", "5"),
            ("seo_research", "4"),
            ("engineering", "8"),
            ("docs", "3"),
            ("ops", "3"),
        ];
        assert_eq!(dollars, expected.map(|(kind, budget)| (kind, budget.to_owned())));
    }
}

/// Invariant 4.
mod needs {
    use super::*;

    #[test]
    fn a_start_needs_a_plan() {
        let assigned = given::<Task>(task_in(Status::Assigned));
        let bare = Move { plan: None, ..equipped(Status::InProgress) };
        for context in [sofie(), scout()] {
            assigned.when(&context, Command::Move(bare.clone())).then_rejected(Rejection::Missing {
                to: Status::InProgress,
                what: vec![Requirement::WorkPlan],
            });
        }
    }

    #[test]
    fn a_start_takes_the_plan_of_an_earlier_start() {
        let back = Event::Assigned {
            from: Status::InProgress,
            assignees: BTreeSet::from([SCOUT]),
            reason: None,
            at: now(),
        };
        let history = task_in(Status::InProgress).into_iter().chain([back]);
        let bare = Move { plan: None, reason: None, ..equipped(Status::InProgress) };
        given::<Task>(history).when(&scout(), Command::Move(bare)).then([Event::Started {
            from: Status::Assigned,
            holder: SCOUT,
            lease: NEXT_LEASE,
            plan: None,
            reason: None,
            at: now(),
        }]);
    }

    #[test]
    fn a_plan_does_not_survive_the_way_back_to_the_inbox() {
        let failed = task_in(Status::Failed);
        let returned = Event::ReturnedToInbox { from: Status::Failed, reason: None, at: now() };
        let claimed = Event::Claimed { agent: ECHO, at: now() };
        let bare = Move { plan: None, crew: crew([ECHO]), ..equipped(Status::InProgress) };
        given::<Task>(failed.into_iter().chain([returned, claimed]))
            .when(&by(ECHO), Command::Move(bare))
            .then_rejected(Rejection::Missing { to: Status::InProgress, what: vec![Requirement::WorkPlan] });
    }

    #[test]
    fn a_plan_does_not_survive_a_change_of_who_has_the_task() {
        let from = Status::InProgress;
        let passed_on = Event::Assigned { from, assignees: BTreeSet::from([ECHO]), reason: None, at: now() };
        let changed = Event::AssigneesChanged { assignees: BTreeSet::from([ECHO]), reason: None };
        let back = Event::Assigned {
            from: Status::Review,
            assignees: BTreeSet::from([ECHO]),
            reason: None,
            at: now(),
        };
        for (status, events) in [(from, vec![passed_on]), (Status::Review, vec![changed, back])] {
            let bare = Move { plan: None, crew: crew([ECHO]), ..equipped(Status::InProgress) };
            given::<Task>(task_in(status).into_iter().chain(events))
                .when(&by(ECHO), Command::Move(bare))
                .then_rejected(Rejection::Missing {
                    to: Status::InProgress,
                    what: vec![Requirement::WorkPlan],
                });
        }
    }

    /// What somebody else made, or what was made before the work was given back, is not handed in again.
    #[test]
    fn what_was_handed_in_does_not_survive_the_way_back_to_assigned() {
        let handed_in = |kind| Event::MessagePosted {
            id: crate::spec::MESSAGE,
            kind: MessageKind::Artifact,
            author: scout().actor,
            content: None,
            artifacts: vec![crate::spec::artifact(kind)],
            mentions: BTreeSet::new(),
            reply_to: None,
            at: now(),
        };
        let both = || [ArtifactKind::Deliverable, ArtifactKind::Checklist].map(handed_in);
        let given_back = |from| {
            [
                Event::Assigned { from, assignees: BTreeSet::from([SCOUT]), reason: None, at: now() },
                Event::Started {
                    from: Status::Assigned,
                    holder: SCOUT,
                    lease: LEASE,
                    plan: None,
                    reason: None,
                    at: now(),
                },
            ]
        };
        let bare = Move { deliverable: None, checklist: None, ..equipped(Status::Review) };
        let hand_in = |events: Vec<Event>| {
            let history = task_in(Status::InProgress).into_iter().chain(both()).chain(events);
            given::<Task>(history).when(&scout(), Command::Move(bare.clone()))
        };
        hand_in(vec![]).then([Event::Submitted { deliverable: None, checklist: None, at: now() }]);
        let blocked = Event::Blocked { from: Status::InProgress, reason: reason("no access"), at: now() };
        let unblocked = [blocked].into_iter().chain(given_back(Status::Blocked)).collect();
        hand_in(unblocked).then([Event::Submitted { deliverable: None, checklist: None, at: now() }]);
        hand_in(given_back(Status::InProgress).into()).then_rejected(Rejection::Missing {
            to: Status::Review,
            what: vec![Requirement::Deliverable, Requirement::ReviewChecklist],
        });
    }

    #[test]
    fn a_plan_has_three_to_six_bullets() {
        let of = |bullets: usize| WorkPlan::try_from(vec![reason("read"); bullets]).is_ok();
        assert_eq!([2, 3, 6, 7].map(of), [false, true, true, false]);
    }

    #[test]
    fn handing_in_needs_a_deliverable_and_a_self_review() {
        let working = given::<Task>(task_in(Status::InProgress));
        let bare = Move { deliverable: None, checklist: None, ..equipped(Status::Review) };
        for context in [sofie(), scout()] {
            working.when(&context, Command::Move(bare.clone())).then_rejected(Rejection::Missing {
                to: Status::Review,
                what: vec![Requirement::Deliverable, Requirement::ReviewChecklist],
            });
        }
        let half = Move { deliverable: None, ..equipped(Status::Review) };
        working
            .when(&scout(), Command::Move(half))
            .then_rejected(Rejection::Missing { to: Status::Review, what: vec![Requirement::Deliverable] });
    }

    #[test]
    fn handing_in_takes_what_an_assignee_has_posted() {
        let history = task_in(Status::InProgress).into_iter().chain([posted(SCOUT)]);
        given::<Task>(history)
            .when(&scout(), Command::Move(Move::to(Status::Review)))
            .then([Event::Submitted { deliverable: None, checklist: None, at: now() }]);
    }

    #[test]
    fn handing_in_does_not_take_what_a_stranger_has_posted() {
        let history = task_in(Status::InProgress).into_iter().chain([posted(ECHO)]);
        given::<Task>(history).when(&scout(), Command::Move(Move::to(Status::Review))).then_rejected(
            Rejection::Missing {
                to: Status::Review,
                what: vec![Requirement::Deliverable, Requirement::ReviewChecklist],
            },
        );
    }

    #[test]
    fn handing_in_again_after_changes_needs_a_new_deliverable() {
        let sent_back = Event::SentBack {
            feedback: reason("add sources"),
            review_cycle: 1,
            holder: SCOUT,
            lease: NEXT_LEASE,
            at: now(),
        };
        let submitted = Event::Submitted { deliverable: None, checklist: None, at: now() };
        let history = task_in(Status::InProgress).into_iter().chain([posted(SCOUT), submitted, sent_back]);
        given::<Task>(history).when(&scout(), Command::Move(Move::to(Status::Review))).then_rejected(
            Rejection::Missing {
                to: Status::Review,
                what: vec![Requirement::Deliverable, Requirement::ReviewChecklist],
            },
        );
    }

    fn posted(author: AgentId) -> Event {
        Event::MessagePosted {
            id: MESSAGE,
            kind: MessageKind::Artifact,
            author: Actor::Agent(author),
            content: None,
            artifacts: vec![deliverable(), artifact(ArtifactKind::Checklist)],
            mentions: BTreeSet::new(),
            reply_to: None,
            at: now(),
        }
    }

    #[test]
    fn sending_back_needs_feedback() {
        let review = given::<Task>(task_in(Status::Review));
        let bare = Move { reason: None, ..equipped(Status::InProgress) };
        for context in [sofie(), by(ECHO)] {
            review.when(&context, Command::Move(bare.clone())).then_rejected(Rejection::Missing {
                to: Status::InProgress,
                what: vec![Requirement::Feedback],
            });
        }
    }

    #[test]
    fn accepting_needs_a_note() {
        for from in [Status::Review, Status::NeedsApproval] {
            let bare = Move { reason: None, ..equipped(Status::Done) };
            given::<Task>(task_in(from))
                .when(&sofie(), Command::Move(bare))
                .then_rejected(Rejection::Missing { to: Status::Done, what: vec![Requirement::Note] });
        }
    }

    #[test]
    fn blocking_needs_a_reason() {
        for from in
            [Status::Inbox, Status::Assigned, Status::InProgress, Status::Review, Status::NeedsApproval]
        {
            let bare = Move { reason: None, ..equipped(Status::Blocked) };
            given::<Task>(task_in(from)).when(&sofie(), Command::Move(bare)).then_rejected(
                Rejection::Missing { to: Status::Blocked, what: vec![Requirement::BlockedReason] },
            );
        }
    }

    /// Invariant 5.
    #[test]
    fn assigned_and_in_progress_need_someone_who_stands_ready() {
        for (from, to) in [
            (Status::Inbox, Status::Assigned),
            (Status::InProgress, Status::Assigned),
            (Status::Review, Status::Assigned),
            (Status::NeedsApproval, Status::Assigned),
            (Status::Blocked, Status::Assigned),
            (Status::Failed, Status::Assigned),
            (Status::Assigned, Status::InProgress),
            (Status::Review, Status::InProgress),
            (Status::NeedsApproval, Status::InProgress),
            (Status::Blocked, Status::InProgress),
        ] {
            let nobody = Crew { ready: vec![], ..crew([SCOUT]) };
            given::<Task>(task_in(from))
                .when(&sofie(), Command::Move(Move { crew: nobody, ..equipped(to) }))
                .then_rejected(Rejection::NoAssignee);
        }
    }
}

mod review {
    use super::*;

    #[test]
    fn sending_back_counts_one_cycle_under_a_new_lease() {
        let first = Event::SentBack {
            feedback: reason("because"),
            review_cycle: 1,
            holder: SCOUT,
            lease: NEXT_LEASE,
            at: now(),
        };
        given::<Task>(task_in(Status::Review))
            .when(&sofie(), Command::Move(equipped(Status::InProgress)))
            .then([first.clone()]);
        let submitted = Event::Submitted { deliverable: None, checklist: None, at: now() };
        let again = task_in(Status::Review).into_iter().chain([first, submitted]);
        given::<Task>(again).when(&sofie(), Command::Move(equipped(Status::InProgress))).then([
            Event::SentBack {
                feedback: reason("because"),
                review_cycle: 2,
                holder: SCOUT,
                lease: NEXT_LEASE,
                at: now(),
            },
        ]);
    }

    #[test]
    fn where_reviewers_are_named_no_other_agent_sends_back() {
        let edited = Event::Edited { details: Details { reviewers: BTreeSet::from([NOVA]), ..details() } };
        let review = given::<Task>(task_in(Status::Review).into_iter().chain([edited]));
        let back = || Command::Move(equipped(Status::InProgress));
        review.when(&by(ECHO), back()).then_rejected(Rejection::NotReviewer);
        review.when(&by(NOVA), back()).then([Event::SentBack {
            feedback: reason("because"),
            review_cycle: 1,
            holder: SCOUT,
            lease: NEXT_LEASE,
            at: now(),
        }]);
    }

    #[test]
    fn an_assignee_never_reviews_its_own_work_even_as_a_named_reviewer() {
        let edited = Event::Edited { details: Details { reviewers: BTreeSet::from([SCOUT]), ..details() } };
        given::<Task>(task_in(Status::Review).into_iter().chain([edited]))
            .when(&scout(), Command::Move(equipped(Status::InProgress)))
            .then_rejected(Rejection::NotReviewer);
    }

    #[test]
    fn completion_records_who_accepted_and_what_was_noted() {
        for from in [Status::Review, Status::NeedsApproval] {
            given::<Task>(task_in(from)).when(&sofie(), Command::Move(equipped(Status::Done))).then([
                Event::Completed {
                    from,
                    approved_by: sofie().actor,
                    note: Some(reason("because")),
                    at: now(),
                },
            ]);
        }
    }

    #[test]
    fn a_held_task_remembers_where_it_came_from() {
        for from in [Status::Inbox, Status::Assigned, Status::InProgress, Status::Review, Status::Blocked] {
            let mut history = task_in(from);
            let held = Event::HeldForApproval { from, reason: Some(reason("because")), at: now() };
            given::<Task>(history.clone())
                .when(&system(), Command::Move(equipped(Status::NeedsApproval)))
                .then([held.clone()]);
            history.push(held);
            let holder = (from == Status::InProgress).then_some(SCOUT);
            let stage = Task::fold(&history).present().unwrap().stage;
            assert_eq!(stage, Stage::NeedsApproval { from, holder });
        }
    }
}

/// Invariant 3.
mod lease {
    use super::*;

    #[test]
    fn a_start_holds_the_task_for_one_agent() {
        let working = Task::fold(&task_in(Status::InProgress));
        assert_eq!(working.present().unwrap().hold(), Some(Hold { holder: SCOUT, lease: LEASE }));
        for status in Status::ALL.iter().filter(|status| **status != Status::InProgress) {
            assert_eq!(Task::fold(&task_in(*status)).present().unwrap().hold(), None, "{status}");
        }
    }

    #[test]
    fn a_move_under_the_current_lease_is_accepted() {
        let hand_in = Move { lease: Some(LEASE), ..equipped(Status::Review) };
        given::<Task>(task_in(Status::InProgress)).when(&scout(), Command::Move(hand_in)).then([
            Event::Submitted { deliverable: Some(deliverable()), checklist: Some(checklist()), at: now() },
        ]);
    }

    #[test]
    fn a_move_under_a_lease_that_is_over_is_refused() {
        let late = Move { lease: Some(NEXT_LEASE), ..equipped(Status::Review) };
        given::<Task>(task_in(Status::InProgress))
            .when(&scout(), Command::Move(late))
            .then_rejected(Rejection::LeaseLost { current: Some(LEASE) });
        let late = Move { lease: Some(LEASE), ..equipped(Status::InProgress) };
        given::<Task>(task_in(Status::Assigned))
            .when(&scout(), Command::Move(late))
            .then_rejected(Rejection::LeaseLost { current: None });
    }

    #[test]
    fn a_message_under_a_lease_that_is_over_is_refused() {
        let late = Message { lease: Some(LEASE), ..comment() };
        given::<Task>(task_in(Status::Blocked))
            .when(&scout(), Command::Post(late))
            .then_rejected(Rejection::LeaseLost { current: None });
    }
}

mod claiming {
    use super::*;

    fn claim(agent: AgentId) -> Command {
        Command::Claim(Assignee::vouched(agent))
    }

    #[test]
    fn takes_a_task_from_the_inbox() {
        given::<Task>(task_in(Status::Inbox))
            .when(&scout(), claim(SCOUT))
            .then([Event::Claimed { agent: SCOUT, at: now() }]);
    }

    #[test]
    fn again_by_the_one_that_has_it_changes_nothing() {
        for status in [Status::Assigned, Status::InProgress] {
            given::<Task>(task_in(status)).when(&scout(), claim(SCOUT)).then_nothing();
        }
    }

    #[test]
    fn of_a_task_that_is_taken_is_refused_and_names_who_has_it() {
        for status in [Status::Assigned, Status::InProgress] {
            given::<Task>(task_in(status))
                .when(&by(ECHO), claim(ECHO))
                .then_rejected(Rejection::AlreadyClaimed { by: BTreeSet::from([SCOUT]) });
        }
    }

    #[test]
    fn past_the_work_is_an_illegal_move() {
        for from in [
            Status::Review,
            Status::NeedsApproval,
            Status::Blocked,
            Status::Failed,
            Status::Done,
            Status::Canceled,
        ] {
            given::<Task>(task_in(from)).when(&by(ECHO), claim(ECHO)).then_rejected(illegal(
                from,
                Status::Assigned,
                ActorKind::Agent,
            ));
        }
    }

    #[test]
    fn is_done_by_the_agent_itself() {
        for context in [sofie(), system(), by(ECHO)] {
            given::<Task>(task_in(Status::Inbox))
                .when(&context, claim(SCOUT))
                .then_rejected(Rejection::NotAssignee);
        }
    }
}

mod assigning {
    use super::*;

    fn assign<const N: usize>(agents: [AgentId; N]) -> Command {
        Command::Assign { crew: crew(agents), reason: Some(reason("because")) }
    }

    fn assigned<const N: usize>(from: Status, agents: [AgentId; N]) -> Event {
        Event::Assigned {
            from,
            assignees: BTreeSet::from(agents),
            reason: Some(reason("because")),
            at: now(),
        }
    }

    fn changed<const N: usize>(agents: [AgentId; N]) -> Event {
        Event::AssigneesChanged { assignees: BTreeSet::from(agents), reason: Some(reason("because")) }
    }

    #[test]
    fn is_not_for_agents() {
        given::<Task>(task_in(Status::Inbox))
            .when(&scout(), assign([SCOUT]))
            .then_rejected(Rejection::OperatorOnly { what: "assign a task" });
    }

    #[test]
    fn takes_a_task_to_assigned() {
        for from in [Status::Inbox, Status::Assigned, Status::InProgress, Status::Blocked, Status::Failed] {
            given::<Task>(task_in(from)).when(&sofie(), assign([ECHO])).then([assigned(from, [ECHO])]);
        }
    }

    #[test]
    fn by_the_system_is_for_the_inbox() {
        given::<Task>(task_in(Status::Inbox))
            .when(&system(), assign([ECHO]))
            .then([assigned(Status::Inbox, [ECHO])]);
        given::<Task>(task_in(Status::InProgress)).when(&system(), assign([ECHO])).then_rejected(illegal(
            Status::InProgress,
            Status::Assigned,
            ActorKind::System,
        ));
    }

    #[test]
    fn more_agents_does_not_interrupt_the_one_that_works() {
        given::<Task>(task_in(Status::InProgress))
            .when(&sofie(), assign([SCOUT, ECHO]))
            .then([changed([SCOUT, ECHO])]);
    }

    #[test]
    fn does_not_take_a_task_out_of_review_or_approval() {
        for from in [Status::Review, Status::NeedsApproval] {
            given::<Task>(task_in(from)).when(&sofie(), assign([ECHO])).then([changed([ECHO])]);
        }
    }

    #[test]
    fn the_same_agents_again_changes_nothing() {
        for from in [Status::Assigned, Status::InProgress, Status::Review, Status::NeedsApproval] {
            given::<Task>(task_in(from)).when(&sofie(), assign([SCOUT])).then_nothing();
        }
        given::<Task>(task_in(Status::Inbox)).when(&sofie(), assign([])).then_nothing();
    }

    #[test]
    fn nobody_returns_an_assigned_task_to_the_inbox_with_the_reason() {
        given::<Task>(task_in(Status::Assigned)).when(&sofie(), assign([])).then([Event::ReturnedToInbox {
            from: Status::Assigned,
            reason: Some(reason("because")),
            at: now(),
        }]);
        given::<Task>(task_in(Status::InProgress))
            .when(&sofie(), assign([]))
            .then_rejected(Rejection::NoAssignee);
    }

    /// Invariant 5.
    #[test]
    fn needs_someone_who_stands_ready() {
        for from in [Status::Inbox, Status::InProgress, Status::Blocked, Status::Failed] {
            let nobody = Crew { ready: vec![], ..crew([ECHO]) };
            given::<Task>(task_in(from))
                .when(&sofie(), Command::Assign { crew: nobody, reason: None })
                .then_rejected(Rejection::NoAssignee);
        }
    }

    #[test]
    fn leaves_closed_tasks_alone() {
        for from in [Status::Done, Status::Canceled] {
            given::<Task>(task_in(from)).when(&sofie(), assign([ECHO])).then_rejected(illegal(
                from,
                Status::Assigned,
                ActorKind::Human,
            ));
        }
    }
}

mod editing {
    use super::*;

    fn retitled() -> Details {
        Details { description: Some(text("All of them.")), ..details() }
    }

    #[test]
    fn changes_the_details() {
        given::<Task>(task_in(Status::InProgress))
            .when(&sofie(), Command::Edit(retitled()))
            .then([Event::Edited { details: retitled() }]);
    }

    #[test]
    fn to_what_they_are_changes_nothing() {
        given::<Task>(task_in(Status::InProgress)).when(&sofie(), Command::Edit(details())).then_nothing();
    }

    #[test]
    fn is_not_for_agents() {
        given::<Task>(task_in(Status::InProgress))
            .when(&scout(), Command::Edit(retitled()))
            .then_rejected(Rejection::OperatorOnly { what: "edit a task" });
    }

    #[test]
    fn leaves_closed_tasks_alone() {
        for status in [Status::Done, Status::Canceled] {
            given::<Task>(task_in(status))
                .when(&sofie(), Command::Edit(retitled()))
                .then_rejected(Rejection::Closed { status });
        }
    }
}

mod messages {
    use super::*;

    #[test]
    fn carry_their_author_and_never_mention_it() {
        let nova = Actor::Agent(NOVA);
        let message = Message { mentions: BTreeSet::from([scout().actor, nova.clone()]), ..comment() };
        given::<Task>(task_in(Status::InProgress)).when(&scout(), Command::Post(message)).then([
            Event::MessagePosted {
                id: MESSAGE,
                kind: MessageKind::Comment,
                author: scout().actor,
                content: comment().content,
                artifacts: vec![],
                mentions: BTreeSet::from([nova]),
                reply_to: None,
                at: now(),
            },
        ]);
    }

    #[test]
    fn say_something() {
        let empty = Message { content: None, ..comment() };
        given::<Task>(task_in(Status::InProgress))
            .when(&scout(), Command::Post(empty))
            .then_rejected(Rejection::EmptyMessage);
    }

    /// So that nobody fills a thread that others have to read.
    #[test]
    fn of_agents_end_where_the_thread_is_full() {
        let mut limits = crate::policy::document::PolicyLimits::default();
        limits.limits.max_thread_messages = 2;
        let history: Vec<_> =
            task_in(Status::InProgress).into_iter().chain(vec![posted_by_sofie(); 2]).collect();
        given::<Task>(history)
            .when(&scout().under(limits), Command::Post(comment()))
            .then_rejected(Rejection::ThreadFull { limit: 2 });
        let posts = |n: usize, context: &CommandContext| {
            let events: Vec<_> = task_in(Status::InProgress).into_iter().collect();
            let messages = vec![posted_by_sofie(); n];
            Task::fold(events.iter().chain(&messages)).decide(Command::Post(comment()), context).is_ok()
        };
        assert!(posts(1, &scout().under(limits)));
        assert!(posts(2, &sofie().under(limits)), "operators go on");
        assert!(posts(2, &system().under(limits)), "and so do the rules");
    }

    /// Whatever went round goes no further until somebody has looked at it.
    #[test]
    fn of_agents_wait_where_a_loop_blocked_the_task() {
        let found = Event::LoopDetected {
            kind: LoopKind::Messages,
            count: 21,
            limit: 20,
            within_secs: Some(1_800),
            participants: BTreeSet::new(),
            at: now(),
        };
        let blocked = Event::Blocked { from: Status::InProgress, reason: reason("a loop"), at: now() };
        let looped: Vec<_> = task_in(Status::InProgress).into_iter().chain([found, blocked]).collect();
        given::<Task>(looped.clone())
            .when(&scout(), Command::Post(comment()))
            .then_rejected(Rejection::ThreadBlocked);
        assert!(Task::fold(&looped).decide(Command::Post(comment()), &sofie()).is_ok(), "operators go on");
        let given_back = Event::Assigned {
            from: Status::Blocked,
            assignees: BTreeSet::from([SCOUT]),
            reason: None,
            at: now(),
        };
        let unblocked: Vec<_> = looped.into_iter().chain([given_back]).collect();
        assert!(Task::fold(&unblocked).decide(Command::Post(comment()), &scout()).is_ok());
        assert!(Task::fold(&task_in(Status::Blocked)).decide(Command::Post(comment()), &scout()).is_ok());
    }

    fn posted_by_sofie() -> Event {
        Event::MessagePosted {
            id: MESSAGE,
            kind: MessageKind::Comment,
            author: sofie().actor,
            content: comment().content,
            artifacts: vec![],
            mentions: BTreeSet::new(),
            reply_to: None,
            at: now(),
        }
    }

    #[test]
    fn carry_a_limited_number_of_artifacts() {
        let heavy = Message { artifacts: vec![deliverable(); MAX_ARTIFACTS + 1], ..comment() };
        given::<Task>(task_in(Status::InProgress))
            .when(&scout(), Command::Post(heavy))
            .then_rejected(Rejection::TooManyArtifacts);
    }

    #[test]
    fn of_the_system_are_posted_by_the_system_alone() {
        let spoken = Message { kind: MessageKind::System, ..comment() };
        for context in [sofie(), scout()] {
            given::<Task>(task_in(Status::InProgress))
                .when(&context, Command::Post(spoken.clone()))
                .then_rejected(Rejection::OperatorOnly { what: "speak for the system" });
        }
        given::<Task>(task_in(Status::InProgress)).when(&system(), Command::Post(spoken)).then([
            Event::MessagePosted {
                id: MESSAGE,
                kind: MessageKind::System,
                author: system().actor,
                content: comment().content,
                artifacts: vec![],
                mentions: BTreeSet::new(),
                reply_to: None,
                at: now(),
            },
        ]);
    }
}

#[test]
fn events_take_the_time_of_the_decision() {
    let tomorrow = later(&sofie(), chrono::TimeDelta::days(1));
    let started = Event::Started {
        from: Status::Assigned,
        holder: SCOUT,
        lease: NEXT_LEASE,
        plan: Some(plan()),
        reason: Some(reason("because")),
        at: tomorrow.now,
    };
    given::<Task>(task_in(Status::Assigned))
        .when(&tomorrow, Command::Move(equipped(Status::InProgress)))
        .then([started]);
    assert_eq!(tomorrow.actor, Actor::Human(name("Sofie")));
}

/// Invariant 8.
#[test]
fn what_is_over_is_archived_once_and_restored() {
    let archived = || Event::Archived { at: now() };
    for status in [Status::Done, Status::Canceled] {
        for context in [sofie(), system()] {
            given::<Task>(task_in(status)).when(&context, Command::Archive).then([archived()]);
        }
        let history = || task_in(status).into_iter().chain([archived()]);
        given::<Task>(history()).when(&sofie(), Command::Archive).then_nothing();
        given::<Task>(history()).when(&sofie(), Command::Restore).then([Event::Restored { at: now() }]);
        given::<Task>(task_in(status)).when(&sofie(), Command::Restore).then_nothing();
    }
}

/// Invariant 8.
#[test]
fn what_may_still_change_is_not_archived() {
    for status in Status::ALL.iter().copied().filter(|status| !status.is_closed()) {
        given::<Task>(task_in(status))
            .when(&system(), Command::Archive)
            .then_rejected(Rejection::NotClosed { status });
    }
}

/// Invariant 8.
#[test]
fn reopening_a_task_restores_it() {
    let archived = task_in(Status::Done).into_iter().chain([Event::Archived { at: now() }]);
    let task = Task::fold(&archived.collect::<Vec<_>>());
    let reopened = task.decide(Command::Move(equipped(Status::Review)), &sofie()).unwrap();
    let after = reopened.iter().fold(task, Task::evolve);
    assert!(!after.present().unwrap().archived);
}

#[test]
fn agents_archive_and_restore_nothing() {
    let refused = |what| Rejection::OperatorOnly { what };
    given::<Task>(task_in(Status::Done))
        .when(&scout(), Command::Archive)
        .then_rejected(refused("archive a task"));
    given::<Task>(task_in(Status::Done))
        .when(&scout(), Command::Restore)
        .then_rejected(refused("restore a task"));
}
