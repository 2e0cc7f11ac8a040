//! Tenants from their file: what they are, and their opening. A mistake in the file itself refuses the start; a tenant whose own spec
//! or directory is broken is reported, and the others serve.

use crate::{node, tokens};
use anyhow::{Context, Result, bail};
use engine::{Config, Housekeeping, Plan};
use server::{Quota, Rate, Server, Tenant, TenantConfig, Token};
use spec::TenantLimits;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Segments of a tenant's log: small, since each tenant has one at least, and a limit is kept to within one.
const SEGMENT_BYTES_MAX: u64 = 8 << 20;
/// The file in a directory that a single node keeps its log in.
const LOCK: &str = "LOCK";

/// A file of tenants with all that it names.
pub(crate) struct Hosting {
    /// Tokens that open the metrics of the process.
    pub(crate) operator: Vec<Token>,
    /// In the order of the file.
    pub(crate) tenants: Vec<Hosted>,
}

/// One tenant.
pub(crate) struct Hosted {
    /// What was written of it.
    pub(crate) written: spec::Tenant,
    /// Where its spec is.
    pub(crate) spec: PathBuf,
    /// Its plan, or all that is wrong with its spec.
    pub(crate) plan: Result<Arc<Plan>>,
    tokens: Vec<Token>,
}

/// Whether a file is one of tenants: no spec has such a section.
pub(crate) fn is_tenants_file(text: &str) -> bool {
    text.lines().any(|line| line.trim_end() == "tenants:" || line.starts_with("tenants: "))
}

/// Reads the file, and the specs and tokens that it names, beside it.
pub(crate) fn read(path: &Path) -> Result<Hosting> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading the tenants {}", path.display()))?;
    let written = match spec::read_tenants(&path.display().to_string(), &text) {
        Ok(written) => written,
        Err(diagnostics) => bail!("{}", spec::render(&diagnostics)),
    };
    let beside = |name: &str| path.parent().unwrap_or(Path::new("")).join(name);
    let operator = written.operator.as_deref().map(|name| tokens::read(&beside(name))).transpose()?.unwrap_or_default();
    let hosted = written.tenants.into_iter().map(|tenant| {
        let tokens = tenant.tokens.as_deref().map(|name| tokens::read(&beside(name))).transpose();
        let tokens = tokens.with_context(|| format!("tenant '{}'", tenant.name))?.unwrap_or_default();
        let spec = beside(&tenant.spec);
        Ok(Hosted { plan: node::read_spec(&spec), spec, tokens, written: tenant })
    });
    Ok(Hosting { operator, tenants: hosted.collect::<Result<_>>()? })
}

impl Hosting {
    /// What the server has to know of them.
    pub(crate) fn configs(&self) -> Vec<TenantConfig> {
        let config = |hosted: &Hosted| TenantConfig {
            name: hosted.written.name.clone(),
            tokens: hosted.tokens.clone(),
            quota: quota(&hosted.written.limits),
        };
        self.tenants.iter().map(config).collect()
    }

    /// Opens every tenant below `dir`, as many at once as there are cores; each serves as soon as it is open. An error only if none
    /// could be opened.
    pub(crate) fn open(&self, dir: &Path, config: &Config, slots: &[Arc<Tenant>]) -> Result<usize> {
        if dir.join(LOCK).exists() {
            bail!("{} holds the log of a single node; tenants need a directory of their own", dir.display());
        }
        let housekeeping = Arc::new(Housekeeping::start(config.epoch_every).context("starting threads")?);
        let (next, serving) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let openers = std::thread::available_parallelism().map_or(1, usize::from).min(self.tenants.len());
        std::thread::scope(|scope| {
            for _ in 0..openers {
                scope.spawn(|| {
                    while let Some(hosted) = self.tenants.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let opened = hosted.open(&housekeeping, dir, config.clone(), slots);
                        serving.fetch_add(usize::from(opened), Ordering::Relaxed);
                    }
                });
            }
        });
        match serving.into_inner() {
            0 => bail!("no tenant could be opened"),
            serving => Ok(serving),
        }
    }
}

impl Hosted {
    /// Opens the tenant and hands it to the server; whether that went well. What did not is said.
    fn open(&self, housekeeping: &Arc<Housekeeping>, dir: &Path, config: Config, slots: &[Arc<Tenant>]) -> bool {
        let name = &self.written.name;
        let Some(slot) = slots.iter().find(|slot| slot.name() == Some(name)) else { return false };
        let opened = catch_unwind(AssertUnwindSafe(|| self.open_engine(housekeeping, &dir.join(name), config, slot)));
        let opened = opened.unwrap_or_else(|_| bail!("opening it went wrong; that is a mistake of the program"));
        if let Err(error) = &opened {
            complain!("error: the tenant '{name}' is not served: {error:#}");
            slot.fail();
        }
        opened.is_ok()
    }

    fn open_engine(&self, housekeeping: &Arc<Housekeeping>, dir: &Path, config: Config, slot: &Tenant) -> Result<()> {
        let plan = match &self.plan {
            Ok(plan) => plan.clone(),
            Err(error) => bail!("{error:#}"),
        };
        let limits = &self.written.limits;
        let options =
            journal::Options { segment_bytes: segment_bytes(limits.log_bytes), ..journal::Options::default() };
        let config = Config {
            retain: self.written.retain.or(config.retain),
            entities_max: limits.entities.unwrap_or(config.entities_max),
            strings_max: limits.strings.unwrap_or(config.strings_max),
            log_bytes_max: limits.log_bytes.unwrap_or(config.log_bytes_max),
            tell: node::tell_of(&format!("{}: ", self.written.name)),
            ..config
        };
        let disk = node::open_disk(dir)?;
        let mut progress = |done, total| slot.progress(done, total);
        let (engine, report) = engine::Engine::open_in(housekeeping, disk, options, plan, config, &mut progress)
            .with_context(|| format!("opening {}", dir.display()))?;
        node::tell(&format!("{}: ", self.written.name), &report);
        report.warnings.iter().for_each(|warning| complain!("warning: {}: {warning}", self.written.name));
        slot.serve(Arc::new(engine));
        Ok(())
    }
}

fn segment_bytes(log_bytes: Option<u64>) -> u64 {
    log_bytes.map_or(SEGMENT_BYTES_MAX, |bytes| (bytes / 8).clamp(1 << 20, SEGMENT_BYTES_MAX))
}

fn quota(limits: &TenantLimits) -> Quota {
    let rate = |per_second: Option<u32>, burst: Option<u32>| {
        per_second.map(|per_second| Rate { per_second, burst: burst.unwrap_or(per_second) })
    };
    Quota {
        requests: rate(limits.requests_per_second, limits.requests_burst),
        events: rate(limits.events_per_second, limits.events_burst),
        body_bytes: limits.body_bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
    }
}

/// Listens for the tenants, none of them open yet.
pub(crate) fn listen(http: server::Config, hosting: &Hosting) -> Result<Server> {
    let http = server::Config { tokens: hosting.operator.clone(), ..http };
    Ok(Server::listen_for(http, hosting.configs())?)
}
