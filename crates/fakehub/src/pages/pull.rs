//! Pull requests: the list, the page of one with conversation, checks, reviews and merge, and the
//! page of its files.

use std::collections::BTreeMap;

use crate::{
    actions::{merge::MergeMethod, pulls::PullEdit, reviews::NewReview},
    api_error::ApiError,
    git_repo::diff,
    pages::{
        check,
        context::{RepoPage, Submission, rendered, segment, segments_of},
        files,
        frame::{Frame, Profile},
        issue::{IssueBadge, Line, List},
        markdown,
        timeline::{self, Entry},
    },
    state::{
        State,
        data::{Issue, IssueRef, Pull, ReviewState, Role},
    },
};

pub fn list(page: RepoPage<'_>) -> Result<String, ApiError> {
    let issues = page.context.state.repository(page.repo)?.issues.values().rev();
    let pulls = issues.filter(|issue| issue.pull.is_some());
    rendered(&List {
        frame: Frame::within(page, "pulls"),
        url: page.url(),
        is_of_pulls: true,
        lines: pulls.map(|issue| Line::new(page, issue)).collect(),
    })
}

/// The head of both pages of a pull request.
struct Head {
    url: String,
    number: i64,
    title: String,
    state: IssueBadge,
    author: String,
    did: &'static str,
    base: String,
    branch: String,
    /// The page of the branch, or `None` if the branch is in a fork or deleted.
    branch_url: Option<String>,
    commits: usize,
    files: usize,
}

