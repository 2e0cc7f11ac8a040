//! The features of both specs, written out by hand: each is a sum over all events, with the pane semantics of the spec.

use super::{HOUR, Happened, Model};
use crate::specs::Spec;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// What a feature must be.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// This number, bit for bit.
    Exact(f64),
    /// This number but for rounding: a decayed sum is folded in another order here than there. Relative error 1e-9.
    Near(f64),
    /// No value.
    Missing,
    /// These keys, in this order.
    Keys(Vec<String>),
}

/// A feature by name.
#[derive(Clone, Copy)]
pub struct Feature {
    /// Its table: an entity type.
    pub entity: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: fn(&Reader<'_>) -> Value,
}

/// Whose events, up to where, and when.
pub struct Reader<'a> {
    /// All there is.
    pub model: &'a Model,
    /// The spec in force.
    pub spec: Spec,
    /// Entity type and key.
    pub owner: (&'static str, &'a str),
    /// For a crossed row: the category that the event's item had when the event came.
    pub category: Option<&'a str>,
    /// Events after this position are not seen.
    pub at: u64,
    /// The end of the windows.
    pub now: i64,
}

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * HOUR;

/// Panes have one of these widths; a window has at least 24 of them.
fn pane_width(window: i64) -> i64 {
    let ladder = [100, 1_000, 10_000, MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, DAY];
    *ladder.iter().rev().find(|width| **width <= window / 24).unwrap_or(&100)
}

impl Reader<'_> {
    fn mine(&self, kind: &str) -> impl Iterator<Item = &Happened> {
        self.model.happened(self.spec, kind, self.at).filter(|event| {
            let owned = event.keys.get(self.owner.0).is_some_and(|key| key == self.owner.1);
            owned && self.category.is_none_or(|category| self.category_of(event) == Some(category))
        })
    }

    fn category_of(&self, event: &Happened) -> Option<&str> {
        match self.model.attribute("item", event.keys.get("item")?, "category", event.position)? {
            domain::Raw::Str(category) => Some(category),
            _ => None,
        }
    }

    /// Values of the events in the panes of the window, by pane, each in log order.
    fn panes(
        &self,
        kind: &str,
        window: i64,
        take: impl Fn(&Happened) -> Option<f64>,
    ) -> BTreeMap<i64, Vec<(i64, f64)>> {
        let width = pane_width(window);
        let (oldest, newest) = ((self.now - window).div_euclid(width), self.now.div_euclid(width));
        let mut panes: BTreeMap<i64, Vec<(i64, f64)>> = BTreeMap::new();
        for event in self.mine(kind) {
            let pane = event.time.div_euclid(width);
            if (oldest..=newest).contains(&pane)
                && let Some(value) = take(event)
            {
                panes.entry(pane).or_default().push((event.time, value));
            }
        }
        panes
    }

    fn counted(&self, kind: &str, window: i64, filter: impl Fn(&Happened) -> bool) -> f64 {
        let panes = self.panes(kind, window, |event| filter(event).then_some(1.0));
        panes.values().map(Vec::len).sum::<usize>() as f64
    }

    fn count(&self, kind: &str, window: i64) -> f64 {
        self.counted(kind, window, |_| true)
    }

    /// Sums within panes in log order, then over panes in order of time; and how many there were.
    fn summed(&self, kind: &str, window: i64, take: fn(&Happened) -> Option<f64>) -> (f64, u64) {
        let (mut sum, mut count) = (0.0, 0);
        for values in self.panes(kind, window, take).values() {
            count += values.len() as u64;
            let mut of_pane = values[0].1;
            values[1..].iter().for_each(|(_, value)| of_pane += value);
            sum += of_pane;
        }
        (sum, count)
    }

    fn prices(&self, window: i64) -> Vec<f64> {
        self.panes("buy", window, price).into_values().flatten().map(|(_, value)| value).collect()
    }

    /// The newest by event time, of equal times the later in the log.
    fn last_price(&self, window: i64) -> Value {
        let panes = self.panes("buy", window, price);
        let newest = panes.into_values().flatten().reduce(|a, b| if b.0 >= a.0 { b } else { a });
        newest.map_or(Value::Missing, |(_, price)| Value::Exact(price))
    }

    /// The oldest by event time, of equal times the earlier in the log.
    fn first_price(&self, window: i64) -> Value {
        let panes = self.panes("buy", window, price);
        let oldest = panes.into_values().flatten().reduce(|a, b| if b.0 < a.0 { b } else { a });
        oldest.map_or(Value::Missing, |(_, price)| Value::Exact(price))
    }

    /// When the day of `now` began, two hours east of UTC.
    fn day(&self) -> i64 {
        (self.now + 2 * HOUR).div_euclid(DAY) * DAY - 2 * HOUR
    }

    /// The sum over a stretch of time, in log order.
    fn in_stretch(&self, kind: &str, from: i64, length: i64, take: impl Fn(&Happened) -> Option<f64>) -> f64 {
        let within = self.mine(kind).filter(|event| (from..from + length).contains(&event.time));
        within.filter_map(take).reduce(|sum, value| sum + value).unwrap_or(0.0)
    }

    fn days_in_a_row(&self, kind: &str) -> f64 {
        let has = |from: i64| self.mine(kind).any(|event| (from..from + DAY).contains(&event.time));
        let newest = if has(self.day()) { self.day() } else { self.day() - DAY };
        (0..400).take_while(|back| has(newest - back * DAY)).count() as f64
    }

    fn decayed(&self, kind: &str, half_life: i64) -> f64 {
        let age = |event: &Happened| (self.now - event.time) as f64 / half_life as f64;
        self.mine(kind).map(|event| (-age(event)).exp2()).sum()
    }

    fn recent(&self, kind: &str, most: usize) -> Value {
        let mut events: Vec<(i64, u64, &str)> = self
            .mine(kind)
            .filter_map(|event| Some((event.time, event.position, event.keys.get("item")?.as_str())))
            .collect();
        events.sort_by_key(|event| std::cmp::Reverse((event.0, event.1)));
        Value::Keys(events.into_iter().take(most).map(|(_, _, item)| item.to_owned()).collect())
    }
}

