//! Finds credentials in text and takes them out before anything is recorded: a log that never forgets must never
//! learn them.
//!
//! In doubt it redacts: a lost word costs less than a recorded key. Every pass moves forward only, so the work is
//! linear in the length of the text, whoever wrote it.

use std::{borrow::Cow, collections::BTreeSet, ops::Range, sync::LazyLock};

use regex::Regex;
use serde_json::{Map, Value};

use crate::values::words;

words! {
    /// What kind of credential was found.
    SecretKind {
        /// A PEM private key block.
        PrivateKey = "private_key",
        /// A GitHub token.
        GithubToken = "github_token",
        /// A GitLab token.
        GitlabToken = "gitlab_token",
        /// A Slack token or webhook address.
        SlackToken = "slack_token",
        /// An AWS access key id.
        AwsKey = "aws_key",
        /// A key of an API, by its shape or by its name.
        ApiKey = "api_key",
        /// A JSON web token.
        WebToken = "web_token",
        /// What an `Authorization` header carries.
        Authorization = "authorization",
        /// The password in a URL's user information.
        UrlPassword = "url_password",
        /// A value named as a password.
        Password = "password",
        /// A value named as a token.
        Token = "token",
        /// A value named as a secret or a credential.
        Secret = "secret",
    }
}

impl SecretKind {
    /// The length of the longest of their words.
    const MAX_BYTES: usize = 13;
}

/// One credential in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// What it is.
    pub kind: SecretKind,
    /// Where it is, in bytes.
    pub span: Range<usize>,
}

/// How far from a `://` its user information is looked for, in bytes; bounds the work per address.
const MAX_USER_INFO_BYTES: usize = 256;

/// The longest value that can be harmless, in bytes.
const MAX_HARMLESS_BYTES: usize = 256;
/// A marker may complete the value of a name around it, which the next pass then takes as a whole.
const MAX_PASSES: usize = 4;

/// What names a secret when it ends an identifier. The last word decides: `inputTokens` and `tokenLimit` do not match.
const NAMES: &str = r"(?:authorization|pass(?:word|wd|phrase|code)|\bpwd|_pwd|[_-]pass|secret|token|credentials?|[_-]auth|(?:api|access|secret|private|encryption|signing|ssh|master|account|auth|service[_-]?role)[_-]?key)";

/// Credentials that are known by their own shape; the first group is the credential.
static SHAPES: LazyLock<Vec<(SecretKind, Regex)>> = LazyLock::new(|| {
    use SecretKind::{ApiKey, AwsKey, GithubToken, GitlabToken, SlackToken, WebToken};
    [
        (GithubToken, r"(gh[pousr]_[A-Za-z0-9]{8,}|github_pat_[A-Za-z0-9_]{8,})"),
        (GitlabToken, r"(glpat-[A-Za-z0-9_-]{8,})"),
        (SlackToken, r"(xox[a-z]-[A-Za-z0-9-]{8,}|xapp-[A-Za-z0-9-]{8,})"),
        (SlackToken, r"hooks\.slack\.com/services/([A-Za-z0-9/_-]{8,})"),
        (AwsKey, r"((?:AKIA|ASIA|AROA|AIDA|AGPA)[A-Z0-9]{12,})"),
        (ApiKey, r"(?:\b|_)(sk-[A-Za-z0-9_-]{8,})"),
        (ApiKey, r"(?:\b|_)([spr]k_(?:live|test|prod)_[A-Za-z0-9_]{4,})"),
        (ApiKey, r"(?:\b|_)([spr]k_[A-Za-z0-9]{16,})"),
        (
            ApiKey,
            r"(AIza[A-Za-z0-9_-]{30,}|npm_[A-Za-z0-9]{30,}|SG\.[A-Za-z0-9_-]{16,}|whsec_[A-Za-z0-9+/=]{16,})",
        ),
        (WebToken, r"(eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)"),
    ]
    .map(|(kind, pattern)| (kind, regex(pattern)))
    .into()
});

