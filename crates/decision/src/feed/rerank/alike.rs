//! The candidates of a window by the value of an attribute: those with the same one are alike, all others are not at all. So
//! what a place does to the rest it does to a whole group, and of a group only the first that is left can be the best.

use super::{Entry, Ground};
use domain::Value;

/// No place.
pub(super) const NONE: u32 = u32::MAX;

/// The groups of one window, numbered in the order of their first places.
#[derive(Default)]
pub(super) struct Alike {
    /// By group: the first place that is left.
    first: Vec<u32>,
    /// By group while they are made: the value of those that others may share, and the last place.
    values: Vec<Option<Key>>,
    lists: Vec<(u32, Value)>,
    last: Vec<u32>,
    /// By place: its group, and the next place of it.
    places: Vec<(u32, u32)>,
    /// How many groups, from the first, have given a place. The first place of a group that has not is ahead of those of all
    /// later ones, and at least as relevant.
    opened: usize,
}

/// A value that is compared as it is: which kind it is, and its bits.
type Key = (u8, u64);

impl Alike {
    /// Groups the candidates by an attribute. Who lacks it is alike to nobody.
    pub(super) fn load(&mut self, field: u16, entries: &[Entry], ground: &Ground<'_>) {
        let Alike { first, values, lists, last, places, opened } = self;
        first.clear();
        values.clear();
        lists.clear();
        last.clear();
        places.clear();
        *opened = 0;
        for (place, entry) in (0u32..).zip(entries) {
            let value = ground.value(entry.pick, field);
            let key = value.and_then(key);
            let known = match (key, value) {
                (Some(_), _) => values.iter().position(|known| *known == key).map(|group| group as u32),
                (None, Some(Value::List(_))) => lists.iter().find(|(_, list)| Some(list) == value).map(|(of, _)| *of),
                _ => None,
            };
            let group = known.unwrap_or(first.len() as u32);
            match last.get_mut(group as usize) {
                Some(last) => {
                    places[*last as usize].1 = place;
                    *last = place;
                }
                None => {
                    first.push(place);
                    last.push(place);
                    values.push(key);
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

/// Kind and bits of a value that equals no other than the same. Of floats NaN equals none.
fn key(value: &Value) -> Option<Key> {
    match value {
        Value::Bool(bool) => Some((1, u64::from(*bool))),
        Value::Int(int) => Some((2, *int as u64)),
        Value::Float(float) if !float.is_nan() => Some((3, (float + 0.0).to_bits())),
        Value::Str(symbol) => Some((4, u64::from(symbol.0))),
        Value::Time(time) => Some((5, time.0 as u64)),
        Value::Span(span) => Some((6, span.0 as u64)),
        Value::Entity(id) => Some((7, u64::from(id.0))),
        Value::Missing | Value::Float(_) | Value::List(_) => None,
    }
}
