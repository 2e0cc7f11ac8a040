//! Alarms over HTTP: raised without a further event, told once, in parts.

use crate::house::{House, error, json};
use serde_json::json as value;
use std::time::{Duration, Instant};

const SPEC: &str = "
version: 1
events:
  basket: { user: user }
  purchase: { user: user }
features:
  user:
    idle: absent(purchase, basket, 1s)
    bought: seq(basket, purchase, 1h)
alarms:
  idle: { of: user, when: idle, reason: 'nothing bought', tags: [call] }
  bought: { of: user, when: bought }
";

#[test]
fn alarms_are_raised_and_told() {
    let house = House::of(SPEC, |_| {});
    let mut client = house.client();
    for (event, user) in [("basket", "u1"), ("basket", "u2"), ("purchase", "u2")] {
        let sent = client.post("/v1/events", value!({ "event": event, "user": user }).to_string().as_bytes());
        assert_eq!(sent.unwrap().status, 200);
    }
    let end = Instant::now() + Duration::from_secs(20);
    let told = loop {
        let told = json(&client.get("/v1/alarms?after=0").unwrap());
        if told["alarms"].as_array().is_some_and(|alarms| alarms.len() == 2) {
            break told;
        }
        assert!(Instant::now() < end, "they never came: {told}");
        std::thread::sleep(Duration::from_millis(10));
    };
    let of = |at: usize, name: &str| told["alarms"][at][name].clone();
    assert_eq!((of(0, "alarm"), of(0, "entity")), (value!("bought"), value!("u2")), "{told}");
    assert_eq!((of(1, "alarm"), of(1, "entity"), of(1, "of")), (value!("idle"), value!("u1"), value!("user")));
    assert_eq!((of(1, "reason"), of(1, "tags")), (value!("nothing bought"), value!(["call"])));
    let first = of(0, "position").as_u64().unwrap();
    let rest = json(&client.get(&format!("/v1/alarms?after={first}&limit=1")).unwrap());
    assert_eq!(rest["alarms"], value!([told["alarms"][1]]));
    let none = json(&client.get(&format!("/v1/alarms?after={}", told["until"])).unwrap());
    assert_eq!(none["alarms"], value!([]));
    let key = of(0, "key");
    let behind = json(&client.get(&format!("/v1/alarms?after={}", key.as_str().unwrap())).unwrap());
    assert_eq!(behind["alarms"], rest["alarms"]);
    for (path, field) in [
        ("/v1/alarms?limit=0", "limit"),
        ("/v1/alarms?after=x", "after"),
        ("/v1/alarms?after=4711", "after"),
        ("/v1/alarms?alarm=idel", "alarm"),
        ("/v1/alarms?of=u", "of"),
    ] {
        let (status, _, of) = error(&client.get(path).unwrap());
        assert_eq!((status, of.as_str()), (400, field), "{path}");
    }
}

/// Many alarms of one record: a page has no more than was asked for, and the next goes on behind it.
#[test]
fn alarms_of_one_record_come_in_pages() {
    let house = House::of(SPEC, |_| {});
    let mut client = house.client();
    let baskets: String = (0..300).map(|user| format!("{{\"event\":\"basket\",\"user\":\"u{user}\"}}\n")).collect();
    let lines = [("content-type", "application/x-ndjson")];
    let sent = client.request("POST", "/v1/events", &lines, Some(baskets.as_bytes())).unwrap();
    assert_eq!(sent.status, 200, "{}", sent.text());
    let end = Instant::now() + Duration::from_secs(20);
    while json(&client.get("/v1/alarms?after=0&limit=1000").unwrap())["alarms"].as_array().unwrap().len() < 300 {
        assert!(Instant::now() < end, "they never came");
        std::thread::sleep(Duration::from_millis(10));
    }
    let (mut after, mut users) = ("0".to_owned(), Vec::new());
    loop {
        let page = json(&client.get(&format!("/v1/alarms?after={after}&limit=70")).unwrap());
        let alarms = page["alarms"].as_array().unwrap();
        assert!(alarms.len() <= 70);
        users.extend(alarms.iter().map(|alarm| alarm["entity"].as_str().unwrap().to_owned()));
        if users.len() == 300 {
            break;
        }
        after = page["next"].as_str().map_or_else(|| page["next"].to_string(), ToOwned::to_owned);
    }
    users.sort();
    users.dedup();
    assert_eq!(users.len(), 300, "none twice");
}
