//! Which code runs: what came with the binary, and what was approved by the digest of its content.

use planwright_core::names::StackId;
use planwright_package::{files::MemoryFiles, lock::Lock, stack::Stack};

use super::trust::counted;
use crate::support::{
    bot::{CONFIG, REPO, Setup, Story, borrowed, edit},
    starts::Starts,
};

/// The package `hello` as a folder of the repository.
pub fn own_package() -> Vec<(String, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("packages/hello");
    let files = [
        "package.yaml",
        "params.schema.json",
        "modules/greeting/cards/main.tf",
        "modules/greeting/cards/variables.tf",
        "modules/greeting/cards/outputs.tf",
        "modules/greeting/cards/variant.yaml",
    ];
    let read = |file: &str| {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        (format!("packages/hello/{file}"), text)
    };
    files.map(read).into()
}

/// `files` with a stack of the package among them, locked on its bytes.
pub fn stack_of(files: &[(String, String)], greeting: &str) -> Vec<(String, String)> {
    let path = "stacks/hello/stack.yaml".to_owned();
    let text = format!(
        "apiVersion: planwright.dev/v1\nkind: Stack\npackage: packages/hello\nversion: \"^0.1\"\nparams:\n  greeting: {greeting}\n"
    );
    let mut files = [files, &[(path, text)]].concat();
    let tree: MemoryFiles = files.iter().cloned().collect();
    let stack = Stack::read(&tree, &StackId::parse("hello").unwrap()).unwrap();
    let package = stack.source.package(&tree, &stack.source_place).unwrap();
    let lock = Lock::new(&stack, &package, None).unwrap().bytes();
    files.push(("stacks/hello/stack.lock.json".into(), String::from_utf8(lock).unwrap()));
    files
}

fn changed_package() -> Vec<(String, String)> {
    let mut package = own_package();
    package[2].1.push_str("\nresource \"terraform_data\" \"stranger\" {}\n");
    package
}

#[tokio::test]
async fn changed_bytes_of_a_package_are_validated_and_planned_only_when_a_maintainer_asks() {
    let (story, starts) = counted(&stack_of(&own_package(), "Hello")).await;
    let files = stack_of(&changed_package(), "Hello");
    let pr = story.open(&story.alice, "package", &borrowed(&files));
    story.settle().await;
    println!("{}", story.report(pr));
    assert_eq!(starts.take(), Vec::<String>::new());
    let report = story.report(pr);
    assert!(
        report.contains("the package `packages/hello` is code that nobody has approved yet"),
        "{report}"
    );
    assert_ne!(story.conclusion(pr), "success");
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_ne!(story.conclusion(pr), "success", "what was not planned cannot be approved");

    story.bob.comment(REPO, pr, "/infra plan").unwrap();
    story.settle().await;
    assert_eq!(starts.count("plan"), 1);
    assert!(story.report(pr).contains("terraform_data.stranger"), "{}", story.report(pr));
    story.finish().await;
}

#[tokio::test]
async fn who_changes_the_bytes_of_a_package_does_not_have_them_run() {
    for is_allowed in [false, true] {
        let starts = Starts::new();
        let files = stack_of(&own_package(), "Hello");
        let config = CONFIG.replace("self: false", &format!("self: {is_allowed}"));
        let setup = Setup {
            files: &borrowed(&files),
            config: &config,
            engine: Some(starts.engine.clone()),
            ..Setup::default()
        };
        let story = Story::with(setup).await;
        let changed = stack_of(&changed_package(), "Hello");
        let pr = story.open(&story.alice, "package", &borrowed(&changed));
        story.settle().await;
        let before = (story.report(pr), story.check(pr));
        let (answer, _) = story.say(&story.alice, pr, "/infra plan").await;
        println!("{answer}");
        if is_allowed {
            assert_eq!((answer.as_str(), starts.count("plan")), ("", 1));
        } else {
            assert!(
                answer.contains("has approved the code of the package `packages/hello` yet"),
                "{answer}"
            );
            assert!(answer.contains("`alice` opened the pull request"), "{answer}");
            assert_eq!(starts.take(), Vec::<String>::new());
            let after = (story.report(pr), story.check(pr));
            assert_eq!(format!("{after:?}"), format!("{before:?}"), "a refusal changes nothing");
            story.say(&story.bob, pr, "/infra plan").await;
            assert_eq!(starts.count("plan"), 1);
        }
        story.finish().await;
    }
}

