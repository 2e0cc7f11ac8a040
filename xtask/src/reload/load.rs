//! Clients that send events, change items and ask for slates while the spec is changed under them, and what their answers said.

use super::marks;
use crate::shop::Shop;
use anyhow::{Context, Result, ensure};
use domain::Time;
use loadgen::Response;
use serde_json::Value;
use sim::Rng;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(super) const SHOP: Shop = Shop { users: 1_000, items: 500 };
/// Whose events are counted in the log.
pub(super) const SOURCE: &str = "reload";
/// Events in the log before anything is changed.
const HISTORY: u64 = 10_000;
const DAY: u64 = 86_400_000;
/// A client begins a call this often.
const CALL_EVERY: Duration = Duration::from_millis(8);
/// Most wrongs that are kept in words.
const WORDS_MAX: usize = 20;

/// What clients and the changer know of each other.
#[derive(Default)]
pub(super) struct Shared {
    /// The version that was last told to be in force.
    pub(super) in_force: AtomicU32,
    /// Calls that were answered.
    pub(super) calls: AtomicU64,
    /// Microseconds that they took.
    pub(super) waited_us: AtomicU64,
    pub(super) over: AtomicBool,
}

/// What the answers of one version said.
#[derive(Default)]
pub(super) struct OfVersion {
    /// The markers that they bore: one, if nothing is mixed.
    pub(super) markers: BTreeMap<u64, u64>,
    /// The first and the last position of their decisions.
    pub(super) first: u64,
    pub(super) last: u64,
    /// The first decision.
    pub(super) decision: String,
}

/// What clients found.
#[derive(Default)]
pub(super) struct Found {
    /// Events that were acknowledged as new.
    pub(super) events: u64,
    /// Answers of feeds.
    pub(super) answers: u64,
    pub(super) errors: u64,
    pub(super) mixed: u64,
    pub(super) versions: BTreeMap<u32, OfVersion>,
    pub(super) wrong: Vec<String>,
}

impl Found {
    pub(super) fn error(&mut self, what: String) {
        self.errors += 1;
        self.word(what);
    }

    pub(super) fn mixed(&mut self, what: String) {
        self.mixed += 1;
        self.word(what);
    }

    pub(super) fn word(&mut self, what: String) {
        if self.wrong.len() < WORDS_MAX {
            self.wrong.push(what);
        }
    }

    /// Takes in what another one found.
    pub(super) fn add(&mut self, other: Found) {
        self.events += other.events;
        self.answers += other.answers;
        self.errors += other.errors;
        self.mixed += other.mixed;
        other.wrong.into_iter().for_each(|what| self.word(what));
        for (version, of) in other.versions {
            let known =
                self.versions.entry(version).or_insert_with(|| OfVersion { first: u64::MAX, ..Default::default() });
            of.markers.into_iter().for_each(|(marker, count)| *known.markers.entry(marker).or_default() += count);
            if of.first < known.first {
                (known.first, known.decision) = (of.first, of.decision);
            }
            known.last = known.last.max(of.last);
        }
    }

    fn note(&mut self, version: u32, marker: Option<u64>, decision: &str, position: u64) {
        let of = self.versions.entry(version).or_insert_with(|| OfVersion {
            first: position,
            decision: decision.to_owned(),
            ..Default::default()
        });
        of.last = of.last.max(position);
        if let Some(marker) = marker {
            *of.markers.entry(marker).or_default() += 1;
        }
    }
}

/// The catalogue and some history; returns how many events that were.
pub(super) fn fill_shop(rng: &mut Rng, http: &mut loadgen::Client) -> Result<u64> {
    let mut body = Vec::new();
    (0..SHOP.items).for_each(|number| loadgen::push_upsert(&mut body, &SHOP.upsert(rng, number, now())));
    let answer = http.post("/v1/entities", &body).context("sending the catalogue")?;
    ensure!(answer.status == 200, "the catalogue was refused: {}", answer.text());
    for _ in 0..HISTORY / 1_000 {
        let mut body = Vec::new();
        for _ in 0..1_000 {
            let time = Time(now().0 - rng.below(DAY) as i64);
            loadgen::push_event(&mut body, &SHOP.event(rng, SOURCE, None, time));
        }
        let answer = http.post("/v1/events", &body).context("sending the history")?;
        ensure!(answer.status == 200, "the history was refused: {}", answer.text());
    }
    Ok(HISTORY)
}

/// One client.
pub(super) struct Load<'a> {
    http: loadgen::Client,
    shared: &'a Shared,
    number: u64,
    sent: u64,
    /// The version of its last answer: it never goes back.
    version: u32,
    found: Found,
}

