//! Removed stacks are planned from the base, approved, and destroyed. Renamed stacks and protected
//! slots are refused.

use planwright_fakehub::Edit;

use super::package::{Package, stack_of};
use crate::support::{
    bot::{CONFIG, REPO, Setup, Story, borrowed, edit, hello},
    world::Watched,
};

fn without(stack: &str) -> Edit {
    Edit::new("Remove a stack")
        .delete(format!("stacks/{stack}/stack.yaml"))
        .delete(format!("stacks/{stack}/stack.lock.json"))
}

#[tokio::test]
async fn a_removed_stack_is_destroyed_after_an_approval_and_verified() {
    let watched = Watched::new();
    let engine = Some(watched.program());
    let story = Story::with(Setup { engine, ..Setup::default() }).await;
    story.applied("hello", &hello("hello", "Hello")).await;
    story.alice.push(REPO, "remove", &without("hello")).unwrap();
    let pr = story.alice.open_pull(REPO, "remove", "No more greetings").unwrap();
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "2 to destroy");
    story.assert_says(pr, "2 resources are deleted or replaced");
    assert_eq!((watched.count("apply"), story.recorded("hello")), (1, 2));

    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    story.merge(&story.bob, pr);
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "Applied and verified");
    story.assert_says(pr, "2 destroyed");
    assert_eq!((watched.count("apply"), story.recorded("hello")), (2, 0));
    let (answer, _) = story.say(&story.bob, pr, "/infra drift hello").await;
    assert!(answer.contains("There is no stack `hello`"), "{answer}");

    // The name is free again.
    story.applied("again", &hello("hello", "Back")).await;
    assert_eq!(story.output("hello", "message"), "Back");
    story.finish().await;
}

#[tokio::test]
async fn the_state_of_a_removed_stack_goes_to_no_other_one() {
    let watched = Watched::new();
    let engine = Some(watched.program());
    let story = Story::with(Setup { engine, ..Setup::default() }).await;
    story.applied("old", &hello("old", "Hello")).await;
    story.applied("new", &hello("new", "Hello")).await;
    let approved = story.approved("greet", &hello("new", "Moin")).await;
    // Past every pull request, so that its resources are still there.
    story.carol.push(REPO, "main", &without("old")).unwrap();
    story.settle().await;
    let (plans, applies) = (watched.count("plan"), watched.count("apply"));
    let taking = |stack: &str, greeting: &str| {
        let mut files = hello(stack, greeting);
        let lock = files.iter_mut().find(|(path, _)| path.ends_with("lock.json")).unwrap();
        lock.1 = lock.1.replace(&format!("\"state_key\": \"{stack}\""), "\"state_key\": \"old\"");
        files
    };
    let pr = story.open(&story.alice, "take", &borrowed(&taking("other", "Mine")));
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "the state `old` was first used by the stack `old` and stays with it");
    assert_eq!((story.conclusion(pr).as_str(), watched.count("plan")), ("failure", plans));

    // Behind an approval.
    story.carol.push(REPO, "main", &edit(&borrowed(&taking("new", "Hello")))).unwrap();
    story.settle().await;
    story.merge(&story.bob, approved);
    story.settle().await;
    println!("{}", story.report(approved));
    story.assert_says(
        approved,
        "the state `old` was first used by the stack `old` and stays with it",
    );
    assert_eq!((watched.count("plan"), watched.count("apply")), (plans, applies));
    story.finish().await;
}

