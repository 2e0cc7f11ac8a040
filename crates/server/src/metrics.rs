//! Metrics: what the server counted, and the engine's positions at the time of asking, as OpenMetrics text.

use domain::Code;
use engine::Status;
use hyper::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
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
struct Routed {
    route: &'static str,
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
    gauges: Gauges,
}

/// The engine's figures, set when somebody asks.
#[derive(Default)]
struct Gauges {
    connections: Gauge,
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
    ring_depth: Gauge,
    failed: Gauge,
}

/// 50 us to 6.5 s, doubling.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(50e-6, 2.0, 18))
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("millrace"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            refusals: Family::default(),
            events_accepted: Counter::default(),
            events_duplicate: Counter::default(),
            events_refused: Family::default(),
            answers: Counter::default(),
            durability_wait: seconds(),
            connections_refused: Counter::default(),
            gauges: Gauges::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("requests", "Requests answered, by route and status", self.requests.clone());
        let seconds = self.request_seconds.clone();
        registry.register(
            "request_seconds",
            "Time from a request's head to its answer, durability wait included",
            seconds,
        );
        registry.register("refusals", "Requests refused as a whole, by code", self.refusals.clone());
        registry.register("events_accepted", "Events and entities accepted", self.events_accepted.clone());
        registry.register("events_duplicate", "Events that were there already", self.events_duplicate.clone());
        registry.register("events_refused", "Events and entities refused, by code", self.events_refused.clone());
        registry.register("answers", "Feed requests answered", self.answers.clone());
        let wait = self.durability_wait.clone();
        registry.register("durability_wait_seconds", "Time that answers waited for the disk", wait);
        let refused = self.connections_refused.clone();
        registry.register("connections_refused", "Connections closed because there were too many", refused);
        self.gauges.register(registry);
    }

    /// Counts a request.
    pub(crate) fn answered(&self, route: &'static str, status: StatusCode, code: Option<Code>, took: Duration) {
        self.requests.get_or_create(&Answered { route, status: status.as_u16() }).inc();
        self.request_seconds.get_or_create(&Routed { route }).observe(took.as_secs_f64());
        if let Some(code) = code {
            self.refusals.get_or_create(&Coded { code: code.as_str() }).inc();
        }
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

    /// Everything as text.
    pub(crate) fn text(&self, status: &Status, connections: usize) -> String {
        self.gauges.set(status, connections);
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Gauges {
    fn register(&self, registry: &mut Registry) {
        let table = [
            ("connections", "Open connections", &self.connections),
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
            ("ring_depth", "Batches that the slowest consumer has not taken", &self.ring_depth),
            ("failed", "1 if nothing is acknowledged any more", &self.failed),
        ];
        for (name, help, gauge) in table {
            registry.register(name, help, gauge.clone());
        }
    }

    fn set(&self, status: &Status, connections: usize) {
        let set = |gauge: &Gauge, value: u64| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        set(&self.connections, connections as u64);
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
        set(&self.ring_depth, status.ring_depth as u64);
        set(&self.failed, u64::from(status.failed.is_some()));
    }
}
