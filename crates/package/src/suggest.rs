//! Suggestions for misspelled words.
//!
//! Only a near miss is suggested: a wrong suggestion is worse than none.

/// The least similarity of a suggestion, from 0 to 1.
const ALIKE: f64 = 0.75;

/// Returns the candidate most similar to `word`, if it is similar enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = folded(word);
    candidates
        .into_iter()
        .map(|candidate| (likeness(&folded, &self::folded(candidate)), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, one), (b, other)| a.total_cmp(b).then(other.cmp(one)))
        .map(|(_, candidate)| candidate)
}

/// Returns the word without case, `-` and `_`, which people often mix up.
fn folded(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

/// Returns the similarity of two words, from 0 to 1; swapped neighbours count as one difference.
fn likeness(one: &str, other: &str) -> f64 {
    let longer = one.chars().count().max(other.chars().count());
    if longer == 0 || longer > 100 {
        return 0.0;
    }
    #[allow(clippy::cast_precision_loss)]
    let likeness = 1.0 - strsim::osa_distance(one, other) as f64 / longer as f64;
    likeness
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_is_found_and_a_far_one_is_not() {
        let words = ["bucket", "region", "versioning", "tags", "protectCompute"];
        for (word, meant) in [
            ("buket", Some("bucket")),
            ("regoin", Some("region")),
            ("Versioning", Some("versioning")),
            ("tag", Some("tags")),
            ("protect-compute", Some("protectCompute")),
            ("provider-compute", None),
            ("size", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, words), meant, "{word}");
        }
    }
}
