//! Who has a part in a change: its principals, and where nobody knows who wrote it.
//!
//! Pure: commits and their hands come from GitHub, pushes from what was recorded when they arrived.
//! Names in commits can be forged, pushes cannot: so a commit of somebody unknown counts as known
//! if a person with write access pushed it, who thereby is a principal.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    actor::Actor,
    approval::{Principal, PrincipalRole},
    names::{Login, Sha, UserId},
    pull_request::{CommitAuthors, PullRequest},
};

/// The account that commits what people do on GitHub's website.
pub const WEB_FLOW: &str = "web-flow";

/// A move of a branch, or a request to have it moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// `None` if the branch was new.
    pub before: Option<Sha>,
    /// `None` if nothing was left on it.
    pub after: Option<Sha>,
    pub by: UserId,
    pub login: Login,
    pub kind: PushKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushKind {
    Push,
    /// The branch was deleted, which shapes nothing.
    Deletion,
    /// Somebody asked the bot to commit to the branch.
    Asked,
}

/// Everything that decides who has a part in a change.
#[derive(Clone, Copy, Debug)]
pub struct PeopleFacts<'a> {
    pub pull: &'a PullRequest,
    /// The pushes to its branch, and those that brought one of its commits.
    pub pushes: &'a [Push],
    /// Who lifted the hold on its head or on code that it runs.
    pub lifts: &'a BTreeMap<UserId, Login>,
    /// Who wrote code that it runs and nobody has approved.
    pub code_authors: &'a BTreeMap<UserId, Login>,
    /// The bot's own login.
    pub ours: &'a Login,
    /// Its merges of the base that contain nothing else.
    pub updates: &'a BTreeSet<Sha>,
}

/// Something of a change of which nobody knows who did it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum UnknownHand {
    /// A commit that no known person wrote and no known writer pushed.
    Commit(Sha),
    /// It was opened by something else than a person.
    Opener,
    /// The bot opened it, and it is not known for whom.
    NobodyAsked,
}

/// Who has a part in a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    pub principals: Vec<Principal>,
    pub unknown: BTreeSet<UnknownHand>,
}

impl People {
    /// Returns the principals but for those who only lifted a hold: what they may not approve they
    /// may still have a look at.
    pub fn shapers(&self) -> Vec<Principal> {
        let mut shapers = self.principals.clone();
        shapers.retain(|principal| principal.why != PrincipalRole::Lifted);
        shapers
    }
}

/// Returns whose write permission [`people`] depends on. Usually nobody's.
pub fn permissions_needed(facts: &PeopleFacts<'_>) -> BTreeMap<UserId, Login> {
    let found = Found::new(facts);
    let nobody = BTreeSet::new();
    let mut needed: BTreeMap<UserId, Login> = found
        .unsettled(&nobody)
        .chain(found.is_opener_unknown().then_some(&facts.pull.head))
        .flat_map(|commit| found.pushes_of(commit))
        .filter(|push| found.is_person(push.by, &push.login))
        .map(|push| (push.by, push.login.clone()))
        .collect();
    if !facts.lifts.is_empty() {
        needed.extend(found.shapers().into_iter().map(|it| (it.user, it.login)));
    }
    needed
}

/// Decides who has a part in a change; `writers` are those of [`permissions_needed`] who can write
/// to the repository now.
pub fn people(facts: &PeopleFacts<'_>, writers: &BTreeSet<UserId>) -> People {
    let found = Found::new(facts);
    let mut principals = found.shapers();
    // Anyone can write the name of another into a commit, so an author who can write says nothing.
    let acted = |it: &&Principal| it.why != PrincipalRole::Authored;
    if !principals.iter().filter(acted).any(|it| writers.contains(&it.user)) {
        // Whoever lifts the hold is the first who can write, so it takes another one to approve.
        principals.extend(facts.lifts.iter().map(of_role(PrincipalRole::Lifted)));
    }
    let unsettled = found.unsettled(writers).cloned().map(UnknownHand::Commit);
    let mut unknown: BTreeSet<UnknownHand> = unsettled.collect();
    let vouched = || found.pushes_of(&facts.pull.head).any(|push| writers.contains(&push.by));
    if found.is_by_us() && !found.was_asked() {
        unknown.insert(UnknownHand::NobodyAsked);
    } else if found.is_opener_unknown() && !vouched() {
        unknown.insert(UnknownHand::Opener);
    }
    if principals.iter().any(|it| it.why == PrincipalRole::Lifted) {
        // Two people with write access stand behind the change already.
        unknown.clear();
    }
    People { principals: principals.into_iter().collect(), unknown }
}

/// Returns whether there is a commit in a branch of the same repository of which no push is known.
pub fn is_untraced(facts: &PeopleFacts<'_>) -> bool {
    let found = Found::new(facts);
    !facts.pull.is_from_fork()
        && facts.pull.commits.iter().any(|commit| found.pushes_of(&commit.sha).next().is_none())
}

/// Returns what makes a principal of an account.
fn of_role<'a>(why: PrincipalRole) -> impl Fn((&'a UserId, &'a Login)) -> Principal {
    move |(user, login)| Principal { user: *user, login: login.clone(), why }
}

/// The facts, with what each push brought.
struct Found<'a> {
    facts: &'a PeopleFacts<'a>,
    /// The accounts that are no people, under whatever login.
    bots: BTreeSet<UserId>,
    /// Each push, with the commits that it added to its branch.
    brought: Vec<Brought<'a>>,
}

