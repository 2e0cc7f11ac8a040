//! Thousands of rules on one event: their conditions taken apart into tests of facts, equal tests kept once, and a tree that finds
//! the rules whose tests hold without looking at the others. What comes out is what [`decide`](super::decide) says, bit for bit:
//! whatever the index finds is evaluated in the spec's order.

mod block;
mod found;
mod lookup;
mod odds;
mod tree;

#[cfg(test)]
pub(super) mod tests;

use super::{Facts, FiredEffect, Verdict, conclude, effect};
use domain::{Symbol, Time};
use expr::{Obstacle, RankKind, Reading, Required, Test, Texts, Wanted};
use found::Found;
use odds::Odds;
use spec::Plan;
use spec::plan::{Decision, DecisionRule, Effect};
use std::collections::BTreeMap;
use std::sync::Arc;
use tree::Node;

/// Most rules that are walked through one by one.
const WALK_MAX: usize = 4;

/// Most branches of a `||` that a rule is entered by.
const BRANCHES_MAX: usize = 16;

/// The indexes of all of a plan's decisions.
#[derive(Clone, Debug, Default)]
pub struct Rulesets(Vec<Ruleset>);

/// The index of a decision's rules. Facts that only a rule's rest reads (what is no test) are gathered like the others, before.
#[derive(Clone, Debug)]
pub struct Ruleset {
    columns: Vec<Column>,
    tests: Vec<ColumnTest>,
    /// None: the rules are few, and walked through.
    root: Option<Node>,
    /// What is known of each rule before any event.
    known: Vec<Known>,
    unindexed: Vec<Unindexed>,
}

/// A rule that is evaluated on every event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unindexed {
    /// Index into `Decision::rules`.
    pub rule: u32,
    /// Why, as the end of "this rule runs on every event because".
    pub why: &'static str,
}

/// Room for what is worked out on the way to a verdict, to be used again.
#[derive(Clone, Debug, Default)]
pub struct RulesetScratch {
    /// By column.
    ranks: Vec<Option<i64>>,
    /// Of one block: the rules that may fire.
    bits: Vec<u64>,
    /// The rules whose tests hold.
    found: Found,
}

/// A rule without its expressions.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// What it does when it fires, unless that is to be computed.
    effect: Option<FiredEffect>,
    /// Whether it fires wherever its tests hold.
    complete: bool,
    shadow: bool,
}

/// What tests read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Fact(Reading),
    /// The decision's `now`, for `from` and `until`.
    Now,
}

/// A test of a column. Rules with equal tests have the same one.
#[derive(Clone, Debug)]
struct ColumnTest {
    column: u32,
    wanted: Wanted,
}

/// A rule, or one alternative of it, while the tree is built: the tests that are left to be made.
#[derive(Clone, Debug)]
struct Entry {
    rule: u32,
    /// Indexes into `Ruleset::tests`.
    tests: Vec<u32>,
}

impl Rulesets {
    /// Indexes of all decisions. `samples` are facts of past events, of any of the decisions.
    pub fn new(plan: &Plan, samples: &[Facts]) -> Rulesets {
        let of = |(at, decision): (usize, &Decision)| {
            let samples: Vec<&Facts> = samples.iter().filter(|facts| usize::from(facts.decision) == at).collect();
            Ruleset::new(decision, &samples)
        };
        Rulesets(plan.decisions.iter().enumerate().map(of).collect())
    }

    /// The index of `Plan::decisions[decision]`.
    pub fn of(&self, decision: u16) -> &Ruleset {
        &self.0[usize::from(decision)]
    }

    /// Decides, on complete facts: what [`decide`](super::decide) says.
    pub fn decide(&self, plan: &Plan, facts: &Facts, texts: &dyn Texts, scratch: &mut RulesetScratch) -> Verdict {
        self.of(facts.decision).decide(&plan.decisions[usize::from(facts.decision)], facts, texts, scratch)
    }
}

impl Column {
    fn rank(&self, facts: &Facts) -> Option<i64> {
        match self {
            Column::Fact(reading) => reading.rank(&facts.row),
            Column::Now => Some(facts.now.0),
        }
    }
}

impl ColumnTest {
    #[inline(always)]
    fn holds(&self, ranks: &[Option<i64>]) -> bool {
        ranks[self.column as usize].is_some_and(|rank| self.wanted.holds(rank))
    }
}

impl Ruleset {
    /// The index of a decision's rules. `samples` are facts of past events: with them it is faster on events like those; what it
    /// finds is the same with any.
    pub fn new(decision: &Decision, samples: &[&Facts]) -> Ruleset {
        let mut building = Building::default();
        let mut entries = Vec::new();
        let (mut known, mut unindexed) = (Vec::with_capacity(decision.rules.len()), Vec::new());
        for (index, rule) in decision.rules.iter().enumerate() {
            let index = index as u32;
            let required = rule.when.required();
            let by_branch = parts(&required);
            known.push(Known::new(rule, required.complete || by_branch && required.complete_with_either));
            unindexed.extend(obstacle(&required).map(|why| Unindexed { rule: index, why }));
            building.enter(index, rule, (required, by_branch), &mut entries);
        }
        let (columns, tests) = building.finish();
        let odds = Odds::new(&columns, &tests, samples);
        let root = (decision.rules.len() > WALK_MAX).then(|| Node::new(entries, 0, &tests, &odds));
        Ruleset { columns, tests, root, known, unindexed }
    }

    /// Rules that are evaluated on every event, in the spec's order.
    pub fn unindexed(&self) -> &[Unindexed] {
        &self.unindexed
    }

