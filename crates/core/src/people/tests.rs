//! Who is a principal, and what nobody is known to have done, case by case.

use super::*;
use crate::{
    actor::ActorKind,
    names::{BranchName, PrNumber, RepoName, RepositoryId},
    pull_request::PullRequestState,
};

const ALICE: i64 = 1;
const BOB: i64 = 2;
const CAROL: i64 = 3;
const BOT: i64 = 8;
const OURS: i64 = 9;

fn sha(digit: char) -> Sha {
    Sha::parse(digit.to_string().repeat(40)).unwrap()
}

fn login(user: i64) -> Login {
    let name = match user {
        BOT => "friendly[bot]".to_owned(),
        OURS => "planwright[bot]".to_owned(),
        user => format!("user-{user}"),
    };
    Login::parse(name).unwrap()
}

fn actor(user: i64) -> Actor {
    let kind = if user >= BOT { ActorKind::Bot } else { ActorKind::User };
    Actor { id: UserId(user), login: login(user), kind }
}

fn commit(digit: char, parents: &[char], users: &[i64]) -> CommitAuthors {
    CommitAuthors {
        sha: sha(digit),
        parents: parents.iter().copied().map(sha).collect(),
        users: users.iter().map(|user| (UserId(*user), login(*user))).collect(),
        unknown: 0,
    }
}

fn of_nobody(commit: CommitAuthors) -> CommitAuthors {
    CommitAuthors { users: BTreeMap::new(), unknown: 1, ..commit }
}

fn push(by: i64, before: Option<char>, after: char) -> Push {
    Push {
        before: before.map(sha),
        after: Some(sha(after)),
        by: UserId(by),
        login: login(by),
        kind: PushKind::Push,
    }
}

fn asked(by: i64) -> Push {
    Push { after: None, kind: PushKind::Asked, ..push(by, None, '0') }
}

/// A change that can be varied. Alice opened it and pushed the commits `b` and `c` onto `a`, which
/// is of the base.
#[derive(Clone)]
struct Story {
    opener: i64,
    is_fork: bool,
    commits: Vec<CommitAuthors>,
    pushes: Vec<Push>,
    lifts: Vec<i64>,
    writers: Vec<i64>,
    updates: Vec<char>,
}

impl Default for Story {
    fn default() -> Self {
        Self {
            opener: ALICE,
            is_fork: false,
            commits: vec![commit('b', &['a'], &[ALICE]), commit('c', &['b'], &[ALICE])],
            pushes: vec![push(ALICE, None, 'c')],
            lifts: Vec::new(),
            writers: vec![ALICE, BOB, CAROL],
            updates: Vec::new(),
        }
    }
}

/// What is decided: principals by user and role, what is unknown, and whose permission is asked.
#[derive(Debug, PartialEq)]
struct Decided {
    principals: Vec<(i64, PrincipalRole)>,
    unknown: Vec<UnknownHand>,
    asked_for: Vec<i64>,
    is_untraced: bool,
}

fn decided(story: &Story) -> Decided {
    let repository = RepositoryId(7);
    let head = story.commits.last().unwrap().sha.clone();
    let pull = PullRequest {
        repository,
        repo: RepoName::parse("acme/infra").unwrap(),
        is_archived: false,
        default_branch: None,
        node_id: "PR_1".into(),
        number: PrNumber(1),
        title: "Hello".into(),
        author: actor(story.opener),
        state: PullRequestState::Open,
        is_draft: false,
        created_at: jiff::Timestamp::UNIX_EPOCH,
        reopened_at: None,
        head,
        head_ref: BranchName::parse("hello").unwrap(),
        head_repository: Some(RepositoryId(if story.is_fork { 8 } else { 7 })),
        base: sha('a'),
        base_ref: BranchName::parse("main").unwrap(),
        merge_commit: None,
        merged_at: None,
        merged_by: None,
        commits: story.commits.clone(),
        reviews: Vec::new(),
    };
    let facts = PeopleFacts {
        pull: &pull,
        pushes: &story.pushes,
        lifts: &story.lifts.iter().map(|user| (UserId(*user), login(*user))).collect(),
        code_authors: &BTreeMap::new(),
        ours: &login(OURS),
        updates: &story.updates.iter().copied().map(sha).collect(),
    };
    let needed = permissions_needed(&facts);
    let may_write = |user: &&UserId| story.writers.contains(&user.0);
    let People { principals, unknown } =
        people(&facts, &needed.keys().filter(may_write).copied().collect());
    Decided {
        principals: principals.into_iter().map(|it| (it.user.0, it.why)).collect(),
        unknown: unknown.into_iter().collect(),
        asked_for: needed.into_keys().map(|user| user.0).collect(),
        is_untraced: is_untraced(&facts),
    }
}

