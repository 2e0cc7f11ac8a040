//! Raw bytes over TCP: requests that are not HTTP, framing that could smuggle another request, and clients that are slow.

use crate::house::House;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Sends the parts with a pause between them, then reads until the server closes or says nothing for `patience`.
fn exchange(house: &House, parts: &[&[u8]], pause: Duration, patience: Duration) -> (String, bool) {
    let mut stream = TcpStream::connect(house.address()).expect("the server listens");
    stream.set_read_timeout(Some(patience)).expect("a timeout can be set");
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            std::thread::sleep(pause);
        }
        if stream.write_all(part).is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let mut buffer = [0; 4_096];
    let closed = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break true,
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break false,
            Err(_) => break true,
        }
    };
    (String::from_utf8_lossy(&answer).into_owned(), closed)
}

fn statuses(answer: &str) -> Vec<u16> {
    let starts = answer.match_indices("HTTP/1.").map(|(at, found)| &answer[at + found.len()..]);
    starts.filter_map(|rest| rest.get(2..5)?.parse().ok()).collect()
}

/// The code in the last answer's body; its announced length must be the body's.
fn error_of(answer: &str) -> String {
    let (head, body) = answer.rsplit_once("\r\n\r\n").expect("a head and a body");
    assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{answer}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
    body["error"]["code"].as_str().expect("a code").to_owned()
}

fn at_once(house: &House, bytes: &[u8]) -> (Vec<u16>, bool) {
    let (answer, closed) = exchange(house, &[bytes], Duration::ZERO, Duration::from_millis(250));
    (statuses(&answer), closed)
}

#[test]
fn what_is_not_a_request_gets_400_and_is_cut() {
    let house = House::open();
    let table: [&[u8]; 18] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"garbage\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /healthz\r\n\r\n",
        b"GET  /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET /healthz HTTP/3.0\r\nhost: localhost\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost localhost\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nho st: localhost\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: a\x00b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: a\rb\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n host: localhost\r\n\r\n",
        b"POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        b"POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: -2\r\n\r\n{}",
        b"POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: +2\r\n\r\n{}",
        b"POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2 2\r\n\r\n{}",
        b"POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999999999999999\r\n\r\n{}",
        b"POST /v1/events HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST /v1/events HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    ];
    for bytes in table {
        let (answer, closed) = exchange(&house, &[bytes], Duration::ZERO, Duration::from_millis(250));
        let (statuses, shown) = (statuses(&answer), String::from_utf8_lossy(bytes));
        assert!(statuses.is_empty() || error_of(&answer) == "malformed_request", "{shown}: {answer}");
        assert!(statuses.iter().all(|status| *status == 400), "{shown}: {statuses:?}");
        assert!(closed, "{shown}: still open");
    }
    assert_eq!(house.client().get("/healthz").expect("the server lives").status, 200);
}

#[test]
fn a_body_never_becomes_another_request() {
    let house = House::open();
    let hidden = "GET /v1/spec HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let post = "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    for request in [
        format!("{post}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{post}transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n{hidden}"),
        format!("POST /v1/events HTTP/1.0\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{post}transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n{hidden}"),
        format!("{post}transfer-encoding: chunked\r\n\r\n-1\r\n{hidden}"),
        format!("{post}transfer-encoding: chunked\r\n\r\n2;{}\r\n{{}}\r\n{hidden}", "x".repeat(200_000)),
        format!("{post}content-length: {}\r\ncontent-encoding: gzip\r\n\r\n{hidden}", hidden.len()),
        format!("GET /nothing HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{hidden}", hidden.len()),
    ] {
        let (answer, _) = exchange(&house, &[request.as_bytes()], Duration::ZERO, Duration::from_millis(250));
        let shown: String = request.chars().take(160).collect();
        assert!(!answer.contains("features:"), "{shown}\nlet the hidden request through:\n{answer}");
        assert!(statuses(&answer).iter().all(|status| (400..500).contains(status)), "{shown}: {answer}");
    }
}

