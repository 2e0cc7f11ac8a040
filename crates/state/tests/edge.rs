//! The edge and the small components: what is refused and how it is said, ids, names, attributes, and their checkpoints.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use domain::{Code, EntityId, Event, Field, Payload, Position, Raw, Span, Symbol, Time, Type, Upsert, Value, limits};
use proptest::prelude::*;
use spec::Plan;
use state::{Catalogue, Change, Dedupe, Delivery, Dictionary, Identity, Snapshot, admit, cross_key, resolve, validate};
use std::collections::BTreeMap;
use std::sync::Arc;

const SPEC: &str = r#"
version: 1
entities:
  user: {}
  item:
    fields: { title: string, tags: [string], price: float, created: timestamp, sale: bool }
events:
  view: { user: user, item: item, fields: { dwell: duration, place: int, at: timestamp, share: float, note: string } }
features:
  user: { views: "count(view, 1h)" }
  user.title: { titled: "count(view, 1h)" }
feeds: {}
"#;

fn plan() -> Arc<Plan> {
    Arc::new(spec::compile("edge.yaml", SPEC).unwrap_or_else(|wrong| panic!("{wrong}")))
}

fn text(text: impl Into<String>) -> Raw<'static> {
    Raw::Str(text.into().into())
}

fn view(fields: Vec<(&'static str, Raw<'static>)>) -> Event<'static> {
    let fields = fields.into_iter().map(|(name, value)| Field { name: name.into(), value }).collect();
    Event { kind: "view".into(), source: "".into(), id: None, time: None, fields }
}

fn with(name: &'static str, value: Raw<'static>) -> Payload<'static> {
    Payload::Event(view(vec![("user", text("u")), ("item", text("i")), (name, value)]))
}

fn upsert(key: impl Into<String>, fields: Vec<(&'static str, Raw<'static>)>) -> Payload<'static> {
    let fields = fields.into_iter().map(|(name, value)| Field { name: name.into(), value }).collect();
    Payload::Upsert(Upsert { entity: "item".into(), key: key.into().into(), fields })
}

fn saved(snapshot: &dyn Snapshot) -> Vec<Vec<u8>> {
    let save = |chunk| {
        let mut bytes = Vec::new();
        snapshot.save(chunk, &mut bytes);
        bytes
    };
    (0..snapshot.chunks()).map(save).collect()
}

