//! The views and the time that an answer is rendered from.

use chrono::{DateTime, Utc};
use mc_domain::ids::AgentId;
use mc_projections::views::Views;

use crate::app::App;

/// The views of one position of the log, the time, and what the log does not have of the agent shown.
#[derive(Clone, Copy)]
pub(crate) struct RenderContext<'a> {
    pub(crate) views: &'a Views,
    pub(crate) now: DateTime<Utc>,
    pub(crate) last_heartbeat: Option<DateTime<Utc>>,
}

impl<'a> RenderContext<'a> {
    /// The context of a read now. `agent` is the agent that is shown, whose last heartbeat may not be in the log.
    pub(crate) fn now(app: &App, views: &'a Views, agent: Option<AgentId>) -> Self {
        Self { views, now: app.now(), last_heartbeat: agent.and_then(|agent| app.last_heartbeat(agent)) }
    }
}
