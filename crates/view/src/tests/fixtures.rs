//! Reports such as people see them.

use std::collections::BTreeSet;

use planwright_core::{
    approval::{Disqualification, Principal, PrincipalRole},
    change::{ChangeRecord, ChangeState, DriftCheck, PlanOutcome, StackChange, Warning},
    digest::Digest,
    finding::{Finding, Location},
    names::{Login, Sha, StackId, UserId},
    plan::{Action, Difference, OutputChange, Path, Plan, ResourceChange, Step, Value},
    verdict::{Requirement, RequirementKind, RequirementStatus},
};

pub fn sha(digit: &str) -> Sha {
    Sha::parse(digit.repeat(40)).unwrap()
}

pub fn login(name: &str) -> Login {
    Login::parse(name).unwrap()
}

pub fn id(name: &str) -> StackId {
    StackId::parse(name).unwrap()
}

pub fn difference(name: &str, before: Value, after: Value) -> Difference {
    Difference { path: Path(vec![Step::Key(name.into())]), before, after }
}

pub fn change(address: &str, action: Action) -> ResourceChange {
    let resource_type = address.rsplit('.').nth(1).unwrap_or("terraform_data");
    ResourceChange {
        address: address.into(),
        resource_type: resource_type.into(),
        provider: "registry.terraform.io/hashicorp/aws".into(),
        previous_address: None,
        deposed: None,
        importing: None,
        action,
        action_reason: None,
        replace_paths: Vec::new(),
        differences: Vec::new(),
    }
}

/// Returns a plan that creates a bucket and its access block.
pub fn bucket_plan() -> Plan {
    let known = |value: bool| Value::Known(value.into());
    let bucket = ResourceChange {
        differences: vec![
            difference("bucket", Value::Absent, "build-logs".into()),
            difference("arn", Value::Absent, Value::Unknown),
        ],
        ..change("module.bucket.aws_s3_bucket.this", Action::Create)
    };
    let block = ResourceChange {
        differences: vec![difference("block_public_acls", Value::Absent, known(true))],
        ..change("module.bucket.aws_s3_bucket_public_access_block.this", Action::Create)
    };
    let output =
        OutputChange { action: Action::Create, before: Value::Absent, after: Value::Unknown };
    Plan {
        resources: vec![bucket, block],
        outputs: [("arn".to_owned(), output)].into(),
        ..Plan::default()
    }
}

/// Returns a plan that restores a versioning that somebody suspended by hand.
pub fn drift_plan() -> Plan {
    let versioning = ResourceChange {
        differences: vec![difference("status", "Suspended".into(), "Enabled".into())],
        ..change("module.bucket.aws_s3_bucket_versioning.this", Action::Update)
    };
    Plan { resources: vec![versioning], ..Plan::default() }
}

pub fn stack(name: &str, plan: PlanOutcome) -> StackChange {
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

pub fn nothing(state: ChangeState) -> ChangeRecord {
    ChangeRecord {
        head: sha("b"),
        state,
        digest: None,
        basis: None,
        stacks: Vec::new(),
        settings: None,
        code: Vec::new(),
        findings: Vec::new(),
        conflicts: Vec::new(),
        verdict: None,
        principals: Vec::new(),
        warnings: Vec::new(),
    }
}

/// Returns a change of Alice that adds a bucket. Bob approved before the plan was posted.
pub fn awaiting() -> ChangeRecord {
    ChangeRecord {
        digest: Some(Digest::from_text("v1:0123456789abcdef")),
        stacks: vec![stack("logs/prod", PlanOutcome::Planned(bucket_plan()))],
        verdict: Some(waiting()),
        principals: vec![
            Principal {
                user: UserId(1),
                login: login("alice"),
                why: PrincipalRole::OpenedPullRequest,
            },
            Principal { user: UserId(1), login: login("alice"), why: PrincipalRole::Pushed },
            Principal { user: UserId(3), login: login("carol"), why: PrincipalRole::Authored },
        ],
        ..nothing(ChangeState::AwaitingApproval)
    }
}

/// Returns a change that replaces a database and deletes a bucket, with some drift.
pub fn dangerous() -> ChangeRecord {
    let database = "module.db.aws_db_instance.main";
    let replaced = ResourceChange {
        replace_paths: vec![Path(vec![Step::Key("engine".into())])],
        differences: vec![
            difference("engine", "postgres".into(), "mysql".into()),
            difference("password", Value::Sensitive("aa".into()), Value::Sensitive("bb".into())),
        ],
        ..change(database, Action::DeleteThenCreate)
    };
    let mut plan = drift_plan();
    plan.resources.push(replaced);
    plan.resources.push(ResourceChange {
        action_reason: Some("delete_because_no_resource_config".into()),
        ..change("module.old.aws_s3_bucket.this", Action::Delete)
    });
    plan.resources.push(ResourceChange {
        previous_address: Some("module.a.aws_iam_role.this".into()),
        ..change("module.b.aws_iam_role.this", Action::NoOp)
    });
    let mut report = awaiting();
    report.stacks.push(StackChange {
        drift: DriftCheck::Checked(drift_plan()),
        protected: [database.to_owned()].into(),
        ..stack("website/prod", PlanOutcome::Planned(plan))
    });
    report.warnings = vec![Warning::SelfApproval, Warning::Other("ask @acme".into())];
    report
}

pub fn finding(file: &str) -> Finding {
    let place = Location { file: file.into(), line: 3, column: 5 };
    Finding {
        pointer: Some("/params/nmae".into()),
        allowed: vec!["name".into(), "region".into()],
        did_you_mean: Some("name".into()),
        fix: Some("planwright set stacks/logs name=…".into()),
        ..Finding::error("unknown_param", place, "the package `aws-bucket` has no param `nmae`")
    }
}

pub fn invalid() -> ChangeRecord {
    ChangeRecord {
        state: ChangeState::Blocked,
        verdict: None,
        stacks: vec![stack("logs", PlanOutcome::Invalid(vec![finding("stacks/logs/stack.yaml")]))],
        ..awaiting()
    }
}

fn leaf(what: RequirementKind, met: bool, why: RequirementStatus) -> Requirement {
    Requirement { what, met, why, children: Vec::new() }
}

/// Returns a verdict with a fresh plan, but no approval that counts.
fn waiting() -> Requirement {
    let too_early = RequirementStatus::DoesNotCount(Disqualification::BeforePlan);
    let approved = Requirement {
        children: vec![leaf(RequirementKind::ApprovalBy(login("bob")), false, too_early)],
        ..leaf(
            RequirementKind::Approved,
            false,
            RequirementStatus::Approvals { given: 0, required: 1 },
        )
    };
    tree(approved)
}

pub fn met() -> Requirement {
    let approved = Requirement {
        children: vec![leaf(
            RequirementKind::ApprovalBy(login("bob")),
            true,
            RequirementStatus::Counts,
        )],
        ..leaf(
            RequirementKind::Approved,
            true,
            RequirementStatus::Approvals { given: 1, required: 1 },
        )
    };
    tree(approved)
}

fn tree(approved: Requirement) -> Requirement {
    Requirement {
        what: RequirementKind::Applicable,
        met: approved.met,
        why: RequirementStatus::Children,
        children: vec![
            leaf(RequirementKind::Planned, true, RequirementStatus::Children),
            leaf(RequirementKind::Fresh, true, RequirementStatus::Children),
            leaf(RequirementKind::ProtectedAllowed, true, RequirementStatus::NoneProtected),
            approved,
        ],
    }
}
