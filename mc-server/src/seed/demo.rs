//! A simulated day of the squad's work on top of the seed, by the ordinary commands and with a clock that ends now.

use chrono::{DateTime, TimeDelta, Utc};
use mc_domain::{
    actor::Actor,
    agent::{Agent, Heartbeat},
    ids::{AgentId, ApprovalId, LeaseId, ProjectId, RunId, TaskId},
    money::Usd,
    operation::{
        Answer, CompleteRun, CreateTask, DecideApproval, MoveTask, Outcome, StartRun, complete_run,
        create_task, decide_approval, heartbeat, move_task, start_run,
    },
    run::{self, Bill, Run, Tokens, Usage},
    task::{Details, Task, TaskType},
    values::{Label, Reason, Title},
};
use uuid::Uuid;

use super::{Asked, Step, ask_for_approval, default_project, execute_at, passed_over};
use crate::{app::App, refusal::Refused};

/// How long before now the day begins, where the log does not end later.
const DAY: TimeDelta = TimeDelta::hours(24);
/// How many errors one agent has in a row at the end: enough for an alert.
const ERRORS: i32 = 3;

/// A task of the demonstration's day.
struct DemoTask {
    title: &'static str,
    kind: TaskType,
    /// The name of the agent that works on it.
    who: &'static str,
    /// What the run for it costs.
    cents: u32,
    course: Course,
}

/// How the work on a task goes, and where the task ends up.
#[derive(Clone, Copy)]
enum Course {
    /// The work is done, and the operator accepts it.
    Accepted,
    /// It waits for review in the end.
    HandedIn,
    /// It is sent back once, and accepted then.
    SentBack(&'static str),
    /// Its agent asks for something first, and may.
    Approved(Asked),
    /// Its agent asks for something, and may not: the task is blocked.
    Denied(Asked),
}

impl Course {
    /// How many steps the clock makes for it.
    const fn steps(self) -> i32 {
        match self {
            Self::HandedIn => 5,
            Self::Accepted | Self::Denied(_) => 6,
            Self::SentBack(_) | Self::Approved(_) => 8,
        }
    }
}

const TASKS: [DemoTask; 6] = [
    DemoTask {
        title: "Compare the onboarding of three competitors",
        kind: TaskType::CustomerResearch,
        who: "Scout",
        cents: 18,
        course: Course::Accepted,
    },
    DemoTask {
        title: "Describe the new export in the manual",
        kind: TaskType::Docs,
        who: "Scribe",
        cents: 12,
        course: Course::Accepted,
    },
    DemoTask {
        title: "Write five posts about the launch",
        kind: TaskType::Social,
        who: "Pixel",
        cents: 42,
        course: Course::HandedIn,
    },
    DemoTask {
        title: "Find keywords for the pricing page",
        kind: TaskType::SeoResearch,
        who: "Atlas",
        cents: 31,
        course: Course::SentBack("Leave out the words that name a competitor"),
    },
    DemoTask {
        title: "Announce the webinar",
        kind: TaskType::Social,
        who: "Echo",
        cents: 9,
        course: Course::Approved(Asked {
            what: "Post the announcement to 8,000 followers",
            why: "The text is the one that marketing agreed on.",
            undo: "Delete the post.",
        }),
    },
    DemoTask {
        title: "Test the refunds against the sandbox",
        kind: TaskType::Engineering,
        who: "Cipher",
        cents: 64,
        course: Course::Denied(Asked {
            what: "Refund one real payment",
            why: "The sandbox does not send the webhook.",
            undo: "Charge the customer again.",
        }),
    },
];

/// How many steps the day has, for a progress bar.
pub const STEPS: u64 = steps() as u64;

const fn steps() -> i32 {
    let (mut steps, mut task) = (ERRORS, 0);
    while task < TASKS.len() {
        steps += TASKS[task].course.steps();
        task += 1;
    }
    steps
}

/// The demonstration's day while it is written: the server, and the time that has been reached.
struct Day<'a> {
    app: &'a App,
    project: ProjectId,
    begins: DateTime<Utc>,
    step: i32,
    tell: &'a mut (dyn FnMut() + Send),
}

