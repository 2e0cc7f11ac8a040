//! Features of one user and one item as a request would have read them: the item's part at the epoch's position, then the user's at
//! that of the rows, each at one instant. What a feed fills for its candidates, without a feed.

use crate::epoch::Epoch;
use crate::reads::{Reads, closure};
use domain::{EntityId, Time, Type, Value};
use spec::Plan;
use spec::plan::{Cross, EntityIndex, SlotIndex};
use state::Subject;
use std::sync::Arc;

/// What is read of a pair.
#[derive(Clone, Debug, PartialEq)]
pub struct PairValue {
    /// How expressions call it: `user.views_7d`, `user.category.share_7d`, `item.price`.
    pub name: String,
    /// Its type.
    pub ty: Type,
    source: Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Feature(SlotIndex),
    Attribute(EntityIndex, u16),
}

/// Who a pair is; what the log has not named has no number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pair<'a> {
    /// The user.
    pub user: Option<EntityId>,
    /// The item.
    pub item: Option<EntityId>,
    /// Of an anonymous visit the items that it looked at, which `seen` goes by.
    pub visited: Option<&'a [EntityId]>,
}

/// Values ready to be read of one pair after another.
#[derive(Debug)]
pub struct PairReads {
    plan: Arc<Plan>,
    user: EntityIndex,
    item: EntityIndex,
    values: Vec<PairValue>,
    reads: Reads,
}

/// A pair whose item's part is read.
#[derive(Clone, Debug)]
pub struct HalfRead {
    row: Vec<Value>,
    /// By crossed table, the second part of the key.
    keys: Vec<(u16, u32)>,
    attributes: Vec<Value>,
}

/// All that can be read of a pair: the features of users, of items, and of users crossed with an item or its attributes, in the
/// plan's order; then the attributes of both.
pub fn pair_values(plan: &Plan) -> Vec<PairValue> {
    let (user, item) = (plan.entity("user"), plan.entity("item"));
    let readable = |table: u16| {
        let table = &plan.tables[usize::from(table)];
        match table.cross {
            None => Some(table.entity) == user || Some(table.entity) == item,
            Some(Cross::ItemField(_)) => Some(table.entity) == user,
            Some(Cross::Entity(entity)) => Some(table.entity) == user && Some(entity) == item,
        }
    };
    let features = plan.declared_features().filter(|feature| readable(feature.table)).map(|feature| PairValue {
        name: format!("{}.{}", plan.tables[usize::from(feature.table)].name, feature.name),
        ty: feature.program.ty().clone(),
        source: Source::Feature(feature.slot),
    });
    let attributes = [user, item].into_iter().flatten().flat_map(|entity| {
        let kind = &plan.entities[usize::from(entity)];
        kind.fields.iter().enumerate().map(move |(field, of)| PairValue {
            name: format!("{}.{}", kind.name, of.name),
            ty: of.ty.clone(),
            source: Source::Attribute(entity, field as u16),
        })
    });
    features.chain(attributes).collect()
}

impl PairReads {
    /// Makes values of [`pair_values`] ready to be read under the same plan, or under that plan bound to a dictionary.
    pub fn new(plan: &Arc<Plan>, values: &[PairValue]) -> PairReads {
        let entity = |name| plan.entity(name).expect("every plan has users and items");
        let (user, item) = (entity("user"), entity("item"));
        let slots = values.iter().filter_map(|value| match value.source {
            Source::Feature(slot) => Some(slot),
            Source::Attribute(..) => None,
        });
        let reads = Reads::new(plan, None, user, &closure(plan, slots));
        PairReads { plan: plan.clone(), user, item, values: values.to_vec(), reads }
    }

    /// The slots that are read, features' own inputs among them.
    pub fn slots_of(plan: &Plan, value: &PairValue) -> Vec<SlotIndex> {
        match value.source {
            Source::Feature(slot) => closure(plan, [slot]).into_iter().collect(),
            Source::Attribute(..) => Vec::new(),
        }
    }

