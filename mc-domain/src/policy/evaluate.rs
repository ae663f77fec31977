//! Judges what an agent asks for, with every reason and not only the first.
//!
//! Order, first that applies: squad stopped or agent not at work, deny-list, spawn limits → deny; red, yellow for an
//! intern, over a budget → needs approval; else allow. Whatever a rule cannot read speaks against the request.

mod commands;
mod danger;
mod params;
mod request;
mod spawn;
mod tools;

pub use request::{Decision, Evaluation, Request, Room, Spawned, Subject};

use super::{
    document::Document,
    reason::{Reason, Standing},
    secrets::{redact, redact_json},
};
pub use crate::risk::Risk;
use crate::{
    agent::{Role, Status},
    approval::tool_of,
    json::Json,
    money::Usd,
    values::Label,
};

/// Judges a request of an agent by a policy document.
///
/// ```
/// use mc_domain::{agent::{Role, Status}, policy::{document::Document, evaluate::*}};
/// use serde_json::json;
///
/// let scout = Subject {
///     role: Role::Intern,
///     status: Status::Active,
///     on_current_task: true,
///     squad_stopped: false,
///     allowed_tools: Default::default(),
///     spawned: Spawned::default(),
/// };
/// let request = |tool: &str, params: serde_json::Value| Request {
///     tool: tool.into(), params: params.into(), estimated_cost: None, room: Room::default(),
/// };
/// let judged = |request| evaluate(&Document::default(), &scout, &request).decision;
/// assert_eq!(judged(request("web_search", json!({ "query": "rust" }))), Decision::Allow);
/// assert_eq!(judged(request("shell_exec", json!({ "command": "ls" }))), Decision::NeedsApproval);
/// assert_eq!(judged(request("shell_exec", json!({ "command": "sudo ls" }))), Decision::Deny);
/// ```
pub fn evaluate(document: &Document, subject: &Subject, request: &Request) -> Evaluation {
    let tool = request.tool.trim().to_ascii_lowercase();
    let lists = tools::judge(document, &tool, &request.params);
    let raised = raised(&tool, &request.params);
    let risk = risk(document, &tool, lists.standing, &raised);
    let mut judgement = Judgement::default();
    judgement.all(Decision::Deny, status(subject));
    judgement.all(Decision::Deny, tool_list(subject, &tool));
    let denied = lists.standing == Standing::Denied;
    judgement.all(if denied { Decision::Deny } else { Decision::NeedsApproval }, lists.reasons);
    judgement.all(Decision::Deny, spawn::limits(document, subject, &tool));
    judgement.all(Decision::NeedsApproval, raised);
    judgement.all(Decision::NeedsApproval, by_risk(document, subject, &tool, risk));
    judgement.all(Decision::NeedsApproval, budgets(request));
    Evaluation { decision: judgement.decision, risk, reasons: judgement.reasons }
}

/// The risk of an action by the payload it is asked for with, where that names a tool: that of the tool, as what it is
/// given raises it.
///
/// ```
/// use mc_domain::policy::{document::Document, evaluate::{Risk, risk_asked_for}};
/// use serde_json::{Value, json};
///
/// let risk = |payload: Value| risk_asked_for(&Document::default(), &payload.into());
/// assert_eq!(risk(json!({ "tool": "deploy_prod" })), Some(Risk::Red));
/// assert_eq!(risk(json!({ "tool": "shell_exec", "params": { "command": "ls" } })), Some(Risk::Yellow));
/// assert_eq!(risk(json!({ "tool": "git_push", "params": { "branch": "x", "force": true } })), Some(Risk::Red));
/// assert_eq!(risk(json!({ "budget": 5 })), None);
/// ```
pub fn risk_asked_for(document: &Document, payload: &Json) -> Option<Risk> {
    let tool = tool_of(payload)?.trim().to_ascii_lowercase();
    let params = payload.get("params").filter(|params| !params.is_null());
    let lists = params.map_or(Standing::Allowed, |params| tools::judge(document, &tool, params).standing);
    let by_params = params.map_or(Risk::Green, |params| risk(document, &tool, lists, &raised(&tool, params)));
    Some(risk(document, &tool, Standing::Allowed, &raised(&tool, payload)).max(by_params))
}