#[tokio::test]
async fn changed_code_whose_plan_is_empty_is_approved_all_the_same() {
    let (story, _starts) = counted(&own_package()).await;
    story.applied("first", &stack_of(&own_package(), "Hello")).await;
    let mut package = own_package();
    package[3].1.push_str("\n# To be looked at.\n");
    let files = stack_of(&package, "Hello");
    let pr = story.open(&story.alice, "package", &borrowed(&files));
    story.settle().await;
    story.say(&story.bob, pr, "/infra plan").await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "no changes, but other code");
    assert_eq!(story.conclusion(pr), "action_required");
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success", "{}", story.report(pr));
    story.merge(&story.bob, pr);
    story.settle().await;
    story.assert_says(pr, "Applied and verified");
    story.finish().await;
}

#[tokio::test]
async fn a_new_stack_of_a_new_package_is_validated_and_not_planned() {
    let (story, starts) = counted(&[]).await;
    let pr = story.open(&story.alice, "new", &borrowed(&stack_of(&own_package(), "Hello")));
    story.settle().await;
    let report = story.report(pr);
    println!("{report}");
    assert_eq!(starts.take(), Vec::<String>::new());
    assert!(
        report.contains("the package `packages/hello` is code that nobody has approved yet"),
        "{report}"
    );
    story.finish().await;
}

/// Where the module of the package is.
pub const MAIN: &str = "packages/hello/modules/greeting/cards/main.tf";

/// The package with `text` at the end of its module.
pub fn package_with(text: &str) -> Vec<(String, String)> {
    let mut package = own_package();
    let main = package.iter_mut().find(|(path, _)| path == MAIN).unwrap();
    main.1.push_str(text);
    package
}

/// The package, whose greeting runs `command` when it is made. No plan shows that.
pub fn package_that_runs(command: &str) -> Vec<(String, String)> {
    let mut package = own_package();
    let main = package.iter_mut().find(|(path, _)| path == MAIN).unwrap();
    let input = "  input = var.greeting\n";
    let provisioner =
        format!("\n  provisioner \"local-exec\" {{\n    command = \"{command}\"\n  }}\n");
    assert!(main.1.contains(input));
    main.1 = main.1.replace(input, &format!("{input}{provisioner}"));
    package
}

/// Those of `files` that belong to the stack.
pub fn of_stack(files: &[(String, String)]) -> Vec<(String, String)> {
    files.iter().filter(|(path, _)| path.starts_with("stacks/")).cloned().collect()
}

const HELD: &str = "the package `packages/hello` is code that nobody has approved yet";

#[tokio::test]
async fn code_that_was_merged_without_a_stack_is_not_run_by_the_next_change() {
    let (story, starts) = counted(&[]).await;
    // The repository is seen before there is a package.
    story.open(&story.carol, "docs", &[("README.md", "Hello.")]);
    story.settle().await;
    let package = story.open(&story.alice, "package", &borrowed(&own_package()));
    story.settle().await;
    println!("{}", story.report(package));
    story.assert_says(package, "- `packages/hello`: content `");
    assert_eq!(story.conclusion(package), "action_required", "code takes an approval");
    // Nothing but the check would keep her from it.
    story.merge(&story.alice, package);
    story.settle().await;
    story.assert_says(package, "although not every requirement was met");

    let files = of_stack(&stack_of(&own_package(), "Hello"));
    let pr = story.open(&story.alice, "use", &borrowed(&files));
    story.settle().await;
    println!("{}", story.report(pr));
    assert_eq!(starts.take(), Vec::<String>::new());
    story.assert_says(pr, HELD);
    assert_ne!(story.conclusion(pr), "success");
    let (answer, _) = story.say(&story.alice, pr, "/infra plan").await;
    assert!(answer.contains("`alice` opened the pull request"), "{answer}");
    assert_eq!(starts.take(), Vec::<String>::new());

    // Somebody else has a look, and approves what the plan shows.
    story.say(&story.bob, pr, "/infra plan").await;
    assert_eq!(starts.count("plan"), 1);
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    story.merge(&story.bob, pr);
    story.settle().await;
    story.assert_says(pr, "Applied and verified");

    // From then on it is approved, whoever uses it.
    let again = of_stack(&stack_of(&own_package(), "Moin"));
    let pr = story.open(&story.alice, "again", &borrowed(&again));
    story.settle().await;
    story.assert_says(pr, "Moin");
    story.finish().await;
}

