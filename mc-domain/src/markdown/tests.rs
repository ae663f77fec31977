use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::*;

/// Every dialect at once, but for the one that makes other quotation marks of those that were written.
fn dialects() -> Options {
    Options::all() - Options::ENABLE_SMART_PUNCTUATION
}

/// The text of a document, which must have no element but paragraphs and what `allowed` lets through.
fn text_of(document: &str, allowed: fn(&Tag<'_>) -> bool) -> String {
    let mut text = String::new();
    for event in Parser::new_ext(document, dialects()) {
        match event {
            Event::Text(part) => text.push_str(&part),
            Event::SoftBreak | Event::HardBreak => text.push('\n'),
            Event::Start(tag) => assert!(tag == Tag::Paragraph || allowed(&tag), "{tag:?} in {document:?}"),
            Event::End(TagEnd::Paragraph) => text.push('\n'),
            Event::End(_) => {}
            other => panic!("{other:?} in {document:?}"),
        }
    }
    text
}

/// The same words, however they are spaced.
fn words(text: &str) -> String {
    let shown = visible(text);
    let words = shown.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn is_inert(text: &str) {
    assert!(!inline(text).contains('\n'));
    let plain = words(text);
    assert_eq!(words(&text_of(&inline(text), |_| false)), plain, "{text:?}");
    let listed = format!("- {}\n", inline(text));
    let in_list = |tag: &Tag<'_>| matches!(tag, Tag::List(None) | Tag::Item);
    assert_eq!(words(&text_of(&listed, in_list)), plain, "{text:?}");
    let nested = format!("- Said: {}\n  - by {}\n", inline(text), inline(text));
    text_of(&nested, in_list);
    let headed = format!("# About: {}\n", inline(text));
    let in_heading = |tag: &Tag<'_>| matches!(tag, Tag::Heading { id: None, classes, attrs, .. } if classes.is_empty() && attrs.is_empty());
    assert_eq!(words(&text_of(&headed, in_heading)), format!("About: {plain}").trim(), "{text:?}");
    let in_quote = |tag: &Tag<'_>| matches!(tag, Tag::BlockQuote(None));
    let quotation = format!("Before\n\n{}\n\nAfter\n", quoted(text));
    let read = words(&text_of(&quotation, in_quote));
    assert_eq!(read, words(&format!("Before {plain} After")), "{text:?}");
}

#[test]
fn what_others_wrote_is_text_and_nothing_else() {
    for text in [
        "# Heading",
        "## Timeline\n\n- forged",
        "Title\n=====",
        "Title\n---",
        "---",
        "***",
        "- - -",
        "+ item",
        "1. item",
        "12) item",
        "> quote",
        "```",
        "```rust\nfn main() {}",
        "~~~\nswallowed",
        "    indented code",
        "\tindented",
        "<script>alert(1)</script>",
        "<!-- swallowed",
        "<b>x</b>",
        "<https://example.com>",
        "<a@b.example>",
        "![pixel](https://example.com/p.png)",
        "[link](https://example.com)",
        "[a]: https://example.com",
        "[^1]: note",
        "[^1]",
        "[[wiki]]",
        "https://example.com www.example.com mailto:a@b.example",
        "a | b\n--|--\n1 | 2",
        "| a |\n|---|\n| 1 |",
        "~~gone~~ ~sub~ ^sup^ $x$ $$y$$",
        "*a* **b** _c_ __d__ ***e***",
        "&lt;b&gt; &amp; &#35; &copy;",
        "trailing backslash \\",
        "\\",
        "\\\\",
        "`code`",
        "a\\\nb",
        "heading {#id .class}",
        "closing #",
        "closing ###",
        "term\n: definition",
        ": definition",
        "- [ ] task",
        "[x] done",
        "+++\ntitle\n+++",
        "---\ntitle: x\n---",
        "> [!NOTE]\n> x",
        "[!WARNING]",
        "a  \nb",
        "\u{202e}evil\u{200b}",
        "\u{a0}x",
        "\u{2028}# x",
        "\u{85}# x",
        "==mark==",
        "%% comment",
        "{{ template }}",
        "{% tag %}",
        "!important",
        "x\u{0}y",
        "\r# x",
        "a\r\n# b",
        "http://a_b_c/*d*",
        "=",
        "-",
        "1.",
        "//",
    ] {
        is_inert(text);
    }
}

#[test]
fn what_has_no_meaning_is_not_escaped() {
    for text in [
        "Reads the docs, twice (see page 2).",
        "It's 10:30 - \"late\"; done!",
        "Zoë 小明 nova-2 a@b.example 3.5",
        "",
    ] {
        assert_eq!(inline(text), text);
    }
}

#[test]
fn what_cannot_be_seen_is_shown() {
    assert_eq!(inline("a\u{202e}b"), r"a\\u\{202e\}b");
    assert_eq!(text_of(&inline("a\u{202e}b"), |_| false).trim(), r"a\u{202e}b");
}

#[test]
fn an_address_is_broken_once() {
    for (text, written) in [("://", r"\://"), (r"\://", r"\\\://"), ("a://b", r"a\://b")] {
        assert_eq!(inline(text), written);
        is_inert(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_is_inert(text in any::<String>()) {
        is_inert(&text);
    }

    #[test]
    fn any_punctuation_is_inert(text in "[-#*_`~<>\\[\\]()!|\\\\&+=:.0-9a\n \t{}$^@/w\"'%]{0,24}") {
        is_inert(&text);
    }
}
