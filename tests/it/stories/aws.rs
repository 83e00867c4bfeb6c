//! The life of a bucket through webhooks only, on a real provider and a real API.

use planwright::localhub::Edit;

use crate::support::{
    bot::{REPO, Setup, Story, locked},
    engine::component,
    moto::Moto,
};

const BUCKET: &str = "acme-webhook-logs";

async fn story(moto: &Moto) -> Story {
    let config = component("tools/terraform.rc").into_os_string();
    Story::with(Setup {
        env: moto.env(),
        variables: [("TF_CLI_CONFIG_FILE".to_owned(), config)].into(),
        provider_cache: Some(component("tools/plugins-terraform")),
        engine: Some("terraform".into()),
        ..Setup::default()
    })
    .await
}

#[tokio::test]
async fn a_bucket_is_planned_approved_made_found_changed_and_destroyed() {
    let moto = Moto::shared();
    let story = story(&moto).await;
    let text = format!(
        "apiVersion: planwright.dev/v1\nkind: Stack\npackage: aws-bucket\nversion: \"^0.1\"\nparams:\n  \
         name: {BUCKET}\n  region: eu-central-1\n  tags:\n    team: platform\n"
    );
    let is_there = || {
        let names = moto.s3("print([it['Name'] for it in s3.list_buckets()['Buckets']])");
        names.contains(BUCKET)
    };
    let pr = story.approved("logs", &locked("logs", &text)).await;
    story.assert_says(pr, "5 to add, 0 to change, 0 to destroy");
    assert!(!is_there());
    story.merge(&story.bob, pr);
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "Applied and verified");
    story.assert_says(pr, &format!("arn = \"arn:aws:s3:::{BUCKET}\""));
    assert!(is_there());

    moto.s3(&format!(
        "s3.put_bucket_tagging(Bucket='{BUCKET}', Tagging={{'TagSet': [\
         {{'Key': 'team', 'Value': 'nobody'}}]}})"
    ));
    let (answer, _) = story.say(&story.bob, pr, "/infra drift logs").await;
    println!("{answer}");
    assert!(answer.contains(r#"tags.team: "platform" → "nobody""#), "{answer}");

    let remove = Edit::new("No more logs")
        .delete("stacks/logs/stack.yaml")
        .delete("stacks/logs/stack.lock.json");
    story.alice.push(REPO, "remove", &remove).unwrap();
    let pr = story.alice.open_pull(REPO, "remove", "No more logs").unwrap();
    story.settle().await;
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "5 to destroy");
    assert_eq!(story.conclusion(pr), "action_required");
    let addresses = [
        "aws_s3_bucket",
        "aws_s3_bucket_ownership_controls",
        "aws_s3_bucket_public_access_block",
        "aws_s3_bucket_server_side_encryption_configuration",
        "aws_s3_bucket_versioning",
    ]
    .map(|kind| format!("module.bucket.{kind}.this"));
    story.say(&story.bob, pr, &format!("/infra allow logs {}", addresses.join(" "))).await;
    assert_eq!(story.conclusion(pr), "success");
    story.merge(&story.bob, pr);
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "Applied and verified");
    assert!(!is_there());
    for pr in 1..=pr {
        for comment in story.hub.comments(REPO, pr).unwrap() {
            assert!(!comment.body.contains("testing"), "{}", comment.body);
        }
    }
    story.finish().await;
}
