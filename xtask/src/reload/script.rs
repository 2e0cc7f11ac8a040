//! The specs that the running server is changed to: the example shop with one feed that bears a marker of its version in a route, a
//! filter, a policy and a term, and now and then with a feature that the version before did not have.

use anyhow::{Result, ensure};
use sim::Rng;
use std::path::Path;

/// Places of the example where features are put in; after each the feature follows.
const USER_FEATURES: &str = "  user:\n    views_1h:";
const ITEM_FEATURES: &str = "  item:\n    heat:";
const CROSSED_FEATURES: &str =
    "  user.category:                         # a crossed entity: the user x the item's category\n";
/// The end of the marked feed's formula.
const FORMULA_END: &str = "0.1 * user.item.shown";
/// Versions that are gone back to are among the latest.
const BACK_MAX: u64 = 6;

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Weights, filters, policies and limits of a feed: adopted.
    Tuned,
    /// A feature is new, has another window, or is gone: filled.
    Filled,
    /// A mistake in the text.
    Invalid,
    /// Based on a version that is not in force.
    Stale,
    /// Back to one of the versions before.
    Back,
    /// The text that is in force.
    Same,
}

/// How many of a thousand changes are of each kind; the rest is `Tuned`.
const MIX: [(Kind, u64); 5] =
    [(Kind::Filled, 70), (Kind::Invalid, 60), (Kind::Stale, 60), (Kind::Back, 80), (Kind::Same, 10)];

/// The kinds of so many changes, in random order: of each at least one.
pub(super) fn kinds(rng: &mut Rng, changes: u64) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::new();
    for (kind, share) in MIX {
        kinds.extend((0..(changes * share).div_ceil(1_000)).map(|_| kind));
    }
    kinds.truncate(changes as usize);
    kinds.resize(changes as usize, Kind::Tuned);
    for at in (1..kinds.len()).rev() {
        kinds.swap(at, rng.below(at as u64 + 1) as usize);
    }
    kinds
}

/// One spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) text: String,
    /// The number that the answers of its marked feed bear.
    pub(super) marker: u64,
    /// The filled feature that it has; two with the same one have the same state.
    extra: Option<u64>,
}

impl Version {
    /// Whether going from this one to the other needs state that this one has not.
    pub(super) fn is_filled_for(&self, other: &Version) -> bool {
        self.extra != other.extra
    }
}

/// Makes specs.
pub(super) struct Script {
    example: String,
    /// Fills so far.
    fills: u64,
    mistakes: usize,
    marker: u64,
}

impl Script {
    pub(super) fn new(root: &Path) -> Result<Script> {
        let example = crate::shop::spec_text(root)?;
        for anchor in
            [USER_FEATURES, ITEM_FEATURES, CROSSED_FEATURES].into_iter().chain(MISTAKES.map(|(right, _)| right))
        {
            ensure!(
                example.contains(anchor),
                "the example does not have `{anchor}` any more, which this check replaces"
            );
        }
        Ok(Script { example, fills: 0, mistakes: 0, marker: 0 })
    }

    /// The version that the server starts with.
    pub(super) fn first(&mut self) -> Version {
        self.version(None)
    }

    /// What follows a version in force, with the same state.
    pub(super) fn tuned(&mut self, before: &Version) -> Version {
        self.version(before.extra)
    }

    /// What follows a version in force, with state that must be filled: a feature, then its window changed, then without it.
    pub(super) fn filled(&mut self, before: &Version) -> Version {
        self.fills += 1;
        let extra = if self.fills.is_multiple_of(3) { None } else { Some(self.fills) };
        // After a rollback the version in force may be without the feature already.
        let extra = if extra == before.extra { Some(self.fills) } else { extra };
        self.version(extra)
    }

    /// A text that must be refused.
    pub(super) fn invalid(&mut self, before: &Version) -> String {
        self.mistakes += 1;
        match self.mistakes % (MISTAKES.len() + 1) {
            0 => String::new(),
            at => before.text.replacen(MISTAKES[at - 1].0, MISTAKES[at - 1].1, 1),
        }
    }

    /// A version to go back to, by its place in the list of versions; none if all of the latest are the one in force.
    pub(super) fn back(rng: &mut Rng, versions: &[Version]) -> Option<usize> {
        let last = versions.len() - 1;
        let to = last.checked_sub(1 + rng.below(BACK_MAX.min(last as u64)) as usize)?;
        (0..=to).rev().find(|&to| versions[to].text != versions[last].text)
    }

