//! The commands, each with its row, its parser and the job that it causes.

use super::{
    AllowedOn, Entry, Given, Problem, Row, Spec, Who,
    words::{address, cut, stack, stacks, surplus},
};
use crate::{
    change_set::ParamPath,
    digest::Digest,
    job::{self, AgentCommand, Job, SetParams},
    names::StackId,
};

/// Defines [`Command`] and the table. A command without a [`Spec`] does not compile.
macro_rules! commands {
    ($($name:ident),+ $(,)?) => {
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Command {
            $($name($name)),+
        }

        /// All commands. Help, the README's table and "did you mean" are made from it.
        pub(super) const TABLE: &[Entry] = &[$(Entry {
            row: &<$name as Spec>::ROW,
            parse: |words| <$name as Spec>::parse(words).map(Command::$name),
        }),+];

        impl Command {
            pub fn row(&self) -> &'static Row {
                match self {
                    $(Self::$name(_) => &<$name as Spec>::ROW),+
                }
            }

            /// Returns the job that carries the command out, or `None` if it is answered at once.
            /// The caller has checked that the author may give the command.
            pub fn job(self, given: Given<'_>) -> Option<Job> {
                match self {
                    $(Self::$name(command) => command.job(given)),+
                }
            }
        }
    };
}

commands! {
    Help, Plan, Drift, Status, Allow, Set, Propose, Revise, Answer, Apply, Unlock, Cancel,
}

/// Fails if there are any arguments.
fn none<T>(words: &[String], command: T) -> Result<T, Problem> {
    if words.is_empty() { Ok(command) } else { Err(surplus(words)) }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Help;

impl Spec for Help {
    const ROW: Row = Row {
        name: "help",
        arguments: "",
        help: "Show this list.",
        who: Who::Anyone,
        allowed_on: AllowedOn::IssuesAndPullRequests,
        by_mail: true,
        takes_values: false,
    };

    fn parse(words: &[String]) -> Result<Self, Problem> {
        none(words, Self)
    }
}

/// Plans `stacks`, or all affected stacks if it is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub stacks: Vec<StackId>,
}

impl Spec for Plan {
    const ROW: Row = Row {
        name: "plan",
        arguments: "[STACK…]",
        help: "Plan again, on the current head.",
        who: Who::Writer,
        allowed_on: AllowedOn::PullRequests,
        by_mail: true,
        takes_values: false,
    };

    fn parse(words: &[String]) -> Result<Self, Problem> {
        Ok(Self { stacks: stacks(words)? })
    }

    fn job(self, given: Given<'_>) -> Option<Job> {
        let asked = Some(given.invocation.clone());
        Some(job::Plan { target: given.target.clone(), asked, stacks: self.stacks }.into())
    }
}

/// Checks `stacks` for drift, or all affected stacks if it is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    pub stacks: Vec<StackId>,
}

impl Spec for Drift {
    const ROW: Row = Row {
        name: "drift",
        arguments: "[STACK…]",
        help: "Show what was changed behind the configuration's back.",
        who: Who::Writer,
        allowed_on: AllowedOn::PullRequests,
        by_mail: true,
        takes_values: false,
    };

    fn parse(words: &[String]) -> Result<Self, Problem> {
        Ok(Self { stacks: stacks(words)? })
    }

