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
            routes: vec![RouteHit { route: 1, rank: 3, score: f64::NAN }].into(),
            terms: vec![Term { term: 0, value: 1e300 }].into(),
            moved: -2,
            effects: vec![
                Effect { step: Step::Rerank(1), change: Change::Moved(-2) },
                Effect { step: Step::Rerank(7), change: Change::Placed },
                Effect { step: Step::Boost(0), change: Change::Scaled(1.5) },
            ]
            .into(),
        }],
        later: vec![],
        holdout: false,
        off: vec![],
    }
}

#[test]
fn ids_are_written_as_they_are_shown() {
    for (epoch, position) in [(0, 0), (1, 9), (10, 10), (99, 100), (u32::MAX, u64::MAX)] {
        let id = DecisionId { epoch, position: Position(position) };
        let mut out = Vec::new();
        write_id(&mut out, id);
        assert_eq!(String::from_utf8(out).unwrap(), format!("\"{id}\""));
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
        next: None,
        durability_wait_us: Some(17),
    };
    let expected = serde_json::json!({
        "decision": "d2-10", "feed": "home", "plan": 3, "positions": {"rows": 9, "epoch": 8}, "now": "2026-01-01T00:00:00.001Z", "seed": u64::MAX,
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
    assert_eq!(brief["items"], serde_json::json!([{"item": "i\u{1}2", "score": 1.25}]));
    assert_eq!(brief.get("request"), None);
    assert_eq!(brief.get("next"), None);
}

/// Byte for byte: clients may have parsers of their own.
#[test]
fn an_answer_is_this_text() {
    let mut answer = answer();
    answer.removed.clear();
    let mut moved = answer.items[0].clone();
    moved.routes =
        (0..3).map(|rank| RouteHit { route: rank, rank: rank * 111, score: 0.1 * f64::from(rank) }).collect();
    moved.terms.push(Term { term: 9, value: -1.5e-7 });
    let steps = [Step::Rerank(0), Step::Policy(9), Step::Policy(10), Step::Boost(99)];
    let changes = [Change::Moved(1234), Change::Scaled(2.0), Change::Placed, Change::Moved(-10)];
    moved.effects = steps.into_iter().zip(changes).map(|(step, change)| Effect { step, change }).collect();
    answer.items.push(moved);
    let decision = DecisionId { epoch: 2, position: Position(1_000_000_007) };
    let view = AnswerView {
        decision,
        answer: &answer,
        routes: &["hot", "sim\"ilar"],
        terms: &["item.heat"],
        reranks: &["mmr", "spread"],
        detail: true,
        next: None,
        durability_wait_us: Some(100),
    };
    let mut out = Vec::new();
    write_answer(&mut out, &view);
    let expected = include_str!("golden/answer.json").trim_end();
    assert_eq!(std::str::from_utf8(&out), Ok(expected));
}

#[test]
fn an_answer_says_how_it_goes_on_and_why_it_is_empty() {
    let mut answer = answer();
    answer.request = FeedRequest {
        filter: Some("item.price < 9".into()),
        boosts: vec![Boost { by: 1.5, when: "item.new".into() }],
        pages: true,
        ..answer.request
    };
    let decision = DecisionId { epoch: 2, position: Position(10) };
    let json = |answer: &Answer, next: Option<Option<&str>>| {
        json(|out| {
            let view = AnswerView {
                decision,
                answer,
                routes: &[],
                terms: &[],
                reranks: &[],
                detail: true,
                next,
                durability_wait_us: None,
            };
            write_answer(out, &view)
        })
    };
    let first = json(&answer, Some(Some("t")));
    assert_eq!((&first["next"], &first["empty"]), (&serde_json::json!("t"), &serde_json::Value::Null));
    assert_eq!(first["request"]["boost"], serde_json::json!([{"by": 1.5, "when": "item.new"}]));
    assert_eq!((&first["request"]["filter"], &first["request"]["pages"]), (&"item.price < 9".into(), &true.into()));
    answer.items.clear();
    let page = Page { of: decision, from: 30, best: vec![], items: vec![] };
    for (removed, page, word) in [
        (true, None, "removed"),
        (true, Some(page.clone()), "removed"),
        (false, None, "no_candidates"),
        (false, Some(page), "end"),
    ] {
        answer.removed.truncate(usize::from(removed));
        if removed && answer.removed.is_empty() {
            answer.removed.push(Removal { reason: "item.in_stock".into(), count: 7, examples: vec![] });
        }
        answer.request.page = page;
        let body = json(&answer, Some(None));
        assert_eq!((&body["next"], &body["empty"]), (&serde_json::Value::Null, &serde_json::json!(word)), "{body}");
        assert!(body["note"].as_str().is_some_and(|note| note.len() > 10 && note.contains("7") == removed));
        let from = body["page"]["from"].as_u64();
        assert_eq!(from, answer.request.page.as_ref().map(|page| u64::from(page.from)));
    }
}

#[test]
fn a_list_is_its_entries() {
    let put = |key: &'static str, score, until| ListPut { list: "picks".into(), key: key.into(), score, until };
    let entries = [put("i1", Some(1.5), Some(Time(0))), put("i2", None, None)];
    let facts =
        ListFacts { list: "picks", of: "item", entries: &entries, count: 3, next: Some("i2"), position: Position(4) };
    let expected = serde_json::json!({"list": "picks", "of": "item", "count": 3, "next": "i2", "position": 4,
        "entries": [{"key": "i1", "score": 1.5, "until": "1970-01-01T00:00:00.000Z"}, {"key": "i2"}]});
    assert_eq!(json(|out| write_list(out, &facts)), expected);
    assert_eq!(json(|out| write_list(out, &ListFacts { next: None, ..facts }))["next"], serde_json::Value::Null);
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
fn of_many_refused_lines_the_first_are_named_and_the_others_counted() {
    let refusal = Refusal::new(Code::InvalidJson, "", "expected a JSON value");
    let refused: Vec<_> = (1..=100_000).map(|line| LineRefusal { line, refusal: refusal.clone() }).collect();
    let taken = [LineOutcome { line: 100_001, position: Position(7), duplicate: false }];
    let of = |count: usize| {
        let refused = &refused[..count];
        let applied =
            Applied { accepted: 1, duplicates: 0, position: Position(7), refused, taken: &taken, error: None };
        let reply = json(|out| write_applied(out, &applied));
        (reply["refused"].as_u64(), reply["results"].as_array().map(Vec::len), reply["more_refused"].as_u64())
    };
    let most = limits::REFUSED_NAMED_MAX;
    assert_eq!(of(most), (Some(most as u64), Some(most + 1), None));
    assert_eq!(of(100_000), (Some(100_000), Some(most + 1), Some(100_000 - most as u64)));
}

#[test]
fn errors_and_entities_have_one_shape() {
    let refusal = Refusal::new(Code::WrongType, "a\n", "must be \"a\"");
    let expected = serde_json::json!({"error": {"code": "wrong_type", "field": "a\n", "message": "must be \"a\""}});
    assert_eq!(json(|out| write_error(out, &refusal)), expected);
    let text = "ok &&\n \u{fc}x < 2";
    let marked = refusal.with_mark(Mark::new(text, 7..10));
    let error = json(|out| write_error(out, &marked))["error"].clone();
    assert_eq!((&error["column"], &error["caret"]), (&8.into(), &" \u{fc}x < 2\n ^^".into()));
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
