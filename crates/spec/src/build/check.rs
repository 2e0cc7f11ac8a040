//! Budgets of the whole plan: streams, bytes of state per key, and time per event.

use super::Builder;
use crate::cost::{ROW_BYTES, events_ns, stream_bytes, stream_ns};
use crate::diagnostic::Issue;
use crate::plan::{SlotSource, Stream};
use crate::source::Source;
use domain::limits;
use std::cmp::Reverse;
use std::ops::Range;

/// How many of the costliest features a message names.
const NAMED: usize = 3;

impl Builder<'_> {
    pub(super) fn check_budgets(&mut self, source: &Source) {
        let at = |name: &str| {
            let found = source.tables.iter().find(|table| table.name.text == name);
            found.map_or(0..0, |table| table.name.span.clone())
        };
        if self.streams.len() > limits::STREAMS_MAX {
            let message = format!("the features count more than {} different things", limits::STREAMS_MAX);
            let span = source.tables.first().map_or(0..0, |table| table.name.span.clone());
            self.issues
                .push(Issue::new("over_budget", &span, message).help("remove features, or let them share filters"));
        }
        let most = source.budget.bytes_per_key.unwrap_or(limits::ROW_BYTES_MAX);
        for (index, table) in self.tables.iter().enumerate() {
            let of_table = |stream: &Stream| usize::from(stream.table) == index;
            let streams = self.streams.iter().filter(|stream| of_table(stream));
            let bytes = ROW_BYTES + streams.map(stream_bytes).sum::<usize>();
            if bytes > most {
                let message =
                    format!("a key of `{}` may need {bytes} bytes of state; at most {most} are allowed", table.name);
                let costly = self.costliest(|stream| if of_table(stream) { stream_bytes(stream) as u64 } else { 0 });
                let help = "use fewer windows and filters, or windows of lengths that share panes";
                let issue = Issue::new("over_budget", &at(&table.name), message);
                self.issues.push(issue.help(format!("{help}; the most take {}", named(&costly, "bytes"))));
            }
        }
        self.check_time(source.budget.ns_per_event.unwrap_or(limits::EVENT_NS_MAX), &at);
    }

    /// Refuses an event that would take too long in all rows.
    fn check_time(&mut self, most: u64, at: &dyn Fn(&str) -> Range<usize>) {
        let over = events_ns(&self.events, &self.tables, &self.streams).enumerate().find(|(_, (_, ns))| *ns > most);
        let Some((index, (event, ns))) = over else { return };
        let of_event = |stream: &Stream| stream.events.contains(&(index as u16));
        let costly = self.costliest(|stream| if of_event(stream) { stream_ns(stream) } else { 0 });
        let name = &event.name;
        let message = format!("an event `{name}` takes about {ns} ns in all rows; at most {most} are allowed");
        let table = self.streams.iter().find(|stream| of_event(stream)).map(|stream| usize::from(stream.table));
        let span = table.map_or(0..0, |table| at(&self.tables[table].name));
        let help = format!("count it in fewer windows and with fewer filters; the most take {}", named(&costly, "ns"));
        self.issues.push(Issue::new("over_budget", &span, message).help(help));
    }

    /// The features whose own aggregates cost most, dearest first.
    fn costliest(&self, cost: impl Fn(&Stream) -> u64) -> Vec<(String, u64)> {
        let features = self.features.iter().map(|feature| {
            let aggregates =
                feature.program.slots().iter().filter_map(|&slot| match self.slots[usize::from(slot)].source {
                    SlotSource::Aggregate(index) => Some(self.aggregates[usize::from(index)].stream),
                    _ => None,
                });
            let mut streams: Vec<u16> = aggregates.collect();
            streams.sort_unstable();
            streams.dedup();
            let total = streams.iter().map(|&stream| cost(&self.streams[usize::from(stream)])).sum::<u64>();
            (self.slots[usize::from(feature.slot)].name.clone(), total)
        });
        let mut features: Vec<(String, u64)> = features.filter(|(_, cost)| *cost > 0).collect();
        features.sort_by_key(|(_, cost)| Reverse(*cost));
        features.truncate(NAMED);
        features
    }
}

fn named(costly: &[(String, u64)], unit: &str) -> String {
    let named: Vec<String> = costly.iter().map(|(name, cost)| format!("`{name}` ({cost} {unit})")).collect();
    named.join(", ")
}
