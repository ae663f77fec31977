//! A simulated day of the squad's work on top of the seed, by the ordinary commands and with a clock that ends now.

use chrono::{DateTime, TimeDelta, Utc};
use mc_domain::{
    actor::Actor,
    agent::{Agent, Heartbeat},
    ids::{AgentId, LeaseId, ProjectId, RunId, TaskId},
    money::Usd,
    operation::{
        CompleteRun, CreateTask, MoveTask, StartRun, complete_run, create_task, heartbeat, move_task,
        start_run,
    },
    project::Project,
    reservation::{Key, Reservation},
    run::{Bill, Outcome, Run, Tokens, Usage},
    task::{Details, Task, TaskType},
    values::{Label, Name, Reason, Title},
};
use uuid::Uuid;

use super::{Step, default_project, execute_at};
use crate::{
    decide::{ask, sha256},
    state::{App, Refused},
};

/// How long before now the day begins, where the log does not end later.
const DAY: TimeDelta = TimeDelta::hours(24);
/// How many steps the clock makes for one task.
const STEPS_OF_A_TASK: i32 = 6;
/// How many errors one agent has in a row at the end: enough for an alert.
const ERRORS: i32 = 3;

/// A task of the day: its title, its type, who does it, what that costs in cents, and whether it is accepted.
const TASKS: [(&str, TaskType, &str, u32, bool); 5] = [
    ("Compare the onboarding of three competitors", TaskType::CustomerResearch, "Scout", 18, true),
    ("Describe the new export in the manual", TaskType::Docs, "Scribe", 12, true),
    ("Write five posts about the launch", TaskType::Social, "Pixel", 42, false),
    ("Find keywords for the pricing page", TaskType::SeoResearch, "Atlas", 31, true),
    ("Test the refunds against the sandbox", TaskType::Engineering, "Cipher", 64, false),
];

/// How many steps the day has, for a progress bar.
pub const STEPS: u64 = (TASKS.len() as i32 * STEPS_OF_A_TASK + ERRORS) as u64;

/// The day under way.
struct Day<'a> {
    app: &'a App,
    project: ProjectId,
    begins: DateTime<Utc>,
    step: i32,
    tell: &'a mut (dyn FnMut() + Send),
}

/// Records the day: runs, costs, reviews and an alert. `tell` is called after each step. Every step has an idempotency
/// key of its own, so a day that was recorded is not recorded again.
///
/// # Errors
/// What the log says, or a rule that stands against it because the store has lived on since its seed.
pub async fn demo(app: &App, tell: &mut (dyn FnMut() + Send)) -> Result<(), Refused> {
    let head = app.log().read_all(app.log().head().saturating_sub(1), 1).await?;
    let last = head.last().map(|event| event.metadata.recorded_at);
    let begins = last.unwrap_or_default().max(app.now() - DAY).min(app.now());
    let mut day = Day { app, project: default_project(app).await?, begins, step: 0, tell };
    for (number, (title, kind, who, cents, accepted)) in TASKS.into_iter().enumerate() {
        let agent = day.agent(who).await?;
        // The seed's Scribe and Pixel still have work in hand; each of the day's tasks finds its agent free or waits.
        if app.repository().load::<Agent>(&agent).await?.registered()?.work.is_some() {
            day.skip(STEPS_OF_A_TASK);
            continue;
        }
        day.work(&format!("demo/{number}"), title, kind, agent, Usd::cents(cents), accepted).await?;
    }
    day.errors().await
}

