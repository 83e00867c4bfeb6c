//! Packages as a whole: the starter packages, and rules that no single module enforces.

mod contract;
mod locked;
mod overrides;
mod render;
mod starter;

use planwright_core::{
    finding::Finding,
    names::StackId,
    repo_config::{Approvals, Backend, EngineRule, RepoConfig},
};
use planwright_package::{
    Checked, Prepared, Trusted, files::MemoryFiles, lock::Lock, prepare::package_of,
    repository::lock_file, source, stack::Stack,
};

/// A repository that allows every built-in package and `packages/*`.
pub fn config() -> RepoConfig {
    RepoConfig {
        packages: source::names().map(str::to_owned).chain(["packages/*".to_owned()]).collect(),
        backend: Backend { kind: "local".into(), config: Default::default() },
        approvals: Approvals { required: 1, own: false },
        engine: EngineRule::new("*"),
        agent: Default::default(),
    }
}

pub fn id(text: &str) -> StackId {
    StackId::parse(text).unwrap()
}

/// Locks a stack as `planwright lock` does.
pub fn lock(files: &mut MemoryFiles, id: &StackId) -> Checked<Lock> {
    let config = config();
    let stack = Stack::read(files, id)?;
    let package = package_of(&stack, &Trusted { config: &config, packages: files })?;
    let before = Lock::read(files, id)?.map(|(lock, _)| lock.state_key);
    let lock = Lock::new(&stack, &package, before)?;
    files.0.insert(lock_file(id), lock.bytes());
    Ok(lock)
}

/// What every command but `lock` does.
pub fn prepare(files: &MemoryFiles, id: &StackId) -> Checked<Prepared> {
    Prepared::load(files, &Trusted { config: &config(), packages: files }, id)
}

/// Locks and prepares a stack without environments from the text of its file.
pub fn prepared(stack: &str) -> Checked<Prepared> {
    let mut files: MemoryFiles = [("stacks/s/stack.yaml", stack)].into_iter().collect();
    lock(&mut files, &id("s"))?;
    prepare(&files, &id("s"))
}

/// A stack of `aws-bucket` with these further lines.
pub fn bucket(more: &str) -> String {
    format!(
        "apiVersion: planwright.dev/v1\nkind: Stack\npackage: aws-bucket\nversion: \"^0.1\"\n\
         params:\n  name: acme-logs\n  region: eu-central-1\n{more}"
    )
}

/// The findings of what must fail.
pub fn findings<T>(checked: Checked<T>) -> Vec<Finding> {
    match checked {
        Ok(_) => panic!("nothing was found wrong"),
        Err(findings) => findings,
    }
}

/// The one finding of what must fail for one reason.
pub fn finding<T>(checked: Checked<T>) -> Finding {
    let mut findings = findings(checked);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    findings.remove(0)
}