impl Load<'_> {
    /// Calls until it is over, at an even pace.
    pub(super) fn run(address: SocketAddr, mut rng: Rng, number: u64, shared: &Shared) -> Found {
        let http = loadgen::Client::new(address, Duration::from_secs(30));
        let mut load = Load { http, shared, number, sent: 0, version: 0, found: Found::default() };
        let mut due = Instant::now();
        while !shared.over.load(Ordering::Acquire) {
            let start = Instant::now();
            let done = match rng.below(100) {
                0..60 => load.ask_marked(&mut rng),
                60..70 => load.ask_home(&mut rng),
                70..73 => load.change_item(&mut rng),
                _ => load.send_events(&mut rng),
            };
            if let Err(what) = done {
                load.found.error(what);
            }
            shared.calls.fetch_add(1, Ordering::Relaxed);
            shared.waited_us.fetch_add(start.elapsed().as_micros() as u64, Ordering::Relaxed);
            // Who was held up does not make up for it: a crowd of calls would cost less each.
            due = (due + CALL_EVERY).max(Instant::now());
            std::thread::sleep(due.saturating_duration_since(Instant::now()).max(CALL_EVERY / 2));
        }
        load.found
    }

    fn send_events(&mut self, rng: &mut Rng) -> Result<(), String> {
        let mut body = Vec::new();
        let count = 1 + rng.below(5);
        for _ in 0..count {
            let time = Time(now().0 - rng.below(5_000) as i64);
            self.sent += 1;
            let id = format!("c{}-{}", self.number, self.sent);
            loadgen::push_event(&mut body, &SHOP.event(rng, SOURCE, Some(id), time));
        }
        let reply = json(self.http.post("/v1/events", &body), 200)?;
        let accepted = reply["accepted"].as_u64().unwrap_or_default();
        self.found.events += accepted;
        if accepted == count { Ok(()) } else { Err(format!("{count} events sent: {reply}")) }
    }

    fn change_item(&mut self, rng: &mut Rng) -> Result<(), String> {
        let mut body = Vec::new();
        let number = rng.below(SHOP.items);
        loadgen::push_upsert(&mut body, &SHOP.upsert(rng, number, now()));
        json(self.http.post("/v1/entities", &body), 200).map(drop)
    }

    fn ask_home(&mut self, rng: &mut Rng) -> Result<(), String> {
        let body = format!("{{\"user\":\"{}\",\"count\":10,\"context\":{{\"device\":\"phone\"}}}}", SHOP.user(rng));
        let (version, answer) = self.ask("home", &body)?;
        let (decision, position) = decision(&answer)?;
        self.found.note(version, None, decision, position);
        Ok(())
    }

    fn ask_marked(&mut self, rng: &mut Rng) -> Result<(), String> {
        let body = format!("{{\"user\":\"{}\",\"count\":10,\"explain\":true}}", SHOP.user(rng));
        let (version, answer) = self.ask("marked", &body)?;
        let (decision, position) = decision(&answer)?;
        match marks::marker(&answer) {
            Ok(marker) => self.found.note(version, Some(marker), decision, position),
            Err(what) => self.found.mixed(format!("{decision} of version {version}: {what}")),
        }
        Ok(())
    }

    /// An answer, and the version that it says it is of.
    fn ask(&mut self, feed: &str, body: &str) -> Result<(u32, Value), String> {
        let told = self.shared.in_force.load(Ordering::Acquire);
        let answer = json(self.http.post(&format!("/v1/feeds/{feed}"), body.as_bytes()), 200)?;
        self.found.answers += 1;
        let version = answer["plan"].as_u64().unwrap_or_default() as u32;
        if version < told.max(self.version) {
            let known = told.max(self.version);
            self.found.mixed(format!("an answer of version {version} after version {known} was known to be in force"));
        }
        self.version = self.version.max(version);
        Ok((version, answer))
    }
}

/// A decision's id and position.
fn decision(answer: &Value) -> Result<(&str, u64), String> {
    let id = answer["decision"].as_str().ok_or("an answer without a decision")?;
    let position = id.split_once('-').and_then(|(_, position)| position.parse().ok());
    Ok((id, position.ok_or("a decision without a position")?))
}

/// The JSON of an answer that must have this status.
pub(super) fn json(answer: Result<Response, loadgen::Error>, status: u16) -> Result<Value, String> {
    let answer = answer.map_err(|error| error.to_string())?;
    if answer.status != status {
        return Err(format!("status {} and not {status}: {}", answer.status, answer.text()));
    }
    serde_json::from_slice(&answer.body).map_err(|error| format!("an answer that is not JSON: {error}"))
}

fn now() -> Time {
    Time(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64))
}
