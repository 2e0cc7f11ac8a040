//! Broken decisions of every kind: never a panic, always a place inside the file; and large ones in bounded time.

use super::{HEAD, plan, with};
use crate::compile;
use crate::tests::mutations::{PIECES, check};
use proptest::prelude::*;

/// One decision with everything in it.
const WHOLE: &str = "  d:
    on: order
    outcomes: [decline, act, check, label]
    score: scorecards.risk / 100 + 0.1 * n
    rules:
      - { id: a, when: user.share_1h > 3 && before(user.twice) < 2, score: user.category.share_7d, reason: 'x {n} {{y}}' }
      - { id: b, when: \"listed(user, blocked)\", outcome: decline, share: { of: 10%, by: device, salt: x }, shadow: true }
      - { id: c, when: device.cards_10m >= 5, outcome: check, from: 2026-12-01, until: 2027-01-01, tags: [v] }
    tables:
      t:
        hit: first
        inputs: { c: item.category, n: n, vip: user.vip }
        rows:
          - { c: [US, DE], n: \"> 5\", vip: true, outcome: decline }
          - { n: 1..5, score: 0.5 }
          - { score: 0 }
    scorecards:
      risk:
        base: 1
        points:
          n: { of: n, bins: [{ below: 3, points: 1 }, { points: 2 }], missing: 3, reason: '{n}' }
          c: { of: item.category, values: { a: 1, b: 2 }, otherwise: 0 }
    tiers: { act: 0.9, check: 0.5, otherwise: label }
    deadline: 50ms
    fallback: check
";

#[test]
fn the_whole_is_good() {
    assert_eq!(plan(&with(WHOLE)).decisions[0].rules.len(), 6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn mutated_decisions_never_panic(edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, any::<prop::sample::Index>()), 1..5)) {
        let mut text: Vec<char> = WHOLE.chars().collect();
        for (at, remove, piece) in edits {
            let start = at.index(text.len());
            let end = (start + remove).min(text.len());
            text.splice(start..end, PIECES[piece.index(PIECES.len())].chars());
        }
        check(&with(&text.into_iter().collect::<String>()));
    }
}

#[test]
fn every_prefix_is_read_or_refused() {
    (0..WHOLE.len()).step_by(3).for_each(|end| check(&with(&WHOLE[..end])));
}

#[test]
fn ten_thousand_rules_are_taken_and_more_are_refused() {
    let rules = |count: usize, when: &str| {
        let rule =
            |n: usize| format!("      - {{ id: r{n}, when: {}, score: 0.1 }}\n", when.replace('N', &n.to_string()));
        with(&format!(
            "  d:\n    on: order\n    otherwise: y\n    rules:\n{}",
            (0..count).map(rule).collect::<String>()
        ))
    };
    assert_eq!(plan(&rules(10_000, "n > N && device.cards_10m >= 5")).decisions[0].rules.len(), 10_000);
    for bad in ["n > Nx", "m > N", "n", "item.price > device.cards_N"] {
        let Err(diagnostics) = compile("spec.yaml", &rules(10_000, bad)) else { panic!("{bad} is taken") };
        assert_eq!(diagnostics.list.len(), 100, "{bad}");
    }
    assert!(HEAD.len() < 2_000);
    let padded = rules(10_000, "n > N") + &"#".repeat(domain::limits::SPEC_BYTES_MAX);
    let Err(diagnostics) = compile("spec.yaml", &padded) else { panic!("too large a spec is taken") };
    assert_eq!(diagnostics.list.len(), 1, "{diagnostics}");
}
