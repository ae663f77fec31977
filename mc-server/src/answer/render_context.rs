//! What an answer is rendered from.

use chrono::{DateTime, Utc};
use mc_domain::ids::AgentId;
use mc_projections::views::Views;

use crate::app::App;

/// What an answer is rendered from: views of one position of the log, and the time.
#[derive(Clone, Copy)]
pub(crate) struct RenderContext<'a> {
    pub(crate) views: &'a Views,
    pub(crate) now: DateTime<Utc>,
    pub(crate) last_heartbeat: Option<DateTime<Utc>>,
}

impl<'a> RenderContext<'a> {
    /// What the views show now; `agent` is the agent among it, whose last heartbeat may not be in the log.
    pub(crate) fn now(app: &App, views: &'a Views, agent: Option<AgentId>) -> Self {
        Self { views, now: app.now(), last_heartbeat: agent.and_then(|agent| app.last_heartbeat(agent)) }
    }
}
