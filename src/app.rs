//! `App`: the checked settings and the opened adapters, built once and passed on as `&App`.
//!
//! Nothing is decided here.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use uuid::Uuid;

use planwright_core::{actor::AppId, job::Role, public_url::PublicUrl};
use planwright_engine as engine;
use planwright_engine::{Engine, Secrets};
use planwright_git::Git;
use planwright_github as github;
use planwright_github::{Client, GitHub};
use planwright_model as model;
use planwright_model::Model;
use planwright_store::Store;

use crate::{
    metrics::Metrics,
    settings::{self, Retention, Variables},
};

/// Returns the current time; tests supply their own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Suffixes of the names of variables whose values are public; all others are secrets.
const PUBLIC: &[&str] = &["_ENDPOINT_URL", "_PROFILE", "_PROJECT", "_REGION", "_ZONE"];

/// Names of files that are created in the data directory unless a setting names another place.
pub const DATABASE: &str = "planwright.db";
pub const DIGEST_KEY: &str = "digest.key";

/// Everything through which jobs read and write.
pub struct App {
    /// The unique name under which this process takes jobs and sends requests.
    pub process: String,
    pub roles: Vec<Role>,
    pub workers: usize,
    /// The directory of mirrors, work directories and local states.
    pub data: PathBuf,
    pub store: Store,
    pub github: GitHub,
    pub git: Git,
    pub engine: Engine,
    /// The variables that the engine gets for a plan, and for an apply.
    pub plan_env: Environment,
    pub apply_env: Environment,
    /// The secrets accepted in webhook signatures; two during a rotation.
    pub webhook_secrets: Vec<SecretString>,
    /// The address of the pages of runs; `None` if there are no pages.
    pub public_url: Option<PublicUrl>,
    /// The OAuth client with which people sign in there; `None` without the role `web`.
    pub client: Option<Client>,
    /// The model that reads free text; `None` if none is configured.
    pub model: Option<Model>,
    /// Every secret of this process; none may ever be logged or shown.
    pub secrets: Secrets,
    pub metrics: Metrics,
    /// How long finished data is kept.
    pub retention: Retention,
    pub clock: Clock,
}

/// The variables for the children of a role, and those of their values that are secret.
#[derive(Default)]
pub struct Environment {
    pub variables: BTreeMap<String, OsString>,
    pub secrets: Secrets,
}

impl App {
    /// Opens everything that `settings` name. Errors say which setting to fix.
    pub async fn open(settings: &settings::Serve, clock: Clock) -> Result<Self> {
        check(settings)?;
        let data = private_dir(&settings.storage.data)?;
        let store = Store::connect(&database_url(&settings.storage, &data)).await?;
        let private_key = private_key(&settings.github)?;
        let github = github(&settings.github)?.with_clock(clock.clone());
        let roles = settings.process.roles.clone();
        let key = model_key(&settings.model, &roles)?;
        let ours = &settings.engine.variables;
        let plan_env = Environment::from_names(&settings.engine.plan_env, ours, "--plan-env")?;
        let apply_env = Environment::from_names(&settings.engine.apply_env, ours, "--apply-env")?;
        let webhook_secrets = webhook_secrets(&settings.github)?;
        let (public_url, client) = pages(settings)?.unzip();
        let client = client.flatten();
        let own = [Some(&private_key), key.as_ref(), client.as_ref().map(|client| &client.secret)];
        let own =
            own.into_iter().flatten().chain(&webhook_secrets).map(ExposeSecret::expose_secret);
        let secrets = Secrets::new(own.chain(plan_env.values()).chain(apply_env.values()));
        Ok(Self {
            model: model(&settings.model, key)?,
            secrets,
            process: Uuid::now_v7().to_string(),
            workers: settings.process.workers,
            store,
            github,
            git: Git::new(data.join("mirrors")).context("opening the mirrors")?,
            engine: Engine::new(engine::Settings {
                work: private_dir(&data.join("work"))?,
                ..engine_settings(&settings.engine, &data, digest_key(&settings.engine, &data)?)
            }),
            plan_env,
            apply_env,
            webhook_secrets,
            public_url,
            client,
            roles,
            data,
            metrics: Metrics::default(),
            retention: settings.storage.retention,
            clock,
        })
    }

    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Returns whether all roles run in this process, so that they can share files on this machine.
    pub fn has_all_roles(&self) -> bool {
        [Role::Web, Role::Plan, Role::Apply].iter().all(|role| self.roles.contains(role))
    }
}

impl Environment {
    /// Reads each `NAME`, or `NAME=OURS` for another name here, from the variables of this process.
    fn from_names(names: &[String], own: &Variables, flag: &str) -> Result<Self> {
        let mut variables = BTreeMap::new();
        for name in names.iter().filter(|name| !name.is_empty()) {
            let (theirs, ours) = name.split_once('=').unwrap_or((name, name));
            let Some(value) = own.0.get(OsStr::new(ours)) else {
                bail!("{flag} names the variable `{ours}`, which is not set");
            };
            variables.insert(theirs.to_owned(), value.clone());
        }
        Ok(Self { secrets: Secrets::new(secret_values(&variables)), variables })
    }