const OPENED: PrincipalRole = PrincipalRole::OpenedPullRequest;
const PUSHED: PrincipalRole = PrincipalRole::Pushed;
const AUTHORED: PrincipalRole = PrincipalRole::Authored;

#[test]
fn who_opened_pushed_and_wrote_it_is_a_principal_and_nobody_is_asked_about() {
    let mine = vec![(ALICE, OPENED), (ALICE, PUSHED), (ALICE, AUTHORED)];
    let usual = Decided {
        principals: mine,
        unknown: Vec::new(),
        asked_for: Vec::new(),
        is_untraced: false,
    };
    assert_eq!(decided(&Story::default()), usual);
    let several = Story {
        opener: CAROL,
        commits: vec![commit('b', &['a'], &[ALICE]), commit('c', &['b'], &[BOB])],
        ..Story::default()
    };
    let all = [(ALICE, PUSHED), (ALICE, AUTHORED), (BOB, AUTHORED), (CAROL, OPENED)];
    assert_eq!(decided(&several), Decided { principals: all.into(), ..usual });
}

#[test]
fn a_commit_is_known_or_vouched_for_or_it_is_said_that_it_is_not() {
    let unknown = |digit| vec![UnknownHand::Commit(sha(digit))];
    let first = commit('b', &['a'], &[ALICE]);
    let stranger = of_nobody(commit('c', &['b'], &[]));
    let with_stranger = Story { commits: vec![first.clone(), stranger], ..Story::default() };
    let fork = Story { is_fork: true, pushes: Vec::new(), ..Story::default() };
    for (story, expected) in [
        // A writer pushed it, so it is theirs.
        (with_stranger.clone(), Vec::new()),
        (Story { writers: vec![BOB], ..with_stranger.clone() }, unknown('c')),
        // She pushed another commit of the branch.
        (
            Story {
                pushes: vec![push(ALICE, None, 'b'), push(BOT, Some('b'), 'c')],
                ..with_stranger.clone()
            },
            unknown('c'),
        ),
        // What a bot pushed may be anybody's, whatever it says in the commit.
        (
            Story {
                pushes: vec![push(ALICE, None, 'b'), push(BOT, Some('b'), 'c')],
                ..Story::default()
            },
            unknown('c'),
        ),
        (
            Story {
                commits: vec![first.clone(), commit('c', &['b'], &[BOT])],
                writers: vec![],
                ..Story::default()
            },
            unknown('c'),
        ),
        // Of a push that nobody heard of nobody knows who made it.
        (Story { pushes: vec![push(ALICE, None, 'b')], ..Story::default() }, unknown('c')),
        // Pushes to a fork are not told, so there the commits have to do.
        (fork.clone(), Vec::new()),
        (Story { commits: with_stranger.commits.clone(), ..fork }, unknown('c')),
    ] {
        let decided = decided(&story);
        assert_eq!(decided.unknown, expected, "{:?}", story.pushes);
    }
}

