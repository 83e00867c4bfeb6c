//! Finds where the words of an answer by mail end and the mail that it answers begins.
//!
//! A mail program puts the original below the answer, often without quote marks, and GitHub makes a
//! comment of all of it. What stands there is of others. GitHub does not always say that a comment
//! came by mail, so the separators of common mail programs count in every comment.

/// The most lines over which a mail program breaks the line that introduces the original.
const WRAPPED: usize = 3;

/// The number of lines in which the headers of a forwarded mail stand together.
const HEADERS: usize = 5;

/// What GitHub writes below each comment that it sends by mail.
const NOTICES: &[&str] = &["Reply to this email directly", "You are receiving this because"];

/// How the line that introduces an original begins, what it says, and how it ends, by language.
const INTRODUCTIONS: &[[&str; 3]] = &[
    ["On ", "", "wrote:"],
    ["Am ", "schrieb", ":"],
    ["Le ", "", "a écrit :"],
    ["Le ", "", "a écrit:"],
    ["El ", "", "escribió:"],
    ["Il ", "", "ha scritto:"],
    ["Em ", "", "escreveu:"],
    ["Op ", "schreef", ":"],
];

/// How a header of the sender begins.
const SENDERS: &[&str] = &["From:", "Von:", "De:", "De :", "Da:", "Van:"];

/// How the other headers of a mail begin.
const OTHER_HEADERS: &[&str] = &[
    "Sent:",
    "Date:",
    "To:",
    "Subject:",
    "Gesendet:",
    "Datum:",
    "An:",
    "Betreff:",
    "Envoyé :",
    "Date :",
    "À :",
    "Objet :",
    "Enviado:",
    "Enviado el:",
    "Fecha:",
    "Para:",
    "Asunto:",
    "Inviato:",
    "Data:",
    "A:",
    "Oggetto:",
    "Assunto:",
    "Verzonden:",
    "Aan:",
    "Onderwerp:",
];

/// Returns what stands above the first separator of a mail, which is all of the text if there is
/// none.
pub fn above_separator(text: &str) -> &str {
    let mut starts = Vec::new();
    let mut lines = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        starts.push(start);
        lines.push(line.trim_end_matches(['\r', '\n']));
        start += line.len();
    }
    let separator = (0..lines.len()).find(|n| is_separator(&lines[*n..]));
    separator.map_or(text, |n| &text[..starts[n]])
}

/// Returns whether the first of `lines` begins what is no longer of the author.
fn is_separator(lines: &[&str]) -> bool {
    let Some(line) = lines.first() else { return false };
    *line == "-- " || is_notice(line) || is_rule(line) || introduces(lines) || is_headers(lines)
}

/// Returns whether GitHub writes the line below each comment that it sends, or an address of its
/// mails stands in the line.
fn is_notice(line: &str) -> bool {
    let words = line.trim_start_matches(['\u{2014}', '-', ' ']);
    NOTICES.iter().any(|notice| words.starts_with(notice))
        || line.contains("notifications@github.com")
        || line.contains("@reply.github.com")
}

/// Returns whether the line is one that mail programs draw above an original, like
/// `-----Original Message-----`.
fn is_rule(line: &str) -> bool {
    let line = line.trim();
    let is_line = line.len() >= 10 && line.bytes().all(|byte| byte == b'_');
    let is_titled = line.starts_with("-----")
        && line.ends_with("-----")
        && line.chars().any(char::is_alphabetic);
    is_line || is_titled
}

/// Returns whether the lines begin with one that introduces an original, like `On Monday, Alice
/// wrote:`.
fn introduces(lines: &[&str]) -> bool {
    let first = lines[0].trim();
    // Of other languages, too, whoever wrote the original is named with an address.
    if first.ends_with(':') && has_address(first) {
        return true;
    }
    let is_whole = |length: usize| {
        let Some(lines) = lines.get(..length) else { return false };
        let line = lines.join(" ");
        lines.iter().all(|line| !line.trim().is_empty())
            && INTRODUCTIONS.iter().any(|[begin, says, end]| {
                first.starts_with(begin) && line.contains(says) && line.trim_end().ends_with(end)
            })
    };
    (1..=WRAPPED).any(is_whole)
}

/// Returns whether a mail address in angle brackets stands in the line.
fn has_address(line: &str) -> bool {
    line.split('<').skip(1).any(|rest| {
        rest.split_once('>')
            .and_then(|(address, _)| address.split_once('@'))
            .is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
    })
}

