//! Each transition of a change: its result, and the states in which it is refused.

use std::collections::{BTreeMap, BTreeSet};

use ChangeState::{
    Applied, Applying, Approved, AwaitingApproval, AwaitingConfirmation, Blocked, Closed, Failed,
    NothingAffected, Partial, Planning, Queued, SettingsActive, Superseded,
};

use super::*;
use crate::{
    digest::Digest,
    finding::{Finding, Location},
    names::{BranchName, PrNumber, Sha, StackId},
    people::UnknownHand,
    plan::{Action, Plan, ResourceChange},
    verdict::{Requirement, RequirementKind, RequirementStatus},
};

fn sha(digit: char) -> Sha {
    Sha::parse(digit.to_string().repeat(40)).unwrap()
}

fn id(name: &str) -> StackId {
    StackId::parse(name).unwrap()
}

fn basis() -> Basis {
    Basis { base: BranchName::parse("main").unwrap(), settings: Digest::from_text("settings") }
}

fn finding() -> Finding {
    let place = Location { file: "planwright.yaml".into(), line: 1, column: 1 };
    Finding::error("unknown_key", place, "unknown key")
}

/// Returns a plan that creates one resource with this name.
fn plan(name: &str) -> Plan {
    let resource = ResourceChange {
        address: format!("null.{name}"),
        resource_type: "null".into(),
        provider: "terraform.io/builtin/terraform".into(),
        previous_address: None,
        deposed: None,
        importing: None,
        action: Action::Create,
        action_reason: None,
        replace_paths: Vec::new(),
        differences: Vec::new(),
    };
    Plan { resources: vec![resource], ..Plan::default() }
}

fn inputs(files: &str) -> Inputs {
    let (files, lock) = (Digest::from_text(files), Digest::from_text("lock"));
    Inputs { files, lock, engine: "tofu 1.12.0".into() }
}

/// Returns another plan than the one before, and other code.
fn again(protected: BTreeSet<String>) -> StackAgain {
    let code = Some(Digest::from_text("sha256:other"));
    StackAgain {
        other: Some(plan("c")),
        protected,
        code,
        inputs: inputs("c"),
        cautions: Vec::new(),
    }
}

fn stack(name: &str, plan: PlanOutcome) -> StackChange {
    StackChange {
        code: None,
        inputs: None,
        cautions: Vec::new(),
        stack: id(name),
        plan,
        drift: DriftCheck::NeverApplied,
        protected: BTreeSet::new(),
        changes_code: false,
        progress: None,
    }
}

fn set(stacks: Vec<StackChange>) -> PlannedSet {
    PlannedSet { stacks, basis: basis(), allows_self_approval: false }
}

fn judgement(met: bool) -> Judgement {
    let what = RequirementKind::Applicable;
    let why = RequirementStatus::Children;
    let verdict = Requirement { what, met, why, children: Vec::new() };
    Judgement { verdict, principals: Vec::new(), unknown: Vec::new(), allows_self_approval: false }
}

fn replanned() -> Replanned {
    Replanned { basis: basis(), allows_self_approval: false, changed_settings: None }
}

/// Returns a change of the stacks `a` and `b` with a plan each, and no verdict yet.
fn planned() -> Change {
    let stacks = ["a", "b"].map(|name| stack(name, PlanOutcome::Planned(plan(name))));
    Change::planning(sha('1')).planned(set(stacks.to_vec())).unwrap()
}

fn at(state: ChangeState) -> Change {
    ChangeRecord { state, ..(*planned()).clone() }.into()
}

fn applying() -> Change {
    planned().judged(judgement(true)).unwrap().applying().unwrap()
}

fn failed_stack() -> StackProgress {
    StackProgress::Failed { message: "no".into() }
}

fn applied_stack() -> StackProgress {
    StackProgress::Applied { outputs: BTreeMap::new() }
}

fn superseded_stack() -> StackProgress {
    StackProgress::Superseded { by: sha('9') }
}

type Next = fn(Change) -> Result<Change, WrongState>;

