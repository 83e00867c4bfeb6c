//! Fields of accounts: users, bots and organisations.

use crate::{
    graphql::node::{FieldError, FieldValue},
    json::node_id,
    state::{State, data::AccountKind},
};

pub fn type_name(state: &State, id: i64) -> &'static str {
    match state.account(id).map(|account| account.kind) {
        Ok(AccountKind::Bot) => "Bot",
        Ok(AccountKind::Organization) => "Organization",
        _ => "User",
    }
}

pub fn field(state: &State, id: i64, name: &str) -> Result<FieldValue, FieldError> {
    let account = state.account(id)?;
    // Unlike in REST, the login of a bot has no suffix `[bot]` in GraphQL.
    let login = account.login.trim_end_matches("[bot]");
    match name {
        "login" => FieldValue::leaf(login),
        "databaseId" => FieldValue::leaf(id),
        "id" => FieldValue::leaf(node_id("U", id)),
        "url" => FieldValue::leaf(format!("{}/{login}", state.url)),
        _ => Err(FieldError::unknown(type_name(state, id), name)),
    }
}

/// Returns a field of a commit's user. Its type is `User` even for a bot, whose login is the one
/// that REST gives.
pub fn git_user_field(state: &State, id: i64, name: &str) -> Result<FieldValue, FieldError> {
    match name {
        "login" => FieldValue::leaf(state.account(id)?.login.clone()),
        _ => field(state, id, name),
    }
}
