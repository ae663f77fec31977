//! Metrics as REST answers them, and the numbers that a monitoring system scrapes.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use mc_domain::{
    agent,
    alert::Severity,
    ids::{AgentId, ProjectId},
    reach::Reach,
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

/// The key metrics of the projects within a reach, as REST answers them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// The time at which they were taken.
    pub generated_at: Millis,
    /// The project that they are about; absent when they are about several or all.
    pub project_id: Option<ProjectId>,
    /// How many agents work, and how many have trouble.
    pub agent_health: AgentHealth,
    /// How many tasks get done, and how fast.
    pub task_throughput: TaskThroughput,
    /// What the runs of today cost.
    pub cost: CostMetrics,
    /// How often budgets were exceeded, loops found and approvals asked for.
    pub incidents: IncidentMetrics,
    /// How many notifications wait, and how long.
    pub notifications: NotificationMetrics,
}

/// The notifications that are still to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationMetrics {
    /// How many notifications are queued and have not arrived.
    pub waiting: usize,
    /// For how many whole seconds the longest waiting one of them has been due; 0 when none is due.
    pub overdue_secs: u64,
}

/// How many agents work, and how many have trouble.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentHealth {
    /// How many agents there are, whatever their status.
    pub total: usize,
    /// How many agents have the status active.
    pub active: usize,
    /// How many agents have been silent for too long.
    pub stale: usize,
    /// The average error streak of the agents that are not offline, to two decimals; 0 when there are none.
    pub average_error_streak: f64,
    /// The longest error streak of an agent that is not offline.
    pub max_error_streak: u32,
    /// How many agents have each status.
    pub by_status: BTreeMap<agent::Status, usize>,
}

/// How many tasks get done, and how fast; over the last 7 days unless the name says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskThroughput {
    /// How many tasks were accepted as done today.
    pub completed_today: u64,
    /// How many tasks were accepted as done on each day, the earliest first.
    pub completed_per_day: Vec<CompletedOn>,
    /// The average hours from creation to completion, to two decimals; absent when no task was completed.
    pub average_hours_to_completion: Option<f64>,
    /// The percentage of the tasks that reached review without anybody stepping in; absent when no task got that far
    /// or needed help.
    pub percent_reaching_review_without_intervention: Option<f64>,
}

/// How many tasks were accepted as done on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CompletedOn {
    /// The UTC day on which they were accepted.
    pub date: NaiveDate,
    /// How many tasks were accepted as done.
    pub completed: u64,
}

/// What the runs that began today cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CostMetrics {
    /// What all runs that began today were charged.
    pub today: Dollars,
    /// The same sum by agent, the dearest first.
    pub by_agent: Vec<AgentShare>,
    /// The same sum by type of task, the dearest first.
    pub by_task_type: Vec<TypeShare>,
}

/// How often budgets were exceeded, loops found and approvals asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IncidentMetrics {
    /// How often a budget was exceeded today, or would have been.
    pub budget_breaches_today: u64,
    /// How many loops were found today.
    pub loops_today: u64,
    /// How many approvals were asked for today.
    pub approval_requests_today: u64,
    /// The same numbers for each of the last 7 days, the earliest first.
    pub per_day: Vec<IncidentsOn>,
}

/// How often budgets were exceeded, loops found and approvals asked for on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IncidentsOn {
    /// The UTC day that the numbers are of.
    pub date: NaiveDate,
    /// How often a budget was exceeded, or would have been.
    pub budget_breaches: u64,
    /// How many loops were found, repeated ones included.
    pub loops: u64,
    /// How many approvals were asked for.
    pub approval_requests: u64,
}

/// The numbers that a monitoring system scrapes, of a project or of all.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// How many tasks are in each status.
    pub tasks: BTreeMap<task::Status, usize>,
    /// How many agents have each status.
    pub agents: BTreeMap<agent::Status, usize>,
    /// How many agents have been silent for too long.
    pub agents_stale: usize,
    /// The longest error streak of an agent that is not offline.
    pub max_error_streak: u32,
    /// How many approvals wait for a decision.
    pub approvals_pending: usize,
    /// How many alerts of each severity are open or acknowledged.
    pub alerts_open: BTreeMap<Severity, usize>,
    /// How many runs are under way.
    pub runs_open: usize,
    /// What all runs were charged so far, in micro-dollars.
    pub cost_micro_usd_total: i64,
    /// How often a budget was exceeded so far, or would have been.
    pub budget_breaches_total: u64,
    /// How many loops were found so far.
    pub loops_detected_total: u64,
    /// How many approvals were asked for so far.
    pub approval_requests_total: u64,
    /// How many tasks were accepted as done so far.
    pub tasks_completed_total: u64,
    /// How many notifications wait, and how long.
    pub notifications: NotificationMetrics,
}

