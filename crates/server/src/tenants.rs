//! Who is served: one node at `/v1/...`, or named tenants at `/t/{tenant}/v1/...`, each with its own engine, tokens, limits, counters
//! and state of opening. A path leads to a tenant by its name alone; no file is looked at.

use crate::Shared;
use crate::auth::Token;
use crate::calls::outcomes::Pages;
use crate::config::{Config, StartError};
use crate::gorse_api::Gorse;
use crate::metrics::{Metrics, Scope};
use crate::news::News;
use crate::outbox::Outbox;
use crate::quota::{Meter, Quota};
use crate::replays::{Replays, Running};
use domain::{Code, Refusal, limits};
use engine::Engine;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Where a path of a named tenant begins.
const PREFIX: &str = "/t/";

/// A tenant to be served.
#[derive(Clone, Debug)]
pub struct TenantConfig {
    /// Its name in the path and in metrics; checked by whoever read it.
    pub name: String,
    /// Who may call it.
    pub tokens: Vec<Token>,
    /// What it may use.
    pub quota: Quota,
}

/// A tenant, or the only node of a server without tenants. Its engine is given when it is open; until then callers get 503.
pub struct Tenant {
    name: Option<String>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) metrics: Arc<Metrics>,
    config: Arc<Config>,
    running: Running,
    stopping: Arc<AtomicBool>,
    open: OnceLock<Arc<Shared>>,
    failed: AtomicBool,
    done: AtomicU64,
    total: AtomicU64,
}

impl Tenant {
    fn new(
        name: Option<String>,
        tokens: Vec<Token>,
        quota: Quota,
        metrics: Arc<Metrics>,
        with: &With<'_>,
    ) -> Arc<Tenant> {
        Arc::new(Tenant {
            name,
            tokens,
            meter: Arc::new(Meter::new(quota)),
            metrics,
            config: with.config.clone(),
            running: with.running.clone(),
            stopping: with.stopping.clone(),
            open: OnceLock::new(),
            failed: AtomicBool::new(false),
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
        })
    }

    /// Its name; none if it is the only one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Notes how far the log is applied: records done, records in all.
    pub fn progress(&self, done: u64, total: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    /// Serves from this engine from now on; stops it at once if the server is stopping, or if there is one already.
    pub fn serve(&self, engine: Arc<Engine>) {
        self.begin(engine, None);
    }

    /// The same with the Gorse interface, which reads the whole log first.
    ///
    /// # Errors
    /// `Gorse`: it cannot be served from this spec or this log.
    pub fn serve_with_gorse(&self, engine: Arc<Engine>) -> Result<(), StartError> {
        let gorse = Gorse::open(&engine)?;
        self.begin(engine, Some(gorse));
        Ok(())
    }

    fn begin(&self, engine: Arc<Engine>, gorse: Option<Arc<Gorse>>) {
        let news = News::new(engine.clone());
        let outbox = (self.config.sinks && self.name.is_none()).then(|| Outbox::start(&engine, &news, &self.config));
        let outbox = outbox.and_then(|started| {
            // Everything else is served without it.
            started.inspect_err(|error| eprintln!("outcomes are not delivered: {error}")).ok()
        });
        let shared = Shared {
            news,
            outbox: outbox.clone(),
            pages: Pages::default(),
            config: self.config.clone(),
            engine: engine.clone(),
            metrics: self.metrics.clone(),
            meter: self.meter.clone(),
            replays: Arc::new(Replays::new(self.running.clone())),
            gorse: gorse.clone(),
        };
        let first = self.open.set(Arc::new(shared)).is_ok();
        if !first || self.stopping.load(Ordering::Acquire) {
            gorse.iter().for_each(|gorse| gorse.stop());
            outbox.iter().for_each(|outbox| outbox.stop());
            engine.stop();
        }
    }

    /// Notes that it cannot be served; the others go on. Why is the caller's to say, to the operator only.
    pub fn fail(&self) {
        self.failed.store(true, Ordering::Release);
    }

    /// Its engine and what goes with it.
    ///
    /// # Errors
    /// `recovering` or `tenant_failed`.
    pub(crate) fn shared(&self) -> Result<&Arc<Shared>, Refusal> {
        if let Some(shared) = self.open.get() {
            return Ok(shared);
        }
        if self.failed.load(Ordering::Acquire) {
            let message = "this tenant could not be opened; the server's operator finds the reason in its output";
            return Err(Refusal::new(Code::TenantFailed, "", message));
        }
        let message = "state is being built from the log; send the request again when /readyz says 200";
        Err(Refusal::new(Code::Recovering, "", message))
    }

    /// Why it serves nothing, if so.
    pub(crate) fn trouble(&self) -> Option<Refusal> {
        match self.shared() {
            Ok(shared) => shared.engine.trouble(),
            Err(refusal) => Some(refusal),
        }
    }

    /// How far its opening is: records done, records in all.
    pub(crate) fn opening(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }
}

/// What all tenants of a process have in common.
struct With<'p> {
    config: &'p Arc<Config>,
    running: &'p Running,
    stopping: &'p Arc<AtomicBool>,
}

