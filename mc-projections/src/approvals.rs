//! Which approvals were asked for, who decided them, and which still wait?

mod index;
mod query;
#[cfg(test)]
mod tests;
mod view;

use chrono::{DateTime, Utc};
use mc_domain::{
    actor::Actor,
    approval::{Ask, Event, Quorum, Status, Subject},
    ids::{AgentId, ApprovalId, ProjectId, RunId, TaskId},
    reach::Reach,
    recorded::{AnyEvent, Recorded},
    string_enum,
    values::Reason,
};
use serde::{Deserialize, Serialize};

pub use query::{ApprovalQuery, ApprovalSort};
pub use view::{ApprovalView, DecisionView};

use crate::{merge::merged, page::Order, projection::Projection, table::Table};
use index::Index;

/// All approvals, by identity and in every order that is asked for.
///
/// ```
/// use mc_domain::{
///     approval::{Action, ActionType, Approval, Ask, Event, Quorum, Risk, Subject, Terms}, values::{Reason, Text},
/// };
/// use mc_projections::{approvals::ApprovalQuery, script::Script};
///
/// let mut script = Script::new();
/// let subject = Subject { project: uuid::Uuid::nil().into(), task: None, agent: None, action_type: ActionType::Spawn };
/// let (summary, justification) = (Reason::new("A second pair of hands")?, Text::new("Too much to read")?);
/// let (rollback_plan, estimated_cost, payload) = (None, None, None);
/// let terms = Terms { summary, risk: Risk::Yellow, justification, rollback_plan, estimated_cost, payload };
/// let ask = Ask::new(&Action::new(ActionType::Spawn, None, &terms.summary.clone()), terms);
/// let requestor = mc_domain::actor::Actor::Human(mc_domain::values::Name::new("Sofie")?);
/// let required_decisions = Quorum::One;
/// script.record::<Approval>(&uuid::Uuid::nil().into(), |at| {
///     Event::Requested { requestor, subject, ask, required_decisions, expires_at: at, at }
/// });
///
/// let views = script.views();
/// assert_eq!(views.approvals.list(&ApprovalQuery::default(), &views.agents)?.items.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Approvals {
    rows: Table<Index>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    id: ApprovalId,
    requestor: Actor,
    subject: Subject,
    ask: Ask,
    required: Quorum,
    status: Status,
    /// What the requestor has to change; absent unless it is the requestor's turn.
    revision_note: Option<Reason>,
    decisions: Vec<Decision>,
    created_at: DateTime<Utc>,
    asked_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    escalated_at: Option<DateTime<Utc>>,
    end: Option<End>,
    /// The run in which the agent did what was approved.
    #[serde(default)]
    used_in: Option<RunId>,
    version: u64,
}

/// An answer that a decider gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Decision {
    by: Actor,
    answer: Answer,
    note: Option<Reason>,
    /// Whether the requestor has asked for something else since, so that the answer no longer counts.
    superseded: bool,
    at: DateTime<Utc>,
}

string_enum! {
    /// The answer of a decider to a request.
    Answer {
        /// The decider agrees; a request may need several such answers.
        Approved = "approved",
        /// The decider refuses, which ends the request.
        Denied = "denied",
        /// The decider sends the request back to be changed.
        RevisionRequested = "revision_requested",
    }
}

/// Who ended a request, with which note, and when; nobody when it expired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct End {
    by: Option<Actor>,
    note: Option<Reason>,
    at: DateTime<Utc>,
}

impl Approvals {
    /// How many approvals of the projects within a reach wait for a decision.
    pub fn open_count(&self, reach: &Reach) -> usize {
        let open =
            self.rows.index().expiries.all().filter(|((of, is_open), _)| *is_open && reach.includes(*of));
        open.map(|(_, set)| set.len()).sum()
    }

    /// The overrides of a project that wait for a decision and are `wanted`, oldest first.
    pub fn waiting_overrides(
        &self,
        project: ProjectId,
        wanted: impl Fn(&Subject, &Ask) -> bool,
    ) -> Vec<ApprovalId> {
        let open = self.rows.index().owners.groups(&Reach::of(project), &[], Status::is_open);
        let keys = merged(open.into_iter().map(|(_, set)| set), Order::Asc, None);
        let rows = keys.filter_map(|(_, id)| self.rows.get(*id));
        rows.filter(|row| wanted(&row.subject, &row.ask)).map(|row| row.id).collect()
    }

