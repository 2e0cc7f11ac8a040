//! Alarms over rows: which conditions an event makes true, and timers for those that come true by time alone. Timers follow from the
//! rows: those due up to the log's time have gone off, the others are set. A record finds them before it changes anything.

use super::{Keyed, Rows};
use crate::layout::{Layout, TableLayout, Watched};
use crate::row::Row;
use domain::{EntityId, Position, Span, Time, Value};
use std::collections::BTreeSet;

/// An alarm that was raised for an entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Raised {
    /// The record that raised it: an event of the entity, or the first record that found it due.
    pub position: Position,
    /// Its log time.
    pub log_time: Time,
    /// Index into `Plan::alarms`.
    pub alarm: u16,
    /// The entity.
    pub entity: EntityId,
    /// What the alarm's programs read: by index into `Alarm::facts`.
    pub values: Box<[Value]>,
}

/// When a pattern of a row comes true if nothing comes: at most one per row and pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Timer {
    due: Time,
    table: u16,
    local: u32,
    pattern: u16,
}

/// The timers of some rows, and what was raised over them.
#[derive(Clone, Default)]
pub(super) struct Alarms {
    timers: BTreeSet<Timer>,
    raised: Vec<Raised>,
}

/// Where a row stands.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) table: usize,
    pub(super) local: u32,
    pub(super) owner: EntityId,
}

/// What a row was before an event.
pub(super) struct Before {
    /// By alarm of the table.
    raised: Vec<bool>,
    due: Vec<Option<Time>>,
}

impl Before {
    /// Takes note of a row that an event is about to change.
    pub(super) fn of(row: Option<&Row>, layout: &TableLayout, watched: &Watched, at: (Time, Time)) -> Before {
        let raised = watched.alarms.iter().map(|alarm| alarm.raised(row, layout, at).is_some());
        Before { raised: raised.collect(), due: dues(row, layout, watched) }
    }
}

fn dues(row: Option<&Row>, layout: &TableLayout, watched: &Watched) -> Vec<Option<Time>> {
    watched.timed.iter().map(|pattern| row.and_then(|row| row.pattern_due(layout, *pattern))).collect()
}

impl Alarms {
    /// After an event: raises what it made true, and sets the timers anew.
    pub(super) fn changed(
        &mut self,
        before: &Before,
        (row, layout, watched): (Option<&Row>, &TableLayout, &Watched),
        place: Place,
        (position, now, log_time): (Position, Time, Time),
    ) {
        for (alarm, was) in watched.alarms.iter().zip(&before.raised) {
            if !was && let Some(values) = alarm.raised(row, layout, (now, log_time)) {
                let alarm = alarm.alarm;
                self.raised.push(Raised { position, log_time, alarm, entity: place.owner, values });
            }
        }
        self.set(place, watched, &before.due, &dues(row, layout, watched), log_time);
    }

    /// Sets the timers of a row that were others before.
    fn set(
        &mut self,
        place: Place,
        watched: &Watched,
        before: &[Option<Time>],
        after: &[Option<Time>],
        log_time: Time,
    ) {
        let timer = |due, pattern: &usize| {
            let (table, local, pattern) = (place.table as u16, place.local, *pattern as u16);
            Timer { due, table, local, pattern }
        };
        for ((pattern, before), after) in watched.timed.iter().zip(before).zip(after) {
            if before == after {
                continue;
            }
            if let Some(due) = *before {
                self.timers.remove(&timer(due, pattern));
            }
            if let Some(due) = after.filter(|due| *due > log_time) {
                self.timers.insert(timer(due, pattern));
            }
        }
    }
}

impl Rows {
    /// When the next timer goes off, unless a record changes that.
    pub fn next_due(&self) -> Option<Time> {
        self.alarms.timers.first().map(|timer| timer.due)
    }

    /// How many timers are set.
    pub fn timers(&self) -> usize {
        self.alarms.timers.len()
    }

