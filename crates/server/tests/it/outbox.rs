//! Outcomes to a sink over real sockets: what it takes, refuses, does not answer; and what a restart knows of it.

use crate::house::{House, error, json};
use crate::ledger::{Answer, Came, Ledger};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

fn spec(address: SocketAddr, more: &str) -> String {
    format!(
        "
version: 1
events:
  payment: {{ user: user, fields: {{ amount: float }} }}
features:
  user: {{ payments_1d: 'count(payment, 1d)' }}
decisions:
  risk:
    on: payment
    rules:
      - {{ id: many, when: user.payments_1d >= 3, score: 0.6, reason: '{{user.payments_1d}} today' }}
      - {{ id: large, when: amount > 100, outcome: decline }}
    tiers: {{ decline: 0.8, look: 0.5, otherwise: pass }}
sinks:
  ledger: {{ url: 'http://{address}/in', outcomes: [decline, look], {more} }}
"
    )
}

fn pay(house: &House, range: std::ops::Range<usize>) -> Vec<Value> {
    let line = |n| format!("{{\"id\":\"p{n}\",\"user\":\"u{}\",\"amount\":{}}}\n", n % 7, n * 37 % 200);
    let body: String = range.map(line).collect();
    let headers = [("content-type", "application/x-ndjson")];
    let answer = house.client().request("POST", "/v1/decisions/risk", &headers, Some(body.as_bytes()));
    let answer = answer.expect("it answers");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn wanted(answers: &[Value]) -> Vec<String> {
    let taken = answers.iter().filter(|answer| answer["outcome"] != "pass");
    taken.map(|answer| answer["id"].as_str().expect("an id").to_owned()).collect()
}

fn keys(came: &[Came]) -> Vec<String> {
    came.iter().map(|came| came.key.clone()).collect()
}

fn sink(house: &House) -> Value {
    json(&house.client().get("/v1/sinks").expect("it answers"))["sinks"][0].clone()
}

fn dead(house: &House) -> Value {
    json(&house.client().get("/v1/sinks/ledger/dead").expect("it answers"))
}

/// Waits until this holds of the sink.
fn until(house: &House, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let sink = sink(house);
        if holds(&sink) {
            return sink;
        }
        assert!(Instant::now() < end, "{what}: {sink}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn settled(sink: &Value) -> bool {
    sink["waiting"] == 0 && sink["lag"] == 0
}

#[test]
fn a_sink_gets_what_it_wants_once_and_in_order() {
    let ledger = Ledger::open(|_| Answer::Status(204));
    let text = spec(ledger.address, "in_flight: 1, secret: key, facts: true");
    let house = House::of(&text, |config| config.secrets.set("key", "opensesame"));
    let answers = pay(&house, 0..300);
    let wanted = wanted(&answers);
    assert!(wanted.len() > 100 && wanted.len() < 300);
    let came = ledger.wait_for(wanted.len());
    assert_eq!(keys(&came), wanted);
    assert!(came.iter().all(|came| came.authorization.as_deref() == Some("Bearer opensesame")));
    // What it got is what everybody can read.
    let page = house.client().get("/v1/outcomes?facts=true&limit=1000").expect("it answers");
    let page = json(&page)["outcomes"].as_array().expect("a list").clone();
    assert_eq!(page.len(), 300);
    for came in &came {
        let body: Value = serde_json::from_str(&came.body).expect("JSON");
        let read = page.iter().find(|outcome| outcome["key"] == came.key.as_str()).expect("it is on the page");
        assert_eq!(body, *read);
        let number: usize = body["event"]["id"].as_str().and_then(|id| id[1..].parse().ok()).expect("its number");
        assert_eq!((&body["outcome"], &body["event"]["event"]), (&answers[number]["outcome"], &"payment".into()));
        assert_eq!((&body["kind"], &body["reasons"]), (&"verdict".into(), &answers[number]["reasons"]));
        assert_eq!(body["facts"]["amount"].as_f64(), body["event"]["amount"].as_f64(), "{body}");
    }
    let sink = until(&house, "it is settled", settled);
    assert_eq!((&sink["delivered"], &sink["state"]), (&wanted.len().into(), &"delivering".into()));
    assert!(!sink.to_string().contains("opensesame"));
    let metrics = house.client().get("/metrics").expect("it answers").text();
    let delivered = format!("millrace_sink_delivered_total{{sink=\"ledger\"}} {}", wanted.len());
    assert!(
        metrics.contains(&delivered) && metrics.contains("millrace_sink_lag_positions{sink=\"ledger\"} 0"),
        "{metrics}"
    );
    // A clean stop remembers; nothing comes again.
    let house = house.reopened_with(&text, |config| config.secrets.set("key", "opensesame"));
    let more = wanted_of(&house, 300..310);
    let came = ledger.wait_for(wanted.len() + more.len());
    assert_eq!(keys(&came)[wanted.len()..], more);
}

fn wanted_of(house: &House, range: std::ops::Range<usize>) -> Vec<String> {
    wanted(&pay(house, range))
}

#[test]
fn a_sink_that_fails_holds_up_nobody_and_gets_everything_later() {
    let failing = |which: usize| {
        move |_: &Came| match which {
            0 => Answer::Status(500),
            1 => Answer::Nothing,
            2 => Answer::Closed,
            3 => Answer::Status(302),
            _ => Answer::Status(401),
        }
    };
    let ledger = Ledger::open(failing(0));
    let more = "timeout: 100ms, retry: { first: 20ms, most: 50ms }";
    let house = House::of(&spec(ledger.address, more), |_| {});
    let mut all = Vec::new();
    for which in 0..5 {
        ledger.behave(failing(which));
        let came = ledger.came().len();
        all.extend(wanted_of(&house, which * 40..which * 40 + 40));
        ledger.wait_for(came + 8);
    }
    let sink = sink(&house);
    assert_eq!(
        (&sink["delivered"], &sink["state"], &sink["dead"]),
        (&0.into(), &"failing".into(), &0.into()),
        "{sink}"
    );
    assert!(sink["last_error"].is_string() && sink["failed_attempts"].as_u64() >= Some(5));
    let before = ledger.came().len();
    ledger.behave(|_| Answer::Status(200));
    until(&house, "everything was taken", settled);
    // An attempt that went on meanwhile may be among them.
    let taken: BTreeSet<String> = keys(&ledger.came()[before..]).into_iter().collect();
    assert_eq!(taken, all.iter().cloned().collect(), "each was taken");
    for came in ledger.came() {
        let first = ledger.came().into_iter().find(|other| other.key == came.key).expect("it came");
        assert_eq!(came.body, first.body, "however often it comes");
    }
}

#[test]
fn a_sink_that_is_not_there_yet_gets_everything_once_it_is() {
    let address = {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        nobody.local_addr().expect("it is bound")
    };
    let text = spec(address, "retry: { first: 20ms, most: 50ms }");
    let house = House::of(&text, |_| {});
    let wanted = wanted_of(&house, 0..50);
    until(&house, "nobody is there", |sink| sink["failed_attempts"].as_u64() > Some(4));
    let house = house.reopened(&text);
    let ledger = Ledger::at(address, |_| Answer::Status(200));
    let came: BTreeSet<String> = keys(&ledger.wait_for(wanted.len())).into_iter().collect();
    assert_eq!(came, wanted.into_iter().collect());
    until(&house, "it is settled", settled);
}

#[test]
fn what_is_given_up_is_listed_and_can_be_sent_again() {
    let odd = |came: &Came| came.key.ends_with(['1', '3', '5', '7', '9']);
    let ledger = Ledger::open(move |came| if odd(came) { Answer::Status(400) } else { Answer::Status(500) });
    let text = spec(ledger.address, "retry: { first: 10ms, most: 20ms, attempts: 3 }");
    let house = House::of(&text, |_| {});
    let wanted = wanted_of(&house, 0..60);
    until(&house, "everything is given up", |sink| sink["dead"] == wanted.len());
    let list = dead(&house);
    assert_eq!((&list["count"], &list["next"]), (&wanted.len().into(), &Value::Null));
    for dead in list["dead"].as_array().expect("a list") {
        let odd = dead["key"].as_str().expect("a key").ends_with(['1', '3', '5', '7', '9']);
        let (attempts, status) = if odd { (1, "400") } else { (3, "500") };
        assert_eq!(dead["attempts"], attempts, "{dead}");
        assert!(dead["error"].as_str().is_some_and(|error| error.contains(status)), "{dead}");
    }
    let page = json(&house.client().get("/v1/sinks/ledger/dead?limit=3").expect("it answers"));
    assert_eq!((page["dead"].as_array().map(Vec::len), &page["next"]), (Some(3), &page["dead"][2]["key"]));
    // It is kept, and not sent again by itself.
    let house = house.reopened(&text);
    until(&house, "it is settled", settled);
    assert_eq!(dead(&house)["count"], wanted.len());
    let before = ledger.came().len();
    ledger.behave(|_| Answer::Status(200));
    let first = dead(&house)["dead"][0]["key"].as_str().expect("a key").to_owned();
    let mut client = house.client();
    let forgotten =
        client.request("DELETE", &format!("/v1/sinks/ledger/dead?key={first}"), &[], None).expect("it answers");
    assert_eq!(json(&forgotten)["forgetting"], 1);
    until(&house, "it is forgotten", |sink| sink["dead"] == wanted.len() - 1);
    let sent = client.request("POST", "/v1/sinks/ledger/dead", &[], None).expect("it answers");
    assert_eq!(json(&sent)["sending"], wanted.len() - 1, "{}", sent.text());
    until(&house, "everything was taken", |sink| sink["dead"] == 0);
    let came: BTreeSet<String> = keys(&ledger.came()[before..]).into_iter().collect();
    assert_eq!(came, wanted.iter().filter(|key| **key != first).cloned().collect());
    let house = house.reopened(&text);
    until(&house, "it is settled", settled);
    assert_eq!(dead(&house)["count"], 0);
}

#[test]
fn a_sink_is_left_alone_for_as_long_as_it_asks() {
    let mut asked = false;
    let ledger = Ledger::open(move |_| match std::mem::replace(&mut asked, true) {
        false => Answer::Later(429, 1),
        true => Answer::Status(200),
    });
    let house = House::of(&spec(ledger.address, "in_flight: 1, retry: { first: 10ms }"), |_| {});
    let begin = Instant::now();
    let wanted = wanted_of(&house, 0..20);
    until(&house, "it is left alone", |sink| sink["state"] == "paused");
    ledger.wait_for(wanted.len() + 1);
    assert!(begin.elapsed() >= Duration::from_secs(1));
    until(&house, "it is settled", settled);
}

#[test]
fn a_sink_begins_where_the_spec_first_has_it_and_ends_where_it_has_not() {
    let ledger = Ledger::open(|_| Answer::Status(200));
    let with = spec(ledger.address, "in_flight: 1");
    let without = with.split("sinks:").next().expect("a text has a beginning").to_owned();
    let house = House::of(&without, |_| {});
    let change = |text: &str| {
        let yaml = [("content-type", "application/yaml")];
        let changed = house.client().request("PUT", "/v1/spec", &yaml, Some(text.as_bytes())).expect("it answers");
        assert_eq!(changed.status, 200, "{}", changed.text());
    };
    let off = house.client().get("/v1/sinks/ledger/dead").expect("it answers");
    assert_eq!(error(&off), (404, "not_found".into(), "sink".into()));
    wanted_of(&house, 0..40);
    change(&with);
    let first = wanted_of(&house, 40..80);
    ledger.wait_for(first.len());
    change(&without);
    wanted_of(&house, 80..120);
    change(&with.replace("outcomes: [decline, look]", "outcomes: [decline]"));
    let answers = pay(&house, 120..160);
    let last: Vec<String> = answers
        .iter()
        .filter(|answer| answer["outcome"] == "decline")
        .map(|answer| answer["id"].as_str().expect("an id").to_owned())
        .collect();
    let came = ledger.wait_for(first.len() + last.len());
    until(&house, "it is settled", settled);
    assert_eq!(keys(&came), [first, last].concat());
    assert_eq!(ledger.came().len(), came.len());
}

#[test]
fn outcomes_are_read_in_pages_from_memory_and_from_the_log() {
    let text = spec(SocketAddr::from(([127, 0, 0, 1], 9)), "secret: none_such");
    let house = House::of(&text, |config| config.sinks = false);
    assert_eq!(json(&house.client().get("/v1/sinks").expect("it answers"))["sinks"][0]["state"], "off");
    let off = house.client().get("/v1/sinks/ledger/dead").expect("it answers");
    assert_eq!((error(&off).0, off.text().contains("--no-sinks")), (409, true));
    let answers = pay(&house, 0..500);
    let read = |house: &House, limit: usize, more: &str| {
        let (mut after, mut all) = (0, Vec::new());
        loop {
            let path = format!("/v1/outcomes?after={after}&limit={limit}{more}");
            let answer = house.client().get(&path).expect("it answers");
            assert_eq!(answer.status, 200, "{}", answer.text());
            let page = json(&answer);
            let outcomes = page["outcomes"].as_array().expect("a list").clone();
            assert!(outcomes.len() <= limit);
            let (next, released) = (page["next"].as_u64(), page["released"].as_u64());
            assert!(!outcomes.is_empty() || next == released, "{page}");
            all.extend(outcomes);
            if next == released {
                return all;
            }
            after = next.expect("a number");
        }
    };
    let all = read(&house, 70, "");
    assert_eq!(all.len(), 500);
    for (outcome, answer) in all.iter().zip(&answers) {
        assert_eq!((&outcome["key"], &outcome["outcome"]), (&answer["id"], &answer["outcome"]));
    }
    let declined = read(&house, 9, "&decision=risk&outcome=decline");
    assert!(!declined.is_empty() && declined.iter().all(|outcome| outcome["outcome"] == "decline"));
    let third = all[2]["key"].as_str().expect("a key");
    let behind = json(&house.client().get(&format!("/v1/outcomes?after={third}&limit=1")).expect("it answers"));
    assert_eq!(behind["outcomes"][0], all[3], "behind an outcome");
    for (query, field) in [
        ("after=x", "after"),
        ("after=d1-", "after"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("outcome=declin", "outcome"),
        ("decision=rsk", "decision"),
        ("facts=yes", "facts"),
        ("before=3", "before"),
    ] {
        let refused = error(&house.client().get(&format!("/v1/outcomes?{query}")).expect("it answers"));
        assert_eq!(refused.2, field, "{query}");
    }
    let house = house.reopened(&text);
    assert_eq!(read(&house, 70, ""), all, "nothing of it is in memory any more");
    assert_eq!(read(&house, 9, "&outcome=decline"), declined);
}

/// Decisions on every payment; alarms with the second, and when none follows.
fn alarming(sinks: &str) -> String {
    format!(
        "
version: 1
events:
  payment: {{ user: user, fields: {{ amount: float }} }}
features:
  user: {{ again: 'seq(payment, payment, 1h)', gone: 'absent(payment, payment, 1s)' }}
alarms:
  again: {{ of: user, when: again, reason: 'paid again', tags: [velocity] }}
  gone: {{ of: user, when: gone, reason: 'paid no more' }}
decisions:
  risk: {{ on: payment, rules: [{{ id: large, when: amount > 100, outcome: decline }}], otherwise: pass }}
sinks: {{ {sinks} }}
"
    )
}

/// All outcomes, once these many alarms of `gone` are among them.
fn page_with(house: &House, gone: usize) -> Vec<Value> {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let page = json(&house.client().get("/v1/outcomes?limit=1000").expect("it answers"));
        let page = page["outcomes"].as_array().expect("a list").clone();
        if page.iter().filter(|of| of["alarm"] == "gone").count() >= gone {
            return page;
        }
        assert!(Instant::now() < end, "they never came: {}", page.len());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn alarms_are_outcomes_like_decisions() {
    let (all, few) = (Ledger::open(|_| Answer::Status(204)), Ledger::open(|_| Answer::Status(204)));
    let text = alarming(&format!(
        "all: {{ url: 'http://{}/in', in_flight: 1 }}, few: {{ url: 'http://{}/in', decisions: [], alarms: [gone] }}",
        all.address, few.address
    ));
    let house = House::of(&text, |_| {});
    let mut told = Events::open(&house, "", None);
    pay(&house, 0..40);
    let page = page_with(&house, 7);
    let kinds = |kind: &str| page.iter().filter(|of| of["kind"] == kind).count();
    assert_eq!((kinds("verdict"), kinds("alarm")), (40, 14));
    let again = page.iter().position(|of| of["alarm"] == "again").expect("somebody paid again");
    let (verdict, alarm) = (&page[again - 1], &page[again]);
    let key = verdict["key"].as_str().expect("a key").to_owned();
    assert_eq!((&alarm["position"], &alarm["key"]), (&verdict["position"], &format!("{key}.2").into()), "{alarm}");
    assert_eq!((&alarm["of"], &alarm["reason"], &alarm["plan"]), (&"user".into(), &"paid again".into(), &1.into()));
    // Every way tells the same, in the same order.
    let stream: Vec<(String, String, Value)> = (0..page.len()).map(|_| told.next().expect("there are more")).collect();
    for ((id, kind, data), of) in stream.iter().zip(&page) {
        assert_eq!((id.as_str().into(), kind.as_str().into(), data), (of["key"].clone(), of["kind"].clone(), of));
    }
    assert_eq!(Events::open(&house, "", Some(&key)).next().expect("there are more").2, *alarm, "behind the decision");
    let bodies = |came: Vec<Came>| -> Vec<Value> {
        came.iter().map(|came| serde_json::from_str(&came.body).expect("JSON")).collect()
    };
    let came = all.wait_for(page.len());
    assert_eq!(keys(&came), page.iter().map(|of| of["key"].as_str().expect("a key").to_owned()).collect::<Vec<_>>());
    assert_eq!(bodies(came), page);
    let mut gone = bodies(few.wait_for(7));
    gone.sort_by_key(|of| page.iter().position(|other| other == of));
    assert_eq!(gone, page.iter().filter(|of| of["alarm"] == "gone").cloned().collect::<Vec<_>>());
    // Chosen by kind and by name.
    let read = |query: &str| {
        json(&house.client().get(&format!("/v1/outcomes?{query}")).expect("it answers"))["outcomes"].clone()
    };
    let chosen =
        |of: &dyn Fn(&Value) -> bool| Value::from(page.iter().filter(|told| of(told)).cloned().collect::<Vec<_>>());
    assert_eq!(read("kind=alarm"), chosen(&|of| of["kind"] == "alarm"));
    assert_eq!(read("alarm=gone"), chosen(&|of| of["alarm"] == "gone"));
    assert_eq!(read("decision=risk"), chosen(&|of| of["kind"] == "verdict"));
    assert_eq!(read("alarm=gone&outcome=decline"), chosen(&|of| of["alarm"] == "gone" || of["outcome"] == "decline"));
    for (query, field) in [
        ("kind=alarms", "kind"),
        ("kind=verdict&alarm=gone", "alarm"),
        ("kind=alarm&decision=risk", "kind"),
        ("alarm=went", "alarm"),
        ("after=4711", "after"),
        ("after=d1-4711.2", "after"),
    ] {
        let refused = error(&house.client().get(&format!("/v1/outcomes?{query}")).expect("it answers"));
        assert_eq!((refused.0, refused.2.as_str()), (400, field), "{query}");
    }
    // A restart derives them again, and the sinks get nothing twice.
    let house = house.reopened(&text);
    assert_eq!(page_with(&house, 7), page);
    assert_eq!(read_after(&house, &key), page[again..]);
    until(&house, "it is settled", settled);
    assert_eq!((all.came().len(), few.came().len()), (page.len(), 7));
}

fn read_after(house: &House, key: &str) -> Vec<Value> {
    let page = json(&house.client().get(&format!("/v1/outcomes?after={key}")).expect("it answers"));
    page["outcomes"].as_array().expect("a list").clone()
}

#[test]
fn a_sink_without_its_secret_or_its_place_says_so() {
    let ledger = Ledger::open(|_| Answer::Status(200));
    let text = spec(ledger.address, "secret: none_such");
    let house = House::of(&text, |_| {});
    pay(&house, 0..30);
    let sink = until(&house, "it has no secret", |sink| sink["state"] == "no_secret" && sink["waiting"] != 0);
    assert!(sink["last_error"].as_str().is_some_and(|why| why.contains("none_such") && why.contains("--secrets")));
    assert!(ledger.came().is_empty());
    // A place that is damaged.
    house.engine.write_blob("sink-ledger", b"what is this").expect("the disk is well");
    let house = {
        let mut house = house;
        house.stop();
        house.engine.write_blob("sink-ledger", b"what is this").expect("the disk is well");
        house.reopened(&spec(ledger.address, "in_flight: 1"))
    };
    until(&house, "it is broken", |sink| sink["state"] == "broken");
    for method in ["GET", "POST", "DELETE"] {
        let answer = house.client().request(method, "/v1/sinks/ledger/dead", &[], None).expect("it answers");
        assert_eq!(error(&answer), (409, "sink_stopped".into(), "sink".into()));
        assert!(answer.text().contains("blob-sink-ledger is damaged"), "{}", answer.text());
    }
}

/// A client of the stream that reads events as they come: ids and data.
struct Events(std::io::BufReader<std::net::TcpStream>);

impl Events {
    fn open(house: &House, query: &str, last: Option<&str>) -> Events {
        use std::io::{BufRead, Write};
        let mut tcp = std::net::TcpStream::connect(house.address()).expect("the server listens");
        tcp.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket takes it");
        let last = last.map(|last| format!("Last-Event-ID: {last}\r\n")).unwrap_or_default();
        let head = format!("GET /v1/outcomes/stream{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n{last}\r\n");
        tcp.write_all(head.as_bytes()).expect("it is written");
        let (mut reader, mut line, mut is_events) = (std::io::BufReader::new(tcp), String::new(), false);
        while !line.trim_end().is_empty() || !is_events {
            line.clear();
            assert!(reader.read_line(&mut line).expect("it answers") > 0, "the connection ended");
            is_events |= line.trim_end() == "content-type: text/event-stream";
        }
        Events(reader)
    }

    /// The next event with data, its id and its kind; none once the stream has ended.
    fn next(&mut self) -> Option<(String, String, Value)> {
        use std::io::BufRead;
        let (mut id, mut kind, mut data) = (String::new(), String::new(), None);
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).expect("it goes on") == 0 {
                return None;
            }
            let line = line.trim_end();
            // What is between is the framing of chunks.
            match line.split_once(": ") {
                Some(("id", text)) => text.clone_into(&mut id),
                Some(("event", text)) => text.clone_into(&mut kind),
                Some(("data", text)) => data = Some(serde_json::from_str(text).expect("JSON")),
                _ if line == "0" => return None,
                _ if line.is_empty() && data.is_some() => return data.map(|data| (id, kind, data)),
                _ => {}
            }
        }
    }

    fn take(&mut self, count: usize) -> Vec<Value> {
        let each = (0..count).map(|_| {
            let (id, kind, data) = self.next().expect("there are more");
            assert_eq!((data["key"].as_str(), kind.as_str()), (Some(id.as_str()), "verdict"));
            data
        });
        each.collect()
    }
}

#[test]
fn a_stream_tells_what_was_and_what_comes_and_goes_on_where_it_was() {
    let text = spec(SocketAddr::from(([127, 0, 0, 1], 9)), "in_flight: 1");
    let text = text.split("sinks:").next().expect("a text has a beginning");
    let house = House::of(text, |_| {});
    let first = pay(&house, 0..100);
    let (mut all, mut declined) = (Events::open(&house, "", None), Events::open(&house, "?outcome=decline", None));
    let was = all.take(100);
    assert!(was.iter().zip(&first).all(|(told, answer)| told["key"] == answer["id"]));
    assert!(house.client().get("/metrics").expect("it answers").text().contains("millrace_outcome_streams 2"));
    let second = pay(&house, 100..150);
    let came = all.take(50);
    assert!(came.iter().zip(&second).all(|(told, answer)| told["key"] == answer["id"]));
    let of_both = first.iter().chain(&second).filter(|answer| answer["outcome"] == "decline");
    for answer in of_both {
        let (id, _, told) = declined.next().expect("there are more");
        assert_eq!((&told["outcome"], answer["id"].as_str()), (&"decline".into(), Some(id.as_str())));
    }
    let third = was[2]["key"].as_str().expect("a key");
    assert_eq!(Events::open(&house, "?after=90", Some(third)).take(147), [&was[3..], &came[..]].concat());
    let after = was[40]["position"].as_u64().expect("a position");
    assert_eq!(Events::open(&house, &format!("?after={after}"), None).take(1), was[41..42]);
    let refused = house.client().get("/v1/outcomes/stream?after=x").expect("it answers");
    assert_eq!(error(&refused).2, "after");
    // A stop ends it, and a restart derives what was.
    let reopened = house.reopened(text);
    assert!(all.next().is_none());
    assert_eq!(Events::open(&reopened, "", Some(third)).take(147), [&was[3..], &came[..]].concat());
}

#[test]
fn streams_are_few_and_one_that_is_not_read_is_cut_off() {
    let text = spec(SocketAddr::from(([127, 0, 0, 1], 9)), "in_flight: 1");
    let text = text.split("sinks:").next().expect("a text has a beginning");
    let house = House::of(text, |config| config.limits.write_time = Duration::from_millis(300));
    let mut open: Vec<Events> =
        (0..domain::limits::OUTCOME_STREAMS_MAX).map(|_| Events::open(&house, "", None)).collect();
    let refused = house.client().get("/v1/outcomes/stream").expect("it answers");
    assert_eq!(error(&refused), (503, "overloaded".into(), String::new()));
    drop(open.split_off(1));
    let streams = |count: &str| {
        let end = Instant::now() + Duration::from_secs(20);
        let told = format!("millrace_outcome_streams {count}\n");
        while !house.client().get("/metrics").expect("it answers").text().contains(&told) {
            assert!(Instant::now() < end, "{count} streams");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    streams("1");
    // More than sockets hold, and nobody reads it: decisions go on, and the stream ends.
    (0..40).for_each(|turn| drop(pay(&house, turn * 1_000..turn * 1_000 + 1_000)));
    streams("0");
}
