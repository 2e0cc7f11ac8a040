//! What is sent in a determinism run: drawn once from a seed, played to every node.

use crate::shop::Shop;
use domain::{Boost, Event, FeedRequest, ListPut, Payload, Subject, Time};
use sim::Rng;

const SHOP: Shop = Shop { users: 400, items: 300 };
const START: Time = Time(1_700_000_000_000);
/// Sends between two requests; each has up to `BATCH` payloads.
const SENDS_PER_REQUEST: u64 = 2;
const BATCH: u64 = 12;
const CHECKPOINTS: u64 = 5;
const EVENTS_MIN: u64 = 8_000;
const HOUR: i64 = 3_600_000;

/// One call to the node.
pub(super) enum Step {
    Send(Vec<Payload<'static>>),
    Ask(Box<FeedRequest>),
    Checkpoint,
    Change(Change),
}

/// A change of the spec. What is filled is waited for, so that every run has the switch at the same position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Other formulas of feeds, on the state as it is.
    Tuned,
    /// Other counts and another index, filled from the log.
    Counted,
    /// Back to the version before.
    Back,
    /// Begun and given up.
    Cancelled,
    /// Other counts in force at once; filling is given up, so that what they lack stays missing until the next change.
    Interim,
    /// And filled.
    Filled,
    /// The spec that the run began with.
    First,
}

/// The changes in their order; each comes at a random place of its part of the script.
const CHANGES: [Change; 7] =
    [Change::Tuned, Change::Counted, Change::Back, Change::Cancelled, Change::Interim, Change::Filled, Change::First];

/// All calls.
pub(super) struct Script {
    pub(super) steps: Vec<Step>,
    pub(super) events: u64,
}

struct Draw {
    rng: Rng,
    now: Time,
    ids: u64,
    sent: Vec<Event<'static>>,
}

impl Script {
    /// A script with this many requests.
    pub(super) fn new(seed: u64, requests: u64) -> Script {
        let mut draw = Draw { rng: Rng::new(seed), now: START, ids: 0, sent: Vec::new() };
        let mut script = Script { steps: Vec::new(), events: 0 };
        let catalogue = (0..SHOP.items).map(|number| draw.upsert(number)).collect();
        script.steps.push(Step::Send(catalogue));
        let rounds = requests.max(EVENTS_MIN / (SENDS_PER_REQUEST * BATCH / 2));
        let mut places = Rng::new(seed).split(7);
        let part = rounds / CHANGES.len() as u64;
        let places = [(); CHANGES.len()].map(|()| places.below(part.max(1)));
        for round in 0..rounds {
            let at = (round / part.max(1)) as usize;
            if places.get(at) == Some(&(round % part.max(1))) {
                script.steps.push(Step::Change(CHANGES[at]));
            }
            for _ in 0..SENDS_PER_REQUEST {
                let payloads: Vec<_> = (0..=draw.rng.below(BATCH)).map(|_| draw.payload()).collect();
                script.events += payloads.len() as u64;
                script.steps.push(Step::Send(payloads));
            }
            if round < requests {
                let count = draw.rng.pick(&[1, 10, 20, 50]);
                let mut request = draw.request(count);
                if request.feed == "home" && round % 4 == 3 {
                    request.feed = "onward".to_owned();
                    request.context.clear();
                }
                script.steps.push(Step::Ask(Box::new(request)));
            }
            if round % (rounds / CHECKPOINTS).max(1) == rounds / CHECKPOINTS / 2 {
                script.steps.push(Step::Checkpoint);
            }
        }
        script
    }
}

impl Draw {
    fn upsert(&mut self, number: u64) -> Payload<'static> {
        Payload::Upsert(SHOP.upsert(&mut self.rng, number, self.now))
    }

    /// Mostly events in time; some late by minutes or days, sent twice, or with an id that is taken; changes of the catalogue.
    fn payload(&mut self) -> Payload<'static> {
        self.now.0 += self.rng.below(20_000) as i64;
        match self.rng.below(100) {
            0..2 => {
                let number = self.rng.below(SHOP.items + 20);
                self.upsert(number)
            }
            2 => Payload::Delete { entity: "item".into(), key: SHOP.item(&mut self.rng).into() },
            20..24 => self.listed(),
            3..7 if !self.sent.is_empty() => {
                let at = self.rng.below(self.sent.len() as u64) as usize;
                Payload::Event(self.sent[at].clone())
            }
            7 if !self.sent.is_empty() => {
                let at = self.rng.below(self.sent.len() as u64) as usize;
                let time = self.sent[at].time.map(|time| Time(time.0 - 1));
                Payload::Event(Event { time, ..self.sent[at].clone() })
            }
            kind => {
                let late = match kind {
                    8..16 => self.rng.below(30) as i64 * HOUR / 60,
                    16..20 => self.rng.below(40 * 24) as i64 * HOUR,
                    _ => 0,
                };
                Payload::Event(self.event(late))
            }
        }
    }

    /// A list changes; some entries end, and a full list refuses.
    fn listed(&mut self) -> Payload<'static> {
        let list = self.rng.pick(&["picks", "picks", "blocked", "vip"]);
        let key = if list == "vip" { SHOP.user(&mut self.rng) } else { SHOP.item(&mut self.rng) };
        if self.rng.percent(25) {
            return Payload::ListDelete { list: list.into(), key: key.into() };
        }
        let score = self.rng.percent(70).then(|| self.rng.below(9) as f64);
        let until = self.rng.percent(40).then(|| Time(self.now.0 + self.rng.below(48) as i64 * HOUR));
        Payload::ListPut(ListPut { list: list.into(), key: key.into(), score, until })
    }

    /// A visit, now and then with a filter and boosts of its own, or with pages.
    fn request(&mut self, count: u16) -> FeedRequest {
        const CONDITIONS: [&str; 5] = [
            "item.price < 120.0",
            "item.category in [\"c1\", \"c2\", \"c3\", \"none\"]",
            "!listed(item, blocked)",
            "(item.label + item.title).matches(\"[1-6]$\")",
            "recall.score > 0.01 && now - item.created < 20d",
        ];
        let mut request = SHOP.request(&mut self.rng, count);
        if self.rng.percent(20) && matches!(request.subject, Subject::User(_)) {
            (request.feed, request.context) = ("curated".to_owned(), Vec::new());
        }
        if self.rng.percent(30) {
            request.filter = self.rng.percent(60).then(|| self.rng.pick(&CONDITIONS).to_owned());
            for _ in 0..self.rng.below(3) {
                let (by, when) = (self.rng.pick(&[0.0, 0.5, 2.0]), self.rng.pick(&CONDITIONS).to_owned());
                request.boosts.push(Boost { by, when });
            }
        }
        request.pages = self.rng.percent(20);
        request
    }

    fn event(&mut self, late: i64) -> Event<'static> {
        self.ids += 1;
        let id = self.rng.percent(90).then(|| format!("e{}", self.ids));
        let event = SHOP.event(&mut self.rng, "script", id, Time(self.now.0 - late));
        if event.id.is_some() {
            self.sent.push(event.clone());
        }
        event
    }
}
