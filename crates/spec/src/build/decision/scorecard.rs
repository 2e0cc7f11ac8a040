//! Scorecards: the points of each part are a fact, and so is their sum.

use super::Builder;
use super::facts::{FactKey, Facts};
use crate::diagnostic::{Issue, quoted};
use crate::plan::{Fact, FactSource, Scorecard, ScorecardPart};
use crate::source::{DecisionSource, PartSource, PointsSource, ScorecardSource};
use crate::yaml::Text;
use domain::{Symbol, Type, Value};
use expr::Program;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Points by value.
#[derive(Debug)]
enum Points {
    /// Bounds, ascending, and one more number of points than bounds.
    Bins(Vec<f64>, Vec<f64>),
    Texts(BTreeMap<Symbol, f64>, f64),
    Ints(BTreeMap<i64, f64>, f64),
    /// Of `false` and of `true`.
    Bools([f64; 2]),
}

impl Points {
    /// The points of a value; `None` if it is missing.
    fn of(&self, value: &Value) -> Option<f64> {
        match (self, value) {
            (Points::Bins(bounds, points), value) => {
                let number = value.as_f64().filter(|number| !number.is_nan())?;
                Some(points[bounds.partition_point(|bound| *bound <= number)])
            }
            (Points::Texts(points, otherwise), Value::Str(text)) => Some(*points.get(text).unwrap_or(otherwise)),
            (Points::Ints(points, otherwise), Value::Int(int)) => Some(*points.get(int).unwrap_or(otherwise)),
            (Points::Bools(points), Value::Bool(value)) => Some(points[usize::from(*value)]),
            _ => None,
        }
    }
}

/// Points as text, for people and to tell two scorecards apart.
fn said(points: &PointsSource) -> String {
    let said: Vec<String> = match points {
        PointsSource::Bins(bins) => bins
            .iter()
            .map(|bin| {
                bin.below.map_or(format!("else {}", bin.points), |below| format!("below {below}: {}", bin.points))
            })
            .collect(),
        PointsSource::Values(values, otherwise) => {
            let listed = values.iter().map(|(value, points)| format!("{:?}: {points}", value.text));
            listed.chain(otherwise.map(|otherwise| format!("else {otherwise}"))).collect()
        }
    };
    said.join(", ")
}