#[test]
fn each_refusal_names_its_code_field_and_remedy() {
    let plan = plan();
    let event = |change: fn(&mut Event<'static>)| {
        let mut event = view(vec![("user", text("u")), ("item", text("i"))]);
        change(&mut event);
        Payload::Event(event)
    };
    let long = || text("x".repeat(5_000));
    let cases: Vec<(Payload<'static>, Code, &str, &str)> = vec![
        (
            event(|e| e.kind = "veiw".into()),
            Code::UnknownEvent,
            "event",
            "there is no event `veiw` in the spec; did you mean `view`?",
        ),
        (event(|e| e.id = Some("".into())), Code::InvalidValue, "id", "must not be empty"),
        (event(|e| e.id = Some("x".repeat(257).into())), Code::TooLarge, "id", "at most 256 bytes"),
        (event(|e| e.source = "x".repeat(257).into()), Code::TooLarge, "source", "at most 256 bytes"),
        (event(|e| e.time = Some(Time(-1))), Code::TimeOutOfRange, "time", "between 1970-01-01 and 9999-12-31"),
        (event(|e| e.fields.truncate(1)), Code::MissingField, "item", "event `view` needs `item`"),
        (event(|e| e.fields[0].value = Raw::Null), Code::MissingField, "user", "event `view` needs `user`"),
        (event(|e| e.fields[0].value = Raw::Int(3)), Code::WrongType, "user", "as a string, got an integer"),
        (event(|e| e.fields[0].value = text("")), Code::InvalidValue, "user", "a key must not be empty"),
        (event(|e| e.fields[0].value = text("x".repeat(257))), Code::TooLarge, "user", "at most 256 bytes"),
        (event(|e| e.fields.push(e.fields[0].clone())), Code::InvalidValue, "user", "the field comes twice"),
        (event(|e| e.fields.resize(65, e.fields[0].clone())), Code::TooMany, "", "at most 64 are taken"),
        (
            with("dwel", Raw::Int(1)),
            Code::UnknownField,
            "dwel",
            "event `view` has no field `dwel`; did you mean `dwell`?",
        ),
        (with("dwell", Raw::Bool(true)), Code::WrongType, "dwell", "a duration: text such as \"30s\""),
        (with("dwell", text("30 seconds")), Code::InvalidValue, "dwell", "send a duration"),
        (with("dwell", Raw::Float(1e300)), Code::InvalidValue, "dwell", "send a duration"),
        (with("place", Raw::Float(1.0)), Code::WrongType, "place", "expected an integer, got a number with a fraction"),
        (with("place", text("1")), Code::WrongType, "place", "expected an integer, got a string"),
        (with("at", text("yesterday")), Code::InvalidValue, "at", "send a time: RFC 3339"),
        (with("at", Raw::Int(-5)), Code::InvalidValue, "at", "send a time: RFC 3339"),
        (with("at", Raw::Float(0.5)), Code::WrongType, "at", "expected a time"),
        (with("share", Raw::Float(f64::NAN)), Code::InvalidValue, "share", "send a number"),
        (with("note", Raw::List(vec![])), Code::WrongType, "note", "expected a string"),
        (with("note", long()), Code::TooLarge, "note", "at most 4096 bytes per string"),
        (upsert("", vec![]), Code::InvalidValue, "key", "a key must not be empty"),
        (
            upsert("i", vec![("titel", text("a"))]),
            Code::UnknownField,
            "titel",
            "entity `item` has no field `titel`; did you mean `title`?",
        ),
        (
            upsert("i", vec![("tags", Raw::List(vec![Raw::Int(1)]))]),
            Code::WrongType,
            "tags",
            "a list, each element a string",
        ),
        (
            upsert("i", vec![("tags", Raw::List(vec![Raw::Null]))]),
            Code::WrongType,
            "tags",
            "a list, each element a string",
        ),
        (upsert("i", vec![("tags", Raw::List(vec![text("a"); 65]))]), Code::TooLarge, "tags", "64 elements per list"),
        (upsert("i", vec![("tags", text("a"))]), Code::WrongType, "tags", "a list, each element a string"),
        (upsert("i", vec![("sale", Raw::Int(1))]), Code::WrongType, "sale", "expected true or false, got an integer"),
        (
            Payload::Delete { entity: "itm".into(), key: "i".into() },
            Code::UnknownEntity,
            "entity",
            "did you mean `item`?",
        ),
        (Payload::Delete { entity: "item".into(), key: "".into() }, Code::InvalidValue, "key", "must not be empty"),
    ];
    for (payload, code, field, says) in cases {
        let refusal = validate(&plan, &payload).expect_err(says);
        assert_eq!((refusal.code, refusal.field.as_str()), (code, field), "{refusal}");
        assert!(refusal.message.contains(says), "{refusal} should say {says}");
    }
}

#[test]
fn a_record_has_a_largest_size() {
    let fields: String = (0..64).map(|n| format!("f{n}: [string], ")).collect();
    let spec = format!("version: 1\nentities: {{ item: {{ fields: {{ {fields} }} }} }}\n");
    let plan = spec::compile("edge.yaml", &spec).unwrap_or_else(|wrong| panic!("{wrong}"));
    let upsert = |last: usize| {
        let list = |n: usize| match n {
            0..3 => Raw::List(vec![text("x".repeat(limits::STRING_BYTES_MAX)); limits::LIST_MAX]),
            _ => Raw::List(vec![text("x".repeat(last)); limits::LIST_MAX]),
        };
        let fields = (0..4).map(|n| Field { name: format!("f{n}").into(), value: list(n) }).collect();
        Payload::Upsert(Upsert { entity: "item".into(), key: "k".into(), fields })
    };
    let encoded = |payload: &Payload<'_>| {
        let mut bytes = Vec::new();
        payload.encode(&mut bytes);
        bytes.len()
    };
    // The largest that is taken has nearly the size that a record may have; the next larger one is refused.
    let taken = (0..=limits::STRING_BYTES_MAX).rev().find(|&last| validate(&plan, &upsert(last)).is_ok()).unwrap();
    assert!((limits::PAYLOAD_BYTES_MAX - 1_000..=limits::PAYLOAD_BYTES_MAX).contains(&encoded(&upsert(taken))));
    let refusal = validate(&plan, &upsert(taken + 1)).unwrap_err();
    assert_eq!((refusal.code, refusal.field.as_str()), (Code::TooLarge, ""), "{refusal}");
}

