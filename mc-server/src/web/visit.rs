//! A request for a page.

use axum::{
    Router,
    extract::{FromRef, FromRequestParts, OriginalUri, RawPathParams},
    http::{HeaderMap, HeaderName, request::Parts},
};
use form_urlencoded::Serializer;

use super::{Rest, Shell, html::Refused};
use crate::{
    access::{Admission, Caller, Needs},
    app::App,
    problem::{Kind, Problem},
};

/// A header of every request that htmx sends.
const HX_REQUEST: HeaderName = HeaderName::from_static("hx-request");

/// What every page is made from.
#[derive(Clone)]
pub(crate) struct Pages {
    /// The server itself, for its clock and its log.
    pub(super) app: App,
    /// The REST interface.
    pub(super) routes: Router,
}

impl FromRef<Pages> for App {
    fn from_ref(pages: &Pages) -> Self {
        pages.app.clone()
    }
}

/// A request for a page: who asks, for which address, in which project.
#[derive(Clone)]
pub(super) struct Visit {
    pub(super) app: App,
    pub(super) rest: Rest,
    pub(super) caller: Caller,
    /// The path and the parameters of the address.
    pub(super) path: String,
    pub(super) parameters: Vec<(String, String)>,
    /// Whether a script asks, which shows the answer in place.
    pub(super) is_scripted: bool,
}

impl Visit {
    /// The parameter of that name; an empty one counts as none.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Gives a parameter of the address another value.
    pub(super) fn set_parameter(&mut self, name: &str, value: &str) {
        self.parameters.retain(|(known, _)| known != name);
        self.parameters.push((name.to_owned(), value.to_owned()));
    }

    /// The project that the page is about, by its slug; none for all of the caller's.
    pub(super) fn project(&self) -> Option<&str> {
        self.parameter("project")
    }

    /// The address of the page with its parameters, those of `without` left out.
    pub(super) fn address(&self, without: &[&str]) -> String {
        address(&self.path, self.parameters.iter().filter(|(name, _)| !without.contains(&name.as_str())))
    }

    /// An address of the interface with those parameters of the page that are in `passed_on`, and with `more`.
    pub(super) fn api(&self, path: &str, passed_on: &[&str], more: &[(&str, &str)]) -> String {
        let of_page = self
            .parameters
            .iter()
            .filter(|(name, value)| passed_on.contains(&name.as_str()) && !value.is_empty());
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        address(path, of_page.cloned().chain(more).collect::<Vec<_>>().iter())
    }

    /// What goes around the page.
    ///
    /// # Errors
    /// When the views cannot be read.
    pub(super) async fn shell(&self, title: &str, section: &'static str) -> Result<Shell, Refused> {
        Shell::of(self, title, section).await
    }
}

/// A path with its parameters.
fn address<'a>(path: &str, parameters: impl Iterator<Item = &'a (String, String)>) -> String {
    let mut query = Serializer::new(String::new());
    for (name, value) in parameters {
        query.append_pair(name, value);
    }
    match query.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

impl FromRequestParts<Pages> for Visit {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, Refused> {
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        let query = uri.query().unwrap_or_default();
        let parameters: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let is_scripted = is_scripted(&parts.headers);
        let caller = match parts.extensions.get::<Admission>() {
            Some(Admission(Ok(caller))) => caller.clone(),
            Some(Admission(Err(problem))) => {
                if problem.kind() == Kind::CredentialMissing {
                    pages.app.access().note_missing();
                }
                let to = address(uri.path(), parameters.iter());
                return Err(Refused::not_admitted(problem, &to, is_scripted));
            }
            None => return Err(Problem::internal().into()),
        };
        parts.extensions.get::<Needs>().ok_or_else(Problem::internal)?.check(&caller)?;
        let rest = Rest::new(pages.routes.clone(), caller.clone());
        let path = uri.path().to_owned();
        Ok(Self { app: pages.app.clone(), rest, caller, path, parameters, is_scripted })
    }
}

pub(super) fn is_scripted(headers: &HeaderMap) -> bool {
    headers.contains_key(HX_REQUEST)
}

/// The variable parts of an address, by name.
pub(super) struct Names(Vec<(String, String)>);

impl FromRequestParts<Pages> for Names {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, Refused> {
        let found = RawPathParams::from_request_parts(parts, pages).await;
        let path = found.map_err(|_| Problem::new(Kind::NotFound, "The address is no readable text."))?;
        Ok(Self(path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
    }
}

impl Names {
    /// The part of that name, encoded to be part of another address.
    pub(super) fn part(&self, name: &str) -> String {
        let found = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        form_urlencoded::byte_serialize(found.unwrap_or_default().as_bytes())
            .collect::<String>()
            .replace('+', "%20")
    }
}
