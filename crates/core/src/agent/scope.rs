//! Which stacks a run of the agent may change, according to `planwright.yaml`.

use serde::{Deserialize, Serialize};

use crate::names::StackId;

/// Patterns of stack ids: `website`, `website/dev`, `website/*`, `*/dev`, `*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scope(pub Vec<String>);

impl Default for Scope {
    fn default() -> Self {
        Self(vec!["*".into()])
    }
}

impl Scope {
    pub fn allows(&self, stack: &StackId) -> bool {
        self.0.iter().any(|pattern| fits(pattern, stack))
    }

    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

fn fits(pattern: &str, stack: &StackId) -> bool {
    let part = |pattern: &str, text: &str| pattern == "*" || pattern == text;
    match (pattern.split_once('/'), stack.environment()) {
        (Some((name, environment)), Some(other)) => {
            part(name, stack.name()) && part(environment, other)
        }
        (Some(_), None) => false,
        (None, None) => part(pattern, stack.name()),
        // A name alone means the stack and all of its environments.
        (None, Some(_)) => part(pattern, stack.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_stacks_and_no_others() {
        let allows = |pattern: &str, stack: &str| {
            Scope(vec![pattern.into()]).allows(&StackId::parse(stack).unwrap())
        };
        for (pattern, stack, expected) in [
            ("*", "web", true),
            ("*", "web/prod", true),
            ("web", "web", true),
            ("web", "web/prod", true),
            ("web", "website", false),
            ("web/dev", "web/dev", true),
            ("web/dev", "web/prod", false),
            ("web/dev", "web", false),
            ("web/*", "web/prod", true),
            ("*/dev", "web/dev", true),
            ("*/dev", "web/prod", false),
            ("*/dev", "web", false),
        ] {
            assert_eq!(allows(pattern, stack), expected, "{pattern} and {stack}");
        }
        assert!(!Scope(Vec::new()).allows(&StackId::parse("web").unwrap()));
    }
}
