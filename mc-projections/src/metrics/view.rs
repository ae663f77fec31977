//! Metrics as they are answered, and the counts that are scraped.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use mc_domain::{
    agent,
    alert::Severity,
    ids::{AgentId, ProjectId},
    task,
};
use serde::Serialize;

use super::{DAYS, Day};
use crate::{
    costs::{AgentShare, TypeShare, daily_costs},
    dollars::Dollars,
    instant::Millis,
    views::Views,
};

/// The key metrics, as they are answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// When they were taken.
    pub generated_at: Millis,
    /// The project they are about, or all of them.
    pub project_id: Option<ProjectId>,
    /// How the agents are.
    pub agent_health: AgentHealth,
    /// How much gets done.
    pub task_throughput: TaskThroughput,
    /// What it costs.
    pub cost: CostMetrics,
    /// How often it goes wrong.
    pub incidents: IncidentMetrics,
    /// What is still to be delivered.
    pub notifications: NotificationMetrics,
}

/// What is still to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationMetrics {
    /// How many notifications are queued and have not arrived.
    pub waiting: usize,
    /// How long the one that is longest due has been due, of all projects, in whole seconds; 0 when none is.
    pub overdue_secs: u64,
}

/// How the agents are.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentHealth {
    /// How many there are.
    pub total: usize,
    /// How many work.
    pub active: usize,
    /// How many have been silent for too long.
    pub stale: usize,
    /// The errors in a row of those that are not offline, on average.
    pub average_error_streak: f64,
    /// The most errors in a row that one of them has.
    pub max_error_streak: u32,
    /// How many there are in each status.
    pub by_status: BTreeMap<agent::Status, usize>,
}

/// How much gets done, in the last 7 days where nothing else is said.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskThroughput {
    /// How many tasks were accepted as done today.
    pub completed_today: u64,
    /// How many were on each day, the earliest first.
    pub completed_per_day: Vec<CompletedOn>,
    /// The hours from their creation to their completion, on average.
    pub average_hours_to_completion: Option<f64>,
    /// How many in a hundred reached review without anybody stepping in, of those that got that far or did not.
    pub percent_reaching_review_without_intervention: Option<f64>,
}

/// How many tasks were accepted as done on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CompletedOn {
    /// The UTC day.
    pub date: NaiveDate,
    /// How many.
    pub completed: u64,
}

/// What it costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CostMetrics {
    /// All runs that began today.
    pub today: Dollars,
    /// By agent, the dearest first.
    pub by_agent: Vec<AgentShare>,
    /// By type of task, the dearest first.
    pub by_task_type: Vec<TypeShare>,
}

/// How often it goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IncidentMetrics {
    /// How often a budget was exceeded today, or would have been.
    pub budget_breaches_today: u64,
    /// How many loops were found today.
    pub loops_today: u64,
    /// How many approvals were asked for today.
    pub approval_requests_today: u64,
    /// The same on each of the last 7 days, the earliest first.
    pub per_day: Vec<IncidentsOn>,
}

/// How often it went wrong on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IncidentsOn {
    /// The UTC day.
    pub date: NaiveDate,
    /// How often a budget was exceeded.
    pub budget_breaches: u64,
    /// How many loops were found.
    pub loops: u64,
    /// How many approvals were asked for.
    pub approval_requests: u64,
}

/// The numbers that are scraped.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Tasks in each status.
    pub tasks: BTreeMap<task::Status, usize>,
    /// Agents in each status.
    pub agents: BTreeMap<agent::Status, usize>,
    /// Agents that have been silent for too long.
    pub agents_stale: usize,
    /// The most errors in a row that an agent has that is not offline.
    pub max_error_streak: u32,
    /// Approvals that wait for a decision.
    pub approvals_pending: usize,
    /// Alerts that are open or acknowledged, of each severity.
    pub alerts_open: BTreeMap<Severity, usize>,
    /// Runs under way, in all projects.
    pub runs_open: usize,
    /// What all runs were ever charged, in all projects, in micro-dollars.
    pub cost_micro_usd_total: i64,
    /// How often a budget was exceeded.
    pub budget_breaches_total: u64,
    /// How many loops were found.
    pub loops_detected_total: u64,
    /// How many approvals were asked for.
    pub approval_requests_total: u64,
    /// How many tasks were accepted as done.
    pub tasks_completed_total: u64,
    /// What is still to be delivered.
    pub notifications: NotificationMetrics,
}

