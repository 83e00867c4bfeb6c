//! The permission of an account in a repository at this moment.
//!
//! It is always read from GitHub. `author_association` is not used, because it is wrong for private
//! members.

use serde::Deserialize;

use planwright_core::{
    actor::{Actor, Permission},
    repository::Repository,
};

use crate::{
    Error, GitHub, Result, TokenScope,
    call::Call,
    wire::{Account, Unexpected},
};

#[derive(Deserialize)]
struct Wire {
    /// `admin`, `write`, `read` or `none`. A custom role appears as the one that it is based on.
    permission: String,
    /// The exact role, or the name of a custom one.
    #[serde(default)]
    role_name: Option<String>,
    user: Option<Account>,
}

impl GitHub {
    /// Returns the permission of `actor`, or none if another account has taken over the login.
    pub async fn permission(&self, repository: &Repository, actor: &Actor) -> Result<Permission> {
        let path = format!("/repos/{}/collaborators/{}/permission", repository.name, actor.login);
        let call = Call::read(path);
        match self.ask(repository, TokenScope::Read, &call).await {
            Ok(wire) => permission(wire, actor).map_err(|e| call.unreadable(e)),
            // The account is deleted. One person who left must not prevent every verdict.
            Err(Error::NotFound { .. }) => Ok(Permission::None),
            Err(error) => Err(error),
        }
    }
}

fn permission(wire: Wire, actor: &Actor) -> Result<Permission, Unexpected> {
    let user = wire.user.ok_or("no user in it")?.actor()?;
    if user.id != actor.id {
        // Another account has the login now, so `actor` has no permission.
        return Ok(Permission::None);
    }
    let broad = Permission::parse(&wire.permission)
        .ok_or_else(|| format!("`{}` is no known permission", wire.permission))?;
    let exact = wire.role_name.as_deref().and_then(Permission::parse);
    // `permission` has `write` for maintain and `read` for triage. A role never widens it.
    Ok(match (broad, exact) {
        (Permission::Write, Some(Permission::Maintain)) => Permission::Maintain,
        (Permission::Read, Some(Permission::Triage)) => Permission::Triage,
        (broad, _) => broad,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(permission: &str, role_name: &str) -> Wire {
        let user = serde_json::json!({ "id": 10137, "login": "ghost", "type": "User" });
        Wire {
            permission: permission.into(),
            role_name: Some(role_name.into()),
            user: serde_json::from_value(user).unwrap(),
        }
    }

    #[test]
    fn the_role_refines_the_permission_and_never_widens_it() {
        for (broad, role, expected) in [
            ("admin", "admin", Permission::Admin),
            ("write", "maintain", Permission::Maintain),
            ("write", "write", Permission::Write),
            ("write", "release-captain", Permission::Write),
            ("read", "triage", Permission::Triage),
            ("read", "admin", Permission::Read),
            ("none", "admin", Permission::None),
        ] {
            assert_eq!(
                permission(answer(broad, role), &Actor::ghost()),
                Ok(expected),
                "{broad} {role}"
            );
        }
    }

    #[test]
    fn an_unknown_word_is_an_error_and_whoever_took_over_a_login_gives_nothing() {
        assert!(permission(answer("owner", "admin"), &Actor::ghost()).is_err());
        let before = Actor { id: planwright_core::names::UserId(7), ..Actor::ghost() };
        assert_eq!(permission(answer("admin", "admin"), &before), Ok(Permission::None));
        let nobody = Wire { user: None, ..answer("admin", "admin") };
        assert!(permission(nobody, &Actor::ghost()).is_err());
    }
}
