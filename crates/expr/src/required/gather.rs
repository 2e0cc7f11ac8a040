//! Conditions taken apart into tests of slots.

use super::{Obstacle, RankKind, Reading, Required, Test, Wanted, float_rank};
use crate::form::{Comparison, Condition, Form, Relation, Scalar};
use crate::numbers::{as_float, as_int};
use crate::set::Set;
use crate::typed::Typed;

impl Required {
    /// Of what is always true.
    pub(super) fn nothing() -> Required {
        Required { complete: true, complete_with_either: true, ..Required::default() }
    }

    /// Adds what a condition requires, or its opposite.
    pub(super) fn gather(&mut self, form: &Form<bool>, negated: bool) {
        match form {
            Form::Fixed(value) if *value == Some(!negated) => {}
            Form::Fixed(_) => self.never = true,
            Form::Slot(_) | Form::OrElse(_) => match reading(form, RankKind::Bool) {
                Some(reading) => self.test(reading, Wanted::Among(vec![i64::from(!negated)])),
                None => self.obstruct(Obstacle::Computed),
            },
            Form::Op(comparison) => self.compared(comparison, negated),
            Form::Special(special) => self.special(special, negated),
            Form::Choose(_) | Form::Rows(..) => self.obstruct(Obstacle::Computed),
        }
    }

    /// Notes that a part is no test.
    pub(super) fn obstruct(&mut self, obstacle: Obstacle) {
        (self.complete, self.complete_with_either) = (false, false);
        self.obstacle.get_or_insert(obstacle);
    }

    fn test(&mut self, reading: Reading, wanted: Wanted) {
        self.never |= match &wanted {
            Wanted::Among(ranks) => ranks.is_empty(),
            Wanted::Except(_) => false,
            Wanted::Between(least, most) => least > most,
        };
        self.tests.push(Test { reading, wanted });
    }

    fn special(&mut self, condition: &Condition, negated: bool) {
        match condition {
            Condition::Not(form) => self.gather(form, !negated),
            // `!(a || b)` is `!a && !b`, beside missing operands too.
            Condition::Chain(decisive, operands) if *decisive == negated => {
                operands.iter().for_each(|operand| self.gather(operand, negated));
            }
            Condition::Chain(_, operands) => self.alternatives(operands, negated),
            Condition::Same(equal, a, b) => match (a, b) {
                (form, Form::Fixed(Some(fixed))) | (Form::Fixed(Some(fixed)), form) => {
                    self.gather(form, (fixed == equal) == negated);
                }
                _ => self.obstruct(Obstacle::Computed),
            },
            Condition::Has(x) => match (read(x), negated) {
                (Some(reading), false) if reading.otherwise.is_none() => {
                    self.test(reading, Wanted::Between(i64::MIN, i64::MAX));
                }
                _ => self.obstruct(Obstacle::Negated),
            },
            Condition::Among(x, set) => match read(x) {
                None => self.obstruct(Obstacle::Computed),
                Some(reading) => self.among(reading, set, negated),
            },
            Condition::Within(..) => self.obstruct(Obstacle::Computed),
        }
    }

    fn among(&mut self, reading: Reading, set: &Set, negated: bool) {
        let mut ranks: Vec<i64> = set.words().map(|word| reading.kind.of_word(word)).collect();
        ranks.sort_unstable();
        match (negated, reading.kind) {
            (false, _) => self.test(reading, Wanted::Among(ranks)),
            // A NaN is none of them, and has no rank.
            (true, RankKind::Float) => self.obstruct(Obstacle::Negated),
            (true, _) => self.test(reading, Wanted::Except(ranks)),
        }
    }

    /// One of the operands, or of their opposites, is true.
    fn alternatives(&mut self, operands: &[Form<bool>], negated: bool) {
        let required = operands.iter().map(|operand| {
            let mut found = Required::nothing();
            found.gather(operand, negated);
            found
        });
        let mut required: Vec<Required> = required.filter(|branch| !branch.never).collect();
        match required.len() {
            0 => self.never = true,
            1 => self.join(required.swap_remove(0)),
            _ => match one_set(&required) {
                Some((reading, ranks)) => self.test(reading, Wanted::Among(ranks)),
                None => self.branches(required),
            },
        }
    }

