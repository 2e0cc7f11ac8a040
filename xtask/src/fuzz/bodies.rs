//! Bodies of HTTP calls: what is read is whole, what our scanner takes for JSON is JSON, and what is to be logged comes back from its
//! bytes.

use super::target::{Target, outcome};
use domain::{Payload, Refusal};
use wire::Batch;

/// The first byte says whose body the rest is.
pub(crate) struct Bodies;

const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\\u00",
    "\\ud83d",
    "\\ude00",
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1e400",
    "1E-400",
    "0.1",
    "\n",
    "\r\n",
    "\t",
    "\u{feff}",
    "é",
    "\u{1F600}",
    "\0",
    "\"type\":",
    "\"user\":",
    "\"item\":",
    "\"id\":",
    "\"source\":",
    "\"time\":",
    "\"fields\":",
    "\"entity\":",
    "\"key\":",
    "\"delete\":true",
    "\"count\":",
    "\"filter\":",
    "\"boost\":",
    "\"context\":",
    "\"exclude\":",
    "\"recent\":",
    "\"seed\":",
    "\"deadline\":",
    "\"page\":",
    "\"pages\":true",
    "\"2024-02-29T23:59:60Z\"",
    "\"1h\"",
    "{\"by\":2,\"when\":\"true\"}",
    "[[[[[[[[",
];

const SEEDS: [(u8, &str); 9] = [
    (
        0,
        r#"{"type":"view","id":"e1","source":"app","time":"2024-05-01T12:00:00Z","user":"u1","item":"i1","price":1.5}"#,
    ),
    (0, "[{\"type\":\"view\",\"user\":\"u1\"},{\"type\":\"buy\",\"item\":\"i\\u00e9\",\"n\":-12}]"),
    (0, "{\"type\":\"a\",\"x\":[1,2.5,\"s\"]}\n{\"type\":\"b\",\"y\":null}\n"),
    (1, r#"{"entity":"item","key":"i1","fields":{"category":"shoes","price":10,"tags":["a","b"]}}"#),
    (1, "{\"entity\":\"item\",\"key\":\"i1\",\"delete\":true}\n{\"entity\":\"user\",\"key\":\"u\",\"fields\":{}}"),
    (
        2,
        r#"{"user":"u1","recent":["a"],"context":{"device":"phone"},"exclude":["b"],"count":5,"seed":7,"filter":"item.price < 3","boost":[{"by":2,"when":"true"}],"pages":true}"#,
    ),
    (3, r#"{"category":"shoes","price":1e3,"new":true,"tags":[]}"#),
    (4, r#"{"key":"i1","until":"2024-05-01T12:00:00Z"}"#),
    (6, r#"{"expression":"user.views > 3","user":"u1","item":"i1","feed":"home"}"#),
];

impl Target for Bodies {
    fn seeds(&self) -> Vec<Vec<u8>> {
        SEEDS.map(|(of, text)| [&[of], text.as_bytes()].concat()).into()
    }

    fn pieces(&self) -> &'static [&'static str] {
        PIECES
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let Some((of, body)) = input.split_first() else { return 0 };
        if wire::check(body).is_ok() {
            let oracle = serde_json::from_slice::<serde_json::Value>(body);
            assert!(oracle.is_ok(), "taken for JSON, but it is not: {oracle:?}");
        }
        let of = of % 7;
        match of {
            0 => batch(of, wire::parse_events(body)),
            1 => batch(of, wire::parse_entities(body)),
            2 => called(of, wire::parse_feed("home", body)),
            3 => called(of, wire::parse_fields(body)),
            4 => called(of, wire::parse_list_put("picks", "i1", body)),
            5 => batch(of, wire::parse_list("picks", body)),
            _ => called(of, wire::parse_trial(body)),
        }
    }
}

fn called<T>(of: u8, read: Result<T, Refusal>) -> u64 {
    match read {
        Ok(_) => outcome((of, "")),
        Err(refusal) => of_refusal(of, &refusal),
    }
}

fn of_refusal(of: u8, refusal: &Refusal) -> u64 {
    assert!(!refusal.message.is_empty(), "{refusal:?}");
    let mut error = Vec::new();
    wire::write_error(&mut error, refusal);
    assert!(wire::check(&error).is_ok(), "the refusal is no JSON: {}", String::from_utf8_lossy(&error));
    outcome((of, refusal.code.as_str(), refusal.message.split(' ').next(), &refusal.field))
}

fn batch(of: u8, read: Result<Batch<'_>, Refusal>) -> u64 {
    let batch = match read {
        Ok(batch) => batch,
        Err(refusal) => return of_refusal(of, &refusal),
    };
    assert_eq!(batch.payloads.len(), batch.lines.len(), "each payload has its line");
    for payload in &batch.payloads {
        let mut bytes = Vec::new();
        payload.encode(&mut bytes);
        assert_eq!(
            Payload::decode(payload.kind(), &bytes).as_ref(),
            Ok(payload),
            "the log gives back what it was given"
        );
    }
    let refused = batch.refused.iter().take(2).map(|line| of_refusal(of, &line.refusal)).collect::<Vec<_>>();
    outcome((of, batch.payloads.len().min(4), refused))
}