    fn job(self, given: Given<'_>) -> Option<Job> {
        let (target, asked) = (given.target.clone(), given.invocation.clone());
        Some(job::Drift { target, asked, stacks: self.stacks }.into())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status;

impl Spec for Status {
    const ROW: Row = Row {
        name: "status",
        arguments: "",
        help: "Show what is met, what is missing and what waits.",
        who: Who::Anyone,
        allowed_on: AllowedOn::PullRequests,
        by_mail: true,
        takes_values: false,
    };

    fn parse(words: &[String]) -> Result<Self, Problem> {
        none(words, Self)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    pub stack: StackId,
    pub addresses: Vec<String>,
}

impl Spec for Allow {
    const ROW: Row = Row {
        name: "allow",
        arguments: "STACK ADDRESS…",
        help: "Allow these protected resources to be deleted or replaced, in the plan shown.",
        who: Who::Approver,
        allowed_on: AllowedOn::PullRequests,
        by_mail: false,
        takes_values: false,
    };

    fn parse(words: &[String]) -> Result<Self, Problem> {
        let [first, addresses @ ..] = words else { return Err(Problem::Missing) };
        let stack = stack(first)?;
        if addresses.is_empty() {
            return Err(Problem::Missing);
        }
        let addresses = addresses.iter().map(|word| address(word)).collect::<Result<_, _>>()?;
        Ok(Self { stack, addresses })
    }

    fn job(self, given: Given<'_>) -> Option<Job> {
        let (target, asked) = (given.target.clone(), given.invocation.clone());
        Some(job::Allow { target, asked, stack: self.stack, addresses: self.addresses }.into())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set(pub SetParams);

impl Spec for Set {
    const ROW: Row = Row {
        name: "set",
        arguments: "STACK PATH=VALUE…",
        help: "Change params of a stack: on an issue by a new pull request, on a pull request by a commit to it.",
        who: Who::Writer,
        allowed_on: AllowedOn::IssuesAndPullRequests,
        by_mail: false,
        takes_values: true,
    };

    fn parse(words: &[String]) -> Result<Self, Problem> {
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
        Ok(Self(SetParams { stack, params }))
    }

    fn job(self, given: Given<'_>) -> Option<Job> {
        let (target, asked) = (given.target.clone(), given.invocation.clone());
        let on_pull_request = given.on_pull_request;
        Some(job::Set { target, asked, change: self.0, on_pull_request }.into())
    }
}

/// Returns the job that passes a command on to a run of the agent.
fn instruct(given: Given<'_>, command: AgentCommand) -> Option<Job> {
    let (target, asked) = (given.target.clone(), given.invocation.clone());
    Some(job::Instruct { target, asked, command }.into())
}

/// Starts a run with the text of the issue and this text, which may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Propose(pub String);

impl Spec for Propose {
    const ROW: Row = Row {
        name: "propose",
        arguments: "[TEXT]",
        help: "On an issue: have the agent propose what it asks for, and TEXT.",
        who: Who::Writer,
        allowed_on: AllowedOn::IssuesAndPullRequests,
        by_mail: false,
        takes_values: true,
    };

    fn parse(words: &[String]) -> Result<Self, Problem> {
        Ok(Self(words.join(" ")))
    }

    fn job(self, given: Given<'_>) -> Option<Job> {
        instruct(given, AgentCommand::Propose(self.0))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revise(pub String);

impl Spec for Revise {
    const ROW: Row = Row {
        name: "revise",
        arguments: "TEXT",
        help: "Have the agent change what it proposed.",
        who: Who::Writer,
        allowed_on: AllowedOn::IssuesAndPullRequests,
        by_mail: false,
        takes_values: true,
    };

    fn parse(words: &[String]) -> Result<Self, Problem> {
        if words.is_empty() { Err(Problem::Missing) } else { Ok(Self(words.join(" "))) }
    }

    fn job(self, given: Given<'_>) -> Option<Job> {
        instruct(given, AgentCommand::Revise(self.0))
    }
}

/// The number of the chosen answer, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer(pub u64);

impl Spec for Answer {
    const ROW: Row = Row {
        name: "answer",
        arguments: "N",
        help: "Answer the question of the agent with the choice of that number.",
        who: Who::Writer,
        allowed_on: AllowedOn::IssuesAndPullRequests,
        by_mail: false,
        takes_values: false,
    };

    fn parse(words: &[String]) -> Result<Self, Problem> {
        match words {
            [] => Err(Problem::Missing),
            [word] => match word.parse() {
                Ok(choice @ 1..=99) => Ok(Self(choice)),
                _ => Err(Problem::Choice(cut(word))),
            },
            _ => Err(surplus(words)),
        }
    }

    fn job(self, given: Given<'_>) -> Option<Job> {
        instruct(given, AgentCommand::Answer(self.0))
    }
}

/// The digest is as it was typed, perhaps shortened: compare it with [`Digest::is_meant_by`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apply {
    pub digest: Option<Digest>,
}

impl Spec for Apply {
    const ROW: Row = Row {
        name: "apply",
        arguments: "[--plan DIGEST]",
        help: "After the merge: retry a failed apply, or confirm by its digest a plan that differs.",
        who: Who::Approver,
        allowed_on: AllowedOn::PullRequests,
        by_mail: false,
        takes_values: false,
    };

    fn parse(words: &[String]) -> Result<Self, Problem> {
        let digest = match words {
            [] => return Ok(Self { digest: None }),
            [flag] if flag == "--plan" => return Err(Problem::Missing),
            [flag, digest] if flag == "--plan" => digest.as_str(),
            [word] => word.strip_prefix("--plan=").ok_or_else(|| surplus(words))?,
            _ => return Err(surplus(words)),
        };
        let is_digest = digest.strip_prefix("v1:").is_some_and(|hex| {
            (12..=64).contains(&hex.len())
                && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        });
        match is_digest {
            true => Ok(Self { digest: Some(Digest::from_text(digest)) }),
            false => Err(Problem::Digest(cut(digest))),
        }
    }

    fn job(self, given: Given<'_>) -> Option<Job> {
        let asked = Some(given.invocation.clone());
        let digest = self.digest.map(|digest| digest.to_string());
        Some(job::Apply { target: given.target.clone(), asked, digest }.into())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlock {
    pub stack: Option<StackId>,
}

impl Spec for Unlock {
    const ROW: Row = Row {
        name: "unlock",
        arguments: "[STACK]",
        help: "Release the locks that this change holds.",
        who: Who::Writer,
        allowed_on: AllowedOn::PullRequests,
        by_mail: false,
        takes_values: false,
    };

    fn parse(words: &[String]) -> Result<Self, Problem> {
        match words {
            [] => Ok(Self { stack: None }),
            [word] => Ok(Self { stack: Some(stack(word)?) }),
            _ => Err(Problem::TooMany),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancel;

impl Spec for Cancel {
    const ROW: Row = Row {
        name: "cancel",
        arguments: "",
        help: "Stop what runs for this pull request.",
        who: Who::Writer,
        allowed_on: AllowedOn::IssuesAndPullRequests,
        by_mail: true,
        takes_values: false,
    };

    fn parse(words: &[String]) -> Result<Self, Problem> {
        none(words, Self)
    }
}
