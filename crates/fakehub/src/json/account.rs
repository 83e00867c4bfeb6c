//! JSON of people, bots, organisations, the app and its installations.

use serde_json::{Value, json};

use crate::{
    api_error::ApiError,
    json::{links, node_id, with},
    state::{
        State,
        data::{AccountKind, Installation, Repository, Role},
    },
};

impl State {
    pub fn user_json(&self, id: i64) -> Result<Value, ApiError> {
        let account = self.account(id)?;
        let path = account.login.replace('[', "%5B").replace(']', "%5D");
        let html = match account.kind {
            AccountKind::Bot => format!("apps/{}", account.login.trim_end_matches("[bot]")),
            _ => account.login.clone(),
        };
        let urls = links(
            &format!("{}/api/v3/users/{path}", self.url),
            &[
                ("url", ""),
                ("followers_url", "/followers"),
                ("following_url", "/following{/other_user}"),
                ("gists_url", "/gists{/gist_id}"),
                ("starred_url", "/starred{/owner}{/repo}"),
                ("subscriptions_url", "/subscriptions"),
                ("organizations_url", "/orgs"),
                ("repos_url", "/repos"),
                ("events_url", "/events{/privacy}"),
                ("received_events_url", "/received_events"),
            ],
        );
        let own = json!({
            "login": account.login,
            "id": id,
            "node_id": node_id("U", id),
            "avatar_url": format!("{}/avatars/u/{id}", self.url),
            "gravatar_id": "",
            "html_url": format!("{}/{html}", self.url),
            "type": format!("{:?}", account.kind),
            "user_view_type": "public",
            "site_admin": false,
        });
        Ok(with(urls, own))
    }

    pub fn app_json(&self) -> Result<Value, ApiError> {
        let app = &self.data.app;
        let html = format!("{}/apps/{}", self.url, app.slug);
        Ok(json!({
            "id": app.id,
            "slug": app.slug,
            "node_id": node_id("A", app.id),
            "client_id": app.client_id,
            "owner": self.user_json(app.owner)?,
            "name": app.slug,
            "description": "",
            "external_url": html,
            "html_url": html,
            "created_at": app.created_at.round(jiff::Unit::Second).unwrap_or(app.created_at),
            "updated_at": app.created_at.round(jiff::Unit::Second).unwrap_or(app.created_at),
            "permissions": app.permissions,
            "events": app.events,
            "installations_count": self.data.installations.len(),
        }))
    }

    pub fn installation_json(&self, installation: &Installation) -> Result<Value, ApiError> {
        let (id, app) = (installation.id, &self.data.app);
        let account = self.account(installation.account)?;
        let api = format!("{}/api/v3", self.url);
        Ok(json!({
            "id": id,
            "account": self.user_json(installation.account)?,
            "repository_selection": "all",
            "access_tokens_url": format!("{api}/app/installations/{id}/access_tokens"),
            "repositories_url": format!("{api}/installation/repositories"),
            "html_url": format!("{}/settings/installations/{id}", self.url),
            "app_id": app.id,
            "app_slug": app.slug,
            "client_id": app.client_id,
            "target_id": installation.account,
            "target_type": format!("{:?}", account.kind),
            "permissions": installation.permissions,
            "events": app.events,
            "created_at": installation.created_at,
            "updated_at": installation.suspended_at.unwrap_or(installation.created_at),
            "single_file_name": null,
            "has_multiple_single_files": false,
            "single_file_paths": [],
            "suspended_by": null,
            "suspended_at": installation.suspended_at,
        }))
    }

    pub fn organization_json(&self, id: i64) -> Result<Value, ApiError> {
        let account = self.account(id)?;
        let url = format!("{}/api/v3/orgs/{}", self.url, account.login);
        Ok(json!({
            "login": account.login,
            "id": id,
            "node_id": node_id("O", id),
            "url": url,
            "repos_url": format!("{url}/repos"),
            "events_url": format!("{url}/events"),
            "hooks_url": format!("{url}/hooks"),
            "issues_url": format!("{url}/issues"),
            "members_url": format!("{url}/members{{/member}}"),
            "public_members_url": format!("{url}/public_members{{/member}}"),
            "avatar_url": format!("{}/avatars/u/{id}", self.url),
            "description": null,
        }))
    }

    /// Returns the answer to `GET …/collaborators/{username}/permission`.
    pub fn permission_json(&self, repository: i64, account: i64) -> Result<Value, ApiError> {
        let role = self.role(repository, account)?;
        let (permission, role_name) = match role {
            None => ("none", ""),
            Some(Role::Read) => ("read", "read"),
            Some(Role::Triage) => ("read", "triage"),
            Some(Role::Write) => ("write", "write"),
            Some(Role::Maintain) => ("write", "maintain"),
            Some(Role::Admin) => ("admin", "admin"),
        };
        let mut user = self.user_json(account)?;
        user["role_name"] = role_name.into();
        user["permissions"] = permissions(role);
        Ok(json!({ "permission": permission, "role_name": role_name, "user": user }))
    }

    /// Returns the `author_association`. It is no permission: GitHub gives NONE even for some
    /// members of an organisation.
    pub fn association(&self, repository: &Repository, account: i64) -> &'static str {
        match repository.collaborators.contains_key(&account) {
            _ if repository.owner == account => "OWNER",
            true => "COLLABORATOR",
            false => "NONE",
        }
    }
}

/// Returns the five flags that GitHub derives from a role.
pub fn permissions(role: Option<Role>) -> Value {
    json!({
        "pull": role >= Some(Role::Read),
        "triage": role >= Some(Role::Triage),
        "push": role >= Some(Role::Write),
        "maintain": role >= Some(Role::Maintain),
        "admin": role >= Some(Role::Admin),
    })
}
