//! `planwright doctor` with fakehub and a running bot: first all is well, then one thing after
//! another is wrong.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sqlx::{Connection as _, Executor as _, SqliteConnection};

use planwright::{
    doctor,
    settings::{Serve, Variables},
};
use planwright_core::{
    diagnosis::{Check, Status, checks},
    job::Role,
};
use planwright_fakehub::{AppEdit, Hub, Level, Settings};
use planwright_github::Manifest;

use crate::{
    cli::Repository,
    support::{
        bot::{REPO, Story},
        program::write_script,
    },
};

async fn examined(settings: &Serve) -> Vec<Check> {
    let inventory = doctor::inspect(settings, None, Arc::new(Timestamp::now)).await.unwrap();
    checks(&inventory)
}

/// The checks that are not well.
fn ill(checks: &[Check]) -> Vec<(&'static str, Status)> {
    let ill = checks.iter().filter(|check| check.status != Status::Ok);
    ill.map(|check| (check.check, check.status)).collect()
}

async fn assert_fails(settings: &Serve, check: &str, word: &str) {
    let all = examined(settings).await;
    assert_eq!(ill(&all), [(check, Status::Failed)], "{all:#?}");
    let failed = all.iter().find(|one| one.status == Status::Failed).unwrap();
    assert!(failed.found.contains(word), "{failed:#?}");
    assert!(failed.mend.is_some(), "{failed:#?}");
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

async fn story() -> Story {
    let story = Story::start().await;
    for file in ["key.pem", "secret", "client"] {
        set_mode(&story.dir.path().join(file), 0o600);
    }
    story.hub.idle().await;
    story
}

#[tokio::test]
async fn all_is_well_with_a_bot_that_runs() {
    let story = story().await;
    let all = examined(&story.settings()).await;
    assert_eq!(ill(&all), [], "{all:#?}");
    let looked = |name: &str| all.iter().any(|check| check.check == name);
    for name in ["engine", "database", "clock", "deliveries", "installation"] {
        assert!(looked(name), "{name}: {all:#?}");
    }
    let kept = |all: &[Check]| {
        let check = all.iter().find(|check| check.check == "kept-providers").unwrap();
        check.found.clone()
    };
    assert_eq!(kept(&all), "none now, since no bot answers at 127.0.0.1:0");
    let mut settings = story.settings();
    settings.process.listen = story.address();
    let all = examined(&settings).await;
    assert!(kept(&all).starts_with("processes: 0 with 0 MB"), "{all:#?}");
    settings.engine.warm = planwright::settings::Warm::Off;
    assert!(kept(&examined(&settings).await).starts_with("none: the engine starts"));
    story.finish().await;
}

#[tokio::test]
async fn what_is_wrong_on_this_machine_is_found() {
    let story = story().await;
    let (good, dir) = (story.settings(), story.dir.path());
    let write = |name: &str, text: &str| -> PathBuf {
        let path = dir.join(name);
        fs::write(&path, text).unwrap();
        set_mode(&path, 0o600);
        path
    };

    let mut settings = good.clone();
    settings.process.workers = 0;
    assert_fails(&settings, "settings", "--workers is 0").await;

    for name in ["key.pem", "client"] {
        set_mode(&dir.join(name), 0o644);
        assert_fails(&good, "secrets", name).await;
        set_mode(&dir.join(name), 0o600);
    }

    let mut settings = good.clone();
    settings.github.webhook_secret_file = Some(write("many", "a\nb\nc\n"));
    assert_fails(&settings, "secrets", "3 lines").await;
    settings.github.webhook_secret_file = None;
    assert_fails(&settings, "secrets", "there is no `webhook-secret`").await;
    settings.github.webhook_secret = Some("s".into());
    assert_eq!(ill(&examined(&settings).await), []);
    settings.github.webhook_secret_file = good.github.webhook_secret_file.clone();
    assert_fails(&settings, "secrets", "nobody knows which one counts").await;

    let mut settings = good.clone();
    settings.storage.data = write("file", "");
    settings.storage.database_url = Some(format!("sqlite:{}/none.db", dir.display()));
    settings.engine.digest_key_file = Some(dir.join("bot/digest.key"));
    assert_fails(&settings, "data-directory", "not a directory").await;
    set_mode(&dir.join("bot"), 0o755);
    assert_fails(&good, "data-directory", "look into").await;
    set_mode(&dir.join("bot"), 0o700);

    let mut settings = good.clone();
    settings.engine.digest_key_file = Some(write("short", "short"));
    assert_fails(&settings, "digest-key", "at least 32").await;
    settings.engine.digest_key_file = Some(dir.join("nowhere"));
    assert_fails(&settings, "digest-key", "nowhere").await;

    let mut settings = good.clone();
    settings.engine.engine = Some(dir.join("no-such-tofu"));
    assert_fails(&settings, "engine", "no-such-tofu").await;
    let old = dir.join("old-tofu");
    write_script(&old, "#!/bin/sh\necho '{\"terraform_version\":\"1.5.0\"}'\n");
    settings.engine.engine = Some(old);
    assert_fails(&settings, "engine", "1.5.0").await;
    settings.process.roles = vec![Role::Web];
    assert_eq!(ill(&examined(&settings).await), [], "who only takes webhooks needs none");
    let mut settings = good.clone();
    settings.engine.variables = Variables([("PATH".into(), "/nowhere".into())].into());
    assert_fails(&settings, "engine", "on PATH").await;
    story.finish().await;
}

#[tokio::test]
async fn pages_to_which_nobody_could_sign_in_are_found() {
    let story = story().await;
    let good = story.settings();
    let mut settings = good.clone();
    settings.process.public_url = Some("https://bot.example".into());
    assert_eq!(ill(&examined(&settings).await), []);
    settings.github.client_id = None;
    assert_fails(&settings, "pages", "without --client-id").await;
    settings.github.client_secret_file = None;
    assert_fails(&settings, "pages", "--client-id and --client-secret-file").await;
    settings.process.roles = vec![Role::Plan, Role::Apply];
    assert_eq!(ill(&examined(&settings).await), [], "only the web server signs people in");
    let mut settings = good.clone();
    settings.process.public_url = Some("http://bot.example".into());
    assert_fails(&settings, "pages", "without encryption").await;
    story.finish().await;
}

#[tokio::test]
async fn a_database_that_does_not_answer_or_is_newer_is_found() {
    let story = story().await;
    let good = story.settings();
    let mut settings = good.clone();
    settings.storage.database_url = Some("postgres://planwright@127.0.0.1:9/none".into());
    assert_fails(&settings, "database", "127.0.0.1:9").await;
    settings.storage.database_url = Some("mysql://x".into());
    assert_fails(&settings, "database", "mysql:").await;
    let garbage = story.dir.path().join("garbage.db");
    fs::write(&garbage, "this is no database, however long one looks at it").unwrap();
    settings.storage.database_url = Some(format!("sqlite:{}", garbage.display()));
    assert_fails(&settings, "database", "garbage.db").await;
    settings.storage.database_url = Some(crate::support::postgres::fresh_url().await);
    assert_eq!(ill(&examined(&settings).await), [], "an empty one is filled at the start");

    let own = story.dir.path().join("bot/planwright.db");
    let url = format!("sqlite:{}", own.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, \
                 execution_time) VALUES (9999, 'newer', 1, x'00', 1)";
    connection.execute(newer).await.unwrap();
    assert_fails(&good, "database", "9999").await;
    connection.execute("DELETE FROM _sqlx_migrations WHERE version = 9999").await.unwrap();
    connection.execute("UPDATE _sqlx_migrations SET checksum = x'00'").await.unwrap();
    assert_fails(&good, "database", "modified").await;
    connection.close().await.unwrap();
    story.bot.stop().await.unwrap();
}

#[tokio::test]
async fn looking_at_a_database_makes_none() {
    let story = story().await;
    let mut settings = story.settings();
    let dir = story.dir.path().join("later");
    settings.storage.data = dir.clone();
    assert_eq!(ill(&examined(&settings).await), []);
    assert!(!dir.exists());
    story.finish().await;
}

#[tokio::test]
async fn what_is_wrong_with_the_app_is_found() {
    let story = story().await;
    let good = story.settings();

    let mut settings = good.clone();
    settings.github.github_url = "http://127.0.0.1:9/api/v3".into();
    assert_fails(&settings, "app", "not reachable").await;
    settings = good.clone();
    settings.github.app_id += 1;
    assert_fails(&settings, "app", "not found").await;
    let stranger = Hub::start(Settings::new(story.dir.path().join("other"))).await.unwrap();
    settings = good.clone();
    settings.github.private_key_file = None;
    settings.github.private_key = Some(stranger.app().private_key_pem.into());
    assert_fails(&settings, "app", "401").await;

    let ahead = |minutes| {
        let clock = move || Timestamp::now() + SignedDuration::from_mins(minutes);
        let settings = good.clone();
        async move { checks(&doctor::inspect(&settings, None, Arc::new(clock)).await.unwrap()) }
    };
    for (minutes, word) in [(3, "ahead of"), (-3, "behind")] {
        let all = ahead(minutes).await;
        assert_eq!(ill(&all), [("clock", Status::Failed)], "{all:#?}");
        assert!(all.iter().any(|check| check.found.contains(word)), "{all:#?}");
    }

    story.finish().await;
}

#[tokio::test]
async fn what_the_app_may_not_do_is_found() {
    let story = story().await;
    let (hub, good) = (&story.hub, story.settings());
    let wanted = Manifest::ours().unwrap().grants();
    let level = |level: &String| if level == "write" { Level::Write } else { Level::Read };
    let permissions: Vec<(String, Level)> =
        wanted.permissions.iter().map(|(name, it)| (name.clone(), level(it))).collect();
    let events: Vec<String> = wanted.events.into_iter().collect();
    let edit = |permissions: &[(String, Level)], events: &[String]| {
        let (permissions, events) = (Some(permissions.to_vec()), Some(events.to_vec()));
        hub.edit_app(AppEdit { permissions, events, ..AppEdit::default() }).unwrap();
    };
    edit(&permissions[1..], &events);
    assert_fails(&good, "app-permissions", "`checks: write`").await;
    edit(&[&permissions[..], &[("workflows".into(), Level::Write)]].concat(), &events);
    assert_eq!(ill(&examined(&good).await), [("app-permissions", Status::Warning)]);
    edit(&permissions, &events[1..]);
    let ill_of_both = ill(&examined(&good).await);
    let both = [("app-events", Status::Failed), ("installation", Status::Failed)];
    assert_eq!(ill_of_both, both, "fakehub's installations have the events of the App");
    edit(&permissions, &events);

    hub.set_app_permission("acme", "contents", None).unwrap();
    assert_fails(&good, "installation", "`contents: write`").await;
    hub.set_app_permission("acme", "contents", Some(Level::Write)).unwrap();
    hub.suspend("acme", true).unwrap();
    assert_fails(&good, "installation", "suspended").await;
    hub.suspend("acme", false).unwrap();
    hub.idle().await;
    assert_eq!(ill(&examined(&good).await), []);
    story.finish().await;
}

#[tokio::test]
async fn an_app_that_is_installed_nowhere_is_found() {
    let story = story().await;
    let hub = Hub::start(Settings::new(story.dir.path().join("empty"))).await.unwrap();
    hub.set_webhook(&format!("http://{}/webhook", story.bot.address.unwrap()));
    let mut settings = story.settings();
    settings.github.github_url = format!("{}/api/v3", hub.url());
    settings.github.app_id = hub.app().app_id;
    settings.github.private_key_file = None;
    settings.github.private_key = Some(hub.app().private_key_pem.into());
    assert_fails(&settings, "installation", "installed nowhere").await;
    story.finish().await;
}

#[tokio::test]
async fn webhooks_that_do_not_arrive_are_found() {
    let story = story().await;
    let (hub, good) = (&story.hub, story.settings());
    let address = story.bot.address.unwrap();
    let edit = |content_type: &str, secret: &str| {
        let (content_type, secret) = (Some(content_type.to_owned()), Some(secret.to_owned()));
        let edit = AppEdit { content_type, webhook_secret: secret, ..AppEdit::default() };
        hub.edit_app(edit).unwrap();
    };
    let secret = hub.app().webhook_secret;
    edit("form", &secret);
    assert_fails(&good, "webhook", "`form`").await;
    edit("json", "");
    assert_fails(&good, "webhook", "does not sign").await;

    // Another secret than ours: it arrives, and is refused.
    edit("json", "another");
    story.alice.open_issue(REPO, "Hello", "").unwrap();
    hub.idle().await;
    story.alice.push(REPO, "one", &crate::support::bot::edit(&[("a", "a")])).unwrap();
    hub.idle().await;
    assert_fails(&good, "deliveries", "401").await;
    edit("json", &secret);
    hub.lose_webhooks(1);
    story.alice.push(REPO, "two", &crate::support::bot::edit(&[("a", "b")])).unwrap();
    hub.idle().await;
    assert_fails(&good, "deliveries", "502").await;
    story.alice.push(REPO, "three", &crate::support::bot::edit(&[("a", "c")])).unwrap();
    hub.idle().await;
    assert_eq!(ill(&examined(&good).await), []);

    hub.set_webhook(&format!("http://{address}/hook"));
    let wrong = [("webhook", Status::Failed), ("webhook-reachable", Status::Failed)];
    assert_eq!(ill(&examined(&good).await), wrong);
    hub.set_webhook(&format!("{}/webhook", hub.url()));
    assert_fails(&good, "webhook-reachable", "not the bot").await;
    hub.set_webhook(&format!("http://{address}/webhook"));
    story.bot.stop().await.unwrap();
    assert_fails(&good, "webhook-reachable", "nothing answers").await;
}

#[test]
fn settings_that_cannot_be_read_are_a_finding_too() {
    let repository = Repository::empty();
    repository.write("settings.yaml", "app-id: 1\nwebhook-secrt: hunter2\n");
    let said = repository.run(&["doctor", "--config", "settings.yaml"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("settings.yaml:2:1"), "{}", said.out);
    assert!(said.out.contains("rename `webhook-secrt` to `webhook-secret`"), "{}", said.out);
    assert!(!said.out.contains("hunter2"));
    let (json, code) = repository.json(&["doctor"]);
    assert_eq!(code, 1);
    assert_eq!(json["healthy"], Value::Bool(false));
    assert_eq!(json["checks"][0]["check"], "settings");
    let found = json["checks"][0]["found"].as_str().unwrap();
    assert!(found.contains("--app-id"), "{found}");
    // `serve` says the same, as something that was asked wrongly.
    assert_eq!(repository.run(&["serve", "--config", "settings.yaml"]).code, 1);
    assert_eq!(repository.run(&["serve"]).code, 2);
    assert_eq!(repository.run(&["doctor", "--nonsense"]).code, 2);
}

#[test]
fn help_shows_no_value_of_the_file() {
    let repository = Repository::empty();
    repository.write("settings.yaml", "app-id: 1\nwebhook-secret: hunter2\nworkers: 4711\n");
    for help in ["--help", "-h"] {
        let said = repository.done(&["serve", "--config", "settings.yaml", help]);
        assert!(!said.contains("hunter2") && !said.contains("4711"), "{said}");
    }
}
