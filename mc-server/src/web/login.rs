//! The login: a credential for a session.

use askama::Template;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Redirect, Response},
};

use super::{
    html::{Html, Refused},
    visit::{Pages, Visit},
};
use crate::{connections::Peer, extract::Login, problem::Kind, routes::session};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    /// Where to go afterwards.
    to: String,
    error: Option<String>,
}

/// `GET /login`: asks for a credential, and says why it is asked again.
pub(super) async fn show(request: Request) -> Response {
    let parameters = parameters(request.uri().query().unwrap_or_default());
    let of = |name: &str| parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let error = of("why").and_then(|why| Kind::find(&why)).map(|kind| kind.about().to_owned());
    Html(LoginPage { to: own_address(of("to")), error }).into_response()
}

/// `POST /login`: opens a session by the credential that was typed, and goes on to where the visitor wanted to.
pub(super) async fn open(State(pages): State<Pages>, headers: HeaderMap, request: Request) -> Response {
    let peer = Peer::address_of(request.extensions());
    let sent = match super::form_body(request).await {
        Ok(sent) => sent,
        Err(problem) => return Refused::from(problem).into_response(),
    };
    let of = |name: &str| sent.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let to = own_address(of("to"));
    let shown = of("credential").unwrap_or_default().trim().to_owned();
    match session::open(State(pages.app), headers, Login { shown, peer }).await {
        Ok(opened) => on_to(&to, &opened),
        Err(problem) => {
            let page = LoginPage { to, error: Some(problem.detail().to_owned()) };
            (problem.status(), Html(page)).into_response()
        }
    }
}

/// `POST /logout`: ends the session.
pub(super) async fn end(State(pages): State<Pages>, visit: Visit) -> Result<Response, Refused> {
    let ended = session::end(State(pages.app), visit.caller.clone()).await?;
    Ok(on_to("/login", &ended))
}

/// Sends the browser there, with the cookies of that answer.
fn on_to(address: &str, answered: &Response) -> Response {
    let mut response = Redirect::to(address).into_response();
    for cookie in answered.headers().get_all(header::SET_COOKIE) {
        response.headers_mut().append(header::SET_COOKIE, cookie.clone());
    }
    response
}

fn parameters(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// An address of this server, whatever was asked for: a link that somebody else made must not lead elsewhere.
fn own_address(to: Option<String>) -> String {
    let is_own = |to: &String| {
        let is_readable = to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        to.starts_with('/') && !to.starts_with("//") && is_readable
    };
    to.filter(is_own).unwrap_or_else(|| "/".to_owned())
}
