//! How did the day of a project go: who worked, what is done, what is stuck, what waits, and what did it cost?

use std::{collections::BTreeMap, fmt::Write};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use mc_domain::{
    agent,
    alert::Severity,
    ids::{AgentId, ProjectId, TaskId},
    markdown::inline,
    money::Usd,
    reach::Reach,
    task::{Status, TaskType},
    values::{Reason, Title},
};
use serde::Serialize;

use crate::{
    alerts::AlertView,
    approvals::{ApprovalQuery, ApprovalSort, ApprovalView},
    dollars::Dollars,
    instant::Millis,
    page::{MAX_LIMIT, Order},
    tasks::Row,
    views::Views,
};

/// How many tasks, approvals and alerts each part of the report names.
pub const MAX_NAMED: usize = 100;

/// Which report is asked for: of which projects and which day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandupQuery {
    /// About the projects within this reach.
    pub reach: Reach,
    /// About this UTC day, today or in the past.
    pub date: NaiveDate,
}

/// The standup report, as REST answers it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standup<'a> {
    /// The UTC day that the report is about.
    pub date: NaiveDate,
    /// The project that the report is about; absent when it is about several or all.
    pub project_id: Option<ProjectId>,
    /// The name of that project; absent when the report is about several or all.
    pub project: Option<String>,
    /// When the report was written, which may be after its day.
    pub generated_at: Millis,
    /// How many agents have each status, and what they spent.
    pub agents: AgentsOfDay,
    /// How many tasks are in each status.
    pub tasks: TasksOfDay,
    /// The tasks that were accepted as done in the last 24 hours, the latest first.
    #[serde(rename = "completedLast24h")]
    pub completed_last_24h: Vec<CompletedTask<'a>>,
    /// The blocked tasks with the reasons, the longest blocked first.
    pub blocked: Vec<BlockedTask<'a>>,
    /// The approvals that wait for a decision, the next to expire first.
    pub waiting_approvals: Vec<ApprovalView<'a>>,
    /// The alerts that are open or acknowledged, the worst first.
    pub open_alerts: Vec<AlertView<'a>>,
    /// How many there are of each list, of which at most [`MAX_NAMED`] are named.
    pub counts: Counts,
    /// What the runs that began on the day cost.
    pub spend: Dollars,
    /// What that makes per hour of the day so far.
    pub burn_rate: Dollars,
    /// The report in two sentences, for messages and headings.
    pub summary: String,
}

/// The full lengths of the lists in a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// How many tasks were accepted as done in the last 24 hours.
    #[serde(rename = "completedLast24h")]
    pub completed_last_24h: usize,
    /// How many tasks are blocked at the end of the day.
    pub blocked: usize,
    /// How many approvals wait for a decision.
    pub waiting_approvals: usize,
    /// How many alerts are open or acknowledged.
    pub open_alerts: usize,
    /// How many of these alerts are critical.
    pub critical_alerts: usize,
}

/// The agents at the end of the day, in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentsOfDay {
    /// How many agents there are, whatever their status.
    pub total: usize,
    /// How many agents have each status.
    pub by_status: BTreeMap<agent::Status, usize>,
    /// How many agents have been silent for too long.
    pub stale: usize,
    /// What their budgets of the day count as spent.
    pub spend_today: Dollars,
    /// The sum of the daily caps of the agents that are not offline.
    pub cap: Dollars,
}

/// The tasks at the end of the day, in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TasksOfDay {
    /// How many tasks there are; archived tasks do not count.
    pub total: usize,
    /// How many tasks are in each status.
    pub by_status: BTreeMap<Status, usize>,
}

/// A task that was accepted as done.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CompletedTask<'a> {
    /// The identity by which the task itself can be asked for.
    pub id: TaskId,
    /// The title of the task, as it was last edited.
    pub title: &'a Title,
    /// The type of the task, such as `docs`.
    #[serde(rename = "type")]
    pub kind: TaskType,
    /// The current names of the agents that it is assigned to.
    pub assignees: Vec<String>,
    /// What the task cost, sub-agents included.
    pub cost: Dollars,
    /// When its result was accepted as done.
    pub completed_at: Millis,
}

/// A task on which work cannot go on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockedTask<'a> {
    /// The identity by which the task itself can be asked for.
    pub id: TaskId,
    /// The title of the task, as it was last edited.
    pub title: &'a Title,
    /// The current names of the agents that it is assigned to.
    pub assignees: Vec<String>,
    /// Why work on it cannot go on.
    pub reason: Option<&'a Reason>,
    /// Since when the task has been blocked.
    pub since: Millis,
}

