//! What the log of a killed server says, held against what its clients were told.

use super::clients::{Client, Told};
use crate::node;
use anyhow::{Context, Result};
use domain::{Event, Payload, Position, Value};
use engine::{LogFile, Machine, Plan};
use journal::FileDisk;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Shard counts that all give one digest.
const SHARDS: [u32; 4] = [1, 2, 4, 8];
/// Decisions computed again, the last of the log.
const DECISIONS_MAX: usize = 100_000;

/// What was found.
#[derive(Default)]
pub(crate) struct Verdict {
    /// Acknowledged and not in the log as it was sent.
    pub(crate) acked_lost: u64,
    /// In the log twice, or acknowledged as new twice.
    pub(crate) duplicated: u64,
    /// Digests that are not what they must be.
    pub(crate) digest_mismatch: u64,
    /// Events in the log.
    pub(crate) events: u64,
    /// Decisions computed again, and how many came out the same.
    pub(crate) replayed: u64,
    pub(crate) identical: u64,
    /// Each wrong in words.
    pub(crate) wrong: Vec<String>,
}

/// Where a client's event stands in the log, and whether as it was sent.
struct Found {
    position: u64,
    as_sent: bool,
}

impl Verdict {
    /// Contradictions among acknowledgements.
    pub(crate) fn add_told(&mut self, told: &[&Told]) {
        for contradiction in told.iter().flat_map(|told| &told.contradictions) {
            self.duplicated += 1;
            self.wrong.push(contradiction.clone());
        }
    }

    /// Reads the directory that no server has open.
    pub(crate) fn read(&mut self, dir: &Path, clients: &[Client]) -> Result<()> {
        let log = LogFile::open(node::disk(dir)?, journal::Options::default())?;
        let plan = log.plan().context("the log has a spec")?;
        for (client, found) in clients.iter().zip(self.events_of(&log, clients)?) {
            self.compare(client, &found);
        }
        let machine = log.build(&plan, SHARDS[0], &mut |_, _| ())?;
        clients.iter().for_each(|client| self.compare_price(client, &machine));
        self.digests(&log, &plan, &machine)?;
        let report = log.replay(DECISIONS_MAX, 3, &mut |_, _| ())?;
        (self.replayed, self.identical) = (report.replayed, report.identical);
        let different = report.different.into_iter().map(|(id, what)| format!("decision {id}: {}", what.join("; ")));
        self.wrong.extend(different);
        Ok(())
    }

    /// For each client, where its events stand.
    fn events_of(&mut self, log: &LogFile<FileDisk>, clients: &[Client]) -> Result<Vec<BTreeMap<u64, Vec<Found>>>> {
        let mut found: Vec<BTreeMap<u64, Vec<Found>>> = clients.iter().map(|_| BTreeMap::new()).collect();
        let mut records = log.reader.iter_from(Position(1))?;
        while let Some(record) = records.next()? {
            let position = record.header.position.0;
            let payload = Payload::decode(record.header.kind, record.payload).ok().context("a record is readable")?;
            let Payload::Event(event) = payload else { continue };
            self.events += 1;
            let owner = clients.iter().zip(&mut found).find_map(|(client, found)| {
                let number = client.number_of(&event.source, event.id.as_deref()?)?;
                Some((client, number, found))
            });
            match owner {
                Some((client, number, found)) if number < client.sent() => {
                    let as_sent = same(&client.event(number), &event);
                    found.entry(number).or_default().push(Found { position, as_sent });
                }
                _ => self.wrong.push(format!("record {position} is an event that nobody sent")),
            }
        }
        Ok(found)
    }

    fn compare(&mut self, client: &Client, found: &BTreeMap<u64, Vec<Found>>) {
        for (&number, places) in found {
            if places.len() > 1 {
                self.duplicated += places.len() as u64 - 1;
                self.wrong.push(format!("{} is in the log {} times", client.id(number), places.len()));
            }
            if let Some(altered) = places.iter().find(|place| !place.as_sent) {
                self.wrong.push(format!("record {} is not {} as it was sent", altered.position, client.id(number)));
            }
        }
        for (&number, &position) in &client.acked {
            let places = found.get(&number).map_or(&[][..], Vec::as_slice);
            if !places.iter().any(|place| place.position == position && place.as_sent) {
                self.acked_lost += 1;
                self.wrong.push(format!("{} was acknowledged at {position} and is not there", client.id(number)));
            }
        }
    }

    /// The price of a client's own item is the last acknowledged one, or one sent after it.
    fn compare_price(&mut self, client: &Client, machine: &Machine) {
        let item = machine.plan.entity("item").expect("every plan has items");
        let fields = &machine.plan.entities[usize::from(item)].fields;
        let field = fields.iter().position(|field| field.name == "price").expect("the shop's items have a price");
        let price = machine
            .names
            .entity(item, &client.own_item())
            .map_or(Value::Missing, |id| machine.catalogue.attribute(item, id, field as u16));
        let price = price.as_f64().unwrap_or_default() as u64;
        if !(client.price_acked..=client.price_sent).contains(&price) {
            self.acked_lost += 1;
            self.wrong.push(format!(
                "{} has the price {price}; {} was acknowledged, {} sent last",
                client.own_item(),
                client.price_acked,
                client.price_sent
            ));
        }
    }

    fn digests(&mut self, log: &LogFile<FileDisk>, plan: &Arc<Plan>, machine: &Machine) -> Result<()> {
        let expected = machine.digest();
        for shards in &SHARDS[1..] {
            if log.digest(plan, *shards)? != expected {
                self.digest_mismatch += 1;
                self.wrong.push(format!("the digest with {shards} shards differs from that with one"));
            }
        }
        let Some(saved) = engine::machine_of_checkpoint(&log.reader, plan, 3)? else { return Ok(()) };
        if log.build_to(plan, 1, saved.position, &mut |_, _| ())?.digest() != saved.digest() {
            self.digest_mismatch += 1;
            self.wrong.push(format!("the checkpoint at {} is not what the log says", saved.position));
        }
        Ok(())
    }
}

/// Whether an event of the log is the one that was sent; a float that was sent whole may have become an int on its way.
fn same(sent: &Event<'_>, kept: &Event<'_>) -> bool {
    let number = |raw: &domain::Raw<'_>| match raw {
        domain::Raw::Int(int) => Some(*int as f64),
        domain::Raw::Float(float) => Some(*float),
        _ => None,
    };
    let fields = sent.fields.len() == kept.fields.len()
        && sent.fields.iter().zip(&kept.fields).all(|(sent, kept)| {
            let equal =
                sent.value == kept.value || number(&sent.value).is_some_and(|value| number(&kept.value) == Some(value));
            sent.name == kept.name && equal
        });
    fields && sent.kind == kept.kind && sent.id == kept.id && sent.time == kept.time && sent.source == kept.source
}
