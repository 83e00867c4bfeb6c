//! Plans the edits of an agent run before there is a branch, on files in memory and with the
//! credentials of plans.

use serde_json::{Value, json};

use planwright_core::{
    agent::{
        event::{Event, Planned},
        run::Step,
    },
    digest::Digest,
    escape,
    job::{self, Job, Preview},
    names::StackId,
    plan::Plan,
};
use planwright_package::Prepared;
use planwright_store::{ApprovedCode, RunId, Stage};
use planwright_view::NextStep;

use super::{
    Run,
    plan::{Kind, Site, Work, planned},
};
use crate::{
    agent::{
        Logged, scrubbed,
        workspace::{Workspace, touched},
    },
    flow::{
        JobContext, Result, merge_preview,
        own_code::{AllowedCode, Base, approved_code},
    },
};

/// How many changes of one stack are shown to the model.
const MOST_CHANGES: usize = 30;
/// How many characters of an error message are shown to the model.
const MOST_WORDS: usize = 1_500;

impl Run for Preview {
    const AFTER_FAILURE: NextStep = NextStep::ProposeAgain;

    async fn run(&self, context: &JobContext<'_>) -> Result<Vec<Job>> {
        preview(self, context).await
    }
}

/// Plans the edits, records the result, and continues the run.
async fn preview(job: &Preview, context: &JobContext<'_>) -> Result<Vec<Job>> {
    let (app, target, run) = (context.app, &job.target, job.run);
    let next = vec![job::Agent { target: target.clone(), run }.into()];
    let mut logged = Logged::load(app, RunId(run)).await?;
    if logged.run.next(app.now()) != Step::Plan {
        return Ok(next);
    }
    let workspace = Workspace::open(app, target, &logged.run).await?;
    let event = plan_all(&logged, &workspace, context).await?;
    logged.append(app, event).await?;
    Ok(next)
}

async fn plan_all(
    logged: &Logged,
    workspace: &Workspace,
    context: &JobContext<'_>,
) -> Result<Event> {
    let (app, target, request) = (context.app, context.target, &logged.run.request);
    let mirror = merge_preview::with(app, target, &request.base_ref, &request.base).await?;
    let config = &workspace.configuration.config;
    let base = Base { mirror: &mirror, commit: &request.base, config };
    let approved = approved_code(app, target.repository.id, base).await?;
    let mut stacks = Vec::new();
    let mut digests = Vec::new();
    let mut destroys = 0;
    let mut is_planned = true;
    for (stack, is_there) in touched(&logged.run, workspace) {
        let approved = &approved;
        let edited = EditedStack { run: logged.id, stack: &stack, is_there, workspace, approved };
        match plan_one(&edited, context).await? {
            Ok(plan) => {
                let gone = plan.resources.iter().filter(|it| it.action.is_destructive()).count();
                destroys += gone;
                digests.push(format!("{stack} {}", plan.digest()));
                stacks.push(plan_json(&stack, &plan));
            }
            Err(why) => {
                is_planned = false;
                let why = escape::shortened(&why, MOST_WORDS);
                stacks.push(json!({ "stack": stack.to_string(), "error": why }));
            }
        }
    }
    let parts = digests.iter().map(String::as_bytes);
    let digest = is_planned.then(|| Digest::of_parts("v1", parts));
    let planned = Planned { rev: logged.run.rev(), digest, destroys };
    let content = scrubbed(context.app, &json!({ "ok": is_planned, "data": { "plans": stacks } }));
    Ok(Event::Returned { content, accepted: false, planned: Some(planned) })
}

/// A stack that a run has edited.
struct EditedStack<'a> {
    run: RunId,
    stack: &'a StackId,
    /// Whether it still exists after the edits.
    is_there: bool,
    workspace: &'a Workspace,
    approved: &'a ApprovedCode,
}

/// Plans one stack. The inner error is worded for whoever can fix the configuration.
async fn plan_one(
    EditedStack { run, stack, is_there, workspace, approved }: &EditedStack<'_>,
    context: &JobContext<'_>,
) -> Result<Result<Plan, String>> {
    let app = context.app;
    let (kind, files) = if *is_there {
        (Kind::Change, &workspace.now)
    } else {
        (Kind::Destroy, &workspace.configuration.files)
    };
    let prepared = match Prepared::load(files, &workspace.trusted(), stack) {
        Ok(prepared) => prepared,
        Err(findings) => {
            return Ok(Err(findings.first().map_or(String::new(), |it| it.message.clone())));
        }
    };
    // The directory is separate, because a pull request for the same stack may be planned at the
    // same time.
    let dir = app.data.join("preview").join(run.to_string()).join(stack.to_string());
    let config = &workspace.configuration.config;
    let repository = context.target.repository.id;
    let code = AllowedCode::OfPlans(approved);
    let site = Site { repository, config, dir: dir.clone(), code };
    let work = Work::open(app, site, kind, prepared).await;
    let plan = match work {
        Ok(work) => planned(work.plan(&app.plan_env, context, Stage::Wait).await),
        Err(why) => Ok(Err(why)),
    };
    if let Err(error) = tokio::fs::remove_dir_all(&dir).await
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, dir = %dir.display(), "a directory is left over");
    }
    Ok(plan?.map(|planned| planned.plan.clone()))
}

/// Returns a plan for the model: addresses and actions, without values.
fn plan_json(stack: &StackId, plan: &Plan) -> Value {
    let summary = plan.summary();
    let changes: Vec<Value> = plan
        .resources
        .iter()
        .take(MOST_CHANGES)
        .map(|change| {
            let address = escape::shortened(&change.address, 120);
            json!({ "address": address, "action": change.action.to_string() })
        })
        .collect();
    json!({
        "stack": stack.to_string(),
        "create": summary.create,
        "update": summary.update,
        "replace": summary.replace,
        "delete": summary.delete,
        "changes": changes,
    })
}
