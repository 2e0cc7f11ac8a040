//! Filters and boosts that requests bring along, compiled once for all requests that bring the same.

use decision::Rules;
use domain::{FeedRequest, PlanVersion, Refusal};
use parking_lot::Mutex;
use spec::Plan;
use state::Dictionary;
use std::collections::HashMap;
use std::sync::Arc;

/// Most compiled requests that are kept; when there are more, it begins anew.
const KEPT_MAX: usize = 256;

/// Plan version, feed, filter, boosts: factors by their bits, and conditions.
type Key = (PlanVersion, u16, Option<String>, Vec<(u64, String)>);

/// What was compiled lately.
#[derive(Default)]
pub(crate) struct KnownRules(Mutex<HashMap<Key, Arc<Rules>>>);

impl KnownRules {
    /// The compiled filter and boosts of a request; none if it brings none. `names` must be at least as new as every row that the
    /// answer reads: a string that it does not know is then in none of them.
    pub(crate) fn of(
        &self,
        plan: &Plan,
        version: PlanVersion,
        feed: u16,
        request: &FeedRequest,
        names: &Dictionary,
    ) -> Result<Option<Arc<Rules>>, Refusal> {
        if request.filter.is_none() && request.boosts.is_empty() {
            return Ok(None);
        }
        let boosts = request.boosts.iter().map(|boost| (boost.by.to_bits(), boost.when.clone()));
        let key: Key = (version, feed, request.filter.clone(), boosts.collect());
        // A string that has come up since was compiled as one that nothing has.
        let current = |rules: &&Arc<Rules>| rules.unknown().iter().all(|text| names.symbol(text).is_none());
        if let Some(rules) = self.0.lock().get(&key).filter(current) {
            return Ok(Some(rules.clone()));
        }
        let rules = compile(plan, feed, request, names)?;
        let mut known = self.0.lock();
        if known.len() >= KEPT_MAX {
            known.clear();
        }
        known.insert(key, rules.clone());
        Ok(Some(rules))
    }
}

/// The same without a memory.
pub(crate) fn rules_of(
    plan: &Plan,
    feed: u16,
    request: &FeedRequest,
    names: &Dictionary,
) -> Result<Option<Arc<Rules>>, Refusal> {
    let none = request.filter.is_none() && request.boosts.is_empty();
    if none { Ok(None) } else { compile(plan, feed, request, names).map(Some) }
}

fn compile(plan: &Plan, feed: u16, request: &FeedRequest, names: &Dictionary) -> Result<Arc<Rules>, Refusal> {
    let overlay = spec::overlay(plan, feed, request, &|text| names.symbol(text))?;
    Ok(Arc::new(Rules::new(plan, feed, overlay)))
}
