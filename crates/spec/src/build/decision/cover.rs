//! Which combinations of its inputs' values the rows of a decision table take: gaps, rows that are never reached, and rows that
//! overlap. Exact, since every input has finitely many kinds of values that the rows tell apart; bounded by steps.

use domain::limits;

/// The kinds of one input that a row takes: ascending half-open ranges that do not touch; none: all.
pub(super) type Taken = Option<Vec<(u32, u32)>>;

/// The same kinds as ranges that `Taken` may hold.
pub(super) fn merged(mut ranges: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    ranges.sort_unstable();
    let mut out: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
    for (from, to) in ranges {
        match out.last_mut() {
            Some((_, end)) if from <= *end => *end = to.max(*end),
            _ => out.push((from, to)),
        }
    }
    out
}

/// A table as boxes over kinds of values.
#[derive(Debug)]
pub(super) struct Grid {
    /// How many kinds each input has.
    pub(super) sizes: Vec<u32>,
    /// By row and input.
    pub(super) rows: Vec<Vec<Taken>>,
}

/// What a search finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Coverage {
    Full,
    /// A combination that is not taken: the kinds of the first inputs; those of the others do not matter.
    Gap(Vec<u32>),
    /// It would take too long to know.
    TooLarge,
}

impl Grid {
    /// Whether some row takes every combination.
    pub(super) fn coverage(&self) -> Coverage {
        let mut steps = limits::TABLE_STEPS_MAX;
        self.search((0..self.rows.len() as u32).collect(), None, &mut Vec::new(), &mut steps)
    }

    /// The rows all of whose combinations earlier rows take; `None` if it would take too long to know.
    pub(super) fn unreachable(&self) -> Option<Vec<u32>> {
        let mut steps = limits::TABLE_STEPS_MAX;
        let mut found = Vec::new();
        for (row, earlier) in self.candidates(&mut steps)?.into_iter().enumerate() {
            let within = Some(row);
            match self.search(earlier, within, &mut Vec::new(), &mut steps) {
                Coverage::Full => found.push(row as u32),
                Coverage::Gap(_) => {}
                Coverage::TooLarge => return None,
            }
        }
        Some(found)
    }

    /// Rows that overlap an earlier one, each with the first such; `None` if it would take too long to know.
    pub(super) fn overlaps(&self) -> Option<Vec<(u32, u32)>> {
        let mut steps = limits::TABLE_STEPS_MAX;
        let candidates = self.candidates(&mut steps)?.into_iter().enumerate();
        Some(candidates.filter_map(|(row, earlier)| Some((*earlier.iter().min()?, row as u32))).collect())
    }

    /// For each row the earlier ones that take one of its combinations.
    fn candidates(&self, steps: &mut u64) -> Option<Vec<Vec<u32>>> {
        // Rows are looked up by the input that tells most kinds apart.
        let key = (0..self.sizes.len()).max_by_key(|&input| self.sizes[input])?;
        let mut by_kind: Vec<Vec<u32>> = vec![Vec::new(); self.sizes[key] as usize];
        let mut of_any: Vec<u32> = Vec::new();
        let mut all = Vec::with_capacity(self.rows.len());
        for (index, row) in self.rows.iter().enumerate() {
            let whole = [(0, self.sizes[key])];
            let ranges = row[key].as_deref().unwrap_or(&whole);
            let kinds = ranges.iter().flat_map(|&(from, to)| from..to);
            let mut earlier: Vec<u32> = of_any.clone();
            for kind in kinds {
                *steps = steps.checked_sub(1 + by_kind[kind as usize].len() as u64)?;
                earlier.extend(&by_kind[kind as usize]);
            }
            *steps = steps.checked_sub(of_any.len() as u64)?;
            earlier.sort_unstable();
            earlier.dedup();
            earlier.retain(|&other| self.meet(index, other as usize));
            all.push(earlier);
            match &row[key] {
                None => of_any.push(index as u32),
                Some(ranges) => {
                    for kind in ranges.iter().flat_map(|&(from, to)| from..to) {
                        by_kind[kind as usize].push(index as u32);
                    }
                }
            }
        }
        Some(all)
    }

    /// Whether two rows take a combination both.
    fn meet(&self, one: usize, other: usize) -> bool {
        self.rows[one].iter().zip(&self.rows[other]).all(|pair| match pair {
            (Some(a), Some(b)) => a.iter().any(|(from, to)| b.iter().any(|(start, end)| from < end && start < to)),
            _ => true,
        })
    }

