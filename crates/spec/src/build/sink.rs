//! Sinks: what they take must be there.

use super::Builder;
use crate::diagnostic::{Issue, quoted};
use crate::plan::Sink;
use crate::source::{SinkSource, Source};
use crate::yaml::Text;
use std::collections::BTreeSet;

impl Builder<'_> {
    pub(super) fn sinks(&mut self, source: &Source) {
        for declared in &source.sinks {
            let found = self.sink_decisions(source, declared);
            if found {
                self.sink_outcomes(declared);
            }
            self.sink_alarms(source, declared);
            let Some(url) = declared.url.clone() else { continue };
            let texts = |texts: &Option<Vec<Text>>| {
                texts.as_ref().map(|texts| texts.iter().map(|text| text.text.clone()).collect::<Vec<String>>())
            };
            self.sinks.push(Sink {
                name: declared.name.text.clone(),
                url,
                decisions: texts(&declared.decisions),
                outcomes: texts(&declared.outcomes),
                alarms: texts(&declared.alarms),
                secret: declared.secret.as_ref().map(|secret| secret.text.clone()),
                facts: declared.facts,
                timeout: declared.timeout,
                in_flight: declared.in_flight,
                retry: declared.retry,
            });
        }
    }

    /// Whether every decision that a sink names was built.
    fn sink_decisions(&mut self, source: &Source, sink: &SinkSource) -> bool {
        let mut all = self.decisions.len() == source.decisions.len();
        for name in sink.decisions.iter().flatten() {
            if source.decisions.iter().any(|declared| declared.name.text == name.text) {
                continue;
            }
            all = false;
            let message = format!("{} is not a decision of this spec", quoted(&name.text));
            let known = source.decisions.iter().map(|declared| declared.name.text.as_str());
            self.issues.push(Issue::new("unknown_name", &name.span, message).near(&name.text, known));
        }
        all
    }

    fn sink_outcomes(&mut self, sink: &SinkSource) {
        let named =
            |name: &str| sink.decisions.as_ref().is_none_or(|decisions| decisions.iter().any(|of| of.text == name));
        let taken = self.decisions.iter().filter(|decision| named(&decision.name));
        let known: BTreeSet<&str> = taken.flat_map(|decision| &decision.outcomes).map(String::as_str).collect();
        for outcome in sink.outcomes.iter().flatten().filter(|outcome| !known.contains(outcome.text.as_str())) {
            let message = format!("{} is no outcome of the decisions that go to this sink", quoted(&outcome.text));
            self.issues
                .push(Issue::new("unknown_name", &outcome.span, message).near(&outcome.text, known.iter().copied()));
        }
    }

    fn sink_alarms(&mut self, source: &Source, sink: &SinkSource) {
        for name in sink.alarms.iter().flatten() {
            if source.alarms.iter().any(|declared| declared.name.text == name.text) {
                continue;
            }
            let message = format!("{} is not an alarm of this spec", quoted(&name.text));
            let known = source.alarms.iter().map(|declared| declared.name.text.as_str());
            self.issues.push(Issue::new("unknown_name", &name.span, message).near(&name.text, known));
        }
    }
}
