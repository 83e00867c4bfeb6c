//! `planwright lock`: creates or updates lock files.

use std::{collections::BTreeMap, fs};

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
    /// Whether the file was written; a lock that is already right is not touched.
    pub changed: bool,
}

/// Locks the named stacks, or none of them if any has findings.
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
    let shared = shared_state(&checkout.files, &BTreeMap::new())?;
    if shared.is_empty() { Ok(all) } else { Err(shared.into()) }
}

/// Returns the new lock, and the current bytes of its file.
fn locked(checkout: &Checkout, id: &StackId) -> Checked<(Lock, Option<Vec<u8>>)> {
    use planwright_package::files::Files as _;
    let stack = Stack::read(&checkout.files, id)?;
    let package = package_of(&stack, &checkout.trusted())?;
    // A lock that cannot be read may hold the key of an existing state, so no new key is made up.
    let before = Lock::read(&checkout.files, id)?;
    let lock = Lock::new(&stack, &package, before.map(|(lock, _)| lock.state_key))?;
    Ok((lock, checkout.files.read(&lock_file(id))?))
}
