//! A node that cannot ask the database for what others append: it takes no writes, and says how old what it shows may be.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    access::Admission,
    app::App,
    problem::{Kind, Problem},
};

/// On the answer to a read: how long ago, in whole seconds, the node last reached the database. The answer may lack what was
/// recorded since then.
pub const MC_STALE: HeaderName = HeaderName::from_static("mc-stale");

/// How long the node must be out of touch until it refuses writes by itself. A shorter outage is bridged by the log, in which
/// commits wait.
const WRITES_WAIT_FOR: Duration = Duration::from_secs(5);

impl App {
    /// How long this node has been unable to ask the database for what others append; nothing while it can, and on a log that no
    /// other node appends to.
    pub(crate) fn out_of_touch(&self) -> Option<Duration> {
        self.log().nodes()?.out_of_touch()
    }

    /// Checks that the log can be asked, for an answer that begins before it is read.
    ///
    /// # Errors
    /// `store-unavailable` while the node is out of touch.
    pub(crate) fn check_in_touch(&self) -> Result<(), Problem> {
        match self.out_of_touch() {
            Some(_) => Err(Problem::of(Kind::StoreUnavailable)),
            None => Ok(()),
        }
    }
}

/// Refuses the writes of admitted callers while the node is out of touch, those as well that would record nothing: what it
/// would decide on may be old.
pub(crate) async fn refuse_writes(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_admitted = request.extensions().get::<Admission>().is_some_and(|admission| admission.0.is_ok());
    let is_lost = || app.out_of_touch().is_some_and(|age| age >= WRITES_WAIT_FOR);
    if is_admitted && !request.method().is_safe() && is_lost() {
        return Problem::of(Kind::StoreUnavailable).into_response();
    }
    next.run(request).await
}

/// Says in `Mc-Stale` how old an answer may be.
pub(crate) fn mark_stale(response: &mut Response, age: Duration) {
    response.headers_mut().insert(MC_STALE, HeaderValue::from(age.as_secs()));
}
