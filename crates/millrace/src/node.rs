//! What several commands need: the spec from a file, the node from a directory, progress on the terminal.

use anyhow::{Context, Result, bail};
use domain::Time;
use engine::{Config, Diff, Engine, LogFile, OpenError, OpenReport};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use journal::FileDisk;
use spec::Plan;
use std::fs;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::{SystemTime, UNIX_EPOCH};

/// The machine's clock.
pub(crate) fn now() -> Time {
    Time(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64))
}

/// Most files of a spec.
const SPEC_FILES_MAX: usize = 256;

/// Reads and compiles a spec, a file or a folder; the error is the full report of what is wrong with it. What is only likely wrong is
/// told on the error stream.
pub(crate) fn read_spec(path: &Path) -> Result<Arc<Plan>> {
    let name = path.display().to_string();
    let compiled = match path.is_dir() {
        true => spec::compile(&name, &read_text(path)?),
        false => spec::compile_bytes(&name, &fs::read(path).with_context(|| format!("reading the spec {name}"))?),
    };
    match compiled {
        Ok(plan) => {
            plan.warnings_at(now()).iter().for_each(|warning| complain_of!("{}", spec::render_warning(&name, warning)));
            Ok(Arc::new(plan))
        }
        Err(diagnostics) => bail!("{}", spec::render(&diagnostics)),
    }
}

/// The text of a spec: a file's, or that of a folder's YAML files in the order of their names.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    let reading =
        |path: &Path| fs::read_to_string(path).with_context(|| format!("reading the spec {}", path.display()));
    if !path.is_dir() {
        return reading(path);
    }
    let listing = || format!("listing the folder {}", path.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(path).with_context(listing)? {
        let name = entry.with_context(listing)?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && (name.ends_with(".yaml") || name.ends_with(".yml")) {
            names.push(name);
        }
    }
    names.sort();
    match names.len() {
        0 => bail!("the folder {} has no file that ends in .yaml", path.display()),
        1..=SPEC_FILES_MAX => {}
        count => bail!("the folder {} has {count} spec files; at most {SPEC_FILES_MAX} are allowed", path.display()),
    }
    let files = names.into_iter().map(|name| Ok((name.clone(), reading(&path.join(name))?)));
    Ok(spec::bundle(&files.collect::<Result<Vec<_>>>()?))
}

/// Opens the log of a data directory to read what is durable now, also beside a running server: whether there is one. Nothing is made
/// or changed.
pub(crate) fn open_log(dir: &Path) -> Result<(LogFile<FileDisk>, bool)> {
    if !dir.is_dir() {
        bail!("there is no directory {}", dir.display());
    }
    let disk = FileDisk::open_to_read(dir).with_context(|| format!("opening the directory {}", dir.display()))?;
    LogFile::open_to_read(&Arc::new(disk)).with_context(|| format!("reading the log in {}", dir.display()))
}

/// The spec that is in force in a data directory; none if there is no log yet.
pub(crate) fn spec_of(dir: &Path) -> Result<Option<Arc<Plan>>> {
    if !dir.is_dir() {
        return Ok(None);
    }
    let disk = FileDisk::open_to_read(dir).with_context(|| format!("opening the directory {}", dir.display()))?;
    match LogFile::open_to_read(&Arc::new(disk)) {
        Ok((log, _)) => Ok(log.plan()),
        Err(OpenError::Journal(journal::Error::NoLog)) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading the log in {}", dir.display())),
    }
}

/// Opens the directory's disk, making the directory if it is not there.
pub(crate) fn open_disk(dir: &Path) -> Result<Arc<FileDisk>> {
    fs::create_dir_all(dir).with_context(|| format!("making the directory {}", dir.display()))?;
    Ok(Arc::new(FileDisk::open(dir).with_context(|| format!("opening the directory {}", dir.display()))?))
}

