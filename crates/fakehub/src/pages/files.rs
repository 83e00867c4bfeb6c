//! The files of a branch or commit: folders, the first page of a repository among them, and single
//! files.

use std::collections::BTreeMap;

use crate::{
    api_error::ApiError,
    pages::{
        context::{RepoPage, rendered, segment, segments_of},
        frame::{DisplayTime, Frame},
        markdown,
    },
    state::data::Role,
};

#[derive(askama::Template)]
#[template(path = "folder.html")]
struct Folder {
    frame: Frame,
    name: String,
    branch: String,
    branch_url: String,
    trail: Vec<(String, String)>,
    path: String,
    delete: Option<String>,
    branches: Vec<(String, String)>,
    entries: Vec<Entry>,
    headline: String,
    commit: String,
    by: String,
    at: DisplayTime,
    readme: Option<String>,
}

struct Entry {
    name: String,
    url: String,
    is_folder: bool,
}

#[derive(askama::Template)]
#[template(path = "file.html")]
struct File {
    frame: Frame,
    branch: String,
    branch_url: String,
    trail: Vec<(String, String)>,
    path: String,
    lines: Vec<String>,
    edit: Option<String>,
    delete: Option<String>,
}

/// Returns the id of the commit that a branch or commit id stands for. Fails with 404 if there is
/// none.
pub fn resolved(page: RepoPage<'_>, name: &str) -> Result<String, ApiError> {
    let state = page.context.state;
    match state.repository(page.repo)?.refs.get(name) {
        Some(sha) => Ok(sha.clone()),
        None => state.git_repo(page.repo)?.resolve(name).ok_or_else(ApiError::not_found),
    }
}

pub fn folder(page: RepoPage<'_>, branch: Option<&str>, path: &str) -> Result<String, ApiError> {
    let state = page.context.state;
    let repository = state.repository(page.repo)?;
    let branch = branch.unwrap_or(&repository.default_branch);
    let sha = resolved(page, branch)?;
    let git = state.git_repo(page.repo)?;
    let paths = git.paths(&sha)?;
    let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
    let entries = entries(page, branch, &paths, &prefix);
    if entries.is_empty() && !path.is_empty() {
        return Err(ApiError::not_found());
    }
    let facts = git.commit_info(&sha)?;
    let url = page.url();
    let name = &facts.author;
    let by = state.account_of_email(&name.email).map_or(&name.name, |account| &account.login);
    let readme = git.file(&sha, &format!("{prefix}README.md"))?;
    let readme = readme.map(|bytes| {
        let references = crate::pages::timeline::references(page);
        markdown::rendered(&String::from_utf8_lossy(&bytes), &references)
    });
    let may_delete = !path.is_empty() && is_editable(page, branch);
    let tree = |branch: &String| (branch.clone(), format!("{url}/tree/{}", segment(branch)));
    rendered(&Folder {
        frame: Frame::within(page, "files"),
        branch: branch.to_owned(),
        branch_url: format!("{url}/tree/{}", segment(branch)),
        trail: trail(page, branch, path),
        delete: may_delete.then(|| address(page, "delete", branch, path)),
        path: path.to_owned(),
        branches: repository.refs.keys().map(tree).collect(),
        entries,
        headline: markdown::title(facts.message.lines().next().unwrap_or_default()),
        commit: sha[..7].to_owned(),
        by: by.clone(),
        at: jiff::Timestamp::from_second(facts.committer.second).unwrap_or_default().into(),
        readme,
        name: page.name.to_owned(),
    })
}

pub fn file(page: RepoPage<'_>, branch: &str, path: &str) -> Result<String, ApiError> {
    let sha = resolved(page, branch)?;
    let bytes = page.context.state.git_repo(page.repo)?.file(&sha, path)?;
    let bytes = bytes.ok_or_else(ApiError::not_found)?;
    let text = String::from_utf8_lossy(&bytes);
    let is_editable = is_editable(page, branch);
    let url = page.url();
    rendered(&File {
        frame: Frame::within(page, "files"),
        branch: branch.to_owned(),
        branch_url: format!("{url}/tree/{}", segment(branch)),
        trail: trail(page, branch, path),
        path: path.to_owned(),
        lines: text.lines().map(str::to_owned).collect(),
        edit: is_editable.then(|| address(page, "edit", branch, path)),
        delete: is_editable.then(|| address(page, "delete", branch, path)),
    })
}

/// Returns `/owner/name/<what>/<branch>/<path>`.
pub fn address(page: RepoPage<'_>, what: &str, branch: &str, path: &str) -> String {
    format!("{}/{what}/{}/{}", page.url(), segment(branch), segments_of(path))
}

/// Returns whether the viewer can commit here: `branch` is a branch, and they may write.
fn is_editable(page: RepoPage<'_>, branch: &str) -> bool {
    let repository = page.context.state.repository(page.repo);
    repository.is_ok_and(|it| it.refs.contains_key(branch)) && page.may(Role::Write)
}

fn entries(page: RepoPage<'_>, branch: &str, paths: &[String], prefix: &str) -> Vec<Entry> {
    let mut found: BTreeMap<(bool, &str), ()> = BTreeMap::new();
    for rest in paths.iter().filter_map(|path| path.strip_prefix(prefix)) {
        match rest.split_once('/') {
            Some((folder, _)) => found.insert((false, folder), ()),
            None => found.insert((true, rest), ()),
        };
    }
    let entry = |(is_file, name): (bool, &str)| Entry {
        name: name.to_owned(),
        url: address(
            page,
            if is_file { "blob" } else { "tree" },
            branch,
            &format!("{prefix}{name}"),
        ),
        is_folder: !is_file,
    };
    found.into_keys().map(entry).collect()
}

/// Returns the folders above a path and the path itself, each with its name and its URL.
fn trail(page: RepoPage<'_>, branch: &str, path: &str) -> Vec<(String, String)> {
    let mut trail = vec![];
    let mut so_far = String::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        so_far = if so_far.is_empty() { part.to_owned() } else { format!("{so_far}/{part}") };
        trail.push((part.to_owned(), address(page, "tree", branch, &so_far)));
    }
    trail
}
