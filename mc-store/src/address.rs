//! The addresses of stores, and how they are shown: never with a password.

use std::borrow::Cow;

/// What stands in the place of a password.
const HIDDEN: &str = "***";

/// The address without its password, for messages and logs: `postgres://sofie:***@db/missions`.
///
/// ```
/// use mc_store::address::without_password;
///
/// assert_eq!(without_password("postgres://sofie:s3:cr@t@db/missions"), "postgres://sofie:***@db/missions");
/// assert_eq!(without_password("postgres://db/missions?password=x&sslmode=require"), "postgres://db/missions?password=***&sslmode=require");
/// assert_eq!(without_password("sqlite:data/log.db"), "sqlite:data/log.db");
/// assert_eq!(without_password("host=db password=secret"), "host=db password=***");
/// assert_eq!(without_password("postgres:/sofie:secret@db/missions"), "postgres:***@db/missions");
/// ```
pub fn without_password(address: &str) -> Cow<'_, str> {
    if address.starts_with("sqlite:") {
        return Cow::Borrowed(address);
    }
    let Some((scheme, rest)) = address.split_once("://") else { return mistyped(address) };
    let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
    // A password may hold an @ or a slash that should have been escaped: the last @ ends it.
    let place = match place.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:{HIDDEN}@{host}"),
            None => format!("{user}@{host}"),
        },
        None => place.to_owned(),
    };
    let query = query.map_or(String::new(), |query| {
        let shown: Vec<_> = query.split('&').map(parameter).collect();
        format!("?{}", shown.join("&"))
    });
    Cow::Owned(format!("{scheme}://{place}{query}"))
}

/// An address whose slashes are mistyped or missing, without anything that may be a password.
fn mistyped(address: &str) -> Cow<'_, str> {
    // As libpq also takes it: host=db password=secret.
    if address.contains("password") {
        let shown: Vec<_> = address.split(' ').map(parameter).collect();
        return Cow::Owned(shown.join(" "));
    }
    match (address.split_once(':'), address.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => Cow::Owned(format!("{scheme}:{HIDDEN}@{host}")),
        _ => Cow::Borrowed(address),
    }
}

fn parameter(parameter: &str) -> Cow<'_, str> {
    match parameter.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("password") => {
            Cow::Owned(format!("{name}={HIDDEN}"))
        }
        _ => Cow::Borrowed(parameter),
    }
}