/// Opens the node in a directory, with a progress bar while the log is applied, and says what it found. `progress` hears of (records
/// applied, records in the log) too.
pub(crate) fn open(
    dir: &Path,
    plan: Arc<Plan>,
    config: Config,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(Engine, OpenReport)> {
    let disk = open_disk(dir)?;
    journal::refuse_foreign(&*disk).with_context(|| format!("opening {}", dir.display()))?;
    let page_key =
        engine::page_key(dir).with_context(|| format!("making the key of page tokens in {}", dir.display()))?;
    let config = Config { page_key, tell: tell_of(""), ..config };
    let bar = bar(0, "applying the log");
    let opened = Engine::open(disk, journal::Options::default(), plan, config, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
        progress(done, total);
    });
    bar.finish_and_clear();
    let (engine, report) = opened.with_context(|| format!("opening {}", dir.display()))?;
    for warning in &report.warnings {
        complain!("warning: {warning}");
    }
    Ok((engine, report))
}

/// Takes lines of a node for the error stream; each begins with `whose`.
pub(crate) fn tell_of(whose: &str) -> engine::Tell {
    let whose = whose.to_owned();
    Arc::new(move |line| complain!("warning: {whose}{line}"))
}

/// Says what opening found: how state was built, and what the spec changed. Each line begins with `whose`.
pub(crate) fn tell(whose: &str, report: &OpenReport) {
    if report.journal.truncated_bytes > 0 {
        say!("{whose}a torn tail of {} bytes, never acknowledged, was cut", report.journal.truncated_bytes);
    }
    say!(
        "{whose}log at position {}; state from checkpoint {} and {} records",
        report.journal.last,
        report.checkpoint,
        report.replayed
    );
    report.diff.iter().for_each(|diff| tell_diff(whose, diff));
}

/// Says what a changed spec changes.
pub(crate) fn tell_diff(whose: &str, diff: &Diff) {
    for (what, names) in [("added", &diff.added), ("changed", &diff.changed), ("removed", &diff.removed)] {
        if !names.is_empty() {
            say!("{whose}spec: {what} {}", names.join(", "));
        }
    }
}

/// A progress bar on the terminal's error stream; silent where there is no terminal.
pub(crate) fn bar(total: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}");
    bar.set_style(style.expect("the template is a constant"));
    bar.set_message(what.to_owned());
    bar
}

/// Ctrl-C and SIGTERM, to wait for.
pub(crate) struct StopSignal {
    told: mpsc::Receiver<()>,
    tell: mpsc::Sender<()>,
}

/// Ends the wait for a stop as a signal does.
pub(crate) struct Alarm(mpsc::Sender<()>);

impl Alarm {
    /// Ends the wait.
    pub(crate) fn ring(&self) {
        // Nobody waits any more once the program stops.
        let _ = self.0.send(());
    }
}

impl StopSignal {
    /// Returns when the program is told to stop.
    pub(crate) fn wait(&self) {
        // An error means that the listening thread is gone: stop as well.
        let _ = self.told.recv();
    }

    /// Whether the program was told to stop; a stop is told once.
    pub(crate) fn is_told(&self) -> bool {
        self.told.try_recv().is_ok()
    }

    /// What ends the wait too.
    pub(crate) fn alarm(&self) -> Alarm {
        Alarm(self.tell.clone())
    }
}

/// Starts to listen for Ctrl-C and SIGTERM; a second signal ends the program at once.
pub(crate) fn stop_signal() -> Result<StopSignal> {
    let (tell, told) = mpsc::channel();
    let sender = tell.clone();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().build().context("starting to listen for signals")?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
                return;
            };
            let mut told = false;
            loop {
                tokio::select! {
                    _ = tokio::signal::ctrl_c() => {}
                    _ = terminate.recv() => {}
                }
                if std::mem::replace(&mut told, true) {
                    std::process::exit(130);
                }
                if sender.send(()).is_err() {
                    return;
                }
            }
        });
    })?;
    Ok(StopSignal { told, tell })
}
