//! Approvals: what was asked for, exactly, and the answers to it.

mod decide;
mod payload;

pub(super) use decide::{approve, decide_several, deny, request_revision, show_several};

use askama::Template;
use serde::Deserialize;
use serde_json::value::RawValue;

use self::decide::MAX_TOGETHER;
use super::{
    Shell, Visit,
    html::{Html, Refused},
    lists::{self, Actor, Choice, Titles},
    times::{self, Time},
    tones,
    visit::Names,
};
use crate::problem::Problem;

/// The parameters of the page that the interface takes as they are.
const PASSED_ON: [&str; 7] = ["project", "status", "risk", "agentId", "taskId", "limit", "cursor"];

const STATUSES: &[(&str, &str)] = &[
    ("", "Waiting"),
    ("all", "All"),
    ("approved", "Approved"),
    ("denied", "Denied"),
    ("expired", "Expired"),
    ("canceled", "Withdrawn"),
];
const RISKS: &[(&str, &str)] = &[("", "Any"), ("red", "Red"), ("yellow", "Yellow")];

#[derive(Template)]
#[template(path = "approvals.html")]
pub(super) struct ApprovalsPage {
    shell: Shell,
    statuses: Vec<Choice>,
    risks: Vec<Choice>,
    is_inbox: bool,
    groups: Vec<Group>,
    titles: Titles,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "approval.html")]
pub(super) struct ApprovalPage {
    shell: Shell,
    asked: Asked,
    titles: Titles,
}

/// Approvals that ask for the same, and those of them that the visitor may decide together.
struct Group {
    hash: String,
    asked: Vec<Asked>,
    together: Vec<String>,
}

impl Group {
    /// Whether there are several to decide, which ask for the same.
    fn is_several(&self) -> bool {
        self.together.len() > 1
    }

    /// The address of the form that decides them together.
    fn address(&self) -> String {
        format!("/approvals/decide?ids={}", self.together.join(","))
    }
}

/// An approval with what a page knows beyond it.
struct Asked {
    approval: Approval,
    payload: Option<String>,
    /// How many seconds are left until it expires.
    left_secs: i64,
    may: May,
}

/// What the visitor may still answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct May {
    /// Whether a yes of theirs would count.
    approve: bool,
    /// Whether a no, or the wish for a change, would.
    decide: bool,
    /// Whether they asked for it themselves, so that somebody else decides.
    is_own: bool,
}

/// An approval, as the interface answers it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Approval {
    id: String,
    task_id: Option<String>,
    agent_id: Option<String>,
    requested_by: Actor,
    action_type: String,
    summary: String,
    risk: String,
    justification: String,
    rollback_plan: Option<String>,
    estimated_cost: Option<f64>,
    payload: Option<Box<RawValue>>,
    content_hash: String,
    status: String,
    revision_note: Option<String>,
    required_decisions: usize,
    decisions: Vec<Decision>,
    created_at: Time,
    expires_at: Time,
    decided_at: Option<Time>,
    decided_by: Option<Actor>,
    used_in_run: Option<String>,
    version: u64,
}

#[derive(Deserialize)]
struct Decision {
    by: Actor,
    decision: String,
    note: Option<String>,
    superseded: bool,
    at: Time,
}

impl Approval {
    fn is_open(&self) -> bool {
        matches!(self.status.as_str(), "pending" | "escalated")
    }

    /// The address of its page, or of a form below it.
    fn address(&self, form: &str) -> String {
        format!("/approvals/{}{form}", self.id)
    }

    /// What it would cost, for people.
    fn cost(&self) -> Option<String> {
        self.estimated_cost.map(times::dollars)
    }

    /// The status with its turn in it, in words.
    fn state(&self) -> &str {
        match self.status.as_str() {
            "pending" if self.revision_note.is_some() => "waits for a revision",
            "pending" => "waits for a decision",
            "escalated" => "has waited too long",
            "canceled" => "withdrawn",
            other => other,
        }
    }

    /// The decisions for what is asked for now that agree.
    fn agreed(&self) -> impl Iterator<Item = &Decision> {
        self.decisions.iter().filter(|decision| !decision.superseded && decision.decision == "approved")
    }

    /// What this visitor may answer: not to their own request, and agree once.
    fn may(&self, operates: bool, name: &str) -> May {
        let is_visitor =
            |actor: &Actor| actor.kind == "human" && actor.id.to_lowercase() == name.to_lowercase();
        let is_own = is_visitor(&self.requested_by);
        let decide = operates && self.is_open() && !is_own;
        let agreed = self.agreed().any(|decision| is_visitor(&decision.by));
        May { approve: decide && !agreed, decide, is_own: operates && self.is_open() && is_own }
    }
}

