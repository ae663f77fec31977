//! The body by which a browser shows a credential.

use std::net::IpAddr;

use axum::extract::{FromRequest, Request};
use mc_domain::json::Json;

use super::{body, json};
use crate::{connections::Peer, problem::Problem};

/// The field of the body that holds the credential.
const BODY_FIELD: &str = "credential";

/// A credential in a body, with the address it came from. Nothing of the request is recorded: neither an answer under an
/// idempotency key nor a fingerprint.
///
/// Problems: `malformed-body`, `body-too-large`, `body-too-slow`, `unsupported-encoding`, `invalid-fields`.
pub struct Login {
    /// What was shown as the secret of a credential, whatever it is.
    pub shown: String,
    /// Where it came from; nothing for a request that came over no connection.
    pub peer: Option<IpAddr>,
}

impl<S: Send + Sync> FromRequest<S> for Login {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, stream) = request.into_parts();
        let arrival = parts.extensions.get().cloned().unwrap_or_default();
        let bytes = body::read(&parts.headers, stream, &arrival).await?;
        let mut fields = json::parse_object(&bytes)?;
        let shown = match fields.remove(BODY_FIELD) {
            Some(Json::String(shown)) => shown.trim().to_owned(),
            Some(_) => return Err(Problem::invalid_field(BODY_FIELD, "must be a text")),
            None => {
                return Err(Problem::invalid_field(
                    BODY_FIELD,
                    "is needed: the credential to open a session by",
                ));
            }
        };
        match fields.keys().next() {
            Some(unknown) => Err(Problem::invalid_field(unknown.clone(), "is not known here")),
            None => Ok(Self { shown, peer: Peer::address_of(&parts.extensions) }),
        }
    }
}
