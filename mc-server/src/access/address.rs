//! Credentials in addresses, where they do not belong: addresses are logged, kept and passed on (RFC 6750, section 5.3).

use std::borrow::Cow;

use axum::http::Uri;
use mc_domain::policy::secrets::{find_secrets, redact};

use crate::problem::{Kind, Problem};

/// The parameters that clients of other servers show a credential by.
const NAMES: [&str; 3] = ["access_token", "credential", "token"];
/// What the secrets of this server begin with.
const PREFIXES: [&str; 2] = ["mc_", "mcs_"];

/// Refuses an address with a credential in its path or query, as it is written or percent-encoded.
///
/// # Errors
/// `credential-in-address`
pub(crate) fn check(uri: &Uri) -> Result<(), Problem> {
    let mut parameters = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let is_named = parameters.any(|(name, _)| NAMES.contains(&&*name));
    if is_named || uri.path_and_query().is_some_and(|address| shows_secret(address.as_str())) {
        return Err(Problem::of(Kind::CredentialInAddress));
    }
    Ok(())
}

/// A path as it may be logged: without any secret.
pub(crate) fn loggable(path: &str) -> Cow<'_, str> {
    match redact(&decoded(path)) {
        Cow::Borrowed(_) => Cow::Borrowed(path),
        Cow::Owned(redacted) => Cow::Owned(redacted),
    }
}

fn shows_secret(address: &str) -> bool {
    let text = decoded(address);
    PREFIXES.iter().any(|prefix| text.contains(prefix)) && !find_secrets(&text).is_empty()
}

/// The text with each percent-encoded byte in clear (RFC 3986, section 2.1).
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, after @ ..] = rest {
        let encoded = after.first_chunk::<2>().filter(|_| *first == b'%').and_then(hexadecimal);
        bytes.push(encoded.unwrap_or(*first));
        rest = if encoded.is_some() { &after[2..] } else { after };
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn hexadecimal(digits: &[u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? * 16 + low?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(prefix: &str) -> String {
        format!("{prefix}{}", "Zq3".repeat(15).split_off(2))
    }

    #[test]
    fn a_secret_is_found_wherever_it_stands_in_an_address() {
        for prefix in PREFIXES {
            let secret = secret(prefix);
            for address in [
                format!("/api/tasks?search={secret}"),
                format!("/api/tasks/{secret}"),
                format!("/{secret}"),
                format!("/api/tasks/{}/x", secret.replace('_', "%5f")),
                format!("/api/tasks?q=%{:x}{}", b'm', &secret[1..]),
                format!("http://localhost/{secret}"),
            ] {
                let refused = check(&address.parse().unwrap()).unwrap_err();
                assert_eq!(refused.kind(), Kind::CredentialInAddress, "{address}");
                let logged = loggable(&address).into_owned();
                assert!(!logged.contains(&secret[4..]), "{logged}");
            }
        }
        for query in ["token=x", "credential=", "access%5Ftoken=x", "a=b&access_token"] {
            assert!(check(&format!("/login?{query}").parse().unwrap()).is_err(), "{query}");
        }
    }

    #[test]
    fn other_addresses_are_left_alone() {
        for address in [
            "/api/tasks/0198c2f0-7d0e-7cc1-9bb1-0f2a4c7d9e55/messages?limit=3",
            "/problems/credential-missing",
            "/api/credentials/0198c2f0-7d0e-7cc1-9bb1-0f2a4c7d9e55/revoke",
            "/api/tasks?search=mc_short&cursor=eyJhIjoxfQ",
            "/api/tasks/100%",
            "/api/tasks/%zz%4",
        ] {
            assert!(check(&address.parse().unwrap()).is_ok(), "{address}");
            assert_eq!(loggable(address), address);
        }
    }
}
