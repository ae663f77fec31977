//! A service built on eventually embeds our aggregates on any log: its repository appends through `EventStore`, and a
//! projection of its own follows the log through a `Subscription`, also what others append.
use std::{collections::BTreeMap, convert::Infallible, sync::Arc};

use eventually::{
    aggregate::AggregateRootBuilder, projection::Projection, repository::Repository, store::Persisted,
};
use futures_util::future::{BoxFuture, FutureExt, ready};
use mc_domain::{
    prelude::*,
    task::{Command, Details, Event, TaskType},
};
use mc_store::{
    Store,
    eventually::{Circumstances, Decider, LogStore, LogSubscription, drive},
};
use tokio::sync::watch;
use uuid::Uuid;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Tasks = Repository<Decider<Task>, LogStore<Task>>;

/// What each task is called.
struct Titles(watch::Sender<BTreeMap<TaskId, String>>);

impl Projection for Titles {
    type SourceId = TaskId;
    type Event = Event;
    type Error = Infallible;

    fn project<'a>(&'a mut self, event: Persisted<TaskId, Event>) -> BoxFuture<'a, Result<(), Infallible>> {
        let id = *event.source_id();
        if let Event::Created { details, .. } | Event::Edited { details, .. } = event.take() {
            self.0.send_modify(|titles| drop(titles.insert(id, details.title.to_string())));
        }
        ready(Ok(())).boxed()
    }
}

/// One command: the task is loaded, decides, and what it decided is appended at the version that was loaded.
async fn execute(tasks: &mut Tasks, id: TaskId, given: (Command, CommandContext)) -> Result<(), Failure> {
    let mut task = tasks.get(id).await?;
    task.handle(given).await?;
    tasks.add(task).await?;
    Ok(())
}

/// Runs the example.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let log = Store::open(&format!("sqlite:{}", directory.path().join("eventually.db").display()))?;

    // A service takes the time from its own clock, and draws the identities.
    let ada = CommandContext::new(chrono::DateTime::UNIX_EPOCH, Actor::Human(Name::new("Ada")?));
    let (project, id, given) = (ProjectId::new(Uuid::now_v7()), TaskId::new(Uuid::now_v7()), ada.clone());
    let circumstances = move || Circumstances::of(&given, Uuid::now_v7().into(), Some(project));
    let store = LogStore::<Task>::new(Arc::clone(&log), circumstances);
    let mut tasks = Repository::new(AggregateRootBuilder::from(Decider::default()), store.clone());

    let details = Details::titled("Translate the manual", TaskType::Docs)?;
    execute(&mut tasks, id, (Command::Create { project, details, parent: None }, ada.clone())).await?;
    let titles = watch::Sender::new(BTreeMap::new());
    let mut shown = titles.subscribe();
    let service =
        tokio::spawn(async move { drive(&LogSubscription::after(store, 0), &mut Titles(titles)).await });
    shown.wait_for(|titles| titles.get(&id).is_some_and(|title| title == "Translate the manual")).await?;
    let details = Details::titled("Translate the manual into French", TaskType::Docs)?;
    execute(&mut tasks, id, (Command::Edit(details), ada)).await?;
    shown.wait_for(|titles| titles[&id] == "Translate the manual into French").await?;
    assert_eq!(log.head(), 2);
    log.close().await; // It ends the subscription, and the service with it.
    service.await??;
    Ok(())
}
