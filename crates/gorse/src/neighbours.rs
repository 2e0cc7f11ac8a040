//! Users like a user: those with feedback for the same items. Each item counts `ln(1 + users / its users)`, so that what
//! everybody has says little (the inverse document frequency of Sparck Jones, 1972). Computed when asked, within limits.

use crate::mirror::Mirror;
use std::collections::BTreeMap;

/// Most items of the user, and most feedback of each item, that are looked at.
const ITEMS_MAX: usize = 100;
const PER_ITEM_MAX: usize = 1_000;

/// The `count` users most like this one, best first; ties by key. Unknown users have none.
pub fn neighbours(mirror: &Mirror, user: &str, count: usize) -> Vec<(String, f64)> {
    let Some(own) = mirror.users.id(user) else { return Vec::new() };
    let mut items: Vec<u32> = mirror.items_of(user, ITEMS_MAX).iter().filter_map(|key| mirror.items.id(key)).collect();
    items.sort_unstable();
    items.dedup();
    let all = mirror.counts().0.max(1) as f64;
    let mut scores: BTreeMap<u32, f64> = BTreeMap::new();
    for item in items {
        let mut users: Vec<u32> = mirror.rows.of_item(item).take(PER_ITEM_MAX).map(|key| key.1).collect();
        users.sort_unstable();
        users.dedup();
        let weight = libm::log(1.0 + all / users.len().max(1) as f64);
        for other in users.into_iter().filter(|&other| other != own) {
            *scores.entry(other).or_default() += weight;
        }
    }
    let mut ranked: Vec<(String, f64)> =
        scores.into_iter().map(|(id, score)| (mirror.users.text(id).to_owned(), score)).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    ranked.truncate(count);
    ranked
}
