//! Patterns and alarms: what they become in the plan, and how mistakes in them are told.

use super::diagnostics::check;
use crate::plan::{PatternKind, StreamValue};
use crate::{compile, diff, interim, state_digest};
use domain::limits;

const HEAD: &str = "version: 1
entities: { user: { fields: { country: string } }, device: {} }
events: { a: { user: user }, b: { user: user, fields: { n: float, word: string } }, c: { device: device } }
features: { user: { s: 'seq(a, b(n > 1.0), 1m)', k: 'count(b, 1h)', h: 'held(k > 3, 5s)', big: k > 2, t: 'absent(b, a, 1m)' }, user.device: {} }
";

#[test]
fn every_pattern_has_a_stream_of_its_own() {
    let text = "version: 1\nevents: { a: { user: user }, b: { user: user, fields: { n: float } } }\nfeatures:\n  user:\n    \
                again: seq(a, a, b(n > 1.0), 10m)\n    same: seq( a,a, b(n>1.0), 10m )\n    gone: absent(b, a, 30m)\n    \
                high: held(b, n > 2.0, 5s)\n    few: count(b, 1m) < 3.0\n    long: held(few && big, 7s)\n    big: sum(b, n, 1h) > 1.0\n";
    let plan = compile("spec.yaml", text).unwrap_or_else(|wrong| panic!("{wrong}"));
    let patterns = plan.streams.iter().filter_map(|stream| match &stream.value {
        StreamValue::Pattern(pattern) => Some((pattern.kind.name(), pattern.span.0, stream.events.clone())),
        _ => None,
    });
    let expected = [
        ("seq", 600_000, vec![1, 2]),
        ("absent", 1_800_000, vec![1, 2]),
        ("held", 5_000, vec![2]),
        ("held", 7_000, vec![2]),
    ];
    assert_eq!(patterns.collect::<Vec<_>>(), expected, "equal ones share one");
    let held = plan.streams.iter().find_map(|stream| match &stream.value {
        StreamValue::Pattern(pattern) => match &pattern.kind {
            PatternKind::Held(over) => Some(over.clone()),
            _ => None,
        },
        _ => None,
    });
    let held = held.expect("one is held over the row");
    assert_eq!(held.facts.len(), 4, "two features and what they count");
    assert!(held.meaning.contains("sum(b,n,1h)"), "{}", held.meaning);
}

#[test]
fn a_feature_that_a_held_condition_reads_is_part_of_the_state() {
    let with = |limit: &str| {
        let text = format!(
            "version: 1\nevents: {{ a: {{ user: user }} }}\nfeatures: {{ user: {{ many: 'count(a, 1h) > {limit}', h: \
             'held(many, 5s)' }} }}\n"
        );
        compile("spec.yaml", &text).unwrap_or_else(|wrong| panic!("{wrong}"))
    };
    let (three, four) = (with("3"), with("4"));
    assert_eq!(state_digest(&three), state_digest(&with("3 ")));
    assert_ne!(state_digest(&three), state_digest(&four), "what was held was another condition");
    assert!(diff(&three, &four).rebuild);
    let between = interim(&three, "spec.yaml", &four.text).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(state_digest(&between), state_digest(&three));
}

#[test]
fn alarms_change_no_state() {
    let plain = compile("spec.yaml", HEAD).unwrap_or_else(|wrong| panic!("{wrong}"));
    let text =
        format!("{HEAD}alarms: {{ x: {{ of: user, when: s && k > 2, reason: '{{k}} of them', tags: [hot] }} }}\n");
    let alarmed = compile("spec.yaml", &text).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(state_digest(&plain), state_digest(&alarmed));
    let diff = diff(&plain, &alarmed);
    assert_eq!((diff.added, diff.rebuild), (vec!["alarm x".to_owned()], false));
    assert_eq!((alarmed.alarms[0].name.as_str(), alarmed.alarm("x")), ("x", Some(0)));
    assert_eq!(alarmed.alarms_of(alarmed.alarms[0].table).count(), 1);
}