    /// Whether `by` take every combination, of a row's own if `within` says one, that begins with `path`.
    fn search(&self, by: Vec<u32>, within: Option<usize>, path: &mut Vec<u32>, steps: &mut u64) -> Coverage {
        let input = path.len();
        let open = |row: &u32| self.rows[*row as usize][input..].iter().all(Option::is_none);
        if by.is_empty() {
            return Coverage::Gap(path.clone());
        }
        if by.iter().any(open) {
            return Coverage::Full;
        }
        let Some(rest) = steps.checked_sub(by.len() as u64 + u64::from(self.sizes[input])) else {
            return Coverage::TooLarge;
        };
        *steps = rest;
        let mut by_kind: Vec<Vec<u32>> = vec![Vec::new(); self.sizes[input] as usize];
        let mut of_any = Vec::new();
        for row in by {
            match &self.rows[row as usize][input] {
                None => of_any.push(row),
                Some(ranges) => {
                    for kind in ranges.iter().flat_map(|&(from, to)| from..to) {
                        *steps = steps.saturating_sub(1);
                        by_kind[kind as usize].push(row);
                    }
                }
            }
        }
        let whole = [(0, self.sizes[input])];
        let allowed = within.and_then(|row| self.rows[row][input].as_deref()).unwrap_or(&whole);
        let mut before: Option<Vec<u32>> = None;
        for kind in allowed.iter().flat_map(|&(from, to)| from..to) {
            let mut rows = std::mem::take(&mut by_kind[kind as usize]);
            rows.extend(&of_any);
            // Neighbours with the same rows have the same answer.
            if before.as_ref() == Some(&rows) {
                continue;
            }
            before = Some(rows.clone());
            path.push(kind);
            let found = self.search(rows, within, path, steps);
            path.pop();
            if found != Coverage::Full {
                return found;
            }
        }
        Coverage::Full
    }
}

#[cfg(test)]
mod tests {
    //! Against looking at every combination.

    use super::{Coverage, Grid, Taken, merged};
    use proptest::prelude::*;

    impl Grid {
        fn takes(&self, row: usize, kinds: &[u32]) -> bool {
            let taken = |(taken, kind): (&Taken, &u32)| {
                taken.as_ref().is_none_or(|ranges| ranges.iter().any(|(from, to)| from <= kind && kind < to))
            };
            self.rows[row].iter().zip(kinds).all(taken)
        }

        fn combinations(&self) -> Vec<Vec<u32>> {
            self.sizes.iter().fold(vec![Vec::new()], |all, &size| {
                let longer =
                    |before: &Vec<u32>| (0..size).map(|kind| [before.as_slice(), &[kind]].concat()).collect::<Vec<_>>();
                all.iter().flat_map(longer).collect()
            })
        }
    }

    fn grids() -> impl Strategy<Value = Grid> {
        prop::collection::vec(1_u32..5, 1..4).prop_flat_map(|sizes| {
            let cell = |size: u32| {
                prop::option::of(prop::collection::vec((0..size, 1..=size), 1..3)).prop_map(move |ranges| {
                    ranges.map(|ranges| {
                        merged(ranges.into_iter().map(|(from, length)| (from, (from + length).min(size))).collect())
                    })
                })
            };
            let row: Vec<_> = sizes.iter().map(|&size| cell(size)).collect();
            prop::collection::vec(row, 0..7).prop_map(move |rows| Grid { sizes: sizes.clone(), rows })
        })
    }

    proptest! {
        #[test]
        fn the_search_finds_what_looking_at_all_finds(grid in grids()) {
            let all = grid.combinations();
            let count = grid.rows.len();
            let gap = all.iter().find(|kinds| (0..count).all(|row| !grid.takes(row, kinds)));
            match grid.coverage() {
                Coverage::Full => prop_assert!(gap.is_none()),
                Coverage::Gap(path) => {
                    let free = all.iter().filter(|kinds| kinds.starts_with(&path));
                    prop_assert!(free.clone().count() > 0);
                    for kinds in free {
                        prop_assert!((0..count).all(|row| !grid.takes(row, kinds)), "{kinds:?}");
                    }
                }
                Coverage::TooLarge => prop_assert!(false),
            }
            let hidden = |row: &u32| {
                let row = *row as usize;
                let own = all.iter().filter(|kinds| grid.takes(row, kinds));
                own.clone().all(|kinds| (0..row).any(|earlier| grid.takes(earlier, kinds)))
            };
            prop_assert_eq!(grid.unreachable().unwrap(), (0..count as u32).filter(hidden).collect::<Vec<_>>());
            let both = |one: usize, other: usize| all.iter().any(|kinds| grid.takes(one, kinds) && grid.takes(other, kinds));
            let first = |row: usize| (0..row).find(|&earlier| both(earlier, row)).map(|earlier| (earlier as u32, row as u32));
            prop_assert_eq!(grid.overlaps().unwrap(), (0..count).filter_map(first).collect::<Vec<_>>());
        }
    }
}
