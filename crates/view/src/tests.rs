//! The texts that people see, word for word, and that no plan can break them.

mod fixtures;
mod hostile;
mod merged;
mod renderers;
mod settings;
mod words;

use fixtures::*;
use insta::assert_snapshot;

use planwright_core::{
    agent::{budget::Limit, event::End},
    approval::{Principal, PrincipalRole},
    change::{
        ChangeRecord, ChangeState, CodeChange, DriftCheck, NotPlanned, PlanOutcome, SettingsChange,
        StackChange, StackProgress, Warning,
    },
    names::UserId,
    plan::{Action, Path, Plan, Value},
    verdict::{Requirement, RequirementKind, RequirementStatus, Unfinished},
};

use super::*;

/// Renders a text in Markdown.
fn line(text: &Text) -> String {
    markdown::markdown_line(text)
}

/// Returns the comment of a bot without pages.
fn comment(report: &ChangeRecord) -> String {
    super::comment(&report.clone().into(), None)
}

fn check(report: &ChangeRecord) -> CheckReport {
    super::check(&report.clone().into())
}

#[test]
fn the_page_is_linked_below_the_first_line_and_changes_nothing_else() {
    let url = "https://bot.example/runs/7";
    let linked = super::comment(&awaiting().into(), Some(url));
    let line = format!("  \n[Steps, log and whole plan]({url})");
    assert!(linked.lines().nth(4).unwrap().contains(url), "{linked}");
    assert_eq!(linked.replace(&line, ""), comment(&awaiting()));
}

#[test]
fn nobody_is_told_that_a_bot_does_not_approve() {
    let principal =
        |user: i64, name: &str, why| Principal { user: UserId(user), login: login(name), why };
    let bots = [
        principal(1, "planwright[bot]", PrincipalRole::OpenedPullRequest),
        principal(1, "planwright", PrincipalRole::Authored),
        principal(2, "web-flow", PrincipalRole::Authored),
    ];
    let mut report = awaiting();
    report.principals = bots.to_vec();
    let text = comment(&report);
    assert!(text.contains("may approve who had no part in the change.\n"), "{text}");
    report.principals.push(principal(7, "alice", PrincipalRole::Pushed));
    let text = comment(&report);
    assert!(text.contains("in the change; not `alice` (pushed to it).\n"), "{text}");
}