/// The report asked for, written at `now`. It tells agents, tasks, approvals and alerts as the `views` have them: for
/// a day in the past, `views` must be folded up to the end of that day. `latest_heartbeat` answers heartbeats that
/// are too recent to be in the log.
///
/// ```
/// use mc_domain::reach::Reach;
/// use mc_projections::{script::Script, standup::{StandupQuery, standup}};
///
/// let script = Script::new();
/// let query = StandupQuery { reach: Reach::All, date: script.now().date_naive() };
/// let views = script.views();
/// let report = standup(&views, query, script.now(), |_| None);
/// assert!(report.markdown().starts_with("# Standup 2026-02-01"));
/// ```
pub fn standup<'a>(
    views: &'a Views,
    query: StandupQuery,
    now: DateTime<Utc>,
    latest_heartbeat: impl Fn(AgentId) -> Option<DateTime<Utc>>,
) -> Standup<'a> {
    let StandupQuery { reach, date } = &query;
    let date = *date;
    let until = now.min(end_of(date));
    let spend = views.costs.spent_on(date, reach);
    let done = || views.tasks.arrived(reach, Status::Done, until - TimeDelta::hours(24), until);
    let open_alerts = views.alerts.open_by_severity(reach);
    let counts = Counts {
        completed_last_24h: done().count(),
        blocked: views.tasks.count(reach, Status::Blocked),
        waiting_approvals: views.approvals.open_count(reach),
        open_alerts: open_alerts.values().sum(),
        critical_alerts: open_alerts[&Severity::Critical],
    };
    let mut report = Standup {
        date,
        project_id: reach.only(),
        project: reach.only().and_then(|id| views.projects.view(id)).map(|project| project.name.to_string()),
        generated_at: Millis(now),
        agents: agents(views, reach, until, latest_heartbeat),
        tasks: tasks(views, reach),
        completed_last_24h: completed(views, done().take(MAX_NAMED)),
        blocked: blocked(views, reach),
        waiting_approvals: waiting(views, reach),
        open_alerts: views.alerts.unresolved(reach, &views.agents).take(MAX_NAMED).collect(),
        counts,
        spend: Dollars(spend),
        burn_rate: Dollars(per_hour(spend, until - start_of(date))),
        summary: String::new(),
    };
    report.summary = report.sentences();
    report
}

fn start_of(date: NaiveDate) -> DateTime<Utc> {
    date.and_time(NaiveTime::MIN).and_utc()
}

/// The last microsecond of a day.
fn end_of(date: NaiveDate) -> DateTime<Utc> {
    start_of(date) + (TimeDelta::days(1) - TimeDelta::microseconds(1))
}

/// What is spent per hour. In the first hour of a day, the sum so far is the best guess there is.
fn per_hour(spend: Usd, elapsed: TimeDelta) -> Usd {
    let hour = TimeDelta::hours(1).num_seconds();
    let micros = i128::from(spend.micros()) * i128::from(hour) / i128::from(elapsed.num_seconds().max(hour));
    i64::try_from(micros).ok().and_then(|micros| Usd::from_micros(micros).ok()).unwrap_or(spend)
}

fn agents(
    views: &Views,
    reach: &Reach,
    at: DateTime<Utc>,
    latest_heartbeat: impl Fn(AgentId) -> Option<DateTime<Utc>>,
) -> AgentsOfDay {
    let squad = views.agents.squad(reach, at, latest_heartbeat);
    AgentsOfDay {
        total: squad.by_status.values().sum(),
        by_status: squad.by_status,
        stale: squad.stale,
        spend_today: Dollars(squad.spent),
        cap: Dollars(squad.cap),
    }
}

fn tasks(views: &Views, reach: &Reach) -> TasksOfDay {
    let counts = Status::ALL.iter().map(|status| (*status, views.tasks.count(reach, *status)));
    let by_status: BTreeMap<_, _> = counts.collect();
    TasksOfDay { total: by_status.values().sum(), by_status }
}

fn completed<'a>(views: &'a Views, done: impl Iterator<Item = &'a Row>) -> Vec<CompletedTask<'a>> {
    done.map(|row| row.view(&views.agents))
        .map(|task| CompletedTask {
            id: task.id,
            title: task.title,
            kind: task.kind,
            assignees: names(views, task.assignee_ids),
            cost: task.cost,
            completed_at: task.status_since,
        })
        .collect()
}

