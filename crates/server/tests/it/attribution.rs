//! What came of answers, and the way of one item through one, over HTTP.

use crate::house::{House, error, json};
use loadgen::Client;
use serde_json::{Value, json as value};
use std::time::{Duration, Instant};

const SPEC: &str = "
version: 1
entities:
  item: { fields: { price: float } }
events:
  view: { user: user, item: item }
  buy: { user: user, item: item }
  dislike: { user: user, item: item }
features:
  user: { recent: 'last(view, item, 20)' }
  item: { heat: 'decayed(view, 1h)' }
feeds:
  home:
    for: user
    recall:
      hot:     { top: item.heat, limit: 3 }
      similar: { co_visited: view, from: user.recent, limit: 50 }
    filter: [item.price < 100.0]
    rank: { score: recall.score }
weights: { view: 1, buy: 10, dislike: -5 }
attribution: { window: 30m, click: [view, buy] }
";

/// Asks until the answer is there: what is computed again is computed in the background.
fn patiently(client: &mut Client, path: &str) -> Value {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let response = client.get(path).expect("the server answers");
        let waits = response.status == 202 || response.status == 404 && response.text().contains("unknown_decision");
        if !waits {
            assert_eq!(response.status, 200, "{}", response.text());
            return json(&response);
        }
        assert!(Instant::now() < end, "it never came: {}", response.text());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn send(client: &mut Client, event: Value) -> Value {
    let response = client.post("/v1/events", event.to_string().as_bytes()).expect("the server answers");
    assert_eq!(response.status, 200, "{}", response.text());
    json(&response)
}

/// A shop of four items, of which `i3` is too dear and `i0` the hottest.
fn shop(client: &mut Client) {
    for item in 0..5 {
        let price = if item == 3 { 120.0 } else { 10.0 };
        let put = client.put(&format!("/v1/entities/item/i{item}"), value!({ "price": price }).to_string().as_bytes());
        assert_eq!(put.expect("the server answers").status, 200);
        for n in 0..(6 - item) {
            send(client, value!({ "event": "view", "user": format!("u{n}"), "item": format!("i{item}") }));
        }
    }
}

/// An answer for a stranger with the two hottest items.
fn answer(client: &mut Client) -> (String, Vec<String>) {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        let answer = json(&client.post("/v1/feeds/home", br#"{"user":"u9","count":2}"#).expect("the server answers"));
        let items: Vec<String> = answer["items"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|of| of["item"].as_str().unwrap_or_default().to_owned())
            .collect();
        if items == ["i0", "i1"] {
            return (answer["decision"].as_str().unwrap_or_default().to_owned(), items);
        }
        assert!(Instant::now() < end, "the shop was never seen: {answer}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn events_are_joined_to_answers() {
    let house = House::of(SPEC, |_| {});
    let mut client = house.client();
    shop(&mut client);
    let before = json(&client.get("/v1/attribution").unwrap());
    let (id, _) = answer(&mut client);
    let event =
        |kind: &str, item: &str, id: &str| value!({ "event": kind, "user": "u9", "item": item, "decision": id });
    send(&mut client, event("impression", "i0", &id));
    // The place is the answer's, whatever the client says, and each counts once.
    send(&mut client, value!({ "event": "impression", "user": "u9", "item": "i1", "decision": id, "place": 7 }));
    send(&mut client, event("impression", "i1", &id));
    send(&mut client, event("view", "i1", &id));
    send(&mut client, event("buy", "i1", &id));
    send(&mut client, event("dislike", "i0", &id));
    send(&mut client, event("view", "i2", &id));
    send(&mut client, event("view", "i0", "d9-1"));
    send(&mut client, event("view", "i0", "what"));
    let all = json(&client.get("/v1/attribution?feed=home").unwrap());
    let row = &all["rows"][0];
    assert_eq!((&row["impressions"], &row["clicks"], &row["reward"]), (&value!(2), &value!(1), &value!(6.0)), "{all}");
    assert_eq!((&row["click_through"], &row["reward_per_impression"]), (&value!(0.5), &value!(3.0)));
    assert_eq!(row["events"], value!({ "impression": 2, "view": 1, "buy": 1, "dislike": 1 }));
    let of = |name: &str| all["unjoined"][name].as_u64().unwrap() - before["unjoined"][name].as_u64().unwrap();
    assert_eq!((of("unknown"), of("expired"), of("not_in_slate"), of("duplicate")), (2, 0, 1, 1));
    let places = json(&client.get("/v1/attribution?by=position").unwrap());
    let place =
        |at: usize| (&places["rows"][at]["place"], &places["rows"][at]["clicks"], &places["rows"][at]["reward"]);
    assert_eq!(place(0), (&value!(1), &value!(0), &value!(-5.0)), "{places}");
    assert_eq!(place(1), (&value!(2), &value!(1), &value!(11.0)));
    let routes = json(&client.get("/v1/attribution?by=route&feed=home").unwrap());
    assert_eq!((&routes["rows"][0]["route"], &routes["rows"][0]["impressions"]), (&value!("hot"), &value!(2)));
    assert_eq!((&routes["rows"][1]["route"], &routes["rows"][1]["impressions"]), (&value!("similar"), &value!(0)));
    let table = client.request("GET", "/v1/attribution", &[("accept", "text/plain")], None).unwrap().text();
    assert!(table.contains("click-through") && table.contains("50.00%"), "{table}");
    let metrics = client.get("/metrics").unwrap().text();
    assert!(metrics.contains("millrace_attributed_impressions_total{feed=\"home\"} 2"), "{metrics}");
    assert!(metrics.contains("millrace_attributed_reward{feed=\"home\"} 6.0"), "{metrics}");
}

#[test]
fn what_is_asked_wrongly_is_refused() {
    let house = House::of(SPEC, |_| {});
    let mut client = house.client();
    for (path, status, code, field) in [
        ("/v1/attribution?by=place", 400, "invalid_value", "by"),
        ("/v1/attribution?feed=nothing", 404, "unknown_feed", "feed"),
        ("/v1/attribution?item=i1", 400, "unknown_field", "item"),
        ("/v1/decisions/d1-1/explain?item=i1", 404, "unknown_decision", "id"),
        ("/v1/decisions/d1/explain?item=i1", 400, "invalid_value", "id"),
    ] {
        assert_eq!(error(&client.get(path).unwrap()), (status, code.to_owned(), field.to_owned()), "{path}");
    }
    let sent = client.post("/v1/events", br#"{"event":"view","user":"u","item":"i","decision":7}"#).unwrap();
    assert_eq!(error(&sent), (400, "wrong_type".to_owned(), "decision".to_owned()));
    let without = House::open();
    let refused = without.client().get("/v1/attribution").unwrap();
    assert_eq!(error(&refused), (404, "not_found".to_owned(), "attribution".to_owned()));
}

#[test]
fn an_item_tells_its_way() {
    let house = House::of(SPEC, |_| {});
    let mut client = house.client();
    shop(&mut client);
    let (id, _) = answer(&mut client);
    let mut way = |item: &str| patiently(&mut client, &format!("/v1/decisions/{id}/explain?item={item}"));
    let first = way("i0");
    assert_eq!((&first["end"], &first["place"], &first["identical"]), (&value!("in_slate"), &value!(1), &value!(true)));
    assert_eq!((&first["routes"][0]["found"], &first["routes"][0]["rank"]), (&value!(true), &value!(1)), "{first}");
    assert_eq!(first["gates"][0]["read"]["item.price"], value!(10.0));
    assert!(first["score"]["terms"][0]["value"].as_f64().unwrap() > 0.0);
    let below = way("i2");
    assert_eq!((&below["end"], &below["score"]["rank"]), (&value!("below"), &value!(3)), "{below}");
    let lost = way("i4");
    assert_eq!(lost["end"], "not_found", "{lost}");
    assert!(lost["routes"][0]["why_not"].as_str().unwrap().starts_with("not in its best 3"), "{lost}");
    assert_eq!(lost["routes"][1]["why_not"], "it found nothing");
    assert_eq!(way("nobody")["end"], "unknown_item");
    // Whether or not a route has met `i3`: the filter is asked, and says what it read.
    let dear = way("i3");
    assert_eq!((&dear["place"], &dear["gates"][0]["passes"]), (&value!(null), &value!(false)), "{dear}");
    assert_eq!(dear["gates"][0]["read"]["item.price"], value!(120.0));
    patiently(&mut client, &format!("/v1/decisions/{id}/explain?item=i0"));
    let path = format!("/v1/decisions/{id}/explain?item=i0");
    let text = client.request("GET", &path, &[("accept", "text/plain")], None).unwrap().text();
    assert!(text.starts_with("item i0 in feed home: place 1 of 2\n"), "{text}");
    let whole = client.request("GET", &format!("/v1/decisions/{id}/explain"), &[("accept", "text/plain")], None);
    assert!(whole.unwrap().text().contains("Z: the subject's events up to"), "times are RFC 3339");
}