/// The key metrics of the projects within a reach, at `now`. `latest_heartbeat` answers heartbeats that are too recent to be
/// in the log.
pub fn metrics(
    views: &Views,
    reach: &Reach,
    now: DateTime<Utc>,
    latest_heartbeat: impl Fn(AgentId) -> Option<DateTime<Utc>>,
) -> Metrics {
    let today = now.date_naive();
    let costs = daily_costs(views, today, reach);
    Metrics {
        generated_at: Millis(now),
        project_id: reach.only(),
        agent_health: health(views, reach, now, latest_heartbeat),
        task_throughput: throughput(views, reach, today),
        cost: CostMetrics { today: costs.total, by_agent: costs.by_agent, by_task_type: costs.by_task_type },
        incidents: incidents(views, reach, today),
        notifications: notifications(views, reach, now),
    }
}

/// The numbers to scrape of the projects within a reach, at `now`. `latest_heartbeat` answers heartbeats that are too recent
/// to be in the log.
pub fn counts(
    views: &Views,
    reach: &Reach,
    now: DateTime<Utc>,
    latest_heartbeat: impl Fn(AgentId) -> Option<DateTime<Utc>>,
) -> Counts {
    let health = health(views, reach, now, latest_heartbeat);
    let ever = views.tallies.ever(reach);
    let tasks = task::Status::ALL.iter().map(|status| (*status, views.tasks.count(reach, *status)));
    Counts {
        tasks: tasks.collect(),
        agents: health.by_status,
        agents_stale: health.stale,
        max_error_streak: health.max_error_streak,
        approvals_pending: views.approvals.open_count(reach),
        alerts_open: views.alerts.open_by_severity(reach),
        runs_open: views.costs.open_runs(reach),
        cost_micro_usd_total: views.costs.total(reach).micros(),
        budget_breaches_total: ever.budget_breaches,
        loops_detected_total: ever.loops,
        approval_requests_total: ever.approval_requests,
        tasks_completed_total: ever.completed,
        notifications: notifications(views, reach, now),
    }
}

fn notifications(views: &Views, reach: &Reach, now: DateTime<Utc>) -> NotificationMetrics {
    let overdue = views.notifications.due_since(reach).and_then(|since| (now - since).to_std().ok());
    NotificationMetrics {
        waiting: views.notifications.waiting(reach),
        overdue_secs: overdue.unwrap_or_default().as_secs(),
    }
}

fn health(
    views: &Views,
    reach: &Reach,
    now: DateTime<Utc>,
    latest_heartbeat: impl Fn(AgentId) -> Option<DateTime<Utc>>,
) -> AgentHealth {
    let squad = views.agents.squad(reach, now, latest_heartbeat);
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

fn throughput(views: &Views, reach: &Reach, today: NaiveDate) -> TaskThroughput {
    let days: Vec<_> = week(views, reach, today).collect();
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

fn incidents(views: &Views, reach: &Reach, today: NaiveDate) -> IncidentMetrics {
    let per_day: Vec<_> = week(views, reach, today)
        .map(|(date, day)| IncidentsOn {
            date,
            budget_breaches: day.budget_breaches,
            loops: day.loops,
            approval_requests: day.approval_requests,
        })
        .collect();
    let of_today = views.tallies.on(today, reach);
    IncidentMetrics {
        budget_breaches_today: of_today.budget_breaches,
        loops_today: of_today.loops,
        approval_requests_today: of_today.approval_requests,
        per_day,
    }
}

fn week(views: &Views, reach: &Reach, today: NaiveDate) -> impl Iterator<Item = (NaiveDate, Day)> {
    let days = (0..DAYS).rev().filter_map(move |ago| today.checked_sub_signed(TimeDelta::days(ago)));
    days.map(move |date| (date, views.tallies.on(date, reach)))
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Rounds to two decimals, half away from zero.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
