//! What a GraphQL document can select from: the things, and what a field of one gives.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    actions::access::Actor,
    api_error::ApiError,
    state::{State, data::IssueRef},
};

/// Something a document asks for that fakehub does not have.
#[derive(Debug)]
pub struct Unknown(pub String);

/// What a document is run over, and for whom.
#[derive(Clone, Copy)]
pub struct Context<'w> {
    pub state: &'w State,
    pub actor: &'w Actor,
    /// Calls so far, for `rateLimit`.
    pub used: usize,
}

/// One object of the graph, by its keys in our state.
#[derive(Clone, Debug)]
pub enum Node {
    Query,
    RateLimit,
    Repository(i64),
    Pull(IssueRef),
    Issue(IssueRef),
    Label(String),
    PullCommit(i64, String),
    Commit(i64, String),
    GitActor {
        name: String,
        email: String,
    },
    Ref {
        repo: i64,
        branch: String,
    },
    Account(i64),
    /// The account behind an address of a commit.
    GitUser(i64),
    Review {
        pull: IssueRef,
        id: i64,
    },
    Connection(Connection),
    PageInfo {
        end: Option<String>,
        has_next: bool,
        start: Option<String>,
        has_previous: bool,
    },
    /// What a mutation gives, field by field.
    Payload {
        name: &'static str,
        fields: Vec<(&'static str, Node)>,
    },
    Edge {
        cursor: String,
        node: Box<Node>,
    },
}

/// A list, and the page of it that was asked for.
#[derive(Clone, Debug)]
pub struct Connection {
    pub name: &'static str,
    pub total: usize,
    /// The place of the first item of the page in the whole list.
    pub offset: usize,
    pub page: Vec<Node>,
}

/// What a field gives.
pub enum FieldValue {
    Leaf(Value),
    One(Node),
    Many(Vec<Node>),
}

impl FieldValue {
    pub fn leaf(value: impl Into<Value>) -> Result<Self, FieldError> {
        Ok(Self::Leaf(value.into()))
    }

    pub fn maybe(node: Option<Node>) -> Result<Self, FieldError> {
        Ok(node.map_or(Self::Leaf(Value::Null), Self::One))
    }
}

/// Why a field gives nothing.
pub enum FieldError {
    /// We do not have it: the whole request is a 501.
    Unknown(Unknown),
    /// GitHub would not give it: null, and an entry in `errors`.
    Refused { kind: &'static str, message: String },
}

impl FieldError {
    pub fn unknown(of: &str, field: &str) -> Self {
        Self::Unknown(Unknown(format!("field {field} of {of}")))
    }
}

impl From<ApiError> for FieldError {
    fn from(error: ApiError) -> Self {
        let kind = match error.status {
            403 => "FORBIDDEN",
            404 => "NOT_FOUND",
            409 => "STALE_DATA",
            422 => "UNPROCESSABLE",
            _ => "INTERNAL",
        };
        Self::Refused { kind, message: error.message }
    }
}

impl From<git2::Error> for FieldError {
    fn from(error: git2::Error) -> Self {
        ApiError::from(error).into()
    }
}

/// The arguments of a field, variables filled in.
#[derive(Debug, Default)]
pub struct Arguments(pub BTreeMap<String, Value>);

impl Arguments {
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    pub fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.as_i64()
    }

    pub fn is_set(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// Returns the texts of a list, or of a single value, which GraphQL takes for a list of one.
    pub fn texts(&self, name: &str) -> Option<Vec<&str>> {
        match self.0.get(name)? {
            Value::Array(all) => Some(all.iter().filter_map(Value::as_str).collect()),
            Value::String(one) => Some(vec![one]),
            _ => None,
        }
    }
}