/// A name and what joins it to its value: `password=`, `"password": `, `config["password"] = `.
static ASSIGNMENT: LazyLock<Regex> =
    LazyLock::new(|| regex(&format!(r#"(?i){NAMES}(?:\\*["'`])?\]?[ \t]*(?::=|=>|[:=])[ \t]*"#)));
/// An option that takes its value as the next word: `--password `.
static OPTION: LazyLock<Regex> = LazyLock::new(|| regex(&format!(r"(?i)--[a-z0-9_-]*{NAMES}[ \t]+")));
/// The user and password of an HTTP client: `-u name:`.
static USER_OPTION: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?:^|\s)(?:-u|--user)[ \t=]+["']?[^\s:"'<>]{1,64}:"#));
static BEARER: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)\bbearer[ \t]+"));
static SCHEME: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)^(?:bearer|basic|token|digest|negotiate|apikey)[ \t]+"));
static SECRET_NAME: LazyLock<Regex> = LazyLock::new(|| regex(&format!("(?i){NAMES}$")));
static OPTION_NAME: LazyLock<Regex> = LazyLock::new(|| regex(&format!("(?i)^--?[a-z0-9_-]*{NAMES}$")));
static PEM_BEGIN: LazyLock<Regex> = LazyLock::new(|| regex(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY"));
static MARKERS: LazyLock<Regex> = LazyLock::new(|| regex(r"^(?:\[redacted:[a-z_]+\])+$"));
/// A value that only says where the secret is.
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^(?:\$\{[A-Za-z_]\w*\}|\$[A-Z_][A-Z0-9_]*|\$\([a-z][^)\s=]*\)?|\$?\{\{[^\s=]*|(?:process\.env|import\.meta\.env|os\.environ|os\.getenv|std::env)\b[^\s=]*)[;,)]*$",
    )
});

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant that the tests compile")
}

/// Every credential in `text`, in order and without overlaps.
///
/// ```
/// use mc_domain::policy::secrets::{SecretKind, find_secrets};
///
/// let found = find_secrets("deploy with password=hunter2");
/// assert_eq!(found[0].kind, SecretKind::Password);
/// assert_eq!(found[0].span, 21..28);
/// assert!(find_secrets("inputTokens: 5").is_empty());
/// ```
pub fn find_secrets(text: &str) -> Vec<Secret> {
    let mut found = Vec::new();
    find_private_keys(text, &mut found);
    find_shapes(text, &mut found);
    find_url_passwords(text, &mut found);
    find_values(text, &ASSIGNMENT, &mut found, kind_of_name);
    find_values(text, &OPTION, &mut found, |name, value| {
        if value.starts_with('-') { None } else { kind_of_name(name, value) }
    });
    find_values(text, &USER_OPTION, &mut found, |_, _| Some(SecretKind::Password));
    find_values(text, &BEARER, &mut found, |_, value| {
        looks_random(value).then_some(SecretKind::Authorization)
    });
    found.retain(|secret| !MARKERS.is_match(&text[secret.span.clone()]));
    merge(found)
}

/// `text` with every credential replaced by `[redacted:<kind>]`. Redacting twice changes nothing more.
///
/// ```
/// use mc_domain::policy::secrets::redact;
///
/// assert_eq!(redact("TOKEN=abcdef1 and again TOKEN=abcdef1"), "TOKEN=[redacted:token] and again TOKEN=[redacted:token]");
/// assert_eq!(redact("a task about product domains"), "a task about product domains");
/// ```
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut redacted = redact_once(text);
    for _ in 1..MAX_PASSES {
        match redact_once(&redacted) {
            Cow::Borrowed(_) => break,
            Cow::Owned(more) => redacted = Cow::Owned(more),
        }
    }
    redacted
}

fn redact_once(text: &str) -> Cow<'_, str> {
    let secrets = find_secrets(text);
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut redacted = String::with_capacity(text.len());
    let mut done = 0;
    for Secret { kind, span } in secrets {
        redacted.push_str(&text[done..span.start]);
        redacted.push_str(&marker(kind));
        done = span.end;
    }
    redacted.push_str(&text[done..]);
    Cow::Owned(redacted)
}

/// Redacts every text in `value`, and whatever an object names as a secret. Answers what it took out.
///
/// ```
/// use mc_domain::policy::secrets::redact_json;
///
/// let mut value = serde_json::json!({ "user": "bob", "password": "hunter2", "tokens": 5 });
/// redact_json(&mut value);
/// assert_eq!(value, serde_json::json!({ "user": "bob", "password": "[redacted:password]", "tokens": 5 }));
/// ```
pub fn redact_json(value: &mut Value) -> BTreeSet<SecretKind> {
    let mut kinds = BTreeSet::new();
    redact_value(value, &mut kinds);
    kinds
}

