//! Golden rows: the exact stored form of each kind of record.
//!
//! If one of these tests fails, existing rows can no longer be read, or a process of another
//! version beside this one cannot read new rows. A format that has to change gets a new version
//! with golden rows of its own; these stay.

use std::{collections::BTreeMap, fmt::Debug};

use serde_json::Value as Json;
use uuid::Uuid;

use planwright_core::{
    actor::{Actor, ActorKind},
    agent::{budget::Limit, event::End},
    canonical::canonical,
    change::Change,
    change_set::ParamPath,
    job::{self, AgentCommand, Invocation, Job, SetParams, Target},
    names::{
        CommentId, DeliveryId, InstallationId, Login, PrNumber, RepoName, RepositoryId, StackId,
        UserId,
    },
    plan::Plan,
    pull_request::ReviewId,
    repository::Repository,
    verdict::Unfinished,
};

use super::{from_text, to_text, v1};
use crate::Subject;

type Rows = BTreeMap<String, Json>;

fn rows(golden: &str) -> Rows {
    serde_json::from_str(golden).unwrap()
}

/// Checks that each row is read, with and without a version (as commit 591a4c1 wrote it), and is
/// written back unchanged.
fn hold<C: Debug + PartialEq>(rows: &Rows, read: impl Fn(&str) -> C, write: impl Fn(&C) -> String) {
    for (name, row) in rows {
        let value = read(&canonical(row));
        assert_eq!(write(&value), canonical(row), "{name}");
        let mut old = row.clone();
        old.as_object_mut().unwrap().remove("v").unwrap();
        assert_eq!(read(&canonical(&old)), value, "{name}");
    }
}

#[test]
fn plans_reports_and_subjects_stand_as_they_are_written_here() {
    hold(
        &rows(include_str!("../../golden/plans.json")),
        |text| from_text::<Plan, v1::Plan>(text).unwrap(),
        to_text::<Plan, v1::Plan>,
    );
    hold(
        &rows(include_str!("../../golden/reports.json")),
        |text| from_text::<Change, v1::Change>(text).unwrap(),
        to_text::<Change, v1::Change>,
    );
    hold(
        &rows(include_str!("../../golden/subjects.json")),
        |text| from_text::<Subject, v1::Subject>(text).unwrap(),
        to_text::<Subject, v1::Subject>,
    );
}

