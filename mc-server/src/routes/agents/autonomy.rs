//! No agent raises its own autonomy: what it asks for is opened as an approval instead.

use mc_domain::{
    agent::{self, Agent, Profile},
    approval::{ActionType, Approval, Lifetime, Payload, Quorum, Request, Risk, Subject},
    ids::ApprovalId,
    operation::{Asked, Decision, Entity, request_approval},
    project::Project,
    reservation::Reservation,
    values::{Reason, Text},
};
use mc_store::repository::Unit;
use serde_json::{Value, json};

use crate::{
    answer::Reply,
    decide::{ask, content_hash},
    problem::{Kind, Problem},
    state::{Call, Refused},
};

/// Opens the approval in place of the change, or names the one that is open for it.
///
/// # Errors
/// What asking for an approval refuses.
pub(super) fn request(
    unit: &mut Unit<'_>,
    approval: ApprovalId,
    agent: &Entity<Agent>,
    wanted: &Profile,
    refusal: &agent::Rejection,
    call: &Call,
) -> Result<(Decision, Reply), Refused> {
    let project = unit.load::<Project>(&agent.registered()?.project)?;
    let request = wish(agent, project.id, wanted, refusal, call)?;
    let key = unit.load::<Reservation>(&request.subject.key(&request.ask.content))?;
    let approval = unit.fresh::<Approval>(approval);
    let Asked { approval, decision } = ask(unit, |cast| {
        request_approval(&project, &approval, &key, None, request.clone(), cast, &call.moment)
    })?;
    Ok((decision, Reply::Refused(problem(refusal, approval))))
}

fn problem(refusal: &agent::Rejection, approval: ApprovalId) -> Problem {
    let detail = format!(
        "{refusal}. An operator decides: {approval} is open for it, at /api/approvals/{approval}.",
        refusal = capitalised(&refusal.to_string()),
    );
    Problem::new(Kind::ApprovalRequired, detail).approval_id(approval)
}

fn wish(
    agent: &Entity<Agent>,
    project: mc_domain::ids::ProjectId,
    wanted: &Profile,
    refusal: &agent::Rejection,
    call: &Call,
) -> Result<Request, Refused> {
    let name = &agent.registered()?.profile.name;
    let payload = payload(wanted);
    let (action_type, content) = (ActionType::Autonomy, content_hash(ActionType::Autonomy, Some(&payload)));
    Ok(Request {
        requestor: call.moment.actor.clone(),
        subject: Subject { project, task: None, agent: Some(agent.id), action_type },
        ask: mc_domain::approval::Ask {
            summary: Reason::new(&format!("{name} asks for more autonomy than it has"))?,
            risk: Risk::Red,
            justification: Text::new(&format!("It tried to change its own profile: {refusal}."))?,
            rollback_plan: None,
            estimated_cost: None,
            payload: Payload::try_from(payload).ok(),
            content,
        },
        lifetime: Lifetime::DEFAULT,
        required: Quorum::One,
    })
}

/// What the agent would have more of.
fn payload(wanted: &Profile) -> Value {
    json!({
        "role": wanted.role,
        "dailyCapMicroUsd": wanted.caps.daily,
        "perRunCapMicroUsd": wanted.caps.per_run,
        "allowedTools": wanted.allowed_tools,
    })
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", characters.as_str())
}
