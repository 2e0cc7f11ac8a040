//! What one event costs in memory: its rows alone, and with all that stands before and after them.

use super::{Figures, SHOP, Setting};
use crate::node;
use anyhow::Result;
use domain::{Payload, Position, Time};
use engine::{Machine, Plan};
use sim::Rng;
use state::{Catalogue, Dictionary, Resolved, Rows, Scope};
use std::sync::Arc;
use std::time::Duration;

const EVENTS: u64 = 400_000;
const SHOP_SPEC: &str = include_str!("../../../examples/shop.yaml");

pub(super) fn measure(setting: &Setting, figures: &mut Figures) -> Result<()> {
    let payloads: Vec<Payload<'static>> = setting.history(setting.scaled(EVENTS)).map(Payload::Event).collect();
    apply(setting, &payloads, figures)?;
    let (cpu, _) = sequence(&setting.plan, setting, &payloads)?;
    figures.number("sequence_ns_per_event", per(cpu, payloads.len()));
    let shop = spec::compile("shop.yaml", SHOP_SPEC).map_err(|errors| anyhow::anyhow!(spec::render(&errors)))?;
    let (cpu, _) = sequence(&Arc::new(shop), setting, &payloads)?;
    figures.number("sequence_shop_ns_per_event", per(cpu, payloads.len()));
    Ok(())
}

/// Six aggregates on two entities, names resolved before: the rows alone, warm from a first pass.
fn apply(setting: &Setting, payloads: &[Payload<'static>], figures: &mut Figures) -> Result<()> {
    let plan = &setting.plan;
    let mut names = Dictionary::new(plan, 1);
    let catalogue = Catalogue::new(plan.clone());
    let resolve = |names: &mut Dictionary, (number, payload): (usize, &Payload<'_>)| {
        state::resolve(plan, names, &catalogue, Position(number as u64 + 1), setting.now, payload).ok()
    };
    let changes: Vec<Resolved> = payloads.iter().enumerate().filter_map(|of| resolve(&mut names, of)).collect();
    let mut rows = Rows::new(plan.clone(), Scope::All);
    let (warm, measured) = changes.split_at(changes.len() / 2);
    rows.apply_all(warm);
    let start = node::thread_cpu()?;
    measured.chunks(256).for_each(|batch| rows.apply_all(batch));
    let cpu = node::thread_cpu()? - start;
    figures.number("apply_ns_per_event", per(cpu, measured.len()));
    Ok(())
}

/// The whole state machine: ids remembered, names resolved, rows, items and indexes.
pub(super) fn sequence(
    plan: &Arc<Plan>,
    setting: &Setting,
    payloads: &[Payload<'static>],
) -> Result<(Duration, Machine)> {
    let mut machine = Machine::new(plan.clone(), 1, 1);
    let mut rng = Rng::new(11);
    let mut position = Position(0);
    let mut apply = |machine: &mut Machine, payload: &Payload<'_>, log_time: Time| {
        position = position.next();
        machine.apply(position, log_time, payload);
    };
    for number in 0..SHOP.items {
        apply(&mut machine, &Payload::Upsert(SHOP.upsert(&mut rng, number, setting.now)), Time(0));
    }
    let start = node::thread_cpu()?;
    for payload in payloads {
        let Payload::Event(event) = payload else { continue };
        apply(&mut machine, payload, event.time.unwrap_or_default());
    }
    Ok((node::thread_cpu()? - start, machine))
}

pub(super) fn per(cpu: Duration, count: usize) -> f64 {
    cpu.as_nanos() as f64 / count.max(1) as f64
}
