//! Bad input of decisions, row by row: what is sent, and the status, code, field and a part of the sentence that come. After each row
//! the log is where it was, and a payment is decided as ever.

use crate::house::{House, error, json};
use serde_json::{Value, json as value};

/// Rules are put before the tiers.
const SPEC: &str = "
version: 1
entities:
  terminal: {}
events:
  payment: { user: user, terminal: terminal, fields: { amount: float, online: bool, note: string, waited: duration, parts: int } }
  login: { user: user }
lists:
  blocked: { of: user, max: 1000000 }
features:
  user:
    payments_1h: count(payment, 1h)
    spent_1d: sum(payment, amount, 1d)
decisions:
  risk:
    on: payment
    rules:
      - { id: blocked, when: 'listed(user, blocked)', outcome: decline, reason: '{user.payments_1h} within an hour' }
      - { id: large, when: amount > 100, score: 0.6, reason: '{amount}' }
      - { id: spent, when: amount > 10 * before(user.spent_1d), score: 0.1, shadow: true }
    tiers: { look: 0.5, otherwise: pass }
    outcomes: [decline, look, pass]
";

/// A body, the status, code and field that come, and a part of the sentence.
type Row<'a> = (&'a str, &'a str, u16, &'a str, &'a str, &'a str);

fn house() -> House {
    House::settled(SPEC, |config, _| config.tick_every = domain::Span(0))
}

/// A payment of a user of its own with these fields.
fn pay(rest: &str) -> String {
    format!("{{\"user\":\"u1\",\"terminal\":\"t1\",{rest}}}")
}

fn decided(house: &House, body: &str) -> Value {
    let answer = house.client().post("/v1/decisions/risk?facts=true", body.as_bytes()).expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    json(&answer)
}

fn ask(house: &House, path: &str, body: &str) -> loadgen::Response {
    let method = if body.is_empty() && !path.ends_with("risk") { "GET" } else { "POST" };
    let body = (method == "POST").then_some(body.as_bytes());
    house.client().request(method, path, &[], body).expect("an answer")
}

