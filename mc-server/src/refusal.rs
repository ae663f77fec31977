//! What a refusal says over HTTP: every rule has its problem, by exhaustive matches, so a new rule asks for one.

use mc_domain::{
    actor::Actor,
    agent::{self, SpawnBound},
    aggregate::CommandContext,
    alert, approval, budget, credential,
    ids::AgentId,
    notification,
    operation::Rejection,
    project,
    rejection::NotLoaded,
    reservation, run,
    task::{self, Requirement, Task, allowed_transitions},
    values::InvalidText,
};
use mc_projections::{runner::Stopped, views::Views};
use mc_store::error::StoreError;
use serde_json::json;

use crate::problem::{FieldError, Kind, Problem};

/// Why a write was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A rule of the domain rejects it.
    #[error(transparent)]
    Rule(Rejection),
    /// The log could not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The request itself is at fault.
    #[error("{}", .0.detail())]
    Request(Problem),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Request(problem)
    }
}

impl From<InvalidText> for Refused {
    fn from(error: InvalidText) -> Self {
        Self::Request(Problem::invalid_field("", error.to_string()))
    }
}

macro_rules! refused_by {
    ($($aggregate:ident),+) => {
        $(impl From<mc_domain::$aggregate::Rejection> for Refused {
            fn from(rejection: mc_domain::$aggregate::Rejection) -> Self {
                Self::Rule(rejection.into())
            }
        })+
    };
}
refused_by!(agent, alert, approval, notification, project, run, task);

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::NotLoaded(missing) => missing.into(),
            rule => Self::Rule(rule),
        }
    }
}

impl From<NotLoaded> for Refused {
    fn from(missing: NotLoaded) -> Self {
        Self::Store(missing.into())
    }
}

/// The problem that answers a refused write; the views have the names for the ids it mentions.
pub(crate) fn problem(refused: Refused, views: &Views) -> Problem {
    match refused {
        Refused::Request(problem) => problem,
        Refused::Store(error) => error.into(),
        Refused::Rule(rejection) => of_rule(&rejection, views),
    }
}

fn of_rule(rejection: &Rejection, views: &Views) -> Problem {
    match rejection {
        Rejection::Project(rejection) => of_project(rejection),
        Rejection::Agent(rejection) => of_agent(rejection),
        Rejection::Task(rejection) => of_task(rejection, views),
        Rejection::Approval(rejection) => of_approval(rejection, views),
        Rejection::Reservation(rejection) => of_reservation(rejection, views),
        Rejection::Run(rejection) => of_run(rejection),
        Rejection::Budget(rejection) => of_budget(rejection),
        Rejection::Alert(rejection) => of_alert(rejection),
        Rejection::Notification(rejection) => of_notification(rejection),
        Rejection::Credential(rejection) => of_credential(rejection),
        Rejection::SquadStopped => Problem::new(
            Kind::SquadStopped,
            "The squad of this project is stopped. An operator resumes it with POST /api/emergency/resume-squad.",
        ),
        Rejection::TooDear { approval, .. } => Problem::new(
            Kind::BudgetExceeded,
            format!(
                "{} The agent is paused until an operator raises the budget or approves {approval}.",
                sentence(rejection)
            ),
        )
        .approval_id(approval),
        Rejection::ForeignBudget { .. } => Problem::new(
            Kind::RuleBroken,
            format!("{} Name one of those, or let its own agent ask.", sentence(rejection)),
        )
        .errors(vec![FieldError::new("payload", rejection.to_string())]),
        Rejection::Unapproved { .. } => Problem::new(
            Kind::ApprovalRequired,
            format!(
                "{} That is recorded, the run is broken off, its task blocked and its agent quarantined: an operator \
                 looks into it. The next time, ask with POST /api/approvals first, and name the approval in approvalId.",
                sentence(rejection)
            ),
        ),
        Rejection::NotLoaded(missing) => {
            tracing::error!(?missing, "an operation was answered instead of asked again");
            Problem::internal()
        }
        Rejection::UnknownAgent(id) => {
            Problem::new(Kind::InvalidFields, format!("There is no agent {id}. GET /api/agents lists them."))
                .errors(vec![FieldError::new("assigneeIds", format!("there is no agent {id}"))])
        }
        Rejection::UnknownTask => Problem::invalid_field("taskId", rejection.to_string()),
        Rejection::UnknownParent => {
            Problem::invalid_field("parentTaskId", "there is no such task in the project")
        }
    }
}

