//! Windows by calendar, by fixed stretches and by session, the aggregates beside sums and counts, and what they may cost.

use super::diagnostics::{HEAD, check};
use super::{plan, refused};
use crate::plan::*;
use domain::{CalendarUnit, Span, Type, limits};

fn features(features: &str) -> Plan {
    plan(&format!("{HEAD}features: {{ user: {{ {features} }} }}\n"))
}

#[test]
fn all_windows_over_the_same_events_share_a_stream() {
    let plan = features(
        "a: 'count(view, 1h)', b: 'rate(view, 1h)', c: 'count(view, day(\"Europe/Berlin\"))', d: 'count(view, tumbling(10m))', \
         e: 'count(view, previous(day(\"europe/berlin\")))', f: 'count(view, session(30m))', g: 'count(view, week())', \
         h: 'time_since(view)', i: 'streak(view, day(\"Europe/Berlin\"))', j: 'decayed(view, 1h)'",
    );
    let [stream] = &plan.streams[..] else { panic!("one stream: {:?}", plan.streams) };
    let calendars: Vec<(CalendarUnit, &str)> = plan.calendars.iter().map(|of| (of.unit, of.zone.name())).collect();
    assert_eq!(calendars, [(CalendarUnit::Day, "Europe/Berlin"), (CalendarUnit::Week, "UTC")]);
    let levels = [
        PaneLevel::Sliding { width: Span(60_000), window: Span(3_600_000) },
        PaneLevel::Calendar { calendar: 0, back: limits::STREAK_PERIODS_MAX },
        PaneLevel::Tumbling { width: Span(600_000), back: 0 },
        PaneLevel::Sessions { gap: Span(1_800_000) },
        PaneLevel::Calendar { calendar: 1, back: 0 },
    ];
    assert_eq!(stream.panes, levels);
    assert!(stream.newest && stream.half_lives.len() == 1 && stream.recents == 0);
}

#[test]
fn all_functions_of_a_value_share_a_stream() {
    let plan = features(
        "a: 'sum(view, dwell, 1h)', b: 'var(view, dwell, 1h)', c: 'stddev(view, dwell, 1h)', d: 'first(view, dwell, 1h)', \
         e: 'last(view, dwell, day())', f: 'max(view,dwell,session(5m))', g: 'last_n(view, dwell, 5)', \
         h: 'last_n(view, dwell, 9)', i: 'last_n(view, page, 3)', j: 'streak(view, dwell > 3s)', \
         k: 'streak(view, dwell>3s)', l: 'time_since(view, dwell > 3s)', m: 'count(view, 1h, dwell  > 3s)'",
    );
    assert_eq!(plan.streams.len(), 5, "values, their list, the list of pages, the list of conditions, what passes");
    let parts = &plan.streams[0].parts;
    assert!(parts.sum && parts.variance && parts.first && parts.last && parts.max && !parts.min);
    assert_eq!(plan.streams[1].recents, 9);
    let types: Vec<&Type> = plan.features.iter().map(|feature| feature.program.ty()).collect();
    let list = |of| Type::List(Box::new(of));
    assert_eq!(types[6..9], [&list(Type::Span), &list(Type::Span), &list(Type::Str)]);
    assert_eq!(types[9..], [&Type::Float, &Type::Float, &Type::Span, &Type::Float]);
}

