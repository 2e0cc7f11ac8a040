//! What is taken and what is refused.

use super::*;

#[test]
fn bodies_are_read_leniently() {
    let item = read_item(
        br#"{"itemid":"i1","IsHidden":true,"Categories":["a","b"],"Timestamp":"2024-06-15","Labels":{"x":[1,2]},"Comment":null,"Other":{"y":[{}]}}"#,
    );
    let expected = Item {
        id: "i1".into(),
        hidden: true,
        categories: Some(vec!["a".into(), "b".into()]),
        timestamp: Some(Time(1_718_409_600_000)),
        labels: Some(r#"{"x":[1,2]}"#),
        comment: "".into(),
    };
    assert_eq!(item, Ok(expected));
    let bare = read_item(br#"{"ItemId":"i1","Categories":null,"Timestamp":"0001-01-01T00:00:00Z","Labels":null}"#);
    assert_eq!(bare, Ok(Item { id: "i1".into(), ..Item::default() }));
    assert_eq!(read_users(b"null").unwrap(), []);
    assert_eq!(read_users(b"[]").unwrap(), []);
    let lines = read_users(b"{\"UserId\":\"a\"}\n{\"UserId\":\"b\"}\n").unwrap();
    assert_eq!(lines.iter().map(|user| &*user.id).collect::<Vec<_>>(), ["a", "b"]);
    let patch = read_item_patch(br#"{"Categories":null,"Comment":"c","IsHidden":null,"Labels":null,"Timestamp":null}"#);
    assert_eq!(patch, Ok(ItemPatch { comment: Some("c".into()), ..ItemPatch::default() }));
}

#[test]
fn bad_bodies_are_refused_with_a_code() {
    let cases: [(&[u8], Code); 11] = [
        (b"", Code::InvalidJson),
        (b"{", Code::InvalidJson),
        (b"[{\"UserId\":1}]", Code::WrongType),
        (b"[{\"UserId\":\"u\",\"ItemId\":\"i\"}]", Code::MissingField),
        (b"[{\"FeedbackType\":\"t\",\"UserId\":\"\",\"ItemId\":\"i\"}]", Code::MissingField),
        (b"[{\"FeedbackType\":\"t\",\"UserId\":\"u\",\"ItemId\":\"i\",\"Value\":\"1\"}]", Code::WrongType),
        (b"[{\"FeedbackType\":\"t\",\"UserId\":\"u\",\"ItemId\":\"i\",\"Timestamp\":\"soon\"}]", Code::InvalidValue),
        (b"[{\"FeedbackType\":\"t\",\"UserId\":\"u\",\"ItemId\":\"i\",\"Timestamp\":5}]", Code::WrongType),
        (b"[{\"FeedbackType\":\"t\",\"UserId\":\"u\",\"ItemId\":\"i\",\"Labels\":[\"price\",100]}]", Code::WrongType),
        (b"[{\"FeedbackType\":\"t\",\"UserId\":\"u\",\"ItemId\":\"i\",\"Labels\":true}]", Code::WrongType),
        (b"[{\"FeedbackType\":\"t\",\"UserId\":\"u\",\"ItemId\":\"i\",\"Labels\":[{}]}]", Code::WrongType),
    ];
    for (body, code) in cases {
        assert_eq!(read_feedback(body).map_err(|refusal| refusal.code), Err(code), "{}", String::from_utf8_lossy(body));
    }
    let long = format!("{{\"UserId\":\"{}\"}}", "x".repeat(limits::KEY_BYTES_MAX + 1));
    assert_eq!(read_user(long.as_bytes()).unwrap_err().code, Code::TooLarge);
    let deep = format!("{{\"UserId\":\"u\",\"Labels\":{}1{}}}", "{\"a\":".repeat(40), "}".repeat(40));
    assert_eq!(read_user(deep.as_bytes()).unwrap_err().code, Code::InvalidJson);
    let many = format!("{{\"ItemId\":\"i\",\"Categories\":[{}\"x\"]}}", "\"x\",".repeat(limits::LIST_MAX));
    assert_eq!(read_item(many.as_bytes()).unwrap_err().code, Code::TooMany);
}
