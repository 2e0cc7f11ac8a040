//! An explanation as people read it.

use super::{DecisionExplanation, FactOfDecision, RuleOfDecision, WhyNot};
use crate::ruleset::FiredEffect;
use domain::Value;
use std::fmt::{self, Display, Formatter};

impl Display for DecisionExplanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} at a score of {}", self.decision, self.outcome, self.score)?;
        for step in &self.steps {
            let by = step.rule.as_deref().unwrap_or("its own score");
            writeln!(f, "  {:+} by {by}: {}", step.added, step.total)?;
        }
        for tier in &self.tiers {
            let mark = if tier.reached { "reached" } else { "not reached" };
            let least = tier.threshold.map_or("?".to_owned(), |least| least.to_string());
            writeln!(f, "  tier {} from {least}: {mark}", tier.outcome)?;
        }
        if let Some(change) = &self.nearest {
            writeln!(
                f,
                "  {} instead of {} for {} would give {}",
                change.instead, change.shown, change.name, change.outcome
            )?;
        }
        let (fired, others): (Vec<_>, Vec<_>) = self.rules.iter().partition(|rule| rule.why_not.is_none());
        fired.into_iter().chain(others).try_for_each(|rule| rule.fmt(f))?;
        self.facts.iter().try_for_each(|fact| fact.fmt(f))
    }
}

impl Display for RuleOfDecision {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "rule {}", self.id)?;
        match &self.effect {
            Some(FiredEffect::Added(added)) => write!(f, " fired and added {added}")?,
            Some(FiredEffect::Asked(_)) => write!(f, " fired and asked for its outcome")?,
            None => write!(f, " did not fire")?,
        }
        if self.shadow {
            write!(f, ", in shadow: that changes nothing")?;
        }
        match self.why_not {
            None => writeln!(f)?,
            Some(WhyNot::NotYet(from)) => writeln!(f, ": it is in force from {from} on")?,
            Some(WhyNot::Over(until)) => writeln!(f, ": it was in force until {until}")?,
            Some(WhyNot::NotShared) => writeln!(f, ": the event is not in its share")?,
            Some(WhyNot::False(term)) => writeln!(f, ": `{}` is false", self.terms[term].text)?,
            Some(WhyNot::Missing(term)) => writeln!(f, ": `{}` has no value", self.terms[term].text)?,
            Some(WhyNot::Passed) => writeln!(f, ": a row before it in its table has fired")?,
        }
        for term in &self.terms {
            let value = match term.value {
                Value::Bool(true) => "true",
                Value::Bool(false) => "false",
                _ => "missing",
            };
            let operands = term.operands.iter().map(|operand| format!("{} = {}", operand.text, operand.shown));
            writeln!(f, "    {value:7} {}  ({})", term.text, operands.collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }
}

impl Display for FactOfDecision {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "read {} = {}", self.name, self.shown)?;
        if let Some(window) = &self.window {
            write!(f, ", of {window}{}", if self.before { " before the event" } else { "" })?;
        }
        if let Some(text) = &self.computed {
            write!(f, ", computed by {text}")?;
        }
        writeln!(f)
    }
}
