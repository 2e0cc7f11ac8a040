use super::*;
use crate::batch::LineRefusal;
use domain::*;
use proptest::prelude::*;

fn json(write: impl FnOnce(&mut Vec<u8>)) -> serde_json::Value {
    let mut out = Vec::new();
    write(&mut out);
    serde_json::from_slice(&out).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&out)))
}

fn answer() -> Answer {
    Answer {
        request: FeedRequest {
            recent: vec!["i1".into()],
            context: vec![("country".into(), Raw::Str("DE".into())), ("n".into(), Raw::Int(-1))],
            seed: u64::MAX,
            deadline: Some(Span(20)),
            ..FeedRequest::new("home", Subject::User("u\"1".into()), 10)
        },
        plan: PlanVersion(3),
        rows: Position(9),
        epoch: Position(8),
        now: Time(1_767_225_600_001),
        effort: Effort { routes_run: 2, candidates_scored: 300, reranked: true },
        route_counts: vec![200, 3],
        candidates: 201,
        removed: vec![Removal { reason: "!seen(item, 30d)".into(), count: 7, examples: vec!["i3".into()] }],
        items: vec![Recommended {
            item: "i\u{1}2".into(),
            score: 1.25,
            routes: vec![RouteHit { route: 1, rank: 3, score: f64::NAN }],
            terms: vec![Term { term: 0, value: 1e300 }],
            moved: -2,
            effects: vec![
                Effect { step: Step::Rerank(1), change: Change::Moved(-2) },
                Effect { step: Step::Rerank(7), change: Change::Placed },
                Effect { step: Step::Boost(0), change: Change::Scaled(1.5) },
            ],
        }],
        later: vec![],
        holdout: false,
    }
}

#[test]
fn an_answer_is_written_in_full() {
    let answer = answer();
    let decision = DecisionId { epoch: 2, position: Position(10) };
    let view = AnswerView {
        decision,
        answer: &answer,
        routes: &["hot", "similar"],
        terms: &["item.heat"],
        reranks: &["mmr", "spread"],
        detail: true,
        durability_wait_us: Some(17),
    };
    let expected = serde_json::json!({
        "decision": "d2-10", "feed": "home", "plan": 3, "positions": {"rows": 9, "epoch": 8}, "now": "2026-01-01T00:00:00.001Z",
        "items": [{"item": "i\u{1}2", "score": 1.25, "routes": [{"route": "similar", "rank": 3, "score": null}],
            "terms": [{"term": "item.heat", "value": 1e300}], "moved": -2,
            "effects": [{"step": "rerank 2: spread", "moved": -2}, {"step": "rerank 8", "placed": true},
                {"step": "boost 1", "scaled": 1.5}]}],
        "removed": [{"reason": "!seen(item, 30d)", "count": 7, "examples": ["i3"]}],
        "effort": {"routes_run": 2, "candidates_scored": 300, "reranked": true},
        "counts": {"hot": 200, "similar": 3}, "candidates": 201,
        "request": {"user": "u\"1", "recent": ["i1"], "exclude": [], "context": {"country": "DE", "n": -1}, "count": 10,
            "seed": u64::MAX, "deadline": "20ms"},
        "durability_wait_us": 17,
    });
    assert_eq!(json(|out| write_answer(out, &view)), expected);
    let brief =
        json(|out| write_answer(out, &AnswerView { detail: false, durability_wait_us: None, routes: &[], ..view }));
    assert_eq!(brief["removed"][0]["examples"], serde_json::Value::Null);
    assert_eq!(brief["counts"]["1"], 3);
}

#[test]
fn results_come_in_line_order() {
    let refusal = Refusal::new(Code::UnknownEvent, "event", "no such event");
    let refused = [2, 4].map(|line| LineRefusal { line, refusal: refusal.clone() });
    let taken = [1, 3].map(|line| LineOutcome { line, position: Position(u64::from(line) + 10), duplicate: line == 3 });
    let applied = Applied {
        accepted: 1,
        duplicates: 1,
        position: Position(13),
        refused: &refused,
        taken: &taken,
        error: Some(&refusal),
    };
    let bad = |line: u32| serde_json::json!({"line": line, "code": "unknown_event", "field": "event", "message": "no such event"});
    let expected = serde_json::json!({
        "accepted": 1, "duplicates": 1, "refused": 2, "position": 13,
        "results": [{"line": 1, "position": 11, "duplicate": false}, bad(2), {"line": 3, "position": 13, "duplicate": true}, bad(4)],
        "error": {"code": "unknown_event", "field": "event", "message": "no such event"},
    });
    assert_eq!(json(|out| write_applied(out, &applied)), expected);
    let none = Applied { refused: &[], taken: &[], error: None, ..applied };
    assert_eq!(json(|out| write_applied(out, &none))["results"], serde_json::json!([]));
}

#[test]
fn errors_and_entities_have_one_shape() {
    let refusal = Refusal::new(Code::WrongType, "a\n", "must be \"a\"");
    let expected = serde_json::json!({"error": {"code": "wrong_type", "field": "a\n", "message": "must be \"a\""}});
    assert_eq!(json(|out| write_error(out, &refusal)), expected);
    let fields = [("tags".to_owned(), Raw::List(vec![Raw::Str("a".into()), Raw::Null]))];
    let features = [("heat".to_owned(), Raw::Float(0.5)), ("n".to_owned(), Raw::Int(3))];
    let facts = EntityFacts {
        entity: "item",
        key: "i1",
        fields: &fields,
        features: &features,
        position: Position(4),
        now: Time(0),
    };
    let expected = serde_json::json!({"entity": "item", "key": "i1", "fields": {"tags": ["a", null]},
        "features": {"heat": 0.5, "n": 3}, "position": 4, "now": "1970-01-01T00:00:00.000Z"});
    assert_eq!(json(|out| write_entity(out, &facts)), expected);
}

proptest! {
    #[test]
    fn texts_and_numbers_survive_the_round_trip(text in any::<String>(), float in any::<f64>(), int in any::<i64>(), uint in any::<u64>()) {
        prop_assert_eq!(json(|out| write_text(out, &text)), serde_json::Value::from(text));
        prop_assert_eq!(json(|out| write_int(out, int)), serde_json::Value::from(int));
        prop_assert_eq!(json(|out| write_uint(out, uint)), serde_json::Value::from(uint));
        let mut out = Vec::new();
        write_float(&mut out, float);
        let read: Option<f64> = std::str::from_utf8(&out).unwrap().parse().ok();
        prop_assert_eq!(read.map(f64::to_bits), float.is_finite().then_some(float.to_bits()));
        prop_assert!(crate::check(&out).is_ok());
    }
}
