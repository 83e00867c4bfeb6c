//! A merged change is applied only if it is what was approved.

use planwright::worker;
use planwright_fakehub::{Edit, MergeMethod, Person};

use crate::support::{
    bot::{REPO, Setup, Story, borrowed, edit, locked},
    world::Watched,
};

/// A stack of `hello` whose greeting and audience stand apart, so that two changes of it merge.
pub fn card(stack: &str, greeting: &str, audience: &str) -> Vec<(String, String)> {
    let text = format!(
        "apiVersion: planwright.dev/v1\nkind: Stack\npackage: hello\nversion: \"^0.1\"\nparams:\n  \
         greeting: {greeting}\n  # Who is greeted is decided\n  # by those who know them,\n  # and \
         not by those who write cards.\n  audience: [{audience}]\n"
    );
    locked(stack, &text)
}

impl Story {
    /// Alice opens, Bob approves; nothing is merged yet.
    pub async fn approved(&self, branch: &str, files: &[(String, String)]) -> i64 {
        let pr = self.open(&self.alice, branch, &borrowed(files));
        self.settle().await;
        self.bob.approve(REPO, pr).unwrap();
        self.settle().await;
        assert_eq!(self.conclusion(pr), "success", "{}", self.report(pr));
        pr
    }

    /// Opened, approved, merged and applied.
    pub async fn applied(&self, branch: &str, files: &[(String, String)]) -> i64 {
        let pr = self.approved(branch, files).await;
        self.merge(&self.bob, pr);
        self.settle().await;
        self.assert_says(pr, "Applied and verified");
        pr
    }

    pub fn assert_says(&self, pr: i64, words: &str) {
        let report = self.report(pr);
        assert!(report.contains(words), "{words:?} is missing:\n{report}");
    }

    /// Comments, lets everything happen, and returns the bot's answer and its reactions.
    pub async fn say(&self, person: &Person, pr: i64, text: &str) -> (String, Vec<String>) {
        let comment = person.comment(REPO, pr, text).unwrap();
        self.settle().await;
        self.answer(pr, comment)
    }

    /// Answers by mail, lets everything happen, and returns the bot's answer and its reactions.
    pub async fn say_by_mail(&self, person: &Person, pr: i64, text: &str) -> (String, Vec<String>) {
        let comment = person.mail(REPO, pr, text).unwrap();
        self.settle().await;
        self.answer(pr, comment)
    }

    /// The same while something else still runs: nothing that waits is brought forward.
    pub async fn hear(&self, person: &Person, pr: i64, text: &str) -> (String, Vec<String>) {
        let comment = person.comment(REPO, pr, text).unwrap();
        self.work().await;
        self.answer(pr, comment)
    }

    /// Works on what is due now.
    pub async fn work(&self) {
        self.hub.idle().await;
        worker::run_until_idle(self.app()).await.unwrap();
        self.hub.idle().await;
    }

    /// Returns the bot's answer to a comment and its reactions.
    pub fn answer(&self, pr: i64, comment: i64) -> (String, Vec<String>) {
        let comments = self.hub.comments(REPO, pr).unwrap();
        let said = comments.iter().find(|it| it.id == comment).unwrap();
        let reactions = said.reactions.iter().map(|(_, content)| content.clone()).collect();
        let marker = format!("<!-- planwright:reply:{comment} -->");
        let answer = comments.iter().find(|it| it.body.starts_with(&marker));
        (answer.map_or(String::new(), |it| it.body.clone()), reactions)
    }

    /// When the report was edited last.
    pub fn told_at(&self, pr: i64) -> jiff::Timestamp {
        self.bot_comments(pr).into_iter().map(|comment| comment.updated_at).max().unwrap()
    }

