//! From what a request shows to its caller.
//!
//! Each answer takes the same steps, whatever is shown: a hash of it, a look for that hash, and a comparison. So the time of
//! an answer tells nothing of what there is, and a secret of 256 random bits is not guessed byte by byte.

use std::net::IpAddr;

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use chrono::{DateTime, Utc};
use mc_domain::credential::{SESSION_LASTS, SecretHash};
use mc_projections::{credentials::Shown, views::Views};
use subtle::ConstantTimeEq;

use super::{Caller, Needs, Secret, address};
use crate::{
    app::App,
    connections::Peer,
    health::Insider,
    layers::is_of_own_page,
    problem::{Kind, Problem},
};

/// The names that the cookie of a session has, off loopback and on it: only over an encrypted connection does a browser
/// take the first.
pub(crate) const SESSION_COOKIES: [&str; 2] = ["__Host-mc_session", "mc_session"];

/// What came of looking at a request's credential: an extension of every request to the recovered server. A route that asks
/// for nothing lets those in as well who were refused.
#[derive(Debug, Clone)]
pub(crate) struct Admission(pub(crate) Result<Caller, Problem>);

impl App {
    /// Whether the server asks for no credential, since none was ever issued.
    pub fn is_open(&self) -> bool {
        self.projected().read(|views| !views.credentials.is_required())
    }

    /// The caller of a request.
    ///
    /// # Errors
    /// - `credential-missing`, `credential-malformed`, `credential-unknown`, `credential-expired`, `credential-revoked`,
    ///   `credential-orphaned` or `session-over`, when it shows no good credential; `too-many-failures` in their place.
    /// - `two-credentials`, when it shows more than one.
    /// - `too-many-requests`, when the credential is used too often.
    /// - `cross-origin`, when a write by a cookie does not come from a page of this server.
    ///
    /// Each failure counts in `/metrics` and for the limit of its address, but `credential-missing` only in `/metrics`, and only
    /// where the route then refuses it: pages and probes are asked for without a credential all the time.
    pub(crate) fn admit(&self, request: &Request) -> Admission {
        let peer = Peer::address_of(request.extensions());
        let caller = self.caller(request.headers(), peer);
        Admission(caller.and_then(|caller| check_page(request, &caller).map(|()| caller)))
    }