/// What refuses a move. One that lacks something is answered with every move that is open to the actor, as one that the
/// table does not have.
pub(crate) fn of_move(refused: Refused, task: &Task, context: &CommandContext) -> Refused {
    match (&refused, task.status()) {
        (Refused::Rule(Rejection::Task(lacking @ task::Rejection::Missing { what, .. })), Some(from)) => {
            let errors = what.iter().map(|requirement| missing(*requirement)).collect();
            let allowed = allowed_transitions(from, context.actor.kind());
            let problem = Problem::new(Kind::IllegalTransition, sentence(lacking));
            problem.errors(errors).allowed_transitions(allowed).into()
        }
        _ => refused,
    }
}

/// The problem that answers everything once the views no longer follow the log.
pub(crate) fn stopped(stopped: &Stopped) -> Problem {
    tracing::error!(error = %stopped, "the views no longer follow the log");
    Problem::new(
        Kind::StoreDamaged,
        "The views cannot follow the log any further, so nothing is answered from them. GET /health says more; an \
         operator has to verify the store.",
    )
}

fn of_project(rejection: &project::Rejection) -> Problem {
    let detail = sentence(rejection);
    match rejection {
        project::Rejection::NotFound => Problem::new(Kind::NotFound, detail),
        project::Rejection::AlreadyExists => Problem::new(Kind::AlreadyExists, detail),
        project::Rejection::OperatorOnly => Problem::new(Kind::Forbidden, detail),
    }
}

fn of_agent(rejection: &agent::Rejection) -> Problem {
    let detail = sentence(rejection);
    match rejection {
        agent::Rejection::NotFound => Problem::new(Kind::NotFound, detail),
        agent::Rejection::SquadFull { .. } => Problem::new(
            Kind::LimitReached,
            format!("{detail} Retire some, or publish a policy with a higher limits.maxAgents."),
        ),
        agent::Rejection::LooksLike { by, name } => {
            Problem::new(Kind::AlreadyExists, format!("{detail} Choose one that nobody mistakes for it."))
                .holder(json!({ "agentId": by, "name": name }))
        }
        agent::Rejection::OperatorsName { .. } => {
            Problem::new(Kind::InvalidFields, format!("{detail} Choose another."))
                .errors(vec![FieldError::new("name", rejection.to_string())])
        }
        agent::Rejection::IllegalStatus { allowed, .. } => {
            let how = if allowed.is_empty() {
                "It comes back by itself: it registers again or sends a heartbeat.".to_owned()
            } else {
                format!("Possible from there: {}.", listed(allowed))
            };
            Problem::new(Kind::IllegalTransition, format!("{detail} {how}")).allowed_transitions(allowed)
        }
        agent::Rejection::NotActive { name, status, .. } => {
            let how = match status {
                agent::Status::Offline => format!("Let {name} register or send a heartbeat first."),
                _ => format!("Resume {name} first, or choose another agent."),
            };
            Problem::new(Kind::AgentNotActive, format!("{detail} {how}"))
        }
        agent::Rejection::OtherProject { .. } => {
            Problem::new(Kind::RuleBroken, format!("{detail} An agent works on tasks of its own project."))
                .errors(vec![FieldError::new("assigneeIds", rejection.to_string())])
        }
        agent::Rejection::TypeNotAccepted { .. } => Problem::new(
            Kind::RuleBroken,
            format!("{detail} An operator may assign it all the same by giving a reason."),
        )
        .errors(vec![FieldError::new("assigneeIds", rejection.to_string())]),
        agent::Rejection::Busy { task, .. } => Problem::new(
            Kind::Conflict,
            format!("{detail} An agent holds one task at a time: let it finish, or reassign one of the two."),
        )
        .holder(json!({ "taskId": task })),
        agent::Rejection::TooManyRuns { .. } => {
            Problem::new(Kind::Conflict, format!("{detail} Complete one of them first."))
        }
        agent::Rejection::RegistersAnother { .. } => Problem::new(
            Kind::Forbidden,
            format!(
                "{detail} It creates sub-agents with POST /api/agents/{{agent}}/spawn; any other agent is registered by an \
                 operator."
            ),
        ),
        agent::Rejection::MayNotSpawn { .. } => Problem::new(
            Kind::Forbidden,
            format!("{detail} Let an agent of a higher role do it, or let an operator register the agent."),
        ),
        agent::Rejection::SpawnToolMissing { .. } => Problem::new(
            Kind::Forbidden,
            format!(
                "{detail} An operator adds it to the agent's allowedTools, or spawns the sub-agent itself."
            ),
        ),
        agent::Rejection::ChildAbove { .. } => {
            Problem::new(Kind::RuleBroken, format!("{detail} Ask for no more than the parent has."))
        }
        agent::Rejection::Retired { .. } => Problem::new(
            Kind::IllegalTransition,
            format!("{detail} Its parent puts it back into service with POST /api/agents/{{agent}}/spawn."),
        ),
        agent::Rejection::SpawnLimit { bound, limit, .. } => {
            let how = match bound {
                SpawnBound::Children if *limit == 0 => {
                    "The policy allows no sub-agents; an operator can raise spawn.maxChildren."
                }
                SpawnBound::Children => {
                    "Wait until one of its sub-agents is retired, or let an operator raise spawn.maxChildren in the policy."
                }
                SpawnBound::Depth => {
                    "Let an agent nearer to the first one do it, or let an operator register the agent."
                }
                SpawnBound::ActiveAgents => {
                    "Pause an agent first, or let an operator raise spawn.maxActiveAgents in the policy."
                }
            };
            Problem::new(Kind::RuleBroken, format!("{detail} {how}"))
        }
        agent::Rejection::SelfPromotion { .. } => {
            Problem::new(Kind::ApprovalRequired, format!("{detail} An operator has to change it."))
        }
        agent::Rejection::OperatorOnly { .. } => Problem::new(Kind::Forbidden, detail),
    }
}

