//! The costs of a day and of an agent, as REST answers them.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use mc_domain::{
    ids::{AgentId, ProjectId, TaskId},
    reach::Reach,
    task::TaskType,
    values::{Label, Title},
};
use serde::Serialize;

use super::{Account, Costs, Day, Dearest, Tally};
use crate::{dollars::Dollars, views::Views};

/// How many tasks an answer names: the dearest ones.
pub const MAX_TASKS: usize = 20;
/// How many days an answer about an agent names: the latest ones.
pub const MAX_DAYS: usize = 90;
/// How many days the trend shows, the day of the question included.
const TREND_DAYS: usize = 30;
/// How many of those days its shorter sum covers.
const WEEK_DAYS: usize = 7;

/// What the runs that began on a day cost, as REST answers it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DailyCosts<'a> {
    /// The UTC day on which the runs began.
    pub date: NaiveDate,
    /// The project that the answer is about; absent when it is about several or all.
    pub project_id: Option<ProjectId>,
    /// What all these runs were charged together.
    pub total: Dollars,
    /// How many runs began on the day, those under way included.
    pub runs: u64,
    /// How many runs were charged although nobody told their cost.
    pub unpriced_runs: u64,
    /// The sum of the tokens that the models read.
    pub input_tokens: u64,
    /// The sum of the tokens that the models wrote.
    pub output_tokens: u64,
    /// The sum of the tokens that were read from the cache.
    pub cache_read_tokens: u64,
    /// The sum of the tokens that were written to the cache.
    pub cache_write_tokens: u64,
    /// The same sum by agent, the dearest first.
    pub by_agent: Vec<AgentShare>,
    /// The same sum by type of task, the dearest first.
    pub by_task_type: Vec<TypeShare>,
    /// The same sum by project, the dearest first.
    pub by_project: Vec<ProjectShare>,
    /// The same sum by model, the dearest first.
    pub by_model: Vec<ModelShare<'a>>,
    /// The same sum by task, for the [`MAX_TASKS`] dearest; runs without a task count as one of them.
    pub by_task: Vec<TaskShare<'a>>,
    /// The costs of the days up to this one.
    pub trend: Trend,
}

/// What some runs cost together, as REST answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spend {
    /// What all these runs were charged together.
    pub cost: Dollars,
    /// How many runs began, those under way included.
    pub runs: u64,
    /// How many runs were charged although nobody told their cost.
    pub unpriced_runs: u64,
    /// The sum of the tokens that the models read.
    pub input_tokens: u64,
    /// The sum of the tokens that the models wrote.
    pub output_tokens: u64,
    /// The sum of the tokens that were read from the cache.
    pub cache_read_tokens: u64,
    /// The sum of the tokens that were written to the cache.
    pub cache_write_tokens: u64,
}

/// The part of a sum that one agent spent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentShare {
    /// The agent whose runs are summed up.
    pub agent_id: AgentId,
    /// The agent's current name, or its identity when it is unknown.
    pub name: String,
    /// What the runs of this agent cost.
    #[serde(flatten)]
    pub spend: Spend,
}

/// The part of a sum that was spent on tasks of one type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TypeShare {
    /// The type of the tasks; absent for runs without a task and for unknown tasks.
    #[serde(rename = "type")]
    pub kind: Option<TaskType>,
    /// What the runs for these tasks cost.
    #[serde(flatten)]
    pub spend: Spend,
}

/// The part of a sum that was spent in one project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectShare {
    /// The project in which it was spent.
    pub project_id: ProjectId,
    /// The project's current name, or its identity when it is unknown.
    pub name: String,
    /// What the runs of the project cost.
    #[serde(flatten)]
    pub spend: Spend,
}

/// The part of a sum that was spent on one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelShare<'a> {
    /// The model, as the runs named it.
    pub model: &'a Label,
    /// What the runs on this model cost.
    #[serde(flatten)]
    pub spend: Spend,
}

/// The part of a sum that was spent on one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskShare<'a> {
    /// The task that the runs worked on; absent for runs without a task.
    pub task_id: Option<TaskId>,
    /// The title of the task; absent for runs without a task and for an unknown task.
    pub title: Option<&'a Title>,
    /// The type of the task; absent for runs without a task and for an unknown task.
    #[serde(rename = "type")]
    pub kind: Option<TaskType>,
    /// What the runs for the task cost.
    #[serde(flatten)]
    pub spend: Spend,
}

