//! What is counted of answers and of the events joined to them.

use domain::limits;

/// Counts of one feed, route or place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Places of answers.
    pub offered: u64,
    /// Joined events by attributed event, impressions first; each counts once per place.
    pub events: Vec<u64>,
    /// Places with a click, seen or not.
    pub clicks: u64,
    /// Places with an impression and a click.
    pub clicked_impressions: u64,
}

impl Counts {
    fn new(events: usize) -> Counts {
        Counts { events: vec![0; events], ..Counts::default() }
    }

    /// Places that were seen.
    pub fn impressions(&self) -> u64 {
        self.events.first().copied().unwrap_or(0)
    }
}

/// Counts of one feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedCounts {
    /// Decisions noted.
    pub decisions: u64,
    /// Decisions forgotten for lack of room, before their window ended.
    pub dropped: u64,
    /// All of the feed.
    pub all: Counts,
    /// By place from 1; as deep as anything was answered, at most `limits::ATTRIBUTION_PLACES_MAX`.
    pub places: Vec<Counts>,
    /// By route. Each route that found an item is credited in full, so that their sum may be more than the feed's.
    pub routes: Vec<Counts>,
}

impl FeedCounts {
    pub(super) fn new(routes: usize, events: usize) -> FeedCounts {
        let none = Counts::new(events);
        FeedCounts { routes: vec![none.clone(); routes], all: none, ..FeedCounts::default() }
    }

    /// Counts for the feed, a place from 0, and each of its routes.
    pub(super) fn cells(&mut self, place: usize, routes: u32, count: impl Fn(&mut Counts)) {
        let place = place.min(limits::ATTRIBUTION_PLACES_MAX - 1);
        if self.places.len() <= place {
            self.places.resize(place + 1, Counts::new(self.all.events.len()));
        }
        count(&mut self.all);
        count(&mut self.places[place]);
        for (route, counts) in self.routes.iter_mut().enumerate() {
            if routes >> route & 1 == 1 {
                count(counts);
            }
        }
    }
}

/// Attributed events that named a decision and were not joined, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unjoined {
    /// There is no decision of that id: never given out, or lost in a crash.
    pub unknown: u64,
    /// The decision is older than what is remembered.
    pub expired: u64,
    /// The item is not among those of the answer.
    pub not_in_slate: u64,
    /// An event of this type was joined to this place before.
    pub duplicate: u64,
}
