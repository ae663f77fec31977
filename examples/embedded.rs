//! Another service embeds the domain: an agent spends a task's budget up on the SQLite log, and a projection of the
//! service's own tells what followed from that.
use mc_domain::{operation::*, prelude::*};
use mc_projections::projection::Projection;
use mc_store::{
    Store, codec,
    repository::{CommandEnvelope, Repository},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Everything that happened, by its stored name.
#[derive(Default, Serialize, Deserialize)]
struct Story(Vec<String>);

impl Projection for Story {
    const NAME: &'static str = "story";
    const VERSION: u32 = 1;
    fn apply(&mut self, event: &Recorded<AnyEvent>) {
        self.0.push(event.event.name().to_owned());
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs the example.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let log = Store::open(&format!("sqlite:{}", directory.path().join("embedded.db").display()))?;
    let repository = Repository::new(log.clone());

    // A service takes the time from its own clock, and draws the identities.
    let now = chrono::DateTime::UNIX_EPOCH;
    let ada = CommandEnvelope::new(CommandContext::new(now, Actor::Human(Name::new("Ada")?)));
    let (project, agent) = (ProjectId::new(Uuid::now_v7()), AgentId::new(Uuid::now_v7()));
    let (task, run) = (TaskId::new(Uuid::now_v7()), RunId::new(Uuid::now_v7()));
    let scout = CommandEnvelope::new(CommandContext::new(now, Actor::Agent(agent)));

    let set_up = repository.execute(&ada, |tx| {
        create_project(tx, project, Slug::new("manuals")?, project::Profile::new(Name::new("Manuals")?))?;
        let profile = agent::Profile::new(Name::new("Scout")?, agent::Role::Intern);
        let names = Names::load(tx, project, &profile.name, &Claims::default())?;
        register_agent(
            tx,
            project,
            &names,
            agent,
            RegisterAgent { profile, parent: None, purpose: None, squad: 0 },
        )?;
        let mut details = task::Details::titled("Translate the manual", task::TaskType::Docs)?;
        details.budget = Usd::cents(10);
        create_task(tx, project, task, None, CreateTask { details, assignees: [agent].into(), open: 0 })?;
        Ok::<_, Failure>(())
    });
    set_up.await?;

    // One operation; what follows from it by a rule is decided with it, in the same commit.
    let spent = repository.execute(&scout, |tx| {
        let start = StartRun {
            task: Some(task),
            model: Label::new("large")?,
            session_key: None,
            estimate: Some(Usd::cents(5)),
        };
        assert_eq!(start_run(tx, run, agent, start)?, Outcome::Done);
        let bill = run::Bill { cost: Some(Usd::cents(12)), ..run::Bill::default() };
        complete_run(tx, run, CompleteRun { outcome: run::Outcome::Completed, bill })?;
        Ok::<_, Failure>(())
    });
    spent.await?;

    let agent = repository.load::<Agent>(&agent).await?;
    assert_eq!(agent.status(), Some(agent::Status::Paused), "its agent is paused");
    let task = repository.load::<Task>(&task).await?;
    assert_eq!(task.status(), Some(task::Status::NeedsApproval), "the task waits for more money");
    let events = log.read_all(0, 100).await?.iter().map(codec::decode_any).collect::<Result<Vec<_>, _>>()?;
    let Story(story) = Story::fold(events.iter().flatten());
    for followed in
        ["budget.exceeded", "approval.requested", "task.held_for_approval", "agent.paused", "alert.raised"]
    {
        assert!(story.iter().any(|event| event == followed), "{followed} is missing in {story:?}");
    }
    Ok(())
}
