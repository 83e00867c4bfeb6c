//! The format of Chat Completions, which most servers support, including local ones.
//!
//! Newer fields are sent only if a feature says that the server knows them. Requests do not depend
//! on the time, and each begins with the bytes of the one before it, so that servers can cache
//! them.

use serde::Deserialize;
use serde_json::{Value, json};

use planwright_core::agent::{
    call::{RawCall, tools},
    event::{Stop, Turn},
    json::strict,
    prompt::{Message, SYSTEM},
};

use super::{
    Answer, Feature, Garbled, LONGEST_ANSWER, Settings, Usage,
    api::{Api, MOST_CALLS, MOST_TEXT},
};

pub(crate) const API: Api = Api {
    path: "chat/completions",
    authorize: |request, key| request.bearer_auth(key),
    encode,
    decode,
};

/// Encodes a request.
fn encode(settings: &Settings, conversation: &[Message]) -> Vec<u8> {
    let has = |feature| settings.features.contains(&feature);
    let mut messages = vec![json!({ "role": "system", "content": SYSTEM })];
    messages.extend(conversation.iter().map(message));
    let tools: Vec<Value> = tools()
        .iter()
        .map(|tool| {
            let mut function = json!({
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
            });
            if has(Feature::Strict) {
                function["strict"] = true.into();
            }
            json!({ "type": "function", "function": function })
        })
        .collect();
    let limit =
        if has(Feature::MaxCompletionTokens) { "max_completion_tokens" } else { "max_tokens" };
    let mut head = json!({ "model": settings.name, limit: LONGEST_ANSWER, "tools": tools });
    if has(Feature::ParallelToolCalls) {
        head["parallel_tool_calls"] = false.into();
    }
    if has(Feature::RequiredToolChoice) {
        head["tool_choice"] = "required".into();
    }
    // The messages come last, so that everything before them is the same in each request.
    let head = head.to_string();
    let messages = Value::Array(messages).to_string();
    format!("{},\"messages\":{messages}}}", head.trim_end_matches('}')).into_bytes()
}

fn message(message: &Message) -> Value {
    match message {
        Message::User(text) => json!({ "role": "user", "content": text }),
        Message::Tool { id, content } => {
            json!({ "role": "tool", "tool_call_id": id, "content": content })
        }
        Message::Assistant { text, calls } if calls.is_empty() => {
            json!({ "role": "assistant", "content": if text.is_empty() { "…" } else { text } })
        }
        Message::Assistant { text, calls } => {
            let calls: Vec<Value> = calls
                .iter()
                .map(|(id, call)| {
                    let function = json!({ "name": name(call), "arguments": arguments(call) });
                    json!({ "id": id, "type": "function", "function": function })
                })
                .collect();
            let content = if text.is_empty() { Value::Null } else { text.as_str().into() };
            json!({ "role": "assistant", "content": content, "tool_calls": calls })
        }
    }
}

/// Returns a valid name of a function. Servers reject a conversation that contains an invalid one.
fn name(call: &RawCall) -> String {
    let is_part = |c: &char| c.is_ascii_alphanumeric() || *c == '_' || *c == '-';
    let name: String = call.name.chars().filter(is_part).take(64).collect();
    if name.is_empty() { "unknown".into() } else { name }
}

fn arguments(call: &RawCall) -> String {
    let is_object = strict(&call.arguments).is_ok_and(|value| value.is_object());
    if is_object { call.arguments.clone() } else { "{}".into() }
}