/// Returns whether the lines begin with the headers of a forwarded mail.
fn is_headers(lines: &[&str]) -> bool {
    let begins_with = |line: &str, headers: &[&str]| {
        let line = line.trim().trim_start_matches('*');
        headers.iter().any(|header| line.starts_with(header))
    };
    let others = lines.iter().take(HEADERS).filter(|line| begins_with(line, OTHER_HEADERS));
    begins_with(lines[0], SENDERS) && others.count() >= 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::command::line::command_lines;

    /// The first lines of what stands below an answer.
    const SEPARATORS: &[&str] = &[
        "-- ",
        "Reply to this email directly, view it on GitHub, or unsubscribe.",
        "You are receiving this because you were mentioned.",
        "\u{2014} Reply to this email directly or view it on GitHub",
        "planwright[bot] <notifications@github.com>",
        "To: acme/infra <infra+AB12@reply.github.com>",
        "-----Original Message-----",
        "-----Ursprüngliche Nachricht-----",
        "---------- Forwarded message ---------",
        "________________________________",
        "On Sun, 29 Nov 2026 at 10:00, Alice wrote:",
        "On Sun, 29 Nov 2026 at 10:00, Alice Example\n<alice@example.org> wrote:",
        "On Sun, 29 Nov 2026\nat 10:00, Alice Example\n<alice@example.org> wrote:",
        "Am So., 29. Nov. 2026 um 10:00 Uhr schrieb Alice:",
        "Am 29.11.2026 um 10:00 schrieb Alice\nExample:",
        "Le dim. 29 nov. 2026 à 10:00, Alice a écrit :",
        "El dom, 29 nov 2026 a las 10:00, Alice escribió:",
        "Op zo 29 nov 2026 om 10:00 schreef Alice:",
        "29.11.2026, 10:00, Alice <alice@example.org>:",
        "From: Alice\nSent: Sunday, 29 November 2026\nTo: Bob\nSubject: Hello",
        "*From:* Alice\n*Date:* 29 November 2026\n*Subject:* Hello",
        "Von: Alice\nGesendet: Sonntag, 29. November 2026\nAn: Bob\nBetreff: Hallo",
        "De : Alice\nEnvoyé : dimanche 29 novembre 2026\nÀ : Bob\nObjet : Bonjour",
    ];

    fn is_cut(separator: &str, between: &str) -> bool {
        let above = format!("No, I want to look first.{between}{between}");
        let text = format!("{above}{separator}{between}/infra plan{between}");
        above_separator(&text) == above
    }

    #[test]
    fn what_stands_below_each_separator_is_left_out() {
        for separator in SEPARATORS {
            assert!(is_cut(separator, "\n"), "{separator:?}");
            assert!(is_cut(&separator.replace('\n', "\r\n"), "\r\n"), "{separator:?}");
            assert_eq!(above_separator(separator), "", "{separator:?}");
        }
    }

    #[test]
    fn what_people_write_themselves_is_kept() {
        for text in [
            "",
            "/infra plan",
            "--\nsent from a phone\n/infra plan",
            "---\n/infra plan",
            "_________\n/infra plan",
            "\u{2014} as I said\n/infra plan",
            "On Monday we wrote: never again.\n/infra plan",
            "Am Montag geht es weiter:\n/infra plan",
            "On Monday\n\nshe wrote:\n/infra plan",
            "From: main\n/infra plan",
            "From: main\nTo: release\n/infra plan",
            "Ask <https://example.org/@alice>:\n/infra plan",
            "Ask alice@example.org:\n/infra plan",
            "| a | b |\n| ----- | ----- |\n/infra plan",
        ] {
            assert_eq!(above_separator(text), text, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_below_a_separator_is_read(
            above in "([ a-zA-Z:<>@.\\-_*]{0,12}\n){0,6}",
            nth in 0..SEPARATORS.len(),
            below in "([ /a-zA-Z:<>@.\\-_*`~]{0,12}\n){0,6}",
        ) {
            let separator = SEPARATORS[nth];
            let text = format!("{above}{separator}\n{below}/infra plan\n");
            let read = above_separator(&text);
            prop_assert!(above.starts_with(read));
            prop_assert_eq!(above_separator(read), read);
            prop_assert!(!command_lines(&text).contains(&" plan"));
        }

        #[test]
        fn any_text_can_be_cut(text in any::<String>()) {
            prop_assert!(text.starts_with(above_separator(&text)));
        }
    }
}
