//! The engine adapter with the real AWS provider, against moto.

use planwright::{
    domain::plan::{Action, Value},
    engine::{Control, Mode},
};
use serde_json::json;

use crate::support::{engine::Stack, moto::Moto};

async fn bucket(engine: &str, moto: &Moto) -> Stack {
    let tree = json!({
        "terraform": {"required_providers": {
            "aws": {"source": "hashicorp/aws", "version": "5.100.0"},
        }},
        "provider": {"aws": {"s3_use_path_style": true}},
        "resource": {"aws_s3_bucket": {"this": {
            "bucket": format!("build-logs-{engine}"),
            "tags": {"owner": "web", "cost centre": "42"},
        }}},
        "output": {"arn": {"value": "${aws_s3_bucket.this.arn}"}},
    });
    let mut stack = Stack::new(engine, &tree).await;
    let required = [("hashicorp/aws".to_owned(), "5.100.0".to_owned())].into();
    let control = Control::default();
    stack.providers =
        stack.engine.provider_locks(&stack.binary, &required, &control).await.unwrap();
    assert_eq!(stack.providers["hashicorp/aws"].version.to_string(), "5.100.0");
    stack.env = moto.env();
    stack
}

/// Both engines after each other: together they would take more memory than a small machine has.
#[tokio::test]
async fn a_tag_changed_behind_the_engines_back_is_named_with_old_and_new() {
    let moto = Moto::shared();
    for engine in ["terraform", "tofu"] {
        let stack = bucket(engine, &moto).await;
        let applied = stack.apply().await;
        assert_eq!(applied.outputs["arn"].value, format!("arn:aws:s3:::build-logs-{engine}"));
        moto.s3(&format!(
            "s3.put_bucket_tagging(Bucket='build-logs-{engine}', Tagging={{'TagSet': [\
             {{'Key': 'owner', 'Value': 'mallory'}}, {{'Key': 'cost centre', 'Value': '42'}}]}})"
        ));
        let drift = stack.plan(Mode::Normal).await.plan;
        let [change] = drift.resources.as_slice() else { panic!("{drift:?}") };
        assert_eq!(
            (change.address.as_str(), change.action),
            ("aws_s3_bucket.this", Action::Update)
        );
        let tags: Vec<_> = change
            .differences
            .iter()
            .map(|d| (d.path.to_string(), d.before.clone(), d.after.clone()))
            .collect();
        let (was, is) = (Value::Known(json!("mallory")), Value::Known(json!("web")));
        assert_eq!(
            tags,
            [
                ("tags.owner".to_owned(), was.clone(), is.clone()),
                ("tags_all.owner".to_owned(), was, is),
            ]
        );
        assert_eq!(stack.started(), ["init", "plan", "show", "plan", "show"], "{engine}");
    }
}
