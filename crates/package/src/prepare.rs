//! From the files of a repository to one stack's render, or to everything that is wrong with it.
//!
//! The way that plan, drift, apply and every command but `lock` go: strictly by the lock.

use std::collections::BTreeMap;

use planwright_core::{finding::Finding, names::StackId, repo_config::RepoConfig};

use super::{
    Checked, contract,
    files::Files,
    loaded_package::Package,
    lock::{Lock, ProviderLock},
    modules,
    render::Rendered,
    resolve::Resolved,
    stack::Stack,
};

/// What is trusted about a repository: for a pull request, as the base commit has it.
pub struct Trusted<'a> {
    pub config: &'a RepoConfig,
    /// Where packages of the repository are read.
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

    /// Returns the locked providers, by source, that the chosen variants use: what the engine
    /// needs.
    pub fn providers(&self) -> BTreeMap<String, ProviderLock> {
        let sources = self.resolved.providers.keys().filter_map(|name| {
            self.package.manifest.providers.get(name).map(|provider| provider.source.clone())
        });
        sources
            .filter_map(|source| Some((source.clone(), self.lock.providers.get(&source)?.clone())))
            .collect()
    }

    /// Protects what the stack's package protects in `base`, too: a change that swaps the package
    /// must not take its protection away on the same occasion.
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

    /// Returns addresses of resources that are deleted or replaced only when someone names them
    /// start so.
    pub fn protected(&self) -> Vec<String> {
        self.package.manifest.protect.iter().map(|slot| format!("module.{slot}.")).collect()
    }
}

/// Returns the package of a stack, allowed by the repository and sound.
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
