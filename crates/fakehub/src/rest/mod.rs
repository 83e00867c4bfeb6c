//! The REST API: a table of operations, and the way from a request to its answer.
//!
//! Each family of operations has a file with its part of the table. An operation that is not in the
//! table is answered with 501.

mod app;
mod app_hook;
mod app_manifests;
mod checks;
mod comments;
mod deliveries;
mod files;
mod installations;
mod issues;
mod operation;
mod pulls;
mod refs;
mod repositories;
mod statuses;
mod users;

use std::collections::BTreeMap;

use crate::{
    actions::access::{Access, Actor},
    api_error::ApiError,
    http::{Request, Response},
    hub::Hub,
    rest::operation::{Context, Operation},
    state::State,
};

const FAMILIES: [&[Operation]; 14] = [
    &app::OPERATIONS,
    &app_hook::OPERATIONS,
    &app_manifests::OPERATIONS,
    &checks::OPERATIONS,
    &comments::OPERATIONS,
    &deliveries::OPERATIONS,
    &files::OPERATIONS,
    &installations::OPERATIONS,
    &issues::OPERATIONS,
    &pulls::OPERATIONS,
    &refs::OPERATIONS,
    &repositories::OPERATIONS,
    &statuses::OPERATIONS,
    &users::OPERATIONS,
];

/// Returns the operation as GitHub's documentation writes it, such as
/// `POST /repos/{owner}/{repo}/issues`, or the method and path of an unknown request.
pub fn operation_name(request: &Request) -> String {
    match matching_operation(request) {
        Some((operation, _)) => format!("{} {}", operation.method, operation.path),
        None => format!("{} {}", request.method, request.path),
    }
}

pub fn answer(
    hub: &Hub,
    request: &Request,
    actor: Result<Actor, ApiError>,
) -> Result<Response, ApiError> {
    let Some((operation, path)) = matching_operation(request) else {
        let message = format!("fakehub does not know {} {}", request.method, request.path);
        return Err(ApiError::new(501, message));
    };
    let actor = match operation.access {
        Access::Anyone => actor.unwrap_or(Actor::App),
        _ => actor?,
    };
    let body = request.json()?;
    let query = pairs(&request.query);
    let url = format!("{}{}", hub.url(), request.path);
    let perform = |state: &mut State| {
        let repo = match (path.get("owner"), path.get("repo")) {
            (Some(owner), Some(name)) => Some(state.repository_named(&format!("{owner}/{name}"))),
            _ => None,
        };
        let repo = repo.transpose()?;
        state.admit(&actor, operation.access, repo)?;
        let by = actor.by(state);
        let actor = &actor;
        let repo = repo.unwrap_or_default();
        (operation.perform)(&mut Context { state, actor, by, repo, path, query, body, url })
    };
    match request.method.as_str() {
        "GET" => perform(&mut hub.0.read()),
        _ => hub.0.change(perform),
    }
}

fn matching_operation(
    request: &Request,
) -> Option<(&'static Operation, BTreeMap<&'static str, String>)> {
    let path = request.path.strip_prefix("/api/v3")?;
    FAMILIES.iter().flat_map(|family| family.iter()).find_map(|operation| {
        (operation.method == request.method.as_str())
            .then(|| matched(operation.path, path).map(|path| (operation, path)))?
    })
}

/// Returns the parameters in `path` if it matches `pattern`.
fn matched(pattern: &'static str, path: &str) -> Option<BTreeMap<&'static str, String>> {
    let pattern: Vec<_> = pattern.split('/').collect();
    // The name of a ref can contain slashes, so `{ref}` at the end takes the rest of the path.
    let path: Vec<_> = match pattern.last() {
        Some(&"{ref}") => path.splitn(pattern.len(), '/').collect(),
        _ => path.split('/').collect(),
    };
    if pattern.len() != path.len() {
        return None;
    }
    let mut parameters = BTreeMap::new();
    for (pattern, segment) in pattern.into_iter().zip(path) {
        match pattern.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) if !segment.is_empty() => {
                parameters.insert(name, decoded(segment));
            }
            None if pattern == segment => {}
            _ => return None,
        }
    }
    Some(parameters)
}

fn pairs(query: &str) -> BTreeMap<String, String> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(&value.replace('+', " ")))
    };
    query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect()
}

/// Decodes percent-encoding; keeps what is not valid.
fn decoded(text: &str) -> String {
    let mut bytes = vec![];
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = (*first == b'%').then(|| tail.get(..2)).flatten();
        let byte = hex
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_matches_segment_by_segment() {
        let pattern = "/repos/{owner}/{repo}/issues";
        let parameters = matched(pattern, "/repos/acme/in%20fra/issues").unwrap();
        assert_eq!(parameters["repo"], "in fra");
        let pattern = "/repos/{owner}/{repo}/git/ref/{ref}";
        for path in
            ["/repos/acme/infra/git/ref/heads/a/b", "/repos/acme/infra/git/ref/heads%2Fa%2Fb"]
        {
            assert_eq!(matched(pattern, path).unwrap()["ref"], "heads/a/b");
        }
        let pattern = "/repos/{owner}/{repo}/issues";
        for path in ["/repos/acme/infra", "/repos/acme/infra/pulls", "/repos//infra/issues"] {
            assert!(matched(pattern, path).is_none(), "{path} matched");
        }
    }

    #[test]
    fn no_operation_stands_in_the_table_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for operation in FAMILIES.iter().flat_map(|family| family.iter()) {
            assert!(seen.insert((operation.method, operation.path)), "{} twice", operation.path);
        }
    }
}
