//! What was spent, on which day, by whom, on what?
//!
//! A run counts on the UTC day it began, which is the day whose budget it is charged to. Corrections of an agent's
//! budget are nobody's spending: they show in the agent's account, and not in the costs of the day.

#[cfg(test)]
mod tests;
mod view;

use std::{cmp::Reverse, collections::BTreeMap};

use chrono::NaiveDate;
use mc_domain::{
    budget,
    ids::{AgentId, ProjectId, RunId, TaskId},
    money::Usd,
    reach::Reach,
    recorded::{AnyEvent, Recorded},
    run::{Billed, Ended, Event, Outcome, Terms, Usage},
    task::{self, TaskType},
    values::Label,
};
use serde::{Deserialize, Serialize};

pub use view::{
    AgentCosts, AgentShare, DailyCosts, DayCosts, MAX_DAYS, MAX_TASKS, ModelShare, ProjectShare, Spend,
    TaskShare, Trend, TrendDay, TypeShare, agent_costs, daily_costs,
};

use crate::{projection::Projection, runs::is_unpriced};

/// What all runs cost, by day, project, agent, task and model.
///
/// ```
/// use mc_domain::{money::Usd, reach::Reach, run::{Ended, Event, Run, Terms, Usage}, values::Label};
/// use mc_projections::{costs::daily_costs, script::Script};
///
/// let mut script = Script::new();
/// let today = script.now().date_naive();
/// let run = uuid::Uuid::from_u128(9).into();
/// let (project, agent) = (uuid::Uuid::from_u128(1).into(), uuid::Uuid::from_u128(2).into());
/// let model = Label::new("claude-sonnet")?;
/// script.record::<Run>(&run, |at| Event::Started(Terms {
///     project, agent, task: None, parent_task: None, lease: None, model, session_key: None,
///     reserved: Usd::cents(25), on_project: false, day: at.date_naive(), deadline: at, at,
/// }));
/// let (cost, charged) = (Some(Usd::cents(12)), Usd::cents(12));
/// script.record::<Run>(&run, |at| Event::Completed(Ended {
///     agent, task: None, project, usage: Usage::default(), cost, charged, error: None, started_at: at, at,
/// }));
///
/// let views = script.views();
/// let costs = daily_costs(&views, today, &Reach::All);
/// assert_eq!((costs.total.0, costs.runs), (Usd::cents(12), 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    days: BTreeMap<NaiveDate, BTreeMap<ProjectId, Day>>,
    accounts: BTreeMap<AgentId, Account>,
    /// The runs under way, and where their cost will count.
    open: BTreeMap<RunId, OpenRun>,
    /// The runs that others than their agent ended, until the agent tells what they cost.
    unbilled: BTreeMap<RunId, OpenRun>,
    /// Every task that was created, edited or worked on.
    tasks: BTreeMap<TaskId, TaskFacts>,
    /// What the runs of each project cost so far, on all days together.
    totals: BTreeMap<ProjectId, Tally>,
}

/// What has to be known of a task to count its costs by type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct TaskFacts {
    kind: Option<TaskType>,
    /// The first and the last day on which runs for it began; absent before its first run.
    days: Option<(NaiveDate, NaiveDate)>,
}

/// What the runs of one project cost that began on one day.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Day {
    total: Tally,
    agents: BTreeMap<AgentId, Tally>,
    tasks: BTreeMap<TaskId, Tally>,
    dearest: Dearest,
    without_task: Tally,
    kinds: BTreeMap<TaskType, Tally>,
    /// Runs for tasks whose type is unknown.
    without_kind: Tally,
    models: BTreeMap<Label, Tally>,
}

impl Day {
    fn of_kind(&mut self, kind: Option<TaskType>) -> &mut Tally {
        match kind {
            Some(kind) => self.kinds.entry(kind).or_default(),
            None => &mut self.without_kind,
        }
    }
}

/// The [`MAX_TASKS`] dearest tasks, the dearest first. A task's cost only grows, so a task that is not among them
/// stays out until it grows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Dearest(Vec<(Usd, TaskId)>);

impl Dearest {
    fn note(&mut self, task: TaskId, cost: Usd) {
        self.0.retain(|(_, known)| *known != task);
        let place = self.0.partition_point(|(of, known)| (Reverse(*of), *known) < (Reverse(cost), task));
        if place < MAX_TASKS {
            self.0.insert(place, (cost, task));
            self.0.truncate(MAX_TASKS);
        }
    }

    fn tasks(&self) -> impl Iterator<Item = TaskId> {
        self.0.iter().map(|(_, task)| *task)
    }
}

/// What one agent spent, by day and by task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Account {
    days: BTreeMap<NaiveDate, AccountDay>,
    tasks: BTreeMap<TaskId, Tally>,
    dearest: Dearest,
    without_task: Tally,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct AccountDay {
    runs: Tally,
    /// What the budget of the day counts as spent, corrections included.
    spent: Usd,
}

