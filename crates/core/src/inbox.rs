//! What a webhook causes: jobs, a push to record, and newer content of a pull request.
//!
//! Pure, so that the inbox can store a delivery and all its effects in one transaction. A webhook
//! is only a hint: jobs trust nothing in it but the text of a new comment.

use super::{
    actor::AppId,
    command,
    event::{
        CommentAction, CommentEvent, Envelope, Event, IssueEvent, PullRequestAction, Push,
        ReviewAction, ReviewEvent,
    },
    job::{self, Invocation, Job, Target},
    names::{CommentId, DeliveryId, PrNumber},
    pull_request::ReviewState,
    repository::Repository,
};

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Effects {
    pub jobs: Vec<Job>,
    /// A push to record. Who pushed becomes a principal, even if there is no pull request yet.
    pub push: Option<Push>,
    /// The pull request whose head or base has changed, so that running jobs for it are superseded.
    pub supersedes: Option<PrNumber>,
    /// The comment whose commands the jobs carry out, which happens once.
    pub carries_out: Option<CommentId>,
    /// The repository whose open pull requests need a new verdict, since its settings may have
    /// changed. Running jobs go on.
    pub rejudges: Option<Repository>,
}

/// Decides what `envelope`, received as `delivery`, causes for the App `app`.
pub fn effects(envelope: &Envelope, delivery: &DeliveryId, app: AppId) -> Effects {
    let Some(repository) = envelope.repository() else { return Effects::default() };
    match &envelope.event {
        Event::PullRequest { number, action, .. } => of_pull_request(repository, *number, action),
        Event::Review(review) => of_review(repository, review),
        Event::Comment(comment) if !envelope.is_echo_of(app) => {
            of_comment(repository, comment, delivery)
        }
        Event::Issue(issue) if !envelope.is_echo_of(app) => of_issue(repository, issue, envelope),
        Event::Push(push) => Effects {
            push: Some(push.clone()),
            rejudges: push.changes_settings.then_some(repository),
            ..Effects::default()
        },
        _ => Effects::default(),
    }
}

fn of_pull_request(
    repository: Repository,
    number: PrNumber,
    action: &PullRequestAction,
) -> Effects {
    let target = Target { repository, number };
    let (job, is_new_content): (Job, bool) = match action {
        PullRequestAction::Opened
        | PullRequestAction::Pushed { .. }
        | PullRequestAction::Reopened
        | PullRequestAction::Retargeted { .. } => {
            (job::Plan { target, asked: None, stacks: Vec::new() }.into(), true)
        }
        PullRequestAction::ReadyForReview => (job::Verdict { target, review: None }.into(), false),
        PullRequestAction::Closed { merged: true } => {
            (job::Apply { target, asked: None, digest: None }.into(), true)
        }
        PullRequestAction::Closed { merged: false } => (job::Release { target }.into(), true),
    };
    // A push to a fork has no webhook of its own, and that of a push to a branch may be lost.
    let push = match action {
        PullRequestAction::Pushed { before, after } => Some(Push {
            git_ref: format!("refs/pull/{number}/head"),
            before: Some(before.clone()),
            after: Some(after.clone()),
            forced: false,
            commits: Vec::new(),
            changes_settings: false,
        }),
        _ => None,
    };
    let supersedes = is_new_content.then_some(number);
    Effects { jobs: vec![job], push, supersedes, ..Effects::default() }
}

fn of_review(repository: Repository, review: &ReviewEvent) -> Effects {
    let target = Target { repository, number: review.number };
    let text = command::above_separator(&review.body);
    let asks = review.action == ReviewAction::Submitted
        && review.state == ReviewState::ChangesRequested
        && review.by.is_user()
        && !text.trim().is_empty();
    let revise = asks.then(|| job::Revise {
        target: target.clone(),
        by: review.by.clone(),
        review: review.review,
        text: text.to_owned(),
    });
    let verdict = job::Verdict { target, review: Some(review.review) };
    let jobs = [verdict.into()].into_iter().chain(revise.map(Job::from)).collect();
    Effects { jobs, ..Effects::default() }
}

/// Acts on an issue only if a person opened, edited or labelled it. The job checks the label,
/// because the name of the label is in the settings.
fn of_issue(repository: Repository, issue: &IssueEvent, envelope: &Envelope) -> Effects {
    if !envelope.sender.is_user() || issue.labels.is_empty() {
        return Effects::default();
    }
    let target = Target { repository, number: issue.number };
    let (by, labels) = (envelope.sender.clone(), issue.labels.clone());
    let job = job::Request { target, by, labels };
    Effects { jobs: vec![job.into()], ..Effects::default() }
}

