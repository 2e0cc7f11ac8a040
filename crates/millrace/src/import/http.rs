//! Rows into a running server, in bulk calls that are acknowledged one by one.

use super::target::{Batch, Sent, Target};
use crate::client::locate;
use anyhow::{Context, Result, bail, ensure};
use domain::{Code, Payload, Position, Refusal, limits};
use loadgen::{Client, Response};
use serde_json::Value;
use std::borrow::Cow;
use std::thread;
use std::time::Duration;

/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a call is repeated that the server could not take just now.
const TRIES: u32 = 12;
/// The longest pause before a repetition.
const PAUSE_MAX: Duration = Duration::from_secs(20);
/// Bytes of one call at most: rows beyond it go in a further one.
const BODY_BYTES: usize = limits::BODY_BYTES_MAX / 4;

/// A server.
pub(super) struct Http {
    client: Client,
    /// In front of every path: empty, or a tenant's `/t/NAME`.
    prefix: String,
    acknowledged: Position,
}

impl Http {
    /// A server by its address: `host:port`, or `host:port/t/tenant`, with or without `http://`.
    pub(super) fn new(url: &str, token: Option<&str>) -> Result<Http> {
        let (address, prefix) = locate(url)?;
        let client = Client::new(address, PATIENCE);
        let client = match token {
            Some(token) => client.with_token(token),
            None => client,
        };
        Ok(Http { client, prefix, acknowledged: Position::START })
    }

    /// The spec in force at the server, which only an admin's token may read.
    pub(super) fn spec(&mut self) -> Result<String> {
        let response = self.client.get(&format!("{}/v1/spec", self.prefix))?;
        ensure!(response.status == 200, "the server does not give its spec ({}); name it with --spec", response.text());
        Ok(response.text())
    }

    /// Sends the same until the server takes it: rows carry ids, so that nothing is doubled.
    fn post(&mut self, path: &str, body: &[u8]) -> Result<(Response, Value)> {
        let mut pause = Duration::from_millis(100);
        let mut tried = 1;
        loop {
            let outcome = self.client.post(&format!("{}{path}", self.prefix), body);
            let why = match &outcome {
                Ok(response) if !matches!(response.status, 429 | 502 | 503 | 504 | 507) => {
                    let answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
                    match untried(&answer) {
                        None => return Ok((outcome?, answer)),
                        Some(why) => why.to_owned(),
                    }
                }
                Ok(response) => response.text(),
                Err(error) => error.to_string(),
            };
            ensure!(tried < TRIES, "the server did not take rows after {TRIES} tries: {why}");
            let asked = outcome.ok().and_then(|response| response.header("retry-after")?.parse().ok());
            thread::sleep(asked.map_or(pause, Duration::from_secs).min(PAUSE_MAX));
            pause = (pause * 2).min(PAUSE_MAX);
            tried += 1;
        }
    }

    fn call(&mut self, path: &str, body: &[u8], rows: usize, sent: &mut Sent) -> Result<()> {
        let (response, answer) = self.post(path, body)?;
        let mut results = vec![Ok(false); rows];
        let listed = answer["results"].as_array().map_or(&[][..], Vec::as_slice);
        for bad in listed {
            let at = bad["line"].as_u64().and_then(|line| results.get_mut(usize::try_from(line).ok()?.checked_sub(1)?));
            *at.context("the server names a line that was not sent")? = Err(refusal(bad));
        }
        if response.status != 200 && listed.is_empty() {
            let is_row = response.status == 400 && rows == 1;
            ensure!(is_row, "the server refuses to take rows: {} {}", response.status, response.text().trim());
            results[0] = Err(refusal(&answer["error"]));
        }
        let duplicates = answer["duplicates"].as_u64().unwrap_or(0) as usize;
        // The answer does not say which: any of those that were taken.
        results.iter_mut().filter(|result| result.is_ok()).take(duplicates).for_each(|result| *result = Ok(true));
        sent.results.extend(results);
        sent.position = sent.position.max(Position(answer["position"].as_u64().unwrap_or(0)));
        Ok(())
    }
}

/// Why the server stopped in the middle of a call, if it did: those rows are not at fault.
fn untried(answer: &Value) -> Option<&str> {
    let codes = answer["results"].as_array()?.iter().filter_map(|result| result["code"].as_str());
    let busy = ["overloaded", "stopping", "journal_failed", "disk_full", "log_full"];
    codes.into_iter().find(|code| busy.contains(code))
}

fn refusal(value: &Value) -> Refusal {
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let message = format!("{}: {}", text("code"), text("message"));
    Refusal::new(Code::InvalidValue, text("field"), message)
}

impl Target for Http {
    fn known(&mut self, _: &Payload<'_>) -> Option<Position> {
        None
    }

    fn send(&mut self, batch: &Batch) -> Result<Sent> {
        let mut sent = Sent::default();
        let (mut body, mut rows, mut path) = (Vec::new(), 0, Cow::Borrowed(""));
        for payload in &batch.payloads {
            let start = body.len();
            let next = push(&mut body, payload)?;
            if rows > 0 && (next != path || body.len() > BODY_BYTES) {
                let line = body.split_off(start);
                self.call(&path, &body, rows, &mut sent)?;
                (body, rows) = (line, 0);
            }
            path = next;
            rows += 1;
        }
        if rows > 0 {
            self.call(&path, &body, rows, &mut sent)?;
        }
        self.acknowledged = self.acknowledged.max(sent.position);
        Ok(sent)
    }

    fn durable(&self) -> Position {
        self.acknowledged
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }

    fn saves_at_once(&self) -> bool {
        true
    }
}

/// Appends the row as a line and says which call takes it.
fn push(body: &mut Vec<u8>, payload: &Payload<'_>) -> Result<Cow<'static, str>> {
    match payload {
        Payload::Event(event) => {
            loadgen::push_event(body, event);
            Ok("/v1/events".into())
        }
        Payload::Upsert(upsert) => {
            loadgen::push_upsert(body, upsert);
            Ok("/v1/entities".into())
        }
        Payload::Delete { entity, key } => {
            body.extend_from_slice(b"{\"entity\":");
            wire::write_text(body, entity);
            body.extend_from_slice(b",\"key\":");
            wire::write_text(body, key);
            body.extend_from_slice(b",\"delete\":true}\n");
            Ok("/v1/entities".into())
        }
        Payload::ListPut(put) => {
            loadgen::push_list_put(body, put);
            Ok(list_path(&put.list))
        }
        Payload::ListDelete { list, key } => {
            body.extend_from_slice(b"{\"key\":");
            wire::write_text(body, key);
            body.extend_from_slice(b",\"delete\":true}\n");
            Ok(list_path(list))
        }
        _ => bail!("a row of this kind cannot be sent to a server"),
    }
}

/// A list's path; what no name of a list has in it is encoded, so that the server can refuse it.
fn list_path(list: &str) -> Cow<'static, str> {
    let encoded = list.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    format!("/v1/lists/{}", encoded.collect::<String>()).into()
}
