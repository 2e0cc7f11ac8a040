//! Rows of a crossed table (user x category): under each owner a sorted list of second key parts, the rows in one slab, so
//! that a snapshot's copying stays bounded by a page of rows whatever an owner has.

use crate::carry::Between;
use crate::layout::TableLayout;
use crate::paged::{Paged, Pages};
use crate::row::Row;
use domain::{Position, Time, limits};

/// Where a crossed row is, and when it was last touched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// Second part of the key.
    pub(crate) second: u32,
    slot: u32,
    pub(crate) touched: Position,
}

/// The rows of one crossed table.
#[derive(Clone, Default)]
pub(crate) struct Crossed {
    owners: Paged<Vec<Entry>>,
    slab: Paged<Row>,
    free: Vec<u32>,
    used: u32,
}

impl Crossed {
    /// The row of a pair for writing. A new row first makes the owner's list drop what is gone, each time its length has doubled;
    /// at `TableLayout::rows_max` first what is gone and then, if that was little, the rows longest untouched in log order give way.
    pub(crate) fn touch(
        &mut self,
        layout: &TableLayout,
        owner: u32,
        second: u32,
        position: Position,
        log_time: Time,
    ) -> &mut Row {
        let found = self.find(owner, second);
        let entries = self.owners.get_mut(owner);
        let slot = match found {
            Ok(at) => {
                entries[at].touched = position;
                entries[at].slot
            }
            Err(_) => {
                let (slab, free) = (&mut self.slab, &mut self.free);
                if entries.len() >= layout.rows_max && layout.rows_max > limits::CROSSED_ROWS_MAX {
                    drop_gone(entries, slab, free, layout, log_time);
                    drop_oldest(entries, slab, free, layout.rows_max - layout.rows_max / 8);
                } else if entries.len() >= layout.rows_max {
                    drop_oldest(entries, slab, free, layout.rows_max - 1);
                } else if entries.len() >= 8 && entries.len().is_power_of_two() {
                    drop_gone(entries, slab, free, layout, log_time);
                }
                let slot = self.free.pop().unwrap_or_else(|| {
                    self.used += 1;
                    self.used - 1
                });
                insert(entries, Entry { second, slot, touched: position });
                slot
            }
        };
        self.slab.get_mut(slot)
    }

    /// The row of a pair, if there is one.
    pub(crate) fn get(&self, owner: u32, second: u32) -> Option<&Row> {
        let at = self.find(owner, second).ok()?;
        self.slab.get(self.owners.get(owner)?[at].slot)
    }

    /// An owner's rows with their second key parts, ascending.
    pub(crate) fn of(&self, owner: u32) -> impl Iterator<Item = (Entry, &Row)> {
        let entries = self.owners.get(owner).into_iter().flatten();
        entries.filter_map(|entry| self.slab.get(entry.slot).map(|row| (*entry, row)))
    }

    /// Every owner that may have rows, ascending.
    pub(crate) fn owners(&self) -> impl Iterator<Item = u32> {
        self.owners.iter().filter(|(_, entries)| !entries.is_empty()).map(|(owner, _)| owner)
    }

    /// Puts a loaded row in its place; false if the pair has one or the owner is full.
    pub(crate) fn restore(
        &mut self,
        layout: &TableLayout,
        owner: u32,
        second: u32,
        touched: Position,
        row: Row,
    ) -> bool {
        let entries = self.owners.get_mut(owner);
        let known = entries.binary_search_by_key(&second, |entry| entry.second).is_ok();
        if known || entries.len() >= layout.rows_max {
            return false;
        }
        insert(entries, Entry { second, slot: self.used, touched });
        *self.slab.get_mut(self.used) = row;
        self.used += 1;
        true
    }

    /// Takes over the rows of another plan into empty ones, with when they were touched.
    pub(crate) fn carry(&mut self, from: &Crossed, between: &Between<'_>) {
        for owner in from.owners() {
            for (entry, row) in from.of(owner) {
                self.restore(between.new, owner, entry.second, entry.touched, row.carried(between));
            }
        }
    }

    /// Pages copied because a snapshot still held them.
    pub(crate) fn copied_pages(&self) -> u64 {
        self.owners.copied_pages() + self.slab.copied_pages()
    }

