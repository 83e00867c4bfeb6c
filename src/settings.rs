//! The settings of the process as they are given: one struct per concern, read once at start-up.
//!
//! Each can be given as a flag, as the environment variable that its help names, or in the file of
//! `--config` under the name of its flag; the first of these wins. Secrets have no flag, since
//! other users of the machine can read arguments. `app` turns the settings into what they name (a
//! parsed key, an opened directory); nothing here does IO.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    ffi::OsString,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use clap::{
    Args, ValueEnum,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use jiff::SignedDuration;
use secrecy::SecretString;

use planwright_core::job::Role;

/// The settings that only a variable or the file may give.
pub const SECRETS: [&str; 3] = ["private-key", "webhook-secret", "client-secret"];

/// Returns the parser for a role, which is a type of `planwright_core`.
fn role() -> impl TypedValueParser<Value = Role> {
    let known = Role::ALL.map(|role| PossibleValue::new(role.as_str()).help(role.about()));
    PossibleValuesParser::new(known).try_map(|word| word.parse::<Role>())
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Process")]
pub struct Process {
    /// What this process does
    #[arg(
        long,
        env = "PLANWRIGHT_ROLES",
        value_parser = role(),
        value_delimiter = ',',
        default_value = "web,plan,apply,agent"
    )]
    pub roles: Vec<Role>,
    /// Address of the web server
    #[arg(long, env = "PLANWRIGHT_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where browsers reach the web server, such as `https://planwright.example.com`; without it
    /// there are no pages of runs
    #[arg(long, env = "PLANWRIGHT_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// Address where `/metrics` is served besides, for Prometheus to reach processes without the role
    /// `web`
    #[arg(long, env = "PLANWRIGHT_METRICS_LISTEN")]
    pub metrics_listen: Option<SocketAddr>,
    /// How many jobs run at a time
    #[arg(long, env = "PLANWRIGHT_WORKERS", default_value_t = 4)]
    pub workers: usize,
}

impl Default for Process {
    fn default() -> Self {
        Self {
            roles: Role::ALL.to_vec(),
            listen: (Ipv4Addr::LOCALHOST, 8080).into(),
            public_url: None,
            metrics_listen: None,
            workers: 4,
        }
    }
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Storage")]
pub struct Storage {
    /// Directory of mirrors, work directories and, by default, the database and local states
    #[arg(long, env = "PLANWRIGHT_DATA", default_value = "planwright-data")]
    pub data: PathBuf,
    /// `sqlite:PATH` or `postgres://…`; a SQLite file in the data directory if not given
    // Help shows the values of variables, and this one may hold a password.
    #[arg(long, env = "PLANWRIGHT_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// For how long bodies of deliveries, ended jobs, logs of runs and sent requests are kept
    #[arg(long, env = "PLANWRIGHT_RETENTION", default_value = "90d")]
    pub retention: Retention,
}

impl Default for Storage {
    fn default() -> Self {
        Self { data: "planwright-data".into(), database_url: None, retention: Retention::default() }
    }
}

/// A whole number of days, written as `90d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    days: u32,
}

impl Retention {
    /// GitHub allows redeliveries for three days, and people look at logs of the last week.
    const LEAST: u32 = 7;
    const MOST: u32 = 36_500;

    pub(crate) fn duration(self) -> SignedDuration {
        SignedDuration::from_hours(24 * i64::from(self.days))
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { days: 90 }
    }
}

