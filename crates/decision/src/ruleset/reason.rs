//! What a rule says: its template with the values that it fired on.

use super::Facts;
use domain::{Type, Value};
use expr::{Program, Texts};
use spec::plan::{DecisionRule, ReasonPart};

/// Shows a value of a static type: entities and strings by their texts.
pub type Told<'s> = &'s dyn Fn(&Value, &Type) -> String;

/// A rule's reason over these facts; its condition where it has none.
pub fn reason(rule: &DecisionRule, facts: &Facts, texts: &dyn Texts, told: Told<'_>) -> String {
    said(&rule.reason, &rule.when, &facts.row, texts, told)
}

/// What a template says over a row of values; the condition's text where there is none.
pub fn said(reason: &[ReasonPart], when: &Program, row: &[Value], texts: &dyn Texts, told: Told<'_>) -> String {
    if reason.is_empty() {
        return when.text().to_owned();
    }
    let mut out = String::new();
    for part in reason {
        match part {
            ReasonPart::Text(text) => out.push_str(text),
            ReasonPart::Value(program) => match program.eval_with(row, texts) {
                Value::Missing => out.push('?'),
                Value::Float(float) => out.push_str(&rounded(float)),
                value => out.push_str(&told(&value, program.ty())),
            },
        }
    }
    out
}

/// At most four digits behind the point: a reason is read by people.
pub(super) fn rounded(float: f64) -> String {
    let rounded = (float * 1e4).round() / 1e4;
    if rounded.is_finite() { rounded.to_string() } else { float.to_string() }
}
