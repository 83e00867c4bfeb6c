//! A model server with the API of Chat Completions. It answers as a test tells it, and keeps the
//! requests.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// The API key that the bot sends.
pub const KEY: &str = "sk-canary-4f1d0c7b9e2a";

/// An answer of the server.
#[derive(Clone, Debug)]
pub enum Said {
    /// Calls of tools, by name and arguments.
    Calls(Vec<(String, String)>),
    /// A text, and its `finish_reason`.
    Text(String, &'static str),
    /// An HTTP status, with `retry-after` in seconds if there is one.
    Status(u16, Option<u64>),
    Bytes(Vec<u8>),
}

/// Returns the answer to a request, given how many requests came before it.
type Mind = dyn FnMut(&Value, usize) -> Said + Send;

pub struct Model {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    mind: Arc<Mutex<Box<Mind>>>,
    stop: CancellationToken,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    pub body: Bytes,
    pub key: Option<String>,
}

impl Asked {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Returns an answer that calls one tool.
pub fn call(name: &str, arguments: &Value) -> Said {
    Said::Calls(vec![(name.into(), arguments.to_string())])
}

pub fn add(stack: &str, package: &str, set: &[(&str, Value)], rev: u64) -> Said {
    let set: Vec<Value> = set
        .iter()
        .map(|(path, value)| json!({ "path": path, "value_json": value.to_string() }))
        .collect();
    call(
        "add_stack",
        &json!({ "stack": stack, "package": package, "set": set, "expected_rev": rev, "why": "asked for" }),
    )
}

pub fn set(stack: &str, path: &str, value: &Value, rev: u64) -> Said {
    let set = json!([{ "path": path, "value_json": value.to_string() }]);
    call(
        "set_params",
        &json!({ "stack": stack, "set": set, "expected_rev": rev, "why": "asked for" }),
    )
}

pub fn plan() -> Said {
    call("plan_preview", &json!({}))
}

pub fn finish(outcome: &str, summary: &str) -> Said {
    call("finish", &json!({ "outcome": outcome, "summary": summary, "unmet": [] }))
}

impl Model {
    /// Starts a server that answers from a script, and with status 418 after its end.
    pub async fn scripted(script: Vec<Said>) -> Self {
        let mut script = VecDeque::from(script);
        Self::minded(move |_, _| script.pop_front().unwrap_or(Said::Status(418, None))).await
    }

    /// Starts a server that answers as `mind` decides.
    pub async fn minded(mind: impl FnMut(&Value, usize) -> Said + Send + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mind: Arc<Mutex<Box<Mind>>> = Arc::new(Mutex::new(Box::new(mind)));
        let stop = CancellationToken::new();
        let router = Router::new()
            .route("/v1/chat/completions", post(answer))
            .with_state((asked.clone(), mind.clone()));
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(async move {
            axum::serve(listener, router).with_graceful_shutdown(stopped).await.unwrap();
        });
        Self { url, asked, mind, stop }
    }

    /// Replaces the script or mind by a script.
    pub fn say(&self, script: Vec<Said>) {
        let mut script = VecDeque::from(script);
        *self.mind.lock().unwrap() =
            Box::new(move |_, _| script.pop_front().unwrap_or(Said::Status(418, None)));
    }

    /// Replaces the script or mind by a mind.
    pub fn think(&self, mind: impl FnMut(&Value, usize) -> Said + Send + 'static) {
        *self.mind.lock().unwrap() = Box::new(mind);
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Returns the results of calls that the last request contains, the newest last.
    pub fn results(&self) -> Vec<Value> {
        let Some(last) = self.asked().pop() else { return Vec::new() };
        let messages = last.json()["messages"].as_array().unwrap().clone();
        let tool = messages.iter().filter(|message| message["role"] == "tool");
        tool.map(|m| serde_json::from_str(m["content"].as_str().unwrap()).unwrap()).collect()
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

type Shared = (Arc<Mutex<Vec<Asked>>>, Arc<Mutex<Box<Mind>>>);

async fn answer(State((asked, mind)): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let key = headers.get("authorization").map(|key| key.to_str().unwrap().to_owned());
    let request: Value = serde_json::from_slice(&body).unwrap();
    let before = {
        let mut asked = asked.lock().unwrap();
        asked.push(Asked { body, key });
        asked.len() - 1
    };
    let said = (mind.lock().unwrap())(&request, before);
    response(said)
}

fn response(said: Said) -> Response {
    let (message, finish) = match said {
        Said::Status(status, after) => {
            let mut response = StatusCode::from_u16(status).unwrap().into_response();
            if let Some(after) = after {
                response.headers_mut().insert("retry-after", after.to_string().parse().unwrap());
            }
            return response;
        }
        Said::Bytes(bytes) => return bytes.into_response(),
        Said::Text(text, finish) => (json!({ "role": "assistant", "content": text }), finish),
        Said::Calls(calls) => {
            let calls: Vec<Value> = calls
                .into_iter()
                .map(|(name, arguments)| {
                    let function = json!({ "name": name, "arguments": arguments });
                    json!({ "id": "call", "type": "function", "function": function })
                })
                .collect();
            (json!({ "role": "assistant", "content": null, "tool_calls": calls }), "tool_calls")
        }
    };
    let choice = json!({ "index": 0, "message": message, "finish_reason": finish });
    let usage = json!({ "prompt_tokens": 2_000, "completion_tokens": 60 });
    axum::Json(
        json!({ "id": "x", "object": "chat.completion", "choices": [choice], "usage": usage }),
    )
    .into_response()
}