#[test]
fn names_quoted_back_are_short() {
    let refusal =
        validate(&plan(), &Payload::Event(Event { kind: "é".repeat(500_000).into(), ..view(vec![]) })).unwrap_err();
    assert!(refusal.message.len() < 200);
}

#[test]
fn values_convert_to_their_declared_types() {
    let plan = plan();
    let mut dictionary = Dictionary::new(&plan, 1);
    let catalogue = Catalogue::new(plan.clone());
    let field =
        |name: &str| plan.events[plan.event("view").unwrap() as usize].fields.iter().position(|f| f.name == name);
    for (name, raw, value) in [
        ("dwell", text("1.5s"), Value::Span(Span(1_500))),
        ("dwell", Raw::Int(30), Value::Span(Span(30_000))),
        ("dwell", Raw::Float(0.25), Value::Span(Span(250))),
        ("at", Raw::Int(5), Value::Time(Time(5))),
        ("at", text("1970-01-01T00:00:01Z"), Value::Time(Time(1_000))),
        ("share", Raw::Int(2), Value::Float(2.0)),
        ("place", Raw::Int(-2), Value::Int(-2)),
        ("place", Raw::Null, Value::Missing),
    ] {
        let payload = with(name, raw);
        validate(&plan, &payload).unwrap();
        let resolved = resolve(&plan, &mut dictionary, &catalogue, Position(1), Time(9), &payload).unwrap();
        let Change::Event(event) = resolved.change else { panic!("an event") };
        assert_eq!((&event.values[field(name).unwrap()], event.time), (&value, Time(9)), "{name}");
    }
}

#[test]
fn records_of_another_plan_are_skipped_and_their_fields_missing() {
    let plan = plan();
    let mut dictionary = Dictionary::new(&plan, 1);
    let catalogue = Catalogue::new(plan.clone());
    let now = Time(1_000_000);
    let mut resolve =
        |payload: &Payload<'_>| resolve(&plan, &mut dictionary, &catalogue, Position(1), now, payload).unwrap().change;
    let late =
        |ahead: i64| Event { time: Some(Time(now.0 + ahead)), ..view(vec![("user", text("u")), ("item", text("i"))]) };
    for skipped in [
        Payload::Event(Event { kind: "gone".into(), ..view(vec![]) }),
        Payload::Event(view(vec![("user", text("u"))])),
        Payload::Event(view(vec![("user", text("u")), ("item", Raw::Int(1))])),
        Payload::Event(late(limits::FUTURE_SKEW_MAX.0 + 1)),
        Payload::Event(Event { time: Some(Time(-1)), ..late(0) }),
        Payload::Upsert(Upsert { entity: "shop".into(), key: "s".into(), fields: vec![] }),
        Payload::Delete { entity: "shop".into(), key: "s".into() },
        Payload::Tick,
        Payload::Spec("".into()),
    ] {
        assert_eq!(resolve(&skipped), Change::None, "{skipped:?}");
    }
    assert!(matches!(resolve(&Payload::Event(late(limits::FUTURE_SKEW_MAX.0))), Change::Event(_)));
    let Change::Event(event) = resolve(&with("place", text("was a string once"))) else { panic!("an event") };
    assert!(event.values.iter().all(|value| *value == Value::Missing));
    assert_eq!(dictionary.symbol_count(), plan.constants.len() as u32, "what is skipped is not interned");
}

