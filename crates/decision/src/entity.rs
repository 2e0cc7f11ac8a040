//! What is known of one entity now: its features by name.

use crate::epoch::Epoch;
use crate::reads::{Reads, closure};
use domain::{EntityId, Time, Value};
use spec::plan::EntityIndex;
use spec::{Plan, plan::Feature};
use state::Subject;

/// The features of an entity, by name in the plan's order. `rows` is a copy of its rows; items need none, and without one an
/// entity of another type has the features of one without events. Features of crossed entities are not among them: they are of
/// the entity and something else. Strings that features make are symbols of `texts`.
pub fn features_of(
    plan: &Plan,
    epoch: &Epoch,
    rows: Option<&Subject>,
    entity: EntityIndex,
    id: EntityId,
    (now, texts): (Time, &dyn expr::Texts),
) -> Vec<(String, Value)> {
    let own = |feature: &&Feature| {
        let table = &plan.tables[usize::from(feature.table)];
        table.entity == entity && table.cross.is_none()
    };
    let features: Vec<&Feature> = plan.declared_features().filter(own).collect();
    let reads = Reads::new(plan, None, entity, &closure(plan, features.iter().map(|feature| feature.slot)));
    let mut row = vec![Value::Missing; plan.slots.len()];
    if entity == epoch.item_type() {
        epoch.fill_item(&reads, id, now, &mut row);
    }
    match rows {
        Some(rows) => rows.read(&reads.owned, &|_| u32::MAX, now, &mut row),
        None => reads.fill_empty(plan, &reads.owned, &mut row),
    }
    for &(slot, of, field) in &reads.attributes {
        row[usize::from(slot)] =
            if of == entity { epoch.catalogue().attribute(entity, id, field) } else { Value::Missing };
    }
    reads.fill_now(now, &mut row);
    reads.fill_features(plan, texts, &mut row);
    features.iter().map(|feature| (feature.name.clone(), row[usize::from(feature.slot)].clone())).collect()
}
