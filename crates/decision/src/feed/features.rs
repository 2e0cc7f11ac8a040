//! Features: fills the slots of the row that expressions read; the subject's once per request, a candidate's only when a
//! stage needs them.

mod block;

use super::{Candidate, View, recall};
use crate::reads::Reads;
use crate::scratch::Scratch;
use domain::{EntityId, RouteHit, Subject, Value};
use spec::plan::Cross;
use state::{CrossedReading, Paged, Reading};

/// Fills all slots that are the same for every candidate.
pub(super) fn of_subject(view: &View<'_>, scratch: &mut Scratch) {
    let Scratch { row, item_row, .. } = scratch;
    row.clear();
    let more = view.rules.map_or(0, |rules| rules.overlay.slots.len());
    row.resize(view.plan.slots.len() + more, Value::Missing);
    item_row.resize(view.plan.slots.len(), Value::Missing);
    fill_subject(view, &view.reads.subject, row);
    view.rules.into_iter().for_each(|rules| fill_subject(view, &rules.subject, row));
}

pub(super) fn fill_subject(view: &View<'_>, reads: &Reads, row: &mut [Value]) {
    match &view.query.rows {
        Some(rows) => rows.read(&reads.owned, &|_| u32::MAX, view.now, row),
        None => reads.fill_empty(view.plan, &reads.owned, row),
    }
    reads.fill_empty(view.plan, &reads.foreign, row);
    for &(slot, entity, field) in &reads.attributes {
        let subject = view.query.subject.filter(|&(of, _)| of == entity);
        row[usize::from(slot)] =
            subject.map_or(Value::Missing, |(_, id)| view.epoch.catalogue().attribute(entity, id, field));
    }
    for &(slot, index) in &reads.context {
        row[usize::from(slot)] = view.context.get(usize::from(index)).cloned().unwrap_or_default();
    }
    for &(slot, list) in &reads.listed_subject {
        let of = view.plan.lists[usize::from(list)].of;
        let subject = view.query.subject.filter(|&(entity, _)| entity == of);
        let listed = subject.is_some_and(|(_, id)| view.epoch.listed().contains(list, id, view.now));
        row[usize::from(slot)] = Value::Bool(listed);
    }
    reads.fill_now(view.now, row);
    reads.fill_features(view.plan, view.texts, row);
}

/// What routes found.
#[derive(Clone, Copy)]
pub(super) struct Routes<'a> {
    /// Hits of all candidates; a candidate owns a range.
    pub(super) hits: &'a [RouteHit],
    /// The best score of each route.
    pub(super) best: &'a [f64],
}

