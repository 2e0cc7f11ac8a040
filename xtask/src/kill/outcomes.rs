//! Outcomes at a ledger behind an HTTP sink, over kills: each decision and each alarm that the log says must be there, once, under its
//! key, and the same however often it came. With a planted bug in the outbox the same check must find something.

use super::ledger::{Entry, Ledger};
use crate::node::{self, Folder, Node, Start};
use anyhow::{Context, Result, bail};
use domain::{DecisionId, Event, Field, OutcomeId, Payload, PlanVersion, Position, Raw};
use engine::{Clock, Config, Engine, LogFile, Machine};
use serde_json::Value;
use server::{PlantedOutbox, Server};
use sim::Rng;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Threads that pay.
const CLIENTS: u64 = 2;
/// How long the sink may take to be given everything at the end.
const DRAIN_MAX: Duration = Duration::from_secs(120);
/// How long after the last payment every timer has gone off, and more.
const TIMERS: Duration = Duration::from_millis(2_500);
/// Lives of an outbox in which a bug is planted.
const PLANTED_LIVES: u64 = 6;

/// What was found.
#[derive(Default)]
pub(super) struct Outcomes {
    pub(super) kills: u64,
    /// What the log says must be at the ledger.
    pub(super) expected: u64,
    /// How many of them are alarms.
    pub(super) alarms: u64,
    /// Requests that the ledger wrote down.
    pub(super) came: u64,
    /// Expected, and not at the ledger; or told to a client, and not in the log.
    pub(super) lost: u64,
    /// Events, or positions and entities, that the ledger has under two keys.
    pub(super) doubled: u64,
    /// Keys that came with two bodies, or with another verdict than the log's.
    pub(super) differing: u64,
    pub(super) wrong: Vec<String>,
}

/// An outcome that the log says must be at the ledger.
struct Expected {
    /// What declared it, and what it is of: the event by the client's id, or the position and the entity.
    of: Of,
    outcome: String,
    /// What its body must have: the score as JSON has it, to the last digit; of an alarm what it says.
    said: String,
}

/// A name, and what an outcome is of.
type Of = (String, String);

/// What clients were told: outcomes by the decision's id.
type Told = BTreeMap<String, String>;

fn spec(ledger: SocketAddr) -> String {
    format!(
        "version: 1
events:
  payment: {{ user: user, fields: {{ amount: float }} }}
features:
  user:
    payments: count(payment, 1h)
    paid: sum(payment, amount, 1h)
    again: seq(payment(amount > 500.0), payment(amount > 800.0), 1h)
    idle: absent(payment, payment, 1s)
alarms:
  again: {{ of: user, when: again, reason: '{{payments}} payments, {{paid}} in all' }}
  idle: {{ of: user, when: idle || again && payments > 30, reason: '{{payments}} payments before' }}
  unheard: {{ of: user, when: again }}
decisions:
  risk:
    on: payment
    score: user.paid / 10000
    rules:
      - {{ id: many, when: user.payments >= 20, score: 0.25, reason: '{{user.payments}} payments' }}
      - {{ id: large, when: amount > 900, outcome: decline }}
    tiers: {{ decline: 0.9, look: 0.3, otherwise: pass }}
  size: {{ on: payment, rules: [{{ id: odd, when: 'int(amount) % 2 == 1', outcome: odd }}], otherwise: even }}
sinks:
  ledger:
    url: http://{ledger}/in
    outcomes: [decline, look, odd]
    alarms: [again, idle]
    timeout: 100ms
    in_flight: 8
    retry: {{ first: 10ms, most: 50ms, attempts: 1000000 }}
"
    )
}

/// Kills the server this often and holds the ledger against the log; the directory is kept if something is wrong.
pub(super) fn check(root: &Path, seed: u64, rounds: u64) -> Result<Outcomes> {
    let mut outcomes = Outcomes::default();
    if rounds == 0 {
        return Ok(outcomes);
    }
    let program = node::program(root)?;
    let mut folder = Folder::new("outcomes")?;
    let mut rng = Rng::new(seed).split(78);
    let ledger = Ledger::open(rng.split(1))?;
    let (path, dir) = (folder.path.join("spec.yaml"), folder.path.join("data"));
    std::fs::write(&path, spec(ledger.address))?;
    std::fs::create_dir_all(&dir)?;
    let (next, mut told) = (AtomicU64::new(0), Told::new());
    let bar = node::bar(rounds, "delivering");
    for round in 0..=rounds {
        let start = Start {
            program: &program,
            dir: &dir,
            spec: &path,
            shards: rng.pick(&[1, 2, 4]),
            mode: rng.pick(&["inline", "threaded"]),
            threads: 2,
            checkpoint_every: rng.pick(&["50ms", "300ms", "1h"]),
            core: None,
            more: &[],
        };
        let node = start.ready()?;
        if round == rounds {
            ledger.calm();
            std::thread::sleep(TIMERS);
            drained(node.address)?;
            node.stop()?;
            break;
        }
        outcomes.kills += 1;
        let life = Duration::from_millis(30 + rng.below(900));
        told.extend(live(node, life, &rng.split(round + 2), &next));
        bar.inc(1);
    }
    bar.finish_and_clear();
    outcomes.compare(&dir, &ledger.entries(), &told)?;
    if !outcomes.wrong.is_empty() {
        folder.keep();
        eprintln!("the directory is left at {}", folder.path.display());
    }
    Ok(outcomes)
}

