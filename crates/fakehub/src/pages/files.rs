//! The files of a branch: a repository's first page, its folders and single files.

use std::collections::BTreeMap;

use crate::api_error::Refusal;
use crate::pages::context::{Place, rendered, segment, segments_of};
use crate::pages::frame::{Frame, Moment};
use crate::pages::markdown;
use crate::state::data::Role;

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
    at: Moment,
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

/// A branch, or a commit by its id, and where it stands.
pub fn resolved(place: Place<'_>, name: &str) -> Result<String, Refusal> {
    let world = place.visit.world;
    match world.repository(place.repo)?.refs.get(name) {
        Some(sha) => Ok(sha.clone()),
        None => world.bare(place.repo)?.resolve(name).ok_or_else(Refusal::not_found),
    }
}

pub fn folder(place: Place<'_>, branch: Option<&str>, path: &str) -> Result<String, Refusal> {
    let world = place.visit.world;
    let repository = world.repository(place.repo)?;
    let branch = branch.unwrap_or(&repository.default_branch);
    let sha = resolved(place, branch)?;
    let bare = world.bare(place.repo)?;
    let paths = bare.paths(&sha)?;
    let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
    let entries = entries(place, branch, (&paths, &prefix));
    if entries.is_empty() && !path.is_empty() {
        return Err(Refusal::not_found());
    }
    let facts = bare.facts(&sha)?;
    let url = place.url();
    let name = &facts.author;
    let by = world.account_of_email(&name.email).map_or(&name.name, |account| &account.login);
    let readme = bare.file(&sha, &format!("{prefix}README.md"))?;
    let readme = readme.map(|bytes| {
        let references = crate::pages::timeline::references(place);
        markdown::rendered(&String::from_utf8_lossy(&bytes), &references)
    });
    let may_delete = !path.is_empty() && is_editable(place, branch);
    let tree = |branch: &String| (branch.clone(), format!("{url}/tree/{}", segment(branch)));
    rendered(&Folder {
        frame: Frame::within(place, "files"),
        branch: branch.to_owned(),
        branch_url: format!("{url}/tree/{}", segment(branch)),
        trail: trail(place, branch, path),
        delete: may_delete.then(|| address(place, "delete", (branch, path))),
        path: path.to_owned(),
        branches: repository.refs.keys().map(tree).collect(),
        entries,
        headline: markdown::title(facts.message.lines().next().unwrap_or_default()),
        commit: sha[..7].to_owned(),
        by: by.clone(),
        at: jiff::Timestamp::from_second(facts.committer.second).unwrap_or_default().into(),
        readme,
        name: place.name.to_owned(),
    })
}

pub fn file(place: Place<'_>, branch: &str, path: &str) -> Result<String, Refusal> {
    let sha = resolved(place, branch)?;
    let bytes = place.visit.world.bare(place.repo)?.file(&sha, path)?;
    let bytes = bytes.ok_or_else(Refusal::not_found)?;
    let text = String::from_utf8_lossy(&bytes);
    let is_editable = is_editable(place, branch);
    let url = place.url();
    rendered(&File {
        frame: Frame::within(place, "files"),
        branch: branch.to_owned(),
        branch_url: format!("{url}/tree/{}", segment(branch)),
        trail: trail(place, branch, path),
        path: path.to_owned(),
        lines: text.lines().map(str::to_owned).collect(),
        edit: is_editable.then(|| address(place, "edit", (branch, path))),
        delete: is_editable.then(|| address(place, "delete", (branch, path))),
    })
}

/// `/owner/name/<what>/<branch>/<path>`.
pub fn address(place: Place<'_>, what: &str, (branch, path): (&str, &str)) -> String {
    format!("{}/{what}/{}/{}", place.url(), segment(branch), segments_of(path))
}

/// Only a branch can be committed to, and only by who may write.
fn is_editable(place: Place<'_>, branch: &str) -> bool {
    let repository = place.visit.world.repository(place.repo);
    repository.is_ok_and(|it| it.refs.contains_key(branch)) && place.may(Role::Write)
}

fn entries(place: Place<'_>, branch: &str, (paths, prefix): (&[String], &str)) -> Vec<Entry> {
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
            place,
            if is_file { "blob" } else { "tree" },
            (branch, &format!("{prefix}{name}")),
        ),
        is_folder: !is_file,
    };
    found.into_keys().map(entry).collect()
}

/// The folders above a path and itself, each with its address.
fn trail(place: Place<'_>, branch: &str, path: &str) -> Vec<(String, String)> {
    let mut trail = vec![];
    let mut so_far = String::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        so_far = if so_far.is_empty() { part.to_owned() } else { format!("{so_far}/{part}") };
        trail.push((part.to_owned(), address(place, "tree", (branch, &so_far))));
    }
    trail
}
