use super::*;
use crate::{Form, parse_list, parse_list_line, parse_list_put};

fn put(key: &'static str, score: Option<f64>, until: Option<i64>) -> ListPut<'static> {
    ListPut { list: "picks".into(), key: key.into(), score, until: until.map(Time) }
}

#[test]
fn lines_put_and_delete() {
    let body = concat!(
        "{\"key\":\"i1\"}\n",
        "{\"key\":\"i2\",\"score\":-1.5,\"until\":\"1970-01-01T00:00:07Z\",\"list\":\"picks\"}\n",
        "{\"key\":\"i3\",\"score\":null,\"until\":9000,\"delete\":false}\n",
        "{\"key\":\"i4\",\"delete\":true}\n",
    );
    let batch = parse_list("picks", body.as_bytes()).unwrap();
    assert_eq!((batch.form, batch.refused.len()), (Form::Many, 0));
    assert_eq!(
        batch.payloads,
        [
            Payload::ListPut(put("i1", None, None)),
            Payload::ListPut(put("i2", Some(-1.5), Some(7_000))),
            Payload::ListPut(put("i3", None, Some(9_000))),
            Payload::ListDelete { list: "picks".into(), key: "i4".into() },
        ]
    );
    assert_eq!(parse_list("picks", b"[{\"key\":\"i1\"}]").unwrap().payloads.len(), 1);
    assert_eq!(parse_list_line(b"{\"list\":\"picks\",\"key\":\"i1\"}"), Ok(Payload::ListPut(put("i1", None, None))));
}

#[test]
fn lines_are_strict() {
    for (line, code, field) in [
        (r#"{}"#, Code::MissingField, "key"),
        (r#"{"key":""}"#, Code::InvalidValue, "key"),
        (r#"{"key":"i","list":"other"}"#, Code::InvalidValue, "list"),
        (r#"{"key":"i","score":"1"}"#, Code::WrongType, "score"),
        (r#"{"key":"i","score":1e999}"#, Code::InvalidValue, "score"),
        (r#"{"key":"i","until":true}"#, Code::WrongType, "until"),
        (r#"{"key":"i","until":-5}"#, Code::TimeOutOfRange, "until"),
        (r#"{"key":"i","until":"soon"}"#, Code::InvalidValue, "until"),
        (r#"{"key":"i","delete":true,"score":1}"#, Code::InvalidValue, "delete"),
        (r#"{"key":"i","scor":1}"#, Code::UnknownField, "scor"),
        (r#"{"key":"i","key":"i"}"#, Code::InvalidJson, "key"),
    ] {
        let refusal = parse_list("picks", line.as_bytes()).unwrap().refused.remove(0).refusal;
        assert_eq!((refusal.code, refusal.field.as_str()), (code, field), "{line}: {refusal}");
    }
    assert_eq!(parse_list_line(br#"{"key":"i"}"#).unwrap_err().field, "list");
}

#[test]
fn one_entry_is_its_score_and_end() {
    assert_eq!(parse_list_put("picks", "i1", b" "), Ok(put("i1", None, None)));
    assert_eq!(parse_list_put("picks", "i1", br#"{"until":8,"score":3}"#), Ok(put("i1", Some(3.0), Some(8))));
    assert_eq!(parse_list_put("picks", "i1", br#"{"key":"i2"}"#).unwrap_err().code, Code::UnknownField);
    assert_eq!(parse_list_put("picks", "i1", b"[]").unwrap_err().code, Code::InvalidJson);
}