/// What was spent day by day, up to the day of the question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trend {
    /// The sum over the last 7 days, the day of the question included.
    #[serde(rename = "last7Days")]
    pub last_7_days: Dollars,
    /// The sum over the last 30 days, the day of the question included.
    #[serde(rename = "last30Days")]
    pub last_30_days: Dollars,
    /// The last 30 days, the earliest first; days without runs cost 0.
    pub days: Vec<TrendDay>,
}

/// What was spent on one day of a trend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TrendDay {
    /// The UTC day on which the runs began.
    pub date: NaiveDate,
    /// What all runs of that day were charged.
    pub total: Dollars,
}

/// What an agent spent, as REST answers it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentCosts<'a> {
    /// The agent that the answer is about.
    pub agent_id: AgentId,
    /// The name that the agent has now.
    pub name: String,
    /// What its budget of the day of the question counts as spent, corrections included.
    pub today: Dollars,
    /// What its runs cost since it was registered.
    pub total: Dollars,
    /// The most that its runs of one UTC day may cost.
    pub daily_cap: Dollars,
    /// The most that one of its runs may cost.
    pub per_run_cap: Dollars,
    /// What is set aside today for its runs under way.
    pub reserved: Dollars,
    /// What it may still spend today, grants included.
    pub remaining: Dollars,
    /// The latest [`MAX_DAYS`] days on which it has a budget, the latest first.
    pub by_day: Vec<DayCosts>,
    /// What it spent by task, for the [`MAX_TASKS`] dearest; runs without a task count as one of them.
    pub by_task: Vec<TaskShare<'a>>,
}

/// What an agent spent on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DayCosts {
    /// The UTC day of the budget.
    pub date: NaiveDate,
    /// What the budget of the day counts as spent, corrections included.
    pub spent: Dollars,
    /// What its runs that began on the day cost.
    #[serde(flatten)]
    pub spend: Spend,
}

impl Tally {
    fn view(&self) -> Spend {
        Spend {
            cost: Dollars(self.cost),
            runs: self.runs,
            unpriced_runs: self.unpriced,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            cache_read_tokens: self.cache_read_tokens,
            cache_write_tokens: self.cache_write_tokens,
        }
    }
}

/// What the runs of the projects within a reach that began on a day cost. The answer costs as much as it shows, however
/// many tasks and days there are.
pub fn daily_costs<'a>(views: &'a Views, date: NaiveDate, reach: &Reach) -> DailyCosts<'a> {
    let costs = &views.costs;
    let days = || costs.of_day(date, reach).map(|(_, day)| day);
    let agents = dearest(gathered(days().flat_map(|day| &day.agents)));
    let without_task = Tally::sum(days().map(|day| &day.without_task));
    let total = Tally::sum(days().map(|day| &day.total)).view();
    let projects = costs.of_day(date, reach).map(|(id, day)| (id, day.total));
    let models = days().flat_map(|day| &day.models);
    DailyCosts {
        date,
        project_id: reach.only(),
        total: total.cost,
        runs: total.runs,
        unpriced_runs: total.unpriced_runs,
        input_tokens: total.input_tokens,
        output_tokens: total.output_tokens,
        cache_read_tokens: total.cache_read_tokens,
        cache_write_tokens: total.cache_write_tokens,
        by_agent: agents.into_iter().map(|(id, tally)| agent_share(views, *id, &tally)).collect(),
        by_task_type: by_type(days(), &without_task),
        by_project: dearest(projects)
            .into_iter()
            .map(|(id, tally)| project_share(views, id, &tally))
            .collect(),
        by_model: dearest(gathered(models))
            .into_iter()
            .map(|(model, tally)| ModelShare { model, spend: tally.view() })
            .collect(),
        by_task: by_task(views, dearest_tasks(days().map(|day| (&day.dearest, &day.tasks))), &without_task),
        trend: trend(costs, date, reach),
    }
}

/// What an agent spent, at `now`; nothing when the agent is unknown.
pub fn agent_costs(views: &Views, id: AgentId, now: DateTime<Utc>) -> Option<AgentCosts<'_>> {
    let agent = views.agents.view(id, now, None)?;
    let account = views.costs.accounts.get(&id);
    let tasks = dearest_tasks(account.into_iter().map(|account| (&account.dearest, &account.tasks)));
    let without_task = account.map(|account| account.without_task).unwrap_or_default();
    Some(AgentCosts {
        agent_id: id,
        name: agent.name.to_string(),
        today: agent.today_spend,
        total: agent.total_spend,
        daily_cap: agent.budgets.daily_cap,
        per_run_cap: agent.budgets.per_run_cap,
        reserved: agent.reserved,
        remaining: agent.remaining,
        by_day: account.map(Account::by_day).unwrap_or_default(),
        by_task: by_task(views, tasks, &without_task),
    })
}

