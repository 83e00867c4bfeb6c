//! The AWS provider, against moto.

use planwright::{
    domain::repo_config::EngineRule,
    engine::{Control, Mode},
};
use serde_json::{Value as Json, json};

use super::{in_repository, pids};
use crate::support::{engine::Stack, moto::Moto};

async fn bucket(engine: &str, moto: &Moto, name: &str) -> Stack {
    let tree = json!({
        "terraform": {"required_providers": {
            "aws": {"source": "hashicorp/aws", "version": "5.100.0"},
        }},
        "provider": {"aws": {"s3_use_path_style": true}},
        "resource": {"aws_s3_bucket": {"this": {
            "bucket": format!("{name}-{engine}"),
            "tags": {"owner": "web"},
        }}},
        "output": {"arn": {"value": "${aws_s3_bucket.this.arn}"}},
    });
    stack(engine, moto, &tree).await
}

/// A stack whose provider may be kept.
pub async fn stack(engine: &str, moto: &Moto, tree: &Json) -> Stack {
    let mut stack = Stack::with(engine, tree, |settings| {
        settings.warm.providers = ["hashicorp/aws".to_owned()].into();
    })
    .await;
    let required = [("hashicorp/aws".to_owned(), "5.100.0".to_owned())].into();
    stack.providers =
        stack.engine.provider_locks(&stack.binary, &required, &Control::default()).await.unwrap();
    stack.env = moto.env();
    stack.warm = in_repository("one");
    stack
}

/// A bucket is planned, made, found as it should be, and changed behind the engine's back.
#[tokio::test]
async fn the_life_of_a_bucket_is_the_same_warm_and_cold() {
    let moto = Moto::shared();
    for engine in ["terraform", "tofu"] {
        let mut stack = bucket(engine, &moto, "warm-life").await;
        let warm = stack.warm.take();
        let cold = stack.plan(Mode::Normal).await.plan;
        stack.warm = warm;
        assert_eq!(stack.plan(Mode::Normal).await.plan.digest(), cold.digest());

        // The directory was initialised with its provider; a fresh one is so only for the apply.
        let fresh = stack.dir.path().join("fresh");
        stack.started();
        let planned = stack.plan_in(&fresh, Mode::Normal).await.unwrap();
        assert_eq!(stack.started(), ["init", "plan", "show"], "{engine}");
        assert_eq!(planned.plan.digest(), cold.digest());
        let control = Control::default();
        let applied = stack.engine.apply(&stack.root(&fresh), planned, &control).await.unwrap();
        assert_eq!(applied.outputs["arn"].value, format!("arn:aws:s3:::warm-life-{engine}"));
        assert!(stack.plan(Mode::Normal).await.plan.resources.is_empty());

        moto.s3(&format!(
            "s3.put_bucket_tagging(Bucket='warm-life-{engine}', Tagging={{'TagSet': [\
             {{'Key': 'owner', 'Value': 'mallory'}}]}})"
        ));
        let drift = stack.plan(Mode::Normal).await.plan;
        assert_eq!(drift.resources[0].address, "aws_s3_bucket.this", "{drift:?}");
        let status = stack.engine.warm_status();
        assert_eq!((status.hits, status.fallbacks), (4, 0), "{status:?}");
        assert_eq!(pids(&stack).len(), 1);
        stack.warm = None;
        assert_eq!(stack.plan(Mode::Normal).await.plan.digest(), drift.digest());
    }
}

#[tokio::test]
async fn another_repository_or_other_credentials_get_another_process() {
    let moto = Moto::shared();
    let mut stack = bucket("terraform", &moto, "warm-others").await;
    stack.plan(Mode::Normal).await;
    let first = pids(&stack);
    stack.plan(Mode::Normal).await;
    assert_eq!(pids(&stack), first);
    stack.warm = in_repository("another");
    stack.plan(Mode::Normal).await;
    assert_eq!(pids(&stack).len(), 2);
    stack.env.insert("AWS_ACCESS_KEY_ID".into(), "another".into());
    stack.plan(Mode::Normal).await;
    assert_eq!(pids(&stack).len(), 3);
    let off =
        EngineRule { warm: planwright::domain::repo_config::Warm::Off, ..EngineRule::of("*") };
    stack.warm = Some(("another".into(), off));
    stack.plan(Mode::Normal).await;
    let status = stack.engine.warm_status();
    assert_eq!((status.processes.len(), status.hits), (3, 4), "{status:?}");
}

#[tokio::test]
async fn a_resource_whose_type_only_the_state_knows_is_planned_cold_once() {
    let moto = Moto::shared();
    let mut stack = bucket("terraform", &moto, "warm-state").await;
    stack.apply().await;
    stack.tree(&json!({
        "terraform": {"required_providers": {
            "aws": {"source": "hashicorp/aws", "version": "5.100.0"},
        }},
        "provider": {"aws": {"s3_use_path_style": true}},
    }));
    for fallbacks in [1, 1] {
        let plan = stack.plan(Mode::Normal).await.plan;
        assert_eq!(plan.resources[0].address, "aws_s3_bucket.this");
        let status = stack.engine.warm_status();
        assert_eq!(status.fallbacks, fallbacks, "{status:?}");
    }
}
