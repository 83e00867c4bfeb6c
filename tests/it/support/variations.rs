//! Generated lives of stacks, in which two ways of planning have to agree.
//!
//! A life is plain data, the same for the same index. Each step says what happens behind the
//! engine's back, what the stack then is, and what is done with its plan. The tests decide who
//! plans it and how often. After the last step nothing is left to do.

use std::path::PathBuf;

use serde_json::{Map, Value as Json, json};

use super::{echo::Echo, moto::Moto};

/// The number of lives per provider, large enough that each feature occurs many times.
pub const COUNT: u64 = 50;

/// Whether everything is to be compared, or a sample.
pub fn compares_all() -> bool {
    std::env::var("PLANWRIGHT_VARIATIONS").is_ok_and(|which| which == "all")
}

/// The life of a stack.
#[derive(Clone, Debug, PartialEq)]
pub struct Variation {
    /// A name for people, such as `echo 7: alias, drift, import`.
    pub name: String,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What happens behind the engine's back before the plan.
    pub outside: Vec<Outside>,
    /// The root module, without its backend.
    pub tree: Json,
    /// The content of `terraform.tfvars.json`.
    pub values: Json,
    pub then: Then,
}

/// What happens after a step was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The plan is left alone.
    Leave,
    Apply,
    /// Nothing: the engine or a provider refuses to plan.
    Refuse,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Outside {
    /// The new content of a file of `planwright/echo`, or `None` if it is removed.
    File(PathBuf, Option<Json>),
    /// Python code, with a client `ssm` for the named region.
    Ssm(&'static str, String),
}

impl Outside {
    /// Makes the change. Panics if it needs moto and there is none.
    pub fn happen(&self, moto: Option<&Moto>) {
        match (self, moto) {
            (Self::File(path, Some(thing)), _) => std::fs::write(path, thing.to_string()).unwrap(),
            (Self::File(path, None), _) => std::fs::remove_file(path).unwrap(),
            (Self::Ssm(region, code), Some(moto)) => {
                moto.s3(&format!("ssm = boto3.client('ssm', region_name='{region}')\n{code}"));
            }
            (Self::Ssm(..), None) => panic!("{self:?} needs moto"),
        }
    }
}

/// The provider whose resources a life consists of.
#[derive(Clone, Debug)]
pub enum World {
    /// `planwright/echo`, with the directory of its files. An alias has a directory below that.
    Echo(PathBuf),
    /// AWS, with SSM parameters in two regions.
    Aws,
}

impl World {
    pub fn echo(echo: &Echo) -> Self {
        let _ = std::fs::create_dir(echo.path().join(WEST));
        Self::Echo(echo.path().to_owned())
    }
}

const WEST: &str = "west";
const REGIONS: [&str; 2] = ["eu-central-1", "us-east-1"];

/// What makes one life differ from another. The index decides, so that each occurs often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// A second configuration of the provider, with resources of its own.
    Alias,
    /// A data source and a function of the provider.
    Reads,
    /// A resource is changed behind the engine's back.
    Drift,
    /// A resource is removed behind the engine's back.
    Gone,
    Params,
    Added,
    Removed,
    Moved,
    Import,
    /// A new name of a resource, which forces a replacement.
    Renamed,
    Wrong(Wrong),
}

/// A mistake, by what rejects it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// A value that the provider rejects for a resource.
    Value,
    /// A value that the provider rejects in its own configuration.
    Configuration,
    /// A data source that the provider cannot read.
    Read,
    /// An argument that the engine does not find in the provider's schema.
    Argument,
    Type,
    Function,
}

const WRONG: [Wrong; 6] = [
    Wrong::Value,
    Wrong::Configuration,
    Wrong::Read,
    Wrong::Argument,
    Wrong::Type,
    Wrong::Function,
];