fn of_task(rejection: &task::Rejection, views: &Views) -> Problem {
    let detail = sentence(rejection);
    match rejection {
        task::Rejection::NotFound => Problem::new(Kind::NotFound, detail),
        task::Rejection::AlreadyExists => Problem::new(Kind::AlreadyExists, detail),
        task::Rejection::IllegalTransition { from, to, by, allowed } => {
            let how = if allowed.is_empty() {
                format!("From {from} it cannot be moved by {by}.")
            } else {
                format!("Possible from there: {}.", listed(allowed))
            };
            let message = format!("a task cannot go from {from} to {to} by {by}");
            Problem::new(Kind::IllegalTransition, format!("{detail} {how}"))
                .errors(vec![FieldError::new("toStatus", message)])
                .allowed_transitions(allowed)
        }
        task::Rejection::NotAssignee => Problem::new(
            Kind::Forbidden,
            format!("{detail} Claim it first, or let an operator assign it."),
        ),
        task::Rejection::NotReviewer => Problem::new(
            Kind::Forbidden,
            format!("{detail} Work is judged by an agent that is not assigned to it, or by an operator."),
        ),
        task::Rejection::LeaseLost { current } => Problem::new(
            Kind::Conflict,
            "The lease is over: the task was taken from its holder meanwhile. Read the task before writing again.",
        )
        .holder(json!({ "leaseId": current })),
        task::Rejection::Missing { to, what } => {
            let errors = what.iter().map(|requirement| missing(*requirement)).collect();
            Problem::new(Kind::IllegalTransition, detail).errors(errors).allowed_transitions([to])
        }
        task::Rejection::NoAssignee => {
            Problem::new(Kind::RuleBroken, format!("{detail} Name one in assigneeIds."))
                .errors(vec![FieldError::new("assigneeIds", "at least one is needed")])
        }
        task::Rejection::AlreadyClaimed { by } => {
            let names = by.iter().map(|id| views.agents.name_or_id(*id)).collect::<Vec<_>>().join(", ");
            let holders: Vec<_> = by.iter().map(|id| holder(*id, views)).collect();
            Problem::new(Kind::AlreadyClaimed, format!("{names} has the task already. Claim another one."))
                .holder(if let [only] = &holders[..] { only.clone() } else { json!(holders) })
        }
        task::Rejection::OperatorOnly { .. } => Problem::new(Kind::Forbidden, detail),
        task::Rejection::Closed { .. } => Problem::new(Kind::Conflict, detail),
        task::Rejection::NotClosed { .. } => {
            Problem::new(Kind::Conflict, format!("{detail} Accept its result or cancel it first."))
        }
        task::Rejection::NotRunnable { .. } => {
            Problem::new(Kind::Conflict, format!("{detail} Claim it first, or let an operator assign it."))
        }
        task::Rejection::NotHolder { holder: by } => {
            let name = views.agents.name_or_id(*by);
            Problem::new(Kind::Conflict, format!("{name} holds the task. Work on another one."))
                .holder(holder(*by, views))
        }
        task::Rejection::ThreadFull { .. } => Problem::new(
            Kind::ThreadFull,
            format!(
                "{detail} Go on in another task; an operator still posts here, and may publish a policy with a higher \
                 limits.maxThreadMessages."
            ),
        ),
        task::Rejection::ThreadBlocked => Problem::new(Kind::RuleBroken, detail),
        task::Rejection::TooManyOpen { .. } => Problem::new(
            Kind::LimitReached,
            format!(
                "{detail} Finish or cancel some, or ask an operator, who may publish a policy with a higher \
                 limits.maxOpenTasks."
            ),
        ),
        task::Rejection::EmptyMessage => Problem::invalid_field("content", rejection.to_string()),
        task::Rejection::TooManyArtifacts => Problem::invalid_field("artifacts", rejection.to_string()),
    }
}

