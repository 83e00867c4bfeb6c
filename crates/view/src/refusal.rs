//! Why a request is not carried out: expected cases, worded for the person who asked.

use std::fmt;

use planwright_core::{
    approval::PrincipalRole,
    command::CommandError,
    digest::Digest,
    finding::Finding,
    names::{BranchName, Login, StackId},
    verdict::Requirement,
};

use super::{
    command::command_error,
    doc::{Doc, Text, code, foreign, short_code, words},
    requirement::{principal_role, requirement_words},
    stack::finding_list,
    terminal::terminal,
};
use crate::text;

/// Why a request is not carried out, with the values that the sentence contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    Command(CommandError),
    NotAllowed {
        login: Login,
        command: &'static str,
    },
    /// The comment came by mail, and the command is carried out only if it is written on GitHub.
    ByMail {
        command: &'static str,
    },
    /// The plan was asked for by mail, and would lift the hold on what is not run.
    LiftByMail,
    /// The comment has other words now than those that were delivered.
    CommentChanged,
    Principal {
        login: Login,
        command: &'static str,
        why: PrincipalRole,
    },
    OwnCode {
        login: Login,
        package: String,
        why: PrincipalRole,
    },
    Fork,
    UnknownStack {
        stack: StackId,
        known: Vec<StackId>,
    },
    NotAffected {
        stack: StackId,
    },
    NotProtected {
        stack: StackId,
        address: String,
        known: Vec<String>,
    },
    NothingPlanned,
    Outdated,
    NotMerged,
    Closed,
    OtherPlan {
        typed: Digest,
        current: Digest,
    },
    PlanNeeded {
        current: Digest,
    },
    SettingsChanged {
        current: Digest,
    },
    NothingToApply,
    NotMet(Missing),
    AlreadyApplied,
    Superseded,
    /// An apply that was asked for failed or was applied in part. The report says more.
    ApplyFailed,
    Stopped,
    NothingLocked {
        stack: Option<StackId>,
    },
    LockInUse {
        stack: Option<StackId>,
    },
    SetInFork {
        stack: StackId,
    },
    Invalid(Vec<Finding>),
    NothingToSet,
    HeadMoved,
    BranchTaken(BranchName),
    IssueClosed,
    NoModel,
    NoRun,
    NoQuestion,
    NoSuchChoice(usize),
    Expired,
    StillAtWork,
    RunGone,
    ProposeOnPullRequest,
    Outsider(Login),
    NothingRunning,
}

/// Why a change cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    Requirement(Box<Requirement>),
    /// The settings have these errors, so there can be no verdict.
    Settings(Vec<Finding>),
    /// Its base is not the default branch.
    OtherBase,
    /// It was merged into another branch than the default one.
    MergedElsewhere,
    Approval,
}

impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        Self::Command(error)
    }
}