const FEATURES: [Feature; 10] = [
    Feature::Alias,
    Feature::Reads,
    Feature::Drift,
    Feature::Gone,
    Feature::Params,
    Feature::Added,
    Feature::Removed,
    Feature::Moved,
    Feature::Import,
    Feature::Renamed,
];

/// Returns the features of a life: one by its index, each other with a chance of one in three, and
/// a mistake if the index is even.
pub fn features(index: u64) -> Vec<Feature> {
    let mut draw = Draw(index);
    let own = usize::try_from(index).unwrap();
    let mut all: Vec<Feature> = FEATURES
        .into_iter()
        .enumerate()
        .filter(|(i, _)| own % FEATURES.len() == *i || draw.below(3) == 0)
        .map(|(_, feature)| feature)
        .collect();
    if index.is_multiple_of(2) {
        all.push(Feature::Wrong(WRONG[own / 2 % WRONG.len()]));
    }
    all
}

/// Returns the life with this index.
pub fn variation(world: &World, index: u64) -> Variation {
    let features = features(index);
    let has = |feature| features.contains(&feature);
    let mut draw = Draw(index ^ 0xec40);
    let label = match world {
        World::Echo(_) => "echo",
        World::Aws => "aws",
    };
    let mut stack = Stack {
        world,
        prefix: format!("v{index}"),
        has_alias: has(Feature::Alias),
        reads: has(Feature::Reads),
        resources: (0..2 + draw.below(3)).map(|i| Resource::new(i, &mut draw)).collect(),
        more: Map::new(),
        tag: "first".into(),
    };
    let mut steps = vec![stack.step(Vec::new(), Then::Apply)];

    let mut outside = Vec::new();
    if has(Feature::Drift) {
        outside.push(stack.outside(&stack.resources[0], Some(&draw.text())));
    }
    if has(Feature::Gone) {
        outside.push(stack.outside(&stack.resources[1], None));
    }
    let is_drifted = !outside.is_empty();
    steps.push(stack.step(outside, Then::Leave));

    if let Some(Feature::Wrong(wrong)) =
        features.iter().find(|feature| matches!(feature, Feature::Wrong(_)))
    {
        steps.push(stack.wrong(*wrong));
    }

    let outside = stack.change(&features, &mut draw);
    steps.push(stack.step(outside, if is_drifted { Then::Leave } else { Then::Apply }));
    if is_drifted {
        // Planned again, so that a plan of the drifted stack is seen before and after the change.
        steps.push(stack.step(Vec::new(), Then::Apply));
    }
    stack.more = Map::new();
    steps.push(stack.step(Vec::new(), Then::Leave));
    let shown: Vec<String> = features.iter().map(|one| format!("{one:?}").to_lowercase()).collect();
    Variation { name: format!("{label} {index}: {}", shown.join(", ")), steps }
}

#[derive(Clone)]
struct Resource {
    label: String,
    name: String,
    text: String,
    is_secret: bool,
}

impl Resource {
    fn new(number: u64, draw: &mut Draw) -> Self {
        let label = format!("r{number}");
        let (text, is_secret) = (draw.text(), draw.below(4) == 0);
        Self { name: label.clone(), label, text, is_secret }
    }
}

/// A stack at one point of its life.
struct Stack<'a> {
    world: &'a World,
    /// The prefix of all names. Lives share an API, so their names must differ.
    prefix: String,
    has_alias: bool,
    reads: bool,
    resources: Vec<Resource>,
    /// Blocks for one change only: `moved`, `import`.
    more: Map<String, Json>,
    tag: String,
}

