//! The word that a person probably meant.
//!
//! Only a near miss is offered: a wrong suggestion costs more than none.

/// How alike two words have to be, from 0 to 1.
const ALIKE: f64 = 0.75;

/// Returns the candidate nearest to `word`, if one is near enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = folded(word);
    candidates
        .into_iter()
        .map(|candidate| (likeness(&folded, &self::folded(candidate)), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, one), (b, other)| a.total_cmp(b).then(other.cmp(one)))
        .map(|(_, candidate)| candidate)
}

/// Case, `-` and `_` are what people mix up, so they do not count.
fn folded(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

/// Returns how alike two words are, from 0 to 1; swapped neighbours count as one difference.
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
