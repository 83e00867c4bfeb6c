//! Issues that are not pull requests, and their labels.

use serde_json::json;

use crate::graphql::connection::connection;
use crate::graphql::node::{Arguments, Failure, Out, Thing};
use crate::json::node_id;
use crate::state::World;

pub fn field(
    world: &World,
    (repo, number): (i64, i64),
    name: &str,
    arguments: &Arguments,
) -> Result<Out, Failure> {
    let issue = world.issue(repo, number)?;
    match name {
        "id" => Out::leaf(node_id("I", issue.id)),
        "number" => Out::leaf(number),
        "title" => Out::leaf(issue.title.clone()),
        "body" => Out::leaf(issue.body.clone().unwrap_or_default()),
        "state" => Out::leaf(if issue.open { "OPEN" } else { "CLOSED" }),
        "createdAt" => Out::leaf(json!(issue.created_at)),
        "author" => Ok(Out::One(Thing::Account(issue.by.account))),
        "editor" => Out::maybe(issue.edited_by.map(Thing::Account)),
        "labels" => {
            let all = issue.labels.iter().cloned().map(Thing::Label).collect();
            connection("LabelConnection", all, arguments)
        }
        _ => Err(Failure::unknown("Issue", name)),
    }
}

pub fn label_field(label: &str, name: &str) -> Result<Out, Failure> {
    match name {
        "name" => Out::leaf(label),
        _ => Err(Failure::unknown("Label", name)),
    }
}
