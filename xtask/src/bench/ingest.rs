//! Durable ingest over HTTP: a server of its own on one core, everything it does counted. The gate is about features
//! (`benches/features.yaml`); beside it stand the same events with co-visitation kept (`spine.yaml`) and for the example shop.

use super::{Figures, Setting, bodies};
use crate::node::{Folder, Node, Start};
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const EVENTS: u64 = 1_000_000;
const EVENTS_PER_BODY: usize = 1_000;
/// Calls in flight: while the disk syncs one, the others are taken.
const CONNECTIONS: usize = 6;

pub(super) fn measure(setting: &Setting, figures: &mut Figures) -> Result<()> {
    let count = setting.scaled(EVENTS);
    let bodies = bodies(setting.history(count), EVENTS_PER_BODY);
    let bytes: usize = bodies.iter().map(Vec::len).sum();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (cpu, wall, resident) = run(setting, &folder.join("benches/features.yaml"), &bodies)?;
    let cpu_ns = cpu.as_nanos() as f64 / count as f64;
    figures.number("ingest_cpu_ns_per_event", cpu_ns);
    figures.number("ingest_events_per_s_core", 1e9 / cpu_ns);
    figures.number("ingest_events_per_s_wall", count as f64 / wall.as_secs_f64());
    figures.number("ingest_bytes_per_event", bytes as f64 / count as f64);
    figures.number("rss_mb", resident as f64 / 1e6);
    let (cpu, _, _) = run(setting, &setting.spec, &bodies)?;
    figures.number("ingest_recall_cpu_ns_per_event", cpu.as_nanos() as f64 / count as f64);
    let (cpu, _, _) = run(setting, &folder.join("examples/shop.yaml"), &bodies)?;
    figures.number("ingest_shop_cpu_ns_per_event", cpu.as_nanos() as f64 / count as f64);
    figures.note("ingest_events", json!(count));
    Ok(())
}

/// Starts a server pinned to the first core, with the shop's catalogue.
pub(super) fn serve(setting: &Setting, folder: &Folder, spec: &Path) -> Result<Node> {
    let dir = folder.path.join("data");
    let start = Start {
        program: &setting.program,
        dir: &dir,
        spec,
        shards: 1,
        mode: "inline",
        threads: 1,
        checkpoint_every: "60s",
        core: Some(0),
        more: &[],
    };
    let node = start.ready()?;
    let answer = node.client().post("/v1/entities", &setting.catalogue()).context("sending the catalogue")?;
    if answer.status != 200 {
        bail!("the catalogue was refused: {}", answer.text());
    }
    Ok(node)
}

fn run(setting: &Setting, spec: &Path, bodies: &[Vec<u8>]) -> Result<(Duration, Duration, u64)> {
    let folder = Folder::new("bench")?;
    let node = serve(setting, &folder, spec)?;
    let (cpu, start) = (node.cpu()?, Instant::now());
    send(&node, bodies)?;
    let wall = start.elapsed();
    Ok((node.cpu()? - cpu, wall, node.resident_bytes()?))
}

/// Sends all bodies over several connections; returns when all are acknowledged.
pub(super) fn send(node: &Node, bodies: &[Vec<u8>]) -> Result<()> {
    let next = AtomicUsize::new(0);
    let connection = || -> Result<()> {
        let mut client = node.client();
        while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
            let answer = client.post("/v1/events", body).context("sending events")?;
            if answer.status != 200 || !answer.text().contains("\"refused\":0") {
                bail!("status {}: {:.300}", answer.status, answer.text());
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(connection)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("a connection does not panic"))
    })
}
