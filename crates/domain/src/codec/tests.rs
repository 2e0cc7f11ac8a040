use super::*;
use crate::*;
use proptest::prelude::*;

fn review(act: ReviewAct<'static>) -> Payload<'static> {
    let case = DecisionId { epoch: 3, position: Position(4711) };
    Payload::Review(Review { case, decision: "risk".into(), by: "anna".into(), act })
}

fn samples() -> Vec<Payload<'static>> {
    let fields = vec![
        Field { name: "user".into(), value: Raw::Str("ü1".into()) },
        Field { name: "n".into(), value: Raw::Int(i64::MIN) },
        Field { name: "x".into(), value: Raw::Float(-0.5) },
        Field { name: "none".into(), value: Raw::Null },
        Field { name: "tags".into(), value: Raw::List(vec![Raw::Str("a".into()), Raw::Bool(true)]) },
    ];
    let item = Recommended {
        item: "i2".into(),
        score: 1.25,
        routes: vec![RouteHit { route: 1, rank: 3, score: 0.5 }].into(),
        terms: vec![Term { term: 0, value: 1.25 }].into(),
        moved: -2,
        effects: vec![
            Effect { step: Step::Rerank(0), change: Change::Moved(-2) },
            Effect { step: Step::Policy(300), change: Change::Placed },
            Effect { step: Step::Boost(1), change: Change::Scaled(0.5) },
        ]
        .into(),
    };
    let request = FeedRequest {
        recent: vec!["i1".into()],
        context: vec![("country".into(), Raw::Str("DE".into()))],
        exclude: vec!["i9".into()],
        seed: u64::MAX,
        deadline: Some(Span(20)),
        filter: Some("item.price < 9".into()),
        boosts: vec![Boost { by: 1.5, when: "item.new".into() }],
        pages: true,
        page: Some(Page {
            of: DecisionId { epoch: 2, position: Position(7) },
            from: 10,
            best: vec![0.5, -1.0],
            items: vec![item.clone()],
        }),
        ..FeedRequest::new("home", Subject::User("u1".into()), 10)
    };
    let answer = Answer {
        request,
        plan: PlanVersion(3),
        rows: Position(900),
        epoch: Position(u64::MAX),
        now: Time(-5),
        effort: Effort { routes_run: 2, candidates_scored: 300, reranked: true },
        route_counts: vec![200, 3],
        candidates: 201,
        removed: vec![Removal { reason: "item.in_stock".into(), count: 7, examples: vec!["i3".into()] }],
        items: vec![item.clone()],
        later: vec![item],
        holdout: true,
        off: vec![1, 31],
    };
    vec![
        Payload::Event(Event {
            kind: "view".into(),
            source: "".into(),
            id: Some("e1".into()),
            time: Some(Time(17)),
            fields: fields.clone(),
        }),
        Payload::Event(Event { kind: "v".into(), source: "web".into(), id: None, time: None, fields: vec![] }),
        Payload::Upsert(Upsert { entity: "item".into(), key: "i1".into(), fields }),
        Payload::Delete { entity: "item".into(), key: "i1".into() },
        Payload::Spec("version: 1\n".into()),
        Payload::Tick,
        Payload::ListPut(ListPut {
            list: "picks".into(),
            key: "i1".into(),
            score: Some(-0.25),
            until: Some(Time(i64::MAX)),
        }),
        Payload::ListPut(ListPut { list: "vip".into(), key: "ü".into(), score: None, until: None }),
        Payload::ListDelete { list: "picks".into(), key: "i1".into() },
        review(ReviewAct::Claim { lease: Span(60_000) }),
        review(ReviewAct::Release),
        review(ReviewAct::Decide { answer: "fraud".into(), reason: "he said so".into() }),
        Payload::SpecReason("a guard of risk is broken".into()),
        Payload::FallbacksGiven(FallbacksGiven {
            decision: "risk".into(),
            on: [(1, 7), (u32::MAX, u64::MAX)].map(|(epoch, at)| DecisionId { epoch, position: Position(at) }).to_vec(),
        }),
        Payload::Decision(Box::new(answer)),
    ]
}

