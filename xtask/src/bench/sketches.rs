//! `cargo xtask bench sketches`: what sketches cost per event, per read and in memory, beside a count: keys whose hour holds 10, 1,000 or 100,000 different elements.

use super::rows::per;
use super::{Figures, Report, Setting, now};
use crate::node;
use anyhow::{Context, Result};
use clap::Args;
use domain::{EntityId, Event, Field, Payload, Position, Raw, Time, Value};
use sim::Rng;
use state::{Catalogue, Dictionary, Resolved, Rows, Scope};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const EVENTS: u64 = 400_000;
const READS: u64 = 5_000;
/// Different elements of a key, and how many keys share the events.
const SIZES: [(u64, u64); 3] = [(10, 2_000), (1_000, 20), (100_000, 1)];

/// One sketch per table, over an hour in panes of two minutes; a count for comparison.
const SPEC: &str = r#"
version: 1
entities: { plain: {}, different: {}, measured: {}, topped: {} }
events:
  plain:     { plain: plain, fields: { what: string, value: float } }
  different: { different: different, fields: { what: string, value: float } }
  measured:  { measured: measured, fields: { what: string, value: float } }
  topped:    { topped: topped, fields: { what: string, value: float } }
features:
  plain:     { of: "count(plain, 1h)" }
  different: { of: "distinct(different, what, 1h)" }
  measured:  { of: "quantile(measured, value, 0.95, 1h)" }
  topped:    { of: "top_k(topped, what, 5, 1h)" }
"#;

/// Measure what sketches cost: ns per event and read, bytes per key, at 10, 1,000 and 100,000 different elements
#[derive(Args)]
pub(crate) struct Sketches {
    #[command(flatten)]
    report: Report,
}

impl Sketches {
    pub(crate) fn run(self, root: &Path) -> Result<()> {
        node::bind_to_core(1);
        let plan = spec::compile("sketches.yaml", SPEC).map_err(|errors| anyhow::anyhow!(spec::render(&errors)))?;
        let (plan, quick) = (Arc::new(plan), self.report.quick);
        let setting = Setting { program: PathBuf::new(), spec: PathBuf::new(), plan, quick, now: now() };
        let mut figures = Figures::default();
        measure(&setting, &mut figures)?;
        self.report.close(root, setting.now, figures, "sketches.jsonl", &[])
    }
}

fn measure(setting: &Setting, figures: &mut Figures) -> Result<()> {
    for name in ["plain", "different", "measured", "topped"] {
        for (different, keys) in SIZES {
            one(setting, figures, name, (different, keys)).with_context(|| format!("measuring {name}"))?;
        }
        let table = setting.plan.describe().tables.into_iter().find(|table| table.name == name);
        figures.note(&format!("{name}_bytes_ceiling"), serde_json::json!(table.map(|table| table.bytes_per_key)));
    }
    Ok(())
}

/// The events of an hour for one kind of sketch.
fn one(setting: &Setting, figures: &mut Figures, name: &'static str, (different, keys): (u64, u64)) -> Result<()> {
    let count = setting.scaled(EVENTS).max(2 * different);
    let mut rng = Rng::new(different);
    let mut names = Dictionary::new(&setting.plan, 1);
    let catalogue = Catalogue::new(setting.plan.clone());
    let field = |name: &'static str, value| Field { name: name.into(), value };
    let mut cpu = std::time::Duration::ZERO;
    let mut changes: Vec<Resolved> = Vec::with_capacity(count as usize);
    for number in 0..count {
        let what = rng.below(different);
        let fields = vec![
            field(name, Raw::Str(format!("k{}", number % keys).into())),
            field("what", Raw::Str(format!("element {what}").into())),
            field("value", Raw::Float((1 + what) as f64 * 1.07)),
        ];
        let time = Time(setting.now.0 - 3_500_000 + (3_500_000 * number / count) as i64);
        let payload =
            Payload::Event(Event { kind: name.into(), source: "".into(), id: None, time: Some(time), fields });
        let position = Position(number + 1);
        let resolved = state::resolve(&setting.plan, &mut names, &catalogue, position, setting.now, &payload);
        changes.push(resolved.map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?);
    }
    let mut rows = Rows::new(setting.plan.clone(), Scope::All);
    for batch in changes.chunks(4_096) {
        let start = node::thread_cpu()?;
        rows.apply_all(batch);
        cpu += node::thread_cpu()? - start;
    }
    let key = format!("{name}_{different}");
    figures.number(&format!("{key}_ns_per_event"), per(cpu, changes.len()));
    figures.number(&format!("{key}_bytes_per_key"), rows.memory().bytes as f64 / keys as f64);
    figures.number(&format!("{key}_ns_per_read"), read(setting, &rows, name, keys)?);
    Ok(())
}

/// Nanoseconds of reading the one aggregate of a table for one key after another.
fn read(setting: &Setting, rows: &Rows, name: &str, keys: u64) -> Result<f64> {
    let plan = &setting.plan;
    let of_table = |stream: u16| plan.tables[usize::from(plan.streams[usize::from(stream)].table)].name == name;
    let aggregate = plan.aggregates.iter().position(|aggregate| of_table(aggregate.stream)).context("an aggregate")?;
    let mut row = vec![Value::Missing; plan.slots.len()];
    let reads = setting.scaled(READS);
    let start = node::thread_cpu()?;
    for number in 0..reads {
        rows.read(EntityId((number % keys) as u32), &[aggregate as u16], setting.now, &mut row);
        std::hint::black_box(&row);
    }
    Ok(per(node::thread_cpu()? - start, reads as usize))
}
