//! Decisions on events over HTTP: calls that are cut short, and events that had been taken before.

use crate::house::House;
use serde_json::Value;

const SPEC: &str = "
version: 1
events:
  payment: { user: user, fields: { amount: float } }
features:
  user:
    payments_1d: count(payment, 1d)
decisions:
  risk:
    on: payment
    rules:
      - { id: many, when: user.payments_1d >= 3, score: 0.6 }
      - { id: large, when: amount > 100, score: 0.3 }
    tiers: { decline: 0.8, look: 0.5, otherwise: pass }
";

fn payments(range: std::ops::Range<usize>) -> String {
    let line = |n| format!("{{\"id\":\"p{n}\",\"user\":\"u{}\",\"amount\":{}}}\n", n % 7, n * 37 % 200);
    range.map(line).collect()
}

fn decide(house: &House, body: &str) -> Vec<Value> {
    // As a whole: by lines it would be a stream.
    let answer = house.client().post("/v1/decisions/risk", body.as_bytes()).expect("it answers");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn counted(house: &House, counter: &str) -> u64 {
    let text = house.client().get("/metrics").expect("it answers").text();
    let values = text.lines().filter_map(|line| line.strip_prefix(counter)?.rsplit(' ').next()?.parse::<u64>().ok());
    values.sum()
}

#[test]
fn what_follows_a_refused_part_of_a_call_is_not_tried() {
    let house = House::settled(SPEC, |config, options| {
        (config.log_bytes_max, options.segment_bytes) = (200_000, 64 << 10);
    });
    let lines = decide(&house, &payments(0..12_000));
    assert_eq!(lines.len(), 12_000);
    let taken = lines.iter().take_while(|line| line["outcome"].is_string()).count();
    assert!(taken % 256 == 0 && taken > 0 && taken < 11_000, "{taken} were taken");
    for (line, n) in lines[taken..].iter().zip(taken + 1..) {
        assert_eq!((&line["line"], &line["error"]["code"]), (&n.into(), &"log_full".into()), "{line}");
    }
    assert_eq!(counted(&house, "millrace_events_accepted_total"), taken as u64);
    assert_eq!(counted(&house, "millrace_events_refused_total"), 12_000 - taken as u64);
}

#[test]
fn events_taken_long_ago_are_decided_again_from_the_log() {
    let house = House::of(SPEC, |_| {});
    let first = decide(&house, &payments(0..600));
    assert!(["pass", "look", "decline"].iter().all(|outcome| first.iter().any(|line| line["outcome"] == *outcome)));
    // Nothing of them is in memory any more.
    let reopened = house.reopened(SPEC);
    let again = decide(&reopened, &payments(0..610));
    for (before, after) in first.iter().zip(&again) {
        let mut after = after.clone();
        assert_eq!(after.as_object_mut().expect("an object").remove("duplicate"), Some(true.into()));
        assert_eq!(*before, after);
    }
    assert!(again[600..].iter().all(|line| line["duplicate"].is_null() && line["outcome"].is_string()));
    assert_eq!(counted(&reopened, "millrace_events_duplicate_total"), 600);
    let id = first[300]["id"].as_str().expect("an id");
    let read = reopened.client().get(&format!("/v1/decisions/{id}")).expect("it answers");
    let read: Value = serde_json::from_slice(&read.body).expect("JSON");
    assert_eq!(read["decisions"][0]["outcome"], first[300]["outcome"], "{read}");
}
