//! The word that a person probably meant.
//!
//! Only a near miss is offered: a wrong suggestion costs more than none.

/// How alike two words have to be, from 0 to 1.
const ALIKE: f64 = 0.75;

/// The candidate nearest to `word`, if one is near enough.
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
fn folded(word: &str) -> Vec<char> {
    word.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect()
}

fn likeness(one: &[char], other: &[char]) -> f64 {
    let longer = one.len().max(other.len());
    if longer == 0 || longer > 100 {
        return 0.0;
    }
    #[allow(clippy::cast_precision_loss)]
    let likeness = 1.0 - distance(one, other) as f64 / longer as f64;
    likeness
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn one word into the other.
fn distance(one: &[char], other: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let substituted = last[j] + usize::from(a != b);
            let mut cost = substituted.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                cost = cost.min(before[j - 1] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[other.len()]
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
