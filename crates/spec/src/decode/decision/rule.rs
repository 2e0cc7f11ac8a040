//! The rules of a decision: a list, each with an id, a condition and what it does.

use super::Decoder;
use super::field;
use crate::diagnostic::{Issue, quoted};
use crate::source::{DecisionRuleSource, EffectSource, ShareSource};
use crate::yaml::{Kind, Node, Text};
use domain::limits;
use std::collections::BTreeMap;
use std::ops::Range;

pub(in crate::decode) const RULE: [&str; 10] =
    ["id", "when", "score", "outcome", "reason", "tags", "from", "until", "shadow", "share"];
pub(in crate::decode) const SHARE: [&str; 3] = ["of", "by", "salt"];

type Entries<'n> = &'n [(Text, Node)];

impl Decoder<'_> {
    pub(super) fn rules(&mut self, key: &Text, node: &Node) -> Vec<DecisionRuleSource> {
        let Some(list) = self.list(node, "`rules`") else { return Vec::new() };
        self.at_most(key, list.len(), limits::RULES_MAX);
        let rules = list.iter().take(limits::RULES_MAX).filter_map(|node| self.decision_rule(node)).collect();
        self.check_ids(&rules);
        rules
    }

    fn check_ids(&mut self, rules: &Vec<DecisionRuleSource>) {
        let mut known: BTreeMap<&str, &Range<usize>> = BTreeMap::new();
        for DecisionRuleSource { id, .. } in rules {
            if known.insert(&id.text, &id.span).is_some() {
                let message = format!("{} is the id of two rules", quoted(&id.text));
                self.issues.push(Issue::new("duplicate_name", &id.span, message).help("rename one"));
            }
        }
    }

    fn decision_rule(&mut self, node: &Node) -> Option<DecisionRuleSource> {
        let entries = self.map(node, "a rule")?;
        for (key, _) in entries.iter().filter(|(key, _)| !RULE.contains(&key.text.as_str())) {
            self.unknown(key, "a rule", &RULE);
        }
        let at = Text { text: String::new(), plain: true, span: start_of(node) };
        let id = self.text_of(entries, "id");
        let named = id.as_ref().unwrap_or(&at);
        let named = Text { text: "rule".to_owned(), ..named.clone() };
        self.required(&named, entries, "id", "a rule", "give it a name that answers can carry, as in `id: many-cards`");
        self.required(&named, entries, "when", "a rule", "say when it fires, as in `when: amount > 1000`");
        let id = id.filter(|id| self.label(id, "the id of a rule"));
        let when = self.text_of(entries, "when");
        let effect = self.effect(&named, entries, &RULE);
        let (from, until) = (self.instant_of(entries, "from"), self.instant_of(entries, "until"));
        if let (Some(from), Some(until)) = (from, until)
            && from >= until
        {
            let issue = Issue::new("out_of_range", &named.span, "`until` is not after `from`, so this never fires");
            self.issues.push(issue.help("`until` is the first instant at which it fires no more"));
        }
        let shadow = field(entries, "shadow").and_then(|node| self.bool(node, "`shadow`")).unwrap_or(false);
        Some(DecisionRuleSource {
            reason: self.reason(entries),
            tags: field(entries, "tags").map_or(Vec::new(), |node| self.tags_of_rule(&named, node)),
            from,
            until,
            shadow,
            share: field(entries, "share").and_then(|node| self.rule_share(node)),
            id: id?,
            when: when?,
            effect: effect?,
        })
    }

    fn instant_of(&mut self, entries: Entries<'_>, name: &str) -> Option<domain::Time> {
        self.instant(field(entries, name)?, &format!("`{name}`"))
    }

    /// Exactly one of `score` and `outcome`.
    pub(super) fn effect(&mut self, at: &Text, entries: Entries<'_>, known: &[&str]) -> Option<EffectSource> {
        let outcome = field(entries, "outcome").map(|node| self.outcome(node, "`outcome`"));
        let score = field(entries, "score").map(|node| self.text(node, "`score`").cloned());
        let (message, help) = match (score, outcome) {
            (Some(score), None) => return score.map(EffectSource::Score),
            (None, Some(outcome)) => return outcome.map(EffectSource::Outcome),
            // A misspelt one has been told.
            (None, None) if entries.iter().any(|(key, _)| !known.contains(&key.text.as_str())) => return None,
            (None, None) => ("this rule does nothing", "give it a `score` to add, or an `outcome` to ask for"),
            (Some(_), Some(_)) => {
                ("a rule has a `score` or an `outcome`, not both", "make two rules of it, with the same condition")
            }
        };
        let code = if field(entries, "score").is_some() { "several_kinds" } else { "missing_field" };
        self.issues.push(Issue::new(code, &at.span, message).help(help));
        None
    }

    pub(super) fn reason(&mut self, entries: Entries<'_>) -> Option<Text> {
        let reason = self.text_of(entries, "reason")?;
        if reason.text.len() <= limits::REASON_BYTES_MAX {
            return Some(reason);
        }
        let message =
            format!("the reason has {} bytes; at most {} are allowed", reason.text.len(), limits::REASON_BYTES_MAX);
        self.issues.push(Issue::new("out_of_range", &reason.span, message).help("say it shorter"));
        None
    }

    pub(super) fn tags_of_rule(&mut self, at: &Text, node: &Node) -> Vec<String> {
        let Some(list) = self.list(node, "`tags`") else { return Vec::new() };
        self.at_most(&Text { text: "tags".to_owned(), ..at.clone() }, list.len(), limits::RULE_TAGS_MAX);
        let mut tags: Vec<String> = Vec::new();
        for node in list {
            let Some(tag) = self.text(node, "a tag") else { continue };
            if tags.contains(&tag.text) {
                let message = format!("the tag {} is there twice", quoted(&tag.text));
                self.issues.push(Issue::new("duplicate_name", &tag.span, message).help("remove one"));
            } else if self.label(tag, "a tag") {
                tags.push(tag.text.clone());
            }
        }
        tags
    }

    /// `10%`, or `{ of: 10%, by: device, salt: x }`.
    fn rule_share(&mut self, node: &Node) -> Option<ShareSource> {
        let Kind::Map(entries) = &node.kind else {
            return self.share(node, "`share`", "entities").map(|of| ShareSource { of, by: None, salt: None });
        };
        for (key, _) in entries.iter().filter(|(key, _)| !SHARE.contains(&key.text.as_str())) {
            self.unknown(key, "`share`", &SHARE);
        }
        let at = Text { text: "share".to_owned(), plain: true, span: start_of(node) };
        self.required(&at, entries, "of", "`share`", "say how many, as in `of: 10%`");
        let (by, salt) = (self.text_of(entries, "by"), self.text_of(entries, "salt"));
        let of = self.share(field(entries, "of")?, "`of`", "entities")?;
        Some(ShareSource { of, by, salt: salt.map(|salt| salt.text) })
    }
}

/// The place where a map begins: its first key, or itself if it is empty.
pub(super) fn start_of(node: &Node) -> Range<usize> {
    match &node.kind {
        Kind::Map(entries) if !entries.is_empty() => entries[0].0.span.clone(),
        _ => node.span.clone(),
    }
}
