//! What follows from the halt of a squad, once the halt itself is committed.
//!
//! Each step has an idempotency key derived from the halt, so a repeat changes nothing, and the heartbeat monitor
//! completes what a crash left undone.

use mc_domain::{
    actor::Actor,
    agent::{self, Agent},
    aggregate::CommandContext,
    ids::{AgentId, CredentialId, ProjectId, TaskId},
    operation::{block_halted, follow_halt},
    reach::Reach,
    recorded::{AnyEvent, StreamId},
    task,
    transaction::Transaction,
};
use mc_projections::{
    agents::AgentQuery,
    page::{InvalidCursor, MAX_LIMIT, Page},
};
use mc_store::{
    nodes::Lease,
    repository::{CommandEnvelope, Executed},
};
use serde::{Deserialize, Serialize};

use crate::{app::App, own_identity::own_key, page::invalid_cursor, problem::Problem, refusal::Refused};

/// The most tasks that one commit blocks. Each task also ends its runs and releases what is set aside for them.
const TASKS_AT_ONCE: usize = 10;

/// By whom, and by what right, the consequences of a halt are carried out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct By<'a> {
    pub(crate) actor: &'a Actor,
    pub(crate) credential: Option<CredentialId>,
    /// The lease of the node that leads, where its workers do it.
    pub(crate) lease: Option<Lease>,
}

/// What followed from a halt of one project.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    /// Whether any step was still to be done.
    pub(crate) late: bool,
    pub(crate) agents: Vec<AgentId>,
    pub(crate) tasks: Vec<TaskId>,
    pub(crate) position: u64,
}

/// The outcome of pausing the agents, stored under the key of that step.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Paused {
    agents: Vec<AgentId>,
    /// The tasks they held, which an emergency stop blocks next.
    held: Vec<TaskId>,
}

/// Carries out, once, what follows from the halt `number` of `project`: its agents are paused in one commit, and in an
/// emergency what they hold is blocked in a few more, all of it by whoever halted it. None of it is in a hurry, as nothing starts any more.
///
/// # Errors
/// What the log says.
pub(crate) async fn follow(
    app: &App,
    by: By<'_>,
    project: ProjectId,
    number: u64,
) -> Result<Followed, Refused> {
    let context = CommandContext::new(app.now(), by.actor.clone()).under(app.policy_limits(Some(project)));
    let envelope = |step: String| {
        let key = own_key("emergency", &format!("halt/{project}/{number}/{step}"));
        CommandEnvelope {
            context: context.clone(),
            key: Some(key),
            credential: by.credential,
            lease: by.lease,
        }
    };
    let pausing = envelope("agents".to_owned());
    let known = match &pausing.key {
        Some((key, _)) => app.log().answered(key).await?.is_some(),
        None => false,
    };
    let agents = if known { Vec::new() } else { squad(app, project).await? };
    let paused = app.repository().execute(&pausing, |tx| {
        let mut held = Vec::new();
        for agent in &agents {
            let agent = tx.get::<Agent>(agent)?;
            held.extend(agent.registered().ok().and_then(|agent| agent.work()).map(|work| work.task));
        }
        follow_halt(tx, project, number, &agents)?;
        let agents = ids(tx, |event| matches!(event, AnyEvent::Agent(agent::Event::Paused { .. })));
        Ok::<_, Refused>(Paused { agents, held })
    });
    let Executed { value: Paused { agents, held }, position, replayed } = paused.await?;
    let mut followed = Followed { late: !replayed, agents, tasks: Vec::new(), position };
    for (n, tasks) in held.chunks(TASKS_AT_ONCE).enumerate() {
        let blocking = envelope(format!("tasks/{n}"));
        let blocked = app.repository().execute(&blocking, |tx| {
            block_halted(tx, project, number, tasks)?;
            let blocked: Vec<TaskId> =
                ids(tx, |event| matches!(event, AnyEvent::Task(task::Event::Blocked { .. })));
            Ok::<_, Refused>(blocked)
        });
        let blocked = blocked.await?;
        followed.late |= !blocked.replayed;
        followed.tasks.extend(blocked.value);
        followed.position = followed.position.max(blocked.position);
    }
    Ok(followed)
}

/// All agents of a project. They are loaded into the repository's memory one by one, so that the decision on all of
/// them is not repeated for each one that is missing.
pub(crate) async fn squad(app: &App, project: ProjectId) -> Result<Vec<AgentId>, Problem> {
    let (now, limit) = (app.now(), Some(MAX_LIMIT));
    let of_project = AgentQuery { reach: Reach::of(project), limit, ..AgentQuery::default() };
    let agents = app.read(|views| {
        let agents = |cursor: Option<&str>| {
            let query = AgentQuery { cursor: cursor.map(str::to_owned), ..of_project.clone() };
            views.agents.list(&query, now, |_| None)
        };
        all_ids(agents, |agent| agent.id)
    });
    let agents = agents.await??;
    for agent in &agents {
        app.repository().load::<Agent>(agent).await?;
    }
    Ok(agents)
}

/// The ids of all pages of a list.
pub(crate) fn all_ids<T, Id>(
    list: impl Fn(Option<&str>) -> Result<Page<T>, InvalidCursor>,
    id: impl Fn(T) -> Id,
) -> Result<Vec<Id>, Problem> {
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let page = list(cursor.as_deref()).map_err(invalid_cursor)?;
        ids.extend(page.items.into_iter().map(&id));
        cursor = page.next;
        if cursor.is_none() {
            return Ok(ids);
        }
    }
}

/// The ids of the aggregates that the transaction gives such an event to.
pub(crate) fn ids<T: std::str::FromStr>(tx: &Transaction<'_>, is_such: impl Fn(&AnyEvent) -> bool) -> Vec<T> {
    let changes = tx.changes().iter().filter(|change| change.events.iter().any(&is_such));
    changes.filter_map(|change| id(&change.stream)).collect()
}

fn id<T: std::str::FromStr>(stream: &StreamId) -> Option<T> {
    stream.aggregate_id.parse().ok()
}
