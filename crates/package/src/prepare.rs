//! From the files of a repository to the rendered tree of one stack, or to everything that is
//! wrong.
//!
//! Plan, drift, apply and every command except `lock` use this, which requires a matching lock.

use std::collections::BTreeMap;

use planwright_core::{finding::Finding, names::StackId, repo_config::RepoConfig};

use super::{
    Checked, contract,
    files::Files,
    loaded_package::{Package, folder},
    lock::{Lock, ProviderLock},
    modules,
    render::Rendered,
    resolve::Resolved,
    stack::Stack,
};

/// What is trusted in a repository; for a pull request, its state at the base commit.
pub struct Trusted<'a> {
    pub config: &'a RepoConfig,
    /// The tree from which packages of the repository are read.
    pub packages: &'a dyn Files,
}

/// A stack that is ready for the engine.
pub struct Prepared {
    pub stack: Stack,
    pub package: Package,
    pub lock: Lock,
    pub resolved: Resolved,
    pub rendered: Rendered,
}

impl Prepared {
    /// Reads, checks, resolves and renders one stack of `files`.
    pub fn load(files: &dyn Files, trusted: &Trusted<'_>, id: &StackId) -> Checked<Self> {
        let stack = Stack::read(files, id)?;
        let package = package_of(&stack, trusted)?;
        let lock = Lock::checked(files, &stack, &package)?;
        let resolved = Resolved::new(&stack, &package)?;
        let rendered = Rendered::new(&package, &resolved, &lock, &trusted.config.backend.kind);
        Ok(Self { stack, package, lock, resolved, rendered })
    }

    /// Returns the locked providers that the selected variants use, by source.
    pub fn providers(&self) -> BTreeMap<String, ProviderLock> {
        let sources = self.resolved.providers.keys().filter_map(|name| {
            self.package.manifest.providers.get(name).map(|provider| provider.source.clone())
        });
        sources
            .filter_map(|source| Some((source.clone(), self.lock.providers.get(&source)?.clone())))
            .collect()
    }

    /// Also protects what the stack's package protects in `base`: a change that replaces the
    /// package must not remove its protection at the same time.
    pub fn protect_also(&mut self, base: &dyn Files, config: &RepoConfig, id: &StackId) {
        let trusted = Trusted { config, packages: base };
        let Ok(before) = Stack::read(base, id).and_then(|stack| package_of(&stack, &trusted))
        else {
            return;
        };
        let protect = &mut self.package.manifest.protect;
        let lost = before.manifest.protect.into_iter().filter(|slot| !protect.contains(slot));
        let lost: Vec<String> = lost.collect();
        protect.extend(lost);
    }

    /// Returns a warning for each thing that the repository's own code of the stack does beside the
    /// resources that a plan shows.
    pub fn code_risks(&self) -> Vec<Finding> {
        let slots = &self.resolved.slots;
        let folders: Vec<String> =
            slots.iter().map(|(slot, filled)| folder(slot, &filled.variant)).collect();
        modules::risks(&self.package, &folders)
    }

    /// Returns prefixes of resource addresses. Resources below them are only deleted or replaced if
    /// a person allows it by address.
    pub fn protected(&self) -> Vec<String> {
        self.package.manifest.protect.iter().map(|slot| format!("module.{slot}.")).collect()
    }
}

/// Returns the package of a stack. Fails if the repository does not allow it or it is unsound.
pub fn package_of(stack: &Stack, trusted: &Trusted<'_>) -> Checked<Package> {
    let name = stack.source.to_string();
    let package = stack.source.package(trusted.packages, &stack.source_place)?;
    if !trusted.config.allows(&name) {
        let message = format!("planwright.yaml does not allow the package `{name}`");
        let mut finding =
            Finding::error("package_not_allowed", stack.source_place.clone(), message);
        finding.pointer = Some("/package".into());
        finding.allowed.clone_from(&trusted.config.packages);
        finding.fix = Some(format!("add `{name}` to `packages` in planwright.yaml"));
        return Err(vec![finding]);
    }
    let mut findings = contract::findings(&package);
    findings.extend(modules::findings(&package));
    if findings.is_empty() { Ok(package) } else { Err(findings) }
}
