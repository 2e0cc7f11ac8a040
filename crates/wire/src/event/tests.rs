use super::*;
use domain::Field;
use proptest::prelude::*;

fn refused(text: &str) -> (Code, String) {
    let refusal = parse_event(text.as_bytes()).expect_err(text);
    (refusal.code, refusal.field)
}

#[test]
fn an_event_reads_whole() {
    let text = r#" {"event":"view","id":"e1","source":"web","time":"2026-01-01T00:00:00Z","user":"u1","dwell":31.5,
        "place":3,"new":true,"none":null,"tags":["a","b"],"empty":[]} "#;
    let field = |name: &'static str, value| Field { name: name.into(), value };
    let expected = Event {
        kind: "view".into(),
        source: "web".into(),
        id: Some("e1".into()),
        time: Some(Time(1_767_225_600_000)),
        fields: vec![
            field("user", Raw::Str("u1".into())),
            field("dwell", Raw::Float(31.5)),
            field("place", Raw::Int(3)),
            field("new", Raw::Bool(true)),
            field("tags", Raw::List(vec![Raw::Str("a".into()), Raw::Str("b".into())])),
            field("empty", Raw::List(vec![])),
        ],
    };
    assert_eq!(parse_event(text.as_bytes()), Ok(expected));
    let least = parse_event(br#"{"event":"view","id":null,"time":null,"source":null}"#).unwrap();
    assert_eq!((least.id, least.time, &*least.source), (None, None, ""));
    assert_eq!(parse_event(br#"{"event":"v","time":17}"#).unwrap().time, Some(Time(17)));
    assert_eq!(parse_event(br#"{"\u0065vent":"v"}"#).unwrap().kind, "v");
}

#[test]
fn refusals_name_the_member() {
    let long = |len: usize| "x".repeat(len);
    let many: String = (0..limits::FIELDS_MAX + 1).map(|n| format!(",\"f{n}\":1")).collect();
    let list = format!("[{}true]", "true,".repeat(limits::LIST_MAX));
    let table = [
        ("".into(), Code::InvalidJson, ""),
        ("[]".into(), Code::InvalidJson, ""),
        ("\"event\"".into(), Code::InvalidJson, ""),
        ("{}".into(), Code::MissingField, "event"),
        (r#"{"event":null}"#.into(), Code::MissingField, "event"),
        (r#"{"event":1}"#.into(), Code::WrongType, "event"),
        (r#"{"event":""}"#.into(), Code::InvalidValue, "event"),
        (r#"{"event":"v","event":"v"}"#.into(), Code::InvalidJson, "event"),
        (r#"{"event":"v","id":null,"id":"a"}"#.into(), Code::InvalidJson, "id"),
        (r#"{"event":"v","a":1,"a":1}"#.into(), Code::InvalidJson, "a"),
        (r#"{"event":"v","a":null,"a":1}"#.into(), Code::InvalidJson, "a"),
        (r#"{"event":"v","a":{"b":1}}"#.into(), Code::WrongType, "a"),
        (r#"{"event":"v","a":[1,[2]]}"#.into(), Code::WrongType, "a.1"),
        (r#"{"event":"v","a":[1,null]}"#.into(), Code::WrongType, "a.1"),
        (r#"{"event":"v","a":1e400}"#.into(), Code::InvalidValue, "a"),
        (r#"{"event":"v","a":x}"#.into(), Code::InvalidJson, "a"),
        (r#"{"event":"v","":1}"#.into(), Code::InvalidValue, ""),
        (r#"{"event":"v","id":7}"#.into(), Code::WrongType, "id"),
        (r#"{"event":"v","source":true}"#.into(), Code::WrongType, "source"),
        (r#"{"event":"v","time":1.5}"#.into(), Code::WrongType, "time"),
        (r#"{"event":"v","time":"yesterday"}"#.into(), Code::InvalidValue, "time"),
        (r#"{"event":"v","time":"10000-01-01T00:00:00Z"}"#.into(), Code::InvalidValue, "time"),
        (r#"{"event":"v","time":-1}"#.into(), Code::TimeOutOfRange, "time"),
        (r#"{"event":"v","time":253402300800000}"#.into(), Code::TimeOutOfRange, "time"),
        (r#"{"event":"v","time":"1969-12-31T23:59:59Z"}"#.into(), Code::TimeOutOfRange, "time"),
        (r#"{"event":"v"}x"#.into(), Code::InvalidJson, ""),
        (r#"{"event":"v",}"#.into(), Code::InvalidJson, ""),
        (format!(r#"{{"event":"{}"}}"#, long(65)), Code::TooLarge, "event"),
        (format!(r#"{{"event":"v","id":"{}"}}"#, long(257)), Code::TooLarge, "id"),
        (format!(r#"{{"event":"v","a":"{}"}}"#, long(4_097)), Code::TooLarge, "a"),
        (format!(r#"{{"event":"v","a":{list}}}"#), Code::TooMany, "a"),
        (format!(r#"{{"event":"v"{many}}}"#), Code::TooMany, "f64"),
    ];
    for (text, code, field) in table {
        assert_eq!(refused(&text), (code, field.to_owned()), "{text}");
    }
    let (code, field) = refused(&format!(r#"{{"event":"v","{}":1}}"#, long(10_000)));
    assert!(code == Code::TooLarge && field.len() <= limits::NAME_BYTES_MAX + 3);
}

/// The slow obvious reader: serde_json's value, then the rules one by one.
fn slow(text: &str) -> Option<Event<'static>> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let object = value.as_object()?;
    let raw = |value: &serde_json::Value| {
        Some(match value {
            serde_json::Value::Bool(bool) => Raw::Bool(*bool),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(int) => Raw::Int(int),
                None => Raw::Float(number.as_f64()?),
            },
            serde_json::Value::String(text) => Raw::Str(text.clone().into()),
            _ => return None,
        })
    };
    let mut event = Event { kind: "".into(), source: "".into(), id: None, time: None, fields: Vec::new() };
    for (name, value) in object {
        match (name.as_str(), value) {
            (_, serde_json::Value::Null) => {}
            ("event", value) => event.kind = value.as_str()?.to_owned().into(),
            ("id", value) => event.id = Some(value.as_str()?.to_owned().into()),
            (_, serde_json::Value::Array(list)) => {
                let list = list.iter().map(raw).collect::<Option<Vec<_>>>()?;
                event.fields.push(Field { name: name.clone().into(), value: Raw::List(list) });
            }
            (_, value) => event.fields.push(Field { name: name.clone().into(), value: raw(value)? }),
        }
    }
    (!event.kind.is_empty()).then_some(event)
}

proptest! {
    #[test]
    fn events_read_as_the_slow_reader_reads_them(
        kind in "[a-z]{1,8}",
        id in prop::option::of("\\PC{1,20}"),
        fields in prop::collection::btree_map("f\\PC{0,10}", field(), 0..12),
    ) {
        let mut object = serde_json::Map::new();
        object.insert("event".into(), kind.into());
        if let Some(id) = id {
            object.insert("id".into(), id.into());
        }
        object.extend(fields);
        for text in [serde_json::to_string(&object).unwrap(), serde_json::to_string_pretty(&object).unwrap()] {
            let mut fast = parse_event(text.as_bytes()).unwrap();
            fast.fields.sort_by(|a, b| a.name.cmp(&b.name));
            prop_assert_eq!(Some(fast), slow(&text));
        }
    }
}

/// The plain reader: each member by the scanner alone.
fn plain<'a>(scan: &mut Scanner<'a>) -> Outcome<Event<'a>> {
    let mut event = blank();
    let Event { kind, source, id, time, fields } = &mut event;
    let mut draft = Draft { seen: 0, kind, source, id, time, fields: Fields::new(fields) };
    scan.object(|scan, name| draft.member(scan, name))?;
    draft.fields.finish();
    match event.kind.is_empty() {
        true => Err(refusal(Code::MissingField, "event", "name the event's type, as in {\"event\":\"view\"}")),
        false => Ok(event),
    }
}

/// Texts that are nearly events: pieces of them in any order.
fn nearly() -> impl Strategy<Value = String> {
    const PIECES: [&str; 30] = [
        "{",
        "}",
        ",",
        ":",
        " ",
        "\n",
        "\"event\":",
        "\"v\"",
        "\"id\":",
        "\"time\":",
        "\"2026-01-01T00:00:00Z\"",
        "17",
        "\"source\":",
        "\"user\":",
        "\"u1\"",
        "\"amount\":",
        "12.5",
        "-3",
        "1e3",
        "null",
        "true",
        "[1,\"a\"]",
        "\"\\u0065vent\":",
        "\"a\\n\"",
        ", ",
        "\": \"",
        "{}",
        "\"a name of more than sixteen bytes\":",
        "ü",
        "01",
    ];
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..16).prop_map(|pieces| pieces.concat())
}

/// Events of one kind as a client writes them, with what some leave out.
fn alike() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        "\"[a-zü ]{0,20}\"",
        "-?(0|[1-9][0-9]{0,19})(\\.[0-9]{1,9})?",
        "null|true|\\[1,2\\]|\\[\\n\\]|\"a\\\\\"b\"|x|\\{\\}|\"",
    ];
    let members = prop::collection::vec((0usize..9, value), 0..9);
    let names = ["event", "id", "source", "time", "user", "amount", "the name of a thing bought", "a", "\\u0061"];
    (members, prop::sample::select(vec![",", ", ", ",\n"]), prop::sample::select(vec![":", ": ", " : "])).prop_map(
        move |(mut members, comma, colon)| {
            members.sort_by_key(|(name, _)| *name);
            let text = |(name, value): (usize, String)| format!("\"{}\"{colon}{value}", names[name]);
            let members: Vec<String> = members.into_iter().map(text).collect();
            format!("{{{}}}", members.join(comma)).replace("\"event\":", "\"event\":\"view\",\"e\":")
        },
    )
}

proptest! {
    /// Alone, or after any others, an event reads as member by member, and is refused with the same words.
    #[test]
    fn events_in_a_row_read_as_each_alone(texts in prop::collection::vec(prop_oneof![alike(), alike(), nearly()], 1..6)) {
        let mut shape = Shape::default();
        for text in &texts {
            let slow = scan::whole(text.as_bytes(), plain);
            prop_assert_eq!(&parse_event(text.as_bytes()), &slow, "{}", text);
            prop_assert_eq!(&parse_event_like(text.as_bytes(), &mut shape), &slow, "{:?}", texts);
        }
    }

    #[test]
    fn bytes_changed_at_random_change_nothing_of_that(text in alike(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3)) {
        let mut bytes = text.clone().into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let mut shape = Shape::default();
        let _ = parse_event_like(text.as_bytes(), &mut shape);
        let slow = scan::whole(&bytes, plain);
        prop_assert_eq!(parse_event(&bytes), slow.clone());
        prop_assert_eq!(parse_event_like(&bytes, &mut shape), slow);
    }
}

/// An event with so many fields beside its type.
fn wide(fields: usize) -> String {
    let value =
        |n: usize| [format!("{n}"), format!("\"text {n}\""), format!("{n}.5"), "true".to_owned()][n % 4].clone();
    let fields: String = (0..fields).map(|n| format!(",\"field{n}\":{}", value(n))).collect();
    format!("{{\"event\":\"view\",\"id\":\"e1\"{fields}}}")
}

#[test]
fn events_of_many_fields_read_as_each_alone() {
    for fields in [0, 1, 8, 9, 10, 17, 18, 19, 40, limits::FIELDS_MAX, limits::FIELDS_MAX + 1] {
        let texts = [wide(fields), wide(fields), wide(fields + 1), wide(fields), wide(fields.saturating_sub(1))];
        let mut shape = Shape::default();
        for text in &texts {
            let slow = scan::whole(text.as_bytes(), plain);
            assert_eq!(slow.is_ok(), text.matches("field").count() <= limits::FIELDS_MAX, "{text}");
            assert_eq!(parse_event_like(text.as_bytes(), &mut shape), slow, "{text}");
        }
    }
}

#[test]
fn an_event_that_is_cut_reads_as_alone_whatever_came_before() {
    let text = wide(12);
    for end in 0..text.len() {
        let (cut, mut shape) = (&text.as_bytes()[..end], Shape::default());
        parse_event_like(text.as_bytes(), &mut shape).expect("it is whole");
        let slow = scan::whole(cut, plain);
        assert!(slow.is_err());
        assert_eq!(parse_event_like(cut, &mut shape), slow, "cut at {end}");
    }
}

fn field() -> impl Strategy<Value = serde_json::Value> {
    let scalar = prop_oneof![
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        (-1.0e18..1.0e18).prop_map(serde_json::Value::from),
        "\\PC{0,12}".prop_map(serde_json::Value::from),
    ];
    let list = prop::collection::vec(scalar.clone(), 0..4).prop_map(serde_json::Value::from);
    prop_oneof![scalar, list, Just(serde_json::Value::Null)]
}
