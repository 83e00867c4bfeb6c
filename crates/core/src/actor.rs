//! Who does something at GitHub, and what they may do in a repository.
//!
//! Nothing here decides whether someone may; `approval` and `jobs` compare.

use serde::{Deserialize, Serialize};

use super::names::{Login, UserId};

/// The numeric id of a GitHub App; the only way to tell our own writes from others'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppId(pub i64);

impl std::fmt::Display for AppId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A person, bot, organisation or imported author. The id is the key; the login is for people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Actor {
    pub id: UserId,
    pub login: Login,
    pub kind: ActorKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ActorKind {
    User,
    Bot,
    Organization,
    /// An author whom an import could not match to an account.
    Mannequin,
}

impl ActorKind {
    /// GitHub's word (`type` in REST and webhooks, `__typename` in GraphQL); `None` if unknown.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "User" => Self::User,
            "Bot" => Self::Bot,
            "Organization" => Self::Organization,
            "Mannequin" => Self::Mannequin,
            _ => return None,
        })
    }
}

impl Actor {
    /// The account that GitHub's REST API puts in the place of a deleted one.
    ///
    /// GraphQL and webhooks say `null` instead; both read the same here.
    pub const GHOST: UserId = UserId(10137);

    /// Stands for an account that no longer exists; it may do nothing.
    pub fn ghost() -> Self {
        let login = Login::parse("ghost").expect("`ghost` has the syntax of a login");
        Self { id: Self::GHOST, login, kind: ActorKind::User }
    }

    pub fn is_user(&self) -> bool {
        self.kind == ActorKind::User && self.id != Self::GHOST
    }
}

/// What somebody may do in a repository, in GitHub's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    None,
    Read,
    Triage,
    Write,
    Maintain,
    Admin,
}

impl Permission {
    /// GitHub's word; `None` if it is not one of the five roles or `none`.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "none" => Self::None,
            "read" => Self::Read,
            "triage" => Self::Triage,
            "write" => Self::Write,
            "maintain" => Self::Maintain,
            "admin" => Self::Admin,
            _ => return None,
        })
    }

    /// Returns whether it lets someone push to the repository.
    pub fn can_write(self) -> bool {
        self >= Self::Write
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_starts_at_write() {
        let can_write = ["none", "read", "triage", "write", "maintain", "admin"]
            .map(|word| Permission::parse(word).unwrap().can_write());
        assert_eq!(can_write, [false, false, false, true, true, true]);
    }

    #[test]
    fn an_unknown_word_is_no_permission_and_no_kind() {
        for word in ["", "Write", "owner", "push"] {
            assert_eq!(Permission::parse(word), None, "{word:?}");
        }
        assert_eq!(ActorKind::parse("EnterpriseUserAccount"), None);
    }

    #[test]
    fn a_deleted_account_is_no_user() {
        assert!(!Actor::ghost().is_user());
    }
}