/// Returns every transition, with the states in which it is possible.
fn table() -> Vec<(Transition, Next, Vec<ChangeState>)> {
    use Transition as T;
    let fresh = || vec![Planning];
    let before_merge =
        || vec![Planning, NothingAffected, AwaitingApproval, Approved, Blocked, Closed];
    let merged = || vec![Queued, Applying, AwaitingConfirmation, Failed, Partial];
    let unfinished = || [before_merge(), merged()].concat();
    let begun = vec![
        AwaitingApproval,
        Approved,
        Blocked,
        Closed,
        Queued,
        Applying,
        AwaitingConfirmation,
        Failed,
        Partial,
        Applied,
        Superseded,
    ];
    vec![
        (T::TouchSettings, |it| it.touches_settings(None), fresh()),
        (T::TouchCode, |it| it.touches_code(Vec::new()), fresh()),
        (T::Plan, |it| it.planned(set(Vec::new())), fresh()),
        (T::FindUnaffected, Change::unaffected, fresh()),
        (T::Block, |it| it.blocked(Block::Conflicts(vec!["a".into()])), fresh()),
        (T::Stop, Change::stopped, fresh()),
        (T::FailInternally, |it| it.failed_internally("1".into()), fresh()),
        (T::Judge, |it| it.judged(judgement(true)), unfinished()),
        (T::FindSettingsUnreadable, |it| it.settings_unreadable(vec![finding()]), unfinished()),
        (T::Merge, Change::merged, before_merge()),
        (T::Close, Change::closed, before_merge()),
        (T::Queue, |it| it.queued(&BTreeMap::new()), unfinished()),
        (T::Apply, Change::applying, unfinished()),
        (T::Recover, Change::recovering, begun),
        (T::Progress, |it| it.progressed(&id("a"), failed_stack()), vec![Applying]),
        (T::Progress, |it| it.planned_again(&id("a"), again(BTreeSet::new())), vec![Applying]),
        (T::Settle, |it| it.settled(false), vec![Applying]),
        (T::Fail, Change::failed, vec![Applying]),
        (T::Cancel, Change::cancelled, vec![Queued, Applying]),
        (
            T::AwaitConfirmation,
            |it| it.awaiting_confirmation(&Digest::from_text("set")),
            unfinished(),
        ),
        (T::Replan, |it| it.replanned(replanned()), unfinished()),
    ]
}

#[test]
fn a_transition_is_possible_from_just_the_states_of_its_row() {
    for (transition, next, possible) in table() {
        for from in ChangeState::ALL {
            let refusal = WrongState { from, transition };
            match next(at(from)) {
                Ok(_) => assert!(possible.contains(&from), "{refusal}, but it was done"),
                Err(error) => {
                    assert_eq!(error, refusal);
                    assert!(!possible.contains(&from), "{transition:?} from {from:?} is refused");
                }
            }
        }
    }
}

#[test]
fn what_is_over_stays_as_it_is() {
    let later: Vec<Transition> = table()
        .into_iter()
        .map(|(transition, ..)| transition)
        .filter(|transition| *transition != Transition::Recover)
        .collect();
    for over in ChangeState::ALL.into_iter().filter(|state| state.is_over()) {
        assert!(later.iter().all(|transition| !transition.is_possible_from(over)), "{over:?}");
    }
}

#[test]
fn a_plan_without_a_verdict_is_still_planning_and_has_its_digest() {
    let change = planned();
    assert_eq!(change.state, Planning);
    assert_eq!(change.digest, Some(change.plan_set_digest()));
    assert_eq!(change.basis, Some(basis()));
    let without = stack("a", PlanOutcome::NotPlanned(NotPlanned::Fork));
    let change = Change::planning(sha('1')).planned(set(vec![without])).unwrap();
    assert_eq!(change.digest, None, "there is nothing that could be confirmed");
}