/// The key metrics of a project, or of all, at `now`. `fresher` knows of heartbeats that are not in the log.
pub fn metrics(
    views: &Views,
    project: Option<ProjectId>,
    now: DateTime<Utc>,
    fresher: impl Fn(AgentId) -> Option<DateTime<Utc>>,
) -> Metrics {
    let today = now.date_naive();
    let costs = daily_costs(views, today, project);
    Metrics {
        generated_at: Millis(now),
        project_id: project,
        agent_health: health(views, project, now, fresher),
        task_throughput: throughput(views, project, today),
        cost: CostMetrics { today: costs.total, by_agent: costs.by_agent, by_task_type: costs.by_task_type },
        incidents: incidents(views, project, today),
        notifications: notifications(views, project, now),
    }
}

/// The numbers of a project, or of all, at `now`.
pub fn counts(
    views: &Views,
    project: Option<ProjectId>,
    now: DateTime<Utc>,
    fresher: impl Fn(AgentId) -> Option<DateTime<Utc>>,
) -> Counts {
    let health = health(views, project, now, fresher);
    let ever = views.tallies.ever(project);
    let tasks = task::Status::ALL.iter().map(|status| (*status, views.tasks.count(project, *status)));
    Counts {
        tasks: tasks.collect(),
        agents: health.by_status,
        agents_stale: health.stale,
        max_error_streak: health.max_error_streak,
        approvals_pending: views.approvals.open_count(project),
        alerts_open: views.alerts.open_by_severity(project),
        runs_open: views.costs.open_runs(),
        cost_micro_usd_total: views.costs.total().micros(),
        budget_breaches_total: ever.budget_breaches,
        loops_detected_total: ever.loops,
        approval_requests_total: ever.approval_requests,
        tasks_completed_total: ever.completed,
        notifications: notifications(views, project, now),
    }
}

fn notifications(views: &Views, project: Option<ProjectId>, now: DateTime<Utc>) -> NotificationMetrics {
    let overdue = views.notifications.due_since().and_then(|since| (now - since).to_std().ok());
    NotificationMetrics {
        waiting: views.notifications.waiting(project),
        overdue_secs: overdue.unwrap_or_default().as_secs(),
    }
}

fn health(
    views: &Views,
    project: Option<ProjectId>,
    now: DateTime<Utc>,
    fresher: impl Fn(AgentId) -> Option<DateTime<Utc>>,
) -> AgentHealth {
    let squad = views.agents.squad(project, now, fresher);
    let in_service: usize = squad.streaks.values().sum();
    let streaks: u64 = squad.streaks.iter().map(|(streak, count)| u64::from(*streak) * *count as u64).sum();
    AgentHealth {
        total: squad.by_status.values().sum(),
        active: squad.by_status[&agent::Status::Active],
        stale: squad.stale,
        average_error_streak: ratio(streaks, in_service as u64).map_or(0.0, rounded),
        max_error_streak: squad.streaks.last_key_value().map_or(0, |(streak, _)| *streak),
        by_status: squad.by_status,
    }
}

fn throughput(views: &Views, project: Option<ProjectId>, today: NaiveDate) -> TaskThroughput {
    let days: Vec<_> = week(views, project, today).collect();
    let week = days.iter().fold(Day::default(), |mut sum, (_, day)| {
        sum.add(day);
        sum
    });
    let share = ratio(week.unaided, week.unaided + week.aided);
    TaskThroughput {
        completed_today: days.last().map_or(0, |(_, day)| day.completed),
        completed_per_day: days
            .iter()
            .map(|(date, day)| CompletedOn { date: *date, completed: day.completed })
            .collect(),
        average_hours_to_completion: ratio(week.completion_secs, week.completed)
            .map(|secs| rounded(secs / 3_600.0)),
        percent_reaching_review_without_intervention: share.map(|share| rounded(share * 100.0)),
    }
}

fn incidents(views: &Views, project: Option<ProjectId>, today: NaiveDate) -> IncidentMetrics {
    let per_day: Vec<_> = week(views, project, today)
        .map(|(date, day)| IncidentsOn {
            date,
            budget_breaches: day.budget_breaches,
            loops: day.loops,
            approval_requests: day.approval_requests,
        })
        .collect();
    let of_today = views.tallies.on(today, project);
    IncidentMetrics {
        budget_breaches_today: of_today.budget_breaches,
        loops_today: of_today.loops,
        approval_requests_today: of_today.approval_requests,
        per_day,
    }
}

fn week(
    views: &Views,
    project: Option<ProjectId>,
    today: NaiveDate,
) -> impl Iterator<Item = (NaiveDate, Day)> {
    let days = (0..DAYS).rev().filter_map(move |ago| today.checked_sub_signed(TimeDelta::days(ago)));
    days.map(move |date| (date, views.tallies.on(date, project)))
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Two decimals are more than anybody reads.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
