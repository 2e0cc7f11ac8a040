//! The meaning of an alarm as text, in which no index of the plan occurs.

use crate::build::canonical;
use crate::plan::{Alarm, Plan, ReasonPart, RowFact};
use expr::Program;

/// Everything that an alarm says, and all that it reads.
pub(super) fn definition(plan: &Plan, alarm: &Alarm) -> String {
    let Alarm { of, facts, when, reason, tags, .. } = alarm;
    let program = |program: &Program| format!("{} reads {:?}\n", canonical(program.text()), program.slots());
    let mut text = format!("of {} {tags:?}\n", plan.entities[usize::from(*of)].name);
    for fact in facts {
        text.push_str(&match fact {
            RowFact::Aggregate(index) => {
                let slot = plan.aggregates[usize::from(*index)].slot;
                format!("{}\n", canonical(&plan.slots[usize::from(slot)].name))
            }
            RowFact::Derived(of) => program(of),
        });
    }
    text.push_str(&program(when));
    for part in reason {
        text.push_str(&match part {
            ReasonPart::Text(text) => format!("{text:?}\n"),
            ReasonPart::Value(of) => program(of),
        });
    }
    text
}
