//! Issues that ask for infrastructure by a form, and `/infra set`: both become a pull request
//! without a model.

use jiff::SignedDuration;

use planwright_fakehub::{IssueEdit, MergeMethod, Person};

use crate::support::bot::{CONFIG, REPO, Setup, Story, borrowed, edit, hello, linked};

const LABEL: &str = "planwright";

/// What GitHub makes of the form of `hello`.
pub fn form(stack: &str, greeting: &str) -> String {
    format!(
        "### package\n\nhello\n\n### stack\n\n{stack}\n\n### greeting\n\n{greeting}\n\n### audience\n\n\
         _No response_\n"
    )
}

pub fn ask(person: &Person, body: &str) -> i64 {
    person.open_labeled_issue(REPO, "Something to greet with", body, &[LABEL]).unwrap()
}

/// The one comment of the bot on an issue.
fn answer(story: &Story, issue: i64) -> String {
    let answers = story.bot_comments(issue);
    assert_eq!(answers.len(), 1, "{answers:#?}");
    answers[0].body.clone()
}

#[tokio::test]
async fn a_form_becomes_a_pull_request_that_who_asked_cannot_approve() {
    let story = Story::start().await;
    let issue = ask(&story.alice, &form("hi", "Good day"));
    story.settle().await;
    let said = answer(&story, issue);
    let pr = linked(&said);
    let pull = story.hub.pull(REPO, pr).unwrap();
    assert_eq!(pull.author, "planwright[bot]");
    assert_eq!(pull.title, "Add hi");
    assert!(pull.head_ref.starts_with(&format!("planwright/{issue}-")), "{}", pull.head_ref);
    assert!(!pull.draft, "its plan has succeeded");
    let body = pull.body.unwrap_or_default();
    assert!(body.contains("| `hi` | `greeting` | `(none)` | `\"Good day\"` |"), "{body}");
    assert!(story.report(pr).contains("2 to add"), "{}", story.report(pr));
    assert_eq!(story.conclusion(pr), "action_required");

    story.alice.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "action_required", "who asked does not approve");
    assert!(story.report(pr).contains("alice"), "{}", story.report(pr));

    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success");
    story.bob.merge(REPO, pr, MergeMethod::Merge).unwrap();
    story.settle().await;
    assert!(story.report(pr).contains("Applied"), "{}", story.report(pr));
    story.finish().await;
}

#[tokio::test]
async fn a_request_that_comes_twice_is_answered_once() {
    let mut story = Story::start().await;
    story.hub.double_webhooks(20);
    let issue = ask(&story.alice, &form("hi", "Hello"));
    story.settle().await;
    let pr = linked(&answer(&story, issue));
    story.restart().await;
    story.alice.label_issue(REPO, issue, LABEL).unwrap();
    story.settle().await;
    assert_eq!(linked(&answer(&story, issue)), pr);
    assert_eq!(story.hub.pull(REPO, pr + 1).ok().map(|pull| pull.title), None);
    story.finish().await;
}

#[tokio::test]
async fn a_field_that_is_wrong_is_named_and_mended_by_an_edit() {
    let story = Story::start().await;
    for (body, said) in [
        (form("Not A Stack", "Hello"), "`stack`: "),
        (
            form("hi", "_No response_")
                .replace("audience\n\n_No response_", "audience\n\n- a\n- a"),
            "`audience`",
        ),
        (
            form("hi", "Hello\n\n### stack\n\nother"),
            "the heading `stack` stands here again, within `greeting`",
        ),
        (
            form("hi", "Hello").replace("\n\nhello\n", "\n\naws-vpc\n"),
            "does not allow the package `aws-vpc`",
        ),
    ] {
        let issue = ask(&story.alice, &body);
        story.settle().await;
        let wrong = answer(&story, issue);
        assert!(wrong.contains(said), "{said}: {wrong}");
        assert!(story.hub.pull(REPO, issue + 1).is_err(), "no pull request");
        let body = Some(form(&format!("hi-{issue}"), "Hello"));
        story.alice.edit_issue(REPO, issue, &IssueEdit { body, title: None }).unwrap();
        story.settle().await;
        linked(&answer(&story, issue));
    }
    story.finish().await;
}

