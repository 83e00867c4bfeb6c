//! Each rule of the gate, on a run in the state that it needs.

use serde_json::{Value, json};

use super::*;
use crate::agent::{
    budget::Limits,
    sample::{Sample, finish, raw, set},
};

fn stacks(names: &[&str]) -> BTreeSet<StackId> {
    names.iter().map(|name| StackId::parse(name).unwrap()).collect()
}

fn decided(run: &Run, raw: &RawCall) -> Result<Decision, Limit> {
    let scope = Scope(vec!["web".into(), "logs".into(), "a".into(), "b".into(), "c".into()]);
    let facts = Facts {
        stacks: &stacks(&["web/dev", "web/prod", "logs", "a", "b", "c", "other"]),
        packages: &["hello".to_owned(), "aws-bucket".to_owned()].into(),
        scope: &scope,
        is_secret: &|text| text.contains("canary"),
    };
    decide(run, raw, &facts).map(|(decision, _)| decision)
}

fn code(run: &Run, raw: &RawCall) -> String {
    match decided(run, raw) {
        Ok(Decision::Refused(problem)) => problem.code.into(),
        other => panic!("{other:?}"),
    }
}

fn question(run: &Run, raw: &RawCall) -> String {
    match decided(run, raw) {
        Ok(Decision::Asked(_, question)) => question.text,
        other => panic!("{other:?}"),
    }
}

fn is_allowed(run: &Run, raw: &RawCall) -> bool {
    matches!(decided(run, raw), Ok(Decision::Allowed(_)))
}

fn add(stack: &str, package: &str) -> Value {
    json!({ "stack": stack, "package": package, "set": [], "expected_rev": 0, "why": "asked" })
}

#[test]
fn what_is_in_scope_is_allowed_and_what_is_not_is_refused() {
    let run = Sample::default().run();
    assert!(is_allowed(&run, &set("logs", "name", 0)));
    assert!(is_allowed(&run, &raw("add_stack", &add("web/test", "hello"))));
    assert_eq!(code(&run, &set("other", "name", 0)), "out_of_scope");
    assert_eq!(code(&run, &raw("add_stack", &add("new", "hello"))), "out_of_scope");
    assert_eq!(code(&run, &set("web/stage", "name", 0)), "unknown_stack");
    assert!(is_allowed(&run, &raw("read_stack", &json!({ "stack": "other" }))));
    assert_eq!(code(&run, &raw("read_stack", &json!({ "stack": "nope" }))), "unknown_stack");
}

#[test]
fn only_allowed_packages_are_used_or_described() {
    let run = Sample::default().run();
    assert_eq!(code(&run, &raw("add_stack", &add("web/test", "once"))), "package_not_allowed");
    let url = "git::https://x.example/p";
    assert_eq!(code(&run, &raw("add_stack", &add("web/test", url))), "package_not_allowed");
    let describe = raw("describe_package", &json!({ "package": "../../etc" }));
    assert_eq!(code(&run, &describe), "package_not_allowed");
}

#[test]
fn a_write_names_the_revision_that_it_was_meant_for() {
    let mut sample = Sample::default();
    sample.done(&set("logs", "name", 0), None);
    let run = sample.run();
    assert_eq!(run.rev(), 1);
    assert_eq!(code(&run, &set("logs", "name", 0)), "stale_revision");
    assert!(is_allowed(&run, &set("logs", "name", 1)));
}

#[test]
fn a_secret_is_refused_in_one_piece_or_in_several() {
    let run = Sample::default().run();
    let search = |query: &str| raw("search_packages", &json!({ "query": query }));
    assert!(is_allowed(&run, &search("a bird")));
    assert_eq!(code(&run, &search("a canary")), "secret");
    let ask = json!({ "question": "Which?", "choices": ["can", "ary"] });
    assert_eq!(code(&run, &raw("ask_human", &ask)), "secret");
    let value = json!([{ "path": "a", "value_json": "{\"x\":[\"can\",\"ary\"]}" }]);
    let value = json!({ "stack": "logs", "set": value, "expected_rev": 0, "why": "x" });
    assert_eq!(code(&run, &raw("set_params", &value)), "secret");
}

#[test]
fn a_run_changes_few_stacks_and_one_environment_unless_people_agree() {
    let mut sample = Sample::default();
    sample
        .done(&set("a", "x", 0), None)
        .done(&set("b", "x", 1), None)
        .done(&set("c", "x", 2), None);
    assert_eq!(code(&sample.run(), &set("logs", "x", 3)), "too_many_stacks");
    let mut sample = Sample::default();
    sample.done(&set("web/dev", "x", 0), None);
    assert!(is_allowed(&sample.run(), &set("web/dev", "y", 1)));
    assert!(question(&sample.run(), &set("web/prod", "x", 1)).contains("further environment"));
}

#[test]
fn people_decide_whether_a_stack_goes() {
    let run = Sample::default().run();
    let remove = raw("remove_stack", &json!({ "stack": "logs", "expected_rev": 0, "why": "x" }));
    assert!(question(&run, &remove).starts_with("Remove the stack logs?"));
}

#[test]
fn to_propose_takes_edits_and_a_plan_of_just_these() {
    let mut sample = Sample::default();
    assert_eq!(code(&sample.run(), &finish("propose")), "nothing_to_propose");
    assert!(is_allowed(&sample.run(), &finish("cannot_do")));
    sample.done(&set("logs", "x", 0), None);
    assert_eq!(code(&sample.run(), &finish("propose")), "not_planned");
    assert_eq!(code(&sample.run(), &finish("no_change_needed")), "has_edits");
    sample.planned(1, 0);
    assert!(is_allowed(&sample.run(), &finish("propose")));
    sample.done(&set("logs", "y", 1), None);
    assert_eq!(code(&sample.run(), &finish("propose")), "not_planned");
    sample.planned(2, 2);
    assert!(question(&sample.run(), &finish("propose")).contains("2 resources"));
    sample.plan_failed(2);
    assert_eq!(code(&sample.run(), &finish("propose")), "not_planned");
}

#[test]
fn a_plan_that_failed_twice_is_repeated_only_when_people_agree() {
    let mut sample = Sample::default();
    let plan = raw("plan_preview", &json!({}));
    assert_eq!(code(&sample.run(), &plan), "nothing_to_plan");
    sample.done(&set("logs", "x", 0), None).plan_failed(1);
    assert!(is_allowed(&sample.run(), &plan));
    sample.done(&set("logs", "y", 1), None).plan_failed(2);
    assert!(question(&sample.run(), &plan).contains("failed twice"));
}

#[test]
fn a_call_that_cannot_be_paid_is_not_made() {
    let lowered = |amount: Amount| Limits::default().lowered(&amount);
    let run = Sample::with(lowered(Amount { tool_calls: 0, ..Amount::UNLIMITED })).run();
    assert_eq!(decided(&run, &raw("validate", &json!({}))), Err(Limit::ToolCalls));
    let run = Sample::with(lowered(Amount { questions: 0, ..Amount::UNLIMITED })).run();
    let ask = json!({ "question": "Which?", "choices": ["a", "b"] });
    assert_eq!(decided(&run, &raw("ask_human", &ask)), Err(Limit::Questions));
    let mut sample = Sample::with(lowered(Amount { plans: 0, ..Amount::UNLIMITED }));
    sample.done(&set("logs", "x", 0), None);
    assert_eq!(decided(&sample.run(), &raw("plan_preview", &json!({}))), Err(Limit::Plans));
}