fn blocked<'a>(views: &'a Views, reach: &Reach) -> Vec<BlockedTask<'a>> {
    let stuck = views.tasks.in_status(reach, Status::Blocked, Order::Asc).take(MAX_NAMED);
    stuck
        .map(|row| row.view(&views.agents))
        .map(|task| BlockedTask {
            id: task.id,
            title: task.title,
            assignees: names(views, task.assignee_ids),
            reason: task.blocked_reason,
            since: task.status_since,
        })
        .collect()
}

fn waiting<'a>(views: &'a Views, reach: &Reach) -> Vec<ApprovalView<'a>> {
    let query = ApprovalQuery {
        reach: reach.clone(),
        sort: Some(ApprovalSort::ExpiresAt),
        order: Some(Order::Asc),
        limit: Some(MAX_NAMED.min(MAX_LIMIT)),
        ..ApprovalQuery::default()
    };
    // The query has no cursor that could be wrong.
    views.approvals.list(&query, &views.agents).map(|page| page.items).unwrap_or_default()
}

fn names<'i>(views: &Views, ids: impl IntoIterator<Item = &'i AgentId>) -> Vec<String> {
    ids.into_iter().map(|id| views.agents.name_or_id(*id).into_owned()).collect()
}

impl Standup<'_> {
    fn sentences(&self) -> String {
        let active = self.agents.by_status[&agent::Status::Active];
        let counts = self.counts;
        format!(
            "{active} of {} agents are active; {} done in the last 24 hours, {} in progress, {} in review, {} blocked. \
             {} waiting for approval, {} open ({} critical), ${} spent of ${} (${} an hour).",
            self.agents.total,
            counted(counts.completed_last_24h, "task was", "tasks were"),
            self.tasks.by_status[&Status::InProgress],
            self.tasks.by_status[&Status::Review],
            self.tasks.by_status[&Status::Blocked],
            counted(counts.waiting_approvals, "request is", "requests are"),
            counted(counts.open_alerts, "alert is", "alerts are"),
            counts.critical_alerts,
            self.spend,
            self.agents.cap,
            self.burn_rate,
        )
    }

    /// The report as a Markdown document.
    pub fn markdown(&self) -> String {
        let mut text = format!("# Standup {}", self.date);
        if let Some(project) = &self.project {
            let _ = write!(text, ": {}", inline(project));
        }
        let _ = write!(text, "\n\n{}\n", self.summary);
        let agents = self.agents.by_status.iter().map(|(status, count)| format!("{status}: {count}"));
        section(&mut text, "Agents", agents);
        let tasks = self.tasks.by_status.iter().map(|(status, count)| format!("{status}: {count}"));
        section(&mut text, "Tasks", tasks);
        let done = self.completed_last_24h.iter().map(|task| {
            format!(
                "{} ({}, ${}, {})",
                inline(task.title.as_str()),
                task.kind,
                task.cost,
                or_nobody(&task.assignees)
            )
        });
        section(
            &mut text,
            "Completed in the last 24 hours",
            done.chain(more(self.counts.completed_last_24h)),
        );
        let stuck = self.blocked.iter().map(|task| {
            let (title, assignees) = (inline(task.title.as_str()), or_nobody(&task.assignees));
            let reason =
                task.reason.map_or("no reason was given".to_owned(), |reason| inline(reason.as_str()));
            format!("{title} ({assignees}): {reason}, since {}", task.since)
        });
        section(&mut text, "Blocked", stuck.chain(more(self.counts.blocked)));
        let waiting = self.waiting_approvals.iter().map(|approval| {
            let (by, until) = (inline(&approval.requested_by.name), approval.expires_at);
            let summary = inline(approval.summary.as_str());
            format!("{summary} ({}, {}), asked by {by}, until {until}", approval.risk, approval.status)
        });
        section(&mut text, "Waiting for approval", waiting.chain(more(self.counts.waiting_approvals)));
        let alerts = self.open_alerts.iter().map(|alert| {
            let title = inline(alert.title.as_str());
            format!("{title} ({}, {}, {} times)", alert.kind, alert.severity, alert.count)
        });
        section(&mut text, "Open alerts", alerts.chain(more(self.counts.open_alerts)));
        let _ = write!(text, "\n## Spend\n\n- Runs of the day: ${}\n- Budgets of the agents: ", self.spend);
        let _ = writeln!(text, "${} of ${}", self.agents.spend_today, self.agents.cap);
        let _ = writeln!(text, "- Burn rate: ${} an hour", self.burn_rate);
        text
    }
}