#[derive(Deserialize)]
struct Response {
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    message: ChoiceMessage,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct ChoiceMessage {
    #[serde(default)]
    content: Option<Value>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<ToolCall>>,
}

#[derive(Deserialize)]
struct ToolCall {
    function: Function,
}

#[derive(Deserialize)]
struct Function {
    name: String,
    /// JSON in a string; some servers send the object itself.
    #[serde(default)]
    arguments: Value,
}

/// Decodes an answer. Of several choices only the first is used.
fn decode(bytes: &[u8]) -> Result<Answer, Garbled> {
    let response: Response = serde_json::from_slice(bytes).map_err(|e| Garbled(e.to_string()))?;
    let usage = response.usage.as_ref().and_then(usage);
    let choice = response.choices.into_iter().next();
    let Choice { message, finish_reason } =
        choice.ok_or_else(|| Garbled("it has no choice".into()))?;
    let calls: Vec<RawCall> =
        message.tool_calls.into_iter().flatten().take(MOST_CALLS).map(raw_call).collect();
    let text = message.content.as_ref().and_then(Value::as_str).unwrap_or_default();
    let stop = match finish_reason.as_deref() {
        _ if message.refusal.is_some_and(|refusal| !refusal.is_empty()) => Stop::Refused,
        Some("stop" | "tool_calls" | "function_call") | None => Stop::Done,
        Some("length") => Stop::Cut,
        Some("content_filter") => Stop::Refused,
        Some(_) => Stop::Unknown,
    };
    let text: String = text.chars().take(MOST_TEXT).collect();
    Ok(Answer { turn: Turn { text, calls, stop }, usage })
}

fn raw_call(call: ToolCall) -> RawCall {
    let arguments = match call.function.arguments {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    RawCall { name: call.function.name, arguments }
}

fn usage(value: &Value) -> Option<Usage> {
    let count = |name: &str| value.get(name).and_then(Value::as_u64);
    Some(Usage { input: count("prompt_tokens")?, output: count("completion_tokens")? })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::Wire;

    fn settings(features: &[Feature]) -> Settings {
        Settings {
            wire: Wire::ChatCompletions,
            url: "http://x.example/v1".into(),
            name: "m".into(),
            key: None,
            features: features.to_vec(),
            prices: None,
            timeout: Duration::from_secs(1),
        }
    }

    fn call(name: &str, arguments: &str) -> RawCall {
        RawCall { name: name.into(), arguments: arguments.into() }
    }

    #[test]
    fn each_request_begins_with_the_bytes_of_the_one_before_it() {
        let said = Message::Assistant {
            text: String::new(),
            calls: vec![("call_0_0".into(), call("validate", "{}"))],
        };
        let tool = Message::Tool { id: "call_0_0".into(), content: "{}".into() };
        let all = [Message::User("a".into()), said, tool];
        let bytes: Vec<Vec<u8>> =
            (1..=all.len()).map(|n| encode(&settings(&[]), &all[..n])).collect();
        for pair in bytes.windows(2) {
            let ended = pair[0].len() - "]}".len();
            assert!(pair[1].starts_with(&pair[0][..ended]));
        }
        let value: Value = serde_json::from_slice(&bytes[2]).unwrap();
        assert_eq!(value["messages"][0]["role"], "system");
        assert_eq!(value["messages"][2]["tool_calls"][0]["function"]["name"], "validate");
        assert_eq!(value["messages"][3]["tool_call_id"], "call_0_0");
        assert_eq!(value["tools"].as_array().unwrap().len(), tools().len());
        assert_eq!(value["max_tokens"], LONGEST_ANSWER);
        assert_eq!((value.get("parallel_tool_calls"), value.get("tool_choice")), (None, None));
    }

    #[test]
    fn a_feature_adds_its_field_and_no_other() {
        use Feature::{MaxCompletionTokens, ParallelToolCalls, RequiredToolChoice, Strict};
        let all = [Strict, ParallelToolCalls, RequiredToolChoice, MaxCompletionTokens];
        let value: Value = serde_json::from_slice(&encode(&settings(&all), &[])).unwrap();
        assert_eq!(value["parallel_tool_calls"], false);
        assert_eq!(value["tool_choice"], "required");
        assert_eq!(value["max_completion_tokens"], LONGEST_ANSWER);
        assert_eq!(value.get("max_tokens"), None);
        assert_eq!(value["tools"][0]["function"]["strict"], true);
    }

    #[test]
    fn what_a_model_wrote_wrongly_goes_back_in_a_form_that_servers_take() {
        let calls =
            vec![("a".to_owned(), call("ap ply\n", "{\"a\":")), ("b".to_owned(), call("", "[1]"))];
        let value = message(&Message::Assistant { text: String::new(), calls });
        assert_eq!(
            value["tool_calls"][0]["function"],
            json!({ "name": "apply", "arguments": "{}" })
        );
        assert_eq!(value["tool_calls"][1]["function"]["name"], "unknown");
    }

    #[test]
    fn an_answer_is_its_calls_and_why_it_ended() {
        let answer = |finish: &str, message: Value| {
            let body = json!({ "choices": [{ "message": message, "finish_reason": finish }],
                "usage": { "prompt_tokens": 12, "completion_tokens": 3 } });
            decode(body.to_string().as_bytes()).unwrap()
        };
        let said = json!({ "content": null, "tool_calls": [
            { "id": "x", "type": "function", "function": { "name": "validate", "arguments": "{}" } },
            { "function": { "name": "finish", "arguments": { "outcome": "propose" } } },
        ]});
        let read = answer("tool_calls", said.clone());
        assert_eq!(read.turn.calls[0], call("validate", "{}"));
        assert_eq!(read.turn.calls[1], call("finish", r#"{"outcome":"propose"}"#));
        assert_eq!(read.usage, Some(Usage { input: 12, output: 3 }));
        assert_eq!(answer("length", said.clone()).turn.stop, Stop::Cut);
        assert_eq!(answer("content_filter", said.clone()).turn.stop, Stop::Refused);
        assert_eq!(answer("pause", said).turn.stop, Stop::Unknown);
        assert_eq!(answer("stop", json!({ "refusal": "no" })).turn.stop, Stop::Refused);
        let many = vec![json!({ "function": { "name": "validate" } }); 200];
        assert_eq!(answer("stop", json!({ "tool_calls": many })).turn.calls.len(), MOST_CALLS);
    }

    #[test]
    fn what_is_no_answer_is_garbled() {
        for body in [
            "",
            "{}",
            "[]",
            r#"{"choices":[]}"#,
            r#"{"choices":[{}]}"#,
            "\u{0}",
            r#"{"error":"x"}"#,
        ] {
            assert!(decode(body.as_bytes()).is_err(), "{body}");
        }
        let negative = json!({ "choices": [{ "message": {} }], "usage": { "prompt_tokens": -5, "completion_tokens": 1 } });
        assert_eq!(decode(negative.to_string().as_bytes()).unwrap().usage, None);
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }
    }
}