#[test]
fn a_cross_takes_the_attribute_as_it_is_at_the_event() {
    let plan = plan();
    let mut dictionary = Dictionary::new(&plan, 1);
    let mut catalogue = Catalogue::new(plan.clone());
    let mut crosses = Vec::new();
    let event = || Payload::Event(view(vec![("user", text("u")), ("item", text("i"))]));
    let payloads = [event(), upsert("i", vec![("title", text("a"))]), event(), upsert("i", vec![]), event()];
    for (at, payload) in payloads.iter().enumerate() {
        let position = Position(at as u64 + 1);
        let resolved = resolve(&plan, &mut dictionary, &catalogue, position, Time(5), payload).unwrap();
        catalogue.apply(&resolved);
        if let Change::Event(event) = resolved.change {
            crosses.push(event.crosses[0]);
        }
    }
    assert_eq!(crosses, [u32::MAX, dictionary.symbol("a").unwrap().0, u32::MAX]);
    let keys =
        [Value::Bool(true), Value::Int(0), Value::Int(-1), Value::Int(1), Value::Int(1 << 40), Value::Float(1.0)];
    assert_eq!(keys.map(|value| cross_key(&value)), [1, 0, 1, 2, u32::MAX, u32::MAX]);
    let ends = [i64::from(i32::MIN), i64::from(i32::MIN) - 1, i64::from(i32::MAX), i64::from(i32::MAX) + 1];
    assert_eq!(ends.map(|int| cross_key(&Value::Int(int))), [u32::MAX, u32::MAX, u32::MAX - 1, u32::MAX]);
}

#[test]
fn a_full_dictionary_refuses_before_it_grows() {
    let plan = plan();
    let constants = plan.constants.len() as u32;
    let mut dictionary = Dictionary::new(&plan, 1).with_capacity(2, constants + 1);
    let catalogue = Catalogue::new(plan.clone());
    let mut take = |payload: Payload<'static>| {
        let admitted = admit(&plan, &dictionary, &payload).map_err(|refusal| refusal.code);
        let resolved = resolve(&plan, &mut dictionary, &catalogue, Position(1), Time(5), &payload).map_err(|r| r.code);
        assert_eq!(admitted, resolved.map(|_| ()));
        admitted
    };
    let full = Err(Code::CapacityReached);
    assert_eq!(take(upsert("a", vec![("title", text("one"))])), Ok(()));
    assert_eq!(take(upsert("a", vec![("title", text("one"))])), Ok(()), "nothing new");
    assert_eq!(take(upsert("a", vec![("title", text("two"))])), full, "a second string");
    assert_eq!(take(upsert("a", vec![("tags", Raw::List(vec![text("two")]))])), full, "in a list too");
    assert_eq!(take(upsert("b", vec![])), Ok(()));
    assert_eq!(take(upsert("c", vec![])), full, "a third item");
    assert_eq!(take(with("place", Raw::Int(1))), full, "through an event too");
    assert_eq!(take(Payload::Delete { entity: "item".into(), key: "c".into() }), full);
    assert_eq!(take(Payload::Tick), Ok(()));
    assert_eq!((dictionary.entity_count(1), dictionary.entity_count(0)), (2, 0));
}

#[test]
fn presence_follows_upserts_deletes_and_for_types_without_fields_events() {
    let plan = plan();
    let mut dictionary = Dictionary::new(&plan, 1);
    let mut catalogue = Catalogue::new(plan.clone());
    let (user, item) = (plan.entity("user").unwrap(), plan.entity("item").unwrap());
    let zero = EntityId(0);
    let delete = |entity: &'static str, key: &'static str| Payload::Delete { entity: entity.into(), key: key.into() };
    let steps = [
        (with("place", Raw::Int(1)), (true, false)),
        (upsert("i", vec![("price", Raw::Int(3))]), (true, true)),
        (delete("item", "i"), (true, false)),
        (with("place", Raw::Int(1)), (true, false)),
        (delete("user", "u"), (false, false)),
        (with("place", Raw::Int(1)), (false, false)),
        (upsert("i", vec![]), (false, true)),
    ];
    for (payload, expected) in steps {
        catalogue.apply(&resolve(&plan, &mut dictionary, &catalogue, Position(1), Time(5), &payload).unwrap());
        assert_eq!((catalogue.present(user, zero), catalogue.present(item, zero)), expected, "{payload:?}");
        assert_eq!((catalogue.count(user), catalogue.count(item)), (u32::from(expected.0), u32::from(expected.1)));
    }
    assert_eq!(catalogue.attribute(item, zero, 2), Value::Missing, "an upsert replaces all that was known");
    assert_eq!(catalogue.attribute(item, EntityId(70_000), 2), Value::Missing);
}

