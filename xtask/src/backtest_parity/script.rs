//! What is sent: payments, attributes, list entries and labels drawn from a seed, some events late or sent again, and checkpoints.

use domain::{Event, Field, ListPut, Payload, Raw, Time, Upsert};
use sim::Rng;

/// Windows of every grid, sketches, crossed keys, attributes, lists, shares, tables, scorecards, and thresholds that move.
pub(super) const SPEC: &str = r#"
version: 1
entities:
  user: { fields: { country: string } }
  device: {}
events:
  payment: { user: user, device: device, fields: { amount: float, card: string, country: string } }
  chargeback: { user: user, fields: { payment: string, fraud: bool } }
lists:
  stolen: { of: device }
features:
  user:
    paid_1h: sum(payment, amount, 1h)
    usual: mean(payment, amount, 1d)
    payments_today: count(payment, day("Europe/Berlin"))
    chargebacks: count(chargeback, 7d, fraud)
    cards: last_n(payment, card, 3)
    ratio: paid_1h / max(usual, 1.0)
  device:
    cards_10m: distinct(payment, card, 10m)
    heat: decayed(payment, 30m)
  user.device:
    here: count(payment, 1d)
decisions:
  risk:
    on: payment
    score: scorecards.points / 100
    scorecards:
      points:
        points:
          amount: { of: amount, bins: [{ below: 20, points: 0 }, { below: 80, points: 12 }, { points: 30 }] }
          place:  { of: country, values: { DE: 0, US: 10 }, otherwise: 20 }
    rules:
      - id: many-cards
        when: device.cards_10m >= 5
        score: 0.1 * device.cards_10m
        reason: "{device.cards_10m} cards in 10 minutes"
      - { id: spender, when: user.paid_1h > 300.0, outcome: check, reason: "{user.paid_1h} in an hour, {before(user.paid_1h)} before" }
      - { id: stolen, when: "listed(device, stolen)", outcome: decline }
      - { id: abroad, when: "country != user.country && !before(user.cards).exists(used, used == card)", score: 0.2 }
      - { id: new-device, when: user.device.here == 1 && user.payments_today > 2, score: 0.15, reason: "{card} is new on {country.lowerAscii()}" }
      - { id: burst, when: user.ratio > 3.0 && device.heat > 2.0, score: 0.25, share: { of: 50%, by: device } }
      - { id: known-bad, when: user.chargebacks > 0, score: 0.4, shadow: true }
    tables:
      limits:
        hit: first
        inputs: { country: country, amount: amount }
        rows:
          - { country: US, amount: "> 90", outcome: decline, reason: "over the limit: {amount}" }
          - { amount: "> 95", score: 0.1 }
          - { score: 0 }
    outcomes: [decline, check, observe, approve]
    tiers: { decline: 0.95, check: "0.6 - 0.01 * user.payments_today", observe: 0.4, otherwise: approve }
    labels: { event: chargeback, of: payment, when: fraud }
  size:
    on: payment
    rules:
      - { id: large, when: amount > 2.0 * user.usual, outcome: large, reason: "{amount} beside {user.usual}" }
    otherwise: usual
"#;

const COUNTRIES: [&str; 4] = ["DE", "US", "FR", "ZA"];
/// Later than any event may be; times are counted from here.
const START: i64 = 1_700_000_000_000;

/// One thing that is done.
pub(super) enum Step {
    /// Payloads in one call, at this time of the clock.
    Send(Time, Vec<Payload<'static>>),
    Checkpoint,
}

/// Draws the steps one after another.
pub(super) struct Script {
    rng: Rng,
    now: i64,
    sent: u64,
    events: u64,
    steps: u64,
    /// The last payments, to be sent again.
    recent: Vec<Payload<'static>>,
}

impl Script {
    /// Until so many payments are sent.
    pub(super) fn new(seed: u64, events: u64) -> Script {
        Script { rng: Rng::new(seed), now: START, sent: 0, events, steps: 0, recent: Vec::new() }
    }

    fn payload(&mut self) -> Payload<'static> {
        match self.rng.below(100) {
            0..=3 => {
                let key = format!("u{}", self.rng.below(60)).into();
                let fields = vec![text("country", self.rng.pick(&COUNTRIES))];
                Payload::Upsert(Upsert { entity: "user".into(), key, fields })
            }
            4 => {
                let until = self.rng.percent(70).then(|| Time(self.now + self.rng.within(60_000, 3_600_000)));
                let key = format!("d{}", self.rng.below(40)).into();
                Payload::ListPut(ListPut { list: "stolen".into(), key, score: None, until })
            }
            5..=8 => self.chargeback(),
            9..=10 if !self.recent.is_empty() => {
                let at = self.rng.below(self.recent.len() as u64) as usize;
                self.recent[at].clone()
            }
            _ => self.payment(),
        }
    }

    fn payment(&mut self) -> Payload<'static> {
        let user = self.rng.below(60);
        let amount = self.rng.below(10_000) as f64 / 100.0;
        let card = format!("c{}", self.rng.below(150));
        let fields = vec![
            text("user", &format!("u{user}")),
            text("device", &format!("d{}", self.rng.below(40))),
            Field { name: "amount".into(), value: Raw::Float(amount) },
            text("card", &card),
            text("country", self.rng.pick(&COUNTRIES)),
        ];
        let late = if self.rng.percent(10) { self.rng.within(0, 7_200_000) } else { 0 };
        let id = Some(format!("p{}", self.sent).into());
        self.sent += 1;
        let time = self.rng.percent(90).then_some(Time(self.now - late));
        let event = Event { kind: "payment".into(), source: "parity".into(), id, time, fields };
        let payload = Payload::Event(event);
        let room = self.recent.len() >= 50;
        match room {
            true => self.recent[self.sent as usize % 50] = payload.clone(),
            false => self.recent.push(payload.clone()),
        }
        payload
    }

    fn chargeback(&mut self) -> Payload<'static> {
        let of = self.rng.below(self.sent.max(1));
        let fields = vec![
            text("user", &format!("u{}", self.rng.below(60))),
            text("payment", &format!("p{of}")),
            Field { name: "fraud".into(), value: Raw::Bool(self.rng.percent(30)) },
        ];
        let (source, time) = ("parity".into(), Some(Time(self.now)));
        Payload::Event(Event { kind: "chargeback".into(), source, id: None, time, fields })
    }
}

impl Iterator for Script {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        if self.sent >= self.events {
            return None;
        }
        self.steps += 1;
        if self.steps.is_multiple_of(20) {
            return Some(Step::Checkpoint);
        }
        // Mostly within seconds, now and then over night, so that windows empty and days change.
        self.now += if self.rng.percent(2) { self.rng.within(0, 40_000_000) } else { self.rng.within(0, 20_000) };
        let size = 1 + self.rng.below(30);
        Some(Step::Send(Time(self.now), (0..size).map(|_| self.payload()).collect()))
    }
}

fn text(name: &'static str, value: &str) -> Field<'static> {
    Field { name: name.into(), value: Raw::Str(value.to_owned().into()) }
}
