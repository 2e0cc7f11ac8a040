//! How soon an acknowledged event is in answers, for its own user and for everybody else, and how long the disk is waited for.

use super::{Figures, Setting, bodies, ingest};
use crate::node::{Folder, Node};
use anyhow::{Context, Result, bail};
use loadgen::Client;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const HISTORY: u64 = 50_000;
/// Events sent beside the probes, at most.
const BESIDE: u64 = 300_000;
const PROBES: u64 = 500;

pub(super) fn measure(setting: &Setting, figures: &mut Figures) -> Result<()> {
    let folder = Folder::new("bench")?;
    let node = ingest::serve(setting, &folder, &setting.spec)?;
    ingest::send(&node, &bodies(setting.history(HISTORY), 1_000))?;
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Beside other traffic, so that answers see what the disk does not have yet.
        let writer = scope.spawn(|| write_on(setting, &node, &over));
        let probed = probe(setting, &node, figures);
        over.store(true, Ordering::Release);
        writer.join().expect("the writer does not panic").and(probed)
    })
}

/// Sends events, a hundred at a time, until it is over.
fn write_on(setting: &Setting, node: &Node, over: &AtomicBool) -> Result<()> {
    let bodies = bodies(setting.history(HISTORY + BESIDE).skip(HISTORY as usize), 100);
    let mut client = node.client();
    for body in bodies {
        if over.load(Ordering::Acquire) {
            break;
        }
        client.post("/v1/events", &body).context("sending events")?;
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn probe(setting: &Setting, node: &Node, figures: &mut Figures) -> Result<()> {
    let mut client = node.client();
    let (mut own, mut others, mut waits, mut acks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for number in 0..setting.scaled(PROBES) {
        let event = format!("{{\"event\":\"view\",\"user\":\"probe{number}\",\"item\":\"i1\",\"id\":\"p{number}\"}}");
        let start = Instant::now();
        let acked = call(&mut client, "/v1/events", &event)?["position"].as_u64().context("a position")?;
        let acknowledged = Instant::now();
        acks.push((acknowledged - start).as_secs_f64() * 1e3);
        own.push(until(&mut client, &format!("probe{number}"), "rows", acked, acknowledged, &mut waits)?);
        others.push(until(&mut client, "u0", "epoch", acked, acknowledged, &mut waits)?);
    }
    let [own_p50, own_p99] = [0.5, 0.99].map(|share| crate::node::quantile(&mut own, share));
    let [p50, p99] = [0.5, 0.99].map(|share| (crate::node::quantile(&mut others, share) * 1e3).round() / 1e3);
    let spread = |p50: f64, p99: f64| json!({ "p50": p50, "p99": p99 });
    figures.note("freshness_ms", json!({ "same_user": spread(own_p50, own_p99), "others": spread(p50, p99) }));
    figures.spread("durability_wait_ms", &mut waits);
    figures.spread("ack_ms", &mut acks);
    Ok(())
}

/// Milliseconds from the acknowledgement until an answer has read that position: 0 if the next answer has.
fn until(client: &mut Client, user: &str, of: &str, acked: u64, since: Instant, waits: &mut Vec<f64>) -> Result<f64> {
    let body = format!("{{\"user\":\"{user}\",\"count\":10}}");
    for attempt in 0..100_000 {
        let answer = call(client, "/v1/feeds/home", &body)?;
        waits.push(answer["durability_wait_us"].as_f64().unwrap_or_default() / 1e3);
        if answer["positions"][of].as_u64().unwrap_or_default() >= acked {
            return Ok(if attempt == 0 && of == "rows" { 0.0 } else { since.elapsed().as_secs_f64() * 1e3 });
        }
    }
    bail!("position {acked} never came into an answer")
}

fn call(client: &mut Client, path: &str, body: &str) -> Result<Value> {
    let answer = client.post(path, body.as_bytes()).context("asking")?;
    if answer.status != 200 {
        bail!("status {}: {}", answer.status, answer.text());
    }
    serde_json::from_slice(&answer.body).context("an answer is JSON")
}