#[test]
fn every_payload_survives_the_round_trip() {
    for payload in samples() {
        let mut bytes = Vec::new();
        payload.encode(&mut bytes);
        assert_eq!(Payload::decode(payload.kind(), &bytes), Ok(payload));
    }
}

/// The plain encoding: each part by itself.
fn plain(event: &Event<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    put_str(&mut out, &event.kind);
    put_str(&mut out, &event.source);
    put_option_str(&mut out, event.id.as_deref());
    match event.time {
        None => out.push(0),
        Some(time) => {
            out.push(1);
            put_int(&mut out, time.0);
        }
    }
    put_uint(&mut out, event.fields.len() as u64);
    for field in &event.fields {
        put_str(&mut out, &field.name);
        put_raw(&mut out, &field.value);
    }
    out
}

fn raw() -> impl Strategy<Value = Raw<'static>> {
    let scalar = prop_oneof![
        Just(Raw::Null),
        any::<bool>().prop_map(Raw::Bool),
        any::<i64>().prop_map(Raw::Int),
        (-200i64..200).prop_map(Raw::Int),
        any::<f64>().prop_map(Raw::Float),
        "[a-zü]{0,20}".prop_map(|text| Raw::Str(text.into())),
        (0usize..300).prop_map(|len| Raw::Str("x".repeat(len).into())),
    ];
    prop_oneof![5 => scalar.clone(), 1 => prop::collection::vec(scalar, 0..5).prop_map(Raw::List)]
}

proptest! {
    #[test]
    fn events_are_put_together_as_their_parts_are(
        kind in "[a-zü]{0,20}",
        id in prop::option::of("[a-z0-9ü]{0,40}"),
        time in prop::option::of(any::<i64>().prop_map(Time)),
        fields in prop::collection::vec(("[a-zü]{0,20}", raw()), 0..70),
        before in prop::collection::vec(any::<u8>(), 0..3),
    ) {
        let fields = fields.into_iter().map(|(name, value)| Field { name: name.into(), value }).collect();
        let event = Event { kind: kind.clone().into(), source: kind.into(), id: id.map(Cow::from), time, fields };
        let expected = [before.clone(), plain(&event)].concat();
        let mut found = before;
        Payload::Event(event).encode(&mut found);
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn lengths_are_known_before_encoding() {
    let list = |length: usize| Raw::List(vec![Raw::Int(-1); length]);
    let mut values = vec![Raw::Null, Raw::Bool(true), Raw::Float(0.1), list(0), list(127), list(128)];
    values.extend((0..64).flat_map(|bit| [1i64 << bit, !(1i64 << bit), (1i64 << bit).wrapping_sub(1)]).map(Raw::Int));
    values.extend([0, 1, 127, 128, 16_383, 16_384].map(|length| Raw::Str("x".repeat(length).into())));
    for value in values {
        let field = Field { name: "ä".into(), value };
        let (mut with, mut without) = (Vec::new(), Vec::new());
        put_fields(&mut with, std::slice::from_ref(&field));
        put_fields(&mut without, &[]);
        assert_eq!(field.encoded_len(), with.len() - without.len(), "{field:?}");
    }
}

#[test]
fn truncated_and_overlong_payloads_are_refused() {
    for payload in samples() {
        let mut bytes = Vec::new();
        payload.encode(&mut bytes);
        for len in 0..bytes.len() {
            assert_eq!(Payload::decode(payload.kind(), &bytes[..len]), Err(CodecError), "{payload:?} cut at {len}");
        }
        bytes.push(0);
        assert_eq!(Payload::decode(payload.kind(), &bytes), Err(CodecError));
    }
}

#[test]
fn damaged_bytes_never_panic() {
    for payload in samples() {
        let mut bytes = Vec::new();
        payload.encode(&mut bytes);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                for kind in 0..10 {
                    let _ = Payload::decode(kind, &bytes);
                }
                bytes[at] ^= 1 << bit;
            }
        }
    }
}
