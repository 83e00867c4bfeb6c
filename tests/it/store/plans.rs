//! Plan sets and the plans of their stacks.

use planwright_core::{
    change::Change,
    digest::Digest,
    names::BranchName,
    plan::{Action, OutputChange, Plan, Value},
};
use planwright_store::{PlanInput, PlanKind, PlanSet, StackPlan, StateVersion};

use super::{Database, PR, at, on_both, pull_request, sha, stack};

fn plan() -> Plan {
    let output = OutputChange {
        action: Action::Create,
        before: Value::Absent,
        after: Value::Known("https://example.org/\u{202e}`".into()),
    };
    Plan { outputs: [("url".into(), output)].into(), unchanged: 3, ..Plan::default() }
}

fn state(serial: i64) -> Option<StateVersion> {
    Some(StateVersion { lineage: "aaaa".into(), serial })
}

fn stack_plan(name: &str) -> StackPlan {
    StackPlan {
        code: Some(Digest::sha256(b"code")),
        stack: stack(name),
        kind: PlanKind::Change,
        input_digest: Digest::from_text("sha256:input"),
        plan: plan(),
        plan_digest: plan().digest(),
        state: state(4),
    }
}

fn plan_set(digest: &str, plans: Vec<StackPlan>) -> PlanSet {
    PlanSet {
        pull_request: PR,
        head: sha('a'),
        base_commit: sha('b'),
        merge_tree: sha('c'),
        base_ref: BranchName::parse("main").unwrap(),
        digest: Digest::from_text(digest),
        settings_digest: Digest::from_text("sha256:settings"),
        created_at: at(10),
        plans,
    }
}

fn change() -> Change {
    Change::planning(sha('a'))
}

async fn a_plan_set_comes_back_as_it_was_recorded(database: &Database) {
    let store = database.store().await;
    assert_eq!(store.latest_plan_set(PR).await.unwrap(), None);
    let fresh = StackPlan { state: None, ..stack_plan("website/stage") };
    let set = plan_set("v1:one", vec![stack_plan("website/prod"), fresh]);
    store.record_plan_set(&plan_set("v1:zero", Vec::new()), &change()).await.unwrap();
    let id = store.record_plan_set(&set, &change()).await.unwrap();
    let recorded = store.latest_plan_set(PR).await.unwrap().unwrap();
    assert_eq!((recorded.id, recorded.posted_at), (id, None));
    assert_eq!((&recorded.plan_set, &recorded.change), (&set, &change()));
    assert_eq!(store.plan_set(id).await.unwrap(), Some(recorded));
    assert_eq!(store.latest_plan_set(pull_request(8)).await.unwrap(), None);
}

async fn a_change_goes_on_while_its_plan_set_stays(database: &Database) {
    let store = database.store().await;
    let (set, change) = (plan_set("v1:one", vec![stack_plan("website")]), change());
    let first = store.record_plan_set(&set, &change).await.unwrap();
    let second = store.record_plan_set(&set, &change).await.unwrap();
    let stopped = change.clone().stopped().unwrap();
    let failed = change.clone().failed_internally("7".into()).unwrap();
    for next in [stopped, failed] {
        store.record_change(first, &next).await.unwrap();
        let recorded = store.plan_set(first).await.unwrap().unwrap();
        assert_eq!((&recorded.plan_set, &recorded.change), (&set, &next));
    }
    assert_eq!(store.plan_set(second).await.unwrap().unwrap().change, change);
}

async fn the_time_of_posting_is_set_once_per_digest_and_head(database: &Database) {
    let store = database.store().await;
    let posted = async || store.latest_plan_set(PR).await.unwrap().unwrap().posted_at;
    let first = store.record_plan_set(&plan_set("v1:one", Vec::new()), &change()).await.unwrap();
    let of = |set: &PlanSet| (set.head.clone(), set.digest.clone());
    let (head, digest) = of(&plan_set("v1:one", Vec::new()));
    store.record_posted(PR, &head, &digest, at(20)).await.unwrap();
    store.record_posted(PR, &head, &digest, at(30)).await.unwrap();
    assert_eq!(posted().await, Some(at(20)));

    store.record_plan_set(&plan_set("v1:one", Vec::new()), &change()).await.unwrap();
    assert_eq!(posted().await, Some(at(20)), "the same digest on the same head was seen before");
    store.record_posted(PR, &head, &digest, at(40)).await.unwrap();
    assert_eq!(posted().await, Some(at(20)));

    let other_head = PlanSet { head: sha('d'), ..plan_set("v1:one", Vec::new()) };
    let one = || plan_set("v1:one", Vec::new());
    let other_pull_request = PlanSet { pull_request: pull_request(8), ..one() };
    let other_base = PlanSet { base_ref: BranchName::parse("release").unwrap(), ..one() };
    let other_settings = PlanSet { settings_digest: Digest::from_text("v1:other"), ..one() };
    let other_digest = plan_set("v1:two", Vec::new());
    // Between others there is the first one again: what came in between made it another.
    for set in [
        other_digest,
        other_pull_request,
        other_head,
        one(),
        other_base,
        one(),
        other_settings,
        one(),
    ] {
        let id = store.record_plan_set(&set, &change()).await.unwrap();
        assert_eq!(store.plan_set(id).await.unwrap().unwrap().posted_at, None);
        let (head, digest) = of(&set);
        store.record_posted(set.pull_request, &head, &digest, at(50)).await.unwrap();
        assert_eq!(store.plan_set(id).await.unwrap().unwrap().posted_at, Some(at(50)));
    }
    assert_eq!(store.plan_set(first).await.unwrap().unwrap().posted_at, Some(at(20)));
}

async fn a_plan_is_reused_only_for_just_its_input(database: &Database) {
    let store = database.store().await;
    let stateless = StackPlan { state: None, ..stack_plan("stateless") };
    let set = plan_set("v1:one", vec![stack_plan("website"), stateless]);
    store.record_plan_set(&set, &change()).await.unwrap();
    let input = |state| PlanInput {
        kind: PlanKind::Change,
        digest: Digest::from_text("sha256:input"),
        state,
    };
    let reused = async |name: &str, input: PlanInput| {
        store.plan_with_input(PR.repository, &stack(name), &input).await.unwrap()
    };
    assert_eq!(reused("website", input(state(4))).await, Some(stack_plan("website")));
    assert!(reused("stateless", input(None)).await.is_some());

    let other_lineage = Some(StateVersion { lineage: "bbbb".into(), serial: 4 });
    let other_digest = Digest::from_text("sha256:other");
    let unequal = [
        ("another", input(state(4))),
        ("failed", input(state(4))),
        ("website", input(state(5))),
        ("website", input(other_lineage)),
        ("website", input(None)),
        ("stateless", input(state(4))),
        ("website", PlanInput { digest: other_digest, ..input(state(4)) }),
        ("website", PlanInput { kind: PlanKind::Destroy, ..input(state(4)) }),
    ];
    for (name, input) in unequal {
        assert_eq!(reused(name, input.clone()).await, None, "{name} {input:?}");
    }
    let elsewhere = planwright_core::names::RepositoryId(2);
    let other = store.plan_with_input(elsewhere, &stack("website"), &input(state(4))).await;
    assert_eq!(other.unwrap(), None);
}

on_both!(
    a_plan_set_comes_back_as_it_was_recorded,
    a_change_goes_on_while_its_plan_set_stays,
    the_time_of_posting_is_set_once_per_digest_and_head,
    a_plan_is_reused_only_for_just_its_input,
);