/// Writes plain text, for logs.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(terminal(&self.doc()).trim_end())
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    /// Returns the reply to the person who asked.
    pub fn doc(&self) -> Doc {
        let mut doc = Doc::from(self.sentence());
        if let Self::Invalid(findings) = self {
            doc.push(finding_list(findings));
        }
        doc
    }

    /// Returns the sentence with which [`Self::doc`] begins.
    pub fn sentence(&self) -> Text {
        match self {
            Self::Command(_)
            | Self::NotAllowed { .. }
            | Self::Principal { .. }
            | Self::OwnCode { .. }
            | Self::UnknownStack { .. }
            | Self::NotAffected { .. }
            | Self::NotProtected { .. }
            | Self::Outsider(_) => self.of_the_command(),
            Self::ByMail { .. } | Self::LiftByMail | Self::CommentChanged => self.of_the_comment(),
            Self::Fork
            | Self::NothingPlanned
            | Self::Outdated
            | Self::Closed
            | Self::OtherPlan { .. }
            | Self::PlanNeeded { .. }
            | Self::SettingsChanged { .. } => self.of_the_plan(),
            Self::NotMerged
            | Self::NothingToApply
            | Self::NotMet(_)
            | Self::AlreadyApplied
            | Self::Superseded
            | Self::ApplyFailed
            | Self::Stopped
            | Self::NothingLocked { .. }
            | Self::LockInUse { .. }
            | Self::NothingRunning => self.of_the_apply(),
            Self::SetInFork { .. }
            | Self::Invalid(_)
            | Self::NothingToSet
            | Self::HeadMoved
            | Self::BranchTaken(_)
            | Self::IssueClosed => self.of_the_branch(),
            Self::NoModel
            | Self::NoRun
            | Self::NoQuestion
            | Self::NoSuchChoice(_)
            | Self::Expired
            | Self::StillAtWork
            | Self::RunGone
            | Self::ProposeOnPullRequest => self.of_the_run(),
        }
    }

    /// Words refusals of a command itself: of its syntax, its author or its arguments.
    fn of_the_command(&self) -> Text {
        match self {
            Self::Command(error) => command_error(error),
            Self::NotAllowed { login, command } => text![
                slash(command),
                " needs write access to the repository, which ",
                login,
                " does not have."
            ],
            Self::Principal { login, command, why } => text![
                slash(command),
                " takes someone who had no part in the change; ",
                login,
                " ",
                principal_role(*why),
                "."
            ],
            Self::OwnCode { login, package, why } => text![
                "Nobody has approved the code of the package ",
                short_code(package, 80),
                " yet, and to have it run takes someone who had no part in the change; ",
                login,
                " ",
                principal_role(*why),
                "."
            ],
            Self::UnknownStack { stack, known } => {
                text!["There is no stack ", stack, known_stacks(stack, known)]
            }
            Self::NotAffected { stack } => text![
                "The pull request does not affect ",
                stack,
                ", so there is nothing of it to plan here."
            ],
            Self::NotProtected { stack, address, known } => text![
                short_code(address, 200),
                " is no resource of ",
                stack,
                " in a protected slot that this plan deletes or replaces",
                known_addresses(known),
                "."
            ],
            Self::Outsider(login) => text![
                "The issue has words of ",
                login,
                ", who has no write access, so they are not read. Say yourself what is wanted: ",
                slash("propose TEXT"),
                "."
            ],
            _ => Text::default(),
        }
    }

    /// Words refusals of a comment as a whole: of how it came, or that it is another one now.
    fn of_the_comment(&self) -> Text {
        match self {
            Self::ByMail { command } => text![
                "This came by mail, and a mail is easily sent in the name of another. ",
                slash(command),
                " is carried out only if it is written on GitHub: write it there."
            ],
            Self::LiftByMail => text![
                "This came by mail, and a mail is easily sent in the name of another. To have run \
                 what is not run yet takes ",
                slash("plan"),
                " on GitHub: write it there."
            ],
            Self::CommentChanged => "The comment was changed after it was sent, so nothing of it \
                                     was carried out. Write a new comment."
                .into(),
            _ => Text::default(),
        }
    }

    /// Words refusals that concern the plan.
    fn of_the_plan(&self) -> Text {
        let confirm = |plan: &Digest| code(format_args!("/infra apply --plan {}", plan.short()));
        match self {
            Self::Fork => text![
                "This branch is in a fork, so nothing of it is run. A maintainer can plan this very \
                 head with ",
                slash("plan"),
                "."
            ],
            Self::NothingPlanned => {
                text!["Nothing is planned yet; ", slash("plan"), " plans the current head."]
            }
            Self::Outdated => "The plan is of another head; the current one is being planned. Ask \
                               again after that."
                .into(),
            Self::Closed => "The pull request is closed; reopen it to have it planned.".into(),
            Self::OtherPlan { typed, current } => text![
                code(typed.as_str()),
                " is not the plan at hand, which is ",
                code(current.short()),
                ". Read it, and name that one."
            ],
            Self::PlanNeeded { current } => text![
                "What would happen now was not approved. Read it, then name its digest: ",
                confirm(current),
                "."
            ],
            Self::SettingsChanged { current } => text![
                code("planwright.yaml"),
                " has changed since this was planned. Read by what it is judged now, then confirm: ",
                confirm(current),
                "."
            ],
            _ => Text::default(),
        }
    }

    /// Words refusals that concern an apply, or its result.
    fn of_the_apply(&self) -> Text {
        match self {
            Self::NotMerged => {
                "The pull request is not merged, and only what is merged is applied. \
                                Merging applies it."
                    .into()
            }
            Self::NothingToApply => {
                "This change affects no stack, so there is nothing to apply.".into()
            }
            Self::NotMet(missing) => {
                text!["This change cannot be applied yet: ", missing_words(missing), "."]
            }
            Self::AlreadyApplied => {
                "Everything of this change is applied; there is nothing to retry.".into()
            }
            Self::Superseded => "A newer change of the same stacks was applied before; this one \
                                 would take it back."
                .into(),
            Self::ApplyFailed => "It is not applied, or only in part; the first comment of \
                                  Planwright says why, and what stands."
                .into(),
            Self::Stopped => {
                "Stopped before it was done: it was cancelled, or something newer took \
                              its place."
                    .into()
            }
            Self::NothingLocked { stack } => {
                text!["This change holds no lock", of_stack(stack.as_ref()), " and waits for none."]
            }
            Self::LockInUse { stack } => text![
                "The lock",
                of_stack(stack.as_ref()),
                " is in use by an apply that runs; ",
                slash("cancel"),
                " stops it."
            ],
            Self::NothingRunning => "Nothing runs for this pull request.".into(),
            _ => Text::default(),
        }
    }

    /// Words refusals to write to a branch.
    fn of_the_branch(&self) -> Text {
        match self {
            Self::SetInFork { stack } => text![
                "The branch is in a fork, to which Planwright never writes: change ",
                stack,
                " there by hand."
            ],
            Self::Invalid(_) => "That change is not valid, so nothing was committed:".into(),
            Self::NothingToSet => {
                "The params have these values already; nothing was committed.".into()
            }
            Self::HeadMoved => "Somebody pushed to the branch at the same moment; nothing was \
                                committed. Ask again."
                .into(),
            Self::BranchTaken(branch) => text![
                "The branch ",
                code(branch),
                " exists already, with something else on it or made by somebody else; delete it, or \
                 work on it by hand."
            ],
            Self::IssueClosed => "The issue is closed; reopen it first.".into(),
            _ => Text::default(),
        }
    }

    /// Words refusals that concern a run of the agent.
    fn of_the_run(&self) -> Text {
        match self {
            Self::NoModel => text![
                "No model is set up for this Planwright, so it reads no free text. ",
                slash("set STACK PATH=VALUE"),
                " changes a param, and an issue form asks for a stack."
            ],
            Self::NoRun => text![
                "There is no run of the agent here; ",
                slash("propose"),
                " on an issue begins one."
            ],
            Self::NoQuestion => "The agent asks nothing here that could be answered.".into(),
            Self::NoSuchChoice(count) => text!["That is none of the ", words(count), " choices."],
            Self::Expired => {
                text!["The question is older than a week; ", slash("propose"), " begins anew."]
            }
            Self::StillAtWork => {
                text!["The agent is still at work; ", slash("cancel"), " stops it."]
            }
            Self::RunGone => text![
                "This run was superseded or cancelled; ",
                slash("propose"),
                " begins a new one."
            ],
            Self::ProposeOnPullRequest => text![
                slash("propose"),
                " is for issues; ",
                slash("revise"),
                " changes what was proposed here."
            ],
            _ => Text::default(),
        }
    }
}