fn redact_value(value: &mut Value, kinds: &mut BTreeSet<SecretKind>) {
    match value {
        Value::String(text) => redact_string(text, kinds),
        Value::Array(items) => redact_array(items, kinds),
        Value::Object(fields) => redact_object(fields, kinds),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn redact_string(text: &mut String, kinds: &mut BTreeSet<SecretKind>) {
    kinds.extend(find_secrets(text).into_iter().map(|secret| secret.kind));
    if let Cow::Owned(redacted) = redact(text) {
        *text = redacted;
    }
}

/// An argument list may hold an option and its secret as two items.
fn redact_array(items: &mut [Value], kinds: &mut BTreeSet<SecretKind>) {
    let mut announced = None;
    for item in items {
        let option = item.as_str().filter(|text| OPTION_NAME.is_match(text)).map(name_kind);
        match announced {
            Some(kind) if option.is_none() => redact_whole(item, kind, kinds),
            _ => redact_value(item, kinds),
        }
        announced = option;
    }
}

fn redact_object(fields: &mut Map<String, Value>, kinds: &mut BTreeSet<SecretKind>) {
    for (name, value) in std::mem::take(fields) {
        let mut value = value;
        match SECRET_NAME.is_match(&name) {
            true => redact_whole(&mut value, name_kind(&name), kinds),
            false => redact_value(&mut value, kinds),
        }
        let mut name = name;
        redact_string(&mut name, kinds);
        fields.insert(name, value);
    }
}

/// Everything below a secret name is secret, but for what says nothing.
fn redact_whole(value: &mut Value, kind: SecretKind, kinds: &mut BTreeSet<SecretKind>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| redact_whole(item, kind, kinds)),
        Value::Object(fields) => fields.values_mut().for_each(|field| redact_whole(field, kind, kinds)),
        Value::Null | Value::Bool(_) => {}
        Value::String(text) if MARKERS.is_match(text) => {}
        Value::String(text) if is_harmless(kind, text) => redact_string(text, kinds),
        Value::Number(number) if is_harmless(kind, &number.to_string()) => {}
        Value::String(_) | Value::Number(_) => {
            kinds.insert(kind);
            *value = Value::String(marker(kind));
        }
    }
}

fn marker(kind: SecretKind) -> String {
    format!("[redacted:{kind}]")
}

/// A block is secret from its first line to its last; a block cut short, to the end of the text.
fn find_private_keys(text: &str, found: &mut Vec<Secret>) {
    let mut from = 0;
    while let Some(begin) = PEM_BEGIN.find_at(text, from) {
        let end = text[begin.end()..].find("-----END").map_or(text.len(), |at| {
            let last = begin.end() + at + "-----END".len();
            text[last..].find("-----").map_or(text.len(), |dashes| last + dashes + 5)
        });
        found.push(Secret { kind: SecretKind::PrivateKey, span: begin.start()..end });
        from = end;
    }
}

fn find_shapes(text: &str, found: &mut Vec<Secret>) {
    for (kind, shape) in SHAPES.iter() {
        let spans = shape.captures_iter(text).filter_map(|groups| groups.get(1));
        found.extend(spans.map(|group| Secret { kind: *kind, span: group.range() }));
    }
}

fn find_url_passwords(text: &str, found: &mut Vec<Secret>) {
    for (at, _) in text.match_indices("://") {
        let start = at + 3;
        let near = &text.as_bytes()[start..text.len().min(start + MAX_USER_INFO_BYTES)];
        if !near.contains(&b'@') {
            continue;
        }
        let window = &text[start..floor_boundary(text, start + MAX_USER_INFO_BYTES)];
        let window = &window[..window.find(ends_value).unwrap_or(window.len())];
        if let Some(span) = url_password(window) {
            found.push(Secret { kind: SecretKind::UrlPassword, span: start + span.start..start + span.end });
        }
    }
}

/// Where the password is in what follows a `://`.
fn url_password(after: &str) -> Option<Range<usize>> {
    let authority = after.find('/').unwrap_or(after.len());
    let at = after[..authority].rfind('@').or_else(|| after.rfind('@'))?;
    let colon =
        after[..at].match_indices([':', '/']).map(|(at, _)| at).find(|at| !splits_marker(after, *at))?;
    let password = &after[colon + 1..at];
    let port = password.split('/').next().is_some_and(|first| first.bytes().all(|b| b.is_ascii_digit()));
    let is_password = after[colon..].starts_with(':') && !password.is_empty();
    (is_password && !(port && password.contains('/'))).then_some(colon + 1..at)
}

/// Whether the colon at `at` is that of a marker.
fn splits_marker(text: &str, at: usize) -> bool {
    let start = at.checked_sub("[redacted".len()).filter(|start| text.is_char_boundary(*start));
    let end = text[at..].find(']').map(|end| at + end + 1);
    start.zip(end).is_some_and(|(start, end)| MARKERS.is_match(&text[start..end]))
}

fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Values that follow what `prefix` matches; `kind` tells which of them are secret.
fn find_values(
    text: &str,
    prefix: &Regex,
    found: &mut Vec<Secret>,
    kind: impl Fn(&str, &str) -> Option<SecretKind>,
) {
    let mut from = 0;
    while let Some(name) = prefix.find_at(text, from) {
        from = name.end();
        if within_marker(&text.as_bytes()[..name.start()]) {
            continue;
        }
        let span = value_span(text, name.end());
        if let Some(kind) = kind(name.as_str(), &text[span.clone()]).filter(|_| !span.is_empty()) {
            from = span.end;
            found.push(Secret { kind, span });
        }
    }
}

