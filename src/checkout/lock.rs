//! `planwright lock`: makes or updates lock files; the only command that does.

use std::fs;

use anyhow::Context as _;
use serde::Serialize;

use planwright_core::{finding::Finding, names::StackId};
use planwright_package::{
    Checked,
    lock::{Lock, LockedPackage, shared_state},
    prepare::package_of,
    repository::lock_file,
    stack::Stack,
};

use super::{Checkout, Error};

#[derive(Debug, Serialize)]
pub struct Locked {
    pub stack: StackId,
    pub path: String,
    pub package: LockedPackage,
    /// Whether the file was written; a lock that is right already stays as it is.
    pub changed: bool,
}

/// Locks the named stacks, or none of them where one has findings.
pub fn lock(checkout: &Checkout, names: &[String]) -> Result<Vec<Locked>, Error> {
    let mut locks = Vec::new();
    let mut findings: Vec<Finding> = Vec::new();
    for id in checkout.selected(names)? {
        match locked(checkout, &id) {
            Ok(lock) => locks.push((id, lock)),
            Err(more) => findings.extend(more),
        }
    }
    if !findings.is_empty() {
        return Err(findings.into());
    }
    let mut all = Vec::new();
    for (id, (lock, before)) in locks {
        let path = lock_file(&id);
        let bytes = lock.bytes();
        let changed = before.as_deref() != Some(bytes.as_slice());
        if changed {
            let full = checkout.root.join(&path);
            fs::write(full, bytes).with_context(|| format!("{path} cannot be written"))?;
        }
        all.push(Locked { stack: id, path, package: lock.package, changed });
    }
    let shared = shared_state(&checkout.files)?;
    if shared.is_empty() { Ok(all) } else { Err(shared.into()) }
}

/// Returns the lock as it is to be, and the bytes of the file as it is.
fn locked(checkout: &Checkout, id: &StackId) -> Checked<(Lock, Option<Vec<u8>>)> {
    use planwright_package::files::Files as _;
    let stack = Stack::read(&checkout.files, id)?;
    let package = package_of(&stack, &checkout.trusted())?;
    // A lock that cannot be read may hold the key of a state that exists: never invent another.
    let before = Lock::read(&checkout.files, id)?;
    let lock = Lock::new(&stack, &package, before.map(|(lock, _)| lock.state_key))?;
    Ok((lock, checkout.files.read(&lock_file(id))?))
}