#[test]
fn catalogue_and_dictionary_come_back_from_a_checkpoint() {
    let plan = plan();
    let mut dictionary = Dictionary::new(&plan, 1);
    let mut catalogue = Catalogue::new(plan.clone());
    for number in 0..20_000i64 {
        let payload = match number % 10 {
            0 => Payload::Delete { entity: "item".into(), key: format!("i{}", number / 2).into() },
            _ => upsert(
                format!("{}-i{number}", "long ".repeat(number as usize % 12)),
                vec![
                    ("title", text(format!("title {}", number % 700))),
                    ("tags", Raw::List((0..number % 4).map(|tag| text(format!("t{tag}"))).collect())),
                    ("price", Raw::Float(number as f64 / 8.0)),
                    ("created", Raw::Int(number)),
                    ("sale", Raw::Bool(number % 3 == 0)),
                ],
            ),
        };
        let position = Position(number as u64 + 1);
        catalogue.apply(&resolve(&plan, &mut dictionary, &catalogue, position, Time(5), &payload).unwrap());
    }
    let (names, attributes) = (saved(&dictionary.snapshot()), saved(&catalogue.snapshot()));
    let mut dictionary_again = Dictionary::new(&plan, 77);
    names.iter().for_each(|chunk| dictionary_again.load(chunk).unwrap());
    let mut catalogue_again = Catalogue::new(plan.clone());
    attributes.iter().rev().for_each(|chunk| catalogue_again.load(chunk).unwrap());
    assert_eq!(catalogue_again.digest(&dictionary_again), catalogue.digest(&dictionary));
    assert_eq!((catalogue_again.count(1), catalogue_again.position()), (catalogue.count(1), catalogue.position()));
    for id in (0..dictionary.entity_count(1)).map(EntityId) {
        assert_eq!(dictionary_again.entity(1, dictionary.key(1, id)), Some(id));
    }
    for symbol in (0..dictionary.symbol_count()).map(Symbol) {
        assert_eq!(dictionary_again.symbol(dictionary.text(symbol)), Some(symbol));
    }
    assert!(dictionary_again.load(&names[1]).is_ok(), "the same names again are the same names");
    assert!(Dictionary::new(&plan, 1).load(&names[2]).is_err(), "a chunk is missing");
    assert!(dictionary_again.load(&names[1][..names[1].len() - 1]).is_err(), "cut");
    for cut in [0, 5, 20, 1_000] {
        assert!(Catalogue::new(plan.clone()).load(&attributes[1][..cut]).is_err(), "cut at {cut}");
    }
    assert_eq!(Type::Float, plan.entities[1].fields[2].ty);
}

#[test]
fn whatever_an_event_says_tells_it_from_others() {
    let values = [
        Raw::Null,
        Raw::Bool(false),
        Raw::Bool(true),
        Raw::Int(0),
        Raw::Int(1),
        Raw::Float(0.0),
        Raw::Float(1.0),
        Raw::Str("".into()),
        Raw::Str("1".into()),
        Raw::List(vec![]),
        Raw::List(vec![Raw::Int(1)]),
        Raw::List(vec![Raw::Int(1), Raw::Int(1)]),
        Raw::List(vec![Raw::Str("1".into())]),
        Raw::List(vec![Raw::Bool(true), Raw::Bool(false)]),
        Raw::List(vec![Raw::Bool(false), Raw::Bool(true)]),
    ];
    let events = values.iter().flat_map(|value| {
        let fields = [vec![("place", value.clone())], vec![("plac", value.clone())]];
        let two = vec![("place", value.clone()), ("other", Raw::Int(1))];
        let turned = vec![("other", Raw::Int(1)), ("place", value.clone())];
        fields.into_iter().chain([two, turned]).map(|fields| Event { id: Some("a".into()), ..view(fields) })
    });
    let bare = Event { id: Some("a".into()), ..view(vec![]) };
    let kind = Event { kind: "views".into(), ..bare.clone() };
    let events: Vec<Event<'_>> = events.chain([bare, kind]).collect();
    for (at, event) in events.iter().enumerate() {
        let mut dedupe = Dedupe::new(1);
        dedupe.apply(Position(1), Time(5), Identity::of(event).as_ref());
        for (other, sent) in events.iter().enumerate() {
            let expected = if at == other { Delivery::Duplicate(Position(1)) } else { Delivery::Reused(Position(1)) };
            assert_eq!(dedupe.check(&Identity::of(sent).unwrap()), expected, "{event:?} {sent:?}");
        }
    }
}