/// The slots of one stage's expressions, ready to be filled for one candidate after another: what is the same for all of
/// them is worked out here. The subject's slots are in the row already.
pub(super) struct Filling<'v> {
    view: &'v View<'v>,
    reads: &'v Reads,
    /// Whether no slot differs between candidates.
    same: bool,
    item: Reading<'v>,
    attributes: Vec<(usize, Option<&'v Paged<Value>>)>,
    crossed: Option<CrossedReading<'v>>,
    /// By table that `crossed` reads.
    keys: Vec<(u16, CrossBy<'v>)>,
}

impl<'v> Filling<'v> {
    /// Of these slots. Those without any rows behind them are filled now, once.
    pub(super) fn new(view: &'v View<'v>, reads: &'v Reads, row: &mut [Value]) -> Filling<'v> {
        let View { plan, query, epoch, now, .. } = *view;
        let column = |&(slot, field)| (usize::from(slot), epoch.catalogue().column(epoch.item_type(), field));
        let rows = query.rows.as_ref().filter(|_| !reads.crossed.is_empty());
        if query.rows.is_none() {
            reads.fill_empty(plan, &reads.crossed, row);
        }
        reads.fill_empty(plan, &reads.foreign, row);
        let crossed = rows.map(|rows| rows.crossed(&reads.crossed, now));
        let tables = crossed.iter().flat_map(CrossedReading::tables);
        Filling {
            view,
            reads,
            same: reads.is_same_for_all(),
            item: epoch.items().reading(&reads.item, now),
            attributes: reads.item_attributes.iter().map(column).collect(),
            keys: tables.map(|table| (table, CrossBy::new(view, table))).collect(),
            crossed,
        }
    }

    /// Fills the slots for one candidate.
    #[inline]
    pub(super) fn fill(&self, candidate: &Candidate, found: Routes<'_>, row: &mut [Value]) {
        if !self.same {
            self.fill_all(candidate, found, row);
        }
    }

    fn fill_all(&self, candidate: &Candidate, found: Routes<'_>, row: &mut [Value]) {
        let Filling { view, reads, .. } = *self;
        let item = candidate.item;
        self.item.read(item, row);
        for &(slot, column) in &self.attributes {
            put(&mut row[slot], column.and_then(|column| column.get(item.0)).unwrap_or(&Value::Missing));
        }
        if let Some(crossed) = &self.crossed {
            crossed.read(|table| self.cross(table).key(item), row);
        }
        for &(slot, aggregate) in &reads.seen {
            row[usize::from(slot)] = Value::Bool(seen(view, aggregate, item));
        }
        for &(slot, list) in &reads.listed_item {
            row[usize::from(slot)] = Value::Bool(view.epoch.listed().contains(list, item, view.now));
        }
        for &(slot, route) in &reads.routes {
            row[usize::from(slot)] = Value::Float(self.share(route, candidate, found));
        }
        for &slot in &reads.fused {
            row[usize::from(slot)] = Value::Float(candidate.fused);
        }
        reads.fill_features(view.plan, view.texts, row);
    }

    /// What the keys of a table's rows are made of.
    fn cross(&self, table: u16) -> CrossBy<'v> {
        self.keys.iter().find(|(of, _)| *of == table).map_or(CrossBy::Nothing, |(_, by)| *by)
    }

    /// A route's score for a candidate as expressions see it; 0 if the route has not found it.
    fn share(&self, route: u16, candidate: &Candidate, found: Routes<'_>) -> f64 {
        let own = &found.hits[candidate.routes.start as usize..candidate.routes.end as usize];
        let hit = own.iter().find(|hit| hit.route == route);
        let index = usize::from(route);
        hit.map_or(0.0, |hit| recall::share(&self.view.feed.routes[index], hit, found.best[index]))
    }
}

/// Copies a value to a slot, part by part: see `state::Reading`.
#[inline]
fn put(slot: &mut Value, value: &Value) {
    match value {
        Value::Missing => *slot = Value::Missing,
        Value::Bool(bool) => *slot = Value::Bool(*bool),
        Value::Int(int) => *slot = Value::Int(*int),
        Value::Float(float) => *slot = Value::Float(*float),
        Value::Str(symbol) => *slot = Value::Str(*symbol),
        Value::Time(time) => *slot = Value::Time(*time),
        Value::Span(span) => *slot = Value::Span(*span),
        Value::Entity(_) | Value::List(_) => *slot = value.clone(),
    }
}

/// What the second part of the key of a subject's crossed row is for a candidate.
#[derive(Clone, Copy)]
pub(super) enum CrossBy<'v> {
    /// The value of an item attribute.
    Attribute(&'v Paged<Value>),
    /// The item.
    Item,
    /// Nothing: there is no row.
    Nothing,
}

impl<'v> CrossBy<'v> {
    /// Of a table.
    pub(super) fn new(view: &View<'v>, table: u16) -> CrossBy<'v> {
        match view.plan.tables[usize::from(table)].cross {
            Some(Cross::ItemField(field)) => {
                let column = view.epoch.catalogue().column(view.epoch.item_type(), field);
                column.map_or(CrossBy::Nothing, CrossBy::Attribute)
            }
            Some(Cross::Entity(entity)) if entity == view.epoch.item_type() => CrossBy::Item,
            _ => CrossBy::Nothing,
        }
    }

    /// The key of a candidate's row; `u32::MAX` where it has none.
    pub(super) fn key(self, item: EntityId) -> u32 {
        match self {
            CrossBy::Attribute(column) => column.get(item.0).map_or(u32::MAX, state::cross_key),
            CrossBy::Item => item.0,
            CrossBy::Nothing => u32::MAX,
        }
    }
}

/// Whether the subject has seen the item. An anonymous visit has seen what the request says it looked at; a user whose
/// key is not known has seen nothing.
fn seen(view: &View<'_>, aggregate: u16, item: EntityId) -> bool {
    match &view.query.rows {
        Some(rows) => rows.seen(aggregate, item, view.now),
        None => view.request.subject == Subject::Anonymous && view.query.recent.contains(&item),
    }
}