#[tokio::test]
async fn code_that_was_approved_without_a_stack_runs_in_the_next_change() {
    let (story, starts) = counted(&[]).await;
    let package = story.approved("package", &own_package()).await;
    story.merge(&story.bob, package);
    story.settle().await;
    story.assert_says(package, "Merged and in force");
    assert_eq!(starts.take(), Vec::<String>::new());
    story.applied("use", &of_stack(&stack_of(&own_package(), "Hello"))).await;
    story.finish().await;
}

#[tokio::test]
async fn who_is_asked_for_reviews_changes_only_with_an_approval() {
    let story = Story::start().await;
    for file in [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"] {
        let branch = format!("owners-{}", file.len());
        let pr = story.open(&story.alice, &branch, &[(file, "* @alice\n")]);
        story.settle().await;
        assert_eq!(story.conclusion(pr), "action_required", "{file}");
        story.bob.approve(REPO, pr).unwrap();
        story.settle().await;
        assert_eq!(story.conclusion(pr), "success", "{file}");
    }
    story.finish().await;
}

#[tokio::test]
async fn a_lift_is_for_one_content_and_for_plans_only() {
    let (story, starts) = counted(&stack_of(&own_package(), "Hello")).await;
    let files = stack_of(&changed_package(), "Hello");
    let pr = story.open(&story.alice, "package", &borrowed(&files));
    story.settle().await;
    story.say(&story.bob, pr, "/infra plan").await;
    assert_eq!(starts.count("plan"), 1);
    // Another push of the same code needs no second look.
    let same = stack_of(&changed_package(), "Moin");
    story.alice.push(REPO, "package", &edit(&borrowed(&same))).unwrap();
    story.settle().await;
    story.assert_says(pr, "Moin");
    // Other code does.
    starts.take();
    let other = stack_of(&package_with("\n# Another look, please.\n"), "Moin");
    story.alice.push(REPO, "package", &edit(&borrowed(&other))).unwrap();
    story.settle().await;
    assert_eq!(starts.take(), Vec::<String>::new());
    story.assert_says(pr, HELD);
    story.finish().await;
}

#[tokio::test]
async fn other_code_that_came_by_the_merge_is_not_run() {
    let (story, starts) = counted(&stack_of(&own_package(), "Hello")).await;
    let pr = story.approved("greet", &of_stack(&stack_of(&own_package(), "Moin"))).await;
    // Carol pushes past every pull request: the plan would be the same, and the apply would not.
    let found = story.dir.path().join("found");
    let package = package_that_runs(&format!("touch {}", found.display()));
    story.carol.push(REPO, "main", &edit(&borrowed(&stack_of(&package, "Hello")))).unwrap();
    story.settle().await;
    starts.take();
    story.merge(&story.bob, pr);
    story.settle().await;
    println!("{}", story.report(pr));
    assert_eq!(starts.take(), Vec::<String>::new(), "no process sees that code");
    assert!(!found.exists());
    story.assert_says(pr, "is not the code that was approved");
    let (answer, _) = story.say(&story.bob, pr, "/infra apply").await;
    println!("{answer}");
    assert_eq!(starts.take(), Vec::<String>::new());

    // The way on: a change that shows this code, in which Carol has a part now.
    let next = of_stack(&stack_of(&package, "Servus"));
    let pr = story.open(&story.alice, "next", &borrowed(&next));
    story.settle().await;
    assert_eq!(starts.take(), Vec::<String>::new());
    story.assert_says(pr, HELD);
    let (answer, _) = story.say(&story.carol, pr, "/infra plan").await;
    assert!(answer.contains("`carol` wrote a commit of it"), "{answer}");
    assert_eq!(starts.take(), Vec::<String>::new());
    story.say(&story.bob, pr, "/infra plan").await;
    story.carol.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_ne!(story.conclusion(pr), "success", "{}", story.report(pr));
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    story.merge(&story.bob, pr);
    story.settle().await;
    story.assert_says(pr, "Applied and verified");
    assert!(found.exists());
    story.finish().await;
}

