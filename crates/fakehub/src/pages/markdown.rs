//! Renders Markdown as GitHub does, without anything that could attack a page.
//!
//! pulldown-cmark renders GitHub's dialect. ammonia then sanitises all HTML, ours and that of the
//! text. Images are removed, because they would be loaded from other servers.

use std::{
    collections::{BTreeSet, HashSet},
    fmt::Write as _,
    sync::LazyLock,
};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd, TextMergeStream, html};

/// The issues and pull requests that `#12` can refer to.
pub struct References {
    /// The URL of the repository, without a trailing slash.
    pub url: String,
    pub numbers: BTreeSet<i64>,
}

/// Renders Markdown to HTML that is safe to insert into a page.
pub fn rendered(text: &str, references: &References) -> String {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_GFM;
    let mut events = vec![];
    let mut code: Option<(String, String)> = None;
    let mut links = 0;
    for event in TextMergeStream::new(Parser::new_ext(text, options)) {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match kind {
                    CodeBlockKind::Fenced(language) => language.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                code = Some((language, String::new()));
            }
            Event::End(TagEnd::CodeBlock) => {
                if let Some((language, text)) = code.take() {
                    events.push(Event::Html(block(&language, &text).into()));
                }
            }
            Event::Text(text) => match &mut code {
                Some((_, block)) => block.push_str(&text),
                None if links == 0 => {
                    events.push(Event::InlineHtml(linked(&text, references).into()));
                }
                None => events.push(Event::Text(text)),
            },
            Event::TaskListMarker(is_done) => {
                let mark =
                    if is_done { "done\" title=\"done\">✓" } else { "\" title=\"not done\">" };
                events.push(Event::InlineHtml(format!("<span class=\"task {mark}</span> ").into()));
            }
            event => {
                match &event {
                    Event::Start(Tag::Link { .. } | Tag::Image { .. }) => links += 1,
                    Event::End(TagEnd::Link | TagEnd::Image) => links -= 1,
                    _ => {}
                }
                events.push(event);
            }
        }
    }
    let mut out = String::new();
    html::push_html(&mut out, events.into_iter());
    SANITIZER.clean(&out).to_string()
}

static SANITIZER: LazyLock<ammonia::Builder<'static>> = LazyLock::new(|| {
    let mut builder = ammonia::Builder::default();
    builder
        .rm_tags(["img", "map", "area"])
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .link_rel(Some("noopener noreferrer nofollow"))
        .add_tag_attributes("details", ["open"])
        // Makes a block focusable, so that the keyboard can scroll its long lines.
        .set_tag_attribute_value("pre", "tabindex", "0")
        .add_allowed_classes("pre", ["diff"])
        .add_allowed_classes("span", ["add", "del", "hunk", "warn", "same", "task", "done"])
        .add_allowed_classes(
            "blockquote",
            [
                "markdown-alert-note",
                "markdown-alert-tip",
                "markdown-alert-important",
                "markdown-alert-warning",
                "markdown-alert-caution",
            ],
        );
    builder
});

/// Renders a code block. Each line of a diff has a class by its first character.
fn block(language: &str, text: &str) -> String {
    if language != "diff" {
        return format!("<pre><code>{}</code></pre>", escaped(text));
    }
    let line = |line: &str| {
        let class = match line.as_bytes().first() {
            Some(b'+') => "add",
            Some(b'-') => "del",
            Some(b'@') => "hunk",
            Some(b'!') => "warn",
            _ => "same",
        };
        format!("<span class=\"{class}\">{}</span>", escaped(line))
    };
    let lines: String = text.lines().map(line).collect();
    format!("<pre class=\"diff\"><code>{lines}</code></pre>")
}

/// Escapes a text, links bare URLs and issue numbers in it, and shortens full commit ids.
fn linked(text: &str, references: &References) -> String {
    let (mut out, mut rest) = (String::new(), text);
    let mut is_within_word = false;
    while let Some(first) = rest.chars().next() {
        let found = if is_within_word { None } else { reference(rest, references) };
        let length = match found {
            Some((length, shown)) => {
                out.push_str(&shown);
                length
            }
            None => {
                out.push_str(&escaped(&rest[..first.len_utf8()]));
                first.len_utf8()
            }
        };
        is_within_word = rest[..length].ends_with(|c: char| c.is_alphanumeric() || c == '/');
        rest = &rest[length..];
    }
    out
}

