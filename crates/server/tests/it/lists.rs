//! Lists, request-time expressions and pages over HTTP.

use crate::house::{House, error, json};
use loadgen::Client;
use serde_json::{Value, json as value};
use std::time::{Duration, Instant};

/// A house with twenty items, the first the most viewed.
fn shop() -> House {
    let house = House::open();
    let mut client = house.client();
    let item = |n: u64| {
        format!("{{\"entity\":\"item\",\"key\":\"i{n}\",\"fields\":{{\"category\":\"c{n}\",\"price\":{n}}}}}\n")
    };
    let items: String = (0..20).map(item).collect();
    assert_eq!(client.post("/v1/entities", items.as_bytes()).expect("an answer").status, 200);
    let view = |n: u64| (n..20).map(move |of| format!("{{\"event\":\"view\",\"user\":\"u{of}\",\"item\":\"i{n}\"}}\n"));
    let views: String = (0..20).flat_map(view).collect();
    assert_eq!(client.post("/v1/events", views.as_bytes()).expect("an answer").status, 200);
    wait(&mut client, "{\"user\":\"new\",\"count\":20}", |answer| {
        answer["items"].as_array().expect("a list").len() == 20
    });
    house
}

/// Asks until the answer is as it must become: items and indexes are published every few milliseconds.
fn wait(client: &mut Client, body: &str, done: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        let answer = json(&client.post("/v1/feeds/home", body.as_bytes()).expect("an answer"));
        if done(&answer) {
            return answer;
        }
        assert!(Instant::now() < end, "it never came: {answer}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn items(answer: &Value) -> Vec<&str> {
    answer["items"].as_array().expect("a list").iter().map(|item| item["item"].as_str().expect("a key")).collect()
}

#[test]
fn lists_are_kept_and_read() {
    let house = shop();
    let mut client = house.client();
    let sent = client.request("PUT", "/v1/lists/picks/i19", &[], Some(b"{\"score\":2.5}")).unwrap();
    assert_eq!((sent.status, &json(&sent)["accepted"]), (200, &value!(1)), "{}", sent.text());
    assert_eq!(client.request("PUT", "/v1/lists/picks/i18", &[], Some(b"")).unwrap().status, 200);
    let lines = "{\"key\":\"i17\",\"score\":3,\"until\":\"2999-01-01T00:00:00Z\"}\n{\"key\":\"i16\"}\n{\"kye\":\"i15\"}\n{\"key\":\"i18\",\"delete\":true}\n";
    let sent = json(&client.post("/v1/lists/picks", lines.as_bytes()).unwrap());
    assert_eq!((&sent["accepted"], &sent["refused"]), (&value!(3), &value!(1)), "{sent}");
    assert_eq!((&sent["results"][0]["line"], &sent["results"][0]["code"]), (&value!(3), &value!("unknown_field")));
    let part = json(&client.get("/v1/lists/picks?limit=2").unwrap());
    let entries = value!([{"key": "i16"}, {"key": "i17", "score": 3.0, "until": "2999-01-01T00:00:00.000Z"}]);
    assert_eq!((&part["entries"], &part["count"], &part["next"]), (&entries, &value!(3), &value!("i17")), "{part}");
    let rest = json(&client.get("/v1/lists/picks?limit=2&after=i17").unwrap());
    assert_eq!((&rest["entries"], &rest["next"]), (&value!([{"key": "i19", "score": 2.5}]), &Value::Null));
    let fresh = |answer: &Value| answer["counts"]["picks"] == 3;
    let answer = wait(&mut client, "{\"user\":\"new\",\"count\":20,\"explain\":true}", fresh);
    let of_picks = |item: &Value| item["routes"].as_array().unwrap().iter().any(|route| route["route"] == "picks");
    let picked = answer["items"].as_array().unwrap().iter().filter(|item| of_picks(item)).count();
    assert_eq!(picked, 3);
    assert_eq!(client.request("PUT", "/v1/lists/blocked/i3", &[], None).unwrap().status, 200);
    let blocked = wait(&mut client, "{\"user\":\"new\",\"count\":20}", |answer| !items(answer).contains(&"i3"));
    assert!(blocked["removed"].to_string().contains("!listed(item, blocked)"), "{blocked}");
    assert_eq!(client.request("DELETE", "/v1/lists/blocked/i3", &[], None).unwrap().status, 200);
    wait(&mut client, "{\"user\":\"new\",\"count\":20}", |answer| items(answer).contains(&"i3"));
}

#[test]
fn lists_refuse_what_is_wrong() {
    let house = shop();
    let mut client = house.client();
    let full = "[{\"key\":\"a\"},{\"key\":\"b\"},{\"key\":\"c\"},{\"key\":\"d\"},{\"key\":\"e\"}]";
    assert_eq!(json(&client.post("/v1/lists/picks", full.as_bytes()).unwrap())["accepted"], 5);
    for (method, path, body, status, code, field) in [
        ("PUT", "/v1/lists/picks/f", "{}", 409, "list_full", "list"),
        ("PUT", "/v1/lists/pics/f", "{}", 404, "unknown_list", "list"),
        ("PUT", "/v1/lists/picks/a", "{\"until\":5}", 400, "invalid_value", "until"),
        ("PUT", "/v1/lists/picks/a", "{\"score\":\"5\"}", 400, "wrong_type", "score"),
        ("PUT", "/v1/lists/picks/a", "{\"scor\":5}", 400, "unknown_field", "scor"),
        ("DELETE", "/v1/lists/pics/a", "", 404, "unknown_list", "list"),
        ("GET", "/v1/lists/pics", "", 404, "unknown_list", "list"),
        ("GET", "/v1/lists/picks?limit=0", "", 400, "invalid_value", "limit"),
        ("GET", "/v1/lists/picks?limit=1001", "", 400, "invalid_value", "limit"),
        ("GET", "/v1/lists/picks?after=nobody", "", 400, "invalid_value", "after"),
        ("GET", "/v1/lists/picks?from=a", "", 400, "unknown_field", "from"),
        ("POST", "/v1/lists/picks", "{\"key\":\"a\",\"list\":\"blocked\"}", 400, "invalid_value", "list"),
        (
            "POST",
            "/v1/lists/picks?atomic=true",
            "[{\"key\":\"a\",\"delete\":true},{\"key\":\"x\"},{\"key\":\"y\"}]",
            400,
            "invalid_value",
            "",
        ),
    ] {
        let body = (method != "GET" && method != "DELETE").then_some(body.as_bytes());
        let response = client.request(method, path, &[], body).unwrap();
        if path.contains("atomic") {
            let body = json(&response);
            assert_eq!((response.status, &body["results"][0]["code"]), (status, &value!("list_full")), "{body}");
            continue;
        }
        assert_eq!(error(&response), (status, code.into(), field.into()), "{method} {path} {body:?}");
    }
    assert_eq!(json(&client.get("/v1/lists/picks").unwrap())["count"], 5, "nothing of the call was taken");
}

#[test]
fn requests_filter_and_boost() {
    let house = shop();
    let mut client = house.client();
    let mut ask = |body: &str| json(&client.post("/v1/feeds/home", body.as_bytes()).unwrap());
    let cheap =
        ask(r#"{"user":"new","count":20,"filter":"item.price >= 4 && item.price < 8.0 && item.category != \"c5\""}"#);
    let mut found = items(&cheap);
    found.sort_unstable();
    assert_eq!(found, ["i4", "i6", "i7"]);
    assert!(cheap["removed"].to_string().contains("item.price >= 4"), "{cheap}");
    let boosted = ask(r#"{"user":"new","count":3,"boost":[{"by":100,"when":"item.category == \"c13\""}],"seed":7}"#);
    assert_eq!((items(&boosted)[0], &boosted["seed"]), ("i13", &value!(7)));
    let id = boosted["decision"].as_str().unwrap().to_owned();
    let none = ask(r#"{"user":"new","filter":"item.price < -1.0"}"#);
    assert_eq!((items(&none).len(), &none["empty"]), (0, &value!("removed")));
    assert!(none["note"].as_str().unwrap().contains("20") && none["seed"].as_u64().is_some(), "{none}");
    let why = loop {
        let response = client.get(&format!("/v1/decisions/{id}/explain")).unwrap();
        if response.status == 200 {
            break json(&response);
        }
    };
    assert!(why["items"][0]["reason"].as_str().unwrap().contains("scored 100 times by boost 1"), "{why}");
    let refused = client.post("/v1/feeds/home", br#"{"filter":"item.new && item.prise < 3"}"#).unwrap();
    assert_eq!(error(&refused), (400, "invalid_expression".into(), "filter".into()));
    let body = json(&refused);
    assert_eq!(body["error"]["column"], 1);
    let refused = client.post("/v1/feeds/home", br#"{"boost":[{"by":2,"when":"item.price < 3 && user.x"}]}"#).unwrap();
    assert_eq!(error(&refused), (400, "invalid_expression".into(), "boost.0.when".into()));
    let caret = "item.price < 3 && user.x\n                  ^^^^^^";
    assert_eq!((&json(&refused)["error"]["column"], &json(&refused)["error"]["caret"]), (&value!(19), &value!(caret)));
    let deep = format!("{{\"filter\":\"{}item.price > 1.0\"}}", "!".repeat(40));
    assert_eq!(error(&client.post("/v1/feeds/home", deep.as_bytes()).unwrap()).1, "too_large");
}

#[test]
fn pages_follow_the_first_answer() {
    let house = shop();
    let mut client = house.client();
    let first = json(&client.post("/v1/feeds/home", br#"{"user":"new","count":6,"pages":true}"#).unwrap());
    let mut shown: Vec<String> = items(&first).into_iter().map(str::to_owned).collect();
    let mut next = first["next"].clone();
    let mut sizes = Vec::new();
    while let Some(token) = next.as_str() {
        let body = format!("{{\"page\":\"{token}\",\"count\":5,\"explain\":true}}");
        let page = json(&client.post("/v1/feeds/home", body.as_bytes()).unwrap());
        assert_eq!((&page["page"]["of"], &page["page"]["from"]), (&first["decision"], &value!(shown.len())), "{page}");
        assert_eq!(page["seed"], first["seed"]);
        shown.extend(items(&page).into_iter().map(str::to_owned));
        sizes.push(items(&page).len());
        next = page["next"].clone();
    }
    assert_eq!(sizes, [5, 5, 4]);
    let whole = json(&client.post("/v1/feeds/home", br#"{"user":"new","count":20}"#).unwrap());
    assert_eq!(items(&whole), shown, "spread and all");
    assert!(whole.get("next").is_none() && next.is_null());
    let token = first["next"].as_str().unwrap();
    let forged = format!("{}{}", &token[..token.len() - 1], if token.ends_with('0') { '1' } else { '0' });
    for (body, status, code, field) in [
        (format!("{{\"page\":\"{forged}\"}}"), 400, "bad_page_token", "page"),
        (format!("{{\"page\":\"{token}\",\"user\":\"u1\"}}"), 400, "invalid_value", "user"),
        (format!("{{\"page\":\"{token}\",\"count\":0}}"), 400, "invalid_value", "count"),
    ] {
        assert_eq!(
            error(&client.post("/v1/feeds/home", body.as_bytes()).unwrap()),
            (status, code.into(), field.into())
        );
    }
}
