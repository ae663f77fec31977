//! A write as it came in.

use mc_domain::{actor::Actor, aggregate::CommandContext, ids::ProjectId};

use super::handle::App;
use crate::extract::{IfMatch, Keyed};

/// A write as it came in: who, when, under which key.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who and when.
    pub context: CommandContext,
    /// The version the caller expects.
    pub condition: IfMatch,
    pub(crate) keyed: Option<Keyed>,
}

impl App {
    /// A write by `actor`, as of now, under the policy of the project it is about.
    pub fn call(
        &self,
        project: Option<ProjectId>,
        actor: Actor,
        keyed: Option<Keyed>,
        condition: IfMatch,
    ) -> Call {
        Call {
            context: CommandContext::new(self.now(), actor).under(self.policy_limits(project)),
            condition,
            keyed,
        }
    }
}
