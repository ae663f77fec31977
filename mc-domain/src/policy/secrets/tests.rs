#![allow(clippy::unwrap_used)]

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
        "the token: refresh it",
        "the secret: never give up",
        "primary_key=id",
        "primary_key=user_id2",
        "monkey=banana",
        "sort_key=created_at",
        "idempotency_key=a1b2c3d4e5",
        "pass: all tests",
        "s3_key=uploads/2024/a.png",
        "pass: 12, fail: 0",
        "--- PASS: TestLogin2 (0.00s)",
        "bypass: x",
        "compass=north",
        "hotkey: ctrl",
        "password == other",
        "--token <token> --to bob",
        "postgres://<user>:<password>@localhost/x",
        "mysql -p db",
        "mysql --protocol tcp",
        "tokens: [\"a\", \"b\"]",
        "keyboard, turkey, donkey: slow",
    ] {
        assert_eq!(redact(text), text);
    }
}

#[test]
fn json_is_redacted_by_name_and_by_shape() {
    let mut value = Json::from(json!({
        "user": "bob",
        "password": "hunter2",
        "pin": { "apiKey": 12345 },
        "credentials": { "name": "n", "parts": ["a", true, null] },
        "text": "token=abc",
        "inputTokens": 5,
        "token": 5,
        "args": ["--password", "hunter2", "--verbose", "x"],
        "password2": "kept",
    }));
    redact_json(&mut value);
    let expected = Json::from(json!({
        "user": "bob",
        "password": "[redacted:password]",
        "pin": { "apiKey": "[redacted:api_key]" },
        "credentials": { "name": "[redacted:secret]", "parts": ["[redacted:secret]", true, null] },
        "text": "token=[redacted:token]",
        "inputTokens": 5,
        "token": 5,
        "args": ["--password", "[redacted:password]", "--verbose", "x"],
        "password2": "kept",
    }));
    assert_eq!(value, expected);
    assert!(redact_json(&mut value).is_empty());
    assert_eq!(value, expected);
}