    /// What was raised since it was last taken, in the order of the log; of one record in no order, and an alarm may be there twice.
    pub fn take_raised(&mut self) -> Vec<Raised> {
        std::mem::take(&mut self.alarms.raised)
    }

    /// Lets go off what is due when a record comes, before it changes anything.
    pub(super) fn let_go_off(&mut self, position: Position, log_time: Time) {
        while let Some(timer) = self.alarms.timers.first().copied().filter(|timer| timer.due <= log_time) {
            self.alarms.timers.pop_first();
            let table = usize::from(timer.table);
            let Keyed::Plain(rows) = &self.tables[table] else { continue };
            let (row, layout) = (rows.get(timer.local), &self.layout.tables[table]);
            let just_before = timer.due.minus(Span(1));
            for alarm in &self.layout.watched[table].alarms {
                let waits = alarm.timed.contains(&usize::from(timer.pattern));
                if !waits || alarm.raised(row, layout, (just_before, just_before)).is_some() {
                    continue;
                }
                if let Some(values) = alarm.raised(row, layout, (log_time, log_time)) {
                    let (alarm, entity) = (alarm.alarm, EntityId(self.scope.owner(timer.local)));
                    self.alarms.raised.push(Raised { position, log_time, alarm, entity, values });
                }
            }
        }
    }

    /// Sets all timers anew from the rows.
    pub(super) fn set_timers(&mut self) {
        self.alarms = Alarms::default();
        let Rows { layout, tables, alarms, log_time, scope, .. } = self;
        for (table, rows) in tables.iter().enumerate() {
            let Keyed::Plain(rows) = rows else { continue };
            for (local, row) in rows.iter().filter(|_| !layout.watched[table].timed.is_empty()) {
                let place = Place { table, local, owner: EntityId(scope.owner(local)) };
                alarms.set_new(layout, place, row, *log_time);
            }
        }
    }

    /// Sets the timers of a row that has just been loaded.
    pub(super) fn set_timers_of(&mut self, table: usize, local: u32) {
        let Rows { layout, tables, alarms, log_time, scope, .. } = self;
        if let Keyed::Plain(rows) = &tables[table]
            && let Some(row) = rows.get(local)
        {
            let place = Place { table, local, owner: EntityId(scope.owner(local)) };
            alarms.set_new(layout, place, row, *log_time);
        }
    }

    /// After rows were taken over from a copy that is ahead: `before` has what was due in them.
    pub(super) fn follow_timers(&mut self, before: Vec<(usize, u32, Vec<Option<Time>>)>) {
        let Rows { layout, tables, alarms, log_time, scope, .. } = self;
        for (table, local, before) in before {
            let Keyed::Plain(rows) = &tables[table] else { continue };
            let (watched, of) = (&layout.watched[table], &layout.tables[table]);
            let after = dues(rows.get(local), of, watched);
            let place = Place { table, local, owner: EntityId(scope.owner(local)) };
            alarms.set(place, watched, &before, &after, *log_time);
        }
        alarms.timers = alarms.timers.split_off(&Timer { due: log_time.plus(Span(1)), table: 0, local: 0, pattern: 0 });
    }

    /// What is due in a row of a table that alarms watch.
    pub(super) fn due_in(&self, table: usize, local: u32) -> Option<(usize, u32, Vec<Option<Time>>)> {
        let watched = &self.layout.watched[table];
        let Keyed::Plain(rows) = &self.tables[table] else { return None };
        let dues = || dues(rows.get(local), &self.layout.tables[table], watched);
        (!watched.timed.is_empty()).then(|| (table, local, dues()))
    }
}

impl Alarms {
    /// Memory that the timers take: a tree's nodes are two thirds full.
    pub(super) fn bytes(&self) -> usize {
        self.timers.len() * size_of::<Timer>() * 3 / 2
    }

    fn set_new(&mut self, layout: &Layout, place: Place, row: &Row, log_time: Time) {
        let watched = &layout.watched[place.table];
        let after = dues(Some(row), &layout.tables[place.table], watched);
        self.set(place, watched, &vec![None; after.len()], &after, log_time);
    }
}
