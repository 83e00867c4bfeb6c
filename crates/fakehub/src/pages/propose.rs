//! Edits a file, or deletes a file or folder, in the browser: as a commit or a pull request.

use crate::{
    actions::{branches::HeadCommit, pulls::NewPull},
    api_error::ApiError,
    git_repo::FileChange,
    pages::{
        context::{RepoPage, Submission, rendered, segments_of},
        files,
        frame::Frame,
    },
    state::data::Role,
};

#[derive(askama::Template)]
#[template(path = "propose.html")]
struct Page {
    frame: Frame,
    branch: String,
    path: String,
    /// The commit that the change is based on. The branch may move meanwhile.
    at: String,
    /// The text of the file, or `None` if the page is about a deletion.
    text: Option<String>,
    gone: Vec<String>,
    message: String,
    new_branch: String,
    back: String,
}

pub fn page(
    page: RepoPage<'_>,
    branch: &str,
    path: &str,
    deletes: bool,
) -> Result<String, ApiError> {
    let state = page.context.state;
    state.require_role(page.repo, page.context.by, Role::Write)?;
    let refs = &state.repository(page.repo)?.refs;
    let at = refs.get(branch).ok_or_else(ApiError::not_found)?.clone();
    let git = state.git_repo(page.repo)?;
    let file = git.file(&at, path)?;
    let text = match &file {
        Some(bytes) if !deletes => Some(String::from_utf8_lossy(bytes).into_owned()),
        None if !deletes => return Err(ApiError::not_found()),
        _ => None,
    };
    let gone = if deletes { below(&git.paths(&at)?, path) } else { vec![] };
    if deletes && gone.is_empty() {
        return Err(ApiError::not_found());
    }
    let login = &state.account(page.context.by.account)?.login;
    let free = (1..).map(|n| format!("{login}-patch-{n}")).find(|name| !refs.contains_key(name));
    let what = if file.is_some() { "blob" } else { "tree" };
    rendered(&Page {
        frame: Frame::within(page, "files"),
        branch: branch.to_owned(),
        path: path.to_owned(),
        text,
        gone,
        message: format!("{} {path}", if deletes { "Delete" } else { "Update" }),
        new_branch: free.unwrap_or_default(),
        back: files::address(page, what, branch, path),
        at,
    })
}

/// Returns the path itself if it is a file, or all files below it if it is a folder.
fn below(paths: &[String], path: &str) -> Vec<String> {
    let folder = format!("{path}/");
    paths.iter().filter(|it| *it == path || it.starts_with(&folder)).cloned().collect()
}

/// Commits to the branch, or to a new one with a pull request. Returns the path of the page to go
/// on with.
pub fn act(
    submission: Submission<'_>,
    branch: &str,
    path: &str,
    deletes: bool,
) -> Result<String, ApiError> {
    let Submission { state, by, repo, name, fields } = submission;
    let (at, message) = (fields.required("at")?, fields.required("message")?);
    let changes: Vec<FileChange> = if deletes {
        let gone = below(&state.git_repo(repo)?.paths(at)?, path);
        gone.into_iter().map(|path| FileChange::Delete { path }).collect()
    } else {
        // Browsers send CRLF in forms; files in git have LF.
        let contents = fields.text("text").replace("\r\n", "\n").into_bytes();
        if state.git_repo(repo)?.file(at, path)?.as_deref() == Some(&contents) {
            return Err(ApiError::new(422, "There is nothing to commit: the text is as it was"));
        }
        vec![FileChange::Write { path: path.to_owned(), contents, executable: false }]
    };
    let url = format!("/{}", segments_of(name));
    let commit = HeadCommit { branch, expected: at, message, files: &changes };
    if fields.text("to") != "new" {
        state.commit_on_head(repo, &commit, by)?;
        let pull = pull_of(state, repo, branch)?;
        return Ok(pull.map_or(url.clone(), |number| format!("{url}/pull/{number}")));
    }
    let new = fields.required("new_branch")?;
    state.create_branch(repo, new, at, by)?;
    state.commit_on_head(repo, &HeadCommit { branch: new, ..commit }, by)?;
    let body = Some(fields.text("body").to_owned()).filter(|body| !body.trim().is_empty());
    let (title, head, base) = (message.to_owned(), new.to_owned(), branch.to_owned());
    let number = state.open_pull(repo, &NewPull { title, body, head, base, draft: false }, by)?;
    Ok(format!("{url}/pull/{number}"))
}

/// Returns the open pull request of a branch, if there is one.
fn pull_of(state: &crate::state::State, repo: i64, branch: &str) -> Result<Option<i64>, ApiError> {
    let mut issues = state.repository(repo)?.issues.values();
    let found = issues.find(|issue| {
        let pull = issue.pull.as_ref();
        issue.open && pull.is_some_and(|it| it.head_repo == repo && it.head_ref == branch)
    });
    Ok(found.map(|issue| issue.number))
}
