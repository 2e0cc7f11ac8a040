//! Routes by tags, slow and obvious: every item of the catalogue, scored by its definition. Right where no list is longer than
//! what a read looks at.

use super::Slow;
use crate::ItemView;
use domain::{EntityId, Symbol, Value};
use recall::{Hit, ItemScores};
use spec::plan::{Index, TagsBy, TagsFrom};
use std::collections::BTreeMap;

fn tags(value: &Value) -> Vec<Symbol> {
    let mut tags: Vec<Symbol> = match value {
        Value::Str(tag) => vec![*tag],
        Value::List(list) => list.iter().flat_map(tags).collect(),
        _ => vec![],
    };
    tags.sort();
    tags.dedup();
    tags
}

impl Slow<'_> {
    pub(super) fn tagged(
        &self,
        index: u16,
        from: TagsFrom,
        recency: f64,
        context: usize,
        limit: usize,
        skip: &dyn Fn(EntityId) -> bool,
    ) -> Vec<Hit> {
        let Index::Tags { field, by } = self.world.plan.indexes[usize::from(index)] else { panic!("no tags") };
        let mut row = Vec::new();
        let items = ItemView::new(&self.world.epoch, &self.world.names, &mut row);
        let mut terms: BTreeMap<Symbol, f64> = BTreeMap::new();
        match from {
            TagsFrom::Slot(slot) => terms.extend(tags(&self.slot(slot, None)).into_iter().map(|tag| (tag, 1.0))),
            TagsFrom::Items(from) => {
                for (place, item) in self.context(from).into_iter().take(context).enumerate() {
                    let weight = (0..place).fold(1.0, |weight, _| weight * recency);
                    for tag in tags(&items.attribute(item, field)) {
                        terms.entry(tag).and_modify(|sum| *sum += weight).or_insert(weight);
                    }
                }
            }
        }
        let mut hits = Vec::new();
        for item in (0..items.item_count()).map(EntityId).filter(|&item| items.present(item)) {
            let value = match by {
                TagsBy::Feature(feature) => items.score(feature, item, self.world.now),
                TagsBy::Time(field) => match items.attribute(item, field) {
                    Value::Time(time) => Some(time.0 as f64),
                    _ => None,
                },
                TagsBy::Nothing => Some(1.0),
            };
            let own = tags(&items.attribute(item, field));
            let matched: Vec<f64> = own.iter().filter_map(|tag| terms.get(tag).copied()).collect();
            let listed = value.filter(|value| value.is_finite() && !matched.is_empty());
            if let Some(value) = listed.filter(|_| !skip(item)) {
                let mut parts: Vec<f64> = matched.iter().map(|weight| weight * value).collect();
                parts.sort_by(f64::total_cmp);
                hits.push(Hit { item, score: parts.into_iter().sum() });
            }
        }
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.item.cmp(&b.item)));
        hits.truncate(limit);
        hits
    }
}