#[test]
fn what_a_run_left_unfinished_stands_in_its_column_as_it_is_written_here() {
    let ended = Unfinished::Ended { how: End::Exhausted(Limit::Plans), is_planned: false };
    for (text, value) in [
        (r#"{"how":{"exhausted":"plans"},"is_planned":false,"v":1}"#, ended),
        ("It was `late`.", Unfinished::Told("It was `late`.".into())),
    ] {
        assert_eq!(v1::unfinished_from_text(text).unwrap(), value);
        assert_eq!(v1::unfinished_to_text(&value), text);
    }
    assert!(v1::unfinished_from_text(r#"{"v":2}"#).is_err());
}

#[test]
fn requests_of_the_outbox_stand_as_they_are_written_here() {
    hold(
        &rows(include_str!("../../golden/outbox.json")),
        |text| v1::OutboxRequest::parse(&serde_json::from_str(text).unwrap()).unwrap(),
        |request| canonical(&request.to_json()),
    );
}

#[test]
fn events_of_the_agent_stand_as_they_are_written_here() {
    hold(
        &rows(include_str!("../../golden/agent_events.json")),
        |text| v1::event_from_text(text).unwrap(),
        v1::event_to_text,
    );
}

#[test]
fn jobs_stand_as_they_are_written_here() {
    let golden = rows(include_str!("../../golden/jobs.json"));
    hold(
        &golden,
        |text| v1::Job::parse(&serde_json::from_str(text).unwrap()).unwrap(),
        |job| canonical(&v1::Job::payload(job)),
    );
    let jobs = jobs();
    assert_eq!(golden.keys().collect::<Vec<_>>(), jobs.keys().collect::<Vec<_>>());
    for (name, job) in jobs {
        assert_eq!(v1::Job::payload(&job), golden[name], "{name}");
    }
}

#[test]
fn a_job_of_another_version_is_not_read() {
    for unknown in [
        serde_json::json!({ "v": 1, "job": "dream" }),
        serde_json::json!({ "v": 2, "job": "release" }),
        serde_json::json!({}),
    ] {
        assert!(v1::Job::parse(&unknown).is_err(), "{unknown}");
    }
}

fn jobs() -> BTreeMap<&'static str, Job> {
    asked_jobs().into_iter().chain(other_jobs()).collect()
}

fn target() -> Target {
    let repository = Repository {
        id: RepositoryId(1),
        name: RepoName::parse("acme/infra").unwrap(),
        installation: InstallationId(2),
    };
    Target { repository, number: PrNumber(7) }
}

fn carol() -> Actor {
    Actor { id: UserId(3), login: Login::parse("carol").unwrap(), kind: ActorKind::User }
}

fn asked() -> Invocation {
    let at = "2026-11-29T10:00:00Z".parse().unwrap();
    Invocation { by: carol(), comment: CommentId(5), nth: 2, at, by_mail: false }
}

fn stack() -> StackId {
    StackId::parse("website/prod").unwrap()
}

/// The jobs that a comment requests.
fn asked_jobs() -> Vec<(&'static str, Job)> {
    let (target, asked, stacks) = (target(), asked(), vec![stack()]);
    let acknowledge = job::Acknowledge {
        target: target.clone(),
        asked: asked.clone(),
        delivery: DeliveryId::parse("d1").unwrap(),
        comment: "/infra plan".into(),
        node_id: None,
        on_pull_request: true,
    };
    let node_id = Some("IC_5".into());
    let acknowledge_read_back = job::Acknowledge { node_id, ..acknowledge.clone() };
    let allow = job::Allow {
        target: target.clone(),
        asked: asked.clone(),
        stack: stack(),
        addresses: vec!["aws_s3_bucket.logs".into()],
    };
    let set = job::Set {
        target: target.clone(),
        asked: asked.clone(),
        change: SetParams {
            stack: stack(),
            params: vec![(ParamPath::parse("tags.\"cost centre\"").unwrap(), "42".into())],
        },
        on_pull_request: true,
    };
    let tell = |command| job::Instruct { target: target.clone(), asked: asked.clone(), command };
    let (tell_propose, tell_revise, tell_answer) = (
        tell(AgentCommand::Propose("a bucket".into())),
        tell(AgentCommand::Revise("smaller".into())),
        tell(AgentCommand::Answer(2)),
    );
    let plan =
        job::Plan { target: target.clone(), asked: Some(asked.clone()), stacks: stacks.clone() };
    let drift = job::Drift { target: target.clone(), asked: asked.clone(), stacks };
    let by_mail = Invocation { by_mail: true, ..asked.clone() };
    let plan_by_mail =
        job::Plan { target: target.clone(), asked: Some(by_mail), stacks: Vec::new() };
    let digest = Some("v1:0123456789ab".into());
    let apply = job::Apply { target, asked: Some(asked), digest };
    vec![
        ("acknowledge", acknowledge.into()),
        ("acknowledge-read-back", acknowledge_read_back.into()),
        ("plan-asked", plan.into()),
        ("plan-by-mail", plan_by_mail.into()),
        ("drift", drift.into()),
        ("allow", allow.into()),
        ("set", set.into()),
        ("tell-propose", tell_propose.into()),
        ("tell-revise", tell_revise.into()),
        ("tell-answer", tell_answer.into()),
        ("apply-confirmed", apply.into()),
    ]
}

/// The jobs that have another cause.
fn other_jobs() -> Vec<(&'static str, Job)> {
    let (by, review) = (carol(), ReviewId(4));
    let run = Uuid::from_u128(0x0195_0000_0000_7000_8000_0000_0000_0001);
    let request =
        job::Request { target: target(), by: by.clone(), labels: vec!["planwright".into()] };
    vec![
        ("plan", job::Plan { target: target(), asked: None, stacks: Vec::new() }.into()),
        ("verdict", job::Verdict { target: target(), review: None }.into()),
        ("verdict-review", job::Verdict { target: target(), review: Some(review) }.into()),
        ("request", request.into()),
        ("revise", job::Revise { target: target(), by, review, text: "smaller".into() }.into()),
        ("remind", job::Remind { target: target(), run, question: 6 }.into()),
        ("agent", job::Agent { target: target(), run }.into()),
        ("preview", job::Preview { target: target(), run }.into()),
        ("release", job::Release { target: target() }.into()),
        ("apply", job::Apply { target: target(), asked: None, digest: None }.into()),
    ]
}
