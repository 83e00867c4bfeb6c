//! Opening a database: several processes at once, restarts, and the messages if it fails.

use std::os::unix::fs::PermissionsExt as _;

use planwright_store::Store;

use super::{Database, at, job, on_both};

async fn several_may_open_an_empty_database_at_once(database: &Database) {
    let stores = futures::future::join_all((0..4).map(|_| database.store())).await;
    for store in &stores {
        store.ping().await.unwrap();
        store.enqueue(&job("a"), at(0)).await.unwrap();
    }
    assert_eq!(stores[0].open_jobs().await.unwrap().len(), 4);
}

async fn what_was_stored_is_there_after_a_restart(database: &Database) {
    let store = database.store().await;
    store.enqueue(&job("a"), at(0)).await.unwrap();
    store.close().await;
    assert_eq!(database.store().await.open_jobs().await.unwrap().len(), 1);
}

on_both!(several_may_open_an_empty_database_at_once, what_was_stored_is_there_after_a_restart);

async fn refusal(url: &str) -> String {
    Store::connect(url).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_url_of_another_kind_is_refused_with_the_two_that_are_known() {
    for url in ["mysql://root:hunter2@db/x", "planwright.db"] {
        let refusal = refusal(url).await;
        assert!(refusal.contains("`sqlite:PATH`") && refusal.contains("`postgres://"), "{refusal}");
        assert!(!refusal.contains("hunter2"), "{refusal}");
    }
}

#[tokio::test]
async fn a_database_in_memory_is_refused() {
    for url in ["sqlite::memory:", "sqlite:", "sqlite:a.db?mode=memory"] {
        let refusal = refusal(url).await;
        assert!(refusal.contains("the path of a file"), "{refusal}");
    }
}

#[tokio::test]
async fn a_missing_directory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("missing/planwright.db");
    let refusal = refusal(&format!("sqlite:{}", path.display())).await;
    assert!(refusal.contains("missing/planwright.db"), "{refusal}");
    assert!(refusal.contains("Create the directory"), "{refusal}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.txt");
    let notes = "buy milk\n".repeat(1000);
    std::fs::write(&path, &notes).unwrap();
    let refusal = refusal(&format!("sqlite:{}", path.display())).await;
    assert!(refusal.contains("Is it a SQLite database"), "{refusal}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), notes);
}

#[tokio::test]
async fn a_postgres_that_is_not_there_is_told_at_once_and_its_password_is_not() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("postgres://bot:hunter2@127.0.0.1:{port}/planwright");
    let start = std::time::Instant::now();
    let error = Store::connect(&url).await.unwrap_err();
    assert!(start.elapsed().as_secs() < 5, "it is tried once: {:?}", start.elapsed());
    assert!(std::error::Error::source(&error).is_none(), "else a chain would say it twice");
    let refusal = error.to_string();
    assert!(refusal.contains("refused"), "{refusal}");
    assert!(refusal.contains(&format!("`planwright` at 127.0.0.1:{port}")), "{refusal}");
    assert!(refusal.contains("Does the server run there"), "{refusal}");
    assert!(!refusal.contains("hunter2"), "{refusal}");
}

#[tokio::test]
async fn only_its_owner_reads_a_new_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("planwright.db");
    let store = Store::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    store.enqueue(&job("a"), at(0)).await.unwrap();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
}

/// A database that a newer version has migrated.
#[tokio::test]
async fn a_database_from_the_future_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("planwright.db").display());
    Store::connect(&url).await.unwrap().close().await;
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'later', true, x'00', 0)",
    )
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
    let refusal = refusal(&url).await;
    assert!(refusal.contains("A newer version has been here"), "{refusal}");
}