/// Where the end of a run counts, and later what its agent tells about its cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct OpenRun {
    agent: AgentId,
    task: Option<TaskId>,
    project: ProjectId,
    model: Label,
    day: NaiveDate,
}

/// What some runs cost and used, summed up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Tally {
    cost: Usd,
    runs: u64,
    unpriced: u64,
    input_tokens: u64,
    output_tokens: u64,
    cache_read_tokens: u64,
    cache_write_tokens: u64,
}

impl Tally {
    const BEGUN: Self = Self {
        cost: Usd::ZERO,
        runs: 1,
        unpriced: 0,
        input_tokens: 0,
        output_tokens: 0,
        cache_read_tokens: 0,
        cache_write_tokens: 0,
    };

    fn ended(outcome: Outcome, ended: &Ended) -> Self {
        Self::charged(ended.charged, is_unpriced(outcome, ended), ended.usage)
    }

    fn billed(bill: &Billed) -> Self {
        Self::charged(bill.charged, bill.cost.is_none(), bill.usage)
    }

    fn charged(cost: Usd, unpriced: bool, usage: Usage) -> Self {
        let Usage { input_tokens, output_tokens, cache_read_tokens, cache_write_tokens } = usage;
        Self {
            cost,
            runs: 0,
            unpriced: unpriced.into(),
            input_tokens: input_tokens.count(),
            output_tokens: output_tokens.count(),
            cache_read_tokens: cache_read_tokens.count(),
            cache_write_tokens: cache_write_tokens.count(),
        }
    }

    fn add(&mut self, other: &Self) {
        self.cost = self.cost.plus(other.cost);
        self.runs = self.runs.saturating_add(other.runs);
        self.unpriced = self.unpriced.saturating_add(other.unpriced);
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.cache_read_tokens = self.cache_read_tokens.saturating_add(other.cache_read_tokens);
        self.cache_write_tokens = self.cache_write_tokens.saturating_add(other.cache_write_tokens);
    }

    /// Subtracts a tally that was added before.
    fn remove(&mut self, other: &Self) {
        self.cost = self.cost.minus(other.cost);
        self.runs = self.runs.saturating_sub(other.runs);
        self.unpriced = self.unpriced.saturating_sub(other.unpriced);
        self.input_tokens = self.input_tokens.saturating_sub(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_sub(other.output_tokens);
        self.cache_read_tokens = self.cache_read_tokens.saturating_sub(other.cache_read_tokens);
        self.cache_write_tokens = self.cache_write_tokens.saturating_sub(other.cache_write_tokens);
    }

    fn sum<'a>(tallies: impl Iterator<Item = &'a Self>) -> Self {
        tallies.fold(Self::default(), |mut sum, tally| {
            sum.add(tally);
            sum
        })
    }
}

impl Costs {
    /// What the runs of the projects within a reach that began on a day were charged.
    pub fn spent_on(&self, day: NaiveDate, reach: &Reach) -> Usd {
        self.of_day(day, reach).map(|(_, day)| day.total.cost).sum()
    }

    /// What the runs of the projects within a reach were charged so far.
    pub fn total(&self, reach: &Reach) -> Usd {
        let within = self.totals.iter().filter(|(project, _)| reach.includes(**project));
        Tally::sum(within.map(|(_, total)| total)).cost
    }

    /// How many runs of the projects within a reach are under way.
    pub fn open_runs(&self, reach: &Reach) -> usize {
        self.open.values().filter(|run| reach.includes(run.project)).count()
    }

    /// The days on which an agent has a budget: it ran on them, was granted more or was corrected.
    pub fn budget_days(&self, agent: AgentId) -> impl Iterator<Item = NaiveDate> {
        self.accounts.get(&agent).into_iter().flat_map(|account| account.days.keys().copied())
    }

    fn of_day(&self, day: NaiveDate, reach: &Reach) -> impl Iterator<Item = (ProjectId, &Day)> {
        let days = self.days.get(&day);
        let named = days.zip(reach.projects()).into_iter().flat_map(|(days, projects)| {
            projects.iter().filter_map(|project| Some((*project, days.get(project)?)))
        });
        let all = days.filter(|_| reach.projects().is_none()).into_iter().flatten();
        named.chain(all.map(|(id, day)| (*id, day)))
    }

    fn start(&mut self, id: RunId, terms: &Terms) {
        let Terms { agent, task, project, day, .. } = *terms;
        let open = OpenRun { agent, task, project, model: terms.model.clone(), day };
        self.count(&open, &Tally::BEGUN);
        self.open.insert(id, open);
    }