    /// Returns the values that are secret.
    fn values(&self) -> impl Iterator<Item = &str> {
        secret_values(&self.variables)
    }
}

fn secret_values(variables: &BTreeMap<String, OsString>) -> impl Iterator<Item = &str> {
    let is_secret = |name: &str| !PUBLIC.iter().any(|end| name.ends_with(end));
    let secret = variables.iter().filter(move |(name, _)| is_secret(name));
    secret.filter_map(|(_, value)| value.to_str())
}

/// Reads the key of the model, only in a process with the role that uses it.
fn model_key(settings: &settings::Model, roles: &[Role]) -> Result<Option<SecretString>> {
    let Some(file) = settings.model_key_file.as_ref().filter(|_| roles.contains(&Role::Agent))
    else {
        return Ok(None);
    };
    let key = secret("model-key", &Some(file.clone()), &None)?;
    let key = key.expose_secret().trim();
    ensure!(!key.is_empty(), "{} of --model-key-file is empty", file.display());
    Ok(Some(key.into()))
}

fn model(settings: &settings::Model, key: Option<SecretString>) -> Result<Option<Model>> {
    let (Some(url), Some(name)) = (&settings.model_url, &settings.model) else { return Ok(None) };
    ensure!(
        settings.model_timeout > 0,
        "--model-timeout is 0, so no answer would ever be read; give seconds"
    );
    let prices = settings.model_prices.as_deref().map(str::parse).transpose();
    let feature = |feature: &settings::ModelFeature| match feature {
        settings::ModelFeature::Strict => model::Feature::Strict,
        settings::ModelFeature::ParallelToolCalls => model::Feature::ParallelToolCalls,
        settings::ModelFeature::RequiredToolChoice => model::Feature::RequiredToolChoice,
        settings::ModelFeature::MaxCompletionTokens => model::Feature::MaxCompletionTokens,
    };
    let model = Model::new(model::Settings {
        wire: settings.model_wire,
        url: url.clone(),
        name: name.clone(),
        key,
        features: settings.model_features.iter().map(feature).collect(),
        prices: prices.map_err(|why: model::NotPrices| anyhow::anyhow!("--model-prices: {why}"))?,
        timeout: Duration::from_secs(settings.model_timeout),
    })?;
    Ok(Some(model))
}

/// Fails for settings with which nothing would ever be done.
pub fn check(settings: &settings::Serve) -> Result<()> {
    let settings::Serve { process, engine, .. } = settings;
    ensure!(
        !process.roles.is_empty(),
        "--roles names no role; give `web`, `plan`, `apply`, `agent` or several"
    );
    ensure!(process.workers > 0, "--workers is 0, so no job would ever run; give at least 1");
    for (flag, what, seconds) in [
        ("--plan-timeout", "plan", engine.plan_timeout),
        ("--apply-timeout", "apply", engine.apply_timeout),
    ] {
        ensure!(seconds > 0, "{flag} is 0, so every {what} would be ended at once; give seconds");
    }
    Ok(())
}

/// Returns the URL of the database, by default a file in the data directory.
pub fn database_url(settings: &settings::Storage, data: &Path) -> String {
    let own = || format!("sqlite:{}", data.join(DATABASE).display());
    settings.database_url.clone().unwrap_or_else(own)
}

/// Returns the GitHub client of the App; makes no request.
pub fn github(settings: &settings::GitHub) -> Result<GitHub> {
    Ok(GitHub::new(&github::Settings {
        api_url: settings.github_url.clone(),
        app_id: AppId(settings.app_id),
        private_key: private_key(settings)?,
    })?)
}

fn private_key(settings: &settings::GitHub) -> Result<SecretString> {
    secret("private-key", &settings.private_key_file, &settings.private_key)
}

/// Returns the secrets that webhooks are signed with: one, or two during a rotation.
pub fn webhook_secrets(settings: &settings::GitHub) -> Result<Vec<SecretString>> {
    let (file, text) = (&settings.webhook_secret_file, &settings.webhook_secret);
    let text = secret("webhook-secret", file, text)?;
    let lines = text.expose_secret().lines().map(str::trim).filter(|line| !line.is_empty());
    let secrets: Vec<SecretString> = lines.map(Into::into).collect();
    ensure!(
        (1..=2).contains(&secrets.len()),
        "the webhook secret has {} lines; it needs one, or two during a rotation, each a secret",
        secrets.len()
    );
    Ok(secrets)
}

