//! Names and ids as types, so that a name is parsed once and ids are never mixed up.
//!
//! Ids are GitHub's numeric ones, because names change.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Defines types of GitHub's numeric ids. They are positive on GitHub, but nothing depends on it.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    /// A person, bot or organisation.
    UserId
    /// A repository; survives renames and transfers.
    RepositoryId
    /// One installation of the App.
    InstallationId
    /// The number of a pull request or issue within its repository.
    PrNumber
    /// A comment on an issue or pull request.
    CommentId
    /// A check run.
    CheckRunId
}

/// A text that has not the syntax of the name that is expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{got}` is not {what}; expected {expected}")]
pub struct InvalidName {
    pub what: &'static str,
    pub got: String,
    pub expected: &'static str,
}

/// Defines types of names with a syntax: a private field, `parse`, and conversions from and to
/// text.
macro_rules! parsed_names {
    ($($(#[$doc:meta])* $name:ident, $what:literal, $expected:literal, $is_valid:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Fails if the text does not have the syntax of this name.
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidName> {
                let text = text.into();
                let is_valid: fn(&str) -> bool = $is_valid;
                if is_valid(&text) {
                    Ok(Self(text))
                } else {
                    Err(InvalidName { what: $what, got: text, expected: $expected })
                }
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::parse(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

parsed_names! {
    /// A commit, tree or blob id of git, in full.
    Sha, "a commit id", "40 lower-case hex digits", |s| {
        s.len() == 40 && s.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    /// A branch, without `refs/heads/`.
    BranchName, "a branch name", "a git branch name without `refs/heads/`", |s| {
        !s.is_empty() && s.len() <= 244 && !s.starts_with(['-', '/', '.']) && !s.ends_with(['/', '.'])
            && !s.contains("..") && !s.contains("@{") && !s.contains("//") && !s.ends_with(".lock")
            && !s.chars().any(|c| c.is_control() || " ~^:?*[\\".contains(c))
    };
    /// A user's or App's login. It is for display; the id identifies the account.
    Login, "a login", "letters, digits, `-`, `_` and an optional `[bot]`", |s| {
        let bare = s.strip_suffix("[bot]").unwrap_or(s);
        !bare.is_empty() && bare.len() <= 100
            && bare.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    /// The header `X-GitHub-Delivery` of a webhook. It stays the same in a redelivery.
    DeliveryId, "a delivery id", "1 to 100 letters, digits and `-`", |s| {
        !s.is_empty() && s.len() <= 100 && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
}

impl Sha {
    /// Returns the id of nothing, with which git and GitHub say that a ref does not exist.
    pub fn zero() -> Self {
        Self("0".repeat(40))
    }

    pub fn is_zero(&self) -> bool {
        self.0.bytes().all(|byte| byte == b'0')
    }
}

/// `owner/name` of a repository, for display and URLs. [`RepositoryId`] identifies it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepoName {
    owner: String,
    name: String,
}

impl RepoName {
    /// Fails unless the text is `owner/name` in the characters that GitHub allows.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let is_part = |part: &str| {
            !part.is_empty()
                && part.len() <= 100
                && part != "."
                && part != ".."
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        match text.split_once('/') {
            Some((owner, name)) if is_part(owner) && is_part(name) => {
                Ok(Self { owner: owner.into(), name: name.into() })
            }
            _ => Err(InvalidName {
                what: "a repository",
                got: text.into(),
                expected: "`owner/name`",
            }),
        }
    }

    pub fn owner(&self) -> &str {
        &self.owner
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

impl TryFrom<String> for RepoName {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::parse(&text)
    }
}

impl From<RepoName> for String {
    fn from(repo: RepoName) -> Self {
        repo.to_string()
    }
}

impl fmt::Display for RepoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// A stack, which is one deployed instance of a package: `name` or `name/environment`.
///
/// Both parts become segments of paths (`stacks/<name>/<environment>.yaml`), so only lower-case
/// letters, digits and `-` are allowed, beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StackId {
    name: String,
    environment: Option<String>,
}

impl StackId {
    /// Fails unless the text is `name` or `name/environment`. `stack` is no environment, because
    /// `stack.yaml` and `stack.lock.json` are files with another meaning.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let is_part = |part: &str| {
            part.len() <= 63
                && part.starts_with(|c: char| c.is_ascii_lowercase())
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        let (name, environment) = match text.split_once('/') {
            Some((name, environment)) => (name, Some(environment)),
            None => (text, None),
        };
        if is_part(name) && environment.is_none_or(|e| is_part(e) && e != "stack") {
            Ok(Self { name: name.into(), environment: environment.map(Into::into) })
        } else {
            Err(InvalidName {
                what: "a stack",
                got: text.into(),
                expected: "`name` or `name/environment` in lower-case letters, digits and `-`",
            })
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn environment(&self) -> Option<&str> {
        self.environment.as_deref()
    }
}

impl TryFrom<String> for StackId {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::parse(&text)
    }
}

impl std::str::FromStr for StackId {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::parse(text)
    }
}

impl From<StackId> for String {
    fn from(stack: StackId) -> Self {
        stack.to_string()
    }
}

impl fmt::Display for StackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.environment {
            Some(environment) => write!(f, "{}/{environment}", self.name),
            None => self.name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_a_name_with_or_without_an_environment() {
        for text in ["website", "website/prod", "a-1/b-2"] {
            assert_eq!(StackId::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_could_leave_the_stacks_folder_is_no_stack() {
        for text in ["", "/", "a/", "/a", "a/b/c", "..", "a/..", "A", "1a", "a_b", "a b", "a/stack"]
        {
            assert!(StackId::parse(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn a_commit_id_is_forty_lower_case_hex_digits() {
        assert!(Sha::parse("a".repeat(40)).is_ok());
        for text in ["a".repeat(39), "A".repeat(40), "g".repeat(40), "a".repeat(41)] {
            assert!(Sha::parse(text).is_err());
        }
    }

    #[test]
    fn a_branch_cannot_be_an_option_or_another_ref() {
        for text in ["-x", "a..b", "a b", "a:b", "a@{1}", "", "a.lock", "a\nb"] {
            assert!(BranchName::parse(text).is_err(), "{text:?} was taken");
        }
        assert!(BranchName::parse("planwright/12-logs").is_ok());
    }

    #[test]
    fn a_repository_has_an_owner_and_a_name() {
        assert_eq!(RepoName::parse("acme/infra").unwrap().owner(), "acme");
        for text in ["acme", "acme/", "/infra", "a/b/c", "acme/..", "ac me/x"] {
            assert!(RepoName::parse(text).is_err(), "{text:?} was taken");
        }
    }
}
