//! The app, its installations, and their tokens.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, ToSpan};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    actions::access::{Access, Actor, permission_subset},
    api_error::ApiError,
    http::Response,
    rest::operation::{Context, Operation, listed},
    state::data::{Installation, InstallationToken, Level},
};

pub const OPERATIONS: [Operation; 6] = [
    Operation { method: "GET", path: "/app", access: Access::Jwt, perform: app },
    Operation { method: "GET", path: "/app/installations", access: Access::Jwt, perform: list },
    Operation {
        method: "GET",
        path: "/app/installations/{installation_id}",
        access: Access::Jwt,
        perform: one,
    },
    Operation {
        method: "GET",
        path: "/repos/{owner}/{repo}/installation",
        access: Access::Jwt,
        perform: of_repository,
    },
    Operation {
        method: "POST",
        path: "/app/installations/{installation_id}/access_tokens",
        access: Access::Jwt,
        perform: mint,
    },
    Operation {
        method: "DELETE",
        path: "/installation/token",
        access: Access::Token,
        perform: revoke,
    },
];

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TokenRequest {
    repositories: Option<Vec<String>>,
    repository_ids: Option<BTreeSet<i64>>,
    permissions: Option<BTreeMap<String, Level>>,
}

fn app(context: &mut Context<'_>) -> Result<Response, ApiError> {
    Ok(Response::json(200, &context.state.app_json()?))
}

fn list(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let state = &context.state;
    let all = state.data.installations.values().map(|it| state.installation_json(it));
    Ok(listed(context.page(all.collect::<Result<_, _>>()?)))
}

fn one(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let installation = context.state.installation(context.number("installation_id")?)?;
    Ok(Response::json(200, &context.state.installation_json(installation)?))
}

fn of_repository(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let installation = context.state.installation_of(context.repo);
    let installation = installation.ok_or_else(ApiError::not_found)?;
    Ok(Response::json(200, &context.state.installation_json(installation)?))
}

fn mint(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let wanted: TokenRequest = context.fields()?;
    let installation = context.state.installation(context.number("installation_id")?)?.clone();
    if installation.suspended_at.is_some() {
        return Err(ApiError::new(403, "This installation has been suspended"));
    }
    let permissions = permission_subset(&installation.permissions, wanted.permissions.as_ref())?;
    let repositories = chosen_repositories(context, &installation, &wanted)?;
    let expires_at =
        Timestamp::from_second((Timestamp::now() + 1.hour()).as_second()).unwrap_or(Timestamp::MAX);
    let token = token(context.state.data.app.id);
    let mut answer = json!({
        "token": token,
        "expires_at": expires_at,
        "permissions": permissions,
        "repository_selection": if repositories.is_some() { "selected" } else { "all" },
    });
    if let Some(ids) = &repositories {
        let listed = ids.iter().map(|id| context.state.repository_json(*id));
        answer["repositories"] = Value::Array(listed.collect::<Result<_, _>>()?);
    }
    let installation = installation.id;
    let grant = InstallationToken { installation, permissions, repositories, expires_at };
    let tokens = &mut context.state.data.tokens;
    tokens.retain(|_, old| old.expires_at > Timestamp::now());
    tokens.insert(token, grant);
    Ok(Response::json(201, &answer))
}

/// Returns the repositories of a new token, or `None` if it is for all of the installation.
///
/// Fails with 422 if one is not of the installation, or if there are more than 500.
fn chosen_repositories(
    context: &Context<'_>,
    installation: &Installation,
    wanted: &TokenRequest,
) -> Result<Option<BTreeSet<i64>>, ApiError> {
    let covered = context.state.repositories_of(installation);
    let inaccessible = || {
        ApiError::new(
            422,
            "There is at least one repository that does not exist or is not accessible to the \
             parent installation.",
        )
    };
    if wanted.repositories.is_none() && wanted.repository_ids.is_none() {
        return Ok(None);
    }
    let mut ids = wanted.repository_ids.clone().unwrap_or_default();
    for name in wanted.repositories.iter().flatten() {
        let found = covered.iter().find(|repository| repository.name == *name);
        ids.insert(found.ok_or_else(inaccessible)?.id);
    }
    let is_covered = |id: &i64| covered.iter().any(|repository| repository.id == *id);
    if ids.len() > 500 || !ids.iter().all(is_covered) {
        return Err(inaccessible());
    }
    Ok(Some(ids))
}

/// Returns a new token with the length and the characters of GitHub's.
fn token(app: i64) -> String {
    let random = || uuid::Uuid::new_v4().simple().to_string();
    let part = |length: usize| (0..length).map(|_| random()).collect::<String>();
    format!("ghs_{app}_{}.{}-{}.{}", part(2), part(5), part(4), part(5))
}

fn revoke(context: &mut Context<'_>) -> Result<Response, ApiError> {
    if let Actor::Installation { token, .. } = context.actor {
        context.state.data.tokens.remove(token);
    }
    Ok(Response::empty(204))
}
