//! Where outcomes go: each is sent there at least once, until it is taken or its budget is used up. Nothing here changes state or an
//! outcome.

use domain::Span;

/// An HTTP address that takes outcomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sink {
    /// Its name.
    pub name: String,
    /// Where.
    pub url: SinkUrl,
    /// The decisions whose outcomes it takes; none: all.
    pub decisions: Option<Vec<String>>,
    /// The outcomes of decisions that it takes; none: all.
    pub outcomes: Option<Vec<String>>,
    /// The alarms that it takes; none: all.
    pub alarms: Option<Vec<String>>,
    /// Names the secret that requests carry as a bearer token; the server knows what it is.
    pub secret: Option<String>,
    /// Whether the facts of decisions are told.
    pub facts: bool,
    /// How long one attempt may take.
    pub timeout: Span,
    /// Most attempts at once; with 1 outcomes come in the log's order, as long as none fails.
    pub in_flight: u16,
    /// When an attempt is repeated, and when no more.
    pub retry: Retry,
}

/// The budget of one outcome at a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The pause after the first attempt; it doubles with each.
    pub first: Span,
    /// The longest pause.
    pub most: Span,
    /// Most attempts.
    pub attempts: u32,
    /// How long after its first attempt an outcome is given up.
    pub within: Span,
}

/// A URL in its parts: `http://host:port/path?query`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkUrl {
    /// A name or an address; one of IPv6 without its brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Path and query, which begin with a slash.
    pub path: String,
}

impl Sink {
    /// Whether it takes this outcome of this decision.
    pub fn takes(&self, decision: &str, outcome: &str) -> bool {
        is_among(self.decisions.as_deref(), decision) && is_among(self.outcomes.as_deref(), outcome)
    }

    /// Whether it takes this alarm.
    pub fn takes_alarm(&self, alarm: &str) -> bool {
        is_among(self.alarms.as_deref(), alarm)
    }
}

fn is_among(names: Option<&[String]>, name: &str) -> bool {
    names.is_none_or(|names| names.iter().any(|known| known == name))
}

impl SinkUrl {
    /// Host and port as the `Host` header says them.
    pub fn authority(&self) -> String {
        match (self.host.contains(':'), self.port) {
            (false, 80) => self.host.clone(),
            (false, port) => format!("{}:{port}", self.host),
            (true, 80) => format!("[{}]", self.host),
            (true, port) => format!("[{}]:{port}", self.host),
        }
    }
}