fn price(event: &Happened) -> Option<f64> {
    event.price
}

fn seconds(event: &Happened) -> Option<f64> {
    event.dwell.map(|dwell| dwell as f64 / 1_000.0)
}

fn longer_than(seconds: i64) -> impl Fn(&Happened) -> bool {
    move |event| event.dwell.is_some_and(|dwell| dwell > seconds * 1_000)
}

/// Sample variance.
fn spread(prices: &[f64]) -> Value {
    let count = prices.len() as f64;
    let mean = prices.iter().sum::<f64>() / count;
    let squares: f64 = prices.iter().map(|price| (price - mean) * (price - mean)).sum();
    if prices.len() < 2 { Value::Missing } else { Value::Near(squares / (count - 1.0)) }
}

fn extreme(prices: Vec<f64>, of: fn(f64, f64) -> f64) -> Value {
    prices.into_iter().reduce(of).map_or(Value::Missing, Value::Exact)
}

macro_rules! feature {
    ($entity:literal $name:literal $value:expr) => {
        Feature { entity: $entity, name: $name, value: $value }
    };
}

const FIRST: &[Feature] = &[
    feature!("user" "views_1h" |r| Value::Exact(r.count("view", HOUR))),
    feature!("user" "views_7d" |r| Value::Exact(r.count("view", 7 * DAY))),
    feature!("user" "long_1d" |r| Value::Exact(r.counted("view", DAY, longer_than(30)))),
    feature!("user" "spend_30d" |r| Value::Exact(r.summed("buy", 30 * DAY, price).0)),
    feature!("user" "mean_7d" |r| match r.summed("buy", 7 * DAY, price) {
        (_, 0) => Value::Missing,
        (sum, count) => Value::Exact(sum / count as f64),
    }),
    feature!("user" "least_7d" |r| extreme(r.prices(7 * DAY), f64::min)),
    feature!("user" "most_7d" |r| extreme(r.prices(7 * DAY), f64::max)),
    feature!("user" "last_1d" |r| r.last_price(DAY)),
    feature!("user" "dwelt_1h" |r| Value::Exact(r.summed("view", HOUR, seconds).0)),
    feature!("user" "warmth" |r| Value::Near(r.decayed("view", 2 * HOUR))),
    feature!("user" "recent" |r| r.recent("view", 5)),
    feature!("user" "basket" |r| Value::Exact(r.summed("buy", 30 * DAY, price).0 / r.count("buy", 30 * DAY).max(1.0))),
    feature!("user" "today" |r| Value::Exact(r.in_stretch("view", r.day(), DAY, |_| Some(1.0)))),
    feature!("user" "yesterday" |r| Value::Exact(r.in_stretch("buy", r.day() - DAY, DAY, price))),
    feature!("user" "days" |r| Value::Exact(r.days_in_a_row("view"))),
    feature!("user" "spread_7d" |r| spread(&r.prices(7 * DAY))),
    feature!("user" "first_7d" |r| r.first_price(7 * DAY)),
    feature!("user" "stretch" |r| Value::Exact(r.in_stretch("view", r.now.div_euclid(10 * MINUTE) * 10 * MINUTE, 10 * MINUTE, |_| Some(1.0)))),
    feature!("item" "heat" |r| Value::Near(r.decayed("view", 6 * HOUR) + 5.0 * r.decayed("buy", 6 * HOUR))),
    feature!("item" "views_1d" |r| Value::Exact(r.count("view", DAY))),
    feature!("item" "conversion" |r| Value::Exact((r.count("buy", 7 * DAY) + 1.0) / (r.count("view", 7 * DAY) + 20.0))),
    feature!("item" "trend" |r| Value::Near(r.decayed("view", HOUR) / (r.count("view", DAY) + 1.0))),
    feature!("device" "logins_10m" |r| Value::Exact(r.count("login", 10 * MINUTE))),
    feature!("user.category" "share_7d" |r| {
        let of_user = Reader { category: None, ..*r }.count("view", 7 * DAY);
        Value::Exact(r.count("view", 7 * DAY) / of_user.max(1.0))
    }),
];

