//! Plans every stack that a pull request affects, after it was opened or pushed to, or on request.
//!
//! Five stages pass on their results: look, merge, affect, plan, judge. Each may end the planning
//! with an outcome, and `publish` reports it in one comment and one check run: what would happen
//! and what is still missing. Nothing is applied here.

mod affect;
mod gate;
mod judge;
mod look;
mod merge;
mod publish;
mod repeat;
mod stack;
mod stacks;

use look::Looked;
use publish::Outcome;

use planwright_core::{
    change::Change,
    job::{Invocation, Job, Plan},
    pull_request::PullRequest,
};
use planwright_store::{PullRequestId, Subject};

use super::Run;
use crate::{
    agent,
    flow::{Error, JobContext, Result, id_of, outbox},
};

pub use stack::{DriftSite, Kind, Site, Work, drift_of, planned};

impl Run for Plan {
    async fn run(&self, context: &JobContext<'_>) -> Result<Vec<Job>> {
        let context = context.logged();
        let ended = plan(self, &context).await;
        context.log.end_planning(&ended).await;
        ended?;
        agent::plan_failed(context.app, &self.target).await
    }

    async fn give_up(&self, context: &JobContext<'_>, id: &str) -> Result<()> {
        publish::internal_error(context.app, &self.target, id).await
    }
}

/// Plans what the pull request would do, or the named stacks, and reports it.
async fn plan(job: &Plan, context: &JobContext<'_>) -> Result<()> {
    let Some(looked) = look::look(job, context).await? else { return Ok(()) };
    let planning = Planning { job, context, looked };
    let published = match stages(&planning).await {
        Ok(outcome) => publish::publish(&planning, outcome).await,
        Err(Exit::Outcome(outcome)) => publish::publish(&planning, *outcome).await,
        Err(Exit::Error(error)) => Err(error),
    };
    match published {
        Err(Error::Stopped) => publish::stopped(&planning).await,
        published => published,
    }
}

/// Runs the stages after the first.
async fn stages(planning: &Planning<'_>) -> Result<Outcome, Exit> {
    let preview = merge::merge(planning).await?;
    let affected = affect::affect(planning, &preview).await?;
    let planned = stacks::plan_stacks(planning, &preview, &affected).await?;
    Ok(judge::judge(planning, &preview, affected, planned).await?)
}

/// Why no further stage follows.
enum Exit {
    /// The result is complete.
    Outcome(Box<Outcome>),
    Error(Error),
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        Self::Outcome(Box::new(outcome))
    }
}

impl<E: Into<Error>> From<E> for Exit {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// One planning: the request, and the pull request as it was read.
struct Planning<'a> {
    job: &'a Plan,
    context: &'a JobContext<'a>,
    looked: Looked,
}

impl Planning<'_> {
    fn id(&self) -> PullRequestId {
        id_of(self.context.target)
    }

    fn pull(&self) -> &PullRequest {
        &self.looked.snapshot.pull
    }

    fn invocation(&self) -> Option<&Invocation> {
        self.job.asked.as_ref()
    }

    /// Returns the change before anything is known of it.
    fn change(&self) -> Change {
        Change::planning(self.pull().head.clone())
    }

    /// Returns whether a plan set of the pull request was ever recorded.
    async fn was_planned(&self) -> Result<bool> {
        Ok(self.context.app.store.latest_plan_set(self.id()).await?.is_some())
    }

    /// Reports that the planning has begun. Call this only when it is certain that its end will be
    /// reported.
    async fn begin(&self) -> Result<()> {
        self.begin_page().await;
        outbox::check(self.context.app, self.context.target, &self.change()).await
    }

    /// Starts its page, unless it has one.
    async fn begin_page(&self) {
        let pull = self.pull();
        let subject = Subject {
            repository: self.context.target.repository.clone(),
            title: pull.title.clone(),
            head: pull.head.clone(),
            asked_by: self.invocation().map(|asked| asked.by.login.clone()),
        };
        self.context.log.begin_planning(self.context.target, subject).await;
    }
}
