//! What may have happened to an agent. Names and shapes here are a stored contract: see the golden files.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::values::{Ending, PauseReason, Profile, Status};
use crate::{
    budget,
    ids::{AgentId, ApprovalId, LeaseId, ProjectId, RunId, TaskId},
    money::Usd,
    run::{OpenRun, Outcome},
    values::{Label, Reason},
};

/// A fact about one agent. `at` is the time of the decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all_fields = "camelCase")]
pub enum Event {
    /// The agent joined its project, active.
    #[serde(rename = "registered")]
    Registered {
        /// The project that it works in for good.
        project: ProjectId,
        /// What it is and may do.
        profile: Profile,
        /// The agent that spawned it; absent for one that registered by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<AgentId>,
        /// What its parent spawned it for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        purpose: Option<Reason>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// What it is or may do was changed.
    #[serde(rename = "profile_changed")]
    ProfileChanged {
        /// The whole profile as it is now.
        profile: Profile,
    },
    /// It showed that it lives, with news or after at least a minute.
    #[serde(rename = "heartbeat_recorded")]
    HeartbeatRecorded {
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
        /// Its session, as it named it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session_key: Option<Label>,
        /// What went wrong since the last one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Reason>,
        /// How many errors in a row there are now.
        error_streak: u32,
    },
    /// It was stopped, and may be resumed.
    #[serde(rename = "paused")]
    Paused {
        /// The ground, which decides who may lift the pause.
        reason: PauseReason,
        /// The note that the command brought along.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Reason>,
    },
    /// The agent was let work again, and is active.
    #[serde(rename = "resumed")]
    Resumed {
        /// The status that it left.
        from: Status,
        /// The note that the command brought along.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Reason>,
        /// When; older ones do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<DateTime<Utc>>,
    },
    /// It was asked to finish its current task and take no new one.
    #[serde(rename = "drain_started")]
    DrainStarted {
        /// The note that the command brought along.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Reason>,
    },
    /// The agent was quarantined: by an operator, for its errors, or for what it did.
    #[serde(rename = "quarantined")]
    Quarantined {
        /// Why it was decided, where the command gave a note.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Reason>,
    },
    /// It said goodbye, or was taken out of service.
    #[serde(rename = "signed_off")]
    SignedOff {
        /// The note that the command brought along.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Reason>,
    },
    /// Its time as a sub-agent is over: nothing but its parent, by spawning it again, puts it back into service.
    #[serde(rename = "retired")]
    Retired {
        /// Why it was decided, where the command gave a note.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Reason>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// It came back after a goodbye.
    #[serde(rename = "signed_on")]
    SignedOn {
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// An operator made it begin anew: active, no errors counted, told so at its next heartbeat.
    #[serde(rename = "restarted")]
    Restarted {
        /// The note that the command brought along.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Reason>,
        /// When; older ones do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<DateTime<Utc>>,
    },
    /// The order to restart was delivered with the answer to a heartbeat.
    #[serde(rename = "restart_delivered")]
    RestartDelivered {},
    /// An operator set its record straight. Only what changed is named.
    #[serde(rename = "corrected")]
    Corrected {
        /// The status before and after; absent where it stays.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<Correction<Status>>,
        /// Its errors in a row, before and after.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error_streak: Option<Correction<u32>>,
        /// What it is to have spent today (the UTC day of `at`), by adjustment.
        #[serde(default, rename = "todaySpendMicroUsd", skip_serializing_if = "Option::is_none")]
        today_spend: Option<Usd>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// It began to work on a task, under a lease.
    #[serde(rename = "engaged")]
    Engaged {
        /// The task that it holds or held.
        task: TaskId,
        /// The lease that it holds the task under.
        lease: LeaseId,
    },
    /// Its hold on a task is over.
    #[serde(rename = "released")]
    Released {
        /// The task that it holds or held.
        task: TaskId,
        /// The lease, which is over from here on.
        lease: LeaseId,
        /// What ended the hold.
        ending: Ending,
    },
    /// A run of it would be too dear, or was: it is paused until somebody allows more, or until the next day.
    #[serde(rename = "overspent")]
    Overspent {
        /// The approval that was opened for it.
        approval: ApprovalId,
        /// The budget that is not enough; older ones do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        budget: Option<budget::Key>,
        /// The UTC day whose budget counts.
        day: NaiveDate,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// The agent began a run, and knows it as open until it ends.
    #[serde(rename = "run_began")]
    RunBegan {
        /// The run, by the identity drawn when it was started.
        run: RunId,
        /// What is to be known of it.
        open_run: OpenRun,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// One of its runs is over.
    #[serde(rename = "run_ended")]
    RunEnded {
        /// The run, by the identity drawn when it was started.
        run: RunId,
        /// How the run ended; a failed one counts as an error, a completed one ends the streak.
        outcome: Outcome,
        /// What went wrong, as the agent told it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Reason>,
        /// How many errors in a row there are now.
        error_streak: u32,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// The agent created a sub-agent, or spawned a retired one again.
    #[serde(rename = "spawned")]
    Spawned {
        /// The sub-agent, which is registered by an event of its own.
        child: AgentId,
        /// What the sub-agent is created for.
        purpose: Reason,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// It came into service as a sub-agent.
    #[serde(rename = "commissioned")]
    Commissioned {
        /// How many agents are above it.
        depth: u32,
        /// The task its parent worked on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskId>,
        /// When it is retired at the latest.
        until: DateTime<Utc>,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// A sub-agent of it is no longer in service.
    #[serde(rename = "child_retired")]
    ChildRetired {
        /// The sub-agent, which is registered by an event of its own.
        child: AgentId,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
    /// An operator let it work on alone while its squad is paused. It is active; the next halt stops it again.
    #[serde(rename = "excepted")]
    Excepted {
        /// The number of the halt of its project that it is excepted from; it is from all before too.
        halt: u64,
        /// When the command was decided, UTC.
        at: DateTime<Utc>,
    },
}

/// A value before and after an operator's correction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction<T> {
    /// The value that the record had.
    pub before: T,
    /// The value that the operator set.
    pub after: T,
}

impl crate::aggregate::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Registered { .. } => "agent.registered",
            Self::ProfileChanged { .. } => "agent.profile_changed",
            Self::HeartbeatRecorded { .. } => "agent.heartbeat_recorded",
            Self::Paused { .. } => "agent.paused",
            Self::Resumed { .. } => "agent.resumed",
            Self::DrainStarted { .. } => "agent.drain_started",
            Self::Quarantined { .. } => "agent.quarantined",
            Self::SignedOff { .. } => "agent.signed_off",
            Self::Retired { .. } => "agent.retired",
            Self::SignedOn { .. } => "agent.signed_on",
            Self::Restarted { .. } => "agent.restarted",
            Self::RestartDelivered {} => "agent.restart_delivered",
            Self::Corrected { .. } => "agent.corrected",
            Self::Engaged { .. } => "agent.engaged",
            Self::Released { .. } => "agent.released",
            Self::Overspent { .. } => "agent.overspent",
            Self::RunBegan { .. } => "agent.run_began",
            Self::RunEnded { .. } => "agent.run_ended",
            Self::Spawned { .. } => "agent.spawned",
            Self::Commissioned { .. } => "agent.commissioned",
            Self::ChildRetired { .. } => "agent.child_retired",
            Self::Excepted { .. } => "agent.excepted",
        }
    }
}
