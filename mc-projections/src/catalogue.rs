//! Where is an event shown, and what does it say about how work goes?
//!
//! There is one row per event of the domain. Whoever adds an event adds its row here, its sentence in
//! [`crate::summary`], and its effect in the folds of its aggregate. The activity, the timelines, the threads and the
//! metrics read the row.

use mc_domain::{
    agent, alert, approval, budget, credential, notification, policy, project,
    recorded::AnyEvent,
    reservation,
    run::{self, ToolStatus},
    standup,
    task::{self, Status},
};

/// What the catalogue says of one event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    /// Whether the activity feed tells it. It leaves out signs of life, bookkeeping, and what another event of the
    /// same commit tells better.
    pub(crate) is_news: bool,
    /// Whether it belongs on the timeline of the task that it concerns, where it concerns one.
    pub(crate) is_on_timeline: bool,
    /// Whether it is a message in the thread of its task.
    pub(crate) is_in_thread: bool,
    /// What it says about how its task got to review; the first event that says something decides.
    pub(crate) verdict: Option<Verdict>,
}

/// How a task got to review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The agent handed its work in before anybody had to step in.
    Unaided,
    /// Before that, the task was held, blocked, failed, or given to somebody else.
    Aided,
}

/// The columns of the catalogue: each adds what a row says to an event that is listed nowhere.
impl Listing {
    const fn news(self, is_news: bool) -> Self {
        Self { is_news, ..self }
    }

    const fn timeline(self) -> Self {
        Self { is_on_timeline: true, ..self }
    }

    const fn thread(self, is_in_thread: bool) -> Self {
        Self { is_in_thread, ..self }
    }

    const fn unaided(self) -> Self {
        Self { verdict: Some(Verdict::Unaided), ..self }
    }

    const fn aided(self, is_verdict: bool) -> Self {
        Self { verdict: if is_verdict { Some(Verdict::Aided) } else { None }, ..self }
    }
}

/// Makes [`NEWS_TYPES`], [`listing`] and a function per aggregate out of the same rows. A row reads
/// `Event { fields } => "stored name if it is news" when(the fields make it news) [where else it is shown]`.
macro_rules! catalogue {
    ($($aggregate:ident($module:ident) $($name:literal)? {
        $($event:ident $fields:tt => $($news:literal $(when($is_news:expr))?)? [$($column:ident $(($what:expr))?),*],)+
    })+) => {
        /// Every type that news can be filtered by: aggregates, such as `task`, and stored names of events, such as
        /// `task.claimed`. Names of events that are never news are not among them.
        pub(crate) const NEWS_TYPES: &[&str] = &[$($($name,)?)+ $($($($news,)?)+)+];

        /// What the catalogue says of an event.
        pub(crate) const fn listing(event: &AnyEvent) -> Listing {
            match event {
                $(AnyEvent::$aggregate(event) => $module(event),)+
            }
        }

        $(pub(crate) const fn $module(event: &$module::Event) -> Listing {
            const NOWHERE: Listing = Listing {
                is_news: false, is_on_timeline: false, is_in_thread: false, verdict: None,
            };
            match event {
                $($module::Event::$event $fields => {
                    NOWHERE $(.news(catalogue!(@is_news $news $($is_news)?)))? $(.$column($($what)?))*
                })+
            }
        })+
    };
    (@is_news $news:literal) => { true };
    (@is_news $news:literal $is_news:expr) => { $is_news };
}

