//! Invisible and visible texts, case by case.

use proptest::prelude::*;

use super::*;

/// Returns `PAYLOAD` in invisible characters: tag characters or variation selectors.
fn smuggled(first: u32) -> String {
    "PAYLOAD".bytes().filter_map(|b| char::from_u32(first + u32::from(b))).collect()
}

/// Returns 25 texts, each with an invisible `PAYLOAD` in another place.
fn hidden() -> Vec<(&'static str, String)> {
    let text = |s: &str| s.to_owned();
    vec![
        ("closed comment", text("a <!-- PAYLOAD --> b")),
        ("alt of an image", text("a ![PAYLOAD](https://x.example/i.png) b")),
        ("title of an image", text("a ![](https://x.example/i.png \"PAYLOAD\") b")),
        ("title of a link", text("a [b](https://x.example \"PAYLOAD\")")),
        ("alt in HTML", text("a <img src=x alt=\"PAYLOAD\"> b")),
        (
            "entities of tag characters",
            format!(
                "a {} b",
                "PAYLOAD"
                    .bytes()
                    .map(|b| format!("&#{};", 0xE0000 + u32::from(b)))
                    .collect::<String>()
            ),
        ),
        ("unterminated comment", text("a b\n\n<!-- PAYLOAD\n\nPAYLOAD")),
        ("tag characters", format!("a {} b", smuggled(0xE0000))),
        ("variation selectors", format!("a {} b", smuggled(0xE0100))),
        ("alt with brackets", text("a ![x [PAYLOAD] y](https://x.example/i.png) b")),
        ("title in parentheses", text("a [b](https://x.example (PAYLOAD))")),
        ("title with a quote", text("a [b](https://x.example \"x \\\" PAYLOAD\")")),
        ("link as a comment", text("a b\n\n[//]: # (PAYLOAD)")),
        ("title of a definition", text("a [b]\n\n[b]: https://x.example \"PAYLOAD\"")),
        ("footnote that nothing refers to", text("a b\n\n[^x]: PAYLOAD")),
        ("class", text("a <span class=\"PAYLOAD\">b</span>")),
        ("id and name", text("<a id=\"PAYLOAD\" name=\"PAYLOAD\"></a>a b")),
        ("lang", text("a <span lang=\"PAYLOAD\">b</span>")),
        ("unknown element", text("a <x-note say=\"PAYLOAD\">PAYLOAD</x-note> b")),
        ("processing instruction", text("a <? PAYLOAD ?> b")),
        ("CDATA", text("a <![CDATA[PAYLOAD]]> b")),
        ("language of a block", text("a\n\n```PAYLOAD\nb\n```")),
        ("words after the language", text("a\n\n~~~yaml PAYLOAD=1\nb\n~~~")),
        ("formula", text("a $\\phantom{PAYLOAD}$ b")),
        ("source of a picture", text("a <picture><source srcset=\"PAYLOAD\"></picture> b")),
    ]
}

#[test]
fn the_25_texts_that_nobody_sees_are_not_read_and_are_counted() {
    let cases = hidden();
    assert_eq!(cases.len(), 25);
    for (place, markdown) in cases {
        let Visible { text, dropped } = visible(&markdown);
        let decoded: String =
            text.chars().map(|c| char::from_u32(u32::from(c) & 0x7F).unwrap()).collect();
        assert!(!text.contains("PAYLOAD") && !decoded.contains("PAYLOAD"), "{place}: {text:?}");
        assert!(text.contains('a') && text.contains('b'), "{place} lost what is seen: {text:?}");
        let is_definition = ["link as a comment"].contains(&place);
        assert!(is_definition || !dropped.is_nothing(), "{place} was not counted");
    }
}

#[test]
fn what_a_person_sees_is_read() {
    for markdown in [
        "PAYLOAD",
        "# PAYLOAD",
        "**PAY**LOAD",
        "- [x] PAYLOAD",
        "> PAYLOAD",
        "`PAYLOAD`",
        "```\nPAYLOAD\n```",
        "    PAYLOAD",
        "| a | b |\n| - | - |\n| PAYLOAD | c |",
        "[PAYLOAD](https://x.example)",
        "<details><summary>Logs</summary>\n\nPAYLOAD\n\n</details>",
        "<div align=\"center\">PAYLOAD</div>",
        "a <kbd>PAYLOAD</kbd>",
        "a[^1]\n\n[^1]: PAYLOAD",
        "PAY\u{2060}LO\u{200e}AD",
        "~~PAYLOAD~~",
        "&#80;AYLOAD",
        "a <!-- PAYLOAD",
    ] {
        assert!(visible(markdown).text.contains("PAYLOAD"), "{markdown:?}");
    }
}

#[test]
fn elements_that_are_not_shown_hide_their_text() {
    for markdown in [
        "<p hidden>PAYLOAD</p>",
        "a <span style=\"display:none\">PAYLOAD</span>",
        "<script>PAYLOAD</script>",
        "<template>PAYLOAD</template>",
        "<style>PAYLOAD</style>",
        "<svg><text>PAYLOAD</text></svg>",
        "<title>PAYLOAD</title>",
    ] {
        let Visible { text, dropped } = visible(markdown);
        assert!(!text.contains("PAYLOAD"), "{markdown}: {text}");
        assert!(dropped.elements > 0, "{markdown}");
    }
}

#[test]
fn lines_stay_lines() {
    let text = "We need:\n\n- a bucket\n- named `acme-logs`\n\nfor *build* logs\nsoon.";
    let seen = visible(text);
    assert_eq!(seen.text, "We need:\na bucket\nnamed acme-logs\nfor build logs\nsoon.");
    assert!(seen.dropped.is_nothing(), "{:?}", seen.dropped);
    assert_eq!(line("A\u{202e} title\n").text, "A title");
}

#[test]
fn what_is_too_long_is_cut_and_said() {
    let seen = visible(&"é".repeat(LIMIT));
    assert!(seen.text.len() <= LIMIT);
    assert_eq!(seen.dropped.to_string(), "16,384 bytes at the end");
}

proptest! {
    #[test]
    fn nothing_that_is_read_is_invisible(text in any::<String>()) {
        let seen = visible(&text).text;
        prop_assert!(!seen.chars().any(|c| c != '\n' && c != '\t' && escape::is_hidden(c)), "{seen:?}");
    }
}