/// Returns a command as it is typed.
fn slash(command: &str) -> Text {
    code(format_args!("/infra {command}")).into()
}

fn known_stacks(stack: &StackId, known: &[StackId]) -> Text {
    let wanted = stack.to_string();
    let nearest = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(&wanted, &known.to_string()), known))
        .filter(|(distance, _)| *distance <= wanted.len() / 2)
        .min();
    if let Some((_, nearest)) = nearest {
        return text![". Did you mean ", nearest, "?"];
    }
    match known.len() {
        0 => ", nor any other.".into(),
        n if n > 10 => {
            text!["; there are ", words(n), ", ", slash("status"), " lists those affected."]
        }
        _ => text!["; the stacks are ", Text::join(known.iter().map(Text::from), ", "), "."],
    }
}

fn known_addresses(known: &[String]) -> Text {
    if known.is_empty() {
        return ", so nothing has to be allowed".into();
    }
    let names = known.iter().take(5).map(|address| Text::from(short_code(address, 120)));
    text!["; those are ", Text::join(names, ", ")]
}

fn of_stack(stack: Option<&StackId>) -> Option<Text> {
    stack.map(|stack| text![" of ", stack])
}

/// Returns what is missing, as the end of a sentence.
fn missing_words(missing: &Missing) -> Text {
    match missing {
        Missing::Requirement(requirement) => requirement_words(requirement),
        Missing::Settings(findings) => {
            let message = |finding: &Finding| foreign(&finding.message, usize::MAX).into();
            Text::join(findings.iter().map(message), "; ")
        }
        Missing::OtherBase => {
            "only settings of the default branch are trusted, and it is into another".into()
        }
        Missing::MergedElsewhere => "it was merged into another branch than the default one".into(),
        Missing::Approval => "an approval is missing".into(),
    }
}
