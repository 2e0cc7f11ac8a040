//! What is derived of one record, named so that whoever gets it twice can tell.

use crate::DecisionId;
use std::fmt;

/// Names one outcome: the record's id, as of a decision, and which of several at that position it is. It follows from the log alone, so
/// the same outcome has the same id however often it is derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutcomeId {
    /// Of the record that it is derived of.
    pub decision: DecisionId,
    /// Its place among the outcomes of that record, from 0: verdicts in the spec's order, then alarms in the spec's order, those of one
    /// in the order in which the log first named their entities.
    pub place: u32,
}

impl OutcomeId {
    /// Reads the text form.
    pub fn parse(text: &str) -> Option<OutcomeId> {
        let Some((decision, number)) = text.split_once('.') else {
            return Some(OutcomeId { decision: DecisionId::parse(text)?, place: 0 });
        };
        let digits = !number.is_empty() && !number.starts_with('0') && number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse::<u32>().ok().filter(|number| digits && *number > 1)?;
        Some(OutcomeId { decision: DecisionId::parse(decision)?, place: number - 1 })
    }
}

impl fmt::Display for OutcomeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.decision.fmt(f)?;
        match self.place {
            0 => Ok(()),
            place => write!(f, ".{}", u64::from(place) + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Position;

    #[test]
    fn the_first_outcome_has_the_decisions_id_itself() {
        let decision = DecisionId { epoch: 2, position: Position(4_711) };
        for (place, text) in [(0, "d2-4711"), (1, "d2-4711.2"), (300, "d2-4711.301"), (70_000, "d2-4711.70001")] {
            let id = OutcomeId { decision, place };
            assert_eq!((id.to_string().as_str(), OutcomeId::parse(text)), (text, Some(id)));
        }
        for bad in [
            "d2-4711.",
            "d2-4711.0",
            "d2-4711.1",
            "d2-4711.02",
            "d2-4711.-2",
            "d2-4711.2.3",
            ".2",
            "d2",
            "",
            "d2-4711.4294967297",
        ] {
            assert_eq!(OutcomeId::parse(bad), None, "{bad}");
        }
    }
}
