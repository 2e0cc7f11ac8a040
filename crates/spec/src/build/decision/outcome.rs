//! The outcomes of a decision, by precedence.

use super::Builder;
use crate::diagnostic::{Issue, quoted};
use crate::source::{DecisionSource, EffectSource};
use crate::yaml::Text;
use std::collections::BTreeMap;

pub(super) struct Outcomes {
    names: Vec<String>,
    index: BTreeMap<String, u16>,
}

impl Outcomes {
    /// As listed; else what rules ask for beside the tiers, in the order of the rules, then the tiers in theirs, then `otherwise`, then
    /// the fallback: what a rule asks for by name stands above what follows from a sum.
    pub(super) fn new(source: &DecisionSource) -> Outcomes {
        let mut outcomes = Outcomes { names: Vec::new(), index: BTreeMap::new() };
        if let Some(listed) = &source.outcomes {
            listed.iter().for_each(|name| outcomes.add(name));
            return outcomes;
        }
        let tiers = source.tiers.iter().flat_map(|tiers| tiers.list.iter().map(|(outcome, _)| outcome));
        let otherwise = source.tiers.iter().filter_map(|tiers| tiers.otherwise.as_ref()).chain(&source.otherwise);
        let by_score: Vec<&Text> = tiers.chain(otherwise).collect();
        let asked = source.effects().filter_map(|effect| match effect {
            EffectSource::Outcome(outcome) => Some(outcome),
            EffectSource::Score(_) => None,
        });
        let beside = asked.filter(|outcome| !by_score.iter().any(|name| name.text == outcome.text));
        beside.for_each(|name| outcomes.add(name));
        by_score.into_iter().chain(&source.fallback).for_each(|name| outcomes.add(name));
        outcomes
    }

    fn add(&mut self, name: &Text) {
        let next = self.names.len() as u16;
        if self.names.len() < usize::from(u16::MAX) && !self.index.contains_key(&name.text) {
            self.index.insert(name.text.clone(), next);
            self.names.push(name.text.clone());
        }
    }

    /// Its place by precedence.
    pub(super) fn place(&self, name: &str) -> Option<u16> {
        self.index.get(name).copied()
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn into_names(self) -> Vec<String> {
        self.names
    }
}

impl Builder<'_> {
    /// The index of an outcome that is named somewhere.
    pub(super) fn outcome_of(&mut self, outcomes: &Outcomes, name: &Text) -> Option<u16> {
        let found = outcomes.place(&name.text);
        if found.is_none() {
            let message = format!("{} is not among the `outcomes` of this decision", quoted(&name.text));
            let issue = Issue::new("unknown_outcome", &name.span, message);
            let issue = issue.near(&name.text, outcomes.names().iter().map(String::as_str));
            self.issues.push(match issue.help {
                None => issue.help("add it there, in the place of its precedence"),
                Some(_) => issue,
            });
        }
        found
    }
}
