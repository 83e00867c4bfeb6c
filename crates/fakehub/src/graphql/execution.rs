//! Executes a document: selections, aliases, fragments, variables, `@include` and `@skip`.

use std::collections::BTreeMap;

use graphql_parser::query::{
    Definition, Directive, Document, Field, FragmentDefinition, Selection, SelectionSet,
    TypeCondition, Value as Literal, VariableDefinition,
};
use serde_json::{Map, Value, json};

use crate::graphql::{
    account, comment, commit, connection, git_ref, issue,
    node::{Arguments, Context, FieldError, FieldValue, Node, Unknown},
    pull, repository,
};

pub struct Execution<'w, 'd> {
    context: Context<'w>,
    fragments: BTreeMap<&'d str, &'d FragmentDefinition<'d, String>>,
    variables: BTreeMap<String, Value>,
    pub errors: Vec<Value>,
}

type Path<'p> = &'p [Value];

impl<'w, 'd> Execution<'w, 'd> {
    pub fn new(context: Context<'w>, document: &'d Document<'d, String>) -> Self {
        let fragments = document.definitions.iter().filter_map(|definition| match definition {
            Definition::Fragment(fragment) => Some((fragment.name.as_str(), fragment)),
            Definition::Operation(_) => None,
        });
        let fragments = fragments.collect();
        Self { context, fragments, variables: BTreeMap::new(), errors: vec![] }
    }

    /// Sets the variables of the document to the values in `sent`, or else to their defaults.
    pub fn set_variables(&mut self, of: &[VariableDefinition<'_, String>], sent: &Value) {
        for definition in of {
            let sent = sent.get(&definition.name).cloned();
            let value = sent.or_else(|| definition.default_value.as_ref().map(|it| self.value(it)));
            self.variables.insert(definition.name.clone(), value.unwrap_or(Value::Null));
        }
    }

    pub fn run(&mut self, set: &SelectionSet<'d, String>) -> Result<Value, Unknown> {
        self.select(&Node::Query, set, &[]).map(Value::Object)
    }

    fn select(
        &mut self,
        node: &Node,
        set: &SelectionSet<'d, String>,
        path: Path<'_>,
    ) -> Result<Map<String, Value>, Unknown> {
        let mut selected = Map::new();
        for selection in &set.items {
            let (condition, directives, inner) = match selection {
                Selection::Field(field) => {
                    if self.is_included(&field.directives)? {
                        let key = field.alias.as_ref().unwrap_or(&field.name);
                        let value =
                            self.field(node, field, &[path, &[key.as_str().into()]].concat())?;
                        merge(&mut selected, key, value);
                    }
                    continue;
                }
                Selection::InlineFragment(fragment) => (
                    fragment.type_condition.as_ref(),
                    &fragment.directives,
                    &fragment.selection_set,
                ),
                Selection::FragmentSpread(spread) => {
                    let unknown = || Unknown(format!("fragment {}", spread.fragment_name));
                    let fragment =
                        *self.fragments.get(spread.fragment_name.as_str()).ok_or_else(unknown)?;
                    (Some(&fragment.type_condition), &spread.directives, &fragment.selection_set)
                }
            };
            let fits = condition.is_none_or(|TypeCondition::On(name)| self.is_a(node, name));
            if fits && self.is_included(directives)? {
                for (key, value) in self.select(node, inner, path)? {
                    merge(&mut selected, &key, value);
                }
            }
        }
        Ok(selected)
    }

    fn field(
        &mut self,
        node: &Node,
        field: &Field<'d, String>,
        path: Path<'_>,
    ) -> Result<Value, Unknown> {
        if field.name == "__typename" {
            return Ok(self.type_name(node).into());
        }
        let outcome = self.resolve(node, &field.name, &self.arguments(field));
        self.outcome(outcome, field, path)
    }

    pub fn arguments(&self, field: &Field<'d, String>) -> Arguments {
        let all = field.arguments.iter().map(|(name, value)| (name.clone(), self.value(value)));
        Arguments(all.collect())
    }

    /// Returns the value of a field. For a refused field, returns null and adds to `errors`; fails
    /// if fakehub does not have the field.
    pub fn outcome(
        &mut self,
        outcome: Result<FieldValue, FieldError>,
        field: &Field<'d, String>,
        path: Path<'_>,
    ) -> Result<Value, Unknown> {
        match outcome {
            Ok(FieldValue::Leaf(value)) => Ok(value),
            Ok(FieldValue::One(node)) => {
                self.select(&node, &field.selection_set, path).map(Value::Object)
            }
            Ok(FieldValue::Many(things)) => {
                let mut all = vec![];
                for (index, node) in things.iter().enumerate() {
                    let path = [path, &[index.into()]].concat();
                    all.push(Value::Object(self.select(node, &field.selection_set, &path)?));
                }
                Ok(Value::Array(all))
            }
            Err(FieldError::Unknown(unknown)) => Err(unknown),
            Err(FieldError::Refused { kind, message }) => {
                let at = json!({ "line": field.position.line, "column": field.position.column });
                self.errors.push(json!({
                    "type": kind, "path": path, "locations": [at], "message": message,
                }));
                Ok(Value::Null)
            }
        }
    }

    fn resolve(
        &self,
        node: &Node,
        name: &str,
        arguments: &Arguments,
    ) -> Result<FieldValue, FieldError> {
        match node {
            Node::Query => repository::query_field(self.context, name, arguments),
            Node::RateLimit => repository::rate_limit_field(self.context, name),
            Node::Repository(id) => repository::field(self.context, *id, name, arguments),
            Node::Ref { repo, branch } => {
                git_ref::ref_field(self.context.state, *repo, branch, name)
            }
            Node::Pull(target) => pull::field(self.context.state, *target, name, arguments),
            Node::Reopened(target) => pull::reopened_field(self.context.state, *target, name),
            Node::Issue(target) => issue::field(self.context.state, *target, name, arguments),
            Node::Comment { repo, id } => comment::field(self.context.state, *repo, *id, name),
            Node::Label(label) => issue::label_field(label, name),
            Node::Review { pull, id } => pull::review_field(self.context.state, *pull, *id, name),
            Node::PullCommit(repo, sha) => commit::pull_commit_field(*repo, sha, name),
            Node::Commit(repo, sha) => {
                commit::field(self.context.state, *repo, sha, name, arguments)
            }
            Node::GitActor { name: who, email } => {
                commit::git_actor_field(self.context.state, who, email, name)
            }
            Node::Account(id) => account::field(self.context.state, *id, name),
            Node::GitUser(id) => account::git_user_field(self.context.state, *id, name),
            Node::Connection(of) => connection::field(of, name),
            Node::PageInfo { .. } => connection::page_info_field(node, name),
            Node::Payload { name: of, fields } => {
                let found = fields.iter().find(|(field, _)| *field == name);
                let (_, node) = found.ok_or_else(|| FieldError::unknown(of, name))?;
                Ok(FieldValue::One(node.clone()))
            }
            Node::Edge { cursor, node } => match name {
                "cursor" => FieldValue::leaf(cursor.clone()),
                "node" => Ok(FieldValue::One((**node).clone())),
                _ => Err(FieldError::unknown("an edge", name)),
            },
        }
    }

    fn type_name(&self, node: &Node) -> &'static str {
        match node {
            Node::Query => "Query",
            Node::RateLimit => "RateLimit",
            Node::Repository(_) => "Repository",
            Node::Pull(..) => "PullRequest",
            Node::Reopened(..) => "ReopenedEvent",
            Node::Issue(..) => "Issue",
            Node::Comment { .. } => "IssueComment",
            Node::Label(_) => "Label",
            Node::PullCommit(..) => "PullRequestCommit",
            Node::Commit(..) => "Commit",
            Node::GitActor { .. } => "GitActor",
            Node::Ref { .. } => "Ref",
            Node::Account(id) => account::type_name(self.context.state, *id),
            Node::GitUser(_) => "User",
            Node::Review { .. } => "PullRequestReview",
            Node::Connection(of) => of.name,
            Node::PageInfo { .. } => "PageInfo",
            Node::Payload { name, .. } => name,
            Node::Edge { .. } => "Edge",
        }
    }

