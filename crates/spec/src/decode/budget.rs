//! What the features of a spec may cost (`budget`).

use super::Decoder;
use crate::source::BudgetSource;
use crate::yaml::Node;
use domain::limits;

pub(super) const BUDGET: [&str; 2] = ["bytes_per_key", "ns_per_event"];

impl Decoder<'_> {
    /// `{ bytes_per_key: 65536, ns_per_event: 5000 }`
    pub(super) fn budget(&mut self, node: &Node) -> BudgetSource {
        let mut budget = BudgetSource::default();
        for (key, value) in self.map(node, "`budget`").unwrap_or_default() {
            match key.text.as_str() {
                "bytes_per_key" => {
                    let bytes = self.int(value, "`bytes_per_key`", 1..=limits::ROW_BYTES_MAX as i64);
                    budget.bytes_per_key = bytes.map(|bytes| bytes as usize);
                }
                "ns_per_event" => {
                    let ns = self.int(value, "`ns_per_event`", 1..=limits::EVENT_NS_MAX as i64);
                    budget.ns_per_event = ns.map(|ns| ns as u64);
                }
                _ => self.unknown(key, "`budget`", &BUDGET),
            }
        }
        budget
    }
}
