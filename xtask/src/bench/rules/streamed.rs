//! Decisions through a server: lines over one connection, answered as a stream, with the journal, the server on a core of its own.
//! What counts is the processor time of its whole process.

use super::{Draw, line};
use crate::bench::{Figures, now};
use crate::node::{self, Folder, Node, Start};
use anyhow::{Context, Result, bail};
use domain::Time;
use loadgen::post_lines;
use serde_json::json;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// How many lines are sent with one write.
const LINES_PER_WRITE: usize = 256;
/// How many requests of one line, one after the other, the time to an answer is taken from.
const ALONE: u64 = 2_000;

pub(super) fn measure(root: &Path, quick: bool, figures: &mut Figures) -> Result<()> {
    let program = node::program(root)?;
    let folder = Folder::new("rules")?;
    let (dir, spec) = (folder.path.join("data"), folder.path.join("rules.yaml"));
    fs::write(&spec, super::realistic::spec(50, 7)).context("writing the spec")?;
    let start = Start {
        program: &program,
        dir: &dir,
        spec: &spec,
        shards: 1,
        mode: "inline",
        threads: 1,
        checkpoint_every: "60s",
        core: Some(0),
        more: &[],
    };
    let node = start.ready()?;
    let count = if quick { 60_000 } else { 600_000 };
    let mut draw = Draw(3);
    // They end now: events of the future are refused.
    let start = Time(now().0 - (count + ALONE) as i64 * 20);
    let lines: Vec<String> = (0..count + ALONE).map(|number| line(&mut draw, start, number).1 + "\n").collect();
    let (lines, alone) = lines.split_at(count as usize);
    let (warm, measured) = lines.split_at(lines.len() / 3);
    send(&node, warm)?;
    let (cpu, begin) = (node.cpu()?, Instant::now());
    send(&node, measured)?;
    let (wall, cpu) = (begin.elapsed(), node.cpu()? - cpu);
    let cpu_us = cpu.as_nanos() as f64 / 1e3 / measured.len() as f64;
    figures.number("http_cpu_us_per_event", cpu_us);
    figures.number("http_events_per_s_core", 1e6 / cpu_us);
    figures.number("http_events_per_s_wall", measured.len() as f64 / wall.as_secs_f64());
    figures.number("http_rss_mb", node.resident_bytes()? as f64 / 1e6);
    figures.note("http_events", json!(measured.len()));
    one_by_one(&node, alone, figures)
}

/// Sends lines over one connection as fast as they are taken, while their answers are read.
fn send(node: &Node, lines: &[String]) -> Result<()> {
    let (mut sender, mut answers) = post_lines(node.address, "/v1/decisions/risk", None, Duration::from_secs(30))?;
    let bodies: Vec<Vec<u8>> = lines.chunks(LINES_PER_WRITE).map(|some| some.concat().into_bytes()).collect();
    let sending = std::thread::spawn(move || {
        bodies.iter().try_for_each(|body| sender.send(body))?;
        sender.finish()
    });
    let mut answered = 0;
    while let Some(count) = answers.skip_lines().context("reading answers")? {
        answered += count;
    }
    sending.join().expect("sending does not panic").context("sending events")?;
    if answered != lines.len() || answers.status()? != 200 {
        bail!("status {} and {answered} answers to {} lines", answers.status()?, lines.len());
    }
    Ok(())
}

/// How long an answer takes that nothing else is sent before: the disk's part of it is most.
fn one_by_one(node: &Node, lines: &[String], figures: &mut Figures) -> Result<()> {
    let (mut sender, mut answers) = post_lines(node.address, "/v1/decisions/risk", None, Duration::from_secs(30))?;
    let mut each = Vec::with_capacity(lines.len());
    for line in lines {
        let begin = Instant::now();
        sender.send(line.as_bytes())?;
        let answer = answers.next_line()?.context("an answer to each line")?;
        if !answer.starts_with(b"{\"id\"") {
            bail!("not decided: {}", String::from_utf8_lossy(answer));
        }
        each.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    sender.finish()?;
    figures.spread("http_one_by_one_ms", &mut each);
    Ok(())
}