impl Stack<'_> {
    /// Changes the stack by its features. Returns what has to happen behind the engine's back
    /// before that.
    fn change(&mut self, features: &[Feature], draw: &mut Draw) -> Vec<Outside> {
        let mut outside = Vec::new();
        for feature in features {
            match feature {
                Feature::Params => {
                    self.tag = "second".into();
                    self.resources[0].text = draw.text();
                }
                Feature::Moved => {
                    let last = self.resources.len() - 1;
                    let one = &mut self.resources[last];
                    let (from, to) = (one.label.clone(), format!("{}-moved", one.label));
                    one.label.clone_from(&to);
                    let kind = self.kind();
                    let moved =
                        json!({"from": format!("{kind}.{from}"), "to": format!("{kind}.{to}")});
                    self.more.insert("moved".into(), json!([moved]));
                }
                Feature::Renamed => self.resources[0].name = "other".into(),
                Feature::Added => {
                    let one = Resource::new(7, draw);
                    self.resources.insert(0, one);
                }
                Feature::Removed => {
                    // Not the last one, which may be moved in the same change.
                    self.resources.remove(self.resources.len() - 2);
                }
                Feature::Import => {
                    let mut one = Resource::new(8, draw);
                    one.is_secret = false;
                    outside.push(self.outside(&one, Some(&draw.text())));
                    let to = format!("{}.{}", self.kind(), one.label);
                    let import = json!({"to": to, "id": self.id(&one)});
                    self.more.insert("import".into(), json!([import]));
                    self.resources.push(one);
                }
                _ => {}
            }
        }
        outside
    }

    fn step(&self, outside: Vec<Outside>, then: Then) -> Step {
        let (tree, values) = (self.tree(), self.values());
        Step { outside, tree, values, then }
    }

    fn kind(&self) -> &'static str {
        match self.world {
            World::Echo(_) => "echo_file",
            World::Aws => "aws_ssm_parameter",
        }
    }

    fn provider(&self) -> &'static str {
        match self.world {
            World::Echo(_) => "echo",
            World::Aws => "aws",
        }
    }

    fn id(&self, one: &Resource) -> String {
        format!("{}-{}", self.prefix, one.name)
    }

    fn values(&self) -> Json {
        let texts: Map<String, Json> =
            self.resources.iter().map(|one| (one.label.clone(), one.text.clone().into())).collect();
        json!({"texts": texts, "tag": self.tag})
    }

    fn tree(&self) -> Json {
        let mut tree = json!({
            "terraform": {"required_providers": match self.world {
                World::Echo(_) => json!({"echo": {"source": "planwright/echo", "version": "1.0.0"}}),
                World::Aws => json!({"aws": {"source": "hashicorp/aws", "version": "5.100.0"}}),
            }},
            "provider": {self.provider(): self.configurations()},
            "variable": {
                "texts": {"type": "map(string)"},
                "tag": {"type": "string"},
            },
        });
        let mut resources: Map<String, Json> = self
            .resources
            .iter()
            .map(|one| {
                let text = format!("${{var.texts[\"{}\"]}}", one.label);
                (one.label.clone(), self.body(one, &text))
            })
            .collect();
        if self.has_alias {
            let name = WEST.to_owned();
            let west =
                Resource { label: name.clone(), name: name.clone(), text: name, is_secret: false };
            let mut body = self.body(&west, &west.text);
            body["provider"] = format!("{}.{WEST}", self.provider()).into();
            resources.insert(WEST.into(), body);
            tree["output"][WEST] = json!({"value": format!("${{{}.{WEST}.id}}", self.kind())});
        }
        tree["resource"] = json!({self.kind(): resources});
        if self.reads {
            let last = &self.resources[self.resources.len() - 1];
            let reference = format!("${{{}.{}.name}}", self.kind(), last.label);
            let (data, attribute, call) = match self.world {
                World::Echo(_) => ("echo_read", "content", "provider::echo::upper(\"read\")"),
                World::Aws => (
                    "aws_ssm_parameter",
                    "version",
                    "provider::aws::arn_parse(\"arn:aws:s3:::read\").service",
                ),
            };
            tree["data"] = json!({data: {"read": {"name": reference}}});
            tree["output"]["read"] = json!({"value": format!("${{data.{data}.read.{attribute}}}")});
            tree["output"]["called"] = json!({"value": format!("${{{call}}}")});
        }
        for (block, value) in &self.more {
            tree[block] = value.clone();
        }
        tree
    }

    fn configurations(&self) -> Json {
        let mut all = match self.world {
            World::Echo(path) => {
                vec![json!({"path": path}), json!({"alias": WEST, "path": path.join(WEST)})]
            }
            World::Aws => {
                vec![json!({"region": REGIONS[0]}), json!({"alias": WEST, "region": REGIONS[1]})]
            }
        };
        all.truncate(if self.has_alias { 2 } else { 1 });
        all.into()
    }

    fn body(&self, one: &Resource, text: &str) -> Json {
        let (name, tags) = (self.id(one), json!({"tag": "${var.tag}", "life": self.prefix}));
        match (self.world, one.is_secret) {
            (World::Echo(_), false) => json!({"name": name, "content": text, "tags": tags}),
            (World::Echo(_), true) => json!({"name": name, "secret": text, "tags": tags}),
            (World::Aws, is_secret) => {
                let kind = if is_secret { "SecureString" } else { "String" };
                json!({"name": name, "type": kind, "value": text, "tags": tags})
            }
        }
    }

    /// Returns the change by which somebody writes `text` behind the engine's back, or removes the
    /// resource if that is `None`.
    fn outside(&self, one: &Resource, text: Option<&str>) -> Outside {
        let name = self.id(one);
        match self.world {
            World::Echo(path) => {
                let key = if one.is_secret { "secret" } else { "content" };
                let thing =
                    text.map(|text| json!({"content": "", key: text, "tags": {"tag": "mallory"}}));
                Outside::File(path.join(format!("{name}.json")), thing)
            }
            World::Aws => {
                let code = match text {
                    Some(text) => {
                        let kind = if one.is_secret { "SecureString" } else { "String" };
                        format!(
                            "ssm.put_parameter(Name='{name}', Value='{text}', Type='{kind}', Overwrite=True)"
                        )
                    }
                    None => format!("ssm.delete_parameter(Name='{name}')"),
                };
                Outside::Ssm(REGIONS[0], code)
            }
        }
    }

    fn wrong(&self, wrong: Wrong) -> Step {
        let mut step = self.step(Vec::new(), Then::Refuse);
        let (kind, provider) = (self.kind(), self.provider());
        let one = self.resources[0].label.as_str();
        let tree = &mut step.tree;
        match (wrong, self.world) {
            (Wrong::Value, World::Echo(_)) => {
                tree["resource"][kind][one]["name"] = "Not/Allowed".into();
            }
            (Wrong::Value, World::Aws) => tree["resource"][kind][one]["type"] = "Number".into(),
            (Wrong::Configuration, World::Echo(_)) => {
                tree["provider"][provider][0]["reject"] = "not today".into();
            }
            (Wrong::Configuration, World::Aws) => {
                tree["provider"][provider][0]["region"] = "nowhere-1".into();
            }
            (Wrong::Read, World::Echo(_)) => {
                tree["data"]["echo_read"]["wrong"] = json!({"name": "nothing"});
            }
            (Wrong::Read, World::Aws) => {
                tree["data"]["aws_ssm_parameter"]["wrong"] = json!({"name": "nothing"});
            }
            (Wrong::Argument, _) => tree["resource"][kind][one]["colour"] = "red".into(),
            (Wrong::Type, _) => {
                tree["resource"][format!("{provider}_nothing")] = json!({"wrong": {}});
            }
            (Wrong::Function, _) => {
                tree["output"]["wrong"] =
                    json!({"value": format!("${{provider::{provider}::nothing(1)}}")});
            }
        }
        step
    }
}

/// A generator of pseudo-random numbers, the same for the same seed (SplitMix64).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn text(&mut self) -> String {
        format!("text-{:08x}", self.next() >> 32)
    }
}
