//! The commands that a comment can give, one closed set.
//!
//! ```text
//! comment  = lines; a command is a line that begins with `/infra`, outside quotes, code and HTML
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
//! All commands of a comment are read, in order, up to [`MOST`]; one more refuses all of them.
//! There are no other flags, nothing is passed on to the engine, and no shell is near. Who the
//! commenter is, and whether the comment was edited, is not known here: `flow` asks before.

mod line;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{change_set::ParamPath, digest::Digest, escape, names::StackId};

/// How many commands one comment may give.
pub const MOST: usize = 5;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Help,
    /// No stack means all that the pull request affects.
    Plan {
        stacks: Vec<StackId>,
    },
    /// No stack means all that the pull request affects.
    Drift {
        stacks: Vec<StackId>,
    },
    Status,
    Allow {
        stack: StackId,
        addresses: Vec<String>,
    },
    Set(SetParams),
    /// To a run of the agent.
    Tell(AgentCommand),
    /// The digest as it was typed, perhaps short: compare with [`Digest::is_meant_by`].
    Apply {
        digest: Option<Digest>,
    },
    Unlock {
        stack: Option<StackId>,
    },
    Cancel,
}

/// New values of params, as they were typed: the package says what each text means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetParams {
    pub stack: StackId,
    pub params: Vec<(ParamPath, String)>,
}

/// What people say to a run of the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentCommand {
    /// Begin with what the issue says, and this; an empty text adds nothing.
    Propose(String),
    /// Go on with this.
    Revise(String),
    /// The choice of that number, from 1.
    Answer(u64),
}

/// Who may give a command; `flow` asks GitHub each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Whoever can comment.
    Anyone,
    /// Whoever has write access now.
    Writer,
    /// Whoever has write access now and is no principal of the change.
    Approver,
}

/// One row of the table of commands.
#[derive(Debug)]
pub struct Entry {
    pub name: &'static str,
    /// What follows the name.
    pub arguments: &'static str,
    pub help: &'static str,
    pub who: Who,
    /// Whether arguments may have any character: they become values, and nothing else.
    takes_values: bool,
    parse: fn(&[String]) -> Result<Command, Problem>,
}

/// The set of commands; help, the README's table and "did you mean" are read from it.
pub const TABLE: &[Entry] = &[
    Entry {
        name: "help",
        arguments: "",
        help: "Show this list.",
        who: Who::Anyone,
        takes_values: false,
        parse: |words| none(words, Command::Help),
    },
    Entry {
        name: "plan",
        arguments: "[STACK…]",
        help: "Plan again, on the current head.",
        who: Who::Writer,
        takes_values: false,
        parse: |words| Ok(Command::Plan { stacks: stacks(words)? }),
    },
    Entry {
        name: "drift",
        arguments: "[STACK…]",
        help: "Show what was changed behind the configuration's back.",
        who: Who::Writer,
        takes_values: false,
        parse: |words| Ok(Command::Drift { stacks: stacks(words)? }),
    },
    Entry {
        name: "status",
        arguments: "",
        help: "Show what is met, what is missing and what waits.",
        who: Who::Anyone,
        takes_values: false,
        parse: |words| none(words, Command::Status),
    },
    Entry {
        name: "allow",
        arguments: "STACK ADDRESS…",
        help: "Allow these protected resources to be deleted or replaced, in the plan shown.",
        who: Who::Approver,
        takes_values: false,
        parse: allow,
    },
    Entry {
        name: "set",
        arguments: "STACK PATH=VALUE…",
        help: "Change params of a stack: on an issue by a new pull request, on a pull request by a commit to it.",
        who: Who::Writer,
        takes_values: true,
        parse: set,
    },
    Entry {
        name: "propose",
        arguments: "[TEXT]",
        help: "On an issue: have the agent propose what it asks for, and TEXT.",
        who: Who::Writer,
        takes_values: true,
        parse: |words| Ok(Command::Tell(AgentCommand::Propose(words.join(" ")))),
    },
    Entry {
        name: "revise",
        arguments: "TEXT",
        help: "Have the agent change what it proposed.",
        who: Who::Writer,
        takes_values: true,
        parse: |words| match words {
            [] => Err(Problem::Missing),
            _ => Ok(Command::Tell(AgentCommand::Revise(words.join(" ")))),
        },
    },
    Entry {
        name: "answer",
        arguments: "N",
        help: "Answer the question of the agent with the choice of that number.",
        who: Who::Writer,
        takes_values: false,
        parse: answer,
    },
    Entry {
        name: "apply",
        arguments: "[--plan DIGEST]",
        help: "After the merge: retry a failed apply, or confirm by its digest a plan that differs.",
        who: Who::Approver,
        takes_values: false,
        parse: apply,
    },
    Entry {
        name: "unlock",
        arguments: "[STACK]",
        help: "Release the locks that this change holds.",
        who: Who::Writer,
        takes_values: false,
        parse: |words| match words {
            [] => Ok(Command::Unlock { stack: None }),
            [word] => Ok(Command::Unlock { stack: Some(stack(word)?) }),
            _ => Err(Problem::TooMany),
        },
    },
    Entry {
        name: "cancel",
        arguments: "",
        help: "Stop what runs for this pull request.",
        who: Who::Writer,
        takes_values: false,
        parse: |words| none(words, Command::Cancel),
    },
];