    /// The project that an approval belongs to; nothing for an unknown approval.
    pub fn project_of(&self, id: ApprovalId) -> Option<ProjectId> {
        self.rows.get(id).map(|row| row.subject.project)
    }

    /// The task that an approval is about, if it is about one.
    pub fn task_of(&self, id: ApprovalId) -> Option<TaskId> {
        self.rows.get(id)?.subject.task
    }

    /// The agent that would act once it is approved.
    pub fn agent_of(&self, id: ApprovalId) -> Option<AgentId> {
        self.rows.get(id)?.subject.agent
    }

    /// Who asked for an approval, and the request in a sentence.
    pub(crate) fn asked(&self, id: ApprovalId) -> Option<(&Actor, &Reason)> {
        self.rows.get(id).map(|row| (&row.requestor, row.ask.summary()))
    }

    /// The request in a sentence, as its requestor put it last.
    pub fn summary(&self, id: ApprovalId) -> Option<&Reason> {
        self.rows.get(id).map(|row| row.ask.summary())
    }
}

impl Projection for Approvals {
    const NAME: &'static str = "approvals";
    const VERSION: u32 = 2;

    fn apply(&mut self, event: &Recorded<AnyEvent>) {
        let AnyEvent::Approval(fact) = &event.event else { return };
        let Ok(id) = event.stream.aggregate_id.parse::<ApprovalId>() else { return };
        if let Some(row) = Row::requested(id, fact) {
            self.rows.insert(id, row);
        }
        self.rows.change(id, |row| {
            row.apply(fact);
            row.version = event.version;
        });
    }
}

impl Row {
    fn requested(id: ApprovalId, fact: &Event) -> Option<Self> {
        let Event::Requested { requestor, subject, ask, required_decisions, expires_at, at } = fact else {
            return None;
        };
        Some(Self {
            id,
            requestor: requestor.clone(),
            subject: subject.clone(),
            ask: ask.clone(),
            required: *required_decisions,
            status: Status::Pending,
            revision_note: None,
            decisions: Vec::new(),
            created_at: *at,
            asked_at: *at,
            expires_at: *expires_at,
            escalated_at: None,
            end: None,
            used_in: None,
            version: 0,
        })
    }

    /// Applies an event. A request that has ended stays as it ended, except that its use is noted.
    fn apply(&mut self, fact: &Event) {
        if let Event::Used { run, .. } = fact {
            self.used_in = Some(*run);
        }
        if !self.status.is_open() {
            return;
        }
        match fact {
            Event::Requested { .. } | Event::Used { .. } => {}
            Event::Endorsed { by, note, at, .. } => self.answered(by, Answer::Approved, note.as_ref(), *at),
            Event::Approved { by, note, at, .. } => {
                self.answered(by, Answer::Approved, note.as_ref(), *at);
                self.end(Status::Approved, Some(by), note.as_ref(), *at);
            }
            Event::Denied { by, reason, at } => {
                self.answered(by, Answer::Denied, Some(reason), *at);
                self.end(Status::Denied, Some(by), Some(reason), *at);
            }
            Event::RevisionRequested { by, note, at } => {
                self.answered(by, Answer::RevisionRequested, Some(note), *at);
                self.revision_note = Some(note.clone());
                self.status = Status::Pending;
            }
            Event::Resubmitted { ask, required_decisions, at } => {
                self.required = required_decisions.unwrap_or(self.required);
                self.asked_again(ask, *at);
            }
            Event::Withdrawn { by, reason, at } => {
                self.end(Status::Canceled, Some(by), reason.as_ref(), *at);
            }
            Event::Escalated { at } => {
                self.status = Status::Escalated;
                self.escalated_at = Some(*at);
            }
            Event::Expired { at } => self.end(Status::Expired, None, None, *at),
        }
    }

    fn answered(&mut self, by: &Actor, answer: Answer, note: Option<&Reason>, at: DateTime<Utc>) {
        self.decisions.push(Decision { by: by.clone(), answer, note: note.cloned(), superseded: false, at });
    }

    fn asked_again(&mut self, ask: &Ask, at: DateTime<Utc>) {
        self.ask = ask.clone();
        self.asked_at = at;
        self.status = Status::Pending;
        self.revision_note = None;
        self.escalated_at = None;
        self.decisions.iter_mut().for_each(|decision| decision.superseded = true);
    }

    fn end(&mut self, status: Status, by: Option<&Actor>, note: Option<&Reason>, at: DateTime<Utc>) {
        self.status = status;
        self.revision_note = None;
        self.end = Some(End { by: by.cloned(), note: note.cloned(), at });
    }
}
