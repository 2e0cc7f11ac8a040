//! Decisions on payments: days that are learned from, then days that are judged. Every payment is decided by the code that serves,
//! as of its own position.

use super::Report;
use super::measure::round;
use crate::dataset::{Paid, Truth};
use crate::node;
use anyhow::{Context, Result};
use domain::{Position, Time};
use engine::{JudgedScore, Machine};
use serde_json::json;
use spec::Plan;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

const DAY_MS: i64 = 86_400_000;
/// Days that are learned from, as in the protocol of the data's authors.
const TRAIN_DAYS: i64 = 8;
/// Days that are judged, the last ones of the data.
const TEST_DAYS: i64 = 4;
/// Cards that a day's inspectors can look into.
const INSPECTED: usize = 100;

/// A payment of the judged days.
struct Judged {
    day: i64,
    card: String,
    score: f64,
    fraud: bool,
}

pub(super) fn run(plan: &Arc<Plan>, name: &str, paid: Vec<Paid>) -> Result<Report> {
    let decision = plan.decisions.first().context("the spec has no decision")?.name.clone();
    let first = paid.first().map_or(0, |paid| day_of(paid.time));
    let payments = paid.iter().filter(|paid| paid.payment.is_some());
    let last = payments.map(|paid| day_of(paid.time)).max().unwrap_or(first);
    let mut machine = Machine::new(plan.clone(), 1, 0);
    let (mut judged, mut known) = (Vec::new(), BTreeSet::new());
    let bar = node::bar(paid.len() as u64, "deciding");
    for (Paid { payload, time, payment }, position) in paid.into_iter().zip(1..) {
        let decided = machine.apply_deciding(Position(position), time, &payload);
        bar.inc(1);
        let Some(Truth { card, fraud }) = payment else { continue };
        let day = day_of(time);
        if day < first + TRAIN_DAYS && fraud {
            known.insert(card.clone());
        }
        if day > last - TEST_DAYS {
            let score = decided.first().context("a payment was not decided")?.verdict.score;
            judged.push(Judged { day, card, score, fraud });
        }
    }
    bar.finish_and_clear();
    Ok(report(name, &decision, &judged, &known))
}

fn day_of(time: Time) -> i64 {
    time.0.div_euclid(DAY_MS)
}

fn report(name: &str, decision: &str, judged: &[Judged], known: &BTreeSet<String>) -> Report {
    let unknown: Vec<&Judged> = judged.iter().filter(|of| !known.contains(&of.card)).collect();
    let all: Vec<&Judged> = judged.iter().collect();
    let mut table =
        format!("{name}: decision {decision}, {} payments judged, of the last {TEST_DAYS} days\n", all.len());
    let mut figures = |what: &str, of: &[&Judged]| {
        let scores: Vec<JudgedScore> = of.iter().map(|of| JudgedScore { score: of.score, bad: of.fraud }).collect();
        let (auc, average, cards) = (engine::auc(&scores), engine::average_precision(&scores), card_precision(of));
        let frauds = of.iter().filter(|of| of.fraud).count();
        // Writing to a string does not fail.
        let _ = writeln!(
            table,
            "  {what:<34} {:>6} payments {frauds:>4} frauds  auc {auc:.4}  average precision {average:.4}  card precision@{INSPECTED} {cards:.4}",
            of.len()
        );
        json!({
            "payments": of.len(), "frauds": frauds, "auc": round(auc, 4), "average_precision": round(average, 4),
            format!("card_precision@{INSPECTED}"): round(cards, 4),
        })
    };
    let json = json!({
        "data": name, "decision": decision, "train_days": TRAIN_DAYS, "test_days": TEST_DAYS, "label_delay_days": 2,
        "all_cards": figures("all cards", &all),
        "cards_not_known": figures("cards not defrauded in training", &unknown),
    });
    Report { json, table }
}

/// The share of defrauded cards among a day's [`INSPECTED`] with the highest scores, in the mean over days: a card's score and truth
/// are those of its worst payment of the day.
fn card_precision(judged: &[&Judged]) -> f64 {
    let mut days: BTreeMap<i64, BTreeMap<&str, (f64, bool)>> = BTreeMap::new();
    for of in judged {
        let card = days.entry(of.day).or_default().entry(&of.card).or_insert((f64::NEG_INFINITY, false));
        *card = (card.0.max(of.score), card.1 || of.fraud);
    }
    let precision = days.values().map(|cards| {
        let mut cards: Vec<(f64, bool)> = cards.values().copied().collect();
        cards.sort_by(|a, b| b.0.total_cmp(&a.0));
        cards.iter().take(INSPECTED).filter(|(_, fraud)| *fraud).count() as f64 / INSPECTED as f64
    });
    let (sum, count) = precision.fold((0.0, 0.0), |(sum, count), of| (sum + of, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(scores: &[(f64, bool)]) -> Vec<Judged> {
        let of = |(at, (score, fraud)): (usize, &(f64, bool))| Judged {
            day: 0,
            card: at.to_string(),
            score: *score,
            fraud: *fraud,
        };
        scores.iter().enumerate().map(of).collect()
    }

    /// Two frauds among the inspected of one day.
    #[test]
    fn cards_are_counted_by_day() {
        let all = judged(&[(0.9, true), (0.8, false), (0.7, true), (0.7, false), (0.1, false)]);
        let all: Vec<&Judged> = all.iter().collect();
        assert!((card_precision(&all) - 2.0 / 100.0).abs() < 1e-12);
    }
}
