//! Reading trees: which entries are plain files, and which files differ.

use planwright_core::names::Sha;
use planwright_git::{ChangeKind, ChangedPath, EntryKind, Error, Repo};

use super::{Node, Origin};

fn tree_of(nodes: &[(&str, Node)]) -> (Origin, Repo, Sha) {
    let origin = Origin::new();
    let commit = origin.commit_nodes("main", &[], nodes);
    let repo = Repo::open(origin.repository.path()).unwrap();
    let tree = repo.tree(&commit).unwrap();
    (origin, repo, tree)
}

#[test]
fn a_plain_file_is_read_and_a_missing_one_is_none() {
    let (_origin, repo, tree) = tree_of(&[("stacks/web/stack.yaml", Node::File("x"))]);
    assert_eq!(repo.read(&tree, "stacks/web/stack.yaml").unwrap(), Some(b"x".to_vec()));
    for path in [
        "stacks",
        "stacks/web/other",
        "stack.yaml",
        "",
        "/",
        "a/../stacks",
        "stacks/web/stack.yaml/x",
        "a\0b",
    ] {
        assert_eq!(repo.read(&tree, path).unwrap(), None, "{path:?}");
    }
}

#[test]
fn what_is_no_plain_file_is_refused() {
    let lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    let large = "x".repeat((8 << 20) + 1);
    let (_origin, repo, tree) = tree_of(&[
        ("link", Node::Symlink("/etc/passwd")),
        ("folder", Node::Symlink("elsewhere")),
        ("module", Node::Submodule),
        ("big.bin", Node::File(lfs)),
        ("large", Node::File(&large)),
    ]);
    for path in ["link", "folder/a.yaml", "module", "module/a.yaml", "big.bin", "large"] {
        let outcome = repo.read(&tree, path);
        assert!(matches!(outcome, Err(Error::Refused { .. })), "{path}: {outcome:?}");
    }
}

#[test]
fn paths_lists_a_folder_with_links_and_submodules() {
    let (_origin, repo, tree) = tree_of(&[
        ("stacks/b/stack.yaml", Node::File("x")),
        ("stacks/a/stack.yaml", Node::File("x")),
        ("stacks/link", Node::Symlink("a")),
        ("stacks/module", Node::Submodule),
        ("stacks2/c", Node::File("x")),
    ]);
    let listed: Vec<(String, EntryKind)> =
        repo.paths(&tree, "stacks/").unwrap().into_iter().map(|e| (e.path, e.kind)).collect();
    let expected = [
        ("stacks/a/stack.yaml", EntryKind::File),
        ("stacks/b/stack.yaml", EntryKind::File),
        ("stacks/link", EntryKind::Symlink),
        ("stacks/module", EntryKind::Submodule),
    ];
    assert_eq!(listed, expected.map(|(path, kind)| (path.to_owned(), kind)));
    assert_eq!(repo.paths(&tree, "").unwrap().len(), 5);
    assert_eq!(repo.paths(&tree, "none").unwrap(), []);
}

#[test]
fn a_folder_that_is_a_symlink_is_refused_not_empty() {
    let (_origin, repo, tree) = tree_of(&[("stacks", Node::Symlink("other"))]);
    assert!(matches!(repo.paths(&tree, "stacks"), Err(Error::Refused { .. })));
    assert!(matches!(repo.paths(&tree, "stacks/web"), Err(Error::Refused { .. })));
}

#[test]
fn changed_paths_names_each_path_once_and_shows_no_renames() {
    let origin = Origin::new();
    let from = origin.commit("main", &[], &[("a", "1"), ("old", "same"), ("kept", "1")]);
    let to = origin.commit("main", &[&from], &[("a", "2"), ("new", "same"), ("kept", "1")]);
    let repo = Repo::open(origin.repository.path()).unwrap();
    let (from, to) = (repo.tree(&from).unwrap(), repo.tree(&to).unwrap());
    let changed = |path: &str, kind| ChangedPath { path: path.into(), kind };
    let expected = [
        changed("a", ChangeKind::Modified),
        changed("new", ChangeKind::Added),
        changed("old", ChangeKind::Removed),
    ];
    assert_eq!(repo.changed_paths(&from, &to).unwrap(), expected);
    assert_eq!(repo.changed_paths(&to, &to).unwrap(), []);
}

#[test]
fn a_revision_of_a_checkout_is_found_from_below() {
    let dir = tempfile::TempDir::new().unwrap();
    let repository = git2::Repository::init(dir.path()).unwrap();
    let who = git2::Signature::now("alice", "alice@example.com").unwrap();
    let tree = repository.treebuilder(None).unwrap().write().unwrap();
    let tree = repository.find_tree(tree).unwrap();
    let id = repository.commit(Some("HEAD"), &who, &who, "first", &tree, &[]).unwrap();
    let below = dir.path().join("stacks/web");
    std::fs::create_dir_all(&below).unwrap();

    let repo = Repo::discover(&below).unwrap();
    assert_eq!(repo.commit("HEAD").unwrap().as_str(), id.to_string());
    for revision in ["HEAD~1", "nothing", "a b"] {
        let outcome = repo.commit(revision);
        assert!(matches!(outcome, Err(Error::Missing(_))), "{revision}: {outcome:?}");
    }
    assert!(Repo::discover(tempfile::TempDir::new().unwrap().path()).is_err());
}

#[test]
fn an_object_that_is_gone_is_damage_and_one_never_there_is_missing() {
    let origin = Origin::new();
    let commit = origin.commit("main", &[], &[("stacks/a", "1")]);
    let repo = Repo::open(origin.repository.path()).unwrap();
    let tree = repo.tree(&commit).unwrap();
    let never = Sha::parse("5".repeat(40)).unwrap();
    assert!(matches!(repo.tree(&never), Err(Error::Missing(_))));
    assert!(matches!(repo.read(&never, "stacks/a"), Err(Error::Missing(_))));

    let blob = git2::Oid::hash_object(git2::ObjectType::Blob, b"1").unwrap().to_string();
    for (id, probe) in [
        (blob.as_str(), (|repo, tree, _| repo.read(tree, "stacks/a").map(drop)) as Probe),
        (tree.as_str(), |repo, _, commit| repo.tree(commit).map(drop)),
    ] {
        let object = format!("objects/{}/{}", &id[..2], &id[2..]);
        std::fs::remove_file(origin.repository.path().join(object)).unwrap();
        let fresh = Repo::open(origin.repository.path()).unwrap();
        let outcome = probe(&fresh, &tree, &commit);
        assert!(matches!(outcome, Err(Error::Corrupt(_))), "{outcome:?}");
    }
}

type Probe = fn(&Repo, &Sha, &Sha) -> planwright_git::Result<()>;
