//! Which stacks a change affects, and why: from changed paths to the stacks that use them.
//!
//! There are no path globs: a stack is affected through its own files or through its package.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use planwright_core::{digest::Digest, names::StackId};

use super::{
    Checked,
    files::Files,
    lock::Lock,
    repository::{environment_file, lock_file, stack_file, stacks},
    source::Source,
    stack::Stack,
};

/// What a stack of one tree uses, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The folder of its package, if the package is in the repository.
    pub folder: Option<String>,
    /// `None` if the stack is not locked or its lock cannot be read.
    pub state_key: Option<String>,
    /// The digest of the package that its lock names.
    pub package: Option<Digest>,
}

/// Why a stack is affected. The order of the variants is the order in which reasons are shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Its files were removed and came back under another name. Refused, see [`Reason::refusal`].
    Renamed {
        from: StackId,
        to: StackId,
    },
    /// Its lock names another state than before. Refused.
    StateMoved {
        from: String,
        to: String,
    },
    /// Its files were removed, so it is planned for destruction.
    Removed,
    Added,
    StackFile,
    Environment,
    Lock,
    /// Files of the package that it uses changed.
    Package {
        folder: String,
    },
    /// Its lock names another package content than before, or names one for the first time.
    LockedPackage,
}

impl Reason {
    /// Returns why the stack is not planned, and what to do instead; `None` if it can be planned.
    pub fn refusal(&self) -> Option<String> {
        match self {
            Self::Renamed { from, to } => Some(format!(
                "the stack `{from}` cannot be renamed to `{to}`, since both would hold one state; keep the name, \
                 or lock `{to}` with a state of its own (remove its lock file, `planwright lock {to}`) \
                 and remove `{from}` in a later change"
            )),
            Self::StateMoved { from, to } => Some(format!(
                "the lock moves the state from `{from}` to `{to}`, which would leave every resource behind; \
                 write `\"state_key\": \"{from}\"` into the lock again"
            )),
            _ => None,
        }
    }

    pub fn is_rename(&self) -> bool {
        matches!(self, Self::Renamed { .. })
    }

    /// Returns whether the stack runs other code than before.
    pub fn is_code(&self) -> bool {
        matches!(self, Self::Package { .. } | Self::LockedPackage)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Renamed { from, to } => write!(f, "renamed from `{from}` to `{to}`"),
            Self::StateMoved { from, to } => write!(f, "state moved from `{from}` to `{to}`"),
            Self::Removed => f.write_str("removed"),
            Self::Added => f.write_str("added"),
            Self::StackFile => f.write_str("stack file changed"),
            Self::Environment => f.write_str("environment changed"),
            Self::Lock => f.write_str("lock changed"),
            Self::Package { folder } => write!(f, "package `{folder}` changed"),
            Self::LockedPackage => f.write_str("locked package changed"),
        }
    }
}

/// Returns the stacks of a tree with what they use. Files with mistakes are skipped here and
/// reported elsewhere.
pub fn uses(files: &dyn Files) -> Checked<BTreeMap<StackId, Use>> {
    let mut all = BTreeMap::new();
    for id in stacks(files)?.0 {
        let folder = match Stack::read(files, &id).map(|stack| stack.source) {
            Ok(Source::Path(folder)) => Some(folder),
            _ => None,
        };
        let lock = Lock::read(files, &id).ok().flatten().map(|(lock, _)| lock);
        let (state_key, package) = lock.map(|lock| (lock.state_key, lock.package.digest)).unzip();
        all.insert(id, Use { folder, state_key, package });
    }
    Ok(all)
}

/// Returns every stack that the change from `base` to `head` affects, with all reasons.
pub fn affected(
    changed: &BTreeSet<String>,
    base: &BTreeMap<StackId, Use>,
    head: &BTreeMap<StackId, Use>,
) -> BTreeMap<StackId, BTreeSet<Reason>> {
    let mut affected: BTreeMap<StackId, BTreeSet<Reason>> = BTreeMap::new();
    let gone = || base.iter().filter(|(id, _)| !head.contains_key(*id));
    for (id, _) in gone() {
        affected.insert(id.clone(), [Reason::Removed].into());
    }
    for (id, now) in head {
        let reasons = match base.get(id) {
            Some(before) => reasons(id, changed, before, now),
            // A new stack may take over the state of a removed one: a rename.
            None => match gone()
                .find(|(_, then)| now.state_key.is_some() && then.state_key == now.state_key)
            {
                Some((from, _)) => {
                    let renamed = Reason::Renamed { from: from.clone(), to: id.clone() };
                    // Otherwise the old name would be planned for destruction.
                    affected.insert(from.clone(), [renamed.clone()].into());
                    [renamed].into()
                }
                None => [Reason::Added].into_iter().chain(code(changed, None, now)).collect(),
            },
        };
        if !reasons.is_empty() {
            affected.insert(id.clone(), reasons);
        }
    }
    affected
}

fn reasons(id: &StackId, changed: &BTreeSet<String>, before: &Use, now: &Use) -> BTreeSet<Reason> {
    let mut reasons = BTreeSet::new();
    if let (Some(from), Some(to)) = (&before.state_key, &now.state_key)
        && from != to
    {
        reasons.insert(Reason::StateMoved { from: from.clone(), to: to.clone() });
    }
    if changed.contains(&stack_file(id)) {
        reasons.insert(Reason::StackFile);
    }
    if environment_file(id).is_some_and(|path| changed.contains(&path)) {
        reasons.insert(Reason::Environment);
    }
    if changed.contains(&lock_file(id)) {
        reasons.insert(Reason::Lock);
    }
    reasons.extend(code(changed, Some(before), now));
    reasons
}

