//! What of a plan's state another plan can go on with: the same tables, counts and indexes, whatever their numbers.

use crate::build::canonical;
use crate::diff::{attributed, index_meanings};
use crate::plan::{AggregateOp, EventType, Parts, Plan, Stream, StreamValue, Table};
use std::collections::{BTreeMap, BTreeSet};

/// What goes on, by the new plan's numbers: which of the old plan's it is. What is none begins empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carrying {
    /// By stream.
    pub streams: Vec<Option<u16>>,
    /// By stream that goes on: whether its panes do too.
    pub panes: Vec<bool>,
    /// By table.
    pub tables: Vec<Option<u16>>,
    /// By index.
    pub indexes: Vec<Option<u16>>,
    /// By count of impressions.
    pub exposures: Vec<Option<u16>>,
    /// By quota's count.
    pub quotas: Vec<Option<u16>>,
    /// Whether what came of answers goes on.
    pub attribution: bool,
}

/// What of the state of `old` a new plan goes on with.
///
/// # Errors
/// A sentence that says what cannot be carried over, and what to do.
pub fn carry(old: &Plan, new: &Plan) -> Result<Carrying, String> {
    declared(old, new)?;
    let tables = tables(old, new)?;
    let (streams, panes) = streams(old, new, &tables)?;
    let of = |old: Vec<String>, new: Vec<String>| -> Vec<Option<u16>> {
        new.iter().map(|new| old.iter().position(|old| old == new).map(|at| at as u16)).collect()
    };
    let text = |of: &dyn std::fmt::Debug| format!("{of:?}");
    Ok(Carrying {
        streams,
        panes,
        tables,
        indexes: of(index_meanings(old), index_meanings(new)),
        exposures: of(
            old.exposures.iter().map(|of| text(of)).collect(),
            new.exposures.iter().map(|of| text(of)).collect(),
        ),
        quotas: of(old.quotas.iter().map(|of| text(of)).collect(), new.quotas.iter().map(|of| text(of)).collect()),
        attribution: new.attribution.is_some() && attributed(old) == attributed(new),
    })
}

/// Entities, events and lists are numbered in the order of the spec, and their numbers stand in the state.
fn declared(old: &Plan, new: &Plan) -> Result<(), String> {
    if format!("{:?}{:?}", old.entities, old.lists) != format!("{:?}{:?}", new.entities, new.lists) {
        return Err("entities, their attributes, and lists must stay as they are".to_owned());
    }
    for (number, event) in old.events.iter().enumerate() {
        if !new.events.get(number).is_some_and(|new| continues(event, new)) {
            let name = &event.name;
            return Err(format!(
                "the event `{name}` must stay as it is and where it is; declare new events and fields behind those that are there"
            ));
        }
    }
    Ok(())
}

/// Whether an event type is the same but for fields declared behind those that it had.
fn continues(old: &EventType, new: &EventType) -> bool {
    let fields = |event: &EventType, most: usize| format!("{:?}", event.fields.iter().take(most).collect::<Vec<_>>());
    let most = old.fields.len();
    old.name == new.name
        && format!("{:?}", old.roles) == format!("{:?}", new.roles)
        && new.fields.len() >= most
        && fields(old, most) == fields(new, most)
}

fn tables(old: &Plan, new: &Plan) -> Result<Vec<Option<u16>>, String> {
    let find = |table: &Table| {
        let Some(at) = old.tables.iter().position(|old| old.name == table.name) else { return Ok(None) };
        if format!("{:?}", old.tables[at]) == format!("{table:?}") {
            return Ok(Some(at as u16));
        }
        Err(format!("the rows of `{}` would be kept otherwise, since a cap begins or ceases to count them", table.name))
    };
    new.tables.iter().map(find).collect()
}

type Found = (Vec<Option<u16>>, Vec<bool>);

fn streams(old: &Plan, new: &Plan, tables: &[Option<u16>]) -> Result<Found, String> {
    let mut known: BTreeMap<String, Vec<u16>> = BTreeMap::new();
    for (stream, number) in old.streams.iter().zip(0u16..) {
        known.entry(meaning(old, stream, stream.table)).or_default().push(number);
    }
    let (mut found, mut panes) = (Vec::new(), Vec::new());
    for (stream, number) in new.streams.iter().zip(0u16..) {
        let before = tables[usize::from(stream.table)]
            .and_then(|table| known.get_mut(&meaning(new, stream, table)))
            .filter(|known| !known.is_empty())
            .map(|known| known.remove(0));
        panes.push(match before {
            Some(before) => panes_go_on((old, before), (new, number))?,
            None => false,
        });
        found.push(before);
    }
    Ok((found, panes))
}

/// What a stream counts, with the number of its table in the old plan.
fn meaning(plan: &Plan, stream: &Stream, table: u16) -> String {
    let filter = stream.filter.as_ref().map(|filter| canonical(filter.text()));
    let value = match &stream.value {
        StreamValue::One => "1".to_owned(),
        StreamValue::Number(program) => canonical(program.text()),
        StreamValue::Role(roles) => format!("{roles:?}"),
        StreamValue::Listed(program) => format!("list {} {}", canonical(program.text()), program.ty()),
        StreamValue::Elements(nth) => {
            let event = stream.events.first().copied().unwrap_or_default();
            let mut of_event = plan.collections.iter().filter(|collection| collection.event == event);
            format!("elements {:?}", of_event.nth(usize::from(*nth)))
        }
        StreamValue::Pattern(pattern) => pattern.meaning(),
    };
    format!("{table} {:?} {filter:?} {value} {:?}", stream.events, stream.sketch)
}

/// Whether the panes of a stream go on: they hold all that is read of them.
fn panes_go_on(old: (&Plan, u16), new: (&Plan, u16)) -> Result<bool, String> {
    let stream = |(plan, number): (&Plan, u16)| plan.streams[usize::from(number)].parts;
    let (before, after) = (stream(old), stream(new));
    let values = |parts: Parts| Parts { count: false, ..parts };
    if values(after.and(before)) == values(after) {
        return Ok(true);
    }
    let ops = |(plan, number): (&Plan, u16)| -> BTreeSet<String> {
        let windowed = |op: &AggregateOp| op.window().is_some();
        let of = plan.aggregates.iter().filter(|of| of.stream == number && windowed(&of.op));
        of.map(|of| format!("{:?}", of.op)).collect()
    };
    if ops(old).is_disjoint(&ops(new)) {
        return Ok(false);
    }
    let names = |(plan, number): (&Plan, u16), unless: &BTreeSet<String>| -> Vec<String> {
        let of = plan.aggregates.iter().filter(|of| of.stream == number && !unless.contains(&format!("{:?}", of.op)));
        of.map(|of| format!("`{}`", plan.slots[usize::from(of.slot)].name)).collect()
    };
    let all = names(new, &BTreeSet::new()).join(", ");
    let added = names(new, &ops(old)).join(", ");
    Err(format!(
        "{added} would share panes with what is counted already ({all}), but needs more of each event than these have kept; \
         give it a filter of its own that is always true"
    ))
}

impl Parts {
    /// What both keep.
    fn and(self, other: Parts) -> Parts {
        Parts {
            count: self.count && other.count,
            sum: self.sum && other.sum,
            variance: self.variance && other.variance,
            min: self.min && other.min,
            max: self.max && other.max,
            first: self.first && other.first,
            last: self.last && other.last,
        }
    }
}
