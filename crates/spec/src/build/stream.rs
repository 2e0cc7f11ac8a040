//! Streams: one for all aggregates that count the same, with the union of what they need.

use super::{Builder, ITEM, USER};
use crate::plan::{
    Aggregate, AggregateOp, PaneLevel, Parts, Slot, SlotIndex, SlotSource, Stream, StreamValue, Table, Window,
};
use domain::{Span, Type, limits};

/// Widths of panes.
const LADDER: [Span; 8] = [
    Span(100),
    Span(1_000),
    Span(10_000),
    Span(60_000),
    Span(600_000),
    Span(3_600_000),
    Span(21_600_000),
    Span(86_400_000),
];
/// A window has at least this many panes, so that it is wrong by at most this part of its length.
const PANES_MIN: i64 = 24;

/// The width of the panes that a window is read from.
pub(crate) fn pane_width(window: Span) -> Span {
    let fine = LADDER.iter().rev().find(|width| width.0 <= window.0 / PANES_MIN);
    *fine.unwrap_or(&LADDER[0])
}

/// What a call asks of its stream.
pub(super) struct Need {
    /// Table, events, filter and value as a key: equal keys share a stream.
    pub(super) key: String,
    pub(super) stream: Stream,
    pub(super) op: AggregateOp,
    pub(super) ty: Type,
    /// How the slot is called.
    pub(super) name: String,
}

impl Need {
    pub(super) fn new(
        table: u16,
        events: Vec<u16>,
        value: StreamValue,
        key: String,
        op: AggregateOp,
        ty: Type,
    ) -> Need {
        let stream = Stream {
            table,
            events,
            filter: None,
            value,
            panes: Vec::new(),
            half_lives: Vec::new(),
            newest: false,
            recents: 0,
            recents_window: None,
            parts: Parts::default(),
            sketch: None,
        };
        Need { key, stream, op, ty, name: String::new() }
    }
}

impl Builder<'_> {
    /// Adds an aggregate and, if none counts the same, its stream. `None` if there is no room: noted.
    pub(super) fn add(&mut self, need: Need) -> Option<(SlotIndex, Type)> {
        let index = match self.stream_keys.get(&need.key) {
            Some(&index) => index,
            None if self.kept.is_some() => return self.unfilled(&need.name, need.ty),
            None => {
                // The budget check at the end says if there are too many; past it indexes would not fit.
                if self.streams.len() > limits::STREAMS_MAX {
                    return None;
                }
                let index = self.streams.len() as u16;
                self.stream_keys.insert(need.key, index);
                self.streams.push(need.stream);
                index
            }
        };
        let key = format!("aggregate {index} {:?}", need.op);
        if let Some(&slot) = self.slot_keys.get(&key) {
            return Some((slot, need.ty));
        }
        if self.kept.is_some() {
            return self.unfilled(&need.name, need.ty);
        }
        extend(&mut self.streams[usize::from(index)], need.op);
        let table = &self.tables[usize::from(self.streams[usize::from(index)].table)];
        let per_candidate = table.entity == ITEM || table.cross.is_some() || matches!(need.op, AggregateOp::Seen(_));
        let source = SlotSource::Aggregate(self.aggregates.len() as u16);
        let slot = self.slot(key, Slot { name: need.name, ty: need.ty.clone(), source, per_candidate })?;
        self.aggregates.push(Aggregate { stream: index, op: need.op, slot });
        Some((slot, need.ty))
    }

    /// The events that name a user and an item.
    pub(super) fn events_of_both(&self) -> Vec<u16> {
        let has = |index: usize, entity| self.events[index].roles.iter().any(|role| role.entity == entity);
        (0..self.events.len()).filter(|&index| has(index, USER) && has(index, ITEM)).map(|index| index as u16).collect()
    }

    /// The table of users, made if the spec declares no features for it.
    pub(super) fn user_table(&mut self) -> u16 {
        self.table("user").unwrap_or_else(|| {
            self.tables.push(Table { name: "user".to_owned(), entity: USER, cross: None, for_caps: false });
            (self.tables.len() - 1) as u16
        })
    }
}

