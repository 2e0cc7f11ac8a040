//! The Gorse interface where clients come at once, and where it must refuse; what it answers to one client after the other is
//! held against its documentation by `cargo xtask gorse-compat`.

use crate::house::{House, engine, error, json, local};
use loadgen::{Client, Response};
use server::{Config, Role, Server, StartError, Token};
use std::thread;

const SPEC: &str = include_str!("../../../../examples/gorse.yaml");

fn gorse() -> House {
    House::of(SPEC, |config| config.gorse = true)
}

fn send(client: &mut Client, method: &str, path: &str, body: &str) -> Response {
    let response = client.request(method, path, &[], Some(body.as_bytes())).expect("an answer");
    assert_eq!(response.status, 200, "{method} {path}: {}", response.text());
    response
}

#[test]
fn changes_at_once_lose_nothing() {
    let house = gorse();
    send(&mut house.client(), "POST", "/api/item", r#"{"ItemId":"i","Timestamp":"2024-01-01"}"#);
    let patch = |name: &'static str| {
        let mut client = house.client();
        move || {
            for round in 0..30 {
                send(&mut client, "PATCH", "/api/item/i", &format!("{{\"{name}\":\"{round}\"}}"));
            }
        }
    };
    let categories = |prefix: &'static str| {
        let mut client = house.client();
        move || {
            (0..20)
                .for_each(|round| drop(send(&mut client, "PUT", &format!("/api/item/i/category/{prefix}{round}"), "")))
        }
    };
    let patches = [patch("Labels"), patch("Comment")].map(thread::spawn);
    let additions = [categories("a"), categories("b")].map(thread::spawn);
    patches.into_iter().for_each(|thread| thread.join().unwrap());
    additions.into_iter().for_each(|thread| thread.join().unwrap());
    let item = json(&house.client().get("/api/item/i").unwrap());
    assert_eq!((&item["Labels"], &item["Comment"]), (&"29".into(), &"29".into()));
    assert_eq!(item["Categories"].as_array().map(Vec::len), Some(40));
    assert_eq!(item["Timestamp"], "2024-01-01T00:00:00Z");
}

#[test]
fn feedback_for_an_item_on_its_way_does_not_undo_it() {
    let house = gorse();
    let items = || {
        let mut client = house.client();
        move || {
            for item in 0..60 {
                let body = format!("{{\"ItemId\":\"i{item}\",\"Comment\":\"said\"}}");
                send(&mut client, "POST", "/api/item", &body);
            }
        }
    };
    let feedback = |user: &'static str| {
        let mut client = house.client();
        move || {
            for item in 0..60 {
                let body = format!("[{{\"FeedbackType\":\"click\",\"UserId\":\"{user}\",\"ItemId\":\"i{item}\"}}]");
                send(&mut client, "POST", "/api/feedback", &body);
            }
        }
    };
    let senders = [feedback("u"), feedback("v")].map(thread::spawn);
    thread::spawn(items()).join().unwrap();
    senders.into_iter().for_each(|thread| thread.join().unwrap());
    let page = json(&house.client().get("/api/items?n=100").unwrap());
    let items = page["Items"].as_array().unwrap();
    assert_eq!(items.len(), 60);
    assert!(items.iter().all(|item| item["Comment"] == "said"), "{page}");
    assert_eq!(json(&house.client().get("/api/user/u/feedback").unwrap()).as_array().map(Vec::len), Some(60));
}

#[test]
fn a_client_sees_what_it_wrote_at_once() {
    let house = gorse();
    let mut client = house.client();
    for round in 0..50 {
        let body =
            format!("[{{\"FeedbackType\":\"like\",\"UserId\":\"u\",\"ItemId\":\"i{round}\",\"Value\":{round}}}]");
        send(&mut client, "POST", "/api/feedback", &body);
        let row = json(&client.get(&format!("/api/feedback/like/u/i{round}")).unwrap());
        assert_eq!(row["Value"].as_f64(), Some(f64::from(round)));
        let body = format!("{{\"UserId\":\"u\",\"Comment\":\"{round}\"}}");
        send(&mut client, "POST", "/api/user", &body);
        assert_eq!(json(&client.get("/api/user/u").unwrap())["Comment"], round.to_string());
    }
}

#[test]
fn a_key_may_do_what_its_roles_may() {
    let house = House::of(SPEC, |config| {
        config.gorse = true;
        let token = |role, secret| Token::new(role, secret).expect("long enough");
        config.tokens = vec![
            token(Role::Serve, "serve-0123456789"),
            token(Role::Ingest, "ingest-0123456789"),
            token(Role::Ingest, "twice-0123456789"),
            token(Role::Serve, "twice-0123456789"),
            token(Role::Admin, "admin-0123456789"),
        ];
    });
    let status = |key: &str, method: &str, path: &str, body: Option<&[u8]>| {
        house.client().request(method, path, &[("x-api-key", key)], body).unwrap().status
    };
    let write = |key| status(key, "POST", "/api/user", Some(br#"{"UserId":"u"}"#));
    let read = |key| status(key, "GET", "/api/users", None);
    assert_eq!((write("serve-0123456789"), read("serve-0123456789")), (403, 200));
    assert_eq!((write("ingest-0123456789"), read("ingest-0123456789")), (200, 403));
    for key in ["twice-0123456789", "admin-0123456789"] {
        assert_eq!((write(key), read(key)), (200, 200), "{key}");
    }
    for key in ["", "wrong-0123456789"] {
        assert_eq!((write(key), read(key)), (401, 401), "{key}");
    }
    assert_eq!(status("", "GET", "/api/health/ready", None), 200);
    let refused = house.client().get("/api/users").unwrap();
    assert_eq!((refused.status, refused.text().as_str()), (401, "unauthorized"));
    assert_eq!(refused.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn it_is_served_only_where_it_is_asked_for_and_can_be() {
    let house = House::open();
    assert_eq!(error(&house.client().get("/api/users").unwrap()).0, 404);
    let (engine, _folder) = engine();
    let config = Config { gorse: true, ..Config::new(local()) };
    match Server::start(config, engine) {
        Err(StartError::Gorse(lacking)) => assert!(lacking.len() > 5, "{lacking:?}"),
        _ => panic!("a spec without all of it cannot be served"),
    }
}