fn check(rows: &[Row<'_>]) {
    let house = house();
    let other = "{\"user\":\"other\",\"terminal\":\"t1\",\"amount\":500}";
    for (path, body, status, code, field, sentence) in rows {
        let shown: String = body.chars().take(100).collect();
        let before = house.engine.status().position;
        let refused = ask(&house, path, body);
        assert_eq!(error(&refused), (*status, (*code).to_owned(), (*field).to_owned()), "{path} {shown}");
        assert!(refused.text().contains(sentence), "{path} {shown}: no `{sentence}` in {}", refused.text());
        assert_eq!(house.engine.status().position, before, "{path} {shown} was taken");
        assert_eq!(decided(&house, other)["outcome"], "look", "after {path} {shown}");
    }
}

#[test]
fn what_cannot_be_decided_is_refused() {
    let risk = "/v1/decisions/risk";
    let amount = |of: &str| pay(&format!("\"amount\":{of}"));
    let with = |rest: &str| pay(&format!("\"amount\":1,{rest}"));
    let rows: Vec<(&str, String, u16, &str, &str, &str)> = vec![
        (
            "/v1/decisions/rsik",
            amount("1"),
            404,
            "unknown_decision",
            "decision",
            "has no decision 'rsik'; it has: risk",
        ),
        (risk, "{}".into(), 400, "missing_field", "user", "`payment` needs `user`"),
        (risk, "{\"user\":\"u1\",\"amount\":1}".into(), 400, "missing_field", "terminal", "the key of an entity"),
        (risk, String::new(), 400, "invalid_json", "", "the body is empty"),
        (risk, "5".into(), 400, "invalid_json", "", "expected an object"),
        (risk, "[".repeat(100), 400, "invalid_json", "", "nested deeper than 32 levels"),
        (risk, amount("\"12\""), 400, "wrong_type", "amount", "expected a number, got a string"),
        (risk, amount("true"), 400, "wrong_type", "amount", "expected a number, got a boolean"),
        (risk, amount("[1]"), 400, "wrong_type", "amount", "expected a number, got a list"),
        (risk, amount("{\"value\":1}"), 400, "wrong_type", "amount", "objects"),
        (risk, amount("NaN"), 400, "invalid_json", "amount", "line 1 column 39"),
        (risk, amount("-Infinity"), 400, "invalid_json", "amount", "line 1 column 40"),
        (risk, amount("\"NaN\""), 400, "wrong_type", "amount", "expected a number, got a string"),
        (risk, amount("1e400"), 400, "invalid_value", "amount", "beyond the range of a double"),
        (risk, with("\"online\":\"yes\""), 400, "wrong_type", "online", "expected true or false"),
        (risk, with("\"note\":5"), 400, "wrong_type", "note", "expected a string"),
        (risk, with("\"waited\":\"soon\""), 400, "invalid_value", "waited", "send a duration"),
        (risk, with("\"parts\":1.5"), 400, "wrong_type", "parts", "got a number with a fraction"),
        (risk, with("\"parts\":1e20"), 400, "wrong_type", "parts", "beyond 64 bits"),
        (risk, with("\"amuont\":2"), 400, "unknown_field", "amuont", "did you mean `amount`?"),
        (risk, with("\"event\":\"login\""), 400, "invalid_value", "event", "decided on events of the type 'payment'"),
        (risk, with("\"time\":\"yesterday\""), 400, "invalid_value", "time", "not an RFC 3339 time"),
        (risk, with("\"time\":-1"), 422, "time_out_of_range", "time", "between the years 1970 and 9999"),
        (risk, with("\"id\":7"), 400, "wrong_type", "id", "must be a string"),
        (risk, with("\"id\":\"\""), 400, "invalid_value", "id", "must have 1 to 256 bytes"),
        (risk, format!("{{\"user\":\"{}\"}}", "x".repeat(300)), 413, "too_large", "user", "at most 256 bytes"),
        (
            risk,
            with(&format!("\"note\":\"{}\"", "x".repeat(5_000))),
            413,
            "too_large",
            "note",
            "longer than 4096 bytes",
        ),
        (risk, format!("{}\n", amount("1")).repeat(100_001), 400, "too_many", "", "send several calls"),
        ("/v1/decisions/risk?fact=true", amount("1"), 400, "unknown_field", "fact", "no such parameter"),
        ("/v1/decisions/risk?facts=yes", amount("1"), 400, "invalid_value", "facts", "'true' or 'false'"),
        ("/v1/decisions/risk/explain", String::new(), 400, "invalid_value", "id", "such as d1-42"),
        ("/v1/decisions/d1-999999", String::new(), 404, "unknown_decision", "id", "there is no decision d1-999999"),
        ("/v1/decisions/d1-999999/explain", String::new(), 404, "unknown_decision", "id", "there is no decision"),
        ("/v1/decisions/d1-999999/replay", String::new(), 404, "unknown_decision", "id", "there is no decision"),
        ("/v1/decisions/d1-2/explain?item=i1", String::new(), 400, "invalid_value", "item", "d1-2 is on an event"),
        ("/v1/lists/blokced", String::new(), 404, "unknown_list", "list", "has no list 'blokced'; it has: blocked"),
    ];
    check(
        &rows
            .iter()
            .map(|(path, body, status, code, field, said)| (*path, &**body, *status, *code, *field, *said))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    let house = house();
    let body = pay(&format!("\"amount\":1,\"note\":\"{}\"", "x".repeat(17 << 20)));
    let refused = ask(&house, "/v1/decisions/risk", &body);
    assert_eq!(error(&refused), (413, "too_large".into(), "body".into()));
    assert_eq!(decided(&house, &pay("\"amount\":500"))["outcome"], "look");
}

#[test]
fn a_line_that_is_wrong_leaves_the_others_alone() {
    let house = house();
    let body = [pay("\"amount\":500"), pay("\"amount\":\"1\""), "no json".into(), pay("\"amount\":2"), "[1]".into()]
        .join("\n");
    let answer = ask(&house, "/v1/decisions/risk", &body);
    let lines: Vec<Value> = answer.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let of = |line: &Value| match &line["error"] {
        Value::Null => line["outcome"].clone(),
        error => value!([line["line"], error["code"], error["field"]]),
    };
    let expected =
        value!(["look", [2, "wrong_type", "amount"], [3, "invalid_json", ""], "pass", [5, "invalid_json", ""]]);
    assert_eq!(Value::Array(lines.iter().map(of).collect()), expected);
}

#[test]
fn a_clock_that_is_wrong_is_told_or_borne() {
    let house = house();
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is later").as_millis() as i64;
    let at = |ahead: i64| pay(&format!("\"amount\":1,\"time\":{}", now + ahead));
    let ahead = ask(&house, "/v1/decisions/risk", &at(3_600_000));
    assert_eq!(error(&ahead), (422, "time_in_future".into(), "time".into()));
    assert!(ahead.text().contains("check the client's clock"), "{}", ahead.text());
    // What comes late counts where it belongs, and windows end at the log's time: an hour later it is outside of this one.
    let late = decided(&house, &at(-3_700_000));
    assert_eq!((&late["outcome"], &late["facts"]["user.payments_1h"]), (&value!("pass"), &value!(0.0)), "{late}");
    let on_time = decided(&house, &at(0));
    assert_eq!(on_time["facts"]["user.payments_1h"], 1.0, "{on_time}");
    assert_eq!(on_time["facts"]["before(user.spent_1d)"], 1.0, "{on_time}");
}

#[test]
fn what_is_missing_is_told() {
    let house = house();
    for body in [pay("\"online\":true"), pay("\"amount\":null")] {
        let verdict = decided(&house, &body);
        assert_eq!((&verdict["outcome"], &verdict["missing"]), (&value!("pass"), &value!(["amount"])), "{verdict}");
    }
    let whole = decided(&house, &pay("\"amount\":500"));
    assert_eq!((&whole["outcome"], &whole["missing"]), (&value!("look"), &Value::Null), "{whole}");
}

#[test]
fn sums_beyond_every_number_are_missing_values() {
    let house = house();
    for _ in 0..3 {
        assert_eq!(decided(&house, &pay("\"amount\":1.7e308"))["outcome"], "look");
    }
    let verdict = decided(&house, &pay("\"amount\":1"));
    assert_eq!((&verdict["outcome"], &verdict["facts"]["before(user.spent_1d)"]), (&value!("pass"), &Value::Null));
    let id = verdict["id"].as_str().expect("an id");
    let explained = ask(&house, &format!("/v1/decisions/{id}/explain"), "");
    assert_eq!(explained.status, 200, "{}", explained.text());
}

#[test]
fn a_list_takes_a_million_entries_in_parts_and_no_more() {
    let house = house();
    for part in 0..10 {
        let keys = (0..100_000).map(|n| format!("{{\"key\":\"u{}\"}}\n", part * 100_000 + n)).collect::<String>();
        assert_eq!(json(&ask(&house, "/v1/lists/blocked", &keys))["accepted"], 100_000);
    }
    let full = house.client().put("/v1/lists/blocked/one-more", b"{}").expect("an answer");
    assert_eq!(error(&full), (409, "list_full".into(), "list".into()));
    assert!(full.text().contains("holds 1000000 entries and takes no more"), "{}", full.text());
    let million: String = (0..1_000_000).map(|n| format!("{{\"key\":\"v{n}\"}}\n")).collect();
    let refused = ask(&house, "/v1/lists/blocked", &million);
    assert_eq!(error(&refused), (413, "too_large".into(), "body".into()));
    let blocked = decided(&house, "{\"user\":\"u77777\",\"terminal\":\"t1\",\"amount\":1}");
    assert_eq!((&blocked["outcome"], &blocked["reasons"][0]["rule"]), (&value!("decline"), &value!("blocked")));
    assert_eq!(decided(&house, "{\"user\":\"w\",\"terminal\":\"t1\",\"amount\":1}")["outcome"], "pass");
    let larger = SPEC.replace("max: 1000000", "max: 3000000");
    let refused = house.client().post("/v1/spec/plan", larger.as_bytes()).expect("an answer");
    assert_eq!(error(&refused).1, "invalid_spec");
    assert!(refused.text().contains("`max` is 3000000; it must be from 1 to 2000000"), "{}", refused.text());
}

/// The spec with this many rules more.
fn with_rules(count: usize) -> String {
    let rule = |n| format!("      - {{ id: r{n}, when: amount > {n}.5, outcome: look, reason: 'n' }}\n");
    SPEC.replace("    tiers:", &format!("{}    tiers:", (3..count).map(rule).collect::<String>()))
}

#[test]
fn a_hundred_thousand_rules_are_taken_and_one_more_is_refused() {
    let house = house();
    let mut client = loadgen::Client::new(house.address(), std::time::Duration::from_secs(120));
    let refused = client.put("/v1/spec", with_rules(100_001).as_bytes()).expect("an answer");
    assert_eq!(error(&refused).1, "invalid_spec");
    assert!(refused.text().contains("`rules` has 100001 entries; at most 100000 are allowed"), "{}", refused.text());
    assert_eq!(decided(&house, &pay("\"amount\":50"))["outcome"], "pass");
    let taken = client.put("/v1/spec", with_rules(100_000).as_bytes()).expect("an answer");
    assert_eq!(json(&taken)["outcome"], "switched", "{}", taken.text());
    let verdict = decided(&house, &pay("\"amount\":5"));
    let rules: Vec<&Value> =
        verdict["reasons"].as_array().expect("a list").iter().map(|reason| &reason["rule"]).collect();
    assert_eq!((&verdict["outcome"], rules), (&value!("look"), vec![&value!("r3"), &value!("r4")]));
}

#[test]
fn a_spec_that_decides_nonsense_is_refused() {
    let house = house();
    for (from, to, said) in [
        ("amount > 100", "amuont > 100", "did you mean `amount`?"),
        ("amount > 100", "amount > 'many'", "wrong_type"),
        ("amount > 100", "model.fraud > 0.5", "unknown_name"),
        ("look: 0.5", "look: .nan", "look"),
        ("outcome: decline,", "score: 1e999,", "score"),
        ("on: payment", "on: paymet", "did you mean `payment`?"),
        ("listed(user, blocked)", "listed(user, blokced)", "did you mean `blocked`?"),
        ("id: large", "id: blocked", "blocked"),
    ] {
        let spec = SPEC.replace(from, to);
        assert_ne!(spec, SPEC, "{from}");
        let refused = house.client().post("/v1/spec/plan", spec.as_bytes()).expect("an answer");
        assert_eq!(error(&refused).1, "invalid_spec", "{to}");
        assert!(refused.text().contains(said), "{to}: no `{said}` in {}", refused.text());
    }
    assert_eq!(decided(&house, &pay("\"amount\":500"))["outcome"], "look");
}
