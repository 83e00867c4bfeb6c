//! The backend of a stack: from the settings of the base commit and the key in the stack's lock.
//!
//! The type is in the rendered tree, the settings are passed to `init` as arguments. Params reach
//! neither.

use std::path::Path;

use planwright_core::{digest::Digest, names::StackId, repo_config};
use planwright_engine as engine;

/// For each type of backend, the setting that identifies a state, and the suffix after the key.
const KEYED: &[(&str, &str, &str)] = &[
    ("s3", "key", "/terraform.tfstate"),
    ("gcs", "prefix", ""),
    ("azurerm", "key", "/terraform.tfstate"),
    ("oss", "key", "/terraform.tfstate"),
    ("cos", "key", "/terraform.tfstate"),
    ("consul", "path", ""),
    ("pg", "schema_name", ""),
];

/// Returns the backend for the state `key`; states of a local backend are kept under `local`.
///
/// Fails, with a message for people, if the settings cannot keep the states of two stacks apart.
pub fn backend(
    config: &repo_config::Backend,
    key: &str,
    local: &Path,
) -> Result<engine::Backend, String> {
    // The key becomes a path, and names of stacks have only characters that all backends accept.
    StackId::parse(key).map_err(|_| {
        format!("the state key `{key}` of the lock is not of the form `name` or `name/environment`")
    })?;
    let mut settings = config.config.clone();
    if config.kind == "local" {
        if let Some(name) = settings.keys().next() {
            return Err(format!(
                "`backend.config.{name}` in planwright.yaml has no effect on a local backend, whose \
                 states Planwright keeps; remove it"
            ));
        }
        let path = local.join(key).join("terraform.tfstate");
        settings.insert("path".into(), path.display().to_string());
        return Ok(engine::Backend { kind: config.kind.clone(), config: settings });
    }
    let Some((_, name, end)) = KEYED.iter().find(|(kind, ..)| *kind == config.kind) else {
        let known: Vec<&str> = KEYED.iter().map(|(kind, ..)| *kind).collect();
        return Err(format!(
            "`backend.type` in planwright.yaml is `{}`; states can be kept apart in `local`, `{}`",
            config.kind,
            known.join("`, `")
        ));
    };
    // The repository's own value becomes a prefix, so that one bucket can serve several
    // repositories.
    let before = settings.remove(*name).map_or(String::new(), |prefix| format!("{prefix}/"));
    let value = if config.kind == "pg" {
        // Schema names have at most 63 bytes, and `a-b/c` and `a/b-c` must not become the same.
        let digest = Digest::sha256(key.as_bytes());
        let unique: String = digest.as_str().chars().rev().take(12).collect();
        let readable: String = key.replace(['/', '-'], "_").chars().take(40).collect();
        format!("{}{readable}_{unique}", before.replace('/', "_"))
    } else {
        format!("{before}{key}{end}")
    };
    settings.insert((*name).into(), value);
    Ok(engine::Backend { kind: config.kind.clone(), config: settings })
}

#[cfg(test)]
mod tests {
    use super::*;
    use planwright_package::{files::MemoryFiles, repository};

    fn config(kind: &str, settings: &[(&str, &str)]) -> repo_config::Backend {
        let pairs = settings.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        repo_config::Backend { kind: kind.into(), config: pairs.collect() }
    }

    #[test]
    fn each_state_has_a_place_of_its_own() {
        let local = Path::new("/states");
        let at = |config: &repo_config::Backend, key| backend(config, key, local).unwrap().config;
        let path = &at(&config("local", &[]), "website/prod")["path"];
        assert_eq!(path, "/states/website/prod/terraform.tfstate");
        let s3 = config("s3", &[("bucket", "states"), ("key", "team")]);
        assert_eq!(at(&s3, "website/prod")["key"], "team/website/prod/terraform.tfstate");
        assert_eq!(at(&s3, "website")["bucket"], "states");
        let schema = |key| at(&config("pg", &[]), key)["schema_name"].clone();
        assert!(schema("a-b/prod").starts_with("a_b_prod_"));
        assert_ne!(schema("a-b/prod"), schema("a/b-prod"));
        let long = format!("{}/{}", "a".repeat(63), "b".repeat(63));
        assert!(schema(&long).len() <= 63);
    }

    #[test]
    fn the_settings_allow_each_backend_that_is_known_here() {
        let text = "apiVersion: planwright.dev/v1\nkind: Repository\npackages: [hello]\nbackend: {type: x}\n";
        let files: MemoryFiles = [(repo_config::FILE, text)].into_iter().collect();
        let allowed = repository::config(&files).unwrap_err().remove(0).allowed;
        let known: Vec<&str> =
            ["local"].into_iter().chain(KEYED.iter().map(|(kind, ..)| *kind)).collect();
        assert_eq!(allowed, known);
    }

    #[test]
    fn a_key_cannot_leave_its_place_and_an_unknown_backend_is_refused() {
        let local = Path::new("/states");
        assert!(backend(&config("local", &[]), "../other", local).is_err());
        assert!(backend(&config("local", &[("path", "/tmp/x")]), "website", local).is_err());
        assert!(backend(&config("http", &[]), "website", local).is_err());
    }
}