/// Why a line that speaks to us is no command; worded for a person, already safe in Markdown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    #[error("{} is no command.{} The commands are {}.", escape::code(.word), meant(.nearest), names())]
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

/// The commands of a comment, in order; each line that speaks to us gives a command or its error.
pub fn parse(comment: &str) -> Vec<Result<Command, CommandError>> {
    let lines = line::command_lines(comment);
    if lines.len() > MOST {
        return vec![Err(CommandError::TooManyCommands)];
    }
    lines.into_iter().map(command).collect()
}

/// The table of commands for the README and `/infra help`, in Markdown.
pub fn commands_table() -> String {
    let mut table = String::from("| Command | What it does | Who |\n| --- | --- | --- |\n");
    for Entry { name, help, who, .. } in TABLE {
        table.push_str(&format!("| `{}` | {help} | {who} |\n", usage(name)));
    }
    table
}

impl Command {
    /// Its row in the table.
    pub fn entry(&self) -> &'static Entry {
        let name = match self {
            Self::Help => "help",
            Self::Plan { .. } => "plan",
            Self::Drift { .. } => "drift",
            Self::Status => "status",
            Self::Allow { .. } => "allow",
            Self::Set(_) => "set",
            Self::Tell(AgentCommand::Propose(_)) => "propose",
            Self::Tell(AgentCommand::Revise(_)) => "revise",
            Self::Tell(AgentCommand::Answer(_)) => "answer",
            Self::Apply { .. } => "apply",
            Self::Unlock { .. } => "unlock",
            Self::Cancel => "cancel",
        };
        // A test parses every row and comes back to it.
        TABLE.iter().find(|entry| entry.name == name).unwrap_or(&TABLE[0])
    }

    pub fn who(&self) -> Who {
        self.entry().who
    }
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
        return Ok(Command::Help);
    }
    let Some(entry) = TABLE.iter().find(|entry| entry.name == name) else {
        return Err(CommandError::Unknown { word: cut(name), nearest: nearest(name) });
    };
    words(arguments, entry.takes_values)
        .and_then(|words| (entry.parse)(&words))
        .map_err(|problem| CommandError::Usage { name: entry.name, problem })
}

/// Words apart by blanks; a blank in double quotes belongs to its word, as in `this["a b"]`.
fn words(arguments: &str, takes_values: bool) -> Result<Vec<String>, Problem> {
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
    // Nothing of this reaches a shell; a word that is written for one is refused all the same.
    let is_for_a_shell = |c: &char| ";$()&|<>`'\\!*?{}~#%^".contains(*c);
    match words.iter().find_map(|word| Some((word, word.chars().find(is_for_a_shell)?))) {
        Some((word, character)) => Err(Problem::Character { word: cut(word), character }),
        None => Ok(words),
    }
}

