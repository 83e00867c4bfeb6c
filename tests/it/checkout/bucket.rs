//! The commands on `aws-bucket` with a simulated AWS API, from `init` to `destroy`.

use insta::{allow_duplicates, assert_snapshot};

use super::{ENGINES, repository, stable};
use crate::{cli::Repository, support::moto::Moto};

/// A stack `logs` with a bucket of this name.
pub fn with_bucket(engine: &str, name: &str, moto: &Moto) -> Repository {
    let mut repository = repository(engine);
    repository.env.extend(moto.env());
    let stack = format!(
        "apiVersion: planwright.dev/v1\nkind: Stack\npackage: aws-bucket\nversion: \"^0.1\"\n\
         params:\n  name: {name}\n  region: eu-central-1\n  tags:\n    team: platform\n"
    );
    repository.write("stacks/logs/stack.yaml", &stack);
    repository.done(&["lock", "logs"]);
    repository
}

/// The tags and the versioning of a bucket, asked for without the engine.
fn asked(moto: &Moto, name: &str) -> String {
    moto.s3(&format!(
        "tags = s3.get_bucket_tagging(Bucket='{name}')['TagSet']\n\
         print(tags, s3.get_bucket_versioning(Bucket='{name}')['Status'])"
    ))
}

#[test]
fn a_bucket_is_made_changed_behind_our_back_mended_and_destroyed() {
    lived("auto", &ENGINES);
}

#[test]
#[ignore = "a provider that starts for each command takes minutes; `tests/run warm` plays it"]
fn the_same_is_said_where_no_provider_is_kept() {
    lived("off", &ENGINES);
}

/// What is said is the same with either engine, and whether providers are kept or not.
fn lived(warm: &str, engines: &[&str]) {
    let moto = Moto::start();
    allow_duplicates! {
        for engine in engines {
            let name = format!("acme-story-{engine}");
            let repository = with_bucket(engine, &name, &moto);
            repository.edit("planwright.yaml", "engine:\n", &format!("engine:\n  warm: {warm}\n"));
            let said = |arguments: &[&str]| stable(&repository.done(arguments)).replace(&name, "NAME");

            let applied = said(&["apply", "stacks/logs", "--auto-approve"]);
            assert!(applied.starts_with("logs: 5 to add"), "{applied}");
            let end = applied.split_once("\n\n").unwrap().1;
            assert_snapshot!(end, @r#"
            logs: applied, and verified: a second plan is empty
              outputs
                arn = "arn:aws:s3:::NAME"
                name = "NAME"
                region = "eu-central-1"
                regional_domain_name = "NAME.s3.eu-central-1.amazonaws.com"
            "#);
            assert_eq!(asked(&moto, &name), "[{'Key': 'team', 'Value': 'platform'}] Enabled\n");
            assert_eq!(said(&["drift", "logs"]), "logs: no drift\n");

            moto.s3(&format!(
                "s3.put_bucket_tagging(Bucket='{name}', Tagging={{'TagSet': [{{'Key': 'team', 'Value': 'nobody'}}]}})"
            ));
            assert_snapshot!(said(&["drift", "logs"]), @r#"
            logs: 1 drifted, as applied → as found
              ~ module.bucket.aws_s3_bucket.this: changed
              ~     tags.team: "platform" → "nobody"
              ~     tags_all.team: "platform" → "nobody"
            "#);
            said(&["apply", "logs", "--auto-approve"]);
            assert_eq!(said(&["drift", "logs"]), "logs: no drift\n");

            let destroy = ["destroy", "logs", "--auto-approve"];
            let other = ["--allow", "module.bucket.aws_s3_bucket.other"];
            let refused = repository.run(&[&destroy[..], &other].concat());
            assert_eq!(refused.code, 1, "{}", refused.out);
            // After five seconds the engine is heard on standard error too.
            assert_snapshot!(refused.err.split_once("error: ").unwrap().1, @r#"
            this would delete or replace resources that the package protects, so nothing is applied. To have it done all the same, name each of them:
              --allow 'module.bucket.aws_s3_bucket.this'
              --allow 'module.bucket.aws_s3_bucket_ownership_controls.this'
              --allow 'module.bucket.aws_s3_bucket_public_access_block.this'
              --allow 'module.bucket.aws_s3_bucket_server_side_encryption_configuration.this'
              --allow 'module.bucket.aws_s3_bucket_versioning.this'
            "#);
            moto.s3(&format!("s3.head_bucket(Bucket='{name}')"));

            let allowed = flags(&refused.err);
            let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
            let destroyed = said(&[&destroy[..], &allowed].concat());
            assert!(
                destroyed.ends_with("logs: destroyed, and verified: a second plan is empty\n"),
                "{destroyed}"
            );
            let buckets = moto.s3("print([bucket['Name'] for bucket in s3.list_buckets()['Buckets']])");
            assert!(!buckets.contains(&name), "{buckets}");
            assert_eq!(said(&["drift", "logs"]), "logs: never applied\n");
        }
    }
}

/// The flags that a refusal names.
fn flags(refusal: &str) -> Vec<String> {
    let quoted = refusal.lines().filter_map(|line| line.trim().strip_prefix("--allow '"));
    let addresses = quoted.filter_map(|rest| rest.strip_suffix('\''));
    addresses.map(|address| format!("--allow={address}")).collect()
}
