//! Ranks to figures: hit rate, discounted gain, reciprocal rank.

use serde_json::{Value, json};

/// Ranks that `hr` and `ndcg` look at.
pub(super) const TOP: usize = 10;
/// Ranks that `mrr` looks at, and items asked for.
pub(super) const LISTED: usize = 100;

/// Sums over requests.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    requests: u64,
    hits: u64,
    gain: f64,
    reciprocal: f64,
}

/// Means over requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figures {
    pub(super) hr: f64,
    pub(super) ndcg: f64,
    pub(super) mrr: f64,
}

impl Sums {
    /// Counts a request whose target was found at this place, from 0.
    pub(super) fn add(&mut self, place: Option<usize>) {
        self.requests += 1;
        let Some(place) = place.filter(|place| *place < LISTED) else { return };
        self.reciprocal += 1.0 / (place + 1) as f64;
        if place < TOP {
            self.hits += 1;
            self.gain += 1.0 / ((place + 2) as f64).log2();
        }
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    /// The means; 0 without requests.
    pub(super) fn figures(&self) -> Figures {
        let requests = self.requests.max(1) as f64;
        Figures { hr: self.hits as f64 / requests, ndcg: self.gain / requests, mrr: self.reciprocal / requests }
    }
}

impl Figures {
    /// Each as a multiple of another's; 0 where that is 0.
    pub(super) fn over(self, base: Figures) -> Figures {
        let ratio = |a: f64, b: f64| if b > 0.0 { a / b } else { 0.0 };
        Figures { hr: ratio(self.hr, base.hr), ndcg: ratio(self.ndcg, base.ndcg), mrr: ratio(self.mrr, base.mrr) }
    }

    /// To `digits` places.
    pub(super) fn json(self, digits: i32) -> Value {
        let Figures { hr, ndcg, mrr } = self;
        json!({ "hr@10": round(hr, digits), "ndcg@10": round(ndcg, digits), "mrr": round(mrr, digits) })
    }
}

/// Sums over requests of which only the first few places count, for every figure.
#[derive(Clone, Copy, Debug)]
pub(super) struct AtTop {
    top: usize,
    requests: u64,
    hits: u64,
    gain: f64,
    reciprocal: f64,
}

impl AtTop {
    /// Nothing yet, of the first `top` places.
    pub(super) fn new(top: usize) -> AtTop {
        AtTop { top, requests: 0, hits: 0, gain: 0.0, reciprocal: 0.0 }
    }

    /// Counts a request whose target was found at this place, from 0.
    pub(super) fn add(&mut self, place: Option<usize>) {
        self.requests += 1;
        if let Some(place) = place.filter(|place| *place < self.top) {
            self.hits += 1;
            self.gain += 1.0 / ((place + 2) as f64).log2();
            self.reciprocal += 1.0 / (place + 1) as f64;
        }
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    /// Means of hits, gain and reciprocal rank; 0 without requests.
    fn means(&self) -> [f64; 3] {
        [self.hits as f64, self.gain, self.reciprocal].map(|sum| round(sum / self.requests.max(1) as f64, 4))
    }

    pub(super) fn json(&self) -> Value {
        let names = ["hr", "ndcg", "mrr"].map(|name| format!("{name}@{}", self.top));
        names.into_iter().zip(self.means().map(Value::from)).collect::<serde_json::Map<_, _>>().into()
    }

    pub(super) fn text(&self) -> String {
        let ([hr, ndcg, mrr], top) = (self.means(), self.top);
        format!("hr@{top} {hr:.4} ndcg {ndcg:.4} mrr {mrr:.4}")
    }
}

/// To `digits` places after the point.
pub(super) fn round(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}
