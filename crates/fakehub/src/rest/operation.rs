//! One operation of REST, and the request that one is given.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::actions::access::{Access, Actor};
use crate::api_error::Refusal;
use crate::http::Reply;
use crate::state::World;
use crate::state::data::{By, Level, Role};

/// One operation as GitHub's description names it.
pub struct Operation {
    pub method: &'static str,
    pub path: &'static str,
    pub access: Access,
    pub perform: fn(&mut Request<'_>) -> Result<Reply, Refusal>,
}

/// A request that may be carried out: whoever asks is known and admitted.
pub struct Request<'a> {
    pub world: &'a mut World,
    pub actor: &'a Actor,
    pub by: By,
    /// 0 where the path names none.
    pub repo: i64,
    pub path: BTreeMap<&'static str, String>,
    pub query: BTreeMap<String, String>,
    pub body: Value,
    pub url: String,
}

/// Reading needs one of the permissions, or a person who can read.
pub const fn read(permissions: &'static [&'static str]) -> Access {
    Access::Repository { permissions, level: Level::Read, role: Some(Role::Read) }
}

/// Writing needs one of the permissions; what a person needs, the operation itself knows.
pub const fn write(permissions: &'static [&'static str]) -> Access {
    Access::Repository { permissions, level: Level::Write, role: Some(Role::Read) }
}

impl Request<'_> {
    pub fn number(&self, name: &str) -> Result<i64, Refusal> {
        self.path.get(name).and_then(|text| text.parse().ok()).ok_or_else(Refusal::not_found)
    }

    /// Errors unless the caller's permission reaches an issue or pull request.
    ///
    /// GitHub's documents say that either permission does for both; yet that for pull requests does
    /// not reach an issue that is none.
    pub fn reach(&self, number: i64, level: Level) -> Result<(), Refusal> {
        let is_pull = self.world.issue(self.repo, number)?.pull.is_some();
        let Actor::Installation { grant, .. } = self.actor else { return Ok(()) };
        match is_pull || grant.permissions.get("issues") >= Some(&level) {
            true => Ok(()),
            false => Err(Refusal::not_accessible()),
        }
    }

    pub fn name(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// A text field of the body that has to be there.
    pub fn text(&self, field: &str) -> Result<&str, Refusal> {
        self.body[field].as_str().ok_or_else(|| Refusal::missing(field))
    }

    /// The body as a type; errors with 422 when it does not fit.
    pub fn fields<T: DeserializeOwned + Default>(&self) -> Result<T, Refusal> {
        match &self.body {
            Value::Null => Ok(T::default()),
            body => serde_json::from_value(body.clone())
                .map_err(|error| Refusal::new(422, format!("Invalid request.\n\n{error}"))),
        }
    }

    pub fn per_page(&self) -> usize {
        let asked = self.query.get("per_page").and_then(|text| text.parse().ok());
        asked.unwrap_or(30).clamp(1, 100)
    }

    /// The asked-for page of a list, with a link to the next one.
    pub fn page(&self, all: Vec<Value>) -> (Vec<Value>, Option<String>) {
        let per_page = self.per_page();
        let number: usize = self.query.get("page").and_then(|p| p.parse().ok()).unwrap_or(1).max(1);
        let has_next = all.len() > number * per_page;
        let page = all.into_iter().skip((number - 1) * per_page).take(per_page).collect();
        let next = has_next.then(|| self.link(&[("page", &(number + 1).to_string())]));
        (page, next)
    }

    /// A `Link` header to this list with other parameters.
    pub fn link(&self, changed: &[(&str, &str)]) -> String {
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
pub fn listed((page, next): (Vec<Value>, Option<String>)) -> Reply {
    let reply = Reply::json(200, &Value::Array(page));
    match next {
        Some(next) => reply.with("link", next),
        None => reply,
    }
}
