//! The syntax of arguments: words, stacks and addresses.

use super::Problem;
use crate::{escape, names::StackId};

/// Splits arguments at blanks. A blank in double quotes belongs to its word, as in `this["a b"]`.
///
/// Fails if a quote is not closed or, unless the command takes values, a word contains a character
/// that a shell would interpret.
pub(super) fn words(arguments: &str, takes_values: bool) -> Result<Vec<String>, Problem> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut is_quoted = false;
    for c in arguments.chars() {
        is_quoted ^= c == '"';
        if matches!(c, ' ' | '\t') && !is_quoted {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        } else {
            word.push(c);
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    if is_quoted {
        return Err(Problem::OpenQuote);
    }
    if takes_values {
        return Ok(words);
    }
    // No argument reaches a shell, but a word that was written for one is surely a mistake or an
    // attack.
    let is_for_a_shell = |c: &char| ";$()&|<>`'\\!*?{}~#%^".contains(*c);
    match words.iter().find_map(|word| Some((word, word.chars().find(is_for_a_shell)?))) {
        Some((word, character)) => Err(Problem::Character { word: cut(word), character }),
        None => Ok(words),
    }
}

pub(super) fn stack(word: &str) -> Result<StackId, Problem> {
    if word.starts_with('-') {
        return Err(Problem::Flag(cut(word)));
    }
    // People copy the path of the folder.
    let name = word.strip_prefix("stacks/").unwrap_or(word);
    StackId::parse(name).map_err(|_| Problem::Stack(cut(word)))
}

pub(super) fn stacks(words: &[String]) -> Result<Vec<StackId>, Problem> {
    words.iter().map(|word| stack(word)).collect()
}

pub(super) fn address(word: &str) -> Result<String, Problem> {
    if word.starts_with('-') {
        return Err(Problem::Flag(cut(word)));
    }
    let mut is_quoted = false;
    let is_address = word.contains('.')
        && word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.chars().all(|c| {
            is_quoted ^= c == '"';
            is_quoted || c.is_ascii_alphanumeric() || "_-.[]\"".contains(c)
        });
    if is_address { Ok(word.into()) } else { Err(Problem::Address(cut(word))) }
}

pub(super) fn surplus(words: &[String]) -> Problem {
    match words.iter().find(|word| word.starts_with('-') && !word.starts_with("--plan")) {
        Some(flag) => Problem::Flag(cut(flag)),
        None => Problem::TooMany,
    }
}

/// Shortens a word for an error message, so that comments are not repeated at length.
pub(super) fn cut(word: &str) -> String {
    escape::shortened(word, 80)
}
