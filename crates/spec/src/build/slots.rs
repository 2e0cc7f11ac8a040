//! The global list of slots and the interned string constants.

use super::{Builder, ITEM};
use crate::diagnostic::Issue;
use crate::plan::{EntityIndex, Slot, SlotIndex, SlotSource};
use domain::{Symbol, Type, limits};

impl Builder<'_> {
    /// The slot with this key, made if it is new. `None` if there is no room: noted once.
    pub(super) fn slot(&mut self, key: String, slot: Slot) -> Option<SlotIndex> {
        if let Some(&index) = self.slot_keys.get(&key) {
            return Some(index);
        }
        if self.slots.len() >= limits::SLOTS_MAX {
            if !self.slots_full {
                let message =
                    format!("the spec needs more than {} slots (features, aggregates, inputs)", limits::SLOTS_MAX);
                self.issues.push(Issue::new("over_budget", &(0..0), message).help("remove features"));
                self.slots_full = true;
            }
            return None;
        }
        let index = self.slots.len() as SlotIndex;
        self.slots.push(slot);
        self.slot_keys.insert(key, index);
        Some(index)
    }

    /// The slot of an entity's attribute.
    pub(super) fn attribute_slot(&mut self, entity: EntityIndex, field: u16) -> Option<(SlotIndex, Type)> {
        let of = &self.entities[usize::from(entity)];
        let declared = &of.fields[usize::from(field)];
        let name = format!("{}.{}", of.name, declared.name);
        let ty = declared.ty.clone();
        let source = SlotSource::Attribute { entity, field };
        let slot = Slot { name: name.clone(), ty: ty.clone(), source, per_candidate: entity == ITEM };
        Some((self.slot(name, slot)?, ty))
    }

    /// A slot of a feed's expressions that is no feature: `now`, `request.device`, `recall.hot`.
    pub(super) fn input_slot(&mut self, name: &str, ty: Type, source: SlotSource) -> Option<(SlotIndex, Type)> {
        let per_candidate = matches!(source, SlotSource::RouteScore { .. } | SlotSource::FusedScore);
        let key = match source {
            SlotSource::RouteScore { feed, route } => format!("{name} of {feed}/{route}"),
            _ => format!("{name}: {ty}"),
        };
        let slot = Slot { name: name.to_owned(), ty: ty.clone(), source, per_candidate };
        Some((self.slot(key, slot)?, ty))
    }

    /// The symbol of a string constant.
    pub(super) fn intern(&mut self, text: &str) -> Symbol {
        if let Some(&symbol) = self.constant_keys.get(text) {
            return symbol;
        }
        let symbol = self.numbers.get(text).copied().unwrap_or(Symbol(self.constants.len() as u32));
        self.constants.push(text.to_owned());
        self.symbols.push(symbol);
        self.constant_keys.insert(text.to_owned(), symbol);
        symbol
    }
}
