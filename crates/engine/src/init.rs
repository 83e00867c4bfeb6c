//! `init`: run before the first plan of a tree, and again only when something it depends on
//! changed.
//!
//! It does not depend on the values in `terraform.tfvars.json`. The stamp that records what it was
//! run for is inside the engine's data directory, so the two are always deleted together.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs,
    path::Path,
};

use serde::Deserialize;

use planwright_core::digest::Digest;

use super::{
    Control, Engine, Error, Root,
    child::{self, Ended, Invocation},
    lockfile,
    transcript::Transcript,
    workdir::{self, DATA, LOCK_FILE, WorkDir},
};

/// The variable that tells an engine about providers that are already running.
pub(crate) const REATTACH: &str = "TF_REATTACH_PROVIDERS";

const STAMP: &str = "planwright-init";

/// The file of values: they change what is planned, but not what has to be installed.
const VALUES: &str = "terraform.tfvars.json";

/// The directory of one root, locked and with its tree written, in which commands can run.
pub(super) struct InitializedDir {
    pub workdir: WorkDir,
    pub env: BTreeMap<String, OsString>,
    /// Whether `HOME` is a directory of this work directory.
    pub has_own_home: bool,
}

/// The root and directory that a command runs on, and how the caller watches it.
#[derive(Clone, Copy)]
pub(super) struct CommandContext<'a, 'c> {
    pub root: &'a Root<'a>,
    pub dir: &'a InitializedDir,
    pub control: &'a Control<'c>,
}

impl<'a> CommandContext<'a, '_> {
    /// Returns the transcript for a command. An attempt with kept providers does not log errors,
    /// because if it fails it is repeated without them.
    pub(super) fn transcript(&self) -> Transcript<'a> {
        let transcript = Transcript::new(self.root.secrets, self.control.log);
        match self.dir.env.contains_key(REATTACH) {
            true => transcript.without_errors(),
            false => transcript,
        }
    }
}

/// A command of the engine in an initialised root.
pub(super) struct Command {
    pub name: &'static str,
    pub args: Vec<OsString>,
    pub captures: bool,
}

impl Engine {
    /// Locks the work directory and writes the tree.
    pub(super) async fn hold(
        &self,
        root: &Root<'_>,
        control: &Control<'_>,
    ) -> Result<InitializedDir, Error> {
        check(root)?;
        let settings = &self.settings;
        let workdir = WorkDir::hold(root.dir, &settings.tmp, settings.limits.plan, control).await?;
        let env = self.environment(&workdir.home(), workdir.tmp(), root.env);
        workdir.write(root.files)?;
        Ok(InitializedDir { workdir, env, has_own_home: settings.home.is_none() })
    }

    /// Initialises a locked directory if needed, with all providers except those that are already
    /// `running`.
    pub(super) async fn initialise(
        &self,
        context: CommandContext<'_, '_>,
        running: &BTreeSet<String>,
    ) -> Result<(), Error> {
        let CommandContext { root, dir, .. } = context;
        let lock = lockfile::text(root.providers, root.binary.kind)?;
        let stamp = stamp(root, lock.as_deref());
        let tree = dir.workdir.tree();
        let file = tree.join(DATA).join(STAMP);
        let is_current = fs::read_to_string(&file).is_ok_and(|old| old == stamp.as_str())
            && has_providers(&tree, root, running)?;
        if !is_current {
            self.init(context, lock).await?;
            fs::write(&file, stamp.as_str()).map_err(Error::io("writing the stamp of init"))?;
        }
        Ok(())
    }

    async fn init(
        &self,
        context: CommandContext<'_, '_>,
        lock: Option<String>,
    ) -> Result<(), Error> {
        let CommandContext { root, dir, control } = context;
        let tree = dir.workdir.tree();
        let file = tree.join(LOCK_FILE);
        let what = || format!("writing {}", file.display());
        let _ = fs::remove_file(tree.join(DATA).join(STAMP));
        match lock {
            Some(text) => fs::write(&file, text).map_err(Error::io(what()))?,
            None if file.exists() => fs::remove_file(&file).map_err(Error::io(what()))?,
            None => {}
        }
        let mut args = vec!["-lockfile=readonly".into(), "-reconfigure".into()];
        for (name, value) in &root.backend.config {
            args.push(format!("-backend-config={name}={value}").into());
        }
        let command = Command { name: "init", args, captures: false };
        let _cache = self.provider_cache(control).await?;
        self.command(context, command).await?;
        backend_is(&tree, &root.backend.kind)?;
        modules_are_local(&tree)
    }