    /// The digest that the report asks people to confirm.
    pub fn digest_to_confirm(&self, pr: i64) -> String {
        let report = self.report(pr);
        let (_, rest) = report.split_once("/infra apply --plan ").expect(&report);
        rest.split('`').next().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_change_is_applied_however_it_is_merged() {
    let watched = Watched::new();
    let engine = Some(watched.program());
    let story = Story::with(Setup { engine, ..Setup::default() }).await;
    for (n, method) in
        [MergeMethod::Merge, MergeMethod::Squash, MergeMethod::Rebase].into_iter().enumerate()
    {
        let greeting = format!("Hello{n}");
        let branch = format!("greet-{n}");
        let pr = story.approved(&branch, &card("hello", &greeting, "world")).await;
        story.carol.push(REPO, "main", &Edit::new("Notes").write("notes.md", &*greeting)).unwrap();
        story.bob.merge(REPO, pr, method).unwrap();
        story.settle().await;
        story.assert_says(pr, "Applied and verified");
        assert_eq!(story.output("hello", "message"), greeting);
    }
    assert_eq!(watched.count("apply"), 3);
    story.finish().await;
}

#[tokio::test]
async fn what_differs_after_the_merge_is_shown_and_waits_for_someone_who_may() {
    let watched = Watched::new();
    let engine = Some(watched.program());
    let story = Story::with(Setup { engine, ..Setup::default() }).await;
    story.applied("first", &card("hello", "Hello", "world")).await;
    let pr = story.approved("greeting", &card("hello", "Goodbye", "world")).await;
    let approved = story.report(pr);
    // The base moves: one more is greeted, so the merge makes two cards where one was approved.
    story
        .carol
        .push(REPO, "main", &edit(&borrowed(&card("hello", "Hello", "world, moon"))))
        .unwrap();
    story.merge(&story.bob, pr);
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "**not applied**");
    story.assert_says(pr, "Would happen now, and was not approved");
    story.assert_says(pr, "terraform_data.card[\"moon\"]");
    assert_eq!((watched.count("apply"), story.output("hello", "message")), (1, "Hello".into()));
    let digest = story.digest_to_confirm(pr);
    assert!(!approved.contains(&digest), "{digest}");

    for (person, command, refusal) in [
        (&story.alice, format!("/infra apply --plan {digest}"), "opened the pull request"),
        (&story.bob, "/infra apply --plan v1:0123456789ab".into(), "is not the plan at hand"),
        (&story.bob, "/infra apply".into(), "name its digest"),
        (&story.eve, format!("/infra apply --plan {digest}"), "write access"),
    ] {
        let (answer, reactions) = story.say(person, pr, &command).await;
        println!("{command}: {answer}");
        assert!(answer.contains(refusal), "{command}: {answer}");
        assert_eq!(reactions.last().unwrap(), "confused", "{command}");
        assert_eq!(watched.count("apply"), 1, "{command}");
    }
    story.assert_says(pr, &digest);

    let (answer, reactions) =
        story.say(&story.bob, pr, &format!("/infra apply --plan {digest}")).await;
    assert_eq!((answer.as_str(), reactions), ("", vec!["eyes".into(), "rocket".into()]));
    println!("{}", story.report(pr));
    story.assert_says(pr, "Applied and verified");
    assert_eq!(story.output("hello", "message"), "Goodbye");
    let (answer, _) = story.say(&story.bob, pr, &format!("/infra apply --plan {digest}")).await;
    assert!(answer.contains("nothing to retry"), "{answer}");
    assert_eq!(watched.count("apply"), 2);
    story.finish().await;
}

#[tokio::test]
async fn nothing_is_applied_before_the_merge_nor_without_an_approval() {
    let watched = Watched::new();
    let engine = Some(watched.program());
    let story = Story::with(Setup { engine, ..Setup::default() }).await;
    let pr = story.open(&story.alice, "hello", &borrowed(&card("hello", "Hello", "world")));
    story.settle().await;
    let (answer, _) = story.say(&story.bob, pr, "/infra apply").await;
    assert!(answer.contains("not merged"), "{answer}");

    story.merge(&story.carol, pr);
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "**not applied**");
    assert_eq!((watched.count("apply"), story.state("hello")), (0, None));

    let digest = story.digest_to_confirm(pr);
    story.say(&story.bob, pr, &format!("/infra apply --plan {digest}")).await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "Applied and verified");
    assert_eq!(story.output("hello", "message"), "Hello");
    story.finish().await;
}

#[tokio::test]
async fn what_is_merged_before_it_was_planned_is_planned_then_and_waits_for_a_confirmation() {
    for method in [MergeMethod::Merge, MergeMethod::Squash] {
        let watched = Watched::new();
        let engine = Some(watched.program());
        let story = Story::with(Setup { engine, ..Setup::default() }).await;
        story.hub.hold_webhooks();
        let pr = story.open(&story.alice, "hello", &borrowed(&card("hello", "Hello", "world")));
        story.bob.approve(REPO, pr).unwrap();
        story.carol.push(REPO, "main", &Edit::new("Notes").write("notes.md", "x")).unwrap();
        story.bob.merge(REPO, pr, method).unwrap();
        story.hub.release_webhooks();
        story.settle().await;
        println!("{}", story.report(pr));
        story.assert_says(pr, "**not applied**");
        story.assert_says(pr, "2 to add");
        assert_eq!((watched.count("apply"), story.state("hello")), (0, None));
        let digest = story.digest_to_confirm(pr);
        story.say(&story.bob, pr, &format!("/infra apply --plan {digest}")).await;
        story.assert_says(pr, "Applied and verified");
        assert_eq!(story.output("hello", "message"), "Hello");
        story.finish().await;
    }
}

#[tokio::test]
async fn a_head_that_no_longer_touches_a_stack_says_so_and_applies_nothing() {
    let watched = Watched::new();
    let engine = Some(watched.program());
    let story = Story::with(Setup { engine, ..Setup::default() }).await;
    let pr = story.approved("hello", &card("hello", "Hello", "world")).await;
    let back = Edit::new("Take it back")
        .delete("stacks/hello/stack.yaml")
        .delete("stacks/hello/stack.lock.json")
        .write("notes.md", "never mind");
    story.alice.push(REPO, "hello", &back).unwrap();
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "No stack is affected");
    assert_eq!(story.conclusion(pr), "success");
    story.merge(&story.bob, pr);
    story.settle().await;
    story.assert_says(pr, "No stack is affected");
    assert_eq!((watched.count("apply"), story.state("hello")), (0, None));
    story.finish().await;
}
