//! The resolved document: every value that rendering uses, with its origin.
//!
//! Computed purely from package, stack and checked params. What only the engine will know (outputs
//! of other slots) is a reference.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use planwright_core::{
    finding::{Finding, Location},
    names::StackId,
    provider_types::Types,
};

use super::{
    Checked,
    document::finding_at,
    expression::Reference,
    loaded_package::{Package, folder},
    overrides::Override,
    params::Params,
    provider_usage,
    stack::{From, Stack},
    suggest::nearest,
    types::Type,
    yaml::{Kind, Node, escaped},
};

/// Everything that rendering needs to know of a stack.
pub struct Resolved {
    pub stack: StackId,
    pub package: String,
    pub version: String,
    /// The params with their defaults, as the package sees them.
    pub params: Node,
    pub slots: BTreeMap<String, ResolvedSlot>,
    /// Provider settings, by provider and name.
    pub providers: BTreeMap<String, BTreeMap<String, Binding>>,
    pub outputs: BTreeMap<String, Reference>,
    /// What the modules of the selected variants use, by source of the provider.
    pub types: BTreeMap<String, Types>,
    /// The layer of each file with params; values from other files come from the package.
    layers: Vec<(String, From)>,
}

pub struct ResolvedSlot {
    pub variant: String,
    pub vars: BTreeMap<String, Binding>,
}

/// What a module variable or provider setting is bound to.
#[derive(Clone)]
pub struct Binding {
    pub bound: Bound,
    /// The type constraint, in the engine's syntax; provider settings accept any value.
    pub constraint: String,
    pub is_nullable: bool,
    pub from: Source,
}

#[derive(Clone)]
pub enum Bound {
    Value(Node),
    Wired { reference: Reference, place: Location },
}

/// Where a binding as a whole comes from. The leaves of a param can come from different layers.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A param, by JSON pointer below `/params`.
    Param(String),
    Constant,
    Wiring,
    /// An override; `replaced` is where the original value came from.
    Override {
        reason: String,
        replaced: Box<Self>,
    },
}

/// Where one leaf comes from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Provenance {
    pub from: From,
    #[serde(flatten)]
    pub place: Location,
}

impl Resolved {
    /// Resolves a stack. Fails with what is wrong with its params and overrides.
    pub fn new(stack: &Stack, package: &Package) -> Checked<Self> {
        let params = Params::check(stack, package)?;
        let mut slots = BTreeMap::new();
        let mut providers: BTreeMap<String, BTreeMap<String, Binding>> = BTreeMap::new();
        for (slot, variant) in &params.variants {
            let vars = bindings(package, &params, slot, variant)?;
            slots.insert(slot.clone(), ResolvedSlot { variant: variant.clone(), vars });
            for (provider, settings) in settings(package, &params, slot, variant)? {
                if let Some(other) = providers.get(&provider)
                    && values(other) != values(&settings)
                {
                    let message =
                        format!("two slots configure the provider `{provider}` differently");
                    return Err(vec![finding_at(
                        &package.node,
                        "/slots",
                        "package_unsound",
                        message,
                    )]);
                }
                providers.insert(provider, settings);
            }
        }
        let outputs = package.manifest.outputs.iter().filter_map(|(name, text)| {
            Reference::parse(text).ok().flatten().map(|reference| (name.clone(), reference))
        });
        let mut resolved = Self {
            stack: stack.id.clone(),
            package: package.manifest.name.clone(),
            version: package.manifest.version.clone(),
            outputs: outputs.collect(),
            params: params.node,
            types: types(package, &slots)?,
            slots,
            providers,
            layers: stack.layers.iter().map(|l| (l.params.place.file.clone(), l.from)).collect(),
        };
        let findings: Vec<Finding> =
            stack.overrides.iter().filter_map(|one| resolved.lay(one).err()).flatten().collect();
        if findings.is_empty() { Ok(resolved) } else { Err(findings) }
    }

