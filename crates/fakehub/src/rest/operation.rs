//! An operation of the REST API, and the request that it is given.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    actions::access::{Access, Actor},
    api_error::ApiError,
    http::Response,
    state::{
        State,
        data::{By, Level, Role},
    },
};

/// An operation, as GitHub's OpenAPI description names it.
pub struct Operation {
    pub method: &'static str,
    pub path: &'static str,
    pub access: Access,
    pub perform: fn(&mut Context<'_>) -> Result<Response, ApiError>,
}

/// A request whose caller is known and may perform the operation.
pub struct Context<'a> {
    pub state: &'a mut State,
    pub actor: &'a Actor,
    pub by: By,
    /// The id of the repository, or 0 if the path names none.
    pub repo: i64,
    pub path: BTreeMap<&'static str, String>,
    pub query: BTreeMap<String, String>,
    pub body: Value,
    pub url: String,
}

/// Returns the access to read: for a token with one of `permissions`, or a person who can read the
/// repository.
pub const fn read(permissions: &'static [&'static str]) -> Access {
    Access::Repository { permissions, level: Level::Read, role: Some(Role::Read) }
}

/// Returns the access to write: for a token with one of `permissions`, or a person who can read the
/// repository. The operation itself checks whether the person's role suffices.
pub const fn write(permissions: &'static [&'static str]) -> Access {
    Access::Repository { permissions, level: Level::Write, role: Some(Role::Read) }
}

impl Context<'_> {
    pub fn number(&self, name: &str) -> Result<i64, ApiError> {
        self.path.get(name).and_then(|text| text.parse().ok()).ok_or_else(ApiError::not_found)
    }

    /// Fails with 403 unless the caller's permission reaches an issue or pull request.
    ///
    /// GitHub's documentation says that either permission suffices for both. In fact that for pull
    /// requests does not reach an issue that is none.
    pub fn reach(&self, number: i64, level: Level) -> Result<(), ApiError> {
        let is_pull = self.state.issue(self.repo, number)?.pull.is_some();
        let Actor::Installation { grant, .. } = self.actor else { return Ok(()) };
        match is_pull || grant.permissions.get("issues") >= Some(&level) {
            true => Ok(()),
            false => Err(ApiError::not_accessible()),
        }
    }

    pub fn name(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// Returns a string in the body. Fails with 422 if it is missing.
    pub fn text(&self, field: &str) -> Result<&str, ApiError> {
        self.body[field].as_str().ok_or_else(|| ApiError::missing(field))
    }

    /// Parses the body. Fails with 422 if it does not fit the type.
    pub fn fields<T: DeserializeOwned + Default>(&self) -> Result<T, ApiError> {
        match &self.body {
            Value::Null => Ok(T::default()),
            body => serde_json::from_value(body.clone())
                .map_err(|error| ApiError::new(422, format!("Invalid request.\n\n{error}"))),
        }
    }

    pub fn per_page(&self) -> usize {
        let asked = self.query.get("per_page").and_then(|text| text.parse().ok());
        asked.unwrap_or(30).clamp(1, 100)
    }

    /// Returns the page of a list that the query asks for, with a link to the next page.
    pub fn page(&self, all: Vec<Value>) -> ListPage {
        let per_page = self.per_page();
        let number: usize = self.query.get("page").and_then(|p| p.parse().ok()).unwrap_or(1).max(1);
        let has_next = all.len() > number * per_page;
        let page = all.into_iter().skip((number - 1) * per_page).take(per_page).collect();
        let next = has_next.then(|| self.link(&[("page", &(number + 1).to_string())]));
        ListPage { items: page, next }
    }

    /// Returns a `Link` header to the same list with some query parameters changed.
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

/// A page of a list.
pub struct ListPage {
    pub items: Vec<Value>,
    /// The `Link` header that leads to the next page.
    next: Option<String>,
}

impl ListPage {
    /// Adds the `Link` header, if there is a next page.
    pub fn linked(&self, response: Response) -> Response {
        match &self.next {
            Some(next) => response.with("link", next),
            None => response,
        }
    }
}

/// Returns the response with a page of a list and its `Link` header.
pub fn listed(page: ListPage) -> Response {
    page.linked(Response::json(200, &Value::Array(page.items.clone())))
}
