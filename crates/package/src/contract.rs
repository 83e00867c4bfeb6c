//! Checks whether the parts of a package fit together: slots, contracts, variants, wiring, schemas.
//!
//! Done whenever the package of a stack is loaded, so that resolve and render never see a package
//! that cannot work.

use semver::{Version, VersionReq};
use serde_json::Value;

use planwright_core::finding::Finding;

use super::{
    document::finding_at,
    expression::{BadReference, Reference},
    loaded_package::{Package, folder},
    manifest::{Contract, Slot},
    schema::Schema,
    variant::{self, Variant},
};

/// Arguments of a module block that cannot be variables of the module.
const RESERVED: [&str; 8] =
    ["source", "version", "providers", "count", "for_each", "depends_on", "lifecycle", "locals"];

/// Returns everything that is wrong between the files of a package; empty if it is sound.
pub(crate) fn findings(package: &Package) -> Vec<Finding> {
    let mut check = Check { package, findings: Vec::new() };
    check.requirements();
    for (name, slot) in &package.manifest.slots {
        check.slot(name, slot);
    }
    check.wiring();
    check.outputs();
    check.files();
    check.findings.sort_by(|a, b| a.place.cmp(&b.place));
    check.findings
}

struct Check<'a> {
    package: &'a Package,
    findings: Vec<Finding>,
}

impl<'a> Check<'a> {
    fn wrong(&mut self, pointer: &str, message: String) {
        self.findings.push(finding_at(&self.package.node, pointer, "package_unsound", message));
    }

    fn wrong_in(&mut self, variant: &Variant, pointer: &str, message: String) {
        self.findings.push(finding_at(&variant.node, pointer, "package_unsound", message));
    }

    fn requirements(&mut self) {
        let range = &self.package.manifest.requires.planwright;
        let (Ok(req), Ok(ours)) =
            (VersionReq::parse(range), Version::parse(env!("CARGO_PKG_VERSION")))
        else {
            return;
        };
        if !req.matches(&ours) {
            let message = format!("the package needs Planwright `{range}`, and this is {ours}");
            self.wrong("/requires/planwright", message);
        }
    }

