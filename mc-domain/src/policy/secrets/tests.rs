#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Built at run time, so that no scanner takes the tests' own text for a leaked key.
fn key(prefix: &str) -> String {
    format!("{prefix}{}", "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7")
}

#[test]
fn every_credential_shape_is_redacted() {
    let cases = [
        ("password=hunter2".to_owned(), "password=[redacted:password]"),
        ("DB_PASSWORD = 'two words' x".into(), "DB_PASSWORD = '[redacted:password]' x"),
        ("DB_PASS=hunter2".into(), "DB_PASS=[redacted:password]"),
        (r#"{"password": "hun\"ter2", "a": 1}"#.into(), r#"{"password": "[redacted:password]", "a": 1}"#),
        (r#"{\"apiKey\": \"abc def\"}"#.into(), r#"{\"apiKey\": \"[redacted:api_key]\"}"#),
        ("config[\"secret\"] = \"abc\"".into(), "config[\"secret\"] = \"[redacted:secret]\""),
        ("--password hunter2 --user bob".into(), "--password [redacted:password] --user bob"),
        ("curl -u bob:hunter2 x".into(), "curl -u bob:[redacted:password] x"),
        ("X-Api-Key: abc".into(), "X-Api-Key: [redacted:api_key]"),
        ("AWS_SECRET_ACCESS_KEY=abc/def+g".into(), "AWS_SECRET_ACCESS_KEY=[redacted:api_key]"),
        (key("use sk-"), "use [redacted:api_key]"),
        (key("use sk-ant-api03-"), "use [redacted:api_key]"),
        (key("use pk_"), "use [redacted:api_key]"),
        (key("use pk_live_"), "use [redacted:api_key]"),
        (key("ghp_"), "[redacted:github_token]"),
        (key("gho_"), "[redacted:github_token]"),
        (key("ghs_"), "[redacted:github_token]"),
        (key("github_pat_"), "[redacted:github_token]"),
        (key("xoxb-12-"), "[redacted:slack_token]"),
        (key("xoxp-12-"), "[redacted:slack_token]"),
        (format!("id {}{}", "AKIA", "IOSFODNN7EXAMPLE"), "id [redacted:aws_key]"),
        ("Authorization: Bearer abc".into(), "Authorization: Bearer [redacted:authorization]"),
        ("-H 'authorization: bearer abc.def'".into(), "-H 'authorization: bearer [redacted:authorization]'"),
        ("Authorization: Basic dXNlcjpwYXNz".into(), "Authorization: Basic [redacted:authorization]"),
        ("Bearer abcdef1234567".into(), "Bearer [redacted:authorization]"),
        ("postgres://bob:hunter2@db/x".into(), "postgres://bob:[redacted:url_password]@db/x"),
        ("https://bob:p/w@db/x".into(), "https://bob:[redacted:url_password]@db/x"),
        ("https://:hunter2@db/x?a@b".into(), "https://:[redacted:url_password]@db/x?a@b"),
        (
            "token=a token=b token=c".into(),
            "token=[redacted:token] token=[redacted:token] token=[redacted:token]",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(redact(&text), expected, "{text}");
        assert_eq!(redact(expected), expected, "again: {expected}");
    }
}

#[test]
fn markers_are_told_by_the_longest_kind() {
    let longest = SecretKind::ALL.iter().map(|kind| kind.as_str().len()).max();
    assert_eq!(longest, Some(SecretKind::MAX_BYTES));
}

#[test]
fn private_key_blocks_are_redacted_whole_and_also_when_cut_short() {
    for kind in ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "] {
        let block = format!("-----BEGIN {kind}PRIVATE KEY-----\nabc\ndef\n-----END {kind}PRIVATE KEY-----");
        assert_eq!(
            redact(&format!("a {block} b {block}")),
            "a [redacted:private_key] b [redacted:private_key]"
        );
        assert_eq!(redact(&block[..40]), "[redacted:private_key]");
    }
    assert!(find_secrets("-----BEGIN PUBLIC KEY-----\nabc").is_empty());
}

#[test]
fn harmless_texts_stay_as_they_are() {
    for text in [
        "inputTokens: 512, outputTokens: 12",
        r#"{"inputTokens": 5, "cacheReadTokens": 7}"#,
        "tokens: 5",
        "tokens=512",
        "token: 5",
        "maxTokens=4096",
        "tokenLimit: abc",
        "product, domain, maintain, deliverable",
        "task-management-system and risk-assessment-report",
        "ALTER TABLE users ADD CONSTRAINT pk_users_id",
        "password: string",
        "if (password == other)",
        "passwordPolicy: strict",
        "token = process.env.GITHUB_TOKEN",
        "password=${DB_PASSWORD}",
        "password=$DB_PASSWORD",
        "PWD=/home/scout",
        "bearer authentication",
        "git@github.com:acme/site.git",
        "https://example.com:8080/a@b",
        "https://example.com/a:b@c",
        "mail bob@example.com",
        "secretary: Ann",
        "the token of appreciation",
    ] {
        assert_eq!(redact(text), text);
    }
}

#[test]
fn json_is_redacted_by_name_and_by_shape() {
    let mut value = json!({
        "user": "bob",
        "password": "hunter2",
        "pin": { "apiKey": 12345 },
        "credentials": { "name": "n", "parts": ["a", true, null] },
        "text": "token=abc",
        "inputTokens": 5,
        "token": 5,
        "args": ["--password", "hunter2", "--verbose", "x"],
        "password2": "kept",
    });
    redact_json(&mut value);
    let expected = json!({
        "user": "bob",
        "password": "[redacted:password]",
        "pin": { "apiKey": "[redacted:api_key]" },
        "credentials": { "name": "[redacted:secret]", "parts": ["[redacted:secret]", true, null] },
        "text": "token=[redacted:token]",
        "inputTokens": 5,
        "token": 5,
        "args": ["--password", "[redacted:password]", "--verbose", "x"],
        "password2": "kept",
    });
    assert_eq!(value, expected);
    assert!(redact_json(&mut value).is_empty());
    assert_eq!(value, expected);
}

#[test]
fn hostile_text_takes_linear_time() {
    for piece in [
        "password=\"",
        "password='x",
        "secret",
        "a",
        "://a:",
        "://h:8/",
        "://a:b@",
        "-----BEGIN PRIVATE KEY",
        "sk-",
        "eyJaaaaaaaa.",
        "bearer ",
        "--token ",
        "=\\\"",
        "token=\\",
        "-u a:",
        "[redacted:",
        "{{",
        "$(",
    ] {
        // Eight times the text may take eight times as long, not sixty-four; the rest is for busy machines.
        let (short, long) = (time_of(piece, 1 << 15), time_of(piece, 1 << 18));
        assert!(long < short * 24 + Duration::from_millis(500), "{piece:?} took {short:?}, then {long:?}");
    }
    assert!(time_of("password=\"x ://a:b@ sk-", 1 << 20) < Duration::from_secs(60));
}

fn time_of(piece: &str, bytes: usize) -> Duration {
    let text = piece.repeat(bytes / piece.len());
    let started = Instant::now();
    let _ = redact(&text);
    started.elapsed()
}

fn fragments() -> impl Strategy<Value = String> {
    let fragment = prop_oneof![
        Just("password"),
        Just("token"),
        Just("secret"),
        Just("--password "),
        Just("authorization"),
        Just("bearer "),
        Just("://"),
        Just("="),
        Just(": "),
        Just("\""),
        Just("'"),
        Just("\\"),
        Just("@"),
        Just("/"),
        Just("\n"),
        Just(" "),
        Just("[redacted:token]"),
        Just("[redacted:password]"),
        Just("abc1"),
        Just("sk-abcdefgh"),
        Just("ghp_abcdefgh12"),
        Just("-----BEGIN PRIVATE KEY-----"),
        Just("-----END PRIVATE KEY-----"),
        Just("<"),
        Just("é"),
        Just("$"),
        Just("{"),
        Just("-u a:"),
        Just("]"),
        Just("_"),
        Just("basic "),
        Just("eyJabcdefgh.abcdefgh."),
    ];
    proptest::collection::vec(fragment, 0..14).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn redacting_twice_changes_nothing_more(text in fragments()) {
        let once = redact(&text).into_owned();
        prop_assert_eq!(redact(&once), once.as_str());
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = redact(&text);
    }
}
