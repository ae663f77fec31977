//! How many decisions an approval takes.

use mc_domain::{
    approval::{Ask, Quorum},
    policy::document::Document,
};

/// The number of approvers that the policy requires for this tool and risk.
pub(super) fn quorum(policy: &Document, ask: &Ask) -> Quorum {
    Quorum::try_from(policy.decisions_on(ask.tool(), ask.risk().into())).unwrap_or_default()
}
