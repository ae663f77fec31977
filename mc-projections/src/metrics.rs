//! How healthy are the agents, how much gets done, what does it cost, and how often does it go wrong?
//!
//! The projection counts what happens by day; [`metrics`] and [`counts`] join that with what the other views know.

#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use mc_domain::{
    alert::{self, Kind},
    approval,
    ids::{ProjectId, TaskId},
    reach::Reach,
    recorded::{AnyEvent, Recorded},
    task,
};
use serde::{Deserialize, Serialize};

pub use view::{
    AgentHealth, CompletedOn, CostMetrics, Counts, IncidentMetrics, IncidentsOn, Metrics,
    NotificationMetrics, TaskThroughput, counts, metrics,
};

use crate::{
    catalogue::{self, Verdict},
    projection::Projection,
};

/// How many days the metrics look back, the day of the question included.
const DAYS: i64 = 7;

/// What happened on each day in each project, in numbers.
///
/// ```
/// use mc_domain::{alert::{Alert, Event, Key, Kind, Subject}, reach::Reach, values::Title};
/// use mc_projections::{metrics::metrics, script::Script};
///
/// let mut script = Script::new();
/// let (kind, project, subject) = (Kind::LoopDetected, uuid::Uuid::nil().into(), uuid::Uuid::nil().into());
/// let (id, severity, title) = (uuid::Uuid::from_u128(7).into(), kind.severity(), Title::new("A loop was found")?);
/// let (description, agent, task, run) = (None, None, None, None);
/// script.record::<Alert>(&Key::new(kind, Subject::Task(subject)), |at| {
///     Event::Raised { id, kind, severity, title, description, agent, task, run, project, at }
/// });
///
/// let metrics = metrics(&script.views(), &Reach::All, script.now(), |_| None);
/// assert_eq!(metrics.incidents.loops_today, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tallies {
    projects: BTreeMap<ProjectId, Days>,
    /// The course of every task that was created.
    tasks: BTreeMap<TaskId, Course>,
}

/// What happened in one project, day by day and in all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Days {
    by_date: BTreeMap<NaiveDate, Day>,
    /// The sum over all days, from the first event on.
    ever: Day,
}

/// What happened in one project on one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Day {
    completed: u64,
    /// The seconds from creation to completion, summed over the completed tasks.
    completion_secs: u64,
    /// Tasks that reached review for the first time without anybody stepping in.
    unaided: u64,
    /// Tasks that needed somebody to step in before they reached review for the first time.
    aided: u64,
    budget_breaches: u64,
    loops: u64,
    approval_requests: u64,
}

/// What the counts need to know of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Course {
    project: ProjectId,
    created_at: DateTime<Utc>,
    /// Whether it has counted as unaided or aided already: a task counts once.
    judged: bool,
}

impl Day {
    fn add(&mut self, other: &Self) {
        self.completed += other.completed;
        self.completion_secs += other.completion_secs;
        self.unaided += other.unaided;
        self.aided += other.aided;
        self.budget_breaches += other.budget_breaches;
        self.loops += other.loops;
        self.approval_requests += other.approval_requests;
    }
}

impl Tallies {
    /// What happened on a day in the projects within a reach.
    fn on(&self, day: NaiveDate, reach: &Reach) -> Day {
        self.sum(reach, |days| days.by_date.get(&day))
    }

    /// What happened so far in the projects within a reach.
    fn ever(&self, reach: &Reach) -> Day {
        self.sum(reach, |days| Some(&days.ever))
    }

    fn sum(&self, reach: &Reach, part: impl Fn(&Days) -> Option<&Day>) -> Day {
        let all = reach.projects().is_none().then(|| self.projects.values());
        let named = reach.projects().into_iter().flatten().filter_map(|project| self.projects.get(project));
        all.into_iter().flatten().chain(named).filter_map(part).fold(Day::default(), |mut sum, day| {
            sum.add(day);
            sum
        })
    }

