//! All views at one position of the log.

use chrono::{DateTime, Utc};
use mc_domain::recorded::{AnyEvent, Recorded};

use crate::{
    activity::Activity, agents::Agents, alerts::Alerts, approvals::Approvals, costs::Costs, hours::Hours,
    messages::Threads, metrics::Tallies, notifications::Notifications, policy::Policies,
    projection::Projection, projects::Projects, runs::Runs, tasks::Tasks, timeline::Timelines,
};

/// Every projection, folded up to the same event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Views {
    position: u64,
    /// What projects there are.
    pub projects: Projects,
    /// What agents there are and how they are.
    pub agents: Agents,
    /// What tasks there are and where they stand.
    pub tasks: Tasks,
    /// What runs there are and what they cost.
    pub runs: Runs,
    /// What approvals were asked for and decided.
    pub approvals: Approvals,
    /// What alerts were raised.
    pub alerts: Alerts,
    /// What runs cost, by day and by agent.
    pub costs: Costs,
    /// What happened, in numbers by day.
    pub tallies: Tallies,
    /// Who was told what.
    pub notifications: Notifications,
    /// Which policy holds where.
    pub policy: Policies,
    /// What was said in the threads of tasks.
    pub threads: Threads,
    /// What happened to tasks.
    pub timelines: Timelines,
    /// What happened lately.
    pub activity: Activity,
    /// Where in the log each hour is.
    pub hours: Hours,
}

impl Views {
    /// The position of the last event they reflect, 0 before the first.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Takes in one more event.
    pub fn apply(&mut self, event: &Recorded<AnyEvent>) {
        self.projects.apply(event);
        self.agents.apply(event);
        self.tasks.apply(event);
        self.runs.apply(event);
        self.approvals.apply(event);
        self.alerts.apply(event);
        self.costs.apply(event);
        self.tallies.apply(event);
        self.notifications.apply(event);
        self.policy.apply(event);
        self.threads.apply(event);
        self.timelines.apply(event);
        self.activity.apply(event);
        self.hours.apply(event);
        self.position = event.position;
    }

    /// Passes over an event that is none of this domain's.
    pub(crate) fn pass(&mut self, position: u64, at: DateTime<Utc>) {
        self.hours.note(position, at);
        self.position = position;
    }
}
