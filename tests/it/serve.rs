//! What `planwright serve` says if it cannot work: one line, at once, that says what to do.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use planwright_fakehub::{Hub, Settings};

/// The files that every start needs.
async fn files() -> TempDir {
    let dir = TempDir::new().unwrap();
    let hub = Hub::start(Settings::new(dir.path().join("hub"))).await.unwrap();
    let app = hub.app();
    std::fs::write(dir.path().join("key.pem"), &app.private_key_pem).unwrap();
    std::fs::write(dir.path().join("secret"), &app.webhook_secret).unwrap();
    hub.stop();
    dir
}

/// What is said when `serve` ends by itself, and soon.
fn refusal(dir: &Path, arguments: &[&str]) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_planwright"))
        .args(["serve", "--listen", "127.0.0.1:0", "--app-id", "1"])
        .args(["--private-key-file", "key.pem", "--webhook-secret-file", "secret"])
        .args(arguments)
        .current_dir(dir)
        .env_clear()
        .env("PATH", dir)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let end = Instant::now() + Duration::from_secs(10);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > end {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?} was not refused: {output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    println!("{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[tokio::test]
async fn settings_under_which_nothing_would_be_done_are_refused() {
    let dir = files().await;
    for (flag, why) in [
        ("--workers", "no job would ever run"),
        ("--plan-timeout", "every plan would be ended at once"),
        ("--apply-timeout", "every apply would be ended at once"),
    ] {
        let said = refusal(dir.path(), &[flag, "0"]);
        assert!(said.contains(&format!("{flag} is 0")) && said.contains(why), "{said}");
    }
}

#[tokio::test]
async fn a_missing_engine_is_told_at_the_start_where_one_is_needed() {
    let dir = files().await;
    for arguments in [&["--roles", "plan"][..], &["--roles", "web,apply"], &[]] {
        let said = refusal(dir.path(), arguments);
        assert!(said.starts_with("error: no engine: looked for `tofu`"), "{said}");
        assert!(said.contains("Install OpenTofu") && said.contains("--engine PATH"), "{said}");
    }
}

#[tokio::test]
async fn a_postgres_that_is_not_there_is_told_once() {
    let dir = files().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("postgres://bot:hunter2@127.0.0.1:{port}/planwright");
    let said = refusal(dir.path(), &["--database-url", &url]);
    assert_eq!(said.matches("refused").count(), 1, "{said}");
    assert!(said.contains("Does the server run there"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}