    /// The caller of a request with these headers, from there.
    fn caller(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Result<Caller, Problem> {
        if self.is_open() {
            return Ok(Caller::anybody());
        }
        let failed = |problem| self.access().limiters().failure(problem, peer);
        let shown = shown(headers).map_err(failed)?;
        let shown = shown.ok_or_else(|| Problem::of(Kind::CredentialMissing))?;
        let caller = self.bearer(shown).map_err(|kind| failed(Problem::of(kind)))?;
        if let Some(credential) = caller.credential() {
            self.access().limiters().call(credential)?;
        }
        self.note_use(&caller);
        Ok(caller)
    }

    /// Refuses a request with a credential in its address, whatever it asks for and whether or not a credential is needed.
    ///
    /// # Errors
    /// `credential-in-address`; `too-many-failures` in its place.
    pub(crate) fn check_address(&self, request: &Request) -> Result<(), Problem> {
        let peer = Peer::address_of(request.extensions());
        address::check(request.uri()).map_err(|problem| self.access().limiters().failure(problem, peer))
    }

    /// Whoever shows the secret of a credential in the body, as a browser does that opens a session.
    ///
    /// # Errors
    /// As [`App::admit`].
    pub(crate) fn bearer_of(&self, secret: &str, peer: Option<IpAddr>) -> Result<Caller, Problem> {
        let shown = of_secret(secret);
        let found = self.bearer(shown);
        let caller = found.map_err(|kind| self.access().limiters().failure(Problem::of(kind), peer))?;
        if let Some(credential) = caller.credential() {
            self.access().limiters().login(credential)?;
        }
        Ok(caller)
    }

    fn bearer(&self, (shown, well_formed): (Shown, bool)) -> Result<Caller, Kind> {
        let now = self.now();
        self.projected().read(|views| {
            let found = bearer(views, &shown, now, |what| self.access().uses().of(what));
            if well_formed { found } else { Err(Kind::CredentialMalformed) }
        })
    }

    /// What somebody who asks for `/health` may know. A bad credential is as good as none there.
    pub(crate) fn insider(&self, request: &Parts) -> Insider {
        if self.is_open() {
            return Insider::who_knows(self.access().is_exposed());
        }
        let Ok(Some(shown)) = shown(&request.headers) else { return Insider::nobody() };
        match self.bearer(shown) {
            Ok(caller) => {
                self.note_use(&caller);
                self.insider_as(&caller)
            }
            Err(kind) => {
                let peer = Peer::address_of(&request.extensions);
                self.access().limiters().failure(Problem::of(kind), peer);
                Insider::nobody()
            }
        }
    }

    /// Notes that a credential, and the session by it, was used just now.
    fn note_use(&self, caller: &Caller) {
        if let Some(credential) = caller.credential() {
            self.access().uses().note((credential, caller.session()), self.now());
        }
    }

    /// What a caller that was let in may know of the state of the server.
    pub(crate) fn insider_as(&self, caller: &Caller) -> Insider {
        match Needs::Watching.check(caller) {
            Ok(()) => Insider::who_knows(self.is_open() && self.access().is_exposed()),
            Err(_) => Insider::nobody(),
        }
    }

    /// Whether the credential of a caller is still good, and its session not ended: an event stream may be open when that
    /// happens. Where a caller needed no credential, whether nobody needs one yet.
    ///
    /// # Errors
    /// As [`App::read`](crate::app::App::read).
    pub(crate) async fn is_still_good(&self, caller: &Caller) -> Result<bool, Problem> {
        let now = self.now();
        self.read(|views| {
            let Some(credential) = caller.credential() else { return !views.credentials.is_required() };
            let is_there = caller.agent().is_none_or(|agent| !views.agents.is_gone(agent));
            let is_open = |session| {
                let found = views.credentials.find(&Shown::Session(session));
                let recorded = found.and_then(|found| found.session_used_at);
                let last = recorded.max(self.access().uses().of((credential, Some(session))));
                found.is_some() && last.is_some_and(|last| now < last + SESSION_LASTS)
            };
            is_there && caller.session().is_none_or(is_open) && views.credentials.is_good(credential, now)
        })
        .await
    }
}

/// The bearer of what is shown, or why it is none. `used_at` knows the latest uses, of which not all are recorded.
fn bearer(
    views: &Views,
    shown: &Shown,
    now: DateTime<Utc>,
    used_at: impl Fn(super::Use) -> Option<DateTime<Utc>>,
) -> Result<Caller, Kind> {
    // A clock that was set back does not bring back what has expired.
    let now = now.max(views.credentials.newest());
    let found = views.credentials.find(shown);
    let (shown_hash, session) = match shown {
        Shown::Secret(hash) => (hash, None),
        Shown::Session(hash) => (hash, Some(*hash)),
    };
    let known = found.and_then(|found| session.or_else(|| views.credentials.secret(found.id)));
    let known = known.unwrap_or_else(|| SecretHash::of(""));
    let is_it = bool::from(known.as_bytes().ct_eq(shown_hash.as_bytes()));
    let Some(found) = found.filter(|_| is_it) else {
        return Err(if session.is_some() { Kind::SessionOver } else { Kind::CredentialUnknown });
    };
    if found.is_revoked {
        return Err(Kind::CredentialRevoked);
    }
    if found.grant.is_expired(now) {
        return Err(Kind::CredentialExpired);
    }
    if found.grant.bearer.agent().is_some_and(|agent| views.agents.is_gone(agent)) {
        return Err(Kind::CredentialOrphaned);
    }
    if session.is_some() {
        let last = found.session_used_at.max(used_at((found.id, session)));
        if last.is_none_or(|last| now >= last + SESSION_LASTS) {
            return Err(Kind::SessionOver);
        }
    }
    Ok(Caller::bearer(found.id, found.grant.clone(), session))
}

/// A browser sends the cookie with whatever any page makes it send, so a write by it has to come from a page of this server.
///
/// # Errors
/// `cross-origin`
fn check_page(request: &Request, caller: &Caller) -> Result<(), Problem> {
    if caller.session().is_none() || request.method().is_safe() || is_of_own_page(request.headers()) {
        return Ok(());
    }
    let detail = "A write by a cookie must come from a page of this server: its headers Sec-Fetch-Site or Origin have to say \
                  so. A program shows its credential as Authorization: Bearer <credential> instead.";
    Err(Problem::new(Kind::CrossOrigin, detail))
}

/// What a request shows, and whether that is well-formed at all; nothing when it shows nothing.
///
/// # Errors
/// `two-credentials`, also where they are the same (RFC 6750, section 2).
fn shown(headers: &HeaderMap) -> Result<Option<(Shown, bool)>, Problem> {
    let bearers = headers.get_all(header::AUTHORIZATION).iter().map(of_header);
    let mut all = bearers.chain(cookies(headers));
    match (all.next(), all.next()) {
        (first, None) => Ok(first),
        (_, Some(_)) => Err(Problem::of(Kind::TwoCredentials)),
    }
}

fn of_header(value: &HeaderValue) -> (Shown, bool) {
    let text = value.to_str().unwrap_or_default();
    let secret = match text.split_once(' ') {
        Some((scheme, secret)) if scheme.eq_ignore_ascii_case("bearer") => secret.trim(),
        Some(_) | None => "",
    };
    of_secret(secret)
}

fn of_secret(secret: &str) -> (Shown, bool) {
    (Shown::Secret(SecretHash::of(secret)), Secret::parse(secret).is_ok())
}

/// The sessions that a browser shows (RFC 6265, section 5.4).
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (Shown, bool)> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = pairs.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let sessions = pairs.filter(|(name, _)| SESSION_COOKIES.contains(name));
    sessions
        .map(|(_, secret)| (Shown::Session(SecretHash::of(secret)), Secret::parse_of_session(secret).is_ok()))
}
