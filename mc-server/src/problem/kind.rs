//! The closed table of problems: one row per kind.

use axum::http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

macro_rules! kinds {
    ($($kind:ident = $slug:literal, $status:ident, $title:literal, $about:literal;)+) => {
        /// What kind of refusal it is: one per thing a program may want to tell apart.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $(#[doc = $title] $kind,)+
        }

        impl Kind {
            /// Every kind, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)+];

            /// The last part of its `type`, such as `illegal-transition`.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$kind => $slug,)+ }
            }

            /// The status it is answered with.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$kind => StatusCode::$status,)+ }
            }

            /// Its short name for people; always the same.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$kind => $title,)+ }
            }

            /// What it means and what to do about it.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$kind => $about,)+ }
            }
        }
    };
}

kinds! {
    MalformedRequest = "malformed-request", BAD_REQUEST, "Malformed request",
        "The request is not well-formed HTTP, or an address in it cannot be read. Correct it; repeating it as it is will fail again.";
    MalformedBody = "malformed-body", BAD_REQUEST, "Malformed body",
        "The body is not a JSON object in UTF-8. The detail says where reading stopped. The content type does not matter, and an empty body counts as {}.";
    MalformedQuery = "malformed-query", BAD_REQUEST, "Malformed query",
        "A parameter of the query is not known here, was given twice, is empty, has a value it cannot have, or says something else than the body. The detail names what is allowed; several values of one filter are separated by commas.";
    MalformedHeader = "malformed-header", BAD_REQUEST, "Malformed header",
        "A header of the request has a value that cannot be read, or asks for what this route does not look at. The detail names the header, and a valid value or what is looked at.";
    IdempotencyKeyInvalid = "idempotency-key-invalid", BAD_REQUEST, "Invalid idempotency key",
        "An idempotency key is 1 to 255 visible ASCII characters, given once: in the header Idempotency-Key or X-Idempotency-Key, or in the body as idempotencyKey. Given in several places it must be the same.";
    TwoCredentials = "two-credentials", BAD_REQUEST, "Two credentials",
        "The request shows more than one credential, in several headers or as a cookie beside a header. Show one.";
    CredentialInAddress = "credential-in-address", BAD_REQUEST, "Credential in the address",
        "The address holds a credential, and addresses are logged and passed on. Send it as Authorization: Bearer <credential>, and revoke one that was in an address.";
    CredentialMissing = "credential-missing", UNAUTHORIZED, "Who are you?",
        "The request needs a credential. Send it as Authorization: Bearer <credential>; an operator issues them.";
    CredentialMalformed = "credential-malformed", UNAUTHORIZED, "Not a credential",
        "What the request shows is not a credential: that is mc_ and 43 characters, sent as Authorization: Bearer <credential>. Check that it was copied whole.";
    CredentialUnknown = "credential-unknown", UNAUTHORIZED, "Unknown credential",
        "This server knows no such credential. Check that it is one of this server, or ask an operator for another.";
    CredentialExpired = "credential-expired", UNAUTHORIZED, "Expired credential",
        "The time of the credential is up. Ask an operator for another.";
    CredentialRevoked = "credential-revoked", UNAUTHORIZED, "Revoked credential",
        "The credential was revoked. Ask an operator for another.";
    CredentialOrphaned = "credential-orphaned", UNAUTHORIZED, "The agent is gone",
        "The agent that the credential belongs to is not there any more. An operator registers it anew, or issues a credential for another.";
    SessionOver = "session-over", UNAUTHORIZED, "The session is over",
        "The session has ended, or was not used for twelve hours. Open another with POST /api/session.";
    Forbidden = "forbidden", FORBIDDEN, "Not allowed",
        "Whoever asks may not do this: it belongs to someone else, or to another role. Ask an operator, or act as whom you are.";
    ActorMismatch = "actor-mismatch", FORBIDDEN, "Nobody acts for another",
        "The body names someone else as acting than the credential belongs to. Who acts follows from the credential: leave the name out, or name its bearer.";
    ApprovalRequired = "approval-required", FORBIDDEN, "An approval is required",
        "What was asked needs a human's approval first. Where a request for it was opened, approvalId names it; repeat once it is approved.";
    HostNotAllowed = "host-not-allowed", FORBIDDEN, "Host not allowed",
        "The Host header names a host this server does not answer for; this keeps foreign web pages from reaching it under a name of their own. Use localhost or 127.0.0.1, or start the server with --allowed-host <name>.";
    CrossOrigin = "cross-origin", FORBIDDEN, "Request of a foreign web page",
        "A web page of another origin tried to change something here. Pages served by this server and programs that send no Origin header may.";
    NotFound = "not-found", NOT_FOUND, "Not found",
        "Nothing has this id or name. Check it against the list of its kind; agents and projects are found by name or slug too.";
    NoSuchRoute = "no-such-route", NOT_FOUND, "No such address",
        "The server has nothing at this path. The interface starts at /api; check the path for a missing part or a trailing slash.";
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "Method not allowed",
        "The path exists, but not with this method. The Allow header lists the methods it has.";
    Conflict = "conflict", CONFLICT, "Conflict with the current state",
        "What was asked does not fit what is: read it again, then decide anew. Repeating it as it is will fail again until the state changes.";
    ConcurrentChange = "concurrent-change", CONFLICT, "Changed at the same moment",
        "Others changed the same thing at the same moment, more often than the server repeats by itself. Nothing was recorded. Repeat the request.";
    AlreadyClaimed = "already-claimed", CONFLICT, "Already claimed",
        "Another agent claimed the task first; holder names it. Claim another task.";
    AlreadyDecided = "already-decided", CONFLICT, "Already decided",
        "The approval was decided, expired or was withdrawn before. Its decision stands; request a new one where it is still needed.";
    AlreadyExists = "already-exists", CONFLICT, "Already exists",
        "The name or slug is taken. Use what has it, or choose another.";
    AgentNotActive = "agent-not-active", CONFLICT, "The agent may not work now",
        "The agent is paused, draining, quarantined or offline, or it waits for a person. An operator resumes it; its heartbeat tells it what to do.";
    SquadStopped = "squad-stopped", CONFLICT, "The squad is stopped",
        "An operator has stopped all agents of the project: nobody starts a run or moves a task in an emergency, and no sub-agent is created as long as the squad is stopped. An operator resumes it with POST /api/emergency/resume-squad.";
    BudgetExceeded = "budget-exceeded", CONFLICT, "Over budget",
        "The estimated cost does not fit what is left of a budget. An operator raises the budget, or approves the override that approvalId names.";
    PreconditionFailed = "precondition-failed", PRECONDITION_FAILED, "The version moved",
        "The entity has changed since the version in If-Match, or there is one already although If-None-Match: * asked for a new one. Read it again, then repeat with its ETag.";
    HeadTooSlow = "head-too-slow", REQUEST_TIMEOUT, "Request too slow",
        "The head of the request did not arrive whole in time. Send it again over a better connection.";
    BodyTooSlow = "body-too-slow", REQUEST_TIMEOUT, "Body too slow",
        "The body did not arrive whole in time, so nothing was done. Send it again over a better connection.";
    UnsupportedEncoding = "unsupported-encoding", UNSUPPORTED_MEDIA_TYPE, "Encoding not supported",
        "The body comes with a Content-Encoding. Send it as it is, without compressing it.";
    BodyTooLarge = "body-too-large", PAYLOAD_TOO_LARGE, "Body too large",
        "A body may have at most 1 MiB. Send less; long contents belong to where an artifact's address points.";
    AddressTooLong = "address-too-long", URI_TOO_LONG, "Address too long",
        "Path and query together may have at most 8 KiB. Ask for fewer values of a filter at once.";
    HeadTooLarge = "head-too-large", REQUEST_HEADER_FIELDS_TOO_LARGE, "Request head too large",
        "The head of a request, which is its first line and its header lines, may have at most 64 KiB and 100 header lines. Send fewer or shorter headers.";
    InvalidFields = "invalid-fields", UNPROCESSABLE_ENTITY, "Fields are not acceptable",
        "The body is JSON, but a field is missing, unknown, of the wrong type, or has a value it cannot have. errors names each field, with a JSON Pointer to it.";
    IllegalTransition = "illegal-transition", UNPROCESSABLE_ENTITY, "Illegal move",
        "The task cannot move from its status to the one asked for, not by this actor, or not without what the move needs. allowedTransitions lists where it can go; errors says what is missing.";
    RuleBroken = "rule-broken", UNPROCESSABLE_ENTITY, "Against a rule",
        "The request is well-formed, but a rule forbids it whatever the current state. The detail names the rule.";
    ThreadFull = "thread-full", UNPROCESSABLE_ENTITY, "The thread is full",
        "The thread has as many messages as the policy allows (limits.maxThreadMessages): it takes no more from agents, only from operators. Go on in another task.";
    LimitReached = "limit-reached", UNPROCESSABLE_ENTITY, "A limit is reached",
        "There are as many of these as the policy allows. The detail names the figure: close or retire some, or publish a policy with a higher one.";
    IdempotencyKeyReused = "idempotency-key-reused", UNPROCESSABLE_ENTITY, "Idempotency key used before",
        "The idempotency key came with another request before. One key stands for one request: choose a new key for a new request.";
    Unrecordable = "unrecordable", UNPROCESSABLE_ENTITY, "Cannot be recorded",
        "The log has a limit that this request breaks, such as the number or size of the events of one command. Ask for less in one request.";
    TooManyRequests = "too-many-requests", TOO_MANY_REQUESTS, "Too many requests",
        "More came in than is allowed. Retry-After says how many seconds to wait.";
    TooManyFailures = "too-many-failures", TOO_MANY_REQUESTS, "Too many failures",
        "Too many requests from this address showed no good credential. Correct the credential before the next one; a good one is served at once.";
    Internal = "internal", INTERNAL_SERVER_ERROR, "Something broke",
        "A defect of the server. Its log has the cause under the request id in instance; report it with that id.";
    Starting = "starting", SERVICE_UNAVAILABLE, "Still starting",
        "The server reads its log before it answers. Repeat the request after the seconds in Retry-After.";
    Draining = "draining", SERVICE_UNAVAILABLE, "Shutting down",
        "The server is shutting down and takes nothing new. Repeat the request once it is back.";
    TimedOut = "timed-out", SERVICE_UNAVAILABLE, "Took too long",
        "No answer was ready in time. It may still have taken effect: repeat a write with the same idempotency key, or read first.";
    PositionNotReached = "position-not-reached", SERVICE_UNAVAILABLE, "Position not reached",
        "The log has not reached the position in Mc-Position yet. Repeat the request after the seconds in Retry-After; a position of another log is never reached.";
    TooManyStreams = "too-many-streams", SERVICE_UNAVAILABLE, "Too many event streams",
        "All event streams the server keeps open are in use. Close one, or repeat the request after the seconds in Retry-After.";
    TooManyConnections = "too-many-connections", SERVICE_UNAVAILABLE, "Too many connections",
        "All connections the server takes, in all or from one address, are being worked on. Repeat the request after the seconds in Retry-After, over fewer connections.";
    StoreUnavailable = "store-unavailable", SERVICE_UNAVAILABLE, "The store does not answer",
        "The database does not answer just now. Nothing was recorded. Repeat the request after the seconds in Retry-After.";
    OutcomeUnknown = "outcome-unknown", SERVICE_UNAVAILABLE, "The outcome is not known",
        "The connection to the database broke while it recorded this. It was recorded wholly or not at all: repeat the request with the same idempotency key after the seconds in Retry-After, or read first.";
    StoreDisplaced = "store-displaced", SERVICE_UNAVAILABLE, "The file of the store is gone",
        "The file of the store was removed, moved or replaced while the server has it open, so nothing is recorded: it would be lost. Reading works. An operator moves the file back, or stops the server and starts it on the file that is to be used.";
    StoreDamaged = "store-damaged", SERVICE_UNAVAILABLE, "The store is damaged",
        "A part of the log cannot be read. An operator has to verify the store and restore it from a backup.";
    StorageFull = "storage-full", INSUFFICIENT_STORAGE, "No space left",
        "Too little disk space is left to record anything that adds to what there is. Reading works, and so does what stops, pauses, denies, blocks, ends or releases, until the reserve for it is used up too. An operator has to make room.";
}

