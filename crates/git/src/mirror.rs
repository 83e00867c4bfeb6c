//! A bare mirror of each repository, in the data directory and fetched on demand.
//!
//! The whole history is fetched, because merge bases and ancestors need it. Locks are files, so
//! that they also work between processes that share the directory.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
};

use git2::{AutotagOption, FetchOptions, FetchPrune, Repository, RepositoryInitOptions};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};

use planwright_core::names::{BranchName, PrNumber, RepositoryId, Sha};

use super::{
    error::{Error, Result, is_damage, lookup},
    merge::Merge,
    repo::{Repo, sha},
    transport,
    tree::{ChangedPath, Entry},
};

/// The address to fetch from, and the token for it.
#[derive(Clone, Debug)]
pub struct Source {
    url: String,
    token: Option<SecretString>,
}

impl Source {
    /// Fails if `url` contains a user or password, which belongs in `token`.
    pub fn new(url: impl Into<String>, token: Option<SecretString>) -> Result<Self> {
        let url = url.into();
        let has_user = url
            .split_once("://")
            .is_some_and(|(_, rest)| rest.split('/').next().unwrap_or_default().contains('@'));
        if has_user {
            return Err(Error::Failed("the URL to fetch from has credentials in it".into()));
        }
        Ok(Self { url, token })
    }
}

/// What to fetch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    Branch(BranchName),
    /// `refs/pull/N/head`, which GitHub also has for pull requests from forks.
    PullRequest(PrNumber),
    /// One commit by its id. The server has to allow that, as GitHub does.
    Commit(Sha),
}

impl Want {
    fn source(&self) -> String {
        match self {
            Self::Branch(name) => format!("refs/heads/{name}"),
            Self::PullRequest(number) => format!("refs/pull/{number}/head"),
            Self::Commit(sha) => sha.to_string(),
        }
    }

    /// Returns the local ref that keeps it. Names of branches are hashed, because `a` and `a/b`
    /// cannot both be files, and one may have been deleted before the other was created.
    fn local(&self) -> String {
        match self {
            Self::Branch(name) => {
                let hash = hex::encode(Sha256::digest(name.as_str()));
                format!("refs/planwright/heads/{hash}")
            }
            Self::PullRequest(number) => format!("refs/planwright/pull/{number}"),
            Self::Commit(sha) => format!("refs/planwright/commits/{sha}"),
        }
    }
}

/// All mirrors.
#[derive(Clone, Debug)]
pub struct Git {
    root: PathBuf,
}

impl Git {
    /// Keeps mirrors in the directory `root`. To be called before anything else uses libgit2 over
    /// the network.
    pub fn new(root: impl Into<PathBuf>) -> Result<Self> {
        transport::register().map_err(|e| Error::Failed(e.to_string()))?;
        let root = root.into();
        fs::create_dir_all(&root).map_err(|e| failed("create", &root, &e))?;
        Ok(Self { root })
    }

    /// Fetches `wants` and returns the mirror. A damaged mirror is created anew, once.
    ///
    /// Fails with [`Error::Missing`] for the first of `wants` that the server does not have.
    pub async fn fetch(
        &self,
        repository: RepositoryId,
        source: &Source,
        wants: &[Want],
    ) -> Result<Mirror> {
        let mirror = self.mirror(repository);
        let (target, source, wants) = (mirror.clone(), source.clone(), wants.to_vec());
        blocking(move || target.fetch(&source, &wants)).await?;
        Ok(mirror)
    }

    /// Returns the mirror without fetching.
    pub fn mirror(&self, repository: RepositoryId) -> Mirror {
        Mirror { path: self.root.join(format!("{repository}.git")) }
    }
}

/// A bare mirror. Its methods run on threads that may block. It can be deleted and fetched again.
#[derive(Clone, Debug)]
pub struct Mirror {
    path: PathBuf,
}

