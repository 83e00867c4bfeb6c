//! The REST interface: a table of operations, and the way from a request to its answer.
//!
//! Each family of operations is a file with its part of the table. An operation that is not in it
//! does not exist here, and is answered 501.

mod app;
mod app_hook;
mod app_manifests;
mod checks;
mod comments;
mod deliveries;
mod files;
mod installations;
mod issues;
mod pulls;
mod refs;
mod repositories;
mod statuses;
mod users;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Hub;
use super::actor::{Access, Actor};
use super::refusal::Refusal;
use super::server::{Ask, Reply};
use super::state::{By, Level, Role};
use super::world::World;

/// One operation as GitHub's description names it.
pub struct Operation {
    method: &'static str,
    path: &'static str,
    access: Access,
    perform: fn(&mut Request<'_>) -> Result<Reply, Refusal>,
}

/// A request that may be carried out: whoever asks is known and admitted.
pub struct Request<'a> {
    world: &'a mut World,
    actor: &'a Actor,
    by: By,
    /// 0 where the path names none.
    repo: i64,
    path: BTreeMap<&'static str, String>,
    query: BTreeMap<String, String>,
    body: Value,
    url: String,
}

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

/// Reading needs one of the permissions, or a person who can read.
const fn read(permissions: &'static [&'static str]) -> Access {
    Access::Repository { permissions, level: Level::Read, role: Some(Role::Read) }
}

/// Writing needs one of the permissions; what a person needs, the operation itself knows.
const fn write(permissions: &'static [&'static str]) -> Access {
    Access::Repository { permissions, level: Level::Write, role: Some(Role::Read) }
}

/// `POST /repos/{owner}/{repo}/issues`, or the method and path as they came.
pub fn operation_name(ask: &Ask) -> String {
    match found(ask) {
        Some((operation, _)) => format!("{} {}", operation.method, operation.path),
        None => format!("{} {}", ask.method, ask.path),
    }
}

pub fn answer(hub: &Hub, ask: &Ask, actor: Result<Actor, Refusal>) -> Result<Reply, Refusal> {
    let Some((operation, path)) = found(ask) else {
        let message = format!("fakehub does not know {} {}", ask.method, ask.path);
        return Err(Refusal::new(501, message));
    };
    let actor = match operation.access {
        Access::Anyone => actor.unwrap_or(Actor::App),
        _ => actor?,
    };
    let body = ask.json()?;
    let query = pairs(&ask.query);
    let url = format!("{}{}", hub.url(), ask.path);
    let perform = |world: &mut World| {
        let repo = match (path.get("owner"), path.get("repo")) {
            (Some(owner), Some(name)) => Some(world.repository_named(&format!("{owner}/{name}"))),
            _ => None,
        };
        let repo = repo.transpose()?;
        world.admit(&actor, operation.access, repo)?;
        let by = actor.by(world);
        let actor = &actor;
        let repo = repo.unwrap_or_default();
        (operation.perform)(&mut Request { world, actor, by, repo, path, query, body, url })
    };
    match ask.method.as_str() {
        "GET" => perform(&mut hub.0.read()),
        _ => hub.0.change(perform),
    }
}

impl Request<'_> {
    fn number(&self, name: &str) -> Result<i64, Refusal> {
        self.path.get(name).and_then(|text| text.parse().ok()).ok_or_else(Refusal::not_found)
    }

    /// Errors unless the caller's permission reaches an issue or pull request.
    ///
    /// GitHub's documents say that either permission does for both; yet that for pull requests does
    /// not reach an issue that is none.
    fn reach(&self, number: i64, level: Level) -> Result<(), Refusal> {
        let is_pull = self.world.issue(self.repo, number)?.pull.is_some();
        let Actor::Installation { grant, .. } = self.actor else { return Ok(()) };
        match is_pull || grant.permissions.get("issues") >= Some(&level) {
            true => Ok(()),
            false => Err(Refusal::not_accessible()),
        }
    }

    fn name(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// A text field of the body that has to be there.
    fn text(&self, field: &str) -> Result<&str, Refusal> {
        self.body[field].as_str().ok_or_else(|| Refusal::missing(field))
    }

    /// The body as a type; errors with 422 when it does not fit.
    fn fields<T: DeserializeOwned + Default>(&self) -> Result<T, Refusal> {
        match &self.body {
            Value::Null => Ok(T::default()),
            body => serde_json::from_value(body.clone())
                .map_err(|error| Refusal::new(422, format!("Invalid request.\n\n{error}"))),
        }
    }

    fn per_page(&self) -> usize {
        let asked = self.query.get("per_page").and_then(|text| text.parse().ok());
        asked.unwrap_or(30).clamp(1, 100)
    }

    /// The asked-for page of a list, with a link to the next one.
    fn page(&self, all: Vec<Value>) -> (Vec<Value>, Option<String>) {
        let per_page = self.per_page();
        let number: usize = self.query.get("page").and_then(|p| p.parse().ok()).unwrap_or(1).max(1);
        let has_next = all.len() > number * per_page;
        let page = all.into_iter().skip((number - 1) * per_page).take(per_page).collect();
        let next = has_next.then(|| self.link(&[("page", &(number + 1).to_string())]));
        (page, next)
    }

    /// A `Link` header to this list with other parameters.
    fn link(&self, changed: &[(&str, &str)]) -> String {
        let mut query = self.query.clone();
        for (name, value) in changed {
            query.insert((*name).to_owned(), (*value).to_owned());
        }
        let query: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("<{}?{}>; rel=\"next\"", self.url, query.join("&"))
    }
}

/// A list as the answer, with its `Link` header.
fn listed((page, next): (Vec<Value>, Option<String>)) -> Reply {
    let reply = Reply::json(200, &Value::Array(page));
    match next {
        Some(next) => reply.with("link", next),
        None => reply,
    }
}

fn found(ask: &Ask) -> Option<(&'static Operation, BTreeMap<&'static str, String>)> {
    let path = ask.path.strip_prefix("/api/v3")?;
    FAMILIES.iter().flat_map(|family| family.iter()).find_map(|operation| {
        (operation.method == ask.method.as_str())
            .then(|| matched(operation.path, path).map(|path| (operation, path)))?
    })
}

/// The parameters of `path` if it has the form of `pattern`.
fn matched(pattern: &'static str, path: &str) -> Option<BTreeMap<&'static str, String>> {
    let pattern: Vec<_> = pattern.split('/').collect();
    // Names of refs have slashes: at the end, one takes all that is left.
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

/// Percent-decoded; what is not valid stays as it is.
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
