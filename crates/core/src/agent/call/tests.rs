//! Calls that are valid, and calls that are refused.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(name: &str, arguments: &Value) -> Result<Call, Problem> {
    Call::read(&RawCall { name: name.into(), arguments: arguments.to_string() })
}

fn code(name: &str, arguments: &Value) -> String {
    read(name, arguments).unwrap_err().code.to_string()
}

fn set(path: &str, value_json: &str) -> Value {
    let set = json!([{ "path": path, "value_json": value_json }]);
    json!({ "stack": "web", "set": set, "expected_rev": 0, "why": "asked" })
}

#[test]
fn the_tools_are_these_and_each_is_strict() {
    let names: Vec<&str> = tools().iter().map(|tool| tool.name.as_str()).collect();
    let expected = "search_packages describe_package list_stacks read_stack add_stack set_params \
                    unset_params remove_stack validate plan_preview ask_human finish";
    assert_eq!(names.join(" "), expected);
    for tool in tools() {
        assert!(schema_of(&tool.name).is_some(), "{} has no schema", tool.name);
        let mut open = vec![&tool.parameters];
        while let Some(node) = open.pop() {
            if node["type"] == "object" {
                assert_eq!(node["additionalProperties"], false, "{}", tool.name);
                let properties = node["properties"].as_object().unwrap();
                assert_eq!(properties.len(), node["required"].as_array().unwrap().len());
                open.extend(properties.values());
            }
            open.extend(node.get("items"));
        }
    }
}

#[test]
fn a_call_has_one_form_whatever_it_was_written_like() {
    let one = RawCall {
        name: "set_params".into(),
        arguments: r#"{"why":" so  it is ","expected_rev":0,"stack":"web","set":[{"value_json":" 1 ","path":"a.b"}]}"#.into(),
    };
    let other = set("a.b", "1");
    let one = Call::read(&one).unwrap().canonical();
    assert_eq!(one, read("set_params", &other).unwrap().canonical().replace("asked", "so it is"));
    assert_eq!(
        one,
        r#"{"arguments":{"expected_rev":0,"set":{"a.b":1},"stack":"web","why":"so it is"},"tool":"set_params"}"#
    );
}

#[test]
fn what_is_no_call_of_ours_is_refused_with_what_would_be() {
    let problem = read("set_param", &json!({})).unwrap_err();
    assert_eq!(
        (&*problem.code, problem.did_you_mean.as_deref()),
        ("unknown_tool", Some("set_params"))
    );
    for name in ["apply", "approve", "merge", "Finish", "finish ", "ｆinish", "run", ""] {
        assert_eq!(code(name, &json!({})), "unknown_tool", "{name}");
    }
    assert_eq!(code("validate", &json!({ "stack": "web" })), "schema");
    assert_eq!(code("read_stack", &json!({ "stack": 1 })), "schema");
    assert_eq!(code("set_params", &set("name", "acme")), "not_json");
    let problem = read("set_params", &set("name", "acme")).unwrap_err();
    assert_eq!(problem.fix.as_deref(), Some("a text stands in quotes, such as \"acme\""));
    assert_eq!(&*problem.pointer, "/set/0/value_json");
    for stack in ["../web", "/etc", "web/../x", "WEB", "-x", "a\u{0}", "con/a/b", ""] {
        assert_eq!(code("read_stack", &json!({ "stack": stack })), "invalid_name", "{stack:?}");
    }
    assert_eq!(code("set_params", &set("a", "\"x\u{202e}\"")), "hidden_character");
    assert_eq!(code("set_params", &set("a", r#""x\u200b""#)), "hidden_character");
    assert_eq!(code("set_params", &set("a", "{\"a\":1,\"a\":2}")), "not_json");
    assert_eq!(code("search_packages", &json!({ "query": "x".repeat(201) })), "too_long");
    assert_eq!(code("search_packages", &json!({ "query": " " })), "empty");
    let huge = RawCall { name: "validate".into(), arguments: " ".repeat(LARGEST) };
    assert_eq!(Call::read(&huge).unwrap_err().code, "too_large");
    let question = |choices: Value| json!({ "question": "Which?", "choices": choices });
    assert_eq!(code("ask_human", &question(json!(["one"]))), "count");
    let twice = json!([{ "path": "a", "value_json": "1" }, { "path": "a", "value_json": "2" }]);
    let twice = json!({ "stack": "web", "set": twice, "expected_rev": 0, "why": "x" });
    assert_eq!(code("set_params", &twice), "twice");
}

proptest! {
    #[test]
    fn no_arguments_make_it_panic(name in "[a-z_]{0,16}", arguments in any::<String>()) {
        let _ = Call::read(&RawCall { name, arguments });
    }
}