impl Asked {
    fn new(visit: &Visit, shell: &Shell, approval: Approval) -> Self {
        Self {
            payload: approval.payload.as_ref().map(|payload| payload::pretty(payload.get())),
            left_secs: (approval.expires_at.0 - visit.app.now()).num_seconds(),
            may: approval.may(shell.operates(), &shell.name),
            approval,
        }
    }
}

/// `GET /approvals`: what waits for a decision, the first to expire first; the decided ones on demand.
pub(super) async fn list(visit: Visit) -> Result<Html<ApprovalsPage>, Refused> {
    let shell = visit.shell("Approvals", "/approvals").await?;
    let is_inbox = visit.parameter("status").is_none();
    let sort: &[(&str, &str)] = match is_inbox {
        true => &[("sortBy", "expiresAt"), ("order", "asc")],
        false => &[],
    };
    let (approvals, next): (Vec<Approval>, _) =
        visit.rest.get_page(&visit.api("/api/approvals", &PASSED_ON, sort)).await?;
    let titles = titles(&visit, &approvals).await;
    let mut groups: Vec<Group> = Vec::new();
    for approval in approvals {
        let asked = Asked::new(&visit, &shell, approval);
        let hash = asked.approval.content_hash.clone();
        let together = asked.may.approve.then(|| asked.approval.id.clone());
        match groups.iter_mut().find(|group| group.hash == hash) {
            Some(group) => {
                group.asked.push(asked);
                let has_room = group.together.len() < MAX_TOGETHER;
                group.together.extend(together.filter(|_| has_room));
            }
            None => groups.push(Group { hash, asked: vec![asked], together: together.into_iter().collect() }),
        }
    }
    let (statuses, risks) =
        (lists::choices(&visit, "status", STATUSES), lists::choices(&visit, "risk", RISKS));
    let next = lists::next_page(&visit, next.as_deref());
    Ok(Html(ApprovalsPage { shell, statuses, risks, is_inbox, groups, titles, next }))
}

/// `GET /approvals/{approval}`: one of them.
pub(super) async fn show(visit: Visit, names: Names) -> Result<Html<ApprovalPage>, Refused> {
    let approval = read(&visit, &names.part("approval")).await?;
    let titles = titles(&visit, std::slice::from_ref(&approval)).await;
    let shell = visit.shell(&approval.summary, "/approvals").await?;
    let asked = Asked::new(&visit, &shell, approval);
    Ok(Html(ApprovalPage { shell, asked, titles }))
}

async fn read(visit: &Visit, id: &str) -> Result<Approval, Problem> {
    visit.rest.get(&format!("/api/approvals/{id}")).await
}

async fn titles(visit: &Visit, approvals: &[Approval]) -> Titles {
    let tasks = approvals.iter().filter_map(|approval| approval.task_id.as_ref());
    let agents = approvals.iter().filter_map(|approval| approval.agent_id.as_ref());
    Titles::of(visit, tasks, agents).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn approval(changes: serde_json::Value) -> Approval {
        let mut body = json!({
            "id": "a", "taskId": null, "agentId": null, "actionType": "tool_call", "summary": "Send it", "risk": "red",
            "requestedBy": { "type": "human", "id": "Ada", "name": "Ada" }, "justification": "Monday",
            "rollbackPlan": null, "estimatedCost": null, "payload": null, "contentHash": "h", "status": "pending",
            "revisionNote": null, "requiredDecisions": 2, "decisions": [], "createdAt": "2026-02-01T09:00:00Z",
            "expiresAt": "2026-02-02T09:00:00Z", "decidedAt": null, "decidedBy": null, "usedInRun": null, "version": 1,
        });
        for (name, value) in changes.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        serde_json::from_str(&body.to_string()).unwrap()
    }

    #[test]
    fn nobody_answers_their_own_request_and_agrees_twice() {
        let asked = approval(json!({}));
        assert_eq!(asked.may(true, "Ada"), May { approve: false, decide: false, is_own: true });
        assert_eq!(asked.may(true, "Bob"), May { approve: true, decide: true, is_own: false });
        assert_eq!(asked.may(false, "Bob"), May { approve: false, decide: false, is_own: false });
        let by_bob = |superseded| {
            json!({ "decisions": [{
                "by": { "type": "human", "id": "Bob", "name": "Bob" }, "decision": "approved", "note": null,
                "superseded": superseded, "at": "2026-02-01T10:00:00Z",
            }] })
        };
        assert_eq!(
            approval(by_bob(false)).may(true, "Bob"),
            May { approve: false, decide: true, is_own: false }
        );
        assert_eq!(
            approval(by_bob(true)).may(true, "Bob"),
            May { approve: true, decide: true, is_own: false }
        );
        let denied = approval(json!({ "status": "denied" }));
        assert_eq!(denied.may(true, "Bob"), May { approve: false, decide: false, is_own: false });
    }
}
