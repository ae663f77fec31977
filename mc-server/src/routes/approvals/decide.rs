//! Deciding an approval: approving it, denying it, requesting a revision.

use axum::{extract::State, response::Response};
use mc_domain::{
    actor::Actor,
    approval::{Approval, ContentHash},
    ids::{ApprovalId, LeaseId},
    operation::{Answer, DecideApproval, decide_approval},
    values::{Name, Reason},
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    access::Caller,
    answer::EntityRef,
    app::App,
    extract::{ActorClaim, Body, IfMatch, Path},
    lookup,
    problem::{Kind, Problem},
};

/// Who decides, and what is noted with it. `contentHash` is that of what was read before deciding.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ruling {
    approver: Option<Approver>,
    #[serde(alias = "note", alias = "reason")]
    decision: Option<Reason>,
    content_hash: Option<ContentHash>,
}

/// Who decides: `operator`, a name, or an actor as everywhere else.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "must be a name, or an object with type and id")]
enum Approver {
    Called(Name),
    Actor {
        r#type: Who,
        #[serde(default)]
        id: Option<String>,
    },
}

mc_domain::string_enum! {
    /// The kinds of actor that a body may name as the approver.
    Who {
        /// A person, by name; the operator when `id` is absent.
        Human = "human",
        /// An agent, by id or name.
        Agent = "agent",
        /// A program that acts by a rule.
        System = "system",
    }
}

/// `POST /api/approvals/{approval}/approve`: yes. The task goes back to where it came from; a budget override lets the
/// agent go on. The same answer again changes nothing.
///
/// Problems: `not-found`, `malformed-body`, `invalid-fields`, `forbidden`, `already-decided`, `conflict`,
/// `precondition-failed`, `actor-mismatch`.
pub async fn approve(
    app: State<App>,
    caller: Caller,
    approval: Path<ApprovalId>,
    condition: IfMatch,
    body: Body<Ruling>,
) -> Result<Response, Problem> {
    decide(app, caller, approval, condition, body, |note| Ok(Answer::Approve { note })).await
}

/// `POST /api/approvals/{approval}/deny`: no, with the reason in `decision`. The task is blocked with it.
///
/// Problems: as for approving.
pub async fn deny(
    app: State<App>,
    caller: Caller,
    approval: Path<ApprovalId>,
    condition: IfMatch,
    body: Body<Ruling>,
) -> Result<Response, Problem> {
    let why = |note: Option<Reason>| note.ok_or_else(|| missing("a denial says why"));
    decide(app, caller, approval, condition, body, |note| Ok(Answer::Deny { reason: why(note)? })).await
}

/// `POST /api/approvals/{approval}/request-revision`: not like this; `decision` says what to change. The approval stays
/// open.
///
/// Problems: as for approving.
pub async fn request_revision(
    app: State<App>,
    caller: Caller,
    approval: Path<ApprovalId>,
    condition: IfMatch,
    body: Body<Ruling>,
) -> Result<Response, Problem> {
    let what = |note: Option<Reason>| note.ok_or_else(|| missing("a revision says what to change"));
    decide(app, caller, approval, condition, body, |note| Ok(Answer::RequestRevision { note: what(note)? }))
        .await
}

fn missing(message: &str) -> Problem {
    Problem::invalid_field("decision", message)
}

async fn decide(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ApprovalId>,
    condition: IfMatch,
    body: Body<Ruling>,
    answer: impl FnOnce(Option<Reason>) -> Result<Answer, Problem>,
) -> Result<Response, Problem> {
    let Ruling { approver, decision, content_hash } = body.value;
    let project = app.project_of(caller.reach(), EntityRef::Approval(id)).await?;
    let decider = decider(&app, &caller, approver, body.actor).await?;
    let call = app.call(&caller, project, decider, body.keyed, condition);
    let (answer, lease) = (answer(decision)?, LeaseId::new(Uuid::now_v7()));
    let request = DecideApproval { answer, content: content_hash, lease };
    app.change::<Approval, _>(&call, id, |tx, _| Ok(decide_approval(tx, id, request.clone())?)).await
}

/// Who decides. The system decides by the rules of the policy, and nobody does in its name.
async fn decider(
    app: &App,
    caller: &Caller,
    approver: Option<Approver>,
    claim: Option<ActorClaim>,
) -> Result<Actor, Problem> {
    match named(app, caller, approver, claim).await? {
        Actor::System(_) => Err(Problem::new(
            Kind::Forbidden,
            "The system decides by the rules of the policy, not over HTTP. Decide as an operator.",
        )),
        decider @ (Actor::Human(_) | Actor::Agent(_)) => Ok(decider),
    }
}

/// Who is said to decide. A name is an agent's where one is called so: it may not hide behind it.
async fn named(
    app: &App,
    caller: &Caller,
    approver: Option<Approver>,
    claim: Option<ActorClaim>,
) -> Result<Actor, Problem> {
    let claimed = match approver {
        None => return app.actor(caller, claim, None, None).await,
        Some(Approver::Actor { r#type: Who::Human, id }) => ActorClaim::Human(id),
        Some(Approver::Actor { r#type: Who::Agent, id }) => ActorClaim::Agent(id),
        Some(Approver::Actor { r#type: Who::System, id }) => ActorClaim::System(id),
        Some(Approver::Called(name)) => called(app, caller, name).await?,
    };
    let approver = app.actor(caller, Some(claimed), None, None).await?;
    match claim {
        Some(claim) if app.actor(caller, Some(claim.clone()), None, None).await? != approver => {
            Err(Problem::invalid_field("approver", "is somebody else than actor; name one of them"))
        }
        Some(_) | None => Ok(approver),
    }
}

async fn called(app: &App, caller: &Caller, name: Name) -> Result<ActorClaim, Problem> {
    let operator = ["operator", "human"].into_iter().any(|word| name.as_str().eq_ignore_ascii_case(word));
    let is_nobody = caller.credential().is_none();
    if operator || is_nobody && name.is(app.operator()) {
        return Ok(ActorClaim::Human(None));
    }
    if name.as_str().eq_ignore_ascii_case("system") {
        return Ok(ActorClaim::System(None));
    }
    if !is_nobody {
        return Ok(ActorClaim::Human(Some(name.into())));
    }
    let agent = app.read(|views| lookup::agent(views, caller.reach(), name.as_str(), None)).await?;
    Ok(match agent {
        Ok(agent) => ActorClaim::Agent(Some(agent.to_string())),
        Err(_) => ActorClaim::Human(Some(name.into())),
    })
}