impl FromStr for Retention {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
        match days.filter(|days| (Self::LEAST..=Self::MOST).contains(days)) {
            Some(days) => Ok(Self { days }),
            None => Err(format!(
                "give days, from `{}d` to `{}d`, such as `90d`",
                Self::LEAST,
                Self::MOST
            )),
        }
    }
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "GitHub App")]
pub struct GitHub {
    /// API of GitHub; `https://HOST/api/v3` for GitHub Enterprise Server
    #[arg(long, env = "PLANWRIGHT_GITHUB_URL", default_value = "https://api.github.com")]
    pub github_url: String,
    /// Numeric id of the App
    #[arg(long, env = "PLANWRIGHT_APP_ID")]
    pub app_id: i64,
    /// File with the App's private key (PEM)
    #[arg(long, env = "PLANWRIGHT_PRIVATE_KEY_FILE")]
    pub private_key_file: Option<PathBuf>,
    /// The private key itself, where it is not in a file of its own
    #[arg(long, env = "PLANWRIGHT_PRIVATE_KEY", hide = true, value_parser = secret)]
    pub private_key: Option<SecretString>,
    /// File with the webhook secret; a second line is accepted too, during a rotation
    #[arg(long, env = "PLANWRIGHT_WEBHOOK_SECRET_FILE")]
    pub webhook_secret_file: Option<PathBuf>,
    /// The webhook secret itself, where it is not in a file of its own
    #[arg(long, env = "PLANWRIGHT_WEBHOOK_SECRET", hide = true, value_parser = secret)]
    pub webhook_secret: Option<SecretString>,
    /// Client ID of the App, by which people sign in to the pages of runs
    #[arg(long, env = "PLANWRIGHT_CLIENT_ID")]
    pub client_id: Option<String>,
    /// File with a client secret of the App, read by the role `web` only
    #[arg(long, env = "PLANWRIGHT_CLIENT_SECRET_FILE")]
    pub client_secret_file: Option<PathBuf>,
    /// The client secret itself, where it is not in a file of its own
    #[arg(long, env = "PLANWRIGHT_CLIENT_SECRET", hide = true, value_parser = secret)]
    pub client_secret: Option<SecretString>,
}

fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(text.into())
}

/// Whether providers are kept between plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Warm {
    /// Those of `--warm-providers`
    Auto,
    /// None: the engine starts each provider for each plan
    Off,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Engine")]
pub struct Engine {
    /// `tofu`, `terraform` or a path; the first of the two on the path if not given
    #[arg(long, env = "PLANWRIGHT_ENGINE")]
    pub engine: Option<PathBuf>,
    /// Shared cache of provider binaries; `<data>/providers` if not given
    #[arg(long, env = "PLANWRIGHT_PROVIDER_CACHE")]
    pub provider_cache: Option<PathBuf>,
    /// Variables of this process that a plan's engine gets: `NAME`, or `NAME=OURS` to rename
    #[arg(long, env = "PLANWRIGHT_PLAN_ENV", value_delimiter = ',')]
    pub plan_env: Vec<String>,
    /// Variables of this process that an apply's engine gets: `NAME`, or `NAME=OURS` to rename
    #[arg(long, env = "PLANWRIGHT_APPLY_ENV", value_delimiter = ',')]
    pub apply_env: Vec<String>,
    /// Seconds after which a plan is ended
    #[arg(long, env = "PLANWRIGHT_PLAN_TIMEOUT", default_value_t = 15 * 60)]
    pub plan_timeout: u64,
    /// Seconds after which an apply is ended
    #[arg(long, env = "PLANWRIGHT_APPLY_TIMEOUT", default_value_t = 2 * 60 * 60)]
    pub apply_timeout: u64,
    /// Whether providers are kept between plans, which makes plans much faster
    #[arg(long, env = "PLANWRIGHT_WARM", value_enum, default_value = "auto")]
    pub warm: Warm,
    /// Providers that may be kept, of which it was tested that plans are the same
    #[arg(
        long,
        env = "PLANWRIGHT_WARM_PROVIDERS",
        value_delimiter = ',',
        default_value = "hashicorp/aws"
    )]
    pub warm_providers: Vec<String>,
    /// Megabytes of memory that the kept providers may have together
    #[arg(long, env = "PLANWRIGHT_WARM_MEMORY", default_value_t = 2048)]
    pub warm_memory: u64,
    /// File with the key under which sensitive values enter digests; the same for all roles.
    /// Made in the data directory if not given
    #[arg(long, env = "PLANWRIGHT_DIGEST_KEY_FILE")]
    pub digest_key_file: Option<PathBuf>,
    /// Where those variables are, `PATH` and `TF_CLI_CONFIG_FILE`
    #[arg(skip = Variables::of_process())]
    pub variables: Variables,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            engine: None,
            provider_cache: None,
            plan_env: Vec::new(),
            apply_env: Vec::new(),
            plan_timeout: 15 * 60,
            apply_timeout: 2 * 60 * 60,
            warm: Warm::Auto,
            warm_providers: vec!["hashicorp/aws".into()],
            warm_memory: 2048,
            digest_key_file: None,
            variables: Variables::of_process(),
        }
    }
}

