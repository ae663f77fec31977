//! Finds credentials in text and takes them out before anything is recorded: a log that never forgets must never
//! learn them.
//!
//! In doubt it redacts: a lost word costs less than a recorded key. Every pass moves forward only, so the work is
//! linear in the length of the text, whoever wrote it.

mod kind;
mod shapes;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::LazyLock,
};

use kind::regex;
pub use kind::{Secret, SecretKind};
use regex::{Regex, RegexSet, SetMatches};

use crate::json::Json;

/// How far from a `://` its user information is looked for, in bytes; bounds the work per address.
const MAX_USER_INFO_BYTES: usize = 256;

/// The longest value that can be harmless, in bytes.
const MAX_HARMLESS_BYTES: usize = 256;
/// The shortest value that is looked for in the rest of the text, in bytes, and the most of them; bounds the work.
const MIN_REPEATED_BYTES: usize = 6;
const MAX_REPEATED: usize = 64;
/// How far the list or object of a name is read, in bytes.
const MAX_NESTED_BYTES: usize = 4096;
/// How far before a name the `?` or `&` of an address is looked for, in bytes.
const MAX_NAME_BYTES: usize = 64;
/// The longest word of prose after a colon, in bytes.
const MAX_PROSE_BYTES: usize = 12;
/// A marker may complete the value of a name around it, which the next pass then takes as a whole.
const MAX_PASSES: usize = 4;

/// What names a secret when it ends an identifier. The last word decides: `inputTokens` and `tokenLimit` do not match.
const NAMES: &str = r"(?:authorization|pass(?:word|wd|phrase|code)|(?-u:\b)pwd|_pwd|[_-]pass|secret|token|credentials?|[_-]auth|(?:api|access|secret|private|encryption|signing|ssh|master|account|auth|service[_-]?role)[_-]?key)";

/// Names that often mean something else, so their values are looked at more closely.
const WEAK_NAMES: &str = r"(?:(?-u:\b)pass|(?-u:\b)pw|[_-]pw|[a-z0-9]{2,32}[_-]key|[a-z0-9](?-i:Key))";
/// What joins a name to its value, with the quote or bracket that closes the name.
const JOINT: &str = r#"(?:\\*["'`])?\]?(?:==+|[ \t]*(?::=|=>|[:=])[ \t]*|%3[AD])"#;

/// A name and what joins it to its value: `password=`, `"password": `, `config["password"] = `.
static ASSIGNMENT: LazyLock<Regex> = LazyLock::new(|| regex(&format!("(?i){NAMES}{JOINT}")));
static WEAK_ASSIGNMENT: LazyLock<Regex> = LazyLock::new(|| regex(&format!("(?i){WEAK_NAMES}{JOINT}")));
/// An option that takes its value as the next word, or as the next one of a list: `--password `, `"--password", "`.
static OPTION: LazyLock<Regex> =
    LazyLock::new(|| regex(&format!(r#"(?i)--[a-z0-9_-]*{NAMES}(?:[ \t]+|\\*["'`][ \t]*,[ \t]*)"#)));
/// An element of XML whose name says secret: `<password>`.
static ELEMENT: LazyLock<Regex> = LazyLock::new(|| regex(&format!(r"(?i)<[a-z0-9_:.-]*{NAMES}[ \t]*>")));
/// The password of a database client: `mysql -p`.
static CLIENT: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?-u:\b)(?:(?:mysql|mariadb)[a-z-]*[^\n|;&]{0,200}?[ \t]-p|sshpass[ \t]+-p[ \t]*)")
});
/// The user and password of an HTTP client: `-u name:`.
static USER_OPTION: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?:^|\s)(?:-u|--user)[ \t=]+["']?[^\s:"'<>]{1,64}:"#));
static BEARER: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)(?-u:\b)bearer[ \t]+"));
static SCHEME: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)^(?:bearer|basic|token|digest|negotiate|apikey)[ \t]+"));
static WEAK_NAME: LazyLock<Regex> = LazyLock::new(|| regex(&format!("(?i){WEAK_NAMES}$")));
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

/// What tells that a secret may follow, and what the known shapes hold: a text without any of it is read once.
static HINTS: LazyLock<RegexSet> = LazyLock::new(|| {
    let contexts = Context::ALL.iter().map(|context| context.hint());
    RegexSet::new(contexts.chain(shapes::holds())).expect("the patterns are constants that the tests compile")
});