    /// At most the bytes that a write to this pair copies if a snapshot holds all its pages.
    pub(crate) fn page_bytes(&self, owner: u32, second: u32) -> usize {
        let lists: usize = self.owners.page(owner).iter().map(list_bytes).sum();
        let slot = self.find(owner, second).ok().and_then(|at| self.owners.get(owner).map(|entries| entries[at].slot));
        lists + slot.map_or(0, |slot| self.slab.page(slot).iter().map(copied_bytes).sum())
    }

    /// Bytes of heap memory.
    pub(crate) fn bytes(&self) -> usize {
        let lists: usize = self.owners.iter().map(|(_, list)| list_bytes(list)).sum();
        lists + self.slab.iter().map(|(_, row)| row_bytes(row)).sum::<usize>() + self.free.capacity() * 4
    }

    /// Rows in use.
    pub(crate) fn len(&self) -> usize {
        self.used as usize - self.free.len()
    }

    /// Freezes the present content.
    pub(crate) fn snapshot(&mut self) -> FrozenCrossed {
        FrozenCrossed { owners: self.owners.snapshot(), slab: self.slab.snapshot() }
    }

    fn find(&self, owner: u32, second: u32) -> Result<usize, usize> {
        let entries = self.owners.get(owner).map_or(&[][..], Vec::as_slice);
        entries.binary_search_by_key(&second, |entry| entry.second)
    }
}

fn insert(entries: &mut Vec<Entry>, entry: Entry) {
    let at = entries.partition_point(|known| known.second < entry.second);
    if entries.len() == entries.capacity() {
        entries.reserve_exact((entries.len() / 2).max(2));
    }
    entries.insert(at, entry);
}

/// Drops the rows that no read at `log_time` or later can see anything of.
fn drop_gone(
    entries: &mut Vec<Entry>,
    slab: &mut Paged<Row>,
    free: &mut Vec<u32>,
    layout: &TableLayout,
    log_time: Time,
) {
    entries.retain(|entry| {
        let live = slab.get(entry.slot).is_some_and(|row| row.is_live(layout, log_time));
        if !live {
            release(slab, free, entry.slot);
        }
        live
    });
}

/// Drops the rows longest untouched in log order until `left` are left. A record touches one row of an owner, so none are equal.
fn drop_oldest(entries: &mut Vec<Entry>, slab: &mut Paged<Row>, free: &mut Vec<u32>, left: usize) {
    let Some(more) = entries.len().checked_sub(left).filter(|more| *more > 0) else { return };
    let mut touched: Vec<Position> = entries.iter().map(|entry| entry.touched).collect();
    let bound = *touched.select_nth_unstable(more - 1).1;
    entries.retain(|entry| {
        if entry.touched <= bound {
            release(slab, free, entry.slot);
        }
        entry.touched > bound
    });
}

fn release(slab: &mut Paged<Row>, free: &mut Vec<u32>, slot: u32) {
    *slab.get_mut(slot) = Row::default();
    free.push(slot);
}

fn list_bytes(list: &Vec<Entry>) -> usize {
    size_of::<Vec<Entry>>() + list.capacity() * size_of::<Entry>()
}

/// A row's bytes in its page and on the heap.
pub(crate) fn row_bytes(row: &Row) -> usize {
    size_of::<Row>() + row.heap_bytes()
}

/// The bytes of a row that are copied with its page.
pub(crate) fn copied_bytes(row: &Row) -> usize {
    size_of::<Row>() + row.copied_bytes()
}

/// Frozen crossed rows.
pub(crate) struct FrozenCrossed {
    owners: Pages<Vec<Entry>>,
    slab: Pages<Row>,
}

impl FrozenCrossed {
    /// Pages of owners.
    pub(crate) fn pages(&self) -> u32 {
        self.owners.len()
    }

    /// The owners of one page that have rows, with their rows.
    pub(crate) fn page(&self, page: u32) -> impl Iterator<Item = (u32, Vec<(Entry, &Row)>)> {
        let owners = self.owners.page(page).filter(|(_, entries)| !entries.is_empty());
        owners.map(|(owner, entries)| {
            let rows = entries.iter().filter_map(|entry| self.slab.get(entry.slot).map(|row| (*entry, row)));
            (owner, rows.collect())
        })
    }
}
