//! Who is to be told what: from each recorded event to the notifications it calls for.

use std::collections::BTreeSet;

use crate::{
    actor::Actor,
    agent, alert, approval,
    ids::{AgentId, ApprovalId, TaskId},
    notification::{Kind, Notice, Recipient},
    recorded::{AnyEvent, Recorded},
    task,
    text::visible,
    values::{Name, Reason, Text, Title},
};

/// What has to be known of the world to say who is to be told: a view answers it.
pub trait Directory {
    /// All operators, by name.
    fn operators(&self) -> BTreeSet<Name>;
    /// The name of an agent, where it is known.
    fn agent_name(&self, agent: AgentId) -> Option<Name>;
    /// The title of a task, where it is known.
    fn task_title(&self, task: TaskId) -> Option<Title>;
    /// Who follows a task: its assignees, its creator, who commented and who asked to.
    fn subscribers(&self, task: TaskId) -> BTreeSet<Actor>;
    /// Who is to review a task; nobody named means the operators.
    fn reviewers(&self, task: TaskId) -> BTreeSet<AgentId>;
    /// Who asked for an approval, and for what.
    fn approval(&self, approval: ApprovalId) -> Option<(Actor, Reason)>;
}

/// The notifications that one recorded event calls for. Each has its identity from the event and its recipient, so
/// running over an event twice, late or on two machines notifies once.
pub fn notifications(recorded: &Recorded<AnyEvent>, directory: &impl Directory) -> Vec<Notice> {
    let id = &recorded.stream.aggregate_id;
    let wanted = match &recorded.event {
        AnyEvent::Task(event) => id.parse().map(|task| of_task(task, event, directory)).unwrap_or_default(),
        AnyEvent::Agent(event) => id.parse().map(|agent| of_agent(agent, event)).unwrap_or_default(),
        AnyEvent::Approval(event) => {
            id.parse().map(|approval| of_approval(approval, event, directory)).unwrap_or_default()
        }
        AnyEvent::Alert(event) => of_alert(event, directory),
        AnyEvent::Project(_)
        | AnyEvent::Policy(_)
        | AnyEvent::Reservation(_)
        | AnyEvent::Budget(_)
        | AnyEvent::Run(_)
        | AnyEvent::Notification(_)
        | AnyEvent::Standup(_)
        | AnyEvent::Credential(_) => vec![],
    };
    // Nobody is told what they did themselves; and nobody twice.
    let author = Recipient::of(&recorded.metadata.actor);
    let mut told = BTreeSet::new();
    wanted
        .into_iter()
        .filter(|wanted| author.as_ref() != Some(&wanted.recipient))
        .filter(|wanted| told.insert(wanted.recipient.clone()))
        .filter_map(|wanted| wanted.notice(recorded))
        .collect()
}

/// What somebody is to be told, before it is bound to its event.
struct Wanted {
    recipient: Recipient,
    kind: Kind,
    subject: String,
    text: Option<String>,
    task: Option<TaskId>,
}

impl Wanted {
    fn new(recipient: Recipient, kind: Kind, subject: impl Into<String>) -> Self {
        Self { recipient, kind, subject: subject.into(), text: None, task: None }
    }

    fn on(self, task: TaskId) -> Self {
        Self { task: Some(task), ..self }
    }

    fn saying(self, text: Option<&str>) -> Self {
        Self { text: text.map(str::to_owned), ..self }
    }

    fn notice(self, recorded: &Recorded<AnyEvent>) -> Option<Notice> {
        let Self { recipient, kind, subject, text, task } = self;
        Some(Notice {
            cause: recorded.metadata.event_id,
            project: recorded.metadata.project,
            recipient,
            kind,
            subject: Title::truncated(&visible(&subject))?,
            text: text.as_deref().and_then(Text::truncated),
            task,
            through: None,
            at: recorded.metadata.recorded_at,
        })
    }
}

fn operators(directory: &impl Directory) -> Vec<Recipient> {
    directory.operators().into_iter().map(Recipient::Operator).collect()
}

fn followers(task: TaskId, directory: &impl Directory) -> Vec<Recipient> {
    directory.subscribers(task).iter().filter_map(Recipient::of).collect()
}