    /// Returns every binding with its pointer into the document.
    pub fn bindings(&self) -> impl Iterator<Item = (String, &Binding)> {
        let vars = self.slots.iter().flat_map(|(slot, resolved)| {
            resolved.vars.iter().map(move |(name, b)| (format!("/slots/{slot}/vars/{name}"), b))
        });
        let settings = self.providers.iter().flat_map(|(provider, settings)| {
            settings.iter().map(move |(name, b)| (format!("/providers/{provider}/{name}"), b))
        });
        vars.chain(settings)
    }

    /// Returns the document as JSON.
    pub fn document(&self) -> Value {
        let bound = |all: &BTreeMap<String, Binding>| -> Map<String, Value> {
            all.iter().map(|(name, binding)| (name.clone(), binding.value())).collect()
        };
        let slots: Map<String, Value> = self
            .slots
            .iter()
            .map(|(name, slot)| {
                (name.clone(), json!({ "variant": slot.variant, "vars": bound(&slot.vars) }))
            })
            .collect();
        let providers: Map<String, Value> =
            self.providers.iter().map(|(name, all)| (name.clone(), bound(all).into())).collect();
        let outputs: Map<String, Value> = self
            .outputs
            .iter()
            .map(|(name, output)| (name.clone(), output.to_string().into()))
            .collect();
        json!({
            "stack": self.stack.to_string(),
            "package": { "name": self.package, "version": self.version },
            "params": self.params.value(),
            "slots": slots,
            "providers": providers,
            "outputs": outputs,
            "types": self.types,
        })
    }

    /// Returns where each leaf of params, variables and provider settings comes from, by pointer.
    pub fn provenance(&self) -> BTreeMap<String, Provenance> {
        let mut all = BTreeMap::new();
        for (pointer, node) in self.params.leaves("/params") {
            all.insert(pointer, self.origin(node));
        }
        for (prefix, binding) in self.bindings() {
            match &binding.bound {
                Bound::Wired { place, .. } => {
                    all.insert(prefix, Provenance { from: From::Wiring, place: place.clone() });
                }
                Bound::Value(node) => {
                    for (pointer, leaf) in node.leaves(&prefix) {
                        let from = match binding.from {
                            Source::Constant => From::Constant,
                            Source::Override { .. } => From::Override,
                            _ => self.layer(&leaf.place),
                        };
                        all.insert(pointer, Provenance { from, place: leaf.place.clone() });
                    }
                }
            }
        }
        all
    }

    /// Returns the line to edit in order to change an attribute of a resource: the line of the
    /// param that the attribute is bound to, else the first line of a param that the slot uses,
    /// else the stack.
    pub fn place(&self, address: &str, attribute: Option<&str>) -> Location {
        let slot = address.strip_prefix("module.").and_then(|rest| rest.split('.').next());
        let vars = slot.and_then(|slot| self.slots.get(slot)).map(|slot| &slot.vars);
        let written = |binding: &Binding| match &binding.bound {
            Bound::Value(node) if self.is_written(&node.place) => Some(match &binding.from {
                Source::Param(pointer) => self.params.place_of(pointer).clone(),
                _ => node.place.clone(),
            }),
            _ => None,
        };
        let exact = attribute.and_then(|name| vars?.get(name)).and_then(written);
        let nearest = || vars?.values().filter_map(written).min();
        exact.or_else(nearest).unwrap_or_else(|| self.params.place.clone())
    }

    fn is_written(&self, place: &Location) -> bool {
        self.layers.iter().any(|(file, _)| *file == place.file)
    }

    fn layer(&self, place: &Location) -> From {
        let found = self.layers.iter().find(|(file, _)| *file == place.file);
        found.map_or(From::Default, |(_, from)| *from)
    }

    fn origin(&self, node: &Node) -> Provenance {
        Provenance { from: self.layer(&node.place), place: node.place.clone() }
    }

