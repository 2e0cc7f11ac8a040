use super::*;
use crate::parse_entities;

#[test]
fn lines_set_and_delete() {
    let body = concat!(
        r#"{"entity":"item","key":"i1","fields":{"price":3,"none":null}}"#,
        "\n",
        r#"{"key":"i2","entity":"item","delete":true}"#,
    );
    let batch = parse_entities(body.as_bytes()).unwrap();
    let fields = vec![Field { name: "price".into(), value: Raw::Int(3) }];
    assert_eq!(
        batch.payloads,
        [
            Payload::Upsert(Upsert { entity: "item".into(), key: "i1".into(), fields }),
            Payload::Delete { entity: "item".into(), key: "i2".into() },
        ]
    );
}

#[test]
fn lines_are_strict() {
    for (line, code, field) in [
        (r#"{}"#, Code::MissingField, "entity"),
        (r#"{"entity":"item"}"#, Code::MissingField, "key"),
        (r#"{"entity":"item","key":"i"}"#, Code::MissingField, "fields"),
        (r#"{"entity":"item","key":"i","delete":false}"#, Code::MissingField, "fields"),
        (r#"{"entity":"item","key":"i","delete":true,"fields":{}}"#, Code::InvalidValue, "delete"),
        (r#"{"entity":"item","key":"i","delete":1}"#, Code::WrongType, "delete"),
        (r#"{"entity":"item","key":"i","delete":truth}"#, Code::WrongType, "delete"),
        (r#"{"entity":"item","key":"","fields":{}}"#, Code::InvalidValue, "key"),
        (r#"{"entity":"item","key":"i","fields":{"a":{}}}"#, Code::WrongType, "fields.a"),
        (r#"{"entity":"item","key":"i","fields":{"a":1,"a":2}}"#, Code::InvalidJson, "fields.a"),
        (r#"{"entity":"item","key":"i","key":"i","fields":{}}"#, Code::InvalidJson, "key"),
        (r#"{"entity":"item","kye":"i","fields":{}}"#, Code::UnknownField, "kye"),
    ] {
        let batch = parse_entities(line.as_bytes()).unwrap();
        let refusal = &batch.refused[0].refusal;
        assert!((refusal.code, refusal.field.as_str()) == (code, field) || line.contains("truth"), "{line}: {refusal}");
    }
    let batch = parse_entities(br#"{"entity":"item","kye":"i"}"#).unwrap();
    assert!(batch.refused[0].refusal.message.contains("did you mean 'key'"));
}

#[test]
fn one_entity_is_its_fields() {
    assert_eq!(parse_fields(b"{}"), Ok(vec![]));
    assert_eq!(parse_fields(br#"{"tags":["a"],"x":null}"#).unwrap().len(), 1);
    assert!(parse_fields(b"").is_err() && parse_fields(b"[]").is_err() && parse_fields(b"{} {}").is_err());
}
