//! An agent that asks for more autonomy for itself opens an approval instead of changing its profile.

use mc_domain::{
    agent::{self, Agent, Profile},
    approval::{Action, ActionType, Approval, Ask, Payload, Request, Risk, Subject, Terms},
    ids::ApprovalId,
    operation::{Autonomy, request_approval},
    policy::document::Document,
    transaction::{Entity, Transaction},
    values::{Reason, Text},
};

use crate::{
    answer::Reply,
    problem::{Kind, Problem},
    refusal::Refused,
    routes::quorum::quorum,
};

/// Opens the approval in place of the change, or names the one that is open for it.
///
/// # Errors
/// What asking for an approval refuses.
pub(super) fn ask_for_more(
    tx: &mut Transaction<'_>,
    approval: ApprovalId,
    agent: &Entity<Agent>,
    wanted: &Profile,
    refusal: &agent::Rejection,
    policy: &Document,
) -> Result<Reply, Refused> {
    let request = approval_request(tx, agent, wanted, refusal, policy)?;
    tx.create::<Approval>(approval);
    let open = request_approval(tx, approval, request)?;
    Ok(Reply::Refused(problem(refusal, open)))
}

fn problem(refusal: &agent::Rejection, approval: ApprovalId) -> Problem {
    let detail = format!(
        "{refusal}. An operator decides: {approval} is open for it, at /api/approvals/{approval}.",
        refusal = capitalised(&refusal.to_string()),
    );
    Problem::new(Kind::ApprovalRequired, detail).approval_id(approval)
}

fn approval_request(
    tx: &Transaction<'_>,
    agent: &Entity<Agent>,
    wanted: &Profile,
    refusal: &agent::Rejection,
    policy: &Document,
) -> Result<Request, Refused> {
    let registered = agent.registered()?;
    let (name, project) = (&registered.profile().name, registered.project());
    let (payload, action_type) = (Autonomy::of(wanted).payload(), ActionType::Autonomy);
    let terms = Terms {
        summary: Reason::new(&format!("{name} asks for more autonomy than it has"))?,
        risk: Risk::Red,
        justification: Text::new(&format!("It tried to change its own profile: {refusal}."))?,
        rollback_plan: None,
        estimated_cost: None,
        payload: Payload::try_from(payload.clone()).ok(),
    };
    let ask = Ask::new(&Action::with(action_type, &payload), terms);
    Ok(Request {
        requestor: tx.actor().clone(),
        subject: Subject { project, task: None, agent: Some(agent.id), action_type },
        required: quorum(policy, &ask),
        ask,
        lifetime: tx.policy().approvals_last(),
    })
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", characters.as_str())
}
