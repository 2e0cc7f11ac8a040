//! The casebook in a checkpoint.

use super::joined::{Entry, Joined};
use super::panes::{Pane, Panes};
use super::tally::RuleTally;
use super::watch::Hits;
use super::{Before, Breach, Calibration, Case, CaseKey, Casebook, Claimed, Closed, GuardCount, Queue, Tally, Watch};
use domain::{DecisionId, PlanVersion, Position, Time};
use state::{LoadError, Reader};
use std::collections::BTreeMap;

/// The form of what follows.
const FORM: u8 = 3;
/// Stands for no place.
const NONE: u32 = u32::MAX;

/// What is appended to.
struct Out<'o>(&'o mut Vec<u8>);

impl Out<'_> {
    fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn time(&mut self, time: Time) {
        self.u64(time.0 as u64);
    }

    fn text(&mut self, text: &str) {
        self.u32(text.len() as u32);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn place(&mut self, place: Option<u16>) {
        self.u32(place.map_or(NONE, u32::from));
    }

    fn list<T>(&mut self, list: impl ExactSizeIterator<Item = T>, mut put: impl FnMut(&mut Self, T)) {
        self.u32(list.len() as u32);
        list.for_each(|of| put(self, of));
    }

    fn option<T>(&mut self, of: Option<T>, put: impl FnOnce(&mut Self, T)) {
        self.u8(u8::from(of.is_some()));
        if let Some(of) = of {
            put(self, of);
        }
    }
}

/// What is read from.
struct In<'i>(Reader<'i>);

type Loaded<T> = Result<T, LoadError>;

impl In<'_> {
    fn u8(&mut self) -> Loaded<u8> {
        self.0.u8()
    }

    fn u32(&mut self) -> Loaded<u32> {
        self.0.u32()
    }

    fn u16(&mut self) -> Loaded<u16> {
        u16::try_from(self.u32()?).map_err(|_| WRONG)
    }

    fn u64(&mut self) -> Loaded<u64> {
        self.0.u64()
    }

    fn time(&mut self) -> Loaded<Time> {
        self.0.i64().map(Time)
    }

    fn text(&mut self) -> Loaded<String> {
        self.0.text().map(str::to_owned)
    }

    fn boxed(&mut self) -> Loaded<Box<str>> {
        self.0.text().map(Into::into)
    }

    fn place(&mut self) -> Loaded<Option<u16>> {
        match self.u32()? {
            NONE => Ok(None),
            place => u16::try_from(place).map(Some).map_err(|_| WRONG),
        }
    }

    fn list<T, L: FromIterator<T>>(&mut self, mut take: impl FnMut(&mut Self) -> Loaded<T>) -> Loaded<L> {
        let count = self.0.count(1)?;
        (0..count).map(|_| take(self)).collect()
    }

    fn option<T>(&mut self, take: impl FnOnce(&mut Self) -> Loaded<T>) -> Loaded<Option<T>> {
        match self.u8()? {
            0 => Ok(None),
            1 => take(self).map(Some),
            _ => Err(WRONG),
        }
    }
}

const WRONG: LoadError = LoadError { what: "what is kept of decisions is not in the form that this version reads" };

pub(super) fn save(book: &Casebook, out: &mut Vec<u8>) {
    let out = &mut Out(out);
    out.u8(FORM);
    out.u64(book.seen.0);
    out.time(book.log_time);
    out.option(book.since, |out, (position, time)| {
        out.u64(position.0);
        out.time(time);
    });
    out.list(book.tallies.iter(), put_tally);
    put_queue(out, &book.queue);
    out.u32(book.joined.next as u32);
    out.list(book.joined.ring.iter(), |out, entry| {
        out.0.extend_from_slice(&entry.id.to_le_bytes());
        out.u32(u32::from(entry.tally));
        out.place(entry.tier);
        out.u8(entry.said.map_or(2, u8::from));
    });
    out.list(book.given.iter(), |out, (key, epoch)| {
        put_key(out, *key);
        out.u32(*epoch);
    });
}