#[test]
fn heads_are_bounded() {
    let house = House::open();
    let with = |extra: &str| format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n{extra}\r\n");
    assert_eq!(at_once(&house, with("").as_bytes()).0, [200]);
    for extra in ["a: b\r\n".repeat(65), "a: b\r\n".repeat(10_000)] {
        let head = with(&extra);
        let (answer, closed) = exchange(&house, &[head.as_bytes()], Duration::ZERO, Duration::from_millis(250));
        assert!(closed && statuses(&answer) == [431] && error_of(&answer) == "head_too_large", "{answer}");
    }
    assert_eq!(at_once(&house, with(&format!("a: {}\r\n", "b".repeat(20_000))).as_bytes()).0, [431]);
    let (statuses, closed) = at_once(&house, with(&format!("a: {}\r\n", "b".repeat(1 << 20))).as_bytes());
    assert!(closed && statuses.iter().all(|status| *status == 431), "{statuses:?}");
    let long = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "a".repeat(65_536));
    let (statuses, closed) = at_once(&house, long.as_bytes());
    assert!(closed && statuses.iter().all(|status| matches!(status, 414 | 431)), "{statuses:?}");
    let roomy = House::with(|config| config.limits.head_bytes = 100_000);
    let (answer, closed) = exchange(&roomy, &[long.as_bytes()], Duration::ZERO, Duration::from_millis(250));
    assert!(closed && error_of(&answer) == "path_too_long", "{answer}");
    let method = format!("{} / HTTP/1.1\r\nhost: localhost\r\n\r\n", "A".repeat(10_000));
    assert!(at_once(&house, method.as_bytes()).0.iter().all(|status| (400..500).contains(status)));
}