/// One life of the server: paid at, killed. What its clients were told.
fn live(node: Node, life: Duration, rng: &Rng, next: &AtomicU64) -> Told {
    let (over, address) = (AtomicBool::new(false), node.address);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (rng, over) = (rng.split(number), &over);
                scope.spawn(move || pay(rng, address, over, next))
            })
            .collect();
        std::thread::sleep(life);
        node.kill();
        over.store(true, Ordering::Release);
        clients.into_iter().flat_map(|client| client.join().expect("a client does not panic")).collect()
    })
}

/// Pays until the server is gone.
fn pay(mut rng: Rng, address: SocketAddr, over: &AtomicBool, next: &AtomicU64) -> Told {
    let (mut told, mut http) = (Told::new(), loadgen::Client::new(address, Duration::from_secs(20)));
    while !over.load(Ordering::Acquire) {
        let mut body = Vec::new();
        for _ in 0..=rng.below(12) {
            loadgen::push_event(&mut body, &payment(&mut rng, next.fetch_add(1, Ordering::Relaxed)));
        }
        let headers = [("content-type", "application/x-ndjson")];
        let Ok(response) = http.request("POST", "/v1/decisions/risk", &headers, Some(&body)) else { break };
        let text = response.text();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let decided = lines.filter_map(|line| {
            let of = |name: &str| line[name].as_str().map(str::to_owned);
            Some((of("id")?, of("outcome")?))
        });
        // An answer that was cut off told what it told.
        told.extend(decided);
        std::thread::sleep(Duration::from_micros(rng.below(6_000)));
    }
    told
}

fn payment(rng: &mut Rng, number: u64) -> Event<'static> {
    let field = |name: &'static str, value| Field { name: name.into(), value };
    Event {
        kind: "payment".into(),
        source: "kill".into(),
        id: Some(format!("p{number}").into()),
        time: None,
        fields: vec![
            field("user", Raw::Str(format!("u{}", rng.below(40)).into())),
            field("amount", Raw::Float(rng.below(1_000) as f64)),
        ],
    }
}

