//! A plan needs the same number of calls to GitHub for one stack as for a hundred.

use planwright_fakehub::Kind;

use crate::support::{
    bot::{Setup, Story, borrowed, hello},
    starts::Starts,
};

/// REST and GraphQL calls from opening a pull request of `stacks` stacks to its plan.
async fn calls_to_plan(stacks: usize, starts: &Starts) -> Vec<String> {
    let setup = Setup { engine: Some(starts.engine.clone()), ..Setup::default() };
    let story = Story::with(setup).await;
    let files: Vec<(String, String)> =
        (0..stacks).flat_map(|i| hello(&format!("hello-{i}"), "Hello")).collect();
    story.settle().await;
    let before = story.hub.calls().len();
    let pr = story.open(&story.alice, "hello", &borrowed(&files));
    story.settle().await;
    assert!(story.report(pr).contains(&format!("{} to add", 2 * stacks)), "{}", story.report(pr));
    assert_eq!(story.conclusion(pr), "action_required");
    assert_eq!(starts.count("plan"), stacks);
    let calls = story.hub.calls().split_off(before);
    let counted = calls.into_iter().filter(|call| matches!(call.kind, Kind::Rest | Kind::Graphql));
    let operations = counted.map(|call| call.operation).collect();
    story.finish().await;
    operations
}

#[tokio::test]
async fn a_plan_of_1_20_and_100_stacks_costs_the_same_few_calls() {
    let starts = Starts::repeating();
    let one = calls_to_plan(1, &starts).await;
    let twenty = calls_to_plan(20, &starts).await;
    let hundred = calls_to_plan(100, &starts).await;
    println!("calls to GitHub from opening to plan: {} {one:#?}", one.len());
    assert_eq!(one, twenty);
    assert_eq!(one, hundred);
    assert!(one.len() <= 6, "{one:#?}");
}
