//! What every handler and worker works with: the repository to write through, the views to read from, the time.
//!
//! The [`App`] is a handle, cheap to clone. Beside it stand what it does at start, who acts ([`App::actor`]), the policy in
//! force, and the numbers that operations ask for; the write path lies above the rendering of answers, in `crate::write`.

mod actor;
mod call;
mod counts;
mod handle;
mod policy;
mod recover;

pub(crate) use self::handle::WeakApp;
pub use self::{
    call::Call,
    handle::{App, Clock, system_clock},
};