/// Returns the reasons for which a stack runs other code. They also apply to a new stack, for which
/// all code is new.
fn code(
    changed: &BTreeSet<String>,
    before: Option<&Use>,
    now: &Use,
) -> impl Iterator<Item = Reason> {
    let is_other_lock = now.package.is_some()
        && now.package.as_ref() != before.and_then(|before| before.package.as_ref());
    let locked = is_other_lock.then_some(Reason::LockedPackage);
    package(changed, now).into_iter().chain(locked)
}

/// Returns a reason if files of the stack's package changed.
fn package(changed: &BTreeSet<String>, now: &Use) -> Option<Reason> {
    let folder = now.folder.as_ref()?;
    let is_in = |path: &String| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    changed.iter().any(is_in).then(|| Reason::Package { folder: folder.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> StackId {
        StackId::parse(text).unwrap()
    }

    fn tree(stacks: &[(&str, Option<&str>, &str)]) -> BTreeMap<StackId, Use> {
        stacks
            .iter()
            .map(|(name, folder, key)| {
                let folder = folder.map(str::to_owned);
                let package = Some(Digest::from_text("sha256:one"));
                (id(name), Use { folder, state_key: Some((*key).to_owned()), package })
            })
            .collect()
    }

    fn base() -> BTreeMap<StackId, Use> {
        tree(&[
            ("logs", Some("packages/mine"), "logs"),
            ("web/dev", None, "web/dev"),
            ("web/prod", None, "web/prod"),
        ])
    }

    #[test]
    fn each_file_affects_the_stacks_that_use_it() {
        for (path, stacks) in [
            ("stacks/logs/stack.yaml", vec![("logs", Reason::StackFile)]),
            ("stacks/logs/stack.lock.json", vec![("logs", Reason::Lock)]),
            (
                "stacks/web/stack.yaml",
                vec![("web/dev", Reason::StackFile), ("web/prod", Reason::StackFile)],
            ),
            ("stacks/web/prod.yaml", vec![("web/prod", Reason::Environment)]),
            ("stacks/web/prod.lock.json", vec![("web/prod", Reason::Lock)]),
            (
                "packages/mine/modules/a/b/main.tf",
                vec![("logs", Reason::Package { folder: "packages/mine".into() })],
            ),
            ("packages/mine2/package.yaml", vec![]),
            ("stacks/web/README.md", vec![]),
            ("planwright.yaml", vec![]),
        ] {
            let affected = affected(&[path.to_owned()].into(), &base(), &base());
            let expected: BTreeMap<_, _> =
                stacks.into_iter().map(|(name, reason)| (id(name), [reason].into())).collect();
            assert_eq!(affected, expected, "{path}");
        }
    }

    #[test]
    fn a_stack_that_is_gone_is_removed_and_a_new_one_added() {
        let head = tree(&[
            ("logs", Some("packages/mine"), "logs"),
            ("web/dev", None, "web/dev"),
            ("new", None, "new"),
        ]);
        let affected = affected(&BTreeSet::new(), &base(), &head);
        assert_eq!(affected[&id("web/prod")], [Reason::Removed].into());
        assert_eq!(affected[&id("new")], [Reason::Added, Reason::LockedPackage].into());
        assert_eq!(affected.len(), 2);
    }

    #[test]
    fn a_new_stack_of_changed_package_bytes_says_both() {
        let head = tree(&[("new", Some("packages/mine"), "new")]);
        let affected =
            affected(&["packages/mine/package.yaml".into()].into(), &BTreeMap::new(), &head);
        let package = Reason::Package { folder: "packages/mine".into() };
        assert_eq!(affected[&id("new")], [Reason::Added, package, Reason::LockedPackage].into());
    }

    #[test]
    fn a_lock_on_another_package_is_other_code_and_another_lock_is_not() {
        let changed = ["stacks/web/dev.lock.json".to_owned()].into();
        let is_code = |head: &BTreeMap<StackId, Use>| {
            affected(&changed, &base(), head)[&id("web/dev")].iter().any(Reason::is_code)
        };
        assert!(!is_code(&base()), "a lock written anew names the same package");
        let mut head = base();
        head.get_mut(&id("web/dev")).unwrap().package = Some(Digest::from_text("sha256:two"));
        assert!(is_code(&head));
        assert!(!Reason::StackFile.is_code() && !Reason::Removed.is_code());
    }

    #[test]
    fn a_stack_that_takes_another_name_or_state_is_refused() {
        let mut head = base();
        let logs = head.remove(&id("logs")).unwrap();
        head.insert(id("log"), logs);
        head.get_mut(&id("web/dev")).unwrap().state_key = Some("web/other".into());
        let affected = affected(&BTreeSet::new(), &base(), &head);
        let refused = |name| affected[&id(name)].iter().find_map(Reason::refusal);
        assert!(refused("log").unwrap().contains("`logs` cannot be renamed to `log`"));
        assert!(refused("web/dev").unwrap().contains("`\"state_key\": \"web/dev\"`"));
        assert_eq!(
            affected[&id("logs")],
            affected[&id("log")],
            "the old name must not be destroyed"
        );
    }
}
