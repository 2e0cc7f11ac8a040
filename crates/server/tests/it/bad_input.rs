//! The catalogue of bad HTTP, row by row: raw bytes over a socket, the status and code of each answer, and whether the connection
//! goes on. After each row the log is where it was and the next client is served.
//!
//! Not here, since the server speaks HTTP/1.1 without TLS only: 10,000 streams, rapid reset, CONTINUATION, SETTINGS and PING floods,
//! windows of 0 (HTTP/2). An event without an id is no mistake: it is taken, and not deduplicated. Covered elsewhere: heads at their limits, `framing::heads_are_bounded`; smuggled requests,
//! `framing::a_body_never_becomes_another_request`; every kind of bad JSON, `suite`; each field's codes, `state`'s `edge`.

use crate::house::House;
use engine::LogFile;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A row of the catalogue, what is sent, and what comes: answers as `status code` between `; `, then `closed` if the connection is.
/// With a `?` an answer may be lost: the connection is closed over bytes that nobody read.
type Row = (&'static str, Vec<u8>, &'static str);

/// A request that nothing else here sends, to see whether a connection goes on.
const PROBE: &[u8] = b"PATCH /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
const PROBED: &str = "405 method_not_allowed";

/// One connection.
struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Wire {
    fn connect(house: &House) -> Wire {
        let stream = TcpStream::connect(house.address()).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
        Wire { stream, read: Vec::new() }
    }

    /// Sends all, as far as the server takes it.
    fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// The next answer as `status` or `status code`; none once the connection is closed.
    fn answer(&mut self) -> Option<String> {
        loop {
            if let Some((answer, length)) = first_answer(&self.read) {
                self.read.drain(..length);
                return Some(answer);
            }
            let mut buffer = [0; 4_096];
            match self.stream.read(&mut buffer) {
                Ok(0) => {
                    assert!(self.read.is_empty(), "half an answer: {}", String::from_utf8_lossy(&self.read));
                    return None;
                }
                Ok(count) => self.read.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("neither answered nor closed"),
                Err(_) => return None,
            }
        }
    }
}

/// The first whole answer among these bytes, with its length. Checks what holds of every answer.
fn first_answer(bytes: &[u8]) -> Option<(String, usize)> {
    let head_end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..head_end]).expect("a head is text").to_ascii_lowercase();
    let status = head.strip_prefix("http/1.").and_then(|rest| rest.get(2..5)).expect("a status");
    if status == "100" {
        return Some(("100".to_owned(), head_end));
    }
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()).expect("a length");
    let end = head_end + length.parse::<usize>().expect("a number");
    let body = std::str::from_utf8(bytes.get(head_end..end)?).expect("a body is text");
    says_nothing_of_the_inside(&head, body);
    let code = match status.as_bytes()[0] {
        b'2' => String::new(),
        _ => format!(" {}", code_of(body)),
    };
    Some((format!("{status}{code}"), end))
}

fn code_of(body: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
    body["error"]["code"].as_str().expect("a code").to_owned()
}

/// No path, type or stack of the server.
fn says_nothing_of_the_inside(head: &str, body: &str) {
    let folder = std::env::temp_dir();
    let folder = folder.to_str().expect("it is text");
    for leak in
        [folder, "/root", "/home", "src/", ".rs", "panicked", "thread '", "::", "Error(", " { ", "hyper", "serde"]
    {
        assert!(!head.contains(leak) && !body.contains(leak), "an answer tells of {leak}:\n{head}{body}");
    }
}

/// Sends the parts of a row and says what came.
fn exchange(house: &House, parts: &[&[u8]], pause: Duration, expected: &str) -> String {
    let mut wire = Wire::connect(house);
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            std::thread::sleep(pause);
        }
        if !wire.send(part) {
            break;
        }
    }
    let mut came = Vec::new();
    let answers = expected.split("; ").filter(|part| *part != "closed").count();
    // Whether the connection goes on is asked, unless it is the time of a slow client that has to end it.
    let waits = pause > Duration::ZERO || answers == 0;
    while waits || came.len() < answers {
        let Some(answer) = wire.answer() else { break };
        came.push(answer);
    }
    if !waits && wire.send(PROBE) {
        match wire.answer() {
            Some(answer) if answer == PROBED => return came.join("; "),
            Some(answer) => came.push(answer),
            None => {}
        }
    }
    came.push("closed".to_owned());
    came.join("; ")
}

fn is_as_expected(came: &str, expected: &str) -> bool {
    came == expected.replace('?', "") || (expected.contains('?') && came == "closed")
}

