//! Guards: by how much the share of an outcome may grow when the spec changes, and what is done when it grows by more.

use super::rule::start_of;
use super::{Decoder, field};
use crate::diagnostic::Issue;
use crate::plan::GuardAction;
use crate::source::GuardSource;
use crate::yaml::{Node, Text};
use domain::{Span, limits};

pub(in crate::decode) const GUARD: [&str; 7] = ["outcome", "share_up", "over", "against", "rule", "min", "then"];
/// Decisions that are compared at least, unless a guard says.
const MIN_DEFAULT: u64 = 200;
/// What a share can be compared with.
const AGAINST: [&str; 2] = ["previous_plan", "rest"];

impl Decoder<'_> {
    pub(super) fn guards(&mut self, key: &Text, node: &Node) -> Vec<GuardSource> {
        let Some(list) = self.list(node, "`guards`") else { return Vec::new() };
        self.at_most(key, list.len(), limits::GUARDS_MAX);
        list.iter().take(limits::GUARDS_MAX).filter_map(|node| self.guard(node)).collect()
    }

    /// `{ outcome: decline, share_up: 8%, over: 10m, against: previous_plan, min: 200, then: rollback }`
    fn guard(&mut self, node: &Node) -> Option<GuardSource> {
        let entries = self.map(node, "a guard")?;
        for (key, _) in entries.iter().filter(|(key, _)| !GUARD.contains(&key.text.as_str())) {
            self.unknown(key, "a guard", &GUARD);
        }
        let at = Text { text: "guard".to_owned(), plain: true, span: start_of(node) };
        for (name, help) in [
            ("outcome", "name the outcome whose share is watched, as in `outcome: decline`"),
            ("share_up", "say by how much the share may grow, as in `share_up: 8%`: eight percentage points"),
            ("over", "say for how long a change is watched, as in `over: 10m`"),
            ("then", "say what is done, `rollback` or `freeze`"),
        ] {
            self.required(&at, entries, name, "a guard", help);
        }
        let outcome = field(entries, "outcome").and_then(|node| self.outcome(node, "`outcome`"));
        let share_up = field(entries, "share_up").and_then(|node| self.share(node, "`share_up`", "decisions"));
        let over = field(entries, "over").and_then(|node| self.over(node));
        let min = field(entries, "min").map_or(Some(MIN_DEFAULT), |node| {
            self.int(node, "`min`", 1..=limits::GUARD_DECISIONS_MAX).map(|min| min as u64)
        });
        let then = field(entries, "then").and_then(|node| self.then(node));
        let rule = self.against(&at, entries);
        Some(GuardSource { outcome: outcome?, share_up: share_up?, over: over?, min: min?, rule: rule?, then: then? })
    }

    fn over(&mut self, node: &Node) -> Option<Span> {
        let text = self.text(node, "`over`")?;
        let Some(span) = Span::parse(&text.text) else {
            return self.wrong_value(text, "`over`", "a duration", "a number and a unit, as in `10m`");
        };
        self.within(text, "`over`", span, limits::GUARD_OVER_MIN..=limits::GUARD_OVER_MAX)
    }

    fn then(&mut self, node: &Node) -> Option<GuardAction> {
        let text = self.text(node, "`then`")?;
        match text.text.as_str() {
            "rollback" => Some(GuardAction::Rollback),
            "freeze" => Some(GuardAction::Freeze),
            _ => self.wrong_value(text, "`then`", "`rollback` or `freeze`", "one of them, as in `then: rollback`"),
        }
    }

    /// The rule whose part is compared with the rest; `Some(None)`: the plan before is what is compared with.
    fn against(&mut self, at: &Text, entries: &[(Text, Node)]) -> Option<Option<Text>> {
        let against = self.text_of(entries, "against");
        let rule = self.text_of(entries, "rule");
        match (against.as_ref().map_or(AGAINST[0], |text| text.text.as_str()), &rule) {
            ("previous_plan", None) => Some(None),
            ("rest", Some(_)) => Some(rule),
            ("rest", None) => {
                let issue =
                    Issue::new("missing_field", &at.span, "`against: rest` needs the `rule` that is rolled out");
                self.issues.push(issue.help("name a rule with a `share`, as in `rule: burst`"));
                None
            }
            ("previous_plan", Some(rule)) => {
                let issue =
                    Issue::new("several_kinds", &rule.span, "a `rule` is compared with the rest, not with a plan");
                self.issues.push(issue.help("write `against: rest`, or leave the rule out"));
                None
            }
            _ => {
                let against = against.as_ref()?;
                self.wrong_value(against, "`against`", "`previous_plan` or `rest`", "one of them")
            }
        }
    }
}