    /// Applies an override to the value that it replaces.
    fn lay(&mut self, one: &Override) -> Checked<()> {
        let pointers: Vec<String> = self.bindings().map(|(pointer, _)| pointer).collect();
        let of = pointers.iter().find(|p| one.at == **p || one.at.starts_with(&format!("{p}/")));
        let unknown = |allowed: Vec<String>| {
            let message = format!("there is no value `{}` to override", one.at);
            let suggestion =
                nearest(&one.at, allowed.iter().map(String::as_str)).map(str::to_owned);
            let mut finding = one.finding("unknown_override", &one.place, message, "");
            finding.fix = Some(match &suggestion {
                Some(suggestion) => format!("write `at: {suggestion}`"),
                None => format!("planwright resolve {} shows the values", self.stack),
            });
            finding.did_you_mean = suggestion;
            vec![Finding { allowed, ..finding }]
        };
        let Some(of) = of.cloned() else { return Err(unknown(pointers)) };
        let below = one.at[of.len()..].to_owned();
        let steps = super::yaml::steps(&of);
        let binding = match steps.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["slots", slot, "vars", name] => self.slots.get(*slot).and_then(|s| s.vars.get(*name)),
            ["providers", provider, name] => {
                self.providers.get(*provider).and_then(|p| p.get(*name))
            }
            _ => None,
        };
        let Some(mut binding) = binding.cloned() else { return Err(unknown(pointers)) };
        let Some(now) = binding.value().pointer(&below).cloned() else {
            return Err(unknown(pointers));
        };
        binding.replace(one, &below, &now)?;
        match (steps[0].as_str(), self.slots.get_mut(&steps[1])) {
            ("slots", Some(slot)) => slot.vars.insert(steps[3].clone(), binding),
            _ => self
                .providers
                .entry(steps[1].clone())
                .or_default()
                .insert(steps[2].clone(), binding),
        };
        Ok(())
    }
}

impl Binding {
    /// Returns the value, or the reference in package syntax.
    pub fn value(&self) -> Value {
        match &self.bound {
            Bound::Value(node) => node.value(),
            Bound::Wired { reference, .. } => Value::String(reference.to_string()),
        }
    }

    fn admits(&self, value: &Value) -> bool {
        if value.is_null() {
            return self.is_nullable;
        }
        Type::parse(&self.constraint).is_some_and(|kind| kind.admits(value))
    }

    fn replace(&mut self, one: &Override, below: &str, now: &Value) -> Checked<()> {
        if *now != one.expect {
            let message =
                format!("`{}` is now {now}, and the override expects {}", one.at, one.expect);
            let fix = format!("see whether it is still needed, then write `expect: {now}`");
            return Err(vec![one.finding("override_expect", &one.expect_place, message, &fix)]);
        }
        let mut node = match (&self.bound, below.is_empty()) {
            (Bound::Value(node), false) => node.clone(),
            _ => one.value.clone(),
        };
        if let Some(leaf) = node.at_mut(below) {
            *leaf = one.value.clone();
        }
        if !self.admits(&node.value()) {
            let message = format!(
                "{} cannot stand in a value of type `{}`",
                one.value.value(),
                self.constraint
            );
            let fix = format!("write a value of type {}", self.constraint);
            return Err(vec![one.finding("override_type", &one.value.place, message, &fix)]);
        }
        self.bound = Bound::Value(node);
        let replaced = Box::new(std::mem::replace(&mut self.from, Source::Constant));
        self.from = Source::Override { reason: one.reason.clone(), replaced };
        Ok(())
    }
}

fn values(settings: &BTreeMap<String, Binding>) -> BTreeMap<&String, Value> {
    settings.iter().map(|(name, binding)| (name, binding.value())).collect()
}

/// Returns what the modules of the selected variants use.
fn types(
    package: &Package,
    slots: &BTreeMap<String, ResolvedSlot>,
) -> Checked<BTreeMap<String, Types>> {
    let folders: Vec<String> =
        slots.iter().map(|(slot, filled)| folder(slot, &filled.variant) + "/").collect();
    let is_chosen = |path: &str| folders.iter().any(|folder| path.starts_with(folder));
    provider_usage::types(&package.origin, package.files.iter().filter(|(path, _)| is_chosen(path)))
}

