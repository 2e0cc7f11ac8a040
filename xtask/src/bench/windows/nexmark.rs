//! Nexmark in features. Query 11 counts a bidder's bids per session (a gap of 10 s), query 12 per 10 s of processing time; both are
//! checked against the obvious computation over the published bids and over generated ones. The published results have neither of
//! them, so query 17, daily figures of an auction, is checked against its published result to show that the bids are read right.

use super::{compile, per, timed};
use crate::bench::{Figures, Setting};
use anyhow::{Context, Result};
use domain::{EntityId, Position, Time, Value, parse_timestamp};
use serde_json::json;
use sim::Rng;
use spec::Plan;
use state::{Change, EventChange, Resolved, Rows, Scope};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const SPEC: &str = r#"
version: 1
entities: { bidder: {}, auction: {} }
events:
  bid: { bidder: bidder, auction: auction, fields: { price: int } }
features:
  bidder:
    q11: count(bid, session(10s))
    q12: count(bid, tumbling(10s))
"#;
const DAILY: &str = r#"
  auction:
    bids: count(bid, day())
    rank1: count(bid, day(), price < 10000)
    rank2: count(bid, day(), price >= 10000 && price < 1000000)
    rank3: count(bid, day(), price >= 1000000)
    least: min(bid, price, day())
    most: max(bid, price, day())
    average: mean(bid, price, day())
    total: sum(bid, price, day())
"#;
const GENERATED: u64 = 2_000_000;
/// Both queries count in stretches of so much.
const TEN_SECONDS: i64 = 10_000;

#[derive(Clone, Copy)]
struct Bid {
    auction: u32,
    bidder: u32,
    price: i64,
    time: Time,
}

pub(super) fn measure(setting: &Setting, data: &Path, figures: &mut Figures) -> Result<()> {
    let plan = Arc::new(compile(SPEC)?);
    let generated: Vec<Bid> = generated(setting.scaled(GENERATED)).collect();
    let (rate, different) = queries(&plan, &generated)?;
    figures.number("nexmark_q11_q12_events_per_s_core", rate);
    figures.note("nexmark_q11_q12_values_different", json!(different));
    let folder = data.join("nexmark-expected");
    if !folder.is_dir() {
        eprintln!("SKIPPED: no published Nexmark results in {}: say where with --data", folder.display());
        figures.note("nexmark_published", json!("skipped: no data"));
        return Ok(());
    }
    let bids = published(&folder)?;
    figures.note("nexmark_published_bids", json!(bids.len()));
    figures.note("nexmark_published_q11_q12_different", json!(queries(&plan, &bids)?.1));
    let daily = Arc::new(compile(&format!("{SPEC}{}", DAILY.trim_start_matches('\n')))?);
    let (lines, wrong) = query_17(&daily, &bids, &folder)?;
    figures.note("nexmark_published_q17_rows", json!(lines));
    figures.note("nexmark_published_q17_different", json!(wrong));
    Ok(())
}

/// Bids as the benchmark's generator draws them: 10,000 a second, three of four by a bidder of the moment, the others by one of
/// the newest thousand; of two auctions' bids one goes to the auction of the moment.
fn generated(count: u64) -> impl Iterator<Item = Bid> {
    let mut rng = Rng::new(42);
    (0..count).map(move |number| {
        let (persons, auctions) = (number / 46 + 1_000, number / 15 + 100);
        let bidder = if rng.below(4) > 0 { persons / 100 * 100 + 1 } else { persons - rng.below(1_000) };
        let auction = if rng.below(2) > 0 { auctions / 100 * 100 } else { auctions - rng.below(100) };
        let price = (10.0f64.powf(rng.below(1_000_000) as f64 / 1e6 * 6.0) * 100.0) as i64;
        let time = Time(1_436_918_400_000 + (number / 10) as i64);
        Bid { auction: auction as u32, bidder: bidder as u32, price, time }
    })
}

/// The rows of `insert_bid.slt.part`: auction, bidder, price, channel, url, time, rest.
fn published(folder: &Path) -> Result<Vec<Bid>> {
    let text = fs::read_to_string(folder.join("insert_bid.slt.part")).context("reading the published bids")?;
    let lines = text.lines().filter(|line| line.starts_with('('));
    let bids = lines.map(|line| {
        let mut fields = line.trim_start_matches('(').split(", ");
        let mut next = || fields.next().with_context(|| format!("a bid has seven fields: {line}"));
        let (auction, bidder, price) = (next()?.parse()?, next()?.parse()?, next()?.parse()?);
        let (_, _, time) = (next()?, next()?, next()?);
        let time = format!("{}Z", time.trim_matches('\'').replace(' ', "T"));
        Ok(Bid { auction, bidder, price, time: parse_timestamp(&time).context("a bid has a time")? })
    });
    let mut bids = bids.collect::<Result<Vec<Bid>>>()?;
    bids.sort_by_key(|bid| bid.time);
    Ok(bids)
}

