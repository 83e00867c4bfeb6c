//! `App`: the settings believed and the adapters opened, built once and lent as `&App`.
//!
//! Nothing is decided here; a flow gets from it what it reads the world with.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::{
    domain::actor::AppId,
    engine::{self, Engine, Secrets},
    git::Git,
    github::{self, GitHub},
    model::{self, Model},
    settings::{self, Role, Variables},
    store::Store,
};

/// Now, by the clock of this process; a test brings its own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How the names of variables end whose values may be read by anyone; all others are secrets.
const PUBLIC: &[&str] = &["_ENDPOINT_URL", "_PROFILE", "_PROJECT", "_REGION", "_ZONE"];

/// Everything that a flow reads and writes the world with.
pub struct App {
    /// The name under which this process takes jobs and sends requests; no other has it.
    pub process: String,
    pub roles: Vec<Role>,
    pub workers: usize,
    /// Where mirrors, work directories and local states are.
    pub data: PathBuf,
    pub store: Store,
    pub github: GitHub,
    pub git: Git,
    pub engine: Engine,
    /// What the engine of a plan, and of an apply, gets from our environment.
    pub plan_env: Environment,
    pub apply_env: Environment,
    /// Accepted in webhook signatures; two during a rotation.
    pub webhook_secrets: Vec<SecretString>,
    /// Reads free text; none where no model is set up.
    pub model: Option<Model>,
    /// Every secret of this process, none of which may ever be written anywhere.
    pub secrets: Secrets,
    pub clock: Clock,
}

/// The variables of a role's children, and their values as secrets to be scrubbed.
#[derive(Default)]
pub struct Environment {
    pub variables: BTreeMap<String, OsString>,
    pub secrets: Secrets,
}

impl App {
    /// Opens everything that `settings` name; errors say which setting to mend.
    pub async fn open(settings: &settings::Serve, clock: Clock) -> Result<Self> {
        check(settings)?;
        let data = private_dir(&settings.storage.data)?;
        let default_url = || format!("sqlite:{}", data.join("planwright.db").display());
        let url = settings.storage.database_url.clone().unwrap_or_else(default_url);
        let store = Store::connect(&url).await?;
        let private_key = read_secret(&settings.github.private_key_file, "--private-key-file")?;
        let github = GitHub::new(&github::Settings {
            api_url: settings.github.github_url.clone(),
            app_id: AppId(settings.github.app_id),
            private_key: private_key.clone().into(),
        })?
        .with_clock(clock.clone());
        let roles = settings.process.roles.clone();
        let key = model_key(&settings.model, &roles)?;
        let ours = &settings.engine.variables;
        let plan_env = Environment::of(&settings.engine.plan_env, (ours, "--plan-env"))?;
        let apply_env = Environment::of(&settings.engine.apply_env, (ours, "--apply-env"))?;
        let webhook_secrets = webhook_secrets(&settings.github.webhook_secret_file)?;
        let own = [Some(private_key.as_str()), key.as_ref().map(ExposeSecret::expose_secret)];
        let own = own
            .into_iter()
            .flatten()
            .chain(webhook_secrets.iter().map(ExposeSecret::expose_secret));
        let secrets = Secrets::new(own.chain(plan_env.values()).chain(apply_env.values()));
        Ok(Self {
            model: model(&settings.model, key)?,
            secrets,
            process: Uuid::now_v7().to_string(),
            workers: settings.process.workers,
            store,
            github,
            git: Git::new(data.join("mirrors")).context("opening the mirrors")?,
            engine: Engine::new(engine_settings(&settings.engine, &data)?),
            plan_env,
            apply_env,
            webhook_secrets,
            roles,
            data,
            clock,
        })
    }

    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Whether all roles run in this process, so that a file on this machine is seen by all.
    pub fn has_all_roles(&self) -> bool {
        [Role::Web, Role::Plan, Role::Apply].iter().all(|role| self.roles.contains(role))
    }
}

