//! Accounts on GitHub, and what they may do in a repository.
//!
//! Nothing here decides whether somebody is allowed to do something: `approval` and `jobs` compare.

use serde::{Deserialize, Serialize};

use super::names::{Login, UserId};

/// The numeric id of a GitHub App. By it alone the bot recognises what it wrote itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppId(pub i64);

impl std::fmt::Display for AppId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A person, bot, organisation or imported author. `id` identifies it; `login` is for display and
/// can change.
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
    /// An author from an import whom GitHub could not match to an account.
    Mannequin,
}

impl ActorKind {
    /// Parses GitHub's name of the kind (`type` in REST and webhooks, `__typename` in GraphQL).
    ///
    /// Returns `None` if the kind is unknown.
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
    /// The account `ghost`, which GitHub's REST API puts in the place of a deleted account.
    ///
    /// GraphQL and webhooks send `null` instead; both are read as this account.
    pub const GHOST: UserId = UserId(10137);

    /// Returns the stand-in for a deleted account. It is not a user, so it may do nothing.
    pub fn ghost() -> Self {
        let login = Login::parse("ghost").expect("`ghost` has the syntax of a login");
        Self { id: Self::GHOST, login, kind: ActorKind::User }
    }

    pub fn is_user(&self) -> bool {
        self.kind == ActorKind::User && self.id != Self::GHOST
    }
}

/// What somebody may do in a repository, from the least to the most.
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
    /// Parses GitHub's name of a role. Returns `None` if it is neither one of the five roles nor
    /// `none`.
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

    /// Returns whether this permission allows a push to the repository.
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
