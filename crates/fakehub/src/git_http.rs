//! Git over HTTP: `git http-backend`, git's own CGI program, in front of the bare repositories.
//!
//! This file decides who may fetch and push. `actions/branches` decides what follows from a push.

use std::process::Stdio;

use tokio::{io::AsyncWriteExt, process::Command};

use crate::{
    actions::access::{Access, Actor},
    api_error::ApiError,
    http::{Request, Response},
    hub::Hub,
    state::data::{Level, Role},
};

const FETCH: Access =
    Access::Repository { permissions: &["contents"], level: Level::Read, role: Some(Role::Read) };
const PUSH: Access =
    Access::Repository { permissions: &["contents"], level: Level::Write, role: Some(Role::Write) };

pub fn is_git(path: &str) -> bool {
    parts(path).is_some()
}

/// Returns `git-receive-pack` for a push, and `git-upload-pack` for a fetch.
pub fn operation_name(request: &Request) -> String {
    if is_push(request) { "git-receive-pack".into() } else { "git-upload-pack".into() }
}

pub async fn answer(
    hub: &Hub,
    request: &Request,
    actor: Result<Actor, ApiError>,
) -> Result<Response, ApiError> {
    let actor = match actor {
        Ok(actor) => actor,
        Err(error) if error.status == 401 => {
            return Ok(Response::error(&error).with("www-authenticate", "Basic realm=\"GitHub\""));
        }
        Err(error) => return Err(error),
    };
    let (full_name, rest) = parts(&request.path).ok_or_else(ApiError::not_found)?;
    let access = if is_push(request) { PUSH } else { FETCH };
    let (repo, by, root) = {
        let state = hub.0.read();
        let repo = state.repository_named(full_name)?;
        state.admit(&actor, access, Some(repo))?;
        if is_push(request) {
            state.require_unarchived(repo)?;
        }
        (repo, actor.by(&state), state.dir.join("repositories"))
    };
    let path_info = format!("/{repo}.git/{rest}");
    if !is_push(request) || request.method == "GET" {
        return backend(&root, &path_info, request).await;
    }
    let _pushing = hub.0.pushing.lock().await;
    let response = backend(&root, &path_info, request).await?;
    hub.0.change(|state| state.announce_pushed(repo, by))?;
    Ok(response)
}

/// Splits `/{owner}/{name}.git/{rest}` into `owner/name` and `rest`. Returns `None` if git does not
/// use such a path.
fn parts(path: &str) -> Option<(&str, &str)> {
    let (full_name, rest) = path.strip_prefix('/')?.split_once(".git/")?;
    let is_known = ["info/refs", "git-upload-pack", "git-receive-pack"].contains(&rest);
    (is_known && full_name.split('/').count() == 2).then_some((full_name, rest))
}

fn is_push(request: &Request) -> bool {
    request.path.ends_with("/git-receive-pack") || request.query.contains("git-receive-pack")
}

async fn backend(
    root: &std::path::Path,
    path_info: &str,
    request: &Request,
) -> Result<Response, ApiError> {
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_PROJECT_ROOT", root)
        .env("PATH_INFO", path_info)
        .env("REMOTE_USER", "fakehub")
        .env("REQUEST_METHOD", request.method.as_str())
        .env("QUERY_STRING", &request.query)
        .env("CONTENT_LENGTH", request.body.len().to_string());
    for (header, variable) in [
        ("content-type", "CONTENT_TYPE"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "GIT_PROTOCOL"),
    ] {
        if let Some(value) = request.header(header) {
            command.env(variable, value);
        }
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn()?;
    let stdin = child.stdin.take();
    let body = request.body.clone();
    // Written while the answer is read, which git may begin before it has read the whole request.
    let feeding = tokio::spawn(async move {
        if let Some(mut stdin) = stdin {
            // Git closes its input early if it refuses the request; its answer says so.
            stdin.write_all(&body).await.ok();
        }
    });
    let output = child.wait_with_output().await?;
    feeding.await.ok();
    cgi_response(&output.stdout).ok_or_else(|| {
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        ApiError::new(500, format!("git http-backend gave no answer: {complaint}"))
    })
}

/// Parses the output of a CGI program: headers, an empty line, the body. Returns `None` if it is
/// malformed.
fn cgi_response(output: &[u8]) -> Option<Response> {
    let end = output.windows(4).position(|four| four == b"\r\n\r\n")?;
    let mut response =
        Response { status: 200, headers: vec![], body: output[end + 4..].to_vec().into() };
    for line in std::str::from_utf8(&output[..end]).ok()?.lines() {
        let (name, value) = line.split_once(": ")?;
        match name.eq_ignore_ascii_case("status") {
            true => response.status = value.split(' ').next()?.parse().ok()?,
            false => response.headers.push((name.to_owned(), value.to_owned())),
        }
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_gits_own_paths_are_git() {
        assert!(is_git("/acme/infra.git/info/refs"));
        for path in ["/acme/infra.git/HEAD", "/acme/infra", "/a/b/c.git/info/refs", "/api/v3/app"] {
            assert!(!is_git(path), "{path} was taken for git");
        }
    }

    #[test]
    fn the_status_line_of_a_cgi_answer_is_its_status() {
        let response = cgi_response(b"Status: 403 Forbidden\r\nX-A: b\r\n\r\nno").unwrap();
        assert_eq!((response.status, &response.body[..]), (403, &b"no"[..]));
        assert_eq!(response.headers, [("X-A".to_owned(), "b".to_owned())]);
    }
}
