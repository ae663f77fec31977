//! All views at one position of the log.

use chrono::{DateTime, Utc};
use mc_domain::recorded::{AnyEvent, Recorded};

use crate::{
    activity::Activity, agents::Agents, alerts::Alerts, approvals::Approvals, costs::Costs,
    credentials::Credentials, hours::Hours, messages::Threads, metrics::Tallies,
    notifications::Notifications, policy::Policies, projection::Projection, projects::Projects, runs::Runs,
    tasks::Tasks, timeline::Timelines,
};

/// Every projection, each folded up to the same event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Views {
    position: u64,
    /// Which projects there are, and whether their squads work.
    pub projects: Projects,
    /// Which agents there are, and how they are.
    pub agents: Agents,
    /// Which tasks there are, and where they stand.
    pub tasks: Tasks,
    /// Which runs there are, and what they cost.
    pub runs: Runs,
    /// Which approvals were asked for, and who decided them.
    pub approvals: Approvals,
    /// Which alerts were raised, and who looks after them.
    pub alerts: Alerts,
    /// What runs cost, by day, agent, task and model.
    pub costs: Costs,
    /// What happened, in numbers by day.
    pub tallies: Tallies,
    /// Who was told what, and what is still to be delivered.
    pub notifications: Notifications,
    /// Which policy is active in which project.
    pub policy: Policies,
    /// Which credentials were issued, and whether they are good.
    pub credentials: Credentials,
    /// Where in the log the messages of each task are.
    pub threads: Threads,
    /// Where in the log the events of each task's timeline are.
    pub timelines: Timelines,
    /// Where in the log the latest news are.
    pub activity: Activity,
    /// Which positions of the log were recorded in each hour.
    pub hours: Hours,
}

impl Views {
    /// The position of the last event that the views reflect, 0 before the first.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Gives the next event of the log to every projection.
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
        self.credentials.apply(event);
        self.threads.apply(event);
        self.timelines.apply(event);
        self.activity.apply(event);
        self.hours.apply(event);
        self.position = event.position;
    }

    /// Passes over an event of another service: it moves only the position and the hours.
    pub(crate) fn skip(&mut self, position: u64, at: DateTime<Utc>) {
        self.hours.note(position, at);
        self.position = position;
    }
}
