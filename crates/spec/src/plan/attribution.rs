//! Which events are joined to decisions, and what they are worth.

use domain::Span;

/// What `attribution:` declares.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribution {
    /// How long after a decision, in log time, its events are joined to it.
    pub window: Span,
    /// How many decisions are remembered; the oldest give way.
    pub decisions: u32,
    /// The events that are joined, `impression` first; at most `limits::ATTRIBUTION_EVENTS_MAX`.
    pub events: Vec<AttributedEvent>,
}

/// An event that is joined to decisions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttributedEvent {
    /// Index into `Plan::events`.
    pub event: u16,
    /// What one is worth: the event's weight in `weights`, 0 without one.
    pub weight: f64,
    /// Whether it counts as a click.
    pub click: bool,
}
