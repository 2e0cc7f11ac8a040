//! Routes that the request's seed draws: `explore` and `random`.

use super::{Decoder, Node, Text};
use crate::diagnostic::Issue;
use crate::source::RouteKind;

pub(super) const EXPLORE: [&str; 2] = ["explore", "below"];
/// Events from which on an item is not explored any more, if it is not said.
const BELOW: u32 = 100;
pub(crate) const BELOW_MAX: i64 = 1_000_000;

impl Decoder<'_> {
    /// `explore: impression, below: 100`
    pub(super) fn explore(&mut self, event: &Node, entries: &[(Text, Node)]) -> RouteKind {
        let mut below = BELOW;
        for (_, value) in entries.iter().filter(|(key, _)| key.text == "below") {
            below = self.int(value, "`below`", 1..=BELOW_MAX).map_or(below, |below| below as u32);
        }
        self.only(entries, &EXPLORE);
        let event = self.text(event, "`explore`").cloned();
        event.map_or(RouteKind::Broken, |event| RouteKind::Explore(event, below))
    }

    /// `random: item`
    pub(super) fn random(&mut self, of: &Node, entries: &[(Text, Node)]) -> RouteKind {
        self.only(entries, &["random"]);
        let Some(of) = self.text(of, "`random`") else { return RouteKind::Broken };
        if of.text != "item" {
            let issue = Issue::new("out_of_range", &of.span, "`random` draws of all items");
            self.issues.push(issue.help("write `random: item`"));
            return RouteKind::Broken;
        }
        RouteKind::Random
    }
}
