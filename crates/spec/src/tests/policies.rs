//! Policies: what is refused, what is only warned of, and what a plan makes of good ones.

use crate::compile;
use crate::plan::{Action, AggregateOp, Cap, Cross, Holdout, Plan, QuotaCount};
use domain::{Span, Time};

const HEAD: &str = "version: 1
entities:
  user: { fields: { country: string } }
  item: { fields: { category: string, campaign: string, grade: int, price: float } }
events: { view: { user: user, item: item }, login: { user: user } }
features: { item: { heat: 'decayed(view, 6h)' } }
feeds:
";
const USERS: &str = "  f:\n    for: user\n    recall: { hot: { top: item.heat } }\n";
const ITEMS: &str = "  f:\n    for: item\n    recall: { hot: { top: item.heat } }\n";

/// Codes, each with its line.
type Told = Vec<(&'static str, u32)>;

/// The codes of mistakes and of warnings, with lines counted from the feed's third.
fn told(feed: &str, rest: &str) -> (Told, Told) {
    let before = (HEAD.lines().count() + feed.lines().count()) as u32;
    let (list, warnings) = match compile("spec.yaml", &format!("{HEAD}{feed}{rest}")) {
        Ok(plan) => (Vec::new(), plan.warnings),
        Err(diagnostics) => (diagnostics.list, diagnostics.warnings),
    };
    let place = |of: &crate::Diagnostic| (of.code, of.line - before);
    (list.iter().map(place).collect(), warnings.iter().map(|warning| place(&warning.diagnostic)).collect())
}

/// Each text with the mistakes and warnings that it must have.
type Case = (&'static str, &'static [(&'static str, u32)], &'static [(&'static str, u32)]);

fn check(feed: &str, cases: &[Case]) {
    for (text, mistakes, warnings) in cases {
        let rest = format!("    policy:\n{text}");
        assert_eq!(told(feed, &rest), (mistakes.to_vec(), warnings.to_vec()), "{rest}");
    }
}

#[test]
fn shapes() {
    check(
        USERS,
        &[
            ("      - boost: { by: 1.2, when: item.grade > 1 }\n", &[], &[]),
            ("      - boots: { by: 1.2, when: item.grade > 1 }\n", &[("unknown_field", 2)], &[]),
            ("      - {}\n", &[("missing_field", 2)], &[]),
            ("      - boost: { by: 0.5, when: item.grade > 1 }\n", &[("out_of_range", 2)], &[]),
            ("      - bury: { by: 1.5, when: item.grade > 1 }\n", &[("out_of_range", 2)], &[]),
            ("      - boost: { by: 2 }\n", &[("missing_field", 2)], &[]),
            ("      - boost: { when: item.grade > 1 }\n", &[("missing_field", 2)], &[]),
            ("      - block: { when: item.grade }\n", &[("wrong_type", 2)], &[]),
            ("      - block: { when: item.grad > 1 }\n", &[("unknown_name", 2)], &[]),
            ("      - block: { when: item.grade > 1, wehn: 2 }\n", &[("unknown_field", 2)], &[]),
            (
                "      - block: { when: item.grade > 1 }\n        allow: { when: item.grade > 2 }\n",
                &[("several_kinds", 3)],
                &[],
            ),
            ("      - cap: { per: item, impressions: 3, in: 1d }\n", &[("out_of_range", 2)], &[]),
            ("      - cap: { impressions: 3, in: 1d }\n", &[("missing_field", 2)], &[]),
            ("      - cap: { per: user, impressions: 0, in: 1d }\n", &[("out_of_range", 2)], &[]),
            ("      - cap: { per: user, impressions: 5000, in: 1d }\n", &[("out_of_range", 2)], &[]),
            ("      - cap: { per: user, impressions: 3, in: 400d }\n", &[("out_of_range", 2)], &[]),
            ("      - cap: { per: user, impressions: 3, in: 1d, of: item.price }\n", &[("wrong_type", 2)], &[]),
            ("      - cap: { per: user, impressions: 3, in: 1d, of: item.campain }\n", &[("unknown_name", 2)], &[]),
            ("      - cap: { per: user, impressions: 3, in: 1d, event: login }\n", &[("missing_role", 2)], &[]),
            ("      - cap: { per: user, impressions: 3, in: 1d, event: shown }\n", &[("unknown_event", 2)], &[]),
            ("      - quota: { of: item, impressions: 3, in: 30s }\n", &[("out_of_range", 2)], &[]),
            ("      - quota: { of: item.grade, impressions: 3, in: 1d }\n", &[("wrong_type", 2)], &[]),
            ("      - quota: { impressions: 3, in: 1d }\n", &[("missing_field", 2)], &[]),
            ("      - quota: { of: item, impressions: 3, in: 1d, pace: slow }\n", &[("out_of_range", 2)], &[]),
            ("      - pin: { item: i1 }\n", &[("missing_field", 2)], &[]),
            ("      - pin: { item: i1, at: 0 }\n", &[("out_of_range", 2)], &[]),
            ("      - pin: { item: i1, at: 201 }\n", &[("out_of_range", 2)], &[]),
            ("      - pin: { item: i1, at: 1, from: tomorrow }\n", &[("wrong_type", 2)], &[]),
            (
                "      - pin: { item: i1, at: 1, from: 2026-02-02, until: 2026-02-02 }\n",
                &[("out_of_range", 2)],
                &[("expired", 2)],
            ),
            ("      - never_follow: { item: item.grade == 1 }\n", &[("missing_field", 2)], &[]),
            (
                "      - pin: { item: i1, at: 1, name: a }\n      - pin: { item: i2, at: 2, name: a }\n",
                &[("duplicate_name", 3)],
                &[],
            ),
        ],
    );
    assert_eq!(told(USERS, "    holdout: { share: 120% }\n").0, [("out_of_range", 1)]);
    assert_eq!(told(USERS, "    holdout: { salt: x }\n").0, [("missing_field", 1)]);
    assert_eq!(told(USERS, "    impressions: some\n").0, [("out_of_range", 1)]);
}

#[test]
fn contradictions() {
    check(
        USERS,
        &[
            ("      - pin: { item: a, at: 1 }\n      - pin: { item: b, at: 1 }\n", &[("conflict", 3)], &[]),
            (
                "      - pin: { item: a, at: 1, until: 2026-03-01 }\n      - pin: { item: b, at: 1, from: 2026-02-01 }\n",
                &[("conflict", 3)],
                &[("expired", 2)],
            ),
            (
                "      - pin: { item: a, at: 1, until: 2026-03-01 }\n      - pin: { item: b, at: 1, from: 2026-03-01 }\n",
                &[],
                &[("expired", 2)],
            ),
            (
                "      - pin: { item: a, at: 1, when: user.country == 'DE' }\n      - pin: { item: b, at: 1, when: user.country == 'FR' }\n",
                &[],
                &[],
            ),
            (
                "      - pin: { item: a, at: 1, when: user.country == 'DE' }\n      - pin: { item: b, at: 1, when: item.grade > 1 }\n",
                &[],
                &[("may_conflict", 3)],
            ),
            ("      - pin: { item: a, at: 1 }\n      - pin: { item: a, at: 2 }\n", &[], &[("may_conflict", 3)]),
            (
                "      - boost: { by: 2, when: item.grade > 1 }\n      - bury: { by: 0.5, when: item.grade  >  1 }\n",
                &[("conflict", 3)],
                &[],
            ),
            (
                "      - block: { when: item.grade > 1 }\n      - allow: { when: item.grade > 1 }\n",
                &[("conflict", 3)],
                &[],
            ),
            (
                "      - allow: { when: false }\n      - pin: { item: a, at: 1 }\n",
                &[],
                &[("empty", 2), ("unreachable", 3)],
            ),
            ("      - block: { when: true, until: 2030-01-01 }\n", &[], &[("expired", 2)]),
            ("      - boost: { by: 1, when: item.grade > 1 }\n", &[], &[("no_effect", 2)]),
            ("      - bury: { by: 0, when: false }\n", &[], &[("no_effect", 2)]),
            (
                "      - cap: { per: user, impressions: 9, in: 1d }\n      - quota: { of: item, impressions: 5, in: 1d }\n",
                &[],
                &[("no_effect", 2)],
            ),
            (
                "      - cap: { per: user, impressions: 9, in: 1d }\n      - quota: { of: item, impressions: 5, in: 1h }\n",
                &[],
                &[],
            ),
            ("      - cap: { per: user, impressions: 9, in: 1d }\n    impressions: none\n", &[], &[("no_effect", 2)]),
            ("      - block: { when: item.grade > 1 }\n    holdout: { share: 5% }\n", &[], &[("no_effect", 3)]),
        ],
    );
    check(ITEMS, &[("      - cap: { per: user, impressions: 9, in: 1d }\n", &[], &[("no_effect", 2)])]);
}

fn plan(rest: &str) -> Plan {
    compile("spec.yaml", &format!("{HEAD}{USERS}{rest}")).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

#[test]
fn caps_over_the_same_thing_share_a_list() {
    let plan = plan(
        "    policy:
      - cap: { per: user, impressions: 3, in: 1d }
      - cap: { per: user, impressions: 9, in: 7d, name: weekly }
      - cap: { per: user, impressions: 2, in: 1h, of: item.campaign }
      - quota: { of: item.campaign, impressions: 100, in: 1d, pace: even }
      - quota: { of: item.campaign, impressions: 900, in: 1d, from: 2026-01-01 }
",
    );
    let caps: Vec<Cap> = plan.feeds[0]
        .policies
        .iter()
        .filter_map(|policy| if let Action::Cap(cap) = policy.action { Some(cap) } else { None })
        .collect();
    let of = |cap: &Cap| &plan.aggregates[usize::from(cap.aggregate)];
    assert_eq!(
        caps.iter().map(|cap| (cap.impressions, of(cap).op)).collect::<Vec<_>>(),
        [
            (3, AggregateOp::CountRecents(Span::DAY)),
            (9, AggregateOp::CountRecents(Span(7 * Span::DAY.0))),
            (2, AggregateOp::CountRecents(Span(3_600_000))),
        ]
    );
    assert_eq!(of(&caps[0]).stream, of(&caps[1]).stream);
    let stream = &plan.streams[usize::from(of(&caps[0]).stream)];
    assert_eq!((stream.recents, stream.recents_window), (9, Some(Span(7 * Span::DAY.0))));
    let table = &plan.tables[usize::from(stream.table)];
    assert_eq!((table.for_caps, table.cross), (true, Some(Cross::Entity(1))));
    let texts: Vec<&str> = plan.feeds[0].policies.iter().map(|policy| policy.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "cap 3 of item in 1d per user",
            "weekly",
            "cap 2 of item.campaign in 1h per user",
            "quota 100 of item.campaign in 1d, even",
            "quota 900 of item.campaign in 1d",
        ]
    );
    let count = |anchor| QuotaCount { event: 0, of: Some(1), window: Span::DAY, anchor: Time(anchor) };
    assert_eq!(plan.quotas, [count(0), count(1_767_225_600_000)]);
}

#[test]
fn what_has_expired_is_warned_of_from_then_on() {
    let plan = plan("    policy:\n      - pin: { item: a, at: 1, until: 2026-03-01T12:00:00Z }\n");
    let end = Time(1_772_366_400_000);
    assert_eq!(plan.warnings_at(Time(end.0 - 1)).len(), 0);
    assert_eq!(plan.warnings_at(end)[0].code, "expired");
    let policy = &plan.feeds[0].policies[0];
    assert!(policy.is_in_force(Time(end.0 - 1)) && !policy.is_in_force(end));
}

#[test]
fn a_share_of_the_users_is_held_out_and_stays_so_when_the_share_grows() {
    let of = |share| Holdout { share, salt: "x".to_owned() };
    let keys: Vec<String> = (0..20_000).map(|user| format!("u{user}")).collect();
    let held = |share: f64| keys.iter().filter(|key| of(share).holds(key)).count();
    assert_eq!((held(0.0), held(1.0)), (0, 20_000));
    assert!((900..1_100).contains(&held(0.05)), "{}", held(0.05));
    assert!(keys.iter().filter(|key| of(0.05).holds(key)).all(|key| of(0.2).holds(key)));
    let other = Holdout { share: 0.05, salt: "y".to_owned() };
    assert!(keys.iter().any(|key| of(0.05).holds(key) != other.holds(key)));
}

#[test]
fn a_policy_is_part_of_its_feeds_meaning_and_what_it_counts_part_of_state() {
    let bare = plan("");
    let diff = |rest: &str| crate::diff(&bare, &plan(rest));
    let pinned = diff("    policy: [ pin: { item: a, at: 1 } ]\n");
    assert_eq!((pinned.changed, pinned.rebuild), (vec!["feed f".to_owned()], false));
    assert!(diff("    policy: [ cap: { per: user, impressions: 3, in: 1d } ]\n").rebuild);
    assert!(diff("    policy: [ quota: { of: item, impressions: 3, in: 1d } ]\n").rebuild);
}
