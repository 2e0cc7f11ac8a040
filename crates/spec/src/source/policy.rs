//! Policies as written.

use crate::yaml::Text;
use domain::{Span, Time};
use std::ops::Range;

/// One policy of a feed.
#[derive(Debug)]
pub(crate) struct PolicySource {
    pub(crate) kind: PolicyKind,
    pub(crate) name: Option<Text>,
    pub(crate) when: Option<Text>,
    pub(crate) from: Option<Time>,
    pub(crate) until: Option<Time>,
    /// The word that says its kind.
    pub(crate) span: Range<usize>,
}

#[derive(Debug)]
pub(crate) enum PolicyKind {
    Boost(f64),
    Bury(f64),
    Block,
    Allow,
    Cap(CountSource),
    /// Whether it is paced evenly.
    Quota(CountSource, bool),
    Pin {
        item: String,
        at: u16,
    },
    NeverFollow {
        item: Text,
        after: Text,
    },
}

/// What a cap or a quota counts.
#[derive(Debug)]
pub(crate) struct CountSource {
    pub(crate) impressions: u32,
    pub(crate) window: Span,
    pub(crate) of: Option<Text>,
    pub(crate) event: Option<Text>,
}

#[derive(Debug)]
pub(crate) struct HoldoutSource {
    pub(crate) share: f64,
    pub(crate) salt: String,
    pub(crate) span: Range<usize>,
}