/// The package, whose greeting runs `command` when it is made, and whose audience is used by that
/// command alone.
fn package_that_runs_with_its_audience(command: &str) -> Vec<(String, String)> {
    let mut package = package_that_runs(command);
    let main = package.iter_mut().find(|(path, _)| path == MAIN).unwrap();
    main.1.truncate(main.1.find("resource \"terraform_data\" \"card\"").unwrap());
    let outputs = package.iter_mut().find(|(path, _)| path.ends_with("outputs.tf")).unwrap();
    outputs.1 =
        outputs.1.replace("{ for name, card in terraform_data.card : name => card.output }", "{}");
    package
}

/// `files` with a stack of that package.
fn stack_with_audience(
    files: &[(String, String)],
    greeting: &str,
    audience: &str,
) -> Vec<(String, String)> {
    let mut files = stack_of(files, greeting);
    let text = files.iter_mut().find(|(path, _)| path.ends_with("stack.yaml")).unwrap();
    text.1.push_str(&format!(
        "  # Who is greeted,\n  # each with a card:\n  audience: [{audience}]\n"
    ));
    files
}

#[tokio::test]
async fn a_value_for_a_command_is_approved_although_its_plan_is_empty() {
    let package = package_that_runs_with_its_audience("true ${join(\",\", var.audience)}");
    let (story, _starts) = counted(&package).await;
    story.applied("first", &of_stack(&stack_with_audience(&package, "Hello", "world"))).await;
    let next = of_stack(&stack_with_audience(&package, "Hello", "mallory"));
    let pr = story.open(&story.alice, "audience", &borrowed(&next));
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "no changes, but other code or values of commands");
    assert_eq!(story.conclusion(pr), "action_required");
    story.finish().await;
}

#[tokio::test]
async fn a_value_that_no_plan_shows_is_confirmed_if_the_merge_changes_it() {
    let dir = tempfile::tempdir().unwrap();
    let found = dir.path().join("found");
    let command = format!("echo ${{join(\",\", var.audience)}} > {}", found.display());
    let package = package_that_runs_with_its_audience(&command);
    let stack = |greeting: &str, audience: &str| stack_with_audience(&package, greeting, audience);
    let (story, starts) = counted(&stack("Hello", "world")).await;
    let pr = story.approved("greet", &of_stack(&stack("Moin", "world"))).await;
    // Carol pushes past every pull request. The plan stays the same to the last byte.
    story
        .carol
        .push(REPO, "main", &edit(&borrowed(&of_stack(&stack("Hello", "mallory")))))
        .unwrap();
    story.settle().await;
    starts.take();
    story.merge(&story.bob, pr);
    story.settle().await;
    println!("{}", story.report(pr));
    assert_eq!(starts.count("apply"), 0);
    assert!(!found.exists());
    story.assert_says(pr, "`hello` is planned from other files");
    let digest = story.digest_to_confirm(pr);
    story.say(&story.bob, pr, &format!("/infra apply --plan {digest}")).await;
    story.assert_says(pr, "Applied and verified");
    assert!(!story.report(pr).contains("planned from other files"), "{}", story.report(pr));
    assert_eq!(std::fs::read_to_string(found).unwrap(), "mallory\n");
    story.finish().await;
}

