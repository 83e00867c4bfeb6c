//! `planwright drift`: what a plan of each stack's last applied tree would do.
//!
//! The current files of the stacks do not matter, only what was applied from this checkout.

use planwright_core::{change::DriftCheck, names::StackId};
use planwright_engine::Mode;

use super::{Error, Session, plan::plan_work};

/// Checks the named stacks; without names, all stacks here and all that were applied.
pub async fn drift(
    session: &Session<'_>,
    names: &[String],
) -> Result<Vec<(StackId, DriftCheck)>, Error> {
    let stacks = session.known(names)?.into_iter().map(|stack| (stack, ())).collect();
    let one = async |stack: StackId, ()| {
        let Some(applied) = session.applied(&stack)? else { return Ok(DriftCheck::NeverApplied) };
        let work = session.work(stack, applied.tree).await?;
        let planned = plan_work(session, &work, Mode::Normal).await?;
        Ok(DriftCheck::Checked(planned.plan.clone()))
    };
    let checked = session.each(stacks, one).await?;
    let report = |(stack, checked): (StackId, Result<DriftCheck, String>)| {
        (stack, checked.unwrap_or_else(DriftCheck::Unknown))
    };
    Ok(checked.into_iter().map(report).collect())
}
