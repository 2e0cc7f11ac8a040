//! What each stage of a feed costs: the feeds of benches/feed.yaml are alike but for one step each, and are asked in turn, round
//! after round, so that the machine's moods fall on all of them; of each the median round counts.

use super::{Figures, Setting, bodies, feeds, ingest};
use crate::node::{self, Folder};
use anyhow::Result;
use serde_json::json;

const ROUNDS: usize = 9;
/// Over HTTP a round is long enough for the ticks in which the system counts CPU time.
const HTTP_ROUNDS: usize = 5;
const HTTP_REQUESTS: u64 = 5_000;

pub(super) fn measure(setting: &Setting, figures: &mut Figures) -> Result<()> {
    let names: Vec<&str> = setting.plan.feeds.iter().map(|feed| feed.name.as_str()).collect();
    let medians = in_process(setting, &names)?;
    let of = |name: &str| names.iter().position(|known| *known == name).map_or(f64::NAN, |at| medians[at]);
    for (name, before) in [("recalled", None), ("filtered", Some("recalled")), ("ranked", Some("filtered"))] {
        figures.number(&format!("{name}_us"), of(name));
        if let Some(before) = before {
            figures.number(&format!("{name}_stage_us"), of(name) - of(before));
        }
    }
    let steps = names.iter().filter(|name| !matches!(**name, "recalled" | "filtered" | "ranked"));
    for name in steps {
        figures.number(&format!("{name}_us"), of(name));
        figures.number(&format!("{name}_stage_us"), of(name) - of("ranked"));
    }
    over_http(setting, figures)
}

/// CPU microseconds of an answer in this process, by feed.
fn in_process(setting: &Setting, names: &[&str]) -> Result<Vec<f64>> {
    let folder = Folder::new("bench")?;
    let engine = feeds::filled(setting, &folder)?;
    let count = setting.scaled(feeds::REQUESTS) / ROUNDS as u64;
    let mut rounds = vec![Vec::new(); names.len()];
    let bar = node::bar((ROUNDS * names.len()) as u64, "asking feeds");
    for _ in 0..ROUNDS {
        for (name, rounds) in names.iter().zip(&mut rounds) {
            rounds.push(feeds::answers(&engine, name, count)?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(rounds.iter_mut().map(|of| node::quantile(of, 0.5)).collect())
}

/// CPU microseconds of the server per answer: the plain feed, and the one with every step; that one also with `explain`, where
/// the answer says of every item how it came to its place. Asked in turn as well.
fn over_http(setting: &Setting, figures: &mut Figures) -> Result<()> {
    let folder = Folder::new("bench")?;
    let node = ingest::serve(setting, &folder, &setting.spec)?;
    ingest::send(&node, &bodies(setting.history(feeds::HISTORY), 1_000))?;
    std::thread::sleep(std::time::Duration::from_millis(200));
    let count = setting.scaled(HTTP_REQUESTS);
    let asked = [("spread", false), ("every", false), ("every", true)];
    let mut rounds = [const { Vec::new() }; 3];
    for (feed, explained) in asked {
        feeds::ask(&node, feed, count / 10, 50, explained)?;
    }
    for round in 0..HTTP_ROUNDS {
        for ((feed, explained), rounds) in asked.into_iter().zip(&mut rounds) {
            let before = node.cpu()?;
            let (candidates, bytes) = feeds::ask(&node, feed, count, 50, explained)?;
            rounds.push((node.cpu()? - before).as_nanos() as f64 / 1e3 / count as f64);
            if round == 0 {
                figures.number(&format!("{}_answer_bytes", named(feed, explained)), bytes);
                figures.number(&format!("{feed}_candidates_mean"), candidates);
            }
        }
    }
    for ((feed, explained), rounds) in asked.into_iter().zip(&mut rounds) {
        figures.number(&format!("{}_http_cpu_us", named(feed, explained)), node::quantile(rounds, 0.5));
    }
    figures.note("count", json!(50));
    Ok(())
}

fn named(feed: &str, explained: bool) -> String {
    format!("{feed}{}", if explained { "_explained" } else { "" })
}
