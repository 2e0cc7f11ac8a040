//! "Did you mean ...?" for the members of a request.

/// The nearest known name within two edits (one for the shortest names), if there is one.
pub(crate) fn nearest<'k>(wrong: &str, known: &[&'k str]) -> Option<&'k str> {
    let allowed = if wrong.chars().count() < 3 { 1 } else { 2 };
    let ranked = known.iter().filter(|_| wrong.len() <= 64).map(|name| (distance(wrong, name), *name));
    ranked.filter(|(edits, _)| *edits <= allowed).min().map(|(_, name)| name)
}

/// Levenshtein's edit distance, one row at a time.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.chars().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[row.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_names_are_offered_and_far_ones_are_not() {
        let known = ["user", "item", "recent", "deadline"];
        assert_eq!(nearest("usr", &known), Some("user"));
        assert_eq!(nearest("recents", &known), Some("recent"));
        assert_eq!(nearest("deadlien", &known), Some("deadline"));
        assert_eq!(nearest("colour", &known), None);
    }
}
