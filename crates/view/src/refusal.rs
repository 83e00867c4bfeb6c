//! Why something that was asked for is not done: expected, and worded for the person who asked.

use planwright_core::{
    approval::PrincipalRole,
    command::CommandError,
    digest::Digest,
    escape,
    finding::Finding,
    names::{BranchName, Login, StackId},
};

use super::{requirement::part, stack::finding_list};

/// Posted as it stands, on one line; safe in Markdown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{0}")]
    Command(CommandError),
    #[error(
        "`/infra {command}` needs write access to the repository, which `{login}` does not have."
    )]
    NotAllowed { login: Login, command: &'static str },
    #[error("`/infra {command}` takes someone who had no part in the change; `{login}` {}.", part(*.why))]
    Principal { login: Login, command: &'static str, why: PrincipalRole },
    #[error(
        "This change brings other code of the package {}, and to have it run takes someone who had no \
         part in the change; `{login}` {}.", escape::code(&escape::shortened(.package, 80)), part(*.why)
    )]
    OwnCode { login: Login, package: String, why: PrincipalRole },
    #[error(
        "This branch is in a fork, so nothing of it is run. A maintainer can plan this very head with \
         `/infra plan`."
    )]
    Fork,
    #[error("There is no stack `{stack}`{}", known_stacks(.stack, .known))]
    UnknownStack { stack: StackId, known: Vec<StackId> },
    #[error("The pull request does not affect `{stack}`, so there is nothing of it to plan here.")]
    NotAffected { stack: StackId },
    #[error("{} is no resource of `{stack}` in a protected slot that this plan deletes or replaces{}.", escape::code(&escape::shortened(.address, 200)), known_addresses(.known))]
    NotProtected { stack: StackId, address: String, known: Vec<String> },
    #[error("Nothing is planned yet; `/infra plan` plans the current head.")]
    NothingPlanned,
    #[error("The plan is of another head; the current one is being planned. Ask again after that.")]
    Outdated,
    #[error(
        "The pull request is not merged, and only what is merged is applied. Merging applies it."
    )]
    NotMerged,
    #[error("The pull request is closed; reopen it to have it planned.")]
    Closed,
    #[error("{} is not the plan at hand, which is `{}`. Read it, and name that one.", escape::code(.typed.as_str()), .current.short())]
    OtherPlan { typed: Digest, current: Digest },
    #[error("What would happen now was not approved. Read it, then name its digest: `/infra apply --plan {}`.", .current.short())]
    PlanNeeded { current: Digest },
    #[error("`planwright.yaml` has changed since this was planned. Read by what it is judged now, then confirm: `/infra apply --plan {}`.", .current.short())]
    PolicyChanged { current: Digest },
    #[error("This change affects no stack, so there is nothing to apply.")]
    NothingToApply,
    /// What is missing, as [`super::first_unmet`] words it.
    #[error("This change cannot be applied yet: {0}.")]
    NotMet(String),
    #[error("Everything of this change is applied; there is nothing to retry.")]
    AlreadyApplied,
    #[error("A newer change of the same stacks was applied before; this one would take it back.")]
    Superseded,
    /// An apply that was asked for did not end well; what it came to stands in the report.
    #[error(
        "It is not applied, or only in part; the first comment of Planwright says why, and what stands."
    )]
    ApplyFailed,
    #[error("Stopped before it was done: it was cancelled, or something newer took its place.")]
    Stopped,
    #[error("This change holds no lock{0} and waits for none.", of(.stack.as_ref()))]
    NothingLocked { stack: Option<StackId> },
    #[error("The lock{} is in use by an apply that runs; `/infra cancel` stops it.", of(.stack.as_ref()))]
    LockInUse { stack: Option<StackId> },
    #[error("The branch is in a fork, to which Planwright never writes: change `{}` there by hand.", .stack)]
    SetInFork { stack: StackId },
    /// What validation says, on several lines.
    #[error("That change is not valid, so nothing was committed:\n\n{}", finding_list(.0))]
    Invalid(Vec<Finding>),
    #[error("The params have these values already; nothing was committed.")]
    NothingToSet,
    #[error("Somebody pushed to the branch at the same moment; nothing was committed. Ask again.")]
    HeadMoved,
    #[error("The branch `{0}` has commits of others; delete it, or work on it by hand.")]
    BranchTaken(BranchName),
    #[error("The issue is closed; reopen it first.")]
    IssueClosed,
    #[error(
        "No model is set up for this Planwright, so it reads no free text. `/infra set STACK PATH=VALUE` changes a param, and an issue form asks for a stack."
    )]
    NoModel,
    #[error("There is no run of the agent here; `/infra propose` on an issue begins one.")]
    NoRun,
    #[error("The agent asks nothing here that could be answered.")]
    NoQuestion,
    #[error("That is none of the {0} choices.")]
    NoSuchChoice(usize),
    #[error("The question is older than a week; `/infra propose` begins anew.")]
    Expired,
    #[error("The agent is still at work; `/infra cancel` stops it.")]
    StillAtWork,
    #[error("This run was superseded or cancelled; `/infra propose` begins a new one.")]
    RunGone,
    #[error("`/infra propose` is for issues; `/infra revise` changes what was proposed here.")]
    ProposeOnPullRequest,
    #[error(
        "The issue has words of `{0}`, who has no write access, so they are not read. Say yourself what is wanted: `/infra propose TEXT`."
    )]
    Outsider(Login),
    #[error("Nothing runs for this pull request.")]
    NothingRunning,
}

impl From<CommandError> for Refusal {
    fn from(error: CommandError) -> Self {
        Self::Command(error)
    }
}

fn known_stacks(stack: &StackId, known: &[StackId]) -> String {
    let wanted = stack.to_string();
    let nearest = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(&wanted, &known.to_string()), known))
        .filter(|(distance, _)| *distance <= wanted.len() / 2)
        .min();
    if let Some((_, nearest)) = nearest {
        return format!(". Did you mean `{nearest}`?");
    }
    match known.len() {
        0 => ", nor any other.".into(),
        n if n > 10 => format!("; there are {n}, `/infra status` lists those affected."),
        _ => {
            let names: Vec<String> = known.iter().map(|known| format!("`{known}`")).collect();
            format!("; the stacks are {}.", names.join(", "))
        }
    }
}

fn known_addresses(known: &[String]) -> String {
    if known.is_empty() {
        return ", so nothing has to be allowed".into();
    }
    let names: Vec<String> = known
        .iter()
        .take(5)
        .map(|address| escape::code(&escape::shortened(address, 120)))
        .collect();
    format!("; those are {}", names.join(", "))
}

fn of(stack: Option<&StackId>) -> String {
    stack.map_or(String::new(), |stack| format!(" of `{stack}`"))
}
