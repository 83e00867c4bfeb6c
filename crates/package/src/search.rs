//! Which packages a repository may use, and which of them best match a search.

use std::collections::BTreeSet;

use planwright_core::{finding::Location, repo_config::FILE};

use super::{
    Checked, Trusted,
    files::Files,
    loaded_package::Package,
    source::{self, Source},
};

/// How many packages a search returns.
const MOST: usize = 5;

/// Returns every package that the settings allow and that can be read, by name.
pub fn allowed(trusted: &Trusted<'_>) -> Vec<Package> {
    let place = Location { file: FILE.into(), line: 1, column: 1 };
    let mut sources: BTreeSet<Source> =
        source::names().map(|name| Source::BuiltIn(name.to_owned())).collect();
    // A folder that cannot be read is skipped; `validate` reports what is wrong with it.
    sources.extend(folders(trusted.packages, &trusted.config.packages).unwrap_or_default());
    sources
        .into_iter()
        .filter(|source| trusted.config.allows(&source.to_string()))
        .filter_map(|source| source.package(trusted.packages, &place).ok())
        .collect()
}

/// Returns the folders with a `package.yaml` that match the entries of `packages`.
pub fn folders(files: &dyn Files, allowed: &[String]) -> Checked<BTreeSet<Source>> {
    let mut folders = BTreeSet::new();
    for entry in allowed.iter().filter(|entry| entry.contains('/')) {
        let above = entry.strip_suffix("/*").unwrap_or(entry);
        for path in files.paths(above)? {
            let folder = path.strip_suffix("/package.yaml").unwrap_or_default();
            let is_named = match entry.strip_suffix('*') {
                Some(above) => folder.strip_prefix(above).is_some_and(|name| !name.contains('/')),
                None => folder == entry,
            };
            folders.extend(Source::parse(folder).filter(|_| is_named));
        }
    }
    Ok(folders)
}

/// Returns the allowed packages that match `words`, best first; if none matches, any of them.
pub fn search(trusted: &Trusted<'_>, words: &str) -> Vec<Package> {
    let asked = split(words);
    let mut all: Vec<(usize, Package)> =
        allowed(trusted).into_iter().map(|package| (score(&package, &asked), package)).collect();
    if all.iter().any(|(score, _)| *score > 0) {
        all.retain(|(score, _)| *score > 0);
    }
    all.sort_by_key(|(score, package)| (usize::MAX - score, package.source.clone()));
    all.into_iter().take(MOST).map(|(_, package)| package).collect()
}

/// Returns how well a package matches: a hit in the name or a keyword counts more than one in the
/// summary.
fn score(package: &Package, asked: &BTreeSet<String>) -> usize {
    let manifest = &package.manifest;
    let hits = |text: &str| split(text).intersection(asked).count();
    let named: usize = manifest.keywords.iter().map(|word| hits(word)).sum();
    4 * hits(&manifest.name) + 3 * named + hits(&manifest.summary)
}

/// Returns the words in lower case, without a plural `s`.
fn split(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .map(|word| word.to_lowercase())
        .map(|word| match word.strip_suffix('s') {
            Some(stem) if stem.len() > 2 => stem.to_owned(),
            _ => word,
        })
        .filter(|word| word.len() > 2 || word == "s3")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{files::MemoryFiles, repository};

    fn names(words: &str) -> Vec<String> {
        let text = "apiVersion: planwright.dev/v1\nkind: Repository\n\
                    packages: [hello, aws-bucket, aws-static-site]\n";
        let files: MemoryFiles = [("planwright.yaml", text)].into_iter().collect();
        let config = repository::config(&files).unwrap();
        let trusted = Trusted { config: &config, packages: &files };
        search(&trusted, words).iter().map(|package| package.source.to_string()).collect()
    }

    #[test]
    fn the_words_of_an_issue_find_the_package_that_fits() {
        assert_eq!(names("We need two S3 buckets for build logs")[0], "aws-bucket");
        assert_eq!(names("A website for the docs, static, with a domain")[0], "aws-static-site");
        assert_eq!(names("gibberish").len(), 3, "nothing fits, so everything is offered");
    }
}
