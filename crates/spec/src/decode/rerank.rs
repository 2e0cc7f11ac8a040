//! The rerankers of a feed: one step, or a list of them.

use super::Decoder;
use crate::diagnostic::{Issue, quoted};
use crate::source::{
    DiverseSource, FairSource, FromSource, OfSource, PlaceSource, RerankKind, RerankSource, RuleSource, TargetSource,
};
use crate::yaml::{Kind, Node, Text};
use domain::{Span, limits};
use std::ops::Range;

pub(super) const KINDS: [&str; 7] = ["spread", "mmr", "dpp", "slots", "mix", "fresh", "fair"];
/// Beside `spread` where it names attributes.
pub(super) const SPREAD: [&str; 2] = ["window", "max"];
pub(super) const RULE: [&str; 5] = ["by", "when", "window", "max", "min"];
pub(super) const MMR: [&str; 3] = ["by", "lambda", "depth"];
pub(super) const DPP: [&str; 3] = ["by", "theta", "depth"];
pub(super) const SLOT: [&str; 4] = ["at", "every", "from", "when"];
pub(super) const MIX: [&str; 3] = ["feed", "at", "every"];
pub(super) const FRESH: [&str; 5] = ["by", "within", "share", "at_least", "in"];
pub(super) const FAIR: [&str; 5] = ["of", "target", "window", "strength", "depth"];
const SLATE: i64 = limits::SLATE_MAX as i64;
/// Places of `spread` and `fresh` that are looked at together, if that is not said.
const WINDOW: u16 = 5;
/// Most items of one value in the window of `spread`, if that is not said.
const MOST: u16 = 2;
/// Candidates that `mmr`, `dpp` and `fair` order anew, if that is not said.
const DEPTH: u16 = 100;

