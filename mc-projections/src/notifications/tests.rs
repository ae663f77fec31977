use std::collections::BTreeSet;

use chrono::TimeDelta;
use mc_domain::{
    notification::Notification,
    process::Directory,
    task::{self, Details, TaskType},
    values::Name,
};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::{script::Script, views::Views};

fn id<I: From<Uuid>>(number: u128) -> I {
    Uuid::from_u128(number).into()
}

fn sofie() -> Recipient {
    Recipient::Operator(Name::new("Sofie").unwrap())
}

fn queue(script: &mut Script, number: u128, recipient: Recipient) -> NotificationId {
    queue_in(script, Some(id(1)), number, recipient)
}

fn queue_in(
    script: &mut Script,
    project: Option<ProjectId>,
    number: u128,
    recipient: Recipient,
) -> NotificationId {
    record(script, number, |at| Event::Queued {
        cause: id(5),
        project,
        recipient,
        kind: Kind::Mention,
        subject: Title::new("Scout mentioned you").unwrap(),
        text: None,
        task: Some(id(3)),
        through: Some(10 * u64::try_from(number).unwrap()),
        expires_at: at + TimeDelta::hours(24),
        at,
    });
    id(number)
}

fn record(script: &mut Script, number: u128, event: impl FnOnce(DateTime<Utc>) -> Event) {
    script.record::<Notification>(&id(number), event);
}

fn list(views: &Views, query: NotificationQuery) -> Vec<NotificationId> {
    let page = views.notifications.list(&query, &views.agents).unwrap();
    page.items.iter().map(|notification| notification.id).collect()
}

#[test]
fn a_notification_is_answered_with_what_became_of_it() {
    let mut script = Script::new();
    let notification = queue(&mut script, 9, sofie());
    let error = Reason::new("connection refused").unwrap();
    record(&mut script, 9, |at| Event::AttemptFailed {
        attempt: 1,
        error,
        retry_at: at + TimeDelta::seconds(30),
        at,
    });
    let views = script.views();
    assert_eq!(
        serde_json::to_value(views.notifications.view(notification, &views.agents).unwrap()).unwrap(),
        json!({
            "id": "00000000-0000-0000-0000-000000000009",
            "type": "mention",
            "projectId": "00000000-0000-0000-0000-000000000001",
            "recipient": { "type": "human", "id": "Sofie", "name": "Sofie" },
            "subject": "Scout mentioned you",
            "text": null,
            "taskId": "00000000-0000-0000-0000-000000000003",
            "status": "queued",
            "unread": true,
            "attempts": 1,
            "lastError": "connection refused",
            "retryAt": "2026-02-01T09:00:31.000Z",
            "createdAt": "2026-02-01T09:00:00.000Z",
            "deliveredAt": null,
            "readAt": null,
            "expiresAt": "2026-02-02T09:00:00.000Z",
            "version": 2,
        })
    );
}

#[test]
fn notifications_are_filtered_by_recipient_and_whether_they_are_read() {
    let mut script = Script::new();
    let first = queue(&mut script, 1, sofie());
    let second = queue(&mut script, 2, Recipient::Agent(id(2)));
    let third = queue(&mut script, 3, sofie());
    record(&mut script, 1, |at| Event::Delivered { at });
    record(&mut script, 1, |at| Event::Read { at });
    let views = script.views();
    let all = NotificationQuery::default;
    assert_eq!(list(&views, all()), [third, second, first]);
    assert_eq!(list(&views, NotificationQuery { unread: Some(true), ..all() }), [third, second]);
    assert_eq!(list(&views, NotificationQuery { unread: Some(false), ..all() }), [first]);
    assert_eq!(list(&views, NotificationQuery { recipient: vec![sofie()], ..all() }), [third, first]);
    let of_scout = NotificationQuery { recipient: vec![Recipient::Agent(id(2))], ..all() };
    assert_eq!(list(&views, of_scout), [second]);
    assert_eq!(list(&views, NotificationQuery { reach: Reach::of(id(7)), ..all() }), []);
}

