use proptest::prelude::*;

use super::*;

#[test]
fn names_that_are_written_differently_are_one() {
    for (one, other) in [
        ("Zo\u{eb}", "ZOE\u{308}"),
        ("Straße", "STRASSE"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("ﬁx", "FIX"),
        ("Ｓｃｏｕｔ", "scout"),
        ("𝐒cout", "scout"),
        ("QA\u{a0}Engineer", "qa  engineer"),
        ("Sc\u{200b}out", "Scout"),
        ("\u{212b}ngstrom", "\u{e5}ngstrom"),
    ] {
        assert_eq!(folded(one), folded(other), "{one} {other}");
        assert_eq!(looks(one)[0], looks(other)[0], "{one} {other}");
        assert!(look_alike(one, other), "{one} {other}");
    }
    assert_ne!(folded("Zoë"), folded("Zoe"), "an accent makes another name");
}

#[test]
fn names_that_look_alike_share_a_look() {
    for (one, other) in [
        ("Scout", "Ѕсоυt"),
        ("SOFIE", "SOFlE"),
        ("Coco", "Сосо"),
        ("Agent 1", "Agent l"),
        ("Agent 0", "Agent O"),
        ("Modern", "Modem"),
        ("Echo", "Есhо"),
    ] {
        let (one_looks, other_looks) = (looks(one), looks(other));
        assert!(one_looks.iter().any(|look| other_looks.contains(look)), "{one} {other}");
        assert_ne!(folded(one), folded(other), "{one} {other}");
    }
    assert!(look_alike("Sofie", "SOFlE"), "as it is written in capitals");
    for (one, other) in
        [("Mail", "Mall"), ("Scout", "Scott"), ("Zoe", "Zoë"), ("Nova", "Nora"), ("小明", "小朋")]
    {
        assert!(looks(one).iter().all(|look| !looks(other).contains(look)), "{one} {other}");
    }
}

#[test]
fn names_of_one_script_or_of_several_words_are_plain() {
    for name in [
        "Scout",
        "Zoë",
        "Zoe\u{308}",
        "小明",
        "山田アシスタント",
        "AIアシスタント",
        "김민수",
        "Агент API",
        "QA Engineer",
        "O'Brien",
        "nova-2",
        "Dr. No.",
        "Scout ⭐",
        "Atlas 🗺\u{fe0f}",
        "👩\u{200d}💻 Ada",
        "1\u{fe0f}\u{20e3} First",
        "β-tester",
        "أحمد",
        "שלום",
        "10μs",
    ] {
        assert_eq!(plain_name(name), Ok(()), "{name}");
        assert_eq!(plain_summary(name), Ok(()), "{name}");
        assert_eq!(visible(name), name);
    }
}

#[test]
fn names_with_what_cannot_be_seen_or_reads_as_another_script_are_not_plain() {
    for unseen in [
        '\u{200b}',
        '\u{200c}',
        '\u{200d}',
        '\u{200e}',
        '\u{200f}',
        '\u{202a}',
        '\u{202e}',
        '\u{2066}',
        '\u{2069}',
        '\u{ad}',
        '\u{feff}',
        '\u{2060}',
        '\u{61c}',
        '\u{34f}',
        '\u{115f}',
        '\u{3164}',
        '\u{fe0f}',
        '\u{e0041}',
        '\u{2028}',
        '\u{2800}',
        '\u{e000}',
        '\u{10fffe}',
        '\u{180e}',
    ] {
        for name in [format!("Sc{unseen}out"), format!("Scout{unseen}"), format!("{unseen}Scout")] {
            assert_eq!(plain_name(&name), Err(Misleading::Unseen(unseen)), "{name:?}");
            assert_eq!(plain_summary(&name), Err(Misleading::Unseen(unseen)), "{name:?}");
            assert!(visible(&name).contains(&unseen.escape_unicode().to_string()), "{name:?}");
            assert!(!visible(&name).contains(unseen), "{name:?}");
        }
    }
    for name in ["Sсout", "Agent Nоva", "раypal", "Sοfie"] {
        assert!(matches!(plain_name(name), Err(Misleading::MixedScripts(_))), "{name}");
        assert!(matches!(plain_summary(name), Err(Misleading::MixedScripts(_))), "{name}");
    }
}

#[test]
fn joiners_stay_where_a_script_needs_them_but_not_in_names() {
    let persian = "می\u{200c}خواهم";
    assert_eq!(plain_summary(persian), Ok(()));
    assert_eq!(visible(persian), persian);
    assert_eq!(plain_name(persian), Err(Misleading::Unseen('\u{200c}')));
}

#[test]
fn a_search_does_not_mind_case_accents_or_how_a_letter_is_composed() {
    for text in ["café", "cafe\u{301}", "CAFÉ", "cafe", "ＣＡＦＥ", "ca\u{ad}fé"] {
        assert_eq!(searchable(text), "cafe", "{text}");
    }
    assert_ne!(searchable("が"), searchable("か"));
    assert_eq!(searchable("ё"), searchable("е"));
}

#[test]
fn what_shows_nothing_is_blank() {
    for text in ["", " \t\n", "\u{200b}", "\u{ad}\u{202e} \u{2800}", "\u{feff}\u{3164}"] {
        assert!(is_blank(text), "{text:?}");
    }
    for text in ["a", ".", "\u{200b}a", "🗺\u{fe0f}"] {
        assert!(!is_blank(text), "{text:?}");
    }
}

#[test]
fn reasons_say_which_character_or_word_it_is() {
    assert!(Misleading::Unseen('\u{ad}').to_string().ends_with("such as U+00AD"));
    assert!(Misleading::MixedScripts("Sсout".to_owned()).to_string().contains("\"Sсout\""));
}

proptest! {
    #[test]
    fn folding_again_changes_nothing(text in "\\PC{0,40}") {
        prop_assert_eq!(folded(&folded(&text)), folded(&text));
        prop_assert_eq!(searchable(&searchable(&text)), searchable(&text));
    }

    #[test]
    fn what_is_shown_hides_nothing(text in any::<String>()) {
        let shown = visible(&text).into_owned();
        prop_assert_eq!(visible(&shown), shown.as_str());
        let kept = shown.chars().filter(|c| !is_unseen(*c)).count();
        prop_assert!(kept >= text.chars().filter(|c| !is_unseen(*c)).count());
    }

    #[test]
    fn the_same_name_looks_the_same(name in "\\PC{1,40}") {
        prop_assert_eq!(&looks(&name)[0], &looks(&folded(&name))[0]);
        prop_assert!(look_alike(&name, &name.to_lowercase()) || folded(&name) != folded(&name.to_lowercase()));
    }
}