#[test]
fn a_commit_that_somebody_asked_us_for_is_theirs() {
    let ours = Story {
        opener: OURS,
        commits: vec![of_nobody(commit('b', &['a'], &[OURS]))],
        pushes: vec![asked(ALICE), push(OURS, Some('a'), 'b')],
        ..Story::default()
    };
    let is_known = decided(&ours);
    assert_eq!(is_known.principals, [(ALICE, PrincipalRole::Asked)]);
    assert_eq!((is_known.unknown, is_known.asked_for), (Vec::new(), Vec::new()));
    let pushes = vec![push(OURS, Some('a'), 'b')];
    let unasked = decided(&Story { pushes, ..ours.clone() });
    assert_eq!(unasked.unknown, [UnknownHand::Commit(sha('b')), UnknownHand::NobodyAsked]);
    // Somebody else's commit beneath ours is not one of ours.
    let beneath = Story {
        commits: vec![commit('b', &['a'], &[BOT]), commit('c', &['b'], &[OURS])],
        pushes: vec![push(BOT, None, 'b'), asked(ALICE), push(OURS, Some('b'), 'c')],
        ..ours
    };
    assert_eq!(decided(&beneath).unknown, [UnknownHand::Commit(sha('b'))]);
}

#[test]
fn what_a_bot_opened_is_known_once_a_writer_pushes_its_head() {
    let commits = vec![commit('b', &['a'], &[BOT])];
    let of_bot =
        Story { opener: BOT, commits, pushes: vec![push(BOT, None, 'b')], ..Story::default() };
    let unknown = decided(&of_bot).unknown;
    assert_eq!(unknown, [UnknownHand::Commit(sha('b')), UnknownHand::Opener]);
    let pushes = vec![push(BOT, None, 'b'), push(CAROL, None, 'b')];
    let vouched = decided(&Story { pushes, ..of_bot });
    assert_eq!((vouched.unknown, vouched.principals), (Vec::new(), vec![(CAROL, PUSHED)]));
}

#[test]
fn an_update_from_the_base_makes_nobody_a_principal() {
    let merge = commit('d', &['c', '5'], &[BOB]);
    let mut story = Story::default();
    story.commits.push(merge);
    story.pushes.push(push(BOB, Some('c'), 'd'));
    let is_principal =
        |story: &Story| decided(story).principals.iter().any(|(user, _)| *user == BOB);
    assert!(is_principal(&story), "it may contain anything");
    story.updates = vec!['d'];
    assert!(!is_principal(&story));
    assert_eq!(decided(&story).unknown, []);
    // He also pushed a commit with it.
    story.pushes.push(push(BOB, Some('b'), 'd'));
    assert!(is_principal(&story));
}

#[test]
fn who_deleted_a_branch_has_no_part_and_who_was_overwritten_has() {
    let mut story = Story::default();
    let deletion = Push { after: None, kind: PushKind::Deletion, ..push(BOB, Some('b'), '0') };
    story.pushes.push(deletion);
    story.pushes.push(push(CAROL, None, '7'));
    let principals = decided(&story).principals;
    assert!(principals.contains(&(CAROL, PUSHED)));
    assert!(principals.iter().all(|(user, _)| *user != BOB));
}

#[test]
fn who_lifts_is_a_principal_where_no_other_can_write() {
    let requested =
        Story { is_fork: true, pushes: Vec::new(), lifts: vec![BOB], ..Story::default() };
    assert_eq!(decided(&requested).principals, [(ALICE, OPENED), (ALICE, AUTHORED)]);
    assert_eq!(decided(&requested).asked_for, [ALICE]);
    let outside = Story { writers: vec![BOB], ..requested };
    let principals = decided(&outside).principals;
    assert_eq!(principals.last(), Some(&(BOB, PrincipalRole::Lifted)));
    assert_eq!(principals.len(), 3);
}

#[test]
fn a_commit_without_a_push_is_looked_for_unless_it_came_from_a_fork() {
    let lost = Story { pushes: Vec::new(), ..Story::default() };
    assert!(decided(&lost).is_untraced);
    assert!(!decided(&Story { is_fork: true, ..lost }).is_untraced);
}
