//! The person who views a page, the fields of forms, and the paths of pages.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::{
    api_error::ApiError,
    http::Request,
    state::{
        State, WEB_FLOW,
        data::{Account, AccountKind, By, Role},
    },
};

/// The cookie with the login of the person as whom the viewer acts.
pub const COOKIE: &str = "fakehub_person";

/// The fields of a form, or of the query of a URL.
#[derive(Debug, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    pub fn read(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// Returns the value of a field, or an empty string if it is missing.
    pub fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(other, _)| other == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Returns the trimmed value of a field. Fails with 422 if that is empty.
    pub fn required(&self, name: &str) -> Result<&str, ApiError> {
        match self.text(name).trim() {
            "" => Err(ApiError::new(422, format!("The field `{name}` is empty"))),
            text => Ok(text),
        }
    }
}

/// A person who views a page.
pub struct PageContext<'a> {
    pub state: &'a State,
    pub by: By,
    pub fields: Fields,
    /// The path and query of the page, to return to.
    pub here: String,
}

/// A page of a repository, with its viewer.
#[derive(Clone, Copy)]
pub struct RepoPage<'a> {
    pub context: &'a PageContext<'a>,
    pub repo: i64,
    pub name: &'a str,
}

impl<'a> PageContext<'a> {
    pub fn new(state: &'a State, request: &Request) -> Result<Self, ApiError> {
        let here = match request.query.as_str() {
            "" => request.path.clone(),
            query => format!("{}?{query}", request.path),
        };
        let fields = Fields::read(request.query.as_bytes());
        Ok(Self { state, by: person(state, request)?, fields, here })
    }
}

impl RepoPage<'_> {
    pub fn url(&self) -> String {
        format!("/{}", segments_of(self.name))
    }

    /// Returns whether `number` is that of a pull request.
    pub fn is_pull(&self, number: &str) -> bool {
        let issue = numbered(number).and_then(|it| self.context.state.issue(self.repo, it));
        issue.is_ok_and(|issue| issue.pull.is_some())
    }

    pub fn may(&self, role: Role) -> bool {
        self.context.state.require_role(self.repo, self.context.by, role).is_ok()
    }
}

/// Returns the person whom the cookie names, or else the first person. Fails with 404 if there is
/// nobody.
pub fn person(state: &State, request: &Request) -> Result<By, ApiError> {
    let cookies = request.header("cookie").unwrap_or_default().split(';');
    let named = cookies.filter_map(|pair| pair.trim().split_once('='));
    let named = named.filter(|(name, _)| *name == COOKIE).find_map(|(_, login)| {
        people(state).find(|account| account.login == login).map(|account| account.id)
    });
    let found = named.or_else(|| people(state).next().map(|account| account.id));
    let account =
        found.ok_or_else(|| ApiError::new(404, "nobody lives in this local GitHub yet"))?;
    Ok(By { account, via_app: false })
}

pub fn segments(path: &str) -> Vec<String> {
    let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    path.split('/').filter(|part| !part.is_empty()).map(decoded).collect()
}

/// Encodes `text` as one segment of a path.
pub fn segment(text: &str) -> String {
    const ESCAPED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'@');
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// Encodes each segment of `path`.
pub fn segments_of(path: &str) -> String {
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// A submitted form of a repository's page.
pub struct Submission<'a> {
    pub state: &'a mut State,
    pub by: By,
    pub repo: i64,
    pub name: &'a str,
    pub fields: &'a Fields,
}

/// Returns the people as whom a viewer can act, in the order of their ids.
pub fn people(state: &State) -> impl Iterator<Item = &Account> {
    let is_person =
        |account: &&Account| account.kind == AccountKind::User && account.id != WEB_FLOW;
    state.data.accounts.values().filter(is_person)
}

pub fn numbered(text: &str) -> Result<i64, ApiError> {
    text.parse().map_err(|_| ApiError::not_found())
}

pub fn rendered(page: &impl askama::Template) -> Result<String, ApiError> {
    page.render().map_err(|error| ApiError::new(500, format!("a page could not be made: {error}")))
}
