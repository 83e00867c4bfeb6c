//! The first stage: reads the pull request, and decides whether there is something to plan.

use planwright_core::{job::Plan, pull_request::PullRequestState};
use planwright_view::Refusal;

use crate::flow::{
    JobContext, Result, id_of,
    pull_snapshot::{PullSnapshot, pull_snapshot},
};

/// What is to be planned of a pull request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The result of merging its head into the base.
    Head,
    /// The result of its merge: it was merged before its head was planned.
    Merge,
    /// Nothing: it is open against a branch that is never applied.
    OtherBase,
}

/// A pull request as it was read.
pub struct Looked {
    pub snapshot: PullSnapshot,
    pub subject: Subject,
}

/// Reads the pull request; returns `None` if there is nothing to plan and nothing to report.
pub async fn look(job: &Plan, context: &JobContext<'_>) -> Result<Option<Looked>> {
    let (app, target, is_asked) = (context.app, &job.target, job.asked.is_some());
    let snapshot = pull_snapshot(app, target).await?;
    let pull = &snapshot.pull;
    let subject = match (pull.state, pull.is_into_default_branch()) {
        (PullRequestState::Open, true) => Subject::Head,
        (PullRequestState::Open, false) => Subject::OtherBase,
        (PullRequestState::Merged, false) => return Ok(None),
        _ if is_asked => return Err(Refusal::Closed.into()),
        (PullRequestState::Closed, _) => return Ok(None),
        (PullRequestState::Merged, true) => {
            let planned = app.store.latest_plan_set(id_of(target)).await?;
            if planned.is_some_and(|planned| planned.plan_set.head == pull.head) {
                return Ok(None);
            }
            Subject::Merge
        }
    };
    Ok(Some(Looked { snapshot, subject }))
}