#[tokio::test]
async fn code_that_was_approved_elsewhere_is_shown_before_it_is_applied() {
    let (story, starts) = counted(&stack_of(&own_package(), "Hello")).await;
    let found = story.dir.path().join("found");
    let package = package_that_runs(&format!("touch {}", found.display()));
    // The code is approved, for no stack yet: the lock of the stack names the other content.
    let pr = story.approved("greet", &of_stack(&stack_of(&own_package(), "Moin"))).await;
    let other: Vec<(String, String)> = package
        .iter()
        .map(|(path, text)| (path.replace("packages/hello", "packages/other"), text.clone()))
        .collect();
    let code = story.approved("code", &other).await;
    story.merge(&story.bob, code);
    story.settle().await;
    // Carol swaps it in behind the approved plan, which stays the same to the last byte.
    story.carol.push(REPO, "main", &edit(&borrowed(&stack_of(&package, "Hello")))).unwrap();
    story.settle().await;
    starts.take();
    story.merge(&story.bob, pr);
    story.settle().await;
    println!("{}", story.report(pr));
    assert_eq!(starts.count("apply"), 0);
    assert!(!found.exists());
    let digest = story.digest_to_confirm(pr);
    story.say(&story.bob, pr, &format!("/infra apply --plan {digest}")).await;
    story.assert_says(pr, "Applied and verified");
    assert!(found.exists());
    story.finish().await;
}

#[tokio::test]
async fn a_lift_is_for_code_that_was_shown() {
    let (story, starts) = counted(&stack_of(&own_package(), "Hello")).await;
    story.open(&story.alice, "docs", &[("README.md", "Hello.")]);
    story.settle().await;
    let push = |text: &str| {
        let files = stack_of(&package_with(text), "Hello");
        story.carol.push(REPO, "main", &edit(&borrowed(&files))).unwrap();
    };
    push("\n# One.\n");
    let stack = of_stack(&stack_of(&package_with("\n# One.\n"), "Moin"));
    let pr = story.open(&story.alice, "greet", &borrowed(&stack));
    story.settle().await;
    story.assert_says(pr, HELD);
    // What the merge makes now, nobody was shown.
    push("\n# Two.\n");
    story.say(&story.bob, pr, "/infra plan").await;
    assert_eq!(starts.take(), Vec::<String>::new());
    story.assert_says(pr, HELD);
    story.say(&story.bob, pr, "/infra plan").await;
    assert_eq!(starts.count("plan"), 1);
    story.finish().await;
}

#[tokio::test]
async fn files_that_are_no_package_yet_take_an_approval_where_packages_are() {
    let (story, starts) = counted(&[]).await;
    let file = ("packages/hello/modules/greeting/cards/evil.tf", "# Nothing to see.\n");
    let pr = story.open(&story.alice, "evil", &[file]);
    story.settle().await;
    assert_eq!(story.conclusion(pr), "action_required");
    story.assert_says(pr, "evil.tf");
    assert_eq!(starts.take(), Vec::<String>::new());
    story.finish().await;
}

#[tokio::test]
async fn another_state_than_the_one_that_was_planned_is_not_applied() {
    let (story, starts) = counted(&stack_of(&own_package(), "Hello")).await;
    story.applied("first", &of_stack(&stack_of(&own_package(), "Moin"))).await;
    let pr = story.approved("second", &of_stack(&stack_of(&own_package(), "Servus"))).await;
    // The same resources under another lineage, as after a copy of somebody else's state.
    let states = walkdir::WalkDir::new(story.dir.path().join("bot/state")).into_iter().flatten();
    let state =
        states.map(|entry| entry.into_path()).find(|path| path.ends_with("terraform.tfstate"));
    let state = state.expect("a state");
    let mut json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&state).unwrap()).unwrap();
    json["lineage"] = "00000000-1111-2222-3333-444444444444".into();
    std::fs::write(&state, serde_json::to_vec(&json).unwrap()).unwrap();
    starts.take();
    story.merge(&story.bob, pr);
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "the state is not the one that was planned and approved");
    assert_eq!(starts.count("apply"), 0);
    story.finish().await;
}