    fn end(&mut self, id: RunId, outcome: Outcome, ended: &Ended) {
        if let Some(open) = self.open.remove(&id) {
            self.count(&open, &Tally::ended(outcome, ended));
            if ended.is_unbilled(outcome) {
                self.unbilled.insert(id, open);
            }
        }
    }

    fn bill(&mut self, id: RunId, bill: &Billed) {
        if let Some(open) = self.unbilled.remove(&id) {
            self.count(&open, &Tally::billed(bill));
        }
    }

    /// Adds an amount once to each breakdown, so that all breakdowns have the same sum.
    fn count(&mut self, open: &OpenRun, tally: &Tally) {
        let day = self.days.entry(open.day).or_default().entry(open.project).or_default();
        day.total.add(tally);
        day.agents.entry(open.agent).or_default().add(tally);
        day.models.entry(open.model.clone()).or_default().add(tally);
        let account = self.accounts.entry(open.agent).or_default();
        account.days.entry(open.day).or_default().runs.add(tally);
        self.totals.entry(open.project).or_default().add(tally);
        let Some(task) = open.task else {
            day.without_task.add(tally);
            account.without_task.add(tally);
            return;
        };
        let known = self.tasks.entry(task).or_default();
        let (first, last) = known.days.unwrap_or((open.day, open.day));
        known.days = Some((first.min(open.day), last.max(open.day)));
        day.of_kind(known.kind).add(tally);
        let of_day = day.tasks.entry(task).or_default();
        of_day.add(tally);
        day.dearest.note(task, of_day.cost);
        let of_account = account.tasks.entry(task).or_default();
        of_account.add(tally);
        account.dearest.note(task, of_account.cost);
    }

    /// Notes the type that an event gives to its task, if it gives one.
    fn classify(&mut self, task: &str, fact: &task::Event) {
        let (task::Event::Created { details, .. } | task::Event::Edited { details }) = fact else { return };
        if let Ok(task) = task.parse() {
            self.change_kind(task, details.kind);
        }
    }

    /// Moves what a task has cost, on all its days, from its previous type to `kind`.
    fn change_kind(&mut self, task: TaskId, kind: TaskType) {
        let known = self.tasks.entry(task).or_default();
        let before = known.kind.replace(kind);
        let Some((first, last)) = known.days.filter(|_| before != Some(kind)) else { return };
        for (_, projects) in self.days.range_mut(first..=last) {
            for day in projects.values_mut() {
                let Some(tally) = day.tasks.get(&task).copied() else { continue };
                day.of_kind(before).remove(&tally);
                day.of_kind(Some(kind)).add(&tally);
                day.kinds.retain(|_, tally| *tally != Tally::default());
            }
        }
    }

    fn account(&mut self, key: &str, fact: &budget::Event) {
        let Ok(budget::Key::AgentDay(agent, day)) = key.parse() else { return };
        let of_day = self.accounts.entry(agent).or_default().days.entry(day).or_default();
        match fact {
            budget::Event::Settled { spent_after, .. }
            | budget::Event::Charged { spent_after, .. }
            | budget::Event::Adjusted { spent_after, .. } => {
                of_day.spent = *spent_after;
            }
            budget::Event::Reserved { .. }
            | budget::Event::Released { .. }
            | budget::Event::Granted { .. }
            | budget::Event::RunAllowed { .. }
            | budget::Event::CapChanged { .. }
            | budget::Event::ThresholdCrossed { .. }
            | budget::Event::Exceeded { .. } => {}
        }
    }
}

impl Projection for Costs {
    const NAME: &'static str = "costs";
    const VERSION: u32 = 4;

    fn apply(&mut self, event: &Recorded<AnyEvent>) {
        let key = &event.stream.aggregate_id;
        let (id, fact) = match &event.event {
            AnyEvent::Run(fact) => (key.parse::<RunId>(), fact),
            AnyEvent::Budget(fact) => return self.account(key, fact),
            AnyEvent::Task(fact) => return self.classify(key, fact),
            AnyEvent::Project(_)
            | AnyEvent::Agent(_)
            | AnyEvent::Approval(_)
            | AnyEvent::Reservation(_)
            | AnyEvent::Alert(_)
            | AnyEvent::Policy(_)
            | AnyEvent::Notification(_)
            | AnyEvent::Standup(_)
            | AnyEvent::Credential(_) => return,
        };
        let Ok(id) = id else { return };
        match fact {
            Event::Started(terms) => self.start(id, terms),
            Event::ToolCalled { .. } => {}
            Event::Completed(ended) => self.end(id, Outcome::Completed, ended),
            Event::Failed(ended) => self.end(id, Outcome::Failed, ended),
            Event::TimedOut(ended) => self.end(id, Outcome::TimedOut, ended),
            Event::Aborted(ended) => self.end(id, Outcome::Aborted, ended),
            Event::Billed(bill) => self.bill(id, bill),
        }
    }
}
