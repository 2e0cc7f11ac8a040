//! Alarms: whose, when, and what they say.

use super::super::Decoder;
use super::field;
use crate::source::AlarmSource;
use crate::yaml::{Node, Text};
use domain::limits;

pub(in crate::decode) const ALARM: [&str; 4] = ["of", "when", "reason", "tags"];

impl Decoder<'_> {
    pub(in crate::decode) fn alarms(&mut self, key: &Text, node: &Node) -> Vec<AlarmSource> {
        let alarms = self.section(key, node, Decoder::alarm);
        self.at_most(key, alarms.len(), limits::ALARMS_MAX);
        alarms
    }

    fn alarm(&mut self, name: &Text, node: &Node) -> Option<AlarmSource> {
        self.name(name, "an alarm");
        let entries = self.map(node, "an alarm")?;
        for (key, _) in entries.iter().filter(|(key, _)| !ALARM.contains(&key.text.as_str())) {
            self.unknown(key, "an alarm", &ALARM);
        }
        self.required(name, entries, "of", "an alarm", "say whose features it reads, as in `of: user`");
        self.required(name, entries, "when", "an alarm", "name a feature that is a pattern, as in `when: idle_basket`");
        Some(AlarmSource {
            name: name.clone(),
            of: self.text_of(entries, "of"),
            when: self.text_of(entries, "when"),
            reason: self.reason(entries),
            tags: field(entries, "tags").map_or(Vec::new(), |node| self.tags_of_rule(name, node)),
        })
    }
}