impl Mirror {
    /// Runs `act` on the repository. Several may read at the same time, but none during a fetch.
    pub async fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Repo) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mirror = self.clone();
        blocking(move || {
            let lock = mirror.lock_file()?;
            lock.lock_shared().map_err(|e| failed("lock", &mirror.path, &e))?;
            let outcome = Repo::open(&mirror.path).and_then(|repo| act(&repo));
            if let Err(Error::Corrupt(_)) = &outcome {
                // The next fetch sees the mark and creates the mirror anew.
                let mark = mirror.beside("damaged");
                File::create(&mark).map_err(|e| failed("mark", &mark, &e))?;
            }
            outcome
        })
        .await
    }

    /// Returns the commit of `want` at the last fetch.
    pub async fn tip(&self, want: &Want) -> Result<Sha> {
        let want = want.clone();
        self.with(move |repo| {
            let id = repo.0.refname_to_id(&want.local()).map_err(lookup(want.source()))?;
            sha(id)
        })
        .await
    }

    /// Returns whether the mirror has a commit.
    pub async fn has(&self, commit: &Sha) -> Result<bool> {
        if !self.path.exists() || self.beside("damaged").exists() {
            return Ok(false);
        }
        match self.tree(commit).await {
            Ok(_) => Ok(true),
            Err(Error::Missing(_) | Error::Corrupt(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// See [`Repo::merge`].
    pub async fn merge(&self, base: &Sha, head: &Sha) -> Result<Merge> {
        let (base, head) = (base.clone(), head.clone());
        self.with(move |repo| repo.merge(&base, &head)).await
    }

    /// See [`Repo::tree`].
    pub async fn tree(&self, commit: &Sha) -> Result<Sha> {
        let commit = commit.clone();
        self.with(move |repo| repo.tree(&commit)).await
    }

    /// See [`Repo::changed_paths`].
    pub async fn changed_paths(&self, from: &Sha, to: &Sha) -> Result<Vec<ChangedPath>> {
        let (from, to) = (from.clone(), to.clone());
        self.with(move |repo| repo.changed_paths(&from, &to)).await
    }

    /// See [`Repo::read`].
    pub async fn read(&self, tree: &Sha, path: &str) -> Result<Option<Vec<u8>>> {
        let (tree, path) = (tree.clone(), path.to_owned());
        self.with(move |repo| repo.read(&tree, &path)).await
    }

    /// See [`Repo::paths`].
    pub async fn paths(&self, tree: &Sha, under: &str) -> Result<Vec<Entry>> {
        let (tree, under) = (tree.clone(), under.to_owned());
        self.with(move |repo| repo.paths(&tree, &under)).await
    }

    /// See [`Repo::parent`].
    pub async fn parent(&self, commit: &Sha) -> Result<Sha> {
        let commit = commit.clone();
        self.with(move |repo| repo.parent(&commit)).await
    }

    /// See [`Repo::merge_base`].
    pub async fn merge_base(&self, one: &Sha, other: &Sha) -> Result<Sha> {
        let (one, other) = (one.clone(), other.clone());
        self.with(move |repo| repo.merge_base(&one, &other)).await
    }

    /// See [`Repo::is_ancestor`].
    pub async fn is_ancestor(&self, ancestor: &Sha, descendant: &Sha) -> Result<bool> {
        let (ancestor, descendant) = (ancestor.clone(), descendant.clone());
        self.with(move |repo| repo.is_ancestor(&ancestor, &descendant)).await
    }

    fn fetch(&self, source: &Source, wants: &[Want]) -> Result<()> {
        let lock = self.lock_file()?;
        lock.lock().map_err(|e| failed("lock", &self.path, &e))?;
        let mark = self.beside("damaged");
        if mark.exists() {
            self.remove()?;
            fs::remove_file(&mark).map_err(|e| failed("remove", &mark, &e))?;
        }
        match self.fetch_once(source, wants) {
            Err(Error::Corrupt(reason)) => {
                tracing::warn!(mirror = %self.path.display(), reason, "damaged; fetching it anew");
                self.remove()?;
                self.fetch_once(source, wants)
            }
            outcome => outcome,
        }
    }

    fn fetch_once(&self, source: &Source, wants: &[Want]) -> Result<()> {
        let repository = self.open_or_init()?;
        let mut remote = repository.remote_anonymous(&source.url)?;
        let refspecs: Vec<String> =
            wants.iter().map(|want| format!("+{}:{}", want.source(), want.local())).collect();
        let mut options = FetchOptions::new();
        options
            .download_tags(AutotagOption::None)
            .prune(FetchPrune::Off)
            // `FETCH_HEAD` is not needed.
            .update_fetchhead(false);
        let fetched = transport::with_token(source.token.clone(), || {
            remote.fetch(&refspecs, Some(&mut options), None)
        });
        fetched.map_err(|e| not_fetched(&source.url, &e))?;
        // libgit2 silently ignores a ref that the server does not have.
        let there: BTreeSet<String> =
            remote.list()?.iter().map(|head| head.name().to_owned()).collect();
        for want in wants {
            let is_there = match want {
                Want::Commit(_) => repository.refname_to_id(&want.local()).is_ok(),
                Want::Branch(_) | Want::PullRequest(_) => there.contains(&want.source()),
            };
            if !is_there {
                if let Ok(mut stale) = repository.find_reference(&want.local()) {
                    stale.delete()?;
                }
                return Err(Error::Missing(format!("`{}`", want.source())));
            }
        }
        Ok(())
    }

    fn open_or_init(&self) -> Result<Repository> {
        if self.path.exists() {
            return Ok(Repository::open_bare(&self.path)?);
        }
        let mut options = RepositoryInitOptions::new();
        // A template could copy hooks and settings of this machine.
        options.bare(true).external_template(false).no_reinit(true);
        Ok(Repository::init_opts(&self.path, &options)?)
    }

    fn remove(&self) -> Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(failed("remove", &self.path, &e))
            }
            _ => Ok(()),
        }
    }

    fn lock_file(&self) -> Result<File> {
        let path = self.beside("lock");
        File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| failed("open", &path, &e))
    }

    fn beside(&self, extension: &str) -> PathBuf {
        self.path.with_extension(extension)
    }
}

fn not_fetched(url: &str, error: &git2::Error) -> Error {
    let (url, reason) = (url.to_owned(), error.message().to_owned());
    match transport::status(error) {
        // GitHub answers 404 if the token has no access.
        Some(401 | 403 | 404 | 410) => Error::Denied { url, reason },
        Some(_) => Error::Unavailable { url, reason },
        None if error.class() == git2::ErrorClass::Net => Error::Unavailable { url, reason },
        None if is_damage(error) => Error::Corrupt(reason),
        None => Error::Unavailable { url, reason },
    }
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::Failed(format!("cannot {what} `{}`: {error}", path.display()))
}

async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(act).await {
        Ok(outcome) => outcome,
        Err(e) => Err(Error::Failed(format!("work on a repository was cut short: {e}"))),
    }
}