/// Acts on a comment only if a person has just created it and it contains a command.
fn of_comment(repository: Repository, comment: &CommentEvent, delivery: &DeliveryId) -> Effects {
    let is_ours = comment.action == CommentAction::Created
        && comment.author.is_user()
        && !command::parse(&comment.body).is_empty();
    if !is_ours {
        return Effects::default();
    }
    let target = Target { repository, number: comment.number };
    let asked = Invocation {
        by: comment.author.clone(),
        comment: comment.comment,
        nth: 0,
        at: comment.created_at,
        by_mail: false,
    };
    let job = job::Acknowledge {
        target,
        asked,
        delivery: delivery.clone(),
        comment: comment.body.clone(),
        node_id: Some(comment.node_id.clone()),
        on_pull_request: comment.on_pull_request,
    };
    let carries_out = Some(comment.comment);
    Effects { jobs: vec![job.into()], carries_out, ..Effects::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actor::{Actor, ActorKind},
        names::{InstallationId, Login, RepoName, RepositoryId, Sha, UserId},
        pull_request::{ReviewId, ReviewState},
    };

    const APP: AppId = AppId(7);

    fn actor(kind: ActorKind) -> Actor {
        Actor { id: UserId(1), login: Login::parse("alice").unwrap(), kind }
    }

    fn envelope(event: Event) -> Envelope {
        Envelope {
            installation: Some(InstallationId(3)),
            repository: Some(RepositoryId(2)),
            repo: Some(RepoName::parse("acme/infra").unwrap()),
            sender: actor(ActorKind::User),
            via_app: None,
            event,
        }
    }

    fn effects_of(envelope: &Envelope) -> Effects {
        effects(envelope, &DeliveryId::parse("d-1").unwrap(), APP)
    }

    fn pull_request(action: PullRequestAction) -> Envelope {
        envelope(Event::PullRequest {
            number: PrNumber(5),
            author: actor(ActorKind::User),
            head: Sha::parse("a".repeat(40)).unwrap(),
            action,
        })
    }

    fn comment(body: &str) -> CommentEvent {
        CommentEvent {
            number: PrNumber(5),
            on_pull_request: true,
            comment: CommentId(9),
            node_id: "IC_9".into(),
            author: actor(ActorKind::User),
            body: body.into(),
            created_at: jiff::Timestamp::UNIX_EPOCH,
            action: CommentAction::Created,
        }
    }

    #[test]
    fn new_content_is_planned_and_supersedes_what_runs() {
        for action in [
            PullRequestAction::Opened,
            PullRequestAction::Reopened,
            PullRequestAction::Retargeted { from: "dev".into() },
        ] {
            let effects = effects_of(&pull_request(action));
            assert!(matches!(effects.jobs[..], [Job::Plan(job::Plan { asked: None, .. })]));
            assert_eq!(effects.supersedes, Some(PrNumber(5)));
        }
    }

    #[test]
    fn who_moved_the_head_is_remembered_also_where_the_push_itself_is_not_heard() {
        let sha = |digit: &str| Sha::parse(digit.repeat(40)).unwrap();
        let action = PullRequestAction::Pushed { before: sha("a"), after: sha("b") };
        let push = effects_of(&pull_request(action)).push.unwrap();
        assert_eq!((push.git_ref.as_str(), push.after), ("refs/pull/5/head", Some(sha("b"))));
    }

    #[test]
    fn a_merge_applies_and_a_mere_close_releases() {
        let merged = effects_of(&pull_request(PullRequestAction::Closed { merged: true }));
        assert!(matches!(merged.jobs[..], [Job::Apply(job::Apply { asked: None, .. })]));
        let closed = effects_of(&pull_request(PullRequestAction::Closed { merged: false }));
        assert!(matches!(closed.jobs[..], [Job::Release(_)]));
    }

    fn review(state: ReviewState, by: ActorKind, body: &str) -> Effects {
        effects_of(&envelope(Event::Review(ReviewEvent {
            number: PrNumber(5),
            review: ReviewId(4),
            by: actor(by),
            action: ReviewAction::Submitted,
            state,
            body: body.into(),
            head: None,
            pull_request_head: Sha::parse("a".repeat(40)).unwrap(),
            at: None,
        })))
    }

    #[test]
    fn a_review_asks_for_a_new_verdict_and_one_with_wishes_for_a_revision() {
        use ReviewState::{Approved, ChangesRequested, Commented};
        let effects = review(Approved, ActorKind::User, "Fine.");
        assert!(matches!(
            effects.jobs[..],
            [Job::Verdict(job::Verdict { review: Some(ReviewId(4)), .. })]
        ));
        let effects = review(ChangesRequested, ActorKind::User, "Make it larger.");
        assert!(
            matches!(&effects.jobs[..], [Job::Verdict(_), Job::Revise(job::Revise { text, review: ReviewId(4), .. })]
                if text == "Make it larger.")
        );
        let mail = "Make it larger.\n\nOn Sunday, Alice wrote:\n\nMake it smaller.";
        let effects = review(ChangesRequested, ActorKind::User, mail);
        assert!(
            matches!(&effects.jobs[1], Job::Revise(revise) if revise.text == "Make it larger.\n\n")
        );
        for (state, by, body) in [
            (Commented, ActorKind::User, "Make it larger."),
            (ChangesRequested, ActorKind::User, " "),
            (ChangesRequested, ActorKind::User, "\n-- \nMake it larger."),
            (ChangesRequested, ActorKind::Bot, "Make it larger."),
        ] {
            assert_eq!(review(state, by, body).jobs.len(), 1, "{state:?} {by:?} {body}");
        }
    }

    #[test]
    fn a_command_is_acknowledged_under_a_key_of_its_own() {
        let effects = effects_of(&envelope(Event::Comment(comment("/infra plan"))));
        assert_eq!(effects.jobs[0].lane().to_string(), "ack/d-1");
        assert_eq!(effects.carries_out, Some(CommentId(9)), "so that it happens once");
    }

    #[test]
    fn talk_edits_bots_and_our_own_comments_cause_nothing() {
        let nothing = Effects::default();
        assert_eq!(effects_of(&envelope(Event::Comment(comment("looks good")))), nothing);
        assert_eq!(effects_of(&envelope(Event::Comment(comment("> /infra plan")))), nothing);
        let mail = comment("No.\n\nOn Sunday, Alice wrote:\n\n/infra plan");
        assert_eq!(effects_of(&envelope(Event::Comment(mail))), nothing);
        let edited = CommentEvent { action: CommentAction::Edited, ..comment("/infra plan") };
        assert_eq!(effects_of(&envelope(Event::Comment(edited))), nothing);
        let bot = CommentEvent { author: actor(ActorKind::Bot), ..comment("/infra plan") };
        assert_eq!(effects_of(&envelope(Event::Comment(bot))), nothing);
        let ours = envelope(Event::Comment(comment("/infra plan")));
        assert_eq!(effects_of(&Envelope { via_app: Some(APP), ..ours }), nothing);
    }

    #[test]
    fn an_issue_with_a_label_is_looked_at_for_whoever_put_it_before_us() {
        let issue = |labels: &[&str]| {
            let labels = labels.iter().map(|label| (*label).to_owned()).collect();
            envelope(Event::Issue(IssueEvent { number: PrNumber(5), labels }))
        };
        let asked = effects_of(&issue(&["bug", "infra"]));
        assert!(matches!(&asked.jobs[..], [Job::Request(job::Request { by, labels, .. })]
                if by.id == UserId(1) && *labels == ["bug", "infra"]));
        assert_eq!(effects_of(&issue(&[])), Effects::default());
        let of_a_bot = Envelope { sender: actor(ActorKind::Bot), ..issue(&["infra"]) };
        assert_eq!(effects_of(&of_a_bot), Effects::default());
    }

    #[test]
    fn other_settings_on_the_default_branch_have_what_is_open_judged_anew() {
        let push = |changes_settings| {
            effects_of(&envelope(Event::Push(Push {
                git_ref: "refs/heads/main".into(),
                before: None,
                after: None,
                forced: false,
                commits: Vec::new(),
                changes_settings,
            })))
        };
        assert_eq!(push(true).rejudges.unwrap().id, RepositoryId(2));
        assert_eq!(push(true).supersedes, None, "what runs goes on");
        assert_eq!(push(false).rejudges, None);
    }

    #[test]
    fn an_event_of_no_repository_of_ours_causes_nothing() {
        let foreign = pull_request(PullRequestAction::Opened);
        assert_eq!(effects_of(&Envelope { installation: None, ..foreign }), Effects::default());
    }
}
