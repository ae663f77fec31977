//! `/api/approvals`: what agents ask for, and what operators decide.

mod decide;
mod list;
mod request;

pub use self::{
    decide::{approve, deny, request_revision},
    list::{list, show},
    request::{create, resubmit, withdraw},
};
