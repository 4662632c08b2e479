//! "Did you mean": the nearest known id to a mistyped one.

/// The candidate nearest to `word`, if one is near enough to have been meant.
pub(crate) fn closest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    // A third of the letters may be wrong; beyond that a guess misleads.
    let tolerance = word.chars().count().div_ceil(3);
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= tolerance)
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

/// Letters to insert, drop or replace to get from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        let mut left = i + 1;
        next.push(left);
        for (b, pair) in to.iter().zip(row.windows(2)) {
            let (diagonal, above) = match pair {
                [diagonal, above] => (*diagonal, *above),
                _ => continue,
            };
            left = (diagonal + usize::from(a != *b)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        let known = ["strangled", "weapon", "age"];
        assert_eq!(closest("strangeled", known.into_iter()).as_deref(), Some("strangled"));
        assert_eq!(closest("wapon", known.into_iter()).as_deref(), Some("weapon"));
    }

    #[test]
    fn something_else_altogether_is_not() {
        assert_eq!(closest("hospital", ["weapon", "age"].into_iter()), None);
    }
}
