//! Sinks as written.

use crate::plan::{Retry, SinkUrl};
use crate::yaml::Text;
use domain::Span;

#[derive(Debug)]
pub(crate) struct SinkSource {
    pub(crate) name: Text,
    /// None if it was not said properly.
    pub(crate) url: Option<SinkUrl>,
    pub(crate) decisions: Option<Vec<Text>>,
    pub(crate) outcomes: Option<Vec<Text>>,
    pub(crate) alarms: Option<Vec<Text>>,
    pub(crate) secret: Option<Text>,
    pub(crate) facts: bool,
    pub(crate) timeout: Span,
    pub(crate) in_flight: u16,
    pub(crate) retry: Retry,
}

impl SinkSource {
    /// With what holds where nothing is said.
    pub(crate) fn new(name: &Text) -> SinkSource {
        SinkSource {
            name: name.clone(),
            url: None,
            decisions: None,
            outcomes: None,
            alarms: None,
            secret: None,
            facts: false,
            timeout: Span(10_000),
            in_flight: 4,
            retry: Retry { first: Span(1_000), most: Span(60_000), attempts: 10_000, within: Span(86_400_000) },
        }
    }
}