/// Returns the length and the HTML of the URL, issue number or commit id that `text` begins with.
fn reference(text: &str, references: &References) -> Option<(usize, String)> {
    if text.starts_with("http://") || text.starts_with("https://") {
        let end = text.find(|c: char| c.is_whitespace() || c == '<').unwrap_or(text.len());
        let address = text[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '\'', '"']);
        let shown = escaped(address);
        return Some((address.len(), format!("<a href=\"{shown}\">{shown}</a>")));
    }
    if let Some(digits) = text.strip_prefix('#') {
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let number = digits[..end].parse().ok()?;
        if !references.numbers.contains(&number) {
            return None;
        }
        let url = escaped(&references.url);
        return Some((end + 1, format!("<a href=\"{url}/issues/{number}\">#{number}</a>")));
    }
    let end = text.find(|c: char| !matches!(c, '0'..='9' | 'a'..='f')).unwrap_or(text.len());
    let ends_there = !text[end..].starts_with(|c: char| c.is_alphanumeric());
    (end == 40 && ends_there).then(|| (end, format!("<code>{}</code>", &text[..7])))
}

pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            // Bidirectional controls are shown instead of obeyed: they would reorder the text.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "&lt;U+{:04X}&gt;", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Renders a text of one line, such as a title, as HTML in which only `code` is marked up.
pub fn title(text: &str) -> String {
    let parts: Vec<String> = text.split('`').map(escaped).collect();
    let last = parts.len() - 1;
    let shown = parts.iter().enumerate().map(|(nth, part)| match nth % 2 {
        1 if nth < last => format!("<code>{part}</code>"),
        1 => format!("`{part}"),
        _ => part.clone(),
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sanitized(text: &str) -> String {
        let numbers = BTreeSet::from([12]);
        rendered(text, &References { url: "/acme/infra".into(), numbers })
    }

    #[test]
    fn what_could_run_or_load_is_taken_out() {
        for hostile in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "<svg/onload=alert(1)>",
            "<a href=\"javascript:alert(1)\">x</a>",
            "[x](javascript:alert(1))",
            "[x](data:text/html,hi)",
            "<iframe src=//e.example></iframe>",
            "<form action=//e.example><button>x</button></form>",
            "<style>*{display:none}</style>",
            "<p style=\"position:fixed\" onclick=\"x()\">x</p>",
            "<base href=//e.example>",
            "<meta http-equiv=refresh content=0>",
            "![x](http://e.example/x.png)",
            "<details ontoggle=x() open>x</details>",
            "```\n</code></pre><script>x()</script>\n```",
        ] {
            let html = sanitized(hostile).to_lowercase();
            for word in ["<script", "onerror", "<svg", "javascript:", "data:", "<iframe", "<form"] {
                assert!(!html.contains(word), "{hostile} became {html}");
            }
            for word in
                ["<style", "style=", "onclick", "<base", "<meta", "<img", "ontoggle", "<button"]
            {
                assert!(!html.contains(word), "{hostile} became {html}");
            }
        }
    }

    #[test]
    fn githubs_dialect_is_understood() {
        let texts = [
            "- [x] done\n- [ ] not\n\n~~gone~~ see #12, not #13, nor a#12",
            "```diff\n+ a <b>\n- c\n  d\n! e\n```",
            "<details><summary><code>hi</code></summary>\n\n| a |\n| --- |\n| `x` |\n\n</details>",
            "> [!WARNING]\n> Careful",
            "Committed 34562d3cb659fabf5844e1ba472933d940d6d403, see http://127.0.0.1:1/y.",
        ];
        insta::assert_snapshot!(texts.map(sanitized).join("\n"), @r##"
        <ul>
        <li><span class="task done" title="done">✓</span> done</li>
        <li><span class="task" title="not done"></span> not</li>
        </ul>
        <p><del>gone</del> see <a href="/acme/infra/issues/12" rel="noopener noreferrer nofollow">#12</a>, not #13, nor a#12</p>

        <pre class="diff" tabindex="0"><code><span class="add">+ a &lt;b&gt;</span><span class="del">- c</span><span class="same">  d</span><span class="warn">! e</span></code></pre>
        <details><summary><code>hi</code></summary>
        <table><thead><tr><th>a</th></tr></thead><tbody>
        <tr><td><code>x</code></td></tr>
        </tbody></table>
        </details>
        <blockquote class="markdown-alert-warning">
        <p>Careful</p>
        </blockquote>

        <p>Committed <code>34562d3</code>, see <a href="http://127.0.0.1:1/y" rel="noopener noreferrer nofollow">http://127.0.0.1:1/y</a>.</p>
        "##);
    }

    #[test]
    fn a_title_shows_its_code_and_nothing_else() {
        assert_eq!(title("Set `a<b>` of `x"), "Set <code>a&lt;b&gt;</code> of `x");
    }
}
