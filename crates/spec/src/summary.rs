//! What a plan costs and how exact it is, for `millrace check`.

use crate::cost::{ROW_BYTES, stream_bytes, stream_ns};
use crate::plan::{Aggregate, AggregateOp, Decision, Fact, FactSource, Feature, Plan, SlotSource, Window};
use domain::Span;
use std::fmt;

/// A plan in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Every table.
    pub tables: Vec<TableSummary>,
    /// How many streams are counted per key over all tables.
    pub streams: usize,
    /// How many slots a row of values has.
    pub slots: usize,
    /// The event that takes longest in all rows, with an estimate of the nanoseconds that it takes.
    pub costliest_event: Option<(String, u64)>,
    /// Recall indexes kept.
    pub indexes: usize,
    /// Names of the feeds.
    pub feeds: Vec<String>,
    /// Every decision.
    pub decisions: Vec<DecisionSummary>,
}

/// A decision in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionSummary {
    /// Its name.
    pub name: String,
    /// The event that is decided.
    pub event: String,
    /// How many rules it has, rows of its tables among them.
    pub rules: usize,
    /// How many facts are read for one event.
    pub facts: usize,
    /// How many of them are aggregates.
    pub aggregates: usize,
    /// What can come out, by precedence.
    pub outcomes: Vec<String>,
}

/// A table in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct TableSummary {
    /// Its name.
    pub name: String,
    /// Most bytes of state that one key takes, with every pane in use and room to grow; most keys take far fewer.
    pub bytes_per_key: usize,
    /// Its features.
    pub features: Vec<FeatureSummary>,
}

/// A feature in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureSummary {
    /// Its name within the table.
    pub name: String,
    /// Its type.
    pub ty: String,
    /// The streams it reads, directly or through other features: indexes into `Plan::streams`, ascending.
    pub streams: Vec<u16>,
    /// Most bytes of those streams per key; streams shared with other features are counted for each.
    pub bytes_per_key: usize,
    /// Estimated nanoseconds that an event takes in those streams; streams shared with other features are counted for each.
    pub ns_per_event: u64,
    /// Longest time that a window may reach too far back: the widest pane it reads. None if it reads no window.
    pub window_error: Option<Span>,
}

impl Plan {
    /// What the plan costs and how exact it is.
    pub fn describe(&self) -> Summary {
        let tables = self.tables.iter().enumerate().map(|(index, table)| {
            let streams = self.streams.iter().filter(|stream| usize::from(stream.table) == index);
            let features = self.declared_features().filter(|feature| usize::from(feature.table) == index);
            TableSummary {
                name: table.name.clone(),
                bytes_per_key: ROW_BYTES + streams.map(stream_bytes).sum::<usize>(),
                features: features.map(|feature| self.describe_feature(feature)).collect(),
            }
        });
        Summary {
            tables: tables.collect(),
            streams: self.streams.len(),
            slots: self.slots.len(),
            costliest_event: self.costliest_event().map(|(name, ns)| (name.to_owned(), ns)),
            indexes: self.indexes.len(),
            feeds: self.feeds.iter().map(|feed| feed.name.clone()).collect(),
            decisions: self.decisions.iter().map(|decision| self.describe_decision(decision)).collect(),
        }
    }

    fn describe_decision(&self, decision: &Decision) -> DecisionSummary {
        let read = |fact: &&Fact| matches!(fact.source, FactSource::Aggregate { .. });
        DecisionSummary {
            name: decision.name.clone(),
            event: self.events[usize::from(decision.event)].name.clone(),
            rules: decision.rules.len(),
            facts: decision.facts.len(),
            aggregates: decision.facts.iter().filter(read).count(),
            outcomes: decision.outcomes.clone(),
        }
    }

    fn describe_feature(&self, feature: &Feature) -> FeatureSummary {
        let mut read = vec![false; self.aggregates.len()];
        let mut open: Vec<&Feature> = vec![feature];
        let mut done = vec![false; self.features.len()];
        while let Some(feature) = open.pop() {
            for &slot in feature.program.slots() {
                match self.slots[usize::from(slot)].source {
                    SlotSource::Aggregate(index) => read[usize::from(index)] = true,
                    SlotSource::Feature(index) if !done[usize::from(index)] => {
                        done[usize::from(index)] = true;
                        open.push(&self.features[usize::from(index)]);
                    }
                    _ => {}
                }
            }
        }
        let read: Vec<&Aggregate> =
            self.aggregates.iter().zip(&read).filter(|(_, read)| **read).map(|(a, _)| a).collect();
        let mut streams: Vec<u16> = read.iter().map(|aggregate| aggregate.stream).collect();
        streams.sort_unstable();
        streams.dedup();
        FeatureSummary {
            name: feature.name.clone(),
            ty: self.type_name(feature.program.ty()),
            bytes_per_key: streams.iter().map(|&stream| stream_bytes(&self.streams[usize::from(stream)])).sum(),
            ns_per_event: streams.iter().map(|&stream| stream_ns(&self.streams[usize::from(stream)])).sum(),
            streams,
            window_error: read.iter().filter_map(|aggregate| window_error(aggregate.op)).max(),
        }
    }

    fn type_name(&self, ty: &domain::Type) -> String {
        match ty {
            domain::Type::Entity(index) => self.entities[usize::from(*index)].name.clone(),
            domain::Type::List(of) => format!("[{}]", self.type_name(of)),
            _ => ty.to_string(),
        }
    }
}

fn window_error(op: AggregateOp) -> Option<Span> {
    match op.window() {
        Some(Window::Sliding(window)) if op.is_sketched() => Some(crate::build::sketch_pane_width(window)),
        Some(Window::Sliding(window)) => Some(crate::build::pane_width(window)),
        Some(Window::Tumbling { .. } | Window::Calendar { .. } | Window::Session(_)) => Some(Span(0)),
        None => None,
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for table in &self.tables {
            writeln!(f, "{}: at most {} bytes per key", table.name, table.bytes_per_key)?;
            for feature in &table.features {
                let FeatureSummary { name, ty, bytes_per_key, ns_per_event, .. } = feature;
                write!(f, "  {name}: {ty}, {bytes_per_key} bytes, {ns_per_event} ns")?;
                match feature.window_error {
                    Some(error) => writeln!(f, ", windows exact to {error}")?,
                    None => writeln!(f)?,
                }
            }
        }
        if let Some((event, ns)) = &self.costliest_event {
            writeln!(f, "an event `{event}` takes about {ns} ns in all rows, more than any other")?;
        }
        for DecisionSummary { name, event, rules, facts, aggregates, outcomes } in &self.decisions {
            let outcomes = outcomes.join(", ");
            writeln!(
                f,
                "{name}: on `{event}`, {rules} rules over {facts} facts ({aggregates} aggregates): {outcomes}"
            )?;
        }
        let Summary { streams, slots, indexes, .. } = self;
        writeln!(f, "{streams} streams, {slots} slots, {indexes} indexes; feeds: {}", self.feeds.join(", "))
    }
}
