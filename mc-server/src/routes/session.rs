//! `/api/session`: a browser shows a credential once, and gets a cookie in its place that no script can read.
//!
//! A session is an event of its credential's stream, so it outlives a restart of the server, and ends with the credential.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use mc_domain::{
    aggregate::CommandContext,
    credential::{Command, Credential},
};
use mc_store::repository::CommandEnvelope;

use super::credentials::who;
use crate::{
    access::{Caller, SESSION_COOKIES, Secret},
    app::App,
    extract::Login,
    headers::at_position,
    layers::is_for_loopback,
    problem::{Kind, Problem},
    refusal::Refused,
};

/// `POST /api/session`: opens a session by the credential in the body. The answer says who it is for, as `/api/whoami` does,
/// and sets the cookie. A session that is not used for twelve hours is over.
///
/// Problems: `malformed-body`, `invalid-fields`, `credential-malformed`, `credential-unknown`, `credential-expired`,
/// `credential-revoked`, `credential-orphaned`, `too-many-failures`.
pub async fn open(State(app): State<App>, headers: HeaderMap, login: Login) -> Result<Response, Problem> {
    let caller = app.bearer_of(&login.shown, login.peer)?;
    let secret = Secret::draw_for_session().map_err(|error| {
        tracing::error!(%error, "the operating system gives no random bits");
        Problem::internal()
    })?;
    let position = execute(&app, &caller, Command::OpenSession { session: secret.hash() }).await?;
    let mut response = app.answer(|views| Ok(who(&app, views, &caller))).await?;
    let name = SESSION_COOKIES[usize::from(is_for_loopback(&headers))];
    response.headers_mut().insert(header::SET_COOKIE, cookie(name, secret.reveal(), "")?);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(at_position(response, position))
}

/// `DELETE /api/session`: ends the session that the request came by.
///
/// Problems: `conflict`.
pub async fn end(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    let Some(session) = caller.session() else {
        let detail =
            "The request came by no session, so there is none to end. A credential is ended by revoking it.";
        return Err(Problem::new(Kind::Conflict, detail));
    };
    let position = execute(&app, &caller, Command::EndSession { session }).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    for name in SESSION_COOKIES {
        response.headers_mut().append(header::SET_COOKIE, cookie(name, "", "; Max-Age=0")?);
    }
    Ok(at_position(response, position))
}

/// The cookie of that name: no script reads it, no other site sends it, and off loopback no open connection carries it.
fn cookie(name: &str, value: &str, lasts: &str) -> Result<HeaderValue, Problem> {
    let secure = if name == SESSION_COOKIES[0] { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path=/{lasts}; HttpOnly; SameSite=Strict{secure}");
    let mut cookie = HeaderValue::try_from(cookie).map_err(|_| Problem::internal())?;
    cookie.set_sensitive(true);
    Ok(cookie)
}

/// Gives a command to the caller's own credential, as its bearer, and waits until the views know of it.
async fn execute(app: &App, caller: &Caller, command: Command) -> Result<u64, Problem> {
    let (Some(id), Some(grant)) = (caller.credential(), caller.grant()) else {
        return Err(Problem::of(Kind::CredentialMissing));
    };
    let context = CommandContext::new(app.now(), grant.actor());
    let envelope = CommandEnvelope { credential: Some(id), ..CommandEnvelope::new(context) };
    let executed = app.repository().execute(&envelope, |tx| {
        let credential = tx.get::<Credential>(&id)?;
        tx.execute_in(None, &credential, command.clone())?;
        Ok::<_, Refused>(())
    });
    let position = executed.await.map_err(|refused| app.problem(refused))?.position;
    app.projected().wait_for(position).await.map_err(|stopped| crate::refusal::stopped(&stopped))?;
    Ok(position)
}