/// StoredReply as its code, in an answer that a repeat is to get again.
impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.slug())
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let slug = String::deserialize(deserializer)?;
        Self::find(&slug).ok_or_else(|| D::Error::custom("no kind of problem"))
    }
}

impl Kind {
    /// The stable name for programs, in snake_case: `illegal_transition`.
    pub fn code(self) -> String {
        self.slug().replace('-', "_")
    }

    /// The kind of that slug or code.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.slug() == name || kind.code() == name)
    }

    /// Whether the same request may succeed a little later, without anyone's doing.
    pub const fn is_temporary(self) -> bool {
        matches!(
            self,
            Self::TooManyRequests
                | Self::TooManyFailures
                | Self::Starting
                | Self::Draining
                | Self::TimedOut
                | Self::PositionNotReached
                | Self::TooManyStreams
                | Self::TooManyConnections
                | Self::StoreUnavailable
                | Self::OutcomeUnknown
                | Self::StoreDisplaced
                | Self::StoreDamaged
        )
    }

    /// The kind that says nothing more than the status.
    pub(super) fn of_status(status: StatusCode) -> Option<Self> {
        let general = [
            Self::MalformedRequest,
            Self::CredentialMissing,
            Self::Forbidden,
            Self::NoSuchRoute,
            Self::MethodNotAllowed,
            Self::Conflict,
            Self::PreconditionFailed,
            Self::BodyTooLarge,
            Self::AddressTooLong,
            Self::RuleBroken,
            Self::TooManyRequests,
            Self::Internal,
            Self::StoreUnavailable,
            Self::StorageFull,
        ];
        general.into_iter().find(|kind| kind.status() == status)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_has_a_slug_of_its_own_in_kebab_case() {
        let slugs: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.slug()).collect();
        assert_eq!(slugs.len(), Kind::ALL.len());
        assert!(slugs.iter().all(|slug| slug.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
    }

    #[test]
    fn every_503_and_429_is_temporary() {
        for kind in Kind::ALL {
            let waits = matches!(kind.status().as_u16(), 429 | 503);
            assert_eq!(kind.is_temporary(), waits, "{kind:?}");
        }
    }

    #[test]
    fn every_kind_is_explained_in_sentences() {
        for kind in Kind::ALL {
            assert!(kind.about().ends_with('.') && kind.about().len() > 40, "{kind:?}");
            assert_eq!(Kind::find(&kind.code()), Some(*kind));
        }
    }
}
