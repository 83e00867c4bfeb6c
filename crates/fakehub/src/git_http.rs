//! Git over HTTP: git's own CGI program in front of the bare repositories.
//!
//! Who may read or push is decided here; what a push means is decided in `branches`.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::actions::access::{Access, Actor};
use crate::api_error::Refusal;
use crate::http::{Ask, Reply};
use crate::hub::Hub;
use crate::state::data::{Level, Role};

const FETCH: Access =
    Access::Repository { permissions: &["contents"], level: Level::Read, role: Some(Role::Read) };
const PUSH: Access =
    Access::Repository { permissions: &["contents"], level: Level::Write, role: Some(Role::Write) };

pub fn is_git(path: &str) -> bool {
    parts(path).is_some()
}

/// `git-upload-pack` or `git-receive-pack`.
pub fn operation_name(ask: &Ask) -> String {
    if is_push(ask) { "git-receive-pack".into() } else { "git-upload-pack".into() }
}

pub async fn answer(hub: &Hub, ask: &Ask, actor: Result<Actor, Refusal>) -> Result<Reply, Refusal> {
    let actor = match actor {
        Ok(actor) => actor,
        Err(refusal) if refusal.status == 401 => {
            return Ok(Reply::refusal(&refusal).with("www-authenticate", "Basic realm=\"GitHub\""));
        }
        Err(refusal) => return Err(refusal),
    };
    let (full_name, rest) = parts(&ask.path).ok_or_else(Refusal::not_found)?;
    let access = if is_push(ask) { PUSH } else { FETCH };
    let (repo, by, root) = {
        let world = hub.0.read();
        let repo = world.repository_named(full_name)?;
        world.admit(&actor, access, Some(repo))?;
        if is_push(ask) {
            world.require_unarchived(repo)?;
        }
        (repo, actor.by(&world), world.dir.join("repositories"))
    };
    let path_info = format!("/{repo}.git/{rest}");
    if !is_push(ask) || ask.method == "GET" {
        return backend(&root, &path_info, ask).await;
    }
    let _pushing = hub.0.pushing.lock().await;
    let reply = backend(&root, &path_info, ask).await?;
    hub.0.change(|world| world.announce_pushed(repo, by))?;
    Ok(reply)
}

/// `/{owner}/{name}.git/{rest}` taken apart.
fn parts(path: &str) -> Option<(&str, &str)> {
    let (full_name, rest) = path.strip_prefix('/')?.split_once(".git/")?;
    let is_known = ["info/refs", "git-upload-pack", "git-receive-pack"].contains(&rest);
    (is_known && full_name.split('/').count() == 2).then_some((full_name, rest))
}

fn is_push(ask: &Ask) -> bool {
    ask.path.ends_with("/git-receive-pack") || ask.query.contains("git-receive-pack")
}

async fn backend(root: &std::path::Path, path_info: &str, ask: &Ask) -> Result<Reply, Refusal> {
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
        .env("REQUEST_METHOD", ask.method.as_str())
        .env("QUERY_STRING", &ask.query)
        .env("CONTENT_LENGTH", ask.body.len().to_string());
    for (header, variable) in [
        ("content-type", "CONTENT_TYPE"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "GIT_PROTOCOL"),
    ] {
        if let Some(value) = ask.header(header) {
            command.env(variable, value);
        }
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn()?;
    let stdin = child.stdin.take();
    let body = ask.body.clone();
    // Written beside the reading of the answer, which git may begin before it has read all.
    let feeding = tokio::spawn(async move {
        if let Some(mut stdin) = stdin {
            // Git may close early on a request that it refuses; its answer says so.
            stdin.write_all(&body).await.ok();
        }
    });
    let output = child.wait_with_output().await?;
    feeding.await.ok();
    cgi_reply(&output.stdout).ok_or_else(|| {
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        Refusal::new(500, format!("git http-backend gave no answer: {complaint}"))
    })
}

/// The answer of a CGI program: headers, an empty line, the body.
fn cgi_reply(output: &[u8]) -> Option<Reply> {
    let end = output.windows(4).position(|four| four == b"\r\n\r\n")?;
    let mut reply = Reply { status: 200, headers: vec![], body: output[end + 4..].to_vec().into() };
    for line in std::str::from_utf8(&output[..end]).ok()?.lines() {
        let (name, value) = line.split_once(": ")?;
        match name.eq_ignore_ascii_case("status") {
            true => reply.status = value.split(' ').next()?.parse().ok()?,
            false => reply.headers.push((name.to_owned(), value.to_owned())),
        }
    }
    Some(reply)
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
        let reply = cgi_reply(b"Status: 403 Forbidden\r\nX-A: b\r\n\r\nno").unwrap();
        assert_eq!((reply.status, &reply.body[..]), (403, &b"no"[..]));
        assert_eq!(reply.headers, [("X-A".to_owned(), "b".to_owned())]);
    }
}