fn of_task(id: TaskId, event: &task::Event, directory: &impl Directory) -> Vec<Wanted> {
    let title = directory.task_title(id).map_or_else(|| "A task".to_owned(), |title| title.to_string());
    match event {
        task::Event::MessagePosted { author, content, mentions, .. } => {
            let who = called(author, directory);
            let text = content.as_ref().map(Text::as_str);
            let named = mentions.iter().filter_map(Recipient::of).map(|recipient| {
                Wanted::new(recipient, Kind::Mention, format!("{who} mentioned you: {title}"))
            });
            let rest = followers(id, directory)
                .into_iter()
                .map(|recipient| Wanted::new(recipient, Kind::Update, format!("{who} wrote: {title}")));
            named.chain(rest).map(|wanted| wanted.on(id).saying(text)).collect()
        }
        task::Event::Assigned { assignees, .. } | task::Event::AssigneesChanged { assignees, .. } => {
            let given = |agent: &AgentId| {
                Wanted::new(Recipient::Agent(*agent), Kind::Assignment, format!("Assigned to you: {title}"))
            };
            let given = assignees.iter().map(given).map(|wanted| wanted.on(id));
            given.chain(moved(id, event, &title, directory)).collect()
        }
        task::Event::Submitted { .. } => reviewers(id, directory)
            .into_iter()
            .map(|recipient| {
                Wanted::new(recipient, Kind::ReviewRequested, format!("To review: {title}")).on(id)
            })
            .chain(moved(id, event, &title, directory))
            .collect(),
        event => moved(id, event, &title, directory),
    }
}

/// Whoever follows a task hears of its every move.
fn moved(id: TaskId, event: &task::Event, title: &str, directory: &impl Directory) -> Vec<Wanted> {
    let Some(to) = event.moves_to() else { return vec![] };
    followers(id, directory)
        .into_iter()
        .map(|recipient| Wanted::new(recipient, Kind::Update, format!("Now {to}: {title}")).on(id))
        .collect()
}

fn reviewers(task: TaskId, directory: &impl Directory) -> Vec<Recipient> {
    let named = directory.reviewers(task);
    if named.is_empty() { operators(directory) } else { named.into_iter().map(Recipient::Agent).collect() }
}

fn called(actor: &Actor, directory: &impl Directory) -> String {
    let name = actor.agent().and_then(|agent| directory.agent_name(agent));
    name.map_or_else(|| actor.to_string(), |name| name.to_string())
}

fn of_agent(id: AgentId, event: &agent::Event) -> Vec<Wanted> {
    let (what, note) = match event {
        agent::Event::Paused { note, .. } => ("Stop until you are resumed", note),
        agent::Event::DrainStarted { note } => ("Finish your task and take no new one", note),
        agent::Event::Quarantined { note } => ("Stop at once", note),
        agent::Event::Restarted { note, .. } => ("Drop what you do and begin anew", note),
        agent::Event::Resumed { note, .. } => ("You may work again", note),
        agent::Event::Registered { .. }
        | agent::Event::ProfileChanged { .. }
        | agent::Event::HeartbeatRecorded { .. }
        | agent::Event::SignedOff { .. }
        | agent::Event::Retired { .. }
        | agent::Event::SignedOn { .. }
        | agent::Event::RestartDelivered {}
        | agent::Event::Corrected { .. }
        | agent::Event::Engaged { .. }
        | agent::Event::Released { .. }
        | agent::Event::Overspent { .. }
        | agent::Event::RunBegan { .. }
        | agent::Event::RunEnded { .. }
        | agent::Event::Spawned { .. }
        | agent::Event::Commissioned { .. }
        | agent::Event::ChildRetired { .. }
        | agent::Event::Excepted { .. } => return vec![],
    };
    let wanted = Wanted::new(Recipient::Agent(id), Kind::Directive, what);
    vec![wanted.saying(note.as_ref().map(Reason::as_str))]
}

fn of_approval(id: ApprovalId, event: &approval::Event, directory: &impl Directory) -> Vec<Wanted> {
    let asked = directory.approval(id);
    let decided = |how: &str, note: Option<&Reason>| {
        let (requestor, summary) = asked.clone()?;
        let wanted =
            Wanted::new(Recipient::of(&requestor)?, Kind::ApprovalDecided, format!("{how}: {summary}"));
        Some(wanted.saying(note.map(Reason::as_str)))
    };
    let wanted = match event {
        approval::Event::Requested { ask, .. } | approval::Event::Resubmitted { ask, .. } => {
            return to_decide(&ask.summary, directory);
        }
        approval::Event::Escalated { .. } => {
            return asked.map(|(_, summary)| to_decide(&summary, directory)).unwrap_or_default();
        }
        approval::Event::Approved { note, .. } => decided("Approved", note.as_ref()),
        approval::Event::Denied { reason, .. } => decided("Denied", Some(reason)),
        approval::Event::RevisionRequested { note, .. } => decided("To be revised", Some(note)),
        approval::Event::Expired { .. } => decided("Expired", None),
        approval::Event::Endorsed { .. }
        | approval::Event::Withdrawn { .. }
        | approval::Event::Used { .. } => None,
    };
    wanted.into_iter().collect()
}

