//! Which exact providers satisfy some constraints: the one question of `lock` to the engine.
//!
//! Asks the registry or mirror through the engine's own `init`, in a directory of its own. When to
//! lock again is `package`'s.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::json;

use super::{
    Binary, COLD, Control, Engine, Error, ProviderLock, Secrets,
    child::{self, Invocation},
    lockfile,
    transcript::Transcript,
    workdir::{self, DATA, LOCK_FILE},
};

impl Engine {
    /// The newest providers within `required` (source → constraint), with their hashes.
    pub async fn provider_locks(
        &self,
        binary: &Binary,
        required: &BTreeMap<String, String>,
        control: &Control<'_>,
    ) -> Result<BTreeMap<String, ProviderLock>, Error> {
        if required.is_empty() {
            return Ok(BTreeMap::new());
        }
        let _turn = self.turn("init", COLD, control).await?;
        workdir::private(&self.settings.work)?;
        let dir =
            tempfile::tempdir_in(&self.settings.work).map_err(Error::io("making a directory"))?;
        let mut providers = serde_json::Map::new();
        for (i, (source, version)) in required.iter().enumerate() {
            lockfile::address(source, binary.kind)?;
            providers.insert(format!("p{i}"), json!({"source": source, "version": version}));
        }
        let tree = json!({"terraform": {"required_providers": providers}}).to_string();
        fs::write(dir.path().join("versions.tf.json"), tree)
            .map_err(Error::io("writing the required providers"))?;
        let mut env = self.environment(dir.path(), dir.path(), &BTreeMap::new());
        // Without a lock file the engine installs what is in the cache once more, and somebody may be
        // about to start it just then.
        env.remove("TF_PLUGIN_CACHE_DIR");
        let invocation = Invocation {
            command: "init",
            program: &binary.path,
            args: ["init", "-no-color", "-json", "-input=false", "-backend=false"]
                .map(Into::into)
                .into(),
            dir: dir.path(),
            env: &env,
            log: &dir.path().join("init.log"),
            captures: false,
            limit: self.settings.limits.init,
            grace: self.settings.limits.grace,
            outlives: false,
            holds: None,
        };
        let secrets = Secrets::default();
        let mut transcript = Transcript::new(&secrets, control.log);
        let ended = child::run(&invocation, control, &mut transcript).await?;
        if ended.code() != Some(0) {
            let tail = transcript.tail.into_iter().chain(ended.signal()).collect();
            let diagnostics = transcript.diagnostics;
            return Err(Error::Engine { command: "init", diagnostics, tail });
        }
        let text = fs::read_to_string(dir.path().join(LOCK_FILE))
            .map_err(Error::io("reading the lock file that the engine wrote"))?;
        self.adopt(&dir.path().join(DATA).join("providers"), control).await?;
        lockfile::parse(&text, binary.kind)
    }

    /// Moves packages into the cache that are not there yet, so that nobody gets them a second time.
    async fn adopt(&self, installed: &Path, control: &Control<'_>) -> Result<(), Error> {
        let Some(cache) = &self.settings.plugin_cache else { return Ok(()) };
        let _cache = self.provider_cache(control).await?;
        // host/namespace/type/version/platform
        let packages = walkdir::WalkDir::new(installed).min_depth(5).max_depth(5);
        for package in packages.into_iter().flatten() {
            let Ok(path) = package.path().strip_prefix(installed) else { continue };
            let kept = cache.join(path);
            let parent = kept.parent().unwrap_or(cache);
            if fs::symlink_metadata(&kept).is_err() {
                // From another file system it is not moved, and gotten again when it is needed.
                let _ = fs::create_dir_all(parent).and_then(|()| fs::rename(package.path(), &kept));
            }
        }
        Ok(())
    }
}
