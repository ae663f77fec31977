//! Secrets: what the bearer of a credential or a session shows.

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use mc_domain::credential::SecretHash;

/// The random bytes of a secret: 256 bits.
const RANDOM_BYTES: usize = 32;
/// The characters that they are written with in base64url without padding (RFC 4648, section 5).
const RANDOM_CHARS: usize = 43;
/// What the secret of a credential begins with, so that it is known wherever it turns up.
const OF_CREDENTIAL: &str = "mc_";
/// What the secret of a session begins with.
const OF_SESSION: &str = "mcs_";

/// A secret in clear. It is shown to its bearer once, and neither printed nor kept anywhere: of what is kept, [`Secret::hash`]
/// alone is made from it.
///
/// ```
/// use mc_server::access::Secret;
///
/// let secret = Secret::draw()?;
/// assert!(secret.reveal().starts_with("mc_"));
/// assert_eq!(format!("{secret:?}"), "Secret(hidden)");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

/// The text is not the secret of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a credential is mc_ and {RANDOM_CHARS} letters, digits, hyphens and underscores")]
pub struct MalformedSecret;

impl Secret {
    /// A new secret for a credential, from the random bits of the operating system.
    ///
    /// # Errors
    /// When the operating system has none to give.
    pub fn draw() -> std::io::Result<Self> {
        Self::random(OF_CREDENTIAL)
    }

    /// A new secret for a session.
    ///
    /// # Errors
    /// When the operating system has no random bits to give.
    pub(crate) fn draw_for_session() -> std::io::Result<Self> {
        Self::random(OF_SESSION)
    }

    fn random(prefix: &str) -> std::io::Result<Self> {
        let mut bytes = [0; RANDOM_BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(format!("{prefix}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)).into()))
    }

    /// Reads the secret of a credential as somebody shows it.
    ///
    /// # Errors
    /// [`MalformedSecret`]
    pub fn parse(text: &str) -> Result<Self, MalformedSecret> {
        is_secret(text, OF_CREDENTIAL).then(|| Self(text.into())).ok_or(MalformedSecret)
    }

    /// Reads the secret of a session as a browser shows it.
    pub(crate) fn parse_of_session(text: &str) -> Result<Self, MalformedSecret> {
        is_secret(text, OF_SESSION).then(|| Self(text.into())).ok_or(MalformedSecret)
    }

    /// The secret in clear, to be given to its bearer and to nobody else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

fn is_secret(text: &str, prefix: &str) -> bool {
    let is_random = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    text.strip_prefix(prefix)
        .is_some_and(|random| random.len() == RANDOM_CHARS && random.bytes().all(is_random))
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use mc_domain::policy::secrets::find_secrets;

    use super::*;

    #[test]
    fn every_secret_is_another_and_reads_back() {
        let (one, other) = (Secret::draw().unwrap(), Secret::draw().unwrap());
        assert_ne!(one, other);
        assert_eq!(Secret::parse(one.reveal()), Ok(one.clone()));
        let session = Secret::draw_for_session().unwrap();
        assert_eq!(Secret::parse_of_session(session.reveal()), Ok(session.clone()));
        assert_eq!(Secret::parse(session.reveal()), Err(MalformedSecret));
        assert_eq!(Secret::parse_of_session(one.reveal()), Err(MalformedSecret));
    }

    #[test]
    fn secrets_are_taken_out_of_whatever_is_recorded() {
        for secret in [Secret::draw().unwrap(), Secret::draw_for_session().unwrap()] {
            for text in [secret.reveal().to_owned(), format!("use {} for it", secret.reveal())] {
                assert_eq!(find_secrets(&text).len(), 1, "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        let secret = Secret::draw().unwrap();
        let long = format!("{}x", secret.reveal());
        for text in ["", "mc_", "mc_short", &secret.reveal()[1..], &long, &long.replace('_', "ä")] {
            assert_eq!(Secret::parse(text), Err(MalformedSecret), "{text:?}");
        }
    }
}
