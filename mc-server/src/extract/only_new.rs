//! The condition of a creation (RFC 9110, section 13.1.2).

use axum::{extract::FromRequestParts, http::request::Parts};

use super::IfNoneMatch;
use crate::problem::{Kind, Problem};

/// Whether a creation must not find anything: `If-None-Match: *`.
///
/// Problems: `malformed-header`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnlyNew(bool);

impl OnlyNew {
    /// Holds what is there against the condition.
    ///
    /// # Errors
    /// `precondition-failed` when there is one already, of this version.
    pub fn check(self, what: &str, known: Option<u64>) -> Result<(), Problem> {
        match known {
            Some(version) if self.0 => {
                let detail = format!(
                    "There is {what} already, and If-None-Match: * asks for a new one. Leave the header out to have that."
                );
                Err(Problem::new(Kind::PreconditionFailed, detail).current_version(version))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OnlyNew {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match IfNoneMatch::from_request_parts(parts, state).await? {
            IfNoneMatch::Absent => Ok(Self(false)),
            IfNoneMatch::Any => Ok(Self(true)),
            IfNoneMatch::Versions(_) => Err(Problem::new(
                Kind::MalformedHeader,
                "What is created has no version yet. Send If-None-Match: * to get a new one or nothing, or leave it out.",
            )),
        }
    }
}
