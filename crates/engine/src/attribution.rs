//! What came of answers, as a report: by feed, by place or by route, with click-through and reward.

mod text;

use crate::core::Core;
use crate::machine::Machine;
use crate::serve::unknown_feed;
use domain::{Code, Position, Refusal, Span};
use journal::Disk;
use spec::Plan;
use state::{Attribution, Counts, FeedCounts, Unjoined};

/// What the rows of a report are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// One row per feed.
    #[default]
    Feed,
    /// One per feed and route.
    Route,
    /// One per feed and place, from 1.
    Position,
}

impl By {
    /// Reads the name that a client gives.
    ///
    /// # Errors
    /// `invalid_value` for another name.
    pub fn parse(name: &str) -> Result<By, Refusal> {
        match name {
            "feed" => Ok(By::Feed),
            "route" => Ok(By::Route),
            "position" => Ok(By::Position),
            _ => Err(Refusal::new(Code::InvalidValue, "by", "must be 'feed', 'route' or 'position'")),
        }
    }
}

/// Counts of a plan's feeds since the beginning of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributionReport {
    /// How long after a decision its events are joined to it.
    pub window: Span,
    /// Decisions that events can be joined to now.
    pub remembered: u64,
    /// Position of the last event joined or turned away: what must be durable before the report leaves.
    pub position: Position,
    /// The feeds.
    pub feeds: Vec<FeedReport>,
    /// The rows asked for.
    pub rows: Vec<Row>,
    /// Events that named a decision and were not joined.
    pub unjoined: Unjoined,
}

/// What is known of a feed as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedReport {
    /// Its name.
    pub feed: String,
    /// Its decisions.
    pub decisions: u64,
    /// Of these forgotten before their window ended, for lack of room.
    pub dropped: u64,
}

/// The bare numbers, copied under the sequencer's lock; names and shares are made of them outside.
struct Counted {
    remembered: u64,
    position: Position,
    /// By index into `Plan::feeds`.
    feeds: Vec<FeedCounts>,
    unjoined: Unjoined,
}

impl Counted {
    fn of(counted: &Attribution) -> Counted {
        Counted {
            remembered: counted.len() as u64,
            position: counted.position(),
            feeds: counted.feeds().to_vec(),
            unjoined: counted.unjoined(),
        }
    }
}

/// One row of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The feed.
    pub feed: String,
    /// The route, if the rows are routes.
    pub route: Option<String>,
    /// The place from 1, if the rows are places.
    pub place: Option<u32>,
    /// Places of answers.
    pub offered: u64,
    /// Places that were seen.
    pub impressions: u64,
    /// Places that were clicked on, seen or not.
    pub clicks: u64,
    /// Of the places seen, the share clicked on, if any was seen.
    pub click_through: Option<Share>,
    /// The sum of the weights of all joined events.
    pub reward: f64,
    /// That divided by the places seen, if any was.
    pub reward_per_impression: Option<f64>,
    /// Joined events by type, impressions first.
    pub events: Vec<(String, u64)>,
}

/// A share with the interval in which the true one lies with 95% confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// The share itself.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Share {
    /// Wilson's score interval (Wilson 1927) for `hits` of `trials`; none without trials.
    pub fn of(hits: u64, trials: u64) -> Option<Share> {
        if trials == 0 {
            return None;
        }
        // The 97.5% quantile of the normal distribution.
        const Z: f64 = 1.959_963_984_540_054;
        let (n, value) = (trials as f64, hits as f64 / trials as f64);
        let (square, scale) = (Z * Z / n, 1.0 + Z * Z / n);
        let middle = (value + square / 2.0) / scale;
        let half = Z * (value * (1.0 - value) / n + square / (4.0 * n)).sqrt() / scale;
        // Rounding must not leave the share outside.
        Some(Share { value, low: (middle - half).clamp(0.0, value), high: (middle + half).clamp(value, 1.0) })
    }
}

