use super::*;
use crate::world::{SPEC, request, user};
use domain::{Change, Effect, Effort, PlanVersion, RouteHit, Step, Term};

/// An answer of the feed `home` of the test spec.
pub(crate) fn sample() -> Answer {
    let first = Recommended {
        item: "i2".into(),
        score: 0.75,
        routes: vec![RouteHit { route: 0, rank: 11, score: 8.5 }, RouteHit { route: 2, rank: 2, score: 0.25 }].into(),
        terms: vec![
            Term { term: 0, value: 0.5 },
            Term { term: 2, value: 0.25 },
            Term { term: 3, value: 0.125 },
            Term { term: 4, value: -0.125 },
        ]
        .into(),
        moved: 2,
        effects: vec![Effect { step: Step::Rerank(0), change: Change::Moved(2) }].into(),
    };
    let second = Recommended {
        item: "i7".into(),
        score: 0.015625,
        routes: vec![RouteHit { route: 0, rank: 3, score: 9.0 }].into(),
        terms: vec![].into(),
        moved: -1,
        effects: vec![Effect { step: Step::Rerank(0), change: Change::Moved(-1) }].into(),
    };
    Answer {
        request: request("home", user("u1"), 2),
        plan: PlanVersion(3),
        rows: Position(900),
        epoch: Position(898),
        now: Time(1_700_000_000_000),
        effort: Effort { routes_run: 3, candidates_scored: 64, reranked: true },
        route_counts: vec![20, 5, 30, 0, 0],
        candidates: 80,
        removed: vec![
            Removal { reason: "exclude".into(), count: 1, examples: vec!["i1".into()] },
            Removal { reason: "item.in_stock".into(), count: 3, examples: vec!["i3".into(), "i4".into()] },
        ],
        items: vec![first, second],
        later: vec![],
        holdout: false,
        off: vec![],
    }
}

#[test]
fn text_is_readable() {
    let plan = spec::compile("test.yaml", SPEC).unwrap();
    let explanation = explain(&plan, &sample());
    assert_eq!(
        explanation.to_string(),
        "\
feed home, plan 3, at 2023-11-14T22:13:20.000Z: the subject's events up to 900, everyone's up to 898
recall   hot 20, busy 5, similar 30, fresh skipped, again skipped, together 80
removed  1 by exclude: i1
removed  3 by item.in_stock: i3, i4, ...
rank     64 of 80 scored
rerank   spread
skipped  no time for the routes: fresh, again
skipped  no time to score 16 of 80 candidates; they follow in fused order
   1. i2  0.750000  hot (rank 12), similar (rank 3); most by item.conversion; moved down 2 by rerank 1 (spread)
        +0.500000  item.conversion
          missing  0.5 * user.category.share_7d
        +0.250000  0.1 * recall.similar
        +0.125000  recall.score
        -0.125000  -0.001 * item.price
   2. i7  fused 0.015625  hot (rank 4); moved up 1 by rerank 1 (spread)
"
    );
    assert_eq!((explanation.left, explanation.scored, explanation.reranked), (80, Some(64), Some(true)));
    assert!(!explanation.items[1].scored);
}

#[test]
fn another_plan_is_no_panic() {
    let other = SPEC.replace("  home:", "  start:");
    let plan = spec::compile("test.yaml", &other).unwrap();
    let explanation = explain(&plan, &sample());
    assert_eq!(explanation.routes[2].route, "route 3");
    assert!(explanation.items[0].terms.is_empty());
}
