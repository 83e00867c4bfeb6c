//! Fields of git refs. Only branches are refs here.

use crate::{
    graphql::node::{FieldError, FieldValue, Node},
    state::State,
};

/// Returns the branch of this name, if there is one.
pub fn branch(state: &State, repo: i64, name: &str) -> Result<Option<Node>, FieldError> {
    let exists = state.repository(repo)?.refs.contains_key(name);
    Ok(exists.then(|| Node::Ref { repo, branch: name.to_owned() }))
}

pub fn ref_field(
    state: &State,
    repo: i64,
    branch: &str,
    name: &str,
) -> Result<FieldValue, FieldError> {
    match name {
        "name" => FieldValue::leaf(branch),
        "prefix" => FieldValue::leaf("refs/heads/"),
        "target" => {
            let sha = state.repository(repo)?.refs.get(branch).cloned();
            FieldValue::maybe(sha.map(|sha| Node::Commit(repo, sha)))
        }
        _ => Err(FieldError::unknown("Ref", name)),
    }
}
