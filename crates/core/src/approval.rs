//! Which approvals of a planned change count, and why others do not.
//!
//! Pure: the input is [`PlanSetFacts`], [`Principal`]s and [`Review`]s, the result [`Approvals`].
//! What else an apply needs is in `verdict`, and the texts are in the crate `view`. Nothing here
//! asks GitHub or reads a clock: `may_write` is what `flow::facts` read from GitHub just before.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    digest::Digest,
    names::{BranchName, Login, Sha, StackId, UserId},
};

/// What is to be approved: all plans of one head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSetFacts {
    pub head: Sha,
    /// The branch into which the head was merged for planning.
    pub base: BranchName,
    pub digest: Digest,
    pub settings_digest: Digest,
    /// When the comment first showed this digest, by GitHub's clock; `None` before.
    pub posted_at: Option<Timestamp>,
    /// When the pull request was last reopened, by GitHub's clock.
    pub reopened_at: Option<Timestamp>,
}

/// Returns the digest over the plans of all stacks and the repository's own code, to which an
/// approval is bound. Without such code it is the digest over the plans.
pub fn plan_set_digest(plans: &BTreeMap<StackId, Digest>, code: &BTreeSet<Digest>) -> Digest {
    let parts: Vec<String> =
        plans.iter().flat_map(|(stack, digest)| [stack.to_string(), digest.to_string()]).collect();
    let plans = Digest::of_parts("v1", parts.iter().map(String::as_bytes));
    if code.is_empty() {
        return plans;
    }
    let parts = ["code", plans.as_str()].into_iter().chain(code.iter().map(Digest::as_str));
    Digest::of_parts("v1", parts.map(str::as_bytes))
}

/// Someone who shaped the configuration of a change, and so may not approve it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Principal {
    pub user: UserId,
    pub login: Login,
    pub why: PrincipalRole,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalRole {
    OpenedPullRequest,
    Pushed,
    Authored,
    /// Asked the bot for a commit.
    Asked,
    /// Lifted a hold, where no other principal can write to the repository.
    Lifted,
}

/// A review or a command that approves, with what GitHub says of its author now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    pub kind: Kind,
    pub by: UserId,
    pub login: Login,
    /// Whether GitHub's type of the account is `User`: no bot, app or organisation.
    pub is_user: bool,
    /// Whether GitHub says that it was given by mail.
    pub by_mail: bool,
    /// Whether the review's state is APPROVED now, so not if it was dismissed or replaced.
    pub approves: bool,
    /// The review's `commit_id`; GitHub drops it when the commit is gone.
    pub head: Option<Sha>,
    /// By GitHub's clock.
    pub at: Timestamp,
    /// Whether the author has write access now. It may have been withdrawn since the review.
    pub may_write: bool,
    /// What the bot recorded when the review arrived; `None` if it missed the delivery.
    pub recorded: Option<Recorded>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Review,
    /// `/infra apply --plan DIGEST` on a merged change.
    Confirm,
    /// `/infra allow`: allows changes of protected resources, and approves nothing else.
    Allow,
}

/// What a review was about, recorded when it arrived.
///
/// GitHub moves the `commit_id` of an old review to the new head after a rebase without changes to
/// the patch, so `commit_id` alone proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    pub head: Sha,
    pub digest: Digest,
    pub settings_digest: Digest,
}

/// `approvals` of `planwright.yaml` at the base commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRule {
    pub required: usize,
    /// `self: true`: approvals of principals count, too.
    pub self_approval: bool,
}

impl ApprovalRule {
    /// Returns the rule for a change of which somebody unknown has a part: one approval more, since
    /// one of the others may be theirs. Where principals may approve, that changes nothing.
    pub fn with_unknown_hand(self) -> Self {
        let more = usize::from(!self.self_approval);
        Self { required: self.required.saturating_add(more), ..self }
    }
}