/// Makes a stream keep what an aggregate over it reads.
fn extend(stream: &mut Stream, op: AggregateOp) {
    let parts = &mut stream.parts;
    match op {
        AggregateOp::Count(_) | AggregateOp::Rate(_) | AggregateOp::StreakPeriods(_) => parts.count = true,
        AggregateOp::Sum(_) => parts.sum = true,
        AggregateOp::Mean(_) => (parts.count, parts.sum) = (true, true),
        AggregateOp::Var(_) | AggregateOp::Stddev(_) => {
            (parts.count, parts.sum, parts.variance) = (true, true, true);
        }
        AggregateOp::Min(_) => parts.min = true,
        AggregateOp::Max(_) => parts.max = true,
        AggregateOp::First(_) => parts.first = true,
        AggregateOp::Last(_) => parts.last = true,
        AggregateOp::Decayed(half_life) => {
            if let Err(at) = stream.half_lives.binary_search(&half_life) {
                stream.half_lives.insert(at, half_life);
            }
        }
        AggregateOp::TimeSince => stream.newest = true,
        // The length of the list stands in the stream as it was asked for: it depends on how many are enough.
        AggregateOp::CountRecents(window) => stream.recents_window = stream.recents_window.max(Some(window)),
        AggregateOp::LastEntities(count) | AggregateOp::LastValues(count) => {
            stream.recents = stream.recents.max(count);
        }
        AggregateOp::StreakEvents => stream.recents = stream.recents.max(limits::STREAK_EVENTS_MAX),
        AggregateOp::Seen(_) => stream.recents = stream.recents.max(limits::SEEN_RECENTS),
        // What each pane is, and what a pattern looks for, stands in the stream.
        AggregateOp::Distinct(_) | AggregateOp::Quantile(..) | AggregateOp::TopK(..) | AggregateOp::Pattern => {}
    }
    if let Some(window) = op.window() {
        let pane_width = if op.is_sketched() { super::sketch_pane_width } else { pane_width };
        extend_panes(&mut stream.panes, window, pane_width);
    }
}

/// Makes sure of a level that a window can be read from.
fn extend_panes(panes: &mut Vec<PaneLevel>, window: Window, pane_width: fn(Span) -> Span) {
    for level in panes.iter_mut() {
        match (level, window) {
            (PaneLevel::Sliding { width, window: longest }, Window::Sliding(window))
                if *width == pane_width(window) =>
            {
                return *longest = window.max(*longest);
            }
            (PaneLevel::Tumbling { width, back }, Window::Tumbling { width: of, back: wanted }) if *width == of => {
                return *back = wanted.max(*back);
            }
            (PaneLevel::Calendar { calendar, back }, Window::Calendar { calendar: of, back: wanted })
                if *calendar == of =>
            {
                return *back = wanted.max(*back);
            }
            (PaneLevel::Sessions { gap }, Window::Session(of)) if *gap == of => return,
            _ => {}
        }
    }
    match window {
        Window::Sliding(window) => {
            let width = pane_width(window);
            let finer = |level: &PaneLevel| matches!(level, PaneLevel::Sliding { width: other, .. } if *other < width);
            let at = panes.partition_point(finer);
            panes.insert(at, PaneLevel::Sliding { width, window });
        }
        Window::Tumbling { width, back } => panes.push(PaneLevel::Tumbling { width, back }),
        Window::Calendar { calendar, back } => panes.push(PaneLevel::Calendar { calendar, back }),
        Window::Session(gap) => panes.push(PaneLevel::Sessions { gap }),
    }
}

/// The text without the white space that does not count: equal expressions written differently have one key.
pub(crate) fn canonical(text: &str) -> String {
    let mut out = String::new();
    let mut space = false;
    let mut quote = None;
    let mut escaped = false;
    for c in text.chars() {
        if let Some(open) = quote {
            out.push(c);
            if !escaped && c == open {
                quote = None;
            }
            escaped = !escaped && c == '\\';
            continue;
        }
        if c.is_whitespace() {
            space = true;
            continue;
        }
        let word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        if space && word(c) && out.ends_with(word) {
            out.push(' ');
        }
        space = false;
        if matches!(c, '"' | '\'') {
            quote = Some(c);
        }
        out.push(c);
    }
    out
}

/// The text on one line, runs of white space made one blank.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
