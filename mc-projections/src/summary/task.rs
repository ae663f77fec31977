//! Tells what happened to a task, in one sentence.

use mc_domain::{
    actor::Actor,
    task::{Artifact, Event, LoopKind, MessageKind, Status},
    values::{Label, Text},
};

use super::{Names, because, quoted, run::ended};

pub(super) fn sentence(fact: &Event, actor: &Actor, task: &str, names: &Names<'_>) -> String {
    let who = names.actor(actor);
    match fact {
        Event::Created { parent: None, .. } => format!("{who} created {task}"),
        Event::Created { parent: Some(parent), .. } => {
            format!("{who} created {task} as part of {}", names.titled(*parent))
        }
        Event::Edited { .. } => format!("{who} edited {task}"),
        Event::Claimed { agent, .. } => format!("{} claimed {task}", names.agent(*agent)),
        Event::Assigned { assignees, reason, .. } => {
            format!("{who} assigned {task} to {}{}", names.agents(assignees), because(reason.as_ref()))
        }
        Event::AssigneesChanged { assignees, reason } => {
            format!("{who} reassigned {task} to {}{}", names.agents(assignees), because(reason.as_ref()))
        }
        Event::ReturnedToInbox { reason, .. } => {
            format!("{who} returned {task} to the inbox{}", because(reason.as_ref()))
        }
        Event::Started { holder, reason, .. } => {
            let with = by_another(actor, *holder, names);
            format!("{who} started work on {task}{with}{}", because(reason.as_ref()))
        }
        Event::Submitted { deliverable, .. } => {
            format!("{who} submitted {task} for review{}", with(deliverable.as_ref()))
        }
        Event::SentBack { feedback, review_cycle, .. } => {
            format!("{who} sent {task} back: {} (review cycle {review_cycle})", quoted(feedback.as_str()))
        }
        Event::ReturnedToReview { from: Status::Done, reason, .. } => {
            format!("{who} reopened {task}{}", because(reason.as_ref()))
        }
        Event::ReturnedToReview { reason, .. } => {
            format!("{who} returned {task} to review{}", because(reason.as_ref()))
        }
        Event::HeldForApproval { reason, .. } => {
            format!("{who} held {task} for approval{}", because(reason.as_ref()))
        }
        Event::ApprovalAwaited { .. } => format!("{task} waits for an approval"),
        Event::ApprovalSettled { .. } => format!("{task} waits for one approval less"),
        Event::LoopDetected { kind, count, limit, within_secs, .. } => {
            format!("a loop was found in {task}: {}", repeated(*kind, *count, *limit, *within_secs))
        }
        Event::RunBegan { open_run, .. } => format!("{} began a run on {task}", names.agent(open_run.agent)),
        Event::RunEnded { outcome, charged, .. } => {
            format!("a run on {task} {} and was charged ${charged}", ended(*outcome))
        }
        Event::RunBilled { charged, .. } => {
            format!("a run on {task} that was over was charged ${charged} after all")
        }
        Event::Blocked { reason, .. } => format!("{who} blocked {task}{}", because(Some(reason))),
        Event::Failed { reason, .. } => format!("{who} gave {task} up as failed{}", because(reason.as_ref())),
        Event::Completed { approved_by, note, .. } => {
            format!("{} accepted {task} as done{}", names.actor(approved_by), because(note.as_ref()))
        }
        Event::Canceled { reason, .. } => format!("{who} canceled {task}{}", because(reason.as_ref())),
        Event::Archived { .. } => format!("{who} archived {task}"),
        Event::Subscribed { .. } => format!("{who} follows {task}"),
        Event::Unsubscribed { .. } => format!("{who} no longer follows {task}"),
        Event::Restored { .. } => format!("{who} restored {task} from the archive"),
        Event::MessagePosted { kind, author, content, artifacts, .. } => {
            let said = message(*kind, task, content.as_ref(), artifacts.first().map(|first| &first.name));
            format!("{} {said}", names.actor(author))
        }
    }
}

/// Such as "21 messages in 30 minutes, where the limit is 20".
fn repeated(kind: LoopKind, count: u32, limit: u32, within_secs: Option<u32>) -> String {
    let what = match kind {
        LoopKind::Messages => "messages",
        LoopKind::ReviewCycles => "review cycles",
        LoopKind::Alternation => "turns of two agents",
        LoopKind::StatusFlips => "moves back and forth between two statuses",
        LoopKind::ToolFailures => "failures of a tool with the same error",
        LoopKind::FailedRuns => "failed runs",
    };
    let within = within_secs.map_or_else(String::new, |secs| format!(" in {} minutes", secs.div_ceil(60)));
    format!("{count} {what}{within}, where the limit is {limit}")
}

fn by_another(actor: &Actor, holder: mc_domain::ids::AgentId, names: &Names<'_>) -> String {
    if actor.agent() == Some(holder) { String::new() } else { format!(" with {}", names.agent(holder)) }
}

fn with(artifact: Option<&Artifact>) -> String {
    artifact.map_or_else(String::new, |artifact| format!(" with “{}”", artifact.name))
}

fn message(kind: MessageKind, task: &str, content: Option<&Text>, artifact: Option<&Label>) -> String {
    let said = because(content);
    match (kind, artifact) {
        (MessageKind::Comment, _) => format!("commented on {task}{said}"),
        (MessageKind::WorkPlan, _) => format!("posted a work plan for {task}{said}"),
        (MessageKind::Progress, _) => format!("reported progress on {task}{said}"),
        (MessageKind::Artifact, Some(name)) => format!("attached “{name}” to {task}{said}"),
        (MessageKind::Artifact, None) => format!("posted a result for {task}{said}"),
        (MessageKind::Review, _) => format!("reviewed {task}{said}"),
        (MessageKind::System, _) => format!("left a note on {task}{said}"),
    }
}