fn none(words: &[String], command: Command) -> Result<Command, Problem> {
    if words.is_empty() { Ok(command) } else { Err(surplus(words)) }
}

fn stack(word: &str) -> Result<StackId, Problem> {
    if word.starts_with('-') {
        return Err(Problem::Flag(cut(word)));
    }
    // People copy the folder; it means the stack.
    let name = word.strip_prefix("stacks/").unwrap_or(word);
    StackId::parse(name).map_err(|_| Problem::Stack(cut(word)))
}

fn stacks(words: &[String]) -> Result<Vec<StackId>, Problem> {
    words.iter().map(|word| stack(word)).collect()
}

fn allow(words: &[String]) -> Result<Command, Problem> {
    let [first, addresses @ ..] = words else { return Err(Problem::Missing) };
    let stack = stack(first)?;
    if addresses.is_empty() {
        return Err(Problem::Missing);
    }
    let addresses = addresses.iter().map(|word| address(word)).collect::<Result<_, _>>()?;
    Ok(Command::Allow { stack, addresses })
}

fn address(word: &str) -> Result<String, Problem> {
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

fn set(words: &[String]) -> Result<Command, Problem> {
    let [first, params @ ..] = words else { return Err(Problem::Missing) };
    let stack = stack(first)?;
    if params.is_empty() {
        return Err(Problem::Missing);
    }
    let param = |word: &String| {
        let wrong = || Problem::Param(cut(word));
        let (path, value) = word.split_once('=').ok_or_else(wrong)?;
        Ok((ParamPath::parse(path).map_err(|_| wrong())?, value.to_owned()))
    };
    let params = params.iter().map(param).collect::<Result<_, _>>()?;
    Ok(Command::Set(SetParams { stack, params }))
}

fn answer(words: &[String]) -> Result<Command, Problem> {
    match words {
        [] => Err(Problem::Missing),
        [word] => match word.parse() {
            Ok(choice @ 1..=99) => Ok(Command::Tell(AgentCommand::Answer(choice))),
            _ => Err(Problem::Choice(cut(word))),
        },
        _ => Err(surplus(words)),
    }
}

fn apply(words: &[String]) -> Result<Command, Problem> {
    let digest = match words {
        [] => return Ok(Command::Apply { digest: None }),
        [flag] if flag == "--plan" => return Err(Problem::Missing),
        [flag, digest] if flag == "--plan" => digest.as_str(),
        [word] => word.strip_prefix("--plan=").ok_or_else(|| surplus(words))?,
        _ => return Err(surplus(words)),
    };
    let is_digest = digest.strip_prefix("v1:").is_some_and(|hex| {
        (12..=64).contains(&hex.len())
            && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    });
    if is_digest {
        Ok(Command::Apply { digest: Some(Digest::from_text(digest)) })
    } else {
        Err(Problem::Digest(cut(digest)))
    }
}

fn surplus(words: &[String]) -> Problem {
    match words.iter().find(|word| word.starts_with('-') && !word.starts_with("--plan")) {
        Some(flag) => Problem::Flag(cut(flag)),
        None => Problem::TooMany,
    }
}

/// Enough of a word to know it again; nobody's comment is repeated at length.
fn cut(word: &str) -> String {
    escape::shortened(word, 80)
}

fn usage(name: &str) -> String {
    let arguments = TABLE.iter().find(|entry| entry.name == name).map_or("", |e| e.arguments);
    format!("{} {name} {arguments}", line::PREFIX).trim_end().into()
}

fn names() -> String {
    let names: Vec<String> = TABLE.iter().map(|entry| format!("`{}`", entry.name)).collect();
    names.join(", ")
}

fn meant(nearest: &Option<&'static str>) -> String {
    nearest.map_or(String::new(), |name| format!(" Did you mean `{name}`?"))
}

fn nearest(word: &str) -> Option<&'static str> {
    if word.len() > 20 {
        return None;
    }
    TABLE
        .iter()
        .map(|entry| (strsim::damerau_levenshtein(word, entry.name), entry.name))
        .filter(|(distance, name)| *distance <= name.len() / 2)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