#[tokio::test]
async fn a_renamed_stack_is_refused_and_told_how_to_do_it() {
    let watched = Watched::new();
    let engine = Some(watched.program());
    let story = Story::with(Setup { engine, ..Setup::default() }).await;
    story.applied("old", &hello("old", "Hello")).await;
    let lock = story.hub.file(REPO, "main", "stacks/old/stack.lock.json").unwrap().unwrap();
    let text = story.hub.file(REPO, "main", "stacks/old/stack.yaml").unwrap().unwrap();
    let renamed = without("old")
        .write("stacks/new/stack.yaml", text)
        .write("stacks/new/stack.lock.json", lock);
    let plans = watched.count("plan");
    story.alice.push(REPO, "rename", &renamed).unwrap();
    let pr = story.alice.open_pull(REPO, "rename", "A better name").unwrap();
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "Keep the old name");
    assert_eq!(story.conclusion(pr), "failure");
    assert_eq!(watched.count("plan"), plans);

    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "failure");
    story.merge(&story.bob, pr);
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "what is listed below cannot be");
    assert!(!story.report(pr).contains("--plan"), "{}", story.report(pr));
    assert_eq!((watched.count("apply"), story.recorded("old")), (1, 2));
    story.finish().await;
}

#[tokio::test]
async fn who_may_approve_their_own_change_may_allow_in_it_too() {
    let package = Package { protect: true, ..Package::default() };
    let files = package.files();
    let config = CONFIG.replace("self: false", "self: true");
    let setup = Setup { files: &borrowed(&files), config: &config, ..Setup::default() };
    let story = Story::with(setup).await;
    story.applied("kept", &stack_of(&package, "kept", "Hello")).await;
    story.alice.push(REPO, "remove", &without("kept")).unwrap();
    let pr = story.alice.open_pull(REPO, "remove", "No more").unwrap();
    story.settle().await;
    story.bob.approve(REPO, pr).unwrap();
    let both = "module.main.terraform_data.first module.main.terraform_data.second";
    let (answer, reactions) =
        story.say(&story.alice, pr, &format!("/infra allow kept {both}")).await;
    assert_eq!((answer.as_str(), reactions.last().unwrap().as_str()), ("", "rocket"));
    story.assert_says(pr, "allowed by `alice`");
    assert_eq!(story.conclusion(pr), "success", "{}", story.report(pr));
    story.finish().await;
}

#[tokio::test]
async fn what_is_protected_goes_only_when_someone_who_may_names_it() {
    let watched = Watched::new();
    let engine = Some(watched.program());
    let package = Package { protect: true, ..Package::default() };
    let files = package.files();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let story = Story::with(Setup { engine, files: &files, ..Setup::default() }).await;
    story.applied("kept", &stack_of(&package, "kept", "Hello")).await;
    story.alice.push(REPO, "remove", &without("kept")).unwrap();
    let pr = story.alice.open_pull(REPO, "remove", "No more").unwrap();
    story.settle().await;
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "nobody has allowed it");
    assert_eq!(story.conclusion(pr), "action_required");

    let address = "module.main.terraform_data.first";
    for (person, command, refusal) in [
        (&story.alice, format!("/infra allow kept {address}"), "opened the pull request"),
        (&story.eve, format!("/infra allow kept {address}"), "write access"),
        (&story.bob, "/infra allow kept module.main.terraform_data.other".into(), "no resource of"),
        (&story.bob, format!("/infra allow other {address}"), "does not affect `other`"),
    ] {
        let (answer, reactions) = story.say(person, pr, &command).await;
        println!("{answer}");
        assert!(answer.contains(refusal), "{command}: {answer}");
        assert_eq!(reactions.last().unwrap(), "confused");
        assert_eq!(story.conclusion(pr), "action_required", "{command}");
    }
    // Merged all the same, it waits.
    let command = format!("/infra allow kept {address} module.main.terraform_data.second");
    let (answer, reactions) = story.say(&story.carol, pr, &command).await;
    assert_eq!((answer.as_str(), reactions.last().unwrap().as_str()), ("", "rocket"));
    println!("{}", story.report(pr));
    story.assert_says(pr, "allowed by `carol`");
    assert_eq!(story.conclusion(pr), "success");
    assert_eq!(watched.count("apply"), 1);
    story.merge(&story.bob, pr);
    story.settle().await;
    story.assert_says(pr, "Applied and verified");
    assert_eq!(story.recorded("kept"), 0);
    story.finish().await;
}
