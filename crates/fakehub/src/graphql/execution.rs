//! Running a document: selections, aliases, fragments, variables, `@include` and `@skip`.

use std::collections::BTreeMap;

use graphql_parser::query::{
    Definition, Directive, Document, Field, FragmentDefinition, Selection, SelectionSet,
    TypeCondition, Value as Literal, VariableDefinition,
};
use serde_json::{Map, Value, json};

use crate::graphql::node::{Arguments, Context, Failure, Out, Thing, Unknown};
use crate::graphql::{account, commit, connection, git_ref, issue, pull, repository};

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

    /// What was sent along, over the defaults of the document.
    pub fn set_variables(&mut self, of: &[VariableDefinition<'_, String>], sent: &Value) {
        for definition in of {
            let sent = sent.get(&definition.name).cloned();
            let value = sent.or_else(|| definition.default_value.as_ref().map(|it| self.value(it)));
            self.variables.insert(definition.name.clone(), value.unwrap_or(Value::Null));
        }
    }

    pub fn run(&mut self, set: &SelectionSet<'d, String>) -> Result<Value, Unknown> {
        self.select(&Thing::Query, set, &[]).map(Value::Object)
    }

    fn select(
        &mut self,
        thing: &Thing,
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
                            self.field(thing, field, &[path, &[key.as_str().into()]].concat())?;
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
            let fits = condition.is_none_or(|TypeCondition::On(name)| self.is_a(thing, name));
            if fits && self.is_included(directives)? {
                for (key, value) in self.select(thing, inner, path)? {
                    merge(&mut selected, &key, value);
                }
            }
        }
        Ok(selected)
    }

    fn field(
        &mut self,
        thing: &Thing,
        field: &Field<'d, String>,
        path: Path<'_>,
    ) -> Result<Value, Unknown> {
        if field.name == "__typename" {
            return Ok(self.type_name(thing).into());
        }
        let outcome = self.resolve(thing, &field.name, &self.arguments(field));
        self.outcome(outcome, field, path)
    }

    pub fn arguments(&self, field: &Field<'d, String>) -> Arguments {
        let all = field.arguments.iter().map(|(name, value)| (name.clone(), self.value(value)));
        Arguments(all.collect())
    }

    /// What a field gives, or null and an error.
    pub fn outcome(
        &mut self,
        outcome: Result<Out, Failure>,
        field: &Field<'d, String>,
        path: Path<'_>,
    ) -> Result<Value, Unknown> {
        match outcome {
            Ok(Out::Leaf(value)) => Ok(value),
            Ok(Out::One(thing)) => {
                self.select(&thing, &field.selection_set, path).map(Value::Object)
            }
            Ok(Out::Many(things)) => {
                let mut all = vec![];
                for (index, thing) in things.iter().enumerate() {
                    let path = [path, &[index.into()]].concat();
                    all.push(Value::Object(self.select(thing, &field.selection_set, &path)?));
                }
                Ok(Value::Array(all))
            }
            Err(Failure::Unknown(unknown)) => Err(unknown),
            Err(Failure::Refused { kind, message }) => {
                let at = json!({ "line": field.position.line, "column": field.position.column });
                self.errors.push(json!({
                    "type": kind, "path": path, "locations": [at], "message": message,
                }));
                Ok(Value::Null)
            }
        }
    }

    fn resolve(&self, thing: &Thing, name: &str, arguments: &Arguments) -> Result<Out, Failure> {
        match thing {
            Thing::Query => repository::query_field(self.context, name, arguments),
            Thing::RateLimit => repository::rate_limit_field(self.context, name),
            Thing::Repository(id) => repository::field(self.context, *id, name, arguments),
            Thing::Ref { repo, branch } => {
                git_ref::ref_field(self.context.world, (*repo, branch), name)
            }
            Thing::Pull(repo, number) => {
                pull::field(self.context.world, (*repo, *number), name, arguments)
            }
            Thing::Issue(repo, number) => {
                issue::field(self.context.world, (*repo, *number), name, arguments)
            }
            Thing::Label(label) => issue::label_field(label, name),
            Thing::Review { repo, number, id } => {
                pull::review_field(self.context.world, (*repo, *number), *id, name)
            }
            Thing::PullCommit(repo, sha) => commit::pull_commit_field((*repo, sha), name),
            Thing::Commit(repo, sha) => {
                commit::field(self.context.world, (*repo, sha), name, arguments)
            }
            Thing::GitActor { name: who, email } => {
                commit::git_actor_field(self.context.world, (who, email), name)
            }
            Thing::Account(id) => account::field(self.context.world, *id, name),
            Thing::GitUser(id) => account::git_user_field(self.context.world, *id, name),
            Thing::Connection(of) => connection::field(of, name),
            Thing::PageInfo { .. } => connection::page_info_field(thing, name),
            Thing::Payload { name: of, fields } => {
                let found = fields.iter().find(|(field, _)| *field == name);
                let (_, thing) = found.ok_or_else(|| Failure::unknown(of, name))?;
                Ok(Out::One(thing.clone()))
            }
            Thing::Edge { cursor, node } => match name {
                "cursor" => Out::leaf(cursor.clone()),
                "node" => Ok(Out::One((**node).clone())),
                _ => Err(Failure::unknown("an edge", name)),
            },
        }
    }

    fn type_name(&self, thing: &Thing) -> &'static str {
        match thing {
            Thing::Query => "Query",
            Thing::RateLimit => "RateLimit",
            Thing::Repository(_) => "Repository",
            Thing::Pull(..) => "PullRequest",
            Thing::Issue(..) => "Issue",
            Thing::Label(_) => "Label",
            Thing::PullCommit(..) => "PullRequestCommit",
            Thing::Commit(..) => "Commit",
            Thing::GitActor { .. } => "GitActor",
            Thing::Ref { .. } => "Ref",
            Thing::Account(id) => account::type_name(self.context.world, *id),
            Thing::GitUser(_) => "User",
            Thing::Review { .. } => "PullRequestReview",
            Thing::Connection(of) => of.name,
            Thing::PageInfo { .. } => "PageInfo",
            Thing::Payload { name, .. } => name,
            Thing::Edge { .. } => "Edge",
        }
    }

    fn is_a(&self, thing: &Thing, name: &str) -> bool {
        let own = self.type_name(thing);
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

/// Puts a value under its key; what two selections ask of one object is one object.
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
