//! The slots of one stage's expressions for a block of candidates at once, a column each; `Filling::fill` does the same for one.

use super::{Filling, Routes, seen};
use crate::feed::Candidate;
use domain::Value;
use expr::{BlockScratch, Columns};
use spec::plan::SlotIndex;
use state::CrossedReading;

impl Filling<'_> {
    /// Fills the columns of what is the same for all candidates: `same`, and what has no rows behind it. It is in the row.
    pub(in crate::feed) fn fill_same(&self, same: &[SlotIndex], row: &[Value], columns: &mut Columns) {
        let Filling { view, reads, .. } = *self;
        let crossed = if self.crossed.is_none() { &reads.crossed[..] } else { &[] };
        let without_rows = reads.foreign.iter().chain(crossed);
        let without_rows = without_rows.map(|&aggregate| view.plan.aggregates[usize::from(aggregate)].slot);
        for slot in same.iter().copied().chain(without_rows) {
            let index = usize::from(slot);
            columns.column_mut(slot, &view.plan.slots[index].ty).fill(&row[index]);
        }
    }

    /// Fills the columns of what differs between candidates, of which a block has at most 64.
    pub(in crate::feed) fn fill_block(
        &self,
        block: &[Candidate],
        found: Routes<'_>,
        row: &mut [Value],
        (columns, memory): (&mut Columns, &mut BlockScratch),
    ) {
        let Filling { view, reads, .. } = *self;
        columns.set_rows(block.len());
        let type_of = |slot: usize| &view.plan.slots[slot].ty;
        self.item.read_block(block.iter().map(|candidate| candidate.item), type_of, columns);
        let mut fill = |slot: SlotIndex, value: &dyn Fn(&Candidate) -> Value| {
            let column = columns.column_mut(slot, type_of(slot.into()));
            block.iter().enumerate().for_each(|(at, candidate)| column.set(at, &value(candidate)));
        };
        for &(slot, values) in &self.attributes {
            let value = |of: &Candidate| values.and_then(|values| values.get(of.item.0)).cloned().unwrap_or_default();
            fill(slot as SlotIndex, &value);
        }
        for &(slot, aggregate) in &reads.seen {
            fill(slot, &|candidate| Value::Bool(seen(view, aggregate, candidate.item)));
        }
        for &(slot, list) in &reads.listed_item {
            fill(slot, &|candidate| Value::Bool(view.epoch.listed().contains(list, candidate.item, view.now)));
        }
        for &(slot, route) in &reads.routes {
            fill(slot, &|candidate| Value::Float(self.share(route, candidate, found)));
        }
        for &slot in &reads.fused {
            fill(slot, &|candidate| Value::Float(candidate.fused));
        }
        if let Some(crossed) = &self.crossed {
            self.fill_crossed(crossed, block, row, columns);
        }
        for &feature in &reads.features {
            let feature = &view.plan.features[usize::from(feature)];
            columns.derive(feature.slot, &feature.program, memory, view.texts);
        }
    }

    /// The subject's crossed rows: those of a candidate are found one by one.
    fn fill_crossed(
        &self,
        crossed: &CrossedReading<'_>,
        block: &[Candidate],
        row: &mut [Value],
        columns: &mut Columns,
    ) {
        let plan = self.view.plan;
        for (at, candidate) in block.iter().enumerate() {
            crossed.read(|table| self.cross(table).key(candidate.item), row);
            for &aggregate in &self.reads.crossed {
                let slot = plan.aggregates[usize::from(aggregate)].slot;
                let index = usize::from(slot);
                columns.column_mut(slot, &plan.slots[index].ty).set(at, &row[index]);
            }
        }
    }
}
