//! Resuming an agent that is paused, draining or quarantined.

use crate::{
    agent::{self, Agent},
    consequence::squad_halt::except,
    ids::AgentId,
    rejection::Rejection,
    transaction::Transaction,
    values::Reason,
};

/// Lets an agent work again. One that an operator lets work while its squad is paused is excepted from that pause.
///
/// # Errors
/// - [`agent::Rejection::IllegalStatus`] when its status does not lead there.
/// - [`agent::Rejection::OperatorOnly`] for who may not lift what stopped it.
pub fn resume_agent(tx: &mut Transaction<'_>, agent: AgentId, note: Option<Reason>) -> Result<(), Rejection> {
    let agent = tx.get::<Agent>(&agent)?;
    tx.execute(&agent, agent::Command::Resume { note })?;
    except(tx, &agent)
}
