//! What happened, as the client said it: names and raw values, borrowed from the bytes they came in.
//! The log keeps events in this form, so that a later spec can read them with other eyes.

use crate::Time;
use std::borrow::Cow;

/// A value as a client sends it, before any plan has typed it.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw<'a> {
    /// Explicitly no value.
    Null,
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A finite float.
    Float(f64),
    /// A string (a time or a duration may be one too; the plan says).
    Str(Cow<'a, str>),
    /// A list of scalars.
    List(Vec<Raw<'a>>),
}

/// A named raw value.
#[derive(Clone, Debug, PartialEq)]
pub struct Field<'a> {
    /// The name, as in the spec.
    pub name: Cow<'a, str>,
    /// The value.
    pub value: Raw<'a>,
}

/// An immutable fact. Entities it concerns (`user`, `item`, ...) are among the fields, as strings.
#[derive(Clone, Debug, PartialEq)]
pub struct Event<'a> {
    /// The event type's name in the spec.
    pub kind: Cow<'a, str>,
    /// Who sent it; with `id` the key of deduplication. Empty if not said.
    pub source: Cow<'a, str>,
    /// The client's id; without one nothing is deduplicated.
    pub id: Option<Cow<'a, str>>,
    /// When it happened (event time). The sequencer fills it with `log_time` where the client gave none.
    pub time: Option<Time>,
    /// Entities and fields, in the client's order.
    pub fields: Vec<Field<'a>>,
}

/// An entity's attributes as they are from now on: replaces what was known before.
#[derive(Clone, Debug, PartialEq)]
pub struct Upsert<'a> {
    /// The entity type's name.
    pub entity: Cow<'a, str>,
    /// The entity's key.
    pub key: Cow<'a, str>,
    /// Its attributes.
    pub fields: Vec<Field<'a>>,
}

/// Puts an entity on a list, or changes how it stands there.
#[derive(Clone, Debug, PartialEq)]
pub struct ListPut<'a> {
    /// The list's name in the spec.
    pub list: Cow<'a, str>,
    /// The entity's key.
    pub key: Cow<'a, str>,
    /// What it is ordered by where the list is a recall route: higher first; 0 if not said.
    pub score: Option<f64>,
    /// It is on the list before this time of the log; without one until it is taken off.
    pub until: Option<Time>,
}

impl<'a> Event<'a> {
    /// The raw value of a field, if the client sent it.
    pub fn field(&self, name: &str) -> Option<&Raw<'a>> {
        self.fields.iter().find(|field| field.name == name).map(|field| &field.value)
    }
}
