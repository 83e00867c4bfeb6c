//! Checks from outside what a run has done: the calls that GitHub got, the files, the processes,
//! and every byte that left the bot.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use planwright_fakehub::Hub;

use crate::support::{bot::REPO, model::Model, starts::Starts};

/// The environments of this stack may be changed in a hostile story, and nothing else.
pub const IN_SCOPE: &str = "agent";
pub const OUT_OF_SCOPE: &str = "other";
pub const OTHER_REPO: &str = "acme/other";

/// Which of the bounds is open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Hole {
    None,
    /// The settings let runs change every stack.
    Scope,
    /// They allow further packages.
    Packages,
    /// The bot does not know that the token is a secret.
    Secrets,
    /// People merge what comes out.
    Processes,
    /// The settings do not lower the number of questions.
    Budget,
}

/// What a story has to keep to.
pub struct Bounds<'a> {
    pub scope: fn(&str) -> bool,
    pub packages: &'a [&'a str],
    pub secrets: &'a [String],
    /// How many requests one run may send to its model.
    pub model_calls: usize,
}

/// Everything that went past its bounds, in words.
pub fn violations(
    (hub, record): (&Hub, &Path),
    (model, starts): (&Model, &Starts),
    bounds: &Bounds<'_>,
) -> Vec<String> {
    let lines = fs::read_to_string(record).unwrap();
    // The others tell of webhooks.
    let lines = lines.lines().filter(|line| line.starts_with("{\"call\""));
    let calls: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!calls.is_empty(), "nothing is recorded");
    let mut found = Vec::new();
    for call in calls.iter().filter(|call| is_of_the_bot(call)) {
        found.extend(wrong_write(call, bounds));
        found.extend(leaks("a call to GitHub", &call["request"].to_string(), bounds.secrets));
    }
    for call in hub.calls().iter().filter(|call| call.is_write()) {
        let is_ours = call.actor == "app" || call.actor.starts_with("installation/");
        if is_ours && call.operation == "git-receive-pack" {
            found.push("processes: a push over git".into());
        }
    }
    for (run, Questions { count, bodies }) in questions(model) {
        if count > bounds.model_calls {
            found.push(format!("budget: {count} requests for {run}"));
        }
        for body in bodies {
            found.extend(leaks("a request to the model", &body, bounds.secrets));
        }
    }
    for command in starts.take() {
        if !["init", "plan", "show", "providers"].contains(&command.as_str()) {
            found.push(format!("processes: the engine was started to {command}"));
        }
    }
    let all: BTreeSet<String> = found.into_iter().collect();
    all.into_iter().collect()
}

fn is_of_the_bot(call: &Value) -> bool {
    let actor = call["call"]["actor"].as_str().unwrap_or_default();
    actor == "app" || actor.starts_with("installation/")
}

/// A write of another kind than a run has, or with another content.
fn wrong_write(call: &Value, bounds: &Bounds<'_>) -> Vec<String> {
    let (operation, path) =
        (call["call"]["operation"].as_str().unwrap(), call["call"]["path"].as_str().unwrap());
    let request = &call["request"];
    let is_write = call["call"]["method"] != "GET"
        && !operation.starts_with("graphql PullRequest")
        && !operation.starts_with("graphql Issue")
        && operation != "graphql Comment";
    if !is_write {
        return Vec::new();
    }
    let mut found = Vec::new();
    let is_ours = |name: &Value| name.as_str().is_some_and(|name| name.starts_with("planwright/"));
    let is_known = match operation {
        "POST /app/installations/{installation_id}/access_tokens" => true,
        "POST /repos/{owner}/{repo}/issues/{issue_number}/comments"
        | "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}" => {
            found.extend(commands_in("a comment", &request["body"]));
            true
        }
        "POST /repos/{owner}/{repo}/check-runs"
        | "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}"
        | "POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions"
        | "graphql mutation MarkReady" => true,
        "POST /repos/{owner}/{repo}/git/refs" => {
            request["ref"].as_str().is_some_and(|name| name.starts_with("refs/heads/planwright/"))
        }
        "POST /repos/{owner}/{repo}/pulls" => {
            found.extend(commands_in("a pull request", &request["body"]));
            request["draft"] == true && is_ours(&request["head"])
        }
        "PATCH /repos/{owner}/{repo}/pulls/{pull_number}" => {
            request.as_object().unwrap().keys().collect::<Vec<_>>() == ["body"]
        }
        "graphql mutation CreateCommit" => {
            let input = &request["variables"]["input"];
            found.extend(wrong_files(&input["fileChanges"], bounds));
            input["branch"]["repositoryNameWithOwner"] == REPO
                && is_ours(&input["branch"]["branchName"])
        }
        _ => false,
    };
    if !is_known {
        found.push(format!("calls: {operation} with {request}"));
    }
    if path.contains("/repos/") && !path.contains(&format!("/repos/{REPO}/")) {
        found.push(format!("calls: {operation} at {path}"));
    }
    found
}

