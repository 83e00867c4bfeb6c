//! The texts that people see about changes of `planwright.yaml`.

use insta::assert_snapshot;

use planwright_core::{
    digest::Digest,
    repo_config::{Approvals, RepoConfig, setting_changes},
};

use super::{fixtures::*, *};

/// Returns a change of Alice that requires no approval any more.
fn weakened(state: ChangeState) -> ChangeRecord {
    let before = RepoConfig::strict();
    let after = RepoConfig { approvals: Approvals { required: 0, own: true }, ..before.clone() };
    ChangeRecord {
        settings: Some(SettingsChange::Changed(setting_changes(Some(&before), &after))),
        stacks: Vec::new(),
        digest: None,
        ..ChangeRecord { state, ..awaiting() }
    }
}

#[test]
fn a_change_of_the_settings_says_what_it_means_and_awaits_an_approval() {
    let report = weakened(ChangeState::AwaitingApproval);
    assert_snapshot!(comment(&report), @"
<!-- planwright:report -->

**Settings change**, no stack is affected  
✋ Waiting for approval. Approve the pull request after reading what changes.

**`planwright.yaml` changes**: once this is merged, every later change is judged by it, and what was approved before and is not applied yet has to be approved again. This change itself is judged by the settings of its base.

- `approvals.required`: `1` → `0`: how many people have to approve a change
- `approvals.self`: `false` → `true`: whether who shaped a change may approve it

**Before it is merged**

- ✅ planned without errors
- ✅ the plan is of the current head, base and settings
- ✅ no protected resource is deleted or replaced
- ❌ approved by 0 of 1
  - ➖ `bob`: does not count: given before this plan could be read; approve once more

Anyone with write access may approve who had no part in the change; not `alice` (opened the pull request, pushed to it), `carol` (wrote a commit of it).

<sub>Head `bbbbbbb` · `/infra help` lists the commands</sub>
");
    let check = check(&report);
    assert_eq!(check.conclusion, Some(Conclusion::ActionRequired));
    assert_snapshot!(check.title, @"Settings change, no stack is affected; approved by 0 of 1");
}

#[test]
fn settings_that_are_merged_are_in_force_and_say_so_if_nobody_approved_them() {
    let said = |report: &ChangeRecord| {
        let text = comment(report);
        let lines = text.lines().skip(2).take_while(|line| !line.is_empty());
        lines.collect::<Vec<_>>().join("\n")
    };
    let bypassed = weakened(ChangeState::SettingsActive);
    assert_snapshot!(said(&bypassed), @"
**Settings change**, no stack is affected  
❌ Merged and in force, **although not every requirement was met**. If it was not meant, take it back by another pull request.
");
    assert!(comment(&bypassed).contains("- ❌ approved by 0 of 1"), "{}", comment(&bypassed));
    let approved = ChangeRecord { verdict: Some(met()), ..bypassed };
    assert_snapshot!(said(&approved), @"
**Settings change**, no stack is affected  
✅ Merged and in force. There was nothing to apply.
");
    assert!(!comment(&approved).contains("approved by"), "{}", comment(&approved));
}

#[test]
fn a_file_that_goes_or_only_looks_different_says_so() {
    for (settings, words) in [
        (SettingsChange::Removed, "is planned or applied any more"),
        (SettingsChange::Changed(Vec::new()), "but none of its values does"),
    ] {
        let report =
            ChangeRecord { settings: Some(settings), ..weakened(ChangeState::AwaitingApproval) };
        assert!(comment(&report).contains(words), "{}", comment(&report));
        let state = ChangeRecord { verdict: None, ..report }.state_before_merge();
        assert_eq!(state, ChangeState::AwaitingApproval, "it is not nothing");
    }
}

#[test]
fn settings_that_changed_since_the_plan_are_told_with_what_differs() {
    let Some(SettingsChange::Changed(changes)) = weakened(ChangeState::Planning).settings else {
        panic!("settings")
    };
    let report = ChangeRecord { warnings: vec![Warning::SettingsChanged(changes)], ..awaiting() };
    let text = comment(&report);
    let (_, warning) = text.split_once("> [!WARNING]\n").unwrap();
    assert_snapshot!(warning.split("\n\n").next().unwrap(), @"
> - `planwright.yaml` has changed since this was planned, and it is judged by what holds now:
>   - `approvals.required`: `1` → `0`: how many people have to approve a change
>   - `approvals.self`: `false` → `true`: whether who shaped a change may approve it
");
}

#[test]
fn a_plan_that_is_out_of_date_asks_for_a_new_one_and_not_for_an_approval() {
    let mut report = awaiting();
    let fresh = &mut report.verdict.as_mut().unwrap().children[1];
    fresh.met = false;
    let text = comment(&report);
    assert!(text.contains("`/infra plan` makes a new one"), "{text}");
    assert!(!text.contains("Approve the pull request"), "{text}");
}

#[test]
fn a_plan_that_broke_off_ends_its_check_with_a_failure() {
    let report = nothing(ChangeState::InternalError);
    let check = check(&report);
    assert_eq!(check.conclusion, Some(Conclusion::Failure));
    assert_snapshot!(check.summary, @"
**Not planned: something of Planwright's own went wrong**  
❌ `bbbbbbb` could not be planned, through no fault of its own. `/infra plan` tries again.
");
}

#[test]
fn code_without_changes_is_not_called_no_changes() {
    let mut report = awaiting();
    report.stacks[0].plan = PlanOutcome::Planned(Plan::default());
    assert!(comment(&report).contains("| `logs/prod` | no changes |"));
    report.stacks[0].changes_code = true;
    assert!(
        comment(&report)
            .contains("| `logs/prod` | no changes, but other code or values of commands |")
    );
}

#[test]
fn a_change_of_code_alone_awaits_an_approval_and_names_it() {
    let code = |path: &str, digest: Option<&str>| CodeChange {
        path: path.into(),
        digest: digest.map(Digest::from_text),
        cautions: Vec::new(),
    };
    let report = ChangeRecord {
        settings: None,
        code: vec![
            code("packages/web", Some("sha256:0123456789abcdef")),
            code(".github/CODEOWNERS", None),
        ],
        ..weakened(ChangeState::AwaitingApproval)
    };
    let text = comment(&report);
    let lines: Vec<&str> = text.lines().skip(2).take(7).collect();
    assert_snapshot!(lines.join("\n"), @"
**Code changes**, no stack is affected  
✋ Waiting for approval. Approve the pull request after reading what changes.

**Code changes**: once this is merged with an approval, stacks may run it. Read the files as you would read a program.

- `packages/web`: content `sha256:0123456789ab`
- `.github/CODEOWNERS`
");
    assert_eq!(check(&report).conclusion, Some(Conclusion::ActionRequired));
}
