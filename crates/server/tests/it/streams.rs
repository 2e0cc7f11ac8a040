//! Decisions as a stream: lines are answered while more of them come, over one request.

use crate::house::House;
use loadgen::{LineReceiver, LineSender, post_lines};
use serde_json::Value;
use std::time::{Duration, Instant};

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
  slow:
    on: payment
    deadline: 1ms
    fallback: unsure
    rules:
      - { id: large, when: amount > 100, score: 0.3 }
    tiers: { decline: 0.8, otherwise: pass }
";

fn stream(house: &House, path: &str) -> (LineSender, LineReceiver) {
    post_lines(house.address(), path, None, Duration::from_secs(20)).expect("the server listens")
}

fn payment(n: usize) -> String {
    format!("{{\"id\":\"p{n}\",\"user\":\"u{}\",\"amount\":{}}}\n", n % 7, n * 37 % 200)
}

fn next(answers: &mut LineReceiver) -> Option<Value> {
    let line = answers.next_line().expect("the stream goes on")?;
    Some(serde_json::from_slice(line).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(line))))
}

fn code(line: &Value) -> &str {
    line["error"]["code"].as_str().unwrap_or("none")
}

#[test]
fn each_line_is_answered_before_the_next_is_sent() {
    let house = House::of(SPEC, |_| {});
    let (mut lines, mut answers) = stream(&house, "/v1/decisions/risk?facts=true");
    for n in 0..20 {
        let payment = payment(n);
        // A line may come in pieces.
        let (head, tail) = payment.split_at(payment.len() / 2);
        lines.send(head.as_bytes()).unwrap();
        lines.send(tail.as_bytes()).unwrap();
        let answer = next(&mut answers).expect("an answer");
        assert_eq!(answer["facts"]["user.payments_1d"], (n / 7 + 1) as f64, "{answer}");
    }
    // The last one needs no line end.
    lines.send(payment(20).trim_end().as_bytes()).unwrap();
    lines.finish().unwrap();
    assert_eq!(next(&mut answers).expect("an answer")["facts"]["user.payments_1d"], 3.0);
    assert_eq!((next(&mut answers), answers.status().unwrap()), (None, 200));
}

#[test]
fn a_bad_line_gets_an_error_in_its_place_and_the_rest_go_on() {
    let house = House::of(SPEC, |_| {});
    let (mut lines, mut answers) = stream(&house, "/v1/decisions/risk");
    let long = format!("{{\"user\":\"{}\"}}\n", "u".repeat(domain::limits::STREAM_LINE_BYTES_MAX));
    for part in [payment(0), "{\n\n[1]\n".into(), payment(1), long, payment(0), "{\"event\":\"view\"}\n".into()] {
        lines.send(part.as_bytes()).unwrap();
    }
    lines.send(b"{\"user\":\"\xff\"}\n{\"user\":\"u1\",\"amont\":1}\n").unwrap();
    lines.finish().unwrap();
    let mut told = Vec::new();
    while let Some(line) = next(&mut answers) {
        told.push((line["line"].as_u64(), code(&line).to_owned(), line["duplicate"] == true));
    }
    let told: Vec<_> = told.iter().map(|(line, code, again)| (*line, code.as_str(), *again)).collect();
    let expected = [
        (None, "none", false),
        (Some(2), "invalid_json", false),
        (Some(4), "invalid_json", false),
        (None, "none", false),
        (Some(6), "too_large", false),
        (None, "none", true),
        (Some(8), "invalid_value", false),
        (Some(9), "invalid_json", false),
        (Some(10), "unknown_field", false),
    ];
    assert_eq!(told, expected);
}

/// Sends all before it reads anything, as simple clients do.
#[test]
fn a_hundred_thousand_lines_are_answered_in_order() {
    let house = House::of(SPEC, |config| config.limits.body_grace = Duration::from_secs(20));
    let (mut lines, mut answers) = stream(&house, "/v1/decisions/risk");
    let all: Vec<String> = (0..100_000).map(payment).collect();
    for some in all.chunks(1_000) {
        lines.send(some.concat().as_bytes()).unwrap();
    }
    lines.finish().unwrap();
    let (mut count, mut last) = (0, 0);
    while let Some(answer) = next(&mut answers) {
        let position: u64 = answer["id"].as_str().and_then(|id| id.strip_prefix("d1-")).unwrap().parse().unwrap();
        assert!(position > last && answer["outcome"].is_string(), "{answer} after {last}");
        (count, last) = (count + 1, position);
    }
    assert_eq!(count, 100_000);
    // The connection is good for another request.
    let text = house.client().get("/metrics").unwrap().text();
    assert!(text.contains("millrace_events_accepted_total 100000"), "{text}");
    assert!(text.contains("millrace_body_bytes 0"), "{text}");
}

