//! Metrics: what the server counted, and the engine's positions at the time of asking, as OpenMetrics text. Each tenant has a registry
//! of its own, labelled with its name; their number bounds the labels.

use crate::outbox::Figures;
use crate::reply::status_of;
use domain::Code;
use engine::{AttributionReport, Status};
use hyper::StatusCode;
use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use wire::LineRefusal;

/// The media type of what `Metrics::text` writes.
pub(crate) const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    route: &'static str,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Coded {
    code: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Fed {
    feed: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Reasoned {
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Routed {
    route: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Sunk {
    sink: String,
}

/// Whose counters these are.
#[derive(Clone, Copy)]
pub(crate) enum Scope<'n> {
    /// A process that serves tenants: its connections, and requests that reached no tenant.
    Process,
    /// The only node of its process: everything.
    Only,
    /// A tenant, by name.
    Tenant(&'n str),
}

/// Everything that is counted.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    request_seconds: Family<Routed, Histogram, fn() -> Histogram>,
    refusals: Family<Coded, Counter>,
    events_accepted: Counter,
    events_duplicate: Counter,
    events_refused: Family<Coded, Counter>,
    /// Answers of feeds.
    pub(crate) answers: Counter,
    /// How long acknowledgements and answers waited for the disk, in seconds.
    pub(crate) durability_wait: Histogram,
    /// Connections closed because there were too many.
    pub(crate) connections_refused: Counter,
    /// Open connections.
    pub(crate) connections: Gauge,
    attributed: Attributed,
    sinks: Sinks,
    /// Streams of outcomes that are open.
    pub(crate) outcome_streams: Gauge,
    gauges: Gauges,
}

/// Deliveries of outcomes, by sink; set when somebody asks.
#[derive(Default)]
struct Sinks {
    lag: Family<Sunk, Gauge>,
    waiting: Family<Sunk, Gauge>,
    dead: Family<Sunk, Gauge>,
    delivered: Family<Sunk, Counter>,
    failed: Family<Sunk, Counter>,
    lost: Family<Sunk, Counter>,
    /// As for what came of answers.
    setting: Mutex<()>,
}

impl Sinks {
    fn register(&self, registry: &mut Registry) {
        let gauges = [
            ("sink_lag_positions", "Positions of the log behind the sink's cursor", &self.lag),
            ("sink_waiting", "Outcomes in flight or to be tried again", &self.waiting),
            ("sink_dead", "Outcomes that were given up and are listed", &self.dead),
        ];
        gauges.into_iter().for_each(|(name, help, of)| registry.register(name, help, of.clone()));
        let counters = [
            ("sink_delivered", "Outcomes that the sink has taken", &self.delivered),
            ("sink_failed_attempts", "Attempts that the sink has not taken", &self.failed),
            ("sink_lost_records", "Records passed over since the log no longer has what is before them", &self.lost),
        ];
        counters.into_iter().for_each(|(name, help, of)| registry.register(name, help, of.clone()));
    }

    fn set<'s>(&self, sinks: impl Iterator<Item = (&'s str, Figures, u64)>) {
        let _alone = self.setting.lock();
        // Those that are no longer in the spec go.
        [&self.lag, &self.waiting, &self.dead].into_iter().for_each(Family::clear);
        [&self.delivered, &self.failed, &self.lost].into_iter().for_each(Family::clear);
        for (name, figures, lag) in sinks {
            let sink = Sunk { sink: name.to_owned() };
            let gauge = |of: &Family<Sunk, Gauge>, value: u64| {
                of.get_or_create(&sink).set(i64::try_from(value).unwrap_or(i64::MAX));
            };
            gauge(&self.lag, lag);
            gauge(&self.waiting, figures.waiting as u64);
            gauge(&self.dead, figures.dead as u64);
            self.delivered.get_or_create(&sink).inc_by(figures.delivered);
            self.failed.get_or_create(&sink).inc_by(figures.failed);
            self.lost.get_or_create(&sink).inc_by(figures.lost);
        }
    }
}

/// What came of answers, by feed; set when somebody asks. A counter only rises: after a restart it is what the log says.
#[derive(Default)]
struct Attributed {
    impressions: Family<Fed, Counter>,
    clicks: Family<Fed, Counter>,
    /// Weights may be negative, so that rewards can fall.
    reward: Family<Fed, Gauge<f64, AtomicU64>>,
    dropped: Family<Fed, Counter>,
    unjoined: Family<Reasoned, Counter>,
    /// Two who ask at once would each raise a counter by the same difference.
    setting: Mutex<()>,
}

impl Attributed {
    fn register(&self, registry: &mut Registry) {
        registry.register(
            "attributed_impressions",
            "Impressions joined to decisions, by feed",
            self.impressions.clone(),
        );
        registry.register("attributed_clicks", "Places of answers clicked on, by feed", self.clicks.clone());
        registry.register("attributed_reward", "Sum of the weights of events joined, by feed", self.reward.clone());
        let dropped = self.dropped.clone();
        registry.register("attribution_dropped", "Decisions forgotten within the window for lack of room", dropped);
        let unjoined = self.unjoined.clone();
        registry.register(
            "attribution_unjoined",
            "Events that named a decision and were not joined, by reason",
            unjoined,
        );
    }