impl Builder<'_> {
    pub(super) fn scorecards(&mut self, facts: &mut Facts, source: &DecisionSource) -> Vec<Scorecard> {
        source.scorecards.iter().filter_map(|card| self.scorecard(facts, card)).collect()
    }

    fn scorecard(&mut self, facts: &mut Facts, source: &ScorecardSource) -> Option<Scorecard> {
        let name = source.name.text.clone();
        let path = format!("scorecards.{name}");
        // Whoever reads a card with mistakes makes none of its own.
        facts.broken_cards.insert(name.clone());
        let parts: Vec<Option<ScorecardPart>> = source.parts.iter().map(|part| self.part(facts, &path, part)).collect();
        let parts = parts.into_iter().collect::<Option<Vec<ScorecardPart>>>()?;
        let reads: Vec<u16> = parts.iter().map(|part| part.points).collect();
        let base = source.base;
        let (summed, mut slots) = (reads.clone(), reads);
        slots.sort_unstable();
        slots.dedup();
        let sum = move |row: &[Value]| {
            let points = summed.iter().map(|&fact| row[usize::from(fact)].as_f64().unwrap_or(0.0));
            Value::Float(points.fold(base, |sum, points| sum + points))
        };
        let added = parts.iter().map(|part| format!(" + {path}.{}", part.name));
        let text = format!("{base}{}", added.collect::<String>());
        let total =
            self.computed_fact(facts, &path, &source.name, Program::new(text, Type::Float, slots, Arc::new(sum)))?;
        facts.broken_cards.remove(&name);
        Some(Scorecard { name, base, total, parts })
    }

    /// Adds a fact that is computed, under its path.
    fn computed_fact(&mut self, facts: &mut Facts, path: &str, at: &Text, program: Program) -> Option<u16> {
        let fact = Fact { name: path.to_owned(), ty: program.ty().clone(), source: FactSource::Derived(program) };
        let index = facts.add_computed(FactKey::Card(path.to_owned()), fact);
        if index.is_none() {
            self.too_many_facts(facts, &at.span);
        }
        index
    }

    fn part(&mut self, facts: &mut Facts, card: &str, source: &PartSource) -> Option<ScorecardPart> {
        let of = self.compile_in_decision(facts, &source.of, 0..source.of.text.len());
        let reason = source.reason.as_ref().map_or(Some(Vec::new()), |text| self.reason(facts, text));
        let of = of?;
        let points = Arc::new(self.points_of(&source.points, of.ty(), source)?);
        let (inner, missing) = (of.clone(), source.missing);
        let text = format!("points({}; {}, missing {missing})", of.text(), said(&source.points));
        let slots = of.slots().to_vec();
        let program = if of.needs_texts() {
            let run = move |row: &[Value], texts: &dyn expr::Texts| {
                Value::Float(points.of(&inner.eval_with(row, texts)).unwrap_or(missing))
            };
            Program::with_texts(text, Type::Float, slots, Arc::new(run))
        } else {
            let run = move |row: &[Value]| Value::Float(points.of(&inner.eval(row)).unwrap_or(missing));
            Program::new(text, Type::Float, slots, Arc::new(run))
        };
        let points = self.computed_fact(facts, &format!("{card}.{}", source.name.text), &source.name, program)?;
        Some(ScorecardPart { name: source.name.text.clone(), of, points, reason: reason? })
    }

    /// The points by value, if the values are of the type that is looked at.
    fn points_of(&mut self, source: &PointsSource, ty: &Type, part: &PartSource) -> Option<Points> {
        let (values, otherwise) = match source {
            PointsSource::Bins(bins) if matches!(ty, Type::Int | Type::Float) => {
                let bounds = bins.iter().filter_map(|bin| bin.below).collect();
                return Some(Points::Bins(bounds, bins.iter().map(|bin| bin.points).collect()));
            }
            PointsSource::Bins(_) => {
                let issue =
                    Issue::new("wrong_type", &part.of.span, format!("`bins` are of a number, but this is {ty}"));
                self.issues.push(issue.help("give `values` points, as in `values: { US: 5 }, otherwise: 0`"));
                return None;
            }
            PointsSource::Values(values, otherwise) => (values, *otherwise),
        };
        if otherwise.is_none() && *ty != Type::Bool {
            let issue = Issue::new("missing_field", &part.name.span, "`values` needs an `otherwise`");
            self.issues.push(issue.help("say what all other values give, as in `otherwise: 0`"));
            return None;
        }
        let rest = otherwise.unwrap_or(0.0);
        match ty {
            Type::Str => Some(Points::Texts(
                values.iter().map(|(value, points)| (self.intern(&value.text), *points)).collect(),
                rest,
            )),
            Type::Int => self.parsed::<i64>(values, "an integer").map(|points| Points::Ints(points, rest)),
            Type::Bool => {
                let points = self.parsed::<bool>(values, "`true` or `false`")?;
                let Some(rest) = otherwise.or_else(|| (points.len() == 2).then_some(0.0)) else {
                    let issue = Issue::new("missing_field", &part.name.span, "`values` leaves out `true` or `false`");
                    self.issues.push(issue.help("give both points, or say what the other gives: `otherwise: 0`"));
                    return None;
                };
                let of = |value| points.get(&value).copied().unwrap_or(rest);
                Some(Points::Bools([of(false), of(true)]))
            }
            _ => {
                let message = format!("`values` are of a string, an int or a bool, but this is {ty}");
                let issue = Issue::new("wrong_type", &part.of.span, message);
                self.issues
                    .push(issue.help("give a number `bins`, as in `bins: [{ below: 10, points: 5 }, { points: 0 }]`"));
                None
            }
        }
    }

    fn parsed<T: std::str::FromStr + Ord>(&mut self, values: &[(Text, f64)], wanted: &str) -> Option<BTreeMap<T, f64>> {
        let mut all = BTreeMap::new();
        for (value, points) in values {
            let Ok(key) = value.text.parse::<T>() else {
                let message = format!("this value must be {wanted}, but {} is not", quoted(&value.text));
                self.issues.push(Issue::new("wrong_type", &value.span, message).help(format!("write {wanted}")));
                return None;
            };
            all.insert(key, *points);
        }
        Some(all)
    }
}
