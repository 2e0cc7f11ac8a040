//! The rerankers of a feed: one step, or a list of them.

use super::Decoder;
use crate::diagnostic::Issue;
use crate::source::{RerankSource, SpreadSource};
use crate::yaml::{Kind, Node, Text};
use domain::limits;

impl Decoder<'_> {
    /// `{ spread: .. }` or `[{ spread: .. }, ..]`.
    pub(super) fn reranks(&mut self, key: &Text, node: &Node) -> Vec<RerankSource> {
        let Kind::List(list) = &node.kind else { return self.rerank(node).into_iter().collect() };
        self.at_most(key, list.len(), limits::RERANKS_MAX);
        list.iter().filter_map(|node| self.rerank(node)).collect()
    }

    fn rerank(&mut self, node: &Node) -> Option<RerankSource> {
        self.spread(node).map(RerankSource::Spread)
    }

    fn spread(&mut self, node: &Node) -> Option<SpreadSource> {
        let entries = self.map(node, "`rerank`")?;
        let (mut attribute, mut window, mut max) = (None, 5, 2);
        let slate = limits::SLATE_MAX as i64;
        for (key, value) in entries {
            match key.text.as_str() {
                "spread" => attribute = self.text(value, "`spread`").cloned(),
                "window" => window = self.int(value, "`window`", 1..=slate).unwrap_or(window),
                "max" => max = self.int(value, "`max`", 1..=slate).unwrap_or(max),
                _ => self.unknown(key, "`rerank`", &["spread", "window", "max"]),
            }
        }
        if !entries.iter().any(|(key, _)| key.text == "spread") {
            let issue = Issue::new("missing_field", &node.span, "`rerank` needs the field `spread`");
            self.issues.push(issue.help("name an attribute of the items, as in `spread: item.category`"));
        }
        Some(SpreadSource { attribute: attribute?, window: window as u16, max: max as u16, span: node.span.clone() })
    }
}
