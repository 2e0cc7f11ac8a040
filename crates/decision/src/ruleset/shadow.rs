//! What a rule in shadow would have changed.

use super::{Course, Facts, Verdict, base, tier};
use expr::Texts;
use spec::plan::Decision;

/// The outcome that a verdict would have had if one of its rules in shadow counted: index into `Decision::outcomes`. The others in
/// shadow stay there.
pub fn outcome_with(decision: &Decision, facts: &Facts, texts: &dyn Texts, verdict: &Verdict, rule: u32) -> u16 {
    let texts = &facts.texts(texts);
    let counts = |of: u32| of == rule || !decision.rules[of as usize].shadow;
    let mut again = Vec::new();
    let mut course = Course::new(decision, base(decision, &facts.row, texts), &mut again);
    for fired in &verdict.fired {
        if course.asks(fired.rule) {
            course.fire(fired.rule, fired.effect(), !counts(fired.rule));
        }
    }
    let tier = tier(decision, course.score, &facts.row, texts);
    course.end(tier).outcome
}