    fn contract(&self, slot: &str) -> Option<&'a Contract> {
        let manifest = &self.package.manifest;
        manifest.contracts.get(&manifest.slots.get(slot)?.implements)
    }

    fn slot(&mut self, name: &str, slot: &'a Slot) {
        let pointer = format!("/slots/{name}");
        if name == "provider" {
            // Its variables would clash with those of the provider settings, `provider_…`.
            self.wrong(&pointer, "a slot cannot be called `provider`".into());
        }
        if self.contract(name).is_none() {
            let message = format!("the contract `{}` is not among `contracts`", slot.implements);
            self.wrong(&format!("{pointer}/implements"), message);
        }
        self.selection(name, slot);
        for variant_name in &slot.variants {
            let Some(variant) = self.package.variant(name, variant_name) else { continue };
            self.variant(name, slot, variant);
            let mut files = self.package.module(name, variant_name);
            if !files.any(|(path, _)| path.ends_with(".tf")) {
                let message = format!("{} has no *.tf file", folder(name, variant_name));
                self.wrong(&format!("{pointer}/variants"), message);
            }
        }
    }

    /// Checks the `select` of a slot. The params of the slot's variants are in the same object as
    /// the param that `select` names.
    fn selection(&mut self, name: &str, slot: &'a Slot) {
        let pointer = format!("/slots/{name}");
        let own_schemas: Vec<bool> = slot
            .variants
            .iter()
            .filter_map(|variant| self.package.variant(name, variant))
            .map(|variant| variant.params.is_some())
            .collect();
        let Some(select) = &slot.select else {
            if slot.variants.len() != 1 {
                self.wrong(&pointer, "a slot with several variants needs a `select`".into());
            }
            if own_schemas.contains(&true) {
                let message =
                    "without a `select` the variant's params belong into the package's schema";
                self.wrong(&pointer, message.into());
            }
            return;
        };
        let pointer = format!("{pointer}/select");
        let Some(path) = slot.selector() else {
            let message =
                format!("`{select}` is not a param within an object, `${{params.OBJECT.NAME}}`");
            return self.wrong(&pointer, message);
        };
        if own_schemas.contains(&false) {
            self.wrong(&pointer, format!("each variant of `{name}` needs a {}", variant::SCHEMA));
        }
        if let Err(why) = always_set(&self.package.params, &path) {
            self.wrong(&pointer, why);
        }
        let choices = self.package.params.property(&path).and_then(|param| param.get("enum"));
        let mut offered: Vec<&str> = choices
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut variants: Vec<&str> = slot.variants.iter().map(String::as_str).collect();
        offered.sort_unstable();
        variants.sort_unstable();
        if offered != variants {
            self.wrong(&pointer, format!("the `enum` of `{select}` and the variants differ"));
        }
        let around = self.package.params.property(&path[..path.len() - 1]);
        if around.and_then(|object| object.get("additionalProperties")) == Some(&Value::Bool(false))
        {
            let message = "the object around `select` must be open: the variant's schema closes it";
            self.wrong(&pointer, message.into());
        }
    }

    fn variant(&mut self, slot_name: &str, slot: &Slot, variant: &'a Variant) {
        if variant.implements != slot.implements {
            let message = format!("the slot asks for `{}`", slot.implements);
            self.wrong_in(variant, "/implements", message);
        }
        for (name, variable) in &variant.variables {
            if RESERVED.contains(&name.as_str()) {
                let message = format!("`{name}` means something else in a module block");
                self.wrong_in(variant, &format!("/variables/{name}"), message);
            }
            let pointer = format!("/variables/{name}/value");
            let Some(value) = &variable.value else { continue };
            match reference(value) {
                Err(why) => self.wrong_in(variant, &pointer, why.to_string()),
                Ok(Some(reference)) => self.param(slot, variant, &pointer, &reference),
                Ok(None) if !variable.admits(value) => {
                    let message = format!("the constant is not of type `{}`", variable.constraint);
                    self.wrong_in(variant, &pointer, message);
                }
                Ok(None) => {}
            }
        }
        for (provider, settings) in &variant.providers {
            let pointer = format!("/providers/{provider}");
            if !self.package.manifest.providers.contains_key(provider) {
                let message = format!("`{provider}` is not among the manifest's `providers`");
                self.wrong_in(variant, &pointer, message);
            }
            for (setting, value) in settings {
                let pointer = format!("{pointer}/{setting}");
                match reference(value) {
                    Err(why) => self.wrong_in(variant, &pointer, why.to_string()),
                    Ok(Some(reference)) => self.param(slot, variant, &pointer, &reference),
                    Ok(None) => {}
                }
            }
        }
        self.against_contract(slot_name, variant);
    }

    fn against_contract(&mut self, slot: &str, variant: &'a Variant) {
        let Some(contract) = self.contract(slot) else { return };
        for (name, kind) in &contract.inputs {
            match variant.variables.get(name) {
                Some(variable) if variable.value.is_none() && variable.constraint == *kind => {}
                Some(variable) if variable.value.is_some() => {
                    let pointer = format!("/variables/{name}/value");
                    self.wrong_in(
                        variant,
                        &pointer,
                        format!("`{name}` is an input of the contract"),
                    );
                }
                _ => {
                    let message = format!("the contract's input `{name}: {kind}` is missing");
                    self.wrong_in(variant, "/variables", message);
                }
            }
        }
        for (name, variable) in &variant.variables {
            if variable.value.is_none() && !contract.inputs.contains_key(name) {
                let message = format!("`{name}` has no `value` and is no input of the contract");
                self.wrong_in(variant, &format!("/variables/{name}"), message);
            }
        }
        for (name, kind) in &contract.outputs {
            if variant.outputs.get(name) != Some(kind) {
                let message = format!("the contract's output `{name}: {kind}` is missing");
                self.wrong_in(variant, "/outputs", message);
            }
        }
    }

    /// Checks a param that a variant refers to: it belongs to the package or to the variant itself.
    fn param(&mut self, slot: &Slot, variant: &Variant, pointer: &str, reference: &Reference) {
        let Reference::Param(path) = reference else {
            let message = "a variant refers to params only; the wiring joins slots".to_owned();
            return self.wrong_in(variant, pointer, message);
        };
        let selector = slot.selector().unwrap_or_default();
        let around = selector.len().saturating_sub(1);
        let is_own = around > 0 && path.len() > around && path[..around] == selector[..around];
        let known = match (&variant.params, is_own && *path != selector) {
            (Some(schema), true) => always_set(schema, &path[around..]),
            _ => always_set(&self.package.params, path),
        };
        if let Err(why) = known {
            self.wrong_in(variant, pointer, why);
        }
    }

    fn wiring(&mut self) {
        let manifest = &self.package.manifest;
        for (target, source) in &manifest.wiring {
            let pointer = format!("/wiring/{target}");
            let input = target
                .split_once('.')
                .and_then(|(slot, input)| self.contract(slot)?.inputs.get(input));
            let Some(input) = input else {
                self.wrong(&pointer, format!("`{target}` is no `slot.input` of a contract"));
                continue;
            };
            match Reference::parse(source) {
                Ok(Some(Reference::Slot { slot, output })) => {
                    let given =
                        self.contract(&slot).and_then(|contract| contract.outputs.get(&output));
                    if given != Some(input) {
                        let message =
                            format!("`{source}` is no output of type `{input}` of a contract");
                        self.wrong(&pointer, message);
                    }
                }
                Ok(Some(Reference::Param(path))) => {
                    if let Err(why) = always_set(&self.package.params, &path) {
                        self.wrong(&pointer, why);
                    }
                }
                Ok(None) => self.wrong(&pointer, format!("`{source}` is no reference")),
                Err(why) => self.wrong(&pointer, why.to_string()),
            }
        }
        for slot in manifest.slots.keys() {
            let inputs =
                self.contract(slot).into_iter().flat_map(|contract| contract.inputs.keys());
            let unwired: Vec<String> = inputs
                .map(|input| format!("{slot}.{input}"))
                .filter(|target| !manifest.wiring.contains_key(target))
                .collect();
            for target in unwired {
                self.wrong("/wiring", format!("nothing is wired to `{target}`"));
            }
        }
    }

    fn outputs(&mut self) {
        let manifest = &self.package.manifest;
        for (name, source) in &manifest.outputs {
            let is_output = match Reference::parse(source) {
                Ok(Some(Reference::Slot { slot, output })) => self
                    .contract(&slot)
                    .is_some_and(|contract| contract.outputs.contains_key(&output)),
                _ => false,
            };
            if !is_output {
                let message = format!("`{source}` is no output of a slot's contract");
                self.wrong(&format!("/outputs/{name}"), message);
            }
        }
        for (i, output) in manifest.sensitive.iter().enumerate() {
            if !manifest.outputs.contains_key(output) {
                let message = format!("`{output}` is not among `outputs`");
                self.wrong(&format!("/sensitive/{i}"), message);
            }
        }
        for (i, slot) in manifest.protect.iter().enumerate() {
            if !manifest.slots.contains_key(slot) {
                self.wrong(&format!("/protect/{i}"), format!("there is no slot `{slot}`"));
            }
        }
    }

    /// Reports module files that no slot uses: the name of a slot or folder is probably misspelled.
    fn files(&mut self) {
        let folders: Vec<String> =
            self.package.variants.keys().map(|(slot, name)| folder(slot, name) + "/").collect();
        for path in self.package.files.keys().filter(|path| path.starts_with("modules/")) {
            if !folders.iter().any(|folder| path.starts_with(folder)) {
                self.wrong("/slots", format!("`{path}` belongs to no variant of a slot"));
            }
        }
    }
}

/// Returns the reference that a value is; `None` if it is not one.
fn reference(value: &Value) -> Result<Option<Reference>, BadReference> {
    value.as_str().map_or(Ok(None), Reference::parse)
}

/// Fails unless the param has a value in every stack: each step of its path is required or has a
/// default.
fn always_set(schema: &Schema, path: &[String]) -> Result<(), String> {
    let mut object = schema.value();
    for (i, step) in path.iter().enumerate() {
        let so_far = path[..=i].join(".");
        let Some(property) = object.get("properties").and_then(|all| all.get(step)) else {
            return Err(format!("there is no param `{so_far}`"));
        };
        let required = object.get("required").and_then(Value::as_array);
        let is_required = required.is_some_and(|names| names.iter().any(|name| name == step));
        if !is_required && property.get("default").is_none() {
            return Err(format!(
                "the param `{so_far}` may be unset: require it or give it a default"
            ));
        }
        object = property;
    }
    Ok(())
}
