//! Tells what happened to an agent, in one sentence.

use mc_domain::{
    actor::Actor,
    agent::{Correction, Ending, Event, PauseReason, Role, Status},
    ids::AgentId,
    money::Usd,
    values::Reason,
};

use super::{Names, because, run::ended};

pub(super) fn sentence(fact: &Event, actor: &Actor, id: Option<AgentId>, names: &Names<'_>) -> String {
    let agent = id.map_or_else(|| "an agent".into(), |id| names.agent(id));
    let on =
        On { who: names.actor(actor), agent: &agent, itself: actor.agent().is_some_and(|by| Some(by) == id) };
    match fact {
        Event::Registered { profile, parent, purpose, .. } => {
            let role = role(profile.role);
            let said = because(purpose.as_ref());
            match parent {
                Some(parent) => format!("{} spawned {agent} as {role}{said}", names.agent(*parent)),
                None if on.itself => format!("{agent} registered as {role}{said}"),
                None => format!("{} registered {agent} as {role}{said}", on.who),
            }
        }
        Event::ProfileChanged { .. } if on.itself => format!("{agent} changed its profile"),
        Event::ProfileChanged { .. } => format!("{} changed the profile of {agent}", on.who),
        Event::HeartbeatRecorded { error: Some(error), error_streak, .. } => {
            format!("{agent} reported an error{} ({error_streak} in a row)", because(Some(error)))
        }
        Event::HeartbeatRecorded { error: None, .. } => format!("{agent} showed that it lives"),
        Event::Paused { reason: PauseReason::Operator, note: None } if on.itself => {
            format!("{agent} finished its work and is paused")
        }
        Event::Paused { reason, note } => on.imposed("paused", ground(*reason), note.as_ref()),
        Event::Resumed { note, .. } => on.imposed("resumed", "", note.as_ref()),
        Event::DrainStarted { note } => on.imposed("drained", " after its current task", note.as_ref()),
        Event::Quarantined { note } => on.imposed("quarantined", "", note.as_ref()),
        Event::SignedOff { note } if on.itself => format!("{agent} signed off{}", because(note.as_ref())),
        Event::SignedOff { note } => {
            format!("{} took {agent} out of service{}", on.who, because(note.as_ref()))
        }
        Event::Retired { note, .. } => format!("{agent} was retired{}", because(note.as_ref())),
        Event::SignedOn { .. } => format!("{agent} signed on again"),
        Event::Restarted { note, .. } => on.imposed("restarted", "", note.as_ref()),
        Event::RestartDelivered {} => format!("{agent} was told to restart"),
        Event::Corrected { status, error_streak, today_spend, .. } => {
            let what = corrections(*status, *error_streak, *today_spend);
            format!("{} corrected the record of {agent}: {what}", on.who)
        }
        Event::Engaged { task, .. } => format!("{agent} took up {}", names.titled(*task)),
        Event::Released { task, ending, .. } => {
            format!("{agent} let go of {}: {}", names.titled(*task), why(*ending))
        }
        Event::Overspent { day, .. } => format!("{agent} reached its limit of spending on {day}"),
        Event::RunBegan { open_run, .. } => format!("{agent} began a run{}", names.on(open_run.task)),
        Event::RunEnded { outcome, error, .. } => {
            format!("a run of {agent} {}{}", ended(*outcome), because(error.as_ref()))
        }
        Event::Spawned { child, purpose, .. } => {
            format!("{agent} spawned {}{}", names.agent(*child), because(Some(purpose)))
        }
        Event::Commissioned { task, until, .. } => {
            let until = until.format("%Y-%m-%d %H:%M UTC");
            format!("{agent} serves as a sub-agent until {until}{}", names.on(*task))
        }
        Event::ChildRetired { child, .. } => {
            format!("{}, a sub-agent of {agent}, is no longer in service", names.agent(*child))
        }
        Event::Excepted { .. } => format!("{agent} works on alone while its squad is paused"),
    }
}

struct On<'a> {
    who: String,
    agent: &'a str,
    itself: bool,
}

impl On<'_> {
    /// A sentence in the passive, such as "Scout was paused for its budget": what an agent's own action sets off is
    /// not its will.
    fn imposed(&self, done: &str, ground: &str, note: Option<&Reason>) -> String {
        let Self { who, agent, .. } = self;
        let said = because(note);
        if self.itself {
            format!("{agent} was {done}{ground}{said}")
        } else {
            format!("{who} {done} {agent}{ground}{said}")
        }
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Intern => "an intern",
        Role::Specialist => "a specialist",
        Role::Lead => "a lead",
        Role::Cao => "the chief agent officer",
    }
}

fn ground(reason: PauseReason) -> &'static str {
    match reason {
        PauseReason::Operator => "",
        PauseReason::Squad => " with its squad",
        PauseReason::Budget => " for its budget",
        PauseReason::ErrorStreak => " for its errors in a row",
    }
}

fn why(ending: Ending) -> &'static str {
    match ending {
        Ending::Submitted => "the work was handed in",
        Ending::HeldForApproval => "the task waits for an approval",
        Ending::Blocked => "the task was blocked",
        Ending::Failed => "the work failed",
        Ending::Reassigned => "the task was reassigned",
        Ending::Canceled => "the task was canceled",
        Ending::Restarted => "the agent was restarted",
        Ending::Corrected => "the agent's record was corrected",
        Ending::Quarantined => "the agent was quarantined",
        Ending::WentOffline => "the agent went offline",
    }
}

fn corrections(
    status: Option<Correction<Status>>,
    error_streak: Option<Correction<u32>>,
    today_spend: Option<Usd>,
) -> String {
    let status = status.map(|status| format!("status from {} to {}", status.before, status.after));
    let streak = error_streak.map(|streak| format!("errors from {} to {}", streak.before, streak.after));
    let spend = today_spend.map(|amount| format!("spent today ${amount}"));
    let parts: Vec<_> = [status, streak, spend].into_iter().flatten().collect();
    if parts.is_empty() { "nothing changed".to_owned() } else { parts.join(", ") }
}