/// What tells that a secret may follow, by its place among the hints.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    PrivateKey,
    Address,
    Assignment,
    WeakAssignment,
    Option,
    Element,
    Client,
    UserOption,
    Bearer,
}

impl Context {
    const ALL: [Self; 9] = [
        Self::PrivateKey,
        Self::Address,
        Self::Assignment,
        Self::WeakAssignment,
        Self::Option,
        Self::Element,
        Self::Client,
        Self::UserOption,
        Self::Bearer,
    ];

    fn hint(self) -> &'static str {
        match self {
            Self::PrivateKey => PEM_BEGIN.as_str(),
            Self::Address => "://",
            Self::Assignment => ASSIGNMENT.as_str(),
            Self::WeakAssignment => WEAK_ASSIGNMENT.as_str(),
            Self::Option => OPTION.as_str(),
            Self::Element => ELEMENT.as_str(),
            // What these begin with; the whole would make one search for all of them slow.
            Self::Client => "mysql|mariadb|sshpass",
            Self::UserOption => r"(?:^|\s)(?:-u|--user)[ \t=]",
            Self::Bearer => BEARER.as_str(),
        }
    }

    fn find(self, text: &str, found: &mut Vec<Secret>) {
        match self {
            Self::PrivateKey => find_private_keys(text, found),
            Self::Address => find_url_passwords(text, found),
            Self::Assignment => {
                find_values(text, &ASSIGNMENT, found, kind_in_prose);
                find_nested(text, found);
            }
            Self::WeakAssignment => find_values(text, &WEAK_ASSIGNMENT, found, weak_kind),
            Self::Option => find_values(text, &OPTION, found, |name, value, _| {
                if value.starts_with('-') { None } else { kind_of_name(name, value) }
            }),
            Self::Element => find_values(text, &ELEMENT, found, |name, value, after| {
                if after.starts_with("</") { kind_of_name(name, value) } else { None }
            }),
            Self::Client | Self::UserOption => {
                let prefix = if self == Self::Client { &CLIENT } else { &USER_OPTION };
                find_values(text, prefix, found, |_, _, _| Some(SecretKind::Password));
            }
            Self::Bearer => find_values(text, &BEARER, found, |_, value, _| {
                looks_random(value).then_some(SecretKind::Authorization)
            }),
        }
    }
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
    let hints = HINTS.matches(text);
    if !hints.matched_any() {
        return Vec::new();
    }
    let mut found = find_in_context(text, &hints);
    find_repeated(text, &repeated(text, &found), &mut found);
    let rows = hints.iter().filter_map(|hint| hint.checked_sub(Context::ALL.len()));
    shapes::find(text, rows, &mut found);
    found.retain(|secret| !MARKERS.is_match(&text[secret.span.clone()]));
    merge(found)
}

fn find_in_context(text: &str, hints: &SetMatches) -> Vec<Secret> {
    let mut found = Vec::new();
    for (at, context) in Context::ALL.into_iter().enumerate() {
        if hints.matched(at) {
            context.find(text, &mut found);
        }
    }
    found
}

/// What was given away as a secret by what is before it, and may be repeated without that.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Literal {
    kind: SecretKind,
    text: String,
}

impl Literal {
    /// Nothing for what is too short, part of a marker, or a word that other kinds than passwords have in common with
    /// prose.
    fn new(kind: SecretKind, text: &str) -> Option<Self> {
        let marked = |kind: &SecretKind| marker(*kind).contains(&text.to_ascii_lowercase());
        let word = text.bytes().all(|b| b.is_ascii_lowercase());
        let usual =
            text.len() < MIN_REPEATED_BYTES || text.len() > MAX_NESTED_BYTES || text.contains("[redacted:");
        let usual = usual || SecretKind::ALL.iter().any(marked) || (word && kind != SecretKind::Password);
        (!usual && kind != SecretKind::PrivateKey).then(|| Self { kind, text: text.to_owned() })
    }

    /// Whether it stands at `at` in the text; a word only where it does not go on.
    fn stands(&self, text: &str, at: usize) -> bool {
        let goes_on = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let (before, after) = (text[..at].chars().next_back(), text[at + self.text.len()..].chars().next());
        !self.text.chars().all(char::is_alphabetic) || !(goes_on(before) || goes_on(after))
    }
}

