//! Check runs.

use serde_json::{Value, json};

use crate::actions::access::Access;
use crate::actions::checks::CheckRunFields;
use crate::api_error::Refusal;
use crate::http::Reply;
use crate::rest::operation::{Operation, Request, read};
use crate::state::data::{CheckRun, Level};

/// Nobody but an app writes check runs.
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

fn create(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let fields: CheckRunFields = request.fields()?;
    let id = request.world.create_check_run(request.repo, &fields, request.by)?;
    shown(request, 201, id)
}

fn one(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    shown(request, 200, request.number("check_run_id")?)
}

fn update(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let (id, fields) = (request.number("check_run_id")?, request.fields::<CheckRunFields>()?);
    request.world.update_check_run((request.repo, id), &fields, request.by)?;
    shown(request, 200, id)
}

fn annotations(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let run = request.world.check_run(request.repo, request.number("check_run_id")?)?;
    let full = |annotation: &Value| {
        let mut full = annotation.clone();
        full["blob_href"] = format!("{}/blob/{}", request.world.url, run.head_sha).into();
        full
    };
    let all = run.annotations.iter().map(full).collect();
    Ok(crate::rest::operation::listed(request.page(all)))
}

/// The runs of a commit, newest first; by default the latest of each name only.
fn of_commit(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let sha = request.world.bare(request.repo)?.resolve(request.name("ref"));
    let sha = sha.ok_or_else(|| {
        Refusal::new(422, format!("No commit found for SHA: {}", request.name("ref")))
    })?;
    let query = |name: &str| request.query.get(name);
    let app = request.world.state.app.id.to_string();
    let is_asked_for = |run: &&CheckRun| {
        run.head_sha == sha
            && query("check_name").is_none_or(|name| *name == run.name)
            && query("status").is_none_or(|status| *status == run.status)
            && query("app_id").is_none_or(|id| *id == app)
    };
    let runs = &request.world.repository(request.repo)?.check_runs;
    let mut found: Vec<&CheckRun> = runs.values().rev().filter(is_asked_for).collect();
    if query("filter").is_none_or(|filter| filter != "all") {
        let mut names = std::collections::BTreeSet::new();
        found.retain(|run| names.insert(run.name.clone()));
    }
    let shown = found.iter().map(|run| request.world.check_run_json(request.repo, run));
    let shown: Vec<Value> = shown.collect::<Result<_, _>>()?;
    let count = shown.len();
    let (page, next) = request.page(shown);
    let reply = Reply::json(200, &json!({ "total_count": count, "check_runs": page }));
    Ok(match next {
        Some(next) => reply.with("link", next),
        None => reply,
    })
}

fn shown(request: &Request<'_>, status: u16, id: i64) -> Result<Reply, Refusal> {
    let run = request.world.check_run(request.repo, id)?;
    Ok(Reply::json(status, &request.world.check_run_json(request.repo, run)?))
}
