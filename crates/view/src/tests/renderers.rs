//! Foreign text cannot break a page or control a terminal.

use proptest::prelude::*;
use scraper::Html as Fragment;

use planwright_core::escape;

use super::*;
use crate::text;

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("<img src=x onerror=y>"),
        Just("</code>"),
        Just("</details>"),
        Just("&lt;"),
        Just("\" onclick=\""),
        Just("'"),
        Just("`"),
        Just("**"),
        Just("\u{1b}[31m\u{202e}"),
        Just("\n"),
        Just("word"),
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_becomes_html(text in hostile()) {
        let url = format!("https://bot.example/{text}");
        let spans = text![
            words(&text),
            code(&text),
            strong(Span::Foreign(text.clone())),
            Span::Link { text: words(&text).into(), url }
        ];
        let fragment = Fragment::parse_fragment(&html_line(&spans).to_string());
        prop_assert_eq!(fragment.root_element().text().collect::<String>(), escape::visible(&text).repeat(4));
        let names: Vec<&str> = fragment.root_element().descendent_elements().map(|it| it.value().name()).collect();
        prop_assert_eq!(names, ["html", "code", "strong", "a"]);
    }

    #[test]
    fn no_text_writes_to_a_terminal_by_itself(text in hostile()) {
        let doc = vec![
            Block::Paragraph(text![words(&text), code(&text), Span::Foreign(text.clone())]),
            Block::Code(vec![text.clone()]),
            Block::Diff(vec![DiffLine::new(Sign::Added, text)]),
        ];
        let written = terminal(&doc.into());
        prop_assert_eq!(written.lines().count(), 3);
        prop_assert!(!written.chars().any(|c| c != '\n' && escape::is_hidden(c)), "{:?}", written);
    }
}
