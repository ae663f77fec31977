//! Another service embeds the domain: it drives a task on the SQLite log, and answers from a projection of its own.
use mc_domain::{
    actor::Actor,
    aggregate::{Aggregate, CommandContext},
    ids::{ProjectId, TaskId},
    operation::Decision,
    recorded::{AnyEvent, Recorded},
    task::{Command, Details, Event, Move, Status, Task, TaskType},
    values::{Name, Reason},
};
use mc_projections::projection::Projection;
use mc_store::{
    Store, codec,
    repository::{CommandEnvelope, Repository},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why did tasks end without a result?
#[derive(Default, Serialize, Deserialize)]
struct Regrets(Vec<String>);

impl Projection for Regrets {
    const NAME: &'static str = "regrets";
    const VERSION: u32 = 1;
    fn apply(&mut self, event: &Recorded<AnyEvent>) {
        if let AnyEvent::Task(Event::Canceled { reason: Some(reason), .. }) = &event.event {
            self.0.push(reason.to_string());
        }
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs the example.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let log = Store::open(&format!("sqlite:{}", directory.path().join("embedded.db").display()))?;
    let repository = Repository::new(log.clone());

    // A service takes the time from its own clock.
    let order = CommandEnvelope::new(CommandContext::new(
        chrono::DateTime::UNIX_EPOCH,
        Actor::Human(Name::new("Ada")?),
    ));
    let (project, id) = (ProjectId::new(Uuid::now_v7()), TaskId::new(Uuid::now_v7()));
    let details = Details::titled("Translate the manual", TaskType::Docs)?;
    let cancel = Move { reason: Some(Reason::new("nobody reads manuals")?), ..Move::to(Status::Canceled) };
    for command in [Command::Create { project, details, parent: None }, Command::Move(cancel)] {
        let decided = repository.execute(&order, |unit| {
            let task = unit.load::<Task>(&id)?;
            let events = task.decide(command.clone(), &order.context)?;
            Ok::<_, Failure>((Decision::of(&task, Some(project), events), ()))
        });
        decided.await?;
    }
    let events = log.read_all(0, 100).await?.iter().map(codec::decode_any).collect::<Result<Vec<_>, _>>()?;
    let Regrets(regrets) = Regrets::fold(events.iter().flatten());
    assert_eq!(regrets, ["nobody reads manuals"]);
    Ok(())
}