fn of_approval(rejection: &approval::Rejection, views: &Views) -> Problem {
    let detail = sentence(rejection);
    match rejection {
        approval::Rejection::NotFound => Problem::new(Kind::NotFound, detail),
        approval::Rejection::AlreadyExists => Problem::new(Kind::AlreadyExists, detail),
        approval::Rejection::OwnRequest => {
            Problem::new(Kind::Forbidden, format!("{detail} Let somebody else decide it."))
        }
        approval::Rejection::OperatorOnly | approval::Rejection::SystemOnly => {
            Problem::new(Kind::Forbidden, detail)
        }
        approval::Rejection::NotRequestor { requestor } => {
            let name = match requestor {
                Actor::Agent(agent) => views.agents.name_or_id(*agent).into_owned(),
                other => other.to_string(),
            };
            Problem::new(Kind::Forbidden, format!("Only {name}, who asked for it, may do this."))
        }
        approval::Rejection::AlreadyDecided { .. } => {
            Problem::new(Kind::AlreadyDecided, format!("{detail} The first decision stands."))
        }
        approval::Rejection::Expired { .. } | approval::Rejection::Withdrawn => Problem::new(
            Kind::AlreadyDecided,
            format!("{detail} Ask for a new one where it is still needed."),
        ),
        approval::Rejection::ContentChanged { .. } => {
            Problem::new(Kind::Conflict, format!("{detail} Read the approval again before deciding."))
        }
        approval::Rejection::NotApproved { .. }
        | approval::Rejection::PermitsElse { .. }
        | approval::Rejection::Used { .. } => Problem::new(
            Kind::ApprovalRequired,
            format!("{detail} Ask for another with POST /api/approvals."),
        ),
        approval::Rejection::NotDue { .. } => Problem::new(Kind::Conflict, detail),
    }
}

fn of_run(rejection: &run::Rejection) -> Problem {
    let detail = sentence(rejection);
    match rejection {
        run::Rejection::NotFound => Problem::new(Kind::NotFound, detail),
        run::Rejection::AlreadyExists => Problem::new(Kind::AlreadyExists, detail),
        run::Rejection::Unbilled { .. } => Problem::new(
            Kind::Conflict,
            format!("{detail} Only its agent adds something: it tells once what the run has cost."),
        ),
        run::Rejection::AlreadyEnded { charged, .. } => Problem::new(
            Kind::Conflict,
            format!("{detail} It was charged {charged} dollars, once. Start a new run."),
        ),
        run::Rejection::NotEnded => Problem::new(Kind::Conflict, detail),
        run::Rejection::OtherAgent | run::Rejection::OperatorOnly => Problem::new(Kind::Forbidden, detail),
        run::Rejection::NotDue { .. } => Problem::new(Kind::Conflict, detail),
        run::Rejection::TooManyToolCalls => {
            Problem::new(Kind::RuleBroken, format!("{detail} Complete it, and start another."))
        }
    }
}