/// Who has approved a plan set, and whose approvals do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approvals {
    pub by: BTreeMap<UserId, Login>,
    /// Those in `by` who are principals; empty unless the repository allows self-approval.
    pub by_principals: BTreeSet<UserId>,
    pub disqualified: BTreeMap<UserId, Disqualified>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disqualified {
    pub login: Login,
    pub why: Disqualification,
}

/// Why an approval does not count. If there are several reasons, people read the first in this
/// order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Disqualification {
    /// The author requested changes later, or the review was dismissed.
    Withdrawn,
    NotAUser,
    /// A mail is easily sent in the name of another, and holds words of others.
    ByMail,
    Principal(PrincipalRole),
    NoWriteAccess,
    /// The pull request was closed and reopened since.
    BeforeReopened,
    OtherHead,
    /// No plan was posted that the author could have read.
    NothingPosted,
    /// The approval is not later than the plan. The same moment does not count either.
    BeforePlan,
    /// The bot missed its delivery, so nobody knows which plan it was about.
    NotRecorded,
    OtherPlan,
    OtherSettings,
}

impl PlanSetFacts {
    /// Returns which of `reviews`, in any order, count for this plan set.
    pub fn approvals(
        &self,
        reviews: &[Review],
        principals: &[Principal],
        rule: ApprovalRule,
    ) -> Approvals {
        let mut approvals = Approvals::default();
        for review in latest(reviews).into_values() {
            let role = principal_role(review.by, principals);
            match self.disqualification(review, role, rule) {
                None => {
                    approvals.by.insert(review.by, review.login.clone());
                    approvals.by_principals.extend(role.map(|_| review.by));
                }
                Some(why) => {
                    let login = review.login.clone();
                    approvals.disqualified.insert(review.by, Disqualified { login, why });
                }
            }
        }
        approvals
    }

    /// Returns why `review` does not count, if so; `role` is its author's part in the change.
    pub fn disqualification(
        &self,
        review: &Review,
        role: Option<PrincipalRole>,
        rule: ApprovalRule,
    ) -> Option<Disqualification> {
        let principal = role.filter(|_| !rule.self_approval).map(Disqualification::Principal);
        let was_of = review.recorded.as_ref().map_or(&self.head, |recorded| &recorded.head);
        let is_of_head = review.head.as_ref() == Some(&self.head) && *was_of == self.head;
        let head = (!is_of_head).then_some(Disqualification::OtherHead);
        let is_of_before = self.reopened_at.is_some_and(|reopened_at| review.at <= reopened_at);
        let time = match self.posted_at {
            None => Some(Disqualification::NothingPosted),
            Some(posted_at) => (review.at <= posted_at).then_some(Disqualification::BeforePlan),
        };
        (!review.approves)
            .then_some(Disqualification::Withdrawn)
            .or((!review.is_user).then_some(Disqualification::NotAUser))
            .or(review.by_mail.then_some(Disqualification::ByMail))
            .or(principal)
            .or((!review.may_write).then_some(Disqualification::NoWriteAccess))
            .or(is_of_before.then_some(Disqualification::BeforeReopened))
            .or(head)
            .or_else(|| self.disqualification_of_record(review.recorded.as_ref()?))
            .or(time)
            .or(review.recorded.is_none().then_some(Disqualification::NotRecorded))
    }

    /// Returns what the record alone disqualifies. This reason says more than the time does, so it
    /// comes first.
    fn disqualification_of_record(&self, recorded: &Recorded) -> Option<Disqualification> {
        (recorded.digest != self.digest)
            .then_some(Disqualification::OtherPlan)
            .or((recorded.settings_digest != self.settings_digest)
                .then_some(Disqualification::OtherSettings))
    }
}

/// Returns the role for which someone is a principal, the first one if there are several.
pub fn principal_role(user: UserId, principals: &[Principal]) -> Option<PrincipalRole> {
    principals.iter().filter(|principal| principal.user == user).map(|p| p.why).min()
}