#[test]
fn a_stream_that_is_cut_off_keeps_what_was_answered() {
    let house = House::of(SPEC, |_| {});
    let (mut lines, mut answers) = stream(&house, "/v1/decisions/risk");
    lines.send(payment(0).as_bytes()).unwrap();
    let first = next(&mut answers).expect("an answer");
    lines.send(b"{\"id\":\"half").unwrap();
    lines.cut();
    let (mut lines, mut answers) = stream(&house, "/v1/decisions/risk");
    lines.send((payment(0) + &payment(1)).as_bytes()).unwrap();
    assert_eq!(next(&mut answers).expect("an answer")["id"], first["id"]);
    assert!(next(&mut answers).expect("an answer")["outcome"].is_string());
    drop((lines, answers));
    let (mut lines, mut answers) = stream(&house, "/v1/decisions/risk");
    lines.send(payment(2).as_bytes()).unwrap();
    assert!(next(&mut answers).expect("an answer")["outcome"].is_string());
}

#[test]
fn a_stop_answers_what_came_and_says_so() {
    let mut house = House::of(SPEC, |_| {});
    let (mut lines, mut answers) = stream(&house, "/v1/decisions/risk");
    lines.send(payment(0).as_bytes()).unwrap();
    assert!(next(&mut answers).expect("an answer")["outcome"].is_string());
    let start = Instant::now();
    let stopping = std::thread::spawn(move || house.stop());
    assert_eq!(code(&next(&mut answers).expect("a last word")), "stopping");
    assert_eq!(next(&mut answers), None);
    stopping.join().unwrap();
    assert!(start.elapsed() < Duration::from_secs(2), "the stop waits for no open stream");
    drop(lines);
}

#[test]
fn a_stream_that_says_nothing_for_too_long_is_ended() {
    let house = House::of(SPEC, |config| config.limits.idle_time = Duration::from_millis(300));
    // Nothing at all, and a line that is never finished.
    for begun in ["", "{\"user\":"] {
        let (mut lines, mut answers) = stream(&house, "/v1/decisions/risk");
        lines.send((payment(0) + begun).as_bytes()).unwrap();
        assert!(next(&mut answers).expect("an answer")["outcome"].is_string());
        assert_eq!(code(&next(&mut answers).expect("a last word")), "timeout");
        assert_eq!(next(&mut answers), None);
    }
}

#[test]
fn what_can_be_refused_before_the_first_line_has_a_status_of_its_own() {
    let house = House::of(SPEC, |_| {});
    for (path, status) in [("/v1/decisions/nothing", 404), ("/v1/decisions/risk?x=1", 400)] {
        let (mut lines, mut answers) = stream(&house, path);
        lines.send(payment(0).as_bytes()).unwrap();
        lines.finish().unwrap();
        assert_eq!(answers.status().unwrap(), status, "{path}");
    }
    // Nothing was taken.
    let (mut lines, mut answers) = stream(&house, "/v1/decisions/risk");
    lines.send(payment(0).as_bytes()).unwrap();
    assert!(next(&mut answers).expect("an answer")["duplicate"].is_null());
}

#[test]
fn past_the_deadline_the_fallback_is_told() {
    let house = House::of(SPEC, |_| {});
    let (mut lines, mut answers) = stream(&house, "/v1/decisions/slow");
    let mut client = house.client();
    for n in 0..50 {
        lines.send(payment(n).as_bytes()).unwrap();
        let answer = next(&mut answers).expect("an answer");
        // Whether the disk makes it is the disk's business; what is told must fit.
        let fallback = answer["fallback"] == true;
        assert_eq!(answer["outcome"] == "unsure", fallback, "{answer}");
        // And it is told later, of this decision on the event alone.
        let id = answer["id"].as_str().expect("it has one");
        let told = client.get(&format!("/v1/decisions/{id}")).expect("it answers");
        let told: Value = serde_json::from_slice(&told.body).expect("it is JSON");
        for of in told["decisions"].as_array().expect("there are two") {
            assert_eq!(of["given"] == "fallback", fallback && of["decision"] == "slow", "{told}");
        }
    }
}

#[test]
fn who_waits_to_be_asked_for_the_body_is_asked() {
    use std::io::{BufRead, BufReader, Write};
    let house = House::of(SPEC, |_| {});
    let mut tcp = std::net::TcpStream::connect(house.address()).expect("the server listens");
    tcp.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket takes it");
    let head = "POST /v1/decisions/risk HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n";
    tcp.write_all(head.as_bytes()).expect("it is written");
    let mut answer = BufReader::new(tcp.try_clone().expect("a socket"));
    let mut line = || {
        let mut line = String::new();
        answer.read_line(&mut line).expect("it answers");
        line
    };
    assert_eq!((line(), line()), ("HTTP/1.1 100 Continue\r\n".to_owned(), "\r\n".to_owned()));
    let payment = payment(1);
    tcp.write_all(format!("{:x}\r\n{payment}\r\n0\r\n\r\n", payment.len()).as_bytes()).expect("it is written");
    assert_eq!(line(), "HTTP/1.1 200 OK\r\n");
    while !line().contains("\"outcome\":\"") {}
}
