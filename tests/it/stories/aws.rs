//! The life of a bucket through webhooks only, with a real provider and a simulated API. With kept
//! providers, people see the same as without; usually that is compared with one engine, since a
//! provider that starts for each plan takes minutes.

use planwright::settings::Warm;
use planwright_fakehub::Edit;

use crate::support::{
    bot::{REPO, Setup, Story, locked},
    engine::{binary, component},
    moto::Moto,
    variations::compares_all,
};

const BUCKET: &str = "acme-webhook-logs";

#[tokio::test]
async fn a_bucket_is_planned_approved_made_found_changed_and_destroyed_with_terraform() {
    lived_with("terraform", true).await;
}

#[tokio::test]
async fn a_bucket_is_planned_approved_made_found_changed_and_destroyed_with_opentofu() {
    lived_with("tofu", compares_all()).await;
}

async fn lived_with(engine: &str, compared: bool) {
    let warm = lived(engine, Warm::Auto).await;
    println!("{}", warm.shown.join("\n\n"));
    assert_eq!(warm.warm, 8);
    if compared {
        let cold = lived(engine, Warm::Off).await;
        assert_eq!(warm.plans, cold.plans);
        assert_eq!(warm.shown, cold.shown);
        assert_eq!(cold.warm, 0);
    }
}

/// What became of one bucket.
struct Life {
    /// By pull request: the digests of its plans.
    plans: Vec<String>,
    /// Every comment, without what is another each time.
    shown: Vec<String>,
    /// How many plans were made with kept providers.
    warm: u64,
}

impl Life {
    async fn read(story: &Story, pulls: &[i64]) -> Self {
        let (mut plans, mut shown) = (Vec::new(), Vec::new());
        for pr in pulls {
            let set = story.store().latest_plan_set(story.id(*pr)).await.unwrap().unwrap().plan_set;
            plans.extend(set.plans.into_iter().map(|plan| plan.plan_digest.to_string()));
            let comments = story.hub.comments(REPO, *pr).unwrap().into_iter();
            shown.extend(comments.map(|comment| constant(&comment.body)));
        }
        for comment in &shown {
            assert!(!comment.contains("testing"), "{comment}");
        }
        let status = story.app().engine.warm_status();
        assert_eq!(status.fallbacks, 0, "{status:?}");
        Self { plans, shown, warm: status.hits }
    }
}

async fn story(engine: &str, warm: Warm, moto: &Moto) -> Story {
    let config = component(&format!("tools/{engine}.rc")).into_os_string();
    Story::with(Setup {
        env: moto.env(),
        variables: [("TF_CLI_CONFIG_FILE".to_owned(), config)].into(),
        provider_cache: Some(component(&format!("tools/plugins-{engine}"))),
        engine: Some(binary(engine)),
        warm,
        ..Setup::default()
    })
    .await
}

async fn lived(engine: &str, warm: Warm) -> Life {
    let moto = Moto::start();
    let story = story(engine, warm, &moto).await;
    let text = format!(
        "apiVersion: planwright.dev/v1\nkind: Stack\npackage: aws-bucket\nversion: \"^0.1\"\nparams:\n  \
         name: {BUCKET}\n  region: eu-central-1\n  tags:\n    team: platform\n"
    );
    let is_there = || {
        let names = moto.s3("print([it['Name'] for it in s3.list_buckets()['Buckets']])");
        names.contains(BUCKET)
    };
    let made = story.approved("logs", &locked("logs", &text)).await;
    story.assert_says(made, "5 to add, 0 to change, 0 to destroy");
    assert!(!is_there());
    story.merge(&story.bob, made);
    story.settle().await;
    story.assert_says(made, "Applied and verified");
    story.assert_says(made, &format!("arn = \"arn:aws:s3:::{BUCKET}\""));
    assert!(is_there());

    moto.s3(&format!(
        "s3.put_bucket_tagging(Bucket='{BUCKET}', Tagging={{'TagSet': [\
         {{'Key': 'team', 'Value': 'nobody'}}]}})"
    ));
    let (answer, _) = story.say(&story.bob, made, "/infra drift logs").await;
    assert!(answer.contains(r#"tags.team: "platform" → "nobody""#), "{answer}");

    let remove = Edit::new("No more logs")
        .delete("stacks/logs/stack.yaml")
        .delete("stacks/logs/stack.lock.json");
    story.alice.push(REPO, "remove", &remove).unwrap();
    let removed = story.alice.open_pull(REPO, "remove", "No more logs").unwrap();
    story.settle().await;
    story.bob.approve(REPO, removed).unwrap();
    story.settle().await;
    story.assert_says(removed, "5 to destroy");
    assert_eq!(story.conclusion(removed), "action_required");
    let addresses = [
        "aws_s3_bucket",
        "aws_s3_bucket_ownership_controls",
        "aws_s3_bucket_public_access_block",
        "aws_s3_bucket_server_side_encryption_configuration",
        "aws_s3_bucket_versioning",
    ]
    .map(|kind| format!("module.bucket.{kind}.this"));
    story.say(&story.bob, removed, &format!("/infra allow logs {}", addresses.join(" "))).await;
    assert_eq!(story.conclusion(removed), "success");
    story.merge(&story.bob, removed);
    story.settle().await;
    story.assert_says(removed, "Applied and verified");
    assert!(!is_there());

    let life = Life::read(&story, &[made, removed]).await;
    story.finish().await;
    life
}

/// Text without what is another each time: commits, times, ids of runs.
fn constant(text: &str) -> String {
    let is_hex = |word: &str| word.len() >= 7 && word.chars().all(|c| c.is_ascii_hexdigit());
    let words = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    let words = words.map(|word| {
        let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        if is_hex(bare) { word.replace(bare, "HEX") } else { word.to_owned() }
    });
    words.collect()
}
