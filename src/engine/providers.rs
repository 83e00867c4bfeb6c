//! Which exact providers satisfy some constraints: the one question of `lock` to the engine.
//!
//! Asks the registry or mirror through the engine's own `init`, in a directory of its own. When to
//! lock again is `package`'s.

use std::{collections::BTreeMap, fs};

use serde_json::json;

use super::{
    Binary, Control, Engine, Error, ProviderLock, Secrets,
    child::{self, Invocation},
    lockfile,
    transcript::Transcript,
    workdir::{self, LOCK_FILE},
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
        let _turn = self.turn("init", control).await?;
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
        let env = self.environment(dir.path(), dir.path(), &BTreeMap::new());
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
        let _cache = self.provider_cache(control).await?;
        let ended = child::run(&invocation, control, &mut transcript).await?;
        if ended.code() != Some(0) {
            let tail = transcript.tail.into_iter().chain(ended.signal()).collect();
            let diagnostics = transcript.diagnostics;
            return Err(Error::Engine { command: "init", diagnostics, tail });
        }
        let text = fs::read_to_string(dir.path().join(LOCK_FILE))
            .map_err(Error::io("reading the lock file that the engine wrote"))?;
        lockfile::parse(&text, binary.kind)
    }
}
