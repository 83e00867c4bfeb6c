//! Why a line that begins with `/infra` is no command, in words.

use planwright_core::command::{CommandError, MOST, Problem, rows, usage};

use super::doc::{Text, code, words};
use crate::text;

/// Returns what is wrong with a command, and what to type instead.
pub fn command_error(error: &CommandError) -> Text {
    match error {
        CommandError::Unknown { word, nearest } => {
            let suggestion = nearest.map(|name| text![" Did you mean ", code(name), "?"]);
            let names = Text::join(rows().map(|row| Text::from(code(row.name))), ", ");
            text![code(word), " is no command.", suggestion, " The commands are ", names, "."]
        }
        CommandError::Usage { name, problem } => {
            text![problem_words(problem), ". Usage: ", code(usage(name)), "."]
        }
        CommandError::HiddenCharacter(character) => {
            text!["A line holds the hidden character ", code(character), "; type the command anew."]
        }
        CommandError::TooManyCommands => {
            text!["The comment gives more than ", words(MOST), " commands; none was carried out."]
        }
    }
}

fn problem_words(problem: &Problem) -> Text {
    let no = |word: &str, what: Text| text![code(word), " is no ", what];
    match problem {
        Problem::Character { word, character } => {
            text![code(word), " has the character ", code(character), ", which no name has"]
        }
        Problem::Stack(word) => no(
            word,
            text![
                "stack, which is ",
                code("name"),
                " or ",
                code("name/environment"),
                " in lower case"
            ],
        ),
        Problem::Address(word) => no(
            word,
            text!["address of a resource, which is like ", code("module.site.aws_s3_bucket.this")],
        ),
        Problem::Digest(word) => {
            no(word, text!["plan digest, which is ", code("v1:"), " and at least 12 hex digits"])
        }
        Problem::Param(word) => no(
            word,
            text!["value for a param, which is like ", code("encryption.algorithm=AES256")],
        ),
        Problem::Choice(word) => no(word, "number of a choice".into()),
        Problem::Flag(word) => no(word, "flag, and nothing is passed on to the engine".into()),
        Problem::OpenQuote => "A quote is not closed".into(),
        Problem::Missing => "Something is missing".into(),
        Problem::TooMany => "There is more than it takes".into(),
    }
}
