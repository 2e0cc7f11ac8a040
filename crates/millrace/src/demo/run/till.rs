//! The till: asks the server about every payment before it is taken, of honest people and of those in the plot, and does what it says.

use super::super::fraud::{Actor, Deed, Payer, Plot, own_device};
use super::super::lines;
use super::super::risk::Verdict;
use super::super::rng::Rng;
use super::super::stand::Connection;
use super::Run;
use anyhow::Result;
use domain::Raw;
use serde_json::json;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

/// The share of honest payments from a device that is new, those before which a password was mistyped, and those given back.
const NEW_DEVICE: f64 = 0.06;
const MISTYPED: f64 = 0.03;
const GIVEN_BACK: f64 = 0.05;
/// Logins that the shop knows of everybody's own device from the time before.
const LOGINS_BEFORE: usize = 2;
/// Hours after which somebody gives something back, and after which the owner of a card complains.
const BACK_AFTER: f64 = 10.0;
const COMPLAINT_AFTER: f64 = 24.0;

/// Something that a visitor has put on the counter.
pub(crate) struct Sale {
    pub(crate) user: usize,
    pub(crate) amount: f64,
}

/// Where sales are put.
pub(crate) type Counter = Sender<Sale>;

/// What has become of an actor of the plot.
#[derive(Clone, Copy, Default)]
struct Fate {
    /// A payment was stopped.
    stopped: bool,
    /// Payments that went through, of those asked for.
    passed: u32,
    asked: u32,
}

struct Till<'r> {
    run: &'r Run<'r>,
    client: Connection,
    rng: Rng,
    plot: Plot,
    fates: Vec<Fate>,
    /// Hour, user and amount.
    give_backs: VecDeque<(f64, usize, f64)>,
    /// Hour, user and the payment's id.
    complaints: VecDeque<(f64, usize, String)>,
    number: u64,
    body: Vec<u8>,
}

