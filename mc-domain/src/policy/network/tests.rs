#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::policy::{document::Document, reason::Standing};

#[test]
fn allowed_hosts_and_their_subdomains_are_allowed() {
    let allowed = Document::default().network.allow;
    for address in [
        "https://github.com/acme/site",
        "http://github.com",
        "https://api.github.com/repos",
        "HTTPS://GitHub.COM/x",
        "https://github.com:443/x",
        "https://github.com./x",
        "https://github.com?x=1",
        "https://github.com/a@b",
        "https://api.anthropic.com/v1/messages",
        "github.com/acme",
        "github.com",
        "github.com/login?next=https://evil.com",
    ] {
        assert_eq!(judge(&allowed, address).standing, Standing::Allowed, "{address}");
    }
}

#[test]
fn other_hosts_and_tricks_are_not_allowed() {
    let allowed = Document::default().network.allow;
    for address in [
        "",
        "https://",
        "https://evil.com",
        "https://github.com.evil.com",
        "https://evilgithub.com",
        "https://github.com@evil.com",
        "https://github.com:x@evil.com/",
        "https://user:pass@github.com/",
        "https://evil.com#github.com",
        "https://evil.com?github.com",
        "https://evil.com/github.com",
        "https://evil.com\\.github.com",
        "https:\\\\github.com",
        "https://github.com\\@evil.com",
        "https:/github.com",
        "https:github.com",
        "//evil.com/github.com",
        "evil.com",
        "https://github.com..",
        "https://.github.com",
        "https://github%2ecom",
        "https://github.com%00.evil.com",
        "https://gith\u{fc}b.com",
        "https://github\u{3002}com",
        "https://github.com:port/",
        "https://github.com:99999/",
        "https://[::1]/",
        "https://[::ffff:140.82.121.3]",
        "https://[github.com]",
        "https://[::1",
        "https://127.0.0.1/",
        "https://2130706433/",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "ftp://github.com/x",
        "javascript:alert(1)",
        "https://github.com\n.evil.com",
        " https://github.com",
        "https://anthropic.com",
    ] {
        assert_eq!(judge(&allowed, address).standing, Standing::Unlisted, "{address}");
    }
}

#[test]
fn an_empty_list_allows_nothing_and_a_star_every_host() {
    assert_eq!(judge(&[], "https://github.com").standing, Standing::Unlisted);
    assert_eq!(judge(&["*".into()], "https://example.org").standing, Standing::Allowed);
    assert_eq!(judge(&["*".into()], "https://github.com@evil.com").standing, Standing::Unlisted);
    assert_eq!(judge(&["*.acme.org".into()], "https://acme.org").standing, Standing::Unlisted);
    assert_eq!(judge(&["*.acme.org".into()], "https://www.acme.org").standing, Standing::Allowed);
    assert_eq!(judge(&["".into()], "https://acme.org").standing, Standing::Unlisted);
}

proptest! {
    #[test]
    fn no_address_makes_it_panic(address in any::<String>()) {
        judge(&Document::default().network.allow, &address);
    }

    #[test]
    fn whatever_follows_an_evil_host_stays_unlisted(rest in "[/?#:@.\\\\a-z0-9]{0,20}") {
        let verdict = judge(&["github.com".into()], &format!("https://evil.com{rest}"));
        let subdomain = rest.contains(".github.com");
        prop_assert!(subdomain || verdict.standing == Standing::Unlisted);
    }
}
