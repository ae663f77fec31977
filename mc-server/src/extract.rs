//! What a handler takes from a request; whatever cannot be taken is refused with a [`Problem`].
//!
//! | extractor | takes |
//! |---|---|
//! | [`Body`] | the JSON body, whatever its content type, without secrets, with the idempotency key and who acts |
//! | [`Given`] | a field of it that is refused where it could be taken for another: a name, a slug |
//! | [`AsSent`] | of a body, a field that is judged or kept digit by digit |
//! | [`Query`] | the parameters, of which [`List`] is a comma-separated one |
//! | [`Path`] | the variable parts of the path |
//! | [`IfMatch`], [`IfNoneMatch`], [`OnlyNew`] | the conditions on an entity's version |
//! | [`Login`] | the credential that a browser shows, of which nothing is recorded |
//! | [`LastEventId`] | where an event stream goes on |
//!
//! What a handler takes is what its route honours ([`Contract`]); a client that sends more of that kind is refused.

mod as_sent;
mod body;
mod claim;
mod condition;
mod contract;
mod double_option;
mod fields;
mod given;
mod idempotency;
mod json;
mod last_event_id;
mod login;
mod only_new;
mod path;
mod query;
mod time;

pub use as_sent::AsSent;
pub use body::{Arrival, Body, BodyRejection, MAX_BODY_BYTES, Nothing, Remembers, TIME_TO_ARRIVE};
pub use claim::ActorClaim;
pub use condition::{IfMatch, IfNoneMatch, etag};
pub use contract::{Contract, Contracted, Honours, MC_POSITION};
pub(crate) use double_option::{double_option, never_null};
pub use given::Given;
pub use idempotency::{IdempotencyKey, Keyed};
pub use last_event_id::LastEventId;
pub use login::Login;
pub use only_new::OnlyNew;
pub use path::Path;
pub use query::{Limit, List, Query};
pub use time::{Day, Time};

#[cfg(doc)]
use crate::problem::Problem;
