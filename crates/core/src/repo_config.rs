//! The settings of a repository, from `planwright.yaml`.
//!
//! Only the values: `package::repository` reads the file and reports what is wrong with it. For a
//! pull request, the file of the base commit is read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    agent::{budget::Amount, scope::Scope},
    issue::LABEL,
};

/// The name of the file, at the root of the repository.
pub const FILE: &str = "planwright.yaml";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepoConfig {
    /// Names of built-in packages, and folders of the repository such as `packages/*`.
    pub packages: Vec<String>,
    pub backend: Backend,
    pub approvals: Approvals,
    pub engine: EngineRule,
    #[serde(default)]
    pub agent: AgentRules,
}

/// Where the engine keeps its states. `config` is passed to `init` and never written into a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backend {
    #[serde(rename = "type")]
    pub kind: String,
    pub config: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approvals {
    /// The number of people who have to approve a change.
    pub required: u32,
    /// Whether principals may approve their own change.
    #[serde(rename = "self")]
    pub own: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineRule {
    /// The allowed versions of the engine, in addition to the range of the package.
    pub version: String,
    #[serde(default)]
    pub warm: Warm,
    /// Those of the providers kept by the bot that may be kept for this repository; `None` for all.
    #[serde(default)]
    pub warm_providers: Option<Vec<String>>,
}

/// Whether providers are kept running between plans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Warm {
    #[default]
    Auto,
    Off,
}

impl EngineRule {
    /// Returns the rule with this range of versions, and defaults for everything else.
    pub fn new(version: &str) -> Self {
        Self { version: version.into(), warm: Warm::default(), warm_providers: None }
    }

    /// Returns whether the provider may be kept for this repository, if the bot keeps it at all.
    pub fn keeps(&self, source: &str) -> bool {
        let named = self.warm_providers.as_ref();
        self.warm == Warm::Auto && named.is_none_or(|named| named.iter().any(|it| it == source))
    }
}

/// Which issues are requests, and what runs of the agent may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentRules {
    /// The label that makes an issue a request, with a form or for the agent.
    pub label: String,
    /// The stacks that a run may change.
    pub stacks: Scope,
    pub limits: AgentLimits,
}

impl Default for AgentRules {
    fn default() -> Self {
        Self { label: LABEL.into(), stacks: Scope::default(), limits: AgentLimits::default() }
    }
}

/// Limits of a run of the agent that are lower than the server's. Higher ones have no effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentLimits {
    pub model_calls: Option<u64>,
    pub tool_calls: Option<u64>,
    pub plans: Option<u64>,
    pub questions: Option<u64>,
    pub input_tokens: Option<u64>,
    pub output_tokens: Option<u64>,
    pub cents: Option<u64>,
}

impl AgentLimits {
    /// Returns the limits that are set, as text.
    fn text(&self) -> String {
        let all = [
            ("model_calls", self.model_calls),
            ("tool_calls", self.tool_calls),
            ("plans", self.plans),
            ("questions", self.questions),
            ("input_tokens", self.input_tokens),
            ("output_tokens", self.output_tokens),
            ("cents", self.cents),
        ];
        let set = all.iter().filter_map(|(name, value)| Some(format!("{name}={}", (*value)?)));
        set.collect::<Vec<_>>().join(", ")
    }

    pub fn amount(&self) -> Amount {
        let none = u64::MAX;
        Amount {
            model_calls: self.model_calls.unwrap_or(none),
            tool_calls: self.tool_calls.unwrap_or(none),
            plans: self.plans.unwrap_or(none),
            questions: self.questions.unwrap_or(none),
            input_tokens: self.input_tokens.unwrap_or(none),
            output_tokens: self.output_tokens.unwrap_or(none),
            microdollars: self.cents.map_or(none, |cents| cents.saturating_mul(10_000)),
        }
    }
}

/// One setting in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Setting {
    Packages,
    BackendType,
    BackendConfig,
    ApprovalsRequired,
    ApprovalsSelf,
    EngineVersion,
    EngineWarm,
    EngineWarmProviders,
    AgentLabel,
    AgentStacks,
    AgentLimits,
}

/// A setting whose value changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingChange {
    pub setting: Setting,
    /// `None` if there were no valid settings before.
    pub before: Option<String>,
    pub after: String,
}

impl Setting {
    pub const ALL: [Self; 11] = [
        Self::ApprovalsRequired,
        Self::ApprovalsSelf,
        Self::Packages,
        Self::BackendType,
        Self::BackendConfig,
        Self::EngineVersion,
        Self::EngineWarm,
        Self::EngineWarmProviders,
        Self::AgentLabel,
        Self::AgentStacks,
        Self::AgentLimits,
    ];