    fn join(&mut self, other: Required) {
        self.tests.extend(other.tests);
        self.complete_with_either &= other.complete_with_either && (other.either.is_empty() || self.either.is_empty());
        if self.either.is_empty() {
            self.either = other.either;
        }
        self.complete &= other.complete;
        self.obstacle = self.obstacle.or(other.obstacle);
    }

    fn branches(&mut self, required: Vec<Required>) {
        self.complete = false;
        self.complete_with_either &= self.either.is_empty() && required.iter().all(|branch| branch.complete);
        let tests: Option<Vec<Vec<Test>>> = required.into_iter().map(Required::known).collect();
        match tests {
            Some(tests) if self.either.is_empty() => self.either = tests,
            Some(_) => {}
            None => self.obstruct(Obstacle::Alternative),
        }
    }

    /// Its tests, if it has some.
    fn known(self) -> Option<Vec<Test>> {
        (!self.tests.is_empty()).then_some(self.tests)
    }

    fn compared(&mut self, comparison: &Comparison, negated: bool) {
        match of_comparison(comparison) {
            // A NaN makes both a comparison of floats and its opposite something else than tests of ranks.
            Some((reading, _)) if negated && reading.kind == RankKind::Float => self.obstruct(Obstacle::Negated),
            Some((reading, wanted)) => match (negated, wanted) {
                (false, Some(wanted)) => self.test(reading, wanted),
                (true, Some(wanted)) => self.opposite(reading, wanted),
                (_, None) => self.obstruct(Obstacle::Negated),
            },
            None => self.obstruct(Obstacle::Computed),
        }
    }

    /// A value that is there, but not one of these.
    fn opposite(&mut self, reading: Reading, wanted: Wanted) {
        match wanted {
            Wanted::Among(ranks) => self.test(reading, Wanted::Except(ranks)),
            Wanted::Except(ranks) => self.test(reading, Wanted::Among(ranks)),
            Wanted::Between(least, most) if least > most => self.test(reading, Wanted::Between(i64::MIN, i64::MAX)),
            Wanted::Between(i64::MIN, i64::MAX) => self.never = true,
            Wanted::Between(i64::MIN, most) => self.test(reading, Wanted::Between(most + 1, i64::MAX)),
            Wanted::Between(least, i64::MAX) => self.test(reading, Wanted::Between(i64::MIN, least - 1)),
            Wanted::Between(..) => self.obstruct(Obstacle::Negated),
        }
    }
}

/// The reading and the ranks, if each alternative is one complete test of the same reading for some ranks.
fn one_set(branches: &[Required]) -> Option<(Reading, Vec<i64>)> {
    let mut all = Vec::new();
    let mut reading = None;
    for branch in branches {
        match branch.tests.as_slice() {
            [Test { reading: of, wanted: Wanted::Among(ranks) }]
                if branch.complete && *reading.get_or_insert(*of) == *of =>
            {
                all.extend(ranks);
            }
            _ => return None,
        }
    }
    all.sort_unstable();
    all.dedup();
    reading.map(|reading| (reading, all))
}

/// A slot, or a slot with a constant in the place of a missing value.
fn reading<T: Scalar>(form: &Form<T>, kind: RankKind) -> Option<Reading> {
    match form {
        Form::Slot(slot) => Some(Reading { slot: *slot, kind, otherwise: None }),
        Form::OrElse(of) => match &**of {
            [Form::Slot(slot), Form::Fixed(Some(value))] if !value.is_absent() => {
                Some(Reading { slot: *slot, kind, otherwise: Some(kind.of_word(value.key())) })
            }
            _ => None,
        },
        _ => None,
    }
}

fn read(typed: &Typed) -> Option<Reading> {
    match typed {
        Typed::Bool(form) => reading(form, RankKind::Bool),
        Typed::Int(form) => reading(form, RankKind::Int),
        Typed::Float(form) => reading(form, RankKind::Float),
        Typed::Str(form) => reading(form, RankKind::Str),
        Typed::Time(form) => reading(form, RankKind::Time),
        Typed::Span(form) => reading(form, RankKind::Span),
        Typed::Entity(_, form) => reading(form, RankKind::Entity),
        Typed::List(..) => None,
    }
}

