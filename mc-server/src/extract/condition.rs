//! Conditions on an entity's version (RFC 9110, section 13), which is its entity tag.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts},
};

use crate::problem::{Excerpt, Kind, Problem};

/// The strong entity tag of a version: `"7"`.
pub fn etag(version: u64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).expect("digits and quotes are valid in a header")
}

/// The condition of a write: the entity must be at one of these versions. Without the header everything is.
///
/// Tags are compared strongly (RFC 9110, section 8.8.3.2), so a weak one matches no version.
///
/// ```
/// use mc_server::extract::IfMatch;
///
/// assert!(IfMatch::Any.check(7).is_ok());
/// assert_eq!(IfMatch::Versions(vec![6]).check(7).unwrap_err().status(), 412);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    /// Any version: the header is absent or `*`.
    Any,
    /// One of these versions; none of a tag that is weak, or not a version of ours.
    Versions(Vec<u64>),
}

impl IfMatch {
    /// Holds the entity's version against the condition.
    ///
    /// # Errors
    /// `precondition-failed` when the version has moved.
    pub fn check(&self, current: u64) -> Result<(), Problem> {
        match self {
            Self::Versions(versions) if !versions.contains(&current) => Err(Problem::version_moved(current)),
            Self::Any | Self::Versions(_) => Ok(()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match Tags::of(&parts.headers, header::IF_MATCH)? {
            Tags::Absent | Tags::Any => Ok(Self::Any),
            Tags::Listed(tags) => {
                let strong = tags.iter().filter(|tag| !tag.weak);
                Ok(Self::Versions(strong.filter_map(|tag| tag.version).collect()))
            }
        }
    }
}

/// The condition of a read or a creation: the caller does not want the entity if it is at one of these versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfNoneMatch {
    /// No such header came, so nothing is compared.
    Absent,
    /// `*`: no version at all; a creation that must not find anything.
    Any,
    /// The versions that its entity tags name.
    Versions(Vec<u64>),
}

impl IfNoneMatch {
    /// Whether the caller has this version already, so that a read answers 304 without a body.
    pub fn has(&self, version: u64) -> bool {
        match self {
            Self::Absent => false,
            Self::Any => true,
            Self::Versions(versions) => versions.contains(&version),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(match Tags::of(&parts.headers, header::IF_NONE_MATCH)? {
            Tags::Absent => Self::Absent,
            Tags::Any => Self::Any,
            Tags::Listed(tags) => Self::Versions(tags.iter().filter_map(|tag| tag.version).collect()),
        })
    }
}

enum Tags {
    Absent,
    Any,
    Listed(Vec<Tag>),
}

struct Tag {
    weak: bool,
    version: Option<u64>,
}

impl Tags {
    /// Several lines of the header are one list (RFC 9110, section 5.3); `*` is alone in it.
    fn of(headers: &HeaderMap, name: HeaderName) -> Result<Self, Problem> {
        let lines: Vec<_> = headers.get_all(&name).iter().map(HeaderValue::as_bytes).collect();
        if lines.is_empty() {
            return Ok(Self::Absent);
        }
        let text = String::from_utf8_lossy(&lines.join(&b", "[..])).into_owned();
        match text.trim_matches(is_filler) {
            "*" => Ok(Self::Any),
            list => listed(list).map(Self::Listed).ok_or_else(|| malformed(&name, &text)),
        }
    }
}

fn malformed(name: &HeaderName, text: &str) -> Problem {
    let name = if *name == header::IF_MATCH { "If-Match" } else { "If-None-Match" };
    let text = Excerpt(text);
    Problem::new(
        Kind::MalformedHeader,
        format!(
            "{name} cannot be {text}. Send a version in quotes as in the ETag, such as {name}: \"7\", or *."
        ),
    )
}

/// What stands between the elements of a list: a recipient passes over empty elements (RFC 9110, section 5.6.1.2).
fn is_filler(c: char) -> bool {
    matches!(c, ' ' | '\t' | ',')
}

/// The tags of a list such as `"3", W/"4"`, at least one; nothing when it is none.
fn listed(mut text: &str) -> Option<Vec<Tag>> {
    let mut tags = Vec::new();
    loop {
        let (weak, quoted) = text.strip_prefix("W/").map_or((false, text), |rest| (true, rest));
        let (tag, rest) = quoted.strip_prefix('"')?.split_once('"')?;
        let is_tag_character = |c: char| c == '!' || ('#'..='~').contains(&c) || c > '\u{7f}';
        if !tag.chars().all(is_tag_character) {
            return None;
        }
        tags.push(Tag { weak, version: version(tag) });
        let next = rest.trim_start_matches(is_filler);
        if next.is_empty() {
            return Some(tags);
        }
        let filler = &rest[..rest.len() - next.len()];
        text = filler.contains(',').then_some(next)?;
    }
}

/// The version a tag stands for; a tag in another form than [`etag`] writes is not one of ours.
fn version(tag: &str) -> Option<u64> {
    let version = tag.parse().ok()?;
    (etag(version).as_bytes() == format!("\"{tag}\"").as_bytes()).then_some(version)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    async fn if_match(values: &[&str]) -> Result<IfMatch, Kind> {
        let mut parts = Request::new(()).into_parts().0;
        for value in values {
            parts.headers.append(header::IF_MATCH, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        IfMatch::from_request_parts(&mut parts, &()).await.map_err(|problem| problem.kind())
    }

    async fn if_none_match(value: &str) -> IfNoneMatch {
        let mut parts = Request::new(()).into_parts().0;
        parts.headers.append(header::IF_NONE_MATCH, value.parse().unwrap());
        IfNoneMatch::from_request_parts(&mut parts, &()).await.unwrap()
    }

    #[tokio::test]
    async fn versions_are_read_from_quotes_and_lists() {
        assert_eq!(if_match(&[]).await, Ok(IfMatch::Any));
        assert_eq!(if_match(&["*"]).await, Ok(IfMatch::Any));
        assert_eq!(if_match(&["\"7\""]).await, Ok(IfMatch::Versions(vec![7])));
        assert_eq!(if_match(&["\"7\" ,\"8\"", "\"9\""]).await, Ok(IfMatch::Versions(vec![7, 8, 9])));
        for filled in ["\"7\" ,", "\"7\",", ", \"7\"", ",,\"7\"\t, ,", "\"7\"  "] {
            assert_eq!(if_match(&[filled]).await, Ok(IfMatch::Versions(vec![7])), "{filled:?}");
        }
        assert_eq!(if_match(&["\"7\",", ",", "\"8\""]).await, Ok(IfMatch::Versions(vec![7, 8])));
        assert_eq!(if_match(&["* ,"]).await, Ok(IfMatch::Any));
    }

    #[tokio::test]
    async fn a_weak_tag_matches_no_write() {
        let weak = if_match(&["W/\"7\""]).await.unwrap();
        assert_eq!(weak.check(7).unwrap_err().kind(), Kind::PreconditionFailed);
        assert!(if_match(&["W/\"7\", \"7\""]).await.unwrap().check(7).is_ok());
    }

    #[tokio::test]
    async fn a_tag_that_is_not_ours_matches_nothing() {
        for tag in ["\"abc\"", "\"007\"", "\"+7\"", "\"\"", "\"99999999999999999999\""] {
            let condition = if_match(&[tag]).await.unwrap();
            assert_eq!(condition.check(7).unwrap_err().kind(), Kind::PreconditionFailed, "{tag}");
        }
    }

    #[tokio::test]
    async fn malformed_tags_are_refused() {
        for value in [
            "7",
            "\"7",
            "\"7\" \"8\"",
            "w/\"7\"",
            "",
            ",",
            "\"7\", 8",
            "\"7\", *",
            "*, \"7\"",
            "* *",
            "\"a b\"",
            "ä",
        ] {
            assert_eq!(if_match(&[value]).await, Err(Kind::MalformedHeader), "{value:?}");
        }
        assert_eq!(if_match(&["*", "\"7\""]).await, Err(Kind::MalformedHeader));
    }

    #[tokio::test]
    async fn a_reader_may_hold_a_weak_tag() {
        assert!(if_none_match("W/\"7\"").await.has(7));
        assert!(if_none_match("\"6\", W/\"7\" ,").await.has(7));
        assert!(if_none_match("*").await.has(7));
        assert!(!if_none_match("\"6\"").await.has(7));
        assert!(!IfNoneMatch::Absent.has(7));
    }

    #[test]
    fn a_moved_version_is_answered_with_the_current_one() {
        let problem = IfMatch::Versions(vec![3]).check(4).unwrap_err();
        assert!(String::from_utf8(problem.to_json(None)).unwrap().contains("\"currentVersion\":4"));
    }
}
