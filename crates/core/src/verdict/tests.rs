//! A change that meets every requirement, and variations that each miss one.

use jiff::Timestamp;

use super::*;
use crate::{
    approval::{Kind, PrincipalRole, Recorded},
    plan::Action,
};

const ALICE: UserId = UserId(1);
const BOB: UserId = UserId(2);

fn sha(digit: &str) -> Sha {
    Sha::parse(digit.repeat(40)).unwrap()
}

fn login(name: &str) -> Login {
    Login::parse(name).unwrap()
}

fn stack(name: &str) -> StackId {
    StackId::parse(name).unwrap()
}

fn digest(text: &str) -> Digest {
    Digest::from_text(text)
}

/// Returns the digest of the plans of `logs` and `idle`.
fn plan_set() -> Digest {
    let plans = [(stack("logs"), digest("v1:logs")), (stack("idle"), digest("v1:idle"))];
    approval::plan_set_digest(&plans.into(), &BTreeSet::new())
}

/// A change that Alice opened and that replaces a protected bucket. Bob allowed that and approved.
#[derive(Clone)]
struct Change {
    current: Current,
    plan_set: Option<PlanSetFacts>,
    stacks: Vec<StackFacts>,
    unfinished: Option<Unfinished>,
    changes_settings: bool,
    changes_code: bool,
    code: BTreeSet<Digest>,
    reviews: Vec<Review>,
    allowances: Vec<Allowance>,
    rule: ApprovalRule,
}

impl Change {
    fn verdict(&self) -> Verdict {
        let alice =
            Principal { user: ALICE, login: login("alice"), why: PrincipalRole::OpenedPullRequest };
        verdict(&VerdictFacts {
            current: &self.current,
            plan_set: self.plan_set.as_ref(),
            stacks: &self.stacks,
            unfinished: self.unfinished.as_ref(),
            changes_settings: self.changes_settings,
            changes_code: self.changes_code,
            code: &self.code,
            principals: &[alice],
            reviews: &self.reviews,
            allowances: &self.allowances,
            rule: self.rule,
        })
    }
}

fn approval() -> Review {
    Review {
        kind: Kind::Review,
        by: BOB,
        login: login("bob"),
        is_user: true,
        by_mail: false,
        approves: true,
        head: Some(sha("b")),
        at: Timestamp::from_second(11).unwrap(),
        may_write: true,
        recorded: Some(Recorded {
            head: sha("b"),
            digest: plan_set(),
            settings_digest: digest("sha256:settings"),
        }),
    }
}

fn met() -> Change {
    let base = BranchName::parse("main").unwrap();
    let settings_digest = digest("sha256:settings");
    let bucket = "module.bucket.aws_s3_bucket.this".to_owned();
    Change {
        current: Current {
            head: sha("b"),
            base: base.clone(),
            settings_digest: settings_digest.clone(),
        },
        plan_set: Some(PlanSetFacts {
            head: sha("b"),
            base,
            digest: plan_set(),
            settings_digest,
            posted_at: Some(Timestamp::from_second(10).unwrap()),
            reopened_at: None,
        }),
        stacks: vec![
            StackFacts {
                stack: stack("logs"),
                outcome: Outcome::Planned,
                digest: Some(digest("v1:logs")),
                protected: [bucket.clone()].into(),
                changes_code: false,
            },
            StackFacts {
                stack: stack("idle"),
                outcome: Outcome::NoChanges,
                digest: Some(digest("v1:idle")),
                protected: BTreeSet::new(),
                changes_code: false,
            },
        ],
        unfinished: None,
        changes_settings: false,
        changes_code: false,
        code: BTreeSet::new(),
        reviews: vec![approval()],
        allowances: vec![Allowance {
            given: Review { kind: Kind::Allow, ..approval() },
            stack: stack("logs"),
            addresses: [bucket].into(),
        }],
        rule: ApprovalRule { required: 1, self_approval: false },
    }
}

