//! What is done with a squad as a whole.

mod halt_squad;

pub use crate::consequence::squad_halt::is_halted;
pub use halt_squad::{block_halted, follow_halt, halt_squad, resume_squad};