    /// Adds to the numbers of a project what happened at `at`.
    fn count(&mut self, project: ProjectId, at: DateTime<Utc>, happened: &Day) {
        let days = self.projects.entry(project).or_default();
        days.by_date.entry(at.date_naive()).or_default().add(happened);
        days.ever.add(happened);
    }

    fn of_task(&mut self, id: TaskId, fact: &task::Event, at: DateTime<Utc>) {
        if let task::Event::Created { project, at, .. } = fact {
            let course = Course { project: *project, created_at: *at, judged: false };
            self.tasks.entry(id).or_insert(course);
        }
        let Some(course) = self.tasks.get_mut(&id) else { return };
        let (project, created_at) = (course.project, course.created_at);
        let verdict = catalogue::task(fact).verdict.filter(|_| !course.judged);
        course.judged |= verdict.is_some();
        match verdict {
            Some(Verdict::Unaided) => self.count(project, at, &Day { unaided: 1, ..Day::default() }),
            Some(Verdict::Aided) => self.count(project, at, &Day { aided: 1, ..Day::default() }),
            None => {}
        }
        if matches!(fact, task::Event::Completed { .. }) {
            let completion_secs = secs(at - created_at);
            self.count(project, at, &Day { completed: 1, completion_secs, ..Day::default() });
        }
    }

    fn of_alert(&mut self, fact: &alert::Event, event: &Recorded<AnyEvent>) {
        let at = event.metadata.recorded_at;
        let (project, kind) = match fact {
            alert::Event::Raised { kind, project, .. } => (Some(*project), Some(*kind)),
            alert::Event::Repeated { .. } => {
                let key = event.stream.aggregate_id.parse::<alert::Key>();
                (event.metadata.project, key.ok().map(|key| key.kind))
            }
            alert::Event::Acknowledged { .. }
            | alert::Event::Resolved { .. }
            | alert::Event::Ignored { .. } => return,
        };
        let Some(project) = project else { return };
        match kind {
            Some(Kind::BudgetExceeded) => {
                self.count(project, at, &Day { budget_breaches: 1, ..Day::default() });
            }
            Some(Kind::LoopDetected) => self.count(project, at, &Day { loops: 1, ..Day::default() }),
            Some(
                Kind::BudgetWarning
                | Kind::BudgetCritical
                | Kind::AgentStale
                | Kind::ErrorStreak
                | Kind::AgentQuarantined
                | Kind::PolicyViolation
                | Kind::ApprovalExpired
                | Kind::RunTimeout
                | Kind::NotificationFailed
                | Kind::VerificationFailed
                | Kind::TaskBlocked,
            )
            | None => {}
        }
    }
}

fn secs(time: TimeDelta) -> u64 {
    u64::try_from(time.num_seconds()).unwrap_or(0)
}

impl Projection for Tallies {
    const NAME: &'static str = "metrics";
    const VERSION: u32 = 2;

    fn apply(&mut self, event: &Recorded<AnyEvent>) {
        match &event.event {
            AnyEvent::Task(fact) => {
                if let Ok(id) = event.stream.aggregate_id.parse() {
                    self.of_task(id, fact, event.metadata.recorded_at);
                }
            }
            AnyEvent::Alert(fact) => self.of_alert(fact, event),
            AnyEvent::Approval(fact) => {
                if let approval::Event::Requested { subject, at, .. } = fact {
                    self.count(subject.project, *at, &Day { approval_requests: 1, ..Day::default() });
                }
            }
            AnyEvent::Project(_)
            | AnyEvent::Agent(_)
            | AnyEvent::Reservation(_)
            | AnyEvent::Budget(_)
            | AnyEvent::Run(_)
            | AnyEvent::Policy(_)
            | AnyEvent::Notification(_)
            | AnyEvent::Standup(_)
            | AnyEvent::Credential(_) => {}
        }
    }
}
