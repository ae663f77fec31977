//! The webhook: posts every notification to one address of the operator's, by Standard Webhooks 1.0.0.
//!
//! `webhook-id` is the notification's identity and the same at every attempt, so a receiver can tell a repeat;
//! `webhook-timestamp` is the time of the attempt in Unix seconds; `webhook-signature` is `v1,` and the base64 of an
//! HMAC-SHA-256 over `<id>.<timestamp>.<body>`. The address is the operator's own choice, so it may be a private one; a
//! redirect is not followed, because that would be somebody else's.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    path::Path,
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use ureq::http::Uri;

/// How long the receiver may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The most bytes a host name may have (RFC 1035, section 2.3.4).
const MAX_HOST_BYTES: usize = 253;
/// The most bytes a part of a host name may have.
const MAX_LABEL_BYTES: usize = 63;
/// The prefix of a secret, by the Standard Webhooks specification.
const SECRET_PREFIX: &str = "whsec_";
/// How long a secret may be, in bytes.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Where notifications are posted to: an `http` or `https` address without credentials in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Uri);

/// The text is no address to post to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "give an address such as https://hooks.example/mission-control or http://10.0.0.5:8080/hook, without a user or a \
     password in it"
)]
pub struct InvalidAddress;

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let address: Uri = text.parse().map_err(|_| InvalidAddress)?;
        let is_http = matches!(address.scheme_str(), Some("http" | "https"));
        let place = address.authority().is_some_and(|place| can_be_reached(place.as_str()));
        // A fragment is for whoever reads an answer; the parser drops it, so the address would not be as it was given.
        if is_http && place && !text.contains('#') { Ok(Self(address)) } else { Err(InvalidAddress) }
    }
}

/// Whether a connection to it can be tried: a host and, if any, a port from 1 to 65535.
pub(crate) fn can_be_reached(authority: &str) -> bool {
    let end = authority.find(']').map_or_else(|| authority.find(':'), |bracket| Some(bracket + 1));
    let (host, port) = authority.split_at(end.unwrap_or(authority.len()));
    let port_is_valid = match port.strip_prefix(':') {
        Some(digits) => {
            digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok_and(|port| port > 0)
        }
        None => port.is_empty(),
    };
    port_is_valid && is_host(host)
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[') {
        return address.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    // What ends in a number is an IPv4 address (WHATWG URL, section 3.5).
    let ends_in_number = host.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    if ends_in_number {
        return host.parse::<Ipv4Addr>().is_ok();
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    name.len() <= MAX_HOST_BYTES && name.split('.').all(is_label)
}

/// A part of a name, as resolvers take it: letters, digits, hyphens inside, and the underscore some networks use.
fn is_label(label: &str) -> bool {
    let of_label = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (1..=MAX_LABEL_BYTES).contains(&label.len())
        && label.bytes().all(of_label)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The secret that requests are signed with: 24 to 64 bytes, written `whsec_<base64>`. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<[u8]>);

/// Why the file of the webhook's secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSecret {
    /// The file of the secret is missing, or this user may not read it.
    #[error("the file of the webhook's secret cannot be read")]
    Unreadable(#[source] std::io::Error),
    /// The file does not hold a secret: the prefix and a key in Base64.
    #[error("the webhook's secret must be whsec_ and the base64 of 24 to 64 random bytes")]
    Malformed,
}

impl Secret {
    /// The secret that a file holds, white space around it aside.
    ///
    /// # Errors
    /// [`InvalidSecret`]
    pub fn read(file: &Path) -> Result<Self, InvalidSecret> {
        std::fs::read_to_string(file).map_err(InvalidSecret::Unreadable)?.trim().parse()
    }

    /// The value of the header that proves where a request comes from.
    fn signature(&self, id: &str, timestamp: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("an HMAC takes a key of any length");
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl FromStr for Secret {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Self, InvalidSecret> {
        let encoded = text.strip_prefix(SECRET_PREFIX).ok_or(InvalidSecret::Malformed)?;
        let key = STANDARD.decode(encoded).map_err(|_| InvalidSecret::Malformed)?;
        if SECRET_BYTES.contains(&key.len()) { Ok(Self(key.into())) } else { Err(InvalidSecret::Malformed) }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A client that posts to one address and signs each request.
#[derive(Debug, Clone)]
pub struct Webhook {
    address: Address,
    secret: Secret,
    agent: ureq::Agent,
}

impl Webhook {
    /// Posts to `address`, signed with `secret`.
    pub fn new(address: Address, secret: Secret) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(TIMEOUT))
            .user_agent(concat!("mission-control/", env!("CARGO_PKG_VERSION")));
        Self { address, secret, agent: config.build().into() }
    }

    /// Posts `body` under `id`, as of `now`.
    ///
    /// # Errors
    /// Why the receiver did not take it, in one line.
    pub async fn post(self: &Arc<Self>, id: String, body: String, now: DateTime<Utc>) -> Result<(), String> {
        let webhook = Arc::clone(self);
        let posted = tokio::task::spawn_blocking(move || webhook.send(&id, body, now.timestamp()));
        posted.await.unwrap_or_else(|_| Err("the attempt was broken off".to_owned()))
    }

    fn send(&self, id: &str, body: String, timestamp: i64) -> Result<(), String> {
        let request = self
            .agent
            .post(&self.address.0)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", self.secret.signature(id, timestamp, &body));
        match request.send(body) {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("the webhook answered {}", answer.status())),
            Err(ureq::Error::Timeout(_)) => {
                Err(format!("the webhook did not answer within {} seconds", TIMEOUT.as_secs()))
            }
            Err(error) => Err(format!("the webhook could not be reached: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The id, time, body and signature are the example of the specification.
    #[test]
    fn the_signature_is_that_of_the_standard() {
        let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        let signature =
            secret.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn secrets_are_long_enough_and_show_themselves_to_nobody() {
        for text in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_not base64"] {
            assert!(text.parse::<Secret>().is_err(), "{text}");
        }
        let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }

    #[test]
    fn addresses_are_http_and_carry_no_credentials() {
        for text in [
            "http://127.0.0.1:9/hook",
            "https://hooks.example/mission-control?to=ops",
            "http://[::1]:65535/",
            "http://receiver_1/hook",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in
            ["", "hooks.example", "ftp://hooks.example", "https://user:secret@hooks.example", "https://"]
        {
            assert_eq!(text.parse::<Address>(), Err(InvalidAddress), "{text}");
        }
    }

    #[test]
    fn an_address_that_nobody_can_be_reached_at_is_none() {
        for place in [
            "a:99999",
            "a:65536",
            "a:0",
            "a:",
            "a:+1",
            "a:x",
            ":80",
            "300.1.1.1",
            "1.2.3",
            "[::1",
            "[1.2.3.4]",
            "[::1]x",
            "a..b",
            "-a",
            "a-.b",
            "a b",
            "a#b",
        ] {
            let text = format!("http://{place}/hook");
            assert_eq!(text.parse::<Address>(), Err(InvalidAddress), "{text}");
        }
    }
}
