use chrono::TimeDelta;
use mc_domain::{notification::Notification, values::Name};
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
    record(script, number, |at| Event::Queued {
        cause: id(5),
        project: Some(id(1)),
        recipient,
        kind: Kind::Mention,
        subject: Title::new("Scout mentioned you").unwrap(),
        text: None,
        task: Some(id(3)),
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
    assert_eq!(list(&views, NotificationQuery { project: Some(id(7)), ..all() }), []);
}