/// Everybody who is served.
pub(crate) struct Tenants {
    /// By name, or the only one.
    list: Vec<Arc<Tenant>>,
    named: bool,
}

/// Where a path leads before its route is looked up.
pub(crate) enum Target<'t> {
    /// A tenant, or the only node.
    Tenant(&'t Arc<Tenant>),
    /// A name that nobody has.
    Nobody,
    /// The process that serves tenants.
    Process,
}

impl Tenants {
    /// The only node, with the server's own tokens and counters.
    pub(crate) fn only(config: &Arc<Config>, metrics: &Arc<Metrics>, stopping: &Arc<AtomicBool>) -> Tenants {
        let with = With { config, running: &Running::default(), stopping };
        let only = Tenant::new(None, config.tokens.clone(), Quota::default(), metrics.clone(), &with);
        Tenants { list: vec![only], named: false }
    }

    /// Named ones.
    ///
    /// # Errors
    /// As [`check_tenants`].
    pub(crate) fn named(
        configs: Vec<TenantConfig>,
        config: &Arc<Config>,
        stopping: &Arc<AtomicBool>,
    ) -> Result<Tenants, StartError> {
        check_tenants(&configs, &config.tokens)?;
        let with = With { config, running: &Running::default(), stopping };
        let tenant = |tenant: TenantConfig| {
            let metrics = Arc::new(Metrics::new(Scope::Tenant(&tenant.name)));
            Tenant::new(Some(tenant.name), tenant.tokens, tenant.quota, metrics, &with)
        };
        let mut list: Vec<Arc<Tenant>> = configs.into_iter().map(tenant).collect();
        list.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Tenants { list, named: true })
    }

    pub(crate) fn list(&self) -> &[Arc<Tenant>] {
        &self.list
    }

    /// Whether tenants are served, by name.
    pub(crate) fn are_named(&self) -> bool {
        self.named
    }

    /// Where a path leads, and the part of it that the table of routes knows.
    pub(crate) fn find<'t, 'p>(&'t self, path: &'p str) -> (Target<'t>, &'p str) {
        if !self.named {
            return (Target::Tenant(&self.list[0]), path);
        }
        let Some((name, rest)) = path.strip_prefix(PREFIX).and_then(|rest| rest.split_at_checked(rest.find('/')?))
        else {
            return (Target::Process, path);
        };
        let place = self.list.binary_search_by(|tenant| tenant.name().unwrap_or_default().cmp(name));
        (place.map_or(Target::Nobody, |place| Target::Tenant(&self.list[place])), rest)
    }
}

/// Whether these tenants can be served together: their number, names and tokens.
///
/// # Errors
/// None or too many, a name that is there twice, a token that two have, some with tokens and some without.
pub fn check_tenants(configs: &[TenantConfig], operator: &[Token]) -> Result<(), StartError> {
    if configs.is_empty() || configs.len() > limits::TENANTS_MAX {
        return Err(StartError::TenantCount(configs.len()));
    }
    let guarded = !operator.is_empty() || configs.iter().any(|tenant| !tenant.tokens.is_empty());
    let mut seen: Vec<(&Token, Option<usize>)> = operator.iter().map(|token| (token, None)).collect();
    for (place, tenant) in configs.iter().enumerate() {
        if configs[..place].iter().any(|other| other.name == tenant.name) {
            return Err(StartError::TenantTwice(tenant.name.clone()));
        }
        if guarded && tenant.tokens.is_empty() {
            return Err(StartError::TenantWithoutTokens(tenant.name.clone()));
        }
        for token in &tenant.tokens {
            if let Some((_, owner)) = seen.iter().find(|(known, owner)| known.same(token) && *owner != Some(place)) {
                let owner = owner.map_or("the operator", |owner| configs[owner].name.as_str());
                return Err(StartError::SharedToken(owner.to_owned(), tenant.name.clone()));
            }
            seen.push((token, Some(place)));
        }
    }
    Ok(())
}
