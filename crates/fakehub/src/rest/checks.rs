//! Check runs.

use serde_json::{Value, json};

use crate::{
    actions::{access::Access, checks::CheckRunFields},
    api_error::ApiError,
    http::Response,
    rest::operation::{Context, Operation, read},
    state::data::{CheckRun, Level},
};

/// The access to write check runs, which only an app has.
const APP_ONLY: Access =
    Access::Repository { permissions: &["checks"], level: Level::Write, role: None };

pub const OPERATIONS: [Operation; 5] = [
    Operation {
        method: "POST",
        path: "/repos/{owner}/{repo}/check-runs",
        access: APP_ONLY,
        perform: create,
    },
    Operation {
        method: "GET",
        path: "/repos/{owner}/{repo}/check-runs/{check_run_id}",
        access: read(&["checks"]),
        perform: one,
    },
    Operation {
        method: "PATCH",
        path: "/repos/{owner}/{repo}/check-runs/{check_run_id}",
        access: APP_ONLY,
        perform: update,
    },
    Operation {
        method: "GET",
        path: "/repos/{owner}/{repo}/check-runs/{check_run_id}/annotations",
        access: read(&["checks"]),
        perform: annotations,
    },
    Operation {
        method: "GET",
        path: "/repos/{owner}/{repo}/commits/{ref}/check-runs",
        access: read(&["checks"]),
        perform: of_commit,
    },
];

fn create(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let fields: CheckRunFields = context.fields()?;
    let id = context.state.create_check_run(context.repo, &fields, context.by)?;
    check_run_response(context, 201, id)
}

fn one(context: &mut Context<'_>) -> Result<Response, ApiError> {
    check_run_response(context, 200, context.number("check_run_id")?)
}

fn update(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let (id, fields) = (context.number("check_run_id")?, context.fields::<CheckRunFields>()?);
    context.state.update_check_run(context.repo, id, &fields, context.by)?;
    check_run_response(context, 200, id)
}

fn annotations(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let run = context.state.check_run(context.repo, context.number("check_run_id")?)?;
    let full = |annotation: &Value| {
        let mut full = annotation.clone();
        full["blob_href"] = format!("{}/blob/{}", context.state.url, run.head_sha).into();
        full
    };
    let all = run.annotations.iter().map(full).collect();
    Ok(crate::rest::operation::listed(context.page(all)))
}

/// Returns the check runs of a commit, newest first: the latest of each name, or all with
/// `filter=all`.
fn of_commit(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let sha = context.state.git_repo(context.repo)?.resolve(context.name("ref"));
    let sha = sha.ok_or_else(|| {
        ApiError::new(422, format!("No commit found for SHA: {}", context.name("ref")))
    })?;
    let query = |name: &str| context.query.get(name);
    let app = context.state.data.app.id.to_string();
    let is_asked_for = |run: &&CheckRun| {
        run.head_sha == sha
            && query("check_name").is_none_or(|name| *name == run.name)
            && query("status").is_none_or(|status| *status == run.status)
            && query("app_id").is_none_or(|id| *id == app)
    };
    let runs = &context.state.repository(context.repo)?.check_runs;
    let mut found: Vec<&CheckRun> = runs.values().rev().filter(is_asked_for).collect();
    if query("filter").is_none_or(|filter| filter != "all") {
        let mut names = std::collections::BTreeSet::new();
        found.retain(|run| names.insert(run.name.clone()));
    }
    let shown = found.iter().map(|run| context.state.check_run_json(context.repo, run));
    let shown: Vec<Value> = shown.collect::<Result<_, _>>()?;
    let count = shown.len();
    let page = context.page(shown);
    Ok(page.linked(Response::json(200, &json!({ "total_count": count, "check_runs": page.items }))))
}

fn check_run_response(context: &Context<'_>, status: u16, id: i64) -> Result<Response, ApiError> {
    let run = context.state.check_run(context.repo, id)?;
    Ok(Response::json(status, &context.state.check_run_json(context.repo, run)?))
}