    /// Returns the path of the setting in the file, with dots between levels.
    pub fn path(self) -> &'static str {
        match self {
            Self::Packages => "packages",
            Self::BackendType => "backend.type",
            Self::BackendConfig => "backend.config",
            Self::ApprovalsRequired => "approvals.required",
            Self::ApprovalsSelf => "approvals.self",
            Self::EngineVersion => "engine.version",
            Self::EngineWarm => "engine.warm",
            Self::EngineWarmProviders => "engine.warm_providers",
            Self::AgentLabel => "agent.label",
            Self::AgentStacks => "agent.stacks",
            Self::AgentLimits => "agent.limits",
        }
    }

    fn value(self, config: &RepoConfig) -> String {
        match self {
            Self::Packages => config.packages.join(", "),
            Self::BackendType => config.backend.kind.clone(),
            Self::BackendConfig => {
                let pairs =
                    config.backend.config.iter().map(|(key, value)| format!("{key}={value}"));
                pairs.collect::<Vec<_>>().join(", ")
            }
            Self::ApprovalsRequired => config.approvals.required.to_string(),
            Self::ApprovalsSelf => config.approvals.own.to_string(),
            Self::EngineVersion => config.engine.version.clone(),
            Self::EngineWarm => match config.engine.warm {
                Warm::Auto => "auto".into(),
                Warm::Off => "off".into(),
            },
            Self::EngineWarmProviders => match &config.engine.warm_providers {
                None => "*".into(),
                Some(named) => named.join(", "),
            },
            Self::AgentLabel => config.agent.label.clone(),
            Self::AgentStacks => config.agent.stacks.0.join(", "),
            Self::AgentLimits => config.agent.limits.text(),
        }
    }
}

/// Returns the settings that differ, those about approvals first.
pub fn setting_changes(before: Option<&RepoConfig>, after: &RepoConfig) -> Vec<SettingChange> {
    let change = |setting: Setting| SettingChange {
        setting,
        before: before.map(|before| setting.value(before)),
        after: setting.value(after),
    };
    let all = Setting::ALL.into_iter().map(change);
    all.filter(|change| change.before.as_ref() != Some(&change.after)).collect()
}

impl RepoConfig {
    /// Returns the settings that apply to a change of the settings if the base has no valid ones:
    /// one person who is no principal has to approve.
    pub fn strict() -> Self {
        Self {
            packages: Vec::new(),
            backend: Backend { kind: "local".into(), config: BTreeMap::new() },
            approvals: Approvals { required: 1, own: false },
            engine: EngineRule::new("*"),
            agent: AgentRules::default(),
        }
    }

    /// Returns whether stacks may use a package, given by its name or folder.
    pub fn allows(&self, package: &str) -> bool {
        self.packages.iter().any(|allowed| match allowed.strip_suffix('*') {
            Some(folder) => package
                .strip_prefix(folder)
                .is_some_and(|rest| !rest.is_empty() && !rest.contains('/')),
            None => allowed == package,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_folder() {
        let packages = vec!["hello".into(), "packages/*".into()];
        let config = RepoConfig { packages, ..RepoConfig::strict() };
        for (package, allowed) in [
            ("hello", true),
            ("packages/mine", true),
            ("packages/", false),
            ("packages/a/b", false),
            ("other/mine", false),
            ("hell", false),
        ] {
            assert_eq!(config.allows(package), allowed, "{package}");
        }
    }

    #[test]
    fn a_repository_can_only_narrow_what_is_kept() {
        let all = EngineRule::new("*");
        assert!(all.keeps("hashicorp/aws"));
        assert!(!EngineRule { warm: Warm::Off, ..all.clone() }.keeps("hashicorp/aws"));
        let one = EngineRule { warm_providers: Some(vec!["hashicorp/aws".into()]), ..all };
        assert!(one.keeps("hashicorp/aws") && !one.keeps("hashicorp/google"));
    }

    #[test]
    fn each_setting_that_differs_is_told_with_both_values() {
        let before = RepoConfig::strict();
        let after = RepoConfig {
            packages: vec!["hello".into(), "packages/*".into()],
            backend: Backend {
                kind: "s3".into(),
                config: [("bucket".into(), "states".into()), ("region".into(), "eu".into())].into(),
            },
            approvals: Approvals { required: 0, own: true },
            engine: EngineRule {
                version: ">=1.9".into(),
                warm: Warm::Off,
                warm_providers: Some(vec!["hashicorp/aws".into()]),
            },
            agent: AgentRules {
                label: "infra".into(),
                stacks: Scope(vec!["web".into(), "*/dev".into()]),
                limits: AgentLimits { plans: Some(1), cents: Some(50), ..AgentLimits::default() },
            },
        };
        let told: Vec<String> = setting_changes(Some(&before), &after)
            .into_iter()
            .map(|it| format!("{}: {} → {}", it.setting.path(), it.before.unwrap(), it.after))
            .collect();
        assert_eq!(
            told,
            [
                "approvals.required: 1 → 0",
                "approvals.self: false → true",
                "packages:  → hello, packages/*",
                "backend.type: local → s3",
                "backend.config:  → bucket=states, region=eu",
                "engine.version: * → >=1.9",
                "engine.warm: auto → off",
                "engine.warm_providers: * → hashicorp/aws",
                "agent.label: planwright → infra",
                "agent.stacks: * → web, */dev",
                "agent.limits:  → plans=1, cents=50",
            ]
        );
        assert_eq!(setting_changes(Some(&after), &after), []);
        assert_eq!(setting_changes(None, &after).len(), Setting::ALL.len());
    }
}
