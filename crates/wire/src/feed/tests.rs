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
    assert_eq!(call, FeedCall { request: expected, explain: true, seeded: true, page: None });
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
    let filter = format!(r#"{{"filter":"{}"}}"#, "x".repeat(limits::REQUEST_EXPRESSION_BYTES_MAX + 1));
    let boost = r#"{"by":1,"when":"item.a"}"#;
    let boosts = format!(r#"{{"boost":[{}{boost}]}}"#, format!("{boost},").repeat(limits::BOOSTS_MAX));
    let token = format!(r#"{{"page":"{}"}}"#, "0".repeat(TOKEN_BYTES_MAX + 1));
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
        (r#"{"filter":true}"#, Code::WrongType, "filter"),
        (r#"{"filter":""}"#, Code::InvalidValue, "filter"),
        (&filter, Code::TooLarge, "filter"),
        (r#"{"boost":{}}"#, Code::WrongType, "boost"),
        (r#"{"boost":[1]}"#, Code::WrongType, "boost.0"),
        (r#"{"boost":[{"when":"item.a"}]}"#, Code::MissingField, "boost.0.by"),
        (r#"{"boost":[{"by":2}]}"#, Code::MissingField, "boost.0.when"),
        (r#"{"boost":[{"by":-1,"when":"item.a"}]}"#, Code::InvalidValue, "boost.0.by"),
        (r#"{"boost":[{"by":1001,"when":"item.a"}]}"#, Code::InvalidValue, "boost.0.by"),
        (r#"{"boost":[{"by":"2","when":"item.a"}]}"#, Code::WrongType, "boost.0.by"),
        (r#"{"boost":[{"by":2,"by":2}]}"#, Code::InvalidJson, "boost.0.by"),
        (r#"{"boost":[{"by":2,"if":"item.a"}]}"#, Code::UnknownField, "boost.0.if"),
        (&boosts, Code::TooMany, "boost.16"),
        (r#"{"pages":1}"#, Code::WrongType, "pages"),
        (r#"{"page":1}"#, Code::WrongType, "page"),
        (r#"{"page":""}"#, Code::InvalidValue, "page"),
        (&token, Code::TooLarge, "page"),
        (r#"{"page":"t","user":"u"}"#, Code::InvalidValue, "user"),
        (r#"{"filter":"item.a","page":"t"}"#, Code::InvalidValue, "filter"),
    ] {
        let refusal = parse_feed("home", body.as_bytes()).expect_err(body);
        assert_eq!((refusal.code, refusal.field.as_str()), (code, field), "{body}");
    }
    let refusal = parse_feed("home", br#"{"usr":"u"}"#).unwrap_err();
    assert_eq!(refusal.message, "there is no 'usr' here: did you mean 'user'?");
}

#[test]
fn expressions_and_pages_are_read() {
    let body =
        br#"{"filter":"item.price < 9","boost":[{"when":"item.new","by":1.5},{"by":0,"when":"true"}],"pages":true}"#;
    let call = parse_feed("home", body).unwrap();
    let boost = |by: f64, when: &str| Boost { by, when: when.into() };
    assert_eq!(call.request.filter.as_deref(), Some("item.price < 9"));
    assert_eq!(call.request.boosts, [boost(1.5, "item.new"), boost(0.0, "true")]);
    assert_eq!((call.request.pages, call.seeded), (true, false));
    let page = |body: &str| parse_feed("home", body.as_bytes()).unwrap().page.unwrap();
    assert_eq!(page(r#"{"page":"t0"}"#), PageCall { token: "t0".into(), count: None });
    assert_eq!(page(r#"{"count":7,"page":"t0","explain":true}"#).count, Some(7));
}