/// A comparison of a reading with a constant, on either side; with no ranks where it is true of nearly all floats.
fn of_comparison(comparison: &Comparison) -> Option<(Reading, Option<Wanted>)> {
    match comparison {
        Comparison::Ints(how, a, b) => ranked(RankKind::Int, *how, a, b),
        Comparison::Times(how, a, b) => ranked(RankKind::Time, *how, a, b),
        Comparison::Spans(how, a, b) => ranked(RankKind::Span, *how, a, b),
        Comparison::Strs(how, a, b) => ranked(RankKind::Str, *how, a, b),
        Comparison::Entities(how, a, b) => ranked(RankKind::Entity, *how, a, b),
        Comparison::Floats(how, a, b) => {
            let (reading, how, constant) = sides(RankKind::Float, *how, a, b)?;
            Some((reading, among_floats(how, *constant)))
        }
        Comparison::Mixed(how, a, b) => match (a, b) {
            (a, Form::Fixed(Some(constant))) => {
                reading(a, RankKind::Int).map(|reading| (reading, Some(among_ints(*how, *constant))))
            }
            (Form::Fixed(Some(constant)), b) => {
                let constant = as_float(*constant)?;
                reading(b, RankKind::Float).map(|reading| (reading, among_floats(how.mirrored(), constant)))
            }
            _ => None,
        },
    }
}

fn sides<'a, T: Scalar>(
    kind: RankKind,
    how: Relation,
    a: &'a Form<T>,
    b: &'a Form<T>,
) -> Option<(Reading, Relation, &'a T)> {
    match (a, b) {
        (a, Form::Fixed(Some(constant))) => reading(a, kind).map(|reading| (reading, how, constant)),
        (Form::Fixed(Some(constant)), b) => reading(b, kind).map(|reading| (reading, how.mirrored(), constant)),
        _ => None,
    }
}

fn ranked<T: Scalar>(kind: RankKind, how: Relation, a: &Form<T>, b: &Form<T>) -> Option<(Reading, Option<Wanted>)> {
    let (reading, how, constant) = sides(kind, how, a, b)?;
    Some((reading, Some(wanted(how, kind.of_word(constant.key())))))
}

fn wanted(how: Relation, constant: i64) -> Wanted {
    const NEVER: Wanted = Wanted::Between(1, 0);
    match how {
        Relation::Less => constant.checked_sub(1).map_or(NEVER, |most| Wanted::Between(i64::MIN, most)),
        Relation::LessEqual => Wanted::Between(i64::MIN, constant),
        Relation::Greater => constant.checked_add(1).map_or(NEVER, |least| Wanted::Between(least, i64::MAX)),
        Relation::GreaterEqual => Wanted::Between(constant, i64::MAX),
        Relation::Equal => Wanted::Among(vec![constant]),
        Relation::NotEqual => Wanted::Except(vec![constant]),
    }
}

/// Which floats; `None` for inequality, which holds for a NaN too.
fn among_floats(how: Relation, constant: f64) -> Option<Wanted> {
    match (how, float_rank(constant)) {
        (Relation::NotEqual, _) => None,
        (_, None) => Some(Wanted::Between(1, 0)),
        (how, Some(constant)) => Some(wanted(how, constant)),
    }
}

/// Which ints stand so to a float.
fn among_ints(how: Relation, constant: f64) -> Wanted {
    const ALL: Wanted = Wanted::Between(i64::MIN, i64::MAX);
    const NONE: Wanted = Wanted::Between(1, 0);
    if let Some(constant) = as_int(constant) {
        return wanted(how, constant);
    }
    let below = constant.floor();
    // Beyond all ints the nearest of them stands for the float: none lies between.
    match how {
        Relation::NotEqual => ALL,
        Relation::Equal => NONE,
        _ if constant.is_nan() => NONE,
        Relation::Less | Relation::LessEqual if below < i64::MIN as f64 => NONE,
        Relation::Less | Relation::LessEqual => Wanted::Between(i64::MIN, below as i64),
        Relation::Greater | Relation::GreaterEqual if below < i64::MIN as f64 => ALL,
        Relation::Greater | Relation::GreaterEqual => match (below as i64).checked_add(1) {
            Some(least) => Wanted::Between(least, i64::MAX),
            None => NONE,
        },
    }
}
