//! Parses the payloads of webhooks, as far as the bot uses them.
//!
//! An unknown event or action is [`Event::Ignored`], because GitHub adds new ones. A known one
//! without what we need is an error.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use planwright_core::{
    actor::{Actor, AppId},
    event::{
        CommentAction, CommentEvent, Envelope, Event, InstallationAction, IssueEvent,
        PullRequestAction, Push, RepositoryAction, ReviewAction, ReviewEvent,
    },
    names::{CheckRunId, CommentId, InstallationId, PrNumber, RepoName, RepositoryId, Sha},
    pull_request::{ReviewId, ReviewState},
    repo_config,
};

use crate::wire::{Account, AppRef, Unexpected, actor_or_ghost};

/// A webhook of a known kind whose payload cannot be parsed.
#[derive(Debug, thiserror::Error)]
#[error("webhook `{event}` cannot be read: {reason}")]
pub struct Malformed {
    pub event: String,
    pub reason: Unexpected,
}

/// Parses `body` as the event named in the header `X-GitHub-Event`.
pub fn parse(event: &str, body: &[u8]) -> Result<Envelope, Malformed> {
    let Some(read) = reader(event) else {
        // The sender and installation of an unknown event are useful in logs, too.
        let common = json::<Common>(body).unwrap_or_default();
        return Ok(common.envelope(None).unwrap_or_else(|_| nothing_known()));
    };
    let read = || {
        let common: Common = json(body)?;
        let parsed = read(common.action.as_deref().unwrap_or_default(), body)?;
        common.envelope(parsed)
    };
    read().map_err(|reason: Unexpected| Malformed { event: event.to_owned(), reason })
}

/// The event in a payload, and the App through which its subject was written.
struct Parsed {
    event: Event,
    via_app: Option<AppId>,
}

type Reader = fn(action: &str, body: &[u8]) -> Result<Option<Parsed>, Unexpected>;

/// The events that are parsed. All others are accepted and ignored.
const READERS: &[(&str, Reader)] = &[
    ("pull_request", pull_request),
    ("pull_request_review", review),
    ("issue_comment", comment),
    ("issues", issue),
    ("push", push),
    ("check_run", check_run),
    ("check_suite", check_suite),
    ("merge_group", merge_group),
    ("repository", repository),
    ("installation", installation),
    ("installation_repositories", installation_repositories),
];

fn reader(event: &str) -> Option<Reader> {
    READERS.iter().find(|(name, _)| *name == event).map(|(_, read)| *read)
}

/// Returns the names of the events that are parsed, for the App's manifest.
pub fn events() -> impl Iterator<Item = &'static str> {
    READERS.iter().map(|(name, _)| *name)
}

#[derive(Default, Deserialize)]
struct Common {
    action: Option<String>,
    installation: Option<InstallationRef>,
    repository: Option<RepositoryRef>,
    sender: Option<Account>,
}

#[derive(Deserialize)]
struct InstallationRef {
    id: InstallationId,
}

#[derive(Deserialize)]
struct RepositoryRef {
    id: RepositoryId,
    full_name: RepoName,
}

impl Common {
    fn envelope(self, parsed: Option<Parsed>) -> Result<Envelope, Unexpected> {
        let ignored = Parsed { event: Event::Ignored, via_app: None };
        let Parsed { event, via_app } = parsed.unwrap_or(ignored);
        let (repository, repo) =
            self.repository.map(|repository| (repository.id, repository.full_name)).unzip();
        Ok(Envelope {
            installation: self.installation.map(|installation| installation.id),
            repository,
            repo,
            sender: actor_or_ghost(self.sender)?,
            via_app,
            event,
        })
    }
}

fn nothing_known() -> Envelope {
    Envelope {
        installation: None,
        repository: None,
        repo: None,
        sender: Actor::ghost(),
        via_app: None,
        event: Event::Ignored,
    }
}

fn json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Unexpected> {
    serde_json::from_slice(body).map_err(|e| Unexpected::from(e.to_string()))
}

fn plain(event: Event) -> Result<Option<Parsed>, Unexpected> {
    Ok(Some(Parsed { event, via_app: None }))
}

#[derive(Deserialize)]
struct ShaRef {
    sha: Sha,
}

