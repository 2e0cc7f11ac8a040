//! One run: a fresh server, a shop of one seed, people who come and go, and what is counted meanwhile.

use super::ledger::{Ledger, SLICES};
use super::place::Stop;
use super::screen::Screen;
use super::shop::{DAYS, Shop};
use super::stand::{self, Connection, Stand};
use super::{lines, probe};
use anyhow::{Context, Result, anyhow};
use domain::{Span, Time};
use engine::{Clock, Plan};
use parking::{Acknowledged, Wanted};
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use till::Sale;

pub(super) mod parking;
mod shopper;
mod till;

/// Connections, each for a part of the users. They mostly wait for the disk, and share its syncs.
const CONNECTIONS: usize = 12;

/// What the threads of a run share.
pub(super) struct Run<'a> {
    pub(super) seed: u64,
    pub(super) shop: Shop,
    pub(super) stand: &'a Stand,
    pub(super) origin: Time,
    pub(super) started: Instant,
    pub(super) length: Duration,
    pub(super) stop: &'a Stop,
    pub(super) wanted: Wanted,
    counter: till::Counter,
    ledger: Mutex<Ledger>,
}

/// What is left of a run.
pub(super) struct Outcome {
    pub(super) seed: u64,
    pub(super) ledger: Ledger,
    pub(super) shop: Shop,
}

/// Opens a server in `dir` and lets the shop of `seed` run for `length`. The server goes on.
pub(super) fn run(
    dir: &Path,
    plan: &Arc<Plan>,
    seed: u64,
    length: Duration,
    stop: &Stop,
    screen: &mut Screen,
) -> Result<(Outcome, Stand)> {
    let origin = origin();
    let factor = DAYS * 86_400.0 / length.as_secs_f64();
    let stand = Stand::private(dir, plan, Clock::scaled(origin, factor))?;
    let started = Instant::now();
    let (wanted, acknowledged) = parking::pair();
    let shop = Shop::new(seed);
    let (counter, sales) = mpsc::channel();
    let ledger = Mutex::default();
    let run = Run { seed, shop, stand: &stand, origin, started, length, stop, wanted, counter, ledger };
    run.open_shop()?;
    let cpu_before = stand::server_cpu();
    run.watch(acknowledged, sales, screen)?;
    let Run { shop, ledger, .. } = run;
    let mut ledger = ledger.into_inner().unwrap_or_else(PoisonError::into_inner);
    ledger.seconds = started.elapsed().as_secs_f64();
    ledger.server_cpu = stand::server_cpu().zip(cpu_before).map(|(after, before)| after - before);
    Ok((Outcome { seed, ledger, shop }, stand))
}

/// The shop's time begins so long ago that it ends before now, so that the server can go on in real time afterwards.
fn origin() -> Time {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    Time(now).minus(Span(((DAYS + 1.0) * 86_400_000.0) as i64))
}

impl Run<'_> {
    /// Tells the server of users and of what is on the shelves.
    fn open_shop(&self) -> Result<()> {
        let mut body = Vec::new();
        self.shop.users.iter().for_each(|user| lines::user(&mut body, user));
        let there = (0..self.shop.items.len()).filter(|&item| self.shop.items[item].born <= 0.0);
        there.for_each(|item| lines::item(&mut body, self, item, 0.0));
        self.stand.client().send("/v1/entities", &body)?;
        Ok(())
    }

    /// Runs all threads to the end, and shows meanwhile what they count.
    fn watch(&self, acknowledged: Acknowledged, sales: Receiver<Sale>, screen: &mut Screen) -> Result<()> {
        thread::scope(|scope| {
            let mut threads = Vec::new();
            for index in 0..CONNECTIONS {
                let shopping = move || self.stop_on_error(shopper::shop(self, index, CONNECTIONS));
                threads.push(thread::Builder::new().name("shopper".into()).spawn_scoped(scope, shopping)?);
            }
            let keeping = || self.stop_on_error(self.keep_shelves());
            threads.push(thread::Builder::new().name("shelves".into()).spawn_scoped(scope, keeping)?);
            let probing = move || self.stop_on_error(probe::watch(self, &acknowledged));
            threads.push(thread::Builder::new().name("observer".into()).spawn_scoped(scope, probing)?);
            let selling = move || self.stop_on_error(till::keep(self, &sales));
            threads.push(thread::Builder::new().name("till".into()).spawn_scoped(scope, selling)?);
            while !self.over() {
                thread::sleep(Duration::from_millis(100));
                let (slices, story) = self.count(|ledger| (ledger.slices, std::mem::take(&mut ledger.risk.story)));
                screen.progress(self.seed, self.slice(), &slices, &story);
            }
            for thread in threads {
                thread.join().map_err(|_| anyhow!("a client of the demo panicked"))??;
            }
            screen.finish(self.seed, &self.count(|ledger| ledger.slices));
            Ok(())
        })
    }

    /// One thread's mistake ends the others too.
    fn stop_on_error(&self, result: Result<()>) -> Result<()> {
        result.inspect_err(|_| self.stop.tell())
    }

    /// Items arrive, run out and come back.
    fn keep_shelves(&self) -> Result<()> {
        let mut client = self.stand.client();
        let changes = self.shop.changes();
        let mut next = 0;
        let mut body = Vec::new();
        while !self.over() {
            let hour = self.hour();
            body.clear();
            while let Some(&(at, item)) = changes.get(next).filter(|(at, _)| *at <= hour) {
                lines::item(&mut body, self, item, at);
                next += 1;
            }
            if !body.is_empty() {
                client.send("/v1/entities", &body)?;
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Hours of the shop's time since it opened.
    pub(super) fn hour(&self) -> f64 {
        self.started.elapsed().as_secs_f64() / self.length.as_secs_f64() * DAYS * 24.0
    }

    /// The slice of time that it is.
    pub(super) fn slice(&self) -> usize {
        ((self.hour() / (DAYS * 24.0) * SLICES as f64) as usize).min(SLICES - 1)
    }

    /// Whether the run has ended, or shall.
    pub(super) fn over(&self) -> bool {
        self.started.elapsed() >= self.length || self.stop.told()
    }

    /// Reads or writes the counts.
    pub(super) fn count<T>(&self, with: impl FnOnce(&mut Ledger) -> T) -> T {
        with(&mut self.ledger.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What an answer of a feed says, as far as the run needs it.
pub(super) struct Answer {
    pub(super) decision: String,
    pub(super) slate: Vec<usize>,
    pub(super) rows: u64,
    pub(super) epoch: u64,
    pub(super) wait_ms: f64,
}

/// Asks a feed.
pub(super) fn ask(client: &mut Connection, shop: &Shop, feed: &str, user: &str, count: usize) -> Result<Answer> {
    let answer = client.ask(feed, user, count)?;
    let items = answer["items"].as_array().context("an answer without items")?;
    let wait_us = answer["durability_wait_us"].as_f64().context("an answer without its wait")?;
    let position = |of: &str| answer["positions"][of].as_u64().context("an answer without positions");
    Ok(Answer {
        decision: answer["decision"].as_str().context("an answer without a decision")?.to_owned(),
        slate: items.iter().filter_map(|item| shop.item(item["item"].as_str()?)).collect(),
        rows: position("rows")?,
        epoch: position("epoch")?,
        wait_ms: wait_us / 1e3,
    })
}
