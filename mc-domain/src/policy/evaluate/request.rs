//! What is judged, and how it was judged.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    agent::{Role, Status},
    approval,
    ids::ApprovalId,
    json::Json,
    money::Usd,
    policy::reason::Reason,
    risk::Risk,
    values::{Label, string_enum},
};

string_enum! {
    /// What becomes of a request, mildest first.
    Decision {
        /// It may be done at once.
        Allow = "allow",
        /// It needs the approval of an operator.
        NeedsApproval = "needs_approval",
        /// It is refused, and no approval changes that.
        Deny = "deny",
    }
}

/// Who asks, as far as the rules look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The role, which decides what needs an approval.
    pub role: Role,
    /// The status; only active agents, and draining ones on their task, may act.
    pub status: Status,
    /// Whether the request is for the task it works on; a draining agent may finish that one.
    pub on_current_task: bool,
    /// Whether its squad is stopped, which denies everything.
    pub squad_stopped: bool,
    /// The tools it may use; none named means all that the policy allows.
    pub allowed_tools: BTreeSet<Label>,
    /// The agents around it, counted against the limits on spawning.
    pub spawned: Spawned,
}

/// How many agents there are around the one that asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spawned {
    /// Its own sub-agents that are not retired.
    pub children: u32,
    /// How many levels it is below an agent that nobody spawned.
    pub depth: u32,
    /// The active agents of all projects.
    pub active_agents: u32,
}

/// What is left of each budget; nothing where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// The most that one run may cost.
    pub per_run: Option<Usd>,
    /// What is left of the task's budget.
    pub task: Option<Usd>,
    /// What is left of the agent's budget of the UTC day.
    pub day: Option<Usd>,
    /// What is left of the project's budget of the UTC day.
    pub project: Option<Usd>,
}

/// What an agent wants to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The tool by name, in any case.
    pub tool: String,
    /// The parameters that the tool is given.
    pub params: Json,
    /// What it is expected to cost; nothing when that is not known.
    pub estimated_cost: Option<Usd>,
    /// What is left of each budget.
    pub room: Room,
}

/// The judgement on a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluation {
    /// What becomes of the request: the hardest answer of all rules.
    pub decision: Decision,
    /// The risk, as the parameters raised it.
    pub risk: Risk,
    /// Everything that spoke against it, in the order of the rules, without what it knows of credentials.
    pub reasons: Vec<Reason>,
}

impl Evaluation {
    /// Whether an operator has to decide.
    pub fn approval_required(&self) -> bool {
        self.decision == Decision::NeedsApproval
    }
}

impl Evaluation {
    /// The same where an approval is shown for it: what needs one is allowed where that permits it.
    #[must_use]
    pub fn under(mut self, approval: ApprovalId, permitted: Result<(), approval::Rejection>) -> Self {
        if !self.approval_required() {
            return self;
        }
        self.reasons.push(match &permitted {
            Ok(()) => Reason::new("approved", format!("approval {approval} permits exactly this, once")),
            Err(why) => {
                Reason::new("not_approved", format!("approval {approval} does not permit this: {why}"))
            }
        });
        if permitted.is_ok() {
            self.decision = Decision::Allow;
        }
        self
    }
}
