//! What a stack uses of a provider: the names of types and functions in its modules.
//!
//! `package::provider_usage` collects them and the resolved document shows them. An engine that
//! gets only these parts of a provider's schema can still plan the stack.

use std::{collections::BTreeSet, fmt};

use serde::Serialize;

/// What a name refers to in the schema of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Resource,
    DataSource,
    Ephemeral,
    List,
    Action,
    Function,
}

/// The names in use, by kind. A type is called like `aws_s3_bucket`, a function like `arn_parse`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Types {
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub resources: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub data_sources: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub ephemeral: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub lists: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub actions: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub functions: BTreeSet<String>,
}

impl Types {
    pub fn add(&mut self, kind: Kind, name: &str) {
        let names = match kind {
            Kind::Resource => &mut self.resources,
            Kind::DataSource => &mut self.data_sources,
            Kind::Ephemeral => &mut self.ephemeral,
            Kind::List => &mut self.lists,
            Kind::Action => &mut self.actions,
            Kind::Function => &mut self.functions,
        };
        names.insert(name.to_owned());
    }

    /// Returns the names of all kinds.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        let Self { resources, data_sources, ephemeral, lists, actions, functions } = self;
        let all = [resources, data_sources, ephemeral, lists, actions, functions];
        all.into_iter().flatten()
    }

    /// Returns what at least one of both uses.
    pub fn union(mut self, other: Self) -> Self {
        self.resources.extend(other.resources);
        self.data_sources.extend(other.data_sources);
        self.ephemeral.extend(other.ephemeral);
        self.lists.extend(other.lists);
        self.actions.extend(other.actions);
        self.functions.extend(other.functions);
        self
    }
}

impl fmt::Display for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            ("resources", &self.resources),
            ("data sources", &self.data_sources),
            ("ephemeral", &self.ephemeral),
            ("lists", &self.lists),
            ("actions", &self.actions),
            ("functions", &self.functions),
        ];
        let used = kinds.into_iter().filter(|(_, names)| !names.is_empty());
        for (i, (kind, names)) in used.enumerate() {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let between = if i == 0 { "" } else { "; " };
            write!(f, "{between}{kind} {}", names.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 6] = [
        Kind::Resource,
        Kind::DataSource,
        Kind::Ephemeral,
        Kind::List,
        Kind::Action,
        Kind::Function,
    ];

    fn types(names: [&str; 6]) -> Types {
        let mut types = Types::default();
        for (kind, name) in KINDS.into_iter().zip(names) {
            types.add(kind, name);
        }
        types
    }

    #[test]
    fn a_union_has_each_kind_of_both_and_says_so() {
        let both =
            types(["r", "d", "e", "l", "a", "f"]).union(types(["s", "d", "g", "m", "b", "h"]));
        assert_eq!(
            both.to_string(),
            "resources r, s; data sources d; ephemeral e, g; lists l, m; actions a, b; functions f, h"
        );
        let none = Types::default();
        assert_eq!(none.clone().union(none.clone()).to_string(), "");
        assert_eq!(both.clone().union(none), both);
    }
}
