//! What was said in the thread of a task?
//!
//! The projection keeps only the positions of the messages in the log; [`message`] renders one of them from its
//! event.

use std::collections::BTreeMap;

use mc_domain::{
    ids::{MessageId, TaskId},
    recorded::{AnyEvent, Recorded},
    task::{Artifact, ArtifactBody, ArtifactKind, Checklist, ChecklistItem, Event, MessageKind, WorkPlan},
};
use serde::{Deserialize, Serialize};

use crate::{
    agents::{ActorView, Agents},
    catalogue::{self, listing},
    instant::Millis,
    projection::Projection,
};

/// The positions of the messages in each thread, oldest first.
///
/// ```
/// use mc_domain::{ids::LeaseId, task::{Event, Status, WorkPlan}, values::Reason};
/// use mc_projections::{messages::{Threads, message}, script::Script};
///
/// let mut script = Script::new();
/// let plan = ["Collect", "Compare", "Conclude"].map(|bullet| Reason::new(bullet).unwrap());
/// let plan = Some(WorkPlan::try_from(plan.to_vec())?);
/// let (from, holder, lease) = (Status::Assigned, uuid::Uuid::nil().into(), LeaseId::new(uuid::Uuid::nil()));
/// let task = script.task(1, |at| Event::Started { from, holder, lease, plan, reason: None, at });
///
/// let threads: Threads = script.fold();
/// assert_eq!(threads.positions(task), [1]);
/// let shown = message(&script.events()[0], &script.views().agents).unwrap();
/// assert_eq!(shown.content.unwrap(), "- Collect\n- Compare\n- Conclude");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Threads {
    positions: BTreeMap<TaskId, Vec<u64>>,
}

impl Threads {
    /// The positions of the messages about a task, oldest first.
    pub fn positions(&self, task: TaskId) -> &[u64] {
        self.positions.get(&task).map_or(&[], Vec::as_slice)
    }
}

impl Projection for Threads {
    const NAME: &'static str = "threads";
    const VERSION: u32 = 1;

    fn apply(&mut self, event: &Recorded<AnyEvent>) {
        if !listing(&event.event).is_in_thread {
            return;
        }
        let Ok(task) = event.stream.aggregate_id.parse::<TaskId>() else { return };
        self.positions.entry(task).or_default().push(event.position);
    }
}

/// A message in the thread of a task, as REST answers it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageView {
    /// The identity of the message; for what was said by moving the task, that of the event.
    pub id: MessageId,
    /// The task whose thread it is in.
    pub task_id: TaskId,
    /// What the message is: a comment, a plan, a review, and so on.
    #[serde(rename = "type")]
    pub kind: MessageKind,
    /// The author, by the name that the agent has now.
    pub author: ActorView<'static>,
    /// The text of the message; absent when only artifacts were posted.
    pub content: Option<String>,
    /// The artifacts that were posted or handed in with it.
    pub artifacts: Vec<ArtifactView>,
    /// The actors that the text mentions and that are notified.
    pub mentions: Vec<ActorView<'static>>,
    /// The message of the same thread that it answers.
    pub reply_to: Option<MessageId>,
    /// When the message was posted, or the task was moved with it.
    pub at: Millis,
    /// The position of the event in the log, from 1.
    pub position: u64,
}

/// Something that was made or shown for a task, as REST answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactView {
    /// The name that its author gave to it.
    pub name: String,
    /// What it is: a deliverable, a checklist, and so on.
    pub kind: ArtifactKind,
    /// Its text, when it was posted itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Its address, when only a link was posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// How many artifacts an event attaches to the thread of its task.