impl AttributionReport {
    /// Of what was counted under a plan.
    ///
    /// # Errors
    /// `unknown_feed`.
    fn of(plan: &Plan, counted: &Counted, feed: Option<&str>, by: By) -> Result<AttributionReport, Refusal> {
        let chosen = match feed {
            Some(name) => Some(plan.feed(name).ok_or_else(|| unknown_feed(plan, name))?),
            None => None,
        };
        let mut report = AttributionReport {
            window: plan.attribution.as_ref().map_or(Span(0), |declared| declared.window),
            remembered: counted.remembered,
            position: counted.position,
            feeds: Vec::new(),
            rows: Vec::new(),
            unjoined: counted.unjoined,
        };
        for ((feed, counts), index) in plan.feeds.iter().zip(&counted.feeds).zip(0..) {
            if chosen.is_some_and(|chosen| chosen != index) {
                continue;
            }
            let (name, decisions, dropped) = (feed.name.clone(), counts.decisions, counts.dropped);
            report.feeds.push(FeedReport { feed: name, decisions, dropped });
            let row = |route: Option<&str>, place: Option<u32>, counts| row(plan, &feed.name, route, place, counts);
            match by {
                By::Feed => report.rows.push(row(None, None, &counts.all)),
                By::Route => {
                    let routes = feed.routes.iter().zip(&counts.routes);
                    report.rows.extend(routes.map(|(route, counts)| row(Some(&route.name), None, counts)));
                }
                By::Position => {
                    let places = (1..).zip(&counts.places);
                    report.rows.extend(places.map(|(place, counts)| row(None, Some(place), counts)));
                }
            }
        }
        Ok(report)
    }
}

fn row(plan: &Plan, feed: &str, route: Option<&str>, place: Option<u32>, counts: &Counts) -> Row {
    let declared = plan.attribution.as_ref().map_or(&[][..], |declared| &declared.events);
    let events = declared.iter().zip(&counts.events);
    let reward = events.clone().map(|(of, &count)| of.weight * count as f64).sum::<f64>() + 0.0;
    let impressions = counts.impressions();
    Row {
        feed: feed.to_owned(),
        route: route.map(str::to_owned),
        place,
        offered: counts.offered,
        impressions,
        clicks: counts.clicks,
        click_through: Share::of(counts.clicked_impressions, impressions),
        reward,
        reward_per_impression: (impressions > 0).then(|| reward / impressions as f64),
        events: events.map(|(of, &count)| (plan.events[usize::from(of.event)].name.clone(), count)).collect(),
    }
}

impl<D: Disk> Core<D> {
    /// What came of answers so far. It may leave once its position is durable.
    ///
    /// # Errors
    /// `not_found` if the spec declares no attribution, `unknown_feed`.
    pub fn attribution(&self, feed: Option<&str>, by: By) -> Result<AttributionReport, Refusal> {
        let (generation, counted) = {
            let sequencer = self.sequencer.lock();
            let counted = sequencer.attribution.as_ref().ok_or_else(not_declared)?;
            (sequencer.generation.clone(), Counted::of(counted))
        };
        AttributionReport::of(&generation.plan, &counted, feed, by)
    }
}

impl Machine {
    /// What came of answers up to the machine's position.
    ///
    /// # Errors
    /// As [`Core::attribution`].
    pub fn attribution(&self, feed: Option<&str>, by: By) -> Result<AttributionReport, Refusal> {
        let counted = self.attribution.as_ref().ok_or_else(not_declared)?;
        AttributionReport::of(&self.plan, &Counted::of(counted), feed, by)
    }
}

fn not_declared() -> Refusal {
    let message = "the spec declares no attribution; add `attribution: { click: [view] }` to it";
    Refusal::new(Code::NotFound, "attribution", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_holds_its_share_and_narrows() {
        assert_eq!(Share::of(0, 0), None);
        let tenth = Share::of(10, 100).unwrap();
        // From the formula by hand.
        assert!((tenth.low - 0.0552).abs() < 1e-4 && (tenth.high - 0.1744).abs() < 1e-4, "{tenth:?}");
        for (hits, trials) in [(0, 1), (1, 1), (0, 1_000_000), (1_000_000, 1_000_000), (3, 7)] {
            let share = Share::of(hits, trials).unwrap();
            assert!(0.0 <= share.low && share.low <= share.value && share.value <= share.high && share.high <= 1.0);
        }
        let wide = Share::of(1, 10).unwrap();
        assert!(wide.high - wide.low > tenth.high - tenth.low);
    }
}