    /// Keeps every other `init` out of the provider cache, in this process and in others.
    pub(super) async fn provider_cache(
        &self,
        control: &Control<'_>,
    ) -> Result<(tokio::sync::MutexGuard<'_, ()>, Option<fs::File>), Error> {
        let guard = tokio::select! {
            () = control.cancel.cancelled() => return Err(Error::Cancelled { command: "init" }),
            guard = self.init.lock() => guard,
        };
        let Some(cache) = &self.settings.plugin_cache else { return Ok((guard, None)) };
        let file = fs::create_dir_all(cache)
            .and_then(|()| fs::File::create(cache.join("held")))
            .map_err(Error::io(format!("opening the provider cache {}", cache.display())))?;
        workdir::lock(&file, "provider cache", self.settings.limits.init, control).await?;
        Ok((guard, Some(file)))
    }

    /// Runs a command. Unless it succeeds, fails with the engine's diagnostics and last lines.
    pub(super) async fn command(
        &self,
        context: CommandContext<'_, '_>,
        command: Command,
    ) -> Result<Ended, Error> {
        self.run(context, command, &mut context.transcript()).await
    }

    /// Like [`Engine::command`], with the caller's transcript.
    pub(super) async fn run(
        &self,
        context: CommandContext<'_, '_>,
        command: Command,
        transcript: &mut Transcript<'_>,
    ) -> Result<Ended, Error> {
        let CommandContext { root, dir, control } = context;
        let limits = &self.settings.limits;
        let name = command.name;
        let (limit, grace) = match name {
            "init" => (limits.init, limits.grace),
            "plan" => (limits.plan, limits.grace),
            "apply" => (limits.apply, limits.apply_grace),
            _ => (limits.read, limits.grace),
        };
        let mut args: Vec<OsString> = vec![name.into(), "-no-color".into(), "-json".into()];
        if matches!(name, "init" | "plan" | "apply") {
            args.push("-input=false".into());
        }
        if matches!(name, "plan" | "apply") {
            args.push(format!("-lock-timeout={}s", limits.state_lock.as_secs()).into());
        }
        args.extend(command.args);
        let invocation = Invocation {
            command: name,
            program: &root.binary.path,
            args,
            dir: &dir.workdir.tree(),
            env: &dir.env,
            log: &dir.workdir.log(name),
            captures: command.captures,
            limit,
            grace,
            outlives: name == "apply",
            holds: Some(dir.workdir.held()),
        };
        let ended = child::run(&invocation, control, transcript).await?;
        // `plan -detailed-exitcode` exits with 2 if there are changes.
        match ended.code() {
            Some(0) => return Ok(ended),
            Some(2) if name == "plan" => return Ok(ended),
            _ => {}
        }
        let diagnostics = std::mem::take(&mut transcript.diagnostics);
        let tail = transcript.tail.drain(..).chain(ended.signal()).collect();
        Err(Error::Engine { command: name, diagnostics, tail })
    }
}

/// Fails if the backend settings would put a state where nobody looks for it.
fn check(root: &Root<'_>) -> Result<(), Error> {
    let refuse = |why: &str| Err(Error::unreadable("the backend settings", why));
    if let Some(name) =
        root.backend.config.keys().find(|name| name.is_empty() || name.contains(['=', '/', '.']))
    {
        return refuse(&format!("`{name}` is no name of a setting"));
    }
    if root.backend.kind != "local" {
        return Ok(());
    }
    match root.backend.config.get("path").map(Path::new) {
        Some(path) if !path.is_absolute() => {
            refuse("the `path` of a local backend is not absolute")
        }
        Some(path) if path.starts_with(root.dir) => {
            refuse("the `path` of a local backend is in the work directory, which is not kept")
        }
        Some(_) => Ok(()),
        None => refuse("a local backend needs `path`"),
    }
}

