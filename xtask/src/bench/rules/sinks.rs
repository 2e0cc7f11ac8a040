//! Deliveries of a sink: decided events in a log, and how fast a sink that takes everything at once gets them, from memory and derived
//! again from the log; server and sink share the machine.

use crate::bench::Figures;
use crate::node::{self, Folder};
use anyhow::{Context, Result, bail};
use domain::{Event, Field, Payload, Raw};
use engine::{Clock, Config, Engine};
use serde_json::json;
use server::Server;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Attempts in flight that are measured: one keeps the order, the second is what a spec has unless it says.
const IN_FLIGHT: [u16; 3] = [1, 4, 64];
/// How long a sink may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn measure(quick: bool, figures: &mut Figures) -> Result<()> {
    let count = if quick { 5_000 } else { 40_000 };
    for in_flight in IN_FLIGHT {
        let folder = Folder::new("sinks")?;
        let taker = Taker::open()?;
        let engine = open(&folder, taker.address, in_flight)?;
        for first in (0..count).step_by(200) {
            engine.submit(&(first..first + 200).map(payment).collect::<Vec<_>>(), false)?;
        }
        let rate = delivered(&engine, &taker, count)?;
        figures.number(&format!("sink_{in_flight}_deliveries_per_s"), rate);
        engine.stop();
        drop(engine);
        // Nothing of it is in memory any more.
        std::fs::remove_file(folder.path.join("blob-sink-taker")).context("forgetting what was delivered")?;
        let engine = open(&folder, taker.address, in_flight)?;
        figures.number(&format!("sink_{in_flight}_derived_per_s"), delivered(&engine, &taker, count)?);
        engine.stop();
    }
    figures.note("sink_outcomes", json!(count));
    Ok(())
}

fn open(folder: &Folder, address: SocketAddr, in_flight: u16) -> Result<Arc<Engine>> {
    let text = format!(
        "version: 1
events: {{ payment: {{ user: user, fields: {{ amount: float }} }} }}
features: {{ user: {{ paid: 'sum(payment, amount, 1h)' }} }}
decisions:
  risk:
    on: payment
    score: user.paid / 10000
    rules: [{{ id: large, when: amount > 500, score: 0.5, reason: '{{amount}} is much' }}]
    tiers: {{ decline: 0.9, look: 0.3, otherwise: pass }}
sinks: {{ taker: {{ url: 'http://{address}/', in_flight: {in_flight} }} }}
"
    );
    let plan = spec::compile("sinks.yaml", &text).map_err(|wrong| anyhow::anyhow!(spec::render(&wrong)))?;
    let (disk, options) = (node::disk(&folder.path)?, journal::Options::default());
    Ok(Arc::new(Engine::open(disk, options, Arc::new(plan), Config::new(Clock::Wall), &mut |_, _| {})?.0))
}

fn payment(number: u64) -> Payload<'static> {
    let field = |name: &'static str, value| Field { name: name.into(), value };
    let user = Raw::Str(format!("u{}", number % 1_000).into());
    let amount = Raw::Float((number * 37 % 1_000) as f64);
    let fields = vec![field("user", user), field("amount", amount)];
    let id = Some(format!("p{number}").into());
    Payload::Event(Event { kind: "payment".into(), source: "bench".into(), id, time: None, fields })
}

/// How many outcomes a second the sink gets.
fn delivered(engine: &Arc<Engine>, taker: &Taker, count: u64) -> Result<f64> {
    taker.taken.store(0, Ordering::Release);
    let begin = Instant::now();
    let mut config = server::Config::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.threads = 1;
    let server = Server::start(config, engine.clone())?;
    while taker.taken.load(Ordering::Acquire) < count {
        if begin.elapsed() > PATIENCE {
            bail!("{} of {count} outcomes were delivered", taker.taken.load(Ordering::Acquire));
        }
        thread::sleep(Duration::from_millis(1));
    }
    let rate = count as f64 / begin.elapsed().as_secs_f64();
    server.stop();
    Ok(rate)
}

/// A sink that takes everything, each connection in a thread of its own.
struct Taker {
    address: SocketAddr,
    taken: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Taker {
    fn open() -> Result<Taker> {
        let listener = TcpListener::bind("127.0.0.1:0").context("listening for outcomes")?;
        let taker = Taker { address: listener.local_addr()?, taken: Arc::default(), over: Arc::default() };
        let (taken, over) = (taker.taken.clone(), taker.over.clone());
        thread::spawn(move || {
            for tcp in listener.incoming().flatten() {
                if over.load(Ordering::Acquire) {
                    return;
                }
                let taken = taken.clone();
                thread::spawn(move || take(&tcp, &taken));
            }
        });
        Ok(taker)
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        // Wakes the thread that listens.
        let _ = TcpStream::connect(self.address);
    }
}

/// Requests of one connection, until it ends.
fn take(mut tcp: &TcpStream, taken: &AtomicU64) -> Option<()> {
    tcp.set_nodelay(true).ok()?;
    let (mut reader, mut line) = (BufReader::new(tcp), String::new());
    loop {
        let mut length = 0;
        loop {
            line.clear();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().ok()?,
                None if line.trim_end().is_empty() => break,
                _ => {}
            }
        }
        reader.read_exact(&mut vec![0; length]).ok()?;
        taken.fetch_add(1, Ordering::AcqRel);
        tcp.write_all(b"HTTP/1.1 204 taken\r\n\r\n").ok()?;
    }
}