impl Environment {
    /// Takes `NAME` or `NAME=OURS` from our own variables.
    fn of(names: &[String], (own, flag): (&Variables, &str)) -> Result<Self> {
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

    /// The values that are secrets.
    fn values(&self) -> impl Iterator<Item = &str> {
        secret_values(&self.variables)
    }
}

fn secret_values(variables: &BTreeMap<String, OsString>) -> impl Iterator<Item = &str> {
    let is_secret = |name: &str| !PUBLIC.iter().any(|end| name.ends_with(end));
    let secret = variables.iter().filter(move |(name, _)| is_secret(name));
    secret.filter_map(|(_, value)| value.to_str())
}

/// Only the role that asks the model reads its key.
fn model_key(settings: &settings::Model, roles: &[Role]) -> Result<Option<SecretString>> {
    let Some(file) = settings.model_key_file.as_ref().filter(|_| roles.contains(&Role::Agent))
    else {
        return Ok(None);
    };
    let key = read_secret(file, "--model-key-file")?;
    let key = key.trim();
    ensure!(!key.is_empty(), "{} of --model-key-file is empty", file.display());
    Ok(Some(key.into()))
}

fn model(settings: &settings::Model, key: Option<SecretString>) -> Result<Option<Model>> {
    let (Some(url), Some(name)) = (&settings.model_url, &settings.model) else { return Ok(None) };
    ensure!(
        settings.model_timeout > 0,
        "--model-timeout is 0, so no answer would ever be read; give seconds"
    );
    let prices = settings.model_prices.as_deref().map(model::prices).transpose();
    let feature = |feature: &settings::ModelFeature| match feature {
        settings::ModelFeature::Strict => model::Feature::Strict,
        settings::ModelFeature::ParallelToolCalls => model::Feature::ParallelToolCalls,
        settings::ModelFeature::RequiredToolChoice => model::Feature::RequiredToolChoice,
        settings::ModelFeature::MaxCompletionTokens => model::Feature::MaxCompletionTokens,
    };
    let model = Model::new(model::Settings {
        url: url.clone(),
        name: name.clone(),
        key,
        features: settings.model_features.iter().map(feature).collect(),
        prices: prices.map_err(|why| anyhow::anyhow!("--model-prices: {why}"))?,
        timeout: Duration::from_secs(settings.model_timeout),
    })?;
    Ok(Some(model))
}

/// Settings under which nothing would ever be done.
fn check(settings: &settings::Serve) -> Result<()> {
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

fn engine_settings(settings: &settings::Engine, data: &Path) -> Result<engine::Settings> {
    let variable = |name: &str| settings.variables.0.get(OsStr::new(name)).cloned();
    let limits = engine::Limits {
        plan: Duration::from_secs(settings.plan_timeout),
        apply: Duration::from_secs(settings.apply_timeout),
        ..engine::Limits::default()
    };
    let key = match &settings.digest_key_file {
        Some(file) => engine::digest_key(file).context("--digest-key-file")?,
        None => engine::own_digest_key(&data.join("digest.key"))?,
    };
    Ok(engine::Settings {
        binary: settings.engine.clone(),
        path: variable("PATH").unwrap_or_default(),
        home: None,
        cli_config: variable("TF_CLI_CONFIG_FILE").map(PathBuf::from),
        plugin_cache: Some(
            settings.provider_cache.clone().unwrap_or_else(|| data.join("providers")),
        ),
        work: private_dir(&data.join("work"))?,
        tmp: std::env::temp_dir(),
        environment: BTreeMap::new(),
        key,
        limits,
        concurrency: None,
    })
}

fn webhook_secrets(file: &Path) -> Result<Vec<SecretString>> {
    let text = read_secret(file, "--webhook-secret-file")?;
    let secrets: Vec<SecretString> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Into::into).collect();
    ensure!(
        (1..=2).contains(&secrets.len()),
        "{} has {} webhook secrets; it needs one, or two during a rotation, each on a line",
        file.display(),
        secrets.len()
    );
    Ok(secrets)
}

fn read_secret(file: &Path, flag: &str) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("reading {} of {flag}", file.display()))
}

/// Makes a directory that only we can read, and returns its absolute path.
fn private_dir(dir: &Path) -> Result<PathBuf> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .and_then(|()| fs::canonicalize(dir))
        .with_context(|| format!("making the directory {}", dir.display()))
}
