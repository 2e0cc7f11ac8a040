//! What events are worth (`weights`), and how they are joined to decisions (`attribution`).

use super::Decoder;
use crate::diagnostic::Issue;
use crate::source::{AttributionSource, WeightSource};
use crate::yaml::{Node, Text};
use domain::{Span, limits};

pub(super) const ATTRIBUTION: [&str; 4] = ["window", "decisions", "click", "events"];
/// How long after a decision its events are joined to it, where the spec does not say.
const WINDOW: Span = Span(30 * 60_000);
/// How many decisions are remembered, where the spec does not say.
const DECISIONS: u32 = 100_000;
/// Largest weight, and smallest below zero.
const WEIGHT_MAX: f64 = 1e6;

impl Decoder<'_> {
    /// `{ view: 1, buy: 10, dislike: -5 }`
    pub(super) fn weights(&mut self, key: &Text, node: &Node) -> Vec<WeightSource> {
        self.section(key, node, |decoder, event, value| {
            let weight = decoder.number(value, "an event's weight", -WEIGHT_MAX..=WEIGHT_MAX)?;
            if weight == 0.0 {
                let issue = Issue::new("out_of_range", &event.span, "the weight is 0, which says nothing");
                decoder.issues.push(issue.help("leave the event out, or give it a weight above or below 0"));
                return None;
            }
            Some(WeightSource { event: event.clone(), weight })
        })
    }

    /// `{ window: 30m, decisions: 100000, click: [view], events: [cart, buy] }`
    pub(super) fn attribution(&mut self, key: &Text, node: &Node) -> Option<AttributionSource> {
        let mut source = AttributionSource {
            span: key.span.clone(),
            window: WINDOW,
            decisions: DECISIONS,
            click: None,
            events: None,
        };
        for (key, value) in self.map(node, "`attribution`")? {
            match key.text.as_str() {
                "window" => source.window = self.span(value, "`window`").unwrap_or(source.window),
                "decisions" => {
                    let most = i64::from(limits::ATTRIBUTION_DECISIONS_MAX);
                    let decisions = self.int(value, "`decisions`", 1..=most);
                    source.decisions = decisions.map_or(source.decisions, |decisions| decisions as u32);
                }
                "click" => source.click = self.event_list(value, "`click`"),
                "events" => source.events = self.event_list(value, "`events`"),
                _ => self.unknown(key, "`attribution`", &ATTRIBUTION),
            }
        }
        Some(source)
    }

    fn event_list(&mut self, node: &Node, what: &str) -> Option<Vec<Text>> {
        let list = self.list(node, what)?;
        Some(list.iter().filter_map(|node| self.text(node, "an event").cloned()).collect())
    }
}
