//! `planwright doctor`: reads everything that `planwright serve` depends on, and changes nothing.
//!
//! `core::diagnosis` decides what is wrong.

use std::{fmt::Display, fs, io, net::Ipv4Addr, os::unix::fs::PermissionsExt as _, path::Path};

use planwright_core::{
    diagnosis::{
        App, DigestKey, Directory, ENGINE, File, GitHub, Inventory, WarmCounts, WarmStatus,
    },
    job::Role,
};
use planwright_engine as engine;
use planwright_engine::{Control, Engine};
use planwright_github as github;
use planwright_github::Manifest;
use planwright_store::Store;

use crate::{
    app::{self, Clock},
    settings::{Serve, Warm},
};

/// Reads everything; `config` is the file that contains some of the settings.
pub async fn inspect(
    settings: &Serve,
    config: Option<&Path>,
    clock: Clock,
) -> anyhow::Result<Inventory> {
    let data = std::path::absolute(&settings.storage.data)?;
    let github = &settings.github;
    let files = [&github.private_key_file, &github.webhook_secret_file, &github.client_secret_file];
    let opened = app::github(&settings.github);
    let private_key = opened.as_ref().map(drop).map_err(|error| format!("{error:#}"));
    Ok(Inventory {
        config: config.map(file),
        settings: app::check(settings).map_err(message),
        secrets: files.into_iter().flatten().map(|path| file(path)).collect(),
        webhook_secret: app::webhook_secrets(&settings.github)
            .map(drop)
            .map_err(|error| format!("{error:#}")),
        pages: app::pages(settings)
            .map(|pages| pages.map(|(url, _)| url.to_string()))
            .map_err(|error| format!("{error:#}")),
        private_key,
        wanted: Manifest::ours()?.grants(),
        github: match opened {
            Ok(github) => ask(&github, &clock).await,
            Err(_) => Err("GitHub was not asked, since there is no key to ask with".into()),
        },
        engine: engine(settings).await?,
        warm: warm_status(settings).await,
        database: Store::schema_status(&app::database_url(&settings.storage, &data))
            .await
            .map_err(message),
        digest_key: digest_key(settings, &data),
        data: directory(&data),
    })
}

fn message(error: impl Display) -> String {
    error.to_string()
}

async fn ask(github: &github::GitHub, clock: &Clock) -> Result<GitHub, String> {
    let time = github.time().await.map_err(message)?;
    let ours = clock();
    let app = match github.registration().await {
        Err(error) => Err(message(error)),
        Ok(registration) => {
            let hook = github.hook().await.map_err(message);
            let url = hook.as_ref().ok().and_then(|hook| hook.url.clone());
            let answered = match url {
                Some(url) => Some(github::probe(&url).await.map_err(message)),
                None => None,
            };
            let attempts = github.attempts().await.map_err(message);
            let installations = github.installations().await.map_err(message);
            Ok(App { registration, hook, answered, attempts, installations })
        }
    };
    Ok(GitHub { time, ours, app })
}

/// Finds the engine; `None` if no role of this process runs one.
async fn engine(settings: &Serve) -> anyhow::Result<Option<Result<String, String>>> {
    if !settings.process.roles.iter().any(|role| matches!(role, Role::Plan | Role::Apply)) {
        return Ok(None);
    }
    // The version is asked for in a temporary directory; no stack is used, so no key is needed.
    let work = tempfile::tempdir()?;
    let engine =
        Engine::new(app::engine_settings(&settings.engine, work.path(), Vec::new().into()));
    let found = engine.binary(ENGINE, &Control::default()).await;
    Ok(Some(match found {
        Ok(binary) => {
            let (name, version) = (binary.kind.name(), binary.version);
            Ok(format!("{name} {version}, {}", binary.path.display()))
        }
        Err(error) => Err(message(error)),
    }))
}

/// Returns what a running bot with these settings reports about kept providers.
async fn warm_status(settings: &Serve) -> WarmStatus {
    if settings.engine.warm == Warm::Off || !settings.process.roles.contains(&Role::Plan) {
        return WarmStatus::Off;
    }
    let mut address = settings.process.listen;
    if address.ip().is_unspecified() {
        // The bot listens on every address of this machine; from here it is reached at this one.
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    match github::metrics(address).await {
        Some(text) => WarmStatus::Running(warm_counts(&text)),
        None => WarmStatus::Silent(address.to_string()),
    }
}

/// Parses the bot's metrics, which have one `name{labels} value` per line.
fn warm_counts(text: &str) -> WarmCounts {
    let values = |name: &str| -> Vec<u64> {
        let value_in = |line: &str| {
            let rest = line.strip_prefix(name)?;
            let value = rest.starts_with(['{', ' ']).then(|| rest.rsplit(' ').next())??;
            // Counts are written as decimals.
            value.parse::<f64>().ok().map(|value| value as u64)
        };
        text.lines().filter_map(value_in).collect()
    };
    let sum = |name: &str| values(name).iter().sum();
    WarmCounts {
        processes: sum("planwright_warm_processes"),
        oldest: values("planwright_warm_oldest_seconds").into_iter().max().unwrap_or(0),
        memory: sum("planwright_warm_memory_bytes"),
        warm: sum("planwright_warm_plans_total"),
        fallbacks: sum("planwright_warm_fallbacks_total"),
    }
}

fn digest_key(settings: &Serve, data: &Path) -> Result<DigestKey, String> {
    let own = data.join(app::DIGEST_KEY);
    let path = match &settings.engine.digest_key_file {
        Some(path) => path,
        None if !own.exists() => return Ok(DigestKey::None(own.display().to_string())),
        None => &own,
    };
    engine::digest_key(path).map(|_| DigestKey::There(file(path))).map_err(message)
}

fn file(path: &Path) -> File {
    File { path: path.display().to_string(), mode: mode(path) }
}

fn mode(path: &Path) -> Option<u32> {
    fs::metadata(path).ok().map(|meta| meta.permissions().mode() & 0o777)
}

fn directory(path: &Path) -> Directory {
    // If the directory does not exist yet, it will be created in its nearest existing ancestor.
    let above = path.ancestors().find(|dir| dir.exists()).unwrap_or(path);
    let write = match above.is_dir() {
        true => tempfile::tempfile_in(above).map(drop),
        false => Err(io::Error::from(io::ErrorKind::NotADirectory)),
    };
    Directory { path: path.display().to_string(), mode: mode(path), write: write.map_err(message) }
}