catalogue! {
    Project(project) "project" {
        Created { .. }      => "project.created" [],
        Edited { .. }       => "project.edited" [],
        SquadPaused { .. }  => "project.squad_paused" [],
        SquadResumed { .. } => "project.squad_resumed" [],
    }
    // Events of the task, the run and the sub-agent tell of an agent's work in the same commit; an alert tells of its
    // overspending.
    Agent(agent) "agent" {
        Registered { .. }       => "agent.registered" [],
        ProfileChanged { .. }   => "agent.profile_changed" [],
        HeartbeatRecorded { error, .. } => "agent.heartbeat_recorded" when(error.is_some()) [],
        Paused { .. }           => "agent.paused" [],
        Resumed { .. }          => "agent.resumed" [],
        DrainStarted { .. }     => "agent.drain_started" [],
        Excepted { .. }         => "agent.excepted" [],
        Quarantined { .. }      => "agent.quarantined" [],
        Retired { .. }          => "agent.retired" [],
        SignedOff { .. }        => "agent.signed_off" [],
        SignedOn { .. }         => "agent.signed_on" [],
        Restarted { .. }        => "agent.restarted" [],
        RestartDelivered { .. } => "agent.restart_delivered" [],
        Corrected { .. }        => "agent.corrected" [],
        Engaged { .. }          => [],
        Released { .. }         => [],
        Overspent { .. }        => [],
        RunBegan { .. }         => [],
        RunEnded { .. }         => [],
        Spawned { .. }          => [],
        Commissioned { .. }     => [],
        ChildRetired { .. }     => [],
    }
    // Events of the run and of the approval tell in the same commit that a run began or ended, and what a task waits
    // for.
    Task(task) "task" {
        Created { .. }          => "task.created" [timeline],
        Edited { .. }           => "task.edited" [timeline],
        Claimed { .. }          => "task.claimed" [timeline],
        Assigned { from, .. }   => "task.assigned" [timeline, aided(matches!(from, Status::InProgress))],
        AssigneesChanged { .. } => "task.assignees_changed" [timeline],
        ReturnedToInbox { from, .. } => "task.returned_to_inbox" [timeline, aided(matches!(from, Status::InProgress))],
        Started { plan, .. }    => "task.started" [timeline, thread(plan.is_some())],
        Submitted { deliverable, checklist, .. } => "task.submitted" [
            timeline, thread(deliverable.is_some() || checklist.is_some()), unaided
        ],
        Subscribed { .. }       => "task.subscribed" [timeline],
        Unsubscribed { .. }     => "task.unsubscribed" [timeline],
        SentBack { .. }         => "task.sent_back" [timeline, thread(true)],
        ReturnedToReview { .. } => "task.returned_to_review" [timeline],
        HeldForApproval { .. }  => "task.held_for_approval" [timeline, aided(true)],
        Blocked { .. }          => "task.blocked" [timeline, aided(true)],
        Failed { .. }           => "task.failed" [timeline, aided(true)],
        Completed { .. }        => "task.completed" [timeline],
        // Canceling a task says nothing about how the work on it went.
        Canceled { .. }         => "task.canceled" [timeline],
        Archived { .. }         => "task.archived" [timeline],
        Restored { .. }         => "task.restored" [timeline],
        LoopDetected { .. }     => "task.loop_detected" [timeline, aided(true)],
        MessagePosted { .. }    => "task.message_posted" [timeline, thread(true)],
        ApprovalAwaited { .. }  => [],
        ApprovalSettled { .. }  => [],
        RunBegan { .. }         => [],
        RunEnded { .. }         => [],
        RunBilled { .. }        => [],
    }
    // Agents call tools all the time: only calls that failed or were not allowed are news.
    Run(run) "run" {
        Started(_)   => "run.started" [timeline],
        ToolCalled { status, .. } => "run.tool_called" when(!matches!(status, ToolStatus::Success)) [timeline],
        Completed(_) => "run.completed" [timeline],
        Failed(_)    => "run.failed" [timeline],
        TimedOut(_)  => "run.timed_out" [timeline],
        Aborted(_)   => "run.aborted" [timeline],
        Billed(_)    => "run.billed" [timeline],
    }
    // Events of the run tell what is set aside and charged. For thresholds and corrections the activity has the
    // events of the alert and of the agent, and a timeline those of the budget.
    Budget(budget) "budget" {
        Granted { .. }          => "budget.granted" [timeline],
        RunAllowed { .. }       => "budget.run_allowed" [],
        Reserved { .. }         => [],
        Settled { .. }          => [],
        Charged { .. }          => [],
        Released { .. }         => [],
        Adjusted { .. }         => [timeline],
        CapChanged { .. }       => [],
        ThresholdCrossed { .. } => [timeline],
        Exceeded { .. }         => [timeline],
    }
    Approval(approval) "approval" {
        Requested { .. }         => "approval.requested" [timeline],
        Endorsed { .. }          => "approval.endorsed" [timeline],
        Approved { .. }          => "approval.approved" [timeline],
        Denied { .. }            => "approval.denied" [timeline],
        RevisionRequested { .. } => "approval.revision_requested" [timeline],
        Resubmitted { .. }       => "approval.resubmitted" [timeline],
        Withdrawn { .. }         => "approval.withdrawn" [timeline],
        Escalated { .. }         => "approval.escalated" [timeline],
        Expired { .. }           => "approval.expired" [timeline],
        Used { .. }              => "approval.used" [timeline],
    }
    Alert(alert) "alert" {
        Raised { .. }       => "alert.raised" [timeline],
        Repeated { .. }     => "alert.repeated" [timeline],
        Acknowledged { .. } => "alert.acknowledged" [timeline],
        Resolved { .. }     => "alert.resolved" [timeline],
        Ignored { .. }      => "alert.ignored" [timeline],
    }
    Policy(policy) "policy" {
        Published { .. } => "policy.published" [],
    }
    // Uses and sessions say who is there, not what happens.
    Credential(credential) "credential" {
        Issued { .. }        => "credential.issued" [],
        Renamed { .. }       => "credential.renamed" [],
        Revoked { .. }       => "credential.revoked" [],
        Used { .. }          => [],
        SessionOpened { .. } => [],
        SessionUsed { .. }   => [],
        SessionEnded { .. }  => [],
    }
    Standup(standup) "standup" {
        Recorded { .. } => "standup.recorded" [],
    }
    Reservation(reservation) {
        Reserved { .. } => [],
        Released { .. } => [],
    }
    Notification(notification) {
        Queued { .. }        => [],
        Delivered { .. }     => [],
        Read { .. }          => [],
        AttemptFailed { .. } => [],
        Failed { .. }        => [],
        Expired { .. }       => [],
    }
}
