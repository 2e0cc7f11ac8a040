//! Decisions: rules over the events of one type, tiers of their score, outcomes and their precedence.

mod alarm;
mod guard;
mod labels;
mod review;
mod rule;
mod scorecard;
mod table;

pub(super) use alarm::ALARM;
pub(super) use guard::GUARD;
pub(super) use labels::LABELS;
pub(super) use review::REVIEW;
pub(super) use rule::{RULE, SHARE};
pub(super) use scorecard::{BIN, PART, SCORECARD};
pub(super) use table::{ROW, TABLE};

use super::Decoder;
use super::policy::field;
use crate::diagnostic::{Issue, quoted};
use crate::source::{DecisionSource, TiersSource};
use crate::yaml::{Kind, Node, Text};
use domain::{Span, limits};

pub(super) const DECISION: [&str; 13] = [
    "on",
    "outcomes",
    "score",
    "rules",
    "tables",
    "scorecards",
    "tiers",
    "otherwise",
    "deadline",
    "fallback",
    "labels",
    "review",
    "guards",
];

impl Decoder<'_> {
    pub(super) fn decisions(&mut self, key: &Text, node: &Node) -> Vec<DecisionSource> {
        let decisions = self.section(key, node, Decoder::decision);
        self.at_most(key, decisions.len(), limits::DECISIONS_MAX);
        decisions
    }

    fn decision(&mut self, name: &Text, node: &Node) -> Option<DecisionSource> {
        self.name(name, "a decision");
        let entries = self.map(node, "a decision")?;
        let mut decision = DecisionSource {
            name: name.clone(),
            on: None,
            outcomes: None,
            score: None,
            rules: Vec::new(),
            tables: Vec::new(),
            scorecards: Vec::new(),
            tiers: None,
            otherwise: None,
            deadline: None,
            fallback: None,
            labels: None,
            review: None,
            guards: Vec::new(),
            broken: false,
        };
        for (key, value) in entries {
            let before = self.issues.count();
            match key.text.as_str() {
                "on" => decision.on = self.text(value, "`on`").cloned(),
                "outcomes" => decision.outcomes = self.outcomes(key, value),
                "score" => decision.score = self.text(value, "`score`").cloned(),
                "rules" => decision.rules = self.rules(key, value),
                "tables" => decision.tables = self.rule_tables(key, value),
                "scorecards" => decision.scorecards = self.scorecards(key, value),
                "tiers" => decision.tiers = self.tiers(key, value),
                "otherwise" => decision.otherwise = self.outcome(value, "`otherwise`"),
                "deadline" => decision.deadline = self.deadline(value),
                "fallback" => decision.fallback = self.outcome(value, "`fallback`"),
                "labels" => decision.labels = self.labels(key, value),
                "review" => decision.review = self.review(key, value),
                "guards" => decision.guards = self.guards(key, value),
                _ => self.unknown(key, "a decision", &DECISION),
            }
            decision.broken |= self.issues.count() > before;
        }
        self.check_decision(name, entries);
        Some(decision)
    }

    /// What must be there, and what cannot be there together.
    fn check_decision(&mut self, name: &Text, entries: &[(Text, Node)]) {
        self.required(name, entries, "on", "a decision", "name the event that is decided, as in `on: payment`");
        let has = |name: &str| entries.iter().any(|(key, _)| key.text == name);
        let tiers = entries.iter().find(|(key, _)| key.text == "tiers");
        let otherwise = entries.iter().find(|(key, _)| key.text == "otherwise");
        if !has("rules") && !has("score") && !has("tables") {
            let issue = Issue::new("missing_field", &name.span, "a decision needs the field `rules`, or a `score`");
            self.issues.push(issue.help("as in `rules: [{ id: large, when: amount > 1000, outcome: check }]`"));
        }
        match (tiers, otherwise) {
            (None, None) => {
                let issue = Issue::new("missing_field", &name.span, "a decision needs the field `otherwise`");
                self.issues.push(issue.help("say what comes out where no rule asks for something else"));
            }
            (Some(_), Some((otherwise, _))) => {
                let message = "a decision with `tiers` has its `otherwise` among them";
                let issue = Issue::new("several_kinds", &otherwise.span, message);
                self.issues.push(issue.help("write it into `tiers`: `{ act: 0.98, otherwise: label }`"));
            }
            _ => {}
        }
        if let Some((deadline, _)) = entries.iter().find(|(key, _)| key.text == "deadline")
            && !has("fallback")
        {
            let issue = Issue::new("missing_field", &deadline.span, "a `deadline` needs a `fallback`");
            self.issues.push(issue.help("name the outcome that is answered past it, as in `fallback: second_check`"));
        }
    }

    pub(super) fn outcomes(&mut self, key: &Text, node: &Node) -> Option<Vec<Text>> {
        let list = self.list(node, "`outcomes`")?;
        self.at_most(key, list.len(), limits::OUTCOMES_MAX);
        let mut outcomes: Vec<Text> = Vec::new();
        for node in list.iter().take(limits::OUTCOMES_MAX) {
            let Some(outcome) = self.outcome(node, "an outcome") else { continue };
            if outcomes.iter().any(|known| known.text == outcome.text) {
                let message = format!("the outcome {} is there twice", quoted(&outcome.text));
                self.issues.push(Issue::new("duplicate_name", &outcome.span, message).help("remove one"));
                continue;
            }
            outcomes.push(outcome);
        }
        Some(outcomes)
    }

    /// An outcome's name.
    fn outcome(&mut self, node: &Node, what: &str) -> Option<Text> {
        let text = self.text(node, what)?;
        self.label(text, what).then(|| text.clone())
    }

    /// Whether it can be the name of an outcome, a rule or a tag: nothing in expressions says it, so it may have more than a name.
    fn label(&mut self, text: &Text, what: &str) -> bool {
        let taken = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let holds = !text.text.is_empty() && text.text.len() <= limits::NAME_BYTES_MAX && text.text.bytes().all(taken);
        if !holds {
            let message = format!("{} cannot be {what}", quoted(&text.text));
            let help = format!("use letters, digits, `-`, `_` and `.`, at most {} bytes", limits::NAME_BYTES_MAX);
            self.issues.push(Issue::new("bad_name", &text.span, message).help(help));
        }
        holds
    }

    /// `{ act: 0.98, second_check: 0.85, otherwise: label }`
    fn tiers(&mut self, key: &Text, node: &Node) -> Option<TiersSource> {
        let entries = self.map(node, "`tiers`")?;
        self.at_most(key, entries.len(), limits::TIERS_MAX + 1);
        let mut tiers = TiersSource { list: Vec::new(), otherwise: None };
        for (outcome, value) in entries.iter().take(limits::TIERS_MAX + 1) {
            if outcome.text == "otherwise" {
                tiers.otherwise = self.outcome(value, "`otherwise`");
                continue;
            }
            let named = self.label(outcome, "an outcome");
            if let Some(threshold) = self.text(value, "a tier's threshold")
                && named
            {
                tiers.list.push((outcome.clone(), threshold.clone()));
            }
        }
        self.required(key, entries, "otherwise", "`tiers`", "say what comes out below all of them: `otherwise: label`");
        if entries.iter().all(|(outcome, _)| outcome.text == "otherwise") && !matches!(node.kind, Kind::Broken) {
            let issue = Issue::new("missing_field", &key.span, "`tiers` has no tier");
            self.issues.push(issue.help("give each outcome its least score, as in `{ act: 0.98, otherwise: label }`"));
        }
        Some(tiers)
    }

    fn deadline(&mut self, node: &Node) -> Option<Span> {
        let text = self.text(node, "`deadline`")?;
        let Some(span) = Span::parse(&text.text) else {
            return self.wrong_value(text, "`deadline`", "a duration", "a number and a unit, as in `50ms`");
        };
        self.within(text, "`deadline`", span, limits::DEADLINE_MIN..=limits::DEADLINE_MAX)
    }

    /// The text of a field, if it is there and one.
    fn text_of(&mut self, entries: &[(Text, Node)], name: &str) -> Option<Text> {
        field(entries, name).and_then(|node| self.text(node, &format!("`{name}`"))).cloned()
    }
}
