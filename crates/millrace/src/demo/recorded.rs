//! The show on recorded events: they are sent in their order, and some are asked for first: would the slate have had the item?

mod spec;

use super::ledger::Sample;
use super::place::Stop;
use super::screen::Screen;
use super::stand::{Connection, Stand};
use super::summary::{milliseconds, quantiles};
use super::tour::Tour;
use super::{Demo, onward};
use crate::dataset::{self, Payloads};
use crate::import::typed;
use anyhow::{Context, Result, bail};
use domain::{Event, Payload, Raw};
use engine::{Clock, Plan};
use loadgen::{push_event, push_upsert};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// The feeds that are compared.
const FEEDS: [&str; 2] = ["popularity", "feed"];
/// Items asked for.
const COUNT: usize = 10;
/// Lines of the table.
const SLICES: u64 = 10;
/// Questions for each second of the show.
const QUESTIONS_PER_S: u64 = 60;
/// Most lines sent in one call.
const BATCH: usize = 1_000;

/// Hits of what was asked.
#[derive(Clone, Copy, Default)]
struct Score {
    asked: u64,
    hits: [u64; FEEDS.len()],
}

impl Score {
    fn rates(&self) -> [f64; FEEDS.len()] {
        self.hits.map(|hits| hits as f64 / self.asked.max(1) as f64)
    }

    fn add(&mut self, hits: [bool; FEEDS.len()]) {
        self.asked += 1;
        self.hits.iter_mut().zip(hits).for_each(|(sum, hit)| *sum += u64::from(hit));
    }
}

/// The walk through the events.
struct Walk<'a> {
    client: Connection,
    plan: &'a Plan,
    events: Vec<u8>,
    entities: Vec<u8>,
    lines: usize,
    acknowledged: u64,
    sent: u64,
    slice: Score,
    whole: Score,
    others_ms: Sample,
    wait_ms: Sample,
    titles: BTreeMap<String, String>,
    /// The last decision of the feed that had the item, or else the last one.
    decision: Option<(bool, String)>,
    last: Option<(String, String, String)>,
}

/// Runs the show on a data set.
pub(super) fn show(demo: &Demo, data: &Path, stop: &Stop, screen: &Screen) -> Result<()> {
    let place = demo.place()?;
    let opened = dataset::open(data, None)?;
    let (plan, source, payloads) = spec::choose(&opened.name, opened.payloads)?;
    let dir = place.path().join("log");
    let stand = Stand::private(&dir, &plan, Clock::Log)?;
    screen.line(&format!(
        "{}: about {} events, sent over HTTP in their order; spec: {source}",
        opened.name, opened.about
    ));
    let every = (opened.about / (demo.seconds * QUESTIONS_PER_S)).max(1);
    screen.line(&format!("every {every}th event is asked for first: hit rate of {COUNT} items, in %"));
    let mut walk = Walk::new(stand.client(), &plan);
    let end = Instant::now() + Duration::from_millis(demo.seconds * 900);
    let complete = walk.go(payloads, opened.about, every, &|| stop.told() || Instant::now() >= end, screen)?;
    walk.report(complete, screen);
    let decision = walk.decision.take().map(|(_, decision)| decision);
    let title = |key: &str| walk.titles.get(key).cloned();
    let tour = match &decision {
        Some(decision) => Tour::take(&mut stand.client(), decision, &title, stop, screen)?,
        None => None,
    };
    if demo.json {
        say!("{:#}", walk.json(&opened.name, complete, tour.as_ref()));
    }
    stand.stop();
    match (demo.serve, &walk.last) {
        (true, Some((event, user, item))) => {
            let names = onward::Names { feed: FEEDS[1], event, user, item };
            onward::serve(&dir, &plan, demo.bind, &names, None, stop, screen)?;
        }
        _ => onward::say(&format!("millrace demo --data {}", data.display()), &place, screen),
    }
    match tour {
        Some(tour) if !tour.identical => bail!("the decision {} came out differently when recomputed", tour.decision),
        _ => Ok(()),
    }
}

