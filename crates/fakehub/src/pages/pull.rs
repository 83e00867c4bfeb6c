//! Pull requests: the list, one with its conversation, checks, reviews and merge, and its files.

use std::collections::BTreeMap;

use crate::actions::merge::MergeMethod;
use crate::actions::pulls::PullEdit;
use crate::api_error::Refusal;
use crate::git_repo::diff;
use crate::pages::check;
use crate::pages::context::{Deeds, Place, rendered, segment, segments_of};
use crate::pages::frame::{Face, Frame};
use crate::pages::issue::{Line, List, State};
use crate::pages::timeline;
use crate::pages::timeline::Entry;
use crate::pages::{files, markdown};
use crate::state::World;
use crate::state::data::{Issue, Pull, ReviewState, Role};

pub fn list(place: Place<'_>) -> Result<String, Refusal> {
    let issues = place.visit.world.repository(place.repo)?.issues.values().rev();
    let pulls = issues.filter(|issue| issue.pull.is_some());
    rendered(&List {
        frame: Frame::within(place, "pulls"),
        url: place.url(),
        is_of_pulls: true,
        lines: pulls.map(|issue| Line::of(place, issue)).collect(),
    })
}

/// What stands above both pages of a pull request.
struct Head {
    url: String,
    number: i64,
    title: String,
    state: State,
    author: String,
    did: &'static str,
    base: String,
    branch: String,
    /// None where the branch is in a fork, or gone.
    branch_url: Option<String>,
    commits: usize,
    files: usize,
}

impl Head {
    fn of(place: Place<'_>, (issue, pull): (&Issue, &Pull)) -> Result<Self, Refusal> {
        let bare = place.visit.world.bare(place.repo)?;
        let refs = &place.visit.world.repository(place.repo)?.refs;
        Ok(Self {
            url: format!("{}/pull/{}", place.url(), issue.number),
            number: issue.number,
            title: markdown::title(&issue.title),
            state: State::of(issue),
            author: Face::of(place.visit.world, issue.by.account).login,
            did: match (&pull.merged, issue.open) {
                (Some(_), _) => "brought",
                (None, true) => "wants to bring",
                (None, false) => "wanted to bring",
            },
            base: pull.base_ref.clone(),
            branch: pull.head_ref.clone(),
            branch_url: (pull.head_repo == place.repo && refs.contains_key(&pull.head_ref))
                .then(|| format!("{}/tree/{}", place.url(), segment(&pull.head_ref))),
            commits: bare.between(&pull.base_sha, &pull.head_sha)?.len(),
            files: bare.extent(&pull.base_sha, &pull.head_sha)?.changed_files,
        })
    }
}

#[derive(askama::Template)]
#[template(path = "pull.html")]
struct Page {
    frame: Frame,
    head: Head,
    entries: Vec<Entry>,
    checks: Vec<check::Line>,
    reviewers: Vec<Reviewer>,
    commits: Vec<(String, String)>,
    merge: Merge,
    is_open: bool,
    is_draft: bool,
    may_review: bool,
    may_manage: bool,
    may_reopen: bool,
}

struct Reviewer {
    face: Face,
    word: &'static str,
    class: &'static str,
}

/// What stands in the way of a merge.
struct Merge {
    may: bool,
    conflicts: bool,
    checks_passed: bool,
    sha: String,
}

pub fn page(place: Place<'_>, number: i64) -> Result<String, Refusal> {
    let world = place.visit.world;
    let (issue, pull) = (world.issue(place.repo, number)?, world.pull(place.repo, number)?);
    let runs = world.repository(place.repo)?.check_runs.values();
    let runs: Vec<_> = runs.filter(|run| run.head_sha == pull.head_sha).collect();
    let bare = world.bare(place.repo)?;
    let mut commits = vec![];
    for sha in bare.between(&pull.base_sha, &pull.head_sha)? {
        let message = bare.facts(&sha)?.message;
        let headline = markdown::title(message.lines().next().unwrap_or_default());
        commits.push((sha[..7].to_owned(), headline));
    }
    let conflicts = match world.live_base(place.repo, pull)? {
        Some(base) if issue.open => !bare.is_mergeable(&base, &pull.head_sha)?,
        _ => false,
    };
    let is_passed = |run: &&crate::state::data::CheckRun| {
        matches!(run.conclusion.as_deref(), Some("success" | "neutral" | "skipped"))
    };
    let may_manage = timeline::may_manage(place, issue);
    rendered(&Page {
        frame: Frame::within(place, "pulls"),
        head: Head::of(place, (issue, pull))?,
        entries: timeline::timeline(place, number)?,
        checks: runs.iter().map(|run| check::Line::of(place, run)).collect(),
        reviewers: reviewers(world, pull),
        commits,
        merge: Merge {
            may: place.may(Role::Write),
            conflicts,
            checks_passed: !runs.is_empty() && runs.iter().all(is_passed),
            sha: pull.head_sha.clone(),
        },
        is_open: issue.open,
        is_draft: pull.draft,
        may_review: issue.by.account != place.visit.by.account,
        may_manage,
        may_reopen: may_manage && pull.merged.is_none(),
    })
}

