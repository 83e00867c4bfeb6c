//! What the code of a package must not contain, and what is said of the rest.

use super::{
    code::{MAIN, of_stack, own_package, package_that_runs, package_with, stack_of},
    trust::{counted, refused},
};
use crate::support::{
    bot::{Setup, Story, borrowed},
    starts::Starts,
};

#[tokio::test]
async fn a_module_from_elsewhere_is_refused_at_its_line() {
    let text = "\nmodule \"x\" {\n  source = \"git::https://git.example/x.git\"\n}\n";
    let files = stack_of(&package_with(text), "Hello");
    let main = &files.iter().find(|(path, _)| path == MAIN).unwrap().1;
    let line = main.lines().position(|line| line.contains("git::")).unwrap() as u64 + 1;
    refused(&files, (MAIN, line), "is not a folder within `modules/greeting/cards`").await;
}

#[tokio::test]
async fn what_code_does_beside_the_plan_is_said_with_it() {
    let (story, _starts) = counted(&own_package()).await;
    let mut package = package_that_runs("true");
    let main = package.iter_mut().find(|(path, _)| path == MAIN).unwrap();
    main.1.push_str("\nlocals {\n  passwords = file(\"/etc/hostname\")\n}\n");
    let pr = story.open(&story.alice, "package", &borrowed(&stack_of(&package, "Hello")));
    story.settle().await;
    println!("{}", story.report(pr));
    // Who decides whether the code is planned reads it first, with the code and with the stack.
    assert_eq!(story.report(pr).matches("the provisioner `local-exec`").count(), 2);
    story
        .assert_says(pr, "the provisioner `local-exec` acts during an apply, with its credentials");
    story.say(&story.bob, pr, "/infra plan").await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "| `hello` | 2 to add | commands |");
    story
        .assert_says(pr, "the provisioner `local-exec` acts during an apply, with its credentials");
    story.assert_says(pr, "`file()` may read a file that is not in the module");
    story.finish().await;
}

#[tokio::test]
async fn a_plan_that_can_never_repeat_is_refused_at_its_line() {
    let text = "\nresource \"terraform_data\" \"now\" {\n  input = plantimestamp()\n}\n";
    let files = stack_of(&package_with(text), "Hello");
    let main = &files.iter().find(|(path, _)| path == MAIN).unwrap().1;
    let line = main.lines().position(|line| line.contains("plantimestamp")).unwrap() as u64 + 1;
    refused(&files, (MAIN, line), "another value in every plan").await;
}

/// Writes another state for each plan that is made.
const MOVING_STATE: &str = r#"
if [ "$1" = plan ]; then
  echo x >> "$kept/plans"
  printf '{"version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "other", "resources": [],
    "outputs": {"n": {"type": "string", "value": "%s"}}}' "$(wc -l < "$kept/plans" | tr -d " ")" > "$kept/other.tfstate"
fi
"#;

#[tokio::test]
async fn a_plan_that_does_not_repeat_is_said_before_the_merge() {
    let starts = Starts::with(MOVING_STATE);
    let package = package_with(&format!(
        "\ndata \"terraform_remote_state\" \"other\" {{\n  backend = \"local\"\n  config = {{ path = \"{}\" \
         }}\n}}\n\nresource \"terraform_data\" \"copy\" {{\n  input = \
         data.terraform_remote_state.other.outputs.n\n}}\n",
        starts.dir().join("other.tfstate").display()
    ));
    let files = borrowed(&package);
    let setup = Setup { files: &files, engine: Some(starts.engine.clone()), ..Setup::default() };
    let story = Story::with(setup).await;
    let pr = story.open(&story.alice, "stack", &borrowed(&of_stack(&stack_of(&package, "Hello"))));
    story.settle().await;
    println!("{}", story.report(pr));
    assert_eq!(starts.count("plan"), 2);
    story.assert_says(
        pr,
        "the data source `terraform_remote_state` reads the state of something else",
    );
    story.assert_says(pr, "it differs in `module.greeting.terraform_data.copy`");
    story.finish().await;
}
