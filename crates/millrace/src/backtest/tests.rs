//! What is printed: figures where they belong, texts that cannot break the page, nothing loaded from elsewhere.

use super::{html, instant, json, text};
use domain::{DecisionId, PlanVersion, Position, Raw, Time};
use engine::{
    Backtest, Complete, Counted, DecidedAs, Example, Group, JudgedScore, Kind, Labelled, Quality, Reason, RuleCounts,
    ScoreBins, SideCost,
};

fn decided(outcome: &str, score: f64, rule: &str) -> Option<DecidedAs> {
    let reason = Reason { rule: rule.into(), text: "<b>\"7\" & more</b>".into(), shadow: false };
    Some(DecidedAs { outcome: outcome.into(), score, reasons: vec![reason] })
}

fn quality(shift: f64) -> Quality {
    let judged = [(0.9 + shift, true), (0.5, false), (0.2, false)].map(|(score, bad)| JudgedScore { score, bad });
    let group = |name: &str, bad| Group {
        name: name.into(),
        events: 2,
        labelled: 2,
        bad,
        precision: Some(bad as f64 / 2.0),
        recall: Some(bad as f64),
    };
    Quality {
        auc: engine::auc(&judged),
        average_precision: engine::average_precision(&judged),
        roc: engine::roc(&judged),
        outcomes: vec![group("stop", 1), group("go", 0)],
        tiers: vec![group("stop", 1), group("go", 0)],
    }
}

fn report() -> Backtest {
    let example = Example {
        id: DecisionId { epoch: 1, position: Position(9) },
        event: Some("p<9>".into()),
        log_time: Time(1_000),
        old: decided("go", 0.25, "small"),
        new: decided("stop", 0.75, "large"),
        facts: vec![("user.spent_1d".into(), None, Some(Raw::Float(240.5)))],
        bad: Some(true),
    };
    let kind = |old: &str, new: &str, events, examples| Kind {
        old: Some(old.into()),
        new: Some(new.into()),
        events,
        examples,
    };
    let counted = Counted { since: Time(5_000), whole: vec![("user.n".into(), Complete::From(Time(9_000)))] };
    Backtest {
        decision: "risk".into(),
        baseline: PlanVersion(3),
        in_baseline: true,
        events: 4,
        changed: 1,
        kinds: vec![kind("stop", "stop", 1, vec![]), kind("go", "stop", 1, vec![example]), kind("go", "go", 2, vec![])],
        rules: vec![RuleCounts { rule: "large".into(), old: None, new: Some(41), shadow: true }],
        scores: ScoreBins { range: (0.0, 1.0), old: vec![3, 1], new: vec![2, 2] },
        labels: Some(Labelled { labelled: 4, bad: 1, strays: 6, old: Some(quality(-0.6)), new: quality(0.0) }),
        cost: (SideCost::default(), SideCost { ns_per_event: 1234.4, counted: Some(counted), ..SideCost::default() }),
        ..Backtest::default()
    }
}

#[test]
fn the_terminal_has_every_table() {
    let text = text::of(&report(), "new.yaml");
    for part in [
        "decision risk: spec 3 of the log (old) against new.yaml (new)",
        "1 with another outcome (25.00%)",
        "           1 ( 33.3%)            2 ( 66.7%)",
        "large (shadow)                             -          41",
        "auc                                   0.5000      1.0000",
        "processor time, ns per event               0        1234",
        "go -> stop: 1 events, the first:",
        "event p<9> at 1970-01-01T00:00:01.000Z, bad",
        "new stop 0.7500  large: <b>",
        "user.spent_1d: - -> 240.5",
        "user.n from 1970-01-01T00:00:09.000Z",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    let empty = text::of(&Backtest { in_baseline: false, ..Backtest::default() }, "new.yaml");
    assert!(empty.contains("none is in the log yet") && empty.contains("has no decision"), "{empty}");
    assert!(!empty.contains("1970") && !html::page(&Backtest::default(), "new.yaml").contains("1970"), "{empty}");
    let behind = Backtest { span: (Time(1_000), Time(2_000)), ..Backtest::default() };
    assert!(
        text::of(&behind, "new.yaml")
            .contains("no event was decided in this range; the log reaches from 1970-01-01T00:00:01")
    );
}

#[test]
fn json_has_the_figures() {
    let json = json::of(&report(), "new.yaml");
    assert_eq!((json["events"].as_u64(), json["changed"].as_u64()), (Some(4), Some(1)));
    assert_eq!(json["labels"]["new"]["auc"], 1.0);
    assert_eq!(json["outcomes"][1]["examples"][0]["facts"][0]["new"], 240.5);
    assert_eq!(json["cost"]["new"]["counted_from_ms"], 5_000);
}

#[test]
fn the_page_stands_alone() {
    let page = html::page(&report(), "<new>.yaml");
    for part in ["&lt;new&gt;.yaml", "p&lt;9&gt;", "&lt;b&gt;&quot;7&quot; &amp; more&lt;/b&gt;", "polyline", "1234"] {
        assert!(page.contains(part), "`{part}` is not in the page");
    }
    for part in ["<script", "http:", "https:", "src=", "url(", "@import", "<new>", "NaN"] {
        assert!(!page.contains(part), "`{part}` is in the page");
    }
    assert_eq!(page.matches("<svg").count(), 3);
    assert_eq!(page.matches("<table").count(), page.matches("</table>").count());
    let empty = html::page(&Backtest::default(), "new.yaml");
    assert!(!empty.contains("<svg") && !empty.contains("NaN"));
}

#[test]
fn instants() {
    assert_eq!(instant("1970-01-02"), Ok(Time(86_400_000)));
    assert_eq!(instant("1970-01-01T00:00:01Z"), Ok(Time(1_000)));
    assert!(instant("yesterday").unwrap_err().contains("2026-11-01"));
}