/// Returns the leaves that are not met.
fn unmet(requirement: &Requirement) -> Vec<(&RequirementKind, &RequirementStatus)> {
    if requirement.met {
        return Vec::new();
    }
    let children: Vec<_> = requirement.children.iter().flat_map(unmet).collect();
    if children.is_empty() { vec![(&requirement.what, &requirement.why)] } else { children }
}

#[test]
fn what_is_planned_fresh_allowed_and_approved_may_be_applied() {
    let verdict = met().verdict();
    assert!(verdict.is_met(), "{:#?}", verdict.requirement());
    let key = verdict.requirements_met().unwrap();
    assert_eq!(key.approved_by().collect::<Vec<_>>(), [BOB]);
    assert!(key.is_for(&plan_set()));
    assert!(!key.is_for(&digest("v1:other")));
}

#[test]
fn each_guard_alone_closes_the_door() {
    type Vary = fn(&mut Change);
    let table: Vec<(&str, Vary)> = vec![
        ("Finished", |c| {
            c.unfinished = Some(Unfinished::Ended { how: End::Cancelled, is_planned: true });
        }),
        ("Planned", |c| c.plan_set = None),
        ("Stack", |c| c.stacks[0].outcome = Outcome::Pending),
        ("Stack", |c| c.stacks[0].outcome = Outcome::Invalid),
        ("Stack", |c| c.stacks[0].outcome = Outcome::EngineFailed),
        ("Stack", |c| c.stacks[0].outcome = Outcome::NotPlanned),
        ("Stack", |c| c.stacks[0].outcome = Outcome::Conflict),
        ("SameHead", |c| c.current.head = sha("c")),
        ("SameBase", |c| c.current.base = BranchName::parse("release").unwrap()),
        ("SameSettings", |c| c.current.settings_digest = digest("sha256:other")),
        ("SamePlans", |c| c.stacks[1].digest = Some(digest("v1:other"))),
        ("SamePlans", |c| c.stacks.clear()),
        ("Protected", |c| c.allowances.clear()),
        ("Protected", |c| c.allowances[0].stack = stack("idle")),
        ("Protected", |c| c.allowances[0].addresses.clear()),
        ("Protected", |c| c.allowances[0].given.by = ALICE),
        ("Protected", |c| c.allowances[0].given.may_write = false),
        ("Protected", |c| c.allowances[0].given.is_user = false),
        ("Protected", |c| c.allowances[0].given.recorded = None),
        ("Protected", |c| {
            c.allowances[0].given.recorded.as_mut().unwrap().digest = digest("v1:other");
        }),
        ("Approved", |c| c.reviews.clear()),
        ("Approved", |c| c.rule.required = 2),
        ("ApprovalBy", |c| c.reviews[0].by = ALICE),
        ("ApprovalBy", |c| c.reviews[0].approves = false),
        ("ApprovalBy", |c| c.reviews[0].head = Some(sha("a"))),
    ];
    for (i, (what, vary)) in table.into_iter().enumerate() {
        let mut change = met();
        vary(&mut change);
        let verdict = change.verdict();
        assert!(!verdict.is_met(), "guard {i} ({what}) let it pass");
        assert!(verdict.requirements_met().is_none(), "guard {i} ({what}) handed out the key");
        let (first, _) = unmet(verdict.requirement())[0];
        assert!(format!("{first:?}").starts_with(what), "guard {i}: {first:?} is not {what}");
    }
}

#[test]
fn two_approvals_by_one_person_are_not_two() {
    let mut change = met();
    change.rule.required = 2;
    change.reviews.push(Review { at: Timestamp::from_second(12).unwrap(), ..approval() });
    assert!(!change.verdict().is_met());
    change.reviews.push(Review { by: UserId(3), login: login("carol"), ..approval() });
    assert!(change.verdict().is_met());
}

#[test]
fn without_a_plan_nothing_is_approved_even_if_nobody_is_required() {
    let mut change = met();
    change.rule.required = 0;
    change.plan_set = None;
    let verdict = change.verdict();
    assert!(!verdict.requirement().children.iter().any(|requirement| requirement.met));
}

