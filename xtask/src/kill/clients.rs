//! The clients of the crash test: what they send follows from the seed, so that it can be made again to be compared; what
//! they were told is all that they keep.

use crate::shop::Shop;
use anyhow::{Context, Result, bail};
use domain::{Event, Time};
use loadgen::Response;
use serde_json::Value;
use sim::Rng;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const SHOP: Shop = Shop { users: 300, items: 200 };
const SOURCE: &str = "kill";
const HOUR: u64 = 3_600_000;

/// What a client was told that a crash must not take back.
#[derive(Default)]
pub(crate) struct Told {
    /// The highest position that an acknowledgement or an answer named.
    pub(crate) position: u64,
    /// Acknowledgements that contradict earlier ones.
    pub(crate) contradictions: Vec<String>,
}

/// One client, over all lives of the server.
pub(crate) struct Client {
    seed: u64,
    number: u64,
    base: Time,
    rng: Rng,
    next: u64,
    /// Sent, and never heard of.
    unknown: Vec<u64>,
    /// Acknowledged events and the positions that were named.
    pub(crate) acked: BTreeMap<u64, u64>,
    /// The last price sent for this client's own item, and the last one acknowledged.
    pub(crate) price_sent: u64,
    pub(crate) price_acked: u64,
    pub(crate) told: Told,
}

impl Client {
    pub(crate) fn new(seed: u64, number: u64, base: Time) -> Client {
        Client {
            seed,
            number,
            base,
            rng: Rng::new(seed).split(number + 1),
            next: 0,
            unknown: Vec::new(),
            acked: BTreeMap::new(),
            price_sent: 0,
            price_acked: 0,
            told: Told::default(),
        }
    }

    /// The id of this client's event of a number.
    pub(crate) fn id(&self, number: u64) -> String {
        format!("c{}-{number}", self.number)
    }

    /// The number of an event by its id, if it is one of this client's.
    pub(crate) fn number_of(&self, source: &str, id: &str) -> Option<u64> {
        let number = id.strip_prefix('c')?.strip_prefix(&self.number.to_string())?.strip_prefix('-')?;
        if source == SOURCE { number.parse().ok() } else { None }
    }

    /// The event of a number: always the same.
    pub(crate) fn event(&self, number: u64) -> Event<'static> {
        let mut rng = Rng::new(self.seed).split(self.number << 40 | number);
        let late = if rng.percent(20) { rng.below(20 * HOUR) } else { rng.below(1_000) };
        SHOP.event(&mut rng, SOURCE, Some(self.id(number)), Time(self.base.0 - late as i64))
    }

    /// How many events were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.next
    }

    /// The key of the item that this client alone changes.
    pub(crate) fn own_item(&self) -> String {
        format!("own{}", self.number)
    }

    /// Sends until the server is gone.
    pub(crate) fn send(&mut self, address: SocketAddr, over: &AtomicBool) -> Result<()> {
        let mut http = loadgen::Client::new(address, Duration::from_secs(20));
        while !over.load(Ordering::Acquire) {
            let alive = match self.rng.below(10) {
                0 => self.send_price(&mut http)?,
                1 => self.send_catalogue(&mut http)?,
                2..4 => self.ask(&mut http)?,
                _ => self.send_events(&mut http)?,
            };
            if !alive {
                return Ok(());
            }
            std::thread::sleep(Duration::from_micros(self.rng.below(8_000)));
        }
        Ok(())
    }

    /// New events, some that nothing was heard of, and some that were acknowledged already.
    fn send_events(&mut self, http: &mut loadgen::Client) -> Result<bool> {
        let mut numbers = Vec::new();
        for _ in 0..=self.rng.below(40) {
            let again = self.rng.below(10);
            if again < 3 && !self.unknown.is_empty() {
                let at = self.rng.below(self.unknown.len() as u64) as usize;
                numbers.push(self.unknown.swap_remove(at));
            } else if again == 3 && self.next > 0 {
                numbers.push(self.rng.below(self.next));
            } else {
                numbers.push(self.next);
                self.next += 1;
            }
        }
        let mut body = Vec::new();
        numbers.iter().for_each(|&number| loadgen::push_event(&mut body, &self.event(number)));
        let Some(reply) = reply(http.post("/v1/events?results=all", &body))? else {
            self.unknown.extend(numbers.iter().filter(|number| !self.acked.contains_key(number)));
            return Ok(false);
        };
        for line in reply["results"].as_array().context("results are a list")? {
            let at = line["line"].as_u64().context("a line has a number")? as usize;
            let number = *numbers.get(at.wrapping_sub(1)).context("the line was sent")?;
            match line["position"].as_u64() {
                Some(position) => self.note(number, position, line["duplicate"].as_bool().unwrap_or(false)),
                None => bail!("a good event was refused: {line}"),
            }
        }
        self.told.position = self.told.position.max(reply["position"].as_u64().unwrap_or_default());
        Ok(true)
    }

    fn note(&mut self, number: u64, position: u64, duplicate: bool) {
        match self.acked.insert(number, position) {
            Some(before) if before != position || !duplicate => self.told.contradictions.push(format!(
                "{} was acknowledged at {before} and then at {position} (duplicate: {duplicate})",
                self.id(number)
            )),
            _ => {}
        }
    }

    fn send_price(&mut self, http: &mut loadgen::Client) -> Result<bool> {
        self.price_sent += 1;
        let body = format!("{{\"price\":{}.0,\"in_stock\":true}}", self.price_sent);
        let Some(reply) = reply(http.put(&format!("/v1/entities/item/{}", self.own_item()), body.as_bytes()))? else {
            return Ok(false);
        };
        self.price_acked = self.price_sent;
        self.told.position = self.told.position.max(reply["position"].as_u64().unwrap_or_default());
        Ok(true)
    }

    fn send_catalogue(&mut self, http: &mut loadgen::Client) -> Result<bool> {
        let mut body = Vec::new();
        for _ in 0..=self.rng.below(10) {
            let number = self.rng.below(SHOP.items);
            loadgen::push_upsert(&mut body, &SHOP.upsert(&mut self.rng, number, self.base));
        }
        Ok(reply(http.post("/v1/entities", &body))?.is_some())
    }

    fn ask(&mut self, http: &mut loadgen::Client) -> Result<bool> {
        let body = format!("{{\"user\":\"{}\",\"count\":10}}", SHOP.user(&mut self.rng));
        let Some(reply) = reply(http.post("/v1/feeds/home", body.as_bytes()))? else { return Ok(false) };
        let seen = ["rows", "epoch"].map(|of| reply["positions"][of].as_u64().unwrap_or_default());
        self.told.position = self.told.position.max(seen[0]).max(seen[1]);
        Ok(true)
    }
}

/// The JSON of a good answer; none if the server is gone.
fn reply(answer: Result<Response, loadgen::Error>) -> Result<Option<Value>> {
    match answer {
        Err(_) => Ok(None),
        Ok(response) if response.status == 200 => {
            Ok(Some(serde_json::from_slice(&response.body).context("an answer is JSON")?))
        }
        Ok(response) => bail!("status {}: {}", response.status, response.text()),
    }
}
