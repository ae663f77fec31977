//! What a write answers: small enough to be kept with the commit, enough to render the same answer again.
//!
//! An answer is a fold too. A repeat under an idempotency key is answered by folding what it shows up to the position
//! of the first answer, and by the clock of then, so it survives restarts and restores without a copy of any body.

mod entity;
mod entity_ref;
mod heartbeat;
mod message;
pub(crate) mod policy;
mod render_context;
mod reply;
mod squad;
mod stored_reply;

pub(crate) use self::{
    entity::shown,
    entity_ref::{EntityRef, Shown},
    heartbeat::{Offer, TO_CLAIM, TO_DO},
    reply::Reply,
    squad::{HaltOrder, SquadAnswer},
    stored_reply::StoredReply,
};