/// Returns the bindings of a slot's module variables.
fn bindings(
    package: &Package,
    params: &Params,
    slot: &str,
    variant_name: &str,
) -> Checked<BTreeMap<String, Binding>> {
    let Some(variant) = package.variant(slot, variant_name) else {
        return Err(unsound(package, slot));
    };
    let mut vars = BTreeMap::new();
    for (name, variable) in &variant.variables {
        let (bound, from) = match &variable.value {
            Some(_) => given(package, params, &variant.node, &format!("/variables/{name}/value"))?,
            None => {
                let target = format!("{slot}.{name}");
                given(package, params, &package.node, &format!("/wiring/{}", escaped(&target)))?
            }
        };
        let binding = Binding {
            bound,
            constraint: variable.constraint.clone(),
            is_nullable: variable.is_nullable,
            from,
        };
        if let Bound::Value(node) = &binding.bound
            && !variable.admits(&node.value())
        {
            let message = format!("`{name}` would not be of its type `{}`", variable.constraint);
            let pointer = format!("/variables/{name}");
            return Err(vec![finding_at(&variant.node, &pointer, "package_unsound", message)]);
        }
        vars.insert(name.clone(), binding);
    }
    Ok(vars)
}

/// Returns the provider settings of a slot's variant.
fn settings(
    package: &Package,
    params: &Params,
    slot: &str,
    variant_name: &str,
) -> Checked<BTreeMap<String, BTreeMap<String, Binding>>> {
    let Some(variant) = package.variant(slot, variant_name) else {
        return Err(unsound(package, slot));
    };
    let mut providers = BTreeMap::new();
    for (provider, names) in &variant.providers {
        let mut settings = BTreeMap::new();
        for name in names.keys() {
            let pointer = format!("/providers/{provider}/{name}");
            let (bound, from) = given(package, params, &variant.node, &pointer)?;
            let constraint = "any".to_owned();
            settings.insert(name.clone(), Binding { bound, constraint, is_nullable: true, from });
        }
        providers.insert(provider.clone(), settings);
    }
    Ok(providers)
}

/// Evaluates an expression or constant of the package.
fn given(
    package: &Package,
    params: &Params,
    node: &Node,
    pointer: &str,
) -> Checked<(Bound, Source)> {
    let Some(written) = node.at(pointer) else {
        return Err(vec![finding_at(node, pointer, "package_unsound", "nothing is given here")]);
    };
    let reference = match &written.kind {
        Kind::String(text) => Reference::parse(text)
            .map_err(|why| vec![finding_at(node, pointer, "package_unsound", why.to_string())])?,
        _ => None,
    };
    match reference {
        None => Ok((Bound::Value(written.clone()), Source::Constant)),
        Some(Reference::Param(path)) => {
            let at: String = path.iter().map(|step| format!("/{}", escaped(step))).collect();
            let Some(value) = params.node.at(&at) else {
                let message = format!("the param `{}` has no value", path.join("."));
                return Err(vec![finding_at(node, pointer, "package_unsound", message)]);
            };
            Ok((Bound::Value(value.clone()), Source::Param(at)))
        }
        Some(reference @ Reference::Slot { .. }) => {
            let Reference::Slot { slot, .. } = &reference else {
                return Err(unsound(package, pointer));
            };
            if !params.variants.contains_key(slot) {
                return Err(unsound(package, slot));
            }
            Ok((Bound::Wired { reference, place: written.place.clone() }, Source::Wiring))
        }
    }
}

fn unsound(package: &Package, slot: &str) -> Vec<Finding> {
    let message = format!("nothing fills the slot `{slot}`");
    vec![finding_at(&package.node, "/slots", "package_unsound", message)]
}