fn identified(id: &'static str, time: Option<i64>, place: i64) -> Event<'static> {
    Event { id: Some(id.into()), time: time.map(Time), ..view(vec![("place", Raw::Int(place))]) }
}

#[test]
fn ids_tell_fresh_repeated_and_reused() {
    let mut dedupe = Dedupe::new(1);
    let check = |dedupe: &Dedupe, event: &Event<'_>| dedupe.check(&Identity::of(event).unwrap());
    let is_fresh = |dedupe: &Dedupe, event: &Event<'_>| check(dedupe, event) == Delivery::Fresh;
    let (log, first) = (Time(100), Position(7));
    assert!(is_fresh(&dedupe, &identified("a", None, 1)));
    // The log has the time that the sequencer filled in.
    dedupe.apply(first, log, Identity::of(&identified("a", Some(100), 1)).as_ref());
    assert_eq!(check(&dedupe, &identified("a", None, 1)), Delivery::Duplicate(first));
    assert_eq!(check(&dedupe, &identified("a", Some(100), 1)), Delivery::Duplicate(first));
    assert_eq!(check(&dedupe, &identified("a", Some(99), 1)), Delivery::Reused(first));
    assert_eq!(check(&dedupe, &identified("a", None, 2)), Delivery::Reused(first));
    assert!(is_fresh(&dedupe, &identified("b", None, 1)));
    let elsewhere = Event { source: "s".into(), ..identified("a", None, 1) };
    assert!(is_fresh(&dedupe, &elsewhere));
    let glued = Event { source: "a".into(), id: Some("".into()), ..identified("a", None, 1) };
    assert!(is_fresh(&dedupe, &glued), "source and id are not just glued together");
    assert_eq!(Identity::of(&view(vec![])), None);
    dedupe.apply(Position(8), Time(200), Identity::of(&identified("c", Some(50), 1)).as_ref());
    assert_eq!(check(&dedupe, &identified("c", None, 1)), Delivery::Reused(Position(8)), "it had a time of its own");
    dedupe.expire(log.plus(limits::DEDUPE_WINDOW).minus(Span(1)));
    assert_eq!(check(&dedupe, &identified("a", None, 1)), Delivery::Duplicate(first));
    dedupe.expire(log.plus(limits::DEDUPE_WINDOW));
    assert!(is_fresh(&dedupe, &identified("a", None, 1)));
    assert_eq!(dedupe.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn dedupe_agrees_with_a_map(
        steps in prop::collection::vec((0u16..3_000, 0i64..40_000_000), 1..3_000),
        capacity in 1usize..2_500,
        reload in 0usize..3_000,
    ) {
        let mut dedupe = Dedupe::with_capacity(capacity, 1);
        // By position: id and log time; and by id the position.
        let (mut order, mut known) = (BTreeMap::new(), BTreeMap::new());
        let mut log_time = Time(0);
        for (at, (id, pause)) in steps.into_iter().enumerate() {
            // Mostly quiet, with a long pause now and then.
            log_time.0 += if pause > 39_900_000 { pause } else { pause / 100_000 };
            if at == reload {
                let chunks = saved(&dedupe.snapshot());
                let digest = dedupe.digest();
                dedupe = Dedupe::with_capacity(capacity, 1);
                chunks.iter().for_each(|chunk| dedupe.load(chunk).unwrap());
                prop_assert_eq!(dedupe.digest(), digest);
            }
            dedupe.expire(log_time);
            while let Some((&oldest, &(id, time))) = order.first_key_value() {
                if log_time.since(time) < limits::DEDUPE_WINDOW {
                    break;
                }
                order.remove(&oldest);
                known.remove(&id);
            }
            let name = format!("id{id}");
            // It has no time: the log fills in its own.
            let event = Identity::of(&Event { id: Some(name.into()), ..view(vec![]) }).unwrap();
            let delivery = dedupe.check(&event);
            if let Some(position) = known.get(&id) {
                prop_assert_eq!(delivery, Delivery::Duplicate(*position));
            } else {
                prop_assert_eq!(delivery, Delivery::Fresh);
                if known.len() == capacity {
                    let (_, (oldest, _)) = order.pop_first().unwrap();
                    known.remove(&oldest);
                }
                let position = Position(at as u64 + 1);
                dedupe.apply(position, log_time, Some(&event));
                order.insert(position, (id, log_time));
                known.insert(id, position);
            }
            prop_assert_eq!(dedupe.len(), known.len());
        }
    }
}
