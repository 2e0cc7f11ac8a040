//! What a user and an item take in memory, and what a step copies while a checkpoint is written.

use super::{Figures, Setting, rows};
use anyhow::{Context, Result};
use domain::{Payload, Position};
use state::{Catalogue, Dictionary, Rows, Scope};

const EVENTS: u64 = 200_000;
/// Events applied while a checkpoint holds the rows.
const BESIDE: u64 = 20_000;

pub(super) fn measure(setting: &Setting, figures: &mut Figures) -> Result<()> {
    let payloads: Vec<Payload<'static>> = setting.history(setting.scaled(EVENTS)).map(Payload::Event).collect();
    let (_, machine) = rows::sequence(&setting.plan, setting, &payloads)?;
    let user = machine.plan.entity("user").context("the plan has users")?;
    let users = f64::from(machine.names.entity_count(user)).max(1.0);
    let items = f64::from(machine.names.entity_count(machine.epoch.item_type())).max(1.0);
    let user_bytes: usize = machine.shards.iter().map(|shard| shard.memory().bytes).sum();
    figures.number("bytes_per_user", user_bytes as f64 / users);
    figures.number("bytes_per_item", machine.epoch.items().memory().bytes as f64 / items);
    beside_checkpoint(setting, &payloads, figures);
    Ok(())
}

/// Every page is held by a snapshot when the events come: each is copied before its first change.
fn beside_checkpoint(setting: &Setting, payloads: &[Payload<'static>], figures: &mut Figures) {
    let mut names = Dictionary::new(&setting.plan, 1);
    let catalogue = Catalogue::new(setting.plan.clone());
    let mut rows = Rows::new(setting.plan.clone(), Scope::All);
    let mut apply = |rows: &mut Rows, number: usize, payload: &Payload<'_>| {
        let position = Position(number as u64 + 1);
        let resolved = state::resolve(&setting.plan, &mut names, &catalogue, position, setting.now, payload);
        resolved.iter().for_each(|change| rows.apply(change));
    };
    payloads.iter().enumerate().for_each(|(number, payload)| apply(&mut rows, number, payload));
    let snapshot = rows.snapshot();
    let beside = payloads.iter().take(setting.scaled(BESIDE) as usize).enumerate();
    beside.for_each(|(number, payload)| apply(&mut rows, payloads.len() + number, payload));
    drop(snapshot);
    figures.note("checkpoint_bytes_per_step_max", serde_json::json!(rows.copied_bytes_max()));
    figures.note("checkpoint_pages_copied", serde_json::json!(rows.copied_pages()));
}