struct Brought<'a> {
    push: &'a Push,
    commits: BTreeSet<&'a Sha>,
}

impl<'a> Found<'a> {
    fn new(facts: &'a PeopleFacts<'a>) -> Self {
        let pull = facts.pull;
        let commits: BTreeMap<_, _> = pull.commits.iter().map(|it| (&it.sha, it)).collect();
        let hands = pull.commits.iter().flat_map(|commit| &commit.users);
        let pushers = facts.pushes.iter().map(|push| (&push.by, &push.login));
        let author = (!pull.author.is_user()).then_some(pull.author.id);
        let is_bot = |login: &Login| login.as_str().ends_with("[bot]");
        let bots = hands.chain(pushers).filter(|(_, login)| is_bot(login)).map(|(id, _)| *id);
        let bots = bots.chain(author).chain([Actor::GHOST]).collect();
        let brought = facts.pushes.iter().filter(|push| push.kind == PushKind::Push);
        let brought = brought
            .map(|push| {
                let mut of_push = reachable(&commits, push.after.as_ref());
                let before = reachable(&commits, push.before.as_ref());
                of_push.retain(|commit| !before.contains(commit));
                Brought { push, commits: of_push }
            })
            .collect();
        Self { facts, bots, brought }
    }

    fn is_person(&self, user: UserId, login: &Login) -> bool {
        !self.bots.contains(&user) && login.as_str() != WEB_FLOW
    }

    fn is_by_us(&self) -> bool {
        self.facts.pull.author.login == *self.facts.ours
    }

    fn is_opener_unknown(&self) -> bool {
        !self.facts.pull.author.is_user() && !self.is_by_us()
    }

    /// Returns whether a person is known who asked the bot for its commits.
    fn was_asked(&self) -> bool {
        let asked = self.facts.pushes.iter().filter(|push| push.kind == PushKind::Asked);
        asked.into_iter().any(|push| self.is_person(push.by, &push.login))
    }

    /// Returns the pushes that brought a commit.
    fn pushes_of(&self, commit: &Sha) -> impl Iterator<Item = &'a Push> {
        let found = self.brought.iter().filter(move |it| it.commits.contains(commit));
        found.map(|it| it.push)
    }

    /// Returns the commits of which nobody knows who answers for them.
    fn unsettled(&self, writers: &BTreeSet<UserId>) -> impl Iterator<Item = &'a Sha> {
        let all = self.facts.pull.commits.iter();
        all.filter(|commit| !self.is_settled(commit, writers)).map(|commit| &commit.sha)
    }

    fn is_settled(&self, commit: &CommitAuthors, writers: &BTreeSet<UserId>) -> bool {
        let is_person = |push: &Push| self.is_person(push.by, &push.login);
        let pushes: Vec<&Push> = self.pushes_of(&commit.sha).collect();
        let is_vouched_for = |push: &&Push| is_person(push) && writers.contains(&push.by);
        let is_ours = |push: &&Push| push.login == *self.facts.ours;
        if self.facts.updates.contains(&commit.sha)
            || pushes.iter().any(is_vouched_for)
            || (pushes.iter().any(is_ours) && self.was_asked())
        {
            return true;
        }
        commit.unknown == 0
            && commit.users.iter().all(|(user, login)| self.is_person(*user, login))
            && pushes.iter().all(|push| is_person(push))
            // Pushes to a fork are not told to us; those to our own repository are.
            && (self.facts.pull.is_from_fork() || !pushes.is_empty())
    }

    /// Returns the principals but for those who only lifted a hold.
    fn shapers(&self) -> BTreeSet<Principal> {
        let PeopleFacts { pull, pushes, code_authors, updates, .. } = *self.facts;
        let opened = (&pull.author.id, &pull.author.login);
        let wrote = pull.commits.iter().filter(|commit| !updates.contains(&commit.sha));
        let wrote = wrote.flat_map(|commit| &commit.users).chain(code_authors);
        let only_updates = |it: &&Brought<'_>| {
            !it.commits.is_empty() && it.commits.iter().all(|commit| updates.contains(*commit))
        };
        let pushed = self.brought.iter().filter(|it| !only_updates(it)).map(|it| it.push);
        let pushed = pushed.map(|push| (&push.by, &push.login));
        let asked = pushes.iter().filter(|push| push.kind == PushKind::Asked);
        let asked = asked.map(|push| (&push.by, &push.login));
        [opened]
            .into_iter()
            .map(of_role(PrincipalRole::OpenedPullRequest))
            .chain(pushed.map(of_role(PrincipalRole::Pushed)))
            .chain(wrote.map(of_role(PrincipalRole::Authored)))
            .chain(asked.map(of_role(PrincipalRole::Asked)))
            .filter(|it| self.is_person(it.user, &it.login))
            .collect()
    }
}

/// Returns those of `commits` that are reachable from `tip` through one another.
fn reachable<'a>(
    commits: &BTreeMap<&'a Sha, &'a CommitAuthors>,
    tip: Option<&Sha>,
) -> BTreeSet<&'a Sha> {
    let mut seen = BTreeSet::new();
    let mut next: Vec<&Sha> = tip.into_iter().collect();
    while let Some(sha) = next.pop() {
        let Some((sha, commit)) = commits.get_key_value(sha) else { continue };
        if seen.insert(*sha) {
            next.extend(&commit.parents);
        }
    }
    seen
}

#[cfg(test)]
mod tests;