fn repeated(text: &str, found: &[Secret]) -> Vec<Literal> {
    let mut literals: Vec<Literal> = Vec::new();
    for Secret { kind, span } in found {
        let literal = Literal::new(*kind, &text[span.clone()]);
        if let Some(literal) =
            literal.filter(|literal| literals.iter().all(|known| known.text != literal.text))
        {
            literals.push(literal);
        }
        if literals.len() == MAX_REPEATED {
            break;
        }
    }
    literals
}

fn find_repeated(text: &str, literals: &[Literal], found: &mut Vec<Secret>) {
    for literal in literals {
        let places = text.match_indices(&literal.text).map(|(at, _)| at);
        let places = places.filter(|at| literal.stands(text, *at));
        found.extend(places.map(|at| Secret { kind: literal.kind, span: at..at + literal.text.len() }));
    }
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
    without(text, find_secrets(text))
}

/// The text with markers for some of its parts, which are in order.
fn without(text: &str, secrets: Vec<Secret>) -> Cow<'_, str> {
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

/// Redacts every text in `value`, whatever an object names as a secret, and what of that is repeated elsewhere in it.
/// Answers what it took out. A text without a secret is read once.
///
/// ```
/// use mc_domain::{json::Json, policy::secrets::redact_json};
///
/// let mut value = Json::parse(r#"{"note": "it is hunter2", "password": "hunter2", "tokens": 5.0}"#)?;
/// redact_json(&mut value);
/// let expected = r#"{"note":"it is [redacted:password]","password":"[redacted:password]","tokens":5.0}"#;
/// assert_eq!(value.to_string(), expected);
/// # Ok::<(), mc_domain::json::Malformed>(())
/// ```
pub fn redact_json(value: &mut Json) -> BTreeSet<SecretKind> {
    let mut kinds = BTreeSet::new();
    // What is taken out may bare the name or the end of another secret.
    for _ in 0..MAX_PASSES {
        let mut taken = Taken::default();
        taken.value(value);
        if taken.kinds.is_empty() {
            break;
        }
        kinds.append(&mut taken.kinds);
        repeat(value, &taken.literals);
    }
    kinds
}

/// What was taken out of a value.
#[derive(Default)]
struct Taken {
    kinds: BTreeSet<SecretKind>,
    /// What of it may be repeated elsewhere.
    literals: Vec<Literal>,
}