pub(crate) fn artifacts_in(fact: &Event) -> u32 {
    let count = attached(fact).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Renders an event as a message; nothing when it says nothing in a thread.
pub fn message(event: &Recorded<AnyEvent>, agents: &Agents) -> Option<MessageView> {
    let AnyEvent::Task(fact) = &event.event else { return None };
    if !catalogue::task(fact).is_in_thread {
        return None;
    }
    let metadata = &event.metadata;
    let mut view = MessageView {
        id: MessageId::new(metadata.event_id.uuid()),
        task_id: event.stream.aggregate_id.parse().ok()?,
        kind: MessageKind::Artifact,
        author: agents.actor(&metadata.actor).into_owned(),
        content: None,
        artifacts: attached(fact).collect(),
        mentions: Vec::new(),
        reply_to: None,
        at: Millis(metadata.recorded_at),
        position: event.position,
    };
    if let Event::MessagePosted { id, kind, author, content, mentions, reply_to, at, .. } = fact {
        view.id = *id;
        view.kind = *kind;
        view.author = agents.actor(author).into_owned();
        view.content = content.as_ref().map(ToString::to_string);
        view.mentions = mentions.iter().map(|actor| agents.actor(actor).into_owned()).collect();
        view.reply_to = *reply_to;
        view.at = Millis(*at);
    } else if let Event::Started { plan: Some(plan), .. } = fact {
        view.kind = MessageKind::WorkPlan;
        view.content = Some(bullets(plan));
    } else if let Event::SentBack { feedback, .. } = fact {
        view.kind = MessageKind::Review;
        view.content = Some(feedback.to_string());
    }
    Some(view)
}

/// The artifacts of a message: those posted with it, or what is handed in for review.
fn attached(fact: &Event) -> impl Iterator<Item = ArtifactView> {
    let (posted, deliverable, checklist): (&[Artifact], _, _) =
        if let Event::MessagePosted { artifacts, .. } = fact {
            (artifacts, None, None)
        } else if let Event::Submitted { deliverable, checklist, .. } = fact {
            (&[], deliverable.as_ref(), checklist.as_ref())
        } else {
            (&[], None, None)
        };
    posted.iter().chain(deliverable).map(ArtifactView::from).chain(checklist.map(ArtifactView::from))
}

impl From<&Artifact> for ArtifactView {
    fn from(artifact: &Artifact) -> Self {
        let (content, url) = match &artifact.body {
            ArtifactBody::Content(text) => (Some(text.to_string()), None),
            ArtifactBody::Url(location) => (None, Some(location.to_string())),
        };
        Self { name: artifact.name.to_string(), kind: artifact.kind, content, url }
    }
}

impl From<&Checklist> for ArtifactView {
    fn from(list: &Checklist) -> Self {
        let content = lines(list.items().iter().map(|item| {
            let ChecklistItem { label, checked, note } = item;
            let mark = if *checked { 'x' } else { ' ' };
            match note {
                Some(note) => format!("- [{mark}] {label} ({note})"),
                None => format!("- [{mark}] {label}"),
            }
        }));
        Self {
            name: "Self-review".to_owned(),
            kind: ArtifactKind::Checklist,
            content: Some(content),
            url: None,
        }
    }
}

fn bullets(plan: &WorkPlan) -> String {
    lines(plan.bullets().iter().map(|bullet| format!("- {bullet}")))
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use mc_domain::values::{Label, Reason};
    use serde_json::json;

    use super::*;
    use crate::script::Script;

    #[test]
    fn what_is_handed_in_is_a_message_with_artifacts() {
        let mut script = Script::new();
        let reason = |text| Reason::new(text).unwrap();
        let items = vec![
            ChecklistItem { label: reason("links work"), checked: true, note: None },
            ChecklistItem { label: reason("spelling"), checked: false, note: Some(reason("names left")) },
        ];
        let checklist = Some(Checklist::try_from(items).unwrap());
        let body = ArtifactBody::Content(mc_domain::values::Text::new("The guide").unwrap());
        let name = Label::new("Guide").unwrap();
        let deliverable = Some(Artifact { name, kind: ArtifactKind::Deliverable, body });
        script.task(1, |at| Event::Submitted { deliverable, checklist, at });
        let shown = message(&script.events()[0], &script.views().agents);
        assert_eq!(
            serde_json::to_value(shown).unwrap(),
            json!({
                "id": "00000000-0000-0000-0000-000000000001",
                "taskId": "00000000-0000-0000-0000-000000000001",
                "type": "artifact",
                "author": { "type": "human", "id": "Sofie", "name": "Sofie" },
                "content": null,
                "artifacts": [
                    { "name": "Guide", "kind": "deliverable", "content": "The guide" },
                    {
                        "name": "Self-review",
                        "kind": "checklist",
                        "content": "- [x] links work\n- [ ] spelling (names left)",
                    },
                ],
                "mentions": [],
                "replyTo": null,
                "at": "2026-02-01T09:00:00.000Z",
                "position": 1,
            })
        );
    }

    #[test]
    fn feedback_is_a_review_in_the_thread() {
        let mut script = Script::new();
        let feedback = Reason::new("tighten the intro").unwrap();
        let (holder, lease) = (uuid::Uuid::nil().into(), uuid::Uuid::nil().into());
        script.task(1, |at| Event::SentBack { feedback, review_cycle: 1, holder, lease, at });
        let shown = message(&script.events()[0], &script.views().agents).unwrap();
        assert_eq!((shown.kind, shown.content.as_deref()), (MessageKind::Review, Some("tighten the intro")));
    }
}
