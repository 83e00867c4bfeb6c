//! Generated lives of stacks, of which each step is planned cold and warm. Both must give the same
//! plan, the same drift, or the same error.
//!
//! Usually this is a sample: four lives per engine with the provider of the tests, and one on
//! OpenTofu with AWS, whose provider takes seconds to start. `tests/run warm` lives all.

use std::path::Path;

use serde_json::{Value as Json, json};

use planwright_core::plan::Plan;
use planwright_engine::{Control, Mode, Planned};

use super::in_repository;
use crate::support::{
    echo::Echo,
    engine::Stack,
    moto::Moto,
    variations::{COUNT, Step, Then, Variation, World, compares_all, variation},
};

/// Which lives are lived with an engine: half of the first `most`, with wrong values and without.
fn chosen(engine: &str, most: u64) -> impl Iterator<Item = u64> {
    let all = compares_all();
    let parity = u64::from(engine == "tofu");
    (0..COUNT).filter(move |index| all || (*index < most && index.div_ceil(2) % 2 == parity))
}

#[tokio::test]
async fn lives_of_files_are_the_same_warm_and_cold() {
    let mut tally = Tally::default();
    for engine in ["terraform", "tofu"] {
        for index in chosen(engine, 8) {
            let echo = Echo::new();
            let life = variation(&World::echo(&echo), index);
            let stack = echo.warm_stack(engine, &json!({}), |_| ()).await;
            tally.add(&live(stack, &life, None).await);
        }
    }
    tally.told("planwright/echo");
}

#[tokio::test]
#[ignore = "takes minutes; `tests/run warm` plays it"]
async fn lives_of_parameters_are_the_same_warm_and_cold_with_terraform() {
    parameters("terraform").await;
}

#[tokio::test]
async fn lives_of_parameters_are_the_same_warm_and_cold_with_opentofu() {
    parameters("tofu").await;
}

async fn parameters(engine: &str) {
    // Lives of one index have the same names, so each engine has a world of its own.
    let moto = Moto::start();
    let mut tally = Tally::default();
    for index in chosen(engine, 2) {
        let life = variation(&World::Aws, index);
        let stack = aws(engine, &moto, &life.steps[0].tree).await;
        tally.add(&live(stack, &life, Some(&moto)).await);
    }
    tally.told(engine);
}

/// A stack whose provider may be kept.
async fn aws(engine: &str, moto: &Moto, tree: &Json) -> Stack {
    let mut stack = Stack::with(engine, tree, |settings| {
        settings.warm.providers = ["hashicorp/aws".to_owned()].into();
    })
    .await;
    let required = [("hashicorp/aws".to_owned(), "5.100.0".to_owned())].into();
    stack.providers =
        stack.engine.provider_locks(&stack.binary, &required, &Control::default()).await.unwrap();
    stack.env = moto.env();
    stack
}

#[derive(Default)]
struct Tally {
    lives: u64,
    plans: u64,
    refused: u64,
    /// Plans that nothing was wrong with and that were cold all the same.
    needless: Vec<String>,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.lives += 1;
        self.plans += other.plans;
        self.refused += other.refused;
        self.needless.extend(other.needless.clone());
    }

    /// Without this, every plan could have been cold.
    fn told(&self, label: &str) {
        let Self { lives, plans, refused, needless } = self;
        println!(
            "{label}: {lives} lives, {plans} plans the same, {refused} refused alike, cold again {needless:?}"
        );
        assert!(needless.is_empty(), "{needless:?}");
        assert!(*lives > 0 && *plans > 4 * lives, "{plans} plans in {lives} lives");
    }
}

async fn live(mut stack: Stack, life: &Variation, moto: Option<&Moto>) -> Tally {
    let mut tally = Tally::default();
    let (cold, warm) = (stack.dir.path().join("cold"), stack.dir.path().join("warm"));
    for (i, step) in life.steps.iter().enumerate() {
        let what = format!("{}, step {i}", life.name);
        set(&mut stack, step, moto);
        let expected = planned(&mut stack, &cold, false).await;
        let before = stack.engine.warm_status();
        let found = planned(&mut stack, &warm, true).await;
        let status = stack.engine.warm_status();
        match (&expected, &found) {
            (Ok(expected), Ok(found)) => {
                assert_eq!(found.plan.digest(), expected.plan.digest(), "{what}");
                assert_eq!(told(&found.plan), told(&expected.plan), "{what}");
                tally.plans += 1;
                if status.fallbacks > before.fallbacks {
                    tally.needless.push(format!("{what}: {:?}", status.last_fallback));
                }
            }
            (Err(expected), Err(found)) => {
                assert_eq!(found, expected, "{what}");
                tally.refused += 1;
            }
            _ => panic!("{what}: cold {expected:?}, warm {found:?}"),
        }
        match step.then {
            Then::Leave => assert!(found.is_ok(), "{what}: {found:?}"),
            Then::Refuse => assert!(found.is_err(), "{what} was not refused"),
            Then::Apply => {
                let root = stack.root(&warm);
                stack.engine.apply(&root, found.unwrap(), &Control::default()).await.unwrap();
            }
        }
    }
    println!("{}: {} plans the same, {} refused alike", life.name, tally.plans, tally.refused);
    tally
}

fn set(stack: &mut Stack, step: &Step, moto: Option<&Moto>) {
    for outside in &step.outside {
        outside.happen(moto);
    }
    stack.tree(&step.tree);
    stack.values(&step.values);
}

/// A plan, or what was said of why there is none.
async fn planned(stack: &mut Stack, dir: &Path, is_warm: bool) -> Result<Planned, String> {
    stack.warm = in_repository("one").filter(|_| is_warm);
    stack.plan_in(dir, Mode::Normal).await.map_err(|error| error.to_string())
}

/// All of a plan, drift too.
fn told(plan: &Plan) -> String {
    serde_json::to_string_pretty(plan).unwrap()
}
