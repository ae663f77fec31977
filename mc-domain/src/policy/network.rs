//! Judges addresses: the host, or a domain above it, must be on the allow-list.
//!
//! The reader is stricter than any client: what two programs could read differently is not allowed at all, so nobody
//! gets past it by a spelling.

use super::reason::Verdict;

/// Judges one address against the allowed hosts; `*` allows every host.
///
/// ```
/// use mc_domain::policy::{network::judge, reason::Standing};
///
/// let allowed = ["github.com".to_owned()];
/// assert_eq!(judge(&allowed, "https://api.github.com/repos").standing, Standing::Allowed);
/// assert_eq!(judge(&allowed, "https://github.com.evil.com").standing, Standing::Unlisted);
/// assert_eq!(judge(&allowed, "https://github.com@evil.com").standing, Standing::Unlisted);
/// ```
pub fn judge(allowed: &[String], address: &str) -> Verdict {
    let host = match host(address) {
        Ok(host) => host,
        Err(problem) => {
            return Verdict::unlisted(
                "address_unclear",
                format!("{problem}, so the address cannot be judged"),
            );
        }
    };
    if allowed.iter().any(|entry| covers(entry, &host)) {
        return Verdict::allowed();
    }
    let allowed = if allowed.is_empty() { "none".to_owned() } else { allowed.join(", ") };
    Verdict::unlisted(
        "host_unlisted",
        format!("the host {host} is not on the allow-list; allowed: {allowed}"),
    )
}

/// The host of an address, in lower case and without a trailing dot.
///
/// # Errors
/// What makes the address unclear, as a sentence.
pub fn host(address: &str) -> Result<String, &'static str> {
    let odd = |c: char| !c.is_ascii_graphic() || matches!(c, '\\' | '"' | '\'' | '<' | '>' | '`' | '{' | '}');
    match () {
        () if address.is_empty() => return Err("no address is given"),
        () if address.contains(odd) => return Err("the address has characters that do not belong in one"),
        () => {}
    }
    let rest = match address.split_once("://") {
        Some((scheme, rest)) if ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) => {
            rest
        }
        // The `://` of a query does not make what is before it a scheme.
        Some((before, _)) if !before.contains(['/', '?', '#']) => {
            return Err("only http and https are known");
        }
        _ => address.strip_prefix("//").unwrap_or(address),
    };
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    if authority.contains('@') {
        return Err("the address names a user before its host");
    }
    let (host, port) = split_port(authority)?;
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err("the port is not a number");
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    if is_name(host) || is_ipv6(host) { Ok(host.to_ascii_lowercase()) } else { Err("the host is not a name") }
}

/// A host of the allow-list: a name, `*.` and a name (its subdomains only), or `*`.
pub(super) fn is_entry(entry: &str) -> bool {
    let name = entry.strip_prefix("*.").unwrap_or(entry);
    entry == "*" || (is_name(name) && !name.ends_with('.')) || is_ipv6(entry)
}

fn covers(entry: &str, host: &str) -> bool {
    let entry = entry.to_ascii_lowercase();
    let below =
        |domain: &str| host.strip_suffix(domain).is_some_and(|sub| sub.ends_with('.') && sub.len() > 1);
    match entry.strip_prefix("*.") {
        _ if entry == "*" => true,
        Some(domain) => !domain.is_empty() && below(domain),
        None => !entry.is_empty() && (host == entry || below(&entry)),
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), &'static str> {
    let end = match authority.strip_prefix('[') {
        None => authority.find(':'),
        Some(rest) => Some(rest.find(']').ok_or("the bracket of the host is not closed")? + 2),
    };
    match authority.split_at(end.unwrap_or(authority.len())) {
        (host, "") => Ok((host, None)),
        (host, port) => Ok((host, Some(port.strip_prefix(':').ok_or("the host is not a name")?))),
    }
}

/// Labels of letters, digits and hyphens (RFC 1123); also what IPv4 addresses are written with.
fn is_name(host: &str) -> bool {
    let of_label = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(of_label);
    host.len() <= 253 && host.split('.').all(is_label)
}

fn is_ipv6(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
}

#[cfg(test)]
#[path = "network/tests.rs"]
mod tests;
