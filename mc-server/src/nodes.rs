//! What a server does because other nodes may have its log open beside it.
//!
//! Every node folds the whole log, so most of what a node is asked needs nothing of the others. What does:
//!
//! | part | for |
//! |---|---|
//! | `news` | what nodes tell one another beside the log, and how that is written |
//! | `exchange` | the task that tells it, and takes in what the others tell |
//! | `heartbeats` | the heartbeats that the log does not have, whichever node they reached |
//! | `turns` | limits that are counted in views: one node at a time counts |
//! | `touch` | a node that cannot reach the database: it refuses writes, and says how old its answers are |
//!
//! The workers run on the node that leads (`crate::workers`), a rate limit counts the calls to all nodes
//! (`crate::access`), and a repository forgets what others append to (`mc_store::repository`). On a log that one process alone
//! has open none of this costs anything.

mod exchange;
mod heartbeats;
mod news;
mod touch;
mod turns;

pub(crate) use exchange::begin as begin_exchange;
pub(crate) use heartbeats::Heartbeats;
pub(crate) use news::Item;
pub use touch::MC_STALE;
pub(crate) use touch::{mark_stale, refuse_writes};
pub(crate) use turns::Turns;