#[test]
fn every_way_to_give_a_secret_away_is_redacted() {
    let cases = [
        ("pass: x", "pass: [redacted:password]"),
        ("PASS=x", "PASS=[redacted:password]"),
        ("pw=x", "pw=[redacted:password]"),
        ("db_pw: x", "db_pw: [redacted:password]"),
        ("stripe_key=x", "stripe_key=[redacted:api_key]"),
        ("ACME_KEY=a1b2c3d4", "ACME_KEY=[redacted:api_key]"),
        ("\"acmeKey\": \"a1b2c3d4\"", "\"acmeKey\": \"[redacted:api_key]\""),
        ("<password>x</password>", "<password>[redacted:password]</password>"),
        ("<db:apiKey>x y</db:apiKey>", "<db:apiKey>x y</db:apiKey>"),
        ("password==x", "password==[redacted:password]"),
        ("password%3Dx", "password%3D[redacted:password]"),
        ("stripe_key%3Dx", "stripe_key%3D[redacted:api_key]"),
        ("mysql -u root -pSecret db", "mysql -u root -p[redacted:password] db"),
        ("mysqldump -p'Secret 2' db", "mysqldump -p'[redacted:password]' db"),
        ("sshpass -p Secret ssh x", "sshpass -p [redacted:password] ssh x"),
        ("/x?token=abc&to=alice&amount=5", "/x?token=[redacted:token]&to=alice&amount=5"),
        ("/x?to=alice&access_token=abc&amount=5", "/x?to=alice&access_token=[redacted:token]&amount=5"),
        ("password=abc&def", "password=[redacted:password]"),
        (
            r#"{"password":["x","y"],"a":"b"}"#,
            r#"{"password":["[redacted:password]","[redacted:password]"],"a":"b"}"#,
        ),
        (r#"{"credentials":{"value":"x"}}"#, r#"{"credentials":{"value":"[redacted:secret]"}}"#),
        (r#"{\"apiKey\": {\"v\": \"x\"}}"#, r#"{\"apiKey\": {\"v\": \"[redacted:api_key]\"}}"#),
        (r#"["--password","x","--to","bob"]"#, r#"["--password","[redacted:password]","--to","bob"]"#),
        (
            "password=hunTer2zz then type hunTer2zz at the prompt",
            "password=[redacted:password] then type [redacted:password] at the prompt",
        ),
        (
            "type hunTer2zz, for password: 'hunTer2zz'",
            "type [redacted:password], for password: '[redacted:password]'",
        ),
        (
            "changeme, unchangemes, password=changeme",
            "[redacted:password], unchangemes, password=[redacted:password]",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(redact(text), expected, "{text}");
        assert_eq!(redact(expected), expected, "again: {expected}");
    }
}

#[test]
fn what_an_object_names_as_a_secret_is_redacted_whatever_it_is() {
    let cases = [
        (json!({ "password": ["x"] }), json!({ "password": ["[redacted:password]"] })),
        (
            json!({ "credentials": { "value": "x" } }),
            json!({ "credentials": { "value": "[redacted:secret]" } }),
        ),
        (
            json!({ "apiKey": { "v": ["x", 7] } }),
            json!({ "apiKey": { "v": ["[redacted:api_key]", "[redacted:api_key]"] } }),
        ),
        (json!(["login", ["--password", "x"]]), json!(["login", ["--password", "[redacted:password]"]])),
        (
            json!({ "pass": "x", "pw": "y" }),
            json!({ "pass": "[redacted:password]", "pw": "[redacted:password]" }),
        ),
        (
            json!({ "stripe_key": "x", "primary_key": "id" }),
            json!({ "stripe_key": "[redacted:api_key]", "primary_key": "id" }),
        ),
        (
            json!([{ "name": "DB_PASSWORD", "value": "x" }, { "name": "LANG", "value": "C" }]),
            json!([{ "name": "DB_PASSWORD", "value": "[redacted:password]" }, { "name": "LANG", "value": "C" }]),
        ),
        (
            json!({ "password": "hunTer2zz", "steps": ["type hunTer2zz", { "hunTer2zz": 1 }] }),
            json!({ "password": "[redacted:password]", "steps": ["type [redacted:password]", { "[redacted:password]": 1 }] }),
        ),
        (
            json!({ "a": "hunTer2zz", "note": "password=hunTer2zz" }),
            json!({ "a": "[redacted:password]", "note": "password=[redacted:password]" }),
        ),
    ];
    for (value, expected) in cases {
        let (mut value, expected) = (Json::from(value), Json::from(expected));
        assert!(!redact_json(&mut value).is_empty());
        assert_eq!(value, expected);
        assert!(redact_json(&mut value).is_empty(), "again: {expected}");
        assert_eq!(value, expected);
    }
}

/// The work is bounded by what the regular expressions guarantee and by the named limits; here only the answer counts.
#[test]
fn hostile_text_is_read_to_its_end() {
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
        "password=[",
        "token={\"",
        "mysql ",
        "<password>",
        "a_key=b1b1b1 ",
        "&token=",
    ] {
        let text = format!("{} TOKEN=abcdef1", piece.repeat((1 << 14) / piece.len()));
        let once = redact(&text).into_owned();
        assert!(!once.contains("abcdef1"), "{piece:?}");
        assert_eq!(redact(&once), once, "{piece:?}");
    }
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
        Just("pass"),
        Just("pw="),
        Just("a_key="),
        Just("<password>"),
        Just("</"),
        Just("%3D"),
        Just("mysql -p"),
        Just("?"),
        Just("&"),
        Just("["),
        Just("}"),
        Just(","),
        Just("hunTer2zz"),
        Just("changeme"),
        Just("tokens"),
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
    fn redacting_a_value_twice_changes_nothing_more(
        texts in proptest::collection::vec(fragments(), 1..5),
        name in proptest::sample::select(vec!["password", "pass", "a_key", "to", "--token"]),
    ) {
        let value = json!({ "a": texts, name: texts.last(), "b": [name, { name: [texts.first()] }] });
        let mut value = Json::from(value);
        redact_json(&mut value);
        let once = value.clone();
        redact_json(&mut value);
        prop_assert_eq!(&value, &once);
        prop_assert_eq!(redact(&once.to_string()).into_owned(), redact(&redact(&once.to_string())).into_owned());
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = redact(&text);
    }
}
