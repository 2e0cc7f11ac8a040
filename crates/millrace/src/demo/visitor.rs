//! How people look at a slate: from the top with falling attention, clicking what they like, tired of what they have seen.

use super::rng::Rng;
use super::shop::Shop;
use std::collections::{BTreeMap, BTreeSet};

/// Items on a page.
pub(super) const PLACES: usize = 10;
/// The chance to go on to the next place.
const GOES_ON: f64 = 0.88;
/// Hours in which half of a tiredness is gone.
const REST_HOURS: f64 = 12.0;
/// What an item loses, in log odds, each time it was seen, and each time it was looked at.
const TIRED_OF_SEEN: f64 = 0.12;
const TIRED_OF_VIEWED: f64 = 1.0;

/// The chance that somebody looks at a place (from 0) at all.
#[cfg(test)]
pub(super) fn attention(place: usize) -> f64 {
    GOES_ON.powi(place as i32)
}

/// What somebody did with an item of the page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Act {
    /// Came to its place, from 0.
    Saw(usize),
    /// Looked at it for so many seconds.
    Viewed(f64),
    /// Put it in the cart.
    Carted,
    /// Bought it.
    Bought,
}

/// A page view: what was done, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Page {
    pub(super) acts: Vec<(usize, Act)>,
    pub(super) seen: u64,
    pub(super) clicks: u64,
    pub(super) buys: u64,
}

/// Somebody's memory of the shop.
#[derive(Clone, Debug, Default)]
pub(super) struct Visitor {
    pub(super) user: usize,
    /// Tiredness by item, and as of which hour.
    tired: BTreeMap<usize, (f64, f64)>,
    bought: BTreeSet<usize>,
}

impl Visitor {
    pub(super) fn new(user: usize) -> Visitor {
        Visitor { user, ..Visitor::default() }
    }

    /// The chance of a click on an item that is looked at.
    pub(super) fn click_chance(&self, shop: &Shop, item: usize, hour: f64) -> f64 {
        let odds = shop.liking(self.user, item, hour) - self.tiredness(item, hour);
        1.0 / (1.0 + (-odds).exp())
    }

    /// Clicks to expect of a slate.
    #[cfg(test)]
    pub(super) fn expected_clicks(&self, shop: &Shop, slate: &[usize], hour: f64) -> f64 {
        let chances = slate.iter().enumerate();
        chances.map(|(place, &item)| attention(place) * self.click_chance(shop, item, hour)).sum()
    }

    fn tiredness(&self, item: usize, hour: f64) -> f64 {
        let left = |&(level, at): &(f64, f64)| level * 0.5f64.powf((hour - at).max(0.0) / REST_HOURS);
        self.tired.get(&item).map_or(0.0, left)
    }

    fn tire(&mut self, item: usize, by: f64, hour: f64) {
        let level = self.tiredness(item, hour) + by;
        self.tired.insert(item, (level, hour));
    }

    /// What this visitor may be shown: in stock and not bought already.
    fn open(&self, shop: &Shop, hour: f64) -> Vec<usize> {
        (0..shop.items.len()).filter(|&item| shop.for_sale(item, hour) && !self.bought.contains(&item)).collect()
    }

    /// The best slate there is, for one who knows the hidden truth: chances fall with the place, so the likeliest come first.
    pub(super) fn best_slate(&self, shop: &Shop, hour: f64) -> Vec<usize> {
        let open = self.open(shop, hour).into_iter();
        let mut chances: Vec<(f64, usize)> = open.map(|item| (self.click_chance(shop, item, hour), item)).collect();
        chances.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
        chances.into_iter().take(PLACES).map(|(_, item)| item).collect()
    }

    /// Any items.
    pub(super) fn random_slate(&self, shop: &Shop, hour: f64, rng: &mut Rng) -> Vec<usize> {
        let mut open = self.open(shop, hour);
        let count = PLACES.min(open.len());
        for place in 0..count {
            let chosen = place + rng.below(open.len() - place);
            open.swap(place, chosen);
        }
        open.truncate(count);
        open
    }

    /// Looks at a slate.
    pub(super) fn look(&mut self, shop: &Shop, slate: &[usize], hour: f64, rng: &mut Rng) -> Page {
        let mut page = Page::default();
        for (place, &item) in slate.iter().enumerate() {
            if place > 0 && !rng.chance(GOES_ON) {
                break;
            }
            page.seen += 1;
            page.acts.push((item, Act::Saw(place)));
            let chance = self.click_chance(shop, item, hour);
            self.tire(item, TIRED_OF_SEEN, hour);
            if rng.chance(chance) {
                page.clicks += 1;
                self.view(&mut page, item, chance, rng);
                self.tire(item, TIRED_OF_VIEWED, hour);
            }
        }
        page
    }

    /// Who likes an item looks longer, and is likelier to buy.
    fn view(&mut self, page: &mut Page, item: usize, chance: f64, rng: &mut Rng) {
        let dwell = (8.0 + 60.0 * chance) * (0.5 * rng.normal()).exp();
        page.acts.push((item, Act::Viewed(dwell)));
        if rng.chance(0.1 + 0.3 * chance) {
            page.acts.push((item, Act::Carted));
            if rng.chance(0.4) {
                page.acts.push((item, Act::Bought));
                page.buys += 1;
                self.bought.insert(item);
            }
        }
    }
}
