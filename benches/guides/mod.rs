//! Events that fill a log: tasks to write guides, which are blocked and assigned again and again.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use mc_domain::{
    actor::Actor,
    recorded::{Metadata, StreamId},
    task::{Details, Event, Status, Task, TaskType},
    values::{Name, Reason},
};
use mc_store::{codec, log::Append};
use uuid::Uuid;

/// The event that follows after `version` in the stream of such a task.
pub fn step(task: u64, version: u64, at: DateTime<Utc>) -> Append {
    let sofie = Actor::Human(Name::new("Sofie").unwrap());
    let reason = Reason::new("the brief says nothing about the audience of the guide").unwrap();
    let event = match version {
        0 => Event::Created {
            project: Uuid::from_u128(1).into(),
            details: Details::titled(&format!("Write guide number {task}"), TaskType::Docs).unwrap(),
            parent: None,
            creator: sofie.clone(),
            at,
        },
        1 => Event::Blocked { from: Status::Inbox, reason, at },
        odd if odd % 2 == 1 => Event::Blocked { from: Status::Assigned, reason, at },
        _ => Event::Assigned {
            from: Status::Blocked,
            assignees: BTreeSet::from([Uuid::from_u128(2).into()]),
            reason: Some(reason),
            at,
        },
    };
    let metadata = Metadata {
        event_id: Uuid::now_v7().into(),
        recorded_at: at,
        actor: sofie,
        project: Some(Uuid::from_u128(1).into()),
        command_id: Uuid::now_v7().into(),
        idempotency_key: None,
        credential: None,
    };
    let stream = StreamId::of::<Task>(&Uuid::from_u128((u128::from(task) << 64) | 0x1234_5678).into());
    Append { stream, expected: version, events: vec![codec::encode(&event, metadata)] }
}
