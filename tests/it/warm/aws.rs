//! The AWS provider, against moto.

use std::time::Instant;

use planwright::{
    domain::repo_config::EngineRule,
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
            "bucket": format!("warm-{engine}"),
            "tags": {"owner": "web"},
        }}},
    });
    let mut stack = Stack::with(engine, &tree, |settings| {
        settings.warm.providers = ["hashicorp/aws".to_owned()].into();
    })
    .await;
    let required = [("hashicorp/aws".to_owned(), "5.100.0".to_owned())].into();
    stack.providers =
        stack.engine.provider_locks(&stack.binary, &required, &Control::default()).await.unwrap();
    stack.env = moto.env();
    stack.warm = Some(("repository".into(), EngineRule::of("*")));
    stack
}

#[tokio::test]
async fn first() {
    let moto = Moto::shared();
    for engine in ["terraform", "tofu"] {
        let mut stack = bucket(engine, &moto).await;
        for warm in [None, Some(("repository".to_owned(), EngineRule::of("*")))] {
            stack.warm = warm;
            for _ in 0..3 {
                let start = Instant::now();
                let plan = stack.plan(Mode::Normal).await.plan;
                println!(
                    "{engine} warm {:?}: {:?} {}",
                    stack.warm.is_some(),
                    start.elapsed(),
                    plan.resources.len()
                );
                println!("{:?} {:?}", stack.started(), stack.engine.warm_status());
            }
        }
    }
}