/// The environment of this process, read with the other settings; tests supply their own.
#[derive(Clone)]
pub struct Variables(pub BTreeMap<OsString, OsString>);

impl Variables {
    #[expect(clippy::disallowed_methods, reason = "the rim")]
    pub fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }
}

/// Shows only names, because values may be credentials.
impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The settings of the bot, and the file that some of them stand in.
#[derive(Clone, Debug, Args)]
pub struct Configured {
    /// YAML file with settings, each under the name of its flag
    #[arg(long, env = "PLANWRIGHT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub settings: Serve,
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Model")]
pub struct Model {
    /// The API that the server speaks; it becomes a flag with the second one.
    #[arg(skip)]
    pub model_wire: planwright_model::Wire,
    /// Base of a Chat Completions API, such as `https://api.openai.com/v1` or
    /// `http://127.0.0.1:11434/v1`; without it no free text is read
    #[arg(long, env = "PLANWRIGHT_MODEL_URL", requires = "model")]
    pub model_url: Option<String>,
    /// Name of the model, as its server knows it
    #[arg(long, env = "PLANWRIGHT_MODEL", requires = "model_url")]
    pub model: Option<String>,
    /// File with the key of the model's server, read by the role `agent` only
    #[arg(long, env = "PLANWRIGHT_MODEL_KEY_FILE", requires = "model_url")]
    pub model_key_file: Option<PathBuf>,
    /// What the server understands beyond the least that all do
    #[arg(long, env = "PLANWRIGHT_MODEL_FEATURES", value_enum, value_delimiter = ',')]
    pub model_features: Vec<ModelFeature>,
    /// Dollars per million tokens read and written, as `3,15`; without it only tokens are limited
    #[arg(long, env = "PLANWRIGHT_MODEL_PRICES")]
    pub model_prices: Option<String>,
    /// Seconds that one answer may take
    #[arg(long, env = "PLANWRIGHT_MODEL_TIMEOUT", default_value_t = 120)]
    pub model_timeout: u64,
}

/// A field of requests that not all servers know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum ModelFeature {
    /// `strict` in the schemas of tools
    Strict,
    /// `parallel_tool_calls`, set to false
    ParallelToolCalls,
    /// `tool_choice`, set to `required`
    RequiredToolChoice,
    /// `max_completion_tokens` in the place of `max_tokens`
    MaxCompletionTokens,
}

/// All that `planwright serve` is told.
#[derive(Clone, Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    pub process: Process,
    #[command(flatten)]
    pub storage: Storage,
    #[command(flatten)]
    pub github: GitHub,
    #[command(flatten)]
    pub engine: Engine,
    #[command(flatten)]
    pub model: Model,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retention_is_a_number_of_days_that_github_cannot_outlast() {
        let days = |text: &str| text.parse::<Retention>().map(|retention| retention.days);
        assert_eq!((days("90d"), days("7d")), (Ok(90), Ok(7)));
        for text in ["6d", "0d", "90", "12h", "-1d", "36501d", "99999999999d", "d", ""] {
            assert!(days(text).is_err(), "{text}");
        }
    }
}
