//! What a decision asks for: an event's rows written and six windows on its three entities read right after it, batch by batch as
//! they come from the log.

use super::{START, compile, per, timed};
use crate::bench::{Figures, Setting};
use anyhow::{Context, Result};
use domain::{Event, Field, Payload, Position, Raw, Time, Value};
use sim::Rng;
use spec::Plan;
use state::{Catalogue, Change, Dictionary, Resolved, Rows, Scope};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

const SPEC: &str = r#"
version: 1
entities: { card: {}, terminal: {} }
events:
  pay: { user: user, card: card, terminal: terminal, fields: { amount: float, country: string } }
features:
  user:
    payments_10m: count(pay, 10m)
    countries_1d: distinct(pay, country, 1d)
  card:
    spent_1d: sum(pay, amount, 1d)
    most_7d: max(pay, amount, 7d)
  terminal:
    payments_1h: count(pay, 1h)
    average_7d: mean(pay, amount, 7d)
"#;
const EVENTS: u64 = 600_000;
/// Log time that the events take.
const HISTORY_MS: u64 = 7 * 86_400_000;

pub(super) fn measure(setting: &Setting, figures: &mut Figures) -> Result<()> {
    let plan = Arc::new(compile(SPEC)?);
    let changes = payments(&plan, setting.scaled(EVENTS))?;
    let wanted = by_role(&plan)?;
    let mut rows = Rows::new(plan.clone(), Scope::All);
    let mut row = vec![Value::Missing; plan.slots.len()];
    let (warm, measured) = changes.split_at(changes.len() / 2);
    rows.apply_all(warm);
    let mut cpu = Duration::ZERO;
    for batch in measured.chunks(Rows::AHEAD) {
        cpu += timed(|| {
            rows.touch_all(batch);
            for change in batch {
                rows.apply(change);
                let Change::Event(event) = &change.change else { continue };
                for (id, aggregates) in event.entities.iter().zip(&wanted) {
                    rows.read(*id, aggregates, event.time, &mut row);
                }
                black_box(&row);
            }
        })?
        .0;
    }
    figures.number("apply_and_read_ns", per(cpu, measured.len()));
    Ok(())
}

/// Payments of 50,000 users with 60,000 cards at 5,000 terminals, few of which take most.
fn payments(plan: &Arc<Plan>, count: u64) -> Result<Vec<Resolved>> {
    let (mut dictionary, catalogue) = (Dictionary::new(plan, 1), Catalogue::new(plan.clone()));
    let mut rng = Rng::new(7);
    let resolved = (0..count).map(|number| {
        let time = Time(START.0 + (HISTORY_MS * number / count) as i64);
        let event = payment(&mut rng, time);
        state::resolve(plan, &mut dictionary, &catalogue, Position(number + 1), time, &Payload::Event(event))
    });
    resolved.collect::<Result<_, _>>().ok().context("the dictionary has room for the payments")
}

fn payment(rng: &mut Rng, time: Time) -> Event<'static> {
    let mut skewed = |prefix: &str, most: f64| {
        let unit = rng.below(1 << 53) as f64 / (1u64 << 53) as f64;
        Raw::Str(format!("{prefix}{}", (most.powf(unit) - 1.0) as u64).into())
    };
    let entities = [skewed("u", 50_000.0), skewed("c", 60_000.0), skewed("t", 5_000.0)];
    let amount = Raw::Float(rng.below(10_000) as f64 / 100.0);
    let country = Raw::Str(format!("C{}", rng.below(8)).into());
    let names = ["user", "card", "terminal", "amount", "country"];
    let values = entities.into_iter().chain([amount, country]);
    let fields = names.into_iter().zip(values).map(|(name, value)| Field { name: name.into(), value }).collect();
    Event { kind: "pay".into(), source: "bench".into(), id: None, time: Some(time), fields }
}

/// For each role of a payment, the aggregates over its entity.
fn by_role(plan: &Plan) -> Result<Vec<Vec<u16>>> {
    let pay = plan.event("pay").context("the spec has payments")?;
    let over = |entity: u16| {
        let of_entity = |at: &u16| {
            let stream = plan.aggregates[usize::from(*at)].stream;
            plan.tables[usize::from(plan.streams[usize::from(stream)].table)].entity == entity
        };
        (0..plan.aggregates.len() as u16).filter(of_entity).collect()
    };
    Ok(plan.events[usize::from(pay)].roles.iter().map(|role| over(role.entity)).collect())
}
