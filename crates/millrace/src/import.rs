//! `millrace import`: history from files into the log, at the data's own time.

use crate::{dataset, node};
use anyhow::{Context, Result};
use clap::Args;
use domain::{Payload, Raw, Refusal, limits};
use engine::{Clock, Config, Engine};
use serde_json::json;
use spec::Plan;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Instant;

/// Payloads per call to the engine.
const BATCH: usize = 1_000;
/// Refused rows that are reported one by one.
const REPORTED_MAX: usize = 10;

/// Read events from a file or a known data folder into a data directory
///
/// Takes .jsonl/.ndjson (one event a line, as POST /v1/events takes it, or one entry of a list with its `list`), .csv/.tsv (a header line; columns `event`, `time`,
/// `id` and the event's fields), and the folders of MovieLens 100k (RecBole), MovieLens 1M (NCF) and RetailRocket. Times are
/// the data's own. Rows with an `id` may be imported again: what is there already is not doubled.
#[derive(Args)]
pub(crate) struct Import {
    /// The file or folder to read
    #[arg(long)]
    data: PathBuf,
    /// The directory to write to (made if it is not there)
    #[arg(long)]
    dir: PathBuf,
    /// The spec file
    #[arg(long)]
    spec: PathBuf,
    /// The event type of CSV rows without a column `event`
    #[arg(long)]
    event: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Default)]
struct Counts {
    accepted: u64,
    duplicates: u64,
    refused: u64,
}

impl Import {
    pub(crate) fn run(self) -> Result<()> {
        let started = Instant::now();
        let plan = node::read_spec(&self.spec)?;
        let data = dataset::open(&self.data, self.event.as_deref())?;
        let config = Config { checkpoint_every: domain::Span(0), ..Config::new(Clock::Log) };
        let (engine, _) = node::open(&self.dir, plan.clone(), config, &mut |_, _| ())?;
        let bar = node::bar(data.about, "importing");
        let mut counts = Counts::default();
        let mut batch = Vec::with_capacity(BATCH);
        for payload in data.payloads {
            batch.push(typed(&plan, payload?));
            if batch.len() == BATCH {
                take(&engine, &batch, &mut counts)?;
                bar.inc(batch.len() as u64);
                batch.clear();
            }
        }
        take(&engine, &batch, &mut counts)?;
        wait_until_durable(&engine)?;
        engine.stop();
        bar.finish_and_clear();
        self.report(&counts, started.elapsed().as_secs_f64());
        Ok(())
    }

    fn report(&self, counts: &Counts, seconds: f64) {
        let Counts { accepted, duplicates, refused } = counts;
        let rate = (*accepted as f64 / seconds.max(1e-9)) as u64;
        if self.json {
            let seconds = (seconds * 1_000.0).round() / 1_000.0;
            println!(
                "{:#}",
                json!({ "accepted": accepted, "duplicates": duplicates, "refused": refused, "seconds": seconds, "events_per_s": rate })
            );
        } else {
            println!("{accepted} accepted, {duplicates} duplicates, {refused} refused in {seconds:.1} s ({rate}/s)");
            println!("serve them: millrace serve --dir {} --spec {}", self.dir.display(), self.spec.display());
        }
    }
}

fn take(engine: &Engine, batch: &[Payload<'static>], counts: &mut Counts) -> Result<()> {
    // Reading must not run ahead of the disk by more than a bounded number of bytes.
    while engine.status().unsynced_bytes > 16 << 20 {
        wait_until_durable(engine)?;
    }
    for (result, payload) in engine.submit(batch, false)?.results.iter().zip(batch) {
        match result {
            Ok(accepted) if accepted.duplicate => counts.duplicates += 1,
            Ok(_) => counts.accepted += 1,
            Err(refusal) => {
                counts.refused += 1;
                if counts.refused as usize <= REPORTED_MAX {
                    report_refusal(counts.accepted + counts.duplicates + counts.refused, payload, refusal);
                }
            }
        }
    }
    Ok(())
}

fn report_refusal(number: u64, payload: &Payload<'_>, refusal: &Refusal) {
    let kind = match payload {
        Payload::Event(event) => event.kind.as_ref(),
        _ => "entity",
    };
    eprintln!("row {number} ({kind}) refused: {refusal}");
}

/// Waits until everything submitted so far is on disk.
pub(crate) fn wait_until_durable(engine: &Engine) -> Result<()> {
    let (sender, receiver) = mpsc::channel();
    let position = engine.status().position;
    engine.when_released(position, Box::new(move |result| sender.send(result).unwrap_or(())));
    receiver.recv().context("the engine stopped")??;
    Ok(())
}

/// CSV has no types: where the plan wants an entity or a string, a number is its digits.
pub(crate) fn typed(plan: &Plan, payload: Payload<'static>) -> Payload<'static> {
    let Payload::Event(mut event) = payload else { return payload };
    let Some(kind) = plan.event(&event.kind) else { return Payload::Event(event) };
    let kind = &plan.events[usize::from(kind)];
    for field in event.fields.iter_mut().take(limits::FIELDS_MAX) {
        let is_role = kind.roles.iter().any(|role| role.name == field.name);
        let is_text = kind.fields.iter().any(|known| known.name == field.name && known.ty == domain::Type::Str);
        if is_role || is_text {
            match &field.value {
                Raw::Int(int) => field.value = Raw::Str(int.to_string().into()),
                Raw::Float(float) => field.value = Raw::Str(float.to_string().into()),
                Raw::Bool(bool) => field.value = Raw::Str(bool.to_string().into()),
                _ => {}
            }
        }
    }
    Payload::Event(event)
}
