//! Weights and attribution: names of events to indexes, and what is joined where the spec leaves it open.

use super::{Builder, ITEM};
use crate::diagnostic::{Issue, quoted};
use crate::plan::{AttributedEvent, Attribution, Collection, Computed, ElementSource, IMPRESSION, StreamValue};
use crate::source::{AttributionSource, Source};
use crate::yaml::Text;
use domain::limits;

impl Builder<'_> {
    /// What events are worth, by event; known before the feeds are built, whose routes fall back on it.
    pub(super) fn weights(&mut self, source: &Source) {
        for declared in &source.weights {
            if let Some(event) = self.item_event(&declared.event) {
                self.weights.push((event, declared.weight));
            }
        }
        self.weights.sort_by_key(|(event, _)| *event);
    }

    /// The weight of an event in `weights`.
    pub(super) fn weight(&self, event: u16) -> Option<f64> {
        let at = self.weights.binary_search_by_key(&event, |(event, _)| *event).ok()?;
        Some(self.weights[at].1)
    }

    pub(super) fn attribution(&mut self, source: &Source) {
        let Some(declared) = &source.attribution else { return };
        let clicks = self.clicks(declared);
        let joined: Vec<u16> = match &declared.events {
            Some(events) => self.named(events),
            None => self.weights.iter().map(|(event, _)| *event).collect(),
        };
        let mut events: Vec<u16> = joined.into_iter().chain(clicks.iter().copied()).collect();
        events.sort_unstable();
        events.dedup();
        events.retain(|event| *event != IMPRESSION);
        if events.len() >= limits::ATTRIBUTION_EVENTS_MAX {
            let most = limits::ATTRIBUTION_EVENTS_MAX - 1;
            let message = format!("{} events are joined to decisions; at most {most} are allowed", events.len());
            let issue = Issue::new("too_many", &declared.span, message);
            self.issues.push(issue.help("name those that matter, as in `events: [view, buy]`"));
            return;
        }
        let attributed = |event| AttributedEvent {
            event,
            weight: self.weight(event).unwrap_or(0.0),
            click: clicks.contains(&event),
        };
        self.attribution = Some(Attribution {
            window: declared.window,
            decisions: declared.decisions,
            events: [IMPRESSION].into_iter().chain(events).map(attributed).collect(),
        });
    }

    /// The events that count as clicks: those named, or all with a weight above 0.
    fn clicks(&mut self, declared: &AttributionSource) -> Vec<u16> {
        let Some(named) = &declared.click else {
            let worth = self.weights.iter().filter(|(event, weight)| *event != IMPRESSION && *weight > 0.0);
            let clicks: Vec<u16> = worth.map(|(event, _)| *event).collect();
            if clicks.is_empty() && self.issues.is_empty() {
                let issue = Issue::new("missing_field", &declared.span, "`attribution` does not know what a click is");
                self.issues.push(issue.help("add `click: [view]`, or `weights: { view: 1, buy: 10 }`"));
            }
            return clicks;
        };
        if let Some(impression) = named.iter().find(|event| event.text == "impression") {
            let issue = Issue::new("not_here", &impression.span, "an impression is what is clicked on, and no click");
            self.issues.push(issue.help("name the event that says that the user chose the item"));
        }
        self.named(named)
    }

    fn named(&mut self, names: &[Text]) -> Vec<u16> {
        names.iter().filter_map(|name| self.item_event(name)).collect()
    }

    /// An event that names an item.
    fn item_event(&mut self, name: &Text) -> Option<u16> {
        let event = self.known_event(name)?;
        let roles = &self.events[usize::from(event)].roles;
        if roles.iter().any(|role| role.entity == ITEM) {
            return Some(event);
        }
        if !self.is_broken("event", &[&name.text]) {
            let message = format!("the event {} does not name an item", quoted(&name.text));
            self.issues.push(Issue::new("missing_role", &name.span, message).help("leave it out"));
        }
        None
    }

    /// Whether an expression over impressions reads their `decision`, the first field of the first event.
    pub(super) fn reads_decision(&self) -> bool {
        let over = self.streams.iter().filter(|stream| stream.events.contains(&IMPRESSION));
        let mut programs = over.flat_map(|stream| {
            let value: Vec<&expr::Program> = match &stream.value {
                StreamValue::Number(program) | StreamValue::Listed(program) => vec![program],
                StreamValue::One | StreamValue::Role(_) | StreamValue::Elements(_) => Vec::new(),
                StreamValue::Pattern(pattern) => {
                    let steps = pattern.kind.steps().into_iter().filter(|step| step.event == IMPRESSION);
                    steps.filter_map(|step| step.filter.as_ref()).collect()
                }
            };
            stream.filter.iter().chain(value)
        });
        let field = Collection { event: IMPRESSION, source: ElementSource::Field(0) };
        let mut computed = self.events[usize::from(IMPRESSION)].computed.iter().filter_map(|computed| match computed {
            Computed::Program(program) => Some(program),
            Computed::Attribute { .. } => None,
        });
        let reads = |program: &expr::Program| program.slots().contains(&0);
        programs.any(reads) || computed.any(reads) || self.collections.contains(&field)
    }
}