/// The latest opinion of everybody who has one.
fn reviewers(world: &World, pull: &Pull) -> Vec<Reviewer> {
    let mut latest = BTreeMap::new();
    for review in &pull.reviews {
        let shown = match review.state {
            ReviewState::Approved => ("approved", "open"),
            ReviewState::ChangesRequested => ("requested changes", "refused"),
            ReviewState::Dismissed => ("dismissed", "draft"),
            ReviewState::Commented => continue,
        };
        latest.insert(review.by.account, shown);
    }
    let reviewer =
        |(account, (word, class))| Reviewer { face: Face::of(world, account), word, class };
    latest.into_iter().map(reviewer).collect()
}

#[derive(askama::Template)]
#[template(path = "files.html")]
struct Files {
    frame: Frame,
    head: Head,
    files: Vec<Changed>,
}

struct Changed {
    file: diff::File,
    id: String,
    edit: Option<String>,
}

pub fn files(place: Place<'_>, number: i64) -> Result<String, Refusal> {
    let world = place.visit.world;
    let (issue, pull) = (world.issue(place.repo, number)?, world.pull(place.repo, number)?);
    let changed = world.bare(place.repo)?.changed(&pull.base_sha, &pull.head_sha)?;
    let may_edit = issue.open && pull.head_repo == place.repo && place.may(Role::Write);
    let shown = changed.iter().map(|changed| {
        let edit = (may_edit && changed.new.is_some())
            .then(|| files::address(place, "edit", (&pull.head_ref, &changed.path)));
        Changed { file: diff::file(changed), id: format!("file-{}", segment(&changed.path)), edit }
    });
    rendered(&Files {
        frame: Frame::within(place, "pulls"),
        head: Head::of(place, (issue, pull))?,
        files: shown.collect(),
    })
}

pub fn act(mut deeds: Deeds<'_>, number: i64, deed: &str) -> Result<String, Refusal> {
    if let Some(to) = timeline::act(&mut deeds, number, deed)? {
        return Ok(to);
    }
    let Deeds { world, by, repo, name, fields } = deeds;
    let at = (repo, number);
    let url = format!("/{}/pull/{number}", segments_of(name));
    let open = |open: bool| PullEdit { open: Some(open), ..PullEdit::default() };
    match deed {
        "review" => {
            let state = match fields.required("event")? {
                "approve" => ReviewState::Approved,
                "request_changes" => ReviewState::ChangesRequested,
                "comment" => ReviewState::Commented,
                _ => return Err(Refusal::not_found()),
            };
            // On the head that was shown: one that came since is not what was read.
            let head = fields.required("sha")?;
            let id = world.submit_review(at, (state, fields.text("body")), Some(head), by)?;
            return Ok(format!("{url}#review-{id}"));
        }
        "merge" => {
            let method = match fields.required("method")? {
                "merge" => MergeMethod::Merge,
                "squash" => MergeMethod::Squash,
                "rebase" => MergeMethod::Rebase,
                _ => return Err(Refusal::not_found()),
            };
            world.merge_pull(at, method, Some(fields.required("sha")?), by)?;
        }
        "ready" => world.mark_ready(at, by)?,
        "close" => world.edit_pull(repo, number, &open(false), by)?,
        "reopen" => world.edit_pull(repo, number, &open(true), by)?,
        _ => return Err(Refusal::not_found()),
    }
    Ok(url)
}