/// Returns a change of `stacks`, whose plans are empty. Nobody has approved it.
fn idle(stacks: Vec<StackFacts>) -> Change {
    let plans = stacks.iter().map(|idle| (idle.stack.clone(), idle.digest.clone().unwrap()));
    let mut change = met();
    change.plan_set.as_mut().unwrap().digest =
        approval::plan_set_digest(&plans.collect(), &BTreeSet::new());
    Change { stacks, reviews: Vec::new(), ..change }
}

#[test]
fn stacks_without_changes_need_no_approval_but_must_be_fresh() {
    let mut change = idle(vec![met().stacks.remove(1)]);
    assert!(change.verdict().is_met());
    change.current.head = sha("c");
    assert!(!change.verdict().is_met());
}

/// Returns the change with an approval of its current plan set.
fn approved(mut change: Change) -> Change {
    let mut given = approval();
    given.recorded.as_mut().unwrap().digest = change.plan_set.as_ref().unwrap().digest.clone();
    change.reviews = vec![given];
    change
}

#[test]
fn other_code_is_approved_although_its_plan_is_empty() {
    let code = StackFacts { changes_code: true, ..met().stacks.remove(1) };
    let change = idle(vec![code]);
    assert_eq!(
        unmet(change.verdict().requirement()),
        [(&RequirementKind::Approved, &RequirementStatus::Approvals { given: 0, required: 1 })]
    );
    assert!(approved(change).verdict().is_met());
}

#[test]
fn other_settings_or_code_are_approved_although_no_stack_changes() {
    for (stacks, is_code) in [
        (Vec::new(), false),
        (Vec::new(), true),
        (vec![met().stacks.remove(1)], false),
        (vec![met().stacks.remove(1)], true),
    ] {
        let mut change = idle(stacks);
        assert!(change.verdict().is_met());
        (change.changes_settings, change.changes_code) = (!is_code, is_code);
        assert_eq!(
            unmet(change.verdict().requirement()),
            [(&RequirementKind::Approved, &RequirementStatus::Approvals { given: 0, required: 1 })]
        );
        let change = approved(change);
        assert!(change.verdict().is_met());
        let mut own = change.clone();
        own.reviews[0].by = ALICE;
        assert!(!own.verdict().is_met(), "who wrote them does not approve them");
    }
}

#[test]
fn an_approval_of_ones_own_change_says_so_where_it_counts() {
    let mut change = met();
    change.rule.self_approval = true;
    change.reviews[0] = Review { by: ALICE, login: login("alice"), ..approval() };
    let verdict = change.verdict();
    assert!(verdict.is_met());
    let approved = &verdict.requirement().children[3];
    assert_eq!(approved.children[0].why, RequirementStatus::CountsForOwnChange);
}

#[test]
fn only_what_goes_away_in_a_protected_slot_is_protected() {
    let change = |address: &str, action| ResourceChange {
        address: address.into(),
        resource_type: "aws_s3_bucket".into(),
        provider: "registry.terraform.io/hashicorp/aws".into(),
        previous_address: None,
        deposed: None,
        importing: None,
        action,
        action_reason: None,
        replace_paths: Vec::new(),
        differences: Vec::new(),
    };
    let moved = ResourceChange {
        previous_address: Some("module.site.a.b".into()),
        ..change("module.dns.a.b", Action::DeleteThenCreate)
    };
    let plan = Plan {
        resources: vec![
            change("module.site.a.deleted", Action::Delete),
            change("module.site[0].a.replaced", Action::CreateThenDelete),
            change("module.site.a.forgotten", Action::CreateThenForget),
            moved,
            change("module.site.a.updated", Action::Update),
            change("module.site.a.created", Action::Create),
            change("module.sites.a.deleted", Action::Delete),
            change("a.site", Action::Delete),
        ],
        ..Plan::default()
    };
    let found: Vec<&str> = protected_changes(&plan, &["site".to_owned()].into())
        .into_iter()
        .map(|change| change.address.as_str())
        .collect();
    assert_eq!(
        found,
        [
            "module.site.a.deleted",
            "module.site[0].a.replaced",
            "module.site.a.forgotten",
            "module.dns.a.b"
        ]
    );
}
