//! Actors: users, bots and organisations.

use crate::graphql::node::{Failure, Out};
use crate::json::node_id;
use crate::state::World;
use crate::state::data::AccountKind;

pub fn type_name(world: &World, id: i64) -> &'static str {
    match world.account(id).map(|account| account.kind) {
        Ok(AccountKind::Bot) => "Bot",
        Ok(AccountKind::Organization) => "Organization",
        _ => "User",
    }
}

pub fn field(world: &World, id: i64, name: &str) -> Result<Out, Failure> {
    let account = world.account(id)?;
    // In GraphQL, unlike in REST, a bot's login has no suffix.
    let login = account.login.trim_end_matches("[bot]");
    match name {
        "login" => Out::leaf(login),
        "databaseId" => Out::leaf(id),
        "id" => Out::leaf(node_id("U", id)),
        "url" => Out::leaf(format!("{}/{login}", world.url)),
        _ => Err(Failure::unknown(type_name(world, id), name)),
    }
}

/// A commit's user has the type of a person, and of a bot the login that REST gives it.
pub fn git_user_field(world: &World, id: i64, name: &str) -> Result<Out, Failure> {
    match name {
        "login" => Out::leaf(world.account(id)?.login.clone()),
        _ => field(world, id, name),
    }
}