#[test]
fn hosts_paths_and_versions_are_checked() {
    let house = House::open();
    for (request, expected) in [
        ("GET /healthz HTTP/1.1\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
        ("GET /healthz HTTP/1.0\r\n\r\n", 200),
        ("GET /v1/entities/item/%00 HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
        ("GET /v1/entities/item/%zz HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
        ("GET /v1/../v1/spec HTTP/1.1\r\nhost: localhost\r\n\r\n", 404),
        ("GET /%2e%2e/v1/spec HTTP/1.1\r\nhost: localhost\r\n\r\n", 404),
        ("OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n", 404),
        ("HEAD /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n", 200),
        ("CONNECT localhost:80 HTTP/1.1\r\nhost: localhost\r\n\r\n", 404),
        ("GET http://localhost/healthz HTTP/1.1\r\nhost: localhost\r\n\r\n", 200),
        ("BREW /v1/spec HTTP/1.1\r\nhost: localhost\r\n\r\n", 405),
    ] {
        assert_eq!(at_once(&house, request.as_bytes()).0, [expected], "{request}");
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let house = House::open();
    let one = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let body = "{\"event\":\"veiw\"}";
    let two = format!("POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let three = "GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n";
    assert_eq!(at_once(&house, format!("{one}{two}{three}{one}").as_bytes()).0, [200, 400, 404, 200]);
    let broken = format!("{one}garbage\r\n\r\n");
    let (answer, closed) = exchange(&house, &[broken.as_bytes()], Duration::ZERO, Duration::from_millis(250));
    assert!(closed && statuses(&answer) == [200, 400] && error_of(&answer) == "malformed_request", "{answer}");
}

#[test]
fn expectations_are_met_or_refused() {
    let house = House::open();
    let body = "{\"event\":\"veiw\"}";
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let parts = [head.as_bytes(), body.as_bytes()];
    let (answer, _) = exchange(&house, &parts, Duration::from_millis(50), Duration::from_millis(250));
    assert_eq!(statuses(&answer), [100, 400]);
    let refused = head.replace("/v1/events", "/nothing");
    assert_eq!(at_once(&house, refused.as_bytes()).0, [404]);
}

#[test]
fn slow_clients_are_cut() {
    let house = House::open();
    let second = Duration::from_secs(1);
    let start = Instant::now();
    let (answer, closed) = exchange(&house, &[b""], Duration::ZERO, second);
    assert!(closed && answer.is_empty(), "a silent connection: {answer}");
    let drip: Vec<&[u8]> = b"GET /healthz HTTP/1.1\r\n".chunks(1).collect();
    let (answer, closed) = exchange(&house, &drip, Duration::from_millis(50), second);
    assert!(closed && !answer.contains("200"), "a dripping head: {answer}");
    let head: &[u8] = b"POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n{";
    let (answer, closed) = exchange(&house, &[head], Duration::ZERO, second);
    assert!(closed && statuses(&answer) == [408], "a body that stops: {answer}");
    assert!(answer.contains("\"timeout\""));
    let whole: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let (answer, closed) = exchange(&house, &[whole, b"GET /heal"], Duration::from_millis(600), second);
    assert!(closed && statuses(&answer) == [200], "a second head that stops: {answer}");
    let (answer, closed) = exchange(&house, &[whole, whole], Duration::from_millis(900), second * 3);
    assert!(closed && statuses(&answer) == [200, 200], "idle for less than the idle time: {answer}");
    assert!(start.elapsed() < second * 15);
}

#[test]
fn a_body_cut_short_changes_nothing() {
    let house = House::open();
    {
        let mut stream = TcpStream::connect(house.address()).expect("the server listens");
        let event = "{\"event\":\"view\",\"user\":\"cut\",\"item\":\"i\"}\n";
        let head = "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n";
        stream.write_all(format!("{head}{event}").as_bytes()).expect("the server reads");
    }
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(house.client().get("/v1/entities/user/cut").expect("an answer").status, 404);
}

#[test]
fn too_many_connections_are_refused_and_the_old_ones_served() {
    let house = House::with(|config| config.limits.connections = 3);
    let mut old = house.client();
    assert_eq!(old.get("/healthz").expect("an answer").status, 200);
    let waiting: Vec<_> = (0..5).map(|_| TcpStream::connect(house.address()).expect("the system accepts")).collect();
    std::thread::sleep(Duration::from_millis(100));
    assert!(house.client().get("/healthz").is_err());
    assert_eq!(old.get("/healthz").expect("an answer").status, 200);
    drop(waiting);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(house.client().get("/healthz").expect("an answer").status, 200);
}

#[test]
fn a_client_that_does_not_read_is_cut() {
    let house = House::with(|config| config.limits.write_time = Duration::from_millis(300));
    let mut stream = TcpStream::connect(house.address()).expect("the server listens");
    // Many answers to pipelined requests fill every buffer between the server and this client, which reads nothing.
    let request = b"GET /v1/spec HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(200);
    stream.set_write_timeout(Some(Duration::from_secs(5))).expect("a timeout can be set");
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        if let Err(error) = stream.write_all(&request) {
            assert!(!matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "never cut: {error}");
            return;
        }
    }
    panic!("never cut");
}

#[test]
fn a_stop_lets_requests_in_flight_end() {
    let mut house = House::open();
    let mut slow = TcpStream::connect(house.address()).expect("the server listens");
    let body = "{\"event\":\"veiw\"}";
    let head = format!("POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
    slow.write_all(head.as_bytes()).expect("the server reads");
    std::thread::sleep(Duration::from_millis(50));
    let client = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        slow.write_all(body.as_bytes()).expect("the server still reads");
        let mut answer = String::new();
        slow.read_to_string(&mut answer).expect("the server closes");
        answer
    });
    let start = Instant::now();
    house.stop();
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!(statuses(&client.join().expect("the client ends")), [400]);
}

#[test]
fn health_is_asked_by_head_too() {
    let house = House::open();
    for path in ["/healthz", "/readyz"] {
        let head = format!("HEAD {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        let get = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let parts: [&[u8]; 2] = [head.as_bytes(), get.as_bytes()];
        let (answer, _) = exchange(&house, &parts, Duration::from_millis(50), Duration::from_secs(2));
        assert_eq!(statuses(&answer), [200, 200], "{answer}");
        let heads: Vec<&str> = answer.split("\r\n\r\n").collect();
        // The second answer begins right behind the first head: a HEAD has no body.
        assert!(heads.len() == 3 && heads[1].starts_with("HTTP/1.1 200") && heads[2].starts_with('{'), "{answer}");
    }
}