    fn set(&self, report: &AttributionReport) {
        let _alone = self.setting.lock();
        let raise = |counter: &Counter, to: u64| counter.inc_by(to.saturating_sub(counter.get()));
        for (row, of) in report.rows.iter().zip(&report.feeds) {
            let feed = Fed { feed: row.feed.clone() };
            raise(&self.impressions.get_or_create(&feed), row.impressions);
            raise(&self.clicks.get_or_create(&feed), row.clicks);
            raise(&self.dropped.get_or_create(&feed), of.dropped);
            self.reward.get_or_create(&feed).set(row.reward);
        }
        let of = &report.unjoined;
        let reasons = [
            ("unknown", of.unknown),
            ("expired", of.expired),
            ("not_in_slate", of.not_in_slate),
            ("duplicate", of.duplicate),
        ];
        for (reason, count) in reasons {
            raise(&self.unjoined.get_or_create(&Reasoned { reason }), count);
        }
    }
}

/// The engine's figures, set when somebody asks.
#[derive(Default)]
struct Gauges {
    ready: Gauge,
    body_bytes: Gauge,
    log_bytes: Gauge,
    position: Gauge,
    durable: Gauge,
    applied: Gauge,
    epoch: Gauge,
    epoch_lag: Gauge,
    replay_from: Gauge,
    log_time_ms: Gauge,
    plan_version: Gauge,
    waiting: Gauge,
    unsynced_bytes: Gauge,
    disk_full: Gauge,
    reviews_open: Gauge,
    ring_depth: Gauge,
    failed: Gauge,
    checkpoints_failed: Counter,
    /// As for what came of answers.
    setting: Mutex<()>,
}

/// 50 us to 6.5 s, doubling.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(50e-6, 2.0, 18))
}

impl Metrics {
    pub(crate) fn new(scope: Scope<'_>) -> Metrics {
        let labels = match scope {
            Scope::Tenant(name) => Some(("tenant".into(), name.to_owned().into())),
            Scope::Process | Scope::Only => None,
        };
        let mut metrics = Metrics {
            registry: Registry::with_prefix_and_labels("millrace", labels.into_iter()),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            refusals: Family::default(),
            events_accepted: Counter::default(),
            events_duplicate: Counter::default(),
            events_refused: Family::default(),
            answers: Counter::default(),
            durability_wait: seconds(),
            connections_refused: Counter::default(),
            connections: Gauge::default(),
            attributed: Attributed::default(),
            sinks: Sinks::default(),
            outcome_streams: Gauge::default(),
            gauges: Gauges::default(),
        };
        metrics.register_requests();
        if !matches!(scope, Scope::Process) {
            metrics.register_node();
        }
        if !matches!(scope, Scope::Tenant(_)) {
            metrics.register_connections();
        }
        metrics
    }

    fn register_requests(&mut self) {
        let registry = &mut self.registry;
        registry.register("requests", "Requests answered, by route and status", self.requests.clone());
        let seconds = self.request_seconds.clone();
        registry.register(
            "request_seconds",
            "Time from a request's head to its answer, durability wait included",
            seconds,
        );
        registry.register("refusals", "Requests refused as a whole, by code", self.refusals.clone());
    }

    fn register_node(&mut self) {
        let registry = &mut self.registry;
        registry.register("events_accepted", "Events and entities accepted", self.events_accepted.clone());
        registry.register("events_duplicate", "Events that were there already", self.events_duplicate.clone());
        registry.register("events_refused", "Events and entities refused, by code", self.events_refused.clone());
        registry.register("answers", "Feed requests answered", self.answers.clone());
        let wait = self.durability_wait.clone();
        registry.register("durability_wait_seconds", "Time that answers waited for the disk", wait);
        self.attributed.register(registry);
        self.sinks.register(registry);
        let streams = self.outcome_streams.clone();
        registry.register("outcome_streams", "Open streams of outcomes", streams);
        self.gauges.register(registry);
    }

    fn register_connections(&mut self) {
        let registry = &mut self.registry;
        let refused = self.connections_refused.clone();
        registry.register("connections_refused", "Connections closed because there were too many", refused);
        registry.register("connections", "Open connections", self.connections.clone());
    }

    /// Counts a request.
    pub(crate) fn answered(&self, route: &'static str, status: StatusCode, code: Option<Code>, took: Duration) {
        self.requests.get_or_create(&Answered { route, status: status.as_u16() }).inc();
        self.request_seconds.get_or_create(&Routed { route }).observe(took.as_secs_f64());
        if let Some(code) = code {
            self.refusals.get_or_create(&Coded { code: code.as_str() }).inc();
        }
    }

    /// Counts a request whose head could not be read.
    pub(crate) fn head_refused(&self, code: Code) {
        self.requests.get_or_create(&Answered { route: "none", status: status_of(code).as_u16() }).inc();
        self.refusals.get_or_create(&Coded { code: code.as_str() }).inc();
    }

