//! The commands that a comment can give: a closed set.
//!
//! ```text
//! comment  = lines; a command is a line that begins with `/infra`, outside quotes, code and HTML,
//!            and above the original of a mail
//! command  = "/infra" word argument…
//! word     = help | plan | drift | status | allow | set | propose | revise | answer | apply
//!          | unlock | cancel
//! argument = STACK            website, website/prod
//!          | ADDRESS          module.site.aws_s3_bucket.this["a b"]
//!          | TEXT             what is wanted, in words, to the end of the line
//!          | N                the number of a choice
//!          | PATH=VALUE       encryption.algorithm=AES256, greeting="Good day"
//!          | --plan DIGEST    v1:0123456789ab, or all of it
//! ```
//!
//! The commands of a comment are carried out in order. If there are more than [`MOST`], none is.
//! There are no other flags, and no argument is passed on to the engine or to a shell. `jobs` check
//! who wrote the comment and that it was not edited.

mod line;
mod mail;
mod rows;
mod words;

use std::fmt;

use super::{
    escape,
    job::{Invocation, Job, Target},
};

use self::words::{cut, words};
pub use mail::above_separator;
pub use rows::*;

/// How many commands one comment may give.
pub const MOST: usize = 5;

/// Who may give a command. `jobs` check it on GitHub each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Everyone who can comment.
    Anyone,
    /// Everyone who has write access now.
    Writer,
    /// Everyone who has write access now and is no principal of the change.
    Approver,
}

/// Where a command may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllowedOn {
    PullRequests,
    IssuesAndPullRequests,
}

/// The description of a command.
#[derive(Debug)]
pub struct Row {
    pub name: &'static str,
    /// The arguments, as usage texts show them.
    pub arguments: &'static str,
    pub help: &'static str,
    pub who: Who,
    pub allowed_on: AllowedOn,
    /// Whether it is carried out if the comment came by mail. What approves, allows, confirms or
    /// unlocks is not.
    pub by_mail: bool,
    /// Whether arguments may contain any character, because they only become values.
    takes_values: bool,
}

/// Where a command was given, and by whom.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    pub target: &'a Target,
    pub invocation: &'a Invocation,
    pub on_pull_request: bool,
}

/// One command: its row, its parser, and the job that it causes.
trait Spec: Sized {
    const ROW: Row;

    /// Parses the arguments. Fails if they do not fit the row.
    fn parse(words: &[String]) -> Result<Self, Problem>;

    /// Returns the job that carries the command out, or `None` if it is answered at once.
    fn job(self, _given: Given<'_>) -> Option<Job> {
        None
    }
}

/// A row of [`TABLE`] with the parser of its arguments.
struct Entry {
    row: &'static Row,
    parse: fn(&[String]) -> Result<Command, Problem>,
}

/// Why a line that begins with `/infra` is no command. The texts are for people, in Markdown that
/// is safe to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    #[error("{} is no command.{} The commands are {}.", escape::code(.word), suggestion(.nearest), names())]
    Unknown { word: String, nearest: Option<&'static str> },
    #[error("{problem}. Usage: `{}`.", usage(.name))]
    Usage { name: &'static str, problem: Problem },
    #[error("A line holds the hidden character {}; type the command anew.", escape::code(&.0.to_string()))]
    HiddenCharacter(char),
    #[error("The comment gives more than {MOST} commands; none was carried out.")]
    TooManyCommands,
}

/// What is wrong with the arguments of a known command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("{} has the character {}, which no name has", escape::code(.word), escape::code(&.character.to_string()))]
    Character { word: String, character: char },
    #[error("{} is no stack, which is `name` or `name/environment` in lower case", escape::code(.0))]
    Stack(String),
    #[error("{} is no address of a resource, which is like `module.site.aws_s3_bucket.this`", escape::code(.0))]
    Address(String),
    #[error("{} is no plan digest, which is `v1:` and at least 12 hex digits", escape::code(.0))]
    Digest(String),
    #[error("{} is no value for a param, which is like `encryption.algorithm=AES256`", escape::code(.0))]
    Param(String),
    #[error("{} is no number of a choice", escape::code(.0))]
    Choice(String),
    #[error("{} is no flag, and nothing is passed on to the engine", escape::code(.0))]
    Flag(String),
    #[error("A quote is not closed")]
    OpenQuote,
    #[error("Something is missing")]
    Missing,
    #[error("There is more than it takes")]
    TooMany,
}

/// Parses the commands of a comment, in order. Each line that begins with `/infra` gives a command
/// or an error.
pub fn parse(comment: &str) -> Vec<Result<Command, CommandError>> {
    let lines = line::command_lines(comment);
    if lines.len() > MOST {
        return vec![Err(CommandError::TooManyCommands)];
    }
    lines.into_iter().map(command).collect()
}

/// Returns the table of commands for the README and `/infra help`, in Markdown.
pub fn commands_table() -> String {
    let mut table = String::from("| Command | What it does | Who |\n| --- | --- | --- |\n");
    for Row { name, help, who, .. } in rows() {
        table.push_str(&format!("| `{}` | {help} | {who} |\n", usage(name)));
    }
    table
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anyone => "anyone",
            Self::Writer => "write access",
            Self::Approver => "write access, and no part in the change",
        })
    }
}

fn command(line: &str) -> Result<Command, CommandError> {
    if let Some(c) = line.chars().find(|c| escape::is_hidden(*c) && *c != '\t') {
        return Err(CommandError::HiddenCharacter(c));
    }
    let (name, arguments) = match line.trim().split_once([' ', '\t']) {
        Some((name, arguments)) => (name, arguments),
        None => (line.trim(), ""),
    };
    if name.is_empty() {
        return Ok(Command::Help(Help));
    }
    let Some(Entry { row, parse }) = TABLE.iter().find(|entry| entry.row.name == name) else {
        return Err(CommandError::Unknown { word: cut(name), nearest: nearest(name) });
    };
    words(arguments, row.takes_values)
        .and_then(|words| parse(&words))
        .map_err(|problem| CommandError::Usage { name: row.name, problem })
}

/// Returns the rows of all commands.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    TABLE.iter().map(|entry| entry.row)
}

/// Returns how a command is typed, with its arguments.
pub fn usage(name: &str) -> String {
    let arguments = rows().find(|row| row.name == name).map_or("", |row| row.arguments);
    format!("{} {name} {arguments}", line::PREFIX).trim_end().into()
}

fn names() -> String {
    let names: Vec<String> = rows().map(|row| format!("`{}`", row.name)).collect();
    names.join(", ")
}

fn suggestion(nearest: &Option<&'static str>) -> String {
    nearest.map_or(String::new(), |name| format!(" Did you mean `{name}`?"))
}

fn nearest(word: &str) -> Option<&'static str> {
    if word.len() > 20 {
        return None;
    }
    rows()
        .map(|row| (strsim::damerau_levenshtein(word, row.name), row.name))
        .filter(|(distance, name)| *distance <= name.len() / 2)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
