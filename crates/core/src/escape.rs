//! Makes foreign text safe to stand in Markdown that GitHub renders.
//!
//! [`code`] is for a code span in a line, [`prose`] for sentences, [`fence`] for blocks, and
//! [`html_code`] for a `<summary>`, in which GitHub does not read Markdown. GitHub looks for
//! mentions, references and addresses in the *rendered* text, so a backslash does not prevent them,
//! but code does. Shortening to the size of a comment is in `view::page`; secrets are not looked
//! for here.

/// Returns whether a character is invisible, or changes the order in which others are shown.
///
/// These are control characters (C0, C1, DEL), the soft hyphen, fillers, zero-width and
/// bidirectional characters, unusual blanks, variation selectors and tags: what Unicode calls
/// default-ignorable, and what looks like a blank and is none.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0xA0 | 0xAD | 0x34F | 0x61C | 0x115F | 0x1160 | 0x1680 | 0x17B4 | 0x17B5
            | 0x180B..=0x180F | 0x2000..=0x200F | 0x2028..=0x202F | 0x205F..=0x206F
            | 0x2800 | 0x3000 | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB
            | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
}

/// Returns the text on one line with everything visible: line ends and tabs as `\n` and `\t`, other
/// hidden characters as `⟨U+202E⟩`.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_hidden(c) => out.push_str(&format!("⟨U+{:04X}⟩", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Cuts the text after `limit` characters, and appends how many were left out.
pub fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((end, _)) => {
            let rest = text[end..].chars().count();
            format!("{}… ({} more)", &text[..end], grouped(rest))
        }
    }
}

