//! An agent that asks for more autonomy for itself opens an approval instead of changing its profile.

use mc_domain::{
    agent::{self, Agent, Profile},
    approval::{ActionType, Approval, Ask, Payload, Request, Risk, Subject},
    ids::{ApprovalId, ProjectId},
    operation::{Asked, Autonomy, Decision, Entity, request_approval},
    policy::document::Document,
    project::Project,
    reservation::Reservation,
    values::{Reason, Text},
};
use mc_store::repository::UnitOfWork;

use crate::{
    answer::Reply,
    app::Call,
    decide::{ask, content, matter},
    problem::{Kind, Problem},
    refusal::Refused,
    routes::quorum::quorum,
};

/// Opens the approval in place of the change, or names the one that is open for it.
///
/// # Errors
/// What asking for an approval refuses.
pub(super) fn ask_for_more(
    unit: &mut UnitOfWork<'_>,
    approval: ApprovalId,
    agent: &Entity<Agent>,
    wanted: &Profile,
    refusal: &agent::Rejection,
    (call, policy): (&Call, &Document),
) -> Result<(Decision, Reply), Refused> {
    let project = unit.load::<Project>(&agent.registered()?.project)?;
    let request = approval_request(agent, project.id, wanted, refusal, (call, policy))?;
    let key = unit.load::<Reservation>(&request.subject.key(request.ask.matter()))?;
    let approval = unit.fresh::<Approval>(approval);
    let Asked { approval, decision } = ask(unit, |cast| {
        request_approval(&project, &approval, &key, None, request.clone(), cast, &call.context)
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

fn approval_request(
    agent: &Entity<Agent>,
    project: ProjectId,
    wanted: &Profile,
    refusal: &agent::Rejection,
    (call, policy): (&Call, &Document),
) -> Result<Request, Refused> {
    let name = &agent.registered()?.profile.name;
    let (payload, action_type, risk) = (Autonomy::of(wanted).payload(), ActionType::Autonomy, Risk::Red);
    let summary = Reason::new(&format!("{name} asks for more autonomy than it has"))?;
    let matter = matter(action_type, Some(&payload), &summary);
    let ask = Ask {
        content: content(&matter, &summary, risk, None),
        matter: Some(matter),
        summary,
        risk,
        justification: Text::new(&format!("It tried to change its own profile: {refusal}."))?,
        rollback_plan: None,
        estimated_cost: None,
        payload: Payload::try_from(payload).ok(),
    };
    Ok(Request {
        requestor: call.context.actor.clone(),
        subject: Subject { project, task: None, agent: Some(agent.id), action_type },
        required: quorum(policy, &ask),
        ask,
        lifetime: call.context.policy.approvals_last(),
    })
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", characters.as_str())
}