#[test]
fn where_it_stands_before_the_merge_follows_from_plans_and_verdict() {
    let planned = |name| stack(name, PlanOutcome::Planned(plan(name)));
    let withheld = stack("b", PlanOutcome::NotPlanned(NotPlanned::Fork));
    let invalid = stack("b", PlanOutcome::Invalid(vec![finding()]));
    let pending = stack("b", PlanOutcome::Pending);
    for (stacks, met, state) in [
        (vec![planned("a")], true, Approved),
        (vec![planned("a")], false, AwaitingApproval),
        (vec![planned("a"), withheld], false, Blocked),
        (vec![planned("a"), invalid], true, Blocked),
        (vec![planned("a"), pending], true, Planning),
        (Vec::new(), true, NothingAffected),
    ] {
        let change = Change::planning(sha('1')).planned(set(stacks)).unwrap();
        assert_eq!(change.judged(judgement(met)).unwrap().state, state);
    }
}

#[test]
fn a_verdict_after_the_merge_moves_nothing_but_itself() {
    for from in [Queued, Applying, AwaitingConfirmation, Failed, Partial] {
        let change = at(from).judged(judgement(true)).unwrap();
        assert_eq!(change.state, from);
        assert!(change.verdict.as_ref().unwrap().met);
    }
}

#[test]
fn a_verdict_takes_back_what_was_wrong_with_the_settings() {
    let change = planned().settings_unreadable(vec![finding()]).unwrap();
    assert_eq!((change.state, change.findings.len()), (Blocked, 1));
    let change = change.judged(judgement(false)).unwrap();
    assert_eq!((change.state, change.findings.len()), (AwaitingApproval, 0));
}

#[test]
fn the_warning_of_unknown_hands_is_that_of_the_last_verdict() {
    let unknown = vec![UnknownHand::Opener];
    let warned = planned().judged(Judgement { unknown, ..judgement(false) }).unwrap();
    assert_eq!(warned.warnings, [Warning::UnknownHands(vec![UnknownHand::Opener])]);
    assert!(warned.judged(judgement(false)).unwrap().warnings.is_empty());
}

#[test]
fn self_approval_is_warned_of_once_and_only_where_there_is_something_to_approve() {
    let allowed = || Judgement { allows_self_approval: true, ..judgement(false) };
    let change = planned().judged(allowed()).unwrap().judged(allowed()).unwrap();
    assert_eq!(change.warnings, [Warning::SelfApproval]);
    assert!(change.judged(judgement(false)).unwrap().warnings.is_empty());
    let nothing = Change::planning(sha('1')).planned(set(Vec::new())).unwrap();
    assert!(nothing.judged(allowed()).unwrap().warnings.is_empty());
}

#[test]
fn another_base_blocks_until_it_is_planned_anew() {
    let other = Block::OtherBase { basis: basis(), trusted: None };
    let change = Change::planning(sha('1')).blocked(other).unwrap();
    assert_eq!(change.state, Blocked);
    assert!(matches!(change.warnings[..], [Warning::OtherBase { .. }]));
    assert_eq!(change.judged(judgement(true)).unwrap().state, Blocked);
}

#[test]
fn a_merge_puts_settings_and_code_in_force_and_lets_the_rest_wait() {
    let settings = Some(SettingsChange::Changed(Vec::new()));
    let change = Change::planning(sha('1')).touches_settings(settings).unwrap();
    let change = change.planned(set(Vec::new())).unwrap();
    assert_eq!(change.merged().unwrap().state, SettingsActive);
    let code = vec![CodeChange { path: "packages/a".into(), digest: None, cautions: Vec::new() }];
    let change = Change::planning(sha('1')).touches_code(code).unwrap();
    let change = change.planned(set(Vec::new())).unwrap();
    assert_eq!(change.merged().unwrap().state, SettingsActive);
    let change = planned().judged(judgement(false)).unwrap();
    assert_eq!(change.merged().unwrap().state, AwaitingConfirmation);
    let invalid = stack("a", PlanOutcome::Invalid(vec![finding()]));
    let change = Change::planning(sha('1')).planned(set(vec![invalid])).unwrap();
    let change = change.judged(judgement(false)).unwrap();
    assert_eq!(change.merged().unwrap().state, Blocked);
}