#[tokio::test]
async fn free_text_gets_the_forms_that_fit_and_whoever_may_not_write_gets_a_reason() {
    let story = Story::start().await;
    let issue = ask(&story.alice, "We need an S3 bucket for build logs.");
    story.settle().await;
    let said = answer(&story, issue);
    let link = format!("/{REPO}/issues/new?template=planwright-aws-bucket.yml");
    assert!(said.contains(&link), "{said}");

    let text = form("hi", "Hello");
    let issue = story.eve.fill_in_form(REPO, "Please", &text, &[LABEL]).unwrap();
    story.settle().await;
    let said = answer(&story, issue);
    assert!(said.contains("`eve` has no write access"), "{said}");

    let issue = story.alice.open_issue(REPO, "A bug", "It is slow.").unwrap();
    story.settle().await;
    assert_eq!(story.bot_comments(issue).len(), 0, "without the label it is none of our business");
    story.finish().await;
}

#[tokio::test]
async fn the_settings_say_which_label_asks_and_any_other_costs_nothing_at_github() {
    let config = |label: &str| format!("{CONFIG}agent:\n  label: {label}\n");
    let first = config("Infra wish");
    let story = Story::with(Setup { config: &first, ..Setup::default() }).await;
    let open = |label: &str, stack: &str| {
        story.alice.open_labeled_issue(REPO, "Please", &form(stack, "Hello"), &[label]).unwrap()
    };
    let issue = open("infra wish", "one");
    story.settle().await;
    linked(&answer(&story, issue));

    let before = story.hub.calls().len();
    for label in ["bug", LABEL] {
        let issue = open(label, "two");
        story.settle().await;
        assert_eq!(story.bot_comments(issue).len(), 0, "{label}");
    }
    let calls = story.hub.calls().split_off(before);
    assert!(calls.is_empty(), "{calls:#?}");

    let changed = edit(&[("planwright.yaml", &config("request"))]);
    story.alice.push(REPO, "main", &changed).unwrap();
    story.settle().await;
    let new = open("request", "three");
    story.settle().await;
    linked(&answer(&story, new));
    let old = open("Infra wish", "four");
    story.settle().await;
    assert_eq!(story.bot_comments(old).len(), 0);

    // A lost webhook is made up for after a while.
    story.hub.lose_webhooks(1);
    story.alice.push(REPO, "main", &edit(&[("planwright.yaml", &config("wish"))])).unwrap();
    story.hub.idle().await;
    story.pass(SignedDuration::from_hours(2));
    let late = open("wish", "five");
    story.settle().await;
    linked(&answer(&story, late));
    story.finish().await;
}

#[tokio::test]
async fn who_labels_for_another_asks_too() {
    let story = Story::start().await;
    let issue = story.eve.open_issue(REPO, "Please", &form("hi", "Hello")).unwrap();
    story.bob.label_issue(REPO, issue, LABEL).unwrap();
    story.settle().await;
    let pr = linked(&answer(&story, issue));
    assert!(story.report(pr).contains("no write access"), "the words are Eve's, too");
    story.bob.comment(REPO, pr, "/infra plan").unwrap();
    story.settle().await;
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "action_required");
    story.carol.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success", "{}", story.report(pr));
    story.finish().await;
}

#[tokio::test]
async fn a_set_is_a_commit_to_the_pull_request_and_makes_a_principal() {
    let story = Story::start().await;
    let pr = story.open(&story.alice, "hello", &borrowed(&hello("hello", "Hello")));
    story.settle().await;
    let before = story.hub.pull(REPO, pr).unwrap().head_sha;
    story
        .bob
        .comment(REPO, pr, "/infra set hello greeting=\"Good; day\" audience=[\"a\"]")
        .unwrap();
    story.settle().await;
    assert_ne!(story.hub.pull(REPO, pr).unwrap().head_sha, before);
    assert!(story.report(pr).contains("Good; day"), "{}", story.report(pr));
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "action_required", "who set it does not approve it");
    story.carol.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success");
    story.finish().await;
}

