//! Tells what happened to an approval, in one sentence.

use mc_domain::{
    actor::Actor,
    approval::{ActionType, Event},
    ids::ApprovalId,
};

use super::{Names, because, quoted};

pub(super) fn sentence(fact: &Event, actor: &Actor, id: Option<ApprovalId>, names: &Names<'_>) -> String {
    let about = id.and_then(|id| names.views.approvals.summary(id));
    let request = Names::about(about, "a request");
    let who = names.actor(actor);
    match fact {
        Event::Requested { requestor, subject, ask, .. } => {
            let (asked_by, on) = (names.actor(requestor), names.on(subject.task));
            let what = action(subject.action_type);
            format!("{asked_by} asked for approval of {what}{on}: {}", quoted(ask.summary().as_str()))
        }
        Event::Endorsed { by, note, .. } => {
            format!("{} endorsed {request}{}", names.actor(by), because(note.as_ref()))
        }
        Event::Approved { by, note, .. } => {
            format!("{} approved {request}{}", names.actor(by), because(note.as_ref()))
        }
        Event::Denied { by, reason, .. } => {
            format!("{} denied {request}{}", names.actor(by), because(Some(reason)))
        }
        Event::RevisionRequested { by, note, .. } => {
            format!("{} asked for a revision of {request}{}", names.actor(by), because(Some(note)))
        }
        Event::Resubmitted { ask, .. } => {
            format!("{who} asked for approval again: {}", quoted(ask.summary().as_str()))
        }
        Event::Withdrawn { by, reason, .. } => {
            format!("{} withdrew {request}{}", names.actor(by), because(reason.as_ref()))
        }
        Event::Escalated { .. } => format!("{request} has waited long for a decision"),
        Event::Expired { .. } => format!("{request} expired without a decision"),
        Event::Used { by, .. } => format!("{} did what {request} was for", names.actor(&Actor::Agent(*by))),
    }
}

fn action(kind: ActionType) -> &'static str {
    match kind {
        ActionType::ToolCall => "the use of a tool",
        ActionType::BudgetOverride => "spending beyond a budget",
        ActionType::Transition => "a transition",
        ActionType::Spawn => "a sub-agent",
        ActionType::Autonomy => "more autonomy",
    }
}