/// What must not change: the log's end, and what is known.
fn memory(house: &House) -> (u64, u64, serde_json::Value) {
    let status = house.engine.status();
    let known = crate::house::json(&house.client().get("/v1/entities/user/u1").expect("an answer"));
    (status.position.0, status.durable.0, known["features"].clone())
}

/// Of all that is in the log, as a program beside the server reads it once the log is at rest.
fn digest(house: &House) -> String {
    let disk = Arc::new(journal::FileDisk::open_to_read(&house.folder).expect("the folder is there"));
    let read = || LogFile::open_to_read(&disk).expect("the log can be read").0;
    let end = Instant::now() + Duration::from_secs(20);
    let mut log = read();
    while log.last < house.engine.durable() {
        assert!(Instant::now() < end, "the end of the log does not show");
        std::thread::sleep(Duration::from_millis(2));
        log = read();
    }
    format!("{:?}", log.digest(&house.engine.plan(), 1).expect("the log is whole"))
}

/// A server that knows something.
fn house() -> House {
    let house = House::quiet();
    let event = br#"{"event":"view","user":"u1","item":"i1","id":"known"}"#;
    assert_eq!(house.client().post("/v1/events", event).expect("an answer").status, 200);
    assert_eq!(house.client().put("/v1/entities/item/i1", br#"{"price":1.5}"#).expect("an answer").status, 200);
    house
}

fn check(rows: Vec<Row>) {
    let rows = rows.into_iter().map(|(what, bytes, expected)| (what, vec![bytes], expected)).collect();
    check_slowly(rows, Duration::ZERO);
}

fn check_slowly(rows: Vec<(&str, Vec<Vec<u8>>, &str)>, pause: Duration) {
    let house = house();
    let (before, digest_before) = (memory(&house), digest(&house));
    let (mut wrong, mut refused) = (Vec::new(), BTreeMap::<String, u64>::new());
    for (what, parts, expected) in rows {
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let came = exchange(&house, &parts, pause, expected);
        for code in came.split("; ").filter_map(|answer| answer.split(' ').nth(1)) {
            *refused.entry(code.to_owned()).or_default() += 1;
        }
        let shown: String = String::from_utf8_lossy(&parts.concat()).chars().take(120).collect();
        if !is_as_expected(&came, expected) {
            wrong.push(format!("{what}: {shown:?}\n  came {came:?}, not {expected:?}"));
        }
        assert_eq!(memory(&house), before, "{what}: {shown:?} changed something");
        assert_eq!(house.client().get("/healthz").expect("the server lives").status, 200, "{what}: {shown:?}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(digest(&house), digest_before);
    let metrics = house.client().get("/metrics").expect("an answer").text();
    for (code, times) in refused {
        let counter = format!("millrace_refusals_total{{code=\"{code}\"}} ");
        let counted = metrics.lines().find_map(|line| line.strip_prefix(&counter)?.parse().ok());
        assert!(counted >= Some(times), "{code}: {counted:?} of {times} are counted");
    }
}

fn bytes(text: impl AsRef<[u8]>) -> Vec<u8> {
    text.as_ref().to_vec()
}

/// A `GET` of a path that is taken as it is.
fn get(target: &[u8]) -> Vec<u8> {
    [b"GET ", target, b" HTTP/1.1\r\nhost: localhost\r\n\r\n"].concat()
}

/// A `GET /healthz` with more header lines.
fn with(headers: impl AsRef<[u8]>) -> Vec<u8> {
    [b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n", headers.as_ref(), b"\r\n\r\n"].concat()
}

/// A call with events whose header lines and body are given.
fn events(headers: &str, body: &str) -> Vec<u8> {
    bytes(format!("POST /v1/events HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n\r\n{body}"))
}

/// A call with a JSON body.
fn json(method: &str, path: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

const GOOD: &str = r#"{"event":"view","user":"u9","item":"i9"}"#;

#[test]
fn request_lines_and_paths() {
    let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\r\n\r\n";
    let long = |length: usize| "A".repeat(length);
    check(vec![
        ("empty request line", bytes("\r\n\r\n"), "closed"),
        ("empty request line", bytes("\r\nGET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"), "200"),
        ("empty request line", bytes(" HTTP/1.1\r\nhost: localhost\r\n\r\n"), "400 malformed_request; closed"),
        ("garbage bytes", bytes(b"\x00\xff\xfe\x01\x80garbage\r\n\r\n"), "400 malformed_request; closed"),
        ("TLS bytes on plain port", bytes(tls), "400 malformed_request; closed"),
        ("HTTP/0.9", bytes("GET /healthz\r\n\r\n"), "400 malformed_request; closed"),
        ("1.0 keep-alive", bytes("GET /healthz HTTP/1.0\r\nconnection: keep-alive\r\n\r\n"), "200"),
        ("1.0 keep-alive", bytes("GET /healthz HTTP/1.0\r\n\r\n"), "200; closed"),
        ("3.0", bytes("GET /healthz HTTP/3.0\r\nhost: localhost\r\n\r\n"), "400 malformed_request; closed"),
        ("2.0 (its preface)", bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "closed"),
        ("method of 10 kB", bytes(format!("{} / HTTP/1.1\r\nhost: localhost\r\n\r\n", long(10_000))), "404 not_found"),
        (
            "method that is no token",
            bytes("G(T / HTTP/1.1\r\nhost: localhost\r\n\r\n"),
            "400 malformed_request; closed",
        ),
        ("URI of 64 kB (414)", get(format!("/{}", long(65_536)).as_bytes()), "431 head_too_large?; closed"),
        ("`%00` in the path", get(b"/v1/entities/item/%00"), "400 invalid_value"),
        ("`%2e%2e` in the path", get(b"/v1/entities/%2e%2e/%2e%2e"), "404 unknown_entity"),
        ("`%2e%2e` in the path", get(b"/%2e%2e/%2e%2e/etc/passwd"), "404 not_found"),
        ("invalid percent in the path", get(b"/v1/entities/item/%g1"), "400 invalid_value"),
        ("invalid UTF-8 in the path", get(b"/v1/entities/item/%c3%28"), "400 invalid_value"),
        ("invalid UTF-8 in the path", get(b"/v1/entities/item/\xff"), "400 malformed_request; closed"),
        ("`%00` in the query", json("POST", "/v1/events?atomic=%00", GOOD), "400 invalid_value"),
        ("`%2e%2e` in the query", json("POST", "/v1/events?%2e%2e=1", GOOD), "400 unknown_field"),
        ("invalid percent in the query", json("POST", "/v1/events?atomic=true%", GOOD), "400 invalid_value"),
        ("invalid UTF-8 in the query", json("POST", "/v1/events?atomic=%ff", GOOD), "400 invalid_value"),
        ("invalid UTF-8 in the query", get(b"/healthz?a=\xff"), "400 malformed_request; closed"),
    ]);
}

#[test]
fn headers() {
    check(vec![
        ("10,000 headers", with("a: b\r\n".repeat(10_000) + "a: b"), "431 head_too_large?; closed"),
        ("one 1 MiB header (431)", with(format!("a: {}", "b".repeat(1 << 20))), "431 head_too_large?; closed"),
        ("header with CR", with(b"x: a\rb"), "400 malformed_request; closed"),
        ("header with LF", with(b"x: a\nb"), "400 malformed_request; closed"),
        ("header with NUL", with(b"x: a\0b"), "400 malformed_request; closed"),
        ("leading space", with(b" x: a"), "400 malformed_request; closed"),
        ("space before the colon", with(b"x : a"), "400 malformed_request; closed"),
        ("obs-fold", with(b"x: a\r\n b"), "400 malformed_request; closed"),
        ("duplicate Host", with(b"host: localhost"), "400 invalid_value"),
        ("no Host", bytes("GET /healthz HTTP/1.1\r\n\r\n"), "400 invalid_value"),
        ("absolute-form with other Host", get(b"http://example.com/healthz"), "400 invalid_value"),
        ("absolute-form with other Host", get(b"http://localhost:1/healthz"), "400 invalid_value"),
        ("absolute-form with the same Host", get(b"http://LOCALHOST/healthz"), "200"),
    ]);
}

#[test]
fn lengths_and_chunks() {
    let two = |value: &str| events(&format!("content-length: {value}"), "{}");
    let chunked = |body: &str| events("transfer-encoding: chunked", body);
    let hidden = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    check(vec![
        (
            "duplicate Content-Length",
            events("content-length: 2\r\ncontent-length: 3", "{}"),
            "400 malformed_request; closed",
        ),
        ("duplicate Content-Length", two("2, 3"), "400 malformed_request; closed"),
        ("signed Content-Length", two("+2"), "400 malformed_request; closed"),
        ("signed Content-Length", two("-2"), "400 malformed_request; closed"),
        ("spaced Content-Length", two("2 2"), "400 malformed_request; closed"),
        ("huge Content-Length", two("18446744073709551616"), "400 malformed_request; closed"),
        ("huge Content-Length", two("9223372036854775807"), "413 too_large; closed"),
        ("non-decimal Content-Length", two("0x2"), "400 malformed_request; closed"),
        (
            "Content-Length with Transfer-Encoding (400 + close)",
            events("content-length: 5\r\ntransfer-encoding: chunked", "0\r\n\r\n"),
            "400 malformed_request; closed",
        ),
        (
            "Transfer-Encoding with Content-Length (400 + close)",
            events("transfer-encoding: chunked\r\ncontent-length: 5", "0\r\n\r\n"),
            "400 malformed_request; closed",
        ),
        (
            "`chunked, identity`",
            events("transfer-encoding: chunked, identity", "0\r\n\r\n"),
            "400 malformed_request; closed",
        ),
        ("`Chunked\\x0b`", events("transfer-encoding: Chunked\x0b", "0\r\n\r\n"), "400 malformed_request; closed"),
        ("chunk size overflow", chunked("fffffffffffffffff\r\n{}"), "400 invalid_value; closed"),
        ("chunk size overflow", chunked("-1\r\n{}"), "400 invalid_value; closed"),
        (
            "bad chunk extension 1 MiB",
            chunked(&format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "x".repeat(1 << 20))),
            "400 invalid_value?; closed",
        ),
        ("missing last chunk", chunked("2\r\n{}\r\n"), "408 timeout; closed"),
        ("body shorter than declared", events("content-length: 100", GOOD), "408 timeout; closed"),
        (
            "body longer than declared",
            events("content-length: 2", "{}x\r\n\r\n"),
            "400 missing_field; 400 malformed_request; closed",
        ),
        (
            "request pipelined behind an unread body",
            events("content-length: 5\r\ncontent-encoding: gzip", &format!("xxxxx{hidden}")),
            "415 unsupported_media; 200",
        ),
        (
            "request pipelined behind a body that is too large to throw away",
            events("content-length: 20000000", hidden),
            "413 too_large; closed",
        ),
        (
            "bytes after Upgrade before 101",
            [with(b"connection: upgrade\r\nupgrade: websocket"), bytes("\x01\x02\r\n\r\n")].concat(),
            "200; 400 malformed_request; closed",
        ),
        ("body on GET", [with(b"content-length: 5"), bytes("hello"), get(b"/healthz")].concat(), "200; 200"),
        (
            "Expect: 100-continue never followed",
            events("expect: 100-continue\r\ncontent-length: 2", ""),
            "100; 408 timeout; closed",
        ),
    ]);
}

#[test]
fn encodings_and_types() {
    let encoded = |encoding: &str, body: &str| {
        events(&format!("content-encoding: {encoding}\r\ncontent-length: {}", body.len()), body)
    };
    let typed = |media: &str| events(&format!("content-type: {media}\r\ncontent-length: {}", GOOD.len()), GOOD);
    check(vec![
        ("gzip bomb 1000:1", encoded("gzip", "\x1f\x08bomb"), "415 unsupported_media"),
        ("nested gzip", encoded("gzip, gzip", "\x1f\x08bomb"), "415 unsupported_media"),
        ("br window 2 GiB", encoded("br", "\x11bomb"), "415 unsupported_media"),
        ("zstd window 2 GiB", encoded("zstd", "(bomb"), "415 unsupported_media"),
        ("unknown Content-Encoding (415)", encoded("lz77", "x"), "415 unsupported_media"),
        ("identity twice over gzip", encoded("identity\r\ncontent-encoding: gzip", "x"), "415 unsupported_media"),
        ("wrong Content-Type (415)", typed("text/plain"), "415 unsupported_media"),
        ("wrong Content-Type (415)", typed("application/x-www-form-urlencoded"), "415 unsupported_media"),
        ("wrong Content-Type (415)", typed("multipart/form-data; boundary=application/json"), "415 unsupported_media"),
        ("wrong Content-Type (415)", typed("\u{fc}"), "415 unsupported_media"),
    ]);
}

#[test]
fn json_bodies() {
    let event = |rest: &str| format!(r#"{{"event":"view","user":"u9","item":"i9",{rest}}}"#);
    let post = |body: &str| json("POST", "/v1/events", body);
    let put = |body: &str| json("PUT", "/v1/entities/item/i9", body);
    let ask = |body: &str| json("POST", "/v1/feeds/home", body);
    let deep = format!("{}1{}", "[".repeat(129), "]".repeat(129));
    check(vec![
        ("JSON: empty", post(""), "400 invalid_json"),
        ("JSON: empty", put(""), "400 invalid_json"),
        ("BOM", post(&format!("\u{feff}{GOOD}")), "400 invalid_json"),
        ("depth 129", post(&deep), "400 invalid_json"),
        ("depth 129", post(&event(&format!(r#""dwell":{deep}"#))), "400 wrong_type"),
        ("depth 129", ask(&format!(r#"{{"context":{{"a":{deep}}}}}"#)), "400 wrong_type"),
        ("depth 10^6", post(&"[".repeat(1_000_000)), "400 invalid_json"),
        ("duplicate keys", post(&event(r#""user":"u8""#)), "400 invalid_json"),
        ("duplicate keys", put(r#"{"price":1,"price":2}"#), "400 invalid_json"),
        ("duplicate keys", ask(r#"{"user":"a","user":"b"}"#), "400 invalid_json"),
        ("1e400", put(r#"{"price":1e400}"#), "400 invalid_value"),
        ("NaN", put(r#"{"price":NaN}"#), "400 invalid_json"),
        ("lone surrogate", put(r#"{"category":"\ud800"}"#), "400 invalid_json"),
        ("10^7-element array", post(&format!("[{}1]", "1,".repeat(10_000_000))), "413 too_large?; closed"),
        ("10^7-element array within the size", post(&format!("[{}1]", "1,".repeat(8_000_000))), "400 too_many"),
        ("list of 1,025 numbers", put(&format!(r#"{{"price":[{}1]}}"#, "1,".repeat(1_024))), "400 too_many"),
        ("number as string", put(r#"{"price":"1.5"}"#), "400 wrong_type"),
        ("number as string", ask(r#"{"count":"5"}"#), "400 wrong_type"),
        ("unknown field", post(&event(r#""dwel":1"#)), "400 unknown_field"),
        ("unknown field", put(r#"{"prize":1}"#), "400 unknown_field"),
        ("unknown field", ask(r#"{"usr":"a"}"#), "400 unknown_field"),
        (
            "expression of a request: depth 1,000",
            ask(&format!(r#"{{"filter":"{}"}}"#, "(".repeat(1_000))),
            "400 invalid_expression",
        ),
        ("expression of a request: unknown name", ask(r#"{"filter":"item.prise > 1.0"}"#), "400 invalid_expression"),
        ("expression of a request: no condition", ask(r#"{"filter":"1 / 0"}"#), "400 invalid_expression"),
        ("page token that is none", ask(r#"{"page":"d1-1"}"#), "400 bad_page_token"),
        ("trailing data", post(&format!("{GOOD} x")), "400 invalid_json"),
        ("trailing data", put("{} {}"), "400 invalid_json"),
        ("event id 10 kB", post(&event(&format!(r#""id":"{}""#, "x".repeat(10_000)))), "413 too_large"),
        ("event id empty", post(&event(r#""id":"""#)), "400 invalid_value"),
        ("event id reused with another body", post(&event(r#""id":"known""#)), "409 id_reused"),
        ("timestamp year 10000", post(&event(r#""time":253402300800000"#)), "422 time_out_of_range"),
        ("timestamp year 10000", post(&event(r#""time":"9999-12-31T23:59:59-01:00""#)), "422 time_out_of_range"),
        (
            "timestamp with a year of five digits",
            post(&event(r#""time":"10000-01-01T00:00:00Z""#)),
            "400 invalid_value",
        ),
        ("timestamp negative", post(&event(r#""time":-1"#)), "422 time_out_of_range"),
        ("timestamp negative", post(&event(r#""time":"1969-12-31T23:59:59Z""#)), "422 time_out_of_range"),
        ("timestamp in the far future (422)", post(&event(r#""time":"9999-01-01T00:00:00Z""#)), "422 time_in_future"),
    ]);
}

#[test]
fn slow_clients() {
    let drip = |text: &str| text.as_bytes().chunks(1).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let mut slow_body = vec![events("content-length: 100", "")];
    slow_body.extend(drip(&"x".repeat(40)));
    let idle = vec![get(b"/healthz")];
    let rows = vec![
        ("slow headers", drip("GET /healthz HTTP/1.1\r\nhost: localhost\r\n"), "closed"),
        ("slow body 1 B/s (408)", slow_body, "408 timeout; closed"),
        ("idle connection", idle, "200; closed"),
        ("idle connection", vec![Vec::new()], "closed"),
    ];
    check_slowly(rows, Duration::from_millis(25));
}
