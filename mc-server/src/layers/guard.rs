//! Keeps foreign web pages out: a browser on the operator's machine must not be turned against the server.

use std::{fmt, net::IpAddr, str::FromStr, sync::Arc};

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, Version, header},
};

use crate::{
    connections::Peer,
    problem::{Excerpt, Kind, Problem},
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A host as in an address, without its port, in lower case: `localhost`, `mc.example.org`, `[::1]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host(Box<str>);

/// The text is not a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a host is a name or an address, such as mc.example.org or 10.0.0.5")]
pub struct InvalidHost;

impl Host {
    /// Whether it is this machine: by its address, or by `localhost` and what ends in `.localhost`, which no resolver may have
    /// point elsewhere (RFC 6761, section 6.3).
    fn is_loopback(&self) -> bool {
        let address = self.0.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let is_name =
            || self.0.strip_suffix("localhost").is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        address.map_or_else(|_| is_name(), |address| address.is_loopback())
    }
}

impl FromStr for Host {
    type Err = InvalidHost;

    /// A port, if there is one, is dropped.
    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let end = text.find(']').map_or_else(|| text.find(':'), |bracket| Some(bracket + 1));
        let (host, port) = text.split_at(end.unwrap_or(text.len()));
        let of_host = |b: u8| b.is_ascii_alphanumeric() || b"-_.[]:".contains(&b);
        let is_port = |port: &str| {
            port.strip_prefix(':').is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
        };
        let bracketed = host.starts_with('[') == host.ends_with(']');
        if host.is_empty() || !bracketed || !host.bytes().all(of_host) || !(port.is_empty() || is_port(port))
        {
            return Err(InvalidHost);
        }
        Ok(Self(host.to_ascii_lowercase().into()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The hosts under which the server answers.
///
/// On a loopback address these are the loopback names and those that were configured: a page that makes its own name
/// point to 127.0.0.1 (DNS rebinding) is refused. On another address everything is accepted unless hosts are
/// configured.
#[derive(Debug, Clone)]
pub struct HostPolicy {
    restricted: bool,
    allowed: Arc<[Host]>,
}

impl HostPolicy {
    /// The policy of a server that listens on loopback or not, with the configured hosts.
    pub fn new(on_loopback: bool, allowed: &[Host]) -> Self {
        Self { restricted: on_loopback || !allowed.is_empty(), allowed: allowed.into() }
    }

    fn admits(&self, authority: &str) -> bool {
        let host = authority.parse::<Host>();
        !self.restricted || host.is_ok_and(|host| host.is_loopback() || self.allowed.contains(&host))
    }

    fn is_configured(&self, authority: &str) -> bool {
        authority.parse::<Host>().is_ok_and(|host| self.allowed.contains(&host))
    }
}

/// Refuses a request that does not say for which host it is, or says so twice (RFC 9112, section 3.2). HTTP/1.0 knows no
/// such header, and a request that came over no connection needs none.
///
/// # Errors
/// `malformed-request`
pub(super) fn check_one_host(request: &Request) -> Result<(), Problem> {
    let came_over_connection = request.extensions().get::<Peer>().is_some();
    let least = usize::from(came_over_connection && request.version() >= Version::HTTP_11);
    let detail = match request.headers().get_all(header::HOST).iter().count() {
        0 if least > 0 => {
            "The request has no Host header, which HTTP/1.1 asks for. Send one, such as Host: localhost."
        }
        0 | 1 => return Ok(()),
        _ => "The request has more than one Host header. Send one, such as Host: localhost.",
    };
    Err(Problem::new(Kind::MalformedRequest, detail))
}

/// Refuses a request for a host that the server does not answer for. A request without a host is not a browser's.
///
/// # Errors
/// `host-not-allowed`
pub(super) fn check_host(request: &Request, policy: &HostPolicy) -> Result<(), Problem> {
    let in_address = request.uri().authority().map(|authority| authority.as_str());
    let in_header =
        request.headers().get_all(header::HOST).iter().map(|host| host.to_str().unwrap_or_default());
    match in_address.into_iter().chain(in_header).find(|host| !policy.admits(host)) {
        None => Ok(()),
        Some(host) => {
            let host = Excerpt(host);
            let detail = format!(
                "The server does not answer for the host {host}. Use localhost or 127.0.0.1, or start it with --allowed-host <name>."
            );
            Err(Problem::new(Kind::HostNotAllowed, detail))
        }
    }
}

/// Refuses a write that a page of another origin sent. Programs send neither of the two headers.
///
/// # Errors
/// `cross-origin`
pub(super) fn check_origin(request: &Request, policy: &HostPolicy) -> Result<(), Problem> {
    if request.method().is_safe() || is_own(request.headers(), policy) {
        return Ok(());
    }
    Err(Problem::new(
        Kind::CrossOrigin,
        "A web page of another origin may not change anything here. Use the server's own page, or allow the page's \
         host with --allowed-host <name>.",
    ))
}

/// Whether a request comes from a page of this very server: a browser says so, and no other page can make it. A request that
/// a browser sent without saying where it comes from is none of those.
pub(crate) fn is_of_own_page(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let of_origin = |origin: &str| {
        let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
        text(header::HOST).is_some_and(|host| !host.is_empty() && host.eq_ignore_ascii_case(authority))
    };
    match (text(SEC_FETCH_SITE), text(header::ORIGIN)) {
        (Some(site), origin) => site == "same-origin" && origin.is_none_or(of_origin),
        (None, Some(origin)) => of_origin(origin),
        (None, None) => false,
    }
}

/// Whether a request is for a loopback name, where nobody listens in between. One that names no host is not a browser's.
pub(crate) fn is_for_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).map(|host| host.to_str().unwrap_or_default().parse::<Host>());
    host.is_none_or(|host| host.is_ok_and(|host| host.is_loopback()))
}

fn is_own(headers: &HeaderMap, policy: &HostPolicy) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let origin =
        text(header::ORIGIN).map(|origin| origin.split_once("://").map_or("", |(_, authority)| authority));
    match (text(SEC_FETCH_SITE), origin) {
        (Some("same-origin" | "none"), _) | (None, None) => true,
        (_, Some(authority)) if policy.is_configured(authority) => true,
        (None, Some(authority)) => {
            text(header::HOST).is_some_and(|host| !host.is_empty() && host.eq_ignore_ascii_case(authority))
        }
        (Some(_), _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configured_hosts_are_admitted_beside_loopback() {
        let policy = HostPolicy::new(true, &["mc.example.org".parse().unwrap()]);
        assert!(policy.admits("MC.example.org:8443") && policy.admits("localhost:3000"));
        assert!(!policy.admits("example.org"));
    }

    #[test]
    fn a_server_for_everyone_admits_every_host_until_hosts_are_configured() {
        assert!(HostPolicy::new(false, &[]).admits("anything.example"));
        assert!(!HostPolicy::new(false, &["mc.example.org".parse().unwrap()]).admits("anything.example"));
    }

    #[test]
    fn hosts_are_read_with_and_without_port() {
        for (text, host) in [("A.example:80", "a.example"), ("[::1]:3000", "[::1]"), ("10.0.0.5", "10.0.0.5")]
        {
            assert_eq!(text.parse::<Host>().unwrap().to_string(), host);
        }
        for text in ["", ":80", "a b", "http://a", "a:80:80", "[::1", "[::1]x", "a/b"] {
            assert_eq!(text.parse::<Host>(), Err(InvalidHost), "{text:?}");
        }
    }

    #[test]
    fn a_page_of_a_configured_host_may_write() {
        let policy = HostPolicy::new(true, &["mc.example.org".parse().unwrap()]);
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "127.0.0.1:3000".parse().unwrap());
        headers.insert(header::ORIGIN, "https://mc.example.org".parse().unwrap());
        headers.insert(SEC_FETCH_SITE, "cross-site".parse().unwrap());
        assert!(is_own(&headers, &policy));
    }
}
