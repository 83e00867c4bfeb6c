//! The verdict in words: what is met, what is not, and why.

use planwright_core::{
    approval::{Disqualification, PrincipalRole},
    escape,
    names::Sha,
    verdict::{Outcome, Requirement, RequirementKind, RequirementStatus},
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
pub fn discount(why: &Disqualification) -> String {
    match why {
        Disqualification::Withdrawn => "withdrawn: the latest review does not approve".into(),
        Disqualification::NotAUser => "given by a bot".into(),
        Disqualification::Principal(why) => format!("{}, so it takes someone else", part(*why)),
        Disqualification::NoWriteAccess => "no write access now".into(),
        Disqualification::OtherHead => "given for another commit; approve once more".into(),
        Disqualification::NothingPosted | Disqualification::BeforePlan => {
            "given before this plan could be read; approve once more".into()
        }
        Disqualification::NotRecorded => "arrived while the bot was away; approve once more".into(),
        Disqualification::OtherPlan => "given for another plan; approve once more".into(),
        Disqualification::OtherPolicy => "given under another policy; approve once more".into(),
    }
}

/// What someone did to the change.
pub fn part(why: PrincipalRole) -> &'static str {
    match why {
        PrincipalRole::OpenedPullRequest => "opened the pull request",
        PrincipalRole::Pushed => "pushed to it",
        PrincipalRole::Authored => "wrote a commit of it",
    }
}

/// A commit as people know it.
pub fn short(sha: &Sha) -> &str {
    &sha.as_str()[..sha.as_str().len().min(7)]
}

fn is_worth_telling(requirement: &Requirement) -> bool {
    !requirement.met
        || matches!(
            requirement.what,
            RequirementKind::ApprovalBy(_) | RequirementKind::Protected { .. }
        )
}

fn line(requirement: &Requirement, depth: usize) -> String {
    let sign = match (&requirement.what, requirement.met) {
        (_, true) => "✅",
        // It is one of several ways, so its failing alone stops nothing.
        (RequirementKind::ApprovalBy(_), false) => "➖",
        (_, false) => "❌",
    };
    format!("{}- {sign} {}", "  ".repeat(depth), words(requirement))
}

/// A requirement and why it is met or not, in a line of Markdown.
pub fn words(requirement: &Requirement) -> String {
    let met = requirement.met;
    match &requirement.what {
        RequirementKind::Applicable => {
            if met { "can be applied" } else { "cannot be applied yet" }.into()
        }
        RequirementKind::Finished => reason(&requirement.why),
        RequirementKind::Planned if met => "planned without errors".into(),
        RequirementKind::Planned => "not everything is planned".into(),
        RequirementKind::Stack(stack) => format!("`{stack}`: {}", reason(&requirement.why)),
        RequirementKind::Fresh if met => "the plan is of the current head, base and policy".into(),
        RequirementKind::Fresh => "the plan is out of date".into(),
        RequirementKind::SameHead
        | RequirementKind::SameBase
        | RequirementKind::SamePolicy
        | RequirementKind::SamePlans => reason(&requirement.why),
        RequirementKind::ProtectedAllowed if requirement.children.is_empty() => {
            "no protected resource is deleted or replaced".into()
        }
        RequirementKind::ProtectedAllowed if met => {
            "what goes away in protected slots is allowed".into()
        }
        RequirementKind::ProtectedAllowed => {
            "protected resources would be deleted or replaced; someone who \
                                   may approve allows it with `/infra allow STACK ADDRESS…`"
                .into()
        }
        RequirementKind::Protected { stack, address } => {
            let address = escape::code(&escape::shortened(address, 120));
            format!("{address} in `{stack}`: {}", reason(&requirement.why))
        }
        RequirementKind::Approved => reason(&requirement.why),
        RequirementKind::ApprovalBy(login) => format!("`{login}`: {}", reason(&requirement.why)),
    }
}

fn reason(why: &RequirementStatus) -> String {
    match why {
        RequirementStatus::Children => String::new(),
        RequirementStatus::Unfinished(why) => format!("not finished: {why}"),
        RequirementStatus::NothingPlanned => "nothing is planned yet".into(),
        RequirementStatus::Outcome(outcome) => outcome_words(*outcome).into(),
        RequirementStatus::Same => "unchanged".into(),
        RequirementStatus::HeadMoved { planned, current } => {
            format!("`{}` was planned, the head is `{}` now", short(planned), short(current))
        }
        RequirementStatus::Retargeted { planned, current } => format!(
            "planned for {}, the base is {} now",
            escape::code(planned.as_str()),
            escape::code(current.as_str())
        ),
        RequirementStatus::PolicyChanged => {
            "the policy at the base has changed since the plan".into()
        }
        RequirementStatus::PlansDiffer => "the stacks are not those of the plan set".into(),
        RequirementStatus::NoneProtected => "none is protected".into(),
        RequirementStatus::AllowedBy(login) => format!("allowed by `{login}`"),
        RequirementStatus::NotAllowed => "nobody has allowed it".into(),
        RequirementStatus::AllowanceDiscounted { by, why } => {
            format!("what `{by}` allowed does not count: {}", discount(why))
        }
        RequirementStatus::NothingToApprove => {
            "nothing would change, so nobody has to approve".into()
        }
        RequirementStatus::Approvals { required: 0, .. } => "no approval is required".into(),
        RequirementStatus::Approvals { given, required } => {
            format!("approved by {given} of {required}")
        }
        RequirementStatus::Counts => "approved".into(),
        RequirementStatus::CountsForOwnChange => {
            "approved their own change, which `approvals.self` allows here".into()
        }
        RequirementStatus::DoesNotCount(why) => format!("does not count: {}", discount(why)),
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
