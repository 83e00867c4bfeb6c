//! Changes of `planwright.yaml` and of code, and what each means.

use planwright_core::{
    change::{CodeChange, SettingsChange},
    finding::Finding,
    repo_config::{Setting, SettingChange},
};

use super::{
    doc::{Block, Doc, Item, Text, code, more, short_code, strong},
    stack::finding_item,
};
use crate::text;

/// How many warnings are listed of a package.
const MOST_CAUTIONS: usize = 5;

/// Returns what people have to know before they approve a change of the settings.
pub fn settings_section(settings: &SettingsChange) -> Doc {
    let file = || code("planwright.yaml");
    match settings {
        SettingsChange::Removed => text![
            strong(text![file(), " is removed."]),
            " Once this is merged nothing of the repository is planned or applied any more; what was \
             applied stays as it is."
        ]
        .into(),
        SettingsChange::Changed(changes) if changes.is_empty() => {
            text![strong(text![file(), " changes"]), ", but none of its values does."].into()
        }
        SettingsChange::Changed(changes) => vec![
            Block::Paragraph(text![
                strong(text![file(), " changes"]),
                ": once this is merged, every later change is judged by it, and what was approved \
                 before and is not applied yet has to be approved again. This change itself is \
                 judged by the settings of its base."
            ]),
            Block::List(changes.iter().map(setting_change).map(Item::new).collect()),
        ]
        .into(),
    }
}

/// Returns what people have to know before they approve code.
pub fn code_section(changes: &[CodeChange]) -> Doc {
    if changes.is_empty() {
        return Doc::default();
    }
    let item = |change: &CodeChange| {
        let content =
            change.digest.as_ref().map(|digest| text![": content ", code(digest.short())]);
        let commands_first = |caution: &&Finding| caution.code != "runs_command";
        let mut cautions: Vec<&Finding> = change.cautions.iter().collect();
        cautions.sort_by_key(commands_first);
        let mut below: Vec<Item> =
            cautions.iter().take(MOST_CAUTIONS).copied().map(finding_item).collect();
        below.extend(more(cautions.len(), MOST_CAUTIONS).map(Item::more));
        Item { below, ..Item::new(text![short_code(&change.path, 80), content]) }
    };
    vec![
        Block::Paragraph(text![
            strong("Code changes"),
            ": once this is merged with an approval, stacks may run it. Read the files as you would \
             read a program."
        ]),
        Block::List(changes.iter().map(item).collect()),
    ]
    .into()
}

/// Returns how a setting changes, and what it means.
pub fn setting_change(change: &SettingChange) -> Text {
    let after = short_code(&change.after, 200);
    let values = match &change.before {
        None => after.into(),
        Some(before) => text![short_code(before, 200), " → ", after],
    };
    text![code(change.setting.path()), ": ", values, ": ", meaning(change.setting)]
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
