//! `planwright plan`: what the engine would do to stacks, by their locks. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use planwright_core::{names::StackId, plan::Plan};
use planwright_engine as engine;
use planwright_engine::{Control, Mode, Planned};
use planwright_package::{lock::shared_state, repository};

use super::{Error, Session, session::PerStack};
use crate::flow::work::{Tree, Work};

/// The plan of one stack, which `apply` can carry out while this value exists.
pub struct StackPlan {
    pub work: Work,
    pub mode: Mode,
    pub(super) planned: Planned,
}

impl StackPlan {
    pub fn plan(&self) -> &Plan {
        &self.planned.plan
    }

    pub fn warnings(&self) -> &[engine::Diagnostic] {
        &self.planned.warnings
    }

    /// Returns the addresses of protected resources that would be deleted or replaced.
    pub fn protected(&self) -> BTreeSet<String> {
        self.work.protected(self.plan())
    }
}

/// Plans the named stacks, or none of them if any has findings.
pub async fn plan(session: &Session<'_>, names: &[String]) -> Result<PerStack<StackPlan>, Error> {
    let prepared = session.checkout.prepared_all(names)?;
    is_alone_with_its_state(session)?;
    let trees =
        prepared.iter().map(|prepared| (prepared.stack.id.clone(), Tree::new(prepared))).collect();
    plan_trees(session, trees, Mode::Normal).await
}

/// Plans to destroy the named stacks: by their current files, or by the last applied tree if the
/// files are gone.
pub async fn plan_destroy(
    session: &Session<'_>,
    names: &[String],
) -> Result<PerStack<StackPlan>, Error> {
    let (here, _) = repository::stacks(&session.checkout.files)?;
    let mut trees = Vec::new();
    for stack in session.known(names)? {
        let tree = if here.contains(&stack) {
            Tree::new(&session.checkout.prepared(&stack)?)
        } else {
            let applied = session.applied(&stack).map_err(anyhow::Error::from)?;
            let gone = || Error::Usage(format!("`{stack}` has no files and was never applied"));
            applied.ok_or_else(gone)?.tree
        };
        trees.push((stack, tree));
    }
    is_alone_with_its_state(session)?;
    plan_trees(session, trees, Mode::Destroy).await
}

async fn plan_trees(
    session: &Session<'_>,
    trees: Vec<(StackId, Tree)>,
    mode: Mode,
) -> Result<PerStack<StackPlan>, Error> {
    let one = async |stack: StackId, tree: Tree| {
        let work = session.work(stack, tree).await?;
        let planned = plan_work(session, &work, mode).await?;
        Ok(StackPlan { work, mode, planned })
    };
    session.each(trees, one).await
}

/// Plans one tree.
pub(super) async fn plan_work(
    session: &Session<'_>,
    work: &Work,
    mode: Mode,
) -> Result<Planned, engine::Error> {
    let log = session.log(&work.stack);
    let control = Control { cancel: session.cancel.clone(), log: Some(&log), on_start: None };
    session.engine.plan(&session.root(work), mode, &control).await
}

/// Fails if two stacks share a state: they would destroy each other's resources.
fn is_alone_with_its_state(session: &Session<'_>) -> Result<(), Error> {
    let shared = shared_state(&session.checkout.files, &BTreeMap::new())?;
    if shared.is_empty() { Ok(()) } else { Err(shared.into()) }
}
