//! What a rule in shadow would have changed.

use super::{Facts, Verdict, conclude};
use expr::Texts;
use spec::plan::Decision;

/// The outcome that a verdict would have had if one of its rules in shadow counted: index into `Decision::outcomes`. The others in
/// shadow stay there.
pub fn outcome_with(decision: &Decision, facts: &Facts, texts: &dyn Texts, verdict: &Verdict, rule: u32) -> u16 {
    let texts = &facts.texts(texts);
    let counts = |of: u32| of == rule || !decision.rules[of as usize].shadow;
    let fired = &verdict.fired;
    let again = |rule: u32| {
        let at = fired.partition_point(|fired| fired.rule < rule);
        Some((fired[at].effect, !counts(rule)))
    };
    conclude(decision, facts, texts, fired.iter().map(|fired| fired.rule), again).outcome
}