    /// Counts the lines of a call.
    pub(crate) fn events(&self, accepted: u64, duplicates: u64, refused: &[LineRefusal]) {
        self.events_accepted.inc_by(accepted);
        self.events_duplicate.inc_by(duplicates);
        refused.iter().for_each(|bad| self.event_refused(bad.refusal.code));
    }

    /// Counts a refused event or entity.
    pub(crate) fn event_refused(&self, code: Code) {
        self.events_refused.get_or_create(&Coded { code: code.as_str() }).inc();
    }

    /// Notes how many bytes of bodies are in memory.
    pub(crate) fn body_bytes(&self, bytes: usize) {
        self.gauges.body_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Notes what came of answers.
    pub(crate) fn attributed(&self, report: &AttributionReport) {
        self.attributed.set(report);
    }

    /// Notes how sinks are doing, each with its lag in positions.
    pub(crate) fn sinks<'s>(&self, sinks: impl Iterator<Item = (&'s str, Figures, u64)>) {
        self.sinks.set(sinks);
    }

    /// Everything as text; without a status the engine is not open.
    pub(crate) fn text(&self, status: Option<&Status>) -> String {
        if let Some(status) = status {
            self.gauges.set(status);
        }
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Texts of several registries as one: every family once, with the samples of all.
pub(crate) fn merged(texts: impl Iterator<Item = String>) -> String {
    let mut families: Vec<(String, String)> = Vec::new();
    for text in texts {
        let mut family = usize::MAX;
        for line in text.split_inclusive('\n').filter(|line| *line != "# EOF\n") {
            if line.starts_with("# HELP ") {
                family = families.iter().position(|(head, _)| head.starts_with(line)).unwrap_or(families.len());
                if family == families.len() {
                    families.push((line.to_owned(), String::new()));
                }
            } else if line.starts_with("# ") {
                if let Some((head, _)) = families.get_mut(family).filter(|(head, _)| !head.contains(line)) {
                    head.push_str(line);
                }
            } else if let Some((_, samples)) = families.get_mut(family) {
                samples.push_str(line);
            }
        }
    }
    let mut text: String = families.into_iter().map(|(head, samples)| head + &samples).collect();
    text.push_str("# EOF\n");
    text
}

impl Gauges {
    fn register(&self, registry: &mut Registry) {
        let table = [
            ("ready", "1 if requests are served", &self.ready),
            ("body_bytes", "Bytes of request bodies in memory", &self.body_bytes),
            ("log_bytes", "Bytes of the log on disk", &self.log_bytes),
            ("position", "The last position given out", &self.position),
            ("durable_position", "Everything up to here is on disk", &self.durable),
            ("applied_position", "Everything up to here is in the state", &self.applied),
            ("epoch_position", "What answers see of items and indexes", &self.epoch),
            ("epoch_lag_records", "Records applied that answers do not see yet in items and indexes", &self.epoch_lag),
            ("replay_from_position", "The first position that can be computed again", &self.replay_from),
            ("log_time_milliseconds", "Time of the log since 1970", &self.log_time_ms),
            ("plan_version", "The plan in force", &self.plan_version),
            ("answers_waiting", "Answers waiting for the disk", &self.waiting),
            ("unsynced_bytes", "Bytes waiting for the disk", &self.unsynced_bytes),
            ("reviews_open", "Decisions that wait for a person", &self.reviews_open),
            ("disk_full", "1 if records are held back until the disk has space again", &self.disk_full),
            ("ring_depth", "Batches that the slowest consumer has not taken", &self.ring_depth),
            ("failed", "1 if nothing is acknowledged any more", &self.failed),
        ];
        for (name, help, gauge) in table {
            registry.register(name, help, gauge.clone());
        }
        let failed = self.checkpoints_failed.clone();
        registry.register("checkpoints_failed", "Checkpoints that could not be written", failed);
    }

    fn set(&self, status: &Status) {
        let _alone = self.setting.lock();
        let set = |gauge: &Gauge, value: u64| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        set(&self.ready, u64::from(status.failed.is_none() && !status.disk_full));
        set(&self.log_bytes, status.log_bytes);
        set(&self.position, status.position.0);
        set(&self.durable, status.durable.0);
        set(&self.applied, status.applied.0);
        set(&self.epoch, status.epoch.0);
        set(&self.epoch_lag, status.applied.0.saturating_sub(status.epoch.0));
        set(&self.replay_from, status.replay_from.0);
        self.log_time_ms.set(status.log_time.0);
        set(&self.plan_version, u64::from(status.plan_version.0));
        set(&self.waiting, status.waiting as u64);
        set(&self.unsynced_bytes, status.unsynced_bytes as u64);
        set(&self.disk_full, u64::from(status.disk_full));
        set(&self.reviews_open, status.reviews_open as u64);
        self.checkpoints_failed.inc_by(status.checkpoints_failed.saturating_sub(self.checkpoints_failed.get()));
        set(&self.ring_depth, status.ring_depth as u64);
        set(&self.failed, u64::from(status.failed.is_some()));
    }
}
