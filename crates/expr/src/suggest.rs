//! "Did you mean": the known word nearest to a wrong one.

use domain::limits::NAME_BYTES_MAX;

/// The known word nearest to `wrong` by edit distance (insert, delete, replace, swap neighbours; letter case
/// costs nothing), if it is near enough to be a slip: at most one edit per three characters, at least one.
/// Of equally near words the first. `None` for words over twice the longest name.
pub fn suggest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let wrong: Vec<char> = fold(wrong)?;
    let allowed = (wrong.len() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for word in known {
        let Some(folded) = fold(word) else { continue };
        if folded.len().abs_diff(wrong.len()) > allowed {
            continue;
        }
        let distance = edits(&wrong, &folded);
        if distance <= allowed && distance < folded.len() && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, word));
        }
    }
    best.map(|(_, word)| word.to_owned())
}

fn fold(word: &str) -> Option<Vec<char>> {
    (word.len() <= 2 * NAME_BYTES_MAX).then(|| word.chars().map(|c| c.to_ascii_lowercase()).collect())
}

/// Optimal string alignment distance, three rows of the table at a time.
fn edits(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, &from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &to) in b.iter().enumerate() {
            let replaced = above[j] + usize::from(from != to);
            let mut least = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && from == b[j - 1] && a[i - 1] == to {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}