    fn version(&mut self, extra: Option<u64>) -> Version {
        self.marker += 1;
        let mut text = format!("{}{}", self.example.trim_end(), marked_feed(self.marker));
        if let Some(extra) = extra {
            text = with_feature(&text, extra);
        }
        Version { text, marker: self.marker, extra }
    }
}

/// What is right in the example, and what it is replaced by.
const MISTAKES: [(&str, &str); 6] = [
    ("item.in_stock", "item.in_stok"),
    ("count(view, 1h)", "count(veiw, 1h)"),
    ("version: 1", "version: ["),
    ("spend_30d / max(count(buy, 30d), 1)", "basket + 1"),
    ("count(view, 7d)", "count(view, 4000d)"),
    ("feeds:", "feets:"),
];

/// The feed whose answers say which version they are of. Limits and weights differ little, so that versions cost the same.
fn marked_feed(marker: u64) -> String {
    let (hot, fresh, similar) = (100 + marker % 5, 60 + marker % 7, 700 + marker % 90);
    let (item, place, category, by) = (marker % 300, 2 + marker % 5, marker % 24, boost_of(marker));
    format!(
        "
  marked:
    for: user
    recall:
      hot:          {{ top: item.heat, limit: {hot} }}
      mark{marker}: {{ newest: item.created, limit: {fresh} }}
      similar:      {{ co_visited: {{ view: 1, cart: 3, buy: 5 }}, from: user.recent, limit: 200, history: 8, half_life: 30d }}
    filter:
      - item.in_stock
      - item.category != \"none{marker}\"
      - item.price + {marker}.0 > {marker}.0 + 12.0
    rank:
      score: \"{marker}.0 + ln(10 * item.appeal) + 0.{similar} * recall.similar - {FORMULA_END}\"
    policy:
      - cap: {{ per: user, impressions: 40, in: 1h }}
      - boost: {{ by: {by}, when: item.category == \"c{category}\", name: boost{marker} }}
      - pin: {{ item: i{item}, at: {place}, name: pin{marker} }}
"
    )
}

/// What the marked feed scales some scores by.
pub(super) fn boost_of(marker: u64) -> f64 {
    1.25 + (marker % 7) as f64 / 8.0
}

/// The text with a feature that needs state of its own; the marked feed reads it.
fn with_feature(text: &str, number: u64) -> String {
    let hours = 2 + number % 21;
    let (anchor, feature, name) = match number / 3 % 3 {
        0 => (USER_FEATURES, format!("extra: count(view, {hours}h, dwell > 7s)"), "user.extra"),
        1 => (ITEM_FEATURES, format!("extra: sum(buy, price, {hours}h)"), "item.extra"),
        _ => (CROSSED_FEATURES, format!("extra: decayed(view, {hours}h)"), "user.category.extra"),
    };
    let (section, rest) = anchor.split_once('\n').unwrap_or((anchor, ""));
    let with = text.replacen(anchor, &format!("{section}\n    {feature}\n{rest}"), 1);
    match with.rsplit_once(FORMULA_END) {
        Some((front, end)) => format!("{front}{FORMULA_END} + 0.001 * default({name}, 0.0){end}"),
        None => with,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_what_they_say() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut script = Script::new(root).unwrap();
        let plan =
            |version: &Version| spec::compile("spec", &version.text).map_err(|wrong| spec::render(&wrong)).unwrap();
        let mut before = script.first();
        for round in 0..40 {
            let next = if round % 4 == 3 { script.filled(&before) } else { script.tuned(&before) };
            let rebuilt = spec::diff(&plan(&before), &plan(&next)).rebuild;
            assert_eq!(rebuilt, round % 4 == 3, "{}", next.text);
            assert_eq!(rebuilt, before.is_filled_for(&next));
            assert!(spec::compile("spec", &script.invalid(&next)).is_err());
            before = next;
        }
    }

    #[test]
    fn a_mix_has_every_kind() {
        let kinds = kinds(&mut Rng::new(1), 1_000);
        assert_eq!(kinds.len(), 1_000);
        assert_eq!(kinds.iter().filter(|kind| **kind == Kind::Filled).count(), 70);
        for (kind, _) in MIX {
            assert!(super::kinds(&mut Rng::new(1), 30).contains(&kind));
        }
    }
}
