//! The `millrace` program as a process of its own: built, started, waited for, killed; and what it costs, from `/proc`.

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use journal::FileDisk;
use loadgen::Client;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, IsTerminal};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Kernel ticks a second, as `/proc` counts CPU time.
const TICKS_PER_S: u64 = 100;
const PAGE_BYTES: u64 = 4_096;
/// The longest that a clean stop may take.
const STOP_MAX: Duration = Duration::from_secs(60);

/// Builds the release program in the target directory that this program runs from, and returns its path.
pub(crate) fn program(root: &Path) -> Result<PathBuf> {
    let own = std::env::current_exe().context("finding this program")?;
    let folder = own.parent().context("this program lies in a folder")?;
    let target = folder.parent().context("the target directory has a folder per profile")?;
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "--quiet", "--package", "millrace", "--target-dir"])
        .arg(target)
        .current_dir(root)
        .status()
        .context("running cargo")?;
    if !built.success() {
        bail!("millrace does not build");
    }
    Ok(target.join("release").join("millrace"))
}

/// How a server is started.
pub(crate) struct Start<'a> {
    pub(crate) program: &'a Path,
    pub(crate) dir: &'a Path,
    pub(crate) spec: &'a Path,
    pub(crate) shards: u32,
    pub(crate) mode: &'a str,
    pub(crate) threads: usize,
    pub(crate) checkpoint_every: &'a str,
    /// The only core it may run on.
    pub(crate) core: Option<usize>,
    /// More arguments.
    pub(crate) more: &'a [&'a str],
}

/// A process that may not serve yet. Killed when dropped.
pub(crate) struct Node {
    child: Child,
    stdout: BufReader<ChildStdout>,
    since: Instant,
    /// Where it serves, once it does.
    pub(crate) address: SocketAddr,
    /// The last position that it found in its log, once it serves.
    pub(crate) found: u64,
}

impl Start<'_> {
    /// Starts the process and returns at once. Its complaints go to a file beside the directory.
    pub(crate) fn spawn(&self) -> Result<Node> {
        let since = Instant::now();
        let complaints = OpenOptions::new().create(true).append(true).open(complaints_of(self.dir))?;
        let mut command = match self.core {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.arg("-c").arg(core.to_string()).arg(self.program);
                command
            }
            None => Command::new(self.program),
        };
        command.args(["serve", "--bind", "127.0.0.1:0", "--mode", self.mode]);
        command.args(["--checkpoint-every", self.checkpoint_every]);
        command.arg("--shards").arg(self.shards.to_string()).arg("--threads").arg(self.threads.to_string());
        command.arg("--dir").arg(self.dir).arg("--spec").arg(self.spec).args(self.more);
        let mut child = command.stdout(Stdio::piped()).stderr(complaints).spawn().context("starting millrace")?;
        let stdout = BufReader::new(child.stdout.take().context("the output is piped")?);
        Ok(Node { child, stdout, since, address: SocketAddr::from(([127, 0, 0, 1], 0)), found: 0 })
    }

    /// Starts the process and waits until it is ready.
    pub(crate) fn ready(&self) -> Result<Node> {
        let mut node = self.spawn()?;
        node.wait_ready().with_context(|| tail_of(&complaints_of(self.dir)))?;
        Ok(node)
    }
}

fn complaints_of(dir: &Path) -> PathBuf {
    dir.with_extension("stderr")
}

fn tail_of(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("; ")
}

