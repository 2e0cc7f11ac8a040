//! The report as JSON.

use domain::Raw;
use engine::{Backtest, DecidedAs, Example, Group, Kind, Quality, SideCost};
use serde_json::{Value, json};

pub(super) fn of(report: &Backtest, spec: &str) -> Value {
    let outcomes: Vec<Value> = report.kinds.iter().map(kind).collect();
    let rules = report
        .rules
        .iter()
        .map(|rule| json!({ "rule": rule.rule, "old": rule.old, "new": rule.new, "shadow": rule.shadow }));
    let labels = report.labels.as_ref().map(|labels| {
        json!({
            "labelled": labels.labelled,
            "bad": labels.bad,
            "strays": labels.strays,
            "old": labels.old.as_ref().map(quality),
            "new": quality(&labels.new),
        })
    });
    json!({
        "decision": report.decision,
        "spec": spec,
        "baseline": report.baseline.0,
        "in_baseline": report.in_baseline,
        "from_ms": report.span.0.0,
        "to_ms": report.span.1.0,
        "events": report.events,
        "changed": report.changed,
        "rescored": report.rescored,
        "refired": report.refired,
        "outcomes": outcomes,
        "rules": rules.collect::<Vec<_>>(),
        "scores": {
            "from": report.scores.range.0,
            "to": report.scores.range.1,
            "old": report.scores.old,
            "new": report.scores.new,
        },
        "labels": labels,
        "cost": { "old": cost(&report.cost.0), "new": cost(&report.cost.1) },
        "notes": super::notes(report),
    })
}

fn kind(kind: &Kind) -> Value {
    let examples: Vec<Value> = kind.examples.iter().map(example).collect();
    json!({ "old": kind.old, "new": kind.new, "events": kind.events, "examples": examples })
}

fn example(example: &Example) -> Value {
    let value = |value: &Option<Raw<'static>>| value.as_ref().map(raw);
    let facts = example.facts.iter().map(|(name, old, new)| {
        json!({ "fact": name, "old": value(old), "new": value(new), "in_old": old.is_some(), "in_new": new.is_some() })
    });
    json!({
        "id": example.id.to_string(),
        "event": example.event,
        "log_time_ms": example.log_time.0,
        "bad": example.bad,
        "old": example.old.as_ref().map(decided),
        "new": example.new.as_ref().map(decided),
        "facts": facts.collect::<Vec<_>>(),
    })
}

fn decided(of: &DecidedAs) -> Value {
    let reasons =
        of.reasons.iter().map(|reason| json!({ "rule": reason.rule, "reason": reason.text, "shadow": reason.shadow }));
    json!({ "outcome": of.outcome, "score": of.score, "reasons": reasons.collect::<Vec<_>>() })
}

fn quality(quality: &Quality) -> Value {
    let groups = |groups: &[Group]| -> Vec<Value> {
        let group = |group: &Group| {
            json!({
                "name": group.name,
                "events": group.events,
                "labelled": group.labelled,
                "bad": group.bad,
                "precision": group.precision,
                "recall": group.recall,
            })
        };
        groups.iter().map(group).collect()
    };
    json!({
        "auc": quality.auc,
        "average_precision": quality.average_precision,
        "outcomes": groups(&quality.outcomes),
        "tiers": groups(&quality.tiers),
        "roc": quality.roc,
    })
}

fn cost(cost: &SideCost) -> Value {
    json!({
        "cpu_ns_per_event": cost.ns_per_event.round(),
        "state_bytes": cost.state_bytes,
        "begins": cost.begins.0,
        "counted_from_ms": cost.counted.as_ref().map(|counted| counted.since.0),
    })
}

fn raw(value: &Raw<'_>) -> Value {
    match value {
        Raw::Null => Value::Null,
        Raw::Bool(bool) => json!(bool),
        Raw::Int(int) => json!(int),
        Raw::Float(float) => json!(float),
        Raw::Str(text) => json!(text),
        Raw::List(list) => Value::Array(list.iter().map(raw).collect()),
    }
}
