//! `millrace import`: history from files into a log, in a directory or at a running server; each row once, however often it is
//! interrupted.

mod http;
mod line;
mod offline;
mod progress;
mod rejects;
mod run;
mod source;
mod target;
#[cfg(test)]
pub(crate) mod tests;

use crate::node;
use anyhow::{Context, Result, bail};
use clap::Args;
use domain::{Field, Payload, Raw, limits};
use engine::Engine;
use http::Http;
use offline::Offline;
use progress::{Place, Progress};
pub(crate) use run::{Ended, Go};
use run::{Run, Timing, latest};
use serde_json::json;
use source::{Reading, Source};
use spec::Plan;
use spec::plan::FieldType;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Instant;
use target::Target;

/// Read events and entities from files into a data directory or a running server
///
/// Takes .jsonl/.ndjson (lines as POST /v1/events and /v1/entities take them), .csv/.tsv and .parquet (columns are fields by
/// name), the folders that `millrace export` writes, and those of MovieLens 100k (RecBole), MovieLens 1M (NCF), RetailRocket and
/// simulated card payments (tx_*.csv.gz).
/// Times are the data's own. What was acknowledged is noted beside the log: the same command again goes on after it, and adds
/// nothing twice. Rows that are refused go to a file, with the reason. Ctrl-C stops at a row and says how to go on.
///
/// millrace import --data events.jsonl --dir data --spec shop.yaml
/// millrace import --data items.parquet --entity item --key sku --dir data --spec shop.yaml
/// millrace import --data clicks.csv --event view --to http://localhost:7700
/// millrace import --data backup --restore --dir fresh
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Import {
    /// The file or folder to read
    #[arg(long)]
    data: PathBuf,
    /// The directory to write to (made if it is not there)
    #[arg(long, required_unless_present = "to", conflicts_with = "to")]
    dir: Option<PathBuf>,
    /// The server to send to: HOST:PORT or http://HOST:PORT, with /t/TENANT behind it if it has tenants
    #[arg(long)]
    to: Option<String>,
    /// The server's token; without it the environment's MILLRACE_TOKEN
    #[arg(long)]
    token: Option<String>,
    /// The spec file; without it the one of the export, of the directory or of the server
    #[arg(long)]
    spec: Option<PathBuf>,
    /// The event type of rows without a column `event`
    #[arg(long)]
    event: Option<String>,
    /// The entity type of rows without a column `entity`
    #[arg(long, conflicts_with = "event")]
    entity: Option<String>,
    /// The column with the entities' keys
    #[arg(long, default_value = "key")]
    key: String,
    /// Columns to pass over, separated by commas
    #[arg(long, value_delimiter = ',')]
    skip: Vec<String>,
    /// Make the state of an exported log again: rows at their own log time, without ids of ours, into a new directory
    #[arg(long, requires = "dir")]
    restore: bool,
    /// Stop when more rows than this are refused
    #[arg(long, default_value_t = 1_000)]
    max_errors: u64,
    /// Where refused rows go; without it beside the data, with .rejects.jsonl at the end of the name
    #[arg(long)]
    rejects: Option<PathBuf>,
    /// Where it is noted how far the import is; without it in the directory, or beside the data if it is sent to a server
    #[arg(long)]
    progress: Option<PathBuf>,
    /// Forget what an earlier run has done and begin with the first row
    #[arg(long)]
    restart: bool,
    /// Take rows whose time is ahead of this machine's clock too: into a directory they move log time there for good
    #[arg(long, requires = "dir")]
    allow_future: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Import {
    pub(crate) fn run(self) -> Result<()> {
        let started = Instant::now();
        let stop = Arc::new(AtomicBool::new(false));
        let signal = node::stop_signal()?;
        let told = stop.clone();
        std::thread::Builder::new().name("stop".into()).spawn(move || {
            signal.wait();
            told.store(true, Ordering::Release);
        })?;
        let ended = self.transfer(&|_| if stop.load(Ordering::Acquire) { Go::Stop } else { Go::On })?;
        self.report(&ended, started.elapsed().as_secs_f64());
        let now = &ended.this_run;
        match ended.stopped {
            None if now.refused > 0 && now.accepted + now.duplicates == 0 => {
                bail!("nothing was imported: every row was refused; mend the rows or the spec, then add --restart")
            }
            None => Ok(()),
            Some(why) => {
                bail!("stopped after row {}: {why}; the same command again goes on from there", ended.counts.rows)
            }
        }
    }

    /// Reads to the end, or to where `go` says otherwise; it is asked before each row, with its number.
    pub(crate) fn transfer(&self, go: &dyn Fn(u64) -> Go) -> Result<Ended> {
        let source = Source::open(&self.data)?;
        let name = self.dir.as_ref().map(|dir| dir.display().to_string());
        let target_name = self.to.clone().or(name).context("there is no target")?;
        // A directory takes its progress along when it is moved.
        let place = match (&self.progress, &self.dir) {
            (Some(path), _) => Place::at(path),
            (None, Some(dir)) => Place::of(&self.data, "", Some(dir))?,
            (None, None) => Place::of(&self.data, &target_name, None)?,
        };
        let earlier = if self.restart { None } else { place.load()? };
        let resumed = earlier.is_some();
        let progress = match earlier {
            Some(mut progress) => {
                progress.check(source.identity(Some(&progress.input))?, source.may_grow)?;
                progress
            }
            None => Progress::new(source.identity(None)?, &target_name),
        };
        if progress.done {
            return Ok(Ended::already(&progress));
        }
        let (plan, mut http) = self.plan(&source)?;
        let reading = Reading {
            plan: plan.clone(),
            event: self.event.clone(),
            entity: self.entity.clone(),
            key: self.key.clone(),
            skip: self.skip.clone(),
        };
        let mut rows = source.rows(&reading, progress.counts.rows)?.peekable();
        // What is wrong with the file as a whole is said before anything is made.
        if let Some(Err(error)) = rows.next_if(Result::is_err) {
            return Err(error);
        }
        let mut offline = None;
        if let Some(dir) = &self.dir {
            let plan = plan.context("there is no spec yet; name one with --spec")?;
            let first = rows.peek().and_then(|row| row.as_ref().ok()?.record.as_ref().ok()?.log_time);
            let begin = self.restore.then(|| first.unwrap_or_default());
            offline = Some(Offline::open(dir, &plan, begin, resumed.then_some(progress.position))?);
        }
        let target: &mut dyn Target = match (&mut offline, &mut http) {
            (Some(offline), _) => offline,
            (None, Some(http)) => http,
            (None, None) => bail!("there is no target"),
        };
        let rejects = self.rejects.clone().unwrap_or_else(|| {
            let mut name = self.data.file_name().unwrap_or_default().to_owned();
            name.push(".rejects.jsonl");
            self.data.with_file_name(name)
        });
        // A server has a clock of its own to judge by.
        let timing = match &self.dir {
            Some(_) => Timing { latest: (!self.allow_future).then(latest), untimed: (!self.restore).then_some(0) },
            None => Timing::default(),
        };
        let mut run = Run::new(target, progress, &place, rejects, self.max_errors, !self.restore);
        run.timing = timing;
        let bar = node::bar(source.about, "importing");
        bar.inc(run.rows());
        let ended = run.all(&mut rows, go, &|| bar.inc(1));
        bar.finish_and_clear();
        ended
    }

    /// The spec, and the server if that is where rows go.
    fn plan(&self, source: &Source) -> Result<(Option<Arc<Plan>>, Option<Http>)> {
        let token = self.token.clone().or_else(|| std::env::var("MILLRACE_TOKEN").ok());
        let mut http = self.to.as_ref().map(|url| Http::new(url, token.as_deref())).transpose()?;
        if let Some(spec) = self.spec.as_ref().or(source.spec.as_ref()) {
            return Ok((Some(node::read_spec(spec)?), http));
        }
        if let Some(mut http) = http.take() {
            // Lines say all that a server needs; only columns must be held against a spec here.
            let needed =
                !matches!(self.data.extension().and_then(|end| end.to_str()), Some("jsonl" | "ndjson" | "json"));
            let text = match http.spec() {
                Ok(text) => text,
                Err(_) if !needed => return Ok((None, Some(http))),
                Err(error) => return Err(error),
            };
            let plan =
                spec::compile("the server's spec", &text).map_err(|wrong| anyhow::anyhow!(spec::render(&wrong)))?;
            return Ok((Some(Arc::new(plan)), Some(http)));
        }
        let Some(dir) = self.dir.as_ref().filter(|dir| dir.is_dir()) else { return Ok((None, http)) };
        Ok((node::spec_of(dir)?, http))
    }

    fn report(&self, ended: &Ended, seconds: f64) {
        let now = &ended.this_run;
        let rate = (now.accepted as f64 / seconds.max(1e-9)) as u64;
        if self.json {
            let seconds = (seconds * 1_000.0).round() / 1_000.0;
            say!(
                "{:#}",
                json!({
                    "accepted": now.accepted, "duplicates": now.duplicates, "refused": now.refused, "seconds": seconds,
                    "events_per_s": rate, "complete": ended.stopped.is_none(), "rows_done": ended.counts.rows,
                    "position": ended.position.0, "rejects": ended.rejects, "stopped": ended.stopped, "untimed": ended.untimed,
                })
            );
            return;
        }
        if ended.already {
            say!("imported already, all {} rows; --restart imports them again", ended.counts.rows);
            return;
        }
        say!(
            "{} accepted, {} duplicates, {} refused in {seconds:.1} s ({rate}/s)",
            now.accepted,
            now.duplicates,
            now.refused
        );
        if ended.untimed > 0 {
            complain!(
                "warning: {} events say no time: each stands at the time of the row before it, and in 1970 where none before had one; \
                 add a field or column `time`",
                ended.untimed
            );
        }
        if let Some(rejects) = &ended.rejects {
            say!("refused rows are in {}", rejects.display());
        }
        if let (Some(dir), Some(spec), None) = (&self.dir, &self.spec, &ended.stopped) {
            say!("serve them: millrace serve --dir {} --spec {}", dir.display(), spec.display());
        }
    }
}

/// Waits until everything submitted so far is on disk.
pub(crate) fn wait_until_durable(engine: &Engine) -> Result<()> {
    let (sender, receiver) = mpsc::channel();
    let position = engine.status().position;
    engine.when_released(position, Box::new(move |result| sender.send(result).unwrap_or(())));
    receiver.recv().context("the engine stopped")??;
    Ok(())
}

/// Columns have other types: where the plan wants an entity or a string, a number is its digits.
pub(crate) fn typed(plan: &Plan, mut payload: Payload<'static>) -> Payload<'static> {
    match &mut payload {
        Payload::Event(event) => {
            if let Some(kind) = plan.event(&event.kind).map(|kind| &plan.events[usize::from(kind)]) {
                let roles = kind.roles.iter().map(|role| role.name.as_str()).collect::<Vec<_>>();
                digits(&mut event.fields, &roles, &kind.fields);
            }
        }
        Payload::Upsert(upsert) => {
            if let Some(kind) = plan.entity(&upsert.entity) {
                digits(&mut upsert.fields, &[], &plan.entities[usize::from(kind)].fields);
            }
        }
        _ => {}
    }
    payload
}

fn digits(fields: &mut [Field<'static>], roles: &[&str], declared: &[FieldType]) {
    for field in fields.iter_mut().take(limits::FIELDS_MAX) {
        let is_text = declared.iter().any(|known| known.name == field.name && known.ty == domain::Type::Str);
        if is_text || roles.contains(&&*field.name) {
            match &field.value {
                Raw::Int(int) => field.value = Raw::Str(int.to_string().into()),
                Raw::Float(float) => field.value = Raw::Str(float.to_string().into()),
                Raw::Bool(bool) => field.value = Raw::Str(bool.to_string().into()),
                _ => {}
            }
        }
    }
}
