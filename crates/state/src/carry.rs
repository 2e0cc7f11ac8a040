//! Rows of one plan taken over into rows of another that counts partly the same: each part of a row from where the old layout has it,
//! the others empty. Of panes and lists only what could still be read goes on, so that what is taken over hangs on nothing else.

use crate::layout::{Layout, TableLayout};
use domain::Time;
use spec::Carrying;

/// For each part of a table's rows, which of the old rows' it is.
pub(crate) struct TableCarry {
    /// Its number in the old plan.
    pub(crate) table: usize,
    pub(crate) decays: Vec<Option<usize>>,
    pub(crate) newest: Vec<Option<usize>>,
    pub(crate) patterns: Vec<Option<usize>>,
    pub(crate) segments: Vec<Option<usize>>,
    pub(crate) recents: Vec<Option<usize>>,
    pub(crate) rings: Vec<Option<usize>>,
}

/// The layouts of one table: before, after, and what goes on.
pub(crate) struct Between<'l> {
    pub(crate) old: &'l TableLayout,
    pub(crate) new: &'l TableLayout,
    pub(crate) of: &'l TableCarry,
    /// The log's time.
    pub(crate) now: Time,
}

/// By table of the new plan; none where it begins empty.
pub(crate) fn tables(old: &Layout, new: &Layout, carrying: &Carrying) -> Vec<Option<TableCarry>> {
    let mut tables: Vec<Option<TableCarry>> = new
        .tables
        .iter()
        .zip(&carrying.tables)
        .map(|(layout, from)| from.map(|from| TableCarry::nothing(layout, usize::from(from))))
        .collect();
    for (number, from) in carrying.streams.iter().enumerate() {
        let table = usize::from(new.plan.streams[number].table);
        if let (Some(from), Some(carry)) = (*from, &mut tables[table]) {
            carry.stream(old, new, (usize::from(from), number), carrying.panes[number]);
        }
    }
    tables
}

impl TableCarry {
    fn nothing(layout: &TableLayout, table: usize) -> TableCarry {
        TableCarry {
            table,
            decays: vec![None; layout.half_lives.len()],
            newest: vec![None; layout.newest],
            patterns: vec![None; layout.patterns.len()],
            segments: vec![None; layout.segments.len()],
            recents: vec![None; layout.recents.len()],
            rings: vec![None; layout.rings.len()],
        }
    }

    fn stream(&mut self, old: &Layout, new: &Layout, (from, to): (usize, usize), panes: bool) {
        let (of_old, of_new) = (&old.tables[self.table], &new.tables[usize::from(new.plan.streams[to].table)]);
        let (before, after) = (&old.places[from], &new.places[to]);
        for at in after.decays.clone() {
            self.decays[at] = before.decays.clone().find(|&known| of_old.half_lives[known] == of_new.half_lives[at]);
        }
        if let Some(at) = after.newest {
            self.newest[at] = before.newest;
        }
        if let Some(at) = after.pattern {
            self.patterns[at] = before.pattern;
        }
        if let Some(at) = after.recents {
            self.recents[at] = before.recents;
        }
        for at in after.segments.clone().filter(|_| panes) {
            let mut alike = before.segments.clone();
            self.segments[at] = alike.find(|&known| of_old.segments[known].is_alike(&of_new.segments[at]));
        }
        for at in after.rings.clone() {
            let mut alike = before.rings.clone();
            self.rings[at] = alike.find(|&known| of_old.rings[known].panes.is_alike(&of_new.rings[at].panes));
        }
    }
}
