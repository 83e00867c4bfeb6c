//! The verdict in words: what is met, what is not, and why.

use planwright_core::{
    approval::{Discount, Why},
    escape,
    names::Sha,
    verdict::{Outcome, Reason, Requirement, What},
};

/// How many children of one requirement are told.
const MOST: usize = 12;

/// The requirements below the root as a list; of those that are met, only what is worth a line.
pub fn requirement_list(root: &Requirement) -> String {
    let mut lines = Vec::new();
    for requirement in &root.children {
        lines.push(line(requirement, 0));
        let told: Vec<&Requirement> =
            requirement.children.iter().filter(|child| is_worth_telling(child)).collect();
        lines.extend(told.iter().take(MOST).map(|child| line(child, 1)));
        if let Some(more) = told.len().checked_sub(MOST).filter(|more| *more > 0) {
            lines.push(format!("  - … and {} more", escape::grouped(more)));
        }
    }
    lines.join("\n")
}

/// The first thing that is not met, in words, without a sign.
pub fn first_unmet(root: &Requirement) -> Option<String> {
    let unmet = root.children.iter().find(|requirement| !requirement.met)?;
    Some(words(unmet))
}

/// Why an approval does not count, as the end of a sentence about it.
pub fn discount(why: &Discount) -> String {
    match why {
        Discount::Withdrawn => "withdrawn: the latest review does not approve".into(),
        Discount::NotAUser => "given by a bot".into(),
        Discount::Principal(why) => format!("{}, so it takes someone else", part(*why)),
        Discount::NoWriteAccess => "no write access now".into(),
        Discount::OtherHead => "given for another commit; approve once more".into(),
        Discount::NothingPosted | Discount::BeforePlan => {
            "given before this plan could be read; approve once more".into()
        }
        Discount::NotRecorded => "arrived while the bot was away; approve once more".into(),
        Discount::OtherPlan => "given for another plan; approve once more".into(),
        Discount::OtherPolicy => "given under another policy; approve once more".into(),
    }
}

/// What someone did to the change.
pub fn part(why: Why) -> &'static str {
    match why {
        Why::OpenedPullRequest => "opened the pull request",
        Why::Pushed => "pushed to it",
        Why::Authored => "wrote a commit of it",
    }
}

/// A commit as people know it.
pub fn short(sha: &Sha) -> &str {
    &sha.as_str()[..sha.as_str().len().min(7)]
}

fn is_worth_telling(requirement: &Requirement) -> bool {
    !requirement.met || matches!(requirement.what, What::ApprovalBy(_) | What::Protected { .. })
}

fn line(requirement: &Requirement, depth: usize) -> String {
    let sign = match (&requirement.what, requirement.met) {
        (_, true) => "✅",
        // It is one of several ways, so its failing alone stops nothing.
        (What::ApprovalBy(_), false) => "➖",
        (_, false) => "❌",
    };
    format!("{}- {sign} {}", "  ".repeat(depth), words(requirement))
}

/// A requirement and why it is met or not, in a line of Markdown.
pub fn words(requirement: &Requirement) -> String {
    let met = requirement.met;
    match &requirement.what {
        What::Applicable => if met { "can be applied" } else { "cannot be applied yet" }.into(),
        What::Finished => reason(&requirement.why),
        What::Planned if met => "planned without errors".into(),
        What::Planned => "not everything is planned".into(),
        What::Stack(stack) => format!("`{stack}`: {}", reason(&requirement.why)),
        What::Fresh if met => "the plan is of the current head, base and policy".into(),
        What::Fresh => "the plan is out of date".into(),
        What::SameHead | What::SameBase | What::SamePolicy | What::SamePlans => {
            reason(&requirement.why)
        }
        What::ProtectedAllowed if requirement.children.is_empty() => {
            "no protected resource is deleted or replaced".into()
        }
        What::ProtectedAllowed if met => "what goes away in protected slots is allowed".into(),
        What::ProtectedAllowed => "protected resources would be deleted or replaced; someone who \
                                   may approve allows it with `/infra allow STACK ADDRESS…`"
            .into(),
        What::Protected { stack, address } => {
            let address = escape::code(&escape::shortened(address, 120));
            format!("{address} in `{stack}`: {}", reason(&requirement.why))
        }
        What::Approved => reason(&requirement.why),
        What::ApprovalBy(login) => format!("`{login}`: {}", reason(&requirement.why)),
    }
}

fn reason(why: &Reason) -> String {
    match why {
        Reason::Children => String::new(),
        Reason::Unfinished(why) => format!("not finished: {why}"),
        Reason::NothingPlanned => "nothing is planned yet".into(),
        Reason::Outcome(outcome) => outcome_words(*outcome).into(),
        Reason::Same => "unchanged".into(),
        Reason::HeadMoved { planned, current } => {
            format!("`{}` was planned, the head is `{}` now", short(planned), short(current))
        }
        Reason::Retargeted { planned, current } => format!(
            "planned for {}, the base is {} now",
            escape::code(planned.as_str()),
            escape::code(current.as_str())
        ),
        Reason::PolicyChanged => "the policy at the base has changed since the plan".into(),
        Reason::PlansDiffer => "the stacks are not those of the plan set".into(),
        Reason::NoneProtected => "none is protected".into(),
        Reason::AllowedBy(login) => format!("allowed by `{login}`"),
        Reason::NotAllowed => "nobody has allowed it".into(),
        Reason::AllowanceDiscounted { by, why } => {
            format!("what `{by}` allowed does not count: {}", discount(why))
        }
        Reason::NothingToApprove => "nothing would change, so nobody has to approve".into(),
        Reason::Approvals { required: 0, .. } => "no approval is required".into(),
        Reason::Approvals { given, required } => format!("approved by {given} of {required}"),
        Reason::Counts => "approved".into(),
        Reason::CountsForOwnChange => {
            "approved their own change, which `approvals.self` allows here".into()
        }
        Reason::DoesNotCount(why) => format!("does not count: {}", discount(why)),
    }
}

fn outcome_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Planned => "planned",
        Outcome::NoChanges => "no changes",
        Outcome::Pending => "still being planned",
        Outcome::Invalid => "its configuration is invalid",
        Outcome::EngineFailed => "the plan failed",
        Outcome::NotPlanned => "not planned",
        Outcome::Conflict => "cannot be merged",
    }
}