    /// Decides, on complete facts: what [`decide`](super::decide) says. `decision` is the one that the index was made of.
    pub fn decide(
        &self,
        decision: &Decision,
        facts: &Facts,
        texts: &dyn Texts,
        scratch: &mut RulesetScratch,
    ) -> Verdict {
        let Some(root) = &self.root else { return super::decide(decision, facts, texts) };
        let texts = &facts.texts(texts);
        let RulesetScratch { ranks, bits, found } = scratch;
        ranks.clear();
        ranks.extend(self.columns.iter().map(|column| column.rank(facts)));
        found.make_room(self.known.len());
        root.search(&self.tests, ranks, bits, found);
        conclude(decision, facts, texts, found.drain(), |index| {
            let (known, rule) = (&self.known[index as usize], &decision.rules[index as usize]);
            if !known.complete && !rule.when.eval_bool_with(&facts.row, texts) {
                return None;
            }
            Some((known.effect.unwrap_or_else(|| effect(rule, &facts.row, texts)), known.shadow))
        })
    }
}

impl Known {
    fn new(rule: &DecisionRule, complete: bool) -> Known {
        let effect = match &rule.effect {
            Effect::Score(score) if score.needs_texts() || !score.slots().is_empty() => None,
            // It reads nothing, texts neither.
            _ => Some(effect(rule, &[], &NoTexts)),
        };
        Known { effect, complete, shadow: rule.shadow }
    }
}

/// For what reads none.
struct NoTexts;

impl Texts for NoTexts {
    fn text(&self, _: Symbol) -> Option<Arc<str>> {
        None
    }

    fn symbol(&self, _: &str) -> Option<Symbol> {
        None
    }
}

/// Why a rule has to be evaluated on every event, if it has.
fn obstacle(required: &Required) -> Option<&'static str> {
    let narrows = |test: &Test| match &test.wanted {
        Wanted::Among(_) => true,
        Wanted::Except(_) => false,
        Wanted::Between(least, most) => (*least, *most) != (i64::MIN, i64::MAX),
    };
    let all_narrow = |branch: &Vec<Test>| branch.iter().any(narrows);
    let by_branch = !required.either.is_empty() && required.either.iter().all(all_narrow);
    if required.never || required.tests.iter().any(narrows) || by_branch {
        return None;
    }
    Some(match required.obstacle {
        Some(Obstacle::Computed) => {
            "it compares no fact with a constant, only facts with each other, with what is computed of them, or by their texts"
        }
        Some(Obstacle::Negated) => "what it asks is true of nearly every value",
        Some(Obstacle::Alternative) => "an alternative of its `||` compares no fact with a constant",
        None if required.tests.is_empty() && required.complete => "its condition is always true",
        None => "what it asks is true of nearly every value",
    })
}

/// Whether a rule is entered by the branches of its `||`: where nothing else names a value.
fn parts(required: &Required) -> bool {
    let names = |test: &Test| matches!(test.wanted, Wanted::Among(_)) && test.reading.kind != RankKind::Bool;
    (1..=BRANCHES_MAX).contains(&required.either.len()) && !required.tests.iter().any(names)
}

/// Columns and tests while they are collected.
#[derive(Default)]
struct Building {
    columns: BTreeMap<Column, u32>,
    tests: BTreeMap<(u32, Wanted), u32>,
}

impl Building {
    /// Enters a rule: once, or once for each branch of its `||`.
    fn enter(
        &mut self,
        index: u32,
        rule: &DecisionRule,
        (required, by_branch): (Required, bool),
        entries: &mut Vec<Entry>,
    ) {
        if required.never {
            return;
        }
        let mut common: Vec<Test> = required.tests;
        if let Some(slot) = rule.share {
            let reading = Reading { slot, kind: RankKind::Bool, otherwise: None };
            common.push(Test { reading, wanted: Wanted::Among(vec![1]) });
        }
        let mut tests: Vec<u32> = common.into_iter().map(|test| self.test(test)).collect();
        if rule.from.is_some() || rule.until.is_some() {
            let least = rule.from.map_or(i64::MIN, |Time(from)| from);
            let Some(most) = rule.until.map_or(Some(i64::MAX), |Time(until)| until.checked_sub(1)) else { return };
            let column = self.column(Column::Now);
            tests.push(self.numbered(column, Wanted::Between(least, most)));
        }
        if !by_branch {
            entries.push(Entry { rule: index, tests });
            return;
        }
        for branch in required.either {
            let own = branch.into_iter().map(|test| self.test(test));
            entries.push(Entry { rule: index, tests: own.chain(tests.iter().copied()).collect() });
        }
    }

    fn test(&mut self, test: Test) -> u32 {
        let column = self.column(Column::Fact(test.reading));
        self.numbered(column, test.wanted)
    }

    fn column(&mut self, column: Column) -> u32 {
        let next = self.columns.len() as u32;
        *self.columns.entry(column).or_insert(next)
    }

    fn numbered(&mut self, column: u32, wanted: Wanted) -> u32 {
        let next = self.tests.len() as u32;
        *self.tests.entry((column, wanted)).or_insert(next)
    }

    /// All by number.
    fn finish(self) -> (Vec<Column>, Vec<ColumnTest>) {
        let mut columns: Vec<(u32, Column)> = self.columns.into_iter().map(|(column, at)| (at, column)).collect();
        columns.sort_unstable();
        let mut tests: Vec<(u32, ColumnTest)> =
            self.tests.into_iter().map(|((column, wanted), at)| (at, ColumnTest { column, wanted })).collect();
        tests.sort_unstable_by_key(|(at, _)| *at);
        (columns.into_iter().map(|(_, column)| column).collect(), tests.into_iter().map(|(_, test)| test).collect())
    }
}
