//! What waits for a person: outcomes that are there, and answers that make a label event.

use super::Builder;
use super::outcome::Outcomes;
use crate::diagnostic::{Issue, quoted};
use crate::plan::{DecisionLabels, DecisionReview, ReviewAnswer};
use crate::source::ReviewSource;
use crate::yaml::Text;
use domain::{Raw, Type};

impl Builder<'_> {
    /// `decided` is the event that is decided.
    pub(super) fn review(
        &mut self,
        decided: u16,
        outcomes: &Outcomes,
        labels: Option<&DecisionLabels>,
        source: &ReviewSource,
    ) -> Option<DecisionReview> {
        let Some(labels) = labels else {
            let message = "`review` needs `labels`: what a person answers becomes a label event";
            let issue = Issue::new("missing_field", &source.key.span, message);
            self.issues.push(issue.help("add them, as in `labels: { event: label, of: payment, when: fraud }`"));
            return None;
        };
        let mut waits: Vec<u16> = Vec::new();
        for name in &source.outcomes {
            waits.extend(self.outcome_of(outcomes, name));
        }
        waits.sort_unstable();
        self.check_roles_of_label(decided, labels.event, source);
        let mut answers = Vec::with_capacity(source.answers.len());
        for (name, sets) in &source.answers {
            let sets = sets.iter().filter_map(|(field, value)| self.set_by_answer(labels, field, value)).collect();
            answers.push(ReviewAnswer { name: name.text.clone(), sets });
        }
        Some(DecisionReview { outcomes: waits, claim: source.claim, answers })
    }

    /// The label event gets its entities from the decided one, by the names of the roles.
    fn check_roles_of_label(&mut self, decided: u16, label: u16, source: &ReviewSource) {
        let (decided, label) = (&self.events[usize::from(decided)], &self.events[usize::from(label)]);
        let has = |name: &str, entity| decided.roles.iter().any(|role| role.name == name && role.entity == entity);
        let Some(missing) = label.roles.iter().find(|role| !has(&role.name, role.entity)) else { return };
        let message = format!(
            "the label event `{}` concerns a `{}`, which the event `{}` does not name",
            label.name, missing.name, decided.name
        );
        let issue = Issue::new("missing_role", &source.key.span, message);
        self.issues
            .push(issue.help("a review makes it of the decided event: let it have no role that that one has not"));
    }

    /// A field of the label event and the value that an answer gives it.
    fn set_by_answer(&mut self, labels: &DecisionLabels, field: &Text, value: &Text) -> Option<(String, Raw<'static>)> {
        let event = &self.events[usize::from(labels.event)];
        let found = event.fields.iter().position(|known| known.name == field.text);
        let Some(at) = found else {
            let message = format!("{} is not a field of the label event `{}`", quoted(&field.text), event.name);
            let issue = Issue::new("unknown_field", &field.span, message);
            let known: Vec<&str> = event.fields.iter().map(|field| field.name.as_str()).collect();
            self.issues.push(issue.near(&field.text, known.into_iter()));
            return None;
        };
        if at == usize::from(labels.of) {
            let message = format!("{} names the decided event, which the review fills in", quoted(&field.text));
            self.issues.push(Issue::new("not_here", &field.span, message).help("leave it out"));
            return None;
        }
        let ty = event.fields[at].ty.clone();
        let raw = match (&ty, value.plain, value.text.as_str()) {
            (Type::Bool, true, "true") => Some(Raw::Bool(true)),
            (Type::Bool, true, "false") => Some(Raw::Bool(false)),
            (Type::Int, true, text) => text.parse().ok().map(Raw::Int),
            (Type::Float, true, text) => text.parse().ok().filter(|of: &f64| of.is_finite()).map(Raw::Float),
            (Type::Str, _, text) => Some(Raw::Str(text.to_owned().into())),
            _ => None,
        };
        if raw.is_none() {
            let message = format!("the field {} is {ty}, and {} is not", quoted(&field.text), quoted(&value.text));
            let issue = Issue::new("wrong_type", &value.span, message);
            self.issues.push(issue.help("an answer sets strings, numbers and bools, as in `{ fraud: true }`"));
        }
        Some((field.text.clone(), raw?))
    }
}