/// Returns the last review of each person; of two at the same moment, the one that does not
/// approve.
fn latest(reviews: &[Review]) -> BTreeMap<UserId, &Review> {
    let mut in_order: Vec<&Review> =
        reviews.iter().filter(|review| review.kind != Kind::Allow).collect();
    in_order.sort_by_key(|review| (review.at, !review.approves));
    in_order.into_iter().map(|review| (review.by, review)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: UserId = UserId(1);
    const BOB: UserId = UserId(2);
    const RULE: ApprovalRule = ApprovalRule { required: 1, self_approval: false };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn sha(digit: &str) -> Sha {
        Sha::parse(digit.repeat(40)).unwrap()
    }

    fn login(name: &str) -> Login {
        Login::parse(name).unwrap()
    }

    /// A plan set of head `b`, posted at second 10.
    fn plan_set() -> PlanSetFacts {
        PlanSetFacts {
            head: sha("b"),
            base: BranchName::parse("main").unwrap(),
            digest: Digest::from_text("v1:plan"),
            settings_digest: Digest::from_text("sha256:settings"),
            posted_at: Some(at(10)),
            reopened_at: None,
        }
    }

    fn principals() -> Vec<Principal> {
        vec![
            Principal { user: ALICE, login: login("alice"), why: PrincipalRole::Pushed },
            Principal { user: ALICE, login: login("alice"), why: PrincipalRole::OpenedPullRequest },
        ]
    }

    fn recorded() -> Recorded {
        Recorded {
            head: sha("b"),
            digest: Digest::from_text("v1:plan"),
            settings_digest: Digest::from_text("sha256:settings"),
        }
    }

    /// Bob's approval of the posted plan at second 11. It counts.
    fn approval() -> Review {
        Review {
            kind: Kind::Review,
            by: BOB,
            login: login("bob"),
            is_user: true,
            by_mail: false,
            approves: true,
            head: Some(sha("b")),
            at: at(11),
            may_write: true,
            recorded: Some(recorded()),
        }
    }

    fn approvals(reviews: &[Review]) -> Approvals {
        plan_set().approvals(reviews, &principals(), RULE)
    }

    #[test]
    fn an_approval_of_the_posted_plan_counts() {
        let given = approvals(&[approval()]);
        assert_eq!(given.by, [(BOB, login("bob"))].into());
        assert!(given.disqualified.is_empty());
    }

    #[test]
    fn each_flaw_alone_disqualifies_it() {
        let other = |vary: fn(&mut Recorded)| {
            let mut recorded = recorded();
            vary(&mut recorded);
            Review { recorded: Some(recorded), ..approval() }
        };
        for (flawed, why) in [
            (Review { approves: false, ..approval() }, Disqualification::Withdrawn),
            (Review { is_user: false, ..approval() }, Disqualification::NotAUser),
            (Review { by_mail: true, ..approval() }, Disqualification::ByMail),
            (
                Review { by: ALICE, ..approval() },
                Disqualification::Principal(PrincipalRole::OpenedPullRequest),
            ),
            (Review { may_write: false, ..approval() }, Disqualification::NoWriteAccess),
            (Review { head: Some(sha("a")), ..approval() }, Disqualification::OtherHead),
            (Review { head: None, ..approval() }, Disqualification::OtherHead),
            (Review { at: at(10), ..approval() }, Disqualification::BeforePlan),
            (Review { at: at(9), ..approval() }, Disqualification::BeforePlan),
            (Review { recorded: None, ..approval() }, Disqualification::NotRecorded),
            (other(|r| r.head = sha("a")), Disqualification::OtherHead),
            (other(|r| r.digest = Digest::from_text("v1:other")), Disqualification::OtherPlan),
            (
                other(|r| r.settings_digest = Digest::from_text("sha256:x")),
                Disqualification::OtherSettings,
            ),
        ] {
            let given = approvals(std::slice::from_ref(&flawed));
            assert!(given.by.is_empty(), "{why:?}");
            assert_eq!(given.disqualified[&flawed.by].why, why);
        }
    }

    #[test]
    fn nothing_counts_until_the_plan_is_posted() {
        let unposted = PlanSetFacts { posted_at: None, ..plan_set() };
        let given = unposted.approvals(&[approval()], &principals(), RULE);
        assert_eq!(given.disqualified[&BOB].why, Disqualification::NothingPosted);
    }

    #[test]
    fn whoever_changes_their_mind_has_one_review() {
        let regret = Review { approves: false, at: at(12), ..approval() };
        for reviews in [[approval(), regret.clone()], [regret, approval()]] {
            let given = approvals(&reviews);
            assert_eq!(given.disqualified[&BOB].why, Disqualification::Withdrawn);
        }
        let again = Review { at: at(13), ..approval() };
        let regret = Review { approves: false, at: at(12), ..approval() };
        assert_eq!(approvals(&[again, regret]).by.len(), 1);
    }

    #[test]
    fn of_two_reviews_in_one_second_the_one_against_holds() {
        let against = Review { approves: false, ..approval() };
        for reviews in [[approval(), against.clone()], [against, approval()]] {
            assert!(approvals(&reviews).by.is_empty());
        }
    }

    #[test]
    fn allowing_a_resource_is_no_approval() {
        assert!(approvals(&[Review { kind: Kind::Allow, ..approval() }]).by.is_empty());
    }

    #[test]
    fn what_was_approved_before_it_was_reopened_is_approved_no_more() {
        for (second, counts) in [(10, true), (11, false), (12, false)] {
            let reopened = PlanSetFacts { reopened_at: Some(at(second)), ..plan_set() };
            let given = reopened.approvals(&[approval()], &principals(), RULE);
            let why = given.disqualified.get(&BOB).map(|it| it.why.clone());
            let expected = (!counts).then_some(Disqualification::BeforeReopened);
            assert_eq!(why, expected, "{second}");
        }
    }

    #[test]
    fn two_approvals_by_one_person_are_one() {
        let twice = [approval(), Review { at: at(12), kind: Kind::Confirm, ..approval() }];
        assert_eq!(approvals(&twice).by.len(), 1);
    }

    #[test]
    fn a_principal_counts_only_where_the_repository_says_so_and_is_named() {
        let own = Review { by: ALICE, login: login("alice"), ..approval() };
        let rule = ApprovalRule { self_approval: true, ..RULE };
        let given = plan_set().approvals(std::slice::from_ref(&own), &principals(), rule);
        assert_eq!(given.by_principals, [ALICE].into());
        assert!(approvals(&[own]).by.is_empty());
    }

    #[test]
    fn an_unknown_hand_takes_one_approval_more_where_principals_may_not_approve() {
        for (required, self_approval, expected) in [(0, false, 1), (1, false, 2), (1, true, 1)] {
            let rule = ApprovalRule { required, self_approval }.with_unknown_hand();
            assert_eq!(rule, ApprovalRule { required: expected, self_approval });
        }
    }

    #[test]
    fn the_digest_of_a_plan_set_depends_on_each_stack_each_plan_and_the_code() {
        let stack = |name| StackId::parse(name).unwrap();
        let set = |name, digest, code: &[&str]| {
            let code = code.iter().map(|text| Digest::from_text(*text)).collect();
            plan_set_digest(&[(stack(name), Digest::from_text(digest))].into(), &code)
        };
        assert_ne!(set("a", "v1:1", &[]), set("b", "v1:1", &[]));
        assert_ne!(set("a", "v1:1", &[]), set("a", "v1:2", &[]));
        assert_eq!(set("a", "v1:1", &[]), set("a", "v1:1", &[]));
        assert_ne!(set("a", "v1:1", &[]), set("a", "v1:1", &["sha256:1"]));
        assert_ne!(set("a", "v1:1", &["sha256:1"]), set("a", "v1:1", &["sha256:2"]));
    }
}
