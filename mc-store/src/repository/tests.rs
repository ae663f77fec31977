#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::{sync::atomic::AtomicUsize, sync::atomic::Ordering, task::Poll, time::Duration};

use chrono::DateTime;
use futures_util::future::{join_all, poll_fn};
use mc_domain::{
    actor::Actor,
    aggregate::Aggregate,
    ids::ProjectId,
    project::{Command, Profile, Project},
    values::{Name, Slug},
};
use tempfile::TempDir;

use super::*;
use crate::{memory::MemoryLog, sqlite::SqliteLog};

const PROJECT: ProjectId = ProjectId::new(Uuid::from_u128(1));

fn sofie() -> CommandContext {
    CommandContext::new(DateTime::UNIX_EPOCH, Actor::Human(Name::new("Sofie").unwrap()))
}

fn create() -> Command {
    let profile = Profile::new(Name::new("OpenClaw").unwrap());
    Command::Create { slug: Slug::new("openclaw").unwrap(), profile }
}

fn rename(name: &str) -> Command {
    Command::Edit { profile: Profile::new(Name::new(name).unwrap()) }
}

/// Answers the version that the command was decided on.
fn decided(tx: &mut Transaction<'_>, command: Command) -> Result<u64, StoreError> {
    on(tx, PROJECT, command)
}

/// Decides as an operator, whoever gives the command: only operators edit projects.
fn on(tx: &mut Transaction<'_>, id: ProjectId, command: Command) -> Result<u64, StoreError> {
    let project = tx.get::<Project>(&id)?;
    let events = project.decide(command, &sofie()).unwrap();
    tx.record(&project, events)?;
    Ok(project.version)
}

async fn execute(repository: &Repository, command: Command) -> Executed<u64> {
    let envelope = CommandEnvelope::new(sofie());
    repository.execute(&envelope, |tx| decided(tx, command.clone())).await.unwrap()
}

fn in_memory() -> Repository {
    Repository::new(Arc::new(MemoryLog::new()))
}

fn on_disk() -> (TempDir, Repository) {
    let directory = TempDir::new().unwrap();
    let log = SqliteLog::open(directory.path().join("log.db")).unwrap();
    (directory, Repository::new(Arc::new(log)))
}

#[tokio::test]
async fn a_command_that_nobody_waits_for_any_more_is_known_to_the_next_one() {
    let (_directory, repository) = on_disk();
    execute(&repository, create()).await;
    let envelope = CommandEnvelope::new(sofie());
    let mut abandoned = Box::pin(repository.execute(&envelope, |tx| decided(tx, rename("Renamed"))));
    // The first poll queues the commit; then whoever asked for it is gone.
    poll_fn(|context| Poll::Ready(abandoned.as_mut().poll(context).is_ready())).await;
    drop(abandoned);
    let known = async {
        while repository.load::<Project>(&PROJECT).await.unwrap().version < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), known).await.unwrap();
    assert_eq!(execute(&repository, rename("Again")).await.value, 2);
}

#[tokio::test]
async fn commands_for_one_aggregate_all_get_through_each_on_what_the_others_left() {
    let (_directory, repository) = on_disk();
    execute(&repository, create()).await;
    let crowd = (0..64).map(|n| execute(&repository, rename(&format!("Project {n}")))).collect::<Vec<_>>();
    let mut versions: Vec<_> = join_all(crowd).await.into_iter().map(|executed| executed.value).collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=64).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_command_that_is_overtaken_every_time_gives_up() {
    let repository = in_memory();
    execute(&repository, create()).await;
    let (attempts, rival) = (AtomicUsize::new(0), Repository::new(Arc::clone(repository.log())));
    let envelope = CommandEnvelope::new(sofie());
    let overtaken = repository
        .execute(&envelope, |tx| {
            let version = decided(tx, rename("Mine"))?;
            let n = attempts.fetch_add(1, Ordering::Relaxed);
            let theirs = execute(&rival, rename(&format!("Theirs {n}")));
            // A memory log answers at once.
            futures_util::FutureExt::now_or_never(theirs).unwrap();
            Ok::<_, StoreError>(version)
        })
        .await;
    assert!(matches!(overtaken, Err(StoreError::Conflict { .. })), "{overtaken:?}");
    assert!(attempts.load(Ordering::Relaxed) >= MAX_ATTEMPTS);
}

#[tokio::test]
async fn a_repeat_under_its_key_is_answered_and_not_decided() {
    let repository = in_memory();
    let envelope = |request: u8| CommandEnvelope {
        key: Some(("k".to_owned(), [request; 32])),
        ..CommandEnvelope::new(sofie())
    };
    let first = repository.execute(&envelope(1), |tx| decided(tx, create())).await.unwrap();
    let nothing = |_: &mut Transaction<'_>| -> Result<u64, StoreError> { panic!("it is not decided again") };
    let again = repository.execute(&envelope(1), nothing).await.unwrap();
    assert_eq!(again, Executed { replayed: true, ..first });
    let other = repository.execute(&envelope(2), nothing).await;
    assert!(matches!(other, Err(StoreError::KeyReused { .. })), "{other:?}");
}

/// An operator's command reads every project, one after the other, while agents' traffic edits them without a pause.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_touches_many_streams_never_loses_to_the_traffic_on_them() {
    const PROJECTS: u128 = 64;
    let (_directory, repository) = on_disk();
    let repository = Arc::new(repository);
    let ids: Vec<_> = (1..=PROJECTS).map(|n| ProjectId::new(Uuid::from_u128(n))).collect();
    for (n, id) in ids.iter().enumerate() {
        let create = Command::Create {
            slug: Slug::new(&format!("project-{n}")).unwrap(),
            profile: Profile::new(Name::new("New").unwrap()),
        };
        let envelope = CommandEnvelope::new(sofie());
        repository.execute(&envelope, |tx| on(tx, *id, create.clone())).await.unwrap();
    }
    let traffic: Vec<_> = (0..8_usize)
        .map(|caller| {
            let (repository, ids) = (Arc::clone(&repository), ids.clone());
            tokio::spawn(async move {
                let agent = CommandEnvelope::new(sofie().by(Actor::Agent(Uuid::from_u128(9).into())));
                for n in 0_usize.. {
                    let id = ids[(caller * 7 + n) % ids.len()];
                    repository
                        .execute(&agent, |tx| on(tx, id, rename(&format!("{caller} {n}"))))
                        .await
                        .unwrap();
                }
            })
        })
        .collect();
    for n in 0..40 {
        let envelope = CommandEnvelope::new(sofie());
        let all = repository.execute(&envelope, |tx| {
            ids.iter().try_for_each(|id| on(tx, *id, rename(&format!("All {n}"))).map(drop))
        });
        all.await.unwrap();
    }
    for caller in traffic {
        assert!(!caller.is_finished());
        caller.abort();
    }
}
