//! The operator's page: HTML for browsers, served at `/`.
//!
//! The page is a client of the REST interface: whatever it shows and does it asks the routes for, in this process and as its
//! caller ([`Rest`]). So it shows nothing and does nothing that its caller could not by `curl`, and every refusal comes with the
//! same words. A view deserializes what it shows of an answer, and renders a template of `templates/`.
//!
//! | part | has |
//! |---|---|
//! | [`routes`] | the table of the pages, with what each asks of its visitor |
//! | [`Visit`] | a request for a page: who asks, for which address, in which project |
//! | [`Rest`] | the routes of the interface, asked as the caller of the page |
//! | [`Shell`] | what all pages have around their content: navigation, projects, emergency |
//! | [`html`] | HTML as an answer, refusals as pages, and the way to another page |
//! | [`form`] | forms of all kinds, which give a REST request and show its refusal in place |
//! | [`lists`], [`day`] | what pages with lists share: the next page, filters, names for ids; and the day a page is about |
//! | [`times`], [`tones`], [`chart`], [`markdown`] | times and amounts, the colour of a status, bars, and what others wrote |
//! | [`live`] | the stream that tells a page to look again |
//! | [`assets`] | scripts and styles, embedded in the binary |
//! | [`login`], [`health`] | the way in and out; the state of the server, where a monitor is at home |
//! | [`board`], [`tasks`], [`approvals`], [`agents`], [`runs`], [`alerts`], [`notifications`] | what is to be done, and by whom |
//! | [`costs`], [`standup`], [`feed`], [`policy`], [`credentials`], [`emergency`] | what is spent, told and allowed |

mod agents;
mod alerts;
mod approvals;
mod assets;
mod board;
mod chart;
mod costs;
mod credentials;
mod day;
mod emergency;
mod feed;
mod form;
mod health;
mod html;
mod lists;
mod live;
mod login;
mod markdown;
mod notifications;
mod policy;
mod rest;
mod routes;
mod runs;
mod shell;
mod standup;
mod tasks;
mod times;
mod tones;
mod visit;

pub(crate) use routes::{pages, router};

use rest::Rest;
use shell::Shell;
use visit::Visit;

use axum::{body::Body, extract::Request};
use http_body_util::{BodyExt, Limited};

use crate::problem::{Kind, Problem};

/// The most bytes that a browser may send of a form: 256 KiB.
const MAX_FORM_BYTES: usize = 256 * 1024;

/// What a browser sent of a form (WHATWG URL, section 5.1).
///
/// # Errors
/// `body-too-large` or `malformed-body`.
async fn form_body(request: Request) -> Result<Vec<(String, String)>, Problem> {
    let body: Body = request.into_body();
    let bytes = Limited::new(body, MAX_FORM_BYTES).collect().await.map_err(|error| {
        match error.is::<http_body_util::LengthLimitError>() {
            true => Problem::new(Kind::BodyTooLarge, "The form has more than 256 KiB. Send less."),
            false => Problem::new(Kind::MalformedBody, "The form broke off before its end. Send it again."),
        }
    })?;
    Ok(form_urlencoded::parse(&bytes.to_bytes()).into_owned().collect())
}
