//! Verification: it finds what is wrong with the rows of a log, and where.

use mc_domain::{
    actor::Actor,
    credential::{self, Bearer, Credential, Grant, SecretHash},
    reach::Reach,
    recorded::StreamId,
    task::{Details, Event, Task, TaskType},
    values::Name,
};
use mc_store::{
    backup::{self, BackupError},
    codec,
    error::StoreError,
    log::{Append, Commit, EventLog},
    verify::{Problem, Report},
};
use uuid::Uuid;

use crate::fixture::{Fixture, at, backed_up, committed, event, keyed, memory};

/// Fills a log with four tasks that have two events and an idempotency key each.
pub async fn fill(log: &dyn EventLog) {
    for task in 1..=4 {
        let edited =
            Event::Edited { details: Details::titled("Write the long guide", TaskType::Docs).unwrap() };
        let stream = StreamId::of::<Task>(&Uuid::from_u128(task.into()).into());
        let events = [(created(task), task), (edited, 100 + task)];
        let events = events.map(|(fact, number)| codec::encode(&fact, event(number).metadata)).into();
        let commit = Commit { appends: vec![Append { stream, expected: 0, events }], ..Commit::default() };
        committed(log.append(keyed(commit, &format!("key {task}"), 1, "null")).await);
    }
}

fn created(seconds: u64) -> Event {
    Event::Created {
        project: Uuid::from_u128(7).into(),
        details: Details::titled("Write the guide", TaskType::Docs).unwrap(),
        parent: None,
        creator: Actor::Human(Name::new("Sofie").unwrap()),
        at: at(seconds),
    }
}

/// What is found in a log that is damaged by these statements, where `{keys}` is the table of the idempotency keys.
pub async fn verified_after(fixture: &Fixture, damage: &str) -> Report {
    fill(&*fixture.log).await;
    fixture.damage(&damage.replace("{keys}", fixture.table_of_keys())).await;
    fixture.verified(at(0))
}

pub fn problems(report: &Report) -> Vec<(Problem, Option<u64>)> {
    report.findings.iter().map(|finding| (finding.problem, finding.position)).collect()
}

pub async fn a_sound_database_is_found_sound(fixture: &Fixture) {
    let report = verified_after(fixture, "").await;
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.head, report.events, report.streams, report.idempotency_keys), (8, 8, 4, 4));
    assert_eq!(report.foreign_events, 0);
}

pub async fn each_kind_of_damage_is_found_where_it_is(fixture: &Fixture) {
    for (damage, expected) in [
        (
            "DELETE FROM events WHERE position = 3",
            vec![(Problem::PositionGap, Some(3)), (Problem::VersionGap, Some(4))],
        ),
        ("UPDATE events SET sequence = 7 WHERE position = 2", vec![(Problem::VersionGap, Some(2))]),
        (
            "UPDATE events SET payload = '{\"danced\":{}}' WHERE position = 4",
            vec![(Problem::Unreadable, Some(4))],
        ),
        ("UPDATE events SET metadata = '{}' WHERE position = 1", vec![(Problem::Unreadable, Some(1))]),
        (
            "UPDATE events SET event_type = 'task.created' WHERE position = 2",
            vec![(Problem::Unknown, Some(2))],
        ),
        ("UPDATE events SET event_version = 9 WHERE position = 2", vec![(Problem::Newer, Some(2))]),
        (
            "UPDATE events SET payload = '{\"danced\":{}}', event_type = 'task.danced' WHERE position = 4",
            vec![(Problem::Newer, Some(4))],
        ),
        (
            "UPDATE events SET payload = (SELECT payload FROM events WHERE position = 1), event_type = 'task.created' \
             WHERE position = 2",
            vec![(Problem::Illegal, Some(2))],
        ),
        (
            "UPDATE events SET payload = (SELECT payload FROM events WHERE position = 2), event_type = 'task.edited' \
             WHERE position = 3",
            vec![(Problem::Illegal, Some(3)), (Problem::Illegal, Some(4))],
        ),
        (
            "UPDATE events SET payload = '{\"submitted\":{\"at\":\"2026-02-01T09:00:00Z\"}}', event_type = 'task.submitted' \
             WHERE position = 2",
            vec![(Problem::Illegal, Some(2))],
        ),
        (
            "UPDATE events SET metadata = (SELECT metadata FROM events WHERE position = 1) WHERE position = 6",
            vec![(Problem::RepeatedEvent, Some(6))],
        ),
        (
            "UPDATE {keys} SET fingerprint = substr(fingerprint, 1, 1) WHERE key = 'key 2'",
            vec![(Problem::UnreadableKey, Some(4))],
        ),
        (
            "UPDATE {keys} SET answer = 'not JSON' WHERE key = 'key 2'",
            vec![(Problem::UnreadableKey, Some(4))],
        ),
        ("UPDATE {keys} SET position = 9 WHERE key = 'key 1'", vec![(Problem::KeyOutOfRange, Some(9))]),
    ] {
        let report = verified_after(&fixture.another(), damage).await;
        assert_eq!(problems(&report), expected, "{damage}: {report:?}");
        assert!(!report.is_sound());
    }
}

