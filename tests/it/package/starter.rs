//! The packages in the binary: they are valid, pass their own cases, and keep their digests.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use planwright::checkout::WorkingDir;
use planwright_core::{canonical::pretty, finding::Finding};
use planwright_package::{
    content,
    render::{MAIN, VALUES},
    source,
};

use super::prepared;

/// A released version never changes: whoever locked it has these bytes.
///
/// A new version gets a new line and keeps the old bytes; only what was never released is edited.
const RELEASED: [(&str, &str, &str); 3] = [
    (
        "aws-bucket",
        "0.1.0",
        "sha256:26a0720dfc9f5de452727641017734cbb74ff3e1990e9d8a888e1f0fea07ae0f",
    ),
    (
        "aws-static-site",
        "0.1.0",
        "sha256:c5162caf4ba1ba18cdc459235bed79181d4a21eedc284840028c93406ee3c965",
    ),
    ("hello", "0.1.0", "sha256:f6e57cbe0b11631aebffd1bc8bdd975f213d7e1f04dfcbcec5ca0526a89212fd"),
];

fn packages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packages")
}

#[test]
fn the_digest_of_each_released_version_is_frozen() {
    let found: Vec<(String, String, String)> = source::built_in()
        .iter()
        .map(|(name, files)| {
            let manifest = String::from_utf8_lossy(&files["package.yaml"]);
            let version = manifest.lines().find_map(|line| line.strip_prefix("version: ")).unwrap();
            (name.clone(), version.to_owned(), content::digest(files).to_string())
        })
        .collect();
    let released: Vec<(String, String, String)> =
        RELEASED.map(|(a, b, c)| (a.into(), b.into(), c.into())).into();
    assert_eq!(found, released);
}

#[test]
fn what_is_compiled_in_is_what_lies_in_the_folder() {
    for (name, files) in source::built_in() {
        let on_disk = content::tree(&WorkingDir::new(&packages()), name).unwrap();
        assert_eq!(on_disk.keys().collect::<Vec<_>>(), files.keys().collect::<Vec<_>>());
        assert_eq!(content::digest(&on_disk), content::digest(files), "{name}");
    }
}

#[test]
fn each_package_has_what_people_look_for() {
    for (name, files) in source::built_in() {
        for file in ["README.md", "CHANGELOG.md", "LICENSE", "params.schema.json"] {
            assert!(files.contains_key(file), "{name} has no {file}");
        }
        let readme = String::from_utf8_lossy(&files["README.md"]);
        let schema: Value = serde_json::from_slice(&files["params.schema.json"]).unwrap();
        for param in schema["properties"].as_object().unwrap().keys() {
            assert!(
                readme.contains(&format!("`{param}")),
                "{name}: README says nothing of `{param}`"
            );
        }
    }
}

#[test]
fn every_example_renders_and_each_variant_has_one() {
    for (name, files) in source::built_in() {
        let mut shown = BTreeSet::new();
        let mut variants = BTreeSet::new();
        let examples = files.iter().filter(|(path, _)| path.starts_with("examples/"));
        for (path, bytes) in examples {
            let prepared = prepared(&String::from_utf8_lossy(bytes))
                .unwrap_or_else(|findings| panic!("{name}/{path}: {findings:#?}"));
            for (slot, filled) in &prepared.resolved.slots {
                shown.insert((slot.clone(), filled.variant.clone()));
            }
            variants = prepared.package.variants.into_keys().collect();
        }
        assert_eq!(shown, variants, "{name}");
    }
}

/// Each `tests/<case>/stack.yaml` gives exactly what lies beside it. With `PLANWRIGHT_BLESS` set
/// the expectations are written anew, to be read in the diff.
#[test]
fn every_case_of_every_package_gives_what_it_expects() {
    let is_blessed = std::env::var_os("PLANWRIGHT_BLESS").is_some();
    let mut cases = 0;
    for (name, files) in source::built_in() {
        for (path, bytes) in files {
            let Some(case) =
                path.strip_prefix("tests/").and_then(|p| p.strip_suffix("/stack.yaml"))
            else {
                continue;
            };
            cases += 1;
            let folder = packages().join(name).join("tests").join(case);
            let actual = outcome(&String::from_utf8_lossy(bytes));
            if is_blessed {
                for (file, bytes) in &actual {
                    let full = folder.join(file);
                    std::fs::create_dir_all(full.parent().unwrap()).unwrap();
                    std::fs::write(full, bytes).unwrap();
                }
            }
            let expected: BTreeMap<String, String> = content::tree(&WorkingDir::new(&folder), "")
                .unwrap()
                .into_iter()
                .filter(|(file, _)| file != "stack.yaml")
                .map(|(file, bytes)| (file, String::from_utf8(bytes).unwrap()))
                .collect();
            assert_eq!(actual, expected, "{name}/{case}");
        }
    }
    assert!(cases >= 8, "only {cases} cases were found");
}

fn outcome(stack: &str) -> BTreeMap<String, String> {
    let text = |value: Value| String::from_utf8(pretty(value)).unwrap();
    match prepared(stack) {
        Ok(prepared) => {
            let file =
                |path: &str| String::from_utf8(prepared.rendered.files[path].clone()).unwrap();
            [
                ("resolved.json".to_owned(), text(prepared.resolved.document())),
                (format!("files/{MAIN}"), file(MAIN)),
                (format!("files/{VALUES}"), file(VALUES)),
            ]
            .into()
        }
        Err(findings) => {
            let short = |finding: &Finding| {
                json!({
                    "code": finding.code,
                    "pointer": finding.pointer,
                    "line": finding.place.line,
                    "did_you_mean": finding.did_you_mean,
                })
            };
            [("errors.json".to_owned(), text(findings.iter().map(short).collect()))].into()
        }
    }
}