/// Whether what follows is the kind of a marker, as in `[redacted:web_token]`, and names nothing.
fn within_marker(before: &[u8]) -> bool {
    let of_kind = |byte: &&u8| byte.is_ascii_lowercase() || **byte == b'_';
    let kind = before.iter().rev().take(SecretKind::MAX_BYTES).take_while(of_kind).count();
    before[..before.len() - kind].ends_with(b"[redacted:")
}

/// The value that begins at `start`: what the quotes hold, or the run up to the next space or quote.
fn value_span(text: &str, start: usize) -> Range<usize> {
    let scheme = |at: usize| at + SCHEME.find(&text[at..]).map_or(0, |scheme| scheme.end());
    let start = scheme(start);
    let rest = &text[start..];
    let slashes = rest.len() - rest.trim_start_matches('\\').len();
    let Some(quote) = rest[slashes..].chars().next().filter(|c| is_quote(*c)) else {
        let end = rest.char_indices().find(|(at, c)| ends_value(*c) || is_escaped_quote(rest, *at));
        return start..end.map_or(text.len(), |(at, _)| start + at);
    };
    let inner = scheme(start + slashes + quote.len_utf8());
    inner..inner + quoted_len(&text[inner..], quote, slashes)
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '`')
}

fn ends_value(c: char) -> bool {
    c.is_whitespace() || is_quote(c) || matches!(c, '<' | '>')
}

/// Whether a quote of text within text, such as `\"`, begins here.
fn is_escaped_quote(text: &str, at: usize) -> bool {
    text[at..].starts_with("\\\"") || text[at..].starts_with("\\'")
}

/// The length up to the quote that closes, escaped as often as the one that opened; without one, up to the line's end.
fn quoted_len(text: &str, quote: char, slashes: usize) -> usize {
    let mut run = 0;
    for (at, c) in text.char_indices() {
        match c {
            '\\' => run += 1,
            '\n' => return at,
            _ if c == quote && run == slashes => return at - run,
            _ => run = 0,
        }
    }
    text.len()
}

fn kind_of_name(name: &str, value: &str) -> Option<SecretKind> {
    let kind = name_kind(name);
    let directory = name.to_ascii_lowercase().contains("pwd") && value.starts_with('/');
    (!directory && !is_harmless(kind, value)).then_some(kind)
}

fn name_kind(name: &str) -> SecretKind {
    let name = name.to_ascii_lowercase();
    let has = |part: &str| name.contains(part);
    match () {
        () if has("authorization") => SecretKind::Authorization,
        () if has("pass") || has("pwd") => SecretKind::Password,
        () if has("key") => SecretKind::ApiKey,
        () if has("token") => SecretKind::Token,
        () => SecretKind::Secret,
    }
}

/// Values that give nothing away: markers, types, numbers of tokens, references to where the secret is.
fn is_harmless(kind: SecretKind, value: &str) -> bool {
    const WORDS: [&str; 14] = [
        "true",
        "false",
        "null",
        "none",
        "nil",
        "undefined",
        "string",
        "str",
        "&str",
        "number",
        "boolean",
        "required",
        "optional",
        "redacted",
    ];
    let word = value.trim_end_matches([',', ';', ')', '}']);
    let counts = kind == SecretKind::Token && word.len() <= 9 && word.bytes().all(|b| b.is_ascii_digit());
    let operator = value.starts_with('=') || value.starts_with(':');
    let silent = !value.chars().any(char::is_alphanumeric);
    // A long value is never harmless, so that it is scanned once and not again from every name within it.
    value.len() <= MAX_HARMLESS_BYTES
        && (counts
            || operator
            || silent
            || WORDS.iter().any(|known| known.eq_ignore_ascii_case(word))
            || MARKERS.is_match(value)
            || REFERENCE.is_match(value))
}

/// Whether it is more of a key than of a word: "bearer authentication" is prose.
fn looks_random(value: &str) -> bool {
    let of_key = |b: u8| b.is_ascii_alphanumeric() || b"._~+/=-,;".contains(&b);
    let mixed = value.chars().skip(1).any(char::is_uppercase) || value.bytes().any(|b| b.is_ascii_digit());
    value.bytes().all(of_key) && ((value.len() >= 8 && mixed) || value.len() >= 20)
}

/// One secret for those that overlap; the kind is that of the first, and of the longest of the first.
fn merge(mut found: Vec<Secret>) -> Vec<Secret> {
    found.sort_by_key(|secret| (secret.span.start, std::cmp::Reverse(secret.span.end)));
    let mut merged: Vec<Secret> = Vec::with_capacity(found.len());
    for secret in found {
        match merged.last_mut() {
            Some(last) if secret.span.start < last.span.end => {
                last.span.end = last.span.end.max(secret.span.end);
            }
            _ => merged.push(secret),
        }
    }
    merged
}

#[cfg(test)]
#[path = "secrets/tests.rs"]
mod tests;