#[tokio::test]
async fn a_set_that_is_wrong_changes_nothing_and_says_why() {
    let story = Story::start().await;
    let pr = story.open(&story.alice, "hello", &borrowed(&hello("hello", "Hello")));
    story.settle().await;
    let before = story.hub.pull(REPO, pr).unwrap().head_sha;
    for (command, said) in [
        ("/infra set helo greeting=Hi", "there is no stack `helo`"),
        ("/infra set hello greting=Hi", "did you mean `greeting`"),
        ("/infra set hello greeting=Hello", "have these values already"),
    ] {
        story.bob.comment(REPO, pr, command).unwrap();
        story.settle().await;
        assert!(story.reply(pr).contains(said), "{command}: {}", story.reply(pr));
    }
    assert_eq!(story.hub.pull(REPO, pr).unwrap().head_sha, before);
    story.finish().await;
}

#[tokio::test]
async fn a_set_on_an_issue_opens_a_pull_request() {
    let story = Story::start().await;
    story.alice.push(REPO, "main", &edit(&borrowed(&hello("hello", "Hello")))).unwrap();
    let issue = story.alice.open_issue(REPO, "Friendlier", "Please.").unwrap();
    story.bob.comment(REPO, issue, "/infra set hello greeting=Welcome").unwrap();
    story.settle().await;
    let pr = linked(&story.reply(issue).replace("Opened", "opened"));
    assert_eq!(story.hub.pull(REPO, pr).unwrap().title, "Set greeting of hello");
    assert!(story.report(pr).contains("Welcome"), "{}", story.report(pr));
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "action_required");
    story.finish().await;
}

#[tokio::test]
async fn the_form_of_each_starter_package_becomes_a_pull_request() {
    let config = CONFIG.replace("aws-bucket", "aws-bucket\n  - aws-static-site");
    let story = Story::with(Setup { config: &config, ..Setup::default() }).await;
    for (package, stack, fields) in [
        ("hello", "greeting", &[("greeting", "Hello")][..]),
        ("aws-bucket", "logs", &[("name", "logs-of-acme"), ("region", "eu-central-1")]),
        ("aws-static-site", "web/prod", &[("bucket", "web-of-acme"), ("region", "eu-central-1")]),
    ] {
        let fields: String =
            fields.iter().map(|(label, value)| format!("### {label}\n\n{value}\n\n")).collect();
        let body = format!("### package\n\n{package}\n\n### stack\n\n{stack}\n\n{fields}");
        let issue = ask(&story.alice, &body);
        story.settle().await;
        let pull = story.hub.pull(REPO, linked(&answer(&story, issue))).unwrap();
        assert_eq!(pull.title, format!("Add {stack}"));
        let body = pull.body.unwrap();
        assert!(body.contains(&format!("`{package}`")), "{body}");
    }
    story.finish().await;
}

#[tokio::test]
async fn a_set_in_a_fork_is_refused() {
    let story = Story::start().await;
    let fork = story.eve.fork(REPO).unwrap();
    story.eve.push(&fork, "hello", &edit(&borrowed(&hello("hello", "Hello")))).unwrap();
    let pr = story.eve.open_pull(REPO, "eve:hello", "Say hello").unwrap();
    story.settle().await;
    let before = story.hub.pull(REPO, pr).unwrap().head_sha;
    story.bob.comment(REPO, pr, "/infra set hello greeting=Hi").unwrap();
    story.settle().await;
    assert!(story.reply(pr).contains("to which Planwright never writes"), "{}", story.reply(pr));
    assert_eq!(story.hub.pull(REPO, pr).unwrap().head_sha, before);
    story.finish().await;
}
