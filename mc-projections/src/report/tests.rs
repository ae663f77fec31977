use mc_domain::{
    actor::Actor,
    agent::{self, Role},
    alert::{Alert, Key, Kind, Subject},
    ids::ProjectId,
    run::{Ended, Run, Terms, Usage},
    task::{Artifact, ArtifactBody, ArtifactKind, Details, Event, LoopKind, MessageKind, Status, TaskType},
    values::{Label, Name, Text, Title},
};
use mc_domain::{money::Usd, run};
use uuid::Uuid;

use super::*;
use crate::script::Script;

fn project() -> ProjectId {
    Uuid::from_u128(1).into()
}

fn sofie() -> Actor {
    Actor::Human(Name::new("Sofie").unwrap())
}

fn looping() -> (Script, TaskId) {
    let mut script = Script::new();
    let profile = agent::Profile::new(Name::new("Scout").unwrap(), Role::Intern);
    let scout = script.agent(2, |at| agent::Event::Registered {
        project: project(),
        profile,
        parent: None,
        purpose: None,
        at,
    });
    let details = Details::titled("Pricing <b>", TaskType::CustomerResearch).unwrap();
    let task = script.task(3, |at| Event::Created {
        project: project(),
        details,
        parent: None,
        creator: sofie(),
        at,
    });
    script.task(3, |at| Event::Claimed { agent: scout, at });
    let run = Uuid::from_u128(9).into();
    script.record::<Run>(&run, |at| {
        run::Event::Started(Terms {
            project: project(),
            agent: scout,
            task: Some(task),
            parent_task: None,
            lease: None,
            model: Label::new("claude-sonnet").unwrap(),
            session_key: None,
            reserved: Usd::cents(25),
            on_project: false,
            day: at.date_naive(),
            deadline: at,
            at,
        })
    });
    script.record::<Run>(&run, |at| {
        run::Event::Failed(Ended {
            agent: scout,
            task: Some(task),
            project: project(),
            usage: Usage::default(),
            cost: Some(Usd::cents(12)),
            charged: Usd::cents(12),
            error: Some(Reason::new("no such host").unwrap()),
            started_at: at,
            at,
        })
    });
    contain(&mut script);
    (script, task)
}

fn contain(script: &mut Script) {
    let (kind, count, limit, within_secs) = (LoopKind::Messages, 21, 20, Some(1_800));
    let participants = [sofie()].into();
    script.task(3, |at| Event::LoopDetected { kind, count, limit, within_secs, participants, at });
    let reason = Reason::new("a loop was found").unwrap();
    script.task(3, |at| Event::Blocked { from: Status::Assigned, reason, at });
    let body = ArtifactBody::Content(Text::new("# Loop Summary\n\nWhat repeated: messages").unwrap());
    let name = Label::new("Loop Summary").unwrap();
    script.task(3, |at| Event::MessagePosted {
        id: Uuid::nil().into(),
        kind: MessageKind::System,
        author: sofie(),
        content: Some(Text::new("a loop was found").unwrap()),
        artifacts: vec![Artifact { name, kind: ArtifactKind::Report, body }],
        mentions: Default::default(),
        reply_to: None,
        at,
    });
    let task = Uuid::from_u128(3).into();
    let kind = Kind::LoopDetected;
    script.record::<Alert>(&Key::new(kind, Subject::Task(task)), |at| alert::Event::Raised {
        id: Uuid::from_u128(7).into(),
        kind,
        severity: kind.severity(),
        title: Title::new("A loop was found").unwrap(),
        description: None,
        agent: None,
        task: Some(task),
        run: None,
        project: project(),
        at,
    });
}

#[test]
fn a_report_tells_what_whoever_looks_into_it_needs() {
    let (script, task) = looping();
    let views = script.views();
    let wanted = views.timelines.positions(task);
    let events: Vec<_> =
        script.events().iter().filter(|event| wanted.contains(&event.position)).cloned().collect();
    let report = report(&views, task, &events, 2, script.now()).unwrap();
    for part in [
        "# Incident report: Pricing \\<b\\>\n",
        "- Status: blocked since 2026-02-01T09:00:06.000Z\n- Reason: a loop was found\n",
        "- Loop: messages: 21, where the limit is 20\n",
        "## Who\n\n- Assigned to: Scout\n- Created by: Sofie\n- Sofie (human): 8 events\n",
        "## Timeline\n\n2 earlier events are left out.\n\n- 2026-02-01T09:00:01.000Z Sofie created the task\n",
        ": failed, $0.12, claude-sonnet, 0 tokens in, 0 out, 0 tool calls: no such host\n",
        "## Approvals\n\nNone.\n",
        "A loop was found (loop_detected, error): nobody looks after it\n",
        "## Loop Summary\n\n> \\# Loop Summary\n>\n> What repeated: messages\n",
        "## Messages\n\n**Sofie**, system, 2026-02-01T09:00:07.000Z\n\n> a loop was found\n",
    ] {
        assert!(report.contains(part), "{part}\nis not in\n{report}");
    }
}

#[test]
fn there_is_no_report_on_a_task_that_is_not_known() {
    let views = Views::default();
    assert_eq!(report(&views, Uuid::nil().into(), &[], 0, DateTime::UNIX_EPOCH), None);
}

#[test]
fn what_people_wrote_does_not_become_part_of_the_document() {
    assert_eq!(inline("a\n# b <script> *c*"), "a \\# b \\<script\\> \\*c\\*");
    assert_eq!(quoted("a\n\n## b"), "> a\n>\n> \\#\\# b");
}