#[test]
fn mistakes() {
    check(
        HEAD,
        &[
            ("features: { user: { a: 'count(view, day(\"Europe/Berln\"))' } }\n", "unknown_zone", 8, 41, "IANA"),
            ("features: { user: { a: 'count(view, day(1))' } }\n", "wrong_type", 8, 41, "time zone must be a text"),
            ("features: { user: { a: 'count(view, day(\"UTC\", 1))' } }\n", "wrong_arity", 8, 37, "one argument"),
            ("features: { user: { a: 'count(view, year())' } }\n", "wrong_type", 8, 37, "is not a window"),
            ("features: { user: { a: 'count(view, previous(7d))' } }\n", "wrong_type", 8, 37, "previous(week())"),
            ("features: { user: { a: 'count(view, session(100d))' } }\n", "out_of_range", 8, 45, "the gap is 100d"),
            ("features: { user: { a: 'count(view, session(5))' } }\n", "wrong_type", 8, 45, "session(30m)"),
            ("features: { user: { a: 'count(view, tumbling(1ms))' } }\n", "out_of_range", 8, 46, "the length is 1ms"),
            ("features: { user: { a: 'count(view, dwell)' } }\n", "wrong_type", 8, 37, "must be a window"),
            ("features: { user: { a: 'rate(view, day())' } }\n", "wrong_type", 8, 36, "a duration as the window"),
            ("features: { user: { a: 'var(view, dwell)' } }\n", "wrong_arity", 8, 25, "var(event, value, window)"),
            ("features: { user: { a: 'stddev(view, page, 1h)' } }\n", "wrong_type", 8, 38, "takes numbers"),
            ("features: { user: { a: 'first(view, dwell, 1h, 2)' } }\n", "wrong_type", 8, 48, "condition"),
            ("features: { user: { a: 'time_since()' } }\n", "wrong_arity", 8, 25, "time_since(event)"),
            ("features: { user: { a: 'time_since(vew)' } }\n", "unknown_event", 8, 36, "view"),
            ("features: { user: { a: 'last_n(view, dwell, 1h)' } }\n", "wrong_type", 8, 45, "must be a count"),
            ("features: { user: { a: 'last_n(view, dwell, 5000)' } }\n", "out_of_range", 8, 45, "from 1 to 4096"),
            ("features: { user: { a: 'streak(view, dwell)' } }\n", "wrong_type", 8, 38, "meet a condition"),
            ("features: { user: { a: 'before(count(view, 1h))' } }\n", "not_here", 8, 25, "decision"),
            ("budget: 5\n", "wrong_type", 8, 9, "a map"),
            ("budget: { bytes: 5 }\n", "unknown_field", 8, 11, "bytes_per_key"),
            ("budget: { bytes_per_key: 0 }\n", "out_of_range", 8, 26, "from 1 to 4194304"),
            ("budget: { ns_per_event: 200000 }\n", "out_of_range", 8, 25, "from 1 to 100000"),
        ],
    );
}

#[test]
fn a_spec_over_its_budget_is_refused_with_what_costs_most() {
    let spec = |budget: &str| {
        format!(
            "{HEAD}features: {{ user: {{ a: 'count(view, 90d)', b: 'sum(view, dwell, 7d)', c: 'b / a' }} }}\nbudget: {budget}\n"
        )
    };
    let within = plan(&spec("{ bytes_per_key: 4000, ns_per_event: 1000 }"));
    let summary = within.describe();
    let bytes = summary.tables[0].bytes_per_key;
    let (event, ns) = summary.costliest_event.unwrap();
    assert_eq!(event, "view");
    let exactly = format!("{{ bytes_per_key: {bytes}, ns_per_event: {ns} }}");
    plan(&spec(&exactly));
    for (budget, said) in [
        (format!("{{ bytes_per_key: {} }}", bytes - 1), format!("need {bytes} bytes")),
        (format!("{{ ns_per_event: {} }}", ns - 1), format!("takes about {ns} ns")),
    ] {
        let wrong = refused(&spec(&budget));
        let [only] = &wrong.list[..] else { panic!("one mistake: {wrong}") };
        assert_eq!((only.code, only.line, only.column), ("over_budget", 8, 13));
        assert!(only.message.contains(&said), "{wrong}");
        let help = only.help.as_deref().unwrap();
        assert!(help.contains("`user.a` (") && help.contains("`user.b` ("), "{help}");
    }
}

#[test]
fn costs_grow_with_what_is_kept() {
    let cost = |feature: &str| {
        let of = &features(&format!("a: '{feature}'")).describe().tables[0].features[0];
        (of.bytes_per_key, of.ns_per_event)
    };
    let cheapest_first = [
        "count(view, tumbling(1h))",
        "count(view, session(30m))",
        "count(view, 7d)",
        "stddev(view, dwell, 7d)",
        "stddev(view, dwell, 7d, page == \"x\") + count(view, 1m)",
    ];
    let costs: Vec<(usize, u64)> = cheapest_first.iter().map(|feature| cost(feature)).collect();
    assert!(costs.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{costs:?}");
}
