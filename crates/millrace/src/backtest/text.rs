//! The report as tables for the terminal.

use super::{moved, named, notes, outcomes, percent, shown};
use engine::{Backtest, DecidedAs, Example, Group, Kind, Labelled};
use std::fmt::Write;

/// Examples shown of one kind of change; the JSON and the page have all that are kept.
const SHOWN: usize = 3;
/// Facts shown of one example.
const FACTS: usize = 6;

pub(super) fn of(report: &Backtest, spec: &str) -> String {
    let mut out = String::new();
    head(&mut out, report, spec);
    if report.events > 0 {
        matrix(&mut out, report);
        rules(&mut out, report);
    }
    report.labels.iter().for_each(|labels| labelled(&mut out, labels, report.events));
    cost(&mut out, report);
    let changes = report.kinds.iter().filter(|kind| kind.is_change());
    changes.for_each(|kind| examples(&mut out, kind));
    notes(report).iter().for_each(|note| line(&mut out, format_args!("note     {note}")));
    out
}

/// Writing to a string does not fail.
fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
    out.push('\n');
}

fn head(out: &mut String, report: &Backtest, spec: &str) {
    let Backtest { decision, baseline, events, changed, rescored, refired, span, .. } = report;
    line(out, format_args!("decision {decision}: spec {} of the log (old) against {spec} (new)", baseline.0));
    if *events > 0 {
        line(out, format_args!("{events} events, logged {} to {}", span.0, span.1));
        let share = percent(*changed, *events);
        line(
            out,
            format_args!(
                "{changed} with another outcome ({share:.2}%); of the rest {rescored} with another score, {refired} with other rules"
            ),
        );
    }
}

fn matrix(out: &mut String, report: &Backtest) {
    let (old, new) = (outcomes(report, true), outcomes(report, false));
    let names: String = new.iter().map(|new| format!("{:>22}", named(*new))).collect();
    line(out, format_args!("\n{:<16}{names}", "old \\ new"));
    for old in old {
        let cells = new.iter().map(|new| match moved(report, old, *new) {
            (0, _) => format!("{:>22}", "-"),
            (some, all) => format!("{:>13} ({:>5.1}%)", some, percent(some, all)),
        });
        line(out, format_args!("{:<16}{}", named(old), cells.collect::<String>()));
    }
}

fn rules(out: &mut String, report: &Backtest) {
    if report.rules.is_empty() {
        return;
    }
    line(out, format_args!("\n{:<32}{:>12}{:>12}", "rule fired", "old", "new"));
    let count = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
    for rule in &report.rules {
        let name = if rule.shadow { format!("{} (shadow)", rule.rule) } else { rule.rule.clone() };
        line(out, format_args!("{name:<32}{:>12}{:>12}", count(rule.old), count(rule.new)));
    }
}

fn labelled(out: &mut String, labels: &Labelled, events: u64) {
    let Labelled { labelled, bad, strays, old, new } = labels;
    line(
        out,
        format_args!(
            "\n{labelled} of {events} events labelled, {bad} of them bad ({:.2}%); {strays} labels name no event of the range",
            percent(*bad, *labelled)
        ),
    );
    if *labelled == 0 {
        return;
    }
    let figure = |of: Option<f64>| of.map_or_else(|| "-".to_owned(), |of| format!("{of:.4}"));
    line(out, format_args!("{:<32}{:>12}{:>12}", "", "old", "new"));
    let old_auc = old.as_ref().map(|old| old.auc);
    line(out, format_args!("{:<32}{:>12}{:>12}", "auc", figure(old_auc), figure(Some(new.auc))));
    let old_ap = old.as_ref().map(|old| old.average_precision);
    let new_ap = Some(new.average_precision);
    line(out, format_args!("{:<32}{:>12}{:>12}", "average precision", figure(old_ap), figure(new_ap)));
    for (whose, quality) in [("old", old.as_ref()), ("new", Some(new))] {
        let Some(quality) = quality else { continue };
        groups(out, &format!("outcome, {whose}"), "precision", &quality.outcomes);
        groups(out, &format!("tier of the score, {whose}"), "bad share", &quality.tiers);
    }
}

fn groups(out: &mut String, what: &str, share: &str, groups: &[Group]) {
    let figure = |of: Option<f64>| of.map_or_else(|| "-".to_owned(), |of| format!("{of:.4}"));
    line(out, format_args!("{what:<32}{:>10}{:>10}{:>8}{share:>11}{:>9}", "events", "labelled", "bad", "recall"));
    for Group { name, events, labelled, bad, precision, recall } in groups {
        let (precision, recall) = (figure(*precision), figure(*recall));
        line(out, format_args!("  {name:<30}{events:>10}{labelled:>10}{bad:>8}{precision:>11}{recall:>9}"));
    }
}

fn cost(out: &mut String, report: &Backtest) {
    let (old, new) = &report.cost;
    line(out, format_args!("\n{:<32}{:>12}{:>12}", "cost", "old", "new"));
    let (was, is) = (old.ns_per_event, new.ns_per_event);
    line(out, format_args!("{:<32}{was:>12.0}{is:>12.0}", "processor time, ns per event"));
    let (was, is) = (old.state_bytes, new.state_bytes);
    line(out, format_args!("{:<32}{was:>12}{is:>12}", "state, bytes of a checkpoint"));
}

fn examples(out: &mut String, kind: &Kind) {
    let (old, new) = (named(kind.old.as_ref()), named(kind.new.as_ref()));
    line(out, format_args!("\n{old} -> {new}: {} events, the first:", kind.events));
    kind.examples.iter().take(SHOWN).for_each(|of| example(out, of));
}

fn example(out: &mut String, of: &Example) {
    let event = of.event.as_ref().map_or_else(String::new, |event| format!(" event {event}"));
    let truth = of.bad.map_or("", |bad| if bad { ", bad" } else { ", not bad" });
    line(out, format_args!("  {}{event} at {}{truth}", of.id, of.log_time));
    for (whose, side) in [("old", &of.old), ("new", &of.new)] {
        let Some(DecidedAs { outcome, score, reasons }) = side else { continue };
        let reasons = reasons.iter().map(|reason| {
            let shadow = if reason.shadow { " (shadow)" } else { "" };
            format!("{}{shadow}: {}", reason.rule, reason.text)
        });
        let reasons: Vec<String> = reasons.collect();
        let said = if reasons.is_empty() { "no rule fired".to_owned() } else { reasons.join("; ") };
        line(out, format_args!("    {whose} {outcome} {score:.4}  {said}"));
    }
    let value = |value: &Option<domain::Raw<'static>>| value.as_ref().map_or_else(|| "-".to_owned(), shown);
    for (name, old, new) in of.facts.iter().take(FACTS) {
        line(out, format_args!("    {name}: {} -> {}", value(old), value(new)));
    }
    if of.facts.len() > FACTS {
        line(out, format_args!("    and {} more", of.facts.len() - FACTS));
    }
}
