//! What a feed request costs: over HTTP by the CPU time of the whole server, and in this process by that of one thread.

use super::{Figures, SHOP, Setting, bodies, ingest};
use crate::node::{self, Folder, Node};
use anyhow::{Context, Result, bail};
use domain::{FeedRequest, Payload, Raw, Span, Subject};
use engine::{Clock, Config, Engine};
use serde_json::{Value, json};
use sim::Rng;
use std::sync::mpsc;

pub(super) const HISTORY: u64 = 200_000;
pub(super) const REQUESTS: u64 = 10_000;
/// A server that sleeps and wakes for each call pays for that too; with several connections it hardly does.
const CONNECTIONS: u64 = 8;
/// One answer in so many is read.
const SAMPLE: u64 = 50;

pub(super) fn measure(setting: &Setting, figures: &mut Figures) -> Result<()> {
    let folder = Folder::new("bench")?;
    let node = ingest::serve(setting, &folder, &setting.spec)?;
    ingest::send(&node, &bodies(setting.history(HISTORY), 1_000))?;
    // Both copies of the items are brought up to date before anything is measured.
    std::thread::sleep(std::time::Duration::from_millis(200));
    let count = setting.scaled(REQUESTS);
    ask(&node, "home", count / 10, 50, false)?;
    let mut candidates = 0.0;
    for (slate, name) in [(50, "feed_cpu_us"), (20, "feed_20_cpu_us")] {
        let before = node.cpu()?;
        (candidates, _) = ask(&node, "home", count, slate, false)?;
        figures.number(name, (node.cpu()? - before).as_nanos() as f64 / 1e3 / count as f64);
    }
    figures.number("feed_candidates_mean", candidates);
    figures.note("feed_count", json!(50));
    figures.number("null_server_cpu_us", idle(&node, count)?);
    drop(node);
    figures.number("feed_in_process_us", in_process(setting, count)?);
    Ok(())
}

/// Asks for slates over several connections; returns how many candidates they had on average, and how many bytes.
pub(super) fn ask(node: &Node, feed: &str, count: u64, slate: u64, explained: bool) -> Result<(f64, f64)> {
    let path = format!("/v1/feeds/{feed}");
    let sums = connections(count, |connection, share| {
        let mut client = node.client();
        let mut rng = Rng::new(3).split(connection);
        let (mut candidates, mut bytes) = (0, 0);
        for number in 0..share {
            let user = SHOP.user(&mut rng);
            let explain = if explained { ",\"explain\":true" } else { "" };
            let body =
                format!("{{\"user\":\"{user}\",\"count\":{slate},\"context\":{{\"device\":\"phone\"}}{explain}}}");
            let answer = client.post(&path, body.as_bytes()).context("asking")?;
            if answer.status != 200 {
                bail!("status {}: {}", answer.status, answer.text());
            }
            bytes += answer.body.len() as u64;
            // Reading JSON costs this process more than the answer costs the server: a sample is enough.
            if number % SAMPLE == 0 {
                let answer: Value = serde_json::from_slice(&answer.body).context("an answer is JSON")?;
                candidates += answer["candidates"].as_u64().unwrap_or_default();
            }
        }
        Ok((candidates, bytes))
    })?;
    let (candidates, bytes) = sums.into_iter().fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
    let share = (count / CONNECTIONS).max(1);
    let sampled = CONNECTIONS * share.div_ceil(SAMPLE);
    Ok((candidates as f64 / sampled as f64, bytes as f64 / (CONNECTIONS * share) as f64))
}

/// CPU microseconds of a call that does nothing.
fn idle(node: &Node, count: u64) -> Result<f64> {
    let before = node.cpu()?;
    connections(count * 5, |_, share| {
        let mut client = node.client();
        (0..share).try_for_each(|_| client.get("/healthz").map(drop).context("asking"))
    })?;
    Ok((node.cpu()? - before).as_nanos() as f64 / 1e3 / (count * 5) as f64)
}

/// Shares `count` calls among connections that are kept open.
fn connections<T: Send>(count: u64, calls: impl Fn(u64, u64) -> Result<T> + Sync) -> Result<Vec<T>> {
    let calls = &calls;
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..CONNECTIONS).map(|connection| scope.spawn(move || calls(connection, count / CONNECTIONS))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a connection does not panic")).collect()
    })
}

/// CPU microseconds of the calling thread per answer of an engine in this process.
fn in_process(setting: &Setting, count: u64) -> Result<f64> {
    let folder = Folder::new("bench")?;
    let engine = filled(setting, &folder)?;
    answers(&engine, "home", count)
}

/// An engine in this process with the catalogue and the history.
pub(super) fn filled(setting: &Setting, folder: &Folder) -> Result<Engine> {
    let config = Config { checkpoint_every: Span(0), ..Config::new(Clock::Wall) };
    let disk = node::disk(&folder.path)?;
    let (engine, _) = Engine::open(disk, journal::Options::default(), setting.plan.clone(), config, &mut |_, _| ())?;
    let mut rng = Rng::new(11);
    let items = (0..SHOP.items).map(|number| Payload::Upsert(SHOP.upsert(&mut rng, number, setting.now)));
    let payloads: Vec<Payload<'static>> = items.chain(setting.history(HISTORY).map(Payload::Event)).collect();
    for batch in payloads.chunks(1_000) {
        let last = engine.submit(batch, false)?.last;
        let (sender, receiver) = mpsc::channel();
        engine.when_released(last, Box::new(move |result| drop(sender.send(result))));
        receiver.recv().context("the engine answers")??;
    }
    std::thread::sleep(std::time::Duration::from_millis(200));
    Ok(engine)
}

/// CPU microseconds of this thread per answer of a feed.
pub(super) fn answers(engine: &Engine, feed: &str, count: u64) -> Result<f64> {
    let mut rng = Rng::new(13);
    let requests: Vec<FeedRequest> = (0..count).map(|_| request(feed, &mut rng)).collect();
    let before = node::thread_cpu()?;
    for request in requests {
        std::hint::black_box(engine.recommend(request)?);
    }
    Ok((node::thread_cpu()? - before).as_nanos() as f64 / 1e3 / count as f64)
}

fn request(feed: &str, rng: &mut Rng) -> FeedRequest {
    let context = vec![("device".into(), Raw::Str("phone".into()))];
    FeedRequest { context, ..FeedRequest::new(feed, Subject::User(SHOP.user(rng)), 50) }
}