/// Formats a count with commas, such as `10,000`.
pub fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Returns the text as a code span, which is also safe in the cell of a table.
pub fn code(text: &str) -> String {
    let text = visible(text);
    if text.is_empty() {
        return "`(empty)`".into();
    }
    if text.contains('|') {
        // A table splits at `|` even in code, and outside of a table `\|` in code keeps its
        // backslash. HTML works in both.
        return html_code(&text);
    }
    let ticks = "`".repeat(longest_run(&text, '`') + 1);
    // Markdown removes one blank at each end, unless the text consists of blanks only.
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// Returns the text in a `<code>` element, with all punctuation escaped, so that it contains
/// neither HTML nor Markdown.
pub fn html_code(text: &str) -> String {
    let mut out = String::from("<code>");
    for c in visible(text).chars() {
        if c.is_ascii_punctuation() {
            out.push_str(&format!("&#{};", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out.push_str("</code>");
    out
}

/// Returns a foreign sentence on one line: plain words stay as they are, all others become code.
pub fn prose(text: &str) -> String {
    let mut out = String::new();
    for word in text.split([' ', '\n', '\r', '\t']).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        let (word, stop) = match word.char_indices().next_back() {
            Some((end, stop @ (',' | ';' | ':' | '.'))) if end > 0 => (&word[..end], Some(stop)),
            _ => (word, None),
        };
        out.push_str(&if is_plain(word) { backslashed(word) } else { code(unquoted(word)) });
        if let Some(stop) = stop {
            // `1.` would begin a list.
            if stop == '.' && word.bytes().all(|b| b.is_ascii_digit()) {
                out.push('\\');
            }
            out.push(stop);
        }
    }
    out
}

/// Returns the lines as a fenced block, with everything visible. No line can end the block.
pub fn fence(language: &str, lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| visible(line)).collect();
    let longest = lines.iter().map(|line| longest_run(line, '`')).max().unwrap_or(0);
    let ticks = "`".repeat((longest + 1).max(3));
    format!("{ticks}{language}\n{}\n{ticks}", lines.join("\n"))
}

/// Removes backticks around a word, since our own messages quote names with them.
fn unquoted(word: &str) -> &str {
    word.strip_prefix('`')
        .and_then(|word| word.strip_suffix('`'))
        .filter(|inner| !inner.is_empty() && !inner.contains('`'))
        .unwrap_or(word)
}

/// Returns whether GitHub gives the word no meaning, as it does to a mention, reference, commit,
/// address, emoji or markup.
fn is_plain(word: &str) -> bool {
    let is_harmless =
        |c: char| !is_hidden(c) && (c.is_alphanumeric() || "'\"(),.;!?%-—–…→·“”‘’".contains(c));
    let mut hex_run = 0;
    let looks_like_commit = word.chars().any(|c| {
        hex_run = if c.is_ascii_hexdigit() { hex_run + 1 } else { 0 };
        hex_run >= 7
    });
    // References are `GH-1` and the prefixes that a repository can define as links (`ABC-12`).
    let looks_like_reference = word
        .as_bytes()
        .windows(2)
        .any(|pair| pair[0] == b'-' && pair[1].is_ascii_alphanumeric() && has_digit(word));
    word.chars().all(is_harmless)
        && !looks_like_commit
        && !looks_like_reference
        && !word.to_ascii_lowercase().contains("www.")
}

fn has_digit(word: &str) -> bool {
    word.bytes().any(|b| b.is_ascii_digit())
}

/// Returns a plain word with a backslash if it would begin a list or underline a heading.
fn backslashed(word: &str) -> String {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    match word[digits..].chars().next() {
        Some('-' | '.' | ')') => format!("{}\\{}", &word[..digits], &word[digits..]),
        _ => word.to_owned(),
    }
}

/// Returns the length of the longest run of one character.
pub fn longest_run(text: &str, of: char) -> usize {
    let mut run = 0;
    text.chars()
        .map(|c| {
            run = if c == of { run + 1 } else { 0 };
            run
        })
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;
    use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

    use super::*;

    /// Returns the text outside of code, and all events that are neither text nor code.
    fn outside_code(markdown: &str) -> (String, Vec<String>) {
        let mut text = String::new();
        let mut markup = Vec::new();
        let mut in_code = false;
        for event in Parser::new_ext(markdown, Options::all()) {
            match event {
                Event::InlineHtml(html) if &*html == "<code>" => in_code = true,
                Event::InlineHtml(html) if &*html == "</code>" => in_code = false,
                Event::Text(_) | Event::Code(_) if in_code => {}
                Event::Text(plain) => text.push_str(&plain),
                Event::Code(_) | Event::Start(Tag::Paragraph) | Event::End(_) => {}
                other => markup.push(format!("{other:?}")),
            }
        }
        (text, markup)
    }

    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("`".to_owned()),
            Just("```".to_owned()),
            Just("~~~".to_owned()),
            Just("@acme/owners".to_owned()),
            Just("#12".to_owned()),
            Just("GH-1".to_owned()),
            Just("deadbeef1".to_owned()),
            Just("https://x.example/a".to_owned()),
            Just("![a](b)".to_owned()),
            Just("<img src=x>".to_owned()),
            Just("</details>".to_owned()),
            Just("</code>".to_owned()),
            Just("-->".to_owned()),
            Just("&lt;".to_owned()),
            Just("\\".to_owned()),
            Just("|".to_owned()),
            Just("\n".to_owned()),
            Just("\u{202e}\u{200b}\u{e0041}\u{1b}[31m".to_owned()),
            Just("$x$".to_owned()),
            any::<String>(),
            "[ a-z*_>#+.:;1-]{0,6}",
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn prose_holds_no_markup_and_nothing_that_github_links(text in hostile()) {
            let (plain, markup) = outside_code(&prose(&text));
            prop_assert!(markup.is_empty(), "{markup:?}");
            prop_assert!(!plain.contains(['@', '#', '<', '>', '`', '[', '/', '|']), "{plain:?}");
            prop_assert!(!plain.chars().any(is_hidden), "{plain:?}");
            prop_assert!(!plain.contains("GH-") && !plain.contains("deadbeef1"));
        }

        #[test]
        fn a_code_span_is_one_span_whatever_is_in_it(text in hostile()) {
            let (plain, markup) = outside_code(&format!("a {} b", code(&text)));
            prop_assert_eq!(plain, "a  b");
            prop_assert!(markup.is_empty(), "{:?}", markup);
        }

        #[test]
        fn a_cell_of_a_table_stays_one_cell(text in hostile()) {
            let table = format!("| a | b |\n| --- | --- |\n| {} | end |\n", code(&text));
            // A row that is too long loses its last cells, so the text of the last one is compared.
            let mut rest = Parser::new_ext(&table, Options::ENABLE_TABLES)
                .skip_while(|event| !matches!(event, Event::Start(Tag::TableRow)))
                .skip_while(|event| !matches!(event, Event::End(TagEnd::TableCell)))
                .skip(2);
            prop_assert_eq!(rest.next(), Some(Event::Text("end".into())));
            prop_assert_eq!(rest.next(), Some(Event::End(TagEnd::TableCell)));
        }

        #[test]
        fn a_fence_holds_all_of_its_lines(lines in prop::collection::vec(hostile(), 0..6)) {
            let markdown = format!("{}\n\nafter", fence("diff", &lines));
            let mut events = Parser::new_ext(&markdown, Options::all());
            let first = events.next();
            let is_block =
                matches!(&first, Some(Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_)))));
            prop_assert!(is_block);
            let rest: Vec<_> = events.collect();
            let blocks = rest.iter().filter(|e| matches!(e, Event::Start(_))).count();
            prop_assert_eq!(blocks, 1, "only the paragraph after it");
            let inside: String = rest.iter().filter_map(|e| match e {
                Event::Text(text) => Some(text.to_string()),
                _ => None,
            }).collect();
            prop_assert!(!inside.chars().any(|c| c != '\n' && is_hidden(c)));
        }

        #[test]
        fn html_code_holds_no_tag(text in hostile()) {
            let html = html_code(&text);
            let inner = html.strip_prefix("<code>").unwrap().strip_suffix("</code>").unwrap();
            prop_assert!(!inner.contains(['<', '>', '`', '@', '"', '\n']));
        }
    }

    #[test]
    fn what_is_hidden_is_shown() {
        assert_snapshot!(visible("a\u{202e}b\u{200b}\u{1b}[31m\n\u{e0041}\u{a0}é"), @r"a⟨U+202E⟩b⟨U+200B⟩⟨U+001B⟩[31m\n⟨U+E0041⟩⟨U+00A0⟩é");
    }

    #[test]
    fn words_that_github_would_link_become_code() {
        let text = "ask @acme/owners, see #12 (GH-1, deadbeef1): https://x.example is *it* — no";
        assert_snapshot!(prose(text), @"ask `@acme/owners`, see `#12` `(GH-1`, `deadbeef1)`: `https://x.example` is `*it*` — no");
    }

    #[test]
    fn a_cut_says_how_much_is_gone() {
        assert_eq!(shortened("abc", 3), "abc");
        assert_eq!(shortened(&"é".repeat(2_000), 2), "éé… (1,998 more)");
        assert_eq!(grouped(10_000), "10,000");
        assert_eq!(grouped(999), "999");
    }
}
