//! Guards of a decision: outcomes and rules that are there.

use super::Builder;
use super::outcome::Outcomes;
use crate::diagnostic::{Issue, quoted};
use crate::plan::{DecisionRule, Guard, GuardAgainst};
use crate::source::GuardSource;
use crate::yaml::Text;

impl Builder<'_> {
    pub(super) fn guards(
        &mut self,
        outcomes: &Outcomes,
        rules: &[DecisionRule],
        sources: &[GuardSource],
    ) -> Vec<Guard> {
        let mut guards = Vec::with_capacity(sources.len());
        for source in sources {
            let outcome = self.outcome_of(outcomes, &source.outcome);
            let against = match &source.rule {
                None => Some(GuardAgainst::PreviousPlan),
                Some(rule) => self.rolled_out(rules, rule),
            };
            if let (Some(outcome), Some(against)) = (outcome, against) {
                let GuardSource { share_up, over, min, then, .. } = *source;
                guards.push(Guard { outcome, share_up, over, min, against, then });
            }
        }
        guards
    }

    /// A rule with a share.
    fn rolled_out(&mut self, rules: &[DecisionRule], name: &Text) -> Option<GuardAgainst> {
        let Some(rule) = rules.iter().find(|rule| rule.id == name.text) else {
            let message = format!("{} is no rule of this decision", quoted(&name.text));
            let issue = Issue::new("unknown_rule", &name.span, message);
            self.issues.push(issue.near(&name.text, rules.iter().map(|rule| rule.id.as_str())));
            return None;
        };
        let Some(share) = rule.share else {
            let message = format!("the rule {} has no `share`, so there is no rest", quoted(&name.text));
            let issue = Issue::new("not_here", &name.span, message);
            self.issues.push(issue.help("give it one, as in `share: 10%`, or compare with `against: previous_plan`"));
            return None;
        };
        Some(GuardAgainst::Rest { rule: rule.id.clone(), share })
    }
}