impl Decoder<'_> {
    /// `{ spread: .. }` or `[{ spread: .. }, ..]`.
    pub(super) fn reranks(&mut self, key: &Text, node: &Node) -> Vec<RerankSource> {
        let Kind::List(list) = &node.kind else { return self.rerank(node).into_iter().collect() };
        self.at_most(key, list.len(), limits::RERANKS_MAX);
        list.iter().filter_map(|node| self.rerank(node)).collect()
    }

    fn rerank(&mut self, node: &Node) -> Option<RerankSource> {
        let entries = self.map(node, "`rerank`")?;
        let mut kinds = entries.iter().filter(|(key, _)| KINDS.contains(&key.text.as_str()));
        let Some((key, value)) = kinds.next() else {
            self.no_rerank(node, entries);
            return None;
        };
        if let Some((second, _)) = kinds.next() {
            let issue =
                Issue::new("several_kinds", &second.span, "a step of `rerank` does one thing; this is a second");
            self.issues.push(issue.help("make it a step of its own: `rerank: [{ spread: .. }, { mmr: .. }]`"));
        }
        let beside: &[&str] = if key.text == "spread" && !is_rules(value) { &SPREAD } else { &[] };
        for (other, _) in entries.iter().filter(|(other, _)| !KINDS.contains(&other.text.as_str())) {
            if !beside.contains(&other.text.as_str()) {
                let known: Vec<&str> = [key.text.as_str()].iter().chain(beside).copied().collect();
                self.unknown(other, "this step of `rerank`", &known);
            }
        }
        let span = node.span.clone();
        let kind = match key.text.as_str() {
            "spread" => self.spread(node, entries, value).map(RerankKind::Spread),
            "mmr" => self.diverse(key, value, &MMR, 0.7).map(RerankKind::Mmr),
            "dpp" => self.diverse(key, value, &DPP, 0.65).map(RerankKind::Dpp),
            "slots" => self.slots(value).map(RerankKind::Slots),
            "mix" => self.mix(key, value),
            "fresh" => self.fresh(key, value),
            _ => self.fair(key, value).map(RerankKind::Fair),
        };
        Some(RerankSource { kind: kind?, span })
    }

    /// Notes a step without a kind; a misspelt one is told as that.
    fn no_rerank(&mut self, node: &Node, entries: &[(Text, Node)]) {
        if entries.iter().all(|(key, _)| matches!(key.text.as_str(), "window" | "max")) {
            let issue = Issue::new("missing_field", &node.span, "a step of `rerank` must say what it does");
            self.issues.push(issue.help("give it one of `spread`, `mmr`, `dpp`, `slots`, `mix`, `fresh`, `fair`"));
        }
        for (key, _) in entries.iter().filter(|(key, _)| !matches!(key.text.as_str(), "window" | "max")) {
            self.unknown(key, "`rerank`", &KINDS);
        }
    }

    /// `spread: item.category, window: 5, max: 2`; `spread: [item.a, item.b]` with the same for each; or a list of rules.
    fn spread(&mut self, node: &Node, entries: &[(Text, Node)], value: &Node) -> Option<Vec<RuleSource>> {
        if is_rules(value) {
            let rules = self.one_or_more(value, "`spread`")?;
            return Some(rules.iter().filter_map(|node| self.rule(node)).collect());
        }
        let attributes: Vec<Text> = match &value.kind {
            Kind::List(list) => list.iter().filter_map(|node| self.text(node, "an attribute").cloned()).collect(),
            _ => self.text(value, "`spread`").cloned().into_iter().collect(),
        };
        self.rules_at_most(&value.span, attributes.len());
        let (mut window, mut max) = (WINDOW, MOST);
        for (key, value) in entries {
            match key.text.as_str() {
                "window" => self.places(value, "`window`", &mut window),
                "max" => self.places(value, "`max`", &mut max),
                _ => {}
            }
        }
        let rule = |attribute: Text| RuleSource {
            of: OfSource::Attribute(attribute),
            window,
            most: Some(max),
            least: 0,
            span: node.span.clone(),
        };
        Some(attributes.into_iter().map(rule).collect())
    }

    fn rules_at_most(&mut self, span: &Range<usize>, count: usize) {
        let most = limits::RERANK_RULES_MAX;
        if count > most {
            let message = format!("there are {count} rules; at most {most} are allowed");
            self.issues.push(Issue::new("too_many", span, message));
        }
        if count == 0 {
            self.issues.push(Issue::new("missing_value", span, "there is no rule here").help("remove the step"));
        }
    }

    /// `{ by: item.category, window: 5, max: 2 }` or `{ when: .., window: 10, min: 1 }`.
    fn rule(&mut self, node: &Node) -> Option<RuleSource> {
        let entries = self.map(node, "a rule of `spread`")?;
        let (mut by, mut when, mut window, mut most, mut least) = (None, None, WINDOW, None, None);
        for (key, value) in entries {
            let what = format!("`{}`", key.text);
            match key.text.as_str() {
                "by" => by = self.text(value, &what).cloned(),
                "when" => when = self.text(value, &what).cloned(),
                "window" => self.places(value, &what, &mut window),
                "max" => most = self.int(value, &what, 0..=SLATE).map(|max| max as u16),
                "min" => least = self.int(value, &what, 1..=SLATE).map(|min| (min as u16, key)),
                _ => self.unknown(key, "a rule of `spread`", &RULE),
            }
        }
        let has = |name: &str| entries.iter().any(|(key, _)| key.text == name);
        if !self.one_of(node, has("by"), has("when"), "a rule of `spread`", "`by` or `when`") {
            return None;
        }
        if let (Some(_), Some((_, key))) = (&by, least) {
            let issue = Issue::new("not_here", &key.span, "`min` is of one kind of items, and `by` makes many");
            self.issues.push(issue.help("name the kind: `when: item.category == \"books\"`"));
        }
        if by.is_some() && most == Some(0) {
            let issue = Issue::new("out_of_range", &node.span, "`max` is 0, and every item has a value of `by`");
            self.issues.push(issue.help("write `max: 1` or more, or name one kind with `when`"));
        }
        if by.is_some() && most.is_none() && !has("max") {
            most = Some(MOST);
        } else if !has("min") && !has("max") {
            let issue = Issue::new("missing_field", &node.span, "a rule with `when` needs `max` or `min`");
            self.issues.push(issue.help("say how many of these a window may hold, or must"));
        }
        let of = by.map(OfSource::Attribute).or(when.map(OfSource::Condition))?;
        Some(RuleSource { of, window, most, least: least.map_or(0, |(min, _)| min), span: node.span.clone() })
    }

    /// Whether exactly one of two fields is there.
    fn one_of(&mut self, node: &Node, first: bool, second: bool, what: &str, fields: &str) -> bool {
        if first != second {
            return true;
        }
        let (code, verb) = if first { ("several_kinds", "takes only one of") } else { ("missing_field", "needs") };
        let issue = Issue::new(code, &node.span, format!("{what} {verb} {fields}"));
        self.issues.push(issue.help("give it exactly one of the two"));
        false
    }

    fn diverse(&mut self, key: &Text, node: &Node, known: &[&str; 3], default: f64) -> Option<DiverseSource> {
        let [_, name, _] = *known;
        let what = format!("`{}`", key.text);
        let entries = self.map(node, &what)?;
        let (mut by, mut weight, mut depth) = (None, default, DEPTH);
        for (key, value) in entries {
            match key.text.as_str() {
                "by" => by = self.text(value, "`by`").cloned(),
                "depth" => self.depth(value, &mut depth),
                other if other == name => {
                    weight = self.number(value, &format!("`{name}`"), 0.0..=1.0).unwrap_or(weight);
                    self.not_idle(value, &what, name, weight);
                }
                _ => self.unknown(key, &what, known),
            }
        }
        self.required(key, entries, "by", &what, "add `by: item.<attribute>` or `by: <co_visited route>`");
        Some(DiverseSource { by: by?, weight, depth })
    }

    fn not_idle(&mut self, node: &Node, what: &str, name: &str, weight: f64) {
        if weight == 1.0 {
            let message = format!("with `{name}: 1` only relevance counts, and {what} does nothing");
            self.issues.push(Issue::new("no_effect", &node.span, message).help("lower it, or remove the step"));
        }
    }

    fn slots(&mut self, node: &Node) -> Option<Vec<PlaceSource>> {
        let nodes = self.one_or_more(node, "`slots`")?;
        Some(nodes.iter().filter_map(|node| self.slot(node)).collect())
    }

    /// A map stands for a list of one.
    fn one_or_more<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        let nodes = match &node.kind {
            Kind::Map(_) => std::slice::from_ref(node),
            _ => self.list(node, what)?,
        };
        self.rules_at_most(&node.span, nodes.len());
        Some(nodes)
    }

    /// `{ at: 3, every: 5, from: <route> }` or `.. when: <condition> }`.
    fn slot(&mut self, node: &Node) -> Option<PlaceSource> {
        let entries = self.map(node, "one of `slots`")?;
        let (mut at, mut every, mut route, mut when) = (None, None, None, None);
        for (key, value) in entries {
            let what = format!("`{}`", key.text);
            match key.text.as_str() {
                "at" => at = self.int(value, &what, 1..=SLATE),
                "every" => every = self.int(value, &what, 1..=SLATE).map(|every| every as u16),
                "from" => route = self.text(value, &what).cloned(),
                "when" => when = self.text(value, &what).cloned(),
                _ => self.unknown(key, "one of `slots`", &SLOT),
            }
        }
        let has = |name: &str| entries.iter().any(|(key, _)| key.text == name);
        if !has("at") && !has("every") {
            let issue = Issue::new("missing_field", &node.span, "one of `slots` needs `at`, `every` or both");
            self.issues.push(issue.help("`at: 3` is the third place, `at: 3, every: 5` also the eighth, ..."));
        }
        if !self.one_of(node, has("from"), has("when"), "one of `slots`", "`from` or `when`") {
            return None;
        }
        let from = route.map(FromSource::Route).or(when.map(FromSource::Condition))?;
        let at = at.map(|at| at as u16).or(every)?;
        Some(PlaceSource { at, every, from })
    }

    fn mix(&mut self, key: &Text, node: &Node) -> Option<RerankKind> {
        let entries = self.map(node, "`mix`")?;
        let (mut feed, mut at, mut every) = (None, None, None);
        for (key, value) in entries {
            let what = format!("`{}`", key.text);
            match key.text.as_str() {
                "feed" => feed = self.text(value, &what).cloned(),
                "at" => at = self.int(value, &what, 1..=SLATE).map(|at| at as u16),
                "every" => every = self.int(value, &what, 2..=SLATE).map(|every| every as u16),
                _ => self.unknown(key, "`mix`", &MIX),
            }
        }
        self.required(key, entries, "feed", "`mix`", "add `feed: <another feed>`");
        self.required(key, entries, "every", "`mix`", "add `every: 4` for each fourth place");
        Some(RerankKind::Mix { feed: feed?, at, every: every? })
    }

    fn fresh(&mut self, key: &Text, node: &Node) -> Option<RerankKind> {
        let entries = self.map(node, "`fresh`")?;
        let (mut by, mut within, mut share, mut least, mut window) = (None, None, None, None, 2 * WINDOW);
        for (key, value) in entries {
            let what = format!("`{}`", key.text);
            match key.text.as_str() {
                "by" => by = self.text(value, &what).cloned(),
                "within" => within = self.span(value, &what),
                "share" => share = self.number(value, &what, 1e-3..=1.0),
                "at_least" => least = self.int(value, &what, 1..=SLATE).map(|least| least as u16),
                "in" => self.places(value, &what, &mut window),
                _ => self.unknown(key, "`fresh`", &FRESH),
            }
        }
        self.required(key, entries, "by", "`fresh`", "add `by: item.<timestamp>`");
        self.required(key, entries, "within", "`fresh`", "add `within: 1d`");
        let has = |name: &str| entries.iter().any(|(key, _)| key.text == name);
        if !self.one_of(node, has("share"), has("at_least"), "`fresh`", "`share` or `at_least`") {
            return None;
        }
        Some(RerankKind::Fresh {
            by: by?,
            within: within?,
            least: least.or(share.map(|share| part(share, window)))?,
            window,
        })
    }

    fn fair(&mut self, key: &Text, node: &Node) -> Option<FairSource> {
        let entries = self.map(node, "`fair`")?;
        let (mut of, mut target, mut window) = (None, None, Span(86_400_000));
        let (mut strength, mut depth) = (0.3, DEPTH);
        for (key, value) in entries {
            let what = format!("`{}`", key.text);
            match key.text.as_str() {
                "of" => of = self.text(value, &what).cloned(),
                "target" => target = self.target(value),
                "window" => window = self.span(value, &what).unwrap_or(window),
                "strength" => strength = self.number(value, &what, 1e-3..=1.0).unwrap_or(strength),
                "depth" => self.depth(value, &mut depth),
                _ => self.unknown(key, "`fair`", &FAIR),
            }
        }
        self.required(key, entries, "of", "`fair`", "add `of: item.<attribute>`");
        self.required(key, entries, "target", "`fair`", "add `target: equal`, `proportional` or shares by value");
        Some(FairSource { of: of?, target: target?, window, strength, depth })
    }

    fn target(&mut self, node: &Node) -> Option<TargetSource> {
        if let Kind::Map(entries) = &node.kind {
            self.at_most_values(node, entries.len());
            let share =
                |(value, share): &(Text, Node)| Some((value.clone(), self.number(share, "a share", 1e-6..=1.0)?));
            let shares: Vec<(Text, f64)> = entries.iter().filter_map(share).collect();
            let total: f64 = shares.iter().map(|(_, share)| share).sum();
            if total > 1.0 + 1e-9 {
                let message = format!("the shares add up to {total}, which is more than 1");
                let issue = Issue::new("out_of_range", &node.span, message);
                self.issues.push(issue.help("lower them; what is left of 1 goes to the values that are not named"));
            }
            return Some(TargetSource::Shares(shares));
        }
        let text = self.text(node, "`target`")?;
        match text.text.as_str() {
            "equal" => Some(TargetSource::Equal),
            "proportional" => Some(TargetSource::Proportional),
            wrong => {
                let message = format!("{} is not a target of `fair`", quoted(wrong));
                let issue = Issue::new("out_of_range", &text.span, message);
                self.issues.push(issue.near(wrong, ["equal", "proportional"].into_iter()));
                None
            }
        }
    }

    fn at_most_values(&mut self, node: &Node, count: usize) {
        if count == 0 || count > limits::SPEC_ITEMS_MAX {
            let most = limits::SPEC_ITEMS_MAX;
            let message = format!("`target` has {count} shares; it must have from 1 to {most}");
            self.issues.push(Issue::new("out_of_range", &node.span, message));
        }
    }

    fn places(&mut self, value: &Node, what: &str, to: &mut u16) {
        *to = self.int(value, what, 1..=SLATE).map_or(*to, |places| places as u16);
    }

    fn depth(&mut self, value: &Node, to: &mut u16) {
        let most = i64::from(limits::RERANK_DEPTH_MAX);
        *to = self.int(value, "`depth`", 2..=most).map_or(*to, |depth| depth as u16);
    }
}

/// The share of the places, rounded up; what floats miss of a whole number does not count.
fn part(share: f64, places: u16) -> u16 {
    let exact = share * f64::from(places);
    let whole = exact as u16;
    whole + u16::from(exact - f64::from(whole) > 1e-9)
}

/// Whether `spread` is a list of rules, not of attributes.
fn is_rules(node: &Node) -> bool {
    matches!(&node.kind, Kind::List(list) if list.iter().any(|node| matches!(node.kind, Kind::Map(_))))
        || matches!(node.kind, Kind::Map(_))
}
