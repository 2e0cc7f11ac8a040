//! The tags that a `tags` route looks for, with weights.

use crate::feed::View;
use crate::feed::order::descending;
use domain::{EntityId, Symbol, Value, limits};
use spec::plan::TagsFrom;

/// Sets the terms, ascending by tag: those of a slot, each weighing 1, or those of the weighted context items, each weighing what
/// the items that have it weigh together, newest first. Of more than `limits::ROUTE_TAGS_MAX` the weightiest, of equal ones those
/// whose text comes first.
pub(super) fn set(
    view: &View<'_>,
    row: &[Value],
    index: u16,
    from: TagsFrom,
    context: &[(EntityId, f64)],
    terms: &mut Vec<(Symbol, f64)>,
) {
    terms.clear();
    match from {
        TagsFrom::Slot(slot) => match &row[usize::from(slot)] {
            Value::Str(tag) => terms.push((*tag, 1.0)),
            Value::List(list) => list.iter().for_each(|value| {
                if let Value::Str(tag) = value {
                    terms.push((*tag, 1.0));
                }
            }),
            _ => {}
        },
        TagsFrom::Items(_) => {
            for &(item, weight) in context {
                terms.extend(view.epoch.indexes().tags_of(index, item).map(|tag| (tag, weight)));
            }
        }
    }
    // Stable, so that weights add up in the order of the context.
    terms.sort_by_key(|&(tag, _)| tag);
    let sums = !matches!(from, TagsFrom::Slot(_));
    terms.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        kept.1 += if same && sums { next.1 } else { 0.0 };
        same
    });
    if terms.len() > limits::ROUTE_TAGS_MAX {
        // By text where weights are equal: state that is rebuilt may number strings otherwise.
        terms.sort_by_cached_key(|&(tag, weight)| (descending(weight), view.texts.text(tag)));
        terms.truncate(limits::ROUTE_TAGS_MAX);
        terms.sort_by_key(|&(tag, _)| tag);
    }
}