/// Returns a digest of everything that `init` depends on.
fn stamp(root: &Root<'_>, lock: Option<&str>) -> Digest {
    let mut parts: Vec<Vec<u8>> = vec![
        root.binary.path.as_os_str().as_encoded_bytes().to_vec(),
        root.binary.version.to_string().into(),
        lock.unwrap_or_default().into(),
        root.backend.kind.clone().into(),
        root.backend.config.len().to_string().into(),
    ];
    for (name, value) in &root.backend.config {
        parts.extend([name.clone().into(), value.clone().into()]);
    }
    for (path, bytes) in root.files.iter().filter(|(path, _)| *path != VALUES) {
        parts.extend([path.clone().into(), bytes.clone()]);
    }
    Digest::of_parts("init-v1", parts.iter().map(Vec::as_slice))
}

/// Returns whether the locked providers, except those that are `running`, are still where `init`
/// put or linked them.
fn has_providers(tree: &Path, root: &Root<'_>, running: &BTreeSet<String>) -> Result<bool, Error> {
    for (source, lock) in root.providers.iter().filter(|(source, _)| !running.contains(*source)) {
        let address = lockfile::address(source, root.binary.kind)?;
        let dir = tree.join(DATA).join("providers").join(address).join(lock.version.to_string());
        let has_one = fs::read_dir(&dir).is_ok_and(|entries| {
            // `metadata` follows the link into the cache, which may have been emptied.
            entries.flatten().any(|entry| fs::metadata(entry.path()).is_ok())
        });
        if !has_one {
            return Ok(false);
        }
    }
    Ok(true)
}

#[derive(Deserialize)]
struct Data {
    backend: Option<DataBackend>,
}

#[derive(Deserialize)]
struct DataBackend {
    r#type: String,
}

/// Checks that every module that the engine installed is a folder of the tree. Anything else could
/// change while the tree stays the same, and was approved by nobody.
fn modules_are_local(tree: &Path) -> Result<(), Error> {
    let file = tree.join(DATA).join("modules").join("modules.json");
    let bytes = match fs::read(&file) {
        Ok(bytes) => bytes,
        // Without a `module` block there is no such file.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io(format!("reading {}", file.display()))(error)),
    };
    let installed: Installed = serde_json::from_slice(&bytes)
        .map_err(|error| Error::unreadable("the list of installed modules", error.to_string()))?;
    let is_local = |module: &Module| {
        let is_relative = ["./", "../"].iter().any(|start| module.source.starts_with(start));
        let is_plain = |part| matches!(part, std::path::Component::Normal(name) if name != DATA);
        module.key.is_empty() || is_relative && Path::new(&module.dir).components().all(is_plain)
    };
    match installed.modules.iter().find(|module| !is_local(module)) {
        None => Ok(()),
        Some(module) => Err(Error::unreadable(
            "the rendered tree",
            format!(
                "its module `{}` comes from `{}`, which is not a folder of the package",
                module.key, module.source
            ),
        )),
    }
}

/// The list that the engine keeps of the modules that it installed.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Installed {
    modules: Vec<Module>,
}

/// An installed module.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Module {
    /// Its address, such as `site.rules`; empty for the root module.
    key: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    dir: String,
}

/// Checks the type of the initialised backend: without a `backend` block in the tree, the engine
/// would silently keep the state beside the tree.
fn backend_is(tree: &Path, kind: &str) -> Result<(), Error> {
    let data: Option<Data> = fs::read(tree.join(DATA).join("terraform.tfstate"))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match data.and_then(|data| data.backend) {
        Some(backend) if backend.r#type == kind => Ok(()),
        Some(backend) => Err(Error::unreadable(
            "the rendered tree",
            format!("its backend is `{}`, but the settings are for `{kind}`", backend.r#type),
        )),
        None => Err(Error::unreadable(
            "the rendered tree",
            format!("it has no `backend \"{kind}\" {{}}` block, so its state would be lost"),
        )),
    }
}
