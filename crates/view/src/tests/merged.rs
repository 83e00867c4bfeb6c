//! The texts that people see after the merge.

use insta::assert_snapshot;

use planwright_core::names::{PrNumber, StackId};

use super::{fixtures::*, *};

#[test]
fn what_was_applied_shows_its_outputs_but_no_secret() {
    let mut report = awaiting();
    report.state = ChangeState::Applied;
    report.verdict = Some(met());
    let outputs = [
        ("password".to_owned(), Value::Sensitive("0a1b".into())),
        ("url".to_owned(), Value::Known("https://logs.example".into())),
    ];
    report.stacks[0].progress = Some(StackProgress::Applied { outputs: outputs.into() });
    assert_snapshot!(comment(&report), @r#"
<!-- planwright:report -->

**Applied: 2 added** in 1 stack  
✅ Applied and verified: a second plan is empty.

| Stack | Plan | Risk | Drift | Apply |
| --- | --- | --- | --- | --- |
| `logs/prod` | 2 to add | other | – | ✅ applied, verified |

<details><summary><code>logs/prod</code>: 2 to add</summary>

**Outputs**

```text
password = (sensitive)
url = "https://logs.example"
```

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
    assert_eq!(check(&report).conclusion, Some(Conclusion::Success));
}

#[test]
fn a_plan_that_differs_after_the_merge_asks_for_its_digest() {
    let mut report = awaiting();
    report.state = ChangeState::AwaitingConfirmation;
    let mut now = bucket_plan();
    now.resources[0].differences[0].after = Value::Known("other-logs".into());
    let gone = now.resources.pop().unwrap();
    now.resources.push(planwright_core::plan::ResourceChange { action: Action::Delete, ..gone });
    report.stacks[0].progress = Some(StackProgress::Differs { now });
    assert_snapshot!(comment(&report), @r#"
<!-- planwright:report -->

**Plan: 1 to add, 0 to change, 1 to destroy** in 1 stack  
✋ Merged, but **not applied**: what would happen now was not approved. To have it applied as shown below, someone who may approve comments `/infra apply --plan v1:0123456789ab`.

> [!CAUTION]
> **1 resource is deleted or replaced**
>
> - `module.bucket.aws_s3_bucket_public_access_block.this` is **deleted**; **public exposure** (`logs/prod`)

| Stack | Plan | Risk | Drift | Apply |
| --- | --- | --- | --- | --- |
| `logs/prod` | 1 to add, 1 to destroy | **public exposure** | – | ✋ differs from what was approved |

**Before it is applied**

- ✅ planned without errors
- ✅ the plan is of the current head, base and settings
- ✅ no protected resource is deleted or replaced
- ❌ approved by 0 of 1
  - ➖ `bob`: does not count: given before this plan could be read; approve once more

Anyone with write access may approve who had no part in the change; not `alice` (opened the pull request, pushed to it), `carol` (wrote a commit of it).

<details open><summary><code>logs/prod</code>: 1 to add, 1 to destroy</summary>

**Would happen now, and was not approved:**

```diff
- module.bucket.aws_s3_bucket_public_access_block.this: delete; public exposure
+ module.bucket.aws_s3_bucket.this: create
+     bucket: "other-logs"
+     arn: (known after apply)
```

**Was approved, and would not happen any more:**

```diff
+ module.bucket.aws_s3_bucket.this: create
+     bucket: "build-logs"
+     arn: (known after apply)
+ module.bucket.aws_s3_bucket_public_access_block.this: create
+     block_public_acls: true
```

</details>

<sub>Plan `v1:0123456789ab` of `bbbbbbb` · the same in a checkout: `planwright plan stacks/logs/prod` · `/infra help` lists the commands</sub>
"#);
    assert_eq!(check(&report).conclusion, Some(Conclusion::ActionRequired));
}

#[test]
fn a_queue_a_failure_and_its_dependents_are_told() {
    let mut report = awaiting();
    report.state = ChangeState::Partial;
    report.stacks = [
        StackProgress::Queued { position: 2, behind: Some(PrNumber(7)) },
        StackProgress::Failed { message: "Error: BucketAlreadyExists".into() },
        StackProgress::NotStarted { because_of: StackId::parse("b").unwrap() },
        StackProgress::Superseded { by: sha("c") },
        StackProgress::Applying,
    ]
    .into_iter()
    .zip(["a", "b", "c", "d", "e"])
    .map(|(progress, name)| StackChange {
        progress: Some(progress),
        ..stack(name, PlanOutcome::Planned(Plan::default()))
    })
    .collect();
    assert_snapshot!(comment(&report), @"
<!-- planwright:report -->

**Plan: 0 to add, 0 to change, 0 to destroy** in 5 stacks  
❌ Only a part was applied, and it is not tried again by itself. When the cause is mended, comment `/infra apply`.

| Stack | Plan | Risk | Drift | Apply |
| --- | --- | --- | --- | --- |
| `a` | no changes | – | – | ⏳ place 2 in the queue, behind #7 |
| `b` | no changes | – | – | ❌ failed |
| `c` | no changes | – | – | ➖ not started: `b` failed |
| `d` | no changes | – | – | ➖ superseded by `ccccccc` |
| `e` | no changes | – | – | ⏳ applying |

<details open><summary><code>b</code>: no changes</summary>

```text
Error: BucketAlreadyExists
```

</details>

<sub>Plan `v1:0123456789ab` of `bbbbbbb` · the same in a checkout: `planwright plan stacks/a` · `/infra help` lists the commands</sub>
");
    assert_eq!(check(&report).conclusion, Some(Conclusion::Failure));
}
