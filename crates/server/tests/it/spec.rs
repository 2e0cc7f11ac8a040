//! The spec of a running server, looked at, changed and rolled back over HTTP.

use crate::house::{House, SPEC};
use loadgen::{Client, Response};
use serde_json::Value;
use std::time::Duration;

const YAML: [(&str, &str); 1] = [("content-type", "application/yaml")];

fn send(client: &mut Client, method: &str, path: &str, spec: &str) -> (u16, Value) {
    as_json(client.request(method, path, &YAML, Some(spec.as_bytes())).expect("the server answers"))
}

fn get(client: &mut Client, path: &str) -> (u16, Value) {
    as_json(client.get(path).expect("the server answers"))
}

fn as_json(response: Response) -> (u16, Value) {
    (response.status, serde_json::from_slice(&response.body).expect("JSON"))
}

/// Waits for the end of a change that is being filled.
fn settled(client: &mut Client, outcome: (u16, Value)) -> Value {
    assert!(matches!(outcome.0, 200 | 202), "{outcome:?}");
    for _ in 0..2_000 {
        let (status, change) = get(client, "/v1/spec/change");
        if status == 404 || !["filling", "saving", "following"].contains(&change["stage"].as_str().unwrap_or_default())
        {
            let (_, versions) = get(client, "/v1/spec/versions");
            let last = versions["versions"].as_array().and_then(|all| all.last().cloned()).expect("a version");
            assert_eq!(last["in_force"], true, "{change}");
            return last;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the change was not done");
}

#[test]
fn a_spec_is_planned_changed_and_rolled_back() {
    let house = House::open();
    let mut client = house.client();
    client.post("/v1/entities", b"{\"type\":\"item\",\"key\":\"a\",\"fields\":{\"price\":5.0}}").expect("an item");
    client.post("/v1/events", b"{\"event\":\"view\",\"user\":\"u\",\"item\":\"a\"}").expect("an event");
    let new = SPEC.replace("views: count(view, 1d)", "views: count(view, 1d)\n    views_2d: count(view, 2d)");

    let (status, planned) = send(&mut client, "POST", "/v1/spec/plan", &new);
    assert_eq!((status, &planned["base"], &planned["needs"]), (200, &1.into(), &"fill".into()), "{planned}");
    assert_eq!(planned["added"], serde_json::json!(["feature user.views_2d"]));
    assert_eq!(client.get("/v1/spec").expect("the spec").text(), SPEC);

    let outcome = send(&mut client, "PUT", "/v1/spec?base=1", &new);
    assert_eq!(settled(&mut client, outcome)["version"], 2);
    assert_eq!(client.get("/v1/spec").expect("the spec").text(), new);
    let (_, user) = get(&mut client, "/v1/entities/user/u");
    assert_eq!(user["features"]["views_2d"], 1.0, "filled from the log: {user}");

    assert_eq!(send(&mut client, "PUT", "/v1/spec?base=1", SPEC).1["error"]["code"], "spec_conflict");
    assert_eq!(send(&mut client, "PUT", "/v1/spec?base=2", &new).1["outcome"], "unchanged");

    let outcome = as_json(client.post("/v1/spec/rollback", b"").expect("an answer"));
    assert_eq!(settled(&mut client, outcome)["version"], 3);
    assert_eq!(client.get("/v1/spec").expect("the spec").text(), SPEC);
    assert_eq!(client.get("/v1/spec/versions/2").expect("a text").text(), new);
}

#[test]
fn a_spec_can_serve_before_it_is_filled() {
    let house = House::open();
    let mut client = house.client();
    client.post("/v1/entities", b"{\"type\":\"item\",\"key\":\"a\",\"fields\":{\"price\":5.0}}").expect("an item");
    client.post("/v1/events", b"{\"event\":\"view\",\"user\":\"u\",\"item\":\"a\"}").expect("an event");
    let new = SPEC.replace("views: count(view, 1d)", "views: count(view, 1d)\n    views_2d: count(view, 2d)");
    assert_eq!(send(&mut client, "PUT", "/v1/spec?fill=soon", &new).1["error"]["code"], "invalid_value");
    let outcome = send(&mut client, "PUT", "/v1/spec?base=1&fill=missing", &new);
    assert_eq!((outcome.0, &outcome.1["outcome"], &outcome.1["version"]), (202, &"interim".into(), &2.into()));
    assert_eq!(client.get("/v1/spec").expect("the spec").text(), new, "it is in force");
    assert_eq!(client.get("/v1/spec/versions/2").expect("a text").text(), new);
    let last = settled(&mut client, outcome);
    assert_eq!((&last["version"], &last["interim"]), (&3.into(), &false.into()));
    let (_, versions) = get(&mut client, "/v1/spec/versions");
    assert_eq!(versions["versions"][1]["interim"], true, "{versions}");
    assert_eq!(get(&mut client, "/v1/entities/user/u").1["features"]["views_2d"], 1.0);
    // The version before is the one that was another spec.
    let outcome = as_json(client.post("/v1/spec/rollback", b"").expect("an answer"));
    assert_eq!(settled(&mut client, outcome)["version"], 4);
    assert_eq!(client.get("/v1/spec").expect("the spec").text(), SPEC);
}

#[test]
fn what_is_wrong_changes_nothing() {
    let house = House::open();
    let mut client = house.client();
    let wrong = SPEC.replace("item.heat / 100", "item.heet / 100");
    for (method, path) in [("POST", "/v1/spec/plan"), ("PUT", "/v1/spec")] {
        let (status, refused) = send(&mut client, method, path, &wrong);
        assert_eq!((status, &refused["error"]["code"]), (400, &"invalid_spec".into()), "{refused}");
        let message = refused["error"]["message"].as_str().expect("a message");
        assert!(message.contains("item.heet") && message.contains('^') && message.contains("item.heat"), "{message}");
    }
    let rows = [
        ("PUT", "/v1/spec?base=0", 400, "invalid_value"),
        ("PUT", "/v1/spec?base=x", 400, "invalid_value"),
        ("PUT", "/v1/spec?bose=1", 400, "unknown_field"),
        ("PUT", "/v1/spec?base=7", 409, "spec_conflict"),
        ("POST", "/v1/spec/rollback", 404, "unknown_version"),
        ("POST", "/v1/spec/rollback?to=9", 404, "unknown_version"),
        ("GET", "/v1/spec/versions/9", 404, "unknown_version"),
        ("GET", "/v1/spec/versions/-1", 400, "invalid_value"),
        ("GET", "/v1/spec/change", 404, "no_change_running"),
        ("DELETE", "/v1/spec/change", 404, "no_change_running"),
    ];
    for (method, path, status, code) in rows {
        let body = (method == "PUT").then_some(SPEC.as_bytes());
        let (found, refused) = as_json(client.request(method, path, &YAML, body).expect("an answer"));
        assert_eq!((found, &refused["error"]["code"]), (status, &code.into()), "{method} {path}: {refused}");
        // A query is told of by its own names.
        assert!(!path.contains("rollback") || refused["error"]["field"] == "to", "{refused}");
    }
    let json_type = client.request("PUT", "/v1/spec", &[("content-type", "text/plain")], Some(b"version: 1"));
    assert_eq!(json_type.expect("an answer").status, 415);
    let (_, binary) = as_json(client.request("PUT", "/v1/spec", &YAML, Some(&[0xff, 0xfe])).expect("an answer"));
    assert_eq!(binary["error"]["code"], "invalid_spec");
    let big = vec![b'#'; domain::limits::SPEC_BYTES_MAX + 1];
    assert_eq!(client.request("PUT", "/v1/spec", &YAML, Some(&big)).expect("an answer").status, 413);
    assert_eq!(house.client().get("/v1/spec").expect("the spec").text(), SPEC);
    assert_eq!(get(&mut house.client(), "/v1/spec/versions").1["versions"].as_array().map(Vec::len), Some(1));
}
