//! `/api/agents`: listing, registering, changing and instructing agents.

mod autonomy;
mod edit;
mod heartbeat;
mod instruct;
mod list;
mod new_agent;
mod profile;
mod register;
mod spawn;

pub use self::{
    edit::edit,
    heartbeat::record_heartbeat,
    instruct::instruct,
    list::{list, show},
    register::register,
    spawn::spawn,
};