#[test]
fn where_it_stands_after_an_apply_follows_from_its_stacks() {
    for (a, b, has_begun, state) in [
        (applied_stack(), applied_stack(), true, Applied),
        (applied_stack(), superseded_stack(), true, Applied),
        (superseded_stack(), superseded_stack(), false, Superseded),
        (applied_stack(), failed_stack(), true, Partial),
        (failed_stack(), failed_stack(), true, Partial),
        (failed_stack(), failed_stack(), false, Failed),
        (superseded_stack(), failed_stack(), false, Failed),
    ] {
        let change = applying().progressed(&id("a"), a).unwrap().progressed(&id("b"), b).unwrap();
        assert_eq!(change.settled(has_begun).unwrap().state, state);
    }
}

#[test]
fn another_plan_after_the_merge_is_at_stake_until_it_is_confirmed() {
    let approved = applying();
    let protected: BTreeSet<String> = ["null.c".to_owned()].into();
    let change = approved.clone().planned_again(&id("a"), again(protected.clone())).unwrap();
    let change = change.replanned(replanned()).unwrap();
    assert_eq!(change.state, AwaitingConfirmation);
    assert_eq!(change.stacks[0].plan_at_stake(), Some(&plan("c")));
    assert_eq!(change.stacks[0].protected, protected);
    assert_ne!(change.plan_set_digest(), approved.plan_set_digest());
    assert_eq!(change.digest, Some(change.plan_set_digest()));
    let confirmed = change.clone().applying().unwrap();
    assert_eq!(confirmed.stacks[0].plan, PlanOutcome::Planned(plan("c")));
    assert_eq!(confirmed.stacks[0].progress, None);
    assert_eq!(confirmed.plan_set_digest(), change.plan_set_digest());
}

#[test]
fn what_cannot_be_applied_is_not_to_be_confirmed() {
    let set = Digest::from_text("set");
    let change = at(AwaitingApproval).awaiting_confirmation(&set).unwrap();
    assert_eq!(change.digest, Some(set.clone()));
    let unreadable = at(AwaitingApproval).settings_unreadable(vec![finding()]).unwrap();
    assert_eq!(unreadable.awaiting_confirmation(&set).unwrap().digest, None);
}

#[test]
fn settings_that_changed_meanwhile_are_told_once() {
    let changed = || Replanned { changed_settings: Some(Vec::new()), ..replanned() };
    let change = at(Approved).replanned(changed()).unwrap().replanned(changed()).unwrap();
    assert_eq!(change.warnings, [Warning::SettingsChanged(Vec::new())]);
}

#[test]
fn a_queue_is_told_by_its_places_and_a_cancel_begins_nothing() {
    let place = QueuePlace { position: 2, behind: Some(PrNumber(7)) };
    let change = at(Approved).queued(&[(id("a"), place)].into()).unwrap();
    let queued = StackProgress::Queued { position: 2, behind: Some(PrNumber(7)) };
    assert_eq!(change.state, Queued);
    assert_eq!(change.stacks[0].progress, Some(queued));
    assert_eq!(change.stacks[1].progress, None);
    let change = change.cancelled().unwrap();
    assert_eq!(change.state, Failed);
    let is_failed =
        |stack: &StackChange| matches!(stack.progress, Some(StackProgress::Failed { .. }));
    assert!(change.stacks.iter().all(is_failed));
}

#[test]
fn a_change_is_stored_as_its_record_in_the_words_it_always_had() {
    let stored = serde_json::to_value(at(SettingsActive)).unwrap();
    assert_eq!(stored["state"], "InForce");
    let read: Change = serde_json::from_value(stored).unwrap();
    assert_eq!(read, at(SettingsActive));
    let old: Warning = serde_json::from_str(r#"{"Other": "a sentence"}"#).unwrap();
    assert_eq!(old, Warning::Other("a sentence".into()));
}