impl Head {
    fn new(page: RepoPage<'_>, issue: &Issue, pull: &Pull) -> Result<Self, ApiError> {
        let git = page.context.state.git_repo(page.repo)?;
        let refs = &page.context.state.repository(page.repo)?.refs;
        Ok(Self {
            url: format!("{}/pull/{}", page.url(), issue.number),
            number: issue.number,
            title: markdown::title(&issue.title),
            state: IssueBadge::new(issue),
            author: Profile::new(page.context.state, issue.by.account).login,
            did: match (&pull.merged, issue.open) {
                (Some(_), _) => "brought",
                (None, true) => "wants to bring",
                (None, false) => "wanted to bring",
            },
            base: pull.base_ref.clone(),
            branch: pull.head_ref.clone(),
            branch_url: (pull.head_repo == page.repo && refs.contains_key(&pull.head_ref))
                .then(|| format!("{}/tree/{}", page.url(), segment(&pull.head_ref))),
            commits: git.between(&pull.base_sha, &pull.head_sha)?.len(),
            files: git.diff_stat(&pull.base_sha, &pull.head_sha)?.changed_files,
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
    face: Profile,
    word: &'static str,
    class: &'static str,
}

/// Whether and how the pull request can be merged; `sha` is the head that is shown.
struct Merge {
    may: bool,
    conflicts: bool,
    checks_passed: bool,
    sha: String,
}

pub fn page(page: RepoPage<'_>, number: i64) -> Result<String, ApiError> {
    let state = page.context.state;
    let (issue, pull) = (state.issue(page.repo, number)?, state.pull(page.repo, number)?);
    let runs = state.repository(page.repo)?.check_runs.values();
    let runs: Vec<_> = runs.filter(|run| run.head_sha == pull.head_sha).collect();
    let git = state.git_repo(page.repo)?;
    let mut commits = vec![];
    for sha in git.between(&pull.base_sha, &pull.head_sha)? {
        let message = git.commit_info(&sha)?.message;
        let headline = markdown::title(message.lines().next().unwrap_or_default());
        commits.push((sha[..7].to_owned(), headline));
    }
    let conflicts = match state.live_base(page.repo, pull)? {
        Some(base) if issue.open => !git.is_mergeable(&base, &pull.head_sha)?,
        _ => false,
    };
    let is_passed = |run: &&crate::state::data::CheckRun| {
        matches!(run.conclusion.as_deref(), Some("success" | "neutral" | "skipped"))
    };
    let may_manage = timeline::may_manage(page, issue);
    rendered(&Page {
        frame: Frame::within(page, "pulls"),
        head: Head::new(page, issue, pull)?,
        entries: timeline::timeline(page, number)?,
        checks: runs.iter().map(|run| check::Line::new(page, run)).collect(),
        reviewers: reviewers(state, pull),
        commits,
        merge: Merge {
            may: page.may(Role::Write),
            conflicts,
            checks_passed: !runs.is_empty() && runs.iter().all(is_passed),
            sha: pull.head_sha.clone(),
        },
        is_open: issue.open,
        is_draft: pull.draft,
        may_review: issue.by.account != page.context.by.account,
        may_manage,
        may_reopen: may_manage && pull.merged.is_none(),
    })
}

/// Returns each person who approved or requested changes, with the state of their latest review
/// of this kind.
fn reviewers(state: &State, pull: &Pull) -> Vec<Reviewer> {
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
        |(account, (word, class))| Reviewer { face: Profile::new(state, account), word, class };
    latest.into_iter().map(reviewer).collect()
}

#[derive(askama::Template)]
#[template(path = "files.html")]
struct Files {
    frame: Frame,
    head: Head,
    files: Vec<FileSection>,
}

struct FileSection {
    file: diff::FileDiff,
    id: String,
    edit: Option<String>,
}

pub fn files(page: RepoPage<'_>, number: i64) -> Result<String, ApiError> {
    let state = page.context.state;
    let (issue, pull) = (state.issue(page.repo, number)?, state.pull(page.repo, number)?);
    let changed = state.git_repo(page.repo)?.changed_files(&pull.base_sha, &pull.head_sha)?;
    let may_edit = issue.open && pull.head_repo == page.repo && page.may(Role::Write);
    let shown = changed.iter().map(|changed| {
        let edit = (may_edit && changed.new.is_some())
            .then(|| files::address(page, "edit", &pull.head_ref, &changed.path));
        FileSection {
            file: diff::file(changed),
            id: format!("file-{}", segment(&changed.path)),
            edit,
        }
    });
    rendered(&Files {
        frame: Frame::within(page, "pulls"),
        head: Head::new(page, issue, pull)?,
        files: shown.collect(),
    })
}

pub fn act(mut submission: Submission<'_>, number: i64, action: &str) -> Result<String, ApiError> {
    if let Some(to) = timeline::act(&mut submission, number, action)? {
        return Ok(to);
    }
    let Submission { state, by, repo, name, fields } = submission;
    let at = IssueRef { repo, number };
    let url = format!("/{}/pull/{number}", segments_of(name));
    let open = |open: bool| PullEdit { open: Some(open), ..PullEdit::default() };
    match action {
        "review" => {
            let verdict = match fields.required("event")? {
                "approve" => ReviewState::Approved,
                "request_changes" => ReviewState::ChangesRequested,
                "comment" => ReviewState::Commented,
                _ => return Err(ApiError::not_found()),
            };
            // The review is of the head that was shown, not of one that was pushed since.
            let head = fields.required("sha")?;
            let review =
                NewReview { state: verdict, body: fields.text("body"), commit: Some(head) };
            let id = state.submit_review(at, &review, by)?;
            return Ok(format!("{url}#review-{id}"));
        }
        "merge" => {
            let method = match fields.required("method")? {
                "merge" => MergeMethod::Merge,
                "squash" => MergeMethod::Squash,
                "rebase" => MergeMethod::Rebase,
                _ => return Err(ApiError::not_found()),
            };
            state.merge_pull(at, method, Some(fields.required("sha")?), by)?;
        }
        "ready" => state.mark_ready(at, by)?,
        "close" => state.edit_pull(repo, number, &open(false), by)?,
        "reopen" => state.edit_pull(repo, number, &open(true), by)?,
        _ => return Err(ApiError::not_found()),
    }
    Ok(url)
}