pub(super) fn load(bytes: &[u8]) -> Loaded<Casebook> {
    let input = &mut In(Reader::new(bytes));
    if input.u8()? != FORM {
        return Err(WRONG);
    }
    let (seen, log_time) = (Position(input.u64()?), input.time()?);
    let since = input.option(|input| Ok((Position(input.u64()?), input.time()?)))?;
    let tallies: Vec<Tally> = input.list(take_tally)?;
    let queue = take_queue(input)?;
    let next = input.u32()? as usize;
    let ring: Vec<Entry> = input.list(take_entry)?;
    let given: BTreeMap<CaseKey, u32> = input.list(|input| Ok((take_key(input)?, input.u32()?)))?;
    let known = |place: u16| usize::from(place) < tallies.len();
    let of_tally = |(tally, outcome, tier): (u16, u16, Option<u16>)| {
        let has = |place: u16| tallies.get(usize::from(tally)).is_some_and(|of| usize::from(place) < of.outcomes.len());
        known(tally) && has(outcome) && tier.is_none_or(has)
    };
    let open = queue.open.iter().map(|((_, tally), case)| (*tally, case.outcome, case.tier));
    let closed = queue.closed.iter().map(|((_, tally), of)| (*tally, of.case.outcome, of.case.tier));
    let tiers =
        ring.iter().all(|entry| known(entry.tally) && of_tally((entry.tally, entry.tier.unwrap_or(0), entry.tier)));
    if !input.0.is_done()
        || !open.chain(closed).all(of_tally)
        || !tiers
        || next > ring.len()
        || !given.keys().all(|key| known(key.1))
    {
        return Err(WRONG);
    }
    Ok(Casebook { seen, log_time, since, queue, tallies, joined: Joined::with(ring, next), given, under: None })
}

fn take_entry(input: &mut In<'_>) -> Loaded<Entry> {
    let (low, high) = (input.u64()?, input.u64()?);
    let id = u128::from(high) << 64 | u128::from(low);
    let (tally, tier) = (input.u16()?, input.place()?);
    let said = match input.u8()? {
        0 => Some(false),
        1 => Some(true),
        2 => None,
        _ => return Err(WRONG),
    };
    Ok(Entry { id, tally, tier, said })
}

fn put_tally(out: &mut Out<'_>, tally: &Tally) {
    out.text(&tally.name);
    out.time(tally.since);
    out.list(tally.outcomes.iter(), |out, name| out.text(name));
    for panes in [&tally.minutes, &tally.days] {
        out.list(panes.list.iter(), put_pane);
    }
    for counts in [&tally.all, &tally.tiers] {
        out.list(counts.iter(), |out, count| out.u64(*count));
    }
    out.list(tally.rules.iter(), |out, rule| {
        out.text(&rule.id);
        out.u8(u8::from(rule.shadow));
        out.time(rule.since);
        out.u64(rule.fired);
        out.u64(rule.differs);
        out.list(rule.examples.iter(), |out, id| {
            out.u32(id.epoch);
            out.u64(id.position.0);
        });
    });
    out.list(tally.calibration.iter(), |out, of| [of.decided, of.bad, of.good].into_iter().for_each(|n| out.u64(n)));
    out.u64(tally.unjoined);
    out.u64(tally.fallbacks);
    put_watch(out, &tally.watch);
}

fn take_tally(input: &mut In<'_>) -> Loaded<Tally> {
    let mut tally = Tally::new(&input.text()?, input.time()?);
    tally.outcomes = input.list(In::text)?;
    tally.minutes = Panes { list: input.list(take_pane)?, ..Tally::minutes() };
    tally.days = Panes { list: input.list(take_pane)?, ..Tally::days() };
    tally.all = input.list(In::u64)?;
    tally.tiers = input.list(In::u64)?;
    tally.rules = input.list(|input| {
        let (id, shadow, since) = (input.boxed()?, input.u8()? == 1, input.time()?);
        let (fired, differs) = (input.u64()?, input.u64()?);
        let id_of = |input: &mut In<'_>| Ok(DecisionId { epoch: input.u32()?, position: Position(input.u64()?) });
        Ok(RuleTally { id, shadow, since, fired, differs, examples: input.list(id_of)? })
    })?;
    tally.calibration =
        input.list(|input| Ok(Calibration { decided: input.u64()?, bad: input.u64()?, good: input.u64()? }))?;
    tally.unjoined = input.u64()?;
    tally.fallbacks = input.u64()?;
    tally.watch = take_watch(input)?;
    let outcomes = tally.outcomes.len();
    if tally.all.len() != outcomes || tally.tiers.len() != outcomes || tally.calibration.len() != outcomes + 1 {
        return Err(WRONG);
    }
    Ok(tally)
}

fn put_pane(out: &mut Out<'_>, pane: &Pane) {
    out.u64(pane.number as u64);
    out.u64(pane.plan);
    for counts in [&pane.outcomes, &pane.tiers] {
        out.list(counts.iter(), |out, count| out.u32(*count));
    }
}

fn take_pane(input: &mut In<'_>) -> Loaded<Pane> {
    Ok(Pane {
        number: input.u64()? as i64,
        plan: input.u64()?,
        outcomes: input.list(In::u32)?,
        tiers: input.list(In::u32)?,
    })
}