/// The line for the entries that are not named; nothing when all are named.
fn more(count: usize) -> Option<String> {
    count.checked_sub(MAX_NAMED).filter(|more| *more > 0).map(|more| format!("and {more} more"))
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let _ = write!(text, "\n## {title}\n\n");
    let before = text.len();
    lines.for_each(|line| {
        let _ = writeln!(text, "- {line}");
    });
    if text.len() == before {
        text.push_str("None.\n");
    }
}

fn or_nobody(names: &[String]) -> String {
    if names.is_empty() { "nobody".to_owned() } else { inline(&names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use mc_domain::{
        actor::Actor,
        agent::{Profile, Role},
        task::{Details, Event},
        values::Name,
    };
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::script::Script;

    fn sofie() -> Actor {
        Actor::Human(Name::new("Sofie").unwrap())
    }

    fn script() -> Script {
        let mut script = Script::new();
        let project = Uuid::from_u128(1).into();
        let profile = Profile::new(Name::new("Scout").unwrap(), Role::Intern);
        let scout = script.agent(2, |at| agent::Event::Registered {
            project,
            profile,
            parent: None,
            purpose: None,
            at,
        });
        for (number, title) in [(1, "Pricing"), (2, "Guide"), (3, "Newsletter")] {
            let details = Details::titled(title, TaskType::Docs).unwrap();
            script.task(number, |at| Event::Created { project, details, parent: None, creator: sofie(), at });
            script.task(number, |at| Event::Claimed { agent: scout, at });
        }
        script
    }

    fn complete(script: &mut Script, number: u128) {
        let (from, approved_by) = (Status::Review, sofie());
        script.task(number, |at| Event::Completed { from, approved_by, note: None, at });
    }

    #[test]
    fn the_report_names_what_is_done_and_what_is_stuck() {
        let mut script = script();
        complete(&mut script, 1);
        script.wait(TimeDelta::hours(24));
        complete(&mut script, 2);
        let reason = Reason::new("the brief is missing").unwrap();
        script.task(3, |at| Event::Blocked { from: Status::Assigned, reason, at });
        let views = script.views();
        let query = StandupQuery { reach: Reach::All, date: script.now().date_naive() };
        let report = standup(&views, query, script.now(), |_| None);
        let shown = serde_json::to_value(&report).unwrap();
        assert_eq!(
            shown["completedLast24h"],
            json!([{
                "id": "00000000-0000-0000-0000-000000000002",
                "title": "Guide",
                "type": "docs",
                "assignees": ["Scout"],
                "cost": 0,
                "completedAt": "2026-02-02T09:00:08.000Z",
            }])
        );
        assert_eq!(
            shown["blocked"],
            json!([{
                "id": "00000000-0000-0000-0000-000000000003",
                "title": "Newsletter",
                "assignees": ["Scout"],
                "reason": "the brief is missing",
                "since": "2026-02-02T09:00:09.000Z",
            }])
        );
        assert_eq!(shown["agents"]["cap"], json!(2));
        assert_eq!(shown["tasks"]["byStatus"]["done"], json!(2));
        let text = report.markdown();
        assert!(text.contains("- Newsletter (Scout): the brief is missing"), "{text}");
        assert!(text.contains("## Open alerts\n\nNone.\n"), "{text}");
        assert!(
            report.summary.starts_with("1 of 1 agents are active; 1 task was done"),
            "{}",
            report.summary
        );
    }

    #[test]
    fn money_burns_by_the_hours_of_the_day() {
        let spent = Usd::cents(900);
        assert_eq!(per_hour(spent, TimeDelta::hours(9)), Usd::cents(100));
        assert_eq!(per_hour(spent, TimeDelta::minutes(5)), spent);
        assert_eq!(per_hour(Usd::ZERO, TimeDelta::hours(9)), Usd::ZERO);
    }

    #[test]
    fn a_day_in_the_past_is_told_up_to_its_end() {
        let mut script = script();
        let date = script.now().date_naive();
        script.wait(TimeDelta::days(2));
        complete(&mut script, 1);
        let views = script.views();
        let report = standup(&views, StandupQuery { reach: Reach::All, date }, script.now(), |_| None);
        assert_eq!(report.completed_last_24h, []);
    }
}