fn to_decide(summary: &Reason, directory: &impl Directory) -> Vec<Wanted> {
    let ask = |recipient| Wanted::new(recipient, Kind::ApprovalRequested, format!("To decide: {summary}"));
    operators(directory).into_iter().map(ask).collect()
}

fn of_alert(event: &alert::Event, directory: &impl Directory) -> Vec<Wanted> {
    let alert::Event::Raised { kind, title, description, severity, task, .. } = event else { return vec![] };
    // What told of it would not arrive either, and be told of in turn.
    if *kind == alert::Kind::NotificationFailed {
        return vec![];
    }
    let tell = |recipient| {
        let wanted = Wanted::new(recipient, Kind::Alert, format!("{severity}: {title}"));
        Wanted { task: *task, ..wanted.saying(description.as_ref().map(Text::as_str)) }
    };
    operators(directory).into_iter().map(tell).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        agent::Agent,
        aggregate::Aggregate,
        ids::CommandId,
        recorded::{Metadata, StreamId},
        spec::{ECHO, NOVA, OPENCLAW, SCOUT, TASK, comment, name, now, reason, sofie, text},
        task::Task,
    };

    struct Squad {
        reviewers: BTreeSet<AgentId>,
    }

    impl Directory for Squad {
        fn operators(&self) -> BTreeSet<Name> {
            BTreeSet::from([name("Sofie")])
        }

        fn agent_name(&self, _: AgentId) -> Option<Name> {
            Some(name("Scout"))
        }

        fn task_title(&self, _: TaskId) -> Option<Title> {
            Some(Title::new("Competitor pricing").unwrap())
        }

        fn subscribers(&self, _: TaskId) -> BTreeSet<Actor> {
            BTreeSet::from([Actor::Agent(SCOUT), Actor::Agent(NOVA), Actor::Human(name("Sofie"))])
        }

        fn reviewers(&self, _: TaskId) -> BTreeSet<AgentId> {
            self.reviewers.clone()
        }

        fn approval(&self, _: ApprovalId) -> Option<(Actor, Reason)> {
            Some((Actor::Agent(SCOUT), reason("Deploy")))
        }
    }

    fn recorded<A: Aggregate>(id: &A::Id, event: A::Event, actor: Actor) -> Recorded<AnyEvent>
    where
        AnyEvent: From<A::Event>,
    {
        let metadata = Metadata {
            event_id: Uuid::from_u128(1).into(),
            recorded_at: now(),
            actor,
            project: Some(OPENCLAW),
            command_id: CommandId::new(Uuid::from_u128(2)),
            idempotency_key: None,
            credential: None,
        };
        Recorded { position: 1, stream: StreamId::of::<A>(id), version: 1, event: event.into(), metadata }
    }

    fn told(event: Recorded<AnyEvent>) -> Vec<(Recipient, Kind)> {
        let squad = Squad { reviewers: BTreeSet::new() };
        notifications(&event, &squad).into_iter().map(|notice| (notice.recipient, notice.kind)).collect()
    }

    fn operator() -> Recipient {
        Recipient::Operator(name("Sofie"))
    }

    #[test]
    fn a_message_reaches_who_is_named_and_who_follows_but_not_its_author() {
        let event = task::Event::MessagePosted {
            id: comment().id,
            kind: task::MessageKind::Comment,
            author: Actor::Agent(SCOUT),
            content: Some(text("@Echo have a look")),
            artifacts: vec![],
            mentions: BTreeSet::from([Actor::Agent(ECHO), Actor::Agent(NOVA)]),
            reply_to: None,
            at: now(),
        };
        assert_eq!(
            told(recorded::<Task>(&TASK, event, Actor::Agent(SCOUT))),
            [
                (Recipient::Agent(ECHO), Kind::Mention),
                (Recipient::Agent(NOVA), Kind::Mention),
                (operator(), Kind::Update),
            ]
        );
    }

    #[test]
    fn an_assignment_reaches_the_assignees() {
        let event = task::Event::Assigned {
            from: task::Status::Inbox,
            assignees: BTreeSet::from([SCOUT, ECHO]),
            reason: None,
            at: now(),
        };
        assert_eq!(
            told(recorded::<Task>(&TASK, event, sofie().actor)),
            [
                (Recipient::Agent(SCOUT), Kind::Assignment),
                (Recipient::Agent(ECHO), Kind::Assignment),
                (Recipient::Agent(NOVA), Kind::Update),
            ]
        );
    }

    #[test]
    fn a_submission_reaches_the_reviewers_or_else_the_operators() {
        let event = task::Event::Submitted { deliverable: None, checklist: None, at: now() };
        let submitted = recorded::<Task>(&TASK, event, Actor::Agent(SCOUT));
        let nova = (Recipient::Agent(NOVA), Kind::Update);
        assert_eq!(told(submitted.clone()), [(operator(), Kind::ReviewRequested), nova]);
        let squad = Squad { reviewers: BTreeSet::from([NOVA]) };
        let to: Vec<_> =
            notifications(&submitted, &squad).into_iter().map(|notice| notice.recipient).collect();
        assert_eq!(to, [Recipient::Agent(NOVA), operator()]);
    }

    #[test]
    fn a_block_reaches_who_follows() {
        let event =
            task::Event::Blocked { from: task::Status::InProgress, reason: reason("no access"), at: now() };
        assert_eq!(
            told(recorded::<Task>(&TASK, event, sofie().actor)),
            [(Recipient::Agent(SCOUT), Kind::Update), (Recipient::Agent(NOVA), Kind::Update)]
        );
    }

    #[test]
    fn an_order_reaches_its_agent() {
        let event = agent::Event::Quarantined { note: None };
        assert_eq!(
            told(recorded::<Agent>(&SCOUT, event, sofie().actor)),
            [(Recipient::Agent(SCOUT), Kind::Directive)]
        );
    }

    #[test]
    fn a_decision_reaches_the_requestor() {
        let (by, at) = (sofie().actor, now());
        let event = approval::Event::Denied { by: by.clone(), reason: reason("Not today"), at };
        let id = ApprovalId::new(Uuid::from_u128(3));
        assert_eq!(
            told(recorded::<approval::Approval>(&id, event, by)),
            [(Recipient::Agent(SCOUT), Kind::ApprovalDecided)]
        );
        let escalated = approval::Event::Escalated { at };
        assert_eq!(
            told(recorded::<approval::Approval>(&id, escalated, crate::spec::system().actor)),
            [(operator(), Kind::ApprovalRequested)]
        );
    }

    #[test]
    fn an_alert_reaches_the_operators_once_per_episode() {
        let key = alert::Key::new(alert::Kind::AgentStale, alert::Subject::Agent(SCOUT));
        let id = crate::ids::AlertId::new(Uuid::from_u128(3));
        let raised = alert::Event::Raised {
            id,
            kind: key.kind,
            severity: alert::Severity::Warning,
            title: Title::new("Scout is silent").unwrap(),
            description: None,
            agent: Some(SCOUT),
            task: None,
            run: None,
            project: OPENCLAW,
            at: now(),
        };
        let system = crate::spec::system().actor;
        assert_eq!(told(recorded::<alert::Alert>(&key, raised, system.clone())), [(operator(), Kind::Alert)]);
        let raised = alert::Event::Raised {
            id,
            kind: alert::Kind::NotificationFailed,
            severity: alert::Severity::Warning,
            title: Title::new("A notification was given up").unwrap(),
            description: None,
            agent: None,
            task: None,
            run: None,
            project: OPENCLAW,
            at: now(),
        };
        assert_eq!(told(recorded::<alert::Alert>(&key, raised, system.clone())), []);
        let repeated = alert::Event::Repeated { id, count: 2, description: None, at: now() };
        assert_eq!(told(recorded::<alert::Alert>(&key, repeated, system)), []);
    }

    #[test]
    fn going_over_an_event_twice_wants_the_same_notifications() {
        let event = agent::Event::Restarted { note: None, at: None };
        let event = recorded::<Agent>(&SCOUT, event, sofie().actor);
        let squad = Squad { reviewers: BTreeSet::new() };
        let ids = |event: &Recorded<AnyEvent>| {
            notifications(event, &squad).iter().map(Notice::id).collect::<Vec<_>>()
        };
        assert_eq!(ids(&event), ids(&event.clone()));
    }
}
