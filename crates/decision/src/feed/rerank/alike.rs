//! The candidates of a window by the value of an attribute: those with the same one are alike, all others are not at all. So
//! what a place does to the rest it does to a whole group, and of a group only the first that is left can be the best.

use super::numbers::Numbers;
use super::{Entry, Ground};
use domain::Value;

/// No place.
pub(super) const NONE: u32 = u32::MAX;

/// The groups of one window, numbered in the order of their first places.
#[derive(Default)]
pub(super) struct Alike {
    /// By group: the first place that is left.
    first: Vec<u32>,
    /// While they are made: the values that are plain, the group of each, the lists with theirs, and by group the last place.
    values: Numbers,
    shared: Vec<u32>,
    lists: Vec<(u32, Value)>,
    last: Vec<u32>,
    /// By place: its group, and the next place of it.
    places: Vec<(u32, u32)>,
    /// How many groups, from the first, have given a place. The first place of a group that has not is ahead of those of all
    /// later ones, and at least as relevant.
    opened: usize,
}

impl Alike {
    /// Groups the candidates by an attribute. Who lacks it is alike to nobody.
    pub(super) fn load(&mut self, field: u16, entries: &[Entry], ground: &Ground<'_>) {
        let Alike { first, values, shared, lists, last, places, opened } = self;
        first.clear();
        values.clear();
        shared.clear();
        lists.clear();
        last.clear();
        places.clear();
        *opened = 0;
        for (place, entry) in (0u32..).zip(entries) {
            let value = ground.value(entry.pick, field);
            let new = first.len() as u32;
            let group = match value.and_then(bits) {
                Some(bits) => {
                    let number = values.of(bits);
                    if number == shared.len() {
                        shared.push(new);
                    }
                    shared[number]
                }
                None => lists.iter().find(|(_, list)| Some(list) == value).map_or(new, |(group, _)| *group),
            };
            match last.get_mut(group as usize) {
                Some(last) => {
                    places[*last as usize].1 = place;
                    *last = place;
                }
                None => {
                    first.push(place);
                    last.push(place);
                    if let Some(list @ Value::List(_)) = value {
                        lists.push((group, list.clone()));
                    }
                }
            }
            places.push((group, NONE));
        }
    }

    /// How many groups, from the first, have given a place.
    pub(super) fn opened(&self) -> usize {
        self.opened
    }

    /// The first places that are left of the groups that have given one; `NONE` where none is.
    pub(super) fn behind(&self) -> &[u32] {
        &self.first[..self.opened]
    }

    /// The first place of all groups that have given none.
    pub(super) fn ahead(&self) -> Option<u32> {
        self.first.get(self.opened).copied()
    }

    /// Lets the first place that is left of its group go; returns the group.
    pub(super) fn take(&mut self, place: u32) -> usize {
        let (group, next) = self.places[place as usize];
        let group = group as usize;
        self.first[group] = next;
        self.opened = self.opened.max(group + 1);
        group
    }
}

/// Bits of a value that equals no other of the attribute, which has one type, than the same. Of floats NaN equals none.
fn bits(value: &Value) -> Option<u64> {
    match value {
        Value::Bool(bool) => Some(u64::from(*bool)),
        Value::Int(int) => Some(*int as u64),
        Value::Float(float) if !float.is_nan() => Some((float + 0.0).to_bits()),
        Value::Str(symbol) => Some(u64::from(symbol.0)),
        Value::Time(time) => Some(time.0 as u64),
        Value::Span(span) => Some(span.0 as u64),
        Value::Entity(id) => Some(u64::from(id.0)),
        Value::Missing | Value::Float(_) | Value::List(_) => None,
    }
}
