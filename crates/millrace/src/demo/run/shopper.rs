//! The clients: each has a part of the users, and serves their visits one after another.

use super::super::arm::Arm;
use super::super::ledger::{SLICES, Tally};
use super::super::lines;
use super::super::rng::Rng;
use super::super::shop::DAYS;
use super::super::stand::Connection;
use super::super::visitor::{Act, PLACES, Page, Visitor};
use super::till::Sale;
use super::{Answer, Run, ask};
use anyhow::Result;
use std::thread;
use std::time::{Duration, Instant};

/// The chance to look at another page, after one with a click and after one without.
const GOES_ON: [f64; 2] = [0.85, 0.6];

/// Hours between two visits of a user, at least and at most.
const AWAY_HOURS: [f64; 2] = [2.0, 22.0];

/// A user, the last position that this client was acknowledged for them, and the hour of their next visit.
struct Known {
    visitor: Visitor,
    acknowledged: u64,
    returns: f64,
}

/// Serves visits of every `of`-th user until the run is over.
pub(super) fn shop(run: &Run<'_>, index: usize, of: usize) -> Result<()> {
    let mut rng = Rng::new(run.seed, 1 + index as u64);
    let mut client = run.stand.client();
    let users = (index..run.shop.users.len()).step_by(of);
    let mut first = |user| {
        let returns = rng.between(0.0, AWAY_HOURS[1]);
        Known { visitor: Visitor::new(user), acknowledged: 0, returns }
    };
    let mut known: Vec<Known> = users.map(&mut first).collect();
    let mut body = Vec::new();
    while !run.over() {
        let next = known.iter_mut().min_by(|left, right| left.returns.total_cmp(&right.returns));
        let Some(next) = next else { return Ok(()) };
        if next.returns > run.hour() {
            thread::sleep(Duration::from_millis(1));
            continue;
        }
        let mut stays = true;
        while stays && !run.over() {
            let page = view_page(run, &mut client, next, &mut rng, &mut body)?;
            stays = rng.chance(GOES_ON[usize::from(page.clicks == 0)]);
        }
        next.returns = run.hour() + rng.between(AWAY_HOURS[0], AWAY_HOURS[1]);
    }
    Ok(())
}

fn view_page(
    run: &Run<'_>,
    client: &mut Connection,
    known: &mut Known,
    rng: &mut Rng,
    body: &mut Vec<u8>,
) -> Result<Page> {
    let hour = run.hour();
    let slice = ((hour / (DAYS * 24.0) * SLICES as f64) as usize).min(SLICES - 1);
    let arm = Arm::of(run.seed, known.visitor.user);
    let user = &run.shop.users[known.visitor.user].key;
    let (slate, answer) = match arm.feed() {
        Some(feed) => {
            let asked = Instant::now();
            let answer = ask(client, &run.shop, feed, user, PLACES)?;
            count_answer(run, known, &answer, asked);
            (answer.slate.clone(), Some(answer))
        }
        None if arm == Arm::Oracle => (known.visitor.best_slate(&run.shop, hour), None),
        None => (known.visitor.random_slate(&run.shop, hour, rng), None),
    };
    let page = known.visitor.look(&run.shop, &slate, hour, rng);
    if !page.acts.is_empty() {
        body.clear();
        let decision = answer.as_ref().map(|answer| answer.decision.as_str());
        page.acts.iter().for_each(|act| lines::act(body, user, &run.shop, *act, decision));
        let sent = Instant::now();
        known.acknowledged = client.send("/v1/events", body)?;
        run.wanted.offer(known.acknowledged);
        for &(item, act) in &page.acts {
            if act == Act::Bought {
                // The till is open as long as the run is.
                let _ = run.counter.send(Sale { user: known.visitor.user, amount: run.shop.items[item].price });
            }
        }
        run.count(|ledger| {
            ledger.ack_ms.push(sent.elapsed().as_secs_f64() * 1e3);
            ledger.events += page.acts.len() as u64;
        });
    }
    run.count(|ledger| {
        ledger.slices[slice][arm as usize] += Tally { pages: 1, seen: page.seen, clicks: page.clicks, buys: page.buys };
        if arm == Arm::Feed && page.clicks > 0 {
            ledger.decision = answer.map(|answer| answer.decision);
        }
    });
    Ok(page)
}

fn count_answer(run: &Run<'_>, known: &Known, answer: &Answer, asked: Instant) {
    run.count(|ledger| {
        ledger.answers += 1;
        ledger.answer_ms.push(asked.elapsed().as_secs_f64() * 1e3);
        ledger.wait_ms.push(answer.wait_ms);
        if known.acknowledged > 0 {
            ledger.own_asked += 1;
            ledger.own_fresh += u64::from(answer.rows >= known.acknowledged);
        }
    });
}