#[test]
fn a_new_stack_awaits_its_approval() {
    assert_snapshot!(comment(&awaiting()), @r#"
<!-- planwright:report -->

**Plan: 2 to add, 0 to change, 0 to destroy** in 1 stack  
✋ Waiting for approval. Approve the pull request after reading the plan.

| Stack | Plan | Risk | Drift |
| --- | --- | --- | --- |
| `logs/prod` | 2 to add | other | – |

**Before it is applied**

- ✅ planned without errors
- ✅ the plan is of the current head, base and settings
- ✅ no protected resource is deleted or replaced
- ❌ approved by 0 of 1
  - ➖ `bob`: does not count: given before this plan could be read; approve once more

Anyone with write access may approve who had no part in the change; not `alice` (opened the pull request, pushed to it), `carol` (wrote a commit of it).

<details><summary><code>logs/prod</code>: 2 to add</summary>

```diff
+ module.bucket.aws_s3_bucket.this: create
+     bucket: "build-logs"
+     arn: (known after apply)
+ module.bucket.aws_s3_bucket_public_access_block.this: create
+     block_public_acls: true
+ output arn: (known after apply)
```

</details>

<sub>Plan `v1:0123456789ab` of `bbbbbbb` · the same in a checkout: `planwright plan stacks/logs/prod` · `/infra help` lists the commands</sub>
"#);
}

#[test]
fn the_check_of_a_change_that_awaits_approval_asks_for_action() {
    let check = check(&awaiting());
    assert_eq!(check.status, CheckStatus::Completed);
    assert_eq!(check.conclusion, Some(Conclusion::ActionRequired));
    assert_snapshot!(check.title, @"Plan: 2 to add, 0 to change, 0 to destroy in 1 stack; approved by 0 of 1");
}

#[test]
fn what_goes_away_is_told_first_and_what_forces_it() {
    assert_snapshot!(comment(&dangerous()), @r#"
<!-- planwright:report -->

**Plan: 2 to add, 1 to change, 1 to destroy, 1 to replace, 1 to move** in 2 stacks  
✋ Waiting for approval. Approve the pull request after reading the plan.

> [!CAUTION]
> **2 resources are deleted or replaced**
>
> - `module.old.aws_s3_bucket.this` is **deleted**, because no resource config; **data loss** (`website/prod`)
> - `module.db.aws_db_instance.main` is **replaced** (delete, then create), forced by `engine`; **data loss**; protected (`website/prod`)

| Stack | Plan | Risk | Drift |
| --- | --- | --- | --- |
| `website/prod` | 1 to change, 1 to replace, 1 to destroy, 1 to move | **data loss** | **1** |
| `logs/prod` | 2 to add | other | – |

**Before it is applied**

- ✅ planned without errors
- ✅ the plan is of the current head, base and settings
- ✅ no protected resource is deleted or replaced
- ❌ approved by 0 of 1
  - ➖ `bob`: does not count: given before this plan could be read; approve once more

Anyone with write access may approve.

> [!WARNING]
> - Whoever shaped a change may approve it here: `approvals.self` is on in `planwright.yaml`.
> - ask `@acme`

<details><summary><code>website/prod</code>: 1 to change, 1 to replace, 1 to destroy, 1 to move</summary>

```diff
- module.old.aws_s3_bucket.this: delete; because no resource config; data loss
-/+ module.db.aws_db_instance.main: replace (delete, then create); data loss; protected
!     engine: "postgres" → "mysql"  # forces replacement
!     password: (sensitive) → (sensitive, changed)
! module.bucket.aws_s3_bucket_versioning.this: update; reverts drift
!     status: "Suspended" → "Enabled"
# module.b.aws_iam_role.this: moved from module.a.aws_iam_role.this
```

**Drift** since the last apply: as it was applied → as it is

```diff
! module.bucket.aws_s3_bucket_versioning.this: changed
!     status: "Enabled" → "Suspended"
```

</details>

<details><summary><code>logs/prod</code>: 2 to add</summary>

```diff
+ module.bucket.aws_s3_bucket.this: create
+     bucket: "build-logs"
+     arn: (known after apply)
+ module.bucket.aws_s3_bucket_public_access_block.this: create
+     block_public_acls: true
+ output arn: (known after apply)
```

</details>

<sub>Plan `v1:0123456789ab` of `bbbbbbb` · the same in a checkout: `planwright plan stacks/website/prod` · `/infra help` lists the commands</sub>
"#);
}

#[test]
fn an_invalid_file_is_shown_with_its_line_and_its_fix() {
    let report = invalid();
    assert_snapshot!(comment(&report), @"
<!-- planwright:report -->

**Plan: 1 of 1 stack failed**  
❌ Mend what is listed below and push; it is planned again.

| Stack | Plan | Risk | Drift |
| --- | --- | --- | --- |
| `logs` | invalid configuration | – | – |

<details open><summary><code>logs</code>: invalid configuration</summary>

- **error** `stacks/logs/stack.yaml:3:5`: the package `aws-bucket` has no param `nmae`; did you mean `name`?; allowed: `name, region`<br>To mend it: `planwright set stacks/logs name=…`

</details>

<sub>Plan `v1:0123456789ab` of `bbbbbbb` · the same in a checkout: `planwright plan stacks/logs` · `/infra help` lists the commands</sub>
");
    let check = check(&report);
    assert_eq!(check.conclusion, Some(Conclusion::Failure));
    insta::assert_json_snapshot!(check.annotations, @r#"
[
  {
    "path": "stacks/logs/stack.yaml",
    "line": 3,
    "level": "failure",
    "message": "the package `aws-bucket` has no param `nmae`\nDid you mean name?\nAllowed: name, region\nTo mend it: planwright set stacks/logs name=…",
    "title": "unknown param"
  }
]
"#);
}

#[test]
fn an_engine_that_fails_is_quoted() {
    let mut report = awaiting();
    report.stacks[0].plan = PlanOutcome::EngineFailed(
        "Error: no valid credential sources\n```\n@acme/owners <b>\u{1b}[31m\n".into(),
    );
    report.state = ChangeState::Blocked;
    report.verdict = None;
    assert_snapshot!(comment(&report), @"
<!-- planwright:report -->

**Plan: 1 of 1 stack failed**  
❌ Mend what is listed below and push; it is planned again.

| Stack | Plan | Risk | Drift |
| --- | --- | --- | --- |
| `logs/prod` | the plan failed | – | – |

<details open><summary><code>logs/prod</code>: the plan failed</summary>

````text
Error: no valid credential sources
```
@acme/owners <b>⟨U+001B⟩[31m
````

</details>

<sub>Plan `v1:0123456789ab` of `bbbbbbb` · the same in a checkout: `planwright plan stacks/logs/prod` · `/infra help` lists the commands</sub>
");
}

#[test]
fn a_fork_and_changed_packages_are_not_planned() {
    let mut report = awaiting();
    report.state = ChangeState::Blocked;
    report.verdict = None;
    report.stacks = vec![
        stack("fork", PlanOutcome::NotPlanned(NotPlanned::Fork)),
        stack("package", PlanOutcome::NotPlanned(NotPlanned::PackageBytes("packages/web".into()))),
    ];
    assert_snapshot!(comment(&report), @"
<!-- planwright:report -->

**Not planned:** 2 stacks  
❌ Blocked by what is listed below.

| Stack | Plan | Risk | Drift |
| --- | --- | --- | --- |
| `fork` | not planned | – | – |
| `package` | not planned | – | – |

<details><summary><code>fork</code>: not planned</summary>

Validated and rendered, but not planned: a plan runs provider code, and this branch is in a fork. A maintainer can plan this very head with `/infra plan`.

</details>

<details><summary><code>package</code>: not planned</summary>

Validated and rendered, but not planned: the package `packages/web` is code that nobody has approved yet. A maintainer who had no part in the change can plan this very head with `/infra plan`.

</details>

<sub>Plan `v1:0123456789ab` of `bbbbbbb` · the same in a checkout: `planwright plan stacks/fork` · `/infra help` lists the commands</sub>
");
    assert_eq!(check(&report).conclusion, Some(Conclusion::ActionRequired));
}

#[test]
fn a_merge_conflict_names_the_files() {
    let mut report = nothing(ChangeState::Blocked);
    report.conflicts = vec!["stacks/website/stack.yaml".into()];
    assert_snapshot!(comment(&report), @"
<!-- planwright:report -->

**Not planned: merge conflict**  
❌ Mend what is listed below and push; it is planned again.

The head cannot be merged into the base. Merge the base into this branch and resolve:

- `stacks/website/stack.yaml`

<sub>Head `bbbbbbb` · `/infra help` lists the commands</sub>
");
    assert_eq!(check(&report).conclusion, Some(Conclusion::Failure));
}

#[test]
fn planning_and_nothing_affected_are_short() {
    let mut planning = nothing(ChangeState::Planning);
    planning.stacks = vec![stack("website", PlanOutcome::Pending)];
    assert_snapshot!(comment(&planning), @"
<!-- planwright:report -->

**Planning** 1 stack  
⏳ `bbbbbbb` is being planned; the result will stand here.

| Stack | Plan | Risk | Drift |
| --- | --- | --- | --- |
| `website` | being planned | – | – |

<sub>Head `bbbbbbb` · the same in a checkout: `planwright plan stacks/website` · `/infra help` lists the commands</sub>
");
    assert_eq!(check(&planning).status, CheckStatus::InProgress);
    let unaffected = nothing(ChangeState::NothingAffected);
    assert_snapshot!(comment(&unaffected), @"
<!-- planwright:report -->

**No stack is affected**  
✅ There is nothing to apply.

<sub>Head `bbbbbbb` · `/infra help` lists the commands</sub>
");
    assert_eq!(check(&unaffected).conclusion, Some(Conclusion::Success));
}

#[test]
fn a_check_is_green_only_if_the_verdict_is_met() {
    for (state, verdict, conclusion) in [
        (ChangeState::Approved, Some(met()), Some(Conclusion::Success)),
        (ChangeState::Approved, awaiting().verdict, Some(Conclusion::ActionRequired)),
        (ChangeState::Approved, None, Some(Conclusion::ActionRequired)),
        (ChangeState::NothingAffected, None, Some(Conclusion::ActionRequired)),
        (ChangeState::AwaitingApproval, Some(met()), Some(Conclusion::ActionRequired)),
        (ChangeState::Applied, None, Some(Conclusion::ActionRequired)),
        (ChangeState::AwaitingConfirmation, Some(met()), Some(Conclusion::ActionRequired)),
        (ChangeState::Failed, Some(met()), Some(Conclusion::Failure)),
        (ChangeState::Partial, Some(met()), Some(Conclusion::Failure)),
        (ChangeState::Superseded, Some(met()), Some(Conclusion::Cancelled)),
        (ChangeState::Closed, Some(met()), Some(Conclusion::Cancelled)),
        (ChangeState::Planning, Some(met()), None),
        (ChangeState::Queued, Some(met()), None),
        (ChangeState::Applying, Some(met()), None),
    ] {
        let report = ChangeRecord { state, verdict, ..awaiting() };
        assert_eq!(check(&report).conclusion, conclusion, "{state:?}");
    }
    let mut unfinished = met();
    unfinished.met = false;
    let how = End::Exhausted(Limit::Plans);
    let why = RequirementStatus::Unfinished(Unfinished::Ended { how, is_planned: true });
    let leaf =
        Requirement { what: RequirementKind::Finished, met: false, why, children: Vec::new() };
    unfinished.children.insert(0, leaf);
    let report = ChangeRecord { verdict: Some(unfinished), ..awaiting() };
    assert_eq!(report.state_before_merge(), ChangeState::Blocked);
    let told = check(&ChangeRecord { state: ChangeState::Blocked, ..report });
    assert_eq!(told.conclusion, Some(Conclusion::Failure));
    assert!(
        told.title
            .contains("; not finished: The run reached its limit of plans. /infra revise TEXT"),
        "{told:?}"
    );
    let mut broken =
        ChangeRecord { verdict: Some(met()), state: ChangeState::Approved, ..awaiting() };
    broken.findings = vec![finding("planwright.yaml")];
    assert_eq!(check(&broken).conclusion, Some(Conclusion::Failure));
}

#[test]
fn the_state_of_an_open_pull_request_follows_from_its_stacks() {
    let pending = ChangeRecord { stacks: vec![stack("a", PlanOutcome::Pending)], ..awaiting() };
    let forked = PlanOutcome::NotPlanned(NotPlanned::Fork);
    let forked = ChangeRecord { stacks: vec![stack("a", forked)], ..awaiting() };
    for (report, state) in [
        (awaiting(), ChangeState::AwaitingApproval),
        (invalid(), ChangeState::Blocked),
        (forked, ChangeState::Blocked),
        (pending, ChangeState::Planning),
        (nothing(ChangeState::Planning), ChangeState::NothingAffected),
    ] {
        assert_eq!(ChangeRecord { verdict: None, ..report }.state_before_merge(), state);
    }
}

#[test]
fn what_reverts_drift_is_labelled() {
    let mut report = awaiting();
    let mut plan = drift_plan();
    plan.resources[0].differences.push(difference("bucket", "old".into(), "new".into()));
    report.stacks[0].plan = PlanOutcome::Planned(plan);
    report.stacks[0].drift = DriftCheck::Checked(drift_plan());
    let partly = comment(&report);
    assert!(partly.contains("# reverts drift"), "{partly}");
    report.stacks[0].plan = PlanOutcome::Planned(drift_plan());
    let wholly = comment(&report);
    assert!(wholly.contains("update; reverts drift"), "{wholly}");
    report.stacks[0].drift = DriftCheck::Checked(Plan::default());
    assert!(!comment(&report).contains("reverts drift"));
}

#[test]
fn refreshed_values_are_folded_away() {
    let mut report = awaiting();
    let mut plan = bucket_plan();
    plan.refreshed = drift_plan().resources;
    report.stacks[0].plan = PlanOutcome::Planned(plan);
    let text = comment(&report);
    let (above, folded) =
        text.split_once("<details><summary>Values that were refreshed: 1").unwrap();
    assert!(folded.contains("Suspended") && !above.contains("Suspended"));
}

#[test]
fn a_replacement_lists_what_forces_it_first() {
    let mut change = bucket_plan().resources.remove(0);
    change.action = Action::DeleteThenCreate;
    change.differences = vec![
        difference("arn", "a".into(), Value::Unknown),
        difference("bucket", "a".into(), "b".into()),
    ];
    change.replace_paths = vec![Path(vec![planwright_core::plan::Step::Key("bucket".into())])];
    let lines = change::change_lines(&change, change::Labels::default());
    let lines: Vec<String> = lines.iter().map(markdown::diff_line).collect();
    assert_snapshot!(lines.join("\n"), @r#"
-/+ module.bucket.aws_s3_bucket.this: replace (delete, then create); data loss
!     bucket: "a" → "b"  # forces replacement
!     arn: "a" → (known after apply)
"#);
}
