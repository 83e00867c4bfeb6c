//! The rule of approvals against a second, plain model of it, over random histories of a change.
//!
//! The model looks at the history itself: who did what, and what was to be read at that time. The
//! rule sees only what GitHub and the bot's record have of it.

mod facts;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::names::{Login, Sha};

/// Accounts from here on are bots.
const WORKFLOW: i64 = 8;
const OURS: i64 = 9;
const PEOPLE: i64 = 6;

/// Random numbers that are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: i64) -> i64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        i64::try_from((word ^ (word >> 31)) % u64::try_from(bound).unwrap()).unwrap()
    }

    fn one_in(&mut self, many: i64) -> bool {
        self.below(many) == 0
    }

    fn person(&mut self) -> i64 {
        1 + self.below(PEOPLE)
    }
}

/// A commit, with all that is to be known of it.
#[derive(Clone)]
struct Commit {
    sha: Sha,
    parent: Option<Sha>,
    /// The accounts of its authors and committers.
    authors: BTreeSet<i64>,
    /// Whether one of its addresses belongs to no account.
    has_unknown: bool,
    /// Whether it is a merge of the base without anything else.
    is_update: bool,
}

/// A push, with the commits that it put on the branch.
struct Pushed {
    by: i64,
    before: Option<Sha>,
    tip: Sha,
    commits: BTreeSet<Sha>,
    is_recorded: bool,
}

/// What people read before they approve: head, base and settings.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Shown {
    head: Sha,
    base: i64,
    required: i64,
    is_self_allowed: bool,
}

struct Given {
    by: i64,
    approves: bool,
    by_mail: bool,
    at: i64,
    /// What stood in the comment at that time.
    shown: Shown,
    /// The commit that GitHub ties it to, which a rebase moves.
    commit: Sha,
}

