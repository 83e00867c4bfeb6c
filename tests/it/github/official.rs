//! GitHub's own examples of the webhooks that we subscribe to, parsed by us and by octocrab.
//!
//! The two parsers were written independently. Where both understand an example, they must agree.

use std::path::Path;

use octocrab::models::webhook_events::WebhookEvent;
use serde_json::Value;

use planwright_github::webhook::{events, parse};

/// Examples that octocrab's models do not read: event, number among its examples, and why. These two
/// were handed in with an excerpt of the issue.
const UNREAD: &[(&str, usize, &str)] =
    &[("issues", 19, "missing field `state`"), ("issues", 28, "missing field `state`")];

/// Each example of an event that we read: its event, its number, and its payload.
fn examples() -> Vec<(String, usize, Value)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/contract/node_modules/@octokit/webhooks-examples/api.github.com/index.json");
    assert!(path.exists(), "{} is missing: run tests/components", path.display());
    let all: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut examples = Vec::new();
    for event in all {
        let name = event["name"].as_str().unwrap();
        if events().any(|read| read == name) {
            let payloads = event["examples"].as_array().unwrap().iter().enumerate();
            examples.extend(payloads.map(|(n, payload)| (name.to_owned(), n, payload.clone())));
        }
    }
    examples
}

#[test]
fn we_read_every_official_example_of_our_events() {
    let examples = examples();
    for event in events() {
        assert!(examples.iter().any(|(name, ..)| name == event), "no example of {event}");
    }
    for (event, n, payload) in examples {
        let outcome = parse(&event, payload.to_string().as_bytes());
        assert!(outcome.is_ok(), "{event} {n}: {outcome:?}");
    }
}

#[test]
fn octocrabs_models_read_them_too_and_say_the_same() {
    let mut unread = Vec::new();
    for (event, n, payload) in examples() {
        let body = payload.to_string();
        let ours = parse(&event, body.as_bytes()).unwrap();
        match WebhookEvent::try_from_header_and_body(&event, &body) {
            Ok(theirs) => {
                let id = |id: u64| i64::try_from(id).unwrap();
                let repository = theirs.repository.map(|repository| id(repository.id.0));
                assert_eq!(ours.repository.map(|it| it.0), repository, "{event} {n}");
                if let Some(sender) = theirs.sender {
                    assert_eq!(ours.sender.id.0, id(sender.id.0), "{event} {n}");
                }
            }
            Err(error) => unread.push((event, n, error.to_string())),
        }
    }
    let unread: Vec<(&str, usize, &str)> =
        unread.iter().map(|(event, n, why)| (event.as_str(), *n, why.as_str())).collect();
    assert_eq!(unread, UNREAD);
}
