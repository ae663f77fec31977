//! A plain service embeds the domain alone, without a runtime and without a store: it decides, keeps the events of each
//! aggregate in a list, and folds them when it wants to know where things stand.
use mc_domain::{
    agent::TypeRule,
    prelude::*,
    task::{Command, Crew, Details, Move, Requirement, Status, TaskType, WorkPlan},
};
use uuid::Uuid;

/// What happened to one aggregate.
struct History<A: Aggregate>(Vec<A::Event>);

impl<A: Aggregate> History<A> {
    fn state(&self) -> A {
        A::fold(&self.0)
    }

    /// Keeps what follows from the command, or tells the rule against it.
    fn execute(&mut self, command: A::Command, context: &CommandContext) -> Result<(), A::Rejection> {
        let decided = self.state().decide(command, context)?;
        self.0.extend(decided);
        Ok(())
    }
}

/// Runs the example.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A service takes the time from its own clock, and draws the identities.
    let now = chrono::DateTime::UNIX_EPOCH;
    let (project, scout) = (ProjectId::new(Uuid::now_v7()), AgentId::new(Uuid::now_v7()));
    let by_ada = CommandContext::new(now, Actor::Human(Name::new("Ada")?));
    let by_scout = CommandContext::new(now, Actor::Agent(scout));
    let (mut agent, mut task) = (History::<Agent>(vec![]), History::<Task>(vec![]));

    let profile = agent::Profile::new(Name::new("Scout")?, agent::Role::Intern);
    let register = agent::Command::Register { project, profile, parent: None, purpose: None };
    agent.execute(register, &by_ada)?;
    let details = Details::titled("Translate the manual", TaskType::Docs)?;
    task.execute(Command::Create { project, details, parent: None }, &by_ada)?;

    // What one aggregate needs to know of another, the other vouches for.
    let agent = agent.state();
    let ready =
        agent.registered()?.accept(scout, project, TaskType::Docs, TypeRule::Enforced, now.date_naive())?;
    task.execute(Command::Claim(ready), &by_scout)?;

    let lease = Some(LeaseId::new(Uuid::now_v7()));
    let crew = Crew { assignees: [scout].into(), ready: vec![ready], lease };
    let start = Move { crew, ..Move::to(Status::InProgress) };
    let what = vec![Requirement::WorkPlan];
    let refusal = task::Rejection::Missing { to: Status::InProgress, what };
    println!("refused: {refusal}");
    assert_eq!(task.execute(Command::Move(start.clone()), &by_scout), Err(refusal));
    assert_eq!(task.state().status(), Some(Status::Assigned), "a refusal leaves no trace");

    let bullets = ["Read it", "Translate it", "Read it again"].map(Reason::new);
    let plan = WorkPlan::try_from(bullets.into_iter().collect::<Result<Vec<_>, _>>()?)?;
    task.execute(Command::Move(Move { plan: Some(plan), ..start }), &by_scout)?;
    assert_eq!(task.state().status(), Some(Status::InProgress));

    let happened: Vec<_> = task.0.iter().map(Event::name).collect();
    println!("happened: {}", happened.join(", "));
    assert_eq!(happened, ["task.created", "task.claimed", "task.started"]);
    Ok(())
}