fn put_hits(out: &mut Out<'_>, hits: Hits) {
    out.u64(hits.hits);
    out.u64(hits.all);
}

fn take_hits(input: &mut In<'_>) -> Loaded<Hits> {
    Ok(Hits { hits: input.u64()?, all: input.u64()? })
}

fn put_breach(out: &mut Out<'_>, breach: &Breach) {
    out.u32(u32::from(breach.guard));
    out.u64(breach.position.0);
    out.time(breach.log_time);
    out.text(&breach.said);
}

fn take_breach(input: &mut In<'_>) -> Loaded<Breach> {
    let (guard, position) = (input.u16()?, Position(input.u64()?));
    Ok(Breach { guard, position, log_time: input.time()?, said: input.boxed()? })
}

fn put_watch(out: &mut Out<'_>, watch: &Watch) {
    out.u32(watch.version.0);
    out.u64(watch.plan);
    out.option(watch.before, |out, before| {
        out.u32(before.version.0);
        out.u64(before.plan);
    });
    out.list(watch.guards.iter(), |out, count| {
        put_hits(out, count.before);
        put_hits(out, count.now);
        out.time(count.since);
        out.u8(u8::from(count.passed));
    });
    out.u8(u8::from(watch.passed));
    out.list(watch.breaches.iter(), put_breach);
    out.option(watch.last.as_ref(), |out, (version, breach)| {
        out.u32(version.0);
        put_breach(out, breach);
    });
}

fn take_watch(input: &mut In<'_>) -> Loaded<Watch> {
    let (version, plan) = (PlanVersion(input.u32()?), input.u64()?);
    let before = input.option(|input| Ok(Before { version: PlanVersion(input.u32()?), plan: input.u64()? }))?;
    let guards = input.list(|input| {
        let (before, now) = (take_hits(input)?, take_hits(input)?);
        Ok(GuardCount { before, now, since: input.time()?, passed: input.u8()? == 1 })
    })?;
    let passed = input.u8()? == 1;
    let breaches = input.list(take_breach)?;
    let last = input.option(|input| Ok((PlanVersion(input.u32()?), take_breach(input)?)))?;
    Ok(Watch { version, plan, before, guards, passed, breaches, last })
}

fn put_queue(out: &mut Out<'_>, queue: &Queue) {
    out.list(queue.open.iter(), |out, (key, case)| {
        put_key(out, *key);
        put_case(out, case);
    });
    out.list(queue.closed.iter(), |out, (key, closed)| {
        put_key(out, *key);
        put_case(out, &closed.case);
        out.time(closed.at);
        [&closed.by, &closed.answer, &closed.reason].into_iter().for_each(|text| out.text(text));
    });
    out.list(queue.order.iter(), |out, key| put_key(out, *key));
    out.u64(queue.gave_way);
}

fn take_queue(input: &mut In<'_>) -> Loaded<Queue> {
    let open = input.list(|input| Ok((take_key(input)?, take_case(input)?)))?;
    let closed = input.list(|input| {
        let (key, case, at) = (take_key(input)?, take_case(input)?, input.time()?);
        let (by, answer, reason) = (input.boxed()?, input.boxed()?, input.boxed()?);
        Ok((key, Closed { case, by, at, answer, reason }))
    })?;
    Ok(Queue { open, closed, order: input.list(take_key)?, gave_way: input.u64()? })
}

fn put_key(out: &mut Out<'_>, (position, tally): CaseKey) {
    out.u64(position.0);
    out.u32(u32::from(tally));
}

fn take_key(input: &mut In<'_>) -> Loaded<CaseKey> {
    Ok((Position(input.u64()?), input.u16()?))
}

fn put_case(out: &mut Out<'_>, case: &Case) {
    out.u32(case.epoch);
    out.u32(case.version.0);
    out.u32(u32::from(case.outcome));
    out.place(case.tier);
    out.u64(case.score.to_bits());
    out.time(case.log_time);
    out.option(case.client.as_deref(), Out::text);
    out.text(&case.said);
    out.option(case.claimed.as_ref(), |out, claimed| {
        out.text(&claimed.by);
        out.time(claimed.until);
    });
}

fn take_case(input: &mut In<'_>) -> Loaded<Case> {
    Ok(Case {
        epoch: input.u32()?,
        version: PlanVersion(input.u32()?),
        outcome: input.u16()?,
        tier: input.place()?,
        score: f64::from_bits(input.u64()?),
        log_time: input.time()?,
        client: input.option(In::boxed)?,
        said: input.boxed()?,
        claimed: input.option(|input| Ok(Claimed { by: input.boxed()?, until: input.time()? }))?,
    })
}