#[test]
fn mistakes_in_patterns() {
    let head = "version: 1
entities: { user: { fields: { country: string } }, device: {} }
events: { a: { user: user }, b: { user: user, fields: { n: float, word: string } }, c: { device: device } }
";
    check(
        head,
        &[
            ("features: { user: { x: 'seq(a, bb, 1m)' } }\n", "unknown_event", 4, 32, "is not an event"),
            ("features: { user: { x: 'seq(a, 1m)' } }\n", "wrong_arity", 4, 25, "write `seq("),
            ("features: { user: { x: 'seq(a, c, 1m)' } }\n", "missing_role", 4, 32, "names no `user`"),
            ("features: { user: { x: 'seq(a, b, 91d)' } }\n", "out_of_range", 4, 35, "from 1s to 90d"),
            ("features: { user: { x: 'seq(a, b, b)' } }\n", "wrong_type", 4, 35, "must be a duration"),
            ("features: { user: { x: 'seq(a, b(n), 1m)' } }\n", "wrong_type", 4, 34, "a filter must be a condition"),
            (
                "features: { user: { x: 'seq(a, b(m > 1.0), 1m)' } }\n",
                "unknown_name",
                4,
                34,
                "not a field of the event",
            ),
            ("features: { user: { x: 'seq(a, 3, 1m)' } }\n", "wrong_type", 4, 32, "the name of an event"),
            ("features: { user: { x: 'seq(a,a,a,a,a,a,a,a,a, 1m)' } }\n", "wrong_arity", 4, 25, "takes 3 to 9"),
            ("features: { user: { x: 'absent(b, a)' } }\n", "wrong_arity", 4, 25, "write `absent("),
            ("features: { user: { x: 'absent(b, a, 0.5s)' } }\n", "out_of_range", 4, 38, "from 1s to 90d"),
            ("features: { user: { x: 'held(true, 5s)' } }\n", "wrong_type", 4, 30, "counts nothing"),
            ("features: { user: { x: 'held(count(b, 1h), 5s)' } }\n", "wrong_type", 4, 30, "a condition (bool)"),
            (
                "features: { user: { x: 'held(user.country == \"DE\", 5s)' } }\n",
                "not_here",
                4,
                30,
                "only features of `user`",
            ),
            ("features: { user: { x: 'held(seq(a, b, 1m), 5s)' } }\n", "nested_aggregate", 4, 30, "a && b"),
            ("features: { user: { s: 'seq(a, b, 1m)', x: 'held(s, 5s)' } }\n", "nested_aggregate", 4, 50, "a && b"),
            ("features: { user: { x: 'held(y > 1.0, 5s)' } }\n", "unknown_name", 4, 30, "not a feature of `user`"),
            (
                "features: { user: { x: 'held(last_n(b, word, 3).exists(w, w.size() > 3), 5s)' } }\n",
                "not_here",
                4,
                30,
                "functions of text",
            ),
            ("features: { user: { x: 'held(x && count(b, 1h) > 1, 5s)' } }\n", "cycle", 4, 24, "user.x -> user.x"),
            (
                "features: { device: { n: 'count(c, 1h)' }, user: { x: 'held(device.n > 1.0, 5s)' } }\n",
                "not_here",
                4,
                61,
                "cannot be read here",
            ),
        ],
    );
}

#[test]
fn mistakes_in_alarms() {
    check(
        HEAD,
        &[
            ("alarms: { x: { of: user } }\n", "missing_field", 5, 11, "`when`"),
            ("alarms: { x: { when: s } }\n", "missing_field", 5, 11, "`of`"),
            ("alarms: { x: { of: shop, when: s } }\n", "unknown_entity", 5, 20, "not an entity type"),
            ("alarms: { x: { of: device, when: s } }\n", "unknown_name", 5, 20, "has no features"),
            ("alarms: { x: { of: user, when: k > 3 } }\n", "no_pattern", 5, 32, "`seq`, `absent` or `held`"),
            ("alarms: { x: { of: user, when: s, level: 3 } }\n", "unknown_field", 5, 35, "not a field of an alarm"),
            ("alarms: { x: { of: user, when: k } }\n", "wrong_type", 5, 32, "a condition (bool)"),
            ("alarms: { x: { of: user, when: ss } }\n", "unknown_name", 5, 32, "known here: big, h, k"),
            ("alarms: { x: { of: user, when: 'seq(a, b, 1m)' } }\n", "not_here", 5, 33, "declare a feature"),
            (
                "alarms: { x: { of: user, when: s && user.country == 'DE' } }\n",
                "not_here",
                5,
                37,
                "only features of `user`",
            ),
            (
                "alarms: { x: { of: user, when: s, reason: '{kk} of them' } }\n",
                "unknown_name",
                5,
                45,
                "known here: big, h, k",
            ),
            ("alarms: { x y: { of: user, when: s } }\n", "bad_name", 5, 11, "the name of an alarm"),
        ],
    );
}

#[test]
fn alarms_wait_for_so_many_patterns_at_most() {
    let most = limits::TIMERS_PER_ROW_MAX;
    let spec = |count: usize| {
        let features: String = (0..count).map(|n| format!("    f{n}: absent(b, a, {}s)\n", n + 1)).collect();
        let alarms: String = (0..count).map(|n| format!("  w{n}: {{ of: user, when: f{n} }}\n")).collect();
        format!(
            "version: 1\nevents: {{ a: {{ user: user }}, b: {{ user: user }} }}\nfeatures:\n  user:\n{features}alarms:\n{alarms}"
        )
    };
    assert!(compile("spec.yaml", &spec(most)).is_ok());
    let refused = compile("spec.yaml", &spec(most + 1)).expect_err("one too many");
    assert_eq!(refused.list[0].code, "too_many");
}

#[test]
fn what_the_docs_show_compiles() {
    let docs = include_str!("../../../../docs/spec.md");
    let block = |heading: &str| {
        let section = &docs[docs.find(heading).unwrap()..];
        section.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap()
    };
    let named = |names: &str| names.split(' ').map(|name| format!("  {name}: {{ user: user }}\n")).collect::<String>();
    let events = named("login_failed password_change purchase basket");
    let valued =
        "  payment: { user: user, fields: { amount: float } }\n  reading: { user: user, fields: { value: float } }\n";
    let (features, alarms) = (block("### Patterns in time\n"), block("## Alarms\n"));
    let text = format!("version: 1\nevents:\n{events}{valued}{features}{alarms}");
    let plan = compile("docs", &text).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!((plan.alarms.len(), plan.features.len()), (1, 5));
}
