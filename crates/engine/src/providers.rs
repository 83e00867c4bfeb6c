//! Finds the exact providers that satisfy constraints, for tests that have no lock yet.
//!
//! Runs the engine's own `init` in a temporary directory, which asks the registry or mirror, and
//! reads the lock file that it writes.

use std::{collections::BTreeMap, fs, path::Path};

use hcl_edit::{expr::Expression, structure::Body};
use serde_json::json;

use super::{
    Binary, COLD, Control, Engine, Error, Kind, ProviderLock, Secrets,
    child::{self, Invocation},
    lockfile,
    transcript::Transcript,
    workdir::{self, DATA, LOCK_FILE},
};

impl Engine {
    /// Returns the newest providers that satisfy `required` (source → constraint), with their
    /// hashes.
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
        // Without a lock file the engine installs cached providers once more, perhaps while another
        // process is about to start one of them.
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
        parse(&text, binary.kind)
    }

    /// Moves packages that are not in the cache yet into it, so that they are not downloaded again.
    async fn adopt(&self, installed: &Path, control: &Control<'_>) -> Result<(), Error> {
        let Some(cache) = &self.settings.plugin_cache else { return Ok(()) };
        let _cache = self.provider_cache(control).await?;
        // Paths are host/namespace/type/version/platform.
        let packages = walkdir::WalkDir::new(installed).min_depth(5).max_depth(5);
        for package in packages.into_iter().flatten() {
            let Ok(path) = package.path().strip_prefix(installed) else { continue };
            let kept = cache.join(path);
            let parent = kept.parent().unwrap_or(cache);
            if fs::symlink_metadata(&kept).is_err() {
                // A package on another file system cannot be moved; it is downloaded again when
                // needed.
                let _ = fs::create_dir_all(parent).and_then(|()| fs::rename(package.path(), &kept));
            }
        }
        Ok(())
    }
}

/// Returns the providers in a lock file of an engine; the engine's default registry is left out of
/// the sources.
fn parse(text: &str, kind: Kind) -> Result<BTreeMap<String, ProviderLock>, Error> {
    let body: Body = text.parse().map_err(|why| Error::unreadable(LOCK, why))?;
    let registry = format!("{}/", kind.registry());
    let mut providers = BTreeMap::new();
    for structure in &body {
        let block = structure.as_block().filter(|block| block.ident.as_str() == "provider");
        let Some((block, [address])) = block.map(|block| (block, block.labels.as_slice())) else {
            return Err(Error::unreadable(LOCK, "there is something else than providers in it"));
        };
        let address = address.as_str();
        let source = address.strip_prefix(&registry).unwrap_or(address).to_owned();
        providers.insert(source, provider_lock(&block.body)?);
    }
    Ok(providers)
}

const LOCK: &str = "the lock file that the engine wrote";

fn provider_lock(block: &Body) -> Result<ProviderLock, Error> {
    let value = |name: &str| block.get_attribute(name).map(|attribute| &attribute.value);
    let version = value("version").and_then(Expression::as_str);
    let version = version.ok_or_else(|| Error::unreadable(LOCK, "it names no version"))?;
    let version = version.parse().map_err(|why| Error::unreadable(LOCK, why))?;
    let hashes = value("hashes").and_then(Expression::as_array).into_iter().flatten();
    let hash = |hash: &Expression| hash.as_str().map(str::to_owned);
    let hashes: Option<Vec<String>> = hashes.map(hash).collect();
    let hashes = hashes.ok_or_else(|| Error::unreadable(LOCK, "a hash in it is no text"))?;
    Ok(ProviderLock { version, hashes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use semver::Version;

    #[test]
    fn what_is_written_is_read_back() {
        let hashes = vec!["zh:0123".to_owned(), "h1:ab+/=".to_owned()];
        let lock = ProviderLock { version: Version::new(5, 100, 0), hashes };
        let providers = [("hashicorp/aws".to_owned(), lock)].into();
        let written = lockfile::text(&providers, Kind::Tofu).unwrap().unwrap();
        let read = parse(&written, Kind::Tofu).unwrap();
        assert_eq!(read["hashicorp/aws"].version, Version::new(5, 100, 0));
        assert_eq!(read["hashicorp/aws"].hashes, ["h1:ab+/=", "zh:0123"]);
    }

    #[test]
    fn a_line_that_is_not_known_is_an_error() {
        assert!(parse("module \"x\" {\n}\n", Kind::Tofu).is_err());
        assert!(parse("provider \"a/b/c\" {\n  version = \"1.0.0\"\n", Kind::Tofu).is_err());
    }
}
