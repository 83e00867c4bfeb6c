//! The objects that a GraphQL document selects from, and the values of their fields.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    actions::access::Actor,
    api_error::ApiError,
    state::{State, data::IssueRef},
};

/// Something that a document asks for and that fakehub does not have.
#[derive(Debug)]
pub struct Unknown(pub String);

/// What a document is executed on, and for whom.
#[derive(Clone, Copy)]
pub struct Context<'w> {
    pub state: &'w State,
    pub actor: &'w Actor,
    /// The number of calls so far, for `rateLimit`.
    pub used: usize,
}

/// An object of the graph, by its keys in the state.
#[derive(Clone, Debug)]
pub enum Node {
    Query,
    RateLimit,
    Repository(i64),
    Pull(IssueRef),
    /// The last time that a pull request was reopened.
    Reopened(IssueRef),
    Issue(IssueRef),
    Comment {
        repo: i64,
        id: i64,
    },
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
    /// The account that an e-mail address in a commit belongs to.
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
    /// The result of a mutation, field by field.
    Payload {
        name: &'static str,
        fields: Vec<(&'static str, Node)>,
    },
    Edge {
        cursor: String,
        node: Box<Node>,
    },
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Connection {
    pub name: &'static str,
    pub total: usize,
    /// The index of the first item of the page in the whole list.
    pub offset: usize,
    pub page: Vec<Node>,
}

/// The value of a field.
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

/// Why a field has no value.
pub enum FieldError {
    /// fakehub does not have the field: the whole request is answered with 501.
    Unknown(Unknown),
    /// GitHub would refuse the field: it is null, and `errors` has an entry.
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

/// The arguments of a field, with variables replaced by their values.
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

    /// Returns the strings of a list. GraphQL accepts a single string as a list of one.
    pub fn texts(&self, name: &str) -> Option<Vec<&str>> {
        match self.0.get(name)? {
            Value::Array(all) => Some(all.iter().filter_map(Value::as_str).collect()),
            Value::String(one) => Some(vec![one]),
            _ => None,
        }
    }
}
