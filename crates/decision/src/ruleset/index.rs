//! Thousands of rules on one event: their conditions taken apart into tests of facts, equal tests kept once, and a tree that finds
//! the rules whose tests hold without looking at the others. What comes out is what [`decide`](super::decide) says, bit for bit:
//! whatever the index finds is told in the spec's order; only rules that read texts are evaluated again.

mod block;
mod entries;
mod event;
mod found;
mod known;
mod lookup;
mod odds;
mod readings;
mod tree;

#[cfg(test)]
pub(super) mod tests;

use super::{Course, Facts, Fired, Verdict, base, effect, tier};
use entries::{Building, Entry, obstacle, parts};
use event::{Event, Met};
use expr::{Reading, Residue, Texts, Wanted};
use found::Found;
use known::{Fixed, Known};
use odds::Odds;
use readings::Readings;
use spec::Plan;
use spec::plan::Decision;
use tree::Node;

/// Most rules that are walked through one by one.
const WALK_MAX: usize = 4;

/// The indexes of all of a plan's decisions.
#[derive(Clone, Debug, Default)]
pub struct Rulesets(Vec<Ruleset>);

/// The index of a decision's rules. Facts that only a rule's rest reads (what is no test) are gathered like the others, before.
#[derive(Clone, Debug)]
pub struct Ruleset {
    readings: Readings,
    tests: Vec<ColumnTest>,
    /// Parts of conditions that are no tests. Rules with equal ones have the same one.
    conditions: Vec<Residue>,
    /// None: the rules are few, and walked through.
    root: Option<Node>,
    /// What is known of each rule before any event.
    known: Vec<Known>,
    fixed: Fixed,
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
    met: Met,
    fired: Vec<Fired>,
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
    #[inline]
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
            known.push(Known::new(decision, rule, !required.reads_texts));
            unindexed.extend(obstacle(&required).map(|why| Unindexed { rule: index, why }));
            building.enter(index, rule, (required, by_branch), &mut entries);
        }
        let (columns, tests, conditions) = building.finish();
        let odds = Odds::new(&columns, &tests, samples);
        let root = (decision.rules.len() > WALK_MAX).then(|| Node::new(entries, 0, &tests, &odds));
        Ruleset {
            readings: Readings::new(&columns),
            tests,
            conditions,
            root,
            known,
            fixed: Fixed::new(decision),
            unindexed,
        }
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
        let RulesetScratch { ranks, bits, found, met, fired } = scratch;
        self.readings.fill(facts, ranks);
        found.make_room(self.known.len());
        met.next(self.conditions.len());
        root.search(&mut Event { ruleset: self, row: &facts.row, ranks, met }, bits, found);
        let base = self.fixed.base.unwrap_or_else(|| base(decision, &facts.row, texts));
        let mut course = Course::new(decision, base, fired);
        found.drain(|index| {
            let (known, rule) = (&self.known[index as usize], || &decision.rules[index as usize]);
            if known.is_plain {
                course.fired.push(Fired::new(index, known.effect));
                course.count(known.effect);
            } else if course.asks(index) && (known.is_complete || rule().when.eval_bool_with(&facts.row, texts)) {
                let effect = if known.is_computed { effect(rule(), &facts.row, texts) } else { known.effect };
                course.fire(index, effect, known.shadow);
            }
        });
        let tier = match &self.fixed.thresholds {
            Some(thresholds) => thresholds.iter().position(|least| course.score >= *least),
            None => tier(decision, course.score, &facts.row, texts),
        };
        course.end(tier)
    }
}