/// Returns the address of the pages of runs and, for the role `web`, the OAuth client for signing
/// in. Returns `None` without `--public-url`. Fails if the settings are incomplete.
pub fn pages(settings: &settings::Serve) -> Result<Option<(PublicUrl, Option<Client>)>> {
    let github = &settings.github;
    let has_secret = github.client_secret_file.is_some() || github.client_secret.is_some();
    let Some(url) = &settings.process.public_url else { return Ok(None) };
    let url = PublicUrl::parse(url).map_err(|why| anyhow!("--public-url {why}"))?;
    ensure!(
        url.is_protected(),
        "--public-url {url}: plans would be shown without encryption; put a proxy with TLS before \
         the bot and give its https address, or leave the setting out and there are no pages"
    );
    if !settings.process.roles.contains(&Role::Web) {
        return Ok(Some((url, None)));
    }
    let missing = match (&github.client_id, has_secret) {
        (None, false) => "--client-id and --client-secret-file",
        (None, true) => "--client-id",
        (Some(_), false) => "--client-secret-file",
        (Some(id), true) => {
            let (file, text) = (&github.client_secret_file, &github.client_secret);
            let secret = secret("client-secret", file, text)?.expose_secret().trim().to_owned();
            ensure!(!secret.is_empty(), "the client secret is empty");
            return Ok(Some((url, Some(Client { id: id.clone(), secret: secret.into() }))));
        }
    };
    bail!(
        "--public-url is given, but people cannot sign in to the pages there without {missing}: the \
         App's settings page has its client ID and makes client secrets"
    )
}

/// Returns a secret that is given directly or as a file; `name` is the name of its setting.
fn secret(name: &str, file: &Option<PathBuf>, text: &Option<SecretString>) -> Result<SecretString> {
    let variable = format!("PLANWRIGHT_{}", name.to_uppercase().replace('-', "_"));
    match (file, text) {
        (Some(file), None) => {
            let text = fs::read_to_string(file);
            let what = || format!("reading {} of --{name}-file", file.display());
            Ok(text.with_context(what)?.into())
        }
        (None, Some(text)) => Ok(text.clone()),
        (None, None) => bail!(
            "there is no `{name}`: give --{name}-file FILE, {variable}, or `{name}` in the file of \
             --config; `planwright setup` makes one that has it"
        ),
        (Some(file), Some(_)) => bail!(
            "both {} of --{name}-file and `{name}` itself are given, so nobody knows which one \
             counts; leave one out",
            file.display()
        ),
    }
}

/// Returns the settings of the engine adapter, with its work directories below `data`.
pub fn engine_settings(
    settings: &settings::Engine,
    data: &Path,
    key: SecretSlice<u8>,
) -> engine::Settings {
    let variable = |name: &str| settings.variables.0.get(OsStr::new(name)).cloned();
    let limits = engine::Limits {
        plan: Duration::from_secs(settings.plan_timeout),
        apply: Duration::from_secs(settings.apply_timeout),
        ..engine::Limits::default()
    };
    engine::Settings {
        binary: settings.engine.clone(),
        path: variable("PATH").unwrap_or_default(),
        home: None,
        cli_config: variable("TF_CLI_CONFIG_FILE").map(PathBuf::from),
        plugin_cache: Some(
            settings.provider_cache.clone().unwrap_or_else(|| data.join("providers")),
        ),
        work: data.join("work"),
        tmp: std::env::temp_dir(),
        environment: BTreeMap::new(),
        key,
        limits,
        concurrency: None,
        warm: warm(settings),
    }
}

fn warm(settings: &settings::Engine) -> engine::WarmSettings {
    let providers = match settings.warm {
        settings::Warm::Auto => settings.warm_providers.iter().cloned().collect(),
        settings::Warm::Off => Default::default(),
    };
    let memory = settings.warm_memory << 20;
    engine::WarmSettings {
        providers,
        bounds: engine::WarmBounds { memory, ..engine::WarmBounds::default() },
    }
}

fn digest_key(settings: &settings::Engine, data: &Path) -> Result<SecretSlice<u8>> {
    match &settings.digest_key_file {
        Some(file) => engine::digest_key(file).context("--digest-key-file"),
        None => Ok(engine::ensure_digest_key(&data.join(DIGEST_KEY))?),
    }
}

/// Creates a directory that only this user can read; returns its absolute path.
fn private_dir(dir: &Path) -> Result<PathBuf> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .and_then(|()| fs::canonicalize(dir))
        .with_context(|| format!("making the directory {}", dir.display()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        engine: settings::Engine,
    }

    #[test]
    fn providers_are_kept_as_the_settings_say() {
        for (args, kept) in [
            ("", "hashicorp/aws"),
            ("--warm-providers=a/b,c/d", "a/b c/d"),
            ("--warm-providers=a/b --warm=off", ""),
            ("--warm=off", ""),
        ] {
            let line = Line::parse_from([""].into_iter().chain(args.split_whitespace()));
            let providers: Vec<String> = warm(&line.engine).providers.into_iter().collect();
            assert_eq!(providers.join(" "), kept, "{args}");
        }
    }
}