impl<'a> Walk<'a> {
    fn new(client: Connection, plan: &'a Plan) -> Walk<'a> {
        Walk {
            client,
            plan,
            events: Vec::new(),
            entities: Vec::new(),
            lines: 0,
            acknowledged: 0,
            sent: 0,
            slice: Score::default(),
            whole: Score::default(),
            others_ms: Sample::default(),
            wait_ms: Sample::default(),
            titles: BTreeMap::new(),
            decision: None,
            last: None,
        }
    }

    /// Sends everything, asking now and then; whether it came to the end of the data.
    fn go(
        &mut self,
        payloads: Payloads,
        about: u64,
        every: u64,
        over: &dyn Fn() -> bool,
        screen: &Screen,
    ) -> Result<bool> {
        let per_slice = (about / SLICES).max(1);
        for (number, payload) in (1u64..).zip(payloads) {
            let payload = typed(self.plan, payload?);
            if let (0, Payload::Event(event)) = (number % every, &payload)
                && let (Some(user), Some(item)) = (key(event, "user"), key(event, "item"))
            {
                self.flush()?;
                self.question(user, item)?;
                screen.status(&self.row(number, &self.slice));
            }
            self.take(&payload)?;
            if number % per_slice == 0 {
                screen.clear();
                screen.line(&self.row(number, &self.slice));
                self.slice = Score::default();
            }
            if over() {
                self.flush()?;
                screen.clear();
                return Ok(false);
            }
        }
        self.flush()?;
        screen.clear();
        Ok(true)
    }

    fn take(&mut self, payload: &Payload<'static>) -> Result<()> {
        match payload {
            Payload::Event(event) => {
                if !self.entities.is_empty() {
                    self.flush()?;
                }
                push_event(&mut self.events, event);
                if let (Some(user), Some(item)) = (key(event, "user"), key(event, "item")) {
                    self.last = Some((event.kind.to_string(), user.to_owned(), item.to_owned()));
                }
            }
            Payload::Upsert(upsert) => {
                if !self.events.is_empty() {
                    self.flush()?;
                }
                push_upsert(&mut self.entities, upsert);
                let title = upsert.fields.iter().find(|field| field.name == "title");
                if let Some(Raw::Str(title)) = title.map(|field| &field.value) {
                    self.titles.insert(upsert.key.to_string(), title.to_string());
                }
            }
            _ => return Ok(()),
        }
        self.lines += 1;
        if self.lines >= BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        for (path, body) in [("/v1/entities", &mut self.entities), ("/v1/events", &mut self.events)] {
            if !body.is_empty() {
                self.acknowledged = self.client.send(path, body)?;
                body.clear();
            }
        }
        self.sent += self.lines as u64;
        self.lines = 0;
        Ok(())
    }

    /// Asks both feeds for the user of an event that was not sent yet, then until an answer has everything sent before.
    fn question(&mut self, user: &str, item: &str) -> Result<()> {
        let acknowledged_at = Instant::now();
        let mut fresh = false;
        let mut hits = [false; FEEDS.len()];
        for (hit, feed) in hits.iter_mut().zip(FEEDS) {
            let answer = self.client.ask(feed, user, COUNT)?;
            let items = answer["items"].as_array().context("an answer without items")?;
            *hit = items.iter().any(|found| found["item"] == item);
            self.wait_ms.push(answer["durability_wait_us"].as_f64().unwrap_or(0.0) / 1e3);
            if !fresh && answer["positions"]["epoch"].as_u64() >= Some(self.acknowledged) {
                fresh = true;
                self.others_ms.push(acknowledged_at.elapsed().as_secs_f64() * 1e3);
            }
            if feed == "feed" && (*hit || self.decision.as_ref().is_none_or(|(hit, _)| !hit)) {
                self.decision = answer["decision"].as_str().map(|decision| (*hit, decision.to_owned()));
            }
        }
        while !fresh {
            let answer = self.client.ask(FEEDS[0], user, 1)?;
            fresh = answer["positions"]["epoch"].as_u64() >= Some(self.acknowledged);
            if fresh {
                self.others_ms.push(acknowledged_at.elapsed().as_secs_f64() * 1e3);
            }
        }
        self.slice.add(hits);
        self.whole.add(hits);
        Ok(())
    }

    fn row(&self, number: u64, score: &Score) -> String {
        let [popularity, feed] = score.rates();
        format!(
            "  {number:>9} events   popularity {:>5.1}   feed {:>5.1}   ({} asked)",
            popularity * 100.0,
            feed * 100.0,
            score.asked
        )
    }

    fn report(&self, complete: bool, screen: &Screen) {
        let [popularity, feed] = self.whole.rates();
        let end = if complete { "all" } else { "time was up:" };
        screen.line(&format!(
            "\n{end} {} events sent, {} asked for first; hit rate @{COUNT}: popularity {:.1} %, feed {:.1} %",
            self.sent,
            self.whole.asked,
            popularity * 100.0,
            feed * 100.0
        ));
        screen.line(&format!(
            "freshness: {} from an acknowledgement to an answer that has it",
            milliseconds(&self.others_ms)
        ));
        screen.line(&format!("durability: answers waited {} for the disk", milliseconds(&self.wait_ms)));
    }

    fn json(&self, name: &str, complete: bool, tour: Option<&Tour>) -> Value {
        let [popularity, feed] = self.whole.rates();
        json!({
            "data": name,
            "complete": complete,
            "events": self.sent,
            "asked": self.whole.asked,
            "hit_rate": { "popularity": popularity, "feed": feed },
            "freshness_ms": quantiles(&self.others_ms),
            "durability_wait_ms": quantiles(&self.wait_ms),
            "replay": tour.map(Tour::json),
        })
    }
}

/// The value of a field that is text.
fn key<'e>(event: &'e Event<'_>, name: &str) -> Option<&'e str> {
    match &event.fields.iter().find(|field| field.name == name)?.value {
        Raw::Str(text) => Some(text),
        _ => None,
    }
}