/// A pull request and its repository, as they are after a history.
struct History {
    random: Random,
    clock: i64,
    writers: BTreeSet<i64>,
    renamed: BTreeSet<i64>,
    opener: i64,
    is_fork: bool,
    asked: BTreeSet<i64>,
    commits: Vec<Commit>,
    pushes: Vec<Pushed>,
    lifts: Vec<(Sha, i64)>,
    reviews: Vec<Given>,
    /// What the change is now, and what was posted of it last.
    now: Shown,
    posted: Shown,
    first_posted: BTreeMap<Shown, i64>,
    reopened_at: Option<i64>,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let writers = (1..=PEOPLE).filter(|_| !random.one_in(4)).collect();
        let opener = match random.below(6) {
            0 => OURS,
            1 => WORKFLOW,
            _ => random.person(),
        };
        let is_fork = opener < WORKFLOW && random.one_in(4);
        let asked = if opener == OURS && !random.one_in(4) { Some(random.person()) } else { None };
        let head = Self::sha(0);
        let now = Shown { head, base: 0, required: 1, is_self_allowed: false };
        let mut history = Self {
            random,
            clock: 0,
            writers,
            renamed: BTreeSet::new(),
            opener,
            is_fork,
            asked: asked.into_iter().collect(),
            commits: Vec::new(),
            pushes: Vec::new(),
            lifts: Vec::new(),
            reviews: Vec::new(),
            posted: now.clone(),
            now,
            first_posted: BTreeMap::new(),
            reopened_at: None,
        };
        history.push(opener, 0);
        history.post();
        for _ in 0..1 + history.random.below(14) {
            history.clock += 1;
            history.happen();
        }
        history.post();
        history
    }

    fn sha(number: i64) -> Sha {
        Sha::parse(format!("{number:040x}")).unwrap()
    }

    fn login(&self, user: i64) -> Login {
        let name = match user {
            WORKFLOW => "ci[bot]".to_owned(),
            OURS => "planwright[bot]".to_owned(),
            user if self.renamed.contains(&user) => format!("renamed-{user}"),
            user => format!("user-{user}"),
        };
        Login::parse(name).unwrap()
    }

    /// The bot posts the plan of what the change is now.
    fn post(&mut self) {
        self.clock += 1;
        self.first_posted.entry(self.now.clone()).or_insert(self.clock);
        self.posted = self.now.clone();
    }

    /// Something happens.
    fn happen(&mut self) {
        let person = self.random.person();
        match self.random.below(14) {
            0 | 1 => {
                let by = if self.random.one_in(6) { WORKFLOW } else { person };
                let dropped = if self.random.one_in(3) { self.random.below(3) } else { 0 };
                self.push(by, dropped);
            }
            2 => self.update(person),
            3..=6 => self.review(),
            7 => self.lifts.push((self.now.head.clone(), person)),
            8 => {
                if !self.writers.remove(&person) {
                    self.writers.insert(person);
                }
            }
            9 => self.now.base = 1 - self.now.base,
            10 => self.reopened_at = Some(self.clock),
            11 => drop(self.renamed.insert(person)),
            12 => {
                self.now.required = self.random.below(3);
                self.now.is_self_allowed = self.random.one_in(3);
            }
            _ => self.rebase(),
        }
        // A review may be quicker than the next plan.
        if !self.random.one_in(4) {
            self.post();
        }
    }

    /// Drops commits from the end of the branch, and pushes another one.
    fn push(&mut self, by: i64, dropped: i64) {
        let kept = self.commits.len().saturating_sub(usize::try_from(dropped).unwrap());
        let author = if self.random.one_in(4) { self.random.person() } else { by };
        let has_unknown = self.random.one_in(4);
        let authors = if has_unknown && self.random.one_in(2) { None } else { Some(author) };
        let commit = Commit {
            sha: Self::sha(self.clock * 10 + 1),
            parent: None,
            authors: authors.into_iter().collect(),
            has_unknown,
            is_update: false,
        };
        self.put(by, kept, commit);
    }

    /// Somebody updates the branch by a merge of the base.
    fn update(&mut self, by: i64) {
        let commit = Commit {
            sha: Self::sha(self.clock * 10 + 2),
            parent: None,
            authors: [by].into(),
            has_unknown: false,
            is_update: true,
        };
        self.put(by, self.commits.len(), commit);
    }

    /// Puts a commit behind the first `kept` ones.
    fn put(&mut self, by: i64, kept: usize, commit: Commit) {
        let before = self.commits.last().map(|commit| commit.sha.clone());
        let is_forced = kept < self.commits.len();
        self.commits.truncate(kept);
        let parent = self.commits.last().map(|commit| commit.sha.clone());
        self.now.head = commit.sha.clone();
        self.commits.push(Commit { parent, ..commit });
        let brought = if is_forced { 0 } else { self.commits.len() - 1 };
        let is_recorded = !self.is_fork && !self.random.one_in(10);
        self.pushes.push(Pushed {
            by,
            before,
            tip: self.now.head.clone(),
            commits: self.commits[brought..].iter().map(|commit| commit.sha.clone()).collect(),
            is_recorded,
        });
    }

    fn review(&mut self) {
        let by = if self.random.one_in(10) { WORKFLOW } else { self.random.person() };
        let given = Given {
            by,
            approves: !self.random.one_in(5),
            by_mail: self.random.one_in(10),
            at: self.clock,
            shown: self.posted.clone(),
            commit: self.now.head.clone(),
        };
        self.reviews.push(given);
    }

    /// A push of the same patches, after which GitHub ties all reviews to the new head.
    fn rebase(&mut self) {
        let by = self.random.person();
        self.push(by, i64::try_from(self.commits.len()).unwrap());
        for given in &mut self.reviews {
            given.commit = self.now.head.clone();
        }
    }
}

/// The plain model.
impl History {
    fn is_person(user: i64) -> bool {
        user <= PEOPLE
    }

    /// Returns what a recorded push still has on the branch: nothing if its tip is gone.
    fn remains(&self, pushed: &Pushed) -> Vec<&Commit> {
        let is_there = self.commits.iter().any(|commit| commit.sha == pushed.tip);
        let of_push = |commit: &&Commit| is_there && pushed.commits.contains(&commit.sha);
        self.commits.iter().filter(of_push).collect()
    }

