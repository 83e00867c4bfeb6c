//! The wire of Ollama's own API.

use planwright_core::agent::{
    call::{RawCall, tools},
    event::{Stop, Turn},
    prompt::{Message, SYSTEM},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Answer, Garbled, LONGEST_ANSWER, Settings, Usage,
    wire::{Api, MOST_CALLS, MOST_TEXT},
};

pub(crate) const API: Api =
    Api { path: "api/chat", authorize: |request, key| request.bearer_auth(key), encode, decode };

fn encode(settings: &Settings, conversation: &[Message]) -> Vec<u8> {
    let mut messages = vec![json!({ "role": "system", "content": SYSTEM })];
    messages.extend(conversation.iter().map(|message| match message {
        Message::User(text) => json!({ "role": "user", "content": text }),
        Message::Tool { content, .. } => json!({ "role": "tool", "content": content }),
        Message::Assistant { text, calls } => {
            let call = |(_, call): &(String, RawCall)| {
                let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
                json!({ "function": { "name": call.name, "arguments": arguments } })
            };
            let calls: Vec<Value> = calls.iter().map(call).collect();
            json!({ "role": "assistant", "content": text, "tool_calls": calls })
        }
    }));
    let function = |tool: &planwright_core::agent::call::Tool| {
        json!({ "type": "function", "function": {
            "name": tool.name, "description": tool.description, "parameters": tool.parameters,
        } })
    };
    let tools: Vec<Value> = tools().iter().map(function).collect();
    json!({
        "model": settings.name,
        "stream": false,
        "options": { "num_predict": LONGEST_ANSWER },
        "tools": tools,
        "messages": messages,
    })
    .to_string()
    .into_bytes()
}

#[derive(Deserialize)]
struct Response {
    message: ResponseMessage,
    #[serde(default)]
    prompt_eval_count: u64,
    #[serde(default)]
    eval_count: u64,
}

#[derive(Deserialize)]
struct ResponseMessage {
    #[serde(default)]
    content: String,
    #[serde(default)]
    tool_calls: Vec<ToolCall>,
}

#[derive(Deserialize)]
struct ToolCall {
    function: Function,
}

#[derive(Deserialize)]
struct Function {
    name: String,
    arguments: Value,
}

fn decode(body: &[u8]) -> Result<Answer, Garbled> {
    let response: Response =
        serde_json::from_slice(body).map_err(|error| Garbled(error.to_string()))?;
    let calls = response.message.tool_calls.into_iter().take(MOST_CALLS);
    let calls = calls.map(|call| RawCall {
        name: call.function.name,
        arguments: call.function.arguments.to_string(),
    });
    let text = response.message.content.chars().take(MOST_TEXT).collect();
    Ok(Answer {
        turn: Turn { text, calls: calls.collect(), stop: Stop::default() },
        usage: Some(Usage { input: response.prompt_eval_count, output: response.eval_count }),
    })
}
