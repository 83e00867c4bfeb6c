//! What a pull request makes of `planwright.yaml`, in words that say what it means.

use planwright_core::{
    escape,
    repo_config::{Setting, SettingChange},
};

use planwright_core::change::SettingsReport;

/// Everything that is to be known before a change of the settings is approved.
pub fn settings_section(settings: &SettingsReport) -> String {
    match settings {
        SettingsReport::Removed => {
            "**`planwright.yaml` is removed.** Once this is merged nothing of the repository is \
             planned or applied any more; what was applied stays as it is."
                .into()
        }
        SettingsReport::Changed(changes) if changes.is_empty() => {
            "**`planwright.yaml` changes**, but none of its values does.".into()
        }
        SettingsReport::Changed(changes) => format!(
            "**`planwright.yaml` changes**: once this is merged, every later change is judged by it, \
             and what was approved before and is not applied yet has to be approved again. This \
             change itself is judged by the settings of its base.\n\n{}",
            change_list(changes)
        ),
    }
}

/// One line for each setting.
pub fn change_list(changes: &[SettingChange]) -> String {
    let lines: Vec<String> = changes.iter().map(|change| format!("- {}", words(change))).collect();
    lines.join("\n")
}

fn words(change: &SettingChange) -> String {
    let value = |text: &str| escape::code(&escape::shortened(text, 200));
    let values = match &change.before {
        None => value(&change.after),
        Some(before) => format!("{} → {}", value(before), value(&change.after)),
    };
    format!("`{}`: {values}: {}", change.setting.path(), meaning(change.setting))
}

fn meaning(setting: Setting) -> &'static str {
    match setting {
        Setting::ApprovalsRequired => "how many people have to approve a change",
        Setting::ApprovalsSelf => "whether who shaped a change may approve it",
        Setting::Packages => "the packages, which are code, that stacks may use",
        Setting::BackendType | Setting::BackendConfig => {
            "where the states are kept; those that are there stay where they are"
        }
        Setting::EngineVersion => "which versions of the engine run",
        Setting::EngineWarm | Setting::EngineWarmProviders => {
            "which providers are kept between plans"
        }
        Setting::AgentLabel => "which issues ask for something; `planwright forms` writes it anew",
        Setting::AgentStacks | Setting::AgentLimits => "what runs of the agent may change and cost",
    }
}
