//! Labels of decided events: an event, its field that names the decided one, and a condition over its fields.

use super::Builder;
use super::facts::Facts;
use crate::diagnostic::{Issue, quoted};
use crate::plan::{DecisionLabels, FactSource};
use crate::source::LabelsSource;
use crate::yaml::Text;
use domain::Type;

impl Builder<'_> {
    pub(super) fn labels(&mut self, decided: u16, source: &LabelsSource) -> Option<DecisionLabels> {
        let event = self.known_event(&source.event)?;
        if event == decided {
            let message = "an event cannot be its own label: it is decided before anybody knows";
            let issue = Issue::new("not_here", &source.event.span, message);
            self.issues.push(issue.help("declare an event that comes later, as in `label: { user: user, fields: { payment: string, fraud: bool } }`"));
            return None;
        }
        let of = self.field_of_label(event, &source.of);
        // Compiled as a decision's condition is, so that mistakes are told alike.
        let mut facts = Facts::new(event);
        let when = self.condition_in_decision(&mut facts, &source.when)?;
        let mut reads = Vec::with_capacity(facts.list.len());
        for fact in &facts.list {
            let FactSource::Field(field) = fact.source else {
                let message =
                    format!("a label says what was true, and {} is not one of its fields", quoted(&fact.name));
                let issue = Issue::new("not_here", &source.when.span, message);
                self.issues.push(issue.help("read fields of the label event alone, as in `when: fraud`"));
                return None;
            };
            reads.push(field);
        }
        Some(DecisionLabels { event, of: of?, reads, when })
    }

    /// The field with the decided event's id.
    fn field_of_label(&mut self, event: u16, name: &Text) -> Option<u16> {
        let declared = &self.events[usize::from(event)];
        let found = declared.fields.iter().position(|field| field.name == name.text);
        let (of, ty) = (declared.name.clone(), found.map(|at| declared.fields[at].ty.clone()));
        let known: Vec<String> = declared.fields.iter().map(|field| field.name.clone()).collect();
        match ty {
            Some(Type::Str) => return found.map(|at| at as u16),
            Some(ty) => {
                let message = format!("{} is {ty}, but an event's id is a string", quoted(&name.text));
                let issue = Issue::new("wrong_type", &name.span, message);
                self.issues.push(issue.help("name the string field of the label that has the decided event's `id`"));
            }
            None if self.is_broken("event", &[&of, &name.text]) => {}
            None => {
                let message = format!("{} is not a field of the event `{of}`", quoted(&name.text));
                let issue = Issue::new("unknown_name", &name.span, message);
                let issue = issue.near(&name.text, known.iter().map(String::as_str));
                self.issues.push(match issue.help {
                    None => issue.help(format!("declare it: `{of}: {{ fields: {{ {}: string }} }}`", name.text)),
                    Some(_) => issue,
                });
            }
        }
        None
    }
}
