//! The app itself, its installations, and the tokens that it mints.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, ToSpan};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::actions::access::{Access, Actor, permission_subset};
use crate::api_error::Refusal;
use crate::http::Reply;
use crate::rest::operation::{Operation, Request, listed};
use crate::state::data::{Installation, InstallationToken, Level};

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
struct Wish {
    repositories: Option<Vec<String>>,
    repository_ids: Option<BTreeSet<i64>>,
    permissions: Option<BTreeMap<String, Level>>,
}

fn app(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    Ok(Reply::json(200, &request.world.app_json()?))
}

fn list(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let world = &request.world;
    let all = world.state.installations.values().map(|it| world.installation_json(it));
    Ok(listed(request.page(all.collect::<Result<_, _>>()?)))
}

fn one(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let installation = request.world.installation(request.number("installation_id")?)?;
    Ok(Reply::json(200, &request.world.installation_json(installation)?))
}

fn of_repository(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let installation = request.world.installation_of(request.repo);
    let installation = installation.ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(200, &request.world.installation_json(installation)?))
}

fn mint(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let wish: Wish = request.fields()?;
    let installation = request.world.installation(request.number("installation_id")?)?.clone();
    if installation.suspended_at.is_some() {
        return Err(Refusal::new(403, "This installation has been suspended"));
    }
    let permissions = permission_subset(&installation.permissions, wish.permissions.as_ref())?;
    let repositories = chosen(request, &installation, &wish)?;
    let expires_at =
        Timestamp::from_second((Timestamp::now() + 1.hour()).as_second()).unwrap_or(Timestamp::MAX);
    let token = token(request.world.state.app.id);
    let mut answer = json!({
        "token": token,
        "expires_at": expires_at,
        "permissions": permissions,
        "repository_selection": if repositories.is_some() { "selected" } else { "all" },
    });
    if let Some(ids) = &repositories {
        let listed = ids.iter().map(|id| request.world.repository_json(*id));
        answer["repositories"] = Value::Array(listed.collect::<Result<_, _>>()?);
    }
    let installation = installation.id;
    let grant = InstallationToken { installation, permissions, repositories, expires_at };
    let tokens = &mut request.world.state.tokens;
    tokens.retain(|_, old| old.expires_at > Timestamp::now());
    tokens.insert(token, grant);
    Ok(Reply::json(201, &answer))
}

/// The repositories of a new token; errors with 422 for one that is not of the installation.
fn chosen(
    request: &Request<'_>,
    installation: &Installation,
    wish: &Wish,
) -> Result<Option<BTreeSet<i64>>, Refusal> {
    let covered = request.world.repositories_of(installation);
    let inaccessible = || {
        Refusal::new(
            422,
            "There is at least one repository that does not exist or is not accessible to the \
             parent installation.",
        )
    };
    if wish.repositories.is_none() && wish.repository_ids.is_none() {
        return Ok(None);
    }
    let mut ids = wish.repository_ids.clone().unwrap_or_default();
    for name in wish.repositories.iter().flatten() {
        let found = covered.iter().find(|repository| repository.name == *name);
        ids.insert(found.ok_or_else(inaccessible)?.id);
    }
    let is_covered = |id: &i64| covered.iter().any(|repository| repository.id == *id);
    if ids.len() > 500 || !ids.iter().all(is_covered) {
        return Err(inaccessible());
    }
    Ok(Some(ids))
}

/// As long as GitHub's, and with the characters that they have.
fn token(app: i64) -> String {
    let random = || uuid::Uuid::new_v4().simple().to_string();
    let part = |length: usize| (0..length).map(|_| random()).collect::<String>();
    format!("ghs_{app}_{}.{}-{}.{}", part(2), part(5), part(4), part(5))
}

fn revoke(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    if let Actor::Installation { token, .. } = request.actor {
        request.world.state.tokens.remove(token);
    }
    Ok(Reply::empty(204))
}
