//! The simulated shop: items with hidden qualities and users with hidden, drifting tastes. All of it follows from a seed; none of it
//! is told to the server but what a shop knows: titles, categories, prices, stock.

use super::rng::Rng;

/// Days that a run lasts in the shop's time.
pub(super) const DAYS: f64 = 3.0;
/// Items on the shelves at the start.
const ITEMS_AT_START: usize = 320;
/// Items that arrive while the shop is watched.
const ITEMS_ARRIVING: usize = 100;
/// People who come back now and then.
const USERS: usize = 900;
/// Hidden traits of an item; a taste has a wish for each.
const TRAITS: usize = 3;
/// Click-through of an average item for an average user, as log odds.
const BASE: f64 = -3.2;

/// What is sold, by category.
const NOUNS: [(&str, [&str; 4]); 10] = [
    ("kitchen", ["kettle", "pan", "knife", "bowl"]),
    ("garden", ["spade", "planter", "hose", "lantern"]),
    ("books", ["novel", "atlas", "cookbook", "biography"]),
    ("toys", ["puzzle", "kite", "train", "robot"]),
    ("sport", ["racket", "mat", "bottle", "rope"]),
    ("audio", ["speaker", "turntable", "headset", "radio"]),
    ("clothes", ["scarf", "jacket", "shirt", "cap"]),
    ("office", ["lamp", "notebook", "chair", "pen"]),
    ("travel", ["backpack", "pillow", "tent", "wallet"]),
    ("pets", ["leash", "basket", "brush", "feeder"]),
];
/// How a trait shows in a title, by its sign.
const WORDS: [[&str; 2]; TRAITS] = [["plain", "ornate"], ["compact", "grand"], ["classic", "modern"]];
const COUNTRIES: [&str; 4] = ["DE", "FR", "NL", "PL"];

/// Number of categories.
pub(super) const CATEGORIES: usize = NOUNS.len();

/// Something for sale. Times are hours of the shop.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub(super) key: String,
    pub(super) title: String,
    pub(super) category: usize,
    pub(super) price: f64,
    /// When it arrived; before 0 for what is there at the start.
    pub(super) born: f64,
    /// From when to when it is out of stock.
    pub(super) sold_out: Option<(f64, f64)>,
    /// Hidden: what everybody thinks of it.
    quality: f64,
    /// Hidden: what people think of differently.
    traits: [f64; TRAITS],
}

/// Somebody who buys. Hidden all through, but for the country.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct User {
    pub(super) key: String,
    pub(super) country: &'static str,
    before: Taste,
    after: Taste,
    /// The hour at which `before` begins to turn into `after`, for a day.
    turn: f64,
}

#[derive(Clone, Debug, PartialEq)]
struct Taste {
    categories: [f64; CATEGORIES],
    traits: [f64; TRAITS],
}

/// A shop of a seed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shop {
    pub(super) items: Vec<Item>,
    pub(super) users: Vec<User>,
}

impl Shop {
    pub(super) fn new(seed: u64) -> Shop {
        let mut rng = Rng::new(seed, 0);
        let items = (0..ITEMS_AT_START + ITEMS_ARRIVING).map(|number| Item::new(number, &mut rng)).collect();
        let users = (0..USERS).map(|number| User::new(number, &mut rng)).collect();
        Shop { items, users }
    }

    /// Hidden: how much the user likes the item at this hour, as log odds of a click by somebody who has not seen it yet.
    pub(super) fn liking(&self, user: usize, item: usize, hour: f64) -> f64 {
        let (user, item) = (&self.users[user], &self.items[item]);
        let turned = ((hour - user.turn) / 24.0).clamp(0.0, 1.0);
        let wish = |taste: &Taste| {
            let of_traits: f64 = taste.traits.iter().zip(&item.traits).map(|(wish, has)| wish * has).sum();
            taste.categories[item.category] + of_traits
        };
        BASE + item.quality + (1.0 - turned) * wish(&user.before) + turned * wish(&user.after)
    }

    /// Whether the item is there and in stock.
    pub(super) fn for_sale(&self, item: usize, hour: f64) -> bool {
        let item = &self.items[item];
        item.born <= hour && item.sold_out.is_none_or(|(from, to)| hour < from || hour >= to)
    }

    /// The number of an item by its key.
    pub(super) fn item(&self, key: &str) -> Option<usize> {
        key.strip_prefix("item-")?.parse().ok().filter(|&number| number < self.items.len())
    }

    /// What changes on the shelves after the start: hour and item, in order.
    pub(super) fn changes(&self) -> Vec<(f64, usize)> {
        let mut changes = Vec::new();
        for (number, item) in self.items.iter().enumerate() {
            changes.extend((item.born > 0.0).then_some((item.born, number)));
            changes.extend(item.sold_out.iter().flat_map(|&(from, to)| [(from, number), (to, number)]));
        }
        changes.sort_by(|left, right| left.0.total_cmp(&right.0));
        changes
    }
}

impl Item {
    fn new(number: usize, rng: &mut Rng) -> Item {
        let category = rng.below(CATEGORIES);
        let traits: [f64; TRAITS] = std::array::from_fn(|_| rng.normal());
        let arrives = number >= ITEMS_AT_START;
        let born = if arrives { rng.between(0.0, DAYS * 24.0) } else { rng.between(-60.0 * 24.0, 0.0) };
        let from = rng.between(0.0, DAYS * 24.0).max(born + 1.0);
        let sold_out = rng.chance(0.15).then(|| (from, from + rng.between(3.0, 24.0)));
        let noun = NOUNS[category].1[rng.below(4)];
        let strongest = (0..TRAITS).max_by(|&a, &b| traits[a].abs().total_cmp(&traits[b].abs())).unwrap_or(0);
        let word = WORDS[strongest][usize::from(traits[strongest] > 0.0)];
        Item {
            key: format!("item-{number}"),
            title: format!("{word} {noun} no. {number}"),
            category,
            price: (rng.between(1.5, 5.0).exp() * 100.0).round() / 100.0,
            born,
            sold_out,
            quality: 0.65 * rng.normal(),
            traits,
        }
    }

    /// The category's name.
    pub(super) fn category_name(&self) -> &'static str {
        NOUNS[self.category].0
    }
}

impl User {
    fn new(number: usize, rng: &mut Rng) -> User {
        let before = Taste::new(rng);
        // Most people stay roughly who they are; their taste for categories moves on.
        let mut after = Taste::new(rng);
        after.traits = std::array::from_fn(|index| 0.7 * before.traits[index] + 0.5 * after.traits[index]);
        let kept = rng.below(CATEGORIES);
        after.categories[kept] = before.categories[kept];
        let turn = rng.between(0.0, DAYS * 48.0);
        User { key: format!("user-{number}"), country: COUNTRIES[rng.below(4)], before, after, turn }
    }
}

impl Taste {
    /// Three favourite categories, some that are all right, some that are not.
    fn new(rng: &mut Rng) -> Taste {
        let mut categories: [f64; CATEGORIES] = std::array::from_fn(|_| -0.7 + 0.3 * rng.normal());
        for _ in 0..3 {
            categories[rng.below(CATEGORIES)] = rng.between(1.4, 2.1);
        }
        Taste { categories, traits: std::array::from_fn(|_| 0.5 * rng.normal()) }
    }
}
