//! The review queue and reports over HTTP.

use crate::house::House;
use loadgen::{Client, Response};
use serde_json::{Value, json};
use server::{Role, Token};

const SPEC: &str = "
version: 1
events:
  payment: { user: user, fields: { amount: float } }
  verdict: { user: user, fields: { payment: string, fraud: bool } }
decisions:
  risk:
    on: payment
    score: amount / 100
    rules:
      - { id: large, when: amount > 60, score: 0.01, reason: '{amount} is much' }
      - { id: strict, when: amount > 40, outcome: decline, shadow: true }
    outcomes: [decline, check, pass]
    tiers: { check: 0.5, otherwise: pass }
    labels: { event: verdict, of: payment, when: fraud }
    review: { outcomes: [check], answers: { fraud: { fraud: true }, fine: { fraud: false } } }
    guards: [{ outcome: check, share_up: 10%, over: 10m, then: rollback }]
";

fn said(response: &Response) -> Value {
    serde_json::from_slice(&response.body).expect("JSON")
}

fn code(response: &Response) -> (u16, String) {
    (response.status, said(response)["error"]["code"].as_str().unwrap_or("").to_owned())
}

fn pay(client: &mut Client) {
    let lines: String =
        (0..20).map(|n| format!("{{\"id\":\"p{n}\",\"user\":\"u{}\",\"amount\":{}}}\n", n % 3, n * 5)).collect();
    let headers = [("content-type", "application/x-ndjson")];
    let answer = client.request("POST", "/v1/decisions/risk", &headers, Some(lines.as_bytes())).expect("it answers");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn cases_are_listed_claimed_and_decided() {
    let house = House::of(SPEC, |_| {});
    let mut client = house.client();
    pay(&mut client);
    let page = said(&client.get("/v1/reviews?limit=3&claimed=false").expect("it answers"));
    assert_eq!((page["cases"].as_array().map(Vec::len), &page["open"]), (Some(3), &json!(10)));
    let case = page["cases"][0].clone();
    assert_eq!((&case["event"], &case["tier"], &case["score"]), (&json!("p10"), &json!("check"), &json!(0.5)));
    let next = page["next"].as_str().expect("there are more").to_owned();
    let rest = said(&client.get(&format!("/v1/reviews?after={next}")).expect("it answers"));
    assert_eq!((rest["cases"].as_array().map(Vec::len), &rest["next"]), (Some(7), &Value::Null));
    assert!(rest["cases"][0]["reason"].as_str().is_some_and(|of| of.starts_with("large: 65")), "{rest}");
    let path = format!("/v1/reviews/risk/{}", case["id"].as_str().expect("it has one"));
    let claim = client.post(&format!("{path}/claim"), br#"{"by":"anna"}"#).expect("it answers");
    assert_eq!(said(&claim)["case"]["claimed"]["by"], json!("anna"));
    let other = client.post(&format!("{path}/claim"), br#"{"by":"bob"}"#).expect("it answers");
    assert_eq!(code(&other), (409, "review_claimed".into()));
    let body = br#"{"by":"anna","answer":"fraud","reason":"she called the customer"}"#;
    let decided = said(&client.post(&format!("{path}/decide"), body).expect("it answers"));
    assert_eq!((&decided["labelled"], &decided["case"]["decided"]["answer"]), (&json!(true), &json!("fraud")));
    let again = client.post(&format!("{path}/decide"), body).expect("it answers");
    assert_eq!(code(&again), (409, "review_decided".into()));
    assert!(again.text().contains("anna decided this case at 20"), "{}", again.text());
    let shown = said(&client.get(&path).expect("it answers"));
    assert_eq!(shown["decided"]["reason"], json!("she called the customer"));
    let done = said(&client.get("/v1/reviews?state=decided&by=anna").expect("it answers"));
    assert_eq!(done["cases"].as_array().map(Vec::len), Some(1));
    for (path, body, expected) in [
        ("/v1/reviews/risk/d1-1/claim", r#"{"by":"anna"}"#, (404, "unknown_review")),
        ("/v1/reviews/other/d1-9/claim", r#"{"by":"anna"}"#, (404, "unknown_review")),
        ("/v1/reviews/risk/9/claim", r#"{"by":"anna"}"#, (400, "invalid_value")),
        ("/v1/reviews/risk/d1-9/decide", r#"{"by":"anna","answer":"fraud"}"#, (400, "missing_field")),
        ("/v1/reviews/risk/d1-9/claim", "{}", (400, "missing_field")),
    ] {
        let answer = client.post(path, body.as_bytes()).expect("it answers");
        assert_eq!(code(&answer), (expected.0, expected.1.to_owned()), "{path} {body}");
    }
    for query in ["limit=0", "claimed=yes", "older=soon", "after=x", "state=gone", "what=1"] {
        let answer = client.get(&format!("/v1/reviews?{query}")).expect("it answers");
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
    }
}

#[test]
fn a_report_tells_outcomes_rules_and_tiers() {
    let house = House::of(SPEC, |_| {});
    let mut client = house.client();
    let empty = said(&client.get("/v1/decisions/risk/report").expect("it answers"));
    assert_eq!(empty["windows"][0]["decisions"], json!(0));
    pay(&mut client);
    let body = br#"{"event":"verdict","user":"u1","payment":"p12","fraud":true}"#;
    assert_eq!(client.post("/v1/events", body).expect("it answers").status, 200);
    let report = said(&client.get("/v1/decisions/risk/report").expect("it answers"));
    let whole = report["windows"].as_array().and_then(|of| of.last()).expect("there is one of everything");
    assert_eq!((&whole["window"], &whole["outcomes"]), (&json!("all"), &json!({"check": 10, "pass": 10})));
    let strict = report["rules"].as_array().expect("rules").iter().find(|of| of["rule"] == "strict").expect("it fired");
    assert_eq!((&strict["fired"], &strict["would_differ"]), (&json!(11), &json!(11)));
    assert_eq!(strict["examples"].as_array().map(Vec::len), Some(5));
    let check = report["tiers"].as_array().expect("labels").iter().find(|of| of["tier"] == "check").expect("it is");
    assert_eq!((&check["decided"], &check["bad"], &check["unlabelled"]), (&json!(10), &json!(1), &json!(9)));
    assert_eq!((&report["guards"][0]["state"], &report["reviews_open"]), (&json!("passed"), &json!(10)));
    let text = client.request("GET", "/v1/decisions/risk/report", &[("accept", "text/plain")], None);
    let text = text.expect("it answers").text();
    assert!(text.contains("10 cases wait for a person") && text.contains("in shadow, 11 would come out"), "{text}");
    assert_eq!(code(&client.get("/v1/decisions/other/report").expect("it answers")), (404, "unknown_decision".into()));
}

#[test]
fn who_reviews_has_a_token_for_that_alone() {
    let secrets = [(Role::Review, "review-0123456789"), (Role::Serve, "serve-0123456789")];
    let house = House::of(SPEC, |config| {
        config.tokens = secrets.iter().map(|(role, secret)| Token::new(*role, secret).expect("long enough")).collect();
    });
    let status = |secret: &str, path: &str| house.client().with_token(secret).get(path).expect("it answers").status;
    assert_eq!(status("review-0123456789", "/v1/reviews"), 200);
    assert_eq!(status("review-0123456789", "/v1/decisions/risk/report"), 403);
    assert_eq!(status("serve-0123456789", "/v1/reviews"), 403);
}