    fn is_a(&self, node: &Node, name: &str) -> bool {
        let own = self.type_name(node);
        let interfaces: &[&str] = match own {
            "User" | "Organization" => &["Actor", "Node", "RepositoryOwner"],
            "Bot" => &["Actor", "Node"],
            "Commit" => &["GitObject", "Node"],
            _ => &["Node"],
        };
        own == name || interfaces.contains(&name)
    }

    fn is_included(&self, directives: &[Directive<'d, String>]) -> Result<bool, Unknown> {
        for directive in directives {
            let condition = directive.arguments.iter().find(|(name, _)| name == "if");
            let holds = condition.is_some_and(|(_, value)| self.value(value) == true);
            match directive.name.as_str() {
                "include" if !holds => return Ok(false),
                "skip" if holds => return Ok(false),
                "include" | "skip" => {}
                other => return Err(Unknown(format!("directive @{other}"))),
            }
        }
        Ok(true)
    }

    fn value(&self, literal: &Literal<'_, String>) -> Value {
        match literal {
            Literal::Variable(name) => self.variables.get(name).cloned().unwrap_or(Value::Null),
            Literal::Int(number) => number.as_i64().into(),
            Literal::Float(number) => (*number).into(),
            Literal::String(text) | Literal::Enum(text) => text.clone().into(),
            Literal::Boolean(holds) => (*holds).into(),
            Literal::Null => Value::Null,
            Literal::List(all) => all.iter().map(|literal| self.value(literal)).collect(),
            Literal::Object(fields) => {
                fields.iter().map(|(name, value)| (name.clone(), self.value(value))).collect()
            }
        }
    }
}

/// Adds a value under its key. Merges objects and lists if several selections ask for the same
/// field.
fn merge(selected: &mut Map<String, Value>, key: &str, value: Value) {
    match (selected.get_mut(key), value) {
        (Some(Value::Object(old)), Value::Object(new)) => {
            for (key, value) in new {
                merge(old, &key, value);
            }
        }
        (Some(Value::Array(old)), Value::Array(new)) => {
            for (old, new) in old.iter_mut().zip(new) {
                match (old, new) {
                    (Value::Object(old), Value::Object(new)) => {
                        for (key, value) in new {
                            merge(old, &key, value);
                        }
                    }
                    (old, new) => *old = new,
                }
            }
        }
        (_, value) => {
            selected.insert(key.to_owned(), value);
        }
    }
}
