//! Mirrors, merges and trees, on temporary repositories and with git's own HTTP server.

mod server;
mod tree;

use std::path::Path;

use git2::{Repository, Signature};
use server::{Server, TOKEN};
use tempfile::TempDir;

use planwright_core::names::{BranchName, PrNumber, RepositoryId, Sha};
use planwright_git::{Error, Git, Merge, Source, Want};

const ID: RepositoryId = RepositoryId(7);

/// A bare repository with files committed straight to refs.
pub struct Origin {
    pub dir: TempDir,
    pub repository: Repository,
}

/// What stands at a path of a commit.
pub enum Node<'a> {
    File(&'a str),
    Symlink(&'a str),
    Submodule,
}

impl Origin {
    pub fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let repository = Repository::init_bare(dir.path().join("acme/infra.git")).unwrap();
        Self { dir, repository }
    }

    /// Commits exactly `files` to `refs/heads/<branch>` on top of `parents`.
    pub fn commit(&self, branch: &str, parents: &[&Sha], files: &[(&str, &str)]) -> Sha {
        let nodes: Vec<_> = files.iter().map(|(path, text)| (*path, Node::File(text))).collect();
        self.commit_nodes(branch, parents, &nodes)
    }

    pub fn commit_nodes(&self, branch: &str, parents: &[&Sha], nodes: &[(&str, Node)]) -> Sha {
        let mut index = git2::Index::new().unwrap();
        for (path, node) in nodes {
            let blob = |text: &str| self.repository.blob(text.as_bytes()).unwrap();
            let (mode, id) = match node {
                Node::File(text) => (0o100_644, blob(text)),
                Node::Symlink(to) => (0o120_000, blob(to)),
                Node::Submodule => (0o160_000, git2::Oid::from_str(&"5".repeat(40)).unwrap()),
            };
            index.add(&entry(path, mode, id)).unwrap();
        }
        let tree = index.write_tree_to(&self.repository).unwrap();
        let tree = self.repository.find_tree(tree).unwrap();
        let find = |sha: &&Sha| self.repository.find_commit(oid(sha)).unwrap();
        let parents: Vec<_> = parents.iter().map(find).collect();
        let parents: Vec<_> = parents.iter().collect();
        let who = Signature::now("alice", "alice@example.com").unwrap();
        let id = self.repository.commit(None, &who, &who, branch, &tree, &parents).unwrap();
        self.set_ref(&format!("refs/heads/{branch}"), &sha(id));
        sha(id)
    }

    pub fn set_ref(&self, name: &str, to: &Sha) {
        self.repository.reference(name, oid(to), true, "test").unwrap();
    }

    pub fn delete_ref(&self, name: &str) {
        self.repository.find_reference(name).unwrap().delete().unwrap();
    }
}

