//! A history as GitHub and the bot's record tell it, and what the rule says of that.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Commit, Given, History, OURS, Shown};
use crate::{
    actor::{Actor, ActorKind},
    approval::{ApprovalRule, Kind, PlanSetFacts, Recorded, Review, plan_set_digest},
    digest::Digest,
    names::{BranchName, PrNumber, RepoName, RepositoryId, StackId, UserId},
    people::{PeopleFacts, Push, PushKind, people, permissions_needed},
    pull_request::{CommitAuthors, PullRequest, PullRequestState},
    verdict::{Current, Outcome, StackFacts, VerdictFacts, verdict},
};

impl History {
    fn pull(&self) -> PullRequest {
        let kind = if Self::is_person(self.opener) { ActorKind::User } else { ActorKind::Bot };
        let commit = |commit: &Commit| CommitAuthors {
            sha: commit.sha.clone(),
            parents: commit.parent.clone().into_iter().collect(),
            users: commit.authors.iter().map(|it| (UserId(*it), self.login(*it))).collect(),
            unknown: usize::from(commit.has_unknown),
        };
        PullRequest {
            repository: RepositoryId(7),
            repo: RepoName::parse("acme/infra").unwrap(),
            is_archived: false,
            default_branch: None,
            node_id: "PR_1".into(),
            number: PrNumber(1),
            title: "Hello".into(),
            author: Actor { id: UserId(self.opener), login: self.login(self.opener), kind },
            state: PullRequestState::Open,
            is_draft: false,
            created_at: Timestamp::UNIX_EPOCH,
            reopened_at: None,
            head: self.now.head.clone(),
            head_ref: BranchName::parse("hello").unwrap(),
            head_repository: Some(RepositoryId(if self.is_fork { 8 } else { 7 })),
            base: Self::sha(1 << 40),
            base_ref: Self::base(&self.now),
            merge_commit: None,
            merged_at: None,
            merged_by: None,
            commits: self.commits.iter().map(commit).collect(),
            reviews: Vec::new(),
        }
    }

    fn base(shown: &Shown) -> BranchName {
        BranchName::parse(format!("base-{}", shown.base)).unwrap()
    }

    fn plan(shown: &Shown) -> Digest {
        Digest::from_text(format!("v1:{}-{}", shown.head, shown.base))
    }

    fn plans(shown: &Shown) -> Digest {
        let stack = StackId::parse("hello").unwrap();
        plan_set_digest(&[(stack, Self::plan(shown))].into(), &BTreeSet::new())
    }

    fn settings(shown: &Shown) -> Digest {
        Digest::from_text(format!("settings-{}-{}", shown.required, shown.is_self_allowed))
    }

    fn recorded_pushes(&self) -> Vec<Push> {
        let pushed = self.pushes.iter().filter(|it| it.is_recorded).map(|it| Push {
            before: it.before.clone(),
            after: Some(it.tip.clone()),
            by: UserId(it.by),
            login: self.login(it.by),
            kind: PushKind::Push,
        });
        let asked = self.asked.iter().map(|by| Push {
            before: None,
            after: None,
            by: UserId(*by),
            login: self.login(*by),
            kind: PushKind::Asked,
        });
        pushed.chain(asked).collect()
    }

    fn read_reviews(&self) -> Vec<Review> {
        let review = |given: &Given| Review {
            kind: Kind::Review,
            by: UserId(given.by),
            login: self.login(given.by),
            is_user: Self::is_person(given.by),
            by_mail: given.by_mail,
            approves: given.approves,
            head: Some(given.commit.clone()),
            at: Timestamp::from_second(given.at).unwrap(),
            may_write: self.writers.contains(&given.by) || !Self::is_person(given.by),
            recorded: Some(Recorded {
                head: given.shown.head.clone(),
                digest: Self::plans(&given.shown),
                settings_digest: Self::settings(&given.shown),
            }),
        };
        self.reviews.iter().map(review).collect()
    }

    /// Returns whether the rule approves, from what GitHub and the record say.
    pub(super) fn is_approved_by_the_rule(&self) -> bool {
        let (pull, pushes) = (self.pull(), self.recorded_pushes());
        let lifts = self.lifts.iter().filter(|(head, _)| *head == self.now.head);
        let facts = PeopleFacts {
            pull: &pull,
            pushes: &pushes,
            lifts: &lifts.map(|(_, by)| (UserId(*by), self.login(*by))).collect(),
            code_authors: &BTreeMap::new(),
            ours: &self.login(OURS),
            updates: &self
                .commits
                .iter()
                .filter(|it| it.is_update)
                .map(|it| it.sha.clone())
                .collect(),
        };
        // Only those are known who are asked for.
        let mut writers: BTreeSet<UserId> = permissions_needed(&facts).into_keys().collect();
        writers.retain(|user| self.writers.contains(&user.0));
        let people = people(&facts, &writers);
        let required = usize::try_from(self.now.required).unwrap();
        let rule = ApprovalRule { required, self_approval: self.now.is_self_allowed };
        let is_known = people.unknown.is_empty();
        let second = |second: i64| Timestamp::from_second(second).unwrap();
        let verdict = verdict(&VerdictFacts {
            current: &Current {
                head: self.now.head.clone(),
                base: Self::base(&self.now),
                settings_digest: Self::settings(&self.now),
            },
            plan_set: Some(&PlanSetFacts {
                head: self.now.head.clone(),
                base: Self::base(&self.now),
                digest: Self::plans(&self.now),
                settings_digest: Self::settings(&self.now),
                posted_at: self.first_posted.get(&self.now).copied().map(second),
                reopened_at: self.reopened_at.map(second),
            }),
            stacks: &[StackFacts {
                stack: StackId::parse("hello").unwrap(),
                outcome: Outcome::Planned,
                digest: Some(Self::plan(&self.now)),
                protected: BTreeSet::new(),
                changes_code: false,
            }],
            unfinished: None,
            changes_settings: false,
            changes_code: false,
            code: &BTreeSet::new(),
            principals: &people.principals,
            reviews: &self.read_reviews(),
            allowances: &[],
            rule: if is_known { rule } else { rule.with_unknown_hand() },
        });
        verdict.requirement().met
    }
}