    /// Returns who pushed a commit, as far as it was recorded.
    fn pushers(&self, commit: &Commit) -> Vec<i64> {
        let brought = |it: &&Pushed| self.remains(it).iter().any(|other| other.sha == commit.sha);
        self.pushes.iter().filter(|it| it.is_recorded).filter(brought).map(|it| it.by).collect()
    }

    fn takes_part(&self, user: i64) -> bool {
        self.shapes(user) || self.is_first_writer(user)
    }

    /// Returns whether somebody lifted the hold on the head where nobody who acted can write.
    fn is_first_writer(&self, user: i64) -> bool {
        let can_write = |it: i64| self.acted(it) && self.writers.contains(&it);
        let has_lifted = self.lifts.iter().any(|(head, by)| *head == self.now.head && *by == user);
        has_lifted && !(1..=PEOPLE).any(can_write)
    }

    fn shapes(&self, user: i64) -> bool {
        let wrote = |commit: &Commit| !commit.is_update && commit.authors.contains(&user);
        self.acted(user) || self.commits.iter().any(wrote)
    }

    /// Returns whether somebody opened the change, asked for it or pushed to it.
    fn acted(&self, user: i64) -> bool {
        let pushed = |it: &Pushed| {
            let remains = self.remains(it);
            let is_only_updates = !remains.is_empty() && remains.iter().all(|it| it.is_update);
            it.is_recorded && it.by == user && !is_only_updates
        };
        user == self.opener || self.asked.contains(&user) || self.pushes.iter().any(pushed)
    }

    fn is_of_somebody_known(&self, commit: &Commit) -> bool {
        let pushers = self.pushers(commit);
        let is_writer = |by: &i64| Self::is_person(*by) && self.writers.contains(by);
        commit.is_update
            || pushers.iter().any(is_writer)
            || (pushers.contains(&OURS) && !self.asked.is_empty())
            || (!commit.has_unknown
                && commit.authors.iter().all(|it| Self::is_person(*it))
                && pushers.iter().all(|it| Self::is_person(*it))
                && (self.is_fork || !pushers.is_empty()))
    }

    fn is_somebody_unknown(&self) -> bool {
        let by_writer = self.commits.last().is_some_and(|head| {
            let pushers = self.pushers(head);
            pushers.iter().any(|by| Self::is_person(*by) && self.writers.contains(by))
        });
        self.commits.iter().any(|commit| !self.is_of_somebody_known(commit))
            || (self.opener == OURS && self.asked.is_empty())
            || (self.opener == WORKFLOW && !by_writer)
    }

    fn approves(&self, user: i64) -> bool {
        let Some(last) = self.reviews.iter().rfind(|given| given.by == user) else { return false };
        last.approves
            && !last.by_mail
            && Self::is_person(user)
            && self.writers.contains(&user)
            && (self.now.is_self_allowed || !self.takes_part(user))
            && self.reopened_at.is_none_or(|reopened| last.at > reopened)
            && last.shown == self.now
            && last.commit == self.now.head
    }

    fn is_approved(&self) -> bool {
        let has_second = (1..=PEOPLE).any(|it| self.is_first_writer(it));
        let needs_more = self.is_somebody_unknown() && !self.now.is_self_allowed && !has_second;
        let needed = self.now.required + i64::from(needs_more);
        let given = (1..=WORKFLOW).filter(|user| self.approves(*user)).count();
        i64::try_from(given).unwrap() >= needed
    }
}

/// How many histories are one case.
const HISTORIES: u64 = 20;

proptest! {
    /// `PROPTEST_CASES=5000` makes them 100,000.
    #[test]
    fn the_rule_says_of_random_histories_what_a_plain_model_says(start in any::<u64>()) {
        for n in 0..HISTORIES {
            let history = History::new(start.wrapping_add(n));
            prop_assert_eq!(history.is_approved_by_the_rule(), history.is_approved(), "{}", n);
        }
    }
}

#[test]
fn some_histories_are_approved_and_most_are_not() {
    let approved = (0..1_000).filter(|seed| History::new(*seed).is_approved()).count();
    assert!((50..500).contains(&approved), "{approved}");
}
