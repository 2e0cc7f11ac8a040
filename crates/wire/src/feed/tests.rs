use super::*;

#[test]
fn requests_read_whole() {
    let body = br#"{"user":"u1","recent":["i1","i2"],"context":{"country":"DE","n":null},"exclude":["i3"],"count":7,
        "seed":18446744073709551615,"deadline":"20ms","explain":true}"#;
    let call = parse_feed("home", body).unwrap();
    let expected = FeedRequest {
        recent: vec!["i1".into(), "i2".into()],
        context: vec![("country".into(), Raw::Str("DE".into()))],
        exclude: vec!["i3".into()],
        seed: u64::MAX,
        deadline: Some(Span(20)),
        ..FeedRequest::new("home", Subject::User("u1".into()), 7)
    };
    assert_eq!(call, FeedCall { request: expected, explain: true });
    for body in ["", " ", "{}", r#"{"user":null}"#] {
        let call = parse_feed("home", body.as_bytes()).unwrap();
        assert_eq!((call.request.subject, call.request.count), (Subject::Anonymous, COUNT_DEFAULT));
    }
    let call = parse_feed("home", br#"{"item":"i1","deadline":20}"#).unwrap();
    assert_eq!((call.request.subject, call.request.deadline), (Subject::Item("i1".into()), Some(Span(20))));
}

#[test]
fn requests_are_strict() {
    let recent = format!(r#"{{"recent":[{}"x"]}}"#, r#""x","#.repeat(limits::REQUEST_RECENT_MAX));
    let key = format!(r#"{{"user":"{}"}}"#, "u".repeat(257));
    for (body, code, field) in [
        ("[]", Code::InvalidJson, ""),
        ("{}x", Code::InvalidJson, ""),
        (r#"{"usr":"u"}"#, Code::UnknownField, "usr"),
        (r#"{"user":"u","item":"i"}"#, Code::InvalidValue, "item"),
        (r#"{"user":"u","user":"u"}"#, Code::InvalidJson, "user"),
        (r#"{"user":1}"#, Code::WrongType, "user"),
        (r#"{"count":0}"#, Code::InvalidValue, "count"),
        (r#"{"count":201}"#, Code::InvalidValue, "count"),
        (r#"{"count":1.5}"#, Code::WrongType, "count"),
        (r#"{"count":"5"}"#, Code::WrongType, "count"),
        (r#"{"seed":-1}"#, Code::WrongType, "seed"),
        (r#"{"seed":18446744073709551616}"#, Code::WrongType, "seed"),
        (r#"{"deadline":0}"#, Code::InvalidValue, "deadline"),
        (r#"{"deadline":"2h"}"#, Code::InvalidValue, "deadline"),
        (r#"{"deadline":"soon"}"#, Code::InvalidValue, "deadline"),
        (r#"{"explain":1}"#, Code::WrongType, "explain"),
        (r#"{"recent":"i"}"#, Code::WrongType, "recent"),
        (r#"{"recent":["i",null]}"#, Code::WrongType, "recent.1"),
        (r#"{"context":[]}"#, Code::WrongType, "context"),
        (r#"{"context":{"a":{}}}"#, Code::WrongType, "context.a"),
        (&recent, Code::TooMany, "recent"),
        (&key, Code::TooLarge, "user"),
    ] {
        let refusal = parse_feed("home", body.as_bytes()).expect_err(body);
        assert_eq!((refusal.code, refusal.field.as_str()), (code, field), "{body}");
    }
    let refusal = parse_feed("home", br#"{"usr":"u"}"#).unwrap_err();
    assert_eq!(refusal.message, "there is no 'usr' here: did you mean 'user'?");
}
