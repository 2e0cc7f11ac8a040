//! What was decided on payments, held against the truth: caught, missed and false alarms, and a few verdicts with their reasons.

use super::fraud::Payer;
use super::ledger::Sample;
use super::place::Stop;
use super::screen::Screen;
use super::stand::Connection;
use super::summary::{milliseconds, quantiles};
use anyhow::Result;
use serde_json::{Value, json};
use std::ops::AddAssign;

/// Lines of an explanation that are shown.
const SHOWN: usize = 16;

/// Payments of one kind of payer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Payments {
    pub(super) payments: u64,
    pub(super) declined: u64,
    pub(super) checked: u64,
    /// What was asked for, and what of it was not let through.
    pub(super) amount: f64,
    pub(super) kept: f64,
}

impl Payments {
    fn stopped(&self) -> u64 {
        self.declined + self.checked
    }
}

impl AddAssign for Payments {
    fn add_assign(&mut self, other: Payments) {
        self.payments += other.payments;
        self.declined += other.declined;
        self.checked += other.checked;
        self.amount += other.amount;
        self.kept += other.kept;
    }
}

/// A verdict as the client got it.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) id: String,
    pub(super) outcome: String,
    score: f64,
    reasons: Vec<String>,
}

impl Verdict {
    /// Reads an answer.
    pub(super) fn of(answer: &Value) -> Verdict {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let reasons = answer["reasons"].as_array().map(Vec::as_slice).unwrap_or_default();
        Verdict {
            id: text(&answer["id"]),
            outcome: text(&answer["outcome"]),
            score: answer["score"].as_f64().unwrap_or_default(),
            reasons: reasons.iter().map(|reason| text(&reason["reason"])).collect(),
        }
    }

    /// Whether the payment is not let through at once.
    pub(super) fn stops(&self) -> bool {
        self.outcome != "approve"
    }

    /// Its reasons as one sentence.
    pub(super) fn said(&self) -> String {
        if self.reasons.is_empty() { "no rule fired".to_owned() } else { self.reasons.join("; ") }
    }
}

/// What a run counts of risk.
#[derive(Clone, Debug, Default)]
pub(super) struct Risk {
    /// By payer.
    counts: [Payments; Payer::ALL.len()],
    /// By payer: the last verdict that stopped one of them, and the last that did not, with the amount.
    stopped: [Option<(Verdict, f64)>; Payer::ALL.len()],
    missed: [Option<(Verdict, f64)>; Payer::ALL.len()],
    /// Milliseconds from asking to the answer, as the client sees it.
    decided_ms: Sample,
    /// Waves, told in a line each.
    pub(super) story: Vec<String>,
}

impl Risk {
    /// Counts a verdict.
    pub(super) fn add(&mut self, payer: Payer, amount: f64, verdict: Verdict, took_ms: f64) {
        let stops = verdict.stops();
        self.counts[payer as usize] += Payments {
            payments: 1,
            declined: u64::from(verdict.outcome == "decline"),
            checked: u64::from(verdict.outcome == "second_check"),
            amount,
            kept: if stops { amount } else { 0.0 },
        };
        self.decided_ms.push(took_ms);
        let kept = if stops { &mut self.stopped } else { &mut self.missed };
        kept[payer as usize] = Some((verdict, amount));
    }

    /// Adds another run's counts; the verdicts shown are the later run's, whose server still knows them.
    pub(super) fn add_figures(&mut self, other: &Risk) {
        for (sum, more) in self.counts.iter_mut().zip(&other.counts) {
            *sum += *more;
        }
        self.decided_ms.extend(&other.decided_ms);
        (self.stopped, self.missed) = (other.stopped.clone(), other.missed.clone());
    }

    /// All payments.
    fn payments(&self) -> u64 {
        self.counts.iter().map(|of| of.payments).sum()
    }

    /// The table and a few verdicts.
    pub(super) fn print(&self, screen: &Screen) {
        screen.line(&format!(
            "\nrisk: {} payments, each decided as of exactly itself, against what the simulator knows",
            self.payments()
        ));
        screen.line("                     payments  declined   checked  let through");
        for (payer, of) in Payer::ALL.into_iter().zip(&self.counts) {
            let passed = of.payments - of.stopped();
            screen.line(&format!(
                "  {:<18}{:>9}{:>10}{:>10}{:>13}   {}",
                payer.name(),
                of.payments,
                of.declined,
                of.checked,
                passed,
                remark(payer, of)
            ));
        }
        screen.line(&format!("  an answer takes {}, on the disk before it leaves", milliseconds(&self.decided_ms)));
        screen.line("\na few verdicts");
        let examples = Payer::ALL[..3].iter().map(|payer| (*payer, &self.stopped[*payer as usize], "caught"));
        let missed = (Payer::Thief, &self.missed[Payer::Thief as usize], "missed");
        let alarm = (Payer::Honest, &self.stopped[Payer::Honest as usize], "a false alarm");
        for (payer, found, what) in examples.chain([missed, alarm]) {
            let Some((verdict, amount)) = found else { continue };
            screen.line(&format!("  {} {:<13} {amount:>6.2}  {}, {what}", verdict.id, verdict.outcome, payer.name()));
            screen.line(&format!("           {}", verdict.said()));
        }
    }

    /// A verdict to be asked about: one that stopped a fraud, best a thief's.
    pub(super) fn caught(&self) -> Option<&Verdict> {
        self.stopped[..3].iter().flatten().map(|(verdict, _)| verdict).next()
    }

    /// Asks the server why, and says how the user can.
    pub(super) fn ask_why(&self, client: &mut Connection, stop: &Stop, screen: &Screen) -> Result<()> {
        let Some(verdict) = self.caught().filter(|_| !stop.told()) else { return Ok(()) };
        let path = format!("/v1/decisions/{}/explain", verdict.id);
        let text = client.text(&path)?;
        screen.line(&format!("\nwhy {} at {:.2}? GET {path}", verdict.outcome, verdict.score));
        let lines: Vec<&str> = text.lines().collect();
        lines.iter().take(SHOWN).for_each(|line| screen.line(&format!("  {line}")));
        if lines.len() > SHOWN {
            screen.line("  ...");
        }
        Ok(())
    }

    /// All of it as one object.
    pub(super) fn json(&self) -> Value {
        let of = |(payer, of): (Payer, &Payments)| {
            let counts = json!({
                "payments": of.payments, "declined": of.declined, "checked": of.checked,
                "let_through": of.payments - of.stopped(), "amount": of.amount, "amount_kept": of.kept,
            });
            (payer.key().to_owned(), counts)
        };
        let by_payer: serde_json::Map<String, Value> = Payer::ALL.into_iter().zip(&self.counts).map(of).collect();
        json!({
            "payments": self.payments(),
            "by_payer": by_payer,
            "decided_ms": quantiles(&self.decided_ms),
            "caught_for_example": self.caught().map(|verdict| &verdict.id),
        })
    }
}

/// What the counts mean: caught and missed, or false alarms.
fn remark(payer: Payer, of: &Payments) -> String {
    let share = of.stopped() as f64 * 100.0 / of.payments.max(1) as f64;
    match payer {
        Payer::Honest => format!("{share:.1} % false alarms"),
        _ => {
            let money = of.kept * 100.0 / of.amount.max(f64::MIN_POSITIVE);
            format!("{share:.0} % caught, {money:.0} % of the money")
        }
    }
}
