use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::{
    actor::Actor,
    ids::MessageId,
    recorded::Streamed,
    spec::{comment, later, text},
    task::{ArtifactBody, ArtifactKind, LoopKind, Message, MessageKind},
};

/// A task as it goes, command by command, with Scout and Nova as they are after each.
struct Story {
    world: World,
    minutes: i64,
    limits: PolicyLimits,
}

impl Story {
    fn of(task: Entity<Task>) -> Self {
        let scout = if task.status() == Some(Status::InProgress) { working() } else { idle(SCOUT) };
        let world = world([&task, &scout, &idle(NOVA), &idle(ECHO)]);
        Self { world, minutes: 0, limits: PolicyLimits::default() }
    }

    fn at(&self, context: &CommandContext) -> CommandContext {
        later(context, TimeDelta::minutes(self.minutes)).under(self.limits)
    }

    /// What an operation adds to the task; the story goes on from there.
    fn act(
        &mut self,
        context: &CommandContext,
        operation: impl FnOnce(&mut Transaction<'_>) -> Result<(), Rejection>,
    ) -> Vec<task::Event> {
        let answer = self.world.when(&self.at(context), operation);
        let added = answer.events().filter_map(Task::event).cloned().collect();
        self.world = answer.world();
        added
    }

    fn say(&mut self, context: &CommandContext) -> Vec<task::Event> {
        let kind = if matches!(context.actor, Actor::System(_)) {
            MessageKind::System
        } else {
            MessageKind::Comment
        };
        let message = Message { id: MessageId::new(uuid::Uuid::from_u128(1)), kind, ..comment() };
        self.act(context, |tx| post_message(tx, TASK, message))
    }

    fn go(&mut self, to: Status, context: &CommandContext) -> Vec<task::Event> {
        let request =
            MoveTask { to: equipped(to), assignees: Some(BTreeSet::from([SCOUT])), lease: NEXT_LEASE };
        self.act(context, |tx| move_task(tx, TASK, request))
    }

    fn task(&self) -> task::Present {
        self.world.get::<Task>(&TASK).present().unwrap().clone()
    }

    fn status(&self) -> Status {
        self.task().status()
    }

    /// What Scout works on.
    fn work(&self) -> Option<agent::Work> {
        self.world.get::<Agent>(&SCOUT).registered().unwrap().work
    }
}

fn found(events: &[task::Event]) -> Option<(LoopKind, u32)> {
    events.iter().find_map(|event| match event {
        task::Event::LoopDetected { kind, count, .. } => Some((*kind, *count)),
        _ => None,
    })
}

#[test]
fn twenty_one_messages_in_half_an_hour_block_the_task() {
    let mut story = Story::of(task_at(Status::InProgress));
    for _ in 0..20 {
        assert_eq!(found(&story.say(&scout())), None);
    }
    let events = story.say(&scout());
    assert_eq!(found(&events), Some((LoopKind::Messages, 21)));
    let names: Vec<_> = events.iter().map(crate::aggregate::Event::name).collect();
    assert_eq!(names, ["task.message_posted", "task.loop_detected", "task.blocked", "task.message_posted"]);
}

#[test]
fn twenty_one_messages_in_more_than_half_an_hour_do_not() {
    let mut story = Story::of(task_at(Status::InProgress));
    for nth in 0..100 {
        story.minutes = nth * 3 / 2;
        assert_eq!(found(&story.say(&scout())), None);
    }
}

#[test]
fn a_loop_releases_the_holder_in_the_same_commit() {
    let mut story = Story::of(task_at(Status::InProgress));
    for _ in 0..20 {
        story.say(&scout());
    }
    let answer = story.world.when(&scout(), |tx| post_message(tx, TASK, comment()));
    let lost: Vec<_> = answer.events().filter(|event| event.name() == "agent.released").collect();
    assert_eq!(lost, [&AnyEvent::Agent(released(Ending::Blocked))]);
    story.world = answer.world();
    assert_eq!(story.work(), None);
    assert_eq!(story.task().hold(), None);
}

#[test]
fn a_loop_is_told_in_the_thread_with_a_summary() {
    let mut story = Story::of(task_at(Status::InProgress));
    let events: Vec<_> = (0..21).flat_map(|_| story.say(&scout())).collect();
    let Some(task::Event::MessagePosted { kind, author, artifacts, .. }) = events.last() else {
        panic!("the last event is a message");
    };
    assert_eq!((*kind, author.kind()), (MessageKind::System, crate::actor::ActorKind::System));
    assert_eq!((artifacts[0].name.as_str(), artifacts[0].kind), ("Loop Summary", ArtifactKind::Report));
    let ArtifactBody::Content(content) = &artifacts[0].body else { panic!("a summary is in the log") };
    for part in [
        "21 messages in 30 min (at most 20)",
        "Scout",
        "## Counts",
        "## Last exchanges",
        "Half way.",
        "## To decide",
    ] {
        assert!(content.as_str().contains(part), "{part:?} in {content}");
    }
    let reason = reason("Loop detected: 21 messages in 30 min (at most 20)");
    let blocked = task::Event::Blocked { from: Status::InProgress, reason, at: now() };
    assert!(events.contains(&blocked));
}

#[test]
fn the_fourth_review_cycle_blocks_the_task() {
    let mut story = Story::of(task_at(Status::Review));
    for cycle in 1..=4 {
        // Far enough apart not to be a flip of statuses.
        story.minutes = cycle * 90;
        let events = story.go(Status::InProgress, &by(NOVA));
        let expected = (cycle > 3).then_some((LoopKind::ReviewCycles, 4));
        assert_eq!(found(&events), expected, "cycle {cycle}");
        if cycle <= 3 {
            story.go(Status::Review, &scout());
        }
    }
    assert_eq!(story.status(), Status::Blocked);
    assert_eq!(story.work(), None);
}

#[test]
fn two_agents_taking_turns_nine_times_block_the_task() {
    let mut story = Story::of(task_at(Status::InProgress));
    for message in 0..10 {
        let events = story.say(&by(if message % 2 == 0 { SCOUT } else { NOVA }));
        assert_eq!(found(&events), (message == 9).then_some((LoopKind::Alternation, 9)));
    }
}

#[test]
fn a_third_voice_ends_the_taking_of_turns() {
    for third in [by(ECHO), sofie()] {
        let mut story = Story::of(task_at(Status::InProgress));
        for message in 0..16 {
            let speaker = by(if message % 2 == 0 { SCOUT } else { NOVA });
            let events = story.say(if message == 8 { &third } else { &speaker });
            assert_eq!(found(&events), None);
        }
    }
}

#[test]
fn turns_at_leisure_are_no_loop() {
    let mut story = Story::of(task_at(Status::InProgress));
    for message in 0..40 {
        story.minutes = message * 2;
        assert_eq!(found(&story.say(&by(if message % 2 == 0 { SCOUT } else { NOVA }))), None);
    }
}

#[test]
fn a_pair_of_statuses_back_and_forth_three_times_in_an_hour_blocks_the_task() {
    let mut story = Story::of(task_at(Status::Inbox));
    let flips = [Status::Assigned, Status::Inbox].into_iter().cycle();
    for (nth, to) in flips.take(6).enumerate() {
        let events = story.go(to, &sofie());
        assert_eq!(found(&events), (nth == 5).then_some((LoopKind::StatusFlips, 3)), "move {nth}");
    }
}

#[test]
fn a_pair_of_statuses_back_and_forth_at_leisure_is_no_loop() {
    let mut story = Story::of(task_at(Status::Inbox));
    for (nth, to) in (0..).zip([Status::Assigned, Status::Inbox].into_iter().cycle().take(12)) {
        story.minutes = nth * 12;
        assert_eq!(found(&story.go(to, &sofie())), None);
    }
}

#[test]
fn unblocking_starts_the_counts_anew() {
    let mut story = Story::of(task_at(Status::InProgress));
    (0..21).for_each(|_| drop(story.say(&scout())));
    assert_eq!(story.status(), Status::Blocked);
    (0..30).for_each(|_| assert_eq!(found(&story.say(&sofie())), None));
    story.go(Status::Assigned, &sofie());
    for _ in 0..20 {
        assert_eq!(found(&story.say(&scout())), None);
    }
    assert_eq!(story.status(), Status::Assigned);
    assert_eq!(found(&story.say(&scout())), Some((LoopKind::Messages, 21)));
}

/// What is over is talked about without being a loop, and taking it up again is the operator's decision.
#[test]
fn taking_up_again_what_was_over_starts_the_counts_anew() {
    for (over, back) in [(Status::Done, Status::Review), (Status::Failed, Status::Assigned)] {
        let mut story = Story::of(task_at(over));
        for _ in 0..25 {
            assert_eq!(found(&story.say(&sofie())), None);
        }
        assert_eq!(found(&story.go(back, &sofie())), None, "from {over}");
        assert_eq!(story.status(), back);
        for _ in 0..20 {
            assert_eq!(found(&story.say(&scout())), None);
        }
        assert_eq!(found(&story.say(&scout())), Some((LoopKind::Messages, 21)));
    }
}

#[test]
fn people_may_say_as_much_as_they_like() {
    let mut story = Story::of(task_at(Status::InProgress));
    for _ in 0..60 {
        assert_eq!(found(&story.say(&sofie())), None);
    }
    assert_eq!(story.status(), Status::InProgress);
    for _ in 0..20 {
        assert_eq!(found(&story.say(&scout())), None);
        assert_eq!(found(&story.say(&sofie())), None);
    }
    assert_eq!(found(&story.say(&scout())), Some((LoopKind::Messages, 21)));
}

#[test]
fn what_the_system_says_is_not_counted() {
    let mut story = Story::of(task_at(Status::InProgress));
    (0..50).for_each(|_| assert_eq!(found(&story.say(&system())), None));
}

#[test]
fn what_an_approval_moves_is_not_counted() {
    let mut task = task_at(Status::Assigned);
    let at = now();
    for nth in 0..10 {
        let approval = crate::ids::ApprovalId::new(uuid::Uuid::from_u128(nth));
        let (from, assignees) = (Status::NeedsApproval, BTreeSet::from([SCOUT]));
        task = task.after(&[
            task::Event::ApprovalAwaited { approval, at },
            task::Event::HeldForApproval { from: Status::Assigned, reason: None, at },
            task::Event::Assigned { from, assignees, reason: None, at },
        ]);
        assert_eq!(task.present().unwrap().loop_found(&sofie()), None);
    }
}

#[test]
fn a_task_that_cannot_be_blocked_is_left_alone() {
    for status in [Status::Blocked, Status::Failed, Status::Done, Status::Canceled] {
        let mut story = Story::of(task_at(status));
        (0..30).for_each(|_| assert_eq!(found(&story.say(&sofie())), None, "{status}"));
    }
}

#[test]
fn the_limits_are_those_in_force() {
    let mut story = Story::of(task_at(Status::InProgress));
    story.limits.loops.max_messages = 2;
    (0..2).for_each(|_| assert_eq!(found(&story.say(&scout())), None));
    assert_eq!(found(&story.say(&scout())), Some((LoopKind::Messages, 3)));
}

#[test]
fn a_summary_of_the_longest_messages_still_fits() {
    let mut story = Story::of(task_at(Status::InProgress));
    for _ in 0..21 {
        let message = Message { content: Some(text(&"ä".repeat(10_000))), ..comment() };
        story.act(&scout(), |tx| post_message(tx, TASK, message));
    }
    assert_eq!(story.status(), Status::Blocked);
}

proptest! {
    /// Invariant 7: no commit leaves a task in a loop, nor a holder with a task that is blocked.
    #[test]
    fn no_task_is_ever_left_in_a_loop(steps in proptest::collection::vec((0..8usize, 0..4i64), 1..80)) {
        let mut story = Story::of(task_at(Status::Inbox));
        for (step, minutes) in steps {
            story.minutes += minutes;
            let speaker = [SCOUT, NOVA, ECHO].get(step).map(|speaker| by(*speaker));
            let context = story.at(&speaker.unwrap_or_else(sofie));
            // What is refused changes nothing.
            let _ = story.world.act(&context, |tx| match step {
                0..3 => post_message(tx, TASK, comment()),
                _ => {
                    let to = [Status::Inbox, Status::Assigned, Status::InProgress, Status::Review, Status::Blocked];
                    let assignees = Some(BTreeSet::from([SCOUT]));
                    let request = MoveTask { to: equipped(to[step - 3]), assignees, lease: NEXT_LEASE };
                    move_task(tx, TASK, request)
                }
            });
            let task = story.task();
            prop_assert_eq!(task.loop_found(&story.at(&sofie())), None);
            prop_assert_eq!(story.work().map(|work| work.lease), task.hold().map(|hold| hold.lease));
        }
    }
}
