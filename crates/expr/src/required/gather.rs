//! Conditions taken apart into tests of slots.

use super::{Obstacle, RankKind, Reading, Required, Residue, Test, Wanted, float_rank};
use crate::form::{Comparison, Condition, Form, Relation, Scalar};
use crate::numbers::{as_float, as_int};
use crate::set::Set;
use crate::typed::Typed;

impl Required {
    /// Adds what a condition requires, or its opposite.
    pub(super) fn gather(&mut self, form: &Form<bool>, negated: bool) {
        match form {
            Form::Fixed(value) if *value == Some(!negated) => {}
            Form::Fixed(_) => self.never = true,
            Form::Slot(_) | Form::OrElse(_) => match reading(form, RankKind::Bool) {
                Some(reading) => self.test(reading, Wanted::Among(vec![i64::from(!negated)])),
                None => self.leave(form, negated, Obstacle::Computed),
            },
            Form::Op(comparison) => match compared(comparison, negated) {
                Ok((reading, wanted)) => self.test(reading, wanted),
                Err(Untestable::Never) => self.never = true,
                Err(Untestable::For(obstacle)) => self.leave(form, negated, obstacle),
            },
            Form::Special(special) => self.special(form, special, negated),
            Form::Choose(_) | Form::Rows(..) => self.leave(form, negated, Obstacle::Computed),
        }
    }

    /// A part is no test.
    fn leave(&mut self, form: &Form<bool>, negated: bool, obstacle: Obstacle) {
        self.rest.push(Residue::new(form, !negated));
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

    fn special(&mut self, form: &Form<bool>, condition: &Condition, negated: bool) {
        match condition {
            Condition::Not(form) => self.gather(form, !negated),
            // `!(a || b)` is `!a && !b`, beside missing operands too.
            Condition::Chain(decisive, operands) if *decisive == negated => {
                operands.iter().for_each(|operand| self.gather(operand, negated));
            }
            Condition::Chain(_, operands) => self.alternatives(form, operands, negated),
            Condition::Same(equal, a, b) => match (a, b) {
                (form, Form::Fixed(Some(fixed))) | (Form::Fixed(Some(fixed)), form) => {
                    self.gather(form, (fixed == equal) == negated);
                }
                _ => self.leave(form, negated, Obstacle::Computed),
            },
            Condition::Has(x) => match (read(x), negated) {
                (Some(reading), false) if reading.otherwise.is_none() => {
                    self.test(reading, Wanted::Between(i64::MIN, i64::MAX));
                }
                _ => self.leave(form, negated, Obstacle::Negated),
            },
            Condition::Among(x, set) => match (read(x), negated) {
                (None, _) => self.leave(form, negated, Obstacle::Computed),
                // A NaN is none of them, and has no rank.
                (Some(reading), true) if reading.kind == RankKind::Float => {
                    self.leave(form, negated, Obstacle::Negated);
                }
                (Some(reading), _) => self.among(reading, set, negated),
            },
            Condition::Within(..) => self.leave(form, negated, Obstacle::Computed),
        }
    }

    fn among(&mut self, reading: Reading, set: &Set, negated: bool) {
        let mut ranks: Vec<i64> = set.words().map(|word| reading.kind.of_word(word)).collect();
        ranks.sort_unstable();
        self.test(reading, if negated { Wanted::Except(ranks) } else { Wanted::Among(ranks) });
    }

    /// One of the operands of `form`, or of their opposites, is true.
    fn alternatives(&mut self, form: &Form<bool>, operands: &[Form<bool>], negated: bool) {
        let required = operands.iter().map(|operand| {
            let mut found = Required::default();
            found.gather(operand, negated);
            found
        });
        let mut required: Vec<Required> = required.filter(|branch| !branch.never).collect();
        match required.len() {
            0 => self.never = true,
            1 => self.join(required.swap_remove(0)),
            _ => match one_set(&required) {
                Some((reading, ranks)) => self.test(reading, Wanted::Among(ranks)),
                None => self.branches(required, Residue::new(form, !negated)),
            },
        }
    }

    fn join(&mut self, other: Required) {
        self.tests.extend(other.tests);
        self.rest.extend(other.rest);
        self.obstacle = self.obstacle.or(other.obstacle);
        match other.either_of {
            Some(of) if self.either_of.is_some() => self.rest.push(of),
            Some(of) => {
                (self.either, self.either_of, self.either_complete) = (other.either, Some(of), other.either_complete)
            }
            None => {}
        }
    }

    fn branches(&mut self, required: Vec<Required>, of: Residue) {
        let complete = required.iter().all(Required::is_complete);
        let tests: Option<Vec<Vec<Test>>> = required.into_iter().map(Required::known).collect();
        match tests {
            Some(tests) if self.either_of.is_none() => {
                (self.either, self.either_of, self.either_complete) = (tests, Some(of), complete);
            }
            Some(_) => self.rest.push(of),
            None => {
                self.rest.push(of);
                self.obstacle.get_or_insert(Obstacle::Alternative);
            }
        }
    }

    /// Its tests, if it has some.
    fn known(self) -> Option<Vec<Test>> {
        (!self.tests.is_empty()).then_some(self.tests)
    }
}

/// Why a comparison is no test.
enum Untestable {
    /// It is never true.
    Never,
    For(Obstacle),
}

/// A comparison as a test, or its opposite.
fn compared(comparison: &Comparison, negated: bool) -> Result<(Reading, Wanted), Untestable> {
    match of_comparison(comparison) {
        // A NaN makes both a comparison of floats and its opposite something else than tests of ranks.
        Some((reading, _)) if negated && reading.kind == RankKind::Float => Err(Untestable::For(Obstacle::Negated)),
        Some((reading, Some(wanted))) if negated => opposite(wanted).map(|wanted| (reading, wanted)),
        Some((reading, Some(wanted))) => Ok((reading, wanted)),
        Some((_, None)) => Err(Untestable::For(Obstacle::Negated)),
        None => Err(Untestable::For(Obstacle::Computed)),
    }
}

/// A value that is there, but not one of these.
fn opposite(wanted: Wanted) -> Result<Wanted, Untestable> {
    Ok(match wanted {
        Wanted::Among(ranks) => Wanted::Except(ranks),
        Wanted::Except(ranks) => Wanted::Among(ranks),
        Wanted::Between(least, most) if least > most => Wanted::Between(i64::MIN, i64::MAX),
        Wanted::Between(i64::MIN, i64::MAX) => return Err(Untestable::Never),
        Wanted::Between(i64::MIN, most) => Wanted::Between(most + 1, i64::MAX),
        Wanted::Between(least, i64::MAX) => Wanted::Between(i64::MIN, least - 1),
        Wanted::Between(..) => return Err(Untestable::For(Obstacle::Negated)),
    })
}

/// The reading and the ranks, if each alternative is one complete test of the same reading for some ranks.
fn one_set(branches: &[Required]) -> Option<(Reading, Vec<i64>)> {
    let mut all = Vec::new();
    let mut reading = None;
    for branch in branches {
        match branch.tests.as_slice() {
            [Test { reading: of, wanted: Wanted::Among(ranks) }]
                if branch.is_complete() && *reading.get_or_insert(*of) == *of =>
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
