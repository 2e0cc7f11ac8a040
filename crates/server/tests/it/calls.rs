//! Every call once as it is meant, and its refusals.

use crate::house::{House, SPEC, error, json};
use serde_json::json as value;
use std::time::{Duration, Instant};

fn view(user: &str, item: &str, id: &str) -> String {
    format!("{{\"event\":\"view\",\"id\":\"{id}\",\"user\":\"{user}\",\"item\":\"{item}\",\"dwell\":\"31s\"}}\n")
}

/// Waits until the answer satisfies `done`: items and indexes are published every few milliseconds.
fn until(mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(5);
    while !done() {
        assert!(Instant::now() < end, "it never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn events_become_answers() {
    let house = House::open();
    let mut client = house.client();
    let items = (0..20).map(|n| {
        format!(
            "{{\"entity\":\"item\",\"key\":\"i{n}\",\"fields\":{{\"category\":\"c{}\",\"price\":{}}}}}\n",
            n % 4,
            n * 10
        )
    });
    let sent = client.post("/v1/entities", items.collect::<String>().as_bytes()).unwrap();
    assert_eq!((sent.status, json(&sent)["accepted"].as_u64()), (200, Some(20)));
    let body: String =
        (0..100).map(|n| view(&format!("u{}", n % 10), &format!("i{}", n * 7 % 20), &format!("e{n}"))).collect();
    let sent = client.post("/v1/events", body.as_bytes()).unwrap();
    assert_eq!((sent.status, json(&sent)["accepted"].as_u64()), (200, Some(100)), "{}", sent.text());
    let again = json(&client.post("/v1/events?results=all", body.as_bytes()).unwrap());
    assert_eq!(
        (&again["accepted"], &again["duplicates"], &again["results"][7]["duplicate"]),
        (&value!(0), &value!(100), &value!(true))
    );
    let ask = br#"{"user":"u1","count":5,"explain":true,"exclude":["i7"]}"#;
    let mut answer = value!(null);
    until(|| {
        answer = json(&client.post("/v1/feeds/home", ask).unwrap());
        answer["items"].as_array().is_some_and(|items| items.len() == 5)
    });
    assert_eq!(answer["feed"], "home");
    assert!(answer["items"].as_array().unwrap().iter().all(|item| item["item"] != "i7"));
    assert!(answer["removed"].to_string().contains("item.price"), "{answer}");
    let id = answer["decision"].as_str().unwrap().to_owned();
    // At once: the call waits until the record is on the disk.
    let response = client.get(&format!("/v1/decisions/{id}")).unwrap();
    assert_eq!(response.status, 200, "{}", response.text());
    let read = json(&response);
    assert_eq!(read["items"], answer["items"]);
    let why = json(&client.get(&format!("/v1/decisions/{id}/explain")).unwrap());
    assert_eq!(why["items"][0]["item"], answer["items"][0]["item"]);
    let text =
        client.request("GET", &format!("/v1/decisions/{id}/explain"), &[("accept", "text/plain")], None).unwrap();
    assert!(text.header("content-type").unwrap().starts_with("text/plain") && text.text().contains("home"));
    let mut replay = value!(null);
    until(|| {
        let response = client.get(&format!("/v1/decisions/{id}/replay")).unwrap();
        replay = json(&response);
        assert!(matches!(response.status, 200 | 202), "{}", response.text());
        response.status == 200
    });
    assert_eq!((&replay["identical"], &replay["differences"]), (&value!(true), &value!([])));
    assert_eq!(replay["answer"]["items"], answer["items"]);
}

#[test]
fn bad_lines_are_named_and_good_ones_kept() {
    let house = House::open();
    let mut client = house.client();
    let body = format!("{}{{\"event\":\"veiw\"}}\n{{\n{}", view("u1", "i1", "a"), view("u1", "i2", "b"));
    let sent = client.post("/v1/events", body.as_bytes()).unwrap();
    let result = json(&sent);
    assert_eq!((sent.status, &result["accepted"], &result["refused"]), (200, &value!(2), &value!(2)));
    assert_eq!((&result["results"][0]["line"], &result["results"][0]["code"]), (&value!(2), &value!("unknown_event")));
    assert_eq!((&result["results"][1]["line"], &result["results"][1]["code"]), (&value!(3), &value!("invalid_json")));
    let sent = client.post("/v1/events?atomic=true", body.replace("\"a\"", "\"c\"").as_bytes()).unwrap();
    let result = json(&sent);
    assert_eq!((sent.status, &result["accepted"], &result["refused"]), (400, &value!(0), &value!(2)));
    assert!(result["error"]["message"].as_str().unwrap().contains("nothing was taken"));
    let sent = client.post("/v1/events", b"[{\"event\":\"veiw\"},{\"event\":\"view\"}]").unwrap();
    assert_eq!((sent.status, &json(&sent)["refused"]), (400, &value!(2)));
    let sent =
        client.post("/v1/events?atomic=true", format!("{}{}", view("u1", "i1", "d"), view("u1", "i2", "e")).as_bytes());
    assert_eq!(json(&sent.unwrap())["accepted"], 2);
    let sent = client.post("/v1/events", b"[]").unwrap();
    assert_eq!((sent.status, &json(&sent)["accepted"]), (200, &value!(0)));
    let entity = json(&client.get("/v1/entities/user/u1").unwrap());
    assert_eq!(entity["features"]["views"], value!(4.0), "{entity}");
}

#[test]
fn one_bad_event_is_an_error() {
    let house = House::open();
    let mut client = house.client();
    let mut code = |body: &str| error(&client.post("/v1/events", body.as_bytes()).unwrap());
    let refused = |status, code: &str, field: &str| (status, code.to_owned(), field.to_owned());
    assert_eq!(code("{\"event\":\"veiw\"}"), refused(400, "unknown_event", "event"));
    assert_eq!(code("{\"event\":\"view\",\"user\":\"u\"}"), refused(400, "missing_field", "item"));
    assert_eq!(code(""), refused(400, "invalid_json", ""));
    assert_eq!(code("{\"event\":\"view\",\"user\":\"u\",\"item\":\"i\",\"time\":253402300000000}").0, 422);
    assert_eq!(code("{\"event\":\"view\",\"user\":\"u\",\"item\":\"i\",\"time\":-1}").0, 422);
    assert_eq!(code(&view("u", "i", "x").replace("31s", "long")).2, "dwell");
    assert_eq!(client.post("/v1/events", view("u", "i", "y").as_bytes()).unwrap().status, 200);
    let reused = client.post("/v1/events", view("u", "j", "y").as_bytes()).unwrap();
    assert_eq!(error(&reused), refused(409, "id_reused", "id"));
}

#[test]
fn entities_are_set_read_and_deleted() {
    let house = House::open();
    let mut client = house.client();
    let path = "/v1/entities/item/a%2Fb%20%C3%BC";
    assert_eq!(client.put(path, br#"{"category":"books","price":9.5}"#).unwrap().status, 200);
    let mut entity = value!(null);
    until(|| {
        entity = json(&client.get(path).unwrap());
        entity["fields"]["price"] == 9.5
    });
    assert_eq!((&entity["entity"], &entity["key"]), (&value!("item"), &value!("a/b ü")));
    assert_eq!(client.delete(path).unwrap().status, 200);
    until(|| json(&client.get(path).unwrap())["fields"]["price"].is_null());
    let mut code = |path: &str, body: &str| error(&client.put(path, body.as_bytes()).unwrap()).1;
    assert_eq!(code(path, r#"{"prize":1}"#), "unknown_field");
    assert_eq!(code(path, r#"{"price":"much"}"#), "wrong_type");
    assert_eq!(code("/v1/entities/itme/x", "{}"), "unknown_entity");
    assert_eq!(code("/v1/entities/item/%ff", "{}"), "invalid_value");
    assert_eq!(error(&client.get("/v1/entities/user/nobody").unwrap()).0, 404);
}

#[test]
fn feeds_and_decisions_refuse_what_is_not_theirs() {
    let house = House::open();
    let mut client = house.client();
    let mut code = |path: &str, body: &str| {
        let (status, code, field) = error(&client.post(path, body.as_bytes()).unwrap());
        format!("{status} {code} {field}")
    };
    assert_eq!(code("/v1/feeds/hmoe", "{}"), "404 unknown_feed feed");
    assert_eq!(code("/v1/feeds/home", r#"{"usr":"u"}"#), "400 unknown_field usr");
    assert_eq!(code("/v1/feeds/home", r#"{"item":"i"}"#), "400 invalid_value item");
    assert_eq!(code("/v1/feeds/home", r#"{"context":{"a":1}}"#), "400 unknown_field context.a");
    assert_eq!(code("/v1/feeds/home?x=1", "{}"), "400 unknown_field x");
    let mut code = |path: &str| error(&client.get(path).unwrap()).0;
    assert_eq!(
        (code("/v1/decisions/x"), code("/v1/decisions/d1-99999"), code("/v1/decisions/d1-99999/replay")),
        (400, 404, 404)
    );
    assert_eq!((code("/v1/decisions/d1-1/explain"), code("/nothing"), code("/v1/events")), (404, 404, 405));
    let cold = house.client().post("/v1/feeds/home", br#"{"user":"nobody"}"#).unwrap();
    assert_eq!((cold.status, &json(&cold)["items"]), (200, &value!([])));
}

#[test]
fn bodies_are_bounded_and_plain() {
    let house = House::with(|config| config.limits.body_bytes = 1_000);
    let mut client = house.client();
    let mut code = |headers: &[(&str, &str)], body: &[u8]| {
        error(&client.request("POST", "/v1/events", headers, Some(body)).unwrap()).1
    };
    assert_eq!(code(&[], &[b' '; 1_001]), "too_large");
    assert_eq!(code(&[], &[b' '; 500_000]), "too_large");
    assert_eq!(code(&[("content-encoding", "gzip")], &[b' '; 500_000]), "unsupported_media");
    assert_eq!(code(&[], &[b' '; 1_000]), "invalid_json");
    assert_eq!(code(&[("content-encoding", "gzip")], b"x"), "unsupported_media");
    assert_eq!(code(&[("content-type", "application/x-www-form-urlencoded")], b"{}"), "unsupported_media");
    assert_eq!(code(&[("content-type", "text/plain")], b"{}"), "unsupported_media");
    assert_eq!(code(&[("content-type", "application/x-ndjson; charset=utf-8")], b"{}"), "missing_field");
    assert_eq!(code(&[("content-encoding", "identity")], b"{}"), "missing_field");
}

#[test]
fn operators_see_what_goes_on() {
    let mut house = House::open();
    let mut client = house.client();
    assert_eq!(json(&client.get("/healthz").unwrap()), value!({"ok": true}));
    assert_eq!(client.get("/readyz").unwrap().status, 200);
    assert_eq!(client.get("/v1/spec").unwrap().text(), SPEC);
    client.post("/v1/events", view("u1", "i1", "a").as_bytes()).unwrap();
    client.post("/v1/events", b"{").unwrap();
    let metrics = client.get("/metrics").unwrap().text();
    for line in [
        "millrace_events_accepted_total 1",
        "millrace_events_refused_total{code=\"invalid_json\"} 1",
        "millrace_requests_total{route=\"/v1/events\",status=\"200\"} 1",
        "millrace_durability_wait_seconds_count 1",
        "millrace_connections 1",
        "# EOF",
    ] {
        assert!(metrics.lines().any(|found| found == line), "no {line} in\n{metrics}");
    }
    house.stop();
    assert!(client.get("/healthz").is_err());
}

#[test]
fn a_server_listens_before_its_node_is_open() {
    let server = server::Server::listen(server::Config::new(crate::house::local())).expect("a free port");
    let mut client = loadgen::Client::new(server.address(), Duration::from_secs(5));
    let [only] = server.tenants() else { panic!("one node") };
    assert_eq!(client.get("/healthz").unwrap().status, 200);
    let mut progress = || {
        let response = client.get("/readyz").unwrap();
        assert_eq!((response.status, response.header("retry-after")), (503, Some("1")));
        let readiness = json(&response);
        assert_eq!((&readiness["ready"], &readiness["error"]["code"]), (&value!(false), &value!("recovering")));
        readiness["progress"].clone()
    };
    assert_eq!(progress(), value!({"done": 0, "total": 0}));
    only.progress(7, 9);
    assert_eq!(progress(), value!({"done": 7, "total": 9}));
    let early = client.post("/v1/events", view("u1", "i1", "a").as_bytes()).unwrap();
    assert_eq!(error(&early), (503, "recovering".into(), String::new()));
    assert_eq!(client.get("/metrics").unwrap().status, 200);
    let (engine, folder) = crate::house::engine();
    only.serve(engine);
    assert_eq!(json(&client.get("/readyz").unwrap()), value!({"ready": true}));
    assert_eq!(client.post("/v1/events", view("u1", "i1", "a").as_bytes()).unwrap().status, 200);
    server.stop();
    std::fs::remove_dir_all(folder).expect("the folder is there");
}

/// Threads of this process by this name; calls that read the log run on some of their own.
fn threads_named(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("the system tells of its threads");
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|found| found.trim_end() == name).count()
}

#[test]
fn the_log_is_not_read_on_the_event_loop() {
    let house = House::with(|config| config.threads = 1);
    let mut client = house.client();
    for path in ["/v1/decisions/d1-99", "/v1/decisions/d1-99/explain", "/v1/decisions/d1-99/replay"] {
        assert_eq!(client.get(path).unwrap().status, 404);
        assert!(threads_named("reader") > 0, "{path}");
    }
}

#[test]
fn what_was_acknowledged_is_there_after_many_threads_wrote() {
    let house = House::with(|config| config.threads = 2);
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let mut client = house.client();
            scope.spawn(move || {
                for n in 0..25 {
                    let sent =
                        client.post("/v1/events", view("all", "i1", &format!("w{writer}-{n}")).as_bytes()).unwrap();
                    assert_eq!(sent.status, 200, "{}", sent.text());
                }
            });
        }
    });
    let entity = json(&house.client().get("/v1/entities/user/all").unwrap());
    assert_eq!(entity["features"]["views"], value!(200.0));
}

#[test]
fn a_port_in_use_is_refused() {
    let house = House::open();
    let (engine, folder) = crate::house::engine();
    let refused = server::Server::start(server::Config::new(house.address()), engine);
    assert!(matches!(refused, Err(server::StartError::Bind(..))), "two servers on one port");
    std::fs::remove_dir_all(folder).expect("the folder is there");
}