fn resolved(number: u64, bid: &Bid) -> Resolved {
    let change = EventChange {
        event: 1,
        time: bid.time,
        entities: [EntityId(bid.bidder), EntityId(bid.auction)].into_iter().collect(),
        values: [Value::Int(bid.price)].into(),
        crosses: [].into_iter().collect(),
        elements: None,
    };
    Resolved { position: Position(number + 1), log_time: bid.time, change: Change::Event(change) }
}

/// The slot of a feature's aggregate, and the aggregate.
fn aggregate(plan: &Plan, feature: &str) -> Result<(usize, u16)> {
    let found = plan.features.iter().find(|known| known.name == feature).context("the spec has this feature")?;
    let slot = found.program.slots()[0];
    let aggregate =
        plan.aggregates.iter().position(|aggregate| aggregate.slot == slot).context("it is an aggregate")?;
    Ok((usize::from(slot), aggregate as u16))
}

/// Both counts after every bid, as a consumer of the queries' results would see them grow: events per second of CPU, and how many
/// values are not what they are to be.
fn queries(plan: &Arc<Plan>, bids: &[Bid]) -> Result<(f64, u64)> {
    let mut rows = Rows::new(plan.clone(), Scope::All);
    let (q11, q12) = (aggregate(plan, "q11")?, aggregate(plan, "q12")?);
    let mut row = vec![Value::Missing; plan.slots.len()];
    let mut obvious: BTreeMap<u32, Obvious> = BTreeMap::new();
    let (mut cpu, mut different) = (Duration::ZERO, 0);
    let mut values = Vec::with_capacity(256);
    for (number, batch) in bids.chunks(256).enumerate() {
        let changes: Vec<Resolved> = batch.iter().map(|bid| resolved(number as u64, bid)).collect();
        let (batch_cpu, ()) = timed(|| {
            values.clear();
            rows.touch_all(&changes);
            for (change, bid) in changes.iter().zip(batch) {
                rows.apply(change);
                rows.read(EntityId(bid.bidder), &[q11.1, q12.1], bid.time, &mut row);
                values.push((row[q11.0].as_f64(), row[q12.0].as_f64()));
            }
        })?;
        cpu += batch_cpu;
        for (bid, found) in batch.iter().zip(&values) {
            let expected = obvious.entry(bid.bidder).or_default().add(bid.time.0);
            different += u64::from(*found != (Some(expected.0), Some(expected.1)));
        }
    }
    Ok((1e9 / per(cpu, bids.len()), different))
}

/// What a bidder's counts are when bids come in order.
#[derive(Default)]
struct Obvious {
    last: i64,
    stretch: i64,
    session: f64,
    in_stretch: f64,
}

impl Obvious {
    fn add(&mut self, time: i64) -> (f64, f64) {
        self.session = if time - self.last <= TEN_SECONDS { self.session + 1.0 } else { 1.0 };
        self.in_stretch = if time / TEN_SECONDS == self.stretch { self.in_stretch + 1.0 } else { 1.0 };
        (self.last, self.stretch) = (time, time / TEN_SECONDS);
        (self.session, self.in_stretch)
    }
}

/// The published lines of query 17, and how many figures in them are others here.
fn query_17(plan: &Arc<Plan>, bids: &[Bid], folder: &Path) -> Result<(usize, usize)> {
    let mut rows = Rows::new(plan.clone(), Scope::All);
    bids.iter().enumerate().for_each(|(number, bid)| rows.apply(&resolved(number as u64, bid)));
    let names = ["bids", "rank1", "rank2", "rank3", "least", "most", "average", "total"];
    let wanted = names.iter().map(|name| aggregate(plan, name)).collect::<Result<Vec<_>>>()?;
    let aggregates: Vec<u16> = wanted.iter().map(|(_, aggregate)| *aggregate).collect();
    let mut row = vec![Value::Missing; plan.slots.len()];
    let text = fs::read_to_string(folder.join("q17.slt.part")).context("reading the published result")?;
    let (mut lines, mut wrong) = (0, 0);
    for line in text.lines().skip_while(|line| *line != "----").skip(1).filter(|line| !line.is_empty()) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [auction, day, figures @ ..] = fields.as_slice() else { continue };
        let end_of_day = parse_timestamp(&format!("{day}T23:59:59Z")).context("a day")?;
        rows.read(EntityId(auction.parse()?), &aggregates, end_of_day, &mut row);
        lines += 1;
        for ((slot, _), figure) in wanted.iter().zip(figures) {
            let expected: f64 = figure.parse()?;
            let found = row[*slot].as_f64().unwrap_or(f64::NAN);
            let same = (found - expected).abs() <= 1e-12 * expected.abs();
            wrong += usize::from(!same);
        }
    }
    Ok((lines, wrong))
}