pub async fn everything_that_is_wrong_is_found_at_once(fixture: &Fixture) {
    let report = verified_after(
        fixture,
        "DELETE FROM events WHERE position = 1; UPDATE events SET payload = '{}' WHERE position = 8; \
         UPDATE {keys} SET position = 99",
    )
    .await;
    assert_eq!(report.findings_total, 7, "{report:?}");
}

pub async fn a_damaged_log_is_not_backed_up(fixture: &Fixture) {
    for damage in [
        "UPDATE events SET payload = '{\"danced\":{}}' WHERE position = 4",
        "UPDATE events SET payload = '{\"danced\":{}}', event_type = 'task.danced' WHERE position = 4",
    ] {
        let fixture = fixture.another();
        fill(&*fixture.log).await;
        fixture.damage(damage).await;
        let log = fixture.reader();
        let refused = backup::write(&*log, at(0), &mut Vec::new(), &mut |_, _| {}).await.unwrap_err();
        let position = match refused {
            BackupError::Store(
                StoreError::Corrupt { position, .. } | StoreError::NewerEvent { position, .. },
            ) => position,
            other => panic!("{other:?}"),
        };
        assert_eq!(position, 4);
    }
}

pub async fn a_history_in_disorder_is_not_restored(fixture: &Fixture) {
    let log = memory().log;
    let created = created(1);
    let events = [1, 2].map(|number| codec::encode(&created, event(number).metadata)).into();
    let stream = StreamId::of::<Task>(&Uuid::from_u128(1).into());
    let commit = Commit { appends: vec![Append { stream, expected: 0, events }], ..Commit::default() };
    committed(log.append(commit).await);
    let refused = fixture.restored(&backed_up(&*log).await).err();
    assert!(
        matches!(refused, Some(BackupError::Store(StoreError::Corrupt { position: 2, .. }))),
        "{refused:?}"
    );
}

/// What is found in a log whose only stream, of a credential, has these events.
async fn found_in_a_credential(
    fixture: Fixture,
    events: &[credential::Event],
) -> Vec<(Problem, Option<u64>)> {
    let stream = StreamId::of::<Credential>(&Uuid::from_u128(1).into());
    let numbered = (1..).zip(events);
    let events = numbered.map(|(number, fact)| codec::encode(fact, event(number).metadata)).collect();
    let commit = Commit { appends: vec![Append { stream, expected: 0, events }], ..Commit::default() };
    committed(fixture.log.append(commit).await);
    fixture.log.close().await;
    problems(&fixture.verified(at(0)))
}

pub async fn a_credential_that_is_revoked_stays_as_it_is(fixture: &Fixture) {
    use credential::Event as E;

    let (name, session_hash) = (Name::new("Ada").unwrap(), SecretHash::of("session"));
    let grant = Grant { name: name.clone(), bearer: Bearer::Operator, reach: Reach::All, expires_at: None };
    let issued = E::Issued { grant, secret_hash: SecretHash::of("secret"), at: at(1) };
    let revoked = E::Revoked { reason: None, at: at(2) };
    let meanwhile = [
        E::Renamed { name },
        E::Used { at: at(2) },
        E::SessionOpened { session_hash, at: at(2) },
        E::SessionUsed { session_hash, at: at(2) },
        E::SessionEnded { session_hash, at: at(2) },
    ];
    let lived: Vec<_> = std::iter::once(&issued).chain(&meanwhile).chain([&revoked]).cloned().collect();
    let found = async |events: &[E]| found_in_a_credential(fixture.another(), events).await;
    assert_eq!(found(&lived).await, []);
    let illegal = |position| [(Problem::Illegal, Some(position))];
    for late in meanwhile.into_iter().chain([issued.clone(), revoked.clone()]) {
        let history = [issued.clone(), revoked.clone(), late.clone()];
        assert_eq!(found(&history).await, illegal(3), "{late:?}");
    }
    assert_eq!(found(&[issued.clone(), issued.clone()]).await, illegal(2));
    assert_eq!(found(&[revoked, issued]).await, illegal(1));
}