fn of_budget(rejection: &budget::Rejection) -> Problem {
    let detail = sentence(rejection);
    match rejection {
        budget::Rejection::Exceeded { .. } => {
            Problem::new(Kind::BudgetExceeded, format!("{detail} An operator raises the budget."))
        }
        budget::Rejection::AlreadyReserved { .. }
        | budget::Rejection::NotReserved
        | budget::Rejection::TooManyReservations => Problem::new(Kind::Conflict, detail),
        budget::Rejection::OperatorOnly { .. } => Problem::new(Kind::Forbidden, detail),
    }
}

fn of_notification(rejection: &notification::Rejection) -> Problem {
    let detail = sentence(rejection);
    match rejection {
        notification::Rejection::NotFound => Problem::new(Kind::NotFound, detail),
        notification::Rejection::NotRecipient | notification::Rejection::SystemOnly => {
            Problem::new(Kind::Forbidden, detail)
        }
        notification::Rejection::Over { .. } | notification::Rejection::NotDue { .. } => {
            Problem::new(Kind::Conflict, detail)
        }
    }
}

fn of_credential(rejection: &credential::Rejection) -> Problem {
    use credential::Rejection as R;
    let detail = sentence(rejection);
    match rejection {
        R::NotFound => Problem::new(Kind::NotFound, detail),
        R::AlreadyExists | R::Revoked | R::Expired { .. } => Problem::new(Kind::Conflict, detail),
        R::OperatorOnly | R::SystemOnly | R::BearerOnly | R::OwnName => Problem::new(Kind::Forbidden, detail),
        R::ExpiresTooSoon => Problem::invalid_field("expiresAt", "must be in the future"),
        R::OtherProject => Problem::invalid_field("projects", rejection.to_string()),
        R::OperatorFirst => Problem::new(
            Kind::Conflict,
            format!("{detail} Issue that one first, with {{\"name\": \"Sofie\", \"role\": \"operator\"}}."),
        ),
        R::LastOperator => Problem::new(
            Kind::Conflict,
            format!(
                "{detail} Issue another operator's first; or stop the server and use mission-control credential revoke."
            ),
        ),
    }
}

fn of_alert(rejection: &alert::Rejection) -> Problem {
    let detail = sentence(rejection);
    match rejection {
        alert::Rejection::NotFound => Problem::new(Kind::NotFound, detail),
        alert::Rejection::Closed { .. } => Problem::new(Kind::Conflict, detail),
        alert::Rejection::OperatorOnly { .. } => Problem::new(Kind::Forbidden, detail),
    }
}

fn of_reservation(rejection: &reservation::Rejection, views: &Views) -> Problem {
    match rejection {
        reservation::Rejection::Taken { by: reservation::Holder::Project(id) } => {
            Problem::new(Kind::AlreadyExists, format!("Project {id} has this slug already. Choose another."))
                .holder(json!({ "projectId": id }))
        }
        reservation::Rejection::Taken { by: reservation::Holder::Agent(id) } => Problem::new(
            Kind::AlreadyExists,
            format!("Agent {id} of this project has that name already. Choose another."),
        )
        .holder(holder(*id, views)),
        reservation::Rejection::Taken { by: reservation::Holder::Approval(id) } => Problem::new(
            Kind::AlreadyExists,
            format!("Approval {id} is open for the same already. Wait for its decision."),
        )
        .approval_id(id),
        reservation::Rejection::NotHolder => Problem::new(Kind::Conflict, sentence(rejection)),
    }
}

fn missing(requirement: Requirement) -> FieldError {
    let field = match requirement {
        Requirement::WorkPlan => "workPlan",
        Requirement::Deliverable => "deliverable",
        Requirement::ReviewChecklist => "reviewChecklist",
        Requirement::Feedback | Requirement::Note => "reason",
        Requirement::BlockedReason => "blockedReason",
    };
    FieldError::new(field, format!("{} is needed", requirement.as_str()))
}

fn holder(id: AgentId, views: &Views) -> serde_json::Value {
    json!({ "agentId": id, "name": views.agents.name(id) })
}

fn listed<T: ToString>(values: &[T]) -> String {
    values.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

/// A rejection as a sentence: upper case at its beginning, a full stop at its end.
fn sentence(rejection: &impl std::error::Error) -> String {
    let text = rejection.to_string();
    let mut characters = text.chars();
    let first = characters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", characters.as_str())
}
