//! The answer to a read of one entity, conditional on the version that the reader has.

use axum::response::Response;
use mc_projections::views::Views;

use super::{entity_ref::EntityRef, render_context::RenderContext};
use crate::{access::Caller, app::App, extract::IfNoneMatch, headers::not_modified, problem::Problem};

/// Answers with one entity and its entity tag, or `304` when the reader has this version already. What is outside the caller's
/// reach is answered as what does not exist.
pub(crate) async fn shown(
    app: &App,
    caller: &Caller,
    condition: IfNoneMatch,
    find: impl FnOnce(&Views) -> Result<EntityRef, Problem>,
) -> Result<Response, Problem> {
    app.answer(|views| {
        let shown = find(views)?;
        shown.within(views, caller.reach())?;
        let context = RenderContext::now(app, views, shown.agent());
        let (version, response) = shown.entity(context)?;
        let versioned = shown.is_its_stream() || condition == IfNoneMatch::Any;
        if versioned && condition.has(version) {
            return Ok(not_modified(version));
        }
        Ok(response)
    })
    .await
}
