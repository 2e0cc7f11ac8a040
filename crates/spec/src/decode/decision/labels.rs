//! Where a decision's labels come from: an event that says later what was true.

use super::Decoder;
use crate::source::LabelsSource;
use crate::yaml::{Node, Text};

pub(in crate::decode) const LABELS: [&str; 3] = ["event", "of", "when"];

impl Decoder<'_> {
    /// `{ event: label, of: payment, when: fraud }`
    pub(super) fn labels(&mut self, key: &Text, node: &Node) -> Option<LabelsSource> {
        let entries = self.map(node, "`labels`")?;
        for (key, _) in entries.iter().filter(|(key, _)| !LABELS.contains(&key.text.as_str())) {
            self.unknown(key, "`labels`", &LABELS);
        }
        self.required(key, entries, "event", "`labels`", "name the event that says it, as in `event: label`");
        let help = "name its field with the decided event's id, as in `of: payment`";
        self.required(key, entries, "of", "`labels`", help);
        self.required(key, entries, "when", "`labels`", "say when it is bad, as in `when: fraud`");
        let (event, of) = (self.text_of(entries, "event"), self.text_of(entries, "of"));
        let when = self.text_of(entries, "when");
        Some(LabelsSource { event: event?, of: of?, when: when? })
    }
}