struct Judgement {
    decision: Decision,
    reasons: Vec<Reason>,
}

impl Default for Judgement {
    fn default() -> Self {
        Self { decision: Decision::Allow, reasons: Vec::new() }
    }
}

impl Judgement {
    /// All rules of one step speak for the same decision; the hardest one of all steps wins. A text may repeat what was
    /// asked, so it is redacted like everything that leaves.
    fn all(&mut self, decision: Decision, reasons: Vec<Reason>) {
        for Reason { code, text } in reasons {
            self.decision = self.decision.max(decision);
            self.reasons.push(Reason { code, text: redact(&text).into_owned() });
        }
    }
}

fn status(subject: &Subject) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if subject.squad_stopped {
        reasons.push(Reason::new("squad_stopped", "the squad is stopped; an operator can resume it"));
    }
    match subject.status {
        Status::Active => {}
        Status::Draining if subject.on_current_task => {}
        Status::Draining => {
            reasons.push(Reason::new("agent_draining", "a draining agent may only finish its current task"));
        }
        status @ (Status::Paused | Status::Quarantined | Status::Offline) => {
            reasons.push(Reason::new(
                "agent_not_active",
                format!("the agent is {status}; only active agents may act"),
            ));
        }
    }
    reasons
}

fn tool_list(subject: &Subject, tool: &str) -> Vec<Reason> {
    let allowed = &subject.allowed_tools;
    if allowed.is_empty() || allowed.iter().any(|name| name.as_str().eq_ignore_ascii_case(tool)) {
        return Vec::new();
    }
    let names = allowed.iter().map(Label::as_str).collect::<Vec<_>>().join(", ");
    vec![Reason::new("tool_not_allowed", format!("the agent may not use {tool}; it may use {names}"))]
}

/// What in the parameters raises the risk to red.
fn raised(tool: &str, params: &Json) -> Vec<Reason> {
    let mut copy = params.clone();
    let mut reasons: Vec<Reason> = redact_json(&mut copy)
        .into_iter()
        .map(|kind| Reason::new("credential", format!("the parameters carry a credential ({kind})")))
        .collect();
    reasons.extend(danger::found(tool, params));
    reasons
}

fn risk(document: &Document, tool: &str, lists: Standing, raised: &[Reason]) -> Risk {
    match lists {
        Standing::Allowed if raised.is_empty() => document.risk_of(tool),
        Standing::Allowed | Standing::Unlisted | Standing::Denied => Risk::Red,
    }
}

fn by_risk(document: &Document, subject: &Subject, tool: &str, risk: Risk) -> Vec<Reason> {
    match (risk, subject.role) {
        (Risk::Red, _) => {
            let deciders = document.decisions_for(tool).max(1);
            vec![Reason::new("red", format!("red actions take {deciders} decision(s) of an operator"))]
        }
        (Risk::Yellow, Role::Intern) => {
            vec![Reason::new("yellow_intern", "interns need an approval for yellow actions")]
        }
        (Risk::Yellow, Role::Specialist | Role::Lead | Role::Cao) | (Risk::Green, _) => Vec::new(),
    }
}

/// An estimate above what is left, or nothing left at all when there is no estimate.
fn budgets(request: &Request) -> Vec<Reason> {
    let Room { per_run, task, day, project } = request.room;
    let over = |left: Usd| request.estimated_cost.map_or(left == Usd::ZERO, |estimate| estimate > left);
    [
        ("over_per_run_cap", "the per-run cap", per_run),
        ("over_task_budget", "what is left of the task's budget", task),
        ("over_daily_cap", "what is left of the agent's day", day),
        ("over_project_budget", "what is left of the project's day", project),
    ]
    .into_iter()
    .filter_map(|(code, what, left)| left.filter(|left| over(*left)).map(|left| (code, what, left)))
    .map(|(code, what, left)| match request.estimated_cost {
        Some(estimate) => Reason::new(code, format!("${estimate} is more than {what}, ${left}")),
        None => Reason::new(code, format!("nothing is left of {what}")),
    })
    .collect()
}

#[cfg(test)]
mod tests;