fn pull_request(action: &str, body: &[u8]) -> Result<Option<Parsed>, Unexpected> {
    #[derive(Deserialize)]
    struct Wire {
        number: PrNumber,
        pull_request: PullRequest,
        before: Option<Sha>,
        after: Option<Sha>,
        #[serde(default)]
        changes: Changes,
    }
    #[derive(Deserialize)]
    struct PullRequest {
        user: Option<Account>,
        head: ShaRef,
        merged: bool,
    }
    #[derive(Default, Deserialize)]
    struct Changes {
        base: Option<BaseChange>,
    }
    #[derive(Deserialize)]
    struct BaseChange {
        #[serde(rename = "ref")]
        name: From,
    }
    #[derive(Deserialize)]
    struct From {
        from: String,
    }
    let is_known = ["opened", "synchronize", "reopened", "edited", "ready_for_review", "closed"];
    if !is_known.contains(&action) {
        return Ok(None);
    }
    let wire: Wire = json(body)?;
    let action = match (action, wire.changes.base) {
        ("opened", _) => PullRequestAction::Opened,
        ("synchronize", _) => PullRequestAction::Pushed {
            before: wire.before.ok_or("`before` is missing")?,
            after: wire.after.ok_or("`after` is missing")?,
        },
        ("reopened", _) => PullRequestAction::Reopened,
        ("ready_for_review", _) => PullRequestAction::ReadyForReview,
        ("closed", _) => PullRequestAction::Closed { merged: wire.pull_request.merged },
        (_, Some(base)) => PullRequestAction::Retargeted { from: base.name.from },
        // The title or the text was edited.
        (_, None) => return Ok(None),
    };
    plain(Event::PullRequest {
        number: wire.number,
        author: actor_or_ghost(wire.pull_request.user)?,
        head: wire.pull_request.head.sha,
        action,
    })
}

fn review(action: &str, body: &[u8]) -> Result<Option<Parsed>, Unexpected> {
    #[derive(Deserialize)]
    struct Wire {
        review: Review,
        pull_request: PullRequest,
    }
    #[derive(Deserialize)]
    struct Review {
        id: ReviewId,
        user: Option<Account>,
        state: String,
        body: Option<String>,
        commit_id: Option<Sha>,
        submitted_at: Option<Timestamp>,
    }
    #[derive(Deserialize)]
    struct PullRequest {
        number: PrNumber,
        head: ShaRef,
    }
    let action = match action {
        "submitted" => ReviewAction::Submitted,
        "edited" => ReviewAction::Edited,
        "dismissed" => ReviewAction::Dismissed,
        _ => return Ok(None),
    };
    let Wire { review, pull_request } = json(body)?;
    let state = ReviewState::parse(&review.state)
        .ok_or_else(|| format!("`{}` is no known state of a review", review.state))?;
    plain(Event::Review(ReviewEvent {
        number: pull_request.number,
        review: review.id,
        by: actor_or_ghost(review.user)?,
        action,
        state,
        body: review.body.unwrap_or_default(),
        head: review.commit_id,
        pull_request_head: pull_request.head.sha,
        at: review.submitted_at,
    }))
}

fn comment(action: &str, body: &[u8]) -> Result<Option<Parsed>, Unexpected> {
    #[derive(Deserialize)]
    struct Wire {
        issue: Issue,
        comment: Comment,
    }
    #[derive(Deserialize)]
    struct Issue {
        number: PrNumber,
        pull_request: Option<serde::de::IgnoredAny>,
    }
    #[derive(Deserialize)]
    struct Comment {
        id: CommentId,
        node_id: String,
        user: Option<Account>,
        body: Option<String>,
        created_at: Timestamp,
        performed_via_github_app: Option<AppRef>,
    }
    let action = match action {
        "created" => CommentAction::Created,
        "edited" => CommentAction::Edited,
        _ => return Ok(None),
    };
    let Wire { issue, comment } = json(body)?;
    let event = Event::Comment(CommentEvent {
        number: issue.number,
        on_pull_request: issue.pull_request.is_some(),
        comment: comment.id,
        node_id: comment.node_id,
        author: actor_or_ghost(comment.user)?,
        body: comment.body.unwrap_or_default(),
        created_at: comment.created_at,
        action,
    });
    Ok(Some(Parsed { event, via_app: comment.performed_via_github_app.map(|app| app.id) }))
}

fn issue(action: &str, body: &[u8]) -> Result<Option<Parsed>, Unexpected> {
    #[derive(Deserialize)]
    struct Wire {
        issue: Issue,
        label: Option<Label>,
    }
    #[derive(Deserialize)]
    struct Issue {
        number: PrNumber,
        #[serde(default)]
        labels: Option<Vec<Label>>,
        performed_via_github_app: Option<AppRef>,
    }
    #[derive(Deserialize)]
    struct Label {
        name: String,
    }
    if !matches!(action, "opened" | "edited" | "reopened" | "labeled") {
        return Ok(None);
    }
    let Wire { issue, label } = json(body)?;
    let labels = match (action, label) {
        ("labeled", label) => vec![label.ok_or("`label` is missing")?],
        _ => issue.labels.unwrap_or_default(),
    };
    let labels = labels.into_iter().map(|label| label.name).collect();
    let event = Event::Issue(IssueEvent { number: issue.number, labels });
    Ok(Some(Parsed { event, via_app: issue.performed_via_github_app.map(|app| app.id) }))
}

/// The most commits, and files per commit, that GitHub lists in a push.
const MOST_COMMITS: usize = 2_048;
const MOST_FILES: usize = 3_000;

