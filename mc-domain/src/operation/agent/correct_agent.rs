//! Correcting the record of an agent that is wrong.

use crate::{
    agent::{self, Agent, Corrections, Ending, Status},
    budget::{self, Budget, Key},
    consequence::{
        blocked_work::{Stop, block_held_task, give_back_held_task},
        budget_cap::{Spender, execute_and_alert},
        quarantine::stop_at_once,
        run_end::abort_agent_runs,
        squad_halt::except,
    },
    ids::AgentId,
    money::Usd,
    rejection::Rejection,
    transaction::{Entity, Transaction},
};

/// The corrections of one request, applied in one commit.
#[derive(Debug, Clone, PartialEq)]
pub struct CorrectAgent {
    /// What of the record is wrong.
    pub corrections: Corrections,
    /// Whether its current task is to be taken from it.
    pub clear_task: bool,
}

/// Corrects the record of an agent. The task that it works on is taken from it where that is asked, and always by a
/// correction to quarantined or offline: it goes back to assigned, or is blocked when the agent cannot take it up again.
/// What it is to have spent today is adjusted on its budget of the day. Corrected to active in a squad that is paused, it
/// works on alone.
///
/// # Errors
/// - [`agent::Rejection::OperatorOnly`] for anyone but an operator.
/// - [`agent::Rejection::IllegalStatus`] when its status does not lead to the one wanted.
pub fn correct_agent(
    tx: &mut Transaction<'_>,
    agent: AgentId,
    request: CorrectAgent,
) -> Result<(), Rejection> {
    let CorrectAgent { corrections, clear_task } = request;
    let agent = tx.get::<Agent>(&agent)?;
    let corrected = tx.execute(&agent, agent::Command::Correct(corrections))?;
    if corrections.status == Some(Status::Active) {
        except(tx, &agent)?;
    }
    if let Some(spent) = corrections.today_spend {
        adjust_spend(tx, &agent, spent)?;
    }
    let (was, status) = (agent.registered()?.status(), corrected.registered()?.status());
    match status {
        Status::Quarantined if was != status => stop_at_once(tx, agent.id, None),
        Status::Offline => {
            abort_agent_runs(tx, agent.id, "its agent went offline")?;
            take_work(tx, agent.id)
        }
        Status::Active | Status::Paused | Status::Draining | Status::Quarantined if clear_task => {
            take_work(tx, agent.id)
        }
        Status::Active | Status::Paused | Status::Draining | Status::Quarantined => Ok(()),
    }
}

fn adjust_spend(tx: &mut Transaction<'_>, agent: &Entity<Agent>, spent: Usd) -> Result<(), Rejection> {
    let budget = tx.get::<Budget>(&Key::AgentDay(agent.id, tx.today()))?;
    let registered = agent.registered()?;
    let (project, task) = (registered.project, registered.work.map(|work| work.task));
    let spender = Spender { project, agent: Some(agent.id), task, run: None };
    execute_and_alert(tx, &budget, budget::Command::Adjust { spent }, spender)
}

fn take_work(tx: &mut Transaction<'_>, agent: AgentId) -> Result<(), Rejection> {
    let (what, ending) = match tx.agent(agent)?.registered()?.status() {
        Status::Active => return give_back_held_task(tx, agent, None, Ending::Corrected),
        Status::Paused | Status::Draining => ("was taken off it", Ending::Corrected),
        Status::Quarantined => ("was quarantined", Ending::Quarantined),
        Status::Offline => ("went offline", Ending::WentOffline),
    };
    block_held_task(tx, agent, Stop { what, note: None, ending, told: false })
}