/// Records the day: runs, costs, approvals, reviews and an alert. `tell` is called after each step. Every step has an
/// idempotency key of its own, so a day that was recorded is not recorded again. What a rule stands against, because the
/// store has lived on since its seed, is passed over and given back with the reason.
///
/// # Errors
/// What the log says.
pub async fn demo(app: &App, tell: &mut (dyn FnMut() + Send)) -> Result<Vec<String>, Refused> {
    let head = app.log().read_all(app.log().head().saturating_sub(1), 1).await?;
    let last = head.last().map(|event| event.metadata.recorded_at);
    let begins = last.unwrap_or_default().max(app.now() - DAY).min(app.now());
    let mut day = Day { app, project: default_project(app).await?, begins, step: 0, tell };
    let mut skipped = Vec::new();
    for (number, task) in TASKS.iter().enumerate() {
        let ends = day.step + task.course.steps();
        let worked = day.work(&format!("demo/{number}"), task).await;
        day.skip(ends - day.step);
        skipped.extend(passed_over(task.title, worked)?);
    }
    let erred = day.errors().await;
    skipped.extend(passed_over("The errors of Fetch", erred)?);
    Ok(skipped)
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
        let known = self.app.read(|views| views.agents.named(self.project, name)).await?;
        known.ok_or_else(|| mc_domain::agent::Rejection::NotFound.into())
    }

    async fn work(&mut self, key: &str, task: &DemoTask) -> Result<(), Refused> {
        let agent = self.agent(task.who).await?;
        // The seed's Scribe still has work in hand; each of the day's tasks finds its agent free or waits.
        if self.app.repository().load::<Agent>(&agent).await?.registered()?.work().is_some() {
            return Ok(());
        }
        let id = self.create(key, task.title, task.kind, agent).await?;
        let plan = Step::Start(["Read what there is", "Do the work", "Check the result"]);
        self.take(&format!("{key}/start"), id, plan, agent).await?;
        self.run(key, id, agent, Usd::cents(task.cents)).await?;
        self.finish(key, id, task.course, agent).await
    }

    async fn finish(&mut self, key: &str, id: TaskId, course: Course, agent: AgentId) -> Result<(), Refused> {
        let accept = Step::Accept("Good work");
        match course {
            Course::HandedIn => self.submit(key, id, agent).await,
            Course::Accepted => {
                self.submit(key, id, agent).await?;
                self.take(&format!("{key}/accept"), id, accept, agent).await
            }
            Course::SentBack(why) => {
                self.submit(key, id, agent).await?;
                self.take(&format!("{key}/send-back"), id, Step::SendBack(why), agent).await?;
                self.submit(&format!("{key}/again"), id, agent).await?;
                self.take(&format!("{key}/accept"), id, accept, agent).await
            }
            Course::Approved(asked) => {
                let approval = self.ask(key, id, asked, agent).await?;
                self.decide(key, approval, Answer::Approve { note: Some(Reason::new("Go ahead")?) }).await?;
                self.submit(key, id, agent).await?;
                self.take(&format!("{key}/accept"), id, accept, agent).await
            }
            Course::Denied(asked) => {
                let approval = self.ask(key, id, asked, agent).await?;
                let reason =
                    Reason::new("Not with a customer's money: ask the provider to mend the sandbox")?;
                self.decide(key, approval, Answer::Deny { reason }).await
            }
        }
    }

    async fn submit(&mut self, key: &str, id: TaskId, agent: AgentId) -> Result<(), Refused> {
        let result = Step::Submit("Done as described, and checked.");
        self.take(&format!("{key}/submit"), id, result, agent).await
    }

    async fn ask(
        &mut self,
        key: &str,
        id: TaskId,
        asked: Asked,
        agent: AgentId,
    ) -> Result<ApprovalId, Refused> {
        let at = self.next();
        ask_for_approval(self.app, at, id, &format!("{key}/ask"), asked, agent).await
    }

    /// Decides an approval as the operator.
    async fn decide(&mut self, key: &str, approval: ApprovalId, answer: Answer) -> Result<(), Refused> {
        let (app, at) = (self.app, self.next());
        let request = DecideApproval { answer, content: None, lease: LeaseId::new(Uuid::now_v7()) };
        let operator = Actor::Human(app.operator().clone());
        execute_at(app, at, operator, &format!("{key}/decide"), |tx| {
            match decide_approval(tx, approval, request.clone())? {
                Outcome::Done => Ok(()),
                Outcome::Refused(refusal) => Err(refusal.into()),
            }
        })
        .await
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
        let request = CreateTask { details, assignees: [agent].into_iter().collect(), open: 0 };
        let id = TaskId::new(Uuid::now_v7());
        execute_at(app, at, Actor::Human(app.operator().clone()), &format!("{key}/task"), |tx| {
            tx.create::<Task>(id);
            create_task(tx, project, id, None, request.clone())?;
            Ok(id)
        })
        .await
    }

    async fn take(&mut self, key: &str, id: TaskId, step: Step, agent: AgentId) -> Result<(), Refused> {
        let (app, at, lease) = (self.app, self.next(), LeaseId::new(Uuid::now_v7()));
        let Some((actor, to)) = step.to_move(app, Some(agent))? else { return Ok(()) };
        execute_at(app, at, actor, key, |tx| {
            Ok(move_task(tx, id, MoveTask { to: to.clone(), assignees: None, lease })?)
        })
        .await
    }

    async fn run(&mut self, key: &str, task: TaskId, agent: AgentId, cost: Usd) -> Result<(), Refused> {
        let (app, at, fresh) = (self.app, self.next(), RunId::new(Uuid::now_v7()));
        let model = Label::new("claude-sonnet")?;
        let run = execute_at(app, at, Actor::Agent(agent), &format!("{key}/run"), |tx| {
            tx.create::<Run>(fresh);
            let model = model.clone();
            let request = StartRun { task: Some(task), model, session_key: None, estimate: None };
            match start_run(tx, fresh, agent, request)? {
                // A run that is too dear is no reason to stop here: what follows from it is part of the day.
                Outcome::Done | Outcome::Refused(_) => Ok(fresh),
            }
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
        execute_at(app, at, Actor::Agent(agent), &format!("{key}/bill"), |tx| {
            let request = CompleteRun { outcome: run::Outcome::Completed, bill: bill.clone() };
            Ok(complete_run(tx, run, request)?)
        })
        .await
    }

    /// Fetch cannot reach what it needs, again and again: the operator finds a warning.
    async fn errors(&mut self) -> Result<(), Refused> {
        let fetch = self.agent("Fetch").await?;
        for number in 0..ERRORS {
            let (app, at) = (self.app, self.next());
            let error = Some(Reason::new("the file server does not answer")?);
            execute_at(app, at, Actor::Agent(fetch), &format!("demo/error/{number}"), |tx| {
                Ok(heartbeat(tx, fetch, Heartbeat { session_key: None, error: error.clone() })?)
            })
            .await?;
        }
        Ok(())
    }
}
