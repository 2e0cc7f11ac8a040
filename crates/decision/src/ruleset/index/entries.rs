//! Rules taken apart: the columns, tests and conditions of all of them, each once.

use super::{Column, ColumnTest};
use domain::Time;
use expr::{Obstacle, RankKind, Reading, Required, Residue, Test, Wanted};
use spec::plan::DecisionRule;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most branches of a `||` that a rule is entered by.
const BRANCHES_MAX: usize = 16;

/// A rule, or one alternative of it, while the tree is built: the tests that are left to be made.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) rule: u32,
    /// Indexes into `Ruleset::tests`.
    pub(super) tests: Vec<u32>,
    /// Indexes into `Ruleset::conditions`.
    pub(super) conditions: Vec<u32>,
}

/// Whether a rule is entered by the branches of its `||`: where nothing else names a value.
pub(super) fn parts(required: &Required) -> bool {
    let names = |test: &Test| matches!(test.wanted, Wanted::Among(_)) && test.reading.kind != RankKind::Bool;
    (1..=BRANCHES_MAX).contains(&required.either.len()) && !required.tests.iter().any(names)
}

/// Columns and tests while they are collected.
#[derive(Default)]
pub(super) struct Building {
    columns: BTreeMap<Column, u32>,
    tests: BTreeMap<(u32, Wanted), u32>,
    conditions: BTreeMap<Arc<str>, u32>,
    residues: Vec<Residue>,
}

impl Building {
    /// Enters a rule: once, or once for each branch of its `||`.
    pub(super) fn enter(
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
        let asked = required.either_of.filter(|_| !by_branch || !required.either_complete);
        let conditions: Vec<u32> = required.rest.into_iter().chain(asked).map(|of| self.condition(of)).collect();
        if !by_branch {
            entries.push(Entry { rule: index, tests, conditions });
            return;
        }
        for branch in required.either {
            let own = branch.into_iter().map(|test| self.test(test));
            let tests = own.chain(tests.iter().copied()).collect();
            entries.push(Entry { rule: index, tests, conditions: conditions.clone() });
        }
    }

    fn condition(&mut self, of: Residue) -> u32 {
        let next = self.residues.len() as u32;
        let at = *self.conditions.entry(of.key().clone()).or_insert(next);
        if at == next {
            self.residues.push(of);
        }
        at
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
    pub(super) fn finish(self) -> (Vec<Column>, Vec<ColumnTest>, Vec<Residue>) {
        let mut columns: Vec<(u32, Column)> = self.columns.into_iter().map(|(column, at)| (at, column)).collect();
        columns.sort_unstable();
        let mut tests: Vec<(u32, ColumnTest)> =
            self.tests.into_iter().map(|((column, wanted), at)| (at, ColumnTest { column, wanted })).collect();
        tests.sort_unstable_by_key(|(at, _)| *at);
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        (columns, tests.into_iter().map(|(_, test)| test).collect(), self.residues)
    }
}

/// Why a rule has to be evaluated on every event, if it has.
pub(super) fn obstacle(required: &Required) -> Option<&'static str> {
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
        None if required.tests.is_empty() && required.is_complete() => "its condition is always true",
        None => "what it asks is true of nearly every value",
    })
}