impl Day<'_> {
    /// The next moment: the steps are spread evenly from the beginning until now.
    fn next(&mut self) -> DateTime<Utc> {
        self.step += 1;
        (self.tell)();
        let steps = i32::try_from(STEPS).unwrap_or(i32::MAX);
        self.begins + (self.app.now() - self.begins) * self.step.min(steps) / steps
    }

    fn skip(&mut self, steps: i32) {
        self.step += steps;
        (0..steps).for_each(|_| (self.tell)());
    }

    async fn agent(&self, name: &str) -> Result<AgentId, Refused> {
        let key = Key::agent(self.project, &Name::new(name)?);
        let known = self.app.repository().load::<Reservation>(&key).await?;
        known.agent().ok_or_else(|| mc_domain::agent::Rejection::NotFound.into())
    }

    async fn work(
        &mut self,
        key: &str,
        title: &str,
        kind: TaskType,
        agent: AgentId,
        cost: Usd,
        accepted: bool,
    ) -> Result<(), Refused> {
        let task = self.create(key, title, kind, agent).await?;
        let plan = Step::Start(["Read what there is", "Do the work", "Check the result"]);
        self.take(&format!("{key}/start"), task, plan, agent).await?;
        self.run(key, task, agent, cost).await?;
        let result = Step::Submit("Done as described, and checked.");
        self.take(&format!("{key}/submit"), task, result, agent).await?;
        if accepted {
            self.take(&format!("{key}/accept"), task, Step::Accept("Good work"), agent).await
        } else {
            self.skip(1);
            Ok(())
        }
    }

    async fn create(
        &mut self,
        key: &str,
        title: &str,
        kind: TaskType,
        agent: AgentId,
    ) -> Result<TaskId, Refused> {
        let (app, at, project) = (self.app, self.next(), self.project);
        let details = Details::new(Title::new(title)?, kind);
        let wish = CreateTask { details, assignees: [agent].into_iter().collect() };
        let id = TaskId::new(Uuid::now_v7());
        execute_at(app, at, Actor::Human(app.operator().clone()), &format!("{key}/task"), |unit, moment| {
            let home = unit.load::<Project>(&project)?;
            let task = unit.fresh::<Task>(id);
            Ok((ask(unit, |cast| create_task(&home, &task, None, wish.clone(), cast, moment))?, id))
        })
        .await
    }

    async fn take(&mut self, key: &str, id: TaskId, step: Step, agent: AgentId) -> Result<(), Refused> {
        let (app, at, lease) = (self.app, self.next(), LeaseId::new(Uuid::now_v7()));
        let Some((actor, to)) = step.to_move(app, Some(agent))? else { return Ok(()) };
        execute_at(app, at, actor, key, |unit, moment| {
            let task = unit.load::<Task>(&id)?;
            let wish = MoveTask { to: to.clone(), assignees: None, lease };
            Ok((ask(unit, |cast| move_task(&task, wish.clone(), cast, moment))?, ()))
        })
        .await
    }

    async fn run(&mut self, key: &str, task: TaskId, agent: AgentId, cost: Usd) -> Result<(), Refused> {
        let (app, at, fresh) = (self.app, self.next(), RunId::new(Uuid::now_v7()));
        let model = Label::new("claude-sonnet")?;
        let run = execute_at(app, at, Actor::Agent(agent), &format!("{key}/run"), |unit, moment| {
            let run = unit.fresh::<Run>(fresh);
            let wish = StartRun {
                task: Some(task),
                model: model.clone(),
                session_key: None,
                estimate: None,
                sha256,
            };
            let started = ask(unit, |cast| start_run(&run, agent, wish.clone(), cast, moment))?;
            Ok((started.decision, fresh))
        })
        .await?;
        let at = self.next();
        let tokens =
            |count: i64| Tokens::try_from(u64::try_from(count).unwrap_or_default()).unwrap_or_default();
        let usage = Usage {
            input_tokens: tokens(cost.micros() / 10),
            output_tokens: tokens(cost.micros() / 40),
            ..Usage::default()
        };
        let bill = Bill { usage, cost: Some(cost), error: None };
        execute_at(app, at, Actor::Agent(agent), &format!("{key}/bill"), |unit, moment| {
            let run = unit.load::<Run>(&run)?;
            let wish = CompleteRun { outcome: Outcome::Completed, bill: bill.clone(), sha256 };
            Ok((ask(unit, |cast| complete_run(&run, wish.clone(), cast, moment))?, ()))
        })
        .await
    }

    /// Fetch cannot reach what it needs, again and again: the operator finds a warning.
    async fn errors(&mut self) -> Result<(), Refused> {
        let fetch = self.agent("Fetch").await?;
        for number in 0..ERRORS {
            let (app, at) = (self.app, self.next());
            let error = Some(Reason::new("the file server does not answer")?);
            execute_at(app, at, Actor::Agent(fetch), &format!("demo/error/{number}"), |unit, moment| {
                let agent = unit.load::<Agent>(&fetch)?;
                let beat = Heartbeat { session_key: None, error: error.clone() };
                Ok((ask(unit, |cast| heartbeat(&agent, None, beat.clone(), cast, moment))?, ()))
            })
            .await?;
        }
        Ok(())
    }
}
