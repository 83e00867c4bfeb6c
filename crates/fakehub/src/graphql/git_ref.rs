//! Branches as refs.

use crate::graphql::node::{Failure, Out, Thing};
use crate::state::World;

/// A branch if there is one of that name.
pub fn branch(world: &World, repo: i64, name: &str) -> Result<Option<Thing>, Failure> {
    let exists = world.repository(repo)?.refs.contains_key(name);
    Ok(exists.then(|| Thing::Ref { repo, branch: name.to_owned() }))
}

pub fn ref_field(world: &World, (repo, branch): (i64, &str), name: &str) -> Result<Out, Failure> {
    match name {
        "name" => Out::leaf(branch),
        "prefix" => Out::leaf("refs/heads/"),
        "target" => {
            let sha = world.repository(repo)?.refs.get(branch).cloned();
            Out::maybe(sha.map(|sha| Thing::Commit(repo, sha)))
        }
        _ => Err(Failure::unknown("Ref", name)),
    }
}