const SECOND: &[Feature] = &[
    feature!("user" "views_6h" |r| Value::Exact(r.count("view", 6 * HOUR))),
    feature!("user" "long_1d" |r| Value::Exact(r.counted("view", DAY, longer_than(10)))),
    feature!("user" "spend_7d" |r| Value::Exact(r.summed("buy", 7 * DAY, price).0)),
    feature!("user" "bought" |r| r.recent("buy", 3)),
    feature!("user" "warmth" |r| Value::Near(r.decayed("view", 5 * HOUR))),
    feature!("item" "heat" |r| Value::Near(r.decayed("buy", 3 * HOUR))),
    feature!("item" "views_1d" |r| Value::Exact(r.count("view", 12 * HOUR))),
    feature!("item" "conversion" |r| Value::Exact((r.count("buy", 30 * DAY) + 1.0) / (r.count("view", 7 * DAY) + 10.0))),
    feature!("user.category" "share_7d" |r| {
        let of_user = Reader { category: None, ..*r }.count("view", 6 * HOUR);
        Value::Exact(r.count("buy", 7 * DAY) / of_user.max(1.0))
    }),
];

/// What the third spec counts otherwise than the first.
const THIRD: &[Feature] = &[
    feature!("user" "long_1d" |r| Value::Exact(r.counted("view", DAY, longer_than(10)))),
    feature!("user" "warmth" |r| Value::Near(r.decayed("view", 5 * HOUR))),
    feature!("item" "views_1d" |r| Value::Exact(r.count("view", 12 * HOUR))),
];

/// The first ones but for some.
fn first_but(others: &[Feature]) -> Vec<Feature> {
    let other = |of: &Feature| others.iter().find(|by| (by.entity, by.name) == (of.entity, of.name)).copied();
    FIRST.iter().map(|of| other(of).unwrap_or(*of)).collect()
}

/// The features of a spec.
pub fn features(spec: Spec) -> &'static [Feature] {
    static OTHERS: OnceLock<[Vec<Feature>; 2]> = OnceLock::new();
    let [third, between] = OTHERS.get_or_init(|| {
        let missing: Vec<Feature> = THIRD.iter().map(|of| Feature { value: |_| Value::Missing, ..*of }).collect();
        [first_but(THIRD), first_but(&missing)]
    });
    match spec {
        Spec::First | Spec::Tuned => FIRST,
        Spec::Second => SECOND,
        Spec::Third => third,
        Spec::Between => between,
    }
}

impl Value {
    /// Whether a number is this value; zeros of either sign are one.
    pub fn is(&self, found: Option<f64>) -> bool {
        match (self, found) {
            (Value::Exact(wanted), Some(found)) => {
                wanted.to_bits() == found.to_bits() || (*wanted == 0.0 && found == 0.0)
            }
            (Value::Near(wanted), Some(found)) => near(*wanted, found),
            (Value::Missing, None) => true,
            _ => false,
        }
    }

    /// The number in it.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Exact(number) | Value::Near(number) => Some(*number),
            Value::Missing | Value::Keys(_) => None,
        }
    }
}

/// Within 1e-9 of each other, relative to the larger; below 1e-12 everything is zero.
pub(super) fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()) + 1e-12
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_has_every_feature_of_the_plans() {
        for spec in Spec::ALL {
            let plan = spec.plan();
            let of_plan =
                plan.declared_features().map(|f| (plan.tables[usize::from(f.table)].name.clone(), f.name.clone()));
            let mut of_plan: Vec<_> = of_plan.collect();
            let mut of_model: Vec<_> =
                features(spec).iter().map(|f| (f.entity.to_owned(), f.name.to_owned())).collect();
            of_plan.sort();
            of_model.sort();
            assert_eq!(of_plan, of_model);
        }
    }
}
