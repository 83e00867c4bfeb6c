//! The GraphQL interface: a document is parsed, run over the things we know, and answered.
//!
//! There is no schema here: that documents are valid is checked against GitHub's own schema in the
//! contract test. A field that no thing of ours has is answered 501. There are no mutations yet.

mod account;
mod commit;
mod connection;
mod execution;
mod pull;
mod repository;
mod thing;

use graphql_parser::query::{Definition, Document, OperationDefinition, parse_query};
use serde_json::{Value, json};

use super::Hub;
use super::actor::Actor;
use super::refusal::Refusal;
use super::server::{Ask, Reply};
use execution::Execution;

/// `graphql PullRequest`, or `graphql mutation AddComment`.
pub fn operation_name(ask: &Ask) -> String {
    let unnamed = || "graphql unnamed".to_owned();
    let Ok(body) = ask.json() else { return unnamed() };
    let text = body["query"].as_str().unwrap_or_default();
    let Ok(document) = parse_query::<String>(text) else { return unnamed() };
    match operation(&document, body["operationName"].as_str()) {
        Some(OperationDefinition::Query(query)) => {
            query.name.as_ref().map_or_else(unnamed, |name| format!("graphql {name}"))
        }
        Some(OperationDefinition::Mutation(mutation)) => {
            format!("graphql mutation {}", mutation.name.as_deref().unwrap_or("unnamed"))
        }
        _ => unnamed(),
    }
}

pub fn answer(hub: &Hub, ask: &Ask, actor: &Actor) -> Result<Reply, Refusal> {
    let body = ask.json()?;
    let text = body["query"].as_str().ok_or_else(|| Refusal::missing("query"))?;
    let document = match parse_query::<String>(text) {
        Ok(document) => document,
        Err(error) => {
            let errors = json!({ "errors": [{ "message": error.to_string() }] });
            return Ok(Reply::json(200, &errors));
        }
    };
    let unknown = |what: String| Refusal::new(501, format!("localhub does not know {what}"));
    let selected = match operation(&document, body["operationName"].as_str()) {
        Some(OperationDefinition::Query(query)) => (&query.selection_set, Some(query)),
        Some(OperationDefinition::SelectionSet(set)) => (set, None),
        _ => return Err(unknown("this kind of GraphQL operation".to_owned())),
    };
    if matches!(actor, Actor::App) {
        return Err(Refusal::not_accessible());
    }
    let used = hub.0.log.calls().len();
    let world = hub.0.read();
    let mut execution = Execution::new(&world, actor, &document, used);
    let defaults = selected.1.map(|query| query.variable_definitions.as_slice());
    execution.set_variables(defaults.unwrap_or_default(), &body["variables"]);
    let data = execution.run(selected.0).map_err(|execution::Unknown(what)| unknown(what))?;
    let mut answer = json!({ "data": data });
    if !execution.errors.is_empty() {
        answer["errors"] = Value::Array(execution.errors);
    }
    Ok(Reply::json(200, &answer))
}

fn operation<'a, 'd>(
    document: &'a Document<'d, String>,
    name: Option<&str>,
) -> Option<&'a OperationDefinition<'d, String>> {
    document.definitions.iter().find_map(|definition| match definition {
        Definition::Operation(operation) => {
            let own = match operation {
                OperationDefinition::Query(query) => query.name.as_deref(),
                OperationDefinition::Mutation(mutation) => mutation.name.as_deref(),
                _ => None,
            };
            (name.is_none() || name == own).then_some(operation)
        }
        Definition::Fragment(_) => None,
    })
}