impl Taken {
    fn value(&mut self, value: &mut Json) {
        match value {
            Json::String(text) => self.text(text),
            Json::Array(items) => self.array(items),
            Json::Object(fields) => self.object(fields),
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }

    fn text(&mut self, text: &mut String) {
        let secrets = find_secrets(text);
        if secrets.is_empty() {
            return;
        }
        self.kinds.extend(secrets.iter().map(|secret| secret.kind));
        for literal in repeated(text, &secrets) {
            self.remember(Some(literal));
        }
        let redacted = redact(text).into_owned();
        *text = redacted;
    }

    /// An argument list may hold an option and its secret as two items.
    fn array(&mut self, items: &mut [Json]) {
        let mut announced = None;
        for item in items {
            let option = item.as_str().filter(|text| OPTION_NAME.is_match(text)).map(name_kind);
            match announced {
                Some(kind) if option.is_none() => self.whole(item, kind),
                _ => self.value(item),
            }
            announced = option;
        }
    }

    fn object(&mut self, fields: &mut BTreeMap<String, Json>) {
        let named = ["name", "key"].into_iter().find_map(|name| fields.get(name)?.as_str());
        let named = named.filter(|name| SECRET_NAME.is_match(name)).map(name_kind);
        for (mut name, mut value) in std::mem::take(fields) {
            match named.filter(|_| name == "value") {
                Some(kind) => self.whole(&mut value, kind),
                None => self.field(&name, &mut value),
            }
            self.text(&mut name);
            fields.insert(name, value);
        }
    }

    fn field(&mut self, name: &str, value: &mut Json) {
        let weak = |text: &str| WEAK_NAME.is_match(name).then(|| weak_kind(name, text, "")).flatten();
        match value {
            value if SECRET_NAME.is_match(name) => self.whole(value, name_kind(name)),
            Json::String(text) => match weak(text).filter(|_| !MARKERS.is_match(text)) {
                Some(kind) => self.whole(value, kind),
                None => self.text(text),
            },
            value => self.value(value),
        }
    }

    /// Everything below a secret name is secret, but for what says nothing.
    fn whole(&mut self, value: &mut Json, kind: SecretKind) {
        match value {
            Json::Array(items) => items.iter_mut().for_each(|item| self.whole(item, kind)),
            Json::Object(fields) => fields.values_mut().for_each(|field| self.whole(field, kind)),
            Json::Null | Json::Bool(_) => {}
            Json::String(text) if MARKERS.is_match(text) => {}
            Json::String(text) if is_harmless(kind, text) => self.text(text),
            Json::Number(number) if is_harmless(kind, &number.to_string()) => {}
            Json::String(_) | Json::Number(_) => {
                self.remember(value.as_str().and_then(|text| Literal::new(kind, text)));
                self.kinds.insert(kind);
                *value = Json::String(marker(kind));
            }
        }
    }

    fn remember(&mut self, literal: Option<Literal>) {
        let room = self.literals.len() < MAX_REPEATED;
        let unknown = |literal: &Literal| self.literals.iter().all(|known| known.text != literal.text);
        if let Some(literal) = literal.filter(|literal| room && unknown(literal)) {
            self.literals.push(literal);
        }
    }
}

/// Takes out what is known as a secret from elsewhere in the value.
fn repeat(value: &mut Json, literals: &[Literal]) {
    let redact = |text: &mut String| {
        let mut found = Vec::new();
        find_repeated(text, literals, &mut found);
        if let Cow::Owned(redacted) = without(text, merge(found)) {
            *text = redacted;
        }
    };
    match value {
        Json::String(text) => redact(text),
        Json::Array(items) => items.iter_mut().for_each(|item| repeat(item, literals)),
        Json::Object(fields) => {
            for (mut name, mut value) in std::mem::take(fields) {
                redact(&mut name);
                repeat(&mut value, literals);
                fields.insert(name, value);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
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

/// Values that follow what `prefix` matches; `kind` tells by the name, the value and what comes after which of them are
/// secret.
fn find_values(
    text: &str,
    prefix: &Regex,
    found: &mut Vec<Secret>,
    kind: impl Fn(&str, &str, &str) -> Option<SecretKind>,
) {
    let mut from = 0;
    while let Some(name) = prefix.find_at(text, from) {
        from = name.end();
        if within_marker(&text.as_bytes()[..name.start()]) {
            continue;
        }
        let span = value_span(text, name.end(), in_query(text, name.start()));
        let secret = kind(name.as_str(), &text[span.clone()], &text[span.end..]);
        if let Some(kind) = secret.filter(|_| !span.is_empty()) {
            from = span.end;
            found.push(Secret { kind, span });
        }
    }
}

/// Whether the name at `at` is that of a parameter in an address: `?token=`, `&token=`.
fn in_query(text: &str, at: usize) -> bool {
    let before = text.as_bytes()[..at].iter().rev().take(MAX_NAME_BYTES);
    let mut before = before.skip_while(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(byte));
    before.next().is_some_and(|byte| matches!(byte, b'?' | b'&'))
}

/// The texts in the list or the object that a name has for a value.
fn find_nested(text: &str, found: &mut Vec<Secret>) {
    let mut from = 0;
    while let Some(name) = ASSIGNMENT.find_at(text, from) {
        from = name.end();
        let nested = text[from..].starts_with(['[', '{']) && !text[from..].starts_with("[redacted:");
        if nested && !within_marker(&text.as_bytes()[..name.start()]) {
            from = find_texts(text, from, name_kind(name.as_str()), found);
        }
    }
}

/// The quoted texts up to the bracket that closes the one at `start`, but for names. Answers where it ends.
fn find_texts(text: &str, start: usize, kind: SecretKind, found: &mut Vec<Secret>) -> usize {
    let limit = floor_boundary(text, start + MAX_NESTED_BYTES);
    let (mut at, mut open, mut slashes) = (start, 0usize, 0);
    while let Some(c) = text[at..limit].chars().next() {
        at += c.len_utf8();
        match c {
            '[' | '{' => open += 1,
            ']' | '}' => open = open.saturating_sub(1),
            '"' | '\'' => {
                let end = at + quoted_len(&text[at..limit], c, slashes);
                let after = (end + slashes + 1).min(limit);
                let is_name = text.get(after..).is_some_and(|rest| rest.trim_start().starts_with(':'));
                let value = text.get(at..end).filter(|value| !is_name && !is_harmless(kind, value));
                found.extend(value.map(|_| Secret { kind, span: at..end }));
                at = if text.is_char_boundary(after) { after } else { end };
            }
            _ => {}
        }
        slashes = if c == '\\' { slashes + 1 } else { 0 };
        if open == 0 {
            break;
        }
    }
    at
}

/// Whether what follows is the kind of a marker, as in `[redacted:web_token]`, and names nothing.
fn within_marker(before: &[u8]) -> bool {
    let of_kind = |byte: &&u8| byte.is_ascii_lowercase() || **byte == b'_';
    let kind = before.iter().rev().take(SecretKind::MAX_BYTES).take_while(of_kind).count();
    before[..before.len() - kind].ends_with(b"[redacted:")
}

/// The value that begins at `start`: what the quotes hold, or the run up to the next space or quote, and in the query of
/// an address up to the next parameter.
fn value_span(text: &str, start: usize, query: bool) -> Range<usize> {
    let scheme = |at: usize| at + SCHEME.find(&text[at..]).map_or(0, |scheme| scheme.end());
    let start = scheme(start);
    let rest = &text[start..];
    let slashes = rest.len() - rest.trim_start_matches('\\').len();
    let Some(quote) = rest[slashes..].chars().next().filter(|c| is_quote(*c)) else {
        let ends = |at: usize, c: char| ends_value(c) || (query && c == '&') || is_escaped_quote(rest, at);
        let end = rest.char_indices().find(|(at, c)| ends(*at, *c));
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

/// As by its name, unless it is only a word of a sentence: "the token: refresh it".
fn kind_in_prose(name: &str, value: &str, after: &str) -> Option<SecretKind> {
    let kind = kind_of_name(name, value)?;
    let doubtful = matches!(kind, SecretKind::Token | SecretKind::Secret);
    (!(doubtful && is_prose(name, value, after))).then_some(kind)
}

/// The kind of a value whose name alone does not tell: not of test results, and of keys only where it looks like one.
fn weak_kind(name: &str, value: &str, after: &str) -> Option<SecretKind> {
    let written = name.trim_end_matches("%3D").trim_end_matches("%3d");
    let written = written.trim_end_matches(|c: char| !c.is_alphanumeric());
    let word = value.trim_end_matches([',', ';', ')', '}']);
    let count = word.len() <= 4 && word.bytes().all(|b| b.is_ascii_digit());
    let result = written == "PASS" && name.contains(':');
    let lower = written.to_ascii_lowercase();
    let kind = if lower.ends_with("key") { SecretKind::ApiKey } else { SecretKind::Password };
    let likely =
        kind == SecretKind::Password || is_vendor(&lower) || (!is_column(&lower) && looks_like_key(word));
    (likely && !count && !result && !is_prose(name, value, after) && !is_harmless(kind, value))
        .then_some(kind)
}

/// Whether a word after a colon begins a sentence.
fn is_prose(name: &str, value: &str, after: &str) -> bool {
    let word = value.trim_end_matches([',', '.']);
    let plain = word.len() <= MAX_PROSE_BYTES && word.bytes().all(|b| b.is_ascii_lowercase());
    let goes_on =
        after.strip_prefix(' ').is_some_and(|next| next.starts_with(|c: char| c.is_ascii_lowercase()));
    name.trim_end().ends_with(':') && plain && goes_on
}

/// Keys of services, which are never harmless.
fn is_vendor(name: &str) -> bool {
    const VENDORS: [&str; 14] = [
        "stripe",
        "openai",
        "anthropic",
        "sendgrid",
        "twilio",
        "mailgun",
        "github",
        "gitlab",
        "aws",
        "azure",
        "google",
        "slack",
        "datadog",
        "sentry",
    ];
    VENDORS.iter().any(|vendor| name.contains(vendor))
}

/// Whether a weak name is rather that of a table's column or a map's key.
fn is_column(name: &str) -> bool {
    const COLUMNS: [&str; 16] = [
        "primary",
        "foreign",
        "sort",
        "partition",
        "cache",
        "public",
        "idempotency",
        "dedupe",
        "unique",
        "row",
        "object",
        "group",
        "order",
        "shard",
        "index",
        "natural",
    ];
    COLUMNS.iter().any(|column| name.contains(column))
}

/// Whether a value looks like a key; a path does not.
fn looks_like_key(value: &str) -> bool {
    let of_key = |b: u8| b.is_ascii_alphanumeric() || b"._~+=-".contains(&b);
    let has = |wanted: fn(&u8) -> bool| value.bytes().any(|b| wanted(&b));
    let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    let numbered = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    value.bytes().all(of_key) && ((value.len() >= 6 && numbered) || (value.len() >= 12 && mixed))
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