/// Waits until the sink has everything.
fn drained(address: SocketAddr) -> Result<()> {
    let (mut http, end) = (loadgen::Client::new(address, Duration::from_secs(20)), Instant::now() + DRAIN_MAX);
    loop {
        let answer = http.get("/v1/sinks").context("asking how the sink is doing")?;
        let answer: Value = serde_json::from_slice(&answer.body).context("an answer is JSON")?;
        let sink = &answer["sinks"][0];
        if sink["lag"] == 0 && sink["waiting"] == 0 && sink["state"] == "delivering" {
            return Ok(());
        }
        if Instant::now() > end {
            bail!("the sink was not given everything within {} s: {sink}", DRAIN_MAX.as_secs());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

impl Outcomes {
    /// Derives what must be there from the log alone, and compares.
    fn compare(&mut self, dir: &Path, ledger: &BTreeMap<String, Entry>, told: &Told) -> Result<()> {
        let log = LogFile::open(node::disk(dir)?, journal::Options::default())?;
        let plan = log.plan().context("the log has a spec")?;
        let mut machine = Machine::new(plan, 1, 0);
        let (mut records, mut expected, mut outcomes) =
            (log.reader.iter_from(Position(1))?, BTreeMap::new(), Told::new());
        while let Some(record) = records.next()? {
            let header = record.header;
            let payload = Payload::decode(header.kind, record.payload).ok().context("a record is readable")?;
            machine.writer_epoch = header.epoch;
            let (decided, raised) = machine.apply_telling(header.position, header.log_time, &payload);
            let decision = DecisionId { epoch: header.epoch, position: header.position };
            for (raised, place) in raised.iter().zip(decided.len() as u32..) {
                let id = OutcomeId { decision, place };
                let alarm = machine.alarm(id, PlanVersion(1), raised);
                if alarm.name() != "unheard" {
                    self.alarms += 1;
                    let of = (alarm.name().to_owned(), format!("{} {}", header.position, alarm.entity));
                    let said = format!("\"reason\":\"{}\"", alarm.reason);
                    expected.insert(id.to_string(), Expected { of, outcome: String::new(), said });
                }
            }
            let Payload::Event(event) = &payload else { continue };
            for (decided, place) in decided.iter().zip(0_u32..) {
                let (decision, id) = (decided.decision(), OutcomeId { decision: decided.id, place });
                let outcome = decision.outcomes[usize::from(decided.verdict.outcome)].clone();
                if decision.name == "risk" {
                    outcomes.insert(decided.id.to_string(), outcome.clone());
                }
                if ["decline", "look", "odd"].contains(&outcome.as_str()) {
                    let of = (decision.name.clone(), event.id.as_deref().unwrap_or_default().to_owned());
                    let mut score = b"\"score\":".to_vec();
                    wire::write_float(&mut score, decided.verdict.score);
                    let said = String::from_utf8_lossy(&score).into_owned() + ",";
                    expected.insert(id.to_string(), Expected { of, outcome, said });
                }
            }
        }
        self.hold(&expected, ledger);
        for (id, outcome) in told {
            if outcomes.get(id) != Some(outcome) {
                self.lost += 1;
                self.wrong.push(format!("{id} was told as {outcome} and is not that in the log"));
            }
        }
        Ok(())
    }

    fn hold(&mut self, expected: &BTreeMap<String, Expected>, ledger: &BTreeMap<String, Entry>) {
        self.expected = expected.len() as u64;
        let mut keys_of: BTreeMap<Of, u64> = BTreeMap::new();
        for (key, of) in expected.iter().filter(|(key, _)| !ledger.contains_key(*key)) {
            self.lost += 1;
            self.wrong.push(format!("{key} ({:?} {}) is not at the ledger", of.of, of.outcome));
        }
        for (key, entry) in ledger {
            self.came += entry.came;
            let body: Value = serde_json::from_str(&entry.body).unwrap_or_default();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let of = match body["kind"] == "alarm" {
                true => (text(&body["alarm"]), format!("{} {}", body["position"], text(&body["entity"]))),
                false => (text(&body["decision"]), text(&body["event"]["id"])),
            };
            *keys_of.entry(of.clone()).or_default() += 1;
            let as_derived = expected.get(key).is_some_and(|expected| {
                expected.of == of && text(&body["outcome"]) == expected.outcome && entry.body.contains(&expected.said)
            });
            if !as_derived || entry.differing > 0 || body["key"] != key.as_str() {
                self.differing += 1;
                self.wrong.push(format!("{key} came as {} ({} times otherwise)", entry.body, entry.differing));
            }
        }
        for ((name, of), keys) in keys_of.into_iter().filter(|(_, keys)| *keys > 1) {
            self.doubled += keys - 1;
            self.wrong.push(format!("{name} of {of} is at the ledger under {keys} keys"));
        }
    }
}

/// Bugs planted in the outbox by name, and whether the check sees each. Without any it must see nothing.
pub(super) fn planted(seed: u64) -> Result<Vec<(&'static str, bool)>> {
    let bar = node::bar(2, "planting bugs");
    let sound = in_process(seed, None)?;
    if let Some(wrong) = sound.wrong.first() {
        bail!("without a planted bug the outbox is wrong: {wrong}");
    }
    bar.inc(1);
    let early = in_process(seed, Some(PlantedOutbox::CursorBeforeDelivery))?;
    bar.finish_and_clear();
    Ok(vec![("the cursor of a sink is written before delivery", early.lost > 0)])
}

/// The same in this process: the node lives on, its outbox ends again and again as if the process had.
fn in_process(seed: u64, planted: Option<PlantedOutbox>) -> Result<Outcomes> {
    let folder = Folder::new("planted")?;
    let mut rng = Rng::new(seed).split(79);
    let ledger = Ledger::open(rng.split(1))?;
    let plan = ::spec::compile("spec.yaml", &spec(ledger.address))?;
    let opened = Engine::open(
        node::disk(&folder.path)?,
        journal::Options::default(),
        Arc::new(plan),
        Config::new(Clock::Wall),
        &mut |_, _| {},
    );
    let engine = Arc::new(opened?.0);
    let mut number = 0;
    for life in 0..=PLANTED_LIVES {
        let mut config = server::Config::new(SocketAddr::from(([127, 0, 0, 1], 0)));
        (config.threads, config.planted_outbox) = (1, planted);
        let server = Server::start(config, engine.clone())?;
        if life == PLANTED_LIVES {
            ledger.calm();
            std::thread::sleep(TIMERS);
            drained(server.address())?;
            drop(server);
            break;
        }
        let end = Instant::now() + Duration::from_millis(400 + rng.below(400));
        while Instant::now() < end {
            let payments: Vec<Payload<'_>> = (0..8).map(|at| Payload::Event(payment(&mut rng, number + at))).collect();
            engine.submit(&payments, false)?;
            number += 8;
            std::thread::sleep(Duration::from_millis(4));
        }
        server.abandon_outbox();
    }
    engine.stop();
    drop(engine);
    let mut outcomes = Outcomes::default();
    outcomes.compare(&folder.path, &ledger.entries(), &Told::new())?;
    Ok(outcomes)
}
