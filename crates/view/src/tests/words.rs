//! The texts of reasons, refusals and answers.

use insta::assert_snapshot;

use planwright_core::{
    approval::{Disqualification, PrincipalRole},
    digest::Digest,
    names::{BranchName, CommentId},
    people::UnknownHand,
    plan::OutputChange,
    verdict::{Requirement, RequirementKind, RequirementStatus},
};

use super::{fixtures::*, *};

#[test]
fn each_disqualification_is_said_so_that_a_person_knows_what_to_do() {
    let said: Vec<String> = [
        Disqualification::Withdrawn,
        Disqualification::NotAUser,
        Disqualification::ByMail,
        Disqualification::Principal(PrincipalRole::Pushed),
        Disqualification::NoWriteAccess,
        Disqualification::BeforeReopened,
        Disqualification::OtherHead,
        Disqualification::NothingPosted,
        Disqualification::BeforePlan,
        Disqualification::NotRecorded,
        Disqualification::OtherPlan,
        Disqualification::OtherSettings,
    ]
    .iter()
    .map(|why| line(&requirement::disqualification(why)))
    .collect();
    assert_snapshot!(said.join("\n"), @"
withdrawn: the latest review does not approve
given by a bot
given by mail; approve once more on GitHub
pushed to it, so it takes someone else
no write access now
given before it was reopened; approve once more
given for another commit; approve once more
given before this plan could be read; approve once more
given before this plan could be read; approve once more
arrived while the bot was away; approve once more
given for another plan; approve once more
given under other settings; approve once more
");
}

#[test]
fn what_nobody_is_known_to_have_done_is_said_and_how_to_go_on() {
    let mut report = awaiting();
    let commits = ["5", "6", "7", "8", "9"].map(|digit| UnknownHand::Commit(sha(digit)));
    let hands = [&commits[..], &[UnknownHand::Opener, UnknownHand::NobodyAsked]].concat();
    report.warnings = vec![Warning::UnknownHands(hands.clone())];
    let said = comment(&report);
    assert!(said.contains("It takes one approval more"), "{said}");
    assert!(said.contains("belongs to no account"), "{said}");
    assert!(said.contains("2 more"), "{said}");
    report.warnings = vec![Warning::UnknownHands(hands[5..].to_vec())];
    let said = comment(&report);
    assert!(said.contains("it was not opened by a person"), "{said}");
    assert!(said.contains("nobody is known who asked for it"), "{said}");
}

#[test]
fn each_requirement_is_said() {
    let leaf = |what, why| Requirement { what, met: false, why, children: vec![] };
    let branch = |name: &str| BranchName::parse(name).unwrap();
    let address = "module.db.aws_db_instance.main".to_owned();
    let root = Requirement {
        what: RequirementKind::Applicable,
        met: false,
        why: RequirementStatus::Children,
        children: vec![
            leaf(RequirementKind::Planned, RequirementStatus::NothingPlanned),
            Requirement {
                children: vec![
                    leaf(
                        RequirementKind::SameHead,
                        RequirementStatus::HeadMoved { planned: sha("a"), current: sha("b") },
                    ),
                    leaf(
                        RequirementKind::SameBase,
                        RequirementStatus::Retargeted {
                            planned: branch("main"),
                            current: branch("a`b"),
                        },
                    ),
                    leaf(RequirementKind::SameSettings, RequirementStatus::SettingsChanged),
                    leaf(RequirementKind::SamePlans, RequirementStatus::PlansDiffer),
                ],
                ..leaf(RequirementKind::Fresh, RequirementStatus::Children)
            },
            Requirement {
                children: vec![
                    leaf(
                        RequirementKind::Protected { stack: id("db"), address: address.clone() },
                        RequirementStatus::NotAllowed,
                    ),
                    leaf(
                        RequirementKind::Protected { stack: id("db"), address },
                        RequirementStatus::AllowanceDiscounted {
                            by: login("alice"),
                            why: Disqualification::Principal(PrincipalRole::OpenedPullRequest),
                        },
                    ),
                ],
                ..leaf(RequirementKind::ProtectedAllowed, RequirementStatus::Children)
            },
            leaf(RequirementKind::Approved, RequirementStatus::Approvals { given: 0, required: 2 }),
        ],
    };
    assert_snapshot!(markdown(&requirement::requirement_list(&root).into()), @"
- ❌ not everything is planned
- ❌ the plan is out of date
  - ❌ `aaaaaaa` was planned, the head is `bbbbbbb` now
  - ❌ planned for `main`, the base is ``a`b`` now
  - ❌ the settings at the base have changed since the plan
  - ❌ the stacks are not those of the plan set
- ❌ protected resources would be deleted or replaced; someone who may approve allows it with `/infra allow STACK ADDRESS…`
  - ❌ `module.db.aws_db_instance.main` in `db`: nobody has allowed it
  - ❌ `module.db.aws_db_instance.main` in `db`: what `alice` allowed does not count: opened the pull request, so it takes someone else
- ❌ approved by 0 of 2
");
}

fn not_approved() -> Missing {
    let root = awaiting().verdict.unwrap();
    Missing::Requirement(Box::new(root.first_unmet().unwrap().clone()))
}

#[test]
fn each_thing_that_is_missing_ends_a_sentence() {
    let said = [
        Missing::Settings(vec![finding("planwright.yaml"), finding("planwright.yaml")]),
        Missing::OtherBase,
        Missing::MergedElsewhere,
        Missing::Approval,
    ]
    .map(|missing| line(&Refusal::NotMet(missing).sentence()));
    assert_snapshot!(said.join("\n"), @"
    This change cannot be applied yet: the package `aws-bucket` has no param `nmae`; the package `aws-bucket` has no param `nmae`.
    This change cannot be applied yet: only settings of the default branch are trusted, and it is into another.
    This change cannot be applied yet: it was merged into another branch than the default one.
    This change cannot be applied yet: an approval is missing.
    ");
}

#[test]
fn what_a_run_left_unfinished_is_said_from_its_facts_and_as_it_was_stored_before() {
    let ended = |how, is_planned| Unfinished::Ended { how, is_planned };
    let said = [
        ended(End::Exhausted(Limit::Plans), true),
        ended(End::Rejected("no @acme".into()), false),
        Unfinished::Told("It was late. `x` goes on.".into()),
    ]
    .map(|missing| line(&run::unfinished(&missing)));
    assert_snapshot!(said.join("\n"), @"
    The run reached its limit of plans. `/infra revise TEXT` goes on, and so does a commit or `/infra set`.
    The server of the model does not take our requests: no `@acme`. Its last edits were not planned. `/infra revise TEXT` goes on, and so does a commit or `/infra set`.
    It was late. `x` goes on.
    ");
}

#[test]
fn what_is_planned_for_nobody_and_what_failed_of_ours_says_what_to_do() {
    let branch = |name| BranchName::parse(name).unwrap();
    let failed = |next| internal_error("0195", next);
    let said = [
        crate::warning::other_base(&branch("release/1"), Some(&branch("main"))),
        crate::warning::other_base(&branch("old"), None),
        failed(NextStep::PlanAgain),
        failed(NextStep::ApplyAgain),
        failed(NextStep::ProposeAgain),
    ]
    .map(|text| line(&text));
    assert_snapshot!(said.join("\n"), @"
    Only pull requests into main are planned: its settings are the ones that are trusted. This one is into `release/1`; change its base.
    Only pull requests into the default branch are planned: its settings are the ones that are trusted. This one is into old; change its base.
    Planwright could not finish this: something of its own went wrong, which the log has under `0195`. Nothing was changed by it. `/infra plan` tries again.
    Planwright could not finish this: something of its own went wrong, which the log has under `0195`. Nothing of it is repeated by itself. `/infra apply` first looks at what was done.
    Planwright could not finish this: something of its own went wrong, which the log has under `0195`. The run goes no further; `/infra cancel` ends it, and `/infra propose` begins anew.
    ");
}

#[test]
fn each_refusal_says_what_to_do() {
    let digest = || Digest::from_text("v1:0123456789abcdef");
    let command = |text: &str| planwright_core::command::parse(text).remove(0).unwrap_err();
    let why = PrincipalRole::Authored;
    let refusals = [
        Refusal::from(command("/infra aply")),
        Refusal::NotAllowed { login: login("mallory"), command: "plan" },
        Refusal::Principal { login: login("alice"), command: "allow", why },
        Refusal::Fork,
        Refusal::UnknownStack { stack: id("websit"), known: vec![id("website"), id("logs")] },
        Refusal::UnknownStack { stack: id("xyz"), known: vec![id("website"), id("logs")] },
        Refusal::UnknownStack { stack: id("xyz"), known: vec![] },
        Refusal::NotAffected { stack: id("logs") },
        Refusal::NotProtected { stack: id("logs"), address: "a.b".into(), known: vec![] },
        Refusal::NotProtected {
            stack: id("logs"),
            address: "a.b[\"`@x\"]".into(),
            known: vec!["module.a.b.c".into()],
        },
        Refusal::NothingPlanned,
        Refusal::Outdated,
        Refusal::NotMerged,
        Refusal::Closed,
        Refusal::OtherPlan { typed: Digest::from_text("v1:ffffffffffff"), current: digest() },
        Refusal::PlanNeeded { current: digest() },
        Refusal::NotMet(not_approved()),
        Refusal::AlreadyApplied,
        Refusal::Superseded,
        Refusal::ApplyFailed,
        Refusal::Stopped,
        Refusal::NothingLocked { stack: None },
        Refusal::LockInUse { stack: Some(id("logs")) },
        Refusal::NothingRunning,
    ];
    let said: Vec<String> = refusals.iter().map(|refusal| markdown(&refusal.doc())).collect();
    assert_snapshot!(said.join("\n"), @r#"
`aply` is no command. Did you mean `apply`? The commands are `help`, `plan`, `drift`, `status`, `allow`, `set`, `propose`, `revise`, `answer`, `apply`, `unlock`, `cancel`.
`/infra plan` needs write access to the repository, which `mallory` does not have.
`/infra allow` takes someone who had no part in the change; `alice` wrote a commit of it.
This branch is in a fork, so nothing of it is run. A maintainer can plan this very head with `/infra plan`.
There is no stack `websit`. Did you mean `website`?
There is no stack `xyz`; the stacks are `website`, `logs`.
There is no stack `xyz`, nor any other.
The pull request does not affect `logs`, so there is nothing of it to plan here.
`a.b` is no resource of `logs` in a protected slot that this plan deletes or replaces, so nothing has to be allowed.
``a.b["`@x"]`` is no resource of `logs` in a protected slot that this plan deletes or replaces; those are `module.a.b.c`.
Nothing is planned yet; `/infra plan` plans the current head.
The plan is of another head; the current one is being planned. Ask again after that.
The pull request is not merged, and only what is merged is applied. Merging applies it.
The pull request is closed; reopen it to have it planned.
`v1:ffffffffffff` is not the plan at hand, which is `v1:0123456789ab`. Read it, and name that one.
What would happen now was not approved. Read it, then name its digest: `/infra apply --plan v1:0123456789ab`.
This change cannot be applied yet: approved by 0 of 1.
Everything of this change is applied; there is nothing to retry.
A newer change of the same stacks was applied before; this one would take it back.
It is not applied, or only in part; the first comment of Planwright says why, and what stands.
Stopped before it was done: it was cancelled, or something newer took its place.
This change holds no lock and waits for none.
The lock of `logs` is in use by an apply that runs; `/infra cancel` stops it.
Nothing runs for this pull request.
"#);
}

#[test]
fn each_refusal_of_a_request_says_what_to_do() {
    let refusals = [
        Refusal::SetInFork { stack: id("logs") },
        Refusal::NothingToSet,
        Refusal::HeadMoved,
        Refusal::BranchTaken(BranchName::parse("planwright/3-logs").unwrap()),
        Refusal::IssueClosed,
        Refusal::NoModel,
        Refusal::NoRun,
        Refusal::NoQuestion,
        Refusal::NoSuchChoice(2),
        Refusal::Expired,
        Refusal::StillAtWork,
        Refusal::RunGone,
        Refusal::ProposeOnPullRequest,
        Refusal::Outsider(login("eve")),
    ];
    let said: Vec<String> = refusals.iter().map(|refusal| markdown(&refusal.doc())).collect();
    assert_snapshot!(said.join("\n"), @"
The branch is in a fork, to which Planwright never writes: change `logs` there by hand.
The params have these values already; nothing was committed.
Somebody pushed to the branch at the same moment; nothing was committed. Ask again.
The branch `planwright/3-logs` exists already, with something else on it or made by somebody else; delete it, or work on it by hand.
The issue is closed; reopen it first.
No model is set up for this Planwright, so it reads no free text. `/infra set STACK PATH=VALUE` changes a param, and an issue form asks for a stack.
There is no run of the agent here; `/infra propose` on an issue begins one.
The agent asks nothing here that could be answered.
That is none of the 2 choices.
The question is older than a week; `/infra propose` begins anew.
The agent is still at work; `/infra cancel` stops it.
This run was superseded or cancelled; `/infra propose` begins a new one.
`/infra propose` is for issues; `/infra revise` changes what was proposed here.
The issue has words of `eve`, who has no write access, so they are not read. Say yourself what is wanted: `/infra propose TEXT`.
");
}

#[test]
fn each_refusal_of_code_and_settings_says_what_to_do() {
    let package = "packages/web".into();
    let refusals = [
        Refusal::OwnCode { login: login("alice"), package, why: PrincipalRole::Pushed },
        Refusal::SettingsChanged { current: Digest::from_text("v1:0123456789abcdef") },
        Refusal::NothingToApply,
    ];
    let said: Vec<String> = refusals.iter().map(|refusal| markdown(&refusal.doc())).collect();
    assert_snapshot!(said.join("\n"), @"
Nobody has approved the code of the package `packages/web` yet, and to have it run takes someone who had no part in the change; `alice` pushed to it.
`planwright.yaml` has changed since this was planned. Read by what it is judged now, then confirm: `/infra apply --plan v1:0123456789ab`.
This change affects no stack, so there is nothing to apply.
");
}

#[test]
fn each_refusal_of_a_comment_says_what_to_do() {
    let refusals =
        [Refusal::ByMail { command: "apply" }, Refusal::LiftByMail, Refusal::CommentChanged];
    let said: Vec<String> = refusals.iter().map(|refusal| markdown(&refusal.doc())).collect();
    assert_snapshot!(said.join("\n"), @"
This came by mail, and a mail is easily sent in the name of another. `/infra apply` is carried out only if it is written on GitHub: write it there.
This came by mail, and a mail is easily sent in the name of another. To have run what is not run yet takes `/infra plan` on GitHub: write it there.
The comment was changed after it was sent, so nothing of it was carried out. Write a new comment.
");
}

#[test]
fn answers_are_short() {
    assert_snapshot!(markdown(&help()), @"
A command stands at the start of a line of a new comment; edits are not read.

| Command | What it does | Who |
| --- | --- | --- |
| `/infra help` | Show this list. | anyone |
| `/infra plan [STACK…]` | Plan again, on the current head. | write access |
| `/infra drift [STACK…]` | Show what was changed behind the configuration's back. | write access |
| `/infra status` | Show what is met, what is missing and what waits. | anyone |
| `/infra allow STACK ADDRESS…` | Allow these protected resources to be deleted or replaced, in the plan shown. | write access, and no part in the change |
| `/infra set STACK PATH=VALUE…` | Change params of a stack: on an issue by a new pull request, on a pull request by a commit to it. | write access |
| `/infra propose [TEXT]` | On an issue: have the agent propose what it asks for, and TEXT. | write access |
| `/infra revise TEXT` | Have the agent change what it proposed. | write access |
| `/infra answer N` | Answer the question of the agent with the choice of that number. | write access |
| `/infra apply [--plan DIGEST]` | After the merge: retry a failed apply, or confirm by its digest a plan that differs. | write access, and no part in the change |
| `/infra unlock [STACK]` | Release the locks that this change holds. | write access |
| `/infra cancel` | Stop what runs for this pull request. | write access |
");
    assert_snapshot!(markdown(&status(&awaiting().into())), @"
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
");
    let by = login("bob");
    let held = vec![id("logs"), id("website/prod")];
    let unlock = Unlocked { by, held, waiting: vec![id("network")] };
    assert_snapshot!(Marker::Reply(CommentId(5), 0).on(&markdown(&unlocked(&unlock))), @"
<!-- planwright:reply:5 -->
`bob` released the lock of `logs`, `website/prod`, and took this change out of the queue of `network`.
");
}

#[test]
fn a_drift_report_names_attribute_old_and_new() {
    let (before, after) = (Value::Known("calm".into()), Value::Known("storm".into()));
    let output = OutputChange { action: Action::Update, before, after };
    let read = Plan { outputs: [("weather".to_owned(), output)].into(), ..Plan::default() };
    let stacks = vec![
        (id("fine"), DriftCheck::Checked(Plan::default())),
        (id("logs"), DriftCheck::Checked(drift_plan())),
        (id("read"), DriftCheck::Checked(read)),
        (id("new"), DriftCheck::NeverApplied),
        (id("away"), DriftCheck::Unknown("no answer from @cloud in 60 s".into())),
    ];
    assert_snapshot!(markdown(&drift(&stacks)), @r#"
**Drift** in 2 of 3 stacks; 1 stack could not be checked

`fine`: none

`logs`: as it was applied → as it is

```diff
! module.bucket.aws_s3_bucket_versioning.this: changed
!     status: "Enabled" → "Suspended"
```

`read`: as it was applied → as it is

```diff
! output weather: "calm" → "storm"
```

`new`: never applied

`away`: not checked: no answer from `@cloud` in 60 s
"#);
    assert_snapshot!(markdown(&drift(&stacks[..1])), @"
**Drift:** none in 1 stack

`fine`: none
");
}