fn entry(path: &str, mode: u32, id: git2::Oid) -> git2::IndexEntry {
    let zero = git2::IndexTime::new(0, 0);
    git2::IndexEntry {
        ctime: zero,
        mtime: zero,
        dev: 0,
        ino: 0,
        mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}

fn oid(sha: &Sha) -> git2::Oid {
    git2::Oid::from_str(sha.as_str()).unwrap()
}

fn sha(id: git2::Oid) -> Sha {
    Sha::parse(id.to_string()).unwrap()
}

fn branch(name: &str) -> Want {
    Want::Branch(BranchName::parse(name).unwrap())
}

fn git(data: &TempDir) -> Git {
    Git::new(data.path().join("mirrors")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wanted_is_fetched_over_http_with_the_token() {
    let origin = Origin::new();
    let base = origin.commit("main", &[], &[("a", "1")]);
    let head = origin.commit("topic", &[&base], &[("a", "2")]);
    origin.set_ref("refs/pull/3/head", &head);
    let server = Server::start(origin.dir.path()).await;
    let data = TempDir::new().unwrap();

    let wants = [branch("main"), Want::PullRequest(PrNumber(3)), Want::Commit(base.clone())];
    let mirror = git(&data).fetch(ID, &server.source(), &wants).await.unwrap();

    assert_eq!(mirror.tip(&wants[0]).await.unwrap(), base);
    assert_eq!(mirror.tip(&wants[1]).await.unwrap(), head);
    assert_eq!(mirror.merge_base(&base, &head).await.unwrap(), base);
    assert!(mirror.is_ancestor(&base, &head).await.unwrap());
    assert!(!mirror.is_ancestor(&head, &base).await.unwrap());
    let tree = mirror.tree(&head).await.unwrap();
    assert_eq!(mirror.read(&tree, "a").await.unwrap(), Some(b"2".to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_fetch_follows_a_forced_push_and_brings_only_what_is_new() {
    let origin = Origin::new();
    let first = origin.commit("main", &[], &[("a", "1")]);
    let server = Server::start(origin.dir.path()).await;
    let data = TempDir::new().unwrap();
    let git = git(&data);
    git.fetch(ID, &server.source(), &[branch("main")]).await.unwrap();

    let other = origin.commit("main", &[], &[("a", "other")]);
    let mirror = git.fetch(ID, &server.source(), &[branch("main")]).await.unwrap();

    assert_eq!(mirror.tip(&branch("main")).await.unwrap(), other);
    assert!(mirror.tree(&first).await.is_ok(), "what was fetched stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_may_take_the_place_of_a_folder_of_branches() {
    let origin = Origin::new();
    let one = origin.commit("a", &[], &[("f", "1")]);
    let server = Server::start(origin.dir.path()).await;
    let data = TempDir::new().unwrap();
    let git = git(&data);
    git.fetch(ID, &server.source(), &[branch("a")]).await.unwrap();

    origin.delete_ref("refs/heads/a");
    origin.commit("a/b", &[&one], &[("f", "2")]);
    git.fetch(ID, &server.source(), &[branch("a/b")]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_does_not_have_is_missing_even_if_it_was_there_before() {
    let origin = Origin::new();
    let base = origin.commit("main", &[], &[("a", "1")]);
    origin.commit("gone", &[&base], &[("a", "2")]);
    let server = Server::start(origin.dir.path()).await;
    let data = TempDir::new().unwrap();
    let git = git(&data);
    git.fetch(ID, &server.source(), &[branch("gone")]).await.unwrap();
    origin.delete_ref("refs/heads/gone");

    for want in [branch("gone"), Want::PullRequest(PrNumber(9))] {
        let outcome = git.fetch(ID, &server.source(), &[branch("main"), want.clone()]).await;
        assert!(matches!(outcome, Err(Error::Missing(_))), "{outcome:?}");
        let tip = git.mirror(ID).tip(&want).await;
        assert!(matches!(tip, Err(Error::Missing(_))), "{tip:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_token_the_fetch_is_denied() {
    let origin = Origin::new();
    origin.commit("main", &[], &[("a", "1")]);
    let server = Server::start(origin.dir.path()).await;
    let data = TempDir::new().unwrap();
    for token in [None, Some("wrong".into())] {
        let source = Source::new(server.url(), token).unwrap();
        let outcome = git(&data).fetch(ID, &source, &[branch("main")]).await;
        assert!(matches!(outcome, Err(Error::Denied { .. })), "{outcome:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_in_no_file_and_in_no_message() {
    let origin = Origin::new();
    origin.commit("main", &[], &[("a", "1")]);
    let server = Server::start(origin.dir.path()).await;
    let data = TempDir::new().unwrap();
    let git = git(&data);
    git.fetch(ID, &server.source(), &[branch("main")]).await.unwrap();
    let error = git.fetch(ID, &server.source(), &[branch("none")]).await.unwrap_err();

    for text in [format!("{error} {error:?}"), format!("{:?}", server.source())] {
        assert!(!text.contains(TOKEN), "{text}");
    }
    let mut files = 0;
    for file in walkdir::WalkDir::new(data.path()).into_iter().map(Result::unwrap) {
        if file.file_type().is_file() {
            files += 1;
            let bytes = std::fs::read(file.path()).unwrap();
            assert!(file.file_name() != "FETCH_HEAD" || bytes.is_empty());
            let holds = bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
            assert!(!holds, "{}", file.path().display());
        }
    }
    assert!(files > 3, "looked at {files} files only");
}

#[test]
fn a_url_with_credentials_is_refused() {
    let error = Source::new("https://x-access-token:ghs_secret@host/a/b.git", None).unwrap_err();
    assert!(!error.to_string().contains("ghs_secret"), "{error}");
    assert!(Source::new("https://host/a/b@c.git", None).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_another_host_is_not_followed() {
    let elsewhere = Server::start(TempDir::new().unwrap().path()).await;
    let server = Server::redirecting_to(&elsewhere.url()).await;
    let data = TempDir::new().unwrap();
    let outcome = git(&data).fetch(ID, &server.source(), &[branch("main")]).await;
    assert!(matches!(outcome, Err(Error::Unavailable { .. })), "{outcome:?}");
    assert_eq!(elsewhere.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_repository_is_fetched_from_where_its_host_redirects_to() {
    let origin = Origin::new();
    let tip = origin.commit("main", &[], &[("a", "1")]);
    let server = Server::start(origin.dir.path()).await;
    let data = TempDir::new().unwrap();
    let source = Source::new(server.old_url(), Some(TOKEN.into())).unwrap();
    let mirror = git(&data).fetch(ID, &source, &[branch("main")]).await.unwrap();
    assert_eq!(mirror.tip(&branch("main")).await.unwrap(), tip);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_mirror_is_made_anew() {
    let origin = Origin::new();
    let tip = origin.commit("main", &[], &[("a", "1")]);
    let server = Server::start(origin.dir.path()).await;
    let data = TempDir::new().unwrap();
    let git = git(&data);
    git.fetch(ID, &server.source(), &[branch("main")]).await.unwrap();

    // Nothing opens any more: seen by the fetch itself.
    let place = data.path().join("mirrors/7.git");
    std::fs::write(place.join("HEAD"), "no head").unwrap();
    let mirror = git.fetch(ID, &server.source(), &[branch("main")]).await.unwrap();
    assert!(mirror.tree(&tip).await.is_ok());

    // The objects are gone.
    empty_packs(&place);
    assert!(mirror.tree(&tip).await.is_err());
    git.fetch(ID, &server.source(), &[branch("main")]).await.unwrap();
    assert!(mirror.tree(&tip).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_that_only_a_reader_sees_is_mended_by_the_next_fetch() {
    let origin = Origin::new();
    let tip = origin.commit("main", &[], &[("a", "1")]);
    let server = Server::start(origin.dir.path()).await;
    let data = TempDir::new().unwrap();
    let git = git(&data);
    let mirror = git.fetch(ID, &server.source(), &[branch("main")]).await.unwrap();
    let old = data.path().join("mirrors/7.git/old");
    std::fs::write(&old, "of the mirror before").unwrap();

    let denied = mirror.with(|_| Err::<(), _>(Error::Missing("a path".into()))).await;
    assert!(denied.is_err());
    git.fetch(ID, &server.source(), &[branch("main")]).await.unwrap();
    assert!(old.exists(), "what is merely missing is no damage");

    let damaged = mirror.with(|_| Err::<(), _>(Error::Corrupt("a tree is missing".into()))).await;
    assert!(damaged.is_err());
    git.fetch(ID, &server.source(), &[branch("main")]).await.unwrap();
    assert!(!old.exists() && mirror.tree(&tip).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_has_what_was_fetched_and_after_damage_nothing() {
    let origin = Origin::new();
    let tip = origin.commit("main", &[], &[("a", "1")]);
    let server = Server::start(origin.dir.path()).await;
    let data = TempDir::new().unwrap();
    let git = git(&data);
    assert!(!git.mirror(ID).has(&tip).await.unwrap());
    let mirror = git.fetch(ID, &server.source(), &[branch("main")]).await.unwrap();
    assert!(mirror.has(&tip).await.unwrap());
    let next = origin.commit("main", &[&tip], &[("a", "2")]);
    assert!(!mirror.has(&next).await.unwrap());

    let damaged = mirror.with(|_| Err::<(), _>(Error::Corrupt("a file is missing".into()))).await;
    assert!(damaged.is_err());
    assert!(!mirror.has(&tip).await.unwrap(), "whoever asks fetches, and that mends it");
}

fn empty_packs(place: &Path) {
    for file in std::fs::read_dir(place.join("objects/pack")).unwrap() {
        let path = file.unwrap().path();
        std::fs::remove_file(path).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_may_fetch_one_mirror_at_once() {
    let origin = Origin::new();
    let tip = origin.commit("main", &[], &[("a", "1")]);
    let server = Server::start(origin.dir.path()).await;
    let data = TempDir::new().unwrap();
    let git = git(&data);
    let fetches = (0..8).map(|_| {
        let (git, source) = (git.clone(), server.source());
        async move { git.fetch(ID, &source, &[branch("main")]).await.unwrap() }
    });
    for mirror in futures::future::join_all(fetches).await {
        assert_eq!(mirror.tip(&branch("main")).await.unwrap(), tip);
    }
}

#[tokio::test]
async fn a_merge_has_what_both_sides_changed() {
    let origin = Origin::new();
    let start = origin.commit("main", &[], &[("a", "1\n"), ("b", "1\n")]);
    let head = origin.commit("topic", &[&start], &[("a", "2\n"), ("b", "1\n")]);
    let base = origin.commit("main", &[&start], &[("a", "1\n"), ("b", "2\n")]);
    let repo = planwright_git::Repo::open(origin.repository.path()).unwrap();

    let Merge::Tree(tree) = repo.merge(&base, &head).unwrap() else { panic!("a conflict") };

    assert_eq!(repo.read(&tree, "a").unwrap(), Some(b"2\n".to_vec()));
    assert_eq!(repo.read(&tree, "b").unwrap(), Some(b"2\n".to_vec()));
}

#[tokio::test]
async fn a_conflict_names_its_paths() {
    let origin = Origin::new();
    let start = origin.commit("main", &[], &[("a", "1\n"), ("b", "1\n"), ("c", "1\n")]);
    let head = origin.commit("topic", &[&start], &[("a", "2\n"), ("c", "1\n")]);
    let base = origin.commit("main", &[&start], &[("a", "3\n"), ("b", "2\n"), ("c", "1\n")]);
    let repo = planwright_git::Repo::open(origin.repository.path()).unwrap();

    let paths = ["a", "b"].map(String::from).into();
    assert_eq!(repo.merge(&base, &head).unwrap(), Merge::Conflict { paths });
}

#[tokio::test]
async fn histories_without_a_common_ancestor_are_not_merged() {
    let origin = Origin::new();
    let base = origin.commit("main", &[], &[("a", "1\n")]);
    let head = origin.commit("topic", &[], &[("b", "1\n")]);
    let repo = planwright_git::Repo::open(origin.repository.path()).unwrap();
    assert!(matches!(repo.merge(&base, &head), Err(Error::Missing(_))));
}
