//! Changes as rows: a column for each field of the spec's events, and what fits none of them as JSON in one more.

use super::push_change;
use crate::table::{Column, Kind, Writer};
use anyhow::{Result, ensure};
use domain::{Event, Field, Payload, Raw};
use engine::Plan;
use journal::RecordHeader;
use std::io::Write;

/// Columns that every row has, before those of the fields.
const FIXED: [(&str, Kind); 8] = [
    ("@position", Kind::Int),
    ("@log_time", Kind::Time),
    ("@change", Kind::Text),
    ("@rest", Kind::Text),
    ("event", Kind::Text),
    ("source", Kind::Text),
    ("id", Kind::Text),
    ("time", Kind::Time),
];
/// Where `@rest` stands: the fields of an event that have no column, or all of a change that is no event.
const REST: usize = 3;

/// Which field goes where.
pub(super) struct Layout<'p> {
    fields: Vec<(&'p str, Column)>,
}

impl<'p> Layout<'p> {
    /// A column for each entity and field that events have; none where two events disagree on its type.
    pub(super) fn of(plan: &'p Plan) -> Layout<'p> {
        let mut fields: Vec<(&str, Option<Column>)> = Vec::new();
        let mut add = |name: &'p str, column: Column| match fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) if known.as_ref() != Some(&column) => *known = None,
            Some(_) => {}
            None => fields.push((name, Some(column))),
        };
        for event in &plan.events {
            event.roles.iter().for_each(|role| add(&role.name, Column::new(&role.name, Kind::Text)));
            event.fields.iter().for_each(|field| add(&field.name, Column::of(&field.name, &field.ty)));
        }
        Layout { fields: fields.into_iter().filter_map(|(name, column)| Some((name, column?))).collect() }
    }

    pub(super) fn columns(&self) -> Vec<Column> {
        let fixed = FIXED.iter().map(|(name, kind)| Column::new(name, *kind));
        fixed.chain(self.fields.iter().map(|(_, column)| column.clone())).collect()
    }

    pub(super) fn write<W: Write + Send>(
        &self,
        table: &mut Writer<W>,
        header: &RecordHeader,
        payload: &Payload<'_>,
    ) -> Result<()> {
        table.set(0, &Raw::Int(header.position.0 as i64));
        table.set(1, &Raw::Int(header.log_time.0));
        let change = match payload {
            Payload::Event(_) => "event",
            Payload::Upsert(_) => "upsert",
            Payload::Delete { .. } => "delete",
            Payload::ListPut(_) => "list_put",
            Payload::ListDelete { .. } => "list_delete",
            Payload::Tick => "tick",
            _ => "other",
        };
        table.set(2, &Raw::Str(change.into()));
        let mut rest = Vec::new();
        match payload {
            Payload::Event(event) => self.write_event(table, event, &mut rest)?,
            other => push_change(&mut rest, other)?,
        }
        if !rest.is_empty() {
            table.set(REST, &Raw::Str(String::from_utf8(rest)?.trim_end().to_owned().into()));
        }
        table.end_row()
    }

    fn write_event<W: Write + Send>(&self, table: &mut Writer<W>, event: &Event<'_>, rest: &mut Vec<u8>) -> Result<()> {
        let text = |text: &str| Raw::Str(text.to_owned().into());
        table.set(REST + 1, &text(&event.kind));
        if !event.source.is_empty() {
            table.set(REST + 2, &text(&event.source));
        }
        if let Some(id) = &event.id {
            table.set(REST + 3, &text(id));
        }
        if let Some(time) = event.time {
            table.set(REST + 4, &Raw::Int(time.0));
        }
        let mut left: Vec<&Field<'_>> = Vec::new();
        for field in event.fields.iter().filter(|field| field.value != Raw::Null) {
            let place = self.fields.iter().position(|(name, _)| *name == field.name);
            if !place.is_some_and(|place| table.set(FIXED.len() + place, &field.value)) {
                left.push(field);
            }
        }
        if !left.is_empty() {
            rest.push(b'{');
            for field in left {
                ensure!(!field.name.is_empty(), "an event has a field without a name");
                if rest.len() > 1 {
                    rest.push(b',');
                }
                wire::write_text(rest, &field.name);
                rest.push(b':');
                wire::write_raw(rest, &field.value);
            }
            rest.push(b'}');
        }
        Ok(())
    }
}
