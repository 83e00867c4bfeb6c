//! The verdict in words: which requirements are met, which are not, and why.

use planwright_core::{
    approval::{Disqualification, PrincipalRole},
    verdict::{Outcome, Requirement, RequirementKind, RequirementStatus},
};

use super::{
    doc::{Block, Item, Mark, Marked, Text, code, more, short_code, words},
    run::unfinished,
};
use crate::text;

/// How many children of one requirement are shown.
const MOST: usize = 12;

/// Returns the requirements below the root as a list. Of their children, those that are met are
/// shown only if people want to see them.
pub fn requirement_list(root: &Requirement) -> Block {
    let item = |requirement: &Requirement| {
        let told: Vec<&Requirement> =
            requirement.children.iter().filter(|child| is_worth_telling(child)).collect();
        let mut below: Vec<Item> =
            told.iter().take(MOST).map(|child| Item::new(marked(child))).collect();
        below.extend(more(told.len(), MOST).map(Item::more));
        Item { below, ..Item::new(marked(requirement)) }
    };
    Block::List(root.children.iter().map(item).collect())
}

/// Returns why an approval does not count, as the end of a sentence.
pub fn disqualification(why: &Disqualification) -> Text {
    match why {
        Disqualification::Withdrawn => "withdrawn: the latest review does not approve",
        Disqualification::NotAUser => "given by a bot",
        Disqualification::ByMail => "given by mail; approve once more on GitHub",
        Disqualification::Principal(why) => {
            return text![principal_role(*why), ", so it takes someone else"];
        }
        Disqualification::NoWriteAccess => "no write access now",
        Disqualification::BeforeReopened => "given before it was reopened; approve once more",
        Disqualification::OtherHead => "given for another commit; approve once more",
        Disqualification::NothingPosted | Disqualification::BeforePlan => {
            "given before this plan could be read; approve once more"
        }
        Disqualification::NotRecorded => "arrived while the bot was away; approve once more",
        Disqualification::OtherPlan => "given for another plan; approve once more",
        Disqualification::OtherSettings => "given under other settings; approve once more",
    }
    .into()
}

/// Returns what somebody did that makes them a principal.
pub fn principal_role(why: PrincipalRole) -> &'static str {
    match why {
        PrincipalRole::OpenedPullRequest => "opened the pull request",
        PrincipalRole::Pushed => "pushed to it",
        PrincipalRole::Authored => "wrote a commit of it",
        PrincipalRole::Asked => "asked for a commit of it",
        PrincipalRole::Lifted => "requested the plan of what nobody with write access made",
    }
}

fn is_worth_telling(requirement: &Requirement) -> bool {
    !requirement.met
        || matches!(
            requirement.what,
            RequirementKind::ApprovalBy(_) | RequirementKind::Protected { .. }
        )
}

fn marked(requirement: &Requirement) -> Marked {
    let mark = match (&requirement.what, requirement.met) {
        (_, true) => Mark::Good,
        // Other approvals may count, so this one alone blocks nothing.
        (RequirementKind::ApprovalBy(_), false) => Mark::Moot,
        (_, false) => Mark::Bad,
    };
    Marked { mark, text: requirement_words(requirement) }
}

/// Returns a requirement, and why it is met or not, on one line.
pub fn requirement_words(requirement: &Requirement) -> Text {
    let met = requirement.met;
    match &requirement.what {
        RequirementKind::Applicable if met => "can be applied".into(),
        RequirementKind::Applicable => "cannot be applied yet".into(),
        RequirementKind::Planned if met => "planned without errors".into(),
        RequirementKind::Planned => "not everything is planned".into(),
        RequirementKind::Stack(stack) => text![stack, ": ", reason(&requirement.why)],
        RequirementKind::Fresh if met => {
            "the plan is of the current head, base and settings".into()
        }
        RequirementKind::Fresh => "the plan is out of date".into(),
        RequirementKind::Finished
        | RequirementKind::SameHead
        | RequirementKind::SameBase
        | RequirementKind::SameSettings
        | RequirementKind::SamePlans
        | RequirementKind::Approved => reason(&requirement.why),
        RequirementKind::ProtectedAllowed if requirement.children.is_empty() => {
            "no protected resource is deleted or replaced".into()
        }
        RequirementKind::ProtectedAllowed if met => {
            "what goes away in protected slots is allowed".into()
        }
        RequirementKind::ProtectedAllowed => text![
            "protected resources would be deleted or replaced; someone who may approve allows it \
             with ",
            code("/infra allow STACK ADDRESS…")
        ],
        RequirementKind::Protected { stack, address } => {
            text![short_code(address, 120), " in ", stack, ": ", reason(&requirement.why)]
        }
        RequirementKind::ApprovalBy(login) => text![login, ": ", reason(&requirement.why)],
    }
}

fn reason(why: &RequirementStatus) -> Text {
    match why {
        RequirementStatus::Children => Text::default(),
        RequirementStatus::Unfinished(why) => text!["not finished: ", unfinished(why)],
        RequirementStatus::NothingPlanned => "nothing is planned yet".into(),
        RequirementStatus::Outcome(outcome) => outcome_words(*outcome).into(),
        RequirementStatus::Same => "unchanged".into(),
        RequirementStatus::HeadMoved { planned, current } => {
            text![planned, " was planned, the head is ", current, " now"]
        }
        RequirementStatus::Retargeted { planned, current } => {
            text!["planned for ", code(planned), ", the base is ", code(current), " now"]
        }
        RequirementStatus::SettingsChanged => {
            "the settings at the base have changed since the plan".into()
        }
        RequirementStatus::PlansDiffer => "the stacks are not those of the plan set".into(),
        RequirementStatus::NoneProtected => "none is protected".into(),
        RequirementStatus::AllowedBy(login) => text!["allowed by ", login],
        RequirementStatus::NotAllowed => "nobody has allowed it".into(),
        RequirementStatus::AllowanceDiscounted { by, why } => {
            text!["what ", by, " allowed does not count: ", disqualification(why)]
        }
        RequirementStatus::NothingToApprove => {
            "nothing would change, so nobody has to approve".into()
        }
        RequirementStatus::Approvals { required: 0, .. } => "no approval is required".into(),
        RequirementStatus::Approvals { given, required } => {
            text!["approved by ", words(given), " of ", words(required)]
        }
        RequirementStatus::Counts => "approved".into(),
        RequirementStatus::CountsForOwnChange => {
            text!["approved their own change, which ", code("approvals.self"), " allows here"]
        }
        RequirementStatus::DoesNotCount(why) => text!["does not count: ", disqualification(why)],
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