fn push(_: &str, body: &[u8]) -> Result<Option<Parsed>, Unexpected> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(rename = "ref")]
        git_ref: String,
        #[serde(deserialize_with = "sha_or_zeros")]
        before: Option<Sha>,
        #[serde(deserialize_with = "sha_or_zeros")]
        after: Option<Sha>,
        forced: bool,
        commits: Vec<Commit>,
        repository: Pushed,
    }
    #[derive(Deserialize)]
    struct Commit {
        id: Sha,
        #[serde(default)]
        added: Vec<String>,
        #[serde(default)]
        modified: Vec<String>,
        #[serde(default)]
        removed: Vec<String>,
    }
    #[derive(Deserialize)]
    struct Pushed {
        default_branch: Option<String>,
    }
    let wire: Wire = json(body)?;
    let is_default = wire
        .repository
        .default_branch
        .is_none_or(|branch| wire.git_ref == format!("refs/heads/{branch}"));
    // GitHub leaves out commits and files of large pushes, and does not list those that a force
    // push removes.
    let is_whole = !wire.forced && (1..MOST_COMMITS).contains(&wire.commits.len());
    let names_settings = |commit: &Commit| {
        let files = [&commit.added, &commit.modified, &commit.removed];
        files.iter().map(|files| files.len()).sum::<usize>() >= MOST_FILES
            || files.into_iter().flatten().any(|file| file == repo_config::FILE)
    };
    let changes_settings = is_default && (!is_whole || wire.commits.iter().any(names_settings));
    plain(Event::Push(Push {
        changes_settings,
        git_ref: wire.git_ref,
        before: wire.before,
        after: wire.after,
        forced: wire.forced,
        commits: wire.commits.into_iter().map(|commit| commit.id).collect(),
    }))
}

/// Parses a commit id, of which only zeros mean that the ref does not exist.
fn sha_or_zeros<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Sha>, D::Error> {
    let sha = Sha::deserialize(from)?;
    Ok(Some(sha).filter(|sha| !sha.is_zero()))
}

fn check_run(action: &str, body: &[u8]) -> Result<Option<Parsed>, Unexpected> {
    #[derive(Deserialize)]
    struct Wire {
        check_run: Run,
    }
    #[derive(Deserialize)]
    struct Run {
        id: CheckRunId,
        head_sha: Sha,
        app: AppRef,
    }
    if action != "rerequested" {
        return Ok(None);
    }
    let run = json::<Wire>(body)?.check_run;
    plain(Event::CheckRerequested { app: run.app.id, head: run.head_sha, check_run: Some(run.id) })
}

fn check_suite(action: &str, body: &[u8]) -> Result<Option<Parsed>, Unexpected> {
    #[derive(Deserialize)]
    struct Wire {
        check_suite: Suite,
    }
    #[derive(Deserialize)]
    struct Suite {
        head_sha: Sha,
        app: AppRef,
    }
    if action != "rerequested" {
        return Ok(None);
    }
    let suite = json::<Wire>(body)?.check_suite;
    plain(Event::CheckRerequested { app: suite.app.id, head: suite.head_sha, check_run: None })
}

fn merge_group(action: &str, body: &[u8]) -> Result<Option<Parsed>, Unexpected> {
    #[derive(Deserialize)]
    struct Wire {
        merge_group: Group,
    }
    #[derive(Deserialize)]
    struct Group {
        head_sha: Sha,
        head_ref: String,
        base_sha: Sha,
        base_ref: String,
    }
    if action != "checks_requested" {
        return Ok(None);
    }
    let Group { head_sha: head, head_ref, base_sha: base, base_ref } =
        json::<Wire>(body)?.merge_group;
    plain(Event::MergeGroup { head, head_ref, base, base_ref })
}

fn repository(action: &str, _: &[u8]) -> Result<Option<Parsed>, Unexpected> {
    plain(Event::Repository(match action {
        "renamed" => RepositoryAction::Renamed,
        "transferred" => RepositoryAction::Transferred,
        "archived" => RepositoryAction::Archived,
        "unarchived" => RepositoryAction::Unarchived,
        "deleted" => RepositoryAction::Deleted,
        "edited" => RepositoryAction::Edited,
        _ => return Ok(None),
    }))
}

fn installation(action: &str, _: &[u8]) -> Result<Option<Parsed>, Unexpected> {
    plain(Event::Installation(match action {
        "created" => InstallationAction::Created,
        "deleted" => InstallationAction::Deleted,
        "suspend" => InstallationAction::Suspended,
        "unsuspend" => InstallationAction::Unsuspended,
        "new_permissions_accepted" => InstallationAction::PermissionsAccepted,
        _ => return Ok(None),
    }))
}

fn installation_repositories(action: &str, body: &[u8]) -> Result<Option<Parsed>, Unexpected> {
    #[derive(Deserialize)]
    struct Wire {
        repositories_added: Vec<Id>,
        repositories_removed: Vec<Id>,
    }
    #[derive(Deserialize)]
    struct Id {
        id: RepositoryId,
    }
    let ids = |list: Vec<Id>| list.into_iter().map(|repository| repository.id).collect();
    let action = match action {
        "added" => {
            InstallationAction::RepositoriesAdded(ids(json::<Wire>(body)?.repositories_added))
        }
        "removed" => {
            InstallationAction::RepositoriesRemoved(ids(json::<Wire>(body)?.repositories_removed))
        }
        _ => return Ok(None),
    };
    plain(Event::Installation(action))
}