/// Takes payments until the run is over.
pub(super) fn keep(run: &Run<'_>, sales: &Receiver<Sale>) -> Result<()> {
    let plot = Plot::new(run.seed, run.shop.users.len());
    let mut till = Till {
        run,
        client: run.stand.client(),
        rng: Rng::new(run.seed, 1_001),
        fates: vec![Fate::default(); plot.actors.len()],
        plot,
        give_backs: VecDeque::new(),
        complaints: VecDeque::new(),
        number: 0,
        body: Vec::new(),
    };
    till.open()?;
    let mut next = 0;
    while !run.over() {
        let hour = run.hour();
        let mut idle = true;
        if till.plot.steps.get(next).is_some_and(|step| step.hour <= hour) {
            till.step(next, hour)?;
            (next, idle) = (next + 1, false);
        }
        match sales.try_recv() {
            Ok(sale) => {
                till.sell(&sale, hour)?;
                idle = false;
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Ok(()),
        }
        till.later(hour)?;
        if idle {
            thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(())
}

impl Till<'_> {
    /// What the shop knows of devices when it opens.
    fn open(&mut self) -> Result<()> {
        for user in 0..self.run.shop.users.len() {
            (0..LOGINS_BEFORE).for_each(|_| self.note_login(user, &own_device(user), true));
        }
        self.send()
    }

    /// A step of the plot. Thieves and intruders give up a card or an account that was stopped.
    fn step(&mut self, number: usize, hour: f64) -> Result<()> {
        let step = self.plot.steps[number].clone();
        let (actor, fate) = (self.plot.actors[step.actor].clone(), self.fates[step.actor]);
        let gives_up = fate.stopped && actor.payer != Payer::GiverBack;
        match step.deed {
            Deed::Over => self.tell(actor.wave, hour),
            Deed::Login { device, ok } => {
                self.note_login(actor.user, &device, ok);
                self.send()?;
            }
            Deed::Pay { .. } if gives_up => {}
            Deed::Pay { device, amount } => {
                let (id, stopped) = self.ask(actor.payer, actor.user, &device, amount)?;
                let fate = &mut self.fates[step.actor];
                fate.asked += 1;
                fate.passed += u32::from(!stopped);
                fate.stopped = stopped;
                if !stopped && actor.payer != Payer::GiverBack {
                    self.complaints.push_back((hour + COMPLAINT_AFTER, actor.user, id));
                }
            }
            // Only what was let through can be given back.
            Deed::GiveBack { .. } if fate.stopped => {}
            Deed::GiveBack { amount } => self.note_give_back(actor.user, amount)?,
        }
        Ok(())
    }

    /// A payment of an honest visitor.
    fn sell(&mut self, sale: &Sale, hour: f64) -> Result<()> {
        let new = self.rng.chance(NEW_DEVICE);
        let device = if new { format!("new-phone-{}", self.number) } else { own_device(sale.user) };
        let mistyped = if self.rng.chance(MISTYPED) { 1 + self.rng.below(3) } else { 0 };
        (0..mistyped).for_each(|_| self.note_login(sale.user, &device, false));
        if new || mistyped > 0 {
            self.note_login(sale.user, &device, true);
            self.send()?;
        }
        let (_, stopped) = self.ask(Payer::Honest, sale.user, &device, sale.amount)?;
        if !stopped && self.rng.chance(GIVEN_BACK) {
            self.give_backs.push_back((hour + BACK_AFTER, sale.user, sale.amount));
        }
        Ok(())
    }

    /// What follows from payments of earlier hours.
    fn later(&mut self, hour: f64) -> Result<()> {
        while let Some((_, user, amount)) = self.give_backs.pop_front_if(|(due, ..)| *due <= hour) {
            self.note_give_back(user, amount)?;
        }
        while let Some((_, user, payment)) = self.complaints.pop_front_if(|(due, ..)| *due <= hour) {
            let user = &self.run.shop.users[user].key;
            let fields = [("user", text(user)), ("payment", text(&payment)), ("fraud", Raw::Bool(true))];
            lines::event(&mut self.body, "chargeback", fields);
            self.send()?;
        }
        Ok(())
    }

    /// Asks whether to take a payment; its id, and whether it was stopped.
    fn ask(&mut self, payer: Payer, user: usize, device: &str, amount: f64) -> Result<(String, bool)> {
        self.number += 1;
        let id = format!("pay-{}", self.number);
        let user = &self.run.shop.users[user].key;
        let body = json!({ "id": id, "user": user, "device": device, "amount": amount }).to_string();
        let asked = Instant::now();
        let answer = self.client.json("POST", "/v1/decisions/payment", &[], Some(body.as_bytes()))?;
        let took_ms = asked.elapsed().as_secs_f64() * 1e3;
        let verdict = Verdict::of(&answer);
        let stopped = verdict.stops();
        self.run.count(|ledger| {
            ledger.events += 1;
            ledger.risk.add(payer, amount, verdict, took_ms);
        });
        Ok((id, stopped))
    }

    /// Tells how a wave ended.
    fn tell(&self, wave: usize, hour: f64) {
        let of_wave = |actor: &Actor| actor.payer == Payer::Thief && actor.wave == wave;
        let fates = self.plot.actors.iter().zip(&self.fates).filter(|(actor, _)| of_wave(actor)).map(|(_, fate)| fate);
        let (asked, passed) =
            fates.clone().fold((0, 0), |(asked, passed), fate| (asked + fate.asked, passed + fate.passed));
        let (day, clock) = ((hour / 24.0).floor() + 1.0, (hour % 24.0).floor());
        let how = if wave % 2 == 1 { "a device for every two" } else { "one device" };
        let story = format!(
            "    day {day}, {clock} h: a wave of {} stolen cards from {how}: {} of {asked} payments stopped",
            fates.count(),
            asked - passed
        );
        self.run.count(|ledger| ledger.risk.story.push(story));
    }

    fn note_login(&mut self, user: usize, device: &str, ok: bool) {
        let user = &self.run.shop.users[user].key;
        lines::event(&mut self.body, "login", [("user", text(user)), ("device", text(device)), ("ok", Raw::Bool(ok))]);
    }

    fn note_give_back(&mut self, user: usize, amount: f64) -> Result<()> {
        let user = &self.run.shop.users[user].key;
        lines::event(&mut self.body, "give_back", [("user", text(user)), ("amount", Raw::Float(amount))]);
        self.send()
    }

    fn send(&mut self) -> Result<()> {
        let count = self.body.iter().filter(|&&byte| byte == b'\n').count() as u64;
        self.client.send("/v1/events", &self.body)?;
        self.body.clear();
        self.run.count(|ledger| ledger.events += count);
        Ok(())
    }
}

fn text(value: &str) -> Raw<'_> {
    Raw::Str(value.into())
}
