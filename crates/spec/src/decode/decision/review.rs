//! Which decisions wait for a person, and what a person can answer.

use super::{Decoder, field};
use crate::diagnostic::{Issue, quoted};
use crate::source::ReviewSource;
use crate::yaml::{Node, Text};
use domain::{Span, limits};

pub(in crate::decode) const REVIEW: [&str; 3] = ["outcomes", "answers", "claim"];

/// An answer's name, and what it sets.
type Answer = (Text, Vec<(Text, Text)>);

impl Decoder<'_> {
    /// `{ outcomes: [check], answers: { fraud: { bad: true }, fine: { bad: false } }, claim: 30m }`
    pub(super) fn review(&mut self, key: &Text, node: &Node) -> Option<ReviewSource> {
        let entries = self.map(node, "`review`")?;
        for (key, _) in entries.iter().filter(|(key, _)| !REVIEW.contains(&key.text.as_str())) {
            self.unknown(key, "`review`", &REVIEW);
        }
        let help = "name the outcomes that wait for a person, as in `outcomes: [second_check]`";
        self.required(key, entries, "outcomes", "`review`", help);
        let help = "say what a person can answer, as in `answers: { fraud: { fraud: true }, fine: { fraud: false } }`";
        self.required(key, entries, "answers", "`review`", help);
        let outcomes = field(entries, "outcomes").and_then(|node| self.outcomes(key, node));
        let answers = field(entries, "answers").and_then(|node| self.answers(key, node));
        let claim = field(entries, "claim").map_or(Some(limits::CLAIM_DEFAULT), |node| self.claim(node));
        Some(ReviewSource { key: key.clone(), outcomes: outcomes?, answers: answers?, claim: claim? })
    }

    fn claim(&mut self, node: &Node) -> Option<Span> {
        let text = self.text(node, "`claim`")?;
        let Some(span) = Span::parse(&text.text) else {
            return self.wrong_value(text, "`claim`", "a duration", "a number and a unit, as in `30m`");
        };
        self.within(text, "`claim`", span, limits::CLAIM_MIN..=limits::CLAIM_MAX)
    }

    fn answers(&mut self, key: &Text, node: &Node) -> Option<Vec<Answer>> {
        let entries = self.map(node, "`answers`")?;
        self.at_most(key, entries.len(), limits::REVIEW_ANSWERS_MAX);
        if entries.is_empty() {
            let issue = Issue::new("missing_field", &node.span, "`answers` has no answer");
            self.issues.push(issue.help("as in `answers: { fraud: { fraud: true }, fine: { fraud: false } }`"));
        }
        let mut answers: Vec<Answer> = Vec::new();
        for (name, node) in entries.iter().take(limits::REVIEW_ANSWERS_MAX) {
            let named = self.label(name, "an answer");
            let Some(sets) = self.map(node, &format!("the answer {}", quoted(&name.text))) else { continue };
            let mut values = Vec::with_capacity(sets.len());
            for (field, node) in sets {
                if let Some(value) = self.text(node, "a value") {
                    values.push((field.clone(), value.clone()));
                }
            }
            if named {
                answers.push((name.clone(), values));
            }
        }
        Some(answers)
    }
}