impl Account {
    fn by_day(&self) -> Vec<DayCosts> {
        let days = self.days.iter().rev().take(MAX_DAYS);
        days.map(|(date, day)| DayCosts { date: *date, spent: Dollars(day.spent), spend: day.runs.view() })
            .collect()
    }
}

fn gathered<'a, K: Ord + 'a>(tallies: impl Iterator<Item = (&'a K, &'a Tally)>) -> BTreeMap<&'a K, Tally> {
    let mut sums: BTreeMap<&K, Tally> = BTreeMap::new();
    tallies.for_each(|(key, tally)| sums.entry(key).or_default().add(tally));
    sums
}

fn dearest<K: Ord>(tallies: impl IntoIterator<Item = (K, Tally)>) -> Vec<(K, Tally)> {
    let mut sorted: Vec<_> = tallies.into_iter().collect();
    sorted.sort_by(|(a, of_a), (b, of_b)| Reverse(of_a.cost).cmp(&Reverse(of_b.cost)).then(a.cmp(b)));
    sorted
}

fn agent_share(views: &Views, agent_id: AgentId, tally: &Tally) -> AgentShare {
    AgentShare { agent_id, name: views.agents.name_or_id(agent_id).into_owned(), spend: tally.view() }
}

fn project_share(views: &Views, project_id: ProjectId, tally: &Tally) -> ProjectShare {
    let project = views.projects.view(project_id);
    let name = project.map_or_else(|| project_id.to_string(), |project| project.name.to_string());
    ProjectShare { project_id, name, spend: tally.view() }
}

fn by_type<'a>(days: impl Iterator<Item = &'a Day>, without_task: &Tally) -> Vec<TypeShare> {
    let mut types: BTreeMap<Option<TaskType>, Tally> = BTreeMap::new();
    let mut unknown = *without_task;
    for day in days {
        day.kinds.iter().for_each(|(kind, tally)| types.entry(Some(*kind)).or_default().add(tally));
        unknown.add(&day.without_kind);
    }
    if unknown != Tally::default() {
        types.insert(None, unknown);
    }
    dearest(types).into_iter().map(|(kind, tally)| TypeShare { kind, spend: tally.view() }).collect()
}

/// The dearest tasks of several lists together, with what each cost in all of them.
fn dearest_tasks<'a>(
    parts: impl Iterator<Item = (&'a Dearest, &'a BTreeMap<TaskId, Tally>)>,
) -> BTreeMap<TaskId, Tally> {
    let parts: Vec<_> = parts.collect();
    let tasks: BTreeSet<_> = parts.iter().flat_map(|(dearest, _)| dearest.tasks()).collect();
    let of = |task: &TaskId| Tally::sum(parts.iter().filter_map(|(_, tallies)| tallies.get(task)));
    tasks.into_iter().map(|task| (task, of(&task))).collect()
}

fn by_task<'a>(views: &'a Views, tasks: BTreeMap<TaskId, Tally>, without_task: &Tally) -> Vec<TaskShare<'a>> {
    let mut all: Vec<_> = tasks.into_iter().map(|(task, tally)| (Some(task), tally)).collect();
    if *without_task != Tally::default() {
        all.push((None, *without_task));
    }
    let top = dearest(all).into_iter().take(MAX_TASKS);
    top.map(|(task_id, tally)| TaskShare {
        task_id,
        title: task_id.and_then(|task| views.tasks.title(task)),
        kind: task_id.and_then(|task| views.tasks.kind(task)),
        spend: tally.view(),
    })
    .collect()
}

fn trend(costs: &Costs, date: NaiveDate, reach: &Reach) -> Trend {
    let days = (0..TREND_DAYS as i64).rev().filter_map(|ago| date.checked_sub_signed(TimeDelta::days(ago)));
    let days: Vec<_> =
        days.map(|date| TrendDay { date, total: Dollars(costs.spent_on(date, reach)) }).collect();
    let sum = |latest: usize| Dollars(days.iter().rev().take(latest).map(|day| day.total.0).sum());
    Trend { last_7_days: sum(WEEK_DAYS), last_30_days: sum(TREND_DAYS), days }
}
