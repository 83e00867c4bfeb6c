//! The URLs in our texts: each host belongs to whom we mean, or is reserved for examples.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Hosts that we send readers or programs to on purpose.
const OWNED: [&str; 15] = [
    "api.github.com",
    "api.openai.com",
    "developer.hashicorp.com",
    "docs.github.com",
    "ghcr.io",
    "git-lfs.github.com",
    "github.com",
    "go.dev",
    "json-schema.org",
    "nodejs.org",
    "opentofu.org",
    "registry.terraform.io",
    "www.apache.org",
    "www.rust-lang.org",
    "www.w3.org",
];

/// Nobody can register these (RFC 2606, RFC 6761), or they lead no further than this network.
fn is_reserved(host: &str) -> bool {
    let domains = ["example.com", "example.net", "example.org", "example", "test", "invalid"];
    let is_below = |domain: &&str| {
        host.strip_suffix(*domain).is_some_and(|above| above.is_empty() || above.ends_with('.'))
    };
    let is_number = host.chars().all(|c| c.is_ascii_digit() || c == '.');
    domains.iter().any(is_below) || is_number || !host.contains('.')
}

/// The hosts of the addresses in `text` that are neither.
fn strange_hosts(text: &str) -> Vec<String> {
    let starts = ["https://", "http://"].into_iter();
    let hosts = starts.flat_map(|scheme| text.split(scheme).skip(1)).map(|rest| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let host = rest.split(|c| !is_part(c)).next().unwrap();
        host.trim_matches('.').to_lowercase()
    });
    hosts.filter(|host| !is_reserved(host) && !OWNED.contains(&host.as_str())).collect()
}

/// Every text of ours; what others wrote is not.
fn texts() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let foreign = ["target", "node_modules", ".git", ".terraform", "LICENSE"];
    let is_foreign = |name: &str| {
        foreign.contains(&name) || name.ends_with(".sum") || name.ends_with("-lock.json")
    };
    walkdir::WalkDir::new(root)
        .into_iter()
        .filter_entry(|entry| !is_foreign(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.is_file() && !path.ends_with("Cargo.lock"))
        .collect()
}

#[test]
fn every_address_is_owned_or_reserved_for_examples() {
    let texts = texts();
    let found: Vec<String> = texts
        .iter()
        .filter_map(|path| Some((path, fs::read_to_string(path).ok()?)))
        .flat_map(|(path, text)| {
            strange_hosts(&text).into_iter().map(move |host| format!("{}: {host}", path.display()))
        })
        .collect();
    assert!(texts.len() > 300, "only {} files were read", texts.len());
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn an_address_that_anybody_could_register_is_seen() {
    // In two pieces, so that this file does not have it.
    let text = ["see https:/", "/planwright.dev/docs and https://bot.example/"].concat();
    assert_eq!(strange_hosts(&text), ["planwright.dev"]);
}
