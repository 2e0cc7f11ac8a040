//! What records bodies become, and what a spec must declare.

use super::*;
use crate::bodies::{read_feedback, read_item};

const SPEC: &str = include_str!("../../../../examples/gorse.yaml");

fn plan(text: &str) -> Plan {
    spec::compile("test", text).map_err(|all| spec::render(&all)).unwrap()
}

#[test]
fn a_spec_that_lacks_something_is_told_all_of_it() {
    let missing = Shape::of(&plan("version: 1\n")).unwrap_err();
    for part in [
        "hidden",
        "categories",
        "timestamp",
        "labels",
        "comment",
        "'feedback'",
        "feedback_due",
        "feedback_deleted",
        "'home'",
    ] {
        assert!(missing.iter().any(|sentence| sentence.contains(part)), "{part}: {missing:?}");
    }
    assert!(Shape::of(&plan(SPEC)).is_ok());
}

#[test]
fn labels_fill_attributes_of_their_names() {
    let text =
        SPEC.replacen("hidden: bool,", "hidden: bool, brand: string, price: float, sizes: [string], rank: int,", 1);
    let shape = Shape::of(&plan(&text)).unwrap();
    let item =
        br#"{"ItemId":"i","Labels":{"brand":"acme","price":3,"sizes":["s","m"],"rank":1.5,"hidden":"yes","more":{}}}"#;
    let Payload::Upsert(upsert) = shape.item(&read_item(item).unwrap()).unwrap() else {
        panic!("an item is an upsert")
    };
    let value = |name: &str| upsert.fields.iter().find(|field| field.name == name).map(|field| field.value.clone());
    assert_eq!(value("brand"), Some(Raw::Str("acme".into())));
    assert_eq!(value("price"), Some(Raw::Int(3)));
    assert_eq!(value("sizes"), Some(Raw::List(vec![Raw::Str("s".into()), Raw::Str("m".into())])));
    assert_eq!((value("rank"), value("more")), (None, None), "another type, no attribute");
    assert_eq!(value("hidden"), Some(Raw::Bool(false)), "what Gorse has of its own is not a label's");
}

#[test]
fn long_texts_are_kept_in_pieces_and_too_long_ones_refused() {
    let shape = Shape::of(&plan(SPEC)).unwrap();
    let labels = format!("\"{}\"", "ü".repeat(5_000));
    let Payload::Upsert(user) =
        shape.user(&User { id: "u".into(), labels: Some(&labels), comment: "c".into() }).unwrap()
    else {
        panic!("a user is an upsert")
    };
    let Raw::List(pieces) = &user.fields[0].value else { panic!("labels are a list") };
    let joined: String = pieces.iter().map(|piece| if let Raw::Str(text) = piece { &**text } else { "" }).collect();
    assert_eq!((joined, pieces.len()), (labels, 3));
    let code = |labels: &str, comment: &str| {
        let user = User { id: "u".into(), labels: Some(labels), comment: comment.to_owned().into() };
        shape.user(&user).map_err(|refusal| refusal.code).err()
    };
    assert_eq!(code(&"1".repeat(limits::STRING_BYTES_MAX * limits::LIST_MAX), ""), None);
    assert_eq!(code(&"1".repeat(limits::STRING_BYTES_MAX * limits::LIST_MAX + 1), ""), Some(Code::TooLarge));
    assert_eq!(code("1", &"x".repeat(limits::STRING_BYTES_MAX + 1)), Some(Code::TooLarge));
}

#[test]
fn feedback_becomes_the_event_of_its_type_or_the_one_for_all_others() {
    let shape = Shape::of(&plan(SPEC)).unwrap();
    let kinds = ["click", "feedback", "feedback_due", "impression", "anything"].map(|kind| {
        let body = format!("[{{\"FeedbackType\":\"{kind}\",\"UserId\":\"u\",\"ItemId\":\"i\",\"Value\":0}}]");
        let list = read_feedback(body.as_bytes()).unwrap();
        let Payload::Event(event) = shape.feedback(&list[0], Time(1), false) else { panic!("feedback is an event") };
        assert!(event.field("type").is_none_or(|of| *of == Raw::Str(kind.into())));
        event.kind.into_owned()
    });
    assert_eq!(kinds, ["click", "feedback", "feedback", "feedback", "feedback"]);
}

#[test]
fn categories_fill_the_context_that_the_feed_declares() {
    let shape = Shape::of(&plan(SPEC)).unwrap();
    let names = |categories: &[&str]| {
        let context = shape.context("home", categories).map_err(|refusal| refusal.code)?;
        Ok(context.into_iter().map(|(name, _)| name).collect::<Vec<_>>())
    };
    assert_eq!(names(&["a", "b"]), Ok(vec!["category".to_owned(), "category_2".to_owned()]));
    assert_eq!(names(&["a", "b", "c", "d"]), Err(Code::TooMany));
    assert_eq!((shape.feed("neighbors", true), shape.feed("neighbors", false)), (Some("neighbors"), None));
    assert_eq!(shape.related(), Some("neighbors"));
}

#[test]
fn only_what_is_clearly_ahead_waits_for_its_time() {
    let shape = Shape::of(&plan(SPEC)).unwrap();
    let kind = |ms: i64| {
        let feedback = Feedback {
            kind: "read".into(),
            user: "u".into(),
            item: "i".into(),
            timestamp: Some(Time(ms)),
            ..Feedback::default()
        };
        let Payload::Event(event) = shape.feedback(&feedback, Time(10_000), false) else {
            panic!("feedback is an event")
        };
        event.kind.into_owned()
    };
    assert_eq!([5_000, 10_000, 11_000, 11_001].map(kind), ["read", "read", "read", Shape::DUE]);
}