    /// Reads what an epoch has: item rows, attributes, lists.
    pub fn at_epoch(&self, epoch: &Epoch, pair: Pair<'_>, now: Time) -> HalfRead {
        let PairReads { plan, reads, .. } = self;
        let mut row = vec![Value::Missing; plan.slots.len()];
        reads.fill_empty(plan, &reads.item, &mut row);
        if let Some(item) = pair.item {
            epoch.fill_item(reads, item, now, &mut row);
        }
        let attribute = |entity: EntityIndex, field: u16| {
            let id = if entity == self.item { pair.item } else { pair.user.filter(|_| entity == self.user) };
            id.map_or(Value::Missing, |id| epoch.catalogue().attribute(entity, id, field))
        };
        for &(slot, entity, field) in &reads.attributes {
            row[usize::from(slot)] = attribute(entity, field);
        }
        let listed =
            |list: u16, id: Option<EntityId>| Value::Bool(id.is_some_and(|id| epoch.listed().contains(list, id, now)));
        for &(slot, list) in &reads.listed_item {
            row[usize::from(slot)] = listed(list, pair.item);
        }
        for &(slot, list) in &reads.listed_subject {
            row[usize::from(slot)] = listed(list, pair.user);
        }
        let attributes = self.values.iter().filter_map(|value| match value.source {
            Source::Attribute(entity, field) => Some(attribute(entity, field)),
            Source::Feature(_) => None,
        });
        HalfRead { row, keys: self.keys(epoch, pair), attributes: attributes.collect() }
    }

    /// The keys of the crossed rows, as the item stands in the epoch.
    fn keys(&self, epoch: &Epoch, pair: Pair<'_>) -> Vec<(u16, u32)> {
        let tables = self.plan.tables.iter().enumerate();
        let crossed = tables.filter_map(|(index, table)| Some((index as u16, table.cross?)));
        let key = |cross: Cross| match (cross, pair.item) {
            (Cross::ItemField(field), Some(item)) => {
                state::cross_key(&epoch.catalogue().attribute(self.item, item, field))
            }
            (Cross::Entity(entity), Some(item)) if entity == self.item => item.0,
            _ => u32::MAX,
        };
        crossed.map(|(table, cross)| (table, key(cross))).collect()
    }

    /// Reads the rest of a copy of the user's rows (none: nobody, or somebody unknown) and evaluates the features; the values in
    /// the order in which they were asked for. Strings that features make are symbols of `texts`.
    pub fn at_rows(
        &self,
        half: HalfRead,
        rows: Option<&Subject>,
        pair: Pair<'_>,
        (now, texts): (Time, &dyn expr::Texts),
    ) -> Vec<Value> {
        let PairReads { plan, reads, .. } = self;
        let HalfRead { mut row, keys, attributes } = half;
        for aggregates in [&reads.owned, &reads.crossed, &reads.foreign] {
            reads.fill_empty(plan, aggregates, &mut row);
        }
        if let Some(rows) = rows {
            let key = |table| keys.iter().find(|(of, _)| *of == table).map_or(u32::MAX, |(_, key)| *key);
            rows.read(&reads.owned, &|_| u32::MAX, now, &mut row);
            rows.read(&reads.crossed, &key, now, &mut row);
        }
        for &(slot, aggregate) in &reads.seen {
            let seen = |item: EntityId| match rows {
                Some(rows) => rows.seen(aggregate, item, now),
                None => pair.visited.is_some_and(|visited| visited.contains(&item)),
            };
            row[usize::from(slot)] = Value::Bool(pair.item.is_some_and(seen));
        }
        reads.fill_now(now, &mut row);
        reads.fill_features(plan, texts, &mut row);
        let mut attributes = attributes.into_iter();
        let values = self.values.iter().map(|value| match value.source {
            Source::Feature(slot) => row[usize::from(slot)].clone(),
            Source::Attribute(..) => attributes.next().unwrap_or_default(),
        });
        values.collect()
    }
}