#[test]
fn notifications_within_a_reach_are_those_of_its_projects_to_whomever() {
    let mut script = Script::new();
    let projects = [Some(id(1)), Some(id(2)), Some(id(3)), None];
    let ids = projects.into_iter().zip(1..).map(|(project, n)| queue_in(&mut script, project, n, sofie()));
    let ids: Vec<_> = ids.collect();
    let to_scout = queue_in(&mut script, Some(id(2)), 5, Recipient::Agent(id(2)));
    let views = script.views();
    let two = || NotificationQuery { reach: Reach::Only([id(1), id(2)].into()), ..Default::default() };
    assert_eq!(list(&views, two()), [to_scout, ids[1], ids[0]]);
    assert_eq!(list(&views, NotificationQuery { recipient: vec![sofie()], ..two() }), [ids[1], ids[0]]);
    assert_eq!(list(&views, NotificationQuery { reach: Reach::Only([].into()), ..two() }), []);
    assert_eq!(list(&views, NotificationQuery::default()).len(), 5);
    let waiting = |reach: &Reach| views.notifications.waiting(reach);
    assert_eq!((waiting(&two().reach), waiting(&Reach::of(id(3))), waiting(&Reach::All)), (3, 1, 5));
    let second = DateTime::from_timestamp_micros(script.now().timestamp_micros() - 3_000_000);
    assert_eq!(views.notifications.due_since(&Reach::of(id(3))), second);
}

#[test]
fn what_is_due_is_told_by_recipient_and_in_the_order_in_which_it_was_queued() {
    let mut script = Script::new();
    let scout = || Recipient::Agent(id(2));
    let [third, first, second] =
        [(3, sofie()), (1, scout()), (2, scout())].map(|(number, to)| queue(&mut script, number, to));
    let due = |script: &Script, each| -> Vec<Vec<_>> {
        let lanes = script.views().notifications.due(script.now(), each);
        lanes.iter().map(|lane| lane.due.iter().map(|due| due.id).collect()).collect()
    };
    assert_eq!(due(&script, 9), [vec![first, second], vec![third]]);
    assert_eq!(due(&script, 1), [vec![first], vec![third]]);
    assert_eq!(
        script.views().notifications.due_since(&Reach::All),
        Some(script.now() - TimeDelta::seconds(3))
    );

    let error = Reason::new("connection refused").unwrap();
    record(&mut script, 1, |at| Event::AttemptFailed {
        attempt: 1,
        error,
        retry_at: at + TimeDelta::seconds(30),
        at,
    });
    assert_eq!(due(&script, 9), [vec![second], vec![third]], "what failed lets the next go ahead");
    record(&mut script, 2, |at| Event::Delivered { at });
    record(&mut script, 3, |at| Event::Read { at });
    assert_eq!(due(&script, 9), [] as [Vec<NotificationId>; 0]);
    let views = script.views();
    assert_eq!(
        (views.notifications.waiting(&Reach::All), views.notifications.waiting(&Reach::of(id(1)))),
        (1, 1)
    );
    assert_eq!((views.notifications.waiting(&Reach::of(id(7))), views.notifications.through()), (0, 30));
    script.wait(TimeDelta::seconds(30));
    assert_eq!(due(&script, 9), [vec![first]]);
}

#[test]
fn whoever_has_to_do_with_a_task_follows_it_until_they_do_not() {
    let mut script = Script::new();
    let (reader, writer, scout) = (human("Reader"), human("Writer"), Actor::Agent(id(2)));
    let creator = human("Sofie");
    let details = Details::titled("Guide", TaskType::Docs).unwrap();
    let reviewers = BTreeSet::from([id(5)]);
    let details = Details { reviewers: reviewers.clone(), ..details };
    let task = script.task(1, |at| task::Event::Created {
        project: id(1),
        details,
        parent: None,
        creator: creator.clone(),
        at,
    });
    script.task(1, |at| task::Event::Assigned {
        from: task::Status::Inbox,
        assignees: BTreeSet::from([id(2)]),
        reason: None,
        at,
    });
    script.task(1, |at| task::Event::Subscribed { by: reader.clone(), at });
    script.task(1, |at| task::Event::MessagePosted {
        id: id(9),
        kind: task::MessageKind::Comment,
        author: writer.clone(),
        content: None,
        artifacts: vec![],
        mentions: BTreeSet::new(),
        reply_to: None,
        at,
    });
    let operators = BTreeSet::from([Name::new("Sofie").unwrap()]);
    let follow = |script: &Script| {
        let views = script.views();
        let book = AddressBook { views: &views, operators: &operators };
        (book.subscribers(task), book.reviewers(task), book.task_title(task).unwrap().to_string())
    };
    let followers = BTreeSet::from([creator.clone(), reader.clone(), writer.clone(), scout]);
    assert_eq!(follow(&script), (followers, reviewers, "Guide".to_owned()));
    script.task(1, |at| task::Event::Unsubscribed { by: reader, at });
    let from = task::Status::Assigned;
    script.task(1, |at| task::Event::ReturnedToInbox { from, reason: None, at });
    assert_eq!(follow(&script).0, BTreeSet::from([creator, writer]));
}

fn human(name: &str) -> Actor {
    Actor::Human(Name::new(name).unwrap())
}
