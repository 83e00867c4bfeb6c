//! The GraphQL API: parses a document, executes it on the state, and answers.
//!
//! There is no schema here: the contract test validates documents against GitHub's own schema. A
//! request for a field that fakehub does not have is answered with 501.

mod account;
mod comment;
mod commit;
mod connection;
mod execution;
mod git_ref;
mod issue;
mod mutation;
mod node;
mod pull;
mod repository;

use graphql_parser::query::{
    Definition, Document, Mutation, OperationDefinition, Selection, SelectionSet,
    VariableDefinition, parse_query,
};
use serde_json::{Value, json};

use crate::{
    actions::access::Actor,
    api_error::ApiError,
    graphql::{
        execution::Execution,
        node::{Context, FieldValue, Unknown},
    },
    http::{Request, Response},
    hub::Hub,
    state::State,
};

/// Returns the operation for the call log, such as `graphql PullRequest` or
/// `graphql mutation AddComment`.
pub fn operation_name(request: &Request) -> String {
    let unnamed = || "graphql unnamed".to_owned();
    let Ok(body) = request.json() else { return unnamed() };
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

pub fn answer(hub: &Hub, request: &Request, actor: &Actor) -> Result<Response, ApiError> {
    let body = request.json()?;
    let text = body["query"].as_str().ok_or_else(|| ApiError::missing("query"))?;
    let document = match parse_query::<String>(text) {
        Ok(document) => document,
        Err(error) => {
            let errors = json!({ "errors": [{ "message": error.to_string() }] });
            return Ok(Response::json(200, &errors));
        }
    };
    if matches!(actor, Actor::App) {
        return Err(ApiError::not_accessible());
    }
    let operation = operation(&document, body["operationName"].as_str());
    let used = hub.0.log.count();
    let run = Run { actor, document: &document, variables: &body["variables"], used };
    let (data, errors) = match operation {
        Some(OperationDefinition::Query(query)) => {
            run.query(&hub.0.read(), &query.selection_set, &query.variable_definitions)
        }
        Some(OperationDefinition::SelectionSet(set)) => run.query(&hub.0.read(), set, &[]),
        Some(OperationDefinition::Mutation(mutation)) => {
            hub.0.change(|state| Ok(run.mutation(state, mutation)))?
        }
        _ => Err(Unknown("this kind of GraphQL operation".to_owned())),
    }
    .map_err(|Unknown(what)| ApiError::new(501, format!("fakehub does not know {what}")))?;
    let mut answer = json!({ "data": data });
    if !errors.is_empty() {
        answer["errors"] = Value::Array(errors);
    }
    Ok(Response::json(200, &answer))
}

/// A document that is to be executed, with its caller and variables.
struct Run<'d> {
    actor: &'d Actor,
    document: &'d Document<'d, String>,
    variables: &'d Value,
    /// The number of calls so far, for `rateLimit`.
    used: usize,
}

/// `data`, and the errors that explain its nulls.
type Selected = Result<(Value, Vec<Value>), Unknown>;

impl<'d> Run<'d> {
    fn execution<'w>(
        &'w self,
        state: &'w State,
        definitions: &[VariableDefinition<'_, String>],
    ) -> Execution<'w, 'd> {
        let mut execution =
            Execution::new(Context { state, actor: self.actor, used: self.used }, self.document);
        execution.set_variables(definitions, self.variables);
        execution
    }

    fn query(
        &self,
        state: &State,
        set: &SelectionSet<'d, String>,
        definitions: &[VariableDefinition<'_, String>],
    ) -> Selected {
        let mut execution = self.execution(state, definitions);
        let data = execution.run(set)?;
        Ok((data, execution.errors))
    }

    fn mutation(&self, state: &mut State, mutation: &Mutation<'d, String>) -> Selected {
        let definitions = &mutation.variable_definitions;
        let mut done = vec![];
        for selection in &mutation.selection_set.items {
            let Selection::Field(field) = selection else {
                return Err(Unknown("a fragment at the top of a mutation".to_owned()));
            };
            let arguments = self.execution(state, definitions).arguments(field);
            done.push((field, mutation::perform(state, self.actor, &field.name, &arguments)));
        }
        let mut execution = self.execution(state, definitions);
        let mut data = serde_json::Map::new();
        for (field, outcome) in done {
            let key = field.alias.as_ref().unwrap_or(&field.name);
            let value =
                execution.outcome(outcome.map(FieldValue::One), field, &[key.as_str().into()])?;
            data.insert(key.clone(), value);
        }
        Ok((data.into(), execution.errors))
    }
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
