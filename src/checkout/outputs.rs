//! `planwright outputs`: the outputs in the state of each stack.

use std::collections::BTreeMap;

use planwright_core::names::StackId;
use planwright_engine::{Control, Output};

use super::{Error, Session, session::PerStack};

/// The outputs of one stack by name; `None` if nothing was applied.
pub type Outputs = Option<BTreeMap<String, Output>>;

/// Reads the outputs of the named stacks. Sensitive ones are in plain text; the caller has to hide
/// them.
pub async fn outputs(session: &Session<'_>, names: &[String]) -> Result<PerStack<Outputs>, Error> {
    let stacks = session.known(names)?.into_iter().map(|stack| (stack, ())).collect();
    let one = async |stack: StackId, ()| {
        let Some(applied) = session.applied(&stack)? else { return Ok(None) };
        let work = session.work(stack, applied.tree).await?;
        let log = session.log(&work.stack);
        let control = Control { cancel: session.cancel.clone(), log: Some(&log), on_start: None };
        session.engine.outputs(&session.root(&work), &control).await.map(Some)
    };
    session.each(stacks, one).await
}