impl Node {
    /// Waits until the process serves and says that it is ready; returns how long that took since its start.
    pub(crate) fn wait_ready(&mut self) -> Result<Duration> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.stdout.read_line(&mut line)? == 0 {
                bail!("millrace ended before it served");
            }
            if let Some(rest) = line.strip_prefix("log at position ") {
                self.found = rest.split(';').next().unwrap_or_default().parse().context("reading the position")?;
            }
            if let Some(rest) = line.strip_prefix("serving on http://") {
                self.address = rest.split(';').next().unwrap_or_default().parse().context("reading the address")?;
                break;
            }
        }
        let answer = self.client().get("/readyz").context("asking whether the server is ready")?;
        if answer.status != 200 {
            bail!("the server is not ready: {}", answer.text());
        }
        Ok(self.since.elapsed())
    }

    /// How long ago it was started.
    pub(crate) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// A client of it.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.address, Duration::from_secs(30))
    }

    /// SIGKILL: it gets no chance to do anything.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// SIGTERM: it finishes what is in flight and writes a checkpoint. Waits for its end.
    pub(crate) fn stop(mut self) -> Result<()> {
        let asked =
            Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().context("running kill")?;
        if !asked.success() {
            bail!("millrace is gone already");
        }
        let since = Instant::now();
        while since.elapsed() < STOP_MAX {
            if let Some(status) = self.child.try_wait()? {
                return if status.success() { Ok(()) } else { bail!("millrace ended with {status}") };
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        bail!("millrace did not stop within {} s", STOP_MAX.as_secs());
    }

    fn end(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// CPU time of all its threads so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).context("reading /proc")?;
        let after_name = stat.rsplit_once(')').context("the name ends with a parenthesis")?.1;
        let ticks: u64 =
            after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Ok(Duration::from_millis(ticks * 1_000 / TICKS_PER_S))
    }

    /// CPU time so far of its threads that have one of these names and are still there.
    pub(crate) fn cpu_of(&self, names: &[&str]) -> Result<Duration> {
        let mut ns = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id())).context("reading /proc")? {
            let thread = thread?.path();
            // One that ends meanwhile is not asked for.
            let Ok(name) = fs::read_to_string(thread.join("comm")) else { continue };
            if names.contains(&name.trim_end()) {
                ns += on_cpu_ns(&fs::read_to_string(thread.join("schedstat")).context("reading /proc")?)?;
            }
        }
        Ok(Duration::from_nanos(ns))
    }

    /// Its memory in bytes.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.child.id())).context("reading /proc")?;
        let pages: u64 = statm.split_whitespace().nth(1).context("the second field")?.parse()?;
        Ok(pages * PAGE_BYTES)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.end();
    }
}

/// A folder for one run, removed at the end unless it is to be looked at.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    keep: bool,
}

impl Folder {
    /// A new, empty folder in the system's temporary directory.
    pub(crate) fn new(name: &str) -> Result<Folder> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("millrace-{name}-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Folder { path, keep: false })
    }

    /// Leaves the folder where it is.
    pub(crate) fn keep(&mut self) {
        self.keep = true;
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep {
            // What cannot be removed is left to the system's own cleaning.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// The disk of a directory.
pub(crate) fn disk(dir: &Path) -> Result<Arc<FileDisk>> {
    Ok(Arc::new(FileDisk::open(dir).with_context(|| format!("opening {}", dir.display()))?))
}

/// Copies the files of a folder that has no folders in it.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()))?;
        } else {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// CPU time of the calling thread.
pub(crate) fn thread_cpu() -> Result<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").context("reading /proc")?;
    Ok(Duration::from_nanos(on_cpu_ns(&text)?))
}

/// Time on a core, from a thread's `schedstat`.
fn on_cpu_ns(schedstat: &str) -> Result<u64> {
    schedstat.split_whitespace().next().context("the first field")?.parse().context("nanoseconds")
}

/// Binds this thread, and those it will start, to one core; a machine without `taskset` goes on unbound.
pub(crate) fn bind_to_core(core: usize) {
    let thread = fs::read_link("/proc/thread-self").ok().and_then(|link| link.file_name().map(ToOwned::to_owned));
    if let Some(thread) = thread {
        let _ = Command::new("taskset").args(["-pc", &core.to_string()]).arg(thread).stdout(Stdio::null()).status();
    }
}

/// A progress bar on the terminal's error stream; silent where there is no terminal.
pub(crate) fn bar(total: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {eta}");
    bar.set_style(style.expect("the template is a constant"));
    bar.set_message(what.to_owned());
    bar
}

/// The value at a share of the sorted values; 0 if there are none.
pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * share) as usize;
    values.get(at.min(values.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// A file of the repository for appending lines.
pub(crate) fn append_to(path: &Path) -> Result<File> {
    OpenOptions::new().create(true).append(true).open(path).with_context(|| format!("opening {}", path.display()))
}