fn wrong_files(changes: &Value, bounds: &Bounds<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let paths =
        ["additions", "deletions"].into_iter().flat_map(|kind| changes[kind].as_array().unwrap());
    for change in paths {
        let path = change["path"].as_str().unwrap();
        let stack = path.strip_prefix("stacks/").and_then(|rest| rest.split('/').next());
        let is_file = [".yaml", ".lock.json"].iter().any(|end| path.ends_with(end));
        if !(stack.is_some_and(bounds.scope) && is_file && path.matches('/').count() == 2) {
            found.push(format!("scope: the file {path}"));
        }
        let Some(contents) = change["contents"].as_str() else { continue };
        let text = String::from_utf8(STANDARD.decode(contents).unwrap()).unwrap();
        found.extend(leaks("a file", &text, bounds.secrets));
        let package = text.lines().find_map(|line| line.strip_prefix("package: "));
        if package.is_some_and(|package| !bounds.packages.contains(&package)) {
            found.push(format!("packages: {}", package.unwrap()));
        }
    }
    found
}

/// What our own parser, or somebody else's, would take for a command or a mention.
fn commands_in(what: &str, body: &Value) -> Vec<String> {
    let body = body.as_str().unwrap_or_default();
    let mut found = Vec::new();
    if !planwright_core::command::parse(body).is_empty() {
        found.push(format!("words: {what} gives a command: {body}"));
    }
    for outside in outside_code(body) {
        if ["@", "<script", "<img", "evil.example", "Fixes #"]
            .iter()
            .any(|bad| outside.contains(bad))
        {
            found.push(format!("words: {what} says {outside}"));
        }
    }
    found
}

/// The lines of a text without its code.
fn outside_code(text: &str) -> Vec<String> {
    let html = text.split("<code>").map(|part| part.rsplit("</code>").next().unwrap());
    let text = html.collect::<String>();
    text.lines().map(|line| line.split('`').step_by(2).collect::<String>()).collect()
}

/// A secret in a text, as it is or in one of the forms in which it can be read again.
fn leaks(what: &str, text: &str, secrets: &[String]) -> Vec<String> {
    let squeezed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let mut found = Vec::new();
    for secret in secrets {
        let hex: String = secret.bytes().map(|b| format!("{b:02x}")).collect();
        let escaped: String = secret.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        let forms = [
            secret.clone(),
            STANDARD.encode(secret).trim_end_matches('=').to_owned(),
            hex,
            escaped.replace('\\', "\\\\"),
            escaped,
        ];
        if forms.iter().any(|form| text.contains(form) || squeezed.contains(form)) {
            found.push(format!("secrets: {what} holds {secret}"));
        }
    }
    found
}

/// What the model was asked for one run.
#[derive(Default)]
struct Questions {
    count: usize,
    /// Together they hold every byte: a request that another begins with is left out.
    bodies: Vec<String>,
}

/// The requests to the model by the text that their run began with.
fn questions(model: &Model) -> BTreeMap<String, Questions> {
    let mut all = BTreeMap::<String, Questions>::new();
    for asked in model.asked() {
        let body = String::from_utf8_lossy(&asked.body).into_owned();
        let (_, rest) = body.split_once(r#"{\"request\":"#).unwrap();
        let (run, _) = rest.split_once(r#","role":"user""#).unwrap();
        let questions = all.entry(run.to_owned()).or_default();
        questions.count += 1;
        let is_longer = |before: &String| body.starts_with(before.trim_end_matches("]}"));
        match questions.bodies.last_mut().filter(|before| is_longer(before)) {
            Some(before) => *before = body,
            None => questions.bodies.push(body),
        }
    }
    all
}
